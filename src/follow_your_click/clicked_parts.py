"""The part of an object that one click means where the prompt names a part.

Axis legend: H W rows and columns of the photo.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from follow_your_click.named_parts import named_part
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.region import Region
from follow_your_click.segmentation import Segmenter, region_mask

MOST = 0.8  # of what the click found: a larger part is as good as all of it


def with_named_parts(
    photo: npt.NDArray[np.uint8],
    regions: Sequence[Region],
    masks: Sequence[npt.NDArray[np.float32]],
    readings: Sequence[PromptReading | None],
    segmenter: Segmenter,
) -> tuple[list[Region], list[npt.NDArray[np.float32]]]:
    """The regions and their masks (H, W), where a part is named as if `granularity` "part" had been asked for.

    Only of one click that nothing was added to; masks that people drew or mended mean themselves. Heads that nod or turn are found
    otherwise, see `heads`.

    Args:
        photo: uint8 (H, W, 3).
        segmenter: is asked where a part is named.
    """
    chosen, found = list(regions), list(masks)
    named = [
        number
        for number, (region, reading) in enumerate(zip(regions, readings, strict=True))
        if _of_a_clicked_part(region) and not (reading and reading.of_a_head)
    ]
    if named:
        segmenter.set_image(photo)
    for number in named:
        part = regions[number].with_granularity("part")
        own = np.minimum(region_mask(photo, part, segmenter), masks[number])
        if 0 < (own > 0.5).sum() < MOST * (masks[number] > 0.5).sum():
            chosen[number], found[number] = part, own
    return chosen, found


def _of_a_clicked_part(region: Region) -> bool:
    return (
        named_part(region.prompt) is not None
        and region.granularity is None
        and not region.edits
        and region.only_click is not None
    )
