"""A clip: what moves, over the photo that does not. Reading clips back, and the contact sheet.

Axis legend: L frames, H W rows and columns, h w those of a patch; last axis red, green, blue.
"""

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from .errors import ImageError, SettingsError
from .photo import DECODER_ERRORS, one_line, open_image
from .video import (
    ASCII_COMMENT,
    EXACT,
    EXIF_IFD,
    JSON,
    SOFTWARE,
    USER_COMMENT,
    FrameSource,
    check_output,
    write_clip,
)

__all__ = ["JSON", "Clip", "FrameSource", "Patch", "check_output", "read_settings"]

DEFAULT_FPS = 8.0
"""Frames per second, as the paper's clips; also of frames that carry no timing."""

_NO_FRAMES: npt.NDArray[np.uint8] = np.empty((0, 0, 0, 3), dtype=np.uint8)
_SHEET_GAP = 4
_SHEET_COLOUR = (24, 24, 24)
_LABEL_COLOUR = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Patch:
    """A window that changes: uint8 frames (L, h, w, 3), top left corner at column x, row y."""

    x: int
    y: int
    frames: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        _check_pixels(self.frames, axes="(L, h, w, 3)")
        if self.x < 0 or self.y < 0:
            raise ImageError(f"a patch starts at ({self.x}, {self.y}); keep it inside the photo")


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
    region_mask  bool (H, W), True = may move; None if not known. It is not written to files

    Raises ImageError for arrays that do not fit together, SettingsError for the other fields.
    """

    background: npt.NDArray[np.uint8]
    patches: tuple[Patch, ...]
    num_frames: int
    fps: float = DEFAULT_FPS
    settings: Mapping[str, JSON] = field(default_factory=dict)
    region_mask: npt.NDArray[np.bool_] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_pixels(self.background, axes="(H, W, 3)")
        if self.num_frames < 1:
            raise SettingsError(f"got num_frames {self.num_frames}; a clip has at least 1")
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise SettingsError(f"got fps {self.fps}; give a number over 0, such as 8")
        for patch in self.patches:
            length, height, width, _ = patch.frames.shape
            if length != self.num_frames:
                raise ImageError(f"a patch has {length} frames, the clip {self.num_frames}")
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
        """Reads what `save` wrote, or another mp4, GIF, WebP or folder of frame_*.png.

        All frames are in memory then. An mp4 comes back with its coding loss, a GIF with its
        palettes. If another program wrote it, settings are {} and fps is the file's own (8 for
        PNG). Raises ImageError if it cannot be read.
        """
        stored = _read(path, note_only=False)
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
            pixels[rows, columns] = patch.frames[index]
        return pixels

    def __len__(self) -> int:
        return self.num_frames

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        return (self.frame(index) for index in range(self.num_frames))

    def save(self, path: str | Path) -> Path:
        """Writes the clip whole or not at all, replacing a file that is there; returns the path.

        The suffix says what: .mp4 (H.264 that browsers play; odd sides grow by one repeated row or
        column), .gif, .webp (both loop), none or a trailing "/" for a folder of frame_0000.png ...,
        lossless, that must be new or empty. The settings go inside; `read_settings` gets them back.
        Raises OutputError if it cannot be written there.
        """
        return write_clip(self, path)

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


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings inside a clip's file, folder of frames or single PNG frame; {} if it has none.

    Raises ImageError if it is missing, damaged or of another kind.
    """
    settings: dict[str, Any] = _read(path, note_only=True).note["settings"]
    return settings


@dataclass(frozen=True, eq=False)
class _Stored:
    """What a file holds: the note that `save` left, its own fps, frames uint8 (L, H, W, 3)."""

    note: dict[str, Any]
    fps: float
    frames: npt.NDArray[np.uint8]


def _read(path: str | Path, *, note_only: bool) -> _Stored:
    source = Path(path)
    suffix = source.suffix.lower()
    if not source.exists():
        raise ImageError(f"{path} does not exist; give a clip that was saved before")
    try:
        if source.is_dir():
            return _read_folder(source, note_only=note_only)
        if suffix == ".mp4":
            return _read_mp4(source, note_only=note_only)
        if suffix in (".gif", ".webp") or (suffix == ".png" and note_only):
            return _read_animation(source, note_only=note_only)
    except (av.FFmpegError, *DECODER_ERRORS) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{path} cannot be read as a clip: {one_line(error)}") from error
    raise ImageError(f"{path} is no clip; give an .mp4, .gif or .webp file or a folder of frames")


def _read_mp4(file: Path, *, note_only: bool) -> _Stored:
    # An absolute path: FFmpeg would take a relative name with a colon for a protocol.
    with av.open(os.path.abspath(file)) as container:
        note = _parse(container.metadata.get("comment", ""))
        if not container.streams.video:
            raise ImageError(f"{file} holds no video; give a clip")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        fps = float(stream.average_rate or DEFAULT_FPS)
        if note_only:
            return _Stored(note, fps, _NO_FRAMES)
        decoded = (
            picture.reformat(format="rgb24", interpolation=EXACT).to_ndarray()
            for picture in container.decode(stream)
        )
        frames = _stack(decoded, count=stream.frames)
    # Cut off the repeated row or column that made the sides even.
    height, width = note.get("height", frames.shape[1]), note.get("width", frames.shape[2])
    return _Stored(note, fps, frames[:, :height, :width])


def _read_animation(file: Path, *, note_only: bool) -> _Stored:
    with open_image(file) as image:
        note = _parse(_note_in(image))
        if note_only:
            return _Stored(note, DEFAULT_FPS, _NO_FRAMES)
        count = getattr(image, "n_frames", 1)
        pictures = np.empty((count, image.height, image.width, 3), dtype=np.uint8)
        ends = np.empty(count)
        for index in range(count):
            image.seek(index)
            pictures[index] = image.convert("RGB")
            ends[index] = image.info.get("duration", 0)
        ends = ends.cumsum()
    fps = float(1000.0 * count / ends[-1]) if ends[-1] > 0 else DEFAULT_FPS
    length = note.get("num_frames", count)
    if count < length:
        # WebP joins frames that are equal into one that stays longer.
        middles = (np.arange(length) + 0.5) * 1000.0 / note["fps"]
        pictures = pictures[np.searchsorted(ends, middles).clip(0, count - 1)]
    return _Stored(note, fps, pictures)


def _read_folder(folder: Path, *, note_only: bool) -> _Stored:
    files = sorted(folder.glob("frame_*.png"))
    if not files:
        raise ImageError(f"{folder} holds no frame_*.png; give the folder of a saved clip")
    with open_image(files[0]) as image:
        note = _parse(_note_in(image))
    frames = _NO_FRAMES if note_only else _stack(map(_read_png, files), count=len(files))
    return _Stored(note, DEFAULT_FPS, frames)


def _read_png(file: Path) -> npt.NDArray[np.uint8]:
    with open_image(file) as image:
        return np.asarray(image.convert("RGB"))


def _note_in(image: Image.Image) -> str | bytes:
    """Where `save` puts its note in a GIF, a WebP or a PNG."""
    if image.format == "WEBP":
        comment = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
        return comment.removeprefix(ASCII_COMMENT) if isinstance(comment, bytes) else ""
    comment = image.info.get("comment" if image.format == "GIF" else "Comment")
    return comment if isinstance(comment, str | bytes) else ""


def _parse(line: str | bytes) -> dict[str, Any]:
    """The note inside a file, or only empty settings if this package did not write it."""
    with suppress(ValueError, KeyError, TypeError, OverflowError, RecursionError):
        note = json.loads(line)
        if note["software"] == SOFTWARE and isinstance(note["settings"], dict):
            numbers = {key: int(note[key]) for key in ("num_frames", "height", "width")}
            if min(numbers.values()) > 0 and 0 < float(note["fps"]) < math.inf:
                return {"fps": float(note["fps"]), "settings": note["settings"], **numbers}
    return {"settings": {}}


def _stack(pictures: Iterable[Any], *, count: int) -> npt.NDArray[np.uint8]:
    """Up to `count` pictures of one size as (L, H, W, 3); filled in place, a list takes twice."""
    stacked, length = _NO_FRAMES, 0
    for pixels in pictures:
        if not length:
            stacked = np.empty((max(count, 1), *pixels.shape), dtype=np.uint8)
        if length == len(stacked):
            break
        stacked[length] = pixels
        length += 1
    if not length:
        raise ImageError("the clip holds no frames; save it again")
    return stacked[:length]


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
