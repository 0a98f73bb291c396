"""Strokes and polygons as pixels.

Axis legend: H rows, W columns.
"""

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.errors import RegionError
from follow_your_click.region import Brush, Polygon

# OpenCV draws with this many fractional bits, so that strokes keep their sub-pixel place.
_DRAW_SHIFT = 4
_FARTHEST = 1e5  # pixels; beyond any photo, and within OpenCV's fixed-point integers
_FARTHEST_CORNER = 1e9  # pixels; farther ones would overflow, and turn an edge by nothing


def paint_stroke(stroke: Brush, height: int, width: int) -> npt.NDArray[np.bool_]:
    """The pixels of a stroke, (H, W); what lies outside the photo is cut off.

    Raises RegionError when nothing of it is left.
    """
    scale = 1 << _DRAW_SHIFT
    canvas = np.zeros((height, width), np.uint8)
    points = np.clip(np.array(stroke.points, np.float64), -_FARTHEST, _FARTHEST)
    reach = min(float(stroke.radius), _FARTHEST)
    centred = points - 0.5  # OpenCV puts whole numbers on pixel centres, we on pixel corners
    for x, y in np.rint(centred * scale).astype(int).tolist():
        cv2.circle(canvas, (x, y), round(reach * scale), 1, cv2.FILLED, cv2.LINE_8, _DRAW_SHIFT)
    for start, end in zip(centred[:-1], centred[1:], strict=True):
        along = end - start
        across = np.array([-along[1], along[0]]) * reach / max(float(np.hypot(*along)), 1e-6)
        corners = np.stack([start + across, end + across, end - across, start - across])
        quad = np.rint(corners * scale).astype(np.int32)
        cv2.fillConvexPoly(canvas, quad, 1, cv2.LINE_8, _DRAW_SHIFT)
    for x, y in np.floor(points).astype(int).tolist():
        if 0 <= x < width and 0 <= y < height:
            canvas[y, x] = 1  # the thinnest brush still paints the pixels it was put on
    if not canvas.any():
        raise RegionError(
            f"brush stroke lies outside the photo of {width}x{height} pixels; "
            "expected points on the photo"
        )
    return canvas.view(np.bool_)


def fill_polygon(polygon: Polygon, height: int, width: int) -> npt.NDArray[np.bool_]:
    """The pixels whose centre lies inside a polygon by the even-odd rule, (H, W).

    Exact, and half-open: of two polygons that share an edge no pixel belongs to both. Raises
    RegionError when no pixel of the photo is inside.
    """
    points = np.clip(np.array(polygon.points, np.float64), -_FARTHEST_CORNER, _FARTHEST_CORNER)
    low, high = points.min(axis=0), points.max(axis=0)
    left, top = (int(value) for value in np.clip(np.floor(low), 0, (width, height)))
    right, bottom = (int(value) for value in np.clip(np.ceil(high), 0, (width, height)))
    canvas = np.zeros((height, width), np.bool_)
    if left < right and top < bottom:
        # Each crossing of an edge turns everything to its right over, in every row that it meets.
        turns = np.zeros((bottom - top, right - left + 1), np.uint8)
        for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
            rows, columns = _crossings(start, end, top, bottom)
            np.add.at(turns, (rows, np.clip(columns, left, right) - left), 1)
        # uint8 wraps at 256, which keeps what is odd odd.
        inside = np.add.accumulate(turns[:, :-1], axis=1, dtype=np.uint8) & 1
        canvas[top:bottom, left:right] = inside.view(np.bool_)
    if not canvas.any():
        raise RegionError(
            f"polygon covers no pixel of the photo of {width}x{height} pixels; "
            "expected an outline around some of it"
        )
    return canvas


def _crossings(
    start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], top: int, bottom: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows (from `top`) whose centre line an edge crosses, and the first column whose centre is not left of it."""
    (x0, y0), (x1, y1) = sorted((start.tolist(), end.tolist()), key=lambda point: point[1])
    first = max(top, int(np.ceil(max(y0, -1.0) - 0.5)))
    last = min(bottom, int(np.ceil(min(y1, bottom + 1.0) - 0.5)))
    rows = np.arange(first, max(first, last), dtype=np.intp)
    if not rows.size:
        return rows, rows
    crossing = x0 + (rows + 0.5 - y0) / (y1 - y0) * (x1 - x0)
    columns = np.ceil(np.clip(crossing, -_FARTHEST, _FARTHEST) - 0.5).astype(np.intp)
    return rows - top, columns
