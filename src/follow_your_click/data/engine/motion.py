"""What moves in a clip, how large it is and how fast: Eq. 1 of the paper, in this project's units.

Axes: L frames, P = L - 1 pairs of neighbours, H W rows and columns. Flow i runs from frame i + 1 back to frame i, as in the paper.

Two things are put before Eq. 1, because its threshold is a mean and takes half of any frame in. The camera's part is taken out of
the flow. And where the picture is what the camera alone explains, nothing moves: on a plain wall flow is noise, on most frames of a
still camera there is nothing else. Both can be switched off (`motion` in the config); then the mask is the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from follow_your_click.data.engine.camera import camera_motion
from follow_your_click.data.engine.config import MotionSettings
from follow_your_click.data.engine.flows import FlowEstimator
from follow_your_click.flow import (
    REFERENCE_SHORT_SIDE,
    BoolArray,
    Float32Array,
    UInt8Array,
    flow_magnitude,
    motion_strength,
)

MIN_MAGNITUDE = 0.2  # px at a short side of 256: less is the flow's own noise, so that still clips have an empty mask
CHANGE_BLUR = (
    1.5  # px, before pictures are compared: coding noise, and edges that are off by part of a pixel
)
CHANGE_OVER_NOISE = (
    4.0  # times the pair's median difference that a change must be (tuned by eye on 36 videos)
)
CHANGE_REACH = (
    13  # px at a short side of 256 around a change that may move with it: plain insides of objects
)


@dataclass(frozen=True, eq=False)
class Motion:
    """What was measured of one clip.

    flows: float32 (P, H, W, 2) px, camera included, noise on what stands still taken out. pair_masks: bool (P, H, W), Eq. 1 of each pair; pair i lies on frame i + 1.
    mask: bool (H, W), their union (M_final). area: its share of the frame.
    motion_strength: speed of what moves, px per frame at a short side of 256: mean over pairs of `pair_strength`.
    mask_strength: the paper's, mean flow magnitude inside `mask` over all pairs; lower, since nothing is in all of it at once.
    camera_strength: mean speed of the camera's part, in the same unit. camera_inliers: share of the frame that follows it.
    warp_error: mean difference of 255 inside the masks between a frame and its neighbour carried along the flow.
    """

    flows: Float32Array
    pair_masks: BoolArray
    mask: BoolArray
    area: float
    motion_strength: float
    mask_strength: float
    camera_strength: float
    camera_inliers: float
    warp_error: float


def measure_motion(
    frames: UInt8Array, estimator: FlowEstimator, settings: MotionSettings | None = None
) -> Motion:
    """Measure a clip, uint8 (L, H, W, 3), L >= 2."""
    return motion_of(frames, estimator.flows(frames[1:], frames[:-1]), settings)


def motion_of(
    frames: UInt8Array, flows: Float32Array, settings: MotionSettings | None = None
) -> Motion:
    """As `measure_motion`, for flows (P, H, W, 2) that are known already."""
    settings = settings or MotionSettings()
    short_side = min(frames.shape[1:3])
    scale = REFERENCE_SHORT_SIDE / short_side
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
    camera = camera_motion(flows)
    taken_out = camera.flows if settings.flow == "object" else np.zeros_like(flows)
    read = flows - taken_out
    if settings.min_change > 0:
        read *= changed(grey, camera.flows, settings.min_change)[..., None]
    magnitude = flow_magnitude(read)
    # Without the second part of the test this is Eq. 1 to the letter.
    floor = MIN_MAGNITUDE / scale if settings.min_change > 0 else 0.0
    pair_masks = eq1_masks(magnitude, floor=floor)
    mask: BoolArray = np.asarray(pair_masks.any(axis=0), np.bool_)
    strengths = [pair_strength(m, inside) for m, inside in zip(magnitude, pair_masks, strict=True)]
    return Motion(
        flows=read + taken_out,
        pair_masks=pair_masks,
        mask=mask,
        area=float(mask.mean()),
        motion_strength=float(np.mean(strengths)) * scale,
        mask_strength=motion_strength(read, mask, short_side) if mask.any() else 0.0,
        camera_strength=float(camera.magnitude.mean()) * scale,
        camera_inliers=float(camera.inliers.mean()),
        warp_error=warp_error(grey, flows, pair_masks),
    )


def changed(grey: UInt8Array, camera_flows: Float32Array, min_change: float) -> BoolArray:
    """Where a picture is not what the camera makes of the one before it: (L, H, W), (P, H, W, 2) -> bool (P, H, W).

    Args:
        min_change: levels of 255; in a noisy pair more is asked for.
    """
    reach = 2 * round(CHANGE_REACH * min(grey.shape[1:]) / REFERENCE_SHORT_SIDE / 2) + 1
    soft = [cv2.GaussianBlur(picture, (0, 0), CHANGE_BLUR).astype(np.float32) for picture in grey]
    found = []
    for index, ways in enumerate(camera_flows):
        off = np.abs(look_up(soft[index], ways) - soft[index + 1])
        limit = max(min_change, CHANGE_OVER_NOISE * float(np.median(off)))
        # Opened first: a lone pixel is noise, and would grow to a disc.
        core = cv2.morphologyEx(
            (off > limit).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
        )
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        found.append(cv2.dilate(core, disc) > 0)
    return np.stack(found)


def eq1_masks(magnitude: Float32Array, *, floor: float = 0.0) -> BoolArray:
    """Paper, Eq. 1, before the union: pixels that move more than their pair's mean, (P, H, W) -> bool (P, H, W).

    Args:
        floor: px that they must move at least.
    """
    mean = magnitude.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    return np.asarray((magnitude > mean) & (magnitude > floor), np.bool_)


def pair_strength(magnitude: Float32Array, mask: BoolArray) -> float:
    """Speed of what moves in one pair, px.

    Estimated flow falls off over several pixels at an object's edge, and Eq. 1 takes all of that slope in, which halves the mean
    of a small object. So the mean is taken where a pixel is nearer to the mask's mean than to that of its surroundings.
    """
    if not mask.any():
        return 0.0
    inside = float(magnitude[mask].mean(dtype=np.float64))
    outside = float(magnitude[~mask].mean(dtype=np.float64)) if not mask.all() else 0.0
    return float(magnitude[magnitude > (inside + outside) / 2].mean(dtype=np.float64))


def warp_error(grey: UInt8Array, flows: Float32Array, masks: BoolArray) -> float:
    """What flow does not explain of grey pictures (L, H, W), mean difference of 255 inside the masks; 0 where they are empty."""
    total, count = 0.0, 0
    for index, (flow, mask) in enumerate(zip(flows, masks, strict=True)):
        carried = look_up(grey[index], flow)
        total += float(np.abs(carried.astype(np.int16) - grey[index + 1])[mask].sum())
        count += int(mask.sum())
    return total / count if count else 0.0


def look_up(image: UInt8Array | Float32Array, flow: Float32Array) -> UInt8Array | Float32Array:
    """image(x + flow(x)), bilinear, edges repeated: (H, W, ...), (H, W, 2) -> (H, W, ...)."""
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32)[None, :] + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    found = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast("UInt8Array | Float32Array", found)
