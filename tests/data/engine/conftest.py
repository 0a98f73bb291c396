"""Small videos with known motion, and broken ones."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from follow_your_click.data.engine.config import BuildConfig

SMALL = {
    "clips": {"num_frames": 4, "fps": 10, "short_side": 64, "min_short_side": 48},
    # Full resolution: on pictures this small it is as quick, and sees small objects.
    "flow": {"method": "dis-fine"},
    "captions": {"captioner": "none"},
    "shards": {"clips_per_shard": 4, "inputs_per_part": 3},
    "seconds_per_file": 30,
}


def texture(seed, height=96, width=96):
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.clip(128 + 50 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def disc_clip(seed, *, count=8, side=96, radius=20, shift=(2.0, 0.0), turn=0.0, pan=(0.0, 0.0)):
    """A textured disc over a texture: it shifts by px or turns by radians a frame, the camera pans by px a frame."""
    margin = 80
    ground = texture(seed, side + 2 * margin, side + 2 * margin)
    surface = texture(seed + 1000, side, side)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    frames = []
    for index in range(count):
        time = index - (count - 1) / 2
        x, y = side / 2 + shift[0] * time, side / 2 + shift[1] * time
        to_x, to_y = columns + margin - pan[0] * time, rows + margin - pan[1] * time
        behind = cv2.remap(ground, to_x, to_y, cv2.INTER_CUBIC)
        dx, dy = columns - np.float32(x), rows - np.float32(y)
        cos, sin = np.float32(np.cos(turn * index)), np.float32(np.sin(turn * index))
        moved = cv2.remap(
            surface,
            side / 2 + cos * dx + sin * dy,
            side / 2 - sin * dx + cos * dy,
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        )
        cover = np.clip(radius - np.hypot(dx, dy) + 0.5, 0, 1)[..., None]
        frames.append((behind * (1 - cover) + moved * cover).round().astype(np.uint8))
    return np.stack(frames)


def write_video(path, frames, *, fps=10, crf=12, times=None, codec="libx264"):
    """An mp4 of frames (L, H, W, 3); times: presentation times in ms, for an uneven rate."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "ultrafast", "bf": "0"}
        stream.codec_context.thread_count = 1
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, pixels in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if times is not None:
                picture.pts, picture.time_base = times[index], Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def write_audio(path):
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        tone = np.sin(np.arange(1024) * 0.3).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def videos(tmp_path_factory) -> Path:
    """Nine inputs: five good ones (one of them twice), one still, three broken."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(4):
        frames = disc_clip(number, count=9, shift=(2.0 + number / 2, 0.0))
        file = write_video(folder / f"disc-{number}.mp4", frames)
        file.with_suffix(".txt").write_text(
            f"A boat drifts to the left ({number}).", encoding="utf-8"
        )
    again = disc_clip(0, count=9)
    write_video(folder / "disc-again.mp4", again, crf=20)
    write_video(folder / "still.mp4", np.repeat(disc_clip(7, count=1), 9, axis=0))
    (folder / "empty.mp4").write_bytes(b"")
    whole = (folder / "disc-1.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    write_audio(folder / "sound.mp4")
    return folder


@pytest.fixture(scope="session")
def small_config() -> BuildConfig:
    return BuildConfig.model_validate(SMALL)


@pytest.fixture(scope="session")
def built(videos, small_config, tmp_path_factory) -> Path:
    """A finished build of `videos`."""
    from follow_your_click.data.engine.runner import build

    out = tmp_path_factory.mktemp("built") / "out"
    build(str(videos), out, small_config, workers=1)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
