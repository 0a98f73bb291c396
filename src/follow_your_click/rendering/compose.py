"""Back to the photo's own resolution: appearance from the photo, motion from the model.

Axes: L frames, H W photo rows and columns, h w rows and columns of the changed patch, m model
pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from follow_your_click.errors import ImageError
from follow_your_click.rendering.background import (
    needed_background,
    read_background,
    reflected_at_rim,
    sharp_background,
)
from follow_your_click.rendering.crop import CropPlan, MaskArray, UInt8Array
from follow_your_click.rendering.elastic import (
    LEAST_STAYING,
    SHORT,
    carried_along,
    free_of_border,
    held_at_border,
    longest_way,
    staying,
    with_surroundings,
)
from follow_your_click.rendering.frames import (
    BoolArray,
    Box,
    Cover,
    OnFrame,
    Rendered,
    Source,
    Surroundings,
    compose_all,
    levels,
)
from follow_your_click.rendering.grid import (
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
from follow_your_click.rendering.layers import carried_layers, read_layers
from follow_your_click.rendering.matte import RINGING, Matte, beyond_border, cut_matte
from follow_your_click.rendering.motion import (
    ObjectMotion,
    measure_motion,
    noise_floor,
    on_grid,
    stated_motion,
)

# How far the mask's edge may be off, in grid cells, and its limits in photo pixels; tuned.
EDGE_CELLS = 2.0
EDGE_PIXELS = (2, 10)
# How far the background stays from where to where its filling shows where the object was.
OPENED = (0.0, 0.3)


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


@dataclass(frozen=True, eq=False)
class _Moving:
    """A part on the grid. share: (g, g). moved: L fields (g, g), where it is of the object in each frame."""

    share: Float32Array
    motion: ObjectMotion
    moved: list[Float32Array]

    @classmethod
    def of(cls, part: MovingPart, mask: Float32Array, taper: Float32Array) -> "_Moving":
        share, motion = on_grid(part.share), stated_motion(part.displacement, taper)
        return cls(share, motion, [warp(mask * share, field) for field in motion.backward])


@dataclass(frozen=True, eq=False)
class _Cut:
    """What is behind an object in place: how far it stays, (g, g), and how it moves as far as it does not."""

    stays: Float32Array
    motion: ObjectMotion


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
    edge: Float32Array | None = None,
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
        edge: float32 (H, W), 0 ... 1, how sure the edge of the mask is: what is behind a sure one does not come along either.
            None: nowhere.

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
    elastic, cut = False, None
    if displacement is not None:
        motion = stated_motion(displacement, taper)
        elastic = not parts and (in_place or longest_way(motion, coarse_mask) <= SHORT)
        if elastic:
            motion, cut = _in_place(motion, coarse_mask, plan, shape, fixed, edge)
        layers = carried_layers(_stirred(motion) if elastic else coarse_mask, motion)
    else:
        noise = noise_floor(frames, coarse_mask, inside)
        pixel = WINDOW_CELLS / plan.model_size
        motion = measure_motion(frames, coarse_mask, inside, taper, noise=noise, model_pixel=pixel)
        layers = read_layers(frames, full_photo, coarse_mask, inside, motion, noise=noise)
    if motion.still:
        return _still(photo, mask, coarse_mask, grid, len(frames))
    moving = [_Moving.of(part, coarse_mask, taper) for part in parts]
    if moving:
        # What generated frames show of the object may be either: as a whole, or in parts.
        seen = [layers.moved, *(part.moved for part in moving)]
        layers = replace(layers, moved=list(np.max(seen, axis=0)))
    touched = np.max([coarse_mask, *layers.moved], axis=0) > 0.004
    box = grid.box_of(touched, shape)
    if box is None:
        return _still(photo, mask, coarse_mask, grid, len(frames))
    motions = [part.motion for part in moving] or [motion]
    left, top, matte = _cut_source(photo, mask, grid, box, motions, on_step)
    on_step()
    area = (left, top, left + matte.alpha.shape[1], top + matte.alpha.shape[0])
    behind = around = carried = None
    if elastic:
        colours = np.ascontiguousarray(photo[top : area[3], left : area[2]])
        matte = replace(matte, colours=colours)
    reach = matte.reach
    if cut is not None:
        carried = carried_along(mask[top : area[3], left : area[2]], grid.cell)
        around = _around_it(matte, carried, cut, grid, area)
        reach = np.maximum(reach, carried)
        coarse_mask = carried_along(coarse_mask)
    if not elastic or cut is not None:
        moved = [warp(coarse_mask, field) for field in motion.backward] if elastic else layers.moved
        soft_photo = grid_frames(plan.extract(photo)[None])[0]
        background = read_background(frames, soft_photo, coarse_mask, inside, moved)
        needed = needed_background(coarse_mask, moved)
        if cut is not None:
            needed = needed * smoothstep(cut.stays, *OPENED)
        behind = sharp_background(
            *(photo, background, full_photo, needed, inside, grid, box),
            model_size=plan.model_size,
            on_step=on_step,
        )
        if cut is not None:
            here = np.s_[box[1] : box[3], box[0] : box[2]]
            hole = reach[box[1] - top : box[3] - top, box[0] - left : box[2] - left] > 0
            behind = reflected_at_rim(behind, photo[here], hole, grid.cell)
        on_step()
    far = left + matte.alpha.shape[1] == shape[1], top + matte.alpha.shape[0] == shape[0]
    at_border = (left == 0, top == 0, *far)

    def cover(motion: ObjectMotion, boxes: Sequence[Box], share: Float32Array | float) -> Cover:
        own = alpha = beyond_border(matte.alpha * share, at_border)
        if carried is not None:
            most = np.maximum(matte.alpha, carried)
            alpha = beyond_border(np.asarray(most * share, np.float32), at_border)
        return Cover(own, alpha, beyond_border(reach * share, at_border), motion, boxes)

    covers = [
        cover(
            part.motion,
            [_around(grid.box_of(place > 0.004, shape), box) for place in part.moved],
            grid.upsample(part.share, area, cv2.INTER_LINEAR),
        )
        for part in moving
    ] or [cover(motion, [box] * len(frames), 1.0)]
    source = Source(left, top, matte, tuple(covers), box, behind, around)
    return compose_all(photo, grid, source, motion, layers, on_frame)


def _in_place(
    motion: ObjectMotion,
    mask: Float32Array,
    plan: CropPlan,
    shape: tuple[int, int],
    fixed: BoolArray | None,
    edge: Float32Array | None,
) -> tuple[ObjectMotion, _Cut | None]:
    """A stated motion of an object (g, g) and of what is around it in a photo (H, W), but for what is fixed there (H, W); and what is behind
    it, as its edge (H, W) is sure; None where nearly all of that comes along."""
    there = None if fixed is None else grid_mask(fixed.astype(np.float32), plan) > 0.5
    joined = with_surroundings(motion, mask, there)
    held = held_at_border(joined, plan, shape)
    if edge is None:
        return held, None
    stays = staying(mask, grid_mask(edge, plan), motion)
    if stays.max() < LEAST_STAYING:
        return held, None
    comes = (1 - stays)[..., None]
    cut = _Cut(stays, ObjectMotion([field * comes for field in held.backward]))
    free = free_of_border(mask, stays, plan, shape)
    return held_at_border(joined, plan, shape, free), cut


def _around_it(
    matte: Matte, carried: Float32Array, cut: _Cut, grid: Grid, area: Box
) -> Surroundings:
    """What is around an object in place that is cut from it, in an area of the photo."""
    opened = smoothstep(grid.upsample(cut.stays, area, cv2.INTER_LINEAR), *OPENED)
    freed = (carried > 0).astype(np.float32)
    rim, reach = (np.maximum(of, freed) * opened for of in (matte.rim, matte.reach))
    return Surroundings(matte.colours, cut.motion, rim, reach)


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
    alpha = np.repeat(levels(mask[top:bottom, left:right])[None], count, axis=0)
    return Rendered(left, top, frames, np.zeros(tile.shape[:2], np.bool_), alpha)


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
