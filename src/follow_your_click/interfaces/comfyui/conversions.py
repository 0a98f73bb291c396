"""Between what ComfyUI's nodes are given and the project's own types.

Axis legend: B images of a batch, H W rows and columns; last axis red, green, blue.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from follow_your_click.errors import ImageError
from follow_your_click.interfaces.comfyui.host import temporary_place
from follow_your_click.interfaces.comfyui.inputs import HELD_STILL
from follow_your_click.region import Edit, Feather, Grow, HoldStill, Region, Selection, Shrink
from follow_your_click.region.json_forms import mask_levels


def to_photo(image: torch.Tensor) -> npt.NDArray[np.uint8]:
    """The one image of an IMAGE (B, H, W, 3) as uint8 (H, W, 3). Raises ImageError unless B is 1."""
    if image.ndim != 4 or len(image) != 1:
        count = len(image) if image.ndim == 4 else 0
        raise ImageError(f"got a batch of {count} images; expected one image, the photo that moves")
    pixels = (image[0, ..., :3].clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(pixels.cpu().numpy())


def to_edits(grow: int, feather: int) -> list[Edit]:
    """Pixels to edits; of `grow`, below 0 shrinks, and 0 is none."""
    edits: list[Edit] = []
    if grow:
        edits.append(Grow(grow) if grow > 0 else Shrink(-grow))
    if feather:
        edits.append(Feather(feather))
    return edits


def to_region(
    selection: Selection,
    mask: npt.NDArray[np.float32],
    prompt: str,
    strength: float,
    kind: str,
) -> Region | HoldStill:
    """A selection as what moves or is held still, its mask settled: no segmenter is asked again."""
    settled = mask_levels(mask)
    edits, granularity = selection.edits, selection.granularity
    if kind == HELD_STILL:
        held = HoldStill(selection.areas, edits=edits, granularity=granularity)
        return held.with_mask(settled)
    region = Region(
        selection.areas,
        prompt=prompt,
        strength=None if strength < 0 else strength,
        edits=edits,
        granularity=granularity,
    )
    return region.with_mask(settled)


def as_shown(pixels: npt.NDArray[np.uint8]) -> dict[str, str]:
    """A picture (H, W) or (H, W, 3), written where ComfyUI's page finds it."""
    place = temporary_place()
    Image.fromarray(pixels).save(place.folder / f"{place.name}.png", compress_level=1)
    return place.as_result(".png")
