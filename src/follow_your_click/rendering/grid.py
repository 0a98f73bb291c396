"""The working grid of rendering: the window at 256 cells a side with a ring of cells around it.

Everything about motion and colour is found on this grid, whatever the window's size in the photo,
so that the cost is fixed. The ring lets an object leave the window without a visible edge.

Axes: L frames, g = GRID_SIZE rows and columns of cells, C channels. Lengths are in cells unless
said otherwise.
"""

import os
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.rendering.crop import CropPlan, MaskArray, UInt8Array, cut, resample

Float32Array = npt.NDArray[np.float32]

WINDOW_CELLS = 256
RING_CELLS = 24
GRID_SIZE = WINDOW_CELLS + 2 * RING_CELLS
INNER = slice(RING_CELLS, RING_CELLS + WINDOW_CELLS)
ROWS, COLUMNS = np.mgrid[0:GRID_SIZE, 0:GRID_SIZE].astype(np.float32)

THREADS = min(4, os.cpu_count() or 1)  # strips or frames made at the same time; each takes memory

# Coarsest level of `fill`: a 304-cell grid halved six times is 5 cells wide, so a value reaches
# everywhere.
FILL_LEVELS = 6


@dataclass(frozen=True)
class Grid:
    """Where the cells lie in the photo.

    Attributes:
        cell: photo pixels per cell.
        x0: photo coordinate of the centre of the first column of cells.
        y0: photo coordinate of the centre of the first row of cells.
    """

    cell: float
    x0: float
    y0: float

    @classmethod
    def of(cls, plan: CropPlan) -> "Grid":
        """The grid of a window."""
        cell = plan.side / WINDOW_CELLS
        shift = 0.5 * cell - 0.5 - RING_CELLS * cell
        return cls(cell=cell, x0=plan.x0 + shift, y0=plan.y0 + shift)

    def upsample(
        self, field: Float32Array, box: tuple[int, int, int, int], method: int
    ) -> Float32Array:
        """A field (g, g) or (g, g, C) on the photo pixels of a box (x0, y0, x1, y1 exclusive)."""
        left, top, right, bottom = box
        matrix = np.array(
            [
                [1 / self.cell, 0, (left - self.x0) / self.cell],
                [0, 1 / self.cell, (top - self.y0) / self.cell],
            ]
        )
        warped = cv2.warpAffine(
            field,
            matrix,
            (right - left, bottom - top),
            flags=method | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(warped, np.float32)

    def box_of(
        self, selected: npt.NDArray[np.bool_], shape: tuple[int, int]
    ) -> tuple[int, int, int, int] | None:
        """Photo pixels (x0, y0, x1, y1) that hold the selected cells (g, g); None if there are none."""
        columns = np.flatnonzero(selected.any(axis=0))
        rows = np.flatnonzero(selected.any(axis=1))
        if not columns.size:
            return None
        height, width = shape
        left = int(np.floor(self.x0 + (columns[0] - 1) * self.cell)) - 2
        right = int(np.ceil(self.x0 + (columns[-1] + 1) * self.cell)) + 3
        top = int(np.floor(self.y0 + (rows[0] - 1) * self.cell)) - 2
        bottom = int(np.ceil(self.y0 + (rows[-1] + 1) * self.cell)) + 3
        box = (max(left, 0), max(top, 0), min(right, width), min(bottom, height))
        return box if box[0] < box[2] and box[1] < box[3] else None


def grid_photo(photo: UInt8Array, plan: CropPlan) -> Float32Array:
    """The photo on the grid: float32 (g, g, 3), 0 ... 255, mirrored outside the photo."""
    return _with_ring(photo, plan, cv2.BORDER_REFLECT_101)


def grid_mask(mask: MaskArray, plan: CropPlan) -> Float32Array:
    """The mask on the grid: float32 (g, g); where it touches the photo's border it goes on outside."""
    return np.clip(_with_ring(mask, plan, cv2.BORDER_REPLICATE), 0, 1)


def _with_ring(image: npt.NDArray[np.generic], plan: CropPlan, border: int) -> Float32Array:
    """The window at 256 cells, in a ring: exact in the window, to a photo pixel in the ring."""
    around = max(1, round(RING_CELLS * plan.side / WINDOW_CELLS))
    wide = cut(image, plan.x0 - around, plan.y0 - around, plan.side + 2 * around, border=border)
    field = resample(wide.astype(np.float32), GRID_SIZE).astype(np.float32)
    window = wide[around : around + plan.side, around : around + plan.side]
    field[INNER, INNER] = resample(window.astype(np.float32), WINDOW_CELLS)
    return field


def grid_inside(plan: CropPlan, shape: tuple[int, int]) -> Float32Array:
    """1 where a cell lies in the photo and in the window, else 0: float32 (g, g)."""
    grid = Grid.of(plan)
    inside = np.zeros((GRID_SIZE, GRID_SIZE), np.float32)
    columns = grid.x0 + grid.cell * np.arange(GRID_SIZE)
    rows = grid.y0 + grid.cell * np.arange(GRID_SIZE)
    in_x = (columns > -0.5) & (columns < shape[1] - 0.5)
    in_y = (rows > -0.5) & (rows < shape[0] - 0.5)
    inside[INNER, INNER] = (in_y[:, None] & in_x[None, :])[INNER, INNER]
    return inside


def ring_taper(plan: CropPlan, shape: tuple[int, int]) -> Float32Array:
    """1 in the window, falling to 0 over those sides of the ring that lie in the photo: (g, g)."""
    fall = np.clip((np.arange(GRID_SIZE) - 2) / (RING_CELLS - 2), 0, 1)
    fall = fall * fall * (3 - 2 * fall)
    axes = []
    for first, length in ((plan.x0, shape[1]), (plan.y0, shape[0])):
        before = fall if first > 0 else np.ones_like(fall)
        after = fall[::-1] if first + plan.side < length else np.ones_like(fall)
        axes.append(before * after)
    return np.asarray(axes[1][:, None] * axes[0][None, :], np.float32)


def grid_frames(generated: UInt8Array) -> list[Float32Array]:
    """Frames (L, m, m, 3) on the grid: L times float32 (g, g, 3), edges repeated in the ring."""
    ring = (RING_CELLS,) * 4
    frames = []
    for frame in generated:
        scaled = resample(frame.astype(np.float32), WINDOW_CELLS).astype(np.float32)
        padded = cv2.copyMakeBorder(scaled, *ring, cv2.BORDER_REPLICATE)
        frames.append(np.asarray(np.clip(padded, 0, 255), np.float32))
    return frames


def fill(
    values: Float32Array, weight: Float32Array, *, first_level: int, trust: float = 0.1
) -> Float32Array:
    """Weighted smoothing that also extrapolates: fine where weights allow, else coarse (pull-push).

    Args:
        values: float32 (g, g, C).
        weight: float32 (g, g), 0 ... 1, how far each value counts.
        first_level: halvings before the finest smoothing: 0 = about 1.5 cells, 1 = 3, 2 = 6.
        trust: mean weight at which a level counts half against the coarser ones.

    Returns:
        float32 (g, g, C), finite everywhere; zeros where no value counts at all.
    """
    stack = np.concatenate([values * weight[..., None], weight[..., None]], axis=-1)
    levels: list[Float32Array] = []
    for level in range(FILL_LEVELS + 1):
        if level >= first_level:
            levels.append(np.asarray(cv2.GaussianBlur(stack, (0, 0), 1.5), np.float32))
        half = (max(stack.shape[1] // 2, 1), max(stack.shape[0] // 2, 1))
        stack = cv2.resize(stack, half, interpolation=cv2.INTER_AREA).astype(np.float32)
    total = levels[-1].sum(axis=(0, 1))
    estimate: Float32Array = np.zeros((1, 1, values.shape[-1]), np.float32)
    if total[-1] > 1e-6:
        estimate[:] = total[:-1] / total[-1]
    for blurred in reversed(levels):
        size = (blurred.shape[1], blurred.shape[0])
        coarse = cv2.resize(estimate, size, interpolation=cv2.INTER_LINEAR)
        coarse = coarse.reshape(*blurred.shape[:2], -1)
        mass = blurred[..., -1:]
        share = mass / (mass + trust)
        finer = blurred[..., :-1] / np.maximum(mass, 1e-6)
        estimate = np.asarray(coarse + share * (finer - coarse), np.float32)
    size = (values.shape[1], values.shape[0])
    full = cv2.resize(estimate, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(full.reshape(values.shape), np.float32)


def smoothstep(value: Float32Array, low: float, high: float) -> Float32Array:
    """0 up to `low`, 1 from `high`, smooth between."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def channel_mean(image: Float32Array) -> Float32Array:
    """Mean of the three channels: float32 (h, w) from (h, w, 3)."""
    return np.asarray(channel_sum(image) / 3, np.float32)


def channel_sum(image: Float32Array) -> Float32Array:
    """Sum of the channels: float32 (h, w) from (h, w, C), far faster than NumPy's over so short an axis."""
    return np.asarray(cv2.transform(image, np.ones((1, image.shape[2]), np.float32)), np.float32)


def distance(area: npt.NDArray[np.bool_]) -> Float32Array:
    """From each place (h, w) to an area, 0 in it; infinitely far where there is none."""
    if not area.any():
        return np.full(area.shape, np.inf, np.float32)
    return np.asarray(cv2.distanceTransform((~area).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def blur(field: Float32Array, sigma: float) -> Float32Array:
    """Gaussian smoothing of a field (g, g) or (g, g, C), sigma in cells."""
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), np.float32)


def warp(field: Float32Array, flow: Float32Array) -> Float32Array:
    """A field (g, g) or (g, g, C) read at x + flow(x), cells; edges repeated outside."""
    return np.asarray(
        cv2.remap(
            field,
            COLUMNS + flow[..., 0],
            ROWS + flow[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )
