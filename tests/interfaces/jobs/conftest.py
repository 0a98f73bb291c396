"""Workers that make no clips of their own, and what they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from follow_your_click.clip import Clip, Patch
from follow_your_click.interfaces.jobs import ClipRequest, ClipStore, JobQueue, Listener
from follow_your_click.region import Click, Region

HEIGHT, WIDTH, FRAMES = 64, 96, 4
PATIENCE = 10.0  # seconds; a busy machine is slow, not wrong


def photo_of(level: int) -> npt.NDArray[np.uint8]:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def request_of(level: int = 100) -> ClipRequest:
    region = Region(Click(40, 30), prompt="drift left")
    return ClipRequest(photo=photo_of(level), regions=(region,))


def clip_of(request: ClipRequest) -> Clip:
    patch = np.zeros((FRAMES, 8, 10, 3), np.uint8)
    patch[:] = np.arange(FRAMES, dtype=np.uint8)[:, None, None, None] * 20
    alpha = np.full((FRAMES, 8, 10), 255, np.uint8)
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[20:30, 20:40] = True
    return Clip(
        np.asarray(request.photo),
        (Patch(24, 16, patch, alpha),),
        FRAMES,
        settings={"seed": request.settings.seed},
        region_mask=mask,
        seconds={"denoise": 0.5},
    )


class GatedWorker:
    """Works only while its gate is open, and remembers what it made."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.made: list[int] = []
        self.during: Callable[[Listener], None] = lambda listener: None

    def run(self, request: ClipRequest, listener: Listener) -> Clip:
        listener.progress("segment", 0, 1)
        while not self.gate.wait(0.01):
            listener.check()
        self.during(listener)
        for stage in ("segment", "encode", "denoise", "decode", "render"):
            listener.progress(stage, 0, 2)
            listener.progress(stage, 1, 2)
            listener.progress(stage, 2, 2)
        self.made.append(int(request.photo[0, 0, 0]))
        return clip_of(request)


@pytest.fixture
def worker() -> GatedWorker:
    return GatedWorker()


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return ClipStore(tmp_path / "clips")


@pytest.fixture
def queue(worker: GatedWorker, store: ClipStore) -> Iterator[JobQueue]:
    queue = JobQueue([worker], store=store, max_waiting=3, max_waiting_per_owner=2)
    yield queue
    worker.gate.set()
    queue.close()
