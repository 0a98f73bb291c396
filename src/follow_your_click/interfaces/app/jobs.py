"""Running jobs: who may stop them, how far they are, and what they warned of."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

Report = Callable[[float, str], None]
"""Called as report(share of the whole that is done, 0 ... 1, what is being done)."""

_WORDS = {
    "segment": "Finding the regions",
    "encode": "Reading the region",
    "denoise": "Making the motion",
    "decode": "Making the motion",
    "render": "Carrying it to the photo",
    "write": "Writing the video",
}
# Share of the whole that each stage of one region takes, roughly as measured with mini on two CPU cores.
_SEGMENT_SHARE = 0.15
_WRITE_SHARE = 0.1
_REGION_SHARES = {"encode": 0.03, "denoise": 0.4, "decode": 0.07, "render": 0.5}


class JobCancelled(Exception):
    """The visitor asked to stop; raised inside the work, wherever it is."""


@dataclass
class Job:
    """One visitor's clip in the making, from the press of the button to its end."""

    _stop: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Stop at the next report of progress, from any thread; also a job that has not begun."""
        self._stop.set()

    def check(self) -> None:
        """Raises JobCancelled once `cancel` was called."""
        if self._stop.is_set():
            raise JobCancelled


class Jobs:
    """The job of each session: the newest one that was asked for, at most."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def begin(self, session: str) -> None:
        """A job was asked for: from now on it can be cancelled, even while it waits in the queue."""
        with self._lock:
            self._jobs[session] = Job()

    def current(self, session: str) -> Job:
        """The session's job; one that nobody announced starts here."""
        with self._lock:
            return self._jobs.setdefault(session, Job())

    def cancel(self, session: str) -> None:
        """Stop the session's job, if it has one."""
        with self._lock:
            job = self._jobs.get(session)
        if job is not None:
            job.cancel()

    def end(self, session: str) -> None:
        with self._lock:
            self._jobs.pop(session, None)


class Overall:
    """Turns the stages of `Animator.animate` into one share of the whole.

    Args:
        num_regions: regions of the clip; each goes through encode, denoise, decode and render.
        report: who is told.
        check: called before each report; what it raises ends the work.
    """

    def __init__(self, num_regions: int, report: Report, check: Callable[[], None]) -> None:
        self._num_regions = num_regions
        self._report = report
        self._check = check
        self._region = -1
        self._share_so_far = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._check()
        if stage == "encode" and done == 0:
            self._region += 1
        words = _WORDS.get(stage, stage)
        if stage == "denoise":
            words = f"{words}, step {min(done + 1, total)} of {total}"
        if self._region >= 0 and self._num_regions > 1 and stage in _REGION_SHARES:
            words = f"{words} (region {self._region + 1} of {self._num_regions})"
        # Never back, not even by a rounding error.
        self._share_so_far = max(self._share_so_far, self._share(stage, done / max(total, 1)))
        self._report(self._share_so_far, words)

    def _share(self, stage: str, within: float) -> float:
        if stage == "segment":
            return _SEGMENT_SHARE * within
        if stage not in _REGION_SHARES:
            return 1 - _WRITE_SHARE * (1 - within)
        names = list(_REGION_SHARES)
        before = sum(_REGION_SHARES[name] for name in names[: names.index(stage)])
        of_regions = (self._region + before + _REGION_SHARES[stage] * within) / self._num_regions
        return _SEGMENT_SHARE + (1 - _SEGMENT_SHARE - _WRITE_SHARE) * of_regions


_heard = threading.local()


@contextmanager
def warnings_heard() -> Iterator[list[str]]:
    """What this thread's work warns of, collected. `warnings.catch_warnings` would mix the threads up."""
    lines: list[str] = []
    _heard.lines = lines
    try:
        yield lines
    finally:
        _heard.lines = None


def listen_to_warnings() -> None:
    """Let `warnings_heard` hear; call once, before the first visitor."""
    shown = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        lines = getattr(_heard, "lines", None)
        if lines is not None and issubclass(category, UserWarning):
            lines.append(str(message))
        else:
            shown(message, category, filename, lineno, file, line)

    # Python shows a warning of one place only once; each clip has its own.
    warnings.filterwarnings("always", category=UserWarning, module=r"follow_your_click\.")
    warnings.showwarning = show
