"""Which of several cuts is the object that was meant: guessed overlaps (IoU) with it.

Axis legend: h w rows and columns (working size), K candidates, J features.
"""

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.segmentation.grabcut_photo import BoolMap, Photo, Prompt, distance_to, iou

# Ridge regression (penalty 10) of the IoU with the true mask on _features, on the photos with true masks that
# are not held out.
SCORE_BIAS = 0.1368
SCORE_WEIGHTS = np.array(
    [-0.0293, -0.0132, 0.121, -0.1044, 0.0735, 0.1627, -0.6172, 0.2866, -0.1314, 0.2529, -0.0471]
)


def guess_scores(
    photo: Photo, prompt: Prompt, candidates: list[BoolMap]
) -> npt.NDArray[np.float64]:
    """Guessed IoU with the object that was meant: (K,), 0 ... 1."""
    if prompt.mask is not None:
        return np.array([iou(found, prompt.mask) for found in candidates])
    if prompt.box is not None:  # an object fills its box from side to side
        asked = prompt_area(photo, prompt)
        return np.array([iou(_bounds(found), asked) for found in candidates])
    guess = SCORE_BIAS + _features(photo, prompt, candidates) @ SCORE_WEIGHTS
    return np.asarray(np.clip(guess, 0.0, 1.0), np.float64)


def _features(photo: Photo, prompt: Prompt, candidates: list[BoolMap]) -> npt.NDArray[np.float64]:
    """What tells a whole object from a part or a patch of background: (K, J)."""
    total = candidates[0].size
    overlaps = np.array([[iou(a[::3, ::3], b[::3, ::3]) for b in candidates] for a in candidates])
    others = (overlaps.sum(axis=1) - 1.0) / max(1, len(candidates) - 1)
    rows = []
    for found, agreement in zip(candidates, others, strict=True):
        area = np.count_nonzero(found)
        log_area = np.log(area / total)
        apart = distance_to(found)  # outside: distance to the mask
        depth = distance_to(~found)  # inside: distance to the rim
        ring = (apart > 0) & (apart <= max(2.0, 0.15 * np.sqrt(area)))
        rim = (apart > 0) & (apart < 1.5) | (depth > 0) & (depth < 1.5)
        inner, outer = (
            np.bincount(photo.colour_bin[part], minlength=1152) / max(1, part.sum())
            for part in (found, ring)
        )
        edges = photo.gradient[rim] if rim.any() else np.zeros(1)
        y, x = np.argwhere(found).mean(axis=0)
        off = np.hypot(*(prompt.positive.mean(axis=0) - (x, y))) / np.sqrt(area)
        outline = cv2.convexHull(np.argwhere(found).astype(np.int32))
        per_side = np.concatenate([found[0], found[-1], found[:, 0], found[:, -1]])
        clicked = depth[prompt.positive[:, 1], prompt.positive[:, 0]].max()
        rows.append(
            (
                log_area,
                log_area**2,
                1.0 - np.sqrt(inner * outer).sum(),  # colours differ from those around it
                np.tanh(edges.mean() / 10.0),  # its rim lies on edges
                (edges > 4.0).mean(),
                area / (cv2.contourArea(outline) + np.count_nonzero(rim) / 2 + 1),  # solid
                per_side.mean(),  # share of the photo's border that it takes
                clicked / depth.max(),  # people click the middle
                min(2.0, float(off)),
                agreement,  # found again from other window sizes
                np.tanh(photo.border_distance[found].mean() / 60.0),  # unlike the border
            )
        )
    return np.array(rows)


def prompt_area(photo: Photo, prompt: Prompt) -> BoolMap:
    """The prompt's own shape, when no cut left a pixel: the rough mask or the box."""
    shape = photo.smooth.shape[:2]
    found = np.zeros(shape, np.bool_) if prompt.mask is None else prompt.mask.copy()
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        found[y0:y1, x0:x1] = True
    return found


def _bounds(mask: BoolMap) -> BoolMap:
    """The filled bounding box of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    filled = np.zeros(mask.shape, np.bool_)
    filled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return filled
