"""What is behind the object: a still picture from generated frames, with detail from the photo.

The generated frames know what belongs there but are soft; the photo around the hole is sharp. So
every piece of the hole takes the fine detail of that piece of the photo which looks most alike at
the model's resolution.

Axes: L frames, g grid cells, n = FEATURE_SIZE rows and columns of feature cells, h w photo pixels,
C = 3.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from follow_your_click.rendering.crop import UInt8Array
from follow_your_click.rendering.grid import (
    INNER,
    RING_CELLS,
    WINDOW_CELLS,
    Float32Array,
    Grid,
    blur,
    channel_mean,
    channel_sum,
    fill,
    smoothstep,
)
from follow_your_click.rendering.inpainting import BoolArray, Filled, fill_hole, level_sides

Box = tuple[int, int, int, int]

# Cells around the object that may hold some of its colour: not background when colours are matched.
RIM_CELLS = 5

# Weight of cells close to the object, where the decoder mixes in its colour, against clear ones; they
# count where nothing better was ever seen; tuned.
NEAR_WEIGHT = 0.05

# Generated frames are believed behind the object as far as they show the photo beside it: grey levels of mean
# difference there up to which they count fully, and from which not at all; tuned. NEARBY cells are looked at.
BELIEVED = (5.0, 12.0)
NEARBY = 16

# Width (standard deviation, cells) of the blur that a small decoder leaves; the gain is measured.
DECODER_BLUR = 2.0

# Holes are filled on the window at this size; the photo's finer detail comes with every second piece.
FEATURE_SIZE = 128
STEP = 2
CONTINUED_FROM = 3  # such cells around a hole, from which it is filled to begin with
WINDOWS_A_STEP = 256  # of detail, between which the work can be ended
SPARE = 10  # cells of that size beyond what is needed, that are filled too

# Of detail that was lost in a mean, as a factor at most; and where it is measured, in half sides of its pieces.
MOST_GAIN, GAIN_REACH = 2.5, 1.5
COARSE_REACH = (
    6.0  # pixels of a blur's standard deviation, where the field may be made smaller for it
)

# Cells from where a hole begins, up to which what is beside it is reflected into it, and beyond which it is not.
REFLECTED = (6.0, 12.0)
LEAST_STEEP = 2.4  # of Sobel's eight for a pixel a pixel: below, the way out is not clear

# Mean squared difference (grey levels) of a generated piece and the photo's most like it, at which the photo's detail
# counts 1/e; tuned.
UNLIKE = 12.0


@dataclass(frozen=True)
class Background:
    """What is known of the background on the grid, all float32.

    colours: (g, g, 3), the photo's where it shows the background, else from the generated frames, else continued.
    hidden: (g, g), 1 where the object hid it in frame 0.
    evidence: (g, g), 0 ... 1, how far the generated frames are believed there.
    """

    colours: Float32Array
    hidden: Float32Array
    evidence: Float32Array


def read_background(
    frames: list[Float32Array],
    soft_photo: Float32Array,
    mask: Float32Array,
    inside: Float32Array,
    moved: list[Float32Array],
) -> Background:
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
    colours = np.asarray(guess + np.minimum(share, 1) * (values - guess), np.float32)
    return Background(colours, was_object, np.asarray(evidence, np.float32))


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
    background: Background,
    full_photo: Float32Array,
    needed: Float32Array,
    inside: Float32Array,
    grid: Grid,
    box: Box,
    *,
    model_size: int,
    on_step: Callable[[], None] = lambda: None,
) -> UInt8Array:
    """The background on the photo pixels of a box, made of pieces of the photo: uint8 (h, w, 3).

    Args:
        photo: uint8 (H, W, 3).
        background: from `read_background`.
        full_photo: the photo on the grid, float32 (g, g, 3).
        needed: float32 (g, g), from `needed_background`.
        inside: float32 (g, g), 1 where the window shows the photo.
        grid: where the cells lie in the photo.
        box: photo pixels to make, (x0, y0, x1, y1), ends exclusive.
        model_size: side of the generated frames, px: as fine as that they are kept where they are believed.
        on_step: called between the costly steps; what it raises ends the work.
    """
    believed = _feature(background.evidence) > 0.5
    kept = [believed & (side <= model_size) for side in level_sides(FEATURE_SIZE)]
    filled = _fill(background, full_photo, needed, inside, kept)
    on_step()
    x, y = filled.places.T
    likeness = np.exp(-filled.differences / UNLIKE**2)
    weights = np.where(kept[-1][y, x], likeness, 1).astype(np.float32)
    # What is generated keeps its own detail as far as it finds none like it in the photo.
    own = np.zeros((FEATURE_SIZE, FEATURE_SIZE), np.float32)
    own[y, x] = 1 - weights
    made, soft_photo = background.colours.copy(), full_photo.copy()
    detail = made[INNER, INNER] - _on_grid(_feature(made))
    made[INNER, INNER] = _on_grid(filled.image) + _on_grid(own)[..., None] * detail
    soft_photo[INNER, INNER] = _on_grid(_feature(full_photo))
    result = grid.upsample(made, box, cv2.INTER_CUBIC)
    chosen = (x % STEP == 0) & (y % STEP == 0)
    cell = WINDOW_CELLS / FEATURE_SIZE
    places, sources = (
        (cell * (at[chosen] + 0.5) - 0.5).astype(np.float32)
        for at in (filled.places, filled.sources)
    )
    _add_detail(result, photo, soft_photo, grid, box, places, sources, weights[chosen], on_step)
    on_step()
    # Beside what was hidden the photo itself is known, finer than the window's cells.
    left, top, right, bottom = box
    share = grid.upsample(background.hidden, box, cv2.INTER_LINEAR)[..., None]
    still = photo[top:bottom, left:right].astype(np.float32)
    result = still + share * (result - still)
    return np.asarray(np.clip(np.rint(result), 0, 255), np.uint8)


def reflected_at_rim(
    background: UInt8Array, photo: UInt8Array, hole: BoolArray, cell: float
) -> UInt8Array:
    """The background of a hole, uint8 (h, w, 3), as the photo beside it reflected, as far as it is near its rim; the photo elsewhere.

    What moves in place frees a narrow strip there. Pieces from anywhere in the photo end at it in a line that is seen; a reflection goes on.

    Args:
        background: uint8 (h, w, 3), what is behind all of the hole.
        photo: uint8 (h, w, 3).
        hole: bool (h, w).
        cell: side of a cell, in photo pixels.
    """
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    level = depth - cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    smooth = cv2.GaussianBlur(level, (0, 0), max(1.0, cell))
    inwards = [cv2.Sobel(smooth, cv2.CV_32F, *axes) for axes in ((1, 0), (0, 1))]
    steep = np.maximum(np.hypot(*inwards), LEAST_STEEP)
    rows, columns = np.mgrid[: hole.shape[0], : hole.shape[1]].astype(np.float32)
    x, y = (at - 2 * depth * way / steep for at, way in zip((columns, rows), inwards, strict=True))
    beside = cv2.remap(photo, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    known = cv2.remap((~hole).astype(np.float32), x, y, cv2.INTER_LINEAR)
    near = 1 - smoothstep(np.asarray(depth / cell, np.float32), *REFLECTED)
    filled = background + (near * known)[..., None] * (beside.astype(np.float32) - background)
    return np.asarray(np.rint(filled), np.uint8)


def _fill(
    background: Background,
    full_photo: Float32Array,
    needed: Float32Array,
    inside: Float32Array,
    kept: list[BoolArray],
) -> Filled:
    """What was hidden, as far as needed, at `FEATURE_SIZE`, beginning with what is generated or goes on from around.

    `kept`: for each level, where what is generated stays.
    """
    hidden = _feature(background.hidden) > 0.02
    usable = (_feature(inside) > 0.98) & ~hidden
    near = cv2.dilate(_feature(needed), np.ones((2 * SPARE + 1,) * 2, np.uint8)) > 0.02
    clear = _feature(full_photo)
    levels = np.clip(np.rint(clear), 0, 255).astype(np.uint8)
    unknown = (~usable).astype(np.uint8)
    continued = cv2.inpaint(levels, unknown, CONTINUED_FROM, cv2.INPAINT_TELEA)
    evidence = _feature(background.evidence)[..., None]
    guess = continued + evidence * (_feature(background.colours) - continued)
    start = np.where(hidden[..., None], guess, clear)
    return fill_hole(start, hidden & near, usable, fixed=kept)


def _feature(field: Float32Array) -> Float32Array:
    """The window of a field (g, g) or (g, g, C) at `FEATURE_SIZE`."""
    size = (FEATURE_SIZE, FEATURE_SIZE)
    return np.asarray(cv2.resize(field[INNER, INNER], size, interpolation=cv2.INTER_AREA))


def _on_grid(field: Float32Array) -> Float32Array:
    """What `_feature` gives, back at the cells of the window."""
    size = (WINDOW_CELLS, WINDOW_CELLS)
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_CUBIC))


def _add_detail(
    result: Float32Array,
    photo: UInt8Array,
    soft_photo: Float32Array,
    grid: Grid,
    box: Box,
    places: Float32Array,
    sources: Float32Array,
    weights: Float32Array,
    on_step: Callable[[], None],
) -> None:
    """Add the photo's detail around each source to the result around its place, overlapping."""
    half = max(1, round(STEP * WINDOW_CELLS / FEATURE_SIZE * grid.cell))
    ramp = 1 - np.abs(np.arange(-half + 0.5, half)) / half
    window = (ramp[:, None] * ramp[None, :]).astype(np.float32)[..., None]
    height, width = photo.shape[:2]
    total = np.zeros(result.shape[:2], np.float32)
    power = np.zeros(result.shape[:2], np.float32)
    detail = np.zeros_like(result)
    origin = np.array([grid.x0, grid.y0]) + RING_CELLS * grid.cell
    corners = np.rint(places * grid.cell + origin).astype(np.intp) - half
    shifts = np.rint((sources - places) * grid.cell).astype(np.intp)
    for number, ((x, y), (dx, dy), weight) in enumerate(zip(corners, shifts, weights, strict=True)):
        if number % WINDOWS_A_STEP == 0:
            on_step()
        left, right = max(x, box[0], -dx), min(x + 2 * half, box[2], width - dx)
        top, bottom = max(y, box[1], -dy), min(y + 2 * half, box[3], height - dy)
        if left >= right or top >= bottom:
            continue
        source = (int(left + dx), int(top + dy), int(right + dx), int(bottom + dy))
        sharp = photo[source[1] : source[3], source[0] : source[2]].astype(np.float32)
        soft = grid.upsample(soft_photo, source, cv2.INTER_LINEAR)
        fine = weight * (sharp - soft)
        part = window[top - y : bottom - y, left - x : right - x]
        area = np.s_[top - box[1] : bottom - box[1], left - box[0] : right - box[0]]
        detail[area] += part * fine
        power[area] += part[..., 0] * channel_sum(np.square(fine))
        total[area] += part[..., 0]
    share = np.maximum(total, 0.25)
    detail /= share[..., None]
    power /= share
    # The mean of unlike details is softer than each of them: it is given back what it lost.
    before = _smoothed(power, GAIN_REACH * half)
    after = _smoothed(channel_sum(np.square(detail)), GAIN_REACH * half)
    gain = np.sqrt(before / np.maximum(after, 1e-3))
    result += detail * np.clip(gain, 1, MOST_GAIN)[..., None]


def _smoothed(field: Float32Array, reach: float) -> Float32Array:
    """A field (h, w) blurred by a Gaussian of that standard deviation, at as many pixels as that needs."""
    height, width = field.shape
    finest = max(1.0, reach / COARSE_REACH)
    small = (max(1, round(width / finest)), max(1, round(height / finest)))
    coarse = cv2.resize(field, small, interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), reach / finest)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))


def needed_background(mask: Float32Array, moved: list[Float32Array]) -> Float32Array:
    """Where the object and its rim were and at some time are not: float32 (g, g), 0 ... 1."""
    least = np.min(moved, axis=0)
    return np.asarray(object_zone(mask) * smoothstep(blur(1 - least, 2.0), 0.02, 0.2), np.float32)
