"""The frames of a patch: every part of the object carried over what is behind it.

Axes: L frames, H W photo rows and columns, h w rows and columns of the changed patch, g rows and columns of grid cells.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.flow import flow_magnitude
from follow_your_click.rendering.crop import MaskArray, UInt8Array
from follow_your_click.rendering.grid import THREADS, Float32Array, Grid, smoothstep
from follow_your_click.rendering.layers import Layers
from follow_your_click.rendering.matte import Matte
from follow_your_click.rendering.motion import ObjectMotion

BoolArray = npt.NDArray[np.bool_]
OnFrame = Callable[[int, int], None]
"""Called as on_frame(frames done, frames in all), several times before the first; what it raises ends the work."""
Box = tuple[int, int, int, int]

# Photo pixels, rows and columns, composed at once: bounds the memory of a large window, and what is wholly covered is not read.
TILE = 256

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


@dataclass(frozen=True)
class Cover:
    """Where a part of the object is, and how it moves.

    `own`, `alpha` and `reach`: how far it is the object's, is carried along, and may be it, see `beyond_border`; `boxes`: frame by frame, out
    of which none gets.
    """

    own: tuple[Float32Array, tuple[int, int]]
    alpha: tuple[Float32Array, tuple[int, int]]
    reach: tuple[Float32Array, tuple[int, int]]
    motion: ObjectMotion
    boxes: Sequence[Box]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is around an object in place, and behind it: it comes along as far as it is joined to it.

    Attributes:
        photo: uint8 (h, w, 3), the matte's area of it.
        motion: as far as it comes along.
        rim, reach: float32 (h, w), the matte's and what is carried along, where the background is filled in as it does not come along.
    """

    photo: UInt8Array
    motion: ObjectMotion
    rim: Float32Array
    reach: Float32Array


@dataclass(frozen=True)
class Source:
    """The photo pixels that a patch is made from, once per clip.

    `matte` starts at photo pixel (x0, y0) and reaches as far as any displacement, but not beyond the photo; `covers` are the
    object's parts, the lowest first; `background` fills the box, None where all that is around comes along; `around`: None where
    nothing does.
    """

    x0: int
    y0: int
    matte: Matte
    covers: tuple[Cover, ...]
    box: Box
    background: UInt8Array | None
    around: Surroundings | None = None


def levels(alpha: MaskArray) -> UInt8Array:
    """0 ... 1 as 0 ... 255."""
    return np.asarray(np.rint(np.clip(alpha.astype(np.float32), 0, 1) * 255), np.uint8)


def compose_all(
    photo: UInt8Array,
    grid: Grid,
    source: Source,
    motion: ObjectMotion,
    layers: Layers,
    on_frame: OnFrame | None,
) -> Rendered:
    """Every frame of the patch, then the patch cut down to what changed."""
    left, top, right, bottom = source.box
    still = photo[top:bottom, left:right]
    frames = np.repeat(still[None], len(motion.backward), axis=0)
    here = np.s_[top - source.y0 : bottom - source.y0, left - source.x0 : right - source.x0]
    alpha = np.repeat(levels(source.matte.alpha[here])[None], len(frames), axis=0)
    changed = np.zeros(still.shape[:2], np.bool_)
    tiles = [
        (index, tile)
        for index in range(1, len(frames))
        for tile in _tiles(grid, motion, layers, index, (photo.shape[0], photo.shape[1]))
    ]

    def composed(each: tuple[int, Box]) -> tuple[UInt8Array, UInt8Array]:
        index, tile = each
        return _compose(photo, tile, grid, source, motion, layers, index)

    pool = ThreadPoolExecutor(THREADS)
    try:
        for (index, tile), made in zip(tiles, pool.map(composed, tiles), strict=True):
            if on_frame is not None:
                on_frame(index, len(frames))
            area = np.s_[tile[1] - top : tile[3] - top, tile[0] - left : tile[2] - left]
            pixels, cover = made
            frames[index][area], alpha[index][area] = pixels, cover
            differs = pixels != still[area]
            changed[area] |= differs[..., 0] | differs[..., 1] | differs[..., 2]
    finally:
        pool.shutdown(cancel_futures=True)
    return _trim(source.box, frames, changed, alpha)


def _tiles(
    grid: Grid, motion: ObjectMotion, layers: Layers, index: int, shape: tuple[int, int]
) -> Iterator[Box]:
    """What a frame changes of a photo (H, W), in pieces of it."""
    touched = np.maximum(layers.moved[index], layers.moved[0]) > 0.004
    moves = cv2.dilate(np.abs(motion.backward[index]).max(axis=2), np.ones((3, 3), np.uint8))
    part = grid.box_of(touched & (moves > 0), shape)
    if part is not None:
        left, top, right, bottom = part
        for y, x in itertools.product(range(top, bottom, TILE), range(left, right, TILE)):
            yield x, y, min(x + TILE, right), min(y + TILE, bottom)


def _compose(
    photo: UInt8Array,
    tile: Box,
    grid: Grid,
    source: Source,
    motion: ObjectMotion,
    layers: Layers,
    index: int,
) -> tuple[UInt8Array, UInt8Array]:
    """Frame `index` on the photo pixels of a tile, and how far they are the object's: uint8 (h, w, 3), (h, w)."""
    left, top, right, bottom = tile
    here = np.s_[top - source.y0 : bottom - source.y0, left - source.x0 : right - source.x0]
    matte, box = source.matte, source.box
    original = matte.alpha[here]
    flow = grid.upsample(motion.backward[index], tile, cv2.INTER_LINEAR) * grid.cell
    gate = smoothstep(flow_magnitude(flow), *MOVING)
    if not gate.any():
        return photo[top:bottom, left:right], levels(original)
    still = photo[top:bottom, left:right].astype(np.float32)
    columns = np.arange(left - source.x0, right - source.x0, dtype=np.float32)
    rows = np.arange(top - source.y0, bottom - source.y0, dtype=np.float32)[:, None]
    presence = layers.presence[index]
    shown = np.ones_like(original)
    if presence.min() < 1:
        shown = 1 - (1 - grid.upsample(presence, tile, cv2.INTER_LINEAR)) * (1 - original)
    carried: list[tuple[tuple[slice, slice], Float32Array, Float32Array]] = []
    reach, cover = np.zeros_like(original), np.zeros_like(original)
    for part in source.covers:
        within = _meeting(tile, part.boxes[index])
        if within is None:
            continue
        inner = np.s_[within[1] - top : within[3] - top, within[0] - left : within[2] - left]
        own = grid.upsample(part.motion.backward[index], within, cv2.INTER_LINEAR) * grid.cell
        x, y = own[..., 0] + columns[inner[1]], own[..., 1] + rows[inner[0]]
        covered = _moved(part.alpha, x, y) * shown[inner]
        own_cover = covered if part.own is part.alpha else _moved(part.own, x, y) * shown[inner]
        cover[inner] = np.maximum(cover[inner], own_cover)
        reach[inner] = np.maximum(reach[inner], _moved(part.reach, x, y))
        if source.background is None or covered.any():
            pixels = _read(matte.colours, x, y)
            carried.append((inner, pixels, covered))
    if source.background is None:
        composed = carried[0][1]
    else:
        if any(covered.shape == still.shape[:2] and covered.min() == 1 for *_, covered in carried):
            composed = still.copy()  # nothing of what is behind is seen
        elif source.around is None:
            area = np.s_[top - box[1] : bottom - box[1], left - box[0] : right - box[0]]
            freed = np.maximum(matte.rim[here], matte.reach[here] * (1 - reach))
            composed = still + freed[..., None] * (source.background[area] - still)
        else:
            field = source.around.motion.backward[index]
            own = grid.upsample(field, tile, cv2.INTER_LINEAR) * grid.cell
            places = own[..., 0] + columns, own[..., 1] + rows
            composed = _come_along(source.around, source.background, source, places, reach)
        for inner, pixels, covered in carried:
            composed[inner] += covered[..., None] * (pixels - composed[inner])
    repaint, share = layers.repaint[index], layers.unexplained[index]
    if repaint is not None and share is not None:
        painted = grid.upsample(repaint, tile, cv2.INTER_CUBIC)
        amount = grid.upsample(share, tile, cv2.INTER_LINEAR) * cover
        composed += amount[..., None] * (painted - composed)
    result = still + gate[..., None] * (composed - still)
    shown = original + gate * (cover - original)
    return np.asarray(np.clip(np.rint(result), 0, 255), np.uint8), levels(shown)


def _come_along(
    around: Surroundings,
    background: UInt8Array,
    source: Source,
    places: tuple[Float32Array, Float32Array],
    reach: Float32Array,
) -> Float32Array:
    """What is behind an object in place: float32 (h, w, 3), from places (h, w) of the matte; reach: where the object may be now."""
    x, y = places
    shown = _read(around.photo, x, y)
    freed = np.maximum(
        _read(around.rim, x, y, cv2.INTER_LINEAR),
        _read(around.reach, x, y, cv2.INTER_LINEAR) * (1 - reach),
    )
    rows, columns = (np.flatnonzero(freed.max(axis=axis) > 0) for axis in (1, 0))
    if not rows.size:
        return shown
    inner = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    right, down = source.x0 - source.box[0], source.y0 - source.box[1]
    filled = _read(background, x[inner] + right, y[inner] + down)
    shown[inner] += freed[inner][..., None] * (filled - shown[inner])
    return shown


def _read(
    image: npt.NDArray[Any], x: Float32Array, y: Float32Array, method: int = cv2.INTER_CUBIC
) -> Float32Array:
    """An image at places (h, w) of it.

    Half a pixel beside it, photos err by 7.7 grey levels read by cubic as by Lanczos pieces, which take four times as long, and by 9.0 by
    linear ones.
    """
    found = cv2.remap(image, x, y, method, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(found, np.float32)


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
