"""Wordings: enough of them, each for one motion only, and never shared between the splits."""

import random

import pytest

from follow_your_click.data.motion_prompts import (
    HELD_OUT_WORDINGS,
    MOTIONS,
    TRAINING_WORDINGS,
    family,
    sample_caption,
    sample_prompt,
)
from follow_your_click.errors import SettingsError


@pytest.mark.parametrize("motion", MOTIONS)
def test_every_motion_has_enough_wordings(motion: str) -> None:
    assert 20 <= len(TRAINING_WORDINGS[motion]) <= 40
    assert len(HELD_OUT_WORDINGS[motion]) >= 6


def test_tables_name_exactly_the_known_motions() -> None:
    assert set(TRAINING_WORDINGS) == set(HELD_OUT_WORDINGS) == set(MOTIONS)


def test_no_wording_stands_for_two_motions_or_is_in_both_splits() -> None:
    wordings = [
        wording
        for table in (TRAINING_WORDINGS, HELD_OUT_WORDINGS)
        for motion in MOTIONS
        for wording in table[motion]
    ]
    assert len(wordings) == len(set(wordings))


@pytest.mark.parametrize("motion", MOTIONS)
def test_held_out_wordings_bring_new_words(motion: str) -> None:
    known = set(" ".join(TRAINING_WORDINGS[motion]).split())
    assert any(set(wording.split()) - known for wording in HELD_OUT_WORDINGS[motion])


def test_sampled_prompts_never_mix_the_splits() -> None:
    draw = random.Random(0)
    for motion in MOTIONS:
        held_out = {
            sample_prompt(motion, noun=None, random=draw, split="held_out") for _ in range(20)
        }
        for prompt in held_out:
            bare = prompt.removeprefix("please ").removesuffix(" please")
            assert bare in HELD_OUT_WORDINGS[motion]
            assert bare not in TRAINING_WORDINGS[motion]


def test_the_same_seed_gives_the_same_prompts() -> None:
    first, second = random.Random(7), random.Random(7)
    for motion in MOTIONS:
        assert sample_prompt(motion, noun="boat", random=first) == sample_prompt(
            motion, noun="boat", random=second
        )


def test_prompts_and_captions_name_the_object() -> None:
    draw = random.Random(1)
    prompts = {sample_prompt("drift_left", noun="boat", random=draw) for _ in range(400)}
    captions = {sample_caption("drift_left", "boat", draw) for _ in range(400)}
    assert {"drift left", "the boat drifts left", "boat drifting left"} <= prompts
    assert "a photo of a boat drifting left" in captions


def test_family_is_the_name_without_its_direction() -> None:
    assert family("translate_up_left") == "translate"
    assert family("rotate_counterclockwise") == "rotate"
    assert family("sway") == "sway"


def test_an_unknown_motion_is_refused() -> None:
    with pytest.raises(SettingsError, match="got motion 'teleport'"):
        sample_prompt("teleport", noun=None, random=random.Random(0))
