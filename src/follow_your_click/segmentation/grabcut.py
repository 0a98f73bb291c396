"""A segmenter that needs no weights: GrabCut in windows of several sizes, the best guess first.

One click does not say how large the object is. So GrabCut (Rother et al. 2004) runs once for each
of several window sizes, started from the pixels that are near the click both in place and along
the colours on the way there (geodesic distance, as in Bai and Sapiro 2007). A linear score with
tuned weights ranks what comes out, and a guided filter (He et al. 2010) brings it to full size.

Axis legend: H rows, W columns (photo), h w (working size), N points, K candidates, J features.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.errors import RegionError
from follow_your_click.segmentation.base import Segmentation

BoolMap = npt.NDArray[np.bool_]
FloatMap = npt.NDArray[np.float32]
ByteMap = npt.NDArray[np.uint8]

# Sizes in pixels; tuned on the photos with true masks that are not held out, as are those below.
WORK_SIDE = 320  # long side that predict works at
FINE_SIDE = 1600  # long side up to which the rim follows the photo's own pixels
CUT_SIDE = 200  # long side of one GrabCut call; 128 halves the time and loses 0.06 of mean IoU
GEODESIC_SIDE = 112  # long side of the geodesic distance map
# Window radii as a share of sqrt(h * w), and how far the undecided zone reaches beyond them.
RADII = (0.09, 0.13, 0.18, 0.25, 0.33, 0.45)
UNDECIDED_REACH = 1.7
NEAR_QUANTILE = 0.75  # share of a window, nearest by colour path, that starts as foreground
SPACE_COST = 0.3  # geodesic cost of one step, in units of Lab distance
CUT_ITERATIONS = 2  # more gave no better masks
MIN_SAMPLES = 16  # pixels that each of the two colour models needs
SAME_IOU = 0.9  # candidates that overlap more are one candidate
MAX_CANDIDATES = 4
GUIDE_RADIUS, GUIDE_EPSILON = 3, 1e-3  # guided filter: working pixels, squared RGB 0 ... 1
# Ridge regression (penalty 10) of the IoU with the true mask on _features, on the same photos.
SCORE_BIAS = 0.1368
SCORE_WEIGHTS = np.array(
    [-0.0293, -0.0132, 0.121, -0.1044, 0.0735, 0.1627, -0.6172, 0.2866, -0.1314, 0.2529, -0.0471]
)


@dataclass(frozen=True)
class _Photo:
    """What set_image prepares: the photo and its working-size maps."""

    shape: tuple[int, int]  # H, W
    fine: ByteMap  # the photo, at most FINE_SIDE
    smooth: ByteMap  # (h, w, 3)
    guide: FloatMap  # (h, w, 3), 0 ... 1
    guide_mean: FloatMap  # (h, w, 3)
    guide_inverse: FloatMap  # (h, w, 3, 3), inverse local covariance
    lab: FloatMap  # (h, w, 3)
    small_lab: FloatMap  # the same at GEODESIC_SIDE
    gradient: FloatMap  # (h, w), Lab units per pixel
    colour_bin: npt.NDArray[np.intp]  # (h, w), index into a Lab histogram
    border_distance: FloatMap  # (h, w), geodesic distance to the photo's border


@dataclass(frozen=True)
class _Prompt:
    """One question, in working pixels."""

    positive: npt.NDArray[np.intp]  # (N, 2) x, y
    negative: npt.NDArray[np.intp]  # (N, 2) x, y
    box: tuple[int, int, int, int] | None  # x0, y0, x1, y1, end excluded
    mask: BoolMap | None


class GrabCutSegmenter:
    """Clicks, a box or a rough mask to candidate masks; deterministic, CPU, no weights.

    A positive click's own pixel is in every candidate, a negative one's in none.
    """

    def __init__(self) -> None:
        self._photo: _Photo | None = None

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        """Prepare for one photo: (H, W, 3) uint8 RGB. Raises RegionError for another shape."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise RegionError(
                f"photo: got shape {image.shape} of {image.dtype}, expected (H, W, 3) of uint8 RGB"
            )
        self._photo = _prepare(image)

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
        if self._photo is None:
            raise RegionError("segmenter: got no photo yet, expected set_image before predict")
        photo = self._photo
        points, labels = _checked_points(photo, point_coords, point_labels)
        if box is None and mask is None and not labels.any():
            raise RegionError("segmenter: expected a positive click, a box or a mask; got none")
        prompt = _working_prompt(photo, points, labels, box, mask)
        candidates = [_tidy(_cut(photo, start), prompt) for start in _starts(photo, prompt)]
        candidates = [found for found in candidates if found.any()] or [_fallback(photo, prompt)]
        scores = _scores(photo, prompt, candidates)
        kept: list[int] = []
        for index in np.argsort(-scores, kind="stable").tolist():
            if all(_iou(candidates[index], candidates[k]) < SAME_IOU for k in kept):
                kept.append(index)
        kept = kept[:MAX_CANDIDATES]
        masks = [_full_size(photo, candidates[index], points, labels) for index in kept]
        return Segmentation(np.stack(masks), scores[kept].astype(np.float32))


def _prepare(image: npt.NDArray[np.uint8]) -> _Photo:
    fine = _shrunk(image, FINE_SIDE)
    work = _shrunk(fine, WORK_SIDE)
    size = work.shape[1::-1]
    smooth = np.asarray(cv2.bilateralFilter(work, 5, 30, 3), np.uint8)
    scaled = smooth.astype(np.float32) / 255.0
    lab = np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), np.float32)
    slopes = [cv2.Sobel(lab, cv2.CV_32F, dx, dy) / 8.0 for dx, dy in ((1, 0), (0, 1))]
    gradient = np.sqrt(np.square(np.stack(slopes)).sum(axis=(0, 3)))
    bins = (np.clip(lab - (0, -60, -60), 0, (99.9, 119.9, 119.9)) / (12.5, 10, 10)).astype(np.intp)
    small_lab = _shrunk(lab, GEODESIC_SIDE)
    border = np.ones(small_lab.shape[:2], np.bool_)
    border[1:-1, 1:-1] = False
    guide = work.astype(np.float32) / 255.0
    mean, inverse = _guide_statistics(guide)
    return _Photo(
        shape=(image.shape[0], image.shape[1]),
        fine=fine,
        smooth=smooth,
        guide=guide,
        guide_mean=mean,
        guide_inverse=inverse,
        lab=lab,
        small_lab=small_lab,
        gradient=gradient,
        colour_bin=bins[..., 0] * 144 + bins[..., 1] * 12 + bins[..., 2],
        border_distance=_resized(_geodesic(small_lab, border), size),
    )


def _geodesic(lab: FloatMap, seeds: BoolMap) -> FloatMap:
    """Cheapest path from any seed to each pixel: colour change along the way plus its length."""
    height, width = seeds.shape
    distance = np.where(seeds, 0.0, 1e6).astype(np.float32)
    pairs = []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = np.s_[: height - dy, max(0, -dx) : width - max(0, dx)]
        there = np.s_[dy:, max(0, dx) : width + min(0, dx)]
        step = np.linalg.norm(lab[here] - lab[there], axis=-1) + SPACE_COST * np.hypot(dy, dx)
        pairs.append((distance[here], distance[there], step.astype(np.float32)))
    # Every neighbour at once until nothing changes: far quicker in numpy than a priority queue.
    for sweep in range(height * width):
        before = distance.copy() if sweep % 4 == 0 else None
        for first, second, step in pairs:
            np.minimum(second, first + step, out=second)
            np.minimum(first, second + step, out=first)
        if before is not None and np.array_equal(before, distance):
            break
    return distance


def _checked_points(
    photo: _Photo,
    coords: npt.NDArray[np.float32] | None,
    labels: npt.NDArray[np.int64] | None,
) -> tuple[npt.NDArray[np.intp], BoolMap]:
    """Pixels (N, 2) as x, y, and which of them are positive (N,)."""
    if coords is None:
        return np.zeros((0, 2), np.intp), np.zeros(0, np.bool_)
    height, width = photo.shape
    points = np.floor(np.asarray(coords, np.float64).reshape(-1, 2))
    inside = ((points >= 0) & (points < (width, height))).all(axis=1)
    if not inside.all():
        x, y = points[~inside][0]
        raise RegionError(f"click {x:g},{y:g}: expected a point in the photo of {width}x{height}")
    positive = np.ones(len(points), np.bool_) if labels is None else np.asarray(labels) > 0
    if positive.shape != (len(points),):
        raise RegionError(f"clicks: got {positive.size} labels, expected {len(points)}, one each")
    return points.astype(np.intp), positive


def _working_prompt(
    photo: _Photo,
    points: npt.NDArray[np.intp],
    labels: BoolMap,
    box: npt.NDArray[np.float32] | None,
    mask: npt.NDArray[np.float32] | None,
) -> _Prompt:
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
        rough = _resized(values, (width, height), cv2.INTER_AREA) > 0.5
    return _Prompt(small[labels], small[~labels], corners, rough)


def _starts(photo: _Photo, prompt: _Prompt) -> list[ByteMap]:
    """GrabCut starting labels (h, w), one map per candidate."""
    rows, columns = np.mgrid[: photo.smooth.shape[0], : photo.smooth.shape[1]]
    guesses: list[tuple[BoolMap, BoolMap]] = []  # (undecided, starts as foreground)
    if prompt.mask is not None:
        reach = 0.3 * float(prompt.mask.sum()) ** 0.5
        guesses.append((_distance(prompt.mask) <= reach, prompt.mask))
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
        path = _resized(_geodesic(photo.small_lab, seeds), rows.shape[::-1])
        away = _distance(_at(prompt.positive, rows.shape)) / np.sqrt(rows.size)
        for radius in RADII:
            near = away < radius
            near &= path <= np.quantile(path[near], NEAR_QUANTILE)
            guesses.append((away < UNDECIDED_REACH * radius, near))
    starts = []
    for undecided, foreground in guesses:
        labels = np.where(undecided, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
        labels[undecided & foreground] = cv2.GC_PR_FGD
        for points, label in ((prompt.negative, cv2.GC_BGD), (prompt.positive, cv2.GC_FGD)):
            labels[_distance(_at(points, labels.shape)) <= 3] = label
        labels[_at(prompt.negative, labels.shape)] = cv2.GC_BGD
        starts.append(labels)
    return starts


def _cut(photo: _Photo, start: ByteMap) -> BoolMap:
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
    small = _shrunk(photo.smooth[window], CUT_SIDE)
    marks = _resized(labels, small.shape[1::-1], cv2.INTER_NEAREST)
    foreground = np.count_nonzero(marks & 1)  # GC_FGD and GC_PR_FGD are the odd labels
    if min(foreground, marks.size - foreground) < MIN_SAMPLES:
        return found
    cv2.setRNGSeed(0)  # GrabCut starts its colour models with random k-means centres
    models = np.zeros((1, 65)), np.zeros((1, 65))
    no_rectangle = (0, 0, 0, 0)
    cv2.grabCut(small, marks, no_rectangle, *models, CUT_ITERATIONS, cv2.GC_INIT_WITH_MASK)
    inside = _resized((marks & 1).astype(np.float32), labels.shape[::-1]) > 0.5
    opened = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    found[:] = False
    found[window] = opened > 0
    return found


def _tidy(mask: BoolMap, prompt: _Prompt) -> BoolMap:
    """Keep the parts that were clicked (else the large ones), without holes or excluded points."""
    mask = mask & ~_at(prompt.negative, mask.shape) | _at(prompt.positive, mask.shape)
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    keep = np.zeros(len(statistics), np.bool_)
    if len(prompt.positive):
        keep[parts[prompt.positive[:, 1], prompt.positive[:, 0]]] = True
    elif len(statistics) > 1:
        keep[1:] = statistics[1:, cv2.CC_STAT_AREA] > 0.1 * statistics[1:, cv2.CC_STAT_AREA].max()
    keep[0] = False
    # A hole is background that cannot reach the rim; an excluded point keeps its hole open.
    empty = np.pad(~keep[parts], 1, constant_values=True).astype(np.uint8)
    _, outside = cv2.connectedComponents(empty, connectivity=4)
    excluded = prompt.negative + 1
    open_parts = np.append(outside[excluded[:, 1], excluded[:, 0]], outside[0, 0])
    return ~np.isin(outside, open_parts)[1:-1, 1:-1]


def _fallback(photo: _Photo, prompt: _Prompt) -> BoolMap:
    """The prompt's own shape, when no cut left a pixel: the rough mask or the box."""
    shape = photo.smooth.shape[:2]
    found = np.zeros(shape, np.bool_) if prompt.mask is None else prompt.mask.copy()
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        found[y0:y1, x0:x1] = True
    return found


def _scores(photo: _Photo, prompt: _Prompt, candidates: list[BoolMap]) -> npt.NDArray[np.float64]:
    """Guessed IoU with the object that was meant: (K,), 0 ... 1."""
    if prompt.mask is not None:
        return np.array([_iou(found, prompt.mask) for found in candidates])
    if prompt.box is not None:  # an object fills its box from side to side
        asked = _fallback(photo, prompt)
        return np.array([_iou(_bounds(found), asked) for found in candidates])
    guess = SCORE_BIAS + _features(photo, prompt, candidates) @ SCORE_WEIGHTS
    return np.asarray(np.clip(guess, 0.0, 1.0), np.float64)


def _features(photo: _Photo, prompt: _Prompt, candidates: list[BoolMap]) -> npt.NDArray[np.float64]:
    """What tells a whole object from a part or a patch of background: (K, J)."""
    total = candidates[0].size
    overlaps = np.array([[_iou(a[::3, ::3], b[::3, ::3]) for b in candidates] for a in candidates])
    others = (overlaps.sum(axis=1) - 1.0) / max(1, len(candidates) - 1)
    rows = []
    for found, agreement in zip(candidates, others, strict=True):
        area = np.count_nonzero(found)
        log_area = np.log(area / total)
        apart = _distance(found)  # outside: distance to the mask
        depth = _distance(~found)  # inside: distance to the rim
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


def _full_size(
    photo: _Photo, found: BoolMap, points: npt.NDArray[np.intp], labels: BoolMap
) -> BoolMap:
    """(h, w) to (H, W), its rim moved onto the photo's own edges; clicks keep their side.

    Guided filter with colour guide: coefficients at working size, applied at full size (fast
    guided filter, He and Sun 2015), and only near the rim, so that nothing appears elsewhere.
    """
    mask = found.astype(np.float32)
    mean = _blur(mask)
    together = _blur(photo.guide * mask[..., None]) - photo.guide_mean * mean[..., None]
    slope = np.einsum("hwij,hwj->hwi", photo.guide_inverse, together)
    offset = mean - (slope * photo.guide_mean).sum(axis=-1)
    # One interpolation for all: slope (3), offset (1) and the plain mask (1).
    maps = np.concatenate([_blur(slope), _blur(offset)[..., None], mask[..., None]], axis=-1)
    size = photo.fine.shape[1::-1]
    large = _resized(maps, size)
    fine = (large[..., :3] * (photo.fine / np.float32(255.0))).sum(axis=-1) + large[..., 3]
    near_rim = np.abs(_resized(mean, size) - 0.5) < 0.48
    result = np.where(near_rim, fine, large[..., 4]).astype(np.float32)
    if size != photo.shape[::-1]:
        result = _resized(result, photo.shape[::-1])
    inside: BoolMap = result > 0.5
    inside[points[~labels, 1], points[~labels, 0]] = False
    inside[points[labels, 1], points[labels, 0]] = True
    return inside


def _guide_statistics(guide: FloatMap) -> tuple[FloatMap, FloatMap]:
    """Local mean (h, w, 3) and inverse of the local colour covariance (h, w, 3, 3)."""
    mean = _blur(guide)
    products = (guide[..., :, None] * guide[..., None, :]).reshape(*guide.shape[:2], 9)
    spread = _blur(products).reshape(*guide.shape[:2], 3, 3)
    spread -= mean[..., :, None] * mean[..., None, :]
    inverse = np.linalg.inv(spread + GUIDE_EPSILON * np.eye(3, dtype=np.float32))
    return mean, inverse.astype(np.float32)


def _shrunk(picture: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """The picture (h, w, 3) with a long side of at most `side` pixels."""
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return _resized(picture, size, cv2.INTER_AREA)


def _resized(
    picture: npt.NDArray[Any], size: tuple[int, ...], interpolation: int = cv2.INTER_LINEAR
) -> npt.NDArray[Any]:
    """OpenCV's resize to (width, height) pixels; the type stays."""
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation))


def _blur(values: FloatMap) -> FloatMap:
    side = 2 * GUIDE_RADIUS + 1
    layers = [
        cv2.blur(np.ascontiguousarray(layer), (side, side), borderType=cv2.BORDER_REFLECT)
        for layer in np.moveaxis(values.reshape(*values.shape[:2], -1), -1, 0)
    ]
    return np.stack(layers, axis=-1).reshape(values.shape).astype(np.float32)


def _distance(mask: BoolMap) -> FloatMap:
    """Distance in pixels of each pixel to the nearest True one; very far where there is none."""
    if not mask.any():
        return np.full(mask.shape, 1e6, np.float32)
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away, np.float32)


def _at(points: npt.NDArray[np.intp], shape: tuple[int, ...]) -> BoolMap:
    marked = np.zeros(shape, np.bool_)
    marked[points[:, 1], points[:, 0]] = True
    return marked


def _bounds(mask: BoolMap) -> BoolMap:
    """The filled bounding box of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    filled = np.zeros(mask.shape, np.bool_)
    filled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return filled


def _iou(first: BoolMap, second: BoolMap) -> float:
    return float((first & second).sum() / max(1, (first | second).sum()))
