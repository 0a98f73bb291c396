"""Camera motion told apart from object motion: one homography a pair of frames.

Axes: P pairs of frames, H W rows and columns, 2 = (x, y) displacement in pixels.
A camera that turns, zooms or moves before a far or flat scene displaces its picture by a homography (Hartley and
Zisserman, Multiple View Geometry, 8.4 and 13.1). It is fitted to the flow on a grid of points with MAGSAC, so that objects
are outliers as long as they cover less than half of the frame. What is left after it moved by itself, but for parallax of
near and far parts of the scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.flow import Float32Array, flow_magnitude

GRID_STEP = 16  # px between the points that the homography is fitted to
MIN_TOLERANCE = 0.5  # px a point may be off and still count as background, at least
RELATIVE_TOLERANCE = (
    0.06  # of the pair's median displacement: flow errs more where it is large (tuned on DAVIS)
)
STILL_SHARE = 0.5  # of the points nearly at rest: the camera stands still, whatever noise on plain walls fits best
MIN_INLIERS = 0.25  # share of the points; a fit that fewer follow says nothing about the camera


@dataclass(frozen=True)
class CameraMotion:
    """What of a clip's flow is the camera's.

    flows: float32 (P, H, W, 2), the camera's part. magnitude: (P,) its mean length in pixels.
    inliers: (P,) share of the frame that follows it; 0 where no camera motion could be told.
    """

    flows: Float32Array
    magnitude: npt.NDArray[np.float64]
    inliers: npt.NDArray[np.float64]


def camera_motion(flows: Float32Array) -> CameraMotion:
    """Fit the camera's part of flows (P, H, W, 2).

    A pair counts as filmed by a still camera if `STILL_SHARE` of its points are, or if no homography is followed by `MIN_INLIERS`.
    """
    parts = [_fit(flow) for flow in flows]
    fitted = np.stack([part for part, _ in parts])
    return CameraMotion(
        flows=fitted,
        magnitude=flow_magnitude(fitted).mean(axis=(1, 2), dtype=np.float64),
        inliers=np.array([share for _, share in parts], np.float64),
    )


def _fit(flow: Float32Array) -> tuple[Float32Array, float]:
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[
        GRID_STEP // 2 : height : GRID_STEP, GRID_STEP // 2 : width : GRID_STEP
    ]
    sampled = flow[rows, columns].reshape(-1, 2).astype(np.float64)
    points = np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float64)
    typical = float(np.median(np.hypot(sampled[:, 0], sampled[:, 1])))
    tolerance = max(MIN_TOLERANCE, RELATIVE_TOLERANCE * typical)
    still = np.zeros_like(flow)
    if len(points) < 8:
        return still, 0.0
    at_rest = float((np.hypot(sampled[:, 0], sampled[:, 1]) < MIN_TOLERANCE).mean())
    if at_rest >= STILL_SHARE:
        return still, at_rest
    # Its random numbers start at a fixed state: the same flow gives the same fit.
    matrix, inliers = cv2.findHomography(
        points, points + sampled, cv2.USAC_MAGSAC, tolerance, maxIters=500, confidence=0.995
    )
    share = 0.0 if inliers is None else float(np.asarray(inliers).mean())
    if matrix is None or share < MIN_INLIERS or not np.isfinite(matrix).all():
        return still, 0.0
    return _flow_of(np.asarray(matrix, np.float64), height, width), share


def _flow_of(matrix: npt.NDArray[np.float64], height: int, width: int) -> Float32Array:
    """Displacement of every pixel under a homography: float32 (H, W, 2)."""
    x = np.arange(width, dtype=np.float64)[None, :]
    y = np.arange(height, dtype=np.float64)[:, None]
    depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    depth = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
    to_x = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) / depth
    to_y = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) / depth
    return np.stack([to_x - x, to_y - y], axis=-1).astype(np.float32)
