"""The files of a command: checked before the work starts, written whole or not at all.

Axis legend: K masks, H W rows and columns of the photo.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from follow_your_click.atomic import whole_file
from follow_your_click.errors import OutputError

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image


def check_files(
    image: Path | None,
    outputs: dict[str, str],
    *,
    overwrite: bool,
    taken: Mapping[Path, str] | None = None,
) -> None:
    """Find out before the work whether the photo can be opened and the results can be written.

    Args:
        image: the photo; None if it was read already.
        outputs: "clip", "mask", "contact_sheet", "project", "candidates" -> where to; as typed, since "frames/" is
            a folder.
        taken: files that are read besides the photo, each with what it is.

    Raises:
        ImageError: the photo is missing or no image.
        OutputError: a result would replace the photo, another result, or an existing file.
    """
    from follow_your_click.clip import check_output
    from follow_your_click.photo import open_image

    used: dict[Path, str] = {}
    if image is not None:
        with open_image(image):
            used[image.resolve()] = "the photo"
    used |= {path.resolve(): what for path, what in (taken or {}).items()}
    for name, text in outputs.items():
        what, path = name.replace("_", " "), Path(text)
        if path.resolve() in used:
            raise OutputError(f"{text}: the {what} would replace {used[path.resolve()]}")
        used[path.resolve()] = f"the {what}"
        if name == "clip":
            check_output(text)
        elif name == "candidates":
            check_output(f"{text}/")
        else:
            _check_file(path, ".json" if name == "project" else ".png")
        if path.is_file() and not overwrite:
            raise OutputError(f"{text} exists; give another name, or --overwrite to replace it")


def _check_file(path: Path, suffix: str) -> None:
    if path.suffix.lower() != suffix:
        raise OutputError(f"{path}: got suffix {path.suffix!r}, expected {suffix}")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a {suffix} file")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: the folder {path.parent} is not writable; choose another")


def write_mask(mask: npt.NDArray[Any] | None, path: Path) -> None:
    from follow_your_click.segmentation.resolve import save_mask

    assert mask is not None, "Animator puts the region mask into every clip"
    save_mask(mask, path)


def write_masks(masks: npt.NDArray[Any], folder: Path) -> None:
    """Masks (K, H, W) as 1.png, 2.png, ... in a new or empty folder, which appears when it is whole."""
    temporary = folder.with_name(f".{folder.name}.tmp-{os.getpid()}")
    try:
        temporary.mkdir()
        for number, mask in enumerate(masks, start=1):
            write_mask(mask, temporary / f"{number}.png")
        if folder.is_dir():
            folder.rmdir()
        temporary.replace(folder)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_picture(picture: Image.Image, path: Path) -> None:
    """Under a temporary name in the same folder first, then moved into place."""
    with whole_file(path) as temporary:
        picture.save(temporary)
