"""What the GrabCut segmenter knows of a photo and of a prompt, and the maps that it computes from them.

Axis legend: H rows, W columns (photo), h w (working size), N points.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

BoolMap = npt.NDArray[np.bool_]
FloatMap = npt.NDArray[np.float32]
ByteMap = npt.NDArray[np.uint8]

# Sizes in pixels; tuned, as are all numbers here, on the photos with true masks that are not held out.
WORK_SIDE = 320  # long side that predict works at
FINE_SIDE = 1600  # long side up to which the rim follows the photo's own pixels
GEODESIC_SIDE = 112  # long side of the geodesic distance map
SPACE_COST = 0.3  # geodesic cost of one step, in units of Lab distance
GUIDE_RADIUS, GUIDE_EPSILON = 3, 1e-3  # guided filter: working pixels, squared RGB 0 ... 1


@dataclass(frozen=True)
class Photo:
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
class Prompt:
    """One question, in working pixels."""

    positive: npt.NDArray[np.intp]  # (N, 2) x, y
    negative: npt.NDArray[np.intp]  # (N, 2) x, y
    box: tuple[int, int, int, int] | None  # x0, y0, x1, y1, end excluded
    mask: BoolMap | None


def prepare(image: npt.NDArray[np.uint8]) -> Photo:
    """The maps of one photo, (H, W, 3) uint8 RGB."""
    fine = shrunk(image, FINE_SIDE)
    work = shrunk(fine, WORK_SIDE)
    size = work.shape[1::-1]
    smooth = np.asarray(cv2.bilateralFilter(work, 5, 30, 3), np.uint8)
    scaled = smooth.astype(np.float32) / 255.0
    lab = np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), np.float32)
    slopes = [cv2.Sobel(lab, cv2.CV_32F, dx, dy) / 8.0 for dx, dy in ((1, 0), (0, 1))]
    gradient = np.sqrt(np.square(np.stack(slopes)).sum(axis=(0, 3)))
    bins = (np.clip(lab - (0, -60, -60), 0, (99.9, 119.9, 119.9)) / (12.5, 10, 10)).astype(np.intp)
    small_lab = shrunk(lab, GEODESIC_SIDE)
    border = np.ones(small_lab.shape[:2], np.bool_)
    border[1:-1, 1:-1] = False
    guide = work.astype(np.float32) / 255.0
    mean, inverse = _guide_statistics(guide)
    return Photo(
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
        border_distance=resized(geodesic(small_lab, border), size),
    )


def geodesic(lab: FloatMap, seeds: BoolMap) -> FloatMap:
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


def _guide_statistics(guide: FloatMap) -> tuple[FloatMap, FloatMap]:
    """Local mean (h, w, 3) and inverse of the local colour covariance (h, w, 3, 3)."""
    mean = blur(guide)
    products = (guide[..., :, None] * guide[..., None, :]).reshape(*guide.shape[:2], 9)
    spread = blur(products).reshape(*guide.shape[:2], 3, 3)
    spread -= mean[..., :, None] * mean[..., None, :]
    inverse = np.linalg.inv(spread + GUIDE_EPSILON * np.eye(3, dtype=np.float32))
    return mean, inverse.astype(np.float32)


def shrunk(picture: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """The picture (h, w, 3) with a long side of at most `side` pixels."""
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return resized(picture, size, cv2.INTER_AREA)


def resized(
    picture: npt.NDArray[Any], size: tuple[int, ...], interpolation: int = cv2.INTER_LINEAR
) -> npt.NDArray[Any]:
    """OpenCV's resize to (width, height) pixels; the type stays."""
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation))


def blur(values: FloatMap) -> FloatMap:
    """Mean over GUIDE_RADIUS around each pixel, of every channel: (h, w, ...)."""
    side = 2 * GUIDE_RADIUS + 1
    layers = [
        cv2.blur(np.ascontiguousarray(layer), (side, side), borderType=cv2.BORDER_REFLECT)
        for layer in np.moveaxis(values.reshape(*values.shape[:2], -1), -1, 0)
    ]
    return np.stack(layers, axis=-1).reshape(values.shape).astype(np.float32)


def distance_to(mask: BoolMap) -> FloatMap:
    """Distance in pixels of each pixel to the nearest True one; very far where there is none."""
    if not mask.any():
        return np.full(mask.shape, 1e6, np.float32)
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away, np.float32)


def pixels_at(points: npt.NDArray[np.intp], shape: tuple[int, ...]) -> BoolMap:
    """A map that is True at the points (N, 2), x, y."""
    marked = np.zeros(shape, np.bool_)
    marked[points[:, 1], points[:, 0]] = True
    return marked


def iou(first: BoolMap, second: BoolMap) -> float:
    """Overlap of two masks: intersection over union, 0 ... 1."""
    return float((first & second).sum() / max(1, (first | second).sum()))
