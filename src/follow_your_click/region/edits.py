"""What may be done to a mask once its areas are combined; `segmentation.edits` does it.

Inside is what lies above 0.5. Distances run from pixel centre to pixel centre. The photo's edge is no rim of the
object: nothing is known beyond it, so nothing shrinks or fades there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from follow_your_click.errors import RegionError

MAX_EDIT_PIXELS = 1000.0
"""Up to here distances between pixels are exact in float32; no rim of a photo is wider."""


@dataclass(frozen=True)
class _ByPixels:
    pixels: float

    def __post_init__(self) -> None:
        try:
            fits = 0 < self.pixels <= MAX_EDIT_PIXELS and math.isfinite(self.pixels)
        except (TypeError, OverflowError):
            fits = False
        if not fits:
            raise RegionError(
                f"{type(self).__name__.lower()}: got {self.pixels!r} pixels, "
                f"expected more than 0 and at most {MAX_EDIT_PIXELS:g}"
            )


class Grow(_ByPixels):
    """Every pixel within `pixels` of the inside becomes 1: dilation by a disc. 0 < pixels <= 1000."""


class Shrink(_ByPixels):
    """Every pixel within `pixels` of the outside becomes 0: erosion by a disc. 0 < pixels <= 1000."""


class Feather(_ByPixels):
    """The rim falls from 1 to 0 along a line of `pixels` pixels, half of it inside. 0 < pixels <= 1000.

    What lies inside stays inside; a soft rim that was there before is replaced. One pixel or less is a
    hard rim.
    """


@dataclass(frozen=True)
class FillHoles:
    """Parts of the outside that are closed in become 1: no path of side-by-side pixels leads to the photo's edge."""


@dataclass(frozen=True)
class KeepLargest:
    """Of the connected parts only the one with the most pixels inside stays; of equals, the topmost.

    Parts are pixels above 0 that touch, corners included: a soft rim stays with its object.
    """


Edit: TypeAlias = Grow | Shrink | Feather | FillHoles | KeepLargest
EDIT_TYPES = (Grow, Shrink, Feather, FillHoles, KeepLargest)


def as_edits(edits: Edit | Sequence[Edit]) -> tuple[Edit, ...]:
    """One edit or several as a checked tuple; RegionError for something that is no edit."""
    several: tuple[Edit, ...] = (edits,) if isinstance(edits, EDIT_TYPES) else tuple(edits)
    for edit in several:
        if not isinstance(edit, EDIT_TYPES):
            names = ", ".join(kind.__name__ for kind in EDIT_TYPES)
            raise RegionError(f"edits: got {type(edit).__name__}, expected {names}")
    return several
