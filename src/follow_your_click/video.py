"""Writing clips: mp4, animated GIF, animated WebP, a folder of PNG frames.

A clip is written under a temporary name beside its target and moved into place when it is whole.
The settings that made it travel as one line of JSON inside the file. One frame is in memory at a
time.

Axis legend: L frames, H W rows and columns; the last axis holds red, green, blue.
"""

import json
import os
import secrets
import shutil
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from PIL import GifImagePlugin, Image, PngImagePlugin

from .errors import OutputError
from .photo import one_line

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
"""A value that a settings file can hold."""
Kind = Literal["mp4", "gif", "webp", "folder"]

_SUFFIXES: dict[str, Kind] = {".mp4": "mp4", ".gif": "gif", ".webp": "webp", "": "folder"}
_LONGEST_SIDE: dict[Kind, int] = {"mp4": 16384, "gif": 65535, "webp": 16383}
"""Pixels; the most that the encoder or the file format can hold."""
SOFTWARE = "follow_your_click"

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

_GIF_COLOURS = 255
"""Of 256: the last index says "as in the frame before"."""
_GIF_PALETTE_SAMPLES = 16384
"""Pixels that a palette is made from; four times as many gain 0.2 dB and take ten times as long."""
_GIF_SHORTEST_DELAY = 2
"""Hundredths of a second; browsers slow anything shorter down to 10."""
_WEBP_QUALITY = 90
_WEBP_METHOD = 2
"""Tuned at 12 megapixels: the file of method 4 in three quarters of the time."""
_PNG_COMPRESSION = 1
"""zlib level: 15 % larger than the default in a third of the time."""

EXIF_IFD = 0x8769
USER_COMMENT = 0x9286
ASCII_COMMENT = b"ASCII\0\0\0"


class FrameSource(Protocol):
    """What can be written as a clip."""

    @property
    def num_frames(self) -> int: ...
    @property
    def fps(self) -> float: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def settings(self) -> Mapping[str, JSON]: ...
    def frame(self, index: int, /) -> npt.NDArray[np.uint8]: ...


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


def write_clip(clip: FrameSource, path: str | Path) -> Path:
    """Writes a clip whole or not at all, and returns where it is; see `Clip.save`."""
    check_output(path)
    kind = kind_of(path)
    limit = _LONGEST_SIDE.get(kind)
    if limit and max(clip.height, clip.width) > limit:
        raise OutputError(
            f"the clip is {clip.width} x {clip.height} px, {kind} holds at most {limit} px a side; "
            "write a folder of PNG frames (a path with no suffix)"
        )
    with _whole_or_nothing(Path(path), kind) as temporary:
        _WRITERS[kind](clip, temporary)
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
            f"{target} ends in {target.suffix}; use .mp4, .gif, .webp, or no suffix for PNG files"
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


def _frames_of(clip: FrameSource) -> Iterator[npt.NDArray[np.uint8]]:
    return (clip.frame(index) for index in range(clip.num_frames))


def _note_of(clip: FrameSource, *, ascii_only: bool = False) -> str:
    """What the file says about itself, as one line of JSON; equal clips give equal lines."""
    note = {
        "software": SOFTWARE,
        "fps": clip.fps,
        "num_frames": clip.num_frames,
        "height": clip.height,
        "width": clip.width,
        "settings": clip.settings,
    }
    line = json.dumps(note, ensure_ascii=ascii_only, sort_keys=True)
    try:
        line.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, from a command line not in UTF-8: only the escaped form holds it.
        return json.dumps(note, sort_keys=True)
    return line


def _delays(clip: FrameSource, *, per_second: int) -> list[int]:
    """How long each frame stays, in 1 / per_second s, rounded so that errors do not add up."""
    ends = [round(per_second * index / clip.fps) for index in range(clip.num_frames + 1)]
    return [end - start for start, end in pairwise(ends)]


def _write_mp4(clip: FrameSource, file: Path) -> None:
    rate = Fraction(clip.fps).limit_denominator(1001)
    # yuv420p halves the colour planes, so both sides must be even.
    odd = ((0, clip.height % 2), (0, clip.width % 2), (0, 0))
    with av.open(str(file), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata["comment"] = _note_of(clip)
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = clip.height + odd[0][1], clip.width + odd[1][1]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(CRF), "preset": PRESET, "x264-params": _X264_PARAMS}
        context = stream.codec_context
        context.thread_count = _ENCODER_THREADS
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = ColorRange.MPEG
        for index, pixels in enumerate(_frames_of(clip)):
            picture = to_yuv(np.pad(pixels, odd, mode="edge") if np.any(odd) else pixels)
            picture.pts, picture.time_base = index, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def to_yuv(pixels: npt.NDArray[np.uint8]) -> av.VideoFrame:
    """A frame (H, W, 3) RGB with even sides as the encoder takes it: yuv420p, BT.709, limited range."""
    return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
        interpolation=EXACT,
    )


def _write_gif(clip: FrameSource, file: Path) -> None:
    """Each frame stores only the pixels that changed, with a palette of its own made from them.

    So the still part of the clip keeps frame 0's colours and dither, and does not flicker.
    """
    delays = _delays(clip, per_second=100)
    if min(delays) < _GIF_SHORTEST_DELAY:
        warnings.warn(
            f"{clip.fps:g} fps is more than a GIF can show; written at 50 fps", stacklevel=2
        )
    before: npt.NDArray[np.uint8] | None = None
    with file.open("wb") as out:
        out.write(b"GIF89a" + struct.pack("<HHBBB", clip.width, clip.height, 0x70, 0, 0))
        out.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")
        comment = _note_of(clip, ascii_only=True).encode()
        blocks = (comment[start : start + 255] for start in range(0, len(comment), 255))
        out.write(b"!\xfe" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0")
        for pixels, delay in zip(_frames_of(clip), delays, strict=True):
            out.write(_gif_frame(pixels, before, max(delay, _GIF_SHORTEST_DELAY)))
            before = pixels
        out.write(b";")


def _gif_frame(
    pixels: npt.NDArray[np.uint8], before: npt.NDArray[np.uint8] | None, delay: int
) -> bytes:
    """One frame of a GIF: the window that changed since the frame before, delay in 1/100 s."""
    height, width, _ = pixels.shape
    changed = (
        np.ones((height, width), dtype=bool) if before is None else (pixels != before).any(axis=2)
    )
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, 1)
    left, right = (int(columns[0]), int(columns[-1]) + 1) if columns.size else (0, 1)
    window, moved = pixels[top:bottom, left:right], changed[top:bottom, left:right]

    palette = _palette_of(window[moved] if moved.any() else window.reshape(-1, 3))
    # quantize() with a palette dithers by Floyd-Steinberg.
    indices = np.array(Image.fromarray(window).quantize(palette=palette))
    indices[~moved] = _GIF_COLOURS
    image = Image.fromarray(indices)
    colours = (palette.getpalette() or [])[: 3 * _GIF_COLOURS]
    image.putpalette(colours + [0] * (3 * 256 - len(colours)))
    return b"".join(
        GifImagePlugin.getdata(
            image,
            (left, top),
            duration=10 * delay,
            disposal=1,
            transparency=_GIF_COLOURS,
            include_color_table=True,
        )
    )


def _palette_of(colours: npt.NDArray[np.uint8]) -> Image.Image:
    """A palette for colours of shape (N, 3), from a sample with a fixed seed: same in, same out."""
    if len(colours) > _GIF_PALETTE_SAMPLES:
        draw = np.random.default_rng(0).integers(0, len(colours), _GIF_PALETTE_SAMPLES)
        colours = colours[draw]
    return Image.fromarray(colours[None]).quantize(
        _GIF_COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=1
    )


class _Playback(Image.Image):
    """A clip as one multi-frame Pillow image that makes each frame when it is sought."""

    def __init__(self, clip: FrameSource) -> None:
        super().__init__()
        self._clip = clip
        self._index = -1
        self.n_frames = clip.num_frames
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame != self._index:
            image = Image.fromarray(self._clip.frame(frame))
            self.im, self._mode, self._size = image.im, image.mode, image.size
            self._index = frame

    def tell(self) -> int:
        return self._index


def _write_webp(clip: FrameSource, file: Path) -> None:
    exif = Image.Exif()
    note = _note_of(clip, ascii_only=True)
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = ASCII_COMMENT + note.encode()
    _Playback(clip).save(
        file,
        "WEBP",
        save_all=True,
        duration=_delays(clip, per_second=1000),
        loop=0,
        # No key frames but the first: they would code the still part anew, and it would flicker.
        kmin=clip.num_frames,
        kmax=clip.num_frames + 1,
        quality=_WEBP_QUALITY,
        method=_WEBP_METHOD,
        exif=exif,
    )


def _write_folder(clip: FrameSource, folder: Path) -> None:
    note = PngImagePlugin.PngInfo()
    note.add_itxt("Comment", _note_of(clip))
    digits = max(4, len(str(clip.num_frames - 1)))
    for index, pixels in enumerate(_frames_of(clip)):
        file = folder / f"frame_{index:0{digits}d}.png"
        Image.fromarray(pixels).save(file, "PNG", pnginfo=note, compress_level=_PNG_COMPRESSION)


_WRITERS: dict[Kind, Callable[[FrameSource, Path], None]] = {
    "mp4": _write_mp4,
    "gif": _write_gif,
    "webp": _write_webp,
    "folder": _write_folder,
}
