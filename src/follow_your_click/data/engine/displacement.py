"""Where everything in a frame came from in frame 0: the label of the network's displacement head, on filmed clips.

Axes: L frames, H W rows and columns, h w those of the label, an eighth of them; 2 = (x, y).
The flows of neighbouring frames are chained. Where the chain leads to another colour than it started from (covered, out of the
frame, drifted away) the label is not valid; it is filled from its surroundings and counts nothing in the loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.data.engine.motion import Motion, look_up
from follow_your_click.flow import BoolArray, Float32Array, UInt8Array

LABEL_STRIDE = 8  # px of the clip per label, as the autoencoders' latents
COLOUR_TOLERANCE = 24.0  # levels of 255 between blurred frames, at most (tuned on rendered clips)
BLUR = 1.5  # px, before colours are compared: a label off by half a pixel is still good
FILL_SIGMA = 3.0  # labels over which an invalid one is filled


@dataclass(frozen=True, eq=False)
class DisplacementLabels:
    """float16 displacement (L, h, w, 2) in px of the clip, frame i to where it came from in frame 0;
    uint8 validity (L, h, w), share of the cell's pixels of 255; uint8 moving (L, h, w), the coverage by what moves.
    """

    displacement: npt.NDArray[np.float16]
    validity: UInt8Array
    moving: UInt8Array


def displacement_labels(frames: UInt8Array, motion: Motion) -> DisplacementLabels:
    """Labels of a clip, uint8 (L, H, W, 3), from its measured motion."""
    chain = chained(motion.flows)
    colours = [cv2.GaussianBlur(frame, (0, 0), BLUR) for frame in frames]
    displacement, validity = [], []
    for index, ways in enumerate(chain):
        valid = _valid(colours[index], colours[0], ways)
        small, share = _reduced(ways, valid)
        displacement.append(small.astype(np.float16))
        validity.append(np.round(share * 255).astype(np.uint8))
    moving = np.concatenate([first_frame_mask(chain, motion.pair_masks)[None], motion.pair_masks])
    return DisplacementLabels(
        displacement=np.stack(displacement),
        validity=np.stack(validity),
        moving=np.stack([np.round(_cells(m.astype(np.float32)) * 255) for m in moving]).astype(
            np.uint8
        ),
    )


def chained(flows: Float32Array) -> Float32Array:
    """Flows from frame i + 1 to i, (P, H, W, 2) -> displacements from frame i to frame 0, (P + 1, H, W, 2)."""
    ways = [np.zeros_like(flows[0])]
    for flow in flows:
        ways.append(flow + np.asarray(look_up(ways[-1], flow), np.float32))
    return np.stack(ways)


def first_frame_mask(chain: Float32Array, pair_masks: BoolArray) -> BoolArray:
    """The pixels of frame 0 that will move: where the moving pixels of later frames came from, bool (H, W)."""
    height, width = pair_masks.shape[1:]
    seen = np.zeros((height, width), np.uint8)
    for ways, mask in zip(chain[1:], pair_masks, strict=True):
        y, x = np.nonzero(mask)
        to_x = np.rint(x + ways[y, x, 0]).astype(np.int64)
        to_y = np.rint(y + ways[y, x, 1]).astype(np.int64)
        inside = (to_x >= 0) & (to_x < width) & (to_y >= 0) & (to_y < height)
        hits = np.zeros((height, width), np.uint8)
        hits[to_y[inside], to_x[inside]] = 1
        seen += hits
    # A single hit is a stray; holes between hits are where the motion spreads pixels apart.
    often = (seen >= max(1, len(pair_masks) // 4)).astype(np.uint8)
    closed = cv2.morphologyEx(often, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return np.asarray(closed, np.bool_)


def _valid(frame: UInt8Array, first: UInt8Array, ways: Float32Array) -> BoolArray:
    height, width = ways.shape[:2]
    x = np.arange(width, dtype=np.float32)[None, :] + ways[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + ways[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    found = look_up(first, ways).astype(np.int16)
    off = np.abs(found - frame.astype(np.int16)).mean(axis=2)
    return np.asarray(inside & (off < COLOUR_TOLERANCE), np.bool_)


def _reduced(ways: Float32Array, valid: BoolArray) -> tuple[Float32Array, Float32Array]:
    """Mean of the valid displacements in each cell, and their share; cells without any are filled from around."""
    weight = valid.astype(np.float32)
    share = _cells(weight)
    summed = _cells(ways * weight[..., None])
    near, known = (cv2.GaussianBlur(part, (0, 0), FILL_SIGMA) for part in (summed, share))
    filled = near / np.maximum(known, 1e-6)[..., None] * (known > 1e-6)[..., None]
    own = summed / np.maximum(share, 1e-6)[..., None]
    return np.where(share[..., None] > 0.1, own, filled).astype(np.float32), share


def _cells(values: Float32Array) -> Float32Array:
    """Means over cells of `LABEL_STRIDE` px: (H, W, ...) -> (h, w, ...)."""
    height, width = values.shape[:2]
    size = (max(1, round(width / LABEL_STRIDE)), max(1, round(height / LABEL_STRIDE)))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
