"""What is behind the object: a still picture from generated frames, with detail from the photo.

The generated frames know what belongs there but are soft; the photo around the hole is sharp. So
every piece of the hole takes the fine detail of that piece of the photo which looks most alike at
the model's resolution.

Axes: L frames, g grid cells, n = FEATURE_SIZE rows and columns of feature cells, h w photo pixels,
C = 3.
"""

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.rendering.crop import UInt8Array
from follow_your_click.rendering.grid import (
    INNER,
    RING_CELLS,
    WINDOW_CELLS,
    Float32Array,
    Grid,
    blur,
    channel_mean,
    fill,
    smoothstep,
)

Box = tuple[int, int, int, int]

# Cells around the object that may hold some of its colour: not background when colours are matched.
RIM_CELLS = 3

# Weight of cells close to the object, where the decoder mixes in its colour, against clear ones; they
# count where nothing better was ever seen; tuned.
NEAR_WEIGHT = 0.05

# Generated frames are believed behind the object as far as they show the photo beside it: grey levels of mean
# difference there up to which they count fully, and from which not at all; tuned. NEARBY cells are looked at.
BELIEVED = (5.0, 12.0)
NEARBY = 16

# Width (standard deviation, cells) of the blur that a small decoder leaves; the gain is measured.
DECODER_BLUR = 2.0

# Detail is looked up on the window at this size, in patches of 5 x 5 feature cells, every second
# one.
FEATURE_SIZE = 128
PATCH_RADIUS = 2
STEP = 2
MAX_EXAMPLES = 6000

# Difference of two patches (grey levels, means removed) at which the found detail counts 1/e;
# tuned.
UNLIKE = 12.0

# A piece takes its neighbour's example if that fits nearly as well: whole stretches of texture, not
# crumbs.
COHERENCE_RATIO = 1.4
COHERENCE_SLACK = 6.0


def read_background(
    frames: list[Float32Array],
    soft_photo: Float32Array,
    mask: Float32Array,
    inside: Float32Array,
    moved: list[Float32Array],
) -> Float32Array:
    """What is behind the object, in the photo's colours, as soft as the model sees it.

    Cells that were seen free average the generated frames over those moments, which takes flicker
    and most noise away; the rest continues what is around.

    Args:
        frames: L generated frames, float32 (g, g, 3).
        soft_photo: the photo as the model was given it, float32 (g, g, 3).
        mask: float32 (g, g), the object in frame 0.
        inside: float32 (g, g), 1 where the frames show the photo.
        moved: L moved masks, float32 (g, g).
    """
    was_object = object_zone(mask)
    seen = np.zeros_like(soft_photo)
    total = np.zeros_like(mask)
    for frame, cover in zip(frames[1:], moved[1:], strict=True):
        is_object = object_zone(cover)
        known = (1 - was_object) * (1 - is_object) * inside
        matched = frame + fill(soft_photo - frame, known, first_level=1)
        free = (np.square(1 - is_object) + NEAR_WEIGHT * np.square(1 - blur(cover, 1.0))) * inside
        seen += matched * free[..., None]
        total += free
    average = np.asarray(seen / np.maximum(total, 1e-6)[..., None], np.float32)
    average = _sharpen(average, frames, soft_photo, 1 - was_object)
    evidence = np.minimum(2.0 * total, 1.0) * was_object
    evidence *= _belief(frames, soft_photo, mask, inside, moved)
    truth = (1 - was_object) * inside
    share = (truth + evidence)[..., None]
    values = soft_photo * truth[..., None] + average * evidence[..., None]
    values = np.asarray(values / np.maximum(share, 1e-6), np.float32)
    guess = fill(values, share[..., 0], first_level=0)
    return np.asarray(guess + np.minimum(share, 1) * (values - guess), np.float32)


def _belief(
    frames: list[Float32Array],
    soft_photo: Float32Array,
    mask: Float32Array,
    inside: Float32Array,
    moved: list[Float32Array],
) -> float:
    """How far the generated frames can be believed about the background, 0 ... 1, judged by what is known of it."""
    reach = np.ones((2 * NEARBY + 1,) * 2, np.uint8)
    covered = object_zone(np.asarray(np.max([mask, *moved], axis=0), np.float32))
    around = (cv2.dilate(mask, reach) > 0.5) & (covered < 0.05) & (inside > 0.5)
    if len(frames) < 2 or not around.any():
        return 0.0
    errors = [channel_mean(np.abs(frame - soft_photo))[around].mean() for frame in frames[1:]]
    wrong = smoothstep(np.array(np.mean(errors), np.float32), *BELIEVED)
    return 1.0 - float(wrong)


def _sharpen(
    average: Float32Array, frames: list[Float32Array], soft_photo: Float32Array, known: Float32Array
) -> Float32Array:
    """Undo the decoder's blur as far as an unsharp mask can, measured on the known background."""
    mean = np.asarray(np.mean(frames[1:], axis=0), np.float32)
    missing = soft_photo - mean
    edges = mean - blur(mean, DECODER_BLUR)
    weight = known[INNER, INNER, None]
    missing = (missing - blur(missing, 4 * DECODER_BLUR))[INNER, INNER]
    power = float((weight * np.square(edges[INNER, INNER])).sum())
    gain = float((weight * edges[INNER, INNER] * missing).sum()) / max(power, 1e-6)
    gain = min(max(gain, 0.0), 2.0)
    return np.asarray(average + gain * (average - blur(average, DECODER_BLUR)), np.float32)


def object_zone(cover: Float32Array) -> Float32Array:
    """A mask on the grid with the rim that may hold some of the object's colour."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM_CELLS + 1,) * 2)
    return np.asarray(cv2.dilate(cover, kernel), np.float32)


def sharp_background(
    photo: UInt8Array,
    background: Float32Array,
    soft_photo: Float32Array,
    hole: Float32Array,
    inside: Float32Array,
    grid: Grid,
    box: Box,
) -> UInt8Array:
    """The background on the photo pixels of a box, with borrowed detail: uint8 (h, w, 3).

    Args:
        photo: uint8 (H, W, 3).
        background: from `read_background`.
        soft_photo: the photo as the model was given it, float32 (g, g, 3).
        hole: float32 (g, g), above 0 where the background was hidden and is needed.
        inside: float32 (g, g), 1 where the frames show the photo.
        grid: where the cells lie in the photo.
        box: photo pixels to make, (x0, y0, x1, y1), ends exclusive.
    """
    result = grid.upsample(background, box, cv2.INTER_CUBIC)
    places, sources, weights = _find_examples(background, soft_photo, hole, inside)
    if len(places):
        _add_detail(result, photo, soft_photo, grid, box, places, sources, weights)
    return np.asarray(np.clip(np.rint(result), 0, 255), np.uint8)


def _find_examples(
    background: Float32Array, soft_photo: Float32Array, hole: Float32Array, inside: Float32Array
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """For every piece of the hole the most similar piece of the photo outside it.

    Returns:
        Places and sources, float32 (N, 2) as (x, y) in cells of the window, and weights (N,) 0 ...
        1.
    """
    size = (FEATURE_SIZE, FEATURE_SIZE)
    wanted = cv2.resize(background[INNER, INNER], size, interpolation=cv2.INTER_AREA)
    offered = cv2.resize(soft_photo[INNER, INNER], size, interpolation=cv2.INTER_AREA)
    hidden = cv2.resize(hole[INNER, INNER], size, interpolation=cv2.INTER_AREA)
    shown = cv2.resize(inside[INNER, INNER], size, interpolation=cv2.INTER_AREA)
    width = 2 * PATCH_RADIUS + 1
    usable = ((hidden < 0.02) & (shown > 0.98)).astype(np.uint8)
    around = np.ones((width, width), np.uint8)
    usable = np.asarray(cv2.erode(usable, around, borderValue=0), np.uint8)
    needed = cv2.dilate((hidden > 0.02).astype(np.uint8), np.ones((3, 3), np.uint8))
    lattice = np.zeros(size, np.bool_)
    lattice[::STEP, ::STEP] = True
    hole_y, hole_x = np.nonzero((needed > 0) & lattice)
    from_y, from_x = np.nonzero(usable)
    if not hole_y.size or not from_y.size:
        nothing = np.zeros((0, 2), np.float32)
        return nothing, nothing, np.zeros(0, np.float32)
    stride = max(1, from_y.size // MAX_EXAMPLES)
    from_y, from_x = from_y[::stride], from_x[::stride]
    query = _patches(np.asarray(wanted, np.float32), hole_y, hole_x)
    example = _patches(np.asarray(offered, np.float32), from_y, from_x)
    best, squared = _nearest(query, example)
    weight = np.exp(-squared / UNLIKE**2)
    shift = np.stack([from_x[best] - hole_x, from_y[best] - hole_y], axis=1)
    for step in ((0, 1), (1, 0), (0, -1), (-1, 0)) * 2:
        shift, squared = _follow_neighbour(
            step, (hole_x, hole_y), shift, squared, query, np.asarray(offered, np.float32), usable
        )
    weight = np.exp(-squared / UNLIKE**2)
    cell = WINDOW_CELLS / FEATURE_SIZE
    places = np.asarray(np.stack([hole_x, hole_y], axis=1) * cell + 0.5 * cell - 0.5, np.float64)
    sources = _align(background, soft_photo, places, places + shift * cell)
    return places.astype(np.float32), sources.astype(np.float32), weight.astype(np.float32)


def _follow_neighbour(
    step: tuple[int, int],
    hole: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    shift: npt.NDArray[np.intp],
    squared: npt.NDArray[np.float64],
    query: Float32Array,
    offered: Float32Array,
    usable: UInt8Array,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Give every piece its neighbour's shift (x, y) where that is nearly as good as its own."""
    index = np.full((FEATURE_SIZE + 2 * STEP,) * 2, -1)
    hole_x, hole_y = hole
    index[hole_y + STEP, hole_x + STEP] = np.arange(len(hole_x))
    neighbour = index[hole_y + STEP * (1 + step[0]), hole_x + STEP * (1 + step[1])]
    offer = shift[neighbour]
    x, y = hole_x + offer[:, 0], hole_y + offer[:, 1]
    within = (neighbour >= 0) & (x >= 0) & (x < FEATURE_SIZE) & (y >= 0) & (y < FEATURE_SIZE)
    x, y = np.where(within, x, 0), np.where(within, y, 0)
    error = np.square(query - _patches(offered, y, x)).mean(axis=1)
    accept = within & (usable[y, x] > 0) & (error < COHERENCE_RATIO * squared + COHERENCE_SLACK)
    return np.where(accept[:, None], offer, shift), np.where(accept, error, squared)


def _patches(
    image: Float32Array, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> Float32Array:
    """Patches as vectors (N, 5 * 5 * 3) with the mean colour damped: structure counts most."""
    around = PATCH_RADIUS
    padded = np.pad(image, ((around, around), (around, around), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, (2 * around + 1, 2 * around + 1), axis=(0, 1)
    )
    chosen = windows[rows, columns].reshape(len(rows), 3, -1)
    mean = chosen.mean(axis=2, keepdims=True)
    return np.asarray((chosen - 0.75 * mean).reshape(len(rows), -1), np.float32)


def _nearest(
    query: Float32Array, example: Float32Array
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Index of the nearest example of every query, and the mean squared difference."""
    norms = np.square(example).sum(axis=1)
    best = np.empty(len(query), np.intp)
    for first in range(0, len(query), 512):
        part = query[first : first + 512]
        best[first : first + 512] = (norms - 2 * (part @ example.T)).argmin(axis=1)
    return best, np.square(query - example[best]).mean(axis=1).astype(np.float64)


def _align(
    background: Float32Array,
    soft_photo: Float32Array,
    places: npt.NDArray[np.float64],
    sources: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Move every source by up to one cell, in steps of half a cell, to where it fits best."""
    reach = np.arange(-4, 5, dtype=np.float32)
    offset_y, offset_x = (a.ravel() for a in np.meshgrid(reach, reach, indexing="ij"))

    def sample(image: Float32Array, centres: npt.NDArray[np.float64]) -> Float32Array:
        x = (centres[:, :1] + RING_CELLS + offset_x).astype(np.float32)
        y = (centres[:, 1:] + RING_CELLS + offset_y).astype(np.float32)
        values = cv2.remap(
            channel_mean(image), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        return np.asarray(values - values.mean(axis=1, keepdims=True), np.float32)

    target = sample(background, places)
    best = np.full(len(places), np.inf)
    result = sources.copy()
    steps = np.arange(-2, 3) * 0.5
    for dy in steps:
        for dx in steps:
            moved = sources + np.array([dx, dy])
            error = np.square(sample(soft_photo, moved) - target).mean(axis=1)
            better = error < best
            best = np.where(better, error, best)
            result[better] = moved[better]
    return result


def _add_detail(
    result: Float32Array,
    photo: UInt8Array,
    soft_photo: Float32Array,
    grid: Grid,
    box: Box,
    places: Float32Array,
    sources: Float32Array,
    weights: Float32Array,
) -> None:
    """Add the photo's detail around each source to the result around its place, overlapping."""
    half = max(1, round(STEP * WINDOW_CELLS / FEATURE_SIZE * grid.cell))
    ramp = 1 - np.abs(np.arange(-half + 0.5, half)) / half
    window = (ramp[:, None] * ramp[None, :]).astype(np.float32)[..., None]
    height, width = photo.shape[:2]
    total = np.zeros(result.shape[:2], np.float32)
    detail = np.zeros_like(result)
    origin = np.array([grid.x0, grid.y0]) + RING_CELLS * grid.cell
    corners = np.rint(places * grid.cell + origin).astype(np.intp) - half
    shifts = np.rint((sources - places) * grid.cell).astype(np.intp)
    for (x, y), (dx, dy), weight in zip(corners, shifts, weights, strict=True):
        left, right = max(x, box[0], -dx), min(x + 2 * half, box[2], width - dx)
        top, bottom = max(y, box[1], -dy), min(y + 2 * half, box[3], height - dy)
        if left >= right or top >= bottom:
            continue
        source = (int(left + dx), int(top + dy), int(right + dx), int(bottom + dy))
        sharp = photo[source[1] : source[3], source[0] : source[2]].astype(np.float32)
        soft = grid.upsample(soft_photo, source, cv2.INTER_LINEAR)
        part = window[top - y : bottom - y, left - x : right - x]
        area = np.s_[top - box[1] : bottom - box[1], left - box[0] : right - box[0]]
        detail[area] += part * weight * (sharp - soft)
        total[area] += part[..., 0]
    result += detail / np.maximum(total, 0.25)[..., None]


def needed_background(mask: Float32Array, moved: list[Float32Array]) -> Float32Array:
    """Where the object and its rim were and at some time are not: float32 (g, g), 0 ... 1."""
    least = np.min(moved, axis=0)
    return np.asarray(object_zone(mask) * smoothstep(blur(1 - least, 2.0), 0.02, 0.2), np.float32)
