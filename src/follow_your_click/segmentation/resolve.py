"""From a selection's areas and edits to one mask of the photo's size.

Axis legend: H rows, W columns, K candidates.

Masks are combined and edited in 256 levels, what a PNG can hold: a mask that is saved and loaded, or kept in a project,
is the mask that was animated, bit for bit.
"""

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import RegionError
from follow_your_click.named_parts import named_part
from follow_your_click.region import (
    Area,
    Box,
    Brush,
    Click,
    Intersect,
    PlainArea,
    Polygon,
    Region,
    Selection,
    Subtract,
    area_text,
    edit_text,
)
from follow_your_click.region.json_forms import levels_to_unit
from follow_your_click.segmentation.base import Segmentation, Segmenter
from follow_your_click.segmentation.drawing import fill_polygon, paint_stroke
from follow_your_click.segmentation.edits import Levels, edit_mask
from follow_your_click.segmentation.granularity import choose_mask
from follow_your_click.segmentation.mask_files import levels_of, load_mask, save_mask
from follow_your_click.segmentation.prompts import (
    Prompt,
    ask,
    keep_clicks,
    plain_prompts,
    wrapped_prompt,
)

__all__ = [
    "candidate_masks",
    "check_masks",
    "load_mask",
    "needs_segmenter",
    "region_mask",
    "save_mask",
]


def needs_segmenter(selection: Selection) -> bool:
    """Whether a segmenter is asked for it: it has clicks or boxes, wrapped ones too, and no settled mask."""
    areas = (
        each.area if isinstance(each, Subtract | Intersect) else each for each in selection.areas
    )
    return selection.mask is None and any(isinstance(each, Click | Box) for each in areas)


def region_mask(
    image: npt.NDArray[np.uint8], region: Selection, segmenter: Segmenter
) -> npt.NDArray[np.float32]:
    """The mask of one selection: (H, W) float32, 0 ... 1 in steps of 1/255, 1 = may move.

    `image`: (H, W, 3) uint8 RGB; `segmenter` must have been given this image by `set_image`, and
    is asked only if `needs_segmenter`. All plain clicks and a single box make one question; of several
    boxes, and of what Subtract and Intersect wrap, each is one of its own. Areas are combined in
    their order, then edits are applied in theirs. A positive click's own pixel is in the answer to its
    question. A settled mask is returned as it is. Of a region of granularity "part" whose prompt names the part, a segmenter that
    takes names (`base.PartNamingSegmenter`) is told it.
    Raises RegionError for an area outside the photo, a mask of another size or that cannot be
    read, and when nothing is left, naming the step that left nothing.
    """
    return levels_to_unit(_Resolver(image, region, segmenter).mask())


def candidate_masks(
    image: npt.NDArray[np.uint8], region: Selection, segmenter: Segmenter
) -> Segmentation:
    """All candidates for the selection's plain clicks and box, (K, H, W) bool, best first, before any choice or edit.

    Raises RegionError if they are no single question, or lie outside the photo.
    """
    height, width = image.shape[:2]
    prompts = plain_prompts(region.areas, height, width)
    if len(prompts) != 1:
        raise RegionError(
            f"candidates: got {len(prompts)} questions to the segmenter, expected clicks, one box, or both"
        )
    (prompt,) = prompts.values()
    found = ask(segmenter, prompt, height, width)
    masks = np.stack([keep_clicks(mask, prompt) for mask in found.masks])
    return Segmentation(masks, found.scores)


def check_masks(
    masks: Sequence[npt.NDArray[np.float32]],
    photo_size: tuple[int, int],
    *,
    hold_still: Sequence[npt.NDArray[np.float32]] = (),
) -> None:
    """Raises RegionError if nothing of the photo stays still, or a region is held still altogether.

    `masks`, `hold_still`: one (H, W) 0 ... 1 per region and per area held still; above 0.5 counts.
    `photo_size`: (H, W). Also raises for a mask of another size.
    """
    height, width = photo_size
    held = np.zeros(photo_size, np.bool_)
    for mask in hold_still:
        held |= _of_size(mask, "hold still", height, width) > 0.5
    moving = np.zeros(photo_size, np.bool_)
    for number, mask in enumerate(masks, start=1):
        region = (_of_size(mask, f"region {number}", height, width) > 0.5) & ~held
        if not region.any():
            raise RegionError(
                f"region {number} lies wholly inside what is held still, expected some of it outside; "
                "hold a smaller area, or remove the region"
            )
        moving |= region
    if moving.all():
        what = "the region covers" if len(masks) == 1 else "the regions together cover"
        raise RegionError(
            f"{what} the whole photo of {width}x{height} pixels, expected something that stays still; "
            "select less, subtract an area, or hold one still"
        )


class _Resolver:
    """One selection on its way to a mask of 256 levels."""

    def __init__(
        self, image: npt.NDArray[np.uint8], selection: Selection, segmenter: Segmenter
    ) -> None:
        self.height, self.width = image.shape[:2]
        self.selection = selection
        self.segmenter = segmenter
        self.emptied_by: str | None = None

    def mask(self) -> Levels:
        selection = self.selection
        if selection.mask is not None:
            mask = levels_of(_of_size(selection.mask, "mask", self.height, self.width))
        else:
            if selection.granularity is not None and not needs_segmenter(selection):
                warnings.warn(
                    f"granularity {selection.granularity!r} is ignored: there is no click or box",
                    stacklevel=3,
                )
            mask = self._combined()
            for edit in selection.edits:
                mask = self._noting(edit_text(edit), mask, edit_mask(mask, edit))
        self._check_not_empty(mask)
        return mask

    def _combined(self) -> Levels:
        prompts = plain_prompts(self.selection.areas, self.height, self.width)
        mask = np.zeros((self.height, self.width), np.uint8)
        for index, area in enumerate(self.selection.areas):
            if isinstance(area, Subtract):
                mask = self._noting(area_text(area), mask, np.minimum(mask, ~self._wrapped(area)))
            elif isinstance(area, Intersect):
                mask = self._noting(area_text(area), mask, np.minimum(mask, self._wrapped(area)))
            elif index in prompts:
                mask = np.maximum(mask, self._answer(prompts[index]))
            elif not isinstance(area, Click | Box):
                mask = np.maximum(mask, self._drawn(area))
        return mask

    def _wrapped(self, area: Subtract | Intersect) -> Levels:
        inner: PlainArea = area.area
        if isinstance(inner, Click | Box):
            return self._answer(wrapped_prompt(inner, self.height, self.width))
        return self._drawn(inner)

    def _answer(self, prompt: Prompt) -> Levels:
        found = ask(self.segmenter, prompt, self.height, self.width, part=self._part())
        return levels_of(keep_clicks(choose_mask(found, self.selection.granularity), prompt))

    def _part(self) -> str | None:
        """What the part is called that is meant, if one is, and the prompt says."""
        selection = self.selection
        if isinstance(selection, Region) and selection.granularity == "part":
            return named_part(selection.prompt)
        return None

    def _drawn(self, area: Area) -> Levels:
        height, width = self.height, self.width
        if isinstance(area, Brush):
            return levels_of(paint_stroke(area, height, width))
        if isinstance(area, Polygon):
            return levels_of(fill_polygon(area, height, width))
        if isinstance(area, np.ndarray):
            return levels_of(_of_size(area, "mask", height, width))
        assert isinstance(area, str | os.PathLike), "the other areas are asked of the segmenter"
        return levels_of(_of_size(load_mask(area), f"mask {os.fspath(area)}", height, width))

    def _noting(self, step: str, before: Levels, after: Levels) -> Levels:
        """The mask after a step, which is remembered if it is the one that left nothing."""
        if after.max() <= 127 < before.max():
            self.emptied_by = step
        return after

    def _check_not_empty(self, mask: Levels) -> None:
        if mask.max() > 127:
            return
        if self.emptied_by is not None:
            raise RegionError(
                f'region: "{self.emptied_by}" left nothing of the mask, expected some pixels above '
                "0.5; leave that step out or make it smaller"
            )
        if not mask.any():
            raise RegionError(
                "region: got an empty mask, expected some pixels of the photo; click on the object, "
                "or paint it with a brush"
            )
        raise RegionError(
            f"region: got a mask that is nowhere above {mask.max() / 255:.2g}, expected some pixels "
            "above 0.5; white is what may move"
        )


def _of_size(mask: npt.NDArray[Any], name: str, height: int, width: int) -> npt.NDArray[Any]:
    if mask.shape != (height, width):
        raise RegionError(
            f"{name} is {mask.shape[1]}x{mask.shape[0]} pixels but the photo is {width}x{height}; "
            "expected the same size"
        )
    return mask
