"""From masks to windows: how strong each region moves, which regions share a window, and what a clip will cost.

Axis legend: H W rows and columns of the photo.

Every region has a window of its own to begin with. Two windows become one where that is cheaper (the autoencoder runs once,
a network that reads a text per position too, and what both cover is rendered once) and no object is shown to the model
much smaller than alone. Far regions keep a window each, so that the cost follows their area and not the photo's.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from follow_your_click.gait import Walker
from follow_your_click.heads import Head
from follow_your_click.limbs import Limb
from follow_your_click.pace import pace
from follow_your_click.presets import Preset
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.region import Region
from follow_your_click.rendering import CropPlan, plan_crop

REFERENCE_SIDE = 256  # px: strengths are given at a short side of this length (design)
CONTEXT = 0.35  # surroundings in the window, as a share of the object's longer side
# The widest window, in lengths of the object: beyond it the model would see too little of it.
MAX_WINDOW = 4.5
# Families of motions that turn in their place, or move within their outline: a wide window would only show them small.
STAYING = frozenset(
    {"spin", "rotate", "nod", "turn", "breathe", "ripple", "tremble", "still", "flow"}
)
# Families of motions that stay joined to what the object is a part of (a head at its neck, a branch at the trunk), and take along what is
# around them.
IN_PLACE = frozenset(
    [
        "sway",
        "swing",
        "rock",
        "nod",
        "turn",
        "shake",
        "flap",
        "wave",
        "breathe",
        "ripple",
        "tremble",
        "bounce",
        "jump",
    ]
)
# Of the strength that a motion has by itself: a head alone may nod farther than a body, and shows a turn more plainly.
HEAD_STRENGTHS = {"nod": 2.6, "turn": 0.75}
# Likewise what a part that moves in place alone has: in its own small window the same strength is hardly seen in the photo.
PART_STRENGTH = 2.0
# Likewise a thing that moves in place and is smaller than this in the photo (side of a square of its area, in sides of a square photo): more in
# proportion, up to so many times, and up to as a head where it nods.
SMALL_THING, MOST_STRONGER = 0.4, 1.5
COST_FRAMES = 16  # of the clips whose cost a preset states
# How much larger than its own window a shared one may be for any region in it.
MAX_WIDENING = 1.5


@dataclass(frozen=True)
class RegionPlan:
    """One region, resolved: its mask, its window, its strengths, and how the model understands its prompt.

    Args:
        index: its place in the order in which the regions were given; a later one lies on top.
        strength: px per frame at a short side of 256 px of the photo.
        window_strength: the same motion in px per frame at 256 px of the window, as the model is told.
        head: the head of what was selected, which alone moves: its mask is the region's.
        limb: the limb that the region is and swings as: its mask is the region's; None for what does not.
        walker: how it walks; None for what does not.
    """

    index: int
    region: Region
    mask: npt.NDArray[np.float32]
    window: CropPlan
    strength: float
    window_strength: float
    reading: PromptReading | None = None
    head: Head | None = None
    limb: Limb | None = None
    walker: Walker | None = None

    @property
    def in_place(self) -> bool:
        """Whether the object stays where it is, as far as is known, as does a limb whatever it does."""
        return self.limb is not None or _is_in_place(self.reading)

    @property
    def nods(self) -> bool:
        """Whether a nod is all that it does."""
        return self.reading is not None and self.reading.nods

    def to_json(self) -> dict[str, Any]:
        """What of it belongs into a clip's settings."""
        return {
            **self.region.without_mask().to_json(),
            "asked_strength": self.region.strength,
            "strength": round(self.strength, 4),
            "window_strength": round(self.window_strength, 4),
            "window": asdict(self.window),
            "moves": "head" if self.head else "limb" if self.limb else "region",
        }


@dataclass(frozen=True)
class WindowPlan:
    """A window and the regions in it, in an order that does not depend on how they were given."""

    window: CropPlan
    regions: tuple[RegionPlan, ...]


@dataclass(frozen=True)
class Cost:
    """Seconds on two CPU cores of the parts of a clip, from `Preset.seconds`; `forward` for all steps."""

    forward: float
    codec: float
    render: float
    render_megapixel: float
    together: bool  # one forward for all regions of a window

    @classmethod
    def of(
        cls, preset: Preset, *, together: bool, num_frames: int, steps: int, guided: bool
    ) -> Cost:
        """Costs of a clip of so many frames and denoising steps."""
        known, length = preset.seconds, num_frames / COST_FRAMES
        forwards = steps * (2 if guided else 1)
        return cls(
            forward=known.forward * forwards * length,
            codec=known.codec * length,
            render=known.render * length,
            render_megapixel=known.render_megapixel * length,
            together=together,
        )

    def window(self, side: int, regions: int) -> float:
        """One window of `side` photo pixels with so many regions."""
        forwards = 1 if self.together else regions
        render = self.render + self.render_megapixel * side * side / 1e6
        return self.forward * forwards + self.codec + render * regions


def plan_regions(
    shape: tuple[int, int],
    regions: Sequence[Region],
    masks: Sequence[npt.NDArray[np.float32]],
    readings: Sequence[PromptReading | None],
    preset: Preset,
    *,
    num_frames: int,
    heads: Sequence[Head | None] | None = None,
    limbs: Sequence[Limb | None] | None = None,
    walkers: Sequence[Walker | None] | None = None,
) -> list[RegionPlan]:
    """A window and strengths for each region by itself.

    `shape` is the photo's (H, W), `heads` those that move alone, `limbs` those that swing, `walkers` what walks.

    The window has room for an object that travels in a straight line at the asked strength. Where none is asked
    for, it is what the motion has by itself (`Preset.own_strength`), more or less by the prompt's words (`pace`).
    """
    plans = []
    heads = [None] * len(regions) if heads is None else heads
    limbs = [None] * len(regions) if limbs is None else limbs
    walkers = [None] * len(regions) if walkers is None else walkers
    for index, (region, mask, reading, head, limb, walker) in enumerate(
        zip(regions, masks, readings, heads, limbs, walkers, strict=True)
    ):
        own = preset.own_strength(reading.families if reading else ()) * pace(region.prompt)
        if head is not None and reading is not None:
            mask = head.mask
        if limb is not None:
            mask = limb.mask
        own *= _of_its_own(region, mask, reading, head)
        own = min(own, preset.max_window_strength)
        if reading is not None and STAYING.issuperset(reading.families):
            travel = _travel(mask, min(own, preset.window_strength), num_frames)
        elif region.strength is None:
            travel = _travel(mask, own, num_frames)
        else:
            travel = _travel_asked(shape, region.strength, mask, num_frames)
        window = plan_crop(
            mask,
            model_size=preset.size,
            travel=travel,
            context=CONTEXT,
        )
        scale = min(shape) / window.side
        told = own if region.strength is None else _limited(region.strength, preset, scale)
        plans.append(
            RegionPlan(index, region, mask, window, told / scale, told, reading, head, limb, walker)
        )
    return plans


def _of_its_own(
    region: Region, mask: npt.NDArray[np.float32], reading: PromptReading | None, head: Head | None
) -> float:
    """By how much what moves (H, W) is stronger by itself than its motion."""
    if reading is None or not _is_in_place(reading):
        return 1.0
    if head is not None:
        return min(HEAD_STRENGTHS[family] for family in reading.families)
    if region.granularity == "part":
        return PART_STRENGTH
    size = math.sqrt((mask > 0.5).mean())
    most = HEAD_STRENGTHS["nod"] if reading.nods else MOST_STRONGER
    return min(max(SMALL_THING / max(size, 1e-6), 1.0), most)


def _is_in_place(reading: PromptReading | None) -> bool:
    return reading is not None and IN_PLACE.issuperset(reading.families)


def _travel(mask: npt.NDArray[np.float32], strength: float, num_frames: int) -> float:
    """How far the object may move, in photo pixels, at a strength in the window that then follows."""
    extent = _extent(mask)
    near, share = (1 + 2 * CONTEXT) * extent, strength * (num_frames - 1) / REFERENCE_SIDE
    return _room(extent, near / max(1 - 2 * share, near / (MAX_WINDOW * extent)))


def _travel_asked(
    shape: tuple[int, int], strength: float, mask: npt.NDArray[np.float32], num_frames: int
) -> float:
    """How far the object may move, in photo pixels, at a strength in the photo."""
    extent, speed = _extent(mask), strength * min(shape) / REFERENCE_SIDE
    return _room(extent, (1 + 2 * CONTEXT) * extent + 2 * speed * (num_frames - 1))


def _room(extent: int, wanted: float) -> float:
    """What a window of `wanted` px, or the widest, leaves on each side of an object and its surroundings."""
    return max((min(wanted, MAX_WINDOW * extent) - (1 + 2 * CONTEXT) * extent) / 2, 0)


def _extent(mask: npt.NDArray[np.float32]) -> int:
    rows, columns = np.nonzero(mask > 0.5)
    return 1 + max(int(np.ptp(rows)), int(np.ptp(columns)))


def _limited(asked: float, preset: Preset, scale: float) -> float:
    """What the model is told, in px per frame at 256 px of the window."""
    limit = preset.max_window_strength
    if asked * scale > limit:
        warnings.warn(
            f"strength {asked:g} is more than the model knows for a region of this size;"
            f" using {limit / scale:.2g}",
            stacklevel=5,
        )
    return min(asked * scale, limit)


def share_windows(
    plans: Sequence[RegionPlan], shape: tuple[int, int], cost: Cost
) -> list[WindowPlan]:
    """The windows of a clip: whatever pair saves most becomes one, until nothing more is saved."""
    # By place, so that the order in which regions were given changes no window and no batch.
    groups = [[plan] for plan in sorted(plans, key=_place)]
    windows = [group[0].window for group in groups]
    while True:
        best: tuple[int, int, CropPlan] | None = None
        saved = 0.0
        for i in range(len(groups)):
            for j in range(i + 1, len(groups)):
                joint = _joint([*groups[i], *groups[j]], windows[i], windows[j], shape)
                if joint is None:
                    continue
                alone = cost.window(windows[i].side, len(groups[i]))
                alone += cost.window(windows[j].side, len(groups[j]))
                gain = alone - cost.window(joint.side, len(groups[i]) + len(groups[j]))
                if gain > saved:
                    best, saved = (i, j, joint), gain
        if best is None:
            break
        first, second, windows[best[0]] = best
        groups[first] = sorted([*groups[first], *groups.pop(second)], key=_place)
        windows.pop(second)
    return [
        WindowPlan(window, tuple(_seen_through(plan, window) for plan in group))
        for group, window in zip(groups, windows, strict=True)
    ]


def _place(plan: RegionPlan) -> tuple[int, ...]:
    rows, columns = np.nonzero(plan.mask > 0.5)
    window = plan.window
    return (window.y0, window.x0, window.side, int(rows[0]), int(columns[0]), len(rows))


def _joint(
    plans: Sequence[RegionPlan], first: CropPlan, second: CropPlan, shape: tuple[int, int]
) -> CropPlan | None:
    """The window that holds both, None if it would show any of the regions too small."""
    x0, y0 = min(first.x0, second.x0), min(first.y0, second.y0)
    x1 = max(first.x0 + first.side, second.x0 + second.side)
    y1 = max(first.y0 + first.side, second.y0 + second.side)
    side = max(x1 - x0, y1 - y0)
    if side > MAX_WIDENING * min(plan.window.side for plan in plans):
        return None
    return CropPlan(
        _centred(x0, x1, side, shape[1]), _centred(y0, y1, side, shape[0]), side, first.model_size
    )


def _centred(low: int, high: int, side: int, length: int) -> int:
    """First pixel of a window of `side` px that holds low ... high, inside 0 ... length where it can be."""
    if side >= length:
        return -((side - length) // 2)
    return min(max((low + high - side) // 2, 0), length - side)


def _seen_through(plan: RegionPlan, window: CropPlan) -> RegionPlan:
    """The same motion of the photo, as the model is told it in another window."""
    if window == plan.window:
        return plan
    scaled = plan.window_strength * plan.window.side / window.side
    return replace(plan, window=window, window_strength=scaled)


def estimate(windows: Sequence[WindowPlan], cost: Cost) -> dict[str, Any]:
    """What a dry run says of the work: windows with their regions, and seconds on two CPU cores."""
    seconds = [cost.window(plan.window.side, len(plan.regions)) for plan in windows]
    return {
        "windows": [
            {
                **asdict(plan.window),
                "regions": [region.index + 1 for region in plan.regions],
                "seconds": round(each, 2),
            }
            for plan, each in zip(windows, seconds, strict=True)
        ],
        "seconds_on_two_cpu_cores": round(sum(seconds), 2),
    }
