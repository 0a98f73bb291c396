"""Optical flow, and what the paper measures with it: motion mask and motion strength.

Axes: P pairs of frames, H W rows and columns, 2 = (x, y) displacement, C channels. Images are uint8
in RGB or grey. A flow is float32, in pixels of the image that it was computed on: ``target(x +
flow(x)) ~ source(x)``.
"""

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.errors import ImageError, RegionError, SettingsError

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

# Motion strength is given in pixels per frame of an image whose short side has this many pixels.
REFERENCE_SHORT_SIDE = 256

# DIS works on a pyramid of 8 px patches: below this short side (px) it has too few levels to be
# accurate.
MIN_FLOW_SHORT_SIDE = 256


def dense_flow(
    source: UInt8Array,
    target: UInt8Array,
    *,
    initial: Float32Array | None = None,
    full_resolution: bool = False,
) -> Float32Array:
    """Displacement of every pixel of `source` to its place in `target` (OpenCV DIS, medium preset).

    Args:
        source: uint8 (H, W, 3) RGB or (H, W) grey.
        target: the same shape as `source`.
        initial: a first guess of the flow, float32 (H, W, 2) in pixels, or None.
        full_resolution: refine on every pixel instead of every second one: four times the time.

    Returns:
        float32 (H, W, 2) in pixels, (x, y) order.

    Raises:
        ImageError: shapes or types do not fit.
    """
    _check_pair(source, target, initial)
    height, width = source.shape[:2]
    zoom = max(1.0, MIN_FLOW_SHORT_SIDE / min(height, width))
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    per_axis = np.array([size[0] / width, size[1] / height], np.float32)
    guess = np.zeros((size[1], size[0], 2), np.float32)
    if initial is not None:
        guess[:] = _resize(initial, size) * per_axis
    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if full_resolution:
        estimator.setFinestScale(0)
    flow = estimator.calc(_grey(source, size), _grey(target, size), guess)
    if zoom == 1.0:
        return np.asarray(flow, np.float32)
    return _resize(np.asarray(flow, np.float32), (width, height)) / per_axis


def flow_magnitude(flow: Float32Array) -> Float32Array:
    """Length of every displacement of a flow (..., 2), in pixels: float32 (...)."""
    if flow.shape[-1:] != (2,):
        raise ImageError(f"got a flow of shape {flow.shape}, expected (..., 2): pass (x, y) last")
    return np.asarray(np.hypot(flow[..., 0], flow[..., 1]), np.float32)


def motion_mask(flows: Float32Array) -> BoolArray:
    """The area that moves in a clip, from the flows of its neighbouring frames (paper, Eq. 1).

    Per pair, pixels that move more than the pair's mean; then the union over the pairs.

    Args:
        flows: float32 (P, H, W, 2), P >= 1.

    Returns:
        bool (H, W), True = moves. All False for a clip in which nothing moves.

    Raises:
        ImageError: another shape.
    """
    if flows.ndim != 4 or flows.shape[0] < 1 or flows.shape[-1] != 2:
        raise ImageError(f"got flows of shape {flows.shape}, expected (P, H, W, 2) with P >= 1")
    magnitude = flow_magnitude(flows)
    mean = magnitude.mean(axis=(1, 2), keepdims=True)
    return np.asarray((magnitude > mean).any(axis=0), np.bool_)


def motion_strength(
    flows: Float32Array, mask: npt.NDArray[np.bool_ | np.floating], short_side: int
) -> float:
    """Mean flow magnitude inside the mask (paper, 3.4), px per frame at a short side of 256 px.

    Args:
        flows: float32 (P, H, W, 2) between neighbouring frames, or one flow (H, W, 2).
        mask: bool or float 0 ... 1 (H, W); floats weight the mean.
        short_side: short side in pixels of the frames that `flows` is measured in.

    Raises:
        ImageError: shapes do not fit.
        RegionError: the mask is empty.
        SettingsError: `short_side` is not positive.
    """
    if short_side < 1:
        raise SettingsError(f"got short_side {short_side}, expected the frames' short side in px")
    magnitude = flow_magnitude(flows)
    if magnitude.shape[-2:] != mask.shape:
        raise ImageError(f"got a mask of shape {mask.shape}, expected {magnitude.shape[-2:]}")
    weight = mask.astype(np.float64)
    if weight.sum() <= 0:
        raise RegionError("got an empty mask, expected at least one pixel: select what moves")
    per_pixel = magnitude.reshape(-1, *mask.shape).mean(axis=0)
    mean = float((per_pixel * weight).sum() / weight.sum())
    return mean * REFERENCE_SHORT_SIDE / short_side


def _check_pair(source: UInt8Array, target: UInt8Array, initial: Float32Array | None) -> None:
    if source.dtype != np.uint8 or target.dtype != np.uint8:
        raise ImageError(f"got {source.dtype} and {target.dtype} images, expected uint8: convert")
    if source.ndim not in (2, 3) or (source.ndim == 3 and source.shape[2] != 3) or not source.size:
        raise ImageError(f"got an image of shape {source.shape}, expected (H, W, 3) or (H, W)")
    if source.shape != target.shape:
        raise ImageError(f"got images of {source.shape} and {target.shape}, expected equal shapes")
    if initial is not None and initial.shape != (*source.shape[:2], 2):
        raise ImageError(
            f"got an initial flow of shape {initial.shape}, expected {(*source.shape[:2], 2)}"
        )


def _grey(image: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    if (grey.shape[1], grey.shape[0]) != size:
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(grey, np.uint8)


def _resize(flow: Float32Array, size: tuple[int, int]) -> Float32Array:
    return np.asarray(cv2.resize(flow, size, interpolation=cv2.INTER_LINEAR), np.float32)
