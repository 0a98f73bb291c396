"""Motion in place, with what is around: an object that stays where it is takes its surroundings along, less and less outwards.

As if the photo were printed on rubber: nothing tears where a mask cuts through an object, hair and twigs beyond its rim come
along, and nothing is uncovered that would have to be invented. The price is that the nearest background stirs too. Where the
object's edge is known well enough the rubber is cut a little outside of it, and what is behind stays.

Axes: L frames, g rows and columns of cells of the working grid, 2 = (x, y).
"""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.rendering.crop import CropPlan, MaskArray
from follow_your_click.rendering.grid import (
    COLUMNS,
    GRID_SIZE,
    ROWS,
    THREADS,
    Float32Array,
    Grid,
    blur,
    distance,
    fill,
    ring_taper,
    smoothstep,
    warp,
)
from follow_your_click.rendering.motion import ObjectMotion

# Cells: a motion that comes no farther is as good as in place, whatever was asked for.
SHORT = 8.0
# From the object to where nothing stirs any more, in lengths of the longest motion, and at least so many cells. Judges could not tell
# 4 from 2.7.
REACH, LEAST_REACH = 4.0, 8.0
# Likewise from what stays where it is to where the object moves as if that were not there. The steepest of `smoothstep` is 1.5: a
# motion that ended within 1.5 lengths would fold the picture.
PINNED = 2.0
# Standard deviations of the blurs that make the field between parts of an object smooth: first in cells of twice the size, then
# in the cells themselves.
COARSE_BLURS, FINE_BLURS = np.linspace(8, 1.5, 30), np.linspace(3, 1, 8)
COVERED = 0.4  # share of a larger cell
# An object stands on what is below it, or grows from there: there it stays joined, where its edge looks down by more than these (sines);
# up, if it hangs, as what moves above so much less than below does.
JOINED_END = (0.4, 0.8)
HANGING = 0.6
# Cells: standard deviations of the blurs by which the outline's direction and what holds along it are taken, and of those of what follows around it.
OUTLINE_BLUR, ALONG, BESIDE = 3.0, 4.0, (6.0, 3.0)
CUT_OFF = 1.5  # cells from the photo's border, within which an object counts as cut off by it
# Cells around a mask up to which all comes along where what is behind it stays, for masks end short of rims, spikes and hair, and beyond which
# nothing does; it fades, so that its own edge is not seen.
CARRIED = (2.0, 8.0)
LEAST_STAYING = 0.3  # of the background somewhere beside an object; with less it is not worth what filling costs


def with_surroundings(
    motion: ObjectMotion, mask: Float32Array, fixed: npt.NDArray[np.bool_] | None = None
) -> ObjectMotion:
    """The object's motion, and around it a motion that fades away from it.

    Args:
        motion: what the model states; only what it says of the object counts.
        mask: float32 (g, g), the object in frame 0.
        fixed: bool (g, g), what of the photo does not come along. The object itself stays joined to it.
    """
    moved = _moved(motion, mask)
    longest = longest_way(motion, mask)
    if not longest:
        return ObjectMotion([np.zeros_like(field) for field in motion.backward])
    reach = max(LEAST_REACH, REACH * longest)
    loose = None
    if fixed is not None and fixed.any():
        away = distance(fixed)
        loose = smoothstep(away, 0, max(LEAST_REACH, PINNED * longest))[..., None]

    def made(field: Float32Array, cover: npt.NDArray[np.bool_]) -> Float32Array:
        around = _spread(field, cover, reach)
        return around if loose is None else around * loose

    with ThreadPoolExecutor(THREADS) as pool:
        return ObjectMotion(list(pool.map(made, motion.backward, moved)))


def staying(mask: Float32Array, sure: Float32Array, motion: ObjectMotion) -> Float32Array:
    """How far the background stays where it is while the object beside it moves: float32 (g, g), 0 ... 1; each place as the outline next to it.

    Args:
        mask: float32 (g, g), the object in frame 0.
        sure: float32 (g, g), 0 ... 1, how sure it is that the object ends where the mask does.
        motion: of the object.
    """
    shown = mask > 0.5
    outline = shown & (cv2.erode(shown.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    if not outline.any():
        return np.zeros_like(mask)
    soft = blur(shown.astype(np.float32), OUTLINE_BLUR)
    across, down = (cv2.Sobel(soft, cv2.CV_32F, *axes) for axes in ((1, 0), (0, 1)))
    below = np.asarray(-down / (np.hypot(across, down) + 1e-6), np.float32)
    held = -below if _hangs(motion, shown) else below
    free = np.where(outline, sure * (1 - smoothstep(held, *JOINED_END)), np.float32(0))
    free = blur(free, ALONG) / np.maximum(blur(outline.astype(np.float32), ALONG), 1e-6)
    _, nearest = cv2.distanceTransformWithLabels(
        (~outline).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_outline = np.zeros(int(nearest.max()) + 1, np.float32)
    of_outline[nearest[outline]] = free[outline]
    beside = of_outline[nearest]
    for deviation in BESIDE:
        beside = blur(beside, deviation)
    return beside


def carried_along(mask: MaskArray, cell: float = 1.0) -> Float32Array:
    """How far an object carries along what is in and close around its mask (h, w), however sure its edge is: float32 (h, w), 0 ... 1.

    `cell`: pixels of the mask in a cell.
    """
    away = distance(mask > 0.5) / np.float32(cell)
    return np.asarray(1 - smoothstep(away, *CARRIED), np.float32)


def _hangs(motion: ObjectMotion, shown: npt.NDArray[np.bool_]) -> bool:
    """Whether the upper third of an object (g, g) moves much less than the lower one."""
    farthest = np.max([np.linalg.norm(field, axis=2) for field in motion.backward], axis=0)
    rows, _ = np.nonzero(shown)
    upper, lower = np.quantile(rows, (1 / 3, 2 / 3))
    above, below = farthest[shown & (upper >= ROWS)], farthest[shown & (lower <= ROWS)]
    return bool(above.mean() < HANGING * below.mean())


def longest_way(motion: ObjectMotion, mask: Float32Array) -> float:
    """How far anything comes from where it was in frame 0, in cells, wherever the object (g, g) is or was."""
    before = mask > 0.5
    return max(
        float(np.linalg.norm(field[cover | before], axis=1).max(initial=0))
        for field, cover in zip(motion.backward, _moved(motion, mask), strict=True)
    )


def held_at_border(
    motion: ObjectMotion,
    plan: CropPlan,
    shape: tuple[int, int],
    free: Float32Array | None = None,
) -> ObjectMotion:
    """The same, but nothing crosses the border of a photo (H, W), where what it cuts off slides along it, and the grid ends still.

    What lies beyond the border is not known, so nothing of it may come in, and what is joined to it must stay so. `free`: float32
    (g, g), 0 ... 1, how far what moves is neither, see `free_of_border`.
    """
    height, width = shape
    grid = Grid.of(plan)
    longest = max(float(np.abs(field).max()) for field in motion.backward)
    reach = max(LEAST_REACH, PINNED * longest)
    shares = []
    for cells, first, length in ((COLUMNS, grid.x0, width), (ROWS, grid.y0, height)):
        place = first + grid.cell * cells
        away = np.minimum(place, length - 1 - place) / grid.cell
        shares.append(smoothstep(np.maximum(away, 0), 0, reach))
    share = np.stack(shares, axis=2)
    if free is not None:
        share = share + (1 - share) * free[..., None]
    share = share * ring_taper(plan, shape)[..., None]
    return ObjectMotion([field * share for field in motion.backward])


def free_of_border(
    mask: Float32Array, stays: Float32Array, plan: CropPlan, shape: tuple[int, int]
) -> Float32Array:
    """How far an object (g, g) may cross the border of a photo (H, W): as far as what is behind it stays, unless the border cuts it off; (g, g)."""
    height, width = shape
    grid = Grid.of(plan)
    x, y = grid.x0 + grid.cell * COLUMNS, grid.y0 + grid.cell * ROWS
    away = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y)) / grid.cell
    cut_off = (np.abs(away) < CUT_OFF) & (mask > 0.5)
    return np.zeros_like(stays) if cut_off.any() else stays


def _moved(motion: ObjectMotion, mask: Float32Array) -> list[npt.NDArray[np.bool_]]:
    """Where the object is, frame by frame: bool (g, g)."""
    return [warp(mask, field) > 0.5 for field in motion.backward]


def _spread(field: Float32Array, cover: npt.NDArray[np.bool_], reach: float) -> Float32Array:
    """A field (g, g, 2) where it covers, fading to 0 `reach` cells away; between two parts of the object smooth."""
    if not field.any() or not cover.any():
        return np.zeros_like(field)
    values = np.where(cover[..., None], field, np.float32(0))
    share = cover.astype(np.float32)
    start = fill(values, share, first_level=0)
    half = (GRID_SIZE // 2,) * 2
    coarse_share = cv2.resize(share, half, interpolation=cv2.INTER_AREA)[..., None]
    coarse_values = cv2.resize(values, half, interpolation=cv2.INTER_AREA)
    coarse_values = coarse_values / np.maximum(coarse_share, COVERED)
    around = cv2.resize(start, half, interpolation=cv2.INTER_AREA)
    for deviation in COARSE_BLURS:
        around = np.where(coarse_share > COVERED, coarse_values, around)
        around = cv2.GaussianBlur(around, (0, 0), deviation)
    around = cv2.resize(around, (GRID_SIZE,) * 2, interpolation=cv2.INTER_LINEAR)
    for deviation in FINE_BLURS:
        around = np.where(cover[..., None], values, around)
        around = cv2.GaussianBlur(around, (0, 0), deviation)
    fading = 1 - smoothstep(distance(cover), 0, reach)
    return np.where(cover[..., None], values, around * fading[..., None])
