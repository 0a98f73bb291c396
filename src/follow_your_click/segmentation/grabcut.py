"""A segmenter that needs no weights: GrabCut in windows of several sizes, the best guess first.

One click does not say how large the object is. So GrabCut (Rother et al. 2004) runs once for each
of several window sizes, started from the pixels that are near the click both in place and along
the colours on the way there (geodesic distance, as in Bai and Sapiro 2007). A linear score with
tuned weights ranks what comes out, and a guided filter (He et al. 2010) brings it to full size.

Axis legend: H rows, W columns (photo), h w (working size), N points, K candidates.
"""

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.errors import RegionError
from follow_your_click.segmentation.base import Segmentation
from follow_your_click.segmentation.grabcut_photo import (
    BoolMap,
    ByteMap,
    Photo,
    Prompt,
    blur,
    distance_to,
    geodesic,
    iou,
    pixels_at,
    prepare,
    resized,
    shrunk,
)
from follow_your_click.segmentation.grabcut_score import guess_scores, prompt_area
from follow_your_click.segmentation.parts import tidy
from follow_your_click.segmentation.points import (
    check_asked,
    checked_image,
    checked_points,
    prepared,
)

# Tuned on the photos with true masks that are not held out, as are the numbers below.
CUT_SIDE = 200  # long side of one GrabCut call; 128 halves the time and loses 0.06 of mean IoU
# Window radii as a share of sqrt(h * w), and how far the undecided zone reaches beyond them.
RADII = (0.09, 0.13, 0.18, 0.25, 0.33, 0.45)
UNDECIDED_REACH = 1.7
NEAR_QUANTILE = 0.75  # share of a window, nearest by colour path, that starts as foreground
CUT_ITERATIONS = 2  # more gave no better masks
MIN_SAMPLES = 16  # pixels that each of the two colour models needs
SAME_IOU = 0.9  # candidates that overlap more are one candidate
MAX_CANDIDATES = 4


class GrabCutSegmenter:
    """Clicks, a box or a rough mask to candidate masks; deterministic, CPU, no weights.

    A positive click's own pixel is in every candidate, a negative one's in none.
    """

    def __init__(self) -> None:
        self._photo: Photo | None = None

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        """Prepare for one photo: (H, W, 3) uint8 RGB. Raises RegionError for another shape."""
        checked_image(image)
        self._photo = prepare(image)

    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
    ) -> Segmentation:
        """1 to 4 candidates, best first; arguments as in `Segmenter.predict`.

        A box or a mask fixes the size and gives fewer candidates than a click does. Without
        `point_labels` every point is positive. Raises RegionError when set_image was not called,
        nothing is positive, or a point lies outside the photo.
        """
        photo = prepared(self._photo)
        points, labels = checked_points(photo.shape, point_coords, point_labels)
        check_asked(labels, box, mask)
        prompt = _working_prompt(photo, points, labels, box, mask)
        candidates = [
            tidy(_cut(photo, start), prompt.positive, prompt.negative)
            for start in _starts(photo, prompt)
        ]
        candidates = [found for found in candidates if found.any()] or [prompt_area(photo, prompt)]
        scores = guess_scores(photo, prompt, candidates)
        kept: list[int] = []
        for index in np.argsort(-scores, kind="stable").tolist():
            if all(iou(candidates[index], candidates[k]) < SAME_IOU for k in kept):
                kept.append(index)
        kept = kept[:MAX_CANDIDATES]
        masks = [_full_size(photo, candidates[index], points, labels) for index in kept]
        return Segmentation(np.stack(masks), scores[kept].astype(np.float32))


def _working_prompt(
    photo: Photo,
    points: npt.NDArray[np.intp],
    labels: BoolMap,
    box: npt.NDArray[np.float32] | None,
    mask: npt.NDArray[np.float32] | None,
) -> Prompt:
    height, width = photo.smooth.shape[:2]
    scale = np.array([width / photo.shape[1], height / photo.shape[0]])
    small = np.minimum(((points + 0.5) * scale).astype(np.intp), (width - 1, height - 1))
    corners = None
    if box is not None:
        low = np.clip(np.floor(box[:2] * scale), 0, (width - 1, height - 1)).astype(int).tolist()
        high = np.clip(np.ceil(box[2:] * scale), 1, (width, height)).astype(int).tolist()
        corners = (low[0], low[1], max(high[0], low[0] + 1), max(high[1], low[1] + 1))
    rough = None
    if mask is not None:
        if mask.shape != photo.shape:
            raise RegionError(f"mask: got {mask.shape}, expected {photo.shape}")
        values = np.asarray(mask, np.float32)
        rough = resized(values, (width, height), cv2.INTER_AREA) > 0.5
    return Prompt(small[labels], small[~labels], corners, rough)


def _starts(photo: Photo, prompt: Prompt) -> list[ByteMap]:
    """GrabCut starting labels (h, w), one map per candidate."""
    rows, columns = np.mgrid[: photo.smooth.shape[0], : photo.smooth.shape[1]]
    guesses: list[tuple[BoolMap, BoolMap]] = []  # (undecided, starts as foreground)
    if prompt.mask is not None:
        reach = 0.3 * float(prompt.mask.sum()) ** 0.5
        guesses.append((distance_to(prompt.mask) <= reach, prompt.mask))
    elif prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        inside = (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)
        across = (columns + 0.5 - (x0 + x1) / 2) / (x1 - x0)
        radius = 2 * np.hypot(across, (rows + 0.5 - (y0 + y1) / 2) / (y1 - y0))
        guesses += [(inside & (radius < 1.3), radius < core) for core in (1.0, 0.8)]
    else:
        seeds = np.zeros(photo.small_lab.shape[:2], np.bool_)
        shrink = np.array(seeds.shape[::-1]) / rows.shape[::-1]
        at = np.minimum((prompt.positive * shrink).astype(np.intp), np.array(seeds.shape[::-1]) - 1)
        seeds[at[:, 1], at[:, 0]] = True
        path = resized(geodesic(photo.small_lab, seeds), rows.shape[::-1])
        away = distance_to(pixels_at(prompt.positive, rows.shape)) / np.sqrt(rows.size)
        for radius in RADII:
            near = away < radius
            near &= path <= np.quantile(path[near], NEAR_QUANTILE)
            guesses.append((away < UNDECIDED_REACH * radius, near))
    starts = []
    for undecided, foreground in guesses:
        labels = np.where(undecided, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
        labels[undecided & foreground] = cv2.GC_PR_FGD
        for points, label in ((prompt.negative, cv2.GC_BGD), (prompt.positive, cv2.GC_FGD)):
            labels[distance_to(pixels_at(points, labels.shape)) <= 3] = label
        labels[pixels_at(prompt.negative, labels.shape)] = cv2.GC_BGD
        starts.append(labels)
    return starts


def _cut(photo: Photo, start: ByteMap) -> BoolMap:
    """GrabCut from one start, on the part of the photo around its undecided pixels: (h, w)."""
    found: BoolMap = (start == cv2.GC_FGD) | (start == cv2.GC_PR_FGD)
    rows, columns = np.nonzero(start != cv2.GC_BGD)
    if not rows.size:
        return found
    margin = 2 + int(0.06 * (np.ptp(rows) + np.ptp(columns)))  # background to learn colours from
    window = (
        slice(max(0, rows.min() - margin), rows.max() + margin + 1),
        slice(max(0, columns.min() - margin), columns.max() + margin + 1),
    )
    labels = start[window]
    small = shrunk(photo.smooth[window], CUT_SIDE)
    marks = resized(labels, small.shape[1::-1], cv2.INTER_NEAREST)
    foreground = np.count_nonzero(marks & 1)  # GC_FGD and GC_PR_FGD are the odd labels
    if min(foreground, marks.size - foreground) < MIN_SAMPLES:
        return found
    cv2.setRNGSeed(0)  # GrabCut starts its colour models with random k-means centres
    models = np.zeros((1, 65)), np.zeros((1, 65))
    no_rectangle = (0, 0, 0, 0)
    cv2.grabCut(small, marks, no_rectangle, *models, CUT_ITERATIONS, cv2.GC_INIT_WITH_MASK)
    inside = resized((marks & 1).astype(np.float32), labels.shape[::-1]) > 0.5
    opened = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    found[:] = False
    found[window] = opened > 0
    return found


def _full_size(
    photo: Photo, found: BoolMap, points: npt.NDArray[np.intp], labels: BoolMap
) -> BoolMap:
    """(h, w) to (H, W), its rim moved onto the photo's own edges; clicks keep their side.

    Guided filter with colour guide: coefficients at working size, applied at full size (fast
    guided filter, He and Sun 2015), and only near the rim, so that nothing appears elsewhere.
    """
    mask = found.astype(np.float32)
    mean = blur(mask)
    together = blur(photo.guide * mask[..., None]) - photo.guide_mean * mean[..., None]
    slope = np.einsum("hwij,hwj->hwi", photo.guide_inverse, together)
    offset = mean - (slope * photo.guide_mean).sum(axis=-1)
    # One interpolation for all: slope (3), offset (1) and the plain mask (1).
    maps = np.concatenate([blur(slope), blur(offset)[..., None], mask[..., None]], axis=-1)
    size = photo.fine.shape[1::-1]
    large = resized(maps, size)
    fine = (large[..., :3] * (photo.fine / np.float32(255.0))).sum(axis=-1) + large[..., 3]
    near_rim = np.abs(resized(mean, size) - 0.5) < 0.48
    result = np.where(near_rim, fine, large[..., 4]).astype(np.float32)
    if size != photo.shape[::-1]:
        result = resized(result, photo.shape[::-1])
    inside: BoolMap = result > 0.5
    inside[points[~labels, 1], points[~labels, 0]] = False
    inside[points[labels, 1], points[labels, 0]] = True
    return inside
