"""What a user may ask to move: clicks, boxes, brush strokes and masks, with how they should move.

Coordinates are the photo's own pixels, origin top left, x to the right, y down.
Axis legend: H rows, W columns.
"""

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import PromptError, RegionError, SettingsError

MAX_PROMPT_CHARACTERS = 300
MAX_STRENGTH = 20.0  # pixels per frame at a short side of 256 px
REGION_EXAMPLE = '"click=412,300; prompt=drift left; strength=3"'


def _check_finite(what: str, values: Sequence[float]) -> None:
    for value in values:
        try:
            finite = math.isfinite(value)
        except TypeError:
            finite = False
        if not finite:
            raise RegionError(f"{what}: got {value!r}, expected a finite number of pixels")


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

    Raises RegionError for a box without area or a number that is not finite.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        _check_finite("box", (self.x0, self.y0, self.x1, self.y1))
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            got = _numbers(self.x0, self.y0, self.x1, self.y1)
            raise RegionError(
                f"box {got} has no area: expected X0,Y0,X1,Y1 with X0 < X1 and Y0 < Y1"
            )


@dataclass(frozen=True)
class Brush:
    """A painted stroke: all pixels within `radius` pixels of the line through `points` (x, y).

    Raises RegionError for no points, a radius that is not above 0, or a number that is not finite.
    """

    points: tuple[tuple[float, float], ...]
    radius: float

    def __post_init__(self) -> None:
        # Callers come with lists (JSON, drawing tools); tuples keep the stroke hashable and frozen.
        object.__setattr__(self, "points", tuple(tuple(point) for point in self.points))
        if not self.points or any(len(point) != 2 for point in self.points):
            raise RegionError(
                f"brush: got points {self.points!r}, expected at least one (x, y) pair"
            )
        _check_finite("brush", [value for point in self.points for value in point])
        _check_finite("brush radius", (self.radius,))
        if self.radius <= 0:
            raise RegionError(f"brush radius: got {self.radius}, expected more than 0 pixels")


Area: TypeAlias = Click | Box | Brush | npt.NDArray[Any] | str | Path


@dataclass(frozen=True, init=False, eq=False)
class Region:
    """One thing that moves: where it is, and how it moves.

    `areas`: clicks, boxes, brush strokes, mask arrays (H, W) of bool, 0 ... 1 float or uint8
    0 ... 255, or mask files; they unite. `prompt`: the motion prompt, 1 to 300 characters.
    `strength`: mean optical-flow magnitude inside the region, pixels per frame at a short side of
    256 px, 0 ... 20; None lets the animator choose from the size of the window.
    Two regions are equal when `to_json` says the same of both.
    """

    areas: tuple[Area, ...]
    prompt: str
    strength: float | None

    def __init__(
        self, area: Area | Sequence[Area], *, prompt: str, strength: float | None = None
    ) -> None:
        """Raises RegionError (areas), PromptError (prompt) or SettingsError (strength)."""
        single = isinstance(area, Click | Box | Brush | np.ndarray | str | Path)
        areas = (area,) if single else tuple(area)  # type: ignore[arg-type]
        object.__setattr__(self, "areas", _checked_areas(areas))
        object.__setattr__(self, "prompt", _checked_prompt(prompt))
        object.__setattr__(self, "strength", _checked_strength(strength))

    def to_json(self) -> dict[str, Any]:
        """The region as JSON types; a mask file by its name, a mask array by size and SHA-256."""
        return {
            "areas": [_area_to_json(area) for area in self.areas],
            "prompt": self.prompt,
            "strength": self.strength,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Region) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((len(self.areas), self.prompt, self.strength))


def parse_point(text: str) -> tuple[float, float]:
    """Read "X,Y" in pixels; RegionError for anything else."""
    x, y = _parse_numbers(text, 2, "a point", "X,Y like 412,300")
    return x, y


def parse_box(text: str) -> Box:
    """Read "X0,Y0,X1,Y1" in pixels; RegionError for anything else or a box without area."""
    return Box(*_parse_numbers(text, 4, "a box", "X0,Y0,X1,Y1 like 10,20,200,180"))


def parse_region(text: str) -> Region:
    """Read one region from "key=value; key=value".

    Keys: `click=X,Y`, `exclude=X,Y` (a negative click), `box=X0,Y0,X1,Y1`, `mask=FILE` (each may
    repeat), `prompt=TEXT` (once; may hold "=" and ",", not ";"), `strength=NUMBER` (at most once).
    Raises RegionError with an example for an unknown key or a bad number, PromptError without
    a prompt, SettingsError for a strength out of range.
    """
    areas: list[Area] = []
    once: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        key, separator, value = part.partition("=")
        key, value = key.strip().lower(), value.strip()
        if not separator or key not in _AREA_PARSERS and key not in ("prompt", "strength"):
            known = ", ".join([*_AREA_PARSERS, "prompt", "strength"])
            raise RegionError(
                f"region: got {part.strip()!r}, expected KEY=VALUE with one of {known}, "
                f"like {REGION_EXAMPLE}"
            )
        if key in _AREA_PARSERS:
            areas.append(_AREA_PARSERS[key](value))
        elif key in once:
            raise RegionError(f"region: got {key} twice, expected it once, like {REGION_EXAMPLE}")
        else:
            once[key] = value
    strength = None
    if "strength" in once:
        (strength,) = _parse_numbers(once["strength"], 1, "strength", REGION_EXAMPLE, finite=False)
    return Region(areas, prompt=once.get("prompt", ""), strength=strength)


def _parse_click(text: str) -> Click:
    return Click(*parse_point(text))


def _parse_exclude(text: str) -> Click:
    return Click(*parse_point(text), positive=False)


def _parse_mask(text: str) -> str:
    if not text:
        raise RegionError('mask: got no file name, expected one like "mask=boat.png"')
    return text


_AREA_PARSERS: dict[str, Callable[[str], Area]] = {
    "click": _parse_click,
    "exclude": _parse_exclude,
    "box": parse_box,
    "mask": _parse_mask,
}


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


def _checked_areas(areas: tuple[Area, ...]) -> tuple[Area, ...]:
    if not areas:
        raise RegionError("region: got no area, expected a click, a box, a brush stroke or a mask")
    for area in areas:
        if not isinstance(area, Click | Box | Brush | np.ndarray | str | Path):
            raise RegionError(
                f"region: got an area of type {type(area).__name__}, expected Click, Box, Brush, "
                "a mask array or a mask file; a point is Click(x, y)"
            )
        if isinstance(area, np.ndarray):
            _check_mask_array(area)
    if all(isinstance(area, Click) and not area.positive for area in areas):
        raise RegionError(
            "region: got only negative clicks, expected at least one positive click, box, "
            "brush stroke or mask that they cut from"
        )
    return areas


def _check_mask_array(mask: npt.NDArray[Any]) -> None:
    """(H, W), bool, uint8, or floating with values 0 ... 1."""
    if mask.ndim != 2 or mask.size == 0:
        raise RegionError(f"mask: got shape {mask.shape}, expected (H, W) with the photo's size")
    if mask.dtype == np.bool_ or mask.dtype == np.uint8:
        return
    if not np.issubdtype(mask.dtype, np.floating):
        raise RegionError(f"mask: got dtype {mask.dtype}, expected bool, uint8 or float 0 ... 1")
    low, high = float(mask.min()), float(mask.max())
    if not (low >= 0.0 and high <= 1.0):
        raise RegionError(f"mask: got values {low:g} ... {high:g}, expected 0 ... 1 for floats")


def _checked_prompt(prompt: str) -> str:
    text = prompt.strip()
    if not text:
        raise PromptError('prompt: got an empty one, expected how it moves, like "drift left"')
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise PromptError(
            f"prompt: got {len(text)} characters, expected at most {MAX_PROMPT_CHARACTERS}; "
            "a short motion phrase works best"
        )
    return text


def _checked_strength(strength: float | None) -> float | None:
    if strength is None:
        return None
    if not 0.0 <= strength <= MAX_STRENGTH:  # also false for NaN
        raise SettingsError(
            f"strength: got {strength}, expected 0 ... {MAX_STRENGTH:g} pixels per frame "
            "at a short side of 256 px"
        )
    return float(strength)


def _numbers(*values: float) -> str:
    return ",".join(f"{value:g}" for value in values)


def _area_to_json(area: Area) -> dict[str, Any]:
    if isinstance(area, Click):
        return {"type": "click", "x": area.x, "y": area.y, "positive": area.positive}
    if isinstance(area, Box):
        return {"type": "box", "x0": area.x0, "y0": area.y0, "x1": area.x1, "y1": area.y1}
    if isinstance(area, Brush):
        points = [list(point) for point in area.points]
        return {"type": "brush", "points": points, "radius": area.radius}
    if isinstance(area, np.ndarray):
        digest = hashlib.sha256(f"{area.dtype}{area.shape}".encode())
        digest.update(np.ascontiguousarray(area).tobytes())
        return {"type": "mask", "shape": list(area.shape), "sha256": digest.hexdigest()}
    return {"type": "mask", "file": os.fspath(area)}
