"""Reading one video: what it holds, its frames at working size, and why it cannot be used.

Axes: F frames read, L frames sampled, H W rows and columns at working size.
A damaged file never raises anything but `VideoProblem`. What kills the process or hangs it (decoders do) is the business of
the pool that runs this, see `pool`.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation

from follow_your_click.data.engine.config import ClipSettings
from follow_your_click.data.engine.records import SourceItem
from follow_your_click.data.engine.shots import SIGNATURE_SIZE
from follow_your_click.data.engine.sources import open_hugging_face, video_column
from follow_your_click.flow import UInt8Array

MAX_FRAME_PIXELS = 64_000_000  # 8K has 33 million; more is a bomb or a mistake
MAX_RATE = 240.0  # frames per second; above, the header is wrong
RATE_TOLERANCE = 0.25  # of a frame's time that a gap may be off and still count as constant
RATE_EXCEPTIONS = (
    0.02  # share of gaps that may be off: containers with millisecond clocks, a lost frame
)
TRUNCATED_SHARE = 0.9  # of the frames that the header announces


class VideoProblem(Exception):
    """Why a video cannot be used: a short name for tables, and a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = " ".join(detail.split())[:300]


@dataclass(frozen=True, eq=False)
class Video:
    """What was read of one video.

    frames: uint8 (L, H, W, 3), every `frame_stride`-th. signatures: uint8 (F, h, w, 3), every frame, tiny, for finding cuts.
    fps: of the source. first_seconds: time of the first frame.
    """

    frames: UInt8Array
    signatures: UInt8Array
    fps: float
    frame_stride: int
    first_seconds: float


@dataclass(frozen=True)
class Probe:
    """What a file says it holds, without decoding it. seconds, frames: 0 where it does not say."""

    codec: str
    width: int
    height: int
    fps: float
    frames: int
    seconds: float


def read_bytes(item: SourceItem) -> bytes:
    """The bytes of an input, wherever they lie.

    Raises:
        VideoProblem: missing, unreadable, or of zero length.
    """
    if item.problem is not None:
        raise VideoProblem("listing", item.problem)
    try:
        if item.row is not None:
            content = _row_bytes(item)
        else:
            with Path(item.path).open("rb") as file:
                file.seek(item.offset or 0)
                content = file.read() if item.size is None else file.read(item.size)
    except FileNotFoundError:
        raise VideoProblem("missing", "there is no such file") from None
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise VideoProblem("unreadable", str(error)) from error
    if not content:
        raise VideoProblem("zero_length", "the file holds no byte")
    return content


def sha256(content: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(content).hexdigest()


def probe(content: bytes) -> Probe:
    """Read the header.

    Raises:
        VideoProblem: no container, no video in it, or a size out of range.
    """
    with _opened(content) as container:
        stream = _video_stream(container)
        return Probe(
            codec=stream.codec_context.name,
            width=stream.width,
            height=stream.height,
            fps=_header_rate(stream),
            frames=stream.frames,
            seconds=float(container.duration or 0) / av.time_base,
        )


def decode(content: bytes, item: SourceItem, settings: ClipSettings) -> Video:
    """Read an input's frames, at most `max_seconds` of them.

    Raises:
        VideoProblem: corrupt, truncated, audio_only, variable_rate, too_short, too_small, too_large.
    """
    with _opened(content) as container:
        stream = _video_stream(container)
        if min(stream.width, stream.height) < settings.min_short_side:
            raise VideoProblem(
                "too_small",
                f"{stream.width} x {stream.height} px; expected a short side of {settings.min_short_side}",
            )
        read = _read_frames(container, stream, item, settings)
    times = np.array(read.times)
    needed = (settings.num_frames - 1) * read.frame_stride + 1
    if read.broken is not None:
        raise VideoProblem("corrupt", read.broken)
    if read.to_the_end and item.start is None and 0 < len(times) < TRUNCATED_SHARE * stream.frames:
        raise VideoProblem(
            "truncated", f"{len(times)} of {stream.frames} announced frames are there"
        )
    if len(times) < needed:
        raise VideoProblem("too_short", f"{len(times)} frames; a clip needs {needed}")
    if variable_rate(times) and settings.variable_rate == "skip":
        raise VideoProblem("variable_rate", "the time between frames changes")
    return Video(
        frames=np.stack(read.frames),
        signatures=np.stack(read.signatures),
        fps=read.fps,
        frame_stride=read.frame_stride,
        first_seconds=float(times[0]),
    )


def variable_rate(times: npt.NDArray[np.float64]) -> bool:
    """Whether frames at these seconds (F,) are not evenly spaced."""
    if len(times) < 3:
        return False
    gaps = np.diff(times)
    off = np.abs(gaps - np.median(gaps)) > RATE_TOLERANCE * np.median(gaps)
    return bool(off.mean() > RATE_EXCEPTIONS)


@dataclass
class _Read:
    frames: list[UInt8Array]
    signatures: list[UInt8Array]
    times: list[float]
    fps: float
    frame_stride: int
    to_the_end: bool = False
    broken: str | None = None


def _read_frames(container: Any, stream: Any, item: SourceItem, settings: ClipSettings) -> _Read:
    fps = _header_rate(stream)
    stride = settings.frame_stride or max(1, round(fps / settings.fps))
    read = _Read([], [], [], fps, stride)
    start = item.start or 0.0
    end = start + settings.max_seconds
    if item.end is not None:
        end = min(end, item.end)
    if start:
        container.seek(int(start * av.time_base), backward=True)
    width, height = _working_size(stream, settings.short_side)
    pictures = _timed(container, stream, fps)
    if settings.variable_rate == "resample":
        pictures = _evenly(pictures, fps)
    try:
        for seconds, picture in pictures:
            if seconds < start - 0.5 / fps:
                continue
            if seconds >= end - 0.5 / fps:
                return read
            if picture.is_corrupt:
                read.broken = f"the picture at {seconds:.2f} s is damaged"
                return read
            if len(read.times) % stride == 0:
                read.frames.append(_pixels(picture, width, height))
            small = picture.reformat(*SIGNATURE_SIZE, "rgb24", interpolation=Interpolation.AREA)
            read.signatures.append(small.to_ndarray())
            read.times.append(seconds)
    except (av.FFmpegError, ValueError, MemoryError) as error:
        read.broken = f"after {len(read.times)} frames: {error}"
        return read
    read.to_the_end = True
    return read


def _timed(container: Any, stream: Any, fps: float) -> Iterator[tuple[float, Any]]:
    """Pictures with their seconds from the stream's start."""
    begin = float((stream.start_time or 0) * stream.time_base)
    for number, picture in enumerate(container.decode(stream)):
        yield (number / fps if picture.time is None else picture.time - begin), picture


def _evenly(pictures: Iterator[tuple[float, Any]], fps: float) -> Iterator[tuple[float, Any]]:
    """At every tick of an even clock, the picture that is on screen."""
    tick, shown = 0, None
    for seconds, picture in pictures:
        while shown is not None and tick / fps < seconds - 1e-6:
            yield tick / fps, shown
            tick += 1
        shown = picture
    if shown is not None:
        yield tick / fps, shown


def _opened(content: bytes) -> Any:
    if len(content) < 16:
        raise VideoProblem("corrupt", "this is no video container")
    try:
        return av.open(io.BytesIO(content), metadata_errors="ignore")
    except (av.FFmpegError, ValueError, OSError) as error:
        raise VideoProblem("corrupt", f"this is no video container: {error}") from error


def _video_stream(container: Any) -> Any:
    if not container.streams.video:
        kind = "audio_only" if container.streams.audio else "no_video"
        raise VideoProblem(kind, "the file holds no video stream")
    stream = container.streams.video[0]
    if stream.codec_context is None or not stream.width or not stream.height:
        raise VideoProblem("corrupt", "the video stream does not say its size or codec")
    if stream.width * stream.height > MAX_FRAME_PIXELS:
        raise VideoProblem("too_large", f"{stream.width} x {stream.height} px")
    rate = _header_rate(stream)
    if not 0 < rate <= MAX_RATE:
        raise VideoProblem("corrupt", f"the header says {rate:g} frames per second")
    # One thread: the pool has a process for each core. "explode" makes FFmpeg report damage instead of hiding it.
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"err_detect": "explode+crccheck"}
    return stream


def _header_rate(stream: Any) -> float:
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return float(rate) if rate else 0.0


def _working_size(stream: Any, short_side: int) -> tuple[int, int]:
    """(width, height) before rotation, even, square pixels, never larger than the source."""
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    width, height = stream.width * aspect, float(stream.height)
    zoom = min(1.0, short_side / min(width, height))
    return 2 * max(1, math.floor(width * zoom / 2 + 0.5)), 2 * max(
        1, math.floor(height * zoom / 2 + 0.5)
    )


def _pixels(picture: Any, width: int, height: int) -> UInt8Array:
    """RGB at working size, upright."""
    shrunk = picture.reformat(width, height, "rgb24", interpolation=Interpolation.AREA)
    pixels: UInt8Array = shrunk.to_ndarray()
    turns = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
    turn = turns.get(round(picture.rotation) % 360)
    return pixels if turn is None else np.ascontiguousarray(cv2.rotate(pixels, turn))


def _row_bytes(item: SourceItem) -> bytes:
    dataset = open_hugging_face(item.path)
    value = dataset[item.row][video_column(dataset)]
    if isinstance(value, dict):
        value = value.get("bytes") or Path(value["path"]).read_bytes()
    return bytes(value)
