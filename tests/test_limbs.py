"""Limbs: about where they join the rest of a thing, in one piece or bending."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from follow_your_click.limbs import (
    MOST_BEND,
    MOST_SWING,
    OUTER,
    TIP,
    Limb,
    is_slender,
    joint_of,
    may_swing,
    moving_limbs,
    swinging,
    with_tip,
)
from follow_your_click.loading import find_model, load_preset
from follow_your_click.planning import plan_regions
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.region import Box, Click, Region
from follow_your_click.rendering import CropPlan

SIDE = 64
WINDOW = CropPlan(0, 0, SIDE, SIDE)
Bools = npt.NDArray[np.bool_]


def _area(left: int, right: int, top: int, bottom: int) -> Bools:
    area = np.zeros((SIDE, SIDE), np.bool_)
    area[top:bottom, left:right] = True
    return area


BODY = _area(4, 30, 20, 50)
TAIL = _area(28, 58, 30, 36)
A_TAIL = Limb(TAIL.astype(np.float32), (28.0, 32.5), bends=False)
SWAYS = PromptReading(("sway",), True)
ON_TAIL = Region(Click(45, 33), prompt="wag the tail", granularity="part")


def _leaning(limb: Bools) -> npt.NDArray[np.float32]:
    """A sway as networks state it, (L, h, w, 2): all of it goes to and fro, its top the most."""
    course = np.sin(2 * np.pi * np.arange(16) / 15)
    fields = np.zeros((16, SIDE, SIDE, 2))
    fields[..., 0] = 0.05 * course[:, None, None] * np.linspace(1, 0.3, SIDE)[:, None]
    return (fields * limb[..., None]).astype(np.float32)


def _strength(fields: npt.NDArray[np.float32], mask: Bools) -> float:
    return 256 * float(np.linalg.norm(np.diff(fields, axis=0), axis=3)[:, mask].mean())


def test_a_limb_joins_at_its_end_towards_the_rest() -> None:
    joint = joint_of(TAIL, BODY | TAIL)
    assert joint is not None and 28 <= joint[0] < 32 and 30 <= joint[1] < 36
    # A petal borders on others all along.
    petal, flower = _area(30, 34, 4, 30), _area(4, 60, 4, 60)
    joint = joint_of(petal, flower)
    assert joint is not None and joint[1] > 26


def test_what_is_all_that_was_found_joins_nothing() -> None:
    assert joint_of(TAIL, TAIL) is None
    assert joint_of(TAIL, np.zeros_like(TAIL)) is None
    assert joint_of(np.zeros_like(TAIL), BODY) is None


@pytest.mark.parametrize(
    ("prompt", "motion", "limb"),
    [
        ("tilts its head", "rotate_clockwise", True),
        ("tilt the head to the side", "rock", True),
        ("the head moves left", "translate_left", False),
        ("the wheel turns", "rotate_clockwise", False),
    ],
)
def test_a_head_that_tilts_turns_at_its_neck(prompt: str, motion: str, limb: bool) -> None:
    region = Region(Click(45, 33), prompt=prompt, granularity="part")
    assert may_swing(region, PromptReading((motion,), True)) is limb


def test_what_tilts_stays_tilted_about_its_joint() -> None:
    course = np.linspace(0, 0.5, 16)[:, None, None]
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    to_x, to_y = x - 43 / SIDE, y - 33 / SIDE  # about its own middle, as networks have it
    fields = np.stack([-course * -to_y, -course * to_x], axis=3) * TAIL[..., None]
    made = swinging(fields.astype(np.float32), A_TAIL, WINDOW, 1.0)
    reach = np.linalg.norm(made[:, 33, 56], axis=1)
    assert (np.diff(reach) > 0).all() and reach[-1] > 0.05
    assert np.abs(made[:, 33, 28]).max() < 0.02


@pytest.mark.parametrize("side", [-1, 1])
def test_its_joint_stays_and_its_tip_goes_up_first(side: int) -> None:
    limb = TAIL if side > 0 else TAIL[:, ::-1]
    joint = (28.0, 32.5) if side > 0 else (35.0, 32.5)
    made = swinging(_leaning(limb), Limb(limb.astype(np.float32), joint, False), WINDOW, 2.0)
    at_joint, at_tip = made[:, 33, round(joint[0])], made[:, 33, 57 if side > 0 else 6]
    assert np.abs(at_joint).max() < 0.02
    assert at_tip[4, 1] > 0.03, "it came from below"
    assert at_tip[11, 1] < -0.03, "and goes down after that, as the course has it"


@pytest.mark.parametrize("way", [(0, -1), (0, 1), (0.6, -0.8)])
def test_it_turns_towards_where_it_is_stated_to_go(way: tuple[float, float]) -> None:
    goes = np.linspace(0, 0.2, 16)[:, None, None, None] * np.array(way)
    fields = -np.broadcast_to(goes, (16, SIDE, SIDE, 2)) * TAIL[..., None]
    made = swinging(fields.astype(np.float32), A_TAIL, WINDOW, 1.0)
    went = -made[-1, 33, 55]
    assert np.sign(went[1]) == np.sign(way[1]) and abs(went[1]) > 0.05


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_it_is_as_strong_as_asked(strength: float) -> None:
    made = swinging(_leaning(TAIL), A_TAIL, WINDOW, strength)
    assert _strength(made, TAIL) == pytest.approx(strength, rel=0.05)
    assert not made[0].any()


@pytest.mark.parametrize("side", [-1, 1])
def test_what_bends_leaves_its_joint_straight_and_keeps_its_width(side: int) -> None:
    """Its middle line goes on as it was at the joint; across it, what was 4 px apart is so in every frame."""
    fields = _leaning(TAIL) * side
    made = swinging(fields, replace(A_TAIL, bends=True), WINDOW, 3.0)
    turned = swinging(fields, A_TAIL, WINDOW, 3.0)
    farthest = int(np.abs(turned[:, 33, 56]).sum(axis=1).argmax())
    near = slice(30, 34)
    bent_near, turned_near = (np.abs(f[farthest, 33, near, 1]).mean() for f in (made, turned))
    assert bent_near < 0.4 * turned_near
    assert np.sign(made[farthest, 33, 55, 1]) == np.sign(turned[farthest, 33, 55, 1])
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    came = np.stack([x, y], 2) + SIDE * made[farthest]
    tangents, across = np.diff(came[:, 29:58], axis=1), np.diff(came[:, 29:58], axis=0)
    areas = tangents[:-1, :, 0] * across[:, :-1, 1] - tangents[:-1, :, 1] * across[:, :-1, 0]
    assert np.abs(areas[28:38] - 1).max() < 0.35
    lengths = np.linalg.norm(across[30:36], axis=2)
    assert np.abs(lengths - 1).max() < 0.35


def test_what_bends_is_as_strong_as_asked_up_to_a_point() -> None:
    bends = replace(A_TAIL, bends=True)
    assert _strength(swinging(_leaning(TAIL), bends, WINDOW, 1.0), TAIL) == pytest.approx(
        1, rel=0.05
    )
    made = swinging(_leaning(TAIL), bends, WINDOW, 100.0)
    # Beyond the arc it is straight, turned by all of the angle.
    direction = (
        1 + SIDE * np.diff(made[:, 32, 54:56, 0], axis=1),
        SIDE * np.diff(made[:, 32, 54:56, 1], axis=1),
    )
    turns = np.abs(np.arctan2(direction[1], direction[0]))
    assert turns.max() == pytest.approx(MOST_BEND, abs=0.02)


@pytest.mark.parametrize("side", [-1, 1])
def test_a_limb_has_what_is_around_its_tip(side: int) -> None:
    limb, joint = (TAIL, (28.0, 32.5)) if side > 0 else (TAIL[:, ::-1], (35.0, 32.5))
    grown = with_tip(limb, joint)[:, ::side]
    assert (grown & TAIL).sum() == TAIL.sum()
    added = np.argwhere(grown & ~TAIL)
    assert added[:, 1].min() >= 28 + OUTER * 29 - 1, "nothing towards the joint"
    reach = TIP * 29
    assert added[:, 1].max() == pytest.approx(57 + reach, abs=1), "beyond its end"
    assert added[:, 0].min() == pytest.approx(30 - reach, abs=1), "and beside it"
    assert added[:, 0].max() == pytest.approx(35 + reach, abs=1)


def test_another_region_is_no_tip() -> None:
    tip = _area(58, 60, 32, 34)

    def things(photo: npt.NDArray[np.uint8], clicks: list[Click | None]) -> list[Bools | None]:
        return [BODY | TAIL | tip, None]

    masks, photo = (
        [TAIL.astype(np.float32), tip.astype(np.float32)],
        np.zeros((SIDE, SIDE, 3), np.uint8),
    )
    regions = [ON_TAIL, Region(Click(59, 33), prompt="sway")]
    limb, _ = moving_limbs(photo, regions, masks, [SWAYS, SWAYS], things)
    assert limb is not None and not limb.mask[tip].any() and limb.mask[TAIL].all()
    masks[1][:] = 0
    limb, _ = moving_limbs(photo, regions, masks, [SWAYS, SWAYS], things)
    assert limb is not None and limb.mask[tip].all()


def test_no_limb_swings_farther_than_a_joint_lets_it() -> None:
    made = swinging(_leaning(TAIL), A_TAIL, WINDOW, 100.0)
    to_tip = 29.5 / SIDE
    farthest = np.linalg.norm(made[:, 32, 57], axis=1).max()
    assert farthest == pytest.approx(2 * np.sin(MOST_SWING / 2) * to_tip, rel=0.03)


def test_what_is_not_stated_to_move_stays() -> None:
    still = np.zeros((4, SIDE, SIDE, 2), np.float32)
    assert not swinging(still, A_TAIL, WINDOW, 2.0).any()


@pytest.mark.parametrize(
    ("region", "reading", "swings"),
    [
        (ON_TAIL, SWAYS, True),
        (ON_TAIL, PromptReading(("flap", "sway"), True), True),
        (ON_TAIL, PromptReading(("rise",), True), True),
        (ON_TAIL, PromptReading(("rise", "shake"), True), True),
        (
            Region(Click(45, 33), prompt="raise this wing", granularity="part"),
            PromptReading(("rise",), True),
            True,
        ),
        (ON_TAIL, PromptReading(("spin",), True), False),
        (
            Region(Click(45, 33), prompt="this petal drops", granularity="part"),
            PromptReading(("fall",), True),
            False,
        ),
        (
            Region(Click(45, 33), prompt="this petal droops", granularity="part"),
            PromptReading(("fall",), True),
            True,
        ),
        (
            Region(Click(45, 33), prompt="lift this leg", granularity="part"),
            PromptReading(("rise",), True),
            False,
        ),
        (ON_TAIL, PromptReading(("sway", "grow"), True), False),
        (ON_TAIL, None, False),
        (Region(Click(45, 33), prompt="wag the tail"), SWAYS, False),
        (Region(Click(45, 33), prompt="the wheel sways", granularity="part"), SWAYS, False),
        (Region(Click(45, 33), prompt="flap this wing", granularity="part"), SWAYS, False),
        (Region(Box(28, 30, 58, 36), prompt="wag the tail", granularity="part"), SWAYS, False),
    ],
)
def test_limbs_that_do_what_limbs_do_swing(
    region: Region, reading: PromptReading | None, swings: bool
) -> None:
    assert may_swing(region, reading) == swings


def test_what_a_limb_belongs_to_is_asked_for_limbs_alone() -> None:
    asked: list[list[Click | None]] = []

    def things(photo: npt.NDArray[np.uint8], clicks: list[Click | None]) -> list[Bools | None]:
        asked.append(clicks)
        return [None if click is None else BODY for click in clicks]

    other = Region(Click(10, 30), prompt="sway")
    masks = [BODY.astype(np.float32), TAIL.astype(np.float32)]
    photo = np.zeros((SIDE, SIDE, 3), np.uint8)
    none, limb = moving_limbs(photo, [other, ON_TAIL], masks, [SWAYS, SWAYS], things)
    assert asked == [[None, Click(45, 33)]]
    assert none is None and limb is not None and limb.joint[0] < 32 and limb.bends


def test_what_is_as_wide_as_long_does_not_bend() -> None:
    assert is_slender(TAIL, A_TAIL.joint)
    assert not is_slender(_area(28, 52, 20, 44), (28.0, 31.5))


@pytest.mark.parametrize(("noun", "bends"), [("tail", True), ("wing", False), ("claw", False)])
def test_what_has_no_bones_bends(noun: str, bends: bool) -> None:
    region = Region(Click(45, 33), prompt=f"raise the {noun}", granularity="part")

    def things(photo: npt.NDArray[np.uint8], clicks: list[Click | None]) -> list[Bools | None]:
        return [BODY | TAIL]

    photo, rises = np.zeros((SIDE, SIDE, 3), np.uint8), PromptReading(("rise",), True)
    (limb,) = moving_limbs(photo, [region], [TAIL.astype(np.float32)], [rises], things)
    assert limb is not None and limb.bends is bends


def test_what_moves_and_sets_the_window_is_the_limb_with_its_tip() -> None:
    whole = Limb(with_tip(TAIL, A_TAIL.joint).astype(np.float32), A_TAIL.joint, bends=True)
    mask = TAIL.astype(np.float32)
    (plan,) = plan_regions(
        (SIDE, SIDE),
        [ON_TAIL],
        [mask],
        [SWAYS],
        load_preset(find_model("mini")),
        num_frames=16,
        limbs=[whole],
    )
    assert plan.mask is whole.mask and plan.limb is whole and plan.in_place
    assert plan.to_json()["moves"] == "limb"
