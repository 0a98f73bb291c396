"""What a visitor did on the photo, as the browser tells it, checked and made into areas.

Coordinates are the photo's own pixels; whatever falls beside the photo lands on its edge.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from follow_your_click.errors import RegionError
from follow_your_click.region import (
    Area,
    Box,
    Brush,
    Click,
    Edit,
    Feather,
    FillHoles,
    Granularity,
    Grow,
    KeepLargest,
    Shrink,
    Subtract,
)

MAX_STROKE_POINTS = 4000
MEND_SHARE = 0.008
"""Of the photo's short side: by how much one press grows, shrinks or softens a mask."""

_Number = Annotated[float, Field(allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClickGesture(_Strict):
    """A click: on the object, or on what is not part of it."""

    kind: Literal["click"]
    x: _Number
    y: _Number
    positive: bool

    def area(self, height: int, width: int) -> Area:
        """The pixel that was clicked."""
        x, y = _inside(self.x, width), _inside(self.y, height)
        return Click(float(x), float(y), positive=self.positive)


class BoxGesture(_Strict):
    """A box drawn around the object, from one corner to the other."""

    kind: Literal["box"]
    x0: _Number
    y0: _Number
    x1: _Number
    y1: _Number

    def area(self, height: int, width: int) -> Area:
        """All pixels that the box touches."""
        x0, x1 = sorted((_inside(self.x0, width), _inside(self.x1, width)))
        y0, y1 = sorted((_inside(self.y0, height), _inside(self.y1, height)))
        return Box(float(x0), float(y0), float(x1 + 1), float(y1 + 1))


class StrokeGesture(_Strict):
    """A stroke of the brush, or of the eraser."""

    kind: Literal["stroke"]
    points: list[tuple[_Number, _Number]] = Field(min_length=1, max_length=MAX_STROKE_POINTS)
    radius: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    erase: bool

    def area(self, height: int, width: int) -> Area:
        """What the stroke paints, to a tenth of a pixel."""
        points = tuple(
            (round(min(max(x, 0.0), width), 1), round(min(max(y, 0.0), height), 1))
            for x, y in self.points
        )
        brush = Brush(points, radius=round(min(self.radius, float(max(height, width))), 1) or 0.1)
        return Subtract(brush) if self.erase else brush


class Mending(_Strict):
    """A press of one of the buttons that change the mask as a whole."""

    edit: Literal["grow", "shrink", "feather", "fill-holes", "keep-largest"] | None = None
    granularity: Granularity | Literal["auto"] | None = None

    def edit_of(self, height: int, width: int) -> Edit | None:
        """The edit of a photo (H, W), None if the button was another one."""
        pixels = max(1.0, float(round(MEND_SHARE * min(height, width))))
        edits: dict[str, Edit] = {
            "grow": Grow(pixels),
            "shrink": Shrink(pixels),
            "feather": Feather(pixels),
            "fill-holes": FillHoles(),
            "keep-largest": KeepLargest(),
        }
        return None if self.edit is None else edits[self.edit]


Gesture = Annotated[ClickGesture | BoxGesture | StrokeGesture, Field(discriminator="kind")]
_GESTURE: TypeAdapter[ClickGesture | BoxGesture | StrokeGesture] = TypeAdapter(Gesture)


def area_of(data: Any, *, height: int, width: int) -> Area:
    """What a gesture, as JSON types, selects in a photo (H, W).

    Raises:
        RegionError: no gesture that the page makes.
    """
    try:
        return _GESTURE.validate_python(data).area(height, width)
    except ValidationError as error:
        raise RegionError(f"that was no click, box or stroke: {_reason(error)}") from error


def mending_of(data: Any) -> Mending:
    """Which button was pressed; raises RegionError for one that there is not."""
    try:
        return Mending.model_validate(data)
    except ValidationError as error:
        raise RegionError(f"the mask cannot be changed so: {_reason(error)}") from error


def _inside(value: float, size: int) -> int:
    """The whole pixel of a coordinate, 0 ... size - 1."""
    return min(max(math.floor(value), 0), size - 1)


def _reason(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"])
