"""Where a person would click, given what they mean and what they see.

Axis legend: H rows, W columns.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.region import Click

Bools = npt.NDArray[np.bool_]

OFF_RIM = 2.0  # px


def interior_depth(area: Bools) -> npt.NDArray[np.float32]:
    """Distance of each pixel of the area to its rim in pixels, 0 outside; the photo's border is rim too."""
    padded = np.pad(area, 1).astype(np.uint8)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return np.asarray(depth, np.float32)


def most_interior(area: Bools) -> tuple[int, int]:
    """x, y of the pixel of the area that is farthest from its rim."""
    y, x = np.unravel_index(int(np.argmax(interior_depth(area))), area.shape)
    return int(x), int(y)


def somewhere_inside(area: Bools, random: random_module.Random) -> tuple[int, int]:
    """x, y of a random pixel of the area: of its deeper part, or anywhere but on its rim, as on a leg or a wing."""
    depth = interior_depth(area)
    share = random.uniform(0.2, 1.0) * depth.max()
    rows, columns = np.nonzero(depth >= (share if random.random() < 0.5 else min(share, OFF_RIM)))
    at = random.randrange(len(rows))
    return int(columns[at]), int(rows[at])


def largest_error(truth: Bools, found: Bools) -> tuple[Bools, bool] | None:
    """The largest connected error and whether it is missed (True) or taken too much; None without any."""
    largest, worst = 0, None
    for wrong, positive in ((truth & ~found, True), (found & ~truth, False)):
        _, parts, statistics, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))
        areas = statistics[1:, cv2.CC_STAT_AREA]
        if areas.size and areas.max() > largest:
            largest = int(areas.max())
            worst = (parts == 1 + int(areas.argmax()), positive)
    return worst


def next_click(truth: Bools, found: Bools) -> Click | None:
    """The click that a person would add: the most interior pixel of the largest error, None without any."""
    worst = largest_error(truth, found)
    if worst is None:
        return None
    area, positive = worst
    x, y = most_interior(area)
    return Click(x, y, positive=positive)


def click_overlaps(
    answer: Callable[[Sequence[Click]], Bools],
    truth: Bools,
    clicks: int,
    *,
    start: tuple[int, int] | None = None,
) -> tuple[list[float], Bools]:
    """IoU with the truth after each of `clicks` clicks, and the mask of the first.

    Args:
        answer: the mask (H, W) for all clicks so far; not asked again once the mask is perfect.
        start: x, y of the first click; None: the most interior pixel.
    """
    found = first = np.zeros_like(truth)
    given: list[Click] = []
    overlaps: list[float] = []
    for number in range(clicks):
        click = Click(*start) if start and not number else next_click(truth, found)
        if click is not None:
            given.append(click)
            found = answer(given)
        overlaps.append(float((found & truth).sum() / max(1, (found | truth).sum())))
        first = found if len(overlaps) == 1 else first
    return overlaps, first
