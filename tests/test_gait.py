"""Gait: legs are found in an outline, and step where their owner is to walk; who walks goes where its head is."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from follow_your_click import Animator, Click, Region
from follow_your_click.gait import (
    POSITIONS,
    TRAVELS,
    Walker,
    sent_ahead,
    side_ahead,
    walkers,
    walking,
)
from follow_your_click.heads import Head
from follow_your_click.legs import find_legs
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.region import Box
from follow_your_click.rendering import CropPlan, MovingPart

SIDE = POSITIONS
WINDOW = CropPlan(0, 0, SIDE, 64)
FRAMES = 16
BODY = np.s_[80:130, 60:190]
STEPS_RIGHT = PromptReading(("translate_right",), True)
Bools = npt.NDArray[np.bool_]


def _animal(*legs: tuple[int, int], length: int = 60) -> Bools:
    """A body on legs: the x of each at its hip and at its foot."""
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    drawn[BODY] = 1
    for hip, foot in legs:
        cv2.line(drawn, (hip, 120), (foot, 130 + length), 1, 10)
    return drawn > 0


FOUR = _animal((70, 66), (92, 96), (158, 154), (180, 184))


def _going(speed: float, mask: Bools = FOUR) -> npt.NDArray[np.float32]:
    """What is stated of a thing that goes so many pixels per frame to the right: (L, h, w, 2)."""
    came_from = np.zeros((FRAMES, 32, 32, 2), np.float32)
    came_from[..., 0] = -speed * np.arange(FRAMES)[:, None, None] / SIDE
    return came_from


def _walk(mask: Bools, speed: float = 3.0, *, nears: bool = False) -> list[MovingPart]:
    return walking(_going(speed), mask.astype(np.float32), WINDOW, Walker(None, nears))


def _shown(parts: list[MovingPart], mask: Bools, frame: int) -> Bools:
    """Where the parts are in a frame."""
    x, y = np.meshgrid(*(np.arange(SIDE, dtype=np.float32),) * 2)
    shown = np.zeros((SIDE, SIDE), np.bool_)
    for part in parts:
        before = (
            x + part.displacement[frame, ..., 0] * SIDE,
            y + part.displacement[frame, ..., 1] * SIDE,
        )
        shown |= cv2.remap((mask * part.share).astype(np.float32), *before, cv2.INTER_LINEAR) > 0.5
    return shown


def _feet(shown: Bools) -> list[float]:
    """The middle of each stretch near the ground."""
    row = shown[180]
    edges = np.flatnonzero(np.diff(np.pad(row, 1).astype(np.int8))).reshape(-1, 2)
    return [float(start + end - 1) / 2 for start, end in edges]


def test_legs_are_found_from_left_to_right_with_their_hips_and_feet() -> None:
    legs = find_legs(FOUR)
    assert [round(leg.foot[0]) for leg in legs] == pytest.approx([66, 96, 154, 184], abs=3)
    assert [round(leg.hip[0]) for leg in legs] == pytest.approx([70, 92, 158, 180], abs=3)
    for leg in legs:
        assert leg.hip[1] == pytest.approx(130, abs=5) and leg.foot[1] > 180
        assert FOUR[leg.area].all() and not leg.area[BODY][:45].any()


def test_two_legs_that_meet_below_the_body_share_what_is_above() -> None:
    animal = _animal((158, 154), (180, 184))
    cv2.line(drawn := animal.astype(np.uint8), (78, 120), (78, 160), 1, 18)
    for foot in (66, 92):
        cv2.line(drawn, (76, 158), (foot, 190), 1, 10)
    near, far, *front = find_legs(drawn > 0)
    assert len(front) == 2
    assert near.hip[1] < 140 and far.hip[1] < 140, "their hips are at the body"
    both = near.area & far.area
    assert both[132:140].any() and not both[175:].any()
    # A person's legs meet in the middle of it, and what is above is no leg.
    person = np.zeros((SIDE, SIDE), np.uint8)
    person[60:140, 110:140] = 1
    for hip, foot in ((117, 105), (133, 145)):
        cv2.line(person, (hip, 135), (foot, 220), 1, 11)
    assert [leg.hip[1] > 130 for leg in find_legs(person > 0)] == [True, True]


def test_neither_a_tail_nor_a_head_nor_what_ends_high_up_is_a_leg() -> None:
    drawn = _animal((92, 92), (158, 158), (180, 180), length=40).astype(np.uint8)
    cv2.line(drawn, (64, 100), (20, 178), 1, 10)
    assert len(find_legs(drawn > 0)) == 3, "a tail"
    grazing = _animal((92, 92), (158, 158)).astype(np.uint8)
    head = np.zeros_like(grazing)
    cv2.line(head, (186, 120), (196, 188), 1, 10)
    assert len(find_legs((grazing | head) > 0)) == 3
    assert len(find_legs((grazing | head) > 0, head > 0)) == 2
    hand = np.zeros_like(grazing)
    cv2.line(hand, (180, 120), (184, 150), 1, 10)
    assert len(find_legs((grazing | hand) > 0)) == 2


@pytest.mark.parametrize("legs", [(), ((120, 120),)])
def test_what_has_no_two_legs_goes_as_a_whole(legs: tuple[tuple[int, int], ...]) -> None:
    assert not _walk(_animal(*legs))
    assert not find_legs(np.zeros((SIDE, SIDE), np.bool_))


def test_who_has_a_head_and_no_legs_to_be_seen_rocks_from_foot_to_foot() -> None:
    bird = _animal()
    head = Head(np.zeros((SIDE, SIDE), np.float32), (180, 90))
    (whole,) = walking(_going(3.0), bird.astype(np.float32), WINDOW, Walker(head, nears=False))
    assert np.array_equal(_shown([whole], bird, 0), bird)
    own = (whole.displacement - cv2.resize(_going(3.0)[0], (SIDE, SIDE))) * SIDE
    own[..., 0] += 3.0 * np.arange(FRAMES)[:, None, None]
    top, foot = own[:, 80, 125], own[:, 129, 125]
    assert np.ptp(top[:, 0]) > 2 > 0.5 > np.ptp(foot[:, 0])
    assert (foot[:, 1] > -0.1).all() and 0.5 < foot[:, 1].max() < 3, "it is lifted, and never sinks"


def test_the_photo_shows_the_first_frame_and_the_body_goes_as_stated() -> None:
    parts = _walk(FOUR)
    assert len(parts) == 5
    assert np.array_equal(_shown(parts, FOUR, 0), FOUR)
    body = parts[-1].displacement
    stated = _going(3.0)[:, :1, :1]
    assert np.allclose(body[..., 0], stated[..., 0], atol=1e-6)
    assert 0.5 < np.abs(body[..., 1]).max() * SIDE < 4, "it bobs a little"


def test_one_foot_of_a_pair_stays_on_the_ground_while_the_other_goes_ahead() -> None:
    parts = _walk(FOUR)
    feet = [_feet(_shown(parts, FOUR, frame)) for frame in range(FRAMES)]
    planted = np.array([row[-1] for row in feet[:4]])
    assert np.abs(planted - planted[0]).max() < 3, "while the body goes on by 9"
    apart = [row[-1] - row[-2] for row in feet if len(row) >= 2]
    assert max(apart) - min(apart) > 8, "the front legs close and open"


def test_it_steps_the_faster_the_faster_it_goes_and_the_other_way_round_to_the_left() -> None:
    def crossings(speed: float) -> int:
        body, leg = (part.displacement for part in (_walk(FOUR, speed)[-1], _walk(FOUR, speed)[0]))
        aside = (leg - body)[:, 185, 66:100, 0].mean(axis=1)
        return int((np.diff(np.sign(np.diff(aside))) != 0).sum())

    assert crossings(6.0) > crossings(1.0)
    mirrored = walking(
        _going(-3.0), FOUR[:, ::-1].astype(np.float32), WINDOW, Walker(None, nears=False)
    )
    for part, other in zip(_walk(FOUR)[:4], mirrored[3::-1], strict=True):
        flipped = other.displacement[:, :, ::-1] * np.array([-1, 1], np.float32)
        owned = FOUR & (part.share > 0)
        assert np.allclose(part.displacement[:, owned], flipped[:, owned], atol=0.01)


def test_who_hardly_goes_hardly_steps() -> None:
    for mask, head in (
        (FOUR, None),
        (_animal(), Head(np.zeros((SIDE, SIDE), np.float32), (180, 90))),
    ):
        strayed = [
            max(
                float(np.abs(part.displacement[..., 1][:, mask & (part.share > 0)]).max())
                for part in walking(
                    _going(speed), mask.astype(np.float32), WINDOW, Walker(head, nears=False)
                )
            )
            for speed in (0.02, 3.0)
        ]
        assert strayed[0] < 0.25 * strayed[1]


def test_who_comes_nearer_lifts_its_feet_one_after_the_other() -> None:
    parts = _walk(FOUR, 0.0, nears=True)
    lowest = [
        [np.nonzero(_shown([part], FOUR, f))[0].max() for f in range(FRAMES)] for part in parts[:4]
    ]
    for course in lowest:
        assert course[0] - min(course) > 3
    assert np.argmin(lowest[0]) != np.argmin(lowest[1])
    assert max(abs(part.displacement[..., 0]).max() for part in parts) < 1e-3


def test_who_walks_is_told_by_the_prompt() -> None:
    def walks(prompt: str, motion: str = "translate_right", **how: str) -> bool:
        region = Region(Click(5, 5), prompt=prompt, **how)  # type: ignore[arg-type]
        return walkers([region], [PromptReading((motion,), True)], [None])[0] is not None

    for prompt in (
        "walks to the right",
        "goes for a stroll",
        "Trotting along",
        "runs off",
        "crosses the street",
    ):
        assert walks(prompt), prompt
    for prompt in ("moves right", "drives off", "drifts at a slow pace", "the stalk goes up"):
        assert not walks(prompt), prompt
    assert not walks("walks on the spot", "bounce")
    assert not walks("his leg walks off", granularity="part")
    assert walkers([Region(Click(5, 5), prompt="walks")], [None], [None]) == [None]
    near = walkers(
        [Region(Click(5, 5), prompt="walks up to me")], [PromptReading(("grow",), True)], [None]
    )[0]
    assert near is not None and near.nears and "grow" not in TRAVELS


def test_it_goes_where_its_head_is_and_without_one_where_there_is_room() -> None:
    mask = np.zeros((60, 100), np.float32)
    mask[20:40, 10:60] = 1  # more room on the right
    head = np.zeros_like(mask)
    head[20:30, 10:20] = 1
    assert side_ahead(mask, Head(head, (20, 25))) == "left"
    assert side_ahead(mask, None) == "right"
    middle = np.zeros_like(mask)
    middle[20:30, 30:40] = 1
    assert side_ahead(mask, Head(middle, (35, 30))) == "right", "it looks at the viewer"


def test_who_is_seen_from_the_side_walks_away_or_forward_to_that_side() -> None:
    mask, head = np.zeros((60, 100), np.float32), np.zeros((60, 100), np.float32)
    mask[20:40, 10:60] = 1
    head[20:30, 10:20] = 1
    away, nearer = PromptReading(("shrink",), True), PromptReading(("grow",), True)
    for reading, prompt in ((away, "runs away"), (nearer, "walks forward a few steps")):
        sent = sent_ahead(reading, prompt, mask, Head(head, (20, 25)))
        assert sent is not None and sent.motions == ("move left",)
        assert sent_ahead(reading, prompt, mask, None) is reading
    for prompt in ("walks forward to me", "walks up to us", "comes forward"):
        assert sent_ahead(nearer, prompt, mask, Head(head, (20, 25))) is nearer
    assert sent_ahead(None, "walk", mask, None) is None
    head = np.roll(head, 10, axis=1)
    assert sent_ahead(away, "runs away", mask, Head(head, (30, 25))) is away, "seen from behind"


def test_a_clip_of_walking_moves_the_legs() -> None:
    animator = Animator.from_pretrained("mini", device="cpu")
    photo = np.full((SIDE, SIDE, 3), (70, 110, 60), np.uint8)
    photo[FOUR] = (180, 120, 90)
    clips = [
        animator.animate(photo, [Region(FOUR.astype(np.float32), prompt=prompt, strength=3)])
        for prompt in ("moves to the right", "walks to the right")
    ]
    slides, walks = (np.stack([np.asarray(frame) for frame in clip.frames]) for clip in clips)
    differ = (np.abs(slides[6].astype(int) - walks[6]).max(axis=2) > 60).nonzero()
    assert len(differ[0]) > 100
    assert np.median(differ[0]) > 135, "mostly below the body"
    assert np.array_equal(walks[0], photo)
    assert [region["read_as"] for clip in clips for region in clip.settings["regions"]] == [
        ["move right"]
    ] * 2  # type: ignore[index, union-attr]


def test_the_side_is_the_heads_in_a_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    animator = Animator.from_pretrained("mini", device="cpu")
    photo = np.full((SIDE, SIDE, 3), 90, np.uint8)
    head = np.zeros((SIDE, SIDE), np.float32)
    head[80:110, 60:80] = 1
    monkeypatch.setattr(
        animator,
        "find_heads",
        lambda photo, masks, clicks: [None if m is None else Head(head, (80, 95)) for m in masks],
    )
    animator.find_heads.things = lambda photo, clicks: [None] * len(clicks)  # type: ignore[attr-defined]
    for prompt, way in (
        ("walks", "left"),
        ("walks to the right", "right"),
        ("drives along", "right"),
    ):
        plan = animator.plan(photo, [Region(Box(60, 80, 160, 190), prompt=prompt)])
        assert plan["regions"][0]["read_as"] == [f"move {way}"], prompt
