"""The square window of the photo on which the model works.

Axes: H W photo rows and columns, m model pixels, C channels. Pixel centres lie at
integer coordinates; a window of `side` px with its first pixel at x0 covers x0 - 0.5 ... x0 + side
- 0.5.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.errors import ImageError, RegionError, SettingsError

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]
MaskArray = npt.NDArray[np.float32] | npt.NDArray[np.float64] | npt.NDArray[np.bool_]

# A window shows the model at least this many photo pixels, or it would see a blur.
MIN_WINDOW_SIDE = 48


@dataclass(frozen=True)
class CropPlan:
    """A square window of the photo, scaled to the model's size.

    Attributes:
        x0: photo column of the window's first pixel; may be negative, then the photo is mirrored.
        y0: photo row of the window's first pixel.
        side: width and height of the window in photo pixels.
        model_size: width and height of the model's frames in pixels.
    """

    x0: int
    y0: int
    side: int
    model_size: int

    def __post_init__(self) -> None:
        if self.side < 1 or self.model_size < 1:
            raise SettingsError(
                f"got side {self.side} and model_size {self.model_size}, expected at least 1 px"
            )

    @property
    def model_to_photo(self) -> float:
        """Photo pixels per model pixel."""
        return self.side / self.model_size

    def extract(self, photo: UInt8Array) -> UInt8Array:
        """The window at the model's size: uint8 (m, m, 3) from a uint8 (H, W, 3) photo."""
        window = cut(photo, self.x0, self.y0, self.side, border=cv2.BORDER_REFLECT_101)
        return np.asarray(resample(window, self.model_size), np.uint8)

    def extract_mask(self, mask: MaskArray) -> Float32Array:
        """The mask in the window: float32 (m, m), 0 ... 1, from (H, W); nothing beyond the photo, or its mirror image would count as the object."""
        window = cut(mask, self.x0, self.y0, self.side, border=cv2.BORDER_CONSTANT)
        scaled = resample(window.astype(np.float32), self.model_size)
        return np.asarray(np.clip(scaled, 0.0, 1.0), np.float32)


def plan_crop(
    mask: MaskArray, *, model_size: int, travel: float, context: float = 0.35
) -> CropPlan:
    """The square window around a mask, with room for its motion and its surroundings.

    Args:
        mask: bool or float 0 ... 1 (H, W) at the photo's size; what counts is above 0.5.
        model_size: width and height of the model's frames in pixels.
        travel: how far the object may move, in photo pixels, added on every side; 0 = stays in
            place.
        context: surroundings on every side, as a share of the object's longer side.

    Returns:
        A window of 48 px to max(H, W) that holds the mask's box, inside the photo where it can be.

    Raises:
        RegionError: the mask selects no pixel.
        SettingsError: `travel` or `context` is negative or not finite.
    """
    for name, value in (("travel", travel), ("context", context)):
        if not math.isfinite(value) or value < 0:
            raise SettingsError(f"got {name} {value}, expected a number from 0: pass 0 for none")
    if mask.ndim != 2:
        raise ImageError(f"got a mask of shape {mask.shape}, expected (H, W): pass one channel")
    inside = mask > 0.5
    columns = np.flatnonzero(inside.any(axis=0))
    rows = np.flatnonzero(inside.any(axis=1))
    if not columns.size:
        raise RegionError("got a mask without a pixel above 0.5, expected an area: select one")
    height, width = mask.shape
    extent = max(columns[-1] - columns[0], rows[-1] - rows[0]) + 1
    wanted = math.ceil(extent + 2 * (travel + context * extent))
    side = min(max(wanted, MIN_WINDOW_SIDE), max(height, width))
    x0 = _place(int(columns[0]), int(columns[-1]), side, width)
    y0 = _place(int(rows[0]), int(rows[-1]), side, height)
    return CropPlan(x0=x0, y0=y0, side=side, model_size=model_size)


def _place(first: int, last: int, side: int, length: int) -> int:
    """First pixel of a window of `side` px centred on first ... last, inside 0 ... length - 1."""
    if side >= length:
        return -((side - length) // 2)
    return min(max((first + last + 1 - side) // 2, 0), length - side)


def cut(
    image: npt.NDArray[np.generic], x0: int, y0: int, side: int, *, border: int
) -> npt.NDArray[np.generic]:
    """A square window of an image (H, W) or (H, W, C), filled by an OpenCV border rule outside it.

    Only the window is read, so that the cost does not depend on the photo.

    Raises:
        ImageError: the window does not touch the image.
    """
    height, width = image.shape[:2]
    left, right = max(x0, 0), min(x0 + side, width)
    top, bottom = max(y0, 0), min(y0 + side, height)
    if left >= right or top >= bottom:
        raise ImageError(
            f"got a window at ({x0}, {y0}) of {side} px outside a photo of {width} x {height} px, "
            "expected one that overlaps it: plan it on this photo's mask"
        )
    inner = image[top:bottom, left:right]
    if inner.dtype == np.bool_:
        inner = inner.view(np.uint8)
    margins = (top - y0, y0 + side - bottom, left - x0, x0 + side - right)
    if not any(margins):
        return inner
    return cv2.copyMakeBorder(np.ascontiguousarray(inner), *margins, border)


def resample(image: npt.NDArray[np.generic], size: int) -> npt.NDArray[np.generic]:
    """A square image at `size` px: area averages when it shrinks, cubic when it grows."""
    if image.shape[0] == size:
        return image.copy()
    method = cv2.INTER_AREA if image.shape[0] > size else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(image), (size, size), interpolation=method)
