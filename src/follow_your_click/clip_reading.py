"""Reading clips back: frames, and the settings that `Clip.save` put inside.

Axis legend: L frames, H W rows and columns; last axis red, green, blue.
"""

import io
import json
import math
import os
import re
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from .errors import ImageError
from .frame_source import SOFTWARE
from .photo import DECODER_ERRORS, MAX_PIXELS, one_line, open_image
from .pictures import ASCII_COMMENT, EXIF_IFD, USER_COMMENT
from .video import EXACT

DEFAULT_FPS = 8.0
"""Frames per second, as the paper's clips; also of frames that carry no timing."""

_NO_FRAMES: npt.NDArray[np.uint8] = np.empty((0, 0, 0, 3), dtype=np.uint8)
_MOST_FRAME_BYTES = 400_000_000
"""Of one packed frame: more than a PNG of MAX_PIXELS takes."""


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings inside a clip's file, folder of frames or single PNG frame; {} if it has none.

    Raises ImageError if it is missing, damaged or of another kind.
    """
    settings: dict[str, Any] = read_clip(path, most_frames=0).note["settings"]
    return settings


@dataclass(frozen=True, eq=False)
class StoredClip:
    """What a file holds: the note that `save` left, its own fps, frames uint8 (L, H, W, 3)."""

    note: dict[str, Any]
    fps: float
    frames: npt.NDArray[np.uint8]


def read_clip(path: str | Path, *, most_frames: int | None = None) -> StoredClip:
    """Note, fps and frames of a file, the first `most_frames` or all of them; no more are decoded.

    Raises ImageError if it is missing, damaged, of another kind, or too large to be a clip.
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if not source.exists():
        raise ImageError(f"{path} does not exist; give a clip that was saved before")
    try:
        if source.is_dir():
            return _read_folder(source, most_frames=most_frames)
        if suffix in (".mp4", ".webm"):
            return _read_video(source, most_frames=most_frames)
        if suffix == ".zip":
            return _read_zip(source, most_frames=most_frames)
        if suffix in (".gif", ".webp") or (suffix == ".png" and most_frames == 0):
            return _read_animation(source, most_frames=most_frames)
    except (av.FFmpegError, zipfile.BadZipFile, NotImplementedError, *DECODER_ERRORS) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{path} cannot be read as a clip: {one_line(error)}") from error
    raise ImageError(
        f"{path} is no clip; give an .mp4, .gif, .webp or .zip file or a folder of frames"
    )


def _read_video(file: Path, *, most_frames: int | None) -> StoredClip:
    # An absolute path: FFmpeg would take a relative name with a colon for a protocol.
    with av.open(os.path.abspath(file)) as container:
        notes = {key.lower(): value for key, value in container.metadata.items()}
        note = _parse(notes.get("comment", ""))
        if not container.streams.video:
            raise ImageError(f"{file} holds no video; give a clip")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        fps = float(stream.average_rate or DEFAULT_FPS)
        if most_frames == 0:
            return StoredClip(note, fps, _NO_FRAMES)
        if note.get("cutout"):
            raise ImageError(f"{file} holds the moving region alone; give the clip's mp4")
        _check_area(file, stream.width, stream.height)
        decoded = (
            picture.reformat(format="rgb24", interpolation=EXACT).to_ndarray()
            for picture in container.decode(stream)
        )
        frames = _stack(decoded, count=_fewer(stream.frames, most_frames))
    # Cut off the repeated row or column that made the sides even.
    height, width = note.get("height", frames.shape[1]), note.get("width", frames.shape[2])
    return StoredClip(note, fps, frames[:, :height, :width])


def _read_animation(file: Path, *, most_frames: int | None) -> StoredClip:
    with open_image(file) as image:
        note = _parse(_note_in(image))
        if most_frames == 0:
            return StoredClip(note, DEFAULT_FPS, _NO_FRAMES)
        _check_area(file, image.width, image.height)
        every = int(getattr(image, "n_frames", 1))
        count = _fewer(every, most_frames)
        pictures = np.empty((count, image.height, image.width, 3), dtype=np.uint8)
        ends = np.empty(count)
        for index in range(count):
            image.seek(index)
            pictures[index] = np.asarray(image.convert("RGB"))
            ends[index] = image.info.get("duration", 0)
        ends = ends.cumsum()
    fps = float(1000.0 * count / ends[-1]) if ends[-1] > 0 else DEFAULT_FPS
    length = note.get("num_frames", count)
    if every < length and most_frames is None:
        # WebP joins frames that are equal into one that stays longer.
        middles = (np.arange(length) + 0.5) * 1000.0 / note["fps"]
        pictures = pictures[np.searchsorted(ends, middles).clip(0, count - 1)]
    return StoredClip(note, fps, pictures)


def _read_folder(folder: Path, *, most_frames: int | None) -> StoredClip:
    files = sorted(folder.glob("frame_*.png"))
    if not files:
        raise ImageError(f"{folder} holds no frame_*.png; give the folder of a saved clip")
    with open_image(files[0]) as image:
        note = _parse(_note_in(image))
    if most_frames == 0:
        return StoredClip(note, DEFAULT_FPS, _NO_FRAMES)
    frames = _stack(map(_read_png, files), count=_fewer(len(files), most_frames))
    return StoredClip(note, DEFAULT_FPS, frames)


def _read_zip(file: Path, *, most_frames: int | None) -> StoredClip:
    with zipfile.ZipFile(file) as archive:
        names = sorted(
            name for name in archive.namelist() if re.fullmatch(r"frame_\d{4,6}\.png", name)
        )
        if not names:
            raise ImageError(f"{file} holds no frame_*.png; give the zip of a saved clip")
        first = _open_packed(archive, names[0], file)
        note = _parse(_note_in(first))
        if most_frames == 0:
            return StoredClip(note, DEFAULT_FPS, _NO_FRAMES)
        pictures = (np.asarray(_open_packed(archive, name, file).convert("RGB")) for name in names)
        return StoredClip(
            note, DEFAULT_FPS, _stack(pictures, count=_fewer(len(names), most_frames))
        )


def _open_packed(archive: zipfile.ZipFile, name: str, file: Path) -> Image.Image:
    """One PNG of a zip; ImageError for one that would unpack to more than any frame has."""
    if archive.getinfo(name).file_size > _MOST_FRAME_BYTES:
        raise ImageError(f"{file}: {name} is too large for a frame of a clip; save the clip again")
    image = Image.open(io.BytesIO(archive.read(name)), formats=["PNG"])
    _check_area(file, image.width, image.height)
    return image


def _check_area(file: Path, width: int, height: int) -> None:
    """Before anything is decoded: no clip has frames larger than the largest photo."""
    if width * height > MAX_PIXELS:
        raise ImageError(f"{file} has frames of {width} x {height} px, too many pixels for a clip")


def _fewer(count: int, most: int | None) -> int:
    return count if most is None else min(count, most) if count else most


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
                more = {"cutout": True} if "cutout" in note else {}
                return {
                    "fps": float(note["fps"]),
                    "settings": note["settings"],
                    **numbers,
                    **more,
                }
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
