"""How strongly a prompt asks for its motion, and what comes of it."""

import numpy as np
import pytest

from follow_your_click.data.wordings import PACED_PROMPTS
from follow_your_click.pace import FAINT, FIERCE, GENTLE, PLAIN, STRONG, pace
from follow_your_click.planning import (
    HEAD_STRENGTHS,
    MOST_STRONGER,
    PART_STRENGTH,
    SMALL_THING,
    RegionPlan,
    plan_regions,
)
from follow_your_click.presets import Preset
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.region import Granularity, Region

PRESET = Preset(
    name="small",
    size=64,
    num_inference_steps=1,
    guidance_scale=1.0,
    window_strength=1.5,
    motion_strengths={"spin": 5.0, "grow": 1.0, "drift": 1.2},
    max_window_strength=8.0,
)


@pytest.mark.parametrize(
    ("prompt", "level"),
    [
        ("drift left", PLAIN),
        ("", PLAIN),
        ("the boat drifts slowly to the left", GENTLE),
        ("Sway in a LIGHT breeze", GENTLE),
        ("wiggle a little, please", GENTLE),
        ("a little girl jumps", PLAIN),
        ("not too fast", GENTLE),
        ("it shouldn\u2019t move too much", GENTLE),
        ("turn without hurry", GENTLE),
        ("moves very slowly", FAINT),
        ("barely breathing", FAINT),
        ("just a tiny bit to the right", FAINT),
        ("run fast", STRONG),
        ("shake it hard", STRONG),
        ("a hard hat falls", PLAIN),
        ("the baby is fast asleep", PLAIN),
        ("drive at constant speed", PLAIN),
        ("palm bends in the storm", STRONG),
        ("spin really fast", FIERCE),
        ("wag the tail like crazy", FIERCE),
        ("as fast as it can", FIERCE),
        ("slowly, then fast", PLAIN),
    ],
)
def test_words_of_manner_are_found(prompt: str, level: float) -> None:
    assert pace(prompt) == level


def test_what_people_type_is_taken_as_they_mean_it() -> None:
    levels = {"faint": FAINT, "gentle": GENTLE, "plain": PLAIN, "strong": STRONG, "fierce": FIERCE}

    def side(level: float) -> int:
        return int(level > PLAIN) - int(level < PLAIN)

    hits = [
        any(side(pace(prompt)) == side(levels[each]) for each in meant)
        for prompt, meant in PACED_PROMPTS
    ]
    assert len(hits) == 200 and np.mean(hits) > 0.8


def plan_of(
    prompt: str,
    *families: str,
    strength: float | None = None,
    granularity: Granularity | None = None,
    side: int = 104,
) -> RegionPlan:
    mask = np.zeros((256, 256), np.float32)
    mask[100 : 100 + side, 100 : 100 + side] = 1
    reading = PromptReading(families, understood=True) if families else None
    region = Region(mask, prompt=prompt, strength=strength, granularity=granularity)
    (plan,) = plan_regions((256, 256), [region], [mask], [reading], PRESET, num_frames=16)
    assert plan.strength == pytest.approx(plan.window_strength * plan.window.side / 256)
    return plan


def planned(prompt: str, *families: str) -> float:
    return plan_of(prompt, *families).window_strength


def test_each_motion_has_a_strength_by_itself() -> None:
    assert planned("twirl") == planned("sway", "sway") == 1.5
    assert planned("spin", "spin") == 5
    assert planned("drift and grow", "drift", "grow") == pytest.approx((1.2**2 + 1) ** 0.5)


def test_words_of_manner_change_it_up_to_what_the_model_knows() -> None:
    assert planned("spin slowly", "spin") == pytest.approx(5 * GENTLE)
    assert planned("grow fast", "grow") == pytest.approx(STRONG)
    assert planned("twirl slowly") == pytest.approx(1.5 * GENTLE)  # a model that names no motions
    assert planned("spin like crazy", "spin") == 8


def test_a_strength_in_numbers_is_taken_as_it_is() -> None:
    assert plan_of("spin like crazy", "spin", strength=2.0).strength == pytest.approx(2.0)
    assert plan_of("spin slowly", "spin", strength=2.0).strength == pytest.approx(2.0)


def test_a_part_that_moves_in_place_has_more_by_itself() -> None:
    for family, factor in (("sway", PART_STRENGTH), ("drift", 1.0)):
        part = plan_of("move", family, granularity="part").window_strength
        assert part == pytest.approx(factor * planned("move", family))
    asked = plan_of("sway", "sway", strength=2.0, granularity="part")
    assert asked.strength == pytest.approx(2.0)


def test_a_small_thing_that_moves_in_place_has_more_by_itself() -> None:
    def strength(family: str, side: int) -> float:
        return plan_of("move", family, side=side).window_strength

    assert strength("sway", 103) == strength("sway", 128) == 1.5
    assert strength("sway", 80) == pytest.approx(1.5 * SMALL_THING * 256 / 80)
    assert strength("sway", 20) == pytest.approx(1.5 * MOST_STRONGER)
    assert strength("nod", 103) == 1.5
    assert strength("nod", 20) == pytest.approx(1.5 * HEAD_STRENGTHS["nod"])
    assert strength("drift", 20) == strength("drift", 128)
    part = plan_of("sway", "sway", granularity="part", side=20).window_strength
    assert part == pytest.approx(1.5 * PART_STRENGTH)
    asked = plan_of("sway", "sway", strength=2.0, side=20)
    assert asked.strength == pytest.approx(2.0)


def test_what_turns_in_its_place_needs_no_room_to_travel() -> None:
    turning = {
        strength: plan_of("spin", "spin", strength=strength).window for strength in (None, 1.0, 4.0)
    }
    assert len(set(turning.values())) == 1
    travelling = plan_of("move left", "translate", strength=4.0).window
    assert travelling.side > turning[4.0].side
    assert plan_of("spin", "spin", "translate", strength=4.0).window == travelling
