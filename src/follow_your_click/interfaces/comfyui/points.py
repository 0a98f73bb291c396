"""What the point picker stores: clicks and boxes in the image's own pixels."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from follow_your_click.errors import RegionError
from follow_your_click.region import Area, Box, Click

MAX_PICKED = 256
_Number = Annotated[float, Field(allow_inf_nan=False)]


class _Picked(BaseModel):
    """`clicks`: x, y and whether it is part of the object; `boxes`: x0, y0, x1, y1."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(ge=1)
    height: int = Field(ge=1)
    clicks: Annotated[list[tuple[_Number, _Number, bool]], Field(max_length=MAX_PICKED)] = []
    boxes: Annotated[
        list[tuple[_Number, _Number, _Number, _Number]], Field(max_length=MAX_PICKED)
    ] = []


def points_to_areas(text: str, *, height: int, width: int) -> list[Area]:
    """The areas that were picked on an image (H, W).

    Raises:
        RegionError: nothing was picked, or on an image of another size, or the text is no such JSON.
    """
    if not text.strip():
        raise RegionError("nothing is picked yet; click the object in the node's picture")
    try:
        picked = _Picked.model_validate_json(text)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise RegionError(
            f"points: got text that the picker did not write ({wrong['msg']}); pick the object anew"
        ) from error
    if (picked.width, picked.height) != (width, height):
        raise RegionError(
            f"the points were picked on an image of {picked.width}x{picked.height} pixels, but this one has "
            f"{width}x{height}; pick them anew"
        )
    areas: list[Area] = [Box(*corners) for corners in picked.boxes]
    areas += [Click(x, y, positive=positive) for x, y, positive in picked.clicks]
    if not areas:
        raise RegionError("nothing is picked yet; click the object in the node's picture")
    return areas
