"""The work on one input: decode, cut, sample, measure, judge, encode. No files are written here.

Decoding and measuring are two functions, so that they may run on different machines.
Axes: N clips, L frames, H W rows and columns.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from follow_your_click.data.engine import encode
from follow_your_click.data.engine.config import BuildConfig
from follow_your_click.data.engine.decode import VideoProblem, decode, read_bytes, sha256
from follow_your_click.data.engine.displacement import displacement_labels
from follow_your_click.data.engine.duplicates import clip_hash
from follow_your_click.data.engine.filters import ClipFilter, Drop, judge_motion
from follow_your_click.data.engine.flows import FlowEstimator
from follow_your_click.data.engine.motion import Motion, motion_of
from follow_your_click.data.engine.records import ClipRecord, InputRecord, SourceItem
from follow_your_click.data.engine.sampling import clip_windows
from follow_your_click.data.engine.shots import shot_starts
from follow_your_click.flow import BoolArray, UInt8Array

THUMBNAIL_HEIGHT = 96  # px, of the pictures of dropped clips
THUMBNAIL_QUALITY = 70
DIGITS = 5  # of the figures in records: more would be noise, and platforms may round them otherwise
MASK_COLOUR = (255, 40, 120)


@dataclass(frozen=True, eq=False)
class Decoded:
    """An input's clips before they are measured: uint8 (L, H, W, 3) each, and when they start.

    problem: why there are none; then `clips` is empty.
    """

    item: SourceItem
    sha256: str
    fps: float = 0.0
    frame_stride: int = 1
    clips: tuple[UInt8Array, ...] = ()
    starts: tuple[float, ...] = ()
    reason: str = ""
    detail: str = ""
    failed: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ClipOutput:
    """A clip's record and the members of its sample (none if it is dropped), and a picture of it if it is dropped."""

    record: ClipRecord
    members: dict[str, bytes]
    picture: str = ""


@dataclass(frozen=True, eq=False)
class ItemResult:
    """What became of one input. seconds: by step; they go into no file."""

    record: InputRecord
    clips: tuple[ClipOutput, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def decode_item(item: SourceItem, config: BuildConfig) -> Decoded:
    """Read one input and take its clips out of it; a damaged one comes back with its reason."""
    seconds: dict[str, float] = {}
    digest = ""
    try:
        with _timed(seconds, "read"):
            content = read_bytes(item)
            digest = sha256(content)
        with _timed(seconds, "decode"):
            video = decode(content, item, config.clips)
    except VideoProblem as problem:
        return Decoded(
            item, digest, reason=problem.reason, detail=problem.detail, failed=True, seconds=seconds
        )
    with _timed(seconds, "shots"):
        starts = shot_starts(video.signatures, config.shots)
    windows = clip_windows(
        starts,
        num_source=len(video.signatures),
        frame_stride=video.frame_stride,
        num_frames=config.clips.num_frames,
        at_most=config.clips.max_clips_per_video,
    )
    if not windows:
        detail = f"{len(starts)} shots, none of them long enough for a clip"
        return Decoded(item, digest, reason="short_shots", detail=detail, seconds=seconds)
    length = config.clips.num_frames
    return Decoded(
        item=item,
        sha256=digest,
        fps=video.fps,
        frame_stride=video.frame_stride,
        clips=tuple(video.frames[w.first : w.first + length] for w in windows),
        starts=tuple(
            video.first_seconds + w.first * video.frame_stride / video.fps for w in windows
        ),
        seconds=seconds,
    )


def measure_item(
    decoded: Decoded,
    config: BuildConfig,
    estimator: FlowEstimator,
    plugins: Sequence[ClipFilter] = (),
) -> ItemResult:
    """Measure, judge and encode the clips of one input."""
    item, seconds = decoded.item, dict(decoded.seconds)
    if decoded.reason:
        refused = InputRecord(
            item.key,
            item.name,
            "failed" if decoded.failed else "dropped",
            decoded.reason,
            decoded.detail,
            decoded.sha256,
        )
        return ItemResult(refused, seconds=seconds)
    clips = []
    for number, (frames, start) in enumerate(zip(decoded.clips, decoded.starts, strict=True)):
        with _timed(seconds, "flow"):
            flows = estimator.flows(frames[1:], frames[:-1])
        with _timed(seconds, "motion"):
            motion = motion_of(frames, flows, config.motion)
        drop = judge_motion(motion, config.filters)
        with _timed(seconds, "filters"):
            for plugin in plugins:
                drop = drop or plugin.judge(frames, motion)
        record = _clip_record(decoded, number, start, frames, motion, drop)
        if drop is not None:
            clips.append(ClipOutput(record, {}, _thumbnail(frames, motion.mask)))
            continue
        with _timed(seconds, "labels"):
            labels = displacement_labels(frames, motion) if config.clips.displacement else None
        with _timed(seconds, "encode"):
            members = (
                {encode.VIDEO: encode.encode_video(frames, record.fps)}
                if config.clips.storage == "video"
                else encode.encode_frames(frames)
            )
            members[encode.MASK] = encode.encode_mask(motion.mask)
            if labels is not None:
                members[encode.LABELS] = encode.encode_labels(labels)
        clips.append(ClipOutput(record, members))
    record_of = InputRecord(
        item.key, item.name, "kept", sha256=decoded.sha256, clips=len(clips), kept=0
    )
    return ItemResult(record_of, tuple(clips), seconds)


def overlay(frame: UInt8Array, mask: BoolArray) -> UInt8Array:
    """The frame with its mask tinted and outlined."""
    tinted = frame.astype(np.float32)
    tinted[mask] = 0.6 * tinted[mask] + 0.4 * np.array(MASK_COLOUR, np.float32)
    picture = np.ascontiguousarray(tinted.round().astype(np.uint8))
    outlines, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    cv2.drawContours(picture, outlines, -1, MASK_COLOUR, 1)
    return picture


def filmstrip(frames: UInt8Array, mask: BoolArray, *, height: int) -> UInt8Array:
    """First frame with its mask, middle and last frame, side by side."""
    pictures = [overlay(frames[0], mask), frames[len(frames) // 2], frames[-1]]
    width = round(frames.shape[2] * height / frames.shape[1])
    return np.concatenate(
        [cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in pictures], axis=1
    )


def _clip_record(
    decoded: Decoded,
    number: int,
    start: float,
    frames: UInt8Array,
    motion: Motion,
    drop: Drop | None,
) -> ClipRecord:
    item = decoded.item
    return ClipRecord(
        key=f"{number:03d}",
        input=item.key,
        name=item.name,
        start_seconds=round(start, DIGITS),
        fps=round(decoded.fps / decoded.frame_stride, DIGITS),
        frame_stride=decoded.frame_stride,
        num_frames=len(frames),
        height=frames.shape[1],
        width=frames.shape[2],
        motion_strength=round(motion.motion_strength, DIGITS),
        mask_strength=round(motion.mask_strength, DIGITS),
        camera_strength=round(motion.camera_strength, DIGITS),
        camera_inliers=round(motion.camera_inliers, DIGITS),
        area=round(motion.area, DIGITS),
        warp_error=round(motion.warp_error, DIGITS),
        picture_hash=clip_hash(frames),
        dropped=drop.reason if drop else "",
        detail=drop.detail if drop else "",
        caption=item.caption or "",
        motion_prompts=item.motion_prompts,
        objects=item.objects,
        caption_source="given" if item.motion_prompts else "",
        licence=item.licence or "",
        origin=item.origin or "",
    )


def _thumbnail(frames: UInt8Array, mask: BoolArray) -> str:
    strip = filmstrip(frames, mask, height=THUMBNAIL_HEIGHT)
    return base64.b64encode(encode.encode_jpeg(strip, quality=THUMBNAIL_QUALITY)).decode()


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[step] = seconds.get(step, 0.0) + time.perf_counter() - started


def renamed(output: ClipOutput, key: str) -> ClipOutput:
    """The same clip under the name that it has in the shards."""
    return replace(output, record=replace(output.record, key=key))
