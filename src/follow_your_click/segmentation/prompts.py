"""The questions that a selection puts to a segmenter, and the answers.

Axis legend: H rows, W columns, N points, K candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import RegionError
from follow_your_click.region import Area, Box, Click
from follow_your_click.segmentation.base import PartNamingSegmenter, Segmentation, Segmenter


@dataclass(frozen=True)
class Prompt:
    """One question to a segmenter: clicks, a box, or both."""

    clicks: tuple[Click, ...]
    box: Box | None


def plain_prompts(areas: Sequence[Area], height: int, width: int) -> dict[int, Prompt]:
    """The questions of all plain clicks and boxes, each under the index of the area whose place it takes.

    All clicks and a single box are one question, in the place of the first of them that is positive. Of
    several boxes each is one, with the negative clicks; so are the clicks then. Raises RegionError for
    one that lies outside the photo, or negative clicks with nothing to cut from.
    """
    clicks = {index: area for index, area in enumerate(areas) if isinstance(area, Click)}
    boxes = {
        index: clipped(area, height, width)
        for index, area in enumerate(areas)
        if isinstance(area, Box)
    }
    for click in clicks.values():
        check_inside(click, height, width)
    positive = {index: click for index, click in clicks.items() if click.positive}
    negative = tuple(click for click in clicks.values() if not click.positive)
    _check_negative(tuple(positive.values()), negative, bool(boxes))
    if len(boxes) == 1:
        place = min([*boxes, *positive])
        return {place: Prompt(tuple(clicks.values()), *boxes.values())}
    prompts = {index: Prompt(negative, box) for index, box in boxes.items()}
    if positive:
        prompts[min(positive)] = Prompt(tuple(clicks.values()), None)
    return prompts


def wrapped_prompt(area: Click | Box, height: int, width: int) -> Prompt:
    """The question of a click or box inside Subtract or Intersect; RegionError if it lies outside the photo."""
    if isinstance(area, Box):
        return Prompt((), clipped(area, height, width))
    check_inside(area, height, width)
    return Prompt((area,), None)


def ask(
    segmenter: Segmenter, prompt: Prompt, height: int, width: int, *, part: str | None = None
) -> Segmentation:
    """All candidates for one question, best first; RegionError if they are not of the photo's size (H, W).

    `part`: what a part is called that is meant, for a segmenter that knows the name.
    """
    coords = labels = box = None
    if prompt.clicks:
        coords = np.array([_float32_in_pixel(click) for click in prompt.clicks], np.float32)
        labels = np.array([int(click.positive) for click in prompt.clicks], np.int64)
    if prompt.box is not None:
        corners = (prompt.box.x0, prompt.box.y0, prompt.box.x1, prompt.box.y1)
        box = np.array(corners, np.float32)
    if isinstance(segmenter, PartNamingSegmenter) and part in segmenter.part_names:
        found = segmenter.predict(point_coords=coords, point_labels=labels, box=box, part=part)
    else:
        found = segmenter.predict(point_coords=coords, point_labels=labels, box=box)
    if found.masks.shape[1:] != (height, width):
        rows, columns = found.masks.shape[1:]
        raise RegionError(
            f"segmenter: got a mask of {columns}x{rows} pixels, expected the "
            f"photo's {width}x{height}; call set_image with this photo first"
        )
    return found


def keep_clicks(mask: npt.NDArray[np.bool_], prompt: Prompt) -> npt.NDArray[np.bool_]:
    """A copy in which each positive click's own pixel is in and each negative one's is not.

    A segmenter may overlook a click; its person is always right. An empty mask stays empty.
    """
    kept = mask.copy()
    if mask.any():
        for click in prompt.clicks:
            kept[int(click.y), int(click.x)] = click.positive
    return kept


def check_inside(click: Click, height: int, width: int) -> None:
    """Raises RegionError for a click outside the photo."""
    if not (0 <= click.x < width and 0 <= click.y < height):
        raise RegionError(
            f"click {click.x:g},{click.y:g} lies outside the photo of {width}x{height} pixels; "
            f"expected x in 0 ... {width - 1} and y in 0 ... {height - 1}"
        )


def clipped(box: Box, height: int, width: int) -> Box:
    """The part of a box that lies on the photo; RegionError if there is none."""
    x0, y0 = max(box.x0, 0.0), max(box.y0, 0.0)
    x1, y1 = min(box.x1, float(width)), min(box.y1, float(height))
    if x0 >= x1 or y0 >= y1:
        raise RegionError(
            f"box {box.x0:g},{box.y0:g},{box.x1:g},{box.y1:g} lies outside the photo of "
            f"{width}x{height} pixels; expected a box that overlaps it"
        )
    return Box(x0, y0, x1, y1)


def _check_negative(positive: Sequence[Click], negative: Sequence[Click], has_boxes: bool) -> None:
    """A negative click needs something to be cut from, and must not contradict a positive one."""
    if negative and not positive and not has_boxes:
        raise RegionError(
            "region: got negative clicks with only strokes, polygons or masks, expected a positive "
            "click or a box that they cut from; to cut from a mask, subtract an area"
        )
    pixels = {(int(click.x), int(click.y)) for click in positive}
    for click in negative:
        if (int(click.x), int(click.y)) in pixels:
            raise RegionError(
                f"click {click.x:g},{click.y:g} is both included and excluded; remove one of them"
            )


def _float32_in_pixel(click: Click) -> tuple[np.float32, np.float32]:
    """As float32 and still in the click's own pixel: 9.9999999 must not become 10."""
    x, y = (
        min(np.float32(value), np.nextafter(np.float32(int(value) + 1), np.float32(0)))
        for value in (click.x, click.y)
    )
    return x, y
