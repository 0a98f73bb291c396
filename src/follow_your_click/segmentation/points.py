"""What every segmenter checks of the photo and the question that it is given."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import RegionError

Photo = TypeVar("Photo")


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


def prepared(photo: Photo | None) -> Photo:
    """What set_image left behind; RegionError where it was not called."""
    if photo is None:
        raise RegionError("segmenter: got no photo yet, expected set_image before predict")
    return photo


def check_asked(
    positive: npt.NDArray[np.bool_],
    box: npt.NDArray[np.float32] | None,
    mask: npt.NDArray[np.float32] | None,
) -> None:
    """Raises RegionError unless a positive click, a box or a mask says what is meant."""
    if box is None and mask is None and not positive.any():
        raise RegionError("segmenter: expected a positive click, a box or a mask; got none")
