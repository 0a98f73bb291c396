"""How far a clip is: from the stages of `Animator.animate` to one share of the whole, words and seconds left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: frozenset[JobState] = frozenset(("done", "failed", "cancelled"))

_WORDS = {
    "load": "Loading the model",
    "segment": "Finding the regions",
    "encode": "Reading the region",
    "denoise": "Making the motion",
    "decode": "Making the motion",
    "render": "Carrying it to the photo",
    "write": "Keeping the clip",
}
# Share of the whole that each stage of one window takes, roughly as measured with mini on two CPU cores.
_SEGMENT_SHARE = 0.1
_WRITE_SHARE = 0.1
_WINDOW_SHARES = {"encode": 0.03, "denoise": 0.4, "decode": 0.07, "render": 0.5}
_LEAST_SHARE = 0.05  # below it the time so far says nothing of the rest


class JobCancelled(Exception):
    """Somebody asked to stop; raised inside the work, wherever it is."""


@dataclass(frozen=True)
class Snapshot:
    """How a job stands.

    Args:
        version: grows with every change.
        state: "queued", "running", then "done", "failed" or "cancelled".
        position: jobs before this one in the line; 0 when it runs.
        stage: of the work, such as "denoise"; empty while it waits.
        words: the same for a person.
        share: of the whole that is done, 0 ... 1; never goes back.
        seconds_left: an estimate, None where there is nothing to go by.
        preview: a small animated WebP of the motion so far, or None.
        error: one line, of a job that failed.
        warnings: one line each.
        clip: the finished clip's key in the store.
    """

    version: int = 0
    state: JobState = "queued"
    position: int = 0
    stage: str = ""
    words: str = ""
    share: float = 0.0
    seconds_left: float | None = None
    preview: bytes | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()
    clip: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing changes any more."""
        return self.state in ENDED


class Overall:
    """Turns the stages of `Animator.animate` into one share of the whole.

    Args:
        num_windows: how often encode, denoise, decode and render are gone through; the number of regions is the most.
    """

    def __init__(self, num_windows: int) -> None:
        self._num_windows = num_windows
        self._window = -1
        self._share_so_far = 0.0

    def __call__(self, stage: str, done: int, total: int) -> tuple[float, str]:
        """Share of the whole, 0 ... 1, and words, at `done` of `total` steps of a stage."""
        if stage == "encode" and done == 0:
            self._window = min(self._window + 1, self._num_windows - 1)
        words = _WORDS.get(stage, stage)
        if stage == "denoise":
            words = f"{words}, step {min(done + 1, total)} of {total}"
        if self._window > 0:
            words = f"{words} (window {self._window + 1})"
        # Never back, not even by a rounding error.
        self._share_so_far = max(self._share_so_far, self._share(stage, done / max(total, 1)))
        return self._share_so_far, words

    def _share(self, stage: str, within: float) -> float:
        if stage == "load":
            return 0.0
        if stage == "segment":
            return _SEGMENT_SHARE * within
        if stage not in _WINDOW_SHARES:
            return 1 - _WRITE_SHARE * (1 - within)
        names = list(_WINDOW_SHARES)
        before = sum(_WINDOW_SHARES[name] for name in names[: names.index(stage)])
        part = max(self._window, 0) + before + _WINDOW_SHARES[stage] * within
        return _SEGMENT_SHARE + (1 - _SEGMENT_SHARE - _WRITE_SHARE) * part / self._num_windows


def seconds_left(share: float, seconds: float) -> float | None:
    """How long the rest takes if it goes on at the pace so far; None at the very beginning."""
    if share < _LEAST_SHARE:
        return None
    return seconds * (1 - share) / share
