"""Two filters that need no model. Off unless a config names them.

    filters:
      plugins:
        - {target: "follow_your_click.data.engine.plugins:StaticOverlay"}
        - {target: "follow_your_click.data.engine.plugins:Sharpness", settings: {minimum: 40}}

Axes: L frames, H W rows and columns.
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np

from follow_your_click.data.engine.filters import Drop
from follow_your_click.data.engine.motion import Motion
from follow_your_click.flow import UInt8Array


class StaticOverlay:
    """Drops clips on which text or a logo stands still over a picture that changes.

    Overlays are edges that stay in place, to the pixel and in strength, where the picture around them moves. A still camera's own
    edges stay too: only edges with motion around them count, so an overlay over what never moves is not seen.

    Args:
        max_share: of the moving surroundings that such edges may take.
    """

    EDGE: ClassVar[float] = 60.0  # Sobel gradient in levels of 255 that counts as an edge
    STEADY: ClassVar[float] = 0.15  # its relative spread over the clip, at most
    CHANGE: ClassVar[float] = (
        12.0  # spread of the blurred picture, in levels, that counts as change
    )
    MIN_CHANGED: ClassVar[float] = 0.02  # share of the frame below which nothing can be said

    def __init__(self, max_share: float = 0.004) -> None:
        self.max_share = max_share

    def judge(self, frames: UInt8Array, motion: Motion) -> Drop | None:
        grey = np.stack([cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames]).astype(np.float32)
        edges = np.stack(
            [np.hypot(cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1)) for g in grey]
        )
        mean = edges.mean(axis=0)
        steady = (mean > self.EDGE) & (edges.std(axis=0) < self.STEADY * mean)
        spread = np.stack([cv2.GaussianBlur(g, (0, 0), 4) for g in grey]).std(axis=0)
        changing = (spread > self.CHANGE).astype(np.uint8)
        around = cv2.dilate(changing, np.ones((9, 9), np.uint8)) > 0
        if changing.mean() < self.MIN_CHANGED:
            return None
        share = float((steady & around).sum() / around.sum())
        if share <= self.max_share:
            return None
        return Drop("overlay", f"{share:.2%} of the moving area are edges that stand still")


class Sharpness:
    """Drops blurred clips: the variance of the Laplacian of the middle frame (Pech-Pacheco et al., 2000).

    Args:
        minimum: the least variance. About 40 is visibly soft at a short side of 256 px.
    """

    def __init__(self, minimum: float = 40.0) -> None:
        self.minimum = minimum

    def judge(self, frames: UInt8Array, motion: Motion) -> Drop | None:
        grey = cv2.cvtColor(frames[len(frames) // 2], cv2.COLOR_RGB2GRAY)
        variance = float(cv2.Laplacian(grey, cv2.CV_64F).var())
        if variance >= self.minimum:
            return None
        return Drop("blurred", f"sharpness {variance:.0f}; at least {self.minimum:g}")
