"""The one protocol that every segmenter follows, shaped like Segment Anything's predictor.

Axis legend: N points, K candidates, H rows, W columns.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Segmentation:
    """Candidate masks for one prompt, best first; several may be nested (part, object, group).

    `masks`: (K, H, W) bool at the photo's size, K >= 1, True = belongs to the object.
    `scores`: (K,) float, falling, 0 ... 1: the segmenter's own guess of the overlap (IoU).
    `levels`: for each candidate "part", "object" or "whole", of a segmenter that knows; else empty.
    """

    masks: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float32]
    levels: tuple[str, ...] = ()


class Segmenter(Protocol):
    """Turns clicks, a box or a rough mask into candidate masks.

    `set_image` is the costly step, done once per photo; `predict` is quick, once per click.
    """

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        """Prepare for one photo: (H, W, 3) uint8 RGB."""
        ...

    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
    ) -> Segmentation:
        """Candidates for one object; give at least a positive point, a box or a mask.

        `point_coords`: (N, 2) x, y in pixels. `point_labels`: (N,), 1 = on the object, 0 = not on
        it. `box`: (4,) x0, y0, x1, y1 in pixels. `mask`: (H, W) 0 ... 1, a previous mask to refine.
        """
        ...


@runtime_checkable
class PartNamingSegmenter(Segmenter, Protocol):
    """A segmenter that may also be told what the part of an object is called on which a click lies."""

    @property
    def part_names(self) -> Collection[str]:
        """The nouns that it knows ("tail")."""
        ...

    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
        part: str | None = None,
    ) -> Segmentation:
        """As in `Segmenter.predict`; the candidate of the level "part" is a part that is called `part`, one of `part_names`."""
        ...
