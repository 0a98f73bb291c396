"""Parts that turn about a joint, each in one piece, or bend from there on.

Axis legend: H W rows and columns of the photo, L frames, h w rows and columns of positions in a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.models.displacement import STRENGTH_SIDE
from follow_your_click.rendering.crop import CropPlan

BENT = 0.6  # of a part's length, over which it bends; the rest of it stays straight
SHOWN = 0.25  # of the most that a position shows of a part, from which on the part reaches there


@dataclass(frozen=True, eq=False)
class Piece:
    """A part at the positions of a window.

    Attributes:
        x, y: (h, w), the positions, in shares of the window.
        share: (h, w), how much of the part is at each; 1 in all.
        joint: x, y in shares of the window.
        radius: of a disc as large as the part, in shares of the window.
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    share: npt.NDArray[np.float64]
    joint: tuple[float, float]
    radius: float

    @classmethod
    def in_window(
        cls,
        mask: npt.NDArray[np.float32],
        joint: tuple[float, float],
        window: CropPlan,
        size: tuple[int, int],
    ) -> Piece:
        """A part (H, W), 0 ... 1, with a joint (x, y) in the photo's pixels, at (h, w) positions of a window."""
        height, width = size
        small = cv2.resize(window.extract_mask(mask), (width, height), interpolation=cv2.INTER_AREA)
        x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
        across, down = (
            (place + 0.5 - first) / window.side
            for place, first in zip(joint, (window.x0, window.y0), strict=True)
        )
        share = np.asarray(small, np.float64) / max(float(small.sum()), 1e-6)
        radius = max(float(np.sqrt(small.mean() / np.pi)), 1e-3)
        return cls(x, y, share, (across, down), radius)

    @property
    def reach(self) -> tuple[float, float]:
        """From the joint to the part's middle: x, y in shares of the window."""
        return (
            float((self.x * self.share).sum()) - self.joint[0],
            float((self.y * self.share).sum()) - self.joint[1],
        )

    @property
    def length(self) -> float:
        return max(float(np.hypot(*self.reach)), 1e-3)

    def mean(self, fields: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The part's mean of each frame's displacement: (L, h, w, 2) -> (L, 2)."""
        mean: npt.NDArray[np.float64] = np.einsum("fhwc,hw->fc", fields, self.share)
        return mean

    def turned(
        self, angles: npt.NDArray[np.floating], down: npt.NDArray[np.floating] | float = 0.0
    ) -> npt.NDArray[np.float32]:
        """Turned about the joint by angles (L,) in radians, clockwise as it is seen, and then moved down by shares of the window.

        Returns:
            float32 (L, h, w, 2): from each position to where it came from, (x, y) in shares of the window.
        """
        cosine, sine = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
        to_x, to_y = self.x - self.joint[0], self.y - self.joint[1]
        from_y = to_y - np.broadcast_to(down, angles.shape)[:, None, None]
        before = cosine * to_x + sine * from_y - to_x, cosine * from_y - sine * to_x - to_y
        return np.stack(before, axis=3).astype(np.float32)

    def bent(self, angles: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Bent from the joint on, its end turned by angles (L,) in radians, clockwise as it is seen: an arc over `BENT` of it, straight beyond.

        Across the part nothing is drawn out, and at the joint nothing breaks.

        Returns:
            float32 (L, h, w, 2), as of `turned`.
        """
        ahead = np.array(self.reach) / self.length
        to_x, to_y = self.x - self.joint[0], self.y - self.joint[1]
        along, aside = to_x * ahead[0] + to_y * ahead[1], to_y * ahead[0] - to_x * ahead[1]
        shown = self.share > SHOWN * self.share.max()
        arc = BENT * max(float(along[shown].max()), 1e-3)
        before = np.zeros((len(angles), *self.x.shape, 2))
        for fields, angle in zip(before, angles, strict=True):
            if abs(angle) > 1e-4:
                was_along, was_aside = _unbent(along, np.sign(angle) * aside, arc, abs(angle))
                dx, dy = was_along - along, np.sign(angle) * was_aside - aside
                fields[..., 0] = dx * ahead[0] - dy * ahead[1]
                fields[..., 1] = dx * ahead[1] + dy * ahead[0]
        return before.astype(np.float32)

    def gain(self, fields: npt.NDArray[np.float32], strength: float) -> float:
        """By how much fields (L, h, w, 2) are to be stronger for the part to move by `strength` px per frame at 256 px of the window."""
        steps = np.linalg.norm(np.diff(fields, axis=0), axis=3)
        asked = strength / STRENGTH_SIDE * len(steps)
        return asked / max(float((steps * self.share).sum()), 1e-6)


def _unbent(
    along: npt.NDArray[np.float64], inwards: npt.NDArray[np.float64], arc: float, angle: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where places (h, w) were before a straight line from the joint was bent by an angle over the length of an arc, towards `inwards`."""
    radius = arc / angle
    on_arc = radius * np.arctan2(along, radius - inwards)
    from_arc = radius - np.hypot(along, radius - inwards)
    cosine, sine = np.cos(angle), np.sin(angle)
    past_x, past_y = along - radius * sine, inwards - radius * (1 - cosine)
    beyond = on_arc > arc
    was_along = np.where(beyond, arc + cosine * past_x + sine * past_y, on_arc)
    was_inwards = np.where(beyond, cosine * past_y - sine * past_x, from_arc)
    behind = along <= 0
    return np.where(behind, along, was_along), np.where(behind, inwards, was_inwards)
