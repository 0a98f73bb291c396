"""Limbs: parts that swing about where they join the rest of a thing, as arms do, or bend from there on, as tails and petals do.

Axis legend: H W rows and columns of the photo, L frames, h w rows and columns of positions in a window.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from follow_your_click.named_parts import BENDERS, named_part, word_set
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.region import Click, Region
from follow_your_click.rendering.crop import CropPlan
from follow_your_click.rendering.grid import distance
from follow_your_click.turning import Piece

# What goes to and fro by swinging: not wings, which flap towards who looks at them as often, nor ears and horns, which are short, nor trunks,
# for trees have some: judges liked these better as they are stated.
SWINGERS = word_set(
    "antenna arm branch claw feeler fin finger flipper foot hand handle leaf leg limb neck paw petal pincer tail tentacle thumb"
)
SWINGING = frozenset({"sway", "swing", "rock", "shake", "flap", "wave"})
# What tilts: cut out, it would come off.
TILTERS, TILTING = word_set("head"), frozenset({"rotate", "rock", "sway"})
# What goes somewhere by turning, for it stays with its body; but a leg goes up as a whole.
GOERS = word_set(
    "antenna arm beak claw ear feeler fin finger flipper hand horn jaw neck paw pincer tail tentacle thumb trunk wing"
)
# What droops or lifts likewise, unless its prompt says that it comes off.
OF_PLANTS = word_set("branch leaf petal")
COMES_OFF = re.compile(
    r"\b(off|away|out|loose|free|drop\w*|fall\w*|fell|fly|flies|flying|float\w*|drift\w*|blow\w*|land\w*|ground)\b"
)
GOING = frozenset({"translate", "drift", "rise", "fall", "bounce", "jump"})
JOINING = 0.08  # of a limb, that is nearest to the middle of the rest: there it joins it
LEAST_REST = 0.1  # of its own size: with less left of a thing, a part is all of it
# Of a limb's length from its joint: beyond `OUTER`, what is so near counts as its tip.
OUTER, TIP = 0.8, 0.08
SLENDER = 1.3  # widths, that what bends is long at least
EVENLY = math.sqrt(12)  # standard deviations of what lies evenly over a width, that this is
MOST_SWING, MOST_BEND = 0.6, 0.9  # radians to one side
LEAST_ALONG = 0.3  # of a stated motion, that a limb has to be able to follow by turning
SMALL = 0.1  # radians, by which the limb is turned to see how far it moves


@dataclass(frozen=True, eq=False)
class Limb:
    """A limb in the photo.

    Attributes:
        mask: float32 (H, W), 0 ... 1.
        joint: where it joins the rest of its thing: x, y in pixels.
        bends: whether it bends from there on, instead of turning there in one piece.
    """

    mask: npt.NDArray[np.float32]
    joint: tuple[float, float]
    bends: bool


def may_swing(region: Region, reading: PromptReading | None) -> bool:
    """Whether a region is a limb that one click means, and does what its prompt asks for by swinging."""
    if reading is None or region.granularity != "part" or region.only_click is None:
        return False
    noun, nothing = named_part(region.prompt), frozenset[str]()
    stays = noun in OF_PLANTS and not COMES_OFF.search(region.prompt.lower())
    goes = noun in GOERS or stays
    can = (SWINGING if noun in SWINGERS else nothing) | (GOING if goes else nothing)
    can |= TILTING if noun in TILTERS else nothing
    return bool(reading.families) and can.issuperset(reading.families)


def moving_limbs(
    photo: npt.NDArray[np.uint8],
    regions: Sequence[Region],
    masks: Sequence[npt.NDArray[np.float32]],
    readings: Sequence[PromptReading | None],
    find_things: Callable[
        [npt.NDArray[np.uint8], list[Click | None]], Sequence[npt.NDArray[np.bool_] | None]
    ],
) -> list[Limb | None]:
    """The limb that each region (H, W) is that may swing, with its tip; None for all others.

    `find_things`: what a click finds in the photo (H, W, 3), as `HeadFinder.things`.
    """
    clicks = [
        region.only_click if may_swing(region, reading) else None
        for region, reading in zip(regions, readings, strict=True)
    ]
    things = find_things(photo, clicks)
    return [
        None if thing is None else _limb(number, region, masks, thing)
        for number, (region, thing) in enumerate(zip(regions, things, strict=True))
    ]


def _limb(
    number: int,
    region: Region,
    masks: Sequence[npt.NDArray[np.float32]],
    thing: npt.NDArray[np.bool_],
) -> Limb | None:
    """That of one region, if it joins anything; what other regions have is no tip of it."""
    mask = masks[number]
    limb = mask > 0.5
    joint = joint_of(limb, thing)
    if joint is None:
        return None
    others = np.any([other > 0.5 for other in masks], axis=0) & ~limb
    whole = np.maximum(mask, (with_tip(limb, joint) & ~others).astype(np.float32))
    return Limb(whole, joint, named_part(region.prompt) in BENDERS and is_slender(limb, joint))


def is_slender(limb: npt.NDArray[np.bool_], joint: tuple[float, float]) -> bool:
    """Whether a limb (H, W) is long enough to bend: what is as wide as long would be crumpled."""
    rows, columns = np.nonzero(limb)
    places = np.stack([columns - joint[0], rows - joint[1]], axis=1)
    ahead = places.mean(axis=0) / max(float(np.hypot(*places.mean(axis=0))), 1e-6)
    along, aside = places @ ahead, places @ (-ahead[1], ahead[0])
    return bool(along.max() > SLENDER * EVENLY * aside.std())


def with_tip(limb: npt.NDArray[np.bool_], joint: tuple[float, float]) -> npt.NDArray[np.bool_]:
    """A limb (H, W), and what is around its tip: masks of parts end short of that, and what does not come along there hangs back as a hook."""
    rows, columns = np.nonzero(limb)
    reach = TIP * float(np.hypot(columns - joint[0], rows - joint[1]).max())
    around = _around(limb, math.ceil(reach))
    own = limb[around]
    outer = _along(own, (joint[0] - around[1].start, joint[1] - around[0].start)) > OUTER
    whole = limb.copy()
    whole[around] |= outer & (distance(own & outer) <= reach)
    return whole


def _along(limb: npt.NDArray[np.bool_], joint: tuple[float, float]) -> npt.NDArray[np.float64]:
    """From a limb's joint (x, y) towards its end, in its lengths: (H, W)."""
    rows, columns = np.indices(limb.shape)
    places = np.stack([columns - joint[0], rows - joint[1]], axis=2)
    along = places @ places[limb].mean(axis=0)
    return np.asarray(along / max(float(along[limb].max()), 1e-6))


def _around(area: npt.NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """The rows and columns of an area (H, W), and so many more on each side."""
    spans = [np.nonzero(area.any(axis=axis))[0] for axis in (1, 0)]
    rows, columns = (slice(max(0, int(at[0]) - margin), int(at[-1]) + margin + 1) for at in spans)
    return rows, columns


def joint_of(
    limb: npt.NDArray[np.bool_], thing: npt.NDArray[np.bool_]
) -> tuple[float, float] | None:
    """Where a limb (H, W) joins the thing (H, W) that it is a part of: x, y in pixels; None where hardly more is known than it.

    It is the limb's end towards the middle of the rest: most limbs border on the rest all along.
    """
    rest = thing & ~limb
    if not limb.any() or rest.sum() < LEAST_REST * limb.sum():
        return None
    middle = np.argwhere(rest).mean(axis=0)
    places = np.argwhere(limb)
    away = np.linalg.norm(places - middle, axis=1)
    row, column = places[away <= np.quantile(away, JOINING)].mean(axis=0)
    return float(column), float(row)


def swinging(
    displacement: npt.NDArray[np.float32],
    limb: Limb,
    window: CropPlan,
    strength: float,
) -> npt.NDArray[np.float32]:
    """A stated motion as that of a limb that turns or bends at its joint; when it goes and comes is kept, and which way as far as it can.

    Networks learn such motions of things by themselves, that lean, squeeze or go somewhere as a whole.

    Args:
        displacement: float32 (L, h, w, 2), from each position to where it came from, (x, y) in shares of the window.
        limb: in the photo.
        window: of the displacement.
        strength: px per frame at 256 px of the window, the limb's mean motion then, as far as `MOST_SWING` or `MOST_BEND` lets it.
    """
    piece = Piece.in_window(limb.mask, limb.joint, window, displacement.shape[1:3])
    weighted = displacement * np.sqrt(piece.share)[None, ..., None]
    # What most of the motion follows, frame by frame.
    left, scale, _ = np.linalg.svd(weighted.reshape(len(weighted), -1), full_matrices=False)
    course = left[:, 0] * scale[0]
    course -= course[0]
    farthest = float(np.abs(course).max())
    if farthest < 1e-6:
        return displacement
    course *= _way(course, piece, piece.mean(displacement)) / farthest
    moved, most = (piece.bent, MOST_BEND) if limb.bends else (piece.turned, MOST_SWING)
    gain = piece.gain(moved(SMALL * course), strength)
    return moved(min(SMALL * gain, most) * course)


def _way(
    course: npt.NDArray[np.floating], piece: Piece, came_from: npt.NDArray[np.floating]
) -> float:
    """1, or -1 where the limb is to turn against its course (L,) for its middle to go where it was stated to go; upwards if that is no way to turn.

    `came_from`: (L, 2), the mean of what is stated.
    """
    first = int(np.argmax(np.abs(course) > 0.5 * np.abs(course).max()))
    to_x, to_y = -came_from[first]
    # Where a clockwise turn takes the middle.
    x, y = -piece.reach[1] / piece.length, piece.reach[0] / piece.length
    along = x * to_x + y * to_y
    if abs(along) < LEAST_ALONG * max(float(np.hypot(to_x, to_y)), 1e-9):
        along = -y
    return float(np.sign(course[first]) * np.sign(along)) or 1.0
