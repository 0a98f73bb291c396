"""How sure it is that a mask ends where its object does, as the click network's own doubts tell.

Axis legend: H W rows and columns of the photo, h w of the network's image, K levels (part, object, whole, head).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.data.simulated_clicks import most_interior
from follow_your_click.models.click_network import LEVELS
from follow_your_click.segmentation.full_size import reduced_copy

# Mean doubt about an edge, up to which it is sure, and from which not at all. On 248 masks that training saw, of the places at edges found
# by one click with less than 0.1 of it 0.89 lie within 2.5 % of the object's length of the true edge, with less than 0.15 0.85, of all 0.66.
DOUBT = (0.1, 0.22)
AROUND = 0.05  # of the length of what is shown: standard deviation of the blur by which that mean is taken


def sure_edge(
    mask: npt.NDArray[np.float32], chances: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """How sure the edge of a mask is, near each place: float32 (h, w), 0 ... 1.

    The edge between a part and the rest of its object is not: it is one that the object does not have.

    Args:
        mask: float32 (h, w), 0 ... 1.
        chances: float32 (K, h, w), that a place belongs to what was clicked, by each of `LEVELS`; the one most like the mask is
            taken for what it shows.
    """
    shown = mask > 0.5
    if not shown.any():
        return np.zeros_like(mask)
    own = min(chances, key=lambda level: float(np.abs(level - shown).sum()))
    beyond = np.maximum(own, chances[LEVELS.index("object")])
    doubt = np.where(shown, 1 - own, beyond).astype(np.float32)
    length = 1 + max(int(np.ptp(places)) for places in np.nonzero(shown))
    mean = cv2.GaussianBlur(doubt, (0, 0), AROUND * length)
    share = np.clip((DOUBT[1] - mean) / (DOUBT[1] - DOUBT[0]), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def middle_of(mask: npt.NDArray[np.float32], side: int) -> tuple[int, int]:
    """x, y of about the most interior pixel of a mask (H, W), found in a copy with a long side of `side` at most."""
    small = reduced_copy(mask, side)
    x, y = most_interior(small >= min(0.5, float(small.max())))
    down, across = (full / reduced for full, reduced in zip(mask.shape, small.shape, strict=True))
    return int((x + 0.5) * across), int((y + 0.5) * down)
