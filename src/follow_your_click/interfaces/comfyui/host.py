"""What ComfyUI itself offers its nodes; outside of ComfyUI nothing is interrupted and files go to the system's folders.

Axis legend: k frames of a preview, m pixels.
"""

from __future__ import annotations

import importlib
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_PREVIEW_SIDE = 256
_PERCENT = 100


@dataclass(frozen=True)
class Place:
    """Where a file goes, and how ComfyUI's page asks for it.

    Args:
        folder: an existing one.
        name: of the file, without suffix; not used yet.
        subfolder: of ComfyUI's folder of this kind.
        kind: "output" or "temp".
    """

    folder: Path
    name: str
    subfolder: str
    kind: str

    def as_result(self, suffix: str) -> dict[str, str]:
        """For a node's "ui"."""
        return {"filename": f"{self.name}{suffix}", "subfolder": self.subfolder, "type": self.kind}


def output_place(prefix: str, *, width: int, height: int) -> Place:
    """The next free name in ComfyUI's output folder, prefixes resolved as its own nodes do."""
    folders = _part("folder_paths")
    if folders is None:
        return Place(
            Path(tempfile.gettempdir()), f"{Path(prefix).name}_{secrets.token_hex(4)}", "", "output"
        )
    folder, name, counter, subfolder, _ = folders.get_save_image_path(
        prefix, folders.get_output_directory(), width, height
    )
    return Place(Path(folder), f"{name}_{counter:05}_", subfolder, "output")


def temporary_place() -> Place:
    """A new name in ComfyUI's folder for what only its page shows."""
    folders = _part("folder_paths")
    folder = Path(tempfile.gettempdir() if folders is None else folders.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return Place(folder, f"fyc_{secrets.token_hex(8)}", "", "temp")


def check_interrupted() -> None:
    """Raises ComfyUI's own exception once somebody pressed its Cancel."""
    management = _part("comfy.model_management")
    if management is not None:
        management.throw_exception_if_processing_interrupted()


class ProgressBar:
    """The bar on a node while it works, with a preview below."""

    def __init__(self) -> None:
        utils = _part("comfy.utils")
        self._bar: Any = None if utils is None else utils.ProgressBar(_PERCENT)
        self._share = 0.0

    def show(self, share: float, picture: npt.NDArray[np.uint8] | None = None) -> None:
        """`share` of the whole, 0 ... 1, that is done; a picture, uint8 (m, m, 3), if there is a new one."""
        self._share = max(self._share, share)
        if self._bar is not None:
            preview = None
            if picture is not None:
                preview = ("JPEG", Image.fromarray(picture), _PREVIEW_SIDE)
            self._bar.update_absolute(round(_PERCENT * self._share), _PERCENT, preview)

    def show_preview(self, frames: npt.NDArray[np.uint8]) -> None:
        """The middle one of the frames of a preview, uint8 (k, m, m, 3)."""
        self.show(self._share, frames[len(frames) // 2])


def _part(name: str) -> ModuleType | None:
    """One of ComfyUI's own modules, None outside of it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
