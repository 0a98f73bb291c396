"""The photos that visitors work on: on disk, not in memory, and as a picture that a browser can show.

Axis legend: H W rows and columns of the photo; last axis red, green, blue.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.errors import OutputError

SHOWN_SIDE = 2560
"""Pixels, long side of the picture that a browser gets: sharp on a dense screen, and when zoomed in."""
JPEG_QUALITY = 88
_PIXELS, _PICTURE = "pixels.npy", "photo.jpg"


@dataclass(frozen=True, eq=False)
class OpenPhoto:
    """A photo that somebody works on.

    Args:
        pixels: uint8 (H, W, 3), mapped from a file: many open photos cost no memory that is not in use.
        key: names its files; whoever does not know it cannot see the photo.
        exact: whether these are the photo's own pixels, or those of a clip's first frame after video coding.
    """

    pixels: npt.NDArray[np.uint8]
    key: str
    exact: bool = True

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])


class PhotoFiles:
    """The open photos of all visitors.

    Args:
        folder: where their files are; whoever made it removes it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, pixels: npt.NDArray[np.uint8], *, exact: bool = True) -> OpenPhoto:
        """Keep a photo (H, W, 3); raises OutputError when the disk is full."""
        key = secrets.token_urlsafe(16)
        folder = self.folder / key
        try:
            folder.mkdir(parents=True)
            np.save(folder / _PIXELS, np.ascontiguousarray(pixels))
            (folder / _PICTURE).write_bytes(_as_jpeg(pixels))
            mapped = np.load(folder / _PIXELS, mmap_mode="r")
        except OSError as error:
            self._remove(folder)
            raise OutputError(f"the photo cannot be kept: {error.strerror or error}") from error
        return OpenPhoto(mapped, key, exact)

    def picture(self, key: str) -> Path | None:
        """The JPEG file of an open photo, None for a key that is not one."""
        # Compared with what is there, never joined to a path: a key comes from outside.
        known = {folder.name: folder for folder in self.folder.glob("*")}
        file = known[key] / _PICTURE if key in known else None
        return file if file is not None and file.is_file() else None

    def discard(self, photo: OpenPhoto) -> None:
        """Remove the files of a photo; whoever still holds its pixels keeps them."""
        self._remove(self.folder / photo.key)

    def _remove(self, folder: Path) -> None:
        # Windows keeps a file that is still mapped; it goes with the server's folder.
        shutil.rmtree(folder, ignore_errors=True)


def _as_jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    height, width = pixels.shape[:2]
    scale = min(1.0, SHOWN_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    _, packed = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    return packed.tobytes()
