"""Where: clicks, boxes, strokes, polygons and masks, and how one changes what those before it made.

Coordinates are the photo's own pixels, origin top left, x to the right, y down; a pixel's centre lies at .5.
Axis legend: H rows, W columns.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import RegionError


def _check_finite(what: str, values: Sequence[float]) -> None:
    for value in values:
        try:
            finite = math.isfinite(value)
        except (TypeError, OverflowError):  # OverflowError: a whole number beyond any float
            finite = False
        if not finite:
            raise RegionError(f"{what}: got {value!r}, expected a finite number of pixels")


def _checked_points(
    what: str, points: Sequence[Sequence[float]], least: int
) -> tuple[tuple[float, float], ...]:
    """Callers come with lists (JSON, drawing tools); tuples keep an area hashable and frozen."""
    try:
        pairs = tuple((x, y) for x, y in points)
    except (TypeError, ValueError):
        pairs = ()
    if len(pairs) < least:
        raise RegionError(f"{what}: got points {points!r}, expected at least {least} (x, y) pairs")
    _check_finite(what, [value for pair in pairs for value in pair])
    return pairs


@dataclass(frozen=True)
class Click:
    """A point on the object, or with `positive=False` a point that is not part of it.

    `x`, `y`: the photo's own pixels. Raises RegionError for a number that is not finite.
    """

    x: float
    y: float
    positive: bool = True

    def __post_init__(self) -> None:
        _check_finite("click", (self.x, self.y))


@dataclass(frozen=True)
class Box:
    """A rectangle around the object, x0 < x1 and y0 < y1, in the photo's own pixels.

    What it selects is the object that the segmenter finds in it; the rectangle itself is a Polygon.
    Raises RegionError for a box without area or a number that is not finite.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        corners = (self.x0, self.y0, self.x1, self.y1)
        _check_finite("box", corners)
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            got = ",".join(f"{value:g}" for value in corners)
            raise RegionError(
                f"box {got} has no area: expected X0,Y0,X1,Y1 with X0 < X1 and Y0 < Y1"
            )


@dataclass(frozen=True)
class Brush:
    """A painted stroke: all pixels within `radius` pixels of the line through `points` (x, y).

    An area as it is, never a hint for a segmenter. Raises RegionError for no points, a radius that is
    not above 0, or a number that is not finite.
    """

    points: tuple[tuple[float, float], ...]
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _checked_points("brush", self.points, 1))
        _check_finite("brush radius", (self.radius,))
        if self.radius <= 0:
            raise RegionError(f"brush radius: got {self.radius}, expected more than 0 pixels")


@dataclass(frozen=True)
class Polygon:
    """A drawn outline: the pixels whose centre lies inside the closed line through `points` (x, y).

    Where the line crosses itself, the even-odd rule says what is inside. Raises RegionError for fewer
    than three points or a number that is not finite.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _checked_points("polygon", self.points, 3))


PlainArea: TypeAlias = Click | Box | Brush | Polygon | npt.NDArray[Any] | str | Path
"""A mask is an array (H, W) of bool, 0 ... 1 float or uint8 0 ... 255, or the name of a file."""
_PLAIN_TYPES = (Click, Box, Brush, Polygon, np.ndarray, str, Path)
_EXPECTED = "Click, Box, Brush, Polygon, a mask array or a mask file"


@dataclass(frozen=True, eq=False)
class _Wrapped:
    area: PlainArea

    def __post_init__(self) -> None:
        verb = type(self).__name__.lower()
        if not isinstance(self.area, _PLAIN_TYPES):
            raise RegionError(f"{verb}: got {type(self.area).__name__}, expected {_EXPECTED}")
        if isinstance(self.area, Click) and not self.area.positive:
            raise RegionError(
                f"{verb}: got a negative click, expected a positive one; it is the {verb} that says so"
            )
        if isinstance(self.area, np.ndarray):
            check_mask_array(self.area)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Wrapped) or type(other) is not type(self):
            return False
        ours, theirs = self.area, other.area
        if isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
            return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
        return type(ours) is type(theirs) and ours == theirs

    def __hash__(self) -> int:
        what = self.area.shape if isinstance(self.area, np.ndarray) else self.area
        return hash((type(self), what))


class Subtract(_Wrapped):
    """Cuts an area from what the areas before it made: the smaller of that and 1 - this.

    A click or box in it is a question of its own to the segmenter. Raises RegionError for a negative
    click or something that is no area.
    """


class Intersect(_Wrapped):
    """Limits what the areas before it made to an area: the smaller of that and this.

    A click or box in it is a question of its own to the segmenter. Raises RegionError for a negative
    click or something that is no area.
    """


Area: TypeAlias = PlainArea | Subtract | Intersect


def as_areas(area: Area | Sequence[Area]) -> tuple[Area, ...]:
    """One area or several as a checked tuple.

    Raises RegionError for no area, something that is no area, only negative clicks, or a Subtract or
    Intersect with nothing before it.
    """
    single = isinstance(area, (*_PLAIN_TYPES, _Wrapped))
    areas: tuple[Area, ...] = (area,) if single else tuple(area)  # type: ignore[arg-type, assignment]
    if not areas:
        raise RegionError(
            "region: got no area, expected a click, a box, a brush stroke, a polygon or a mask"
        )
    for each in areas:
        if not isinstance(each, (*_PLAIN_TYPES, Subtract, Intersect)):
            raise RegionError(
                f"region: got an area of type {type(each).__name__}, expected {_EXPECTED}, "
                "or Subtract or Intersect of one; a point is Click(x, y)"
            )
        if isinstance(each, np.ndarray):
            check_mask_array(each)
    if all(isinstance(each, Click) and not each.positive for each in areas):
        raise RegionError(
            "region: got only negative clicks, expected at least one positive click, box, "
            "brush stroke, polygon or mask that they cut from"
        )
    first = next(each for each in areas if not (isinstance(each, Click) and not each.positive))
    if isinstance(first, _Wrapped):
        verb = type(first).__name__
        raise RegionError(
            f"region: got {verb} with no area before it, expected a click, a box, a brush stroke, "
            "a polygon or a mask first"
        )
    return areas


def check_mask_array(mask: npt.NDArray[Any]) -> None:
    """(H, W), bool, uint8, or floating with values 0 ... 1; RegionError for anything else."""
    if mask.ndim != 2 or mask.size == 0:
        raise RegionError(f"mask: got shape {mask.shape}, expected (H, W) with the photo's size")
    if mask.dtype == np.bool_ or mask.dtype == np.uint8:
        return
    if not np.issubdtype(mask.dtype, np.floating):
        raise RegionError(f"mask: got dtype {mask.dtype}, expected bool, uint8 or float 0 ... 1")
    low, high = float(mask.min()), float(mask.max())
    if not (low >= 0.0 and high <= 1.0):
        raise RegionError(f"mask: got values {low:g} ... {high:g}, expected 0 ... 1 for floats")
