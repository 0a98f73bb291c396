"""What every segmenter checks of the photo and the points that it is given."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import RegionError


def checked_image(image: npt.NDArray[np.uint8]) -> None:
    """Raises RegionError unless the photo is (H, W, 3) uint8."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise RegionError(
            f"photo: got shape {image.shape} of {image.dtype}, expected (H, W, 3) of uint8 RGB"
        )


def checked_points(
    shape: tuple[int, int],
    coords: npt.NDArray[np.float32] | None,
    labels: npt.NDArray[np.int64] | None,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Pixels (N, 2) as x, y of a photo of `shape` (H, W), and which of them are positive (N,).

    Without labels all are. Raises RegionError for a point outside the photo or another number of labels.
    """
    if coords is None:
        return np.zeros((0, 2), np.intp), np.zeros(0, np.bool_)
    height, width = shape
    points = np.floor(np.asarray(coords, np.float64).reshape(-1, 2))
    inside = ((points >= 0) & (points < (width, height))).all(axis=1)
    if not inside.all():
        x, y = points[~inside][0]
        raise RegionError(f"click {x:g},{y:g}: expected a point in the photo of {width}x{height}")
    positive = np.ones(len(points), np.bool_) if labels is None else np.asarray(labels) > 0
    if positive.shape != (len(points),):
        raise RegionError(f"clicks: got {positive.size} labels, expected {len(points)}, one each")
    return points.astype(np.intp), positive
