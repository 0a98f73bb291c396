"""What the generated frames say about the object: where it shows, and whether it only moves.

Axes: L frames, g rows and columns of grid cells, C = 3 colour channels, 0 ... 255.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from follow_your_click.rendering.grid import (
    Float32Array,
    blur,
    channel_mean,
    fill,
    smoothstep,
    warp,
)
from follow_your_click.rendering.motion import ObjectMotion, difference

# The background wins over the moved object only where it explains the frame this many times better;
# tuned.
VOTE_RATIO = (1.6, 2.6)

# The object's own pixels give way to generated ones between these multiples of the noise floor. High, because a small
# model's frames blur as they move, and a blur that replaces the photo shows as a blotch (tuned on five clips of `mini`).
UNEXPLAINED = (20.0, 36.0)


@dataclass(frozen=True)
class Layers:
    """Per frame, on the grid: what composition needs besides the photo and its mask.

    Attributes:
        presence: L fields float32 (g, g), 1 = a moved object may cover the background here, 0 = it
            does not.
        unexplained: L fields float32 (g, g), share of generated pixels in the object; None where
            all zero.
        repaint: L images float32 (g, g, 3), the generated frame in the photo's colours; None with
            the above.
        moved: L fields float32 (g, g), the moved mask.
    """

    presence: list[Float32Array]
    unexplained: list[Float32Array | None]
    repaint: list[Float32Array | None]
    moved: list[Float32Array]


def carried_layers(mask: Float32Array, motion: ObjectMotion) -> Layers:
    """The layers of an object that only moves, as it does where the model states the motion.

    Args:
        mask: float32 (g, g).
    """
    moved = [warp(mask, flow) for flow in motion.backward]
    everywhere = np.ones_like(mask)
    nothing: list[Float32Array | None] = [None] * len(moved)
    return Layers([everywhere] * len(moved), nothing, nothing, moved)


def read_layers(
    frames: list[Float32Array],
    photo: Float32Array,
    mask: Float32Array,
    inside: Float32Array,
    motion: ObjectMotion,
    *,
    noise: float,
) -> Layers:
    """Compare every generated frame with frame 0, moved and unmoved.

    Args:
        frames: L generated frames, float32 (g, g, 3).
        photo: float32 (g, g, 3).
        mask: float32 (g, g).
        inside: float32 (g, g), 1 where the generated frames show the photo.
        motion: the object's motion through these frames.
        noise: see `motion.noise_floor`.
    """
    moved = [warp(mask, flow) for flow in motion.backward]
    presence: list[Float32Array] = []
    unexplained: list[Float32Array | None] = []
    repaint: list[Float32Array | None] = []
    for frame, cover, flow in zip(frames, moved, motion.backward, strict=True):
        carried = warp(frames[0], flow)
        as_object = difference(frame, carried, 2.0)
        as_background = difference(frame, frames[0], 2.0)
        presence.append(_presence(as_object, as_background, mask, inside, noise))
        share = _unexplained(frame, carried, cover, inside, noise)
        unexplained.append(share)
        repaint.append(None if share is None else _repaint(frame, warp(photo, flow), cover))
    return Layers(presence, unexplained, repaint, moved)


def _presence(
    as_object: Float32Array,
    as_background: Float32Array,
    mask: Float32Array,
    inside: Float32Array,
    noise: float,
) -> Float32Array:
    """Whether the frame shows the moved object here; strongly biased to yes."""
    ratio = blur(as_object, 1.5) / (blur(as_background, 1.5) + noise)
    absent = smoothstep(ratio, *VOTE_RATIO) * inside
    near_edge = blur(mask, 1.5)
    return np.asarray(1 - absent * (1 - near_edge), np.float32)


def _unexplained(
    frame: Float32Array,
    carried: Float32Array,
    cover: Float32Array,
    inside: Float32Array,
    noise: float,
) -> Float32Array | None:
    """Share of generated pixels where no motion explains the frame; None if it is 0 everywhere.

    A motion wrong by a cell at an edge is no reason, hence the local contrast is taken off first,
    and the object's outline is left alone.
    """
    grey = blur(channel_mean(carried), 0.7)
    contrast = np.hypot(
        cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=0.125),
        cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=0.125),
    )
    slack = blur(np.asarray(contrast, np.float32), 3.0)
    error = np.asarray((difference(frame, carried, 3.0) - 1.5 * slack) / noise, np.float32)
    core = smoothstep(blur(cover, 3.0), 0.8, 0.98)
    share = blur(smoothstep(error, *UNEXPLAINED) * core * inside, 1.5)
    share[share < 0.02] = 0
    return share if bool(share.any()) else None


def _repaint(frame: Float32Array, carried_photo: Float32Array, cover: Float32Array) -> Float32Array:
    """The generated frame with the object's mean colour shift towards the photo removed."""
    shift = carried_photo - frame
    weight = cover * np.exp(-np.square(channel_mean(np.abs(shift)) / 24.0))
    return np.asarray(frame + fill(shift, weight.astype(np.float32), first_level=3), np.float32)
