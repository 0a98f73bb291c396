"""Many clients at once against one server on this machine: does anybody see another's photo, and does memory stay bounded?

    python benchmarks/load.py [--clients 50] [--seconds 60] [--model mini] [--replicas N] [--json FILE]

Starts `fyc serve` itself on loopback, with room for 16 waiting clips. Every client has a photo of its own colours, asks
for a clip of it, waits, fetches the frames, and compares all that must not move with its own photo, pixel by pixel; told
that the line is full (429, 503) it waits as long as Retry-After says. Bounded in time and number; ends with exit code 1
when a client saw another's photo, a refusal lacked Retry-After, anything failed otherwise, or the server's memory
in the last third of the time grew by more than a tenth over the third before.
"""

from __future__ import annotations

import argparse
import io
import json
import threading
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
from PIL import Image
from serving import served

WIDTH, HEIGHT = 480, 320  # px, of every photo
BOX = 180, 120, 300, 220  # px: what moves
MARGIN = 40  # px around it that may change
FRAMES = 4
MEMORY_EVERY = 0.5  # seconds
MAY_GROW = 1.1


@dataclass
class Seen:
    """What the clients met, counted."""

    counts: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def say(self, line: str) -> None:
        with self.lock:
            self.wrong.append(line)


def photo_of(client: int) -> npt.NDArray[np.uint8]:
    """Noise in colours that no other client has."""
    draw = np.random.default_rng(client)
    return draw.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)


def visit(client: int, address: str, until: float, seen: Seen) -> None:
    """One client: clip after clip of its own photo."""
    photo = photo_of(client)
    packed = io.BytesIO()
    Image.fromarray(photo).save(packed, "PNG", compress_level=1)
    x0, y0, x1, y1 = BOX
    outline = {"type": "polygon", "points": [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]}
    asked = {
        "regions": [{"areas": [outline], "prompt": "drift left", "strength": 1.0}],
        "settings": {"num_frames": FRAMES, "seed": client},
    }
    with httpx.Client(base_url=address, timeout=60) as http:
        while time.monotonic() < until:
            started = time.monotonic()
            try:
                answer = http.post(
                    "/clips",
                    files={"photo": packed.getvalue()},
                    data={"request": json.dumps(asked)},
                )
                seen.count(f"asked: {answer.status_code}")
                if answer.status_code in (429, 503):
                    if (
                        not answer.headers.get("Retry-After", "").isdigit()
                        or "error" not in answer.json()
                    ):
                        seen.say(f"client {client}: a refusal without Retry-After or a line")
                    time.sleep(min(float(answer.headers.get("Retry-After", 1)), 5.0))
                    continue
                if answer.status_code != 202:
                    seen.say(f"client {client}: {answer.status_code} {answer.text[:200]}")
                    return
                fetch(client, http, answer.json()["id"], photo, until, seen)
            except httpx.HTTPError as error:
                seen.say(f"client {client}: {type(error).__name__} {error}")
                return
            with seen.lock:
                seen.waits.append(time.monotonic() - started)


def fetch(
    client: int,
    http: httpx.Client,
    job: str,
    photo: npt.NDArray[np.uint8],
    until: float,
    seen: Seen,
) -> None:
    """Wait for a clip, look at all of its frames, forget it."""
    while (status := http.get(f"/clips/{job}").json())["state"] in ("queued", "running"):
        if time.monotonic() > until + 30:
            seen.say(f"client {client}: a clip that does not end")
            return
        time.sleep(0.2)
    if status["state"] != "done":
        seen.say(f"client {client}: {status['state']}: {status['error']}")
        return
    content = http.get(f"/clips/{job}/file", params={"format": "zip"}).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        frames = [np.asarray(Image.open(archive.open(name))) for name in archive.namelist()]
    outside = np.ones((HEIGHT, WIDTH), np.bool_)
    x0, y0, x1, y1 = BOX
    outside[y0 - MARGIN : y1 + MARGIN, x0 - MARGIN : x1 + MARGIN] = False
    if len(frames) != FRAMES or any((frame[outside] != photo[outside]).any() for frame in frames):
        seen.say(f"client {client}: frames that are not of its own photo")
    seen.count("clips of the client's own photo")
    http.delete(f"/clips/{job}")


def memory_of(pid: int) -> float:
    """Resident megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return float(line.split()[1]) / 1000
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--replicas", type=int, default=0, help="of a Ray cluster; 0: threads")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    seen, memory, asked = Seen(), [], time.monotonic()
    words = ["serve", "--model", arguments.model, "--segmenter", "grabcut", "--queue", "16"]
    # All clients have one address: its share of the line is the whole line here.
    words += ["--queue-per-owner", "16"]
    words += ["--replicas", str(arguments.replicas)] if arguments.replicas else []
    with served(*words) as (server, pid):
        address = f"{server}/v1"
        ready = time.monotonic() - asked
        until = time.monotonic() + arguments.seconds
        threads = [
            threading.Thread(target=visit, args=(client, address, until, seen), daemon=True)
            for client in range(arguments.clients)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            if time.monotonic() < until:
                memory.append(memory_of(pid))
            time.sleep(MEMORY_EVERY)
    third = max(1, len(memory) // 3)
    before, last = max(memory[third : 2 * third], default=0), max(memory[2 * third :], default=0)
    if last > MAY_GROW * before > 0:
        seen.say(f"memory grows: {before:.0f} MB, then {last:.0f} MB")
    waits = sorted(seen.waits) or [float("nan")]
    figures: dict[str, Any] = {
        "clients": arguments.clients,
        "seconds": arguments.seconds,
        "seconds until the server answers": round(ready, 1),
        **dict(sorted(seen.counts.items())),
        "wait for a clip, median (s)": round(waits[len(waits) // 2], 2),
        "wait for a clip, longest (s)": round(waits[-1], 2),
        "memory at the start (MB)": round(memory[0]) if memory else None,
        "memory, most in the second third (MB)": round(before),
        "memory, most in the last third (MB)": round(last),
        "wrong": len(seen.wrong),
    }
    for name, value in figures.items():
        print(f"{name:40} {value}")
    print("\n".join(seen.wrong[:10]))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))
    raise SystemExit(1 if seen.wrong else 0)


if __name__ == "__main__":
    main()
