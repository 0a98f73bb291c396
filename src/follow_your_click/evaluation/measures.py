"""What optical flow says about the frames of one clip, where the object's true place is known.

Axis legend: F frames, P = F - 1 pairs of neighbours, H W rows and columns at `FLOW_SIDE`, flow and points (x, y).

Flow is OpenCV DIS between neighbouring frames, scaled to a short side of 256 px; magnitudes are px per frame there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt
import torch
from einops import rearrange
from skimage.metrics import structural_similarity
from torch import Tensor

from follow_your_click.flow import REFERENCE_SHORT_SIDE, dense_flow, flow_magnitude

FLOW_SIDE = REFERENCE_SHORT_SIDE
LEAK_MARGIN = 8  # px at 256: the object's area is grown by this before flow outside it is a leak
MIN_AREA = 64  # px at 256: a smaller area says nothing about how it turns or grows
SSIM_MARGIN = 8  # px around the region, so that SSIM's window (11 px) never meets the crop's edge

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Picture = TypeVar("Picture", UInt8Array, Float32Array)


@dataclass(frozen=True)
class FlowReadings:
    """Means over the pairs of a clip.

    Args:
        flow_magnitude: mean flow inside the object's true area, px per frame.
        leak: mean flow outside the grown area / mean flow inside the area; None if there is no outside or nothing
            moves inside. A clip that hardly moves has a small denominator, and so a large leak.
        mean_flow: (x, y) mean flow in the grown area, px per frame.
        turning: curl of the best affine motion inside the area, twice the angle per frame; clockwise is positive.
        spreading: its divergence, twice the growth per frame; growing is positive.
    """

    flow_magnitude: float
    leak: float | None
    mean_flow: tuple[float, float]
    turning: float
    spreading: float


def flow_frames(frames: Tensor) -> UInt8Array:
    """Frames (F, 3, h, w) in [0, 1] -> uint8 RGB (F, H, W, 3) with a short side of `FLOW_SIDE`."""
    size, enlarges = _flow_size(frames)
    way = cv2.INTER_CUBIC if enlarges else cv2.INTER_AREA
    pixels = [cv2.resize(frame, size, interpolation=way) for frame in to_pixels(frames)]
    return np.stack(pixels).astype(np.uint8, copy=False)


def flow_masks(masks: Tensor) -> BoolArray:
    """Masks (F, h, w) in [0, 1] -> bool (F, H, W) with a short side of `FLOW_SIDE`."""
    size, enlarges = _flow_size(masks)
    way = cv2.INTER_LINEAR if enlarges else cv2.INTER_AREA
    return np.stack([cv2.resize(m, size, interpolation=way) > 0.5 for m in masks.float().numpy()])


def to_pixels(frames: Tensor) -> UInt8Array:
    """Frames (F, 3, h, w) in [0, 1] -> uint8 RGB (F, h, w, 3)."""
    levels = (frames.float().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.asarray(rearrange(levels, "f c h w -> f h w c").contiguous().numpy(), np.uint8)


def _flow_size(pictures: Tensor) -> tuple[tuple[int, int], bool]:
    """(width, height) at which flow is measured, and whether that is larger than the pictures (..., h, w)."""
    height, width = pictures.shape[-2:]
    zoom = FLOW_SIDE / min(height, width)
    return (round(width * zoom), round(height * zoom)), zoom >= 1


def clip_flows(frames: UInt8Array) -> Float32Array:
    """Flow (P, H, W, 2) from each frame to the next; frames uint8 (F, H, W, 3)."""
    return np.stack([dense_flow(a, b) for a, b in zip(frames[:-1], frames[1:], strict=True)])


def read_flow(flows: Float32Array, moving: BoolArray) -> FlowReadings:
    """Compare a clip's flow with the object's true area.

    The true area is where the asked motion takes the object, frame by frame, whatever the clip shows: an object that
    lags behind leaves it, and background inside it counts as flow that is missing.

    Args:
        flows: (P, H, W, 2).
        moving: (F, H, W), True where the object is. Pairs in which it is out of sight count for nothing.
    """
    kernel = np.ones((2 * LEAK_MARGIN + 1,) * 2, np.uint8)
    inside, outside, near_sum, near_count = [], [], np.zeros(2), 0
    affine = []
    for flow, before, after in zip(flows, moving[:-1], moving[1:], strict=True):
        magnitude = flow_magnitude(flow)
        near = cv2.dilate((before | after).astype(np.uint8), kernel) > 0
        if before.any():
            inside.append(float(magnitude[before].mean()))
        if (~near).any():
            outside.append(float(magnitude[~near].mean()))
        if before.sum() >= MIN_AREA:
            affine.append(_linear_part(flow, before))
        near_sum += flow[near].sum(axis=0)
        near_count += int(near.sum())
    within = float(np.mean(inside)) if inside else 0.0
    mean = near_sum / max(near_count, 1)
    linear = np.mean(affine, axis=0) if affine else np.zeros((2, 2))
    return FlowReadings(
        flow_magnitude=within,
        leak=float(np.mean(outside)) / within if outside and within > 0 else None,
        mean_flow=(float(mean[0]), float(mean[1])),
        turning=float(linear[1, 0] - linear[0, 1]),
        spreading=float(linear[0, 0] + linear[1, 1]),
    )


def _linear_part(flow: Float32Array, area: BoolArray) -> Float64Array:
    """A (2, 2) of the least-squares fit flow = A (x, y) + b inside `area`.

    A fit and not the mean of derivatives: those sum up to the flow along the area's edge, where DIS has already
    smoothed the object's motion into the background's.
    """
    rows, columns = np.nonzero(area)
    at = np.stack([columns, rows], axis=1).astype(np.float64)
    at -= at.mean(axis=0)
    moved = flow[rows, columns].astype(np.float64)
    moved -= moved.mean(axis=0)
    return np.asarray(np.linalg.lstsq(at, moved, rcond=None)[0].T, np.float64)


def angle_between(flow: tuple[float, float], asked: tuple[float, float]) -> float:
    """Degrees between two (x, y) vectors; 90, neither right nor opposite, if one of them is zero."""
    lengths = math.hypot(*flow) * math.hypot(*asked)
    if lengths == 0:
        return 90.0
    cosine = (flow[0] * asked[0] + flow[1] * asked[1]) / lengths
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def flow_distance(first: Float32Array, second: Float32Array) -> float:
    """Mean distance of two clips' flows (P, H, W, 2), over all pixels and pairs, px per frame."""
    return float(flow_magnitude(first - second).mean())


def carry_points(flows: Float32Array, points: Float32Array) -> Float32Array:
    """Follow points of frame 0 along the flow: (h, w, 2) px -> (F, h, w, 2) px."""
    path = [points.astype(np.float32)]
    for flow in flows:
        path.append(path[-1] + _look_up(flow, path[-1]))
    return np.stack(path)


def identity_distance(frames: UInt8Array, flows: Float32Array, region: BoolArray) -> float | None:
    """1 - SSIM of each later frame, carried back to frame 0 along the flow, and frame 0: inside the region.

    Mean over the frames, on luminance. None if the region is empty. Only for comparisons between versions: errors of
    the flow and what comes to lie over the region count as well.
    """
    if not region.any():
        return None
    rows, columns = np.nonzero(region)
    height, width = region.shape
    top, left = max(rows.min() - SSIM_MARGIN, 0), max(columns.min() - SSIM_MARGIN, 0)
    window = np.s_[top : rows.max() + SSIM_MARGIN + 1, left : columns.max() + SSIM_MARGIN + 1]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    paths = carry_points(flows, np.stack([x[window], y[window]], axis=-1))
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    similar = []
    for picture, path in zip(grey[1:], paths[1:], strict=True):
        back = _look_up(picture, path)
        seen = region[window] & _in_picture(path, width=width, height=height)
        if seen.any():
            _, quality = structural_similarity(
                grey[0][window],
                back,
                data_range=255,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                full=True,
            )
            similar.append(float(quality[seen].mean()))
    return 1.0 - float(np.mean(similar)) if similar else None


def _look_up(picture: Picture, at: Float32Array) -> Picture:
    """Bilinear values of (H, W) or (H, W, C) at points (h, w, 2); beyond the edge, the edge's."""
    x, y = np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1])
    values = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast(Picture, values)


def _in_picture(points: Float32Array, *, width: int, height: int) -> BoolArray:
    x, y = points[..., 0], points[..., 1]
    return np.asarray((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1), np.bool_)


def squared_error(picture: Tensor, photo: Tensor) -> float:
    """Mean squared difference of two pictures in [0, 1], on the scale 0 ... 255."""
    return float(((picture.float() - photo.float()) * 255).square().mean())
