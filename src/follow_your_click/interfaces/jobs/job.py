"""One clip in the making, as it is seen from any thread."""

from __future__ import annotations

import io
import secrets
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from follow_your_click.interfaces.jobs.progress import (
    JobCancelled,
    Overall,
    Snapshot,
    seconds_left,
)
from follow_your_click.interfaces.jobs.request import ClipRequest

PREVIEW_SIDE = 160  # pixels, long side
_PREVIEW_MILLISECONDS = 160  # per frame
_PREVIEW_QUALITY = 60


class Job:
    """A clip that somebody asked for, from the asking to its end.

    Args:
        request: what it is made from; let go of when the job ends.
        owner: who asked; nobody else's concern.
    """

    def __init__(self, request: ClipRequest, *, owner: str) -> None:
        self.id = secrets.token_urlsafe(16)
        self.owner = owner
        self.request: ClipRequest | None = request
        self.asked_at = self.ended_at = time.monotonic()
        self._stop = threading.Event()
        self._snapshot = Snapshot()
        self._changed = threading.Condition()

    def snapshot(self) -> Snapshot:
        """How it stands."""
        with self._changed:
            return self._snapshot

    def wait(self, after: int, timeout: float) -> Snapshot:
        """The first snapshot whose version is above `after`, or the present one after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._snapshot.version > after, timeout)
            return self._snapshot

    def finished(self) -> Snapshot:
        """Waits for its end."""
        snapshot = self.snapshot()
        while not snapshot.ended:
            snapshot = self.wait(snapshot.version, timeout=60)
        return snapshot

    def cancel(self) -> None:
        """Stop the work within a moment, from any thread; a job that waits ends at once."""
        self._stop.set()
        with self._changed:
            if self._snapshot.state == "queued":
                self._end(state="cancelled")

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stop.is_set()

    def update(self, **changes: Any) -> None:
        """Change the snapshot; what has ended stays as it is."""
        with self._changed:
            if self._snapshot.ended:
                return
            if all(getattr(self._snapshot, name) == value for name, value in changes.items()):
                return
            self._snapshot = replace(self._snapshot, version=self._snapshot.version + 1, **changes)
            if self._snapshot.ended:
                self.ended_at = time.monotonic()
                self.request = None
            self._changed.notify_all()

    def start(self) -> ClipRequest | None:
        """From now on it runs; None if it was cancelled while it waited."""
        with self._changed:
            self.update(state="running", position=0, seconds_left=None)
            return None if self._snapshot.ended else self.request

    def _end(self, **changes: Any) -> None:
        self.update(position=0, seconds_left=None, preview=None, **changes)


class Listener:
    """What a worker tells of its job; every call raises JobCancelled once somebody asked to stop.

    Args:
        job: the one that runs.
    """

    def __init__(self, job: Job) -> None:
        assert job.request is not None
        self._job = job
        self._overall = Overall(len(job.request.regions))
        self._started = time.monotonic()

    def check(self) -> None:
        """Raises JobCancelled if somebody asked to stop."""
        if self._job.cancelled:
            raise JobCancelled

    def progress(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` steps of a stage of `Animator.animate`, of "load" or of "write"."""
        self.check()
        share, words = self._overall(stage, done, total)
        left = seconds_left(share, time.monotonic() - self._started)
        self._job.update(stage=stage, words=words, share=round(share, 4), seconds_left=left)

    def preview(self, frames: npt.NDArray[np.uint8]) -> None:
        """A few frames of the motion so far, uint8 (k, h, w, 3)."""
        self.check()
        self._job.update(preview=_as_webp(frames))

    def warn(self, line: str) -> None:
        """Something that whoever asked should know."""
        if line not in self._job.snapshot().warnings:
            self._job.update(warnings=(*self._job.snapshot().warnings, line))


def _as_webp(frames: npt.NDArray[np.uint8]) -> bytes:
    pictures = [Image.fromarray(frame) for frame in frames]
    for picture in pictures:
        picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    packed = io.BytesIO()
    pictures[0].save(
        packed,
        "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=_PREVIEW_MILLISECONDS,
        loop=0,
        quality=_PREVIEW_QUALITY,
        method=0,
    )
    return packed.getvalue()
