"""Back to the photo's own resolution: appearance from the photo, motion from the model.

Axes: L frames, H W photo rows and columns, h w rows and columns of the changed patch, m model
pixels.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.errors import ImageError
from follow_your_click.flow import flow_magnitude
from follow_your_click.rendering.background import (
    needed_background,
    read_background,
    sharp_background,
)
from follow_your_click.rendering.crop import CropPlan, MaskArray, UInt8Array
from follow_your_click.rendering.elastic import (
    SHORT,
    held_at_border,
    longest_way,
    with_surroundings,
)
from follow_your_click.rendering.grid import (
    THREADS,
    WINDOW_CELLS,
    Float32Array,
    Grid,
    grid_frames,
    grid_inside,
    grid_mask,
    grid_photo,
    ring_taper,
    smoothstep,
    warp,
)
from follow_your_click.rendering.layers import Layers, carried_layers, read_layers
from follow_your_click.rendering.matte import RINGING, Matte, beyond_border, cut_matte
from follow_your_click.rendering.motion import (
    ObjectMotion,
    measure_motion,
    noise_floor,
    on_grid,
    stated_motion,
)

BoolArray = npt.NDArray[np.bool_]
OnFrame = Callable[[int, int], None]
"""Called as on_frame(frames done, frames in all), several times before the first; what it raises ends the work."""
Box = tuple[int, int, int, int]

# Rows of photo pixels composed at once: bounds the memory of a large window.
STRIP_ROWS = 256

# How far the mask's edge may be off, in grid cells, and its limits in photo pixels; tuned.
EDGE_CELLS = 2.0
EDGE_PIXELS = (2, 10)

# Displacements (photo pixels) over which the composition takes over from the untouched photo.
MOVING = (0.05, 0.75)


@dataclass(frozen=True)
class Rendered:
    """The part of the photo that changes, frame by frame.

    Attributes:
        x: photo column of the patch's first pixel.
        y: photo row of the patch's first pixel.
        frames: uint8 (L, h, w, 3) RGB at the photo's resolution; frame 0 is the photo.
        changed: bool (h, w), True where any frame differs from the photo.
        alpha: uint8 (L, h, w), how far each pixel of a frame is the object's, 0 ... 255.
    """

    x: int
    y: int
    frames: UInt8Array
    changed: BoolArray
    alpha: UInt8Array


@dataclass(frozen=True, eq=False)
class MovingPart:
    """A part of an object that moves by itself.

    Attributes:
        share: float32 (h, w), 0 ... 1, at the positions of the window: how far it is this part, where it is the object. Parts that
            are joined share what is at the joint, or a gap shows there.
        displacement: float32 (L, h, w, 2), as the object's.
    """

    share: Float32Array
    displacement: Float32Array


@dataclass(frozen=True)
class _Cover:
    """Where a part of the object is, and how it moves.

    `alpha` and `reach` as the matte's, see `beyond_border`; `boxes`: frame by frame, out of which neither gets.
    """

    alpha: tuple[Float32Array, tuple[int, int]]
    reach: tuple[Float32Array, tuple[int, int]]
    motion: ObjectMotion
    boxes: Sequence[Box]


@dataclass(frozen=True)
class _Source:
    """The photo pixels that a patch is made from, once per clip.

    `matte` starts at photo pixel (x0, y0) and reaches as far as any displacement, but not beyond the photo; `covers` are the
    object's parts, the lowest first; `background` fills the box, None where what is around comes along.
    """

    x0: int
    y0: int
    matte: Matte
    covers: tuple[_Cover, ...]
    box: Box
    background: UInt8Array | None


def render(
    photo: UInt8Array,
    mask: MaskArray,
    plan: CropPlan,
    generated: UInt8Array,
    displacement: Float32Array | None = None,
    *,
    parts: Sequence[MovingPart] = (),
    in_place: bool = False,
    fixed: BoolArray | None = None,
    on_frame: OnFrame | None = None,
) -> Rendered:
    """Carry the motion of generated frames over to the photo.

    Args:
        photo: uint8 (H, W, 3) RGB.
        mask: bool or float 0 ... 1 (H, W), the object in the photo.
        plan: the window that the model was given.
        generated: uint8 (L, m, m, 3), the model's frames of that window; frame 0 shows the photo.
        displacement: float32 (L, h, w, 2), the motion that the model states: from each place to where it came
            from in frame 0, (x, y) in shares of the window. None: the motion is measured in the frames.
        parts: what the object consists of where not all of it moves as stated, the lowest first; it is never in place then.
        in_place: the object stays where it is, so that a stated motion takes along what is around it, as a short one does anyway;
            see `elastic`.
        fixed: bool (H, W), what of the photo does not come along then.

    Returns:
        The changed patch. Pixels outside `changed`, and all of frame 0, equal the photo bit for
        bit. When nothing moves, the patch is the photo's under the mask and `changed` is all False.

    Raises:
        ImageError: shapes or types do not fit.
    """
    _check(photo, mask, plan, generated, displacement)

    def on_step() -> None:
        if on_frame is not None:
            on_frame(0, len(generated))

    shape = (photo.shape[0], photo.shape[1])
    grid = Grid.of(plan)
    frames = grid_frames(generated)
    coarse_mask = grid_mask(mask, plan)
    inside = grid_inside(plan, shape)
    taper = ring_taper(plan, shape)
    full_photo = grid_photo(photo, plan)
    elastic = False
    if displacement is not None:
        motion = stated_motion(displacement, taper)
        elastic = not parts and (in_place or longest_way(motion, coarse_mask) <= SHORT)
        if elastic:
            motion = _in_place(motion, coarse_mask, plan, shape, fixed)
        layers = carried_layers(_stirred(motion) if elastic else coarse_mask, motion)
    else:
        noise = noise_floor(frames, coarse_mask, inside)
        pixel = WINDOW_CELLS / plan.model_size
        motion = measure_motion(frames, coarse_mask, inside, taper, noise=noise, model_pixel=pixel)
        layers = read_layers(frames, full_photo, coarse_mask, inside, motion, noise=noise)
    if motion.still:
        return _still(photo, mask, coarse_mask, grid, len(frames))
    shares = [on_grid(part.share) for part in parts] or [np.ones_like(coarse_mask)]
    motions = [stated_motion(part.displacement, taper) for part in parts] or [motion]
    moved = [
        [warp(coarse_mask * share, field) for field in each.backward]
        for share, each in zip(shares, motions, strict=True)
    ]
    if parts:
        # What generated frames show of the object may be either: as a whole, or in parts.
        layers = replace(layers, moved=list(np.max([layers.moved, *moved], axis=0)))
    touched = np.max([coarse_mask, *layers.moved], axis=0) > 0.004
    box = grid.box_of(touched, shape)
    if box is None:
        return _still(photo, mask, coarse_mask, grid, len(frames))
    left, top, matte = _cut_source(photo, mask, grid, box, motions, on_step)
    on_step()
    behind = None
    if elastic:
        here = np.s_[top : top + matte.alpha.shape[0], left : left + matte.alpha.shape[1]]
        matte = replace(matte, colours=np.ascontiguousarray(photo[here]))
    else:
        soft_photo = grid_frames(plan.extract(photo)[None])[0]
        background = read_background(frames, soft_photo, coarse_mask, inside, layers.moved)
        needed = needed_background(coarse_mask, layers.moved)
        behind = sharp_background(
            *(photo, background, full_photo, needed, inside, grid, box),
            model_size=plan.model_size,
            on_step=on_step,
        )
        on_step()
    far = left + matte.alpha.shape[1] == shape[1], top + matte.alpha.shape[0] == shape[0]
    at_border = (left == 0, top == 0, *far)
    area = (left, top, left + matte.alpha.shape[1], top + matte.alpha.shape[0])
    covers = []
    for share, each, places in zip(shares, motions, moved, strict=True):
        own = grid.upsample(share, area, cv2.INTER_LINEAR)
        alpha, reach = (beyond_border(of * own, at_border) for of in (matte.alpha, matte.reach))
        boxes = [
            _around(grid.box_of(place > 0.004, shape), box) if parts else box for place in places
        ]
        covers.append(_Cover(alpha, reach, each, boxes))
    source = _Source(left, top, matte, tuple(covers), box, behind)
    return _compose_all(photo, grid, source, motion, layers, on_frame)


def _in_place(
    motion: ObjectMotion,
    mask: Float32Array,
    plan: CropPlan,
    shape: tuple[int, int],
    fixed: BoolArray | None,
) -> ObjectMotion:
    """A stated motion of an object (g, g) and of what is around it in a photo (H, W), but for what is fixed there (H, W)."""
    there = None if fixed is None else grid_mask(fixed.astype(np.float32), plan) > 0.5
    return held_at_border(with_surroundings(motion, mask, there), plan, shape)


def _around(part: Box | None, whole: Box) -> Box:
    """A box and what of the object's rim may lie around it, within another box; an empty one for none."""
    if part is None:
        return (*whole[:2], *whole[:2])
    rim = EDGE_PIXELS[1] + RINGING + 2
    low = [max(own - rim, least) for own, least in zip(part[:2], whole[:2], strict=True)]
    high = [min(own + rim, most) for own, most in zip(part[2:], whole[2:], strict=True)]
    return (low[0], low[1], high[0], high[1])


def _stirred(motion: ObjectMotion) -> Float32Array:
    """1 where anything moves in any frame, else 0: (g, g)."""
    return np.asarray(np.any(motion.backward, axis=(0, 3)), np.float32)


def _check(
    photo: UInt8Array,
    mask: MaskArray,
    plan: CropPlan,
    generated: UInt8Array,
    displacement: Float32Array | None,
) -> None:
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        raise ImageError(
            f"got a photo of {photo.dtype} {photo.shape}, expected uint8 (H, W, 3): convert to RGB"
        )
    if mask.shape != photo.shape[:2]:
        raise ImageError(
            f"got a mask of {mask.shape}, expected the photo's {photo.shape[:2]}: resize the mask"
        )
    size = plan.model_size
    if generated.dtype != np.uint8 or generated.shape[1:] != (size, size, 3) or not len(generated):
        raise ImageError(
            f"got generated frames of {generated.dtype} {generated.shape}, expected uint8 "
            f"(L, {size}, {size}, 3): use the plan that they were made with"
        )
    if displacement is not None and (
        displacement.shape[0] != len(generated) or displacement.shape[3:] != (2,)
    ):
        raise ImageError(
            f"got displacements of {displacement.shape}, expected ({len(generated)}, h, w, 2): one "
            "field for each generated frame"
        )


def _still(
    photo: UInt8Array, mask: MaskArray, coarse_mask: Float32Array, grid: Grid, count: int
) -> Rendered:
    """The patch of a clip in which nothing moves."""
    shape = (photo.shape[0], photo.shape[1])
    left, top, right, bottom = grid.box_of(coarse_mask > 0.5, shape) or (0, 0, 1, 1)
    tile = photo[top:bottom, left:right]
    frames = np.repeat(tile[None], count, axis=0)
    alpha = np.repeat(_levels(mask[top:bottom, left:right])[None], count, axis=0)
    return Rendered(left, top, frames, np.zeros(tile.shape[:2], np.bool_), alpha)


def _levels(alpha: MaskArray) -> UInt8Array:
    """0 ... 1 as 0 ... 255."""
    return np.asarray(np.rint(np.clip(alpha.astype(np.float32), 0, 1) * 255), np.uint8)


def _cut_source(
    photo: UInt8Array,
    mask: MaskArray,
    grid: Grid,
    box: Box,
    motions: Sequence[ObjectMotion],
    on_step: Callable[[], None],
) -> tuple[int, int, Matte]:
    """The matte of the box and of all that a displacement can reach, and its first pixel (x, y)."""
    height, width = mask.shape
    fields = [field for motion in motions for field in motion.backward]
    longest = max(float(np.abs(field).max()) for field in fields) * grid.cell
    margin = int(np.ceil(longest)) + 8
    left, top = max(box[0] - margin, 0), max(box[1] - margin, 0)
    right, bottom = min(box[2] + margin, width), min(box[3] + margin, height)
    colours = np.ascontiguousarray(photo[top:bottom, left:right])
    selected = np.ascontiguousarray(mask[top:bottom, left:right].astype(np.float32))
    band = int(np.clip(round(EDGE_CELLS * grid.cell), *EDGE_PIXELS))
    return left, top, cut_matte(colours, selected, band=band, on_step=on_step)


def _compose_all(
    photo: UInt8Array,
    grid: Grid,
    source: _Source,
    motion: ObjectMotion,
    layers: Layers,
    on_frame: OnFrame | None,
) -> Rendered:
    """Every frame of the patch, then the patch cut down to what changed."""
    left, top, right, bottom = source.box
    still = photo[top:bottom, left:right]
    frames = np.repeat(still[None], len(motion.backward), axis=0)
    here = np.s_[top - source.y0 : bottom - source.y0, left - source.x0 : right - source.x0]
    alpha = np.repeat(_levels(source.matte.alpha[here])[None], len(frames), axis=0)
    changed = np.zeros(still.shape[:2], np.bool_)
    strips = [
        (index, strip)
        for index in range(1, len(frames))
        for strip in _strips(grid, motion, layers, index, (photo.shape[0], photo.shape[1]))
    ]

    def composed(each: tuple[int, Box]) -> tuple[UInt8Array, UInt8Array]:
        index, strip = each
        return _compose(photo, strip, grid, source, motion, layers, index)

    pool = ThreadPoolExecutor(THREADS)
    try:
        for (index, strip), made in zip(strips, pool.map(composed, strips), strict=True):
            if on_frame is not None:
                on_frame(index, len(frames))
            area = np.s_[strip[1] - top : strip[3] - top, strip[0] - left : strip[2] - left]
            pixels, cover = made
            frames[index][area], alpha[index][area] = pixels, cover
            changed[area] |= (pixels != still[area]).any(axis=2)
    finally:
        pool.shutdown(cancel_futures=True)
    return _trim(source.box, frames, changed, alpha)


def _strips(
    grid: Grid, motion: ObjectMotion, layers: Layers, index: int, shape: tuple[int, int]
) -> Iterator[Box]:
    """What a frame changes, in pieces of some rows of a photo (H, W)."""
    touched = np.maximum(layers.moved[index], layers.moved[0]) > 0.004
    moves = cv2.dilate(np.abs(motion.backward[index]).max(axis=2), np.ones((3, 3), np.uint8))
    part = grid.box_of(touched & (moves > 0), shape)
    if part is not None:
        for first in range(part[1], part[3], STRIP_ROWS):
            yield part[0], first, part[2], min(first + STRIP_ROWS, part[3])


def _compose(
    photo: UInt8Array,
    strip: Box,
    grid: Grid,
    source: _Source,
    motion: ObjectMotion,
    layers: Layers,
    index: int,
) -> tuple[UInt8Array, UInt8Array]:
    """Frame `index` on the photo pixels of a strip, and how far they are the object's: uint8 (h, w, 3), (h, w)."""
    left, top, right, bottom = strip
    here = np.s_[top - source.y0 : bottom - source.y0, left - source.x0 : right - source.x0]
    still = photo[top:bottom, left:right].astype(np.float32)
    matte, box = source.matte, source.box
    columns = np.arange(left - source.x0, right - source.x0, dtype=np.float32)
    rows = np.arange(top - source.y0, bottom - source.y0, dtype=np.float32)[:, None]
    flow = grid.upsample(motion.backward[index], strip, cv2.INTER_LINEAR) * grid.cell
    original = matte.alpha[here]
    presence = layers.presence[index]
    shown = np.ones_like(original)
    if presence.min() < 1:
        shown = 1 - (1 - grid.upsample(presence, strip, cv2.INTER_LINEAR)) * (1 - original)
    carried: list[tuple[tuple[slice, slice], Float32Array, Float32Array]] = []
    reach, cover = np.zeros_like(original), np.zeros_like(original)
    for part in source.covers:
        within = _meeting(strip, part.boxes[index])
        if within is None:
            continue
        inner = np.s_[within[1] - top : within[3] - top, within[0] - left : within[2] - left]
        own = grid.upsample(part.motion.backward[index], within, cv2.INTER_LINEAR) * grid.cell
        x, y = own[..., 0] + columns[inner[1]], own[..., 1] + rows[inner[0]]
        pixels = cv2.remap(
            matte.colours, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
        ).astype(np.float32)
        covered = _moved(part.alpha, x, y) * shown[inner]
        carried.append((inner, pixels, covered))
        cover[inner] = np.maximum(cover[inner], covered)
        reach[inner] = np.maximum(reach[inner], _moved(part.reach, x, y))
    if source.background is None:
        composed = carried[0][1]
    else:
        area = np.s_[top - box[1] : bottom - box[1], left - box[0] : right - box[0]]
        freed = np.maximum(matte.rim[here], matte.reach[here] * (1 - reach))
        composed = still + freed[..., None] * (source.background[area] - still)
        for inner, pixels, covered in carried:
            composed[inner] += covered[..., None] * (pixels - composed[inner])
    repaint, share = layers.repaint[index], layers.unexplained[index]
    if repaint is not None and share is not None:
        painted = grid.upsample(repaint, strip, cv2.INTER_CUBIC)
        amount = grid.upsample(share, strip, cv2.INTER_LINEAR) * cover
        composed += amount[..., None] * (painted - composed)
    gate = smoothstep(flow_magnitude(flow), *MOVING)
    result = still + gate[..., None] * (composed - still)
    shown = original + gate * (cover - original)
    return np.asarray(np.clip(np.rint(result), 0, 255), np.uint8), _levels(shown)


def _meeting(one: Box, other: Box) -> Box | None:
    """What two boxes share."""
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _moved(
    cover: tuple[Float32Array, tuple[int, int]],
    x: npt.NDArray[np.floating[Any]],
    y: npt.NDArray[np.floating[Any]],
) -> Float32Array:
    """A cover that goes on beyond the border, as `beyond_border` gives it, at places (h, w) of what it was made from."""
    values, (before, above) = cover
    found = cv2.remap(
        values, x + before, y + above, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(found, np.float32)


def _trim(box: Box, frames: UInt8Array, changed: BoolArray, alpha: UInt8Array) -> Rendered:
    """The smallest patch that holds every changed pixel (the whole box if none changed)."""
    columns = np.flatnonzero(changed.any(axis=0))
    rows = np.flatnonzero(changed.any(axis=1))
    if not columns.size:
        return Rendered(box[0], box[1], frames, changed, alpha)
    area = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    patch = np.stack([frame[area] for frame in frames])
    cover = np.stack([frame[area] for frame in alpha])
    left, top = box[0] + int(columns[0]), box[1] + int(rows[0])
    return Rendered(left, top, patch, changed[area].copy(), cover)
