"""What a clip becomes inside a shard: video or frames, mask, labels. The same clip gives the same bytes.

Axes: L frames, H W rows and columns, h w those of the labels.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange

from follow_your_click.data.engine.displacement import DisplacementLabels
from follow_your_click.errors import ImageError
from follow_your_click.flow import BoolArray, UInt8Array
from follow_your_click.video import BT709, CRF, EXACT, PRESET, to_yuv

JPEG_QUALITY = 92
VIDEO = "mp4"
MASK = "mask.png"
LABELS = "motion.npz"
FACTS = "json"


def encode_video(frames: UInt8Array, fps: float) -> bytes:
    """H.264 in mp4, uint8 (L, H, W, 3) with even sides."""
    rate = Fraction(fps).limit_denominator(1001)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(CRF), "preset": PRESET}
        context = stream.codec_context
        # One thread: the number of threads changes the bytes that x264 writes.
        context.thread_count = 1
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = ColorRange.MPEG
        for index, pixels in enumerate(frames):
            picture = to_yuv(pixels)
            picture.pts, picture.time_base = index, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return file.getvalue()


def encode_frames(frames: UInt8Array) -> dict[str, bytes]:
    """Frames as JPEG files: suffix ("00.jpg", "01.jpg", ...) -> bytes."""
    digits = max(2, len(str(len(frames) - 1)))
    return {
        f"{index:0{digits}d}.jpg": encode_jpeg(pixels, quality=JPEG_QUALITY)
        for index, pixels in enumerate(frames)
    }


def encode_jpeg(pixels: UInt8Array, *, quality: int) -> bytes:
    """One RGB picture as JPEG."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def encode_mask(mask: BoolArray) -> bytes:
    """PNG, 255 = moves."""
    return bytes(cv2.imencode(".png", mask.astype(np.uint8) * 255)[1])


def encode_labels(labels: DisplacementLabels) -> bytes:
    """numpy's npz with the arrays of `DisplacementLabels` by name."""
    file = io.BytesIO()
    np.savez_compressed(
        file,
        displacement=labels.displacement,
        validity=labels.validity,
        moving=labels.moving,
    )
    return file.getvalue()


def decode_clip(members: Mapping[str, bytes]) -> UInt8Array:
    """Frames (L, H, W, 3) of a sample, stored either way.

    Raises:
        ImageError: neither a video nor frames are in it.
    """
    if VIDEO in members:
        with av.open(io.BytesIO(members[VIDEO]), "r") as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            pictures = [
                np.asarray(
                    picture.reformat(format="rgb24", interpolation=EXACT).to_ndarray(), np.uint8
                )
                for picture in container.decode(stream)
            ]
        return np.stack(pictures)
    names = sorted(name for name in members if name.endswith(".jpg"))
    if not names:
        raise ImageError(f"got a sample of {', '.join(members)}; expected {VIDEO} or jpg frames")
    return np.stack([_picture(members[name], cv2.IMREAD_COLOR) for name in names])


def decode_mask(content: bytes) -> BoolArray:
    """bool (H, W)."""
    return np.asarray(_picture(content, cv2.IMREAD_GRAYSCALE) > 127, np.bool_)


def decode_labels(content: bytes) -> DisplacementLabels:
    """What `encode_labels` wrote."""
    with np.load(io.BytesIO(content)) as arrays:
        return DisplacementLabels(**{name: arrays[name] for name in arrays.files})


def _picture(content: bytes, flags: int) -> UInt8Array:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None:
        raise ImageError("a picture of a sample cannot be decoded; build the shards again")
    return np.asarray(
        cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if pixels.ndim == 3 else pixels, np.uint8
    )
