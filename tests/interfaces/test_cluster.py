"""Clips made by replicas: the way of the messages without Ray, and with Ray where it is installed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from follow_your_click.clip import Clip
from follow_your_click.errors import RegionError, SettingsError
from follow_your_click.interfaces.api.service import ServiceSettings
from follow_your_click.interfaces.cli import main
from follow_your_click.interfaces.cluster import ClipMaker, Message, RayWorker, replicas
from follow_your_click.interfaces.jobs import (
    AnimatorWorker,
    ClipRequest,
    ClipStore,
    JobQueue,
    ModelShelf,
)
from follow_your_click.project import ProjectSettings
from follow_your_click.region import Polygon, Region

SQUARE = Polygon(((20, 20), (60, 20), (60, 60), (20, 60)))


def _request(model: Path, **settings: Any) -> ClipRequest:
    photo = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    known = {"model": str(model), "segmenter": "grabcut", "num_frames": 4, **settings}
    region = Region(SQUARE, prompt="drift left", strength=3.0)
    return ClipRequest(photo=photo, regions=(region,), settings=ProjectSettings(**known))


class Call:
    """Messages of a call that can be cancelled, as Ray Serve's are."""

    def __init__(self, messages: Iterator[Message]) -> None:
        self.messages = messages
        self.cancelled = False

    def __iter__(self) -> Iterator[Message]:
        return self.messages

    def cancel(self) -> None:
        self.cancelled = True


class Gone(Exception):
    """A replica that died."""


def _queue(tmp_path: Path, call: Callable[[ClipRequest], Any]) -> JobQueue:
    return JobQueue([RayWorker(call, died=(Gone,))], store=ClipStore(tmp_path / "clips"))


def test_what_a_replica_tells_reaches_the_job(tmp_path: Path, tiny_model: Path) -> None:
    clip = Clip.from_frames(np.zeros((3, 8, 8, 3), np.uint8))

    def told(request: ClipRequest) -> Call:
        frames = np.zeros((2, 8, 8, 3), np.uint8)
        return Call(
            iter(
                [
                    Message("tick"),
                    Message("progress", ("denoise", 1, 2)),
                    Message("warning", "too strong"),
                    Message("preview", frames),
                    Message("clip", clip),
                ]
            )
        )

    queue = _queue(tmp_path, told)
    done = queue.submit(_request(tiny_model), owner="a").finished()
    assert done.state == "done" and done.warnings == ("too strong",) and done.preview is not None
    queue.close()


def test_a_refusal_keeps_its_line_and_a_silent_end_is_a_failure(
    tmp_path: Path, tiny_model: Path
) -> None:
    answers = [[Message("refused", RegionError("the region is empty"))], []]
    queue = _queue(tmp_path, lambda request: Call(iter(answers.pop(0))))
    assert queue.submit(_request(tiny_model), owner="a").finished().error == "the region is empty"
    failed = queue.submit(_request(tiny_model), owner="a").finished()
    assert failed.state == "failed" and "server's log" in str(failed.error)
    queue.close()


def test_a_replica_that_died_is_replaced_once(tmp_path: Path, tiny_model: Path) -> None:
    clip = Clip.from_frames(np.zeros((3, 8, 8, 3), np.uint8))
    calls: list[int] = []

    def dies(times: int) -> Callable[[ClipRequest], Call]:
        def call(request: ClipRequest) -> Call:
            calls.append(1)
            if len(calls) <= times:
                raise Gone
            return Call(iter([Message("clip", clip)]))

        return call

    queue = _queue(tmp_path / "once", dies(1))
    assert queue.submit(_request(tiny_model), owner="a").finished().state == "done"
    queue.close()
    calls.clear()
    queue = _queue(tmp_path / "twice", dies(2))
    assert queue.submit(_request(tiny_model), owner="a").finished().state == "failed"
    assert len(calls) == 2
    queue.close()


def test_cancelling_stops_the_call(tmp_path: Path, tiny_model: Path) -> None:
    calls: list[Call] = []

    def ticks() -> Iterator[Message]:
        while True:
            time.sleep(0.02)
            yield Message("tick")

    def call(request: ClipRequest) -> Call:
        calls.append(Call(ticks()))
        return calls[-1]

    queue = _queue(tmp_path, call)
    job = queue.submit(_request(tiny_model), owner="a")
    while not calls:
        time.sleep(0.01)
    queue.cancel(job)
    assert job.finished().state == "cancelled" and calls[0].cancelled
    queue.close()


def test_a_maker_tells_and_stops_when_nobody_listens(tiny_model: Path) -> None:
    maker = ClipMaker((str(tiny_model),), ("grabcut",), "cpu")
    maker.check_health()

    async def listen(request: ClipRequest, enough: Callable[[Message], bool]) -> list[Message]:
        heard = []
        messages = maker.make(request)
        async for message in messages:
            heard.append(message)
            if enough(message):
                break
        await messages.aclose()  # type: ignore[attr-defined]
        return heard

    heard = asyncio.run(listen(_request(tiny_model), lambda message: message.kind == "clip"))
    kinds = {message.kind for message in heard}
    assert {"progress", "preview", "clip"} <= kinds
    started = time.monotonic()
    slow = _request(tiny_model, num_inference_steps=1000)
    asyncio.run(listen(slow, lambda message: message.kind == "preview"))
    assert time.monotonic() - started < 10, "a thousand steps take far longer"
    refused = asyncio.run(listen(_request(tiny_model, num_frames=65), lambda message: False))
    assert refused[-1].kind == "refused" and isinstance(refused[-1].value, SettingsError)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--replicas", "0"], "got 0 replicas"),
        (["--replicas", "2", "--min-replicas", "3"], "1 <= --min-replicas <= --replicas"),
        (["--min-replicas", "1"], "without --replicas"),
    ],
)
def test_options_that_are_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--port", "7998", *words]) == 2
    assert said in capsys.readouterr().err


def test_the_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    assert main(["serve", "--port", "7998", "--replicas", "1"]) == 2
    assert 'pip install "follow-your-click[ray]"' in capsys.readouterr().err


@pytest.fixture(scope="module")
def cluster(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], JobQueue]]:
    """A queue in front of two replicas of the tiny model."""
    pytest.importorskip("ray.serve", reason='needs the extra: pip install "follow-your-click[ray]"')
    settings = ServiceSettings(models=(str(tiny_model),), segmenters=("grabcut",), devices=("cpu",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))
        with replicas(settings, count=2) as workers:
            shelf = ModelShelf(settings.models, settings.segmenters)
            store = ClipStore(tmp_path_factory.mktemp("cluster"))
            queue = JobQueue(workers(shelf), store=store)
            yield lambda: queue
            queue.close()


def test_replicas_make_the_same_clips(
    cluster: Callable[[], JobQueue], tiny_model: Path, tmp_path: Path
) -> None:
    queue = cluster()
    own = JobQueue(
        [AnimatorWorker(ModelShelf((str(tiny_model),), ("grabcut",), device="cpu"))],
        store=ClipStore(tmp_path),
    )
    for seed in range(4):
        jobs = [each.submit(_request(tiny_model, seed=seed), owner="a") for each in (queue, own)]
        ends = [job.finished() for job in jobs]
        assert [end.state for end in ends] == ["done"] * 2, ends
        clips = [
            each.store.clip(str(end.clip)).frames
            for each, end in zip((queue, own), ends, strict=True)
        ]
        np.testing.assert_array_equal(*clips)
    own.close()


def test_a_replica_is_stopped_and_goes_on(
    cluster: Callable[[], JobQueue], tiny_model: Path
) -> None:
    queue = cluster()
    slow = [
        queue.submit(_request(tiny_model, num_inference_steps=1000), owner="a") for _ in range(2)
    ]
    for job in slow:
        while job.snapshot().preview is None:
            assert not job.snapshot().ended, job.snapshot()
            time.sleep(0.05)
    started = time.monotonic()
    for job in slow:
        queue.cancel(job)
    assert [job.finished().state for job in slow] == ["cancelled"] * 2
    assert time.monotonic() - started < 2
    assert queue.submit(_request(tiny_model), owner="a").finished().state == "done"


def test_a_killed_replica_is_replaced(cluster: Callable[[], JobQueue], tiny_model: Path) -> None:
    import psutil

    queue = cluster()
    job = queue.submit(_request(tiny_model, num_inference_steps=200), owner="a")
    while job.snapshot().preview is None:
        assert not job.snapshot().ended, job.snapshot()
        time.sleep(0.02)
    for process in psutil.process_iter(["cmdline"]):
        if "ServeReplica" in " ".join(process.info["cmdline"] or ()):
            os.kill(process.pid, signal.SIGKILL)
    assert job.finished().state == "done", job.snapshot()
