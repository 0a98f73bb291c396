"""From a region's areas to one mask of the photo's size, and masks as PNG files.

Axis legend: H rows, W columns, N points.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from follow_your_click.errors import OutputError, RegionError
from follow_your_click.region import Box, Brush, Click, Region
from follow_your_click.segmentation.base import Segmenter

# OpenCV draws with this many fractional bits, so that strokes keep their sub-pixel place.
_DRAW_SHIFT = 4
_FARTHEST = 1e5  # pixels; beyond any photo


def region_mask(
    image: npt.NDArray[np.uint8], region: Region, segmenter: Segmenter
) -> npt.NDArray[np.float32]:
    """The area of one region: (H, W) float32, 0 ... 1, 1 = may move.

    `image`: (H, W, 3) uint8 RGB; `segmenter` must have been given this image by `set_image`, and
    is asked only when the region has clicks or boxes. All clicks and a single box make one prompt;
    of several boxes each is a prompt of its own. Strokes and masks are taken as they are; all
    areas unite. A mask file may be soft: its values are kept.
    Raises RegionError for an area outside the photo, a mask of another size or that cannot be
    read, and when nothing is selected.
    """
    height, width = image.shape[:2]
    result = np.zeros((height, width), np.float32)
    for prompt in _prompts(region, height, width):
        result = np.maximum(result, _segment(segmenter, prompt, height, width))
    for area in region.areas:
        if isinstance(area, Brush):
            result = np.maximum(result, _painted(area, height, width))
        elif isinstance(area, np.ndarray):
            result = np.maximum(result, _fitting(area, "mask", height, width))
        elif isinstance(area, str | Path):
            loaded = _fitting(load_mask(area), f"mask {os.fspath(area)}", height, width)
            result = np.maximum(result, loaded)
    if not result.any():
        raise RegionError(
            "region: got an empty mask, expected some pixels of the photo; click on the object, "
            "or paint it with a brush"
        )
    if result.max() <= 0.5:
        raise RegionError(
            f"region: got a mask that is nowhere above {result.max():.2g}, expected some pixels "
            "above 0.5; white is what may move"
        )
    return result


def save_mask(mask: npt.NDArray[Any], path: str | Path) -> None:
    """Write a mask (H, W), bool, 0 ... 1 float or uint8, as an 8-bit grey PNG, 255 = may move.

    The file appears only when it is whole. Raises OutputError when it cannot be written.
    """
    target = Path(path)
    pixels = np.rint(_unit_range(mask) * 255.0).astype(np.uint8)
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".mask-", suffix=".png")
        with os.fdopen(handle, "wb") as file:
            Image.fromarray(pixels).save(file, format="PNG")
        os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(
            f"mask {target}: cannot be written ({error.strerror or error}); "
            "expected a folder that exists and can be written to"
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)  # gone already if it was moved into place


def load_mask(path: str | Path) -> npt.NDArray[np.float32]:
    """Read a mask image: (H, W) float32, 0 ... 1, white = may move.

    Colour is turned to grey; of a picture that is transparent somewhere only the opacity counts,
    as drawing programs save a cut-out. Raises RegionError when the file cannot be read.
    """
    try:
        with Image.open(path) as picture:
            if picture.mode.startswith("I;16") or picture.mode == "I":
                deep = np.asarray(picture, np.float32) / 65535.0
                return np.asarray(np.clip(deep, 0.0, 1.0), np.float32)
            if picture.has_transparency_data:
                alpha = np.asarray(picture.convert("RGBA").getchannel("A"), np.uint8)
                if alpha.min() < 255:
                    return _unit_range(alpha)
            return _unit_range(np.asarray(picture.convert("L"), np.uint8))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RegionError(
            f"mask {os.fspath(path)}: cannot be read ({error}); "
            "expected an image file such as PNG, white where it may move"
        ) from error


class _Prompt:
    """One question to the segmenter: clicks, a box, or both."""

    def __init__(self, clicks: list[Click], box: Box | None) -> None:
        self.clicks = clicks
        self.box = box


def _prompts(region: Region, height: int, width: int) -> list[_Prompt]:
    clicks = [area for area in region.areas if isinstance(area, Click)]
    boxes = [_clipped(area, height, width) for area in region.areas if isinstance(area, Box)]
    for click in clicks:
        if not (0 <= click.x < width and 0 <= click.y < height):
            raise RegionError(
                f"click {click.x:g},{click.y:g} lies outside the photo of {width}x{height} pixels; "
                f"expected x in 0 ... {width - 1} and y in 0 ... {height - 1}"
            )
    positive = [click for click in clicks if click.positive]
    negative = [click for click in clicks if not click.positive]
    _check_negative(positive, negative, boxes)
    if len(boxes) == 1:
        return [_Prompt(clicks, boxes[0])]
    prompts = [_Prompt(negative, box) for box in boxes]
    if positive:
        prompts.append(_Prompt(clicks, None))
    return prompts


def _check_negative(positive: list[Click], negative: list[Click], boxes: list[Box]) -> None:
    """A negative click needs something to be cut from, and must not contradict a positive one."""
    if negative and not positive and not boxes:
        raise RegionError(
            "region: got negative clicks with only strokes or masks, expected a positive click or "
            "a box that they cut from; edit the mask instead"
        )
    pixels = {(int(click.x), int(click.y)) for click in positive}
    for click in negative:
        if (int(click.x), int(click.y)) in pixels:
            raise RegionError(
                f"click {click.x:g},{click.y:g} is both included and excluded; remove one of them"
            )


def _clipped(box: Box, height: int, width: int) -> Box:
    x0, y0 = max(box.x0, 0.0), max(box.y0, 0.0)
    x1, y1 = min(box.x1, float(width)), min(box.y1, float(height))
    if x0 >= x1 or y0 >= y1:
        raise RegionError(
            f"box {box.x0:g},{box.y0:g},{box.x1:g},{box.y1:g} lies outside the photo of "
            f"{width}x{height} pixels; expected a box that overlaps it"
        )
    return Box(x0, y0, x1, y1)


def _segment(
    segmenter: Segmenter, prompt: _Prompt, height: int, width: int
) -> npt.NDArray[np.float32]:
    coords = labels = box = None
    if prompt.clicks:
        coords = np.array([(click.x, click.y) for click in prompt.clicks], np.float32)
        labels = np.array([int(click.positive) for click in prompt.clicks], np.int64)
    if prompt.box is not None:
        corners = (prompt.box.x0, prompt.box.y0, prompt.box.x1, prompt.box.y1)
        box = np.array(corners, np.float32)
    found = segmenter.predict(point_coords=coords, point_labels=labels, box=box)
    best = found.masks[0]
    if best.shape != (height, width):
        raise RegionError(
            f"segmenter: got a mask of {best.shape[1]}x{best.shape[0]} pixels, expected the "
            f"photo's {width}x{height}; call set_image with this photo first"
        )
    return np.asarray(best, np.float32)


def _painted(stroke: Brush, height: int, width: int) -> npt.NDArray[np.float32]:
    """The stroke as a bool area; parts outside the photo are cut off."""
    scale = 1 << _DRAW_SHIFT
    canvas = np.zeros((height, width), np.uint8)
    # Far outside numbers would only overflow OpenCV's fixed-point integers.
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
    return canvas.astype(np.float32)


def _fitting(mask: npt.NDArray[Any], name: str, height: int, width: int) -> npt.NDArray[np.float32]:
    if mask.shape != (height, width):
        raise RegionError(
            f"{name} is {mask.shape[1]}x{mask.shape[0]} pixels but the photo is {width}x{height}; "
            "expected the same size"
        )
    return _unit_range(mask)


def _unit_range(mask: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """bool, 0 ... 1 float or 0 ... 255 uint8 as float32 0 ... 1."""
    if mask.ndim != 2:
        raise RegionError(f"mask: got shape {mask.shape}, expected (H, W)")
    if mask.dtype == np.uint8:
        # A uint8 mask of only 0 and 1 is a label image, as many tools save it, not near-black.
        whole = 1.0 if mask.size and mask.max() == 1 else 255.0
        return (mask / np.float32(whole)).astype(np.float32)
    return np.asarray(np.clip(mask, 0.0, 1.0), np.float32)
