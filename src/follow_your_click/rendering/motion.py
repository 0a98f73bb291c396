"""The object's motion: as the model states it, or tracked in the generated frames, made smooth and inverted.

Axes: L frames, g rows and columns of grid cells, 2 = (x, y). All motion is in cells of the working
grid. A forward field F_t moves the object's points of frame 0: x -> x + F_t(x). A backward field
b_t says where a place of frame t comes from: y -> y + b_t(y).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from follow_your_click.flow import dense_flow, flow_magnitude
from follow_your_click.rendering.affine import (
    SMOOTHING,
    Motion,
    fit_flow,
    object_points,
    refine,
)
from follow_your_click.rendering.grid import (
    COLUMNS,
    GRID_SIZE,
    INNER,
    RING_CELLS,
    ROWS,
    WINDOW_CELLS,
    Float32Array,
    blur,
    channel_mean,
    fill,
    smoothstep,
    warp,
)

# Decoder noise moves nothing: a motion below this many model pixels at its largest over the clip counts
# as none, from the second number on it counts fully. 0.15 cells for a model of 128 px; tuned.
DEAD_ZONE = (0.075, 0.175)

# Deviations from the affine motion below about this many model pixels (root mean square over time) are
# noise; tuned.
AFFINE_NOISE = 0.125

# The least size of a model pixel, in cells, that the two thresholds above are taken at.
MIN_MODEL_PIXEL = 2.0

# Grey levels of difference that no decoder gets below; keeps ratios to the noise floor sane.
MIN_NOISE = 2.0

# Rounds of y + b(y) + F(y + b(y)) = y; the gradient of F is below 0.5 in practice: error below 0.01
# cells.
INVERSION_ROUNDS = 8


@dataclass(frozen=True)
class ObjectMotion:
    """How the object moves, per frame.

    Attributes:
        backward: L fields float32 (g, g, 2), in cells; exactly zero in frame 0 and where nothing
            moves.
    """

    backward: list[Float32Array]

    @property
    def still(self) -> bool:
        """Whether nothing moves in any frame."""
        return not any(bool(field.any()) for field in self.backward)


def stated_motion(displacement: Float32Array, taper: Float32Array) -> ObjectMotion:
    """The motion that the model states.

    Args:
        displacement: float32 (L, h, w, 2), from each place to where it came from in frame 0, in shares of the window.
        taper: float32 (g, g), factor on the motion (0 at the outer end of the ring).
    """
    fields = [
        on_grid(field * np.float32(WINDOW_CELLS)) * taper[..., None] for field in displacement
    ]
    fields[0] = np.zeros_like(fields[0])
    return ObjectMotion(fields)


def on_grid(field: Float32Array) -> Float32Array:
    """What is given at the positions (h, w) or (h, w, 2) of a window, on the grid: (g, g) or (g, g, 2), edges repeated in the ring."""
    fine = cv2.resize(field, (WINDOW_CELLS, WINDOW_CELLS), interpolation=cv2.INTER_CUBIC)
    ring = ((RING_CELLS,) * 2, (RING_CELLS,) * 2, (0, 0))
    return np.asarray(np.pad(fine, ring[: fine.ndim], mode="edge"), np.float32)


def measure_motion(
    frames: list[Float32Array],
    mask: Float32Array,
    inside: Float32Array,
    taper: Float32Array,
    *,
    noise: float,
    model_pixel: float,
) -> ObjectMotion:
    """The object's motion through the generated frames.

    Args:
        frames: L generated frames on the grid, float32 (g, g, 3).
        mask: float32 (g, g), the object in frame 0.
        inside: float32 (g, g), 1 where the generated frames show the photo.
        taper: float32 (g, g), factor on the motion (0 at the outer end of the ring).
        noise: grey levels by which a still area differs between generated frames, see `noise_floor`.
        model_pixel: size of a pixel of the model's frames, in cells.
    """
    unit = max(model_pixel, MIN_MODEL_PIXEL)
    forward = _track(frames, mask * mask * inside, noise, AFFINE_NOISE * unit)
    largest = np.max([flow_magnitude(flow) for flow in forward], axis=0)
    on_mask = np.where(mask > 0.05, largest, 0)
    if not on_mask.size or float(on_mask.max()) < DEAD_ZONE[0] * unit:
        return ObjectMotion([np.zeros_like(flow) for flow in forward])
    alive = smoothstep(blur(largest, 2.0), DEAD_ZONE[0] * unit, DEAD_ZONE[1] * unit)
    gain = (alive * taper)[..., None]
    return ObjectMotion(_invert([flow * gain for flow in forward]))


def noise_floor(frames: list[Float32Array], mask: Float32Array, inside: Float32Array) -> float:
    """Median smoothed difference of the frames to frame 0 where nothing moves, in grey levels."""
    still = (inside > 0.5) & (blur(mask, 8.0) < 0.02)
    if still.sum() < 64:
        return MIN_NOISE + 2.0
    medians = [float(np.median(difference(frame, frames[0], 2.0)[still])) for frame in frames[1::3]]
    return max(MIN_NOISE, float(np.mean(medians))) if medians else MIN_NOISE


def difference(first: Float32Array, second: Float32Array, sigma: float) -> Float32Array:
    """Absolute difference of two images (g, g, 3), mean of channels, smoothed: float32 (g, g)."""
    return blur(channel_mean(np.abs(first - second)), sigma)


def _track(
    frames: list[Float32Array], weight: Float32Array, noise: float, deviation_noise: float
) -> list[Float32Array]:
    """Forward fields from frame 0 to every frame: an affine motion plus smooth deviations.

    The flow between neighbours predicts the affine motion, which is then refined against frame 0,
    so that nothing drifts. Deviations are the flow that is left between frame 0 and frame t moved
    back.
    """
    still = np.zeros((GRID_SIZE, GRID_SIZE, 2), np.float32)
    points = object_points(frames[0], weight)
    if points is None:
        return [still] * len(frames)
    texture = weight * _texture(frames[0], noise)
    greys = [np.asarray(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), np.float32) for f in frames]
    motion: Motion = np.zeros((3, 2))
    before = motion
    flow = deviation = still
    affine, deviations = [still], [still]
    for index in range(1, len(frames)):
        step = _flow_on_grid(greys[index - 1], greys[index])
        smooth = blur(frames[index], SMOOTHING)
        starts = (
            fit_flow(points, flow + warp(step, flow), prior=motion),
            2 * motion - before,
        )
        refined = refine(points, smooth, starts=starts, prior=motion, noise=noise)
        before, motion = motion, refined
        field = points.field(motion)
        predicted = field + deviation
        moved_back = warp(greys[index], predicted)
        blended = greys[0] + weight * (moved_back - greys[0])
        rest = _flow_on_grid(greys[0], blended)
        flow = warp(predicted, rest) + rest
        confidence = texture * _fit_quality(frames[0], frames[index], flow, noise)
        deviation = fill(flow - field, confidence, first_level=1)
        flow = field + deviation
        affine.append(field)
        deviations.append(deviation)
    share = _stands_out(deviations, deviation_noise)
    return _smooth_in_time([a + share * d for a, d in zip(affine, deviations, strict=True)])


def _flow_on_grid(source: Float32Array, target: Float32Array) -> Float32Array:
    """Optical flow of two grey images (g, g) in the window, zero in the ring."""
    first, second = (
        np.ascontiguousarray(np.clip(np.rint(image[INNER, INNER]), 0, 255).astype(np.uint8))
        for image in (source, target)
    )
    return np.pad(dense_flow(first, second), ((RING_CELLS,) * 2, (RING_CELLS,) * 2, (0, 0)))


def _stands_out(deviations: list[Float32Array], noise: float) -> Float32Array:
    """Share of the deviations from affine motion above the noise, one field for all frames."""
    energy = np.zeros(deviations[0].shape[:2], np.float32)
    for deviation in deviations[1:]:
        energy += np.square(deviation).sum(axis=2) / (len(deviations) - 1)
    energy = blur(energy, 3.0)
    return np.maximum(1 - noise**2 / np.maximum(energy, 1e-6), 0)[..., None]


def _texture(frame: Float32Array, noise: float) -> Float32Array:
    """How well the image holds a flow at each cell, 0 ... 1: the weaker eigenvalue counts most."""
    grey = blur(channel_mean(frame), 1.0)
    dx = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=0.125)
    dy = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=0.125)
    xx, yy, xy = (blur(np.asarray(p, np.float32), 3.0) for p in (dx * dx, dy * dy, dx * dy))
    spread = np.sqrt((xx - yy) ** 2 + 4 * xy * xy)
    weak = 0.5 * (xx + yy - spread)
    evidence = weak + 0.02 * spread
    # Gradients of decoder noise after cubic enlargement are about 0.15 levels per cell per level of
    # noise.
    floor = (0.3 * noise) ** 2
    return np.asarray(evidence / (evidence + floor) + 1e-3, np.float32)


def _fit_quality(
    first: Float32Array, frame: Float32Array, flow: Float32Array, noise: float
) -> Float32Array:
    """1 where frame t at x + F(x) looks like frame 0 at x, to 0; 0 where that left the window."""
    error = difference(first, warp(frame, flow), 1.5)
    quality = np.exp(-0.5 * (error / (3.0 * noise)) ** 2)
    low, high = RING_CELLS, GRID_SIZE - RING_CELLS - 1
    x, y = COLUMNS + flow[..., 0], ROWS + flow[..., 1]
    stays = (x >= low) & (x <= high) & (y >= low) & (y <= high)
    return np.asarray(quality * stays, np.float32)


def _smooth_in_time(flows: list[Float32Array]) -> list[Float32Array]:
    """Savitzky-Golay smoothing over five frames: noise shrinks, speed and sway (6 frames up) stay.

    Before frame 0 and after the end the motion goes on as it came (mirrored through the end point).
    """
    count = len(flows)
    if count < 4:
        return flows
    ahead = [2 * flows[0] - flows[2], 2 * flows[0] - flows[1]]
    behind = [2 * flows[-1] - flows[-2], 2 * flows[-1] - flows[-3]]
    padded = [*ahead, *flows, *behind]
    taps = (-3 / 35, 12 / 35, 17 / 35, 12 / 35, -3 / 35)
    smooth = [
        np.asarray(sum(tap * padded[i + k] for k, tap in enumerate(taps)), np.float32)
        for i in range(count)
    ]
    smooth[0] = np.zeros_like(flows[0])
    return smooth


def _invert(flows: list[Float32Array]) -> list[Float32Array]:
    """Backward fields by fixed-point iteration, each started from the frame before."""
    backward = [np.zeros_like(flows[0])]
    for flow in flows[1:]:
        field = backward[-1]
        for _ in range(INVERSION_ROUNDS):
            field = -warp(flow, field)
        backward.append(np.where(np.abs(field) < 1e-3, 0.0, field).astype(np.float32))
    return backward
