"""Shot cuts: where a frame differs from the one before it by much, and by much more than its surroundings do.

Axes: F frames, h w rows and columns of a signature. The measure is PySceneDetect's content value (mean absolute difference in
hue, saturation and value), its adaptive detector's ratio keeps fast camera moves from counting as cuts. Fades and dissolves
are not found here: the clips over them are dropped as chaotic, since flow does not explain them.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.data.engine.config import ShotSettings
from follow_your_click.flow import UInt8Array

SIGNATURE_SIZE = (64, 36)  # width, height
NEIGHBOURS = 2  # frames on both sides that a difference is compared with


def frame_differences(signatures: UInt8Array) -> npt.NDArray[np.float64]:
    """Mean absolute HSV difference to the frame before: (F, h, w, 3) RGB -> (F,), the first 0."""
    hsv = [cv2.cvtColor(s, cv2.COLOR_RGB2HSV).astype(np.int16) for s in signatures]
    found = np.zeros(len(hsv))
    for index in range(1, len(hsv)):
        off = np.abs(hsv[index] - hsv[index - 1])
        off[..., 0] = np.minimum(off[..., 0], 180 - off[..., 0])  # hue is a circle of 180 steps
        found[index] = off.mean()
    return found


def shot_starts(signatures: UInt8Array, settings: ShotSettings) -> list[int]:
    """First frame of every shot; [0] for a video without cuts."""
    differences = frame_differences(signatures)
    starts = [0]
    for index in range(1, len(differences)):
        window = np.r_[
            differences[max(1, index - NEIGHBOURS) : index],
            differences[index + 1 : index + 1 + NEIGHBOURS],
        ]
        around = float(window.mean()) if len(window) else 0.0
        if differences[index] >= settings.min_difference and (
            differences[index] >= settings.min_ratio * around
        ):
            starts.append(index)
    return starts
