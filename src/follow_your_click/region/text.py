"""Regions as text, for a command line: "click=412,300; grow=4; prompt=drift left".

area    click=X,Y  exclude=X,Y  box=X0,Y0,X1,Y1  polygon=X,Y X,Y X,Y ...  brush=RADIUS:X,Y X,Y ...  mask=FILE
        subtract AREA  intersect AREA                      AREA: one of the above, but for exclude
edit    grow=PIXELS  shrink=PIXELS  feather=PIXELS  fill-holes  keep-largest
once    prompt=TEXT  strength=NUMBER  seed-offset=NUMBER  granularity=part|object|whole
"""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from follow_your_click.errors import RegionError, SettingsError
from follow_your_click.region.areas import (
    Area,
    Box,
    Brush,
    Click,
    Intersect,
    PlainArea,
    Polygon,
    Subtract,
)
from follow_your_click.region.edits import Edit, Feather, FillHoles, Grow, KeepLargest, Shrink
from follow_your_click.region.json_forms import EDIT_NAMES
from follow_your_click.region.selection import HoldStill, Region

REGION_EXAMPLE = '"click=412,300; prompt=drift left; strength=3"'
HOLD_EXAMPLE = '"click=90,210; grow=4"'


def parse_point(text: str) -> tuple[float, float]:
    """Read "X,Y" in pixels; RegionError for anything else."""
    x, y = _parse_numbers(text, 2, "a point", "X,Y like 412,300")
    return x, y


def parse_box(text: str) -> Box:
    """Read "X0,Y0,X1,Y1" in pixels; RegionError for anything else or a box without area."""
    return Box(*_parse_numbers(text, 4, "a box", "X0,Y0,X1,Y1 like 10,20,200,180"))


def parse_polygon(text: str) -> Polygon:
    """Read "X,Y X,Y X,Y ..." in pixels, at least three corners; RegionError for anything else."""
    return Polygon(_parse_points(text, "a polygon", "X,Y X,Y X,Y like 10,20 200,20 100,180"))


def parse_brush(text: str) -> Brush:
    """Read "RADIUS:X,Y X,Y ..." in pixels, at least one point; RegionError for anything else."""
    example = "RADIUS:X,Y X,Y like 12:300,220 340,260"
    radius, separator, points = text.partition(":")
    if not separator:
        raise RegionError(f"a brush stroke: got {text!r}, expected {example}")
    (width,) = _parse_numbers(radius, 1, "a brush stroke's radius", example)
    return Brush(_parse_points(points, "a brush stroke", example), width)


def parse_area(text: str) -> PlainArea:
    """Read one area from "KEY=VALUE", such as "box=10,20,200,180"; RegionError for anything else."""
    key, separator, value = text.partition("=")
    parser = _AREA_PARSERS.get(key.strip().lower())
    if parser is None or not separator:
        raise RegionError(
            f"area: got {text.strip()!r}, expected KEY=VALUE with one of "
            f"{', '.join(_AREA_PARSERS)}, like box=10,20,200,180"
        )
    return parser(value.strip())


def parse_edits(text: str) -> tuple[Edit, ...]:
    """Read edits from "grow=4; fill-holes; ...", in order; RegionError for anything else."""
    parts = _parse(text, once=(), example='"grow=4; feather=2; fill-holes"', areas=False)
    return tuple(parts.edits)


def parse_region(text: str) -> Region:
    """Read one region from "area; area; edit; prompt=TEXT", in any order, areas and edits each in theirs.

    The prompt may hold "=" and ",", not ";". Raises RegionError with an example for an unknown key or a
    bad number, PromptError without a prompt, SettingsError for a setting out of range.
    """
    names = ("prompt", "strength", "seed-offset", "granularity")
    parts = _parse(text, once=names, example=REGION_EXAMPLE)
    strength, offset = None, 0
    if "strength" in parts.once:
        value = parts.once["strength"]
        (strength,) = _parse_numbers(value, 1, "strength", REGION_EXAMPLE, finite=False)
    if "seed-offset" in parts.once:
        offset = _parse_whole(parts.once["seed-offset"], "seed-offset")
    return Region(
        parts.areas,
        prompt=parts.once.get("prompt", ""),
        strength=strength,
        seed_offset=offset,
        edits=parts.edits,
        granularity=parts.once.get("granularity"),  # type: ignore[arg-type]  # checked by Region
    )


def parse_hold_still(text: str) -> HoldStill:
    """Read what must not move: as `parse_region`, without prompt, strength and seed-offset."""
    parts = _parse(text, once=("granularity",), example=HOLD_EXAMPLE)
    granularity = parts.once.get("granularity")
    return HoldStill(parts.areas, edits=parts.edits, granularity=granularity)  # type: ignore[arg-type]


def area_text(area: Area) -> str:
    """An area as `parse_region` reads it; of a mask array, which has no text, only its size."""
    if isinstance(area, Subtract | Intersect):
        verb = "subtract" if isinstance(area, Subtract) else "intersect"
        return f"{verb} {area_text(area.area)}"
    if isinstance(area, Click):
        return f"{'click' if area.positive else 'exclude'}={_numbers(area.x, area.y)}"
    if isinstance(area, Box):
        return f"box={_numbers(area.x0, area.y0, area.x1, area.y1)}"
    if isinstance(area, Polygon):
        return f"polygon={' '.join(_numbers(*point) for point in area.points)}"
    if isinstance(area, Brush):
        points = " ".join(_numbers(*point) for point in area.points)
        return f"brush={_numbers(area.radius)}:{points}"
    if isinstance(area, np.ndarray):
        return f"mask of {area.shape[1]}x{area.shape[0]}"
    return f"mask={os.fspath(area)}"


def edit_text(edit: Edit) -> str:
    """An edit as `parse_edits` reads it."""
    name = EDIT_NAMES[type(edit)]
    return name if isinstance(edit, FillHoles | KeepLargest) else f"{name}={_numbers(edit.pixels)}"


@dataclass
class _Parts:
    areas: list[Area] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    once: dict[str, str] = field(default_factory=dict)


def _parse(text: str, *, once: Sequence[str], example: str, areas: bool = True) -> _Parts:
    parts = _Parts()
    for part in filter(None, map(str.strip, text.split(";"))):
        key, separator, value = part.partition("=")
        *verb, name = key.lower().split() or [""]
        value = value.strip()
        if areas and verb in (["subtract"], ["intersect"]):
            wrap = Subtract if verb == ["subtract"] else Intersect
            parts.areas.append(wrap(parse_area(part.split(maxsplit=1)[1])))
        elif areas and not verb and separator and name in _CLICKS_AND_AREAS:
            parts.areas.append(_CLICKS_AND_AREAS[name](value))
        elif not verb and name in _EDITS_BY_PIXELS and separator:
            (pixels,) = _parse_numbers(value, 1, name, f"a number of pixels like {name}=4")
            parts.edits.append(_EDITS_BY_PIXELS[name](pixels))
        elif not verb and name in _WHOLE_EDITS and not separator:
            parts.edits.append(_WHOLE_EDITS[name]())
        elif verb or not separator or name not in once:
            raise RegionError(_not_understood(part, once=once, example=example, areas=areas))
        elif name in parts.once:
            raise RegionError(f"region: got {name} twice, expected it once, like {example}")
        else:
            parts.once[name] = value
    return parts


def _not_understood(part: str, *, once: Sequence[str], example: str, areas: bool) -> str:
    known = [*_CLICKS_AND_AREAS, "subtract AREA", "intersect AREA"] if areas else []
    known += [*_EDITS_BY_PIXELS, *_WHOLE_EDITS, *once]
    what = "region" if areas else "edit"
    return (
        f"{what}: got {part!r}, expected KEY=VALUE with one of {', '.join(known)}, like {example}"
    )


def _parse_click(text: str) -> Click:
    return Click(*parse_point(text))


def _parse_exclude(text: str) -> Click:
    return Click(*parse_point(text), positive=False)


def _parse_mask(text: str) -> str:
    if not text:
        raise RegionError('mask: got no file name, expected one like "mask=boat.png"')
    return text


_AREA_PARSERS: dict[str, Callable[[str], PlainArea]] = {
    "click": _parse_click,
    "box": parse_box,
    "polygon": parse_polygon,
    "brush": parse_brush,
    "mask": _parse_mask,
}
_CLICKS_AND_AREAS: dict[str, Callable[[str], PlainArea]] = {
    "click": _parse_click,
    "exclude": _parse_exclude,
    **_AREA_PARSERS,
}
_EDITS_BY_PIXELS: dict[str, type[Grow | Shrink | Feather]] = {
    "grow": Grow,
    "shrink": Shrink,
    "feather": Feather,
}
_WHOLE_EDITS: dict[str, type[FillHoles | KeepLargest]] = {
    "fill-holes": FillHoles,
    "keep-largest": KeepLargest,
}


def _parse_points(text: str, what: str, example: str) -> tuple[tuple[float, float], ...]:
    points = tuple(_parse_numbers(pair, 2, what, example) for pair in text.split())
    if not points:
        raise RegionError(f"{what}: got no points, expected {example}")
    return tuple((x, y) for x, y in points)


def _parse_numbers(
    text: str, count: int, what: str, example: str, *, finite: bool = True
) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count or finite and not all(map(math.isfinite, values)):
        raise RegionError(f"{what}: got {text!r}, expected {example}")
    return values


def _parse_whole(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{what}: got {text!r}, expected a whole number like 1") from None


def _numbers(*values: float) -> str:
    """Exactly, and 3.0 as 3."""
    return ",".join(str(int(v)) if float(v).is_integer() else repr(float(v)) for v in values)
