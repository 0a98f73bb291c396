"""Growing, shrinking, feathering and tidying a mask.

A mask here is uint8 (H, W), 256 levels, inside = above 127; see `region.edits` for what each edit means. Work is
done on the box around what the mask holds, widened by the edit's reach: a small object in a large photo costs as much
as in a small one.
"""

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.region import Edit, Feather, FillHoles, Grow, KeepLargest, Shrink

__all__ = ["Feather", "FillHoles", "Grow", "KeepLargest", "Shrink", "edit_mask"]

Levels = npt.NDArray[np.uint8]


def edit_mask(mask: Levels, edit: Edit) -> Levels:
    """A mask (H, W) of 256 levels after one edit; the one given is not changed.

    An empty mask stays empty.
    """
    reach = edit.pixels if isinstance(edit, Grow | Shrink | Feather) else 0.0
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask))
    if not width:
        return mask.copy()
    # One more pixel, so that the object's rim has an outside to be measured from.
    margin = int(np.ceil(reach)) + 1
    top, left = max(0, y - margin), max(0, x - margin)
    window = np.s_[top : y + height + margin, left : x + width + margin]
    result = mask.copy()
    result[window] = _edited(mask[window], edit)
    return result


def _edited(mask: Levels, edit: Edit) -> Levels:
    inside = mask > 127
    if isinstance(edit, Grow):
        return np.where(_squared_distance(inside) <= edit.pixels**2, np.uint8(255), mask)
    if isinstance(edit, Shrink):
        return np.where(_squared_distance(~inside) <= edit.pixels**2, np.uint8(0), mask)
    if isinstance(edit, Feather):
        return _feathered(inside, edit.pixels)
    if isinstance(edit, FillHoles):
        return np.where(_holes(inside), np.uint8(255), mask)
    return _largest(mask, inside)


def _feathered(inside: npt.NDArray[np.bool_], pixels: float) -> Levels:
    # A pixel's centre lies half a pixel from the rim that runs between it and its neighbour.
    outward = 0.5 - np.sqrt(_squared_distance(inside))
    inward = np.sqrt(_squared_distance(~inside)) - 0.5
    depth = np.where(inside, inward, outward)
    return np.rint(np.clip(0.5 + depth / pixels, 0.0, 1.0) * 255.0).astype(np.uint8)


def _holes(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The outside that a flood over sides, not corners, does not reach from beyond the frame."""
    flooded = np.pad(inside.astype(np.uint8), 1)
    cv2.floodFill(flooded, None, (0, 0), 2, flags=4)
    return np.asarray(flooded[1:-1, 1:-1] == 0)


def _largest(mask: Levels, inside: npt.NDArray[np.bool_]) -> Levels:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    sizes = np.bincount(labels[inside], minlength=count)
    equals = np.flatnonzero(sizes == sizes.max())
    topmost = equals[np.argmin(stats[equals, cv2.CC_STAT_TOP])]
    return np.where(labels == topmost, mask, np.uint8(0))


def _squared_distance(marked: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """From each pixel's centre to the nearest marked one's, squared: (H, W), infinite if none is marked.

    Whole numbers, exact up to 1000 pixels, so that what one edit reaches another reaches back.
    """
    if not marked.any():
        return np.full(marked.shape, np.inf, np.float32)
    away = np.ascontiguousarray(~marked).view(np.uint8)
    distance = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.rint(np.square(distance, out=distance), out=distance), np.float32)
