"""The line in which clips wait, and the threads that make them: one per device, first come first served."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from follow_your_click.clip import Clip
from follow_your_click.errors import BusyError, FollowYourClickError, SettingsError
from follow_your_click.interfaces.jobs.job import Job, Listener
from follow_your_click.interfaces.jobs.progress import JobCancelled
from follow_your_click.interfaces.jobs.request import ClipRequest
from follow_your_click.interfaces.jobs.store import ClipStore

_logger = logging.getLogger(__name__)
_FIRST_GUESS = 5.0  # seconds that a clip takes, before one was made
_PACE_MEMORY = 0.7  # share of the pace so far that the newest clip does not change


class Worker(Protocol):
    """What makes a clip; runs in a thread of the queue, one clip at a time."""

    def run(self, request: ClipRequest, listener: Listener) -> Clip:
        """The clip; tells `listener` how far it is, and lets its JobCancelled through."""
        ...


class JobQueue:
    """Takes requests and has them made; `close` ends it.

    Args:
        workers: one per device; a clip is made by the first that is free.
        store: where finished clips go.
        max_waiting: jobs that may wait; one more is refused.
        max_waiting_per_owner: of these, what one owner may have.
        max_ended: ended jobs that are remembered, the newest; the clips of others go.
        keep_seconds: how long an ended job is remembered at most.

    Raises:
        SettingsError: no worker, or a limit below 1.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        *,
        store: ClipStore,
        max_waiting: int = 16,
        max_waiting_per_owner: int = 4,
        max_ended: int = 256,
        keep_seconds: float = 24 * 3600,
    ) -> None:
        if not workers or min(max_waiting, max_waiting_per_owner, max_ended) < 1:
            raise SettingsError("a queue needs a worker, and room for at least one job")
        self.store = store
        self.num_workers = len(workers)
        self.max_waiting = max_waiting
        self.max_waiting_per_owner = max_waiting_per_owner
        self.max_ended = max_ended
        self.keep_seconds = keep_seconds
        self._waiting: deque[Job] = deque()
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Condition()
        self._closed = False
        self._pace = _FIRST_GUESS
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name=f"clips-{number}", daemon=True)
            for number, worker in enumerate(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def num_waiting(self) -> int:
        """Jobs in the line."""
        with self._lock:
            return len(self._waiting)

    def submit(self, request: ClipRequest, *, owner: str) -> Job:
        """Put a request into the line.

        Args:
            owner: who asks; one owner has a share of the line and no more.

        Raises:
            BusyError: the line, or the owner's share of it, is full; says when to come back.
        """
        with self._lock:
            if self._closed:
                raise BusyError("the server is stopping; ask again later", retry_after=30)
            self._forget_old()
            self._drop_cancelled()
            own = sum(job.owner == owner for job in self._waiting)
            if own >= self.max_waiting_per_owner:
                raise BusyError(
                    f"{own} of your clips are waiting already, which is the most; wait for one of them",
                    retry_after=self._seconds_until_free(),
                    owner=True,
                )
            if len(self._waiting) >= self.max_waiting:
                raise BusyError(
                    f"{len(self._waiting)} clips are waiting, which is the most; ask again later",
                    retry_after=self._seconds_until_free(),
                )
            job = Job(request, owner=owner)
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._tell_positions()
            self._lock.notify_all()
        return job

    def get(self, job_id: str) -> Job | None:
        """The job of an id, None if there is none (any more)."""
        with self._lock:
            self._forget_old()
            return self._jobs.get(job_id)

    def cancel(self, job: Job) -> None:
        """Stop a job, or take it out of the line."""
        job.cancel()
        with self._lock:
            self._drop_cancelled()
            self._tell_positions()

    def cancel_all(self, *, owner: str) -> None:
        """Stop whatever of an owner waits or runs."""
        with self._lock:
            jobs = [job for job in self._jobs.values() if job.owner == owner]
        for job in jobs:
            if not job.snapshot().ended:
                self.cancel(job)

    def forget(self, job: Job) -> None:
        """Stop a job and remove its clip."""
        self.cancel(job)
        with self._lock:
            self._jobs.pop(job.id, None)
        self._remove_clip(job)

    def close(self) -> None:
        """Stop everything; returns when no worker runs any more."""
        with self._lock:
            self._closed = True
            jobs = list(self._jobs.values())
            self._lock.notify_all()
        for job in jobs:
            job.cancel()
        for thread in self._threads:
            thread.join()

    def _work(self, worker: Worker) -> None:
        while (job := self._next()) is not None:
            request = job.start()
            if request is not None:
                started = time.monotonic()
                self._run(worker, job, request)
                if job.snapshot().state == "done":
                    seconds = time.monotonic() - started
                    self._pace = _PACE_MEMORY * self._pace + (1 - _PACE_MEMORY) * seconds

    def _next(self) -> Job | None:
        """The next job, None once the queue is closed; waits for one."""
        with self._lock:
            while not self._waiting and not self._closed:
                self._lock.wait()
            if self._closed:
                return None
            job = self._waiting.popleft()
            self._tell_positions()
            return job

    def _run(self, worker: Worker, job: Job, request: ClipRequest) -> None:
        try:
            listener = Listener(job)
            clip = worker.run(request, listener)
            key = self.store.add(clip, on_frame=lambda i, n: listener.progress("write", i, n))
        except JobCancelled:
            job.update(state="cancelled", seconds_left=None)
        except FollowYourClickError as error:
            job.update(state="failed", error=str(error), seconds_left=None)
        except Exception:
            _logger.exception("a clip failed")
            job.update(
                state="failed",
                error="something went wrong; the server's log says what",
                seconds_left=None,
            )
        else:
            job.update(state="done", clip=key, share=1.0, words="Done", seconds_left=0.0)
            if job.snapshot().clip != key:  # cancelled at the very end
                self.store.delete(key)

    # With the lock held:

    def _tell_positions(self) -> None:
        for position, job in enumerate(self._waiting):
            left = self._pace * (position + 1) / self.num_workers
            job.update(position=position + 1, seconds_left=left + self._pace)

    def _drop_cancelled(self) -> None:
        self._waiting = deque(job for job in self._waiting if not job.cancelled)

    def _seconds_until_free(self) -> int:
        return max(1, round(self._pace / self.num_workers))

    def _forget_old(self) -> None:
        ended = [job for job in self._jobs.values() if job.snapshot().ended]
        ended.sort(key=lambda job: job.ended_at)
        oldest = time.monotonic() - self.keep_seconds
        for number, job in enumerate(ended):
            if number < len(ended) - self.max_ended or job.ended_at < oldest:
                del self._jobs[job.id]
                self._remove_clip(job)

    def _remove_clip(self, job: Job) -> None:
        key = job.snapshot().clip
        if key is not None:
            self.store.delete(key)
