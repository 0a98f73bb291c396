"""The line: order, limits, stopping, failing, forgetting."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from follow_your_click.errors import BusyError, RegionError, SettingsError
from follow_your_click.interfaces.jobs import ClipStore, Job, JobQueue, Listener

from .conftest import FRAMES, PATIENCE, GatedWorker, request_of


def _running(job: Job) -> Job:
    """Waits until it has left the line."""
    deadline = time.monotonic() + PATIENCE
    while job.snapshot().state == "queued":
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return job


def test_first_come_first_served(queue: JobQueue, worker: GatedWorker) -> None:
    first = _running(queue.submit(request_of(1), owner="a"))
    second = queue.submit(request_of(2), owner="b")
    third = queue.submit(request_of(3), owner="a")
    assert [job.snapshot().position for job in (first, second, third)] == [0, 1, 2]
    assert queue.num_waiting == 2
    worker.gate.set()
    assert [job.finished().state for job in (first, second, third)] == ["done"] * 3
    assert worker.made == [1, 2, 3]


def test_a_finished_job_has_its_clip_and_lets_go_of_its_photo(
    queue: JobQueue, worker: GatedWorker, store: ClipStore
) -> None:
    worker.gate.set()
    job = queue.submit(request_of(7), owner="a")
    done = job.finished()
    assert (done.share, done.seconds_left, done.error) == (1.0, 0.0, None)
    assert job.request is None
    assert done.clip is not None
    clip = store.clip(done.clip)
    assert clip.num_frames == FRAMES and (clip.background == 7).all()
    assert queue.get(job.id) is job
    assert queue.get("another") is None


def test_a_full_line_says_when_to_come_back(queue: JobQueue) -> None:
    _running(queue.submit(request_of(), owner="a"))
    for owner in ("a", "b", "c"):
        queue.submit(request_of(), owner=owner)
    with pytest.raises(BusyError, match="3 clips are waiting") as full:
        queue.submit(request_of(), owner="d")
    assert full.value.retry_after >= 1 and not full.value.owner


def test_one_owner_has_a_share_of_the_line(queue: JobQueue) -> None:
    _running(queue.submit(request_of(), owner="a"))
    for _ in range(2):
        queue.submit(request_of(), owner="a")
    with pytest.raises(BusyError, match="2 of your clips") as full:
        queue.submit(request_of(), owner="a")
    assert full.value.owner
    queue.submit(request_of(), owner="b")


def test_a_job_that_waits_leaves_the_line_at_once(queue: JobQueue, worker: GatedWorker) -> None:
    _running(queue.submit(request_of(1), owner="a"))
    waiting = queue.submit(request_of(2), owner="b")
    last = queue.submit(request_of(3), owner="c")
    queue.cancel(waiting)
    assert waiting.snapshot().state == "cancelled"
    assert last.snapshot().position == 1
    worker.gate.set()
    last.finished()
    assert worker.made == [1, 3]


def test_a_job_that_runs_stops_within_a_moment(queue: JobQueue, worker: GatedWorker) -> None:
    job = _running(queue.submit(request_of(1), owner="a"))
    queue.cancel(job)
    assert job.finished().state == "cancelled"
    after = queue.submit(request_of(2), owner="a")
    worker.gate.set()
    assert after.finished().state == "done"
    assert worker.made == [2]


def test_only_the_owner_is_stopped(queue: JobQueue, worker: GatedWorker) -> None:
    mine = _running(queue.submit(request_of(1), owner="a"))
    waiting = queue.submit(request_of(2), owner="a")
    theirs = queue.submit(request_of(3), owner="b")
    queue.cancel_all(owner="a")
    assert mine.finished().state == waiting.finished().state == "cancelled"
    worker.gate.set()
    assert theirs.finished().state == "done"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RegionError("region 1 lies outside"), "region 1 lies outside"),
        (RuntimeError("secret path /srv/x"), "something went wrong; the server's log says what"),
    ],
)
def test_a_clip_that_fails_does_not_end_the_line(
    queue: JobQueue, worker: GatedWorker, error: Exception, said: str
) -> None:
    def fail(listener: Listener) -> None:
        raise error

    worker.during = fail
    worker.gate.set()
    failed = queue.submit(request_of(1), owner="a").finished()
    assert (failed.state, failed.error, failed.clip) == ("failed", said, None)
    worker.during = lambda listener: None
    assert queue.submit(request_of(2), owner="a").finished().state == "done"


def test_versions_grow_and_the_share_never_goes_back(queue: JobQueue, worker: GatedWorker) -> None:
    job = queue.submit(request_of(), owner="a")
    worker.gate.set()
    seen = [job.snapshot()]
    while not seen[-1].ended:
        seen.append(job.wait(seen[-1].version, PATIENCE))
    assert [each.version for each in seen] == sorted({each.version for each in seen})
    assert [each.share for each in seen] == sorted(each.share for each in seen)
    assert seen[-1].words == "Done"


def test_previews_and_warnings_reach_whoever_looks(queue: JobQueue, worker: GatedWorker) -> None:
    shown = threading.Event()

    def tell(listener: Listener) -> None:
        listener.warn("too strong")
        listener.warn("too strong")
        listener.preview(np.zeros((3, 32, 32, 3), np.uint8))
        shown.set()
        worker.gate.clear()
        while not worker.gate.wait(0.01):
            listener.check()

    worker.during = tell
    worker.gate.set()
    job = queue.submit(request_of(), owner="a")
    assert shown.wait(PATIENCE)
    snapshot = job.snapshot()
    assert snapshot.warnings == ("too strong",)
    assert snapshot.preview is not None and snapshot.preview[8:12] == b"WEBP"
    worker.gate.set()
    assert job.finished().warnings == ("too strong",)


def test_ended_jobs_are_forgotten_with_their_clips(worker: GatedWorker, tmp_path: Path) -> None:
    store = ClipStore(tmp_path / "clips")
    queue = JobQueue([worker], store=store, max_ended=1)
    worker.gate.set()
    first = queue.submit(request_of(1), owner="a")
    first.finished()
    second = queue.submit(request_of(2), owner="a")
    second.finished()
    assert queue.get(first.id) is None and queue.get(second.id) is second
    key = second.snapshot().clip
    assert [folder.name for folder in store.folder.iterdir()] == [key]
    queue.forget(second)
    assert not list(store.folder.iterdir())
    queue.close()


def test_a_closed_queue_takes_nothing(queue: JobQueue, worker: GatedWorker) -> None:
    waiting = [queue.submit(request_of(), owner="a") for _ in range(2)]
    queue.close()
    assert [job.snapshot().state for job in waiting] == ["cancelled"] * 2
    with pytest.raises(BusyError, match="stopping"):
        queue.submit(request_of(), owner="a")


def test_several_workers_work_at_once(tmp_path: Path) -> None:
    workers = [GatedWorker(), GatedWorker()]
    queue = JobQueue(workers, store=ClipStore(tmp_path / "clips"))
    jobs = [_running(queue.submit(request_of(level), owner="a")) for level in (1, 2)]
    assert [job.snapshot().state for job in jobs] == ["running"] * 2
    for worker in workers:
        worker.gate.set()
    assert [job.finished().state for job in jobs] == ["done"] * 2
    assert sorted(workers[0].made + workers[1].made) == [1, 2]
    queue.close()


def test_a_queue_needs_a_worker(store: ClipStore) -> None:
    with pytest.raises(SettingsError, match="needs a worker"):
        JobQueue([], store=store)
