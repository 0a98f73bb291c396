"""Which of several candidate masks is meant: a part, the object or the whole.

Axis legend: K candidates, H rows, W columns.

One click on a shirt may mean a button, the shirt or the person (the ambiguity that Segment Anything answers
with three masks, Kirillov et al. 2023, section 3). Candidates are compared by area.
"""

from typing import get_args

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import SettingsError
from follow_your_click.region import Granularity
from follow_your_click.segmentation.base import Segmentation

# Both chosen, not tuned. A candidate whose score is further below the best one is a guess that the segmenter
# itself does not believe; a share of it, since segmenters differ in how high they score.
SENSIBLE_SHARE = 0.7
NESTED_SHARE = 0.9  # of the smaller mask's pixels, inside the larger one

Mask = npt.NDArray[np.bool_]


def choose_mask(segmentation: Segmentation, granularity: Granularity | None = None) -> Mask:
    """One of the candidates, (H, W) bool, a view.

    None: the one with the best score. Otherwise, of a segmenter that names its candidates' levels, the one
    of that name. Of others only sensible candidates count, those with pixels and a
    score of at least 0.7 times the best. "part": the smallest of them. "whole": the largest.
    "object": where three or more lie inside one another, the middle one by area (of four the better one
    of the two in the middle); else the one with the best score, as None.
    Equal scores or areas: the earlier candidate. Raises SettingsError for another granularity.
    """
    if granularity not in (None, *get_args(Granularity)):
        raise SettingsError(
            f"granularity: got {granularity!r}, expected part, object or whole, or None for the best score"
        )
    chosen: Mask = segmentation.masks[_chosen(segmentation, granularity)]
    return chosen


def _chosen(segmentation: Segmentation, granularity: Granularity | None) -> int:
    masks, scores = segmentation.masks, segmentation.scores
    best = int(np.argmax(scores))
    if granularity is None:
        return best
    if granularity in segmentation.levels:
        return segmentation.levels.index(granularity)
    areas = [int(np.count_nonzero(mask)) for mask in masks]
    enough = SENSIBLE_SHARE * float(scores[best])
    sensible = [index for index in range(len(masks)) if areas[index] and scores[index] >= enough]
    if not sensible:
        return best
    if granularity == "whole":
        return max(sensible, key=lambda index: areas[index])
    by_area = sorted(sensible, key=lambda index: areas[index])
    return by_area[0] if granularity == "part" else _middle(masks, scores, by_area)


def _middle(
    masks: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32], by_area: list[int]
) -> int:
    """The index of the object among candidates that are sorted by area."""
    pairs = zip(by_area[:-1], by_area[1:], strict=True)
    if len(by_area) < 3 or not all(_inside(masks[small], masks[large]) for small, large in pairs):
        return min(by_area, key=lambda index: (-scores[index], index))
    half = len(by_area) // 2
    middle = by_area[half : half + 1] if len(by_area) % 2 else by_area[half - 1 : half + 1]
    return min(middle, key=lambda index: (-scores[index], index))


def _inside(small: Mask, large: Mask) -> bool:
    return bool(np.count_nonzero(small & large) >= NESTED_SHARE * np.count_nonzero(small))
