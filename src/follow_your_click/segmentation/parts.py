"""What of a mask hangs together with its clicks.

Axis legend: H rows, W columns, N points.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.segmentation.grabcut_photo import BoolMap, pixels_at

SMALL_PART = 0.1  # of the largest part: what is left away where nothing was clicked


def tidy(mask: BoolMap, positive: npt.NDArray[np.intp], negative: npt.NDArray[np.intp]) -> BoolMap:
    """Keep the parts that were clicked (else the large ones), without holes or excluded points.

    `mask`: (H, W). `positive`, `negative`: (N, 2) pixels as x, y; they get their side whatever the mask says.
    """
    mask = mask & ~pixels_at(negative, mask.shape) | pixels_at(positive, mask.shape)
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    keep = np.zeros(len(statistics), np.bool_)
    if len(positive):
        keep[parts[positive[:, 1], positive[:, 0]]] = True
    elif len(statistics) > 1:
        areas = statistics[1:, cv2.CC_STAT_AREA]
        keep[1:] = areas > SMALL_PART * areas.max()
    keep[0] = False
    # A hole is background that cannot reach the rim; an excluded point keeps its hole open.
    empty = np.pad(~keep[parts], 1, constant_values=True).astype(np.uint8)
    _, outside = cv2.connectedComponents(empty, connectivity=4)
    excluded = negative + 1
    open_parts = np.append(outside[excluded[:, 1], excluded[:, 0]], outside[0, 0])
    return ~np.isin(outside, open_parts)[1:-1, 1:-1]
