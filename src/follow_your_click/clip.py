"""A clip: what moves, over the photo that does not. Reading clips back, and the contact sheet.

Axis legend: L frames, H W rows and columns, h w those of a patch; last axis red, green, blue.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from .clip_reading import DEFAULT_FPS, read_clip, read_settings
from .errors import ImageError, OutputError, SettingsError
from .frame_source import JSON, FrameSource
from .photo import one_line
from .video import OnFrame, check_output, write_clip

__all__ = [
    "JSON",
    "Clip",
    "FrameSource",
    "Patch",
    "Playback",
    "check_output",
    "read_settings",
]

Playback = Literal["loop", "ping-pong"]
"""How a clip goes on at its end: from the start again, or back the way it came."""

_SHEET_GAP = 4
_SHEET_COLOUR = (24, 24, 24)
_LABEL_COLOUR = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Patch:
    """A window that changes: uint8 frames (L, h, w, 3), top left corner at column x, row y.

    alpha  uint8 (L, h, w), how far each pixel is the moving object's, 0 ... 255; None if not known
    """

    x: int
    y: int
    frames: npt.NDArray[np.uint8]
    alpha: npt.NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        _check_pixels(self.frames, axes="(L, h, w, 3)")
        alpha = self.alpha
        if alpha is not None and (alpha.dtype != np.uint8 or alpha.shape != self.frames.shape[:3]):
            raise ImageError(
                f"got an alpha of {alpha.dtype} {alpha.shape}; expected uint8 {self.frames.shape[:3]}"
            )
        if self.x < 0 or self.y < 0:
            raise ImageError(f"a patch starts at ({self.x}, {self.y}); keep it inside the photo")


# Clips of motions that come back have 0.1 and less, of those that do not 1.3 and more (22 clips of `mini`).
JUMP = 1.2
_COMPARED_SIDE = 256  # px: a patch is compared at no more than this, every so many pixels


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames of one size, kept as a photo and the patches that are pasted over it, in order.

    Memory follows what moves: a small region in a large photo costs L small windows and one photo.
    Arrays are shared with the caller, not copied: treat them as read-only.

    background   the photo, uint8 (H, W, 3)
    patches      what changes; may be empty, for a clip that stands still
    num_frames   L, at least 1
    fps          frames per second, over 0
    settings     what made the clip, as JSON; it travels inside the file
    seconds      time that each stage took; not written into files, so that equal clips are equal files
    tags         notes of other programs, by key; written into mp4, webm, webp and PNG files, not read back
    region_mask  bool (H, W), True = may move; None if not known. It is not written to files
    order        which of the patches' frames is shown when, num_frames numbers; empty: each in its turn

    Raises ImageError for arrays that do not fit together, SettingsError for the other fields.
    """

    background: npt.NDArray[np.uint8]
    patches: tuple[Patch, ...]
    num_frames: int
    fps: float = DEFAULT_FPS
    settings: Mapping[str, JSON] = field(default_factory=dict)
    region_mask: npt.NDArray[np.bool_] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    order: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_pixels(self.background, axes="(H, W, 3)")
        if self.num_frames < 1:
            raise SettingsError(f"got num_frames {self.num_frames}; a clip has at least 1")
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise SettingsError(f"got fps {self.fps}; give a number over 0, such as 8")
        if self.order and (len(self.order) != self.num_frames or min(self.order) < 0):
            raise SettingsError(
                f"got an order of {len(self.order)} frames; expected {self.num_frames} numbers from 0"
            )
        needed = max(self.order) + 1 if self.order else self.num_frames
        for patch in self.patches:
            length, height, width, _ = patch.frames.shape
            if length != needed:
                raise ImageError(f"a patch has {length} frames, the clip {needed}")
            if patch.x + width > self.width or patch.y + height > self.height:
                raise ImageError(
                    f"a patch of {width} x {height} px at ({patch.x}, {patch.y}) "
                    f"leaves the photo of {self.width} x {self.height} px"
                )
        mask = self.region_mask
        if mask is not None and (mask.dtype != np.bool_ or mask.shape != (self.height, self.width)):
            raise ImageError(
                f"got a region_mask of {mask.dtype}, shape {mask.shape}; "
                f"expected bool, shape {(self.height, self.width)}"
            )
        # A plain copy: it equals what a file gives back, and no caller can change it later.
        object.__setattr__(self, "settings", _as_json(self.settings))

    @classmethod
    def from_frames(
        cls,
        frames: npt.NDArray[np.uint8],
        fps: float = DEFAULT_FPS,
        settings: Mapping[str, JSON] | None = None,
    ) -> "Clip":
        """A clip of whole frames, uint8 (L, H, W, 3)."""
        _check_pixels(frames, axes="(L, H, W, 3)")
        return cls(frames[0], (Patch(0, 0, frames),), len(frames), fps, settings or {})

    @classmethod
    def load(cls, path: str | Path) -> "Clip":
        """Reads what `save` wrote, or another mp4, GIF, WebP, folder or zip of frame_*.png.

        All frames are in memory then. An mp4 comes back with its coding loss, a GIF with its
        palettes. If another program wrote it, settings are {} and fps is the file's own (8 for
        PNG). Raises ImageError if it cannot be read.
        """
        stored = read_clip(path)
        fps = stored.note.get("fps", stored.fps)
        return cls.from_frames(stored.frames, fps, stored.note["settings"])

    @property
    def height(self) -> int:
        """Rows of every frame, in pixels."""
        return int(self.background.shape[0])

    @property
    def width(self) -> int:
        """Columns of every frame, in pixels."""
        return int(self.background.shape[1])

    @property
    def frames(self) -> npt.NDArray[np.uint8]:
        """All frames at once, uint8 (L, H, W, 3); iterate over the clip to hold one at a time."""
        return np.stack(list(self))

    def frame(self, index: int, /) -> npt.NDArray[np.uint8]:
        """Frame `index`, uint8 (H, W, 3), a copy; negative counts from the end, else IndexError."""
        if not -self.num_frames <= index < self.num_frames:
            raise IndexError(f"frame {index} of a clip of {self.num_frames}")
        pixels = self.background.copy()
        for patch in self.patches:
            _, height, width, _ = patch.frames.shape
            rows, columns = slice(patch.y, patch.y + height), slice(patch.x, patch.x + width)
            pixels[rows, columns] = patch.frames[self._shown(index)]
        return pixels

    def _shown(self, index: int) -> int:
        """The patches' frame that is frame `index` of the clip."""
        return self.order[index] if self.order else index

    def __len__(self) -> int:
        return self.num_frames

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        return (self.frame(index) for index in range(self.num_frames))

    @cached_property
    def cutout_corner(self) -> tuple[int, int] | None:
        """Column and row of the first pixel of `cutout`; None if the clip does not know its object's opacity."""
        box = self._cutout_box()
        return None if box is None else (box[0], box[1])

    def cutout(self, index: int, /) -> npt.NDArray[np.uint8]:
        """What moves in frame `index`, alone: uint8 (h, w, 4), red, green, blue and opacity, not premultiplied.

        The window is the smallest one that holds it in every frame. Raises OutputError if `cutout_corner` is None.
        """
        box = self._cutout_box()
        if box is None or self.region_mask is None:
            raise OutputError("this clip does not know where its object is in every frame")
        left, top, right, bottom = box
        # Where nothing ever changes, the object is where it was selected.
        alpha = self.region_mask.astype(np.uint8) * np.uint8(255)
        for patch in self.patches:
            assert patch.alpha is not None
            _, height, width = patch.alpha.shape
            alpha[patch.y : patch.y + height, patch.x : patch.x + width] = patch.alpha[
                self._shown(index)
            ]
        area = np.s_[top:bottom, left:right]
        return np.dstack([self.frame(index)[area], alpha[area]])

    def _cutout_box(self) -> tuple[int, int, int, int] | None:
        """Left, top, right, bottom."""
        if self.region_mask is None or any(patch.alpha is None for patch in self.patches):
            return None
        covered = self.region_mask.copy()
        for patch in self.patches:
            assert patch.alpha is not None
            _, height, width = patch.alpha.shape
            here = covered[patch.y : patch.y + height, patch.x : patch.x + width]
            here |= (patch.alpha > 0).any(axis=0)
        rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
        if not rows.size:
            return None
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    @property
    def jumps(self) -> bool:
        """Whether it is seen to start over: its ends differ `JUMP` times as much as any frames that follow each other."""
        shown = [self._shown(index) for index in range(self.num_frames)]
        for patch in self.patches:
            step = max(1, max(patch.frames.shape[1:3]) // _COMPARED_SIDE)
            small = patch.frames[shown, ::step, ::step].astype(np.int16)
            following = [float(np.abs(b - a).mean()) for a, b in pairwise(small)]
            if following and np.abs(small[-1] - small[0]).mean() > JUMP * max(following):
                return True
        return False

    def ping_pong(self) -> "Clip":
        """The clip forward and back, 2 L - 2 frames, so that it closes without a jump; under 3 frames as it is.

        It shares its pixels with this one.
        """
        if self.num_frames < 3:
            return self
        turns = [*range(self.num_frames), *range(self.num_frames - 2, 0, -1)]
        order = tuple(self._shown(index) for index in turns)
        settings = {**self.settings, "playback": "ping-pong"}
        return replace(self, order=order, num_frames=len(order), settings=settings)

    def save(self, path: str | Path, *, on_frame: OnFrame | None = None) -> Path:
        """Writes the clip whole or not at all, replacing a file that is there; returns the path.

        The suffix says what: .mp4 (H.264 that browsers play; odd sides grow by one repeated row or
        column), .gif, .webp (both loop), .webm (what moves, alone on a transparent ground, VP9), .zip or
        none or a trailing "/" for PNG frames, frame_0000.png ..., lossless, in a zip or in a folder that
        must be new or empty. The settings go inside; `read_settings` gets them back.
        `on_frame` is called as on_frame(frames written, frames in all); what it raises ends the writing
        and leaves nothing behind. Raises OutputError if it cannot be written there.
        """
        return write_clip(self, path, on_frame=on_frame)

    def contact_sheet(self, columns: int = 8, width: int = 1600) -> Image.Image:
        """All frames in reading order, numbered from 0, on one RGB image `width` px wide."""
        if columns < 1 or width < columns * (_SHEET_GAP + 16):
            raise SettingsError(
                f"got {columns} columns in {width} px; give at least 1 column and 20 px for each"
            )
        columns = min(columns, self.num_frames)
        cell_width = (width - _SHEET_GAP * (columns + 1)) // columns
        cell_height = max(1, round(cell_width * self.height / self.width))
        rows = math.ceil(self.num_frames / columns)
        height = _SHEET_GAP + rows * (cell_height + _SHEET_GAP)
        sheet = Image.new("RGB", (width, height), _SHEET_COLOUR)
        for index, pixels in enumerate(self):
            row, column = divmod(index, columns)
            left = _SHEET_GAP + column * (cell_width + _SHEET_GAP)
            top = _SHEET_GAP + row * (cell_height + _SHEET_GAP)
            small = Image.fromarray(pixels).resize((cell_width, cell_height), reducing_gap=3.0)
            sheet.paste(_labelled(small, str(index)), (left, top))
        return sheet


def _check_pixels(pixels: npt.NDArray[np.uint8], *, axes: str) -> None:
    dimensions = axes.count(",") + 1
    if pixels.dtype != np.uint8 or pixels.ndim != dimensions or not pixels.size:
        raise ImageError(f"got pixels {pixels.dtype} {pixels.shape}; expected uint8 {axes}")
    if pixels.shape[-1] != 3:
        raise ImageError(f"got {pixels.shape[-1]} channels; expected 3: red, green, blue")


def _as_json(settings: Mapping[str, JSON]) -> dict[str, JSON]:
    try:
        plain: dict[str, JSON] = json.loads(json.dumps(dict(settings), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"settings cannot be kept as JSON: {one_line(error)}; use text, numbers, lists and maps"
        ) from error
    return plain


def _labelled(image: Image.Image, text: str) -> Image.Image:
    """The image with a short white label on a dark ground in its top left corner."""
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=max(8, min(image.height // 6, 16)))
    box = draw.textbbox((3, 1), text, font=font)
    draw.rectangle((0, 0, box[2] + 2, box[3] + 2), fill=_SHEET_COLOUR)
    draw.text((3, 1), text, font=font, fill=_LABEL_COLOUR)
    return image
