"""Builds shards from thousands of small videos, some of them broken, kills itself again and again, and compares the bytes.

    python benchmarks/data_build.py --videos 5000 --workers 2

Prints: how the inputs ended, whether the killed and restarted build equals the undisturbed one, clips per second and where the time went.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np

SIDE, FRAMES, BROKEN, KILLS = 64, 5, 0.05, 3
SETTINGS = [
    "clips.num_frames=4",
    "clips.fps=10",
    "clips.short_side=64",
    "clips.min_short_side=48",
    "flow.method=dis-fine",
    "captions.captioner=none",
]


def write_video(file: Path, number: int) -> None:
    """A textured disc that slides over a texture, different in every file; every 25th stands still, every 40th repeats another."""
    seed = number - 7 if number % 40 == 39 else number
    draw = np.random.default_rng(seed)
    ground, surface = (
        cv2.resize(
            draw.integers(0, 255, (20, 20, 3)).astype(np.uint8),
            (SIDE, SIDE),
            interpolation=cv2.INTER_CUBIC,
        )
        for _ in range(2)
    )
    angle = draw.uniform(0, 2 * np.pi)
    speed = 0.0 if number % 25 == 24 else draw.uniform(0.8, 2.5)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height = stream.width = SIDE
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "16", "preset": "ultrafast"}
        stream.codec_context.thread_count = 1
        for index in range(FRAMES):
            time_ = index - (FRAMES - 1) / 2
            dx = columns - np.float32(SIDE / 2 + speed * np.cos(angle) * time_)
            dy = rows - np.float32(SIDE / 2 + speed * np.sin(angle) * time_)
            moved = cv2.remap(
                surface,
                dx + SIDE / 2,
                dy + SIDE / 2,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT,
            )
            cover = np.clip(16 - np.hypot(dx, dy) + 0.5, 0, 1)[..., None]
            pixels = (ground * (1 - cover) + moved * cover).round().astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def break_file(file: Path, kind: int) -> None:
    """Empty, cut short, overwritten in the middle, text, or sound only."""
    content = file.read_bytes()
    if kind == 4:
        with av.open(str(file), "w", format="mp4") as container:
            stream = container.add_stream("aac", rate=8000)
            tone = np.sin(np.arange(1024) * 0.3).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return
    middle = len(content) // 2
    broken = (
        b"",
        content[: len(content) // 3],
        content[: middle - 1500] + bytes(3000) + content[middle + 1500 :],
        b"this was a video once\n" * 40,
    )
    file.write_bytes(broken[kind])


def make(folder: Path, number: int) -> None:
    file = folder / f"{number:05d}.mp4"
    write_video(file, number)
    if number % round(1 / BROKEN) == 3:
        break_file(file, number // round(1 / BROKEN) % 5)


def command(source: Path, out: Path, workers: int, engine: str = "local") -> list[str]:
    program = "import sys; from follow_your_click.interfaces.data_cli import data_app; data_app()"
    words = [sys.executable, "-c", program, "build", str(source), str(out), "--json"]
    words += ["--workers", str(workers), "--engine", engine]
    return words + [word for setting in SETTINGS for word in ("--set", setting)]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def build(source: Path, out: Path, workers: int, engine: str = "local") -> dict:
    started = time.monotonic()
    done = subprocess.run(
        command(source, out, workers, engine), check=True, stdout=subprocess.PIPE, text=True
    )
    result = json.loads(done.stdout)
    wall = time.monotonic() - started
    clips = result["settings"]["clips"]
    count = clips["kept"] + clips["dropped"]
    steps = {k.split(" ")[0]: v for k, v in result["seconds"].items() if k != "all"}
    busy = sum(steps.values()) or 1
    shares = ", ".join(
        f"{name} {100 * s / busy:.0f} %" for name, s in sorted(steps.items(), key=lambda p: -p[1])
    )
    print(
        f"{engine}, {workers} workers: {wall:.0f} s, {count / wall:.1f} clips/s; {shares}",
        flush=True,
    )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scaling", action="store_true", help="also build with one worker")
    parser.add_argument("--ray", action="store_true", help="also build with Ray Data")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        source = Path(root) / "videos"
        source.mkdir()
        with ProcessPoolExecutor(given.workers) as pool:
            list(pool.map(make, [source] * given.videos, range(given.videos), chunksize=50))
        print(f"{given.videos} videos made", flush=True)
        result = build(source, Path(root) / "whole", given.workers)
        inputs = result["settings"]["inputs"]
        print(json.dumps(inputs), json.dumps(result["settings"]["clips"]), sep="\n")
        ended = inputs["kept"] + inputs["dropped"] + inputs["failed"]
        assert ended == inputs["total"] == given.videos, "an input is not accounted for"
        whole = contents(Path(root) / "whole")
        chance = random.Random(given.seed)
        expected = float(result["seconds"]["all"])
        killed = Path(root) / "killed"
        for number in range(KILLS):
            moment = chance.uniform(0.1, 0.3) * expected
            run = subprocess.Popen(
                command(source, killed, given.workers),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            time.sleep(moment)
            # All of its processes at once, as a machine that loses its power.
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            parts = len(list((killed / "work").glob("part-*.json"))) if killed.exists() else 0
            print(f"kill -9 no. {number + 1} after {moment:.0f} s, {parts} parts done", flush=True)
        build(source, killed, given.workers)
        print(
            "killed and restarted:",
            "the same bytes" if contents(killed) == whole else "OTHER BYTES",
        )
        for engine, workers, wanted in (("local", 1, given.scaling), ("ray", 1, given.ray)):
            if wanted:
                out = Path(root) / f"{engine}-{workers}"
                build(source, out, workers, engine)
                print(
                    f"{engine}, {workers}:",
                    "the same bytes" if contents(out) == whole else "OTHER BYTES",
                )
                shutil.rmtree(out)


if __name__ == "__main__":
    main()
