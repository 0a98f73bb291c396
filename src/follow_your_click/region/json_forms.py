"""Areas, edits and masks as JSON types, and back.

Axis legend: H rows, W columns.
"""

import base64
import binascii
import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from follow_your_click.errors import RegionError
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

MaskForm = Literal["digest", "png"]

_SHAPES: dict[str, tuple[type[Any], dict[str, bool]]] = {
    "click": (Click, {"x": True, "y": True, "positive": False}),
    "box": (Box, {"x0": True, "y0": True, "x1": True, "y1": True}),
    "brush": (Brush, {"points": True, "radius": True}),
    "polygon": (Polygon, {"points": True}),
}
_WRAPPERS: dict[str, type[Subtract | Intersect]] = {"subtract": Subtract, "intersect": Intersect}
_EDITS: dict[str, type[Edit]] = {
    "grow": Grow,
    "shrink": Shrink,
    "feather": Feather,
    "fill-holes": FillHoles,
    "keep-largest": KeepLargest,
}
EDIT_NAMES = {kind: name for name, kind in _EDITS.items()}
_NO_PNG = (OSError, ValueError, SyntaxError, binascii.Error, Image.DecompressionBombError)
_NO_PNG_LINE = "mask: got text that is no PNG, expected the base64 text of a grey one"
_DTYPES = ("bool", "uint8", "float32")


def fields_of(data: object, known: Mapping[str, bool], *, what: str) -> dict[str, Any]:
    """A JSON object's fields; `known`: each key, and whether it must be there. RegionError if not so."""
    if not isinstance(data, Mapping):
        raise RegionError(f"{what}: got {type(data).__name__}, expected a JSON object")
    missing = [key for key, needed in known.items() if needed and key not in data]
    unknown = [str(key) for key in data if key not in known]
    if missing or unknown:
        wrong = f"no {missing[0]!r}" if missing else f"an unknown {unknown[0]!r}"
        raise RegionError(f"{what}: got {wrong}, expected {', '.join(known)}")
    return dict(data)


def area_to_json(area: Area, masks: MaskForm) -> dict[str, Any]:
    """An area; a mask file by its name, a mask array by its digest or its pixels."""
    if isinstance(area, Subtract | Intersect):
        verb = "subtract" if isinstance(area, Subtract) else "intersect"
        return {"type": verb, "area": area_to_json(area.area, masks)}
    if isinstance(area, Click):
        return {"type": "click", "x": area.x, "y": area.y, "positive": area.positive}
    if isinstance(area, Box):
        return {"type": "box", "x0": area.x0, "y0": area.y0, "x1": area.x1, "y1": area.y1}
    if isinstance(area, Brush):
        return {"type": "brush", "points": [list(p) for p in area.points], "radius": area.radius}
    if isinstance(area, Polygon):
        return {"type": "polygon", "points": [list(point) for point in area.points]}
    if not isinstance(area, np.ndarray):
        return {"type": "mask", "file": os.fspath(area)}
    if masks == "png":
        return {"type": "mask", "dtype": _stored_dtype(area), "png": mask_to_png(area)}
    digest = hashlib.sha256(f"{area.dtype}{area.shape}".encode())
    digest.update(np.ascontiguousarray(area).tobytes())
    return {"type": "mask", "shape": list(area.shape), "sha256": digest.hexdigest()}


def area_from_json(data: object) -> Area:
    """What `area_to_json` wrote; RegionError for anything else, a mask's digest included."""
    kind = data.get("type") if isinstance(data, Mapping) else None
    if kind in _WRAPPERS:
        inner = fields_of(data, {"type": True, "area": True}, what=str(kind))["area"]
        return _WRAPPERS[str(kind)](_plain_from_json(inner))
    return _plain_from_json(data)


def edit_to_json(edit: Edit) -> dict[str, Any]:
    """An edit by its name, with its pixels."""
    return {"type": EDIT_NAMES[type(edit)], **vars(edit)}


def edit_from_json(data: object) -> Edit:
    """What `edit_to_json` wrote; RegionError for anything else."""
    kind = data.get("type") if isinstance(data, Mapping) else None
    if kind not in _EDITS:
        raise RegionError(f"edit: got {kind!r}, expected one of {', '.join(_EDITS)}")
    edit = _EDITS[str(kind)]
    if edit in (FillHoles, KeepLargest):
        fields_of(data, {"type": True}, what=str(kind))
        return edit()
    return edit(**_without_type(fields_of(data, {"type": True, "pixels": True}, what=str(kind))))


def mask_to_png(mask: npt.NDArray[Any]) -> str:
    """A mask (H, W) as the base64 text of an 8-bit grey PNG.

    bool as 0 and 255, uint8 as it is, floats 0 ... 1 rounded to 1/255.
    """
    packed = io.BytesIO()
    Image.fromarray(mask if mask.dtype == np.uint8 else mask_levels(mask)).save(packed, "PNG")
    return base64.b64encode(packed.getvalue()).decode("ascii")


def png_size(text: object) -> tuple[int, int]:
    """(H, W) of what `mask_to_png` wrote, read off its first bytes; RegionError for anything else."""
    with _opened_png(text) as picture:
        return picture.height, picture.width


def mask_from_png(text: object, *, dtype: str = "float32") -> npt.NDArray[Any]:
    """What `mask_to_png` wrote: (H, W) "bool", "uint8" or "float32"; RegionError for anything else."""
    try:
        with _opened_png(text) as picture:
            levels = np.asarray(picture.convert("L"), np.uint8)
    except _NO_PNG:
        raise RegionError(_NO_PNG_LINE) from None
    if dtype == "uint8":
        return levels
    return levels > 127 if dtype == "bool" else levels_to_unit(levels)


def _opened_png(text: object) -> Image.Image:
    try:
        packed = base64.b64decode(text if isinstance(text, str) else "", validate=True)
        return Image.open(io.BytesIO(packed), formats=["PNG"])
    except _NO_PNG:
        raise RegionError(_NO_PNG_LINE) from None


def mask_levels(mask: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """bool or 0 ... 1 float as 256 levels, uint8; what is not above 0.5 stays below level 128."""
    if mask.dtype == np.bool_:
        return np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255)
    scaled = np.clip(mask, 0.0, 1.0) * mask.dtype.type(255)
    levels: npt.NDArray[np.uint8] = np.ceil(scaled - mask.dtype.type(0.5)).astype(np.uint8)
    return levels


def levels_to_unit(levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """256 levels as float32 0 ... 1; `mask_levels` gives the same levels back."""
    return np.divide(levels, np.float32(255.0), dtype=np.float32)


def _plain_from_json(data: object) -> PlainArea:
    kind = data.get("type") if isinstance(data, Mapping) else None
    if kind in _SHAPES:
        shape, keys = _SHAPES[str(kind)]
        given = _without_type(fields_of(data, {"type": True, **keys}, what=str(kind)))
        if not isinstance(given.get("positive", True), bool):
            raise RegionError(f"click: got positive {given['positive']!r}, expected true or false")
        made: PlainArea = shape(**given)
        return made
    if kind != "mask":
        names = ", ".join([*_SHAPES, "mask", *_WRAPPERS])
        raise RegionError(f"area: got type {kind!r}, expected one of {names}")
    if isinstance(data, Mapping) and "file" in data:
        file = fields_of(data, {"type": True, "file": True}, what="mask")["file"]
        if not isinstance(file, str) or not file:
            raise RegionError(f"mask: got file {file!r}, expected a file's name")
        return Path(file)
    if isinstance(data, Mapping) and "sha256" in data:
        raise RegionError(
            "mask: got only its digest, as a clip's settings hold it; expected its pixels"
        )
    given = fields_of(data, {"type": True, "dtype": True, "png": True}, what="mask")
    if given["dtype"] not in _DTYPES:
        raise RegionError(f"mask: got dtype {given['dtype']!r}, expected {', '.join(_DTYPES)}")
    return mask_from_png(given["png"], dtype=given["dtype"])


def _stored_dtype(mask: npt.NDArray[Any]) -> str:
    return str(mask.dtype) if mask.dtype in (np.bool_, np.uint8) else "float32"


def _without_type(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != "type"}
