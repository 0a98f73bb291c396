"""Writing clips: mp4, animated GIF, animated WebP, WebM of the moving regions alone, PNG frames in a folder or a zip.

A clip is written under a temporary name beside its target and moved into place when it is whole.
The settings that made it travel as one line of JSON inside the file. One frame is in memory at a
time.

Axis legend: L frames, H W rows and columns; the last axis holds red, green, blue.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from PIL.PngImagePlugin import MAX_TEXT_MEMORY

from .errors import OutputError
from .frame_source import FrameSource, frames_of, note_of
from .photo import one_line
from .pictures import write_folder, write_gif, write_webp, write_zip

Kind = Literal["mp4", "gif", "webp", "webm", "zip", "folder"]
OnFrame = Callable[[int, int], None]
"""Called as on_frame(frames written, frames in all) before each frame; what it raises ends the writing."""

_SUFFIXES: dict[str, Kind] = {
    ".mp4": "mp4",
    ".gif": "gif",
    ".webp": "webp",
    ".webm": "webm",
    ".zip": "zip",
    "": "folder",
}
_LONGEST_SIDE: dict[Kind, int] = {"mp4": 16384, "gif": 65535, "webp": 16383, "webm": 16383}
"""Pixels; the most that the encoder or the file format can hold."""
_LONGEST_NOTE: dict[Kind, int] = {
    "webm": 16_000_000,
    "zip": MAX_TEXT_MEMORY,
    "folder": MAX_TEXT_MEMORY,
}
"""Bytes; of what is longer, the file's readers give nothing back (FFmpeg), or refuse the file (Pillow)."""

_NOTE_ROOM = 4096
"""Bytes, for what stands beside the clip's own note."""

CRF = 17
"""x264 quality: about 38 dB on photos."""
PRESET = "veryfast"
"""Tuned on 12-megapixel clips of 16 frames: half the file of the faster ones in like time."""
_ENCODER_THREADS = 4
"""Fixed, not taken from the machine: the thread count changes the slices that x264 writes."""
_X264_PARAMS = "rc-lookahead=2:sync-lookahead=0:bframes=0:sliced-threads=1"
"""Few pictures held back: 0.5 GB instead of 0.8 GB at 12 megapixels, for 0.2 dB (tuned there)."""
BT709 = 1
"""The code of BT.709 as primaries, transfer and matrix (ITU-T H.273)."""
# Without these flags swscale darkens the picture by one level of 255 on the way back to RGB.
EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.FULL_CHR_H_INT
)

_VP9_OPTIONS: dict[str, object] = {
    "crf": "24",
    "b": "0",
    "deadline": "good",
    "cpu-used": "4",
    "row-mt": "1",
    "auto-alt-ref": "0",  # libvpx has no hidden frames with opacity
    # Nothing held back for hidden frames: the same file, and no long wait after the last frame.
    "lag-in-frames": "0",
}


def check_output(path: str | Path) -> None:
    """Raises OutputError if a clip cannot be written to `path`, before any work is done for it.

    Said of the name and its folder; free space shows only when writing.
    """
    target = Path(path)
    kind = kind_of(path)
    if not target.parent.is_dir():
        raise OutputError(f"{target.parent} is not a folder; create it, or write elsewhere")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{target.parent} is not writable; write elsewhere")
    if kind != "folder" and target.is_dir():
        raise OutputError(f"{target} is a folder; give a file name that ends in .{kind}")
    if kind == "folder" and target.exists():
        if not target.is_dir():
            raise OutputError(f"{target} is a file; give a new or empty folder, or a name in .mp4")
        if not os.access(target, os.R_OK) or any(target.iterdir()):
            raise OutputError(f"{target} is not empty; give a new or empty folder for the frames")


def write_clip(clip: FrameSource, path: str | Path, *, on_frame: OnFrame | None = None) -> Path:
    """Writes a clip whole or not at all, and returns where it is; see `Clip.save`."""
    check_output(path)
    kind = kind_of(path)
    if kind == "webm" and clip.cutout_corner is None:
        raise OutputError(
            f"{path}: this clip does not know where its object is in every frame, as a WebM needs it; "
            "animate the photo anew, or write an mp4"
        )
    limit = _LONGEST_SIDE.get(kind)
    if limit and max(clip.height, clip.width) > limit:
        raise OutputError(
            f"the clip is {clip.width} x {clip.height} px, {kind} holds at most {limit} px a side; "
            "write a folder of PNG frames (a path with no suffix)"
        )
    longest = _LONGEST_NOTE.get(kind)
    if longest and (length := len(note_of(clip).encode())) >= longest - _NOTE_ROOM:
        raise OutputError(
            f"the settings and masks of the clip take {length / 1e6:.0f} MB, {kind} holds at most "
            f"{longest / 1e6:.0f} MB of them; write an mp4"
        )
    source = clip if on_frame is None else _Told(clip, on_frame)
    with _whole_or_nothing(Path(path), kind) as temporary:
        _WRITERS[kind](source, temporary)
    return Path(path)


def kind_of(path: str | Path) -> Kind:
    text, target = str(path), Path(path)
    if target.name in ("", "..") or "\0" in text:
        raise OutputError(f"{text!r} names no file; give a name such as clip.mp4")
    if text.endswith(("/", os.sep)):
        return "folder"
    suffix = target.suffix.lower()
    if suffix == ".png":
        raise OutputError(
            f"{target} is one PNG file; for PNG frames give a folder: {target.with_suffix('')}/"
        )
    if suffix not in _SUFFIXES:
        raise OutputError(
            f"{target} ends in {target.suffix}; use .mp4, .gif, .webp, .webm, .zip, or no suffix for PNG files"
        )
    return _SUFFIXES[suffix]


@contextmanager
def _whole_or_nothing(target: Path, kind: Kind) -> Iterator[Path]:
    """A temporary path beside the target, moved there at the end, removed on any failure."""
    # Absolute, or FFmpeg takes a colon for a protocol; real, or a link would itself be replaced.
    place = Path(os.path.realpath(target))
    temporary = place.with_name(f".{place.name}.tmp-{secrets.token_hex(4)}")
    try:
        if kind == "folder":
            temporary.mkdir()
        yield temporary
        if kind == "folder" and place.is_dir():
            place.rmdir()
        os.replace(temporary, place)
    except (OSError, av.FFmpegError) as error:
        raise OutputError(
            f"{target} cannot be written: {one_line(error)}; free some space, or write elsewhere"
        ) from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


class _Told:
    """A clip that tells of each frame that is taken from it."""

    def __init__(self, clip: FrameSource, on_frame: OnFrame) -> None:
        self._clip = clip
        self._on_frame = on_frame
        self.num_frames, self.fps = clip.num_frames, clip.fps
        self.height, self.width = clip.height, clip.width
        self.settings, self.tags = clip.settings, clip.tags
        self.cutout_corner = clip.cutout_corner

    def frame(self, index: int, /) -> npt.NDArray[np.uint8]:
        self._on_frame(index, self.num_frames)
        return self._clip.frame(index)

    def cutout(self, index: int, /) -> npt.NDArray[np.uint8]:
        self._on_frame(index, self.num_frames)
        return self._clip.cutout(index)


def _write_mp4(clip: FrameSource, file: Path) -> None:
    rate = Fraction(clip.fps).limit_denominator(1001)
    # yuv420p halves the colour planes, so both sides must be even.
    odd = ((0, clip.height % 2), (0, clip.width % 2), (0, 0))
    # Keys that mp4 has no name for, such as those of other programs, need tags of their own.
    flags = "+faststart+use_metadata_tags" if clip.tags else "+faststart"
    with av.open(str(file), "w", format="mp4", options={"movflags": flags}) as container:
        container.metadata.update({**clip.tags, "comment": note_of(clip)})
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = clip.height + odd[0][1], clip.width + odd[1][1]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(CRF), "preset": PRESET, "x264-params": _X264_PARAMS}
        stream.codec_context.thread_count = _ENCODER_THREADS
        _tell_colours(stream.codec_context)
        for index, pixels in enumerate(frames_of(clip)):
            picture = to_yuv(np.pad(pixels, odd, mode="edge") if np.any(odd) else pixels)
            picture.pts, picture.time_base = index, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def _tell_colours(context: av.VideoCodecContext) -> None:
    """That the pictures are as `to_yuv` makes them, or players guess by their size."""
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = ColorRange.MPEG


def to_yuv(pixels: npt.NDArray[np.uint8]) -> av.VideoFrame:
    """A frame (H, W, 3) RGB or (H, W, 4) with opacity, even sides, as encoders take it: 420, BT.709, limited range."""
    opaque = pixels.shape[2] == 3
    return av.VideoFrame.from_ndarray(pixels, format="rgb24" if opaque else "rgba").reformat(
        format="yuv420p" if opaque else "yuva420p",
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
        interpolation=EXACT,
    )


def _write_webm(clip: FrameSource, file: Path) -> None:
    """The moving regions alone, as VP9 with opacity: the smallest window that holds them in all frames."""
    rate = Fraction(clip.fps).limit_denominator(1001)
    first = clip.cutout(0)
    odd = ((0, first.shape[0] % 2), (0, first.shape[1] % 2), (0, 0))
    x, y = clip.cutout_corner or (0, 0)
    # Else a random number goes inside, and equal clips are no equal files.
    with av.open(str(file), "w", format="webm", options={"fflags": "+bitexact"}) as container:
        container.metadata.update({**clip.tags, "comment": note_of(clip, cutout={"x": x, "y": y})})
        stream = container.add_stream("libvpx-vp9", rate=rate)
        stream.height, stream.width = first.shape[0] + odd[0][1], first.shape[1] + odd[1][1]
        stream.pix_fmt = "yuva420p"
        stream.options = dict(_VP9_OPTIONS)
        stream.metadata["alpha_mode"] = "1"
        stream.codec_context.thread_count = _ENCODER_THREADS
        _tell_colours(stream.codec_context)
        for index in range(clip.num_frames):
            pixels = first if index == 0 else clip.cutout(index)
            picture = to_yuv(np.pad(pixels, odd, mode="edge") if np.any(odd) else pixels)
            picture.pts, picture.time_base = index, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


_WRITERS: dict[Kind, Callable[[FrameSource, Path], None]] = {
    "mp4": _write_mp4,
    "gif": write_gif,
    "webp": write_webp,
    "webm": _write_webm,
    "zip": write_zip,
    "folder": write_folder,
}
