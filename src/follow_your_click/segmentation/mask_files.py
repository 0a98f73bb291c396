"""Masks as image files, and the 256 levels that masks are worked on in.

Axis legend: H rows, W columns.
"""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from follow_your_click.atomic import whole_file
from follow_your_click.errors import RegionError
from follow_your_click.region.json_forms import levels_to_unit, mask_levels

# Written into the file: a mask whose highest level is 1 is then not taken for a label image.
_NOTE = ("Comment", "region mask, 255 = may move")


def save_mask(mask: npt.NDArray[Any], path: str | Path) -> None:
    """Write a mask (H, W), bool, 0 ... 1 float or uint8, as an 8-bit grey PNG, 255 = may move.

    `load_mask` gives it back: bool exactly, floats to 1/255. The file appears only when it is whole.
    Raises OutputError when it cannot be written.
    """
    content = png_of(mask)
    with whole_file(Path(path), "mask") as temporary:
        temporary.write_bytes(content)


def png_of(mask: npt.NDArray[Any]) -> bytes:
    """The content of the file that `save_mask` writes."""
    note = PngImagePlugin.PngInfo()
    note.add_text(*_NOTE)
    packed = io.BytesIO()
    Image.fromarray(levels_of(mask)).save(packed, format="PNG", pnginfo=note)
    return packed.getvalue()


def load_mask(path: str | Path) -> npt.NDArray[np.float32]:
    """Read a mask image: (H, W) float32, 0 ... 1, white = may move.

    Colour is turned to grey; of a picture that is transparent somewhere only the opacity counts,
    as drawing programs save a cut-out. Raises RegionError when the file cannot be read.
    """
    try:
        with Image.open(path) as picture:
            if picture.mode.startswith("I;16") or picture.mode == "I":
                deep = np.asarray(picture, np.float32) / 65535.0
                return np.asarray(np.clip(deep, 0.0, 1.0), np.float32)
            if picture.has_transparency_data:
                alpha = np.asarray(picture.convert("RGBA").getchannel("A"), np.uint8)
                if alpha.min() < 255:
                    return levels_to_unit(levels_of(alpha))
            levels = np.asarray(picture.convert("L"), np.uint8)
            ours = picture.info.get(_NOTE[0]) == _NOTE[1]
            return levels_to_unit(levels if ours else levels_of(levels))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RegionError(
            f"mask {os.fspath(path)}: cannot be read ({error}); "
            "expected an image file such as PNG, white where it may move"
        ) from error


def levels_of(mask: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """A mask (H, W), bool, 0 ... 1 float or 0 ... 255 uint8, as 256 levels; RegionError for another shape."""
    if mask.ndim != 2:
        raise RegionError(f"mask: got shape {mask.shape}, expected (H, W)")
    if mask.dtype != np.uint8:
        return mask_levels(mask)
    # A uint8 mask of only 0 and 1 is a label image, as many tools save it, not near-black.
    return mask * np.uint8(255) if mask.size and mask.max() == 1 else mask
