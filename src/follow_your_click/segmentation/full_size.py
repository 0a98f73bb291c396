"""A photo or mask made small, and a small mask drawn at the photo's own size.

Axis legend: H rows, W columns (photo), h w (cells of the small mask), N points.
"""

from __future__ import annotations

import math
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.segmentation.parts import tidy

LEVELS_PER_LOGIT = 16.0  # of 256: what the rim between two cells is drawn from
MARGIN = 0.1  # logit that a cell has at least that was kept, or left away, with what it hangs together with

Number = TypeVar("Number", np.uint8, np.float32)

Window = tuple[int, int, int, int]
"""x, y, width and height in the photo's pixels."""


def reduced_copy(image: npt.NDArray[Number], side: int) -> npt.NDArray[Number]:
    """(H, W) or (H, W, 3) with a long side of `side` at most."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(1, round(scale * full)) for full in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), image.dtype)


def draw_full_size(
    inside: npt.NDArray[np.bool_],
    logits: npt.NDArray[np.float32],
    points: npt.NDArray[np.intp],
    positive: npt.NDArray[np.bool_],
    but: Window | None = None,
) -> None:
    """Draw logits (h, w) into `inside` (H, W) bool, all False: what hangs together with the clicks, which keep their side.

    Bytes, and no more rows and columns than the mask has, keep a click on a large photo quick.

    Args:
        points: (N, 2) x, y in pixels of the photo. positive: (N,).
        but: a window that stays empty, save for clicks.
    """
    shape = inside.shape
    scale = np.array([logits.shape[1] / shape[1], logits.shape[0] / shape[0]])
    small = np.minimum((points + 0.5) * scale, (logits.shape[1] - 1, logits.shape[0] - 1)).astype(
        np.intp
    )
    kept = tidy(logits > 0, small[positive], small[~positive])
    sure = np.where(kept, np.maximum(logits, MARGIN), np.minimum(logits, -MARGIN))
    levels = np.clip(np.rint(sure * LEVELS_PER_LOGIT) + 128, 0, 255).astype(np.uint8)
    if but is not None:
        kept[_cells_within(but, shape, kept.shape)] = False
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    if rows.size:
        cells = _spread(rows, logits.shape[0]), _spread(columns, logits.shape[1])
        (top, bottom), (left, right) = (
            (round(low * full / count), round(high * full / count))
            for (low, high), count, full in zip(cells, logits.shape, shape, strict=True)
        )
        area = inside[top:bottom, left:right]
        if area.size:
            window = levels[tuple(slice(low, high) for low, high in cells)]
            size = (right - left, bottom - top)
            np.greater(cv2.resize(window, size, interpolation=cv2.INTER_LINEAR), 127, out=area)
        if but is not None:
            x, y, width, height = but
            inside[max(y, top) : min(y + height, bottom), max(x, left) : min(x + width, right)] = (
                False
            )
    inside[points[~positive, 1], points[~positive, 0]] = False
    inside[points[positive, 1], points[positive, 0]] = True


def _spread(used: npt.NDArray[np.intp], count: int) -> tuple[int, int]:
    """The cells in use and two around them, end excluded."""
    return max(int(used[0]) - 2, 0), min(int(used[-1]) + 3, count)


def _cells_within(
    window: Window, shape: tuple[int, ...], cells: tuple[int, ...]
) -> tuple[slice, slice]:
    """Rows and columns of cells that no pixel (of H, W) outside of the window is drawn from."""
    found = []
    for axis in (1, 0):
        start, length = window[axis], window[axis + 2]
        end, full, count = start + length, shape[1 - axis], cells[1 - axis]
        first = math.ceil(start * count / full) + 1 if start else 0
        last = math.floor(end * count / full) - 1 if end < full else count
        found.append(slice(first, max(first, last)))
    return found[0], found[1]
