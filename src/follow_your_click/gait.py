"""Gait: where an animal or a person goes that walks, and the steps of its legs on the way.

Axis legend: H W rows and columns of the photo, L frames, n rows and columns of positions in a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.heads import Head, HeadFinder
from follow_your_click.legs import Bools, Leg, find_legs
from follow_your_click.prompt_reading import PromptReading, wider_side
from follow_your_click.region import Region
from follow_your_click.rendering import CropPlan, MovingPart
from follow_your_click.rendering.crop import cut, resample
from follow_your_click.rendering.grid import smoothstep
from follow_your_click.turning import Piece
from follow_your_click.ways import WALKS, goes_ahead, goes_aside

Floats = npt.NDArray[np.floating]

TRAVELS = frozenset({"translate", "drift"})
NEARS = frozenset({"grow", "shrink"})  # as walkers do that come or go away
POSITIONS = 256  # rows and columns at which a walk is stated
FEWEST = 2  # legs, with which a thing walks
# From the thing's middle to its head's, of its width: from where it looks to a side, and is seen from there.
AHEAD, FROM_THE_SIDE = 0.1, 0.25
PAIRED = 0.9  # of their length, within which the hips of two legs belong together
STEP = 0.3  # of a leg's length, by which a foot goes ahead and back
LONGEST_STEP = 0.6  # likewise where the legs are further apart in the photo
HARDLY = 0.3  # of the step, less than which is made with less vigour
ALONE = 0.6  # of the step, what a leg makes that has no other beside it: it may be two
PERIODS = (9.0, 18.0)  # frames from one step of a leg to its next, at least and at most
LIFT = 0.14  # of a leg's length, by which it gets shorter as it goes ahead
BOB = 0.03  # of a leg's length, by which the body is higher while its legs pass each other
RAMP = 0.35  # of a leg's length, within which it bends at the hip
OVERLAP = 0.12  # of a leg's length, that belongs to the body too
# Of what walks and whose legs are not seen: radians to each side, of its height up, and frames of a step; and of its height per frame,
# slower than which it does less of that.
ROCK, WADDLE, STEP_FRAMES, SLOWEST = 0.035, 0.02, 5.0, 0.01
TURNS = 4  # rounds of finding where a place of a leg came from


@dataclass(frozen=True, eq=False)
class Walker:
    """What walks. head: in the photo, if one is known. nears: whether it comes nearer or goes away, so that its feet are only lifted."""

    head: Head | None
    nears: bool


def leading_heads(
    photo: npt.NDArray[np.uint8],
    regions: Sequence[Region],
    masks: Sequence[npt.NDArray[np.float32]],
    find_heads: HeadFinder,
) -> list[Head | None]:
    """The heads of those regions (H, W) whose prompts speak of walking or the like, which say where they go; None for all others."""
    asked = [
        mask if goes_ahead(region.prompt) else None
        for mask, region in zip(masks, regions, strict=True)
    ]
    return find_heads(photo, asked, [region.only_click for region in regions])


def side_ahead(mask: npt.NDArray[np.float32], head: Head | None) -> Literal["left", "right"]:
    """Where what a mask (H, W) shows goes if nobody says: where its head is, else where the photo has more room."""
    aside = _aside(mask, head)
    if abs(aside) <= AHEAD:
        return wider_side(mask)
    return "right" if aside > 0 else "left"


def sent_ahead(
    reading: PromptReading | None,
    prompt: str,
    mask: npt.NDArray[np.float32],
    head: Head | None,
) -> PromptReading | None:
    """The same, but that who is seen from the side (H, W) walks away or forward to that side, not into the distance or out of it."""
    if reading is None or not goes_aside(prompt, reading.asked):
        return reading
    if abs(_aside(mask, head)) <= FROM_THE_SIDE:
        return reading
    return replace(reading, asked=(f"translate_{side_ahead(mask, head)}",))


def _aside(mask: npt.NDArray[np.float32], head: Head | None) -> float:
    """How far to the right of the middle of what a mask (H, W) shows its head is, in widths; 0 without one."""
    columns = np.nonzero(mask > 0.5)[1]
    if head is None or not columns.size:
        return 0.0
    return float(np.nonzero(head.mask)[1].mean() - columns.mean()) / (int(np.ptp(columns)) + 1)


def walkers(
    regions: Sequence[Region],
    readings: Sequence[PromptReading | None],
    heads: Sequence[Head | None],
) -> list[Walker | None]:
    """What each region walks as, whose prompt sends a whole thing somewhere on its legs; None for all others."""
    return [
        Walker(head, NEARS.issuperset(reading.families))
        if reading is not None and _may_walk(region, reading)
        else None
        for region, reading, head in zip(regions, readings, heads, strict=True)
    ]


def _may_walk(region: Region, reading: PromptReading) -> bool:
    return (
        region.granularity != "part"
        and (TRAVELS | NEARS).issuperset(reading.families)
        and WALKS.search(region.prompt) is not None
    )


def walking(
    displacement: npt.NDArray[np.float32],
    mask: npt.NDArray[np.float32],
    window: CropPlan,
    walker: Walker,
) -> list[MovingPart]:
    """The legs and the body of what walks, lowest first; where no two legs are seen, all of what has a head, else nothing.

    A leg turns about its hip, one of a pair ahead while the other goes back, as fast as the thing goes, so that the foot that
    goes back stays where it is on the ground. Networks slide things along as they are. What has no legs to be seen rocks from
    foot to foot.

    Args:
        displacement: float32 (L, h, w, 2), what is stated of the thing: from each position to where it came from, (x, y) in shares of
            the window.
        mask: of the thing in the photo (H, W), 0 ... 1.
        window: of the displacement.
    """
    thing = _in_window(mask, window)
    head = None if walker.head is None else _in_window(walker.head.mask, window)
    legs = find_legs(thing, head)
    if len(legs) < FEWEST and walker.head is None:
        return []
    size, frames = thing.shape, len(displacement)
    came_from = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_CUBIC) for f in displacement])
    goes = None
    if not walker.nears:
        goes = -float(came_from[-1][thing].mean(axis=0)[0]) * POSITIONS / (frames - 1)
    if len(legs) < FEWEST:
        rocking = _from_foot_to_foot(mask, window, goes, frames)
        return [_part(np.ones(size, np.bool_), came_from, rocking, np.zeros(frames))]
    pace = _Pace.of(legs, goes)
    *territories, trunk = _territories([leg.area for leg in legs], thing)
    length = float(np.mean([leg.length for leg in legs]))
    bob = pace.vigour * BOB * length * (1 - np.cos(4 * np.pi * np.arange(frames) / pace.period)) / 2
    parts = []
    for leg, territory, step in sorted(
        zip(legs, territories, _steps(legs, pace, frames), strict=True),
        key=lambda each: each[0].foot[1],
    ):
        trunk = trunk | (territory & (_along(leg) < OVERLAP))
        parts.append(_part(territory, came_from, _swung(leg, step), bob))
    parts.append(_part(trunk, came_from, None, bob))
    return parts


@dataclass(frozen=True)
class _Pace:
    """How legs step.

    far: by how many positions a foot goes ahead and back. period: frames from one step to the next. way: 1 to the right. vigour: 1, less of
    what hardly goes.
    """

    far: float
    period: float
    way: float
    vigour: float

    @classmethod
    def of(cls, legs: Sequence[Leg], goes: float | None) -> _Pace:
        """Of a thing that goes so many positions per frame to the right, a foot on the ground as fast back; None: it comes or goes away."""
        if goes is None:
            return cls(0.0, float(np.mean(PERIODS)), 0.0, 1.0)
        length = float(np.mean([leg.length for leg in legs]))
        period = float(np.clip(4 * STEP * length / max(abs(goes), 1e-6), *PERIODS))
        far = min(abs(goes) * period / 4, LONGEST_STEP * length)
        return cls(far, period, float(np.sign(goes)), min(far / (HARDLY * STEP * length), 1.0))


@dataclass(frozen=True, eq=False)
class _Step:
    """aside: how far to the right of where it stood a foot is, in positions. lift: by how much of its length the leg is shorter; both (L,)."""

    aside: Floats
    lift: Floats

    @classmethod
    def of(cls, frames: int, pace: _Pace, *, far: float, start: float) -> _Step:
        """Of a foot that is at `start` of its step: it goes back from 0 to 0.5, and ahead from there to 1."""
        at = start + np.arange(frames) / pace.period
        lift = LIFT * np.clip(-np.sin(2 * np.pi * at), 0, 1) * np.clip(np.arange(frames) / 2, 0, 1)
        return cls(pace.way * far * (_ahead(at) - _ahead(at[0])), pace.vigour * lift)


def _ahead(at: Floats) -> Floats:
    """Where a foot is in its step, 1 ahead to -1 back: it goes back as evenly as the ground below the body does."""
    at = at % 1.0
    return np.where(at < 0.5, 1 - 4 * at, -np.cos(2 * np.pi * (at - 0.5)))


def _steps(legs: Sequence[Leg], pace: _Pace, frames: int) -> list[_Step]:
    """What each leg does: of a pair one goes back as the other goes ahead."""
    steps: list[_Step] = []
    while len(steps) < len(legs):
        leg, *others = legs[len(steps) :]
        if others and abs(others[0].hip[0] - leg.hip[0]) < PAIRED * leg.length:
            other = others[0]
            apart = (other.foot[0] - leg.foot[0] - (other.hip[0] - leg.hip[0]) / 2) / 2
            far = max(pace.far, pace.vigour * min(abs(apart), LONGEST_STEP * leg.length))
            share = min(abs(apart) / max(far, 1e-6), 1.0)
            # As they are in the photo: who is ahead goes back first.
            starts = (1 - share) / 4, 0.5 + float(np.arccos(share)) / (2 * np.pi)
            pair = [_Step.of(frames, pace, far=far, start=start) for start in starts]
            steps += pair[::-1] if apart * pace.way >= 0 else pair
        else:
            start = 0.25 + 0.5 * (len(steps) % 2)
            steps.append(_Step.of(frames, pace, far=ALONE * pace.far, start=start))
    return steps


def _swung(leg: Leg, step: _Step) -> npt.NDArray[np.float32]:
    """From each position to where it came from in a leg that steps: float32 (L, n, n, 2), in positions."""
    x, y = _places(leg.area.shape)
    to_right, to_down = x - np.float32(leg.hip[0]), y - np.float32(leg.hip[1])
    angles = np.arcsin(np.clip(step.aside / leg.length, -0.8, 0.8)).astype(np.float32)
    lifts = step.lift.astype(np.float32)
    fields = np.zeros((len(angles), *leg.area.shape, 2), np.float32)
    for field, angle, lift in zip(fields[1:], angles[1:], lifts[1:], strict=True):
        across, down = to_right, to_down
        for _ in range(TURNS):
            along = np.clip(down / np.float32(leg.length), 0, 1.3)
            turned = angle * smoothstep(along, 0, RAMP)
            cosine, sine = np.cos(turned), np.sin(turned)
            across = cosine * to_right - sine * to_down
            down = (sine * to_right + cosine * to_down) / (1 - lift * np.sqrt(along))
        field[..., 0], field[..., 1] = across - to_right, down - to_down
    return fields


def _from_foot_to_foot(
    mask: npt.NDArray[np.float32], window: CropPlan, goes: float | None, frames: int
) -> npt.NDArray[np.float32]:
    """How a thing (H, W) rocks on its lowest row and is lifted on each step, see `_swung`; `goes` as for `_Pace.of`."""
    rows, columns = np.nonzero(mask > 0.5)
    height = (float(np.ptp(rows)) + 1) / window.side
    vigour = 1.0 if goes is None else min(abs(goes) / (SLOWEST * height * POSITIONS), 1.0)
    step = np.pi * np.arange(frames) / STEP_FRAMES
    foot = float(columns.mean()), float(rows.max())
    piece = Piece.in_window(mask, foot, window, (POSITIONS, POSITIONS))
    lifted = WADDLE * height * np.abs(np.sin(step))
    return POSITIONS * piece.turned(vigour * ROCK * np.sin(step), down=-vigour * lifted)


def _territories(legs: Sequence[Bools], thing: Bools) -> list[Bools]:
    """Whose each position (n, n) is, of the legs and last of the rest: the nearest one's, and both legs' what is above where they meet."""
    rest = thing & ~np.logical_or.reduce(legs)
    far = [
        cv2.distanceTransform((~area).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for area in [*legs, rest]
    ]
    nearest = np.min(far, axis=0)
    return [each == nearest for each in far]


def _along(leg: Leg) -> Floats:
    """How far below the hip each position (n, n) is, in the leg's lengths."""
    rows = np.arange(leg.area.shape[0])[:, None] - leg.hip[1]
    return np.broadcast_to(rows / leg.length, leg.area.shape)


def _part(
    share: Bools,
    came_from: npt.NDArray[np.float32],
    turned: npt.NDArray[np.float32] | None,
    bob: Floats,
) -> MovingPart:
    """A part that goes where the thing does (L, n, n, 2), higher by `bob` (L,), and is turned by itself before."""
    size = share.shape[0]
    fields = came_from.copy()
    fields[..., 1] += (bob / size)[:, None, None]
    if turned is not None:
        x, y = _places(share.shape)
        for field, own in zip(fields, turned, strict=True):
            before = x + field[..., 0] * size, y + field[..., 1] * size
            moved = cv2.remap(own, *before, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            field += moved / size
    return MovingPart(share.astype(np.float32), fields)


def _places(shape: tuple[int, ...]) -> list[npt.NDArray[np.float32]]:
    """x and y of positions (n, n)."""
    return list(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape[::-1])))


def _in_window(mask: npt.NDArray[np.float32], window: CropPlan) -> Bools:
    """The mask (H, W) at the positions (n, n) of a window, nothing outside the photo."""
    seen = cut(mask, window.x0, window.y0, window.side, border=cv2.BORDER_CONSTANT)
    return np.asarray(resample(seen.astype(np.float32), POSITIONS), np.float32) > 0.5
