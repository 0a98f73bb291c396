"""Which pixel belongs to whom, when regions overlap each other or what is held still.

Axis legend: H W rows and columns of the photo, L frames, h w of a patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from follow_your_click.clip import Patch
from follow_your_click.errors import RegionError
from follow_your_click.rendering import Rendered


def divided(
    masks: Sequence[npt.NDArray[np.float32]], held: npt.NDArray[np.bool_]
) -> list[npt.NDArray[np.float32]]:
    """Each region without what lies over it: the later regions, and what is held still.

    Raises:
        RegionError: nothing of a region is left.
    """
    free = 1 - held.astype(np.float32)
    own: list[npt.NDArray[np.float32]] = []
    for index in reversed(range(len(masks))):
        left = masks[index] * free
        if not (left > 0.5).any():
            raise RegionError(
                f"region {index + 1} lies wholly under later regions; expected some pixels of its own: put it"
                " last, or make the others smaller"
            )
        own.append(left)
        free = free * (1 - masks[index])
    return own[::-1]


def beside(
    index: int, masks: Sequence[npt.NDArray[np.float32]], held: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """What a region does not take along, bool (H, W): what is held still, and the regions that do not overlap it (a part and its whole do)."""
    own = masks[index] > 0.5
    others = [mask > 0.5 for number, mask in enumerate(masks) if number != index]
    return np.asarray(
        np.any([held, *(other for other in others if not (other & own).any())], axis=0)
    )


def kept_still(
    rendered: Rendered, photo: npt.NDArray[np.uint8], held: npt.NDArray[np.bool_]
) -> Rendered:
    """The patch with the photo where it is held still."""
    height, width = rendered.changed.shape
    area = np.s_[rendered.y : rendered.y + height, rendered.x : rendered.x + width]
    here = held[area]
    if not here.any():
        return rendered
    frames = np.where(here[None, ..., None], photo[area][None], rendered.frames)
    alpha = np.where(here[None], np.uint8(0), rendered.alpha)
    return replace(rendered, frames=frames, changed=rendered.changed & ~here, alpha=alpha)


def laid_over(rendered: Rendered, earlier: Sequence[Patch], photo: npt.NDArray[np.uint8]) -> Patch:
    """A rendered patch with what moves in the patches below it, wherever its own object is not."""
    frames, alpha = rendered.frames, rendered.alpha
    height, width = frames.shape[1:3]
    for patch in earlier:
        left, top = max(patch.x, rendered.x), max(patch.y, rendered.y)
        right = min(patch.x + patch.frames.shape[2], rendered.x + width)
        bottom = min(patch.y + patch.frames.shape[1], rendered.y + height)
        if left >= right or top >= bottom:
            continue
        here = np.s_[top - rendered.y : bottom - rendered.y, left - rendered.x : right - rendered.x]
        there = np.s_[:, top - patch.y : bottom - patch.y, left - patch.x : right - patch.x]
        below = patch.frames[there]
        moves = (below != photo[top:bottom, left:right]).any(axis=3)
        shown = moves & (rendered.alpha[:, *here] == 0)
        frames = frames.copy()
        frames[:, *here] = np.where(shown[..., None], below, frames[:, *here])
        if patch.alpha is not None:
            alpha = alpha.copy()
            alpha[:, *here] = np.maximum(alpha[:, *here], patch.alpha[there])
    return Patch(rendered.x, rendered.y, frames, alpha)
