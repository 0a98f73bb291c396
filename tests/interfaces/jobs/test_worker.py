"""The worker with a real, tiny model: the clip is the animator's own, and it stops inside the network."""

from __future__ import annotations

import json
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from follow_your_click.animator import Animator
from follow_your_click.errors import SettingsError
from follow_your_click.interfaces.jobs import (
    AnimatorWorker,
    ClipRequest,
    ClipStore,
    JobCancelled,
    JobQueue,
    ModelShelf,
)
from follow_your_click.interfaces.jobs.shelf import PhotoMemory
from follow_your_click.interfaces.jobs.worker import interruptible, warnings_heard
from follow_your_click.project import ProjectSettings
from follow_your_click.region import Click, HoldStill, Polygon, Region
from follow_your_click.segmentation import GrabCutSegmenter, Segmentation

AREA = Polygon(((20, 20), (60, 20), (60, 60), (20, 60)))


@pytest.fixture
def model(tiny_model: Path) -> str:
    return str(tiny_model)


@pytest.fixture
def shelf(model: str) -> ModelShelf:
    return ModelShelf((model,), ("grabcut",), device="cpu")


def _photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)


def _request(model: str, **settings: int) -> ClipRequest:
    return ClipRequest(
        photo=_photo(),
        regions=(Region(AREA, prompt="drift left", strength=3.0),),
        hold_still=(HoldStill(Polygon(((50, 50), (90, 50), (90, 90)))),),
        settings=ProjectSettings(model=model, segmenter="grabcut", num_frames=4, **settings),
    )


def test_the_clip_is_the_animators(shelf: ModelShelf, model: str, tmp_path: Path) -> None:
    queue = JobQueue([AnimatorWorker(shelf)], store=ClipStore(tmp_path))
    request = _request(model, seed=3)
    job = queue.submit(request, owner="a")
    previews = []
    snapshot = job.snapshot()
    while not snapshot.ended:
        snapshot = job.wait(snapshot.version, 60)
        if snapshot.preview is not None:
            previews.append(snapshot.preview)
    assert snapshot.error is None and snapshot.clip is not None
    clip = queue.store.clip(snapshot.clip)
    own = Animator.from_pretrained(model, device="cpu").animate(
        _photo(), request.regions, hold_still=request.hold_still, num_frames=4, seed=3
    )
    np.testing.assert_array_equal(clip.frames, own.frames)
    assert previews
    queue.close()


def test_what_is_not_offered_is_refused(shelf: ModelShelf, model: str) -> None:
    with pytest.raises(SettingsError, match="model 'mini' is not offered here"):
        shelf.animator("mini")
    with pytest.raises(SettingsError, match="segmenter '/etc' is not offered here"):
        shelf.masks(_photo(), [Region(Click(3, 3), prompt="sway")], segmenter="/etc")
    shelf.check(ProjectSettings(model=model, segmenter="grabcut"))
    with pytest.raises(SettingsError, match="not offered"):
        shelf.check(ProjectSettings(model=model, segmenter="sam"))
    models, segmenters = shelf.offered()
    assert [offer.name for offer in (*models, *segmenters)] == [model, "grabcut"]
    assert all(offer.needs for offer in segmenters)


def test_a_model_is_loaded_once(shelf: ModelShelf, model: str) -> None:
    found: list[Animator] = []
    threads = [
        threading.Thread(target=lambda: found.append(shelf.animator(model))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(map(id, found))) == 1


def test_a_long_forward_stops_between_two_layers() -> None:
    ran: list[int] = []

    class Slow(torch.nn.Module):
        def forward(self, value: torch.Tensor) -> torch.Tensor:
            ran.append(1)
            return value

    network = torch.nn.Sequential(*(Slow() for _ in range(10)))

    def check() -> None:
        if len(ran) >= 3:
            raise JobCancelled

    with pytest.raises(JobCancelled), interruptible(check):
        network(torch.zeros(1))
    assert len(ran) == 3
    ran.clear()
    network(torch.zeros(1))  # the hook is gone
    assert len(ran) == 10


def test_other_threads_are_not_interrupted() -> None:
    done = threading.Event()

    def check() -> None:
        raise JobCancelled

    def other() -> None:
        torch.nn.Identity()(torch.zeros(1))
        done.set()

    with interruptible(check):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert done.is_set()


def test_warnings_stay_with_their_thread() -> None:
    heard: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with warnings_heard(heard.append):
            warnings.warn("mine", UserWarning, stacklevel=1)
            with pytest.warns(UserWarning, match="theirs"):
                thread = threading.Thread(
                    target=lambda: warnings.warn("theirs", UserWarning, stacklevel=1)
                )
                thread.start()
                thread.join()
    assert heard == ["mine"]


def test_cancelling_a_slow_model_takes_less_than_two_seconds(
    shelf: ModelShelf, model: str, tmp_path: Path
) -> None:
    queue = JobQueue([AnimatorWorker(shelf)], store=ClipStore(tmp_path))
    job = queue.submit(_request(model, num_inference_steps=1000), owner="a")
    while job.snapshot().stage != "denoise":
        assert not job.snapshot().ended, job.snapshot()
        time.sleep(0.01)
    started = time.monotonic()
    queue.cancel(job)
    assert job.finished().state == "cancelled"
    assert time.monotonic() - started < 2
    assert not list(tmp_path.iterdir())
    queue.close()


def test_a_request_can_be_pickled(model: str) -> None:
    import pickle

    request = _request(model)
    again = pickle.loads(pickle.dumps(request))
    assert again.regions == request.regions and again.settings == request.settings
    assert json.loads(again.settings.model_dump_json())["num_frames"] == 4


class _NamesTails(GrabCutSegmenter):
    part_names = ("tail",)

    def predict(self, *, part: str | None = None, **asked: Any) -> Segmentation:
        found = super().predict(**asked)
        return found if part is None else Segmentation(found.masks[:0], found.scores[:0])


def test_a_remembered_photo_is_asked_by_name_too() -> None:
    for segmenter, known in ((GrabCutSegmenter(), ()), (_NamesTails(), ("tail",))):
        memory = PhotoMemory(segmenter)
        memory.set_image(_photo())
        assert memory.part_names == known
        point = np.array([[30, 30]], np.float32)
        assert len(memory.predict(point_coords=point).masks)
        if known:
            assert not len(memory.predict(point_coords=point, part="tail").masks)
