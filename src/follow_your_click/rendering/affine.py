"""The one affine motion that explains most of an object between two generated frames.

Axes: N sample points, C = 3 colour channels. Points and motions are in cells of the working grid.
A motion is a float64 (3, 2) array P: the point x moves by basis(x) @ P, where the basis is (1, u,
v) and u, v are the point's offsets from the object's centre in units of UNIT_CELLS.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from einops import rearrange

from follow_your_click.rendering.grid import GRID_SIZE, RING_CELLS, Float32Array, blur

Motion = npt.NDArray[np.float64]

UNIT_CELLS = 32.0
MAX_POINTS = 3000

# Refinement: rounds of robust Gauss-Newton, smoothing of the compared images in cells.
ROUNDS = 8
SMOOTHING = 1.5

# Neighbouring cells of an enlarged frame share their noise: about this share of the points is
# independent.
INDEPENDENT = 0.1

# Prior: from frame to frame the linear part changes by about this much per unit (0.04 = 2.3 degrees
# of rotation or 4 % of zoom), the translation freely. It decides where an object has too little
# texture.
LINEAR_CHANGE = 0.04 * UNIT_CELLS


@dataclass(frozen=True)
class ObjectPoints:
    """Sample points of the object in frame 0.

    Attributes:
        x: float32 (N, 1) columns.
        y: float32 (N, 1) rows.
        weight: float64 (N,), 0 ... 1.
        basis: float64 (N, 3).
        field_basis: float32 (g, g, 3), the same basis on every cell.
        colours: float32 (N, C), frame 0, smoothed.
        jacobian: float64 (N * C, 6), change of the colours per unit of the motion's six numbers.
    """

    x: Float32Array
    y: Float32Array
    weight: npt.NDArray[np.float64]
    basis: npt.NDArray[np.float64]
    field_basis: Float32Array
    colours: Float32Array
    jacobian: npt.NDArray[np.float64]

    def field(self, motion: Motion) -> Float32Array:
        """The motion as a displacement of every cell: float32 (g, g, 2)."""
        return self.field_basis @ motion.astype(np.float32)


def object_points(frame: Float32Array, weight: Float32Array) -> ObjectPoints | None:
    """Points spread over the object; None where the weight (g, g) selects nothing.

    Args:
        frame: frame 0, float32 (g, g, 3).
        weight: float32 (g, g), 0 ... 1.
    """
    rows, columns = np.nonzero(weight > 0.3)
    if not rows.size:
        rows, columns = np.nonzero(weight > 0.02)
    if not rows.size:
        return None
    stride = max(1, rows.size // MAX_POINTS)
    rows, columns = rows[::stride], columns[::stride]
    mass = weight[rows, columns].astype(np.float64)
    centre = np.array([np.average(columns, weights=mass), np.average(rows, weights=mass)])
    grid_y, grid_x = np.mgrid[0:GRID_SIZE, 0:GRID_SIZE]
    field_basis = np.stack(
        [
            np.ones((GRID_SIZE, GRID_SIZE)),
            (grid_x - centre[0]) / UNIT_CELLS,
            (grid_y - centre[1]) / UNIT_CELLS,
        ],
        axis=-1,
    )
    smooth = blur(frame, SMOOTHING)
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125)
    gradient = np.stack([dx[rows, columns], dy[rows, columns]], axis=-1).astype(np.float64)
    basis = field_basis[rows, columns]
    jacobian = np.einsum("nck,nb->ncbk", gradient, basis)
    return ObjectPoints(
        x=columns[:, None].astype(np.float32),
        y=rows[:, None].astype(np.float32),
        weight=mass,
        basis=basis,
        field_basis=field_basis.astype(np.float32),
        colours=smooth[rows, columns],
        jacobian=rearrange(jacobian, "n c b k -> (n c) (b k)"),
    )


def fit_flow(points: ObjectPoints, flow: Float32Array, *, prior: Motion) -> Motion:
    """The affine motion that most of a flow (g, g, 2) follows at the points, robustly."""
    rows, columns = points.y[:, 0].astype(np.intp), points.x[:, 0].astype(np.intp)
    moves = flow[rows, columns].astype(np.float64)
    penalty = np.diag([1e-6, 1.0, 1.0])
    robust: npt.NDArray[np.float64] = points.weight
    motion = prior
    for _ in range(5):
        weighted = points.basis * robust[:, None]
        normal = points.basis.T @ weighted + penalty
        solved = np.linalg.solve(normal, weighted.T @ moves + penalty @ prior)
        motion = np.asarray(solved, np.float64)
        residual = np.square(moves - points.basis @ motion).sum(axis=1)
        scale = float(np.clip(np.median(residual), 0.04, 4.0))
        robust = np.asarray(points.weight / (1 + residual / scale), np.float64)
    return motion


def refine(
    points: ObjectPoints,
    frame: Float32Array,
    *,
    starts: tuple[Motion, ...],
    prior: Motion,
    noise: float,
) -> Motion:
    """Improve the best of some motions by comparing colours (robust Gauss-Newton).

    Args:
        points: the object in frame 0.
        frame: frame t, float32 (g, g, 3), smoothed by SMOOTHING.
        starts: motions to begin with; the one with the lowest error is taken.
        prior: the motion of the frame before; the linear part stays near it unless colours tell.
        noise: grey levels of difference that are noise.

    Returns:
        The motion with the lowest robust mean error that was met.
    """
    scale = 2.0 * noise
    tightness = np.diag([1e-9, LINEAR_CHANGE**-2, LINEAR_CHANGE**-2])
    lasting = np.kron(tightness, np.eye(2))
    motion = min(starts, key=lambda start: _error(*_compare(points, frame, start), scale))
    best, lowest = motion, np.inf
    for _ in range(ROUNDS + 1):
        difference, weight = _compare(points, frame, motion)
        error = _error(difference, weight, scale)
        if error < lowest:
            best, lowest = motion, error
        squared = np.square(difference).mean(axis=1)
        robust = weight / (1 + squared / scale**2) * (INDEPENDENT / noise**2)
        weighted = points.jacobian * np.repeat(robust, 3)[:, None]
        normal = weighted.T @ points.jacobian + lasting
        pull = tightness @ (prior - motion)
        step = np.linalg.solve(normal, pull.ravel() - weighted.T @ difference.ravel())
        motion = motion + step.reshape(3, 2)
        if np.abs(step).max() < 0.003:
            break
    return best


def _error(
    difference: npt.NDArray[np.float64], weight: npt.NDArray[np.float64], scale: float
) -> float:
    """Weighted mean length of colour differences (N, C), those far above the scale capped."""
    total = float(weight.sum())
    if total <= 0:
        return np.inf
    squared = np.square(difference).mean(axis=1)
    return float((weight * np.sqrt(squared / (1 + squared / (4 * scale) ** 2))).sum()) / total


def _compare(
    points: ObjectPoints, frame: Float32Array, motion: Motion
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Colour differences (N, C) of the moved points, and weights (0 where they left the window)."""
    moves = points.basis @ motion
    x = points.x + moves[:, :1].astype(np.float32)
    y = points.y + moves[:, 1:].astype(np.float32)
    colours = cv2.remap(frame, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    low, high = RING_CELLS, GRID_SIZE - RING_CELLS - 1
    seen = (x >= low) & (x <= high) & (y >= low) & (y <= high)
    difference = colours.astype(np.float64) - points.colours
    weight = points.weight * seen[:, 0]
    if weight.sum() > 0:
        # A shift of the whole object's colour is the decoder's, not motion.
        shift = np.average(np.clip(difference, -12, 12), axis=0, weights=weight)
        difference = difference - shift
    return difference, weight
