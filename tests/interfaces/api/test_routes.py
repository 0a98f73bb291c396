"""The REST API: a clip from the asking to its file."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from follow_your_click.clip import Clip, read_settings
from follow_your_click.interfaces.api.server import api_app
from follow_your_click.interfaces.api.service import Service
from follow_your_click.region import Region
from follow_your_click.region.json_forms import mask_to_png

from .conftest import REGION, SIZE, PhotoWorker, asked, png


def _ask(api: TestClient, level: int = 100, **changes: object) -> str:
    answer = api.post("/v1/clips", files={"photo": ("p.png", png(level))}, data=asked(**changes))
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/clips/{answer.json()['id']}"
    return str(answer.json()["id"])


def _ended(api: TestClient, job: str) -> dict[str, object]:
    deadline = time.monotonic() + 10
    while True:
        answer = api.get(f"/v1/clips/{job}")
        assert answer.status_code == 200 and time.monotonic() < deadline
        if answer.json()["state"] in ("done", "failed", "cancelled"):
            return dict(answer.json())
        time.sleep(0.01)


def test_from_a_photo_to_its_clip(api: TestClient, worker: PhotoWorker, tmp_path) -> None:
    settings = {"num_frames": 3, "seed": 5, "fps": 4}
    still = {"areas": [{"type": "box", "x0": 1, "y0": 2, "x1": 30, "y1": 40}]}
    job = _ask(api, 77, settings=settings, hold_still=[still])
    done = _ended(api, job)
    assert (done["state"], done["share"], done["error"]) == ("done", 1.0, None)
    (request,) = worker.requests
    assert request.regions == (Region.from_json(REGION),)
    assert len(request.hold_still) == 1
    assert request.settings.model_dump() == {
        "model": "mini",
        "segmenter": "grabcut",
        "num_frames": 3,
        "fps": 4.0,
        "num_inference_steps": None,
        "guidance_scale": None,
        "seed": 5,
    }
    answer = api.get(f"/v1/clips/{job}/file")
    assert answer.headers["content-type"] == "video/mp4"
    (tmp_path / "clip.mp4").write_bytes(answer.content)
    assert read_settings(tmp_path / "clip.mp4")["seed"] == 5
    answer = api.get(f"/v1/clips/{job}/file", params={"format": "zip", "playback": "ping-pong"})
    (tmp_path / "clip.zip").write_bytes(answer.content)
    clip = Clip.load(tmp_path / "clip.zip")
    assert len(clip) == 4 and (clip.frames == 77).all()


def test_progress_comes_as_events_and_ends_with_the_job(
    api: TestClient, worker: PhotoWorker
) -> None:
    job = _ask(api)
    with api.stream("GET", f"/v1/clips/{job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = list(stream.iter_lines())
    events = [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]
    assert events[-1]["state"] == "done"
    assert [event["version"] for event in events] == sorted(event["version"] for event in events)
    assert [line for line in lines if line.startswith("id:")]


def test_a_clip_can_be_stopped_and_forgotten(api: TestClient, worker: PhotoWorker) -> None:
    worker.gate.clear()
    job = _ask(api)
    assert api.delete(f"/v1/clips/{job}").status_code == 204
    assert _ended(api, job)["state"] == "cancelled"
    assert api.get(f"/v1/clips/{job}/file").json() == {"error": "this clip is not finished"}
    worker.gate.set()
    job = _ask(api)
    _ended(api, job)
    assert api.get(f"/v1/clips/{job}/file").status_code == 200
    assert api.delete(f"/v1/clips/{job}").status_code == 204
    for path in ("", "/file", "/events"):
        answer = api.get(f"/v1/clips/{job}{path}")
        assert answer.status_code == 404
        assert answer.json() == {"error": "there is no such clip (any more)"}


def test_a_mask_without_a_clip(api: TestClient) -> None:
    square = {"type": "polygon", "points": [[10, 10], [50, 10], [50, 40], [10, 40]]}
    answer = api.post(
        "/v1/masks", files={"photo": png()}, data={"selection": json.dumps({"areas": [square]})}
    )
    assert answer.headers["content-type"] == "image/png"
    mask = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert mask.shape == SIZE[::-1]
    assert (mask[10:40, 10:50] == 255).all() and mask.sum() == 255 * 30 * 40


def test_a_mask_can_be_sent(api: TestClient, worker: PhotoWorker) -> None:
    mask = np.zeros(SIZE[::-1], np.bool_)
    mask[5:20, 5:30] = True
    area = {"type": "mask", "dtype": "bool", "png": mask_to_png(mask)}
    _ended(api, _ask(api, regions=[{**REGION, "areas": [area]}]))
    np.testing.assert_array_equal(worker.requests[0].regions[0].areas[0], mask)


def test_what_the_server_offers(api: TestClient) -> None:
    assert [each["name"] for each in api.get("/v1/models").json()] == ["mini"]
    assert [each["name"] for each in api.get("/v1/segmenters").json()] == ["grabcut"]
    health = api.get("/v1/health").json()
    assert (health["status"], health["workers"], health["waiting"]) == ("ok", 1, 0)


def test_every_route_is_documented(api: TestClient) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        *("/v1/clips", "/v1/clips/{job_id}", "/v1/clips/{job_id}/events"),
        *("/v1/clips/{job_id}/file", "/v1/masks", "/v1/models", "/v1/segmenters", "/v1/health"),
    }
    assert all(route.get("summary") for path in paths.values() for route in path.values())
    # A page that shows them would load its scripts from elsewhere.
    assert api.get("/docs").status_code == api.get("/redoc").status_code == 404


def test_a_failing_clip_says_so_and_no_more(api: TestClient, worker: PhotoWorker) -> None:
    def fail() -> None:
        raise RuntimeError("/srv/secret")

    worker.fail = fail
    failed = _ended(api, _ask(api))
    assert failed["state"] == "failed" and "/srv" not in str(failed)


def test_full_lines_say_when_to_come_back(
    make_service: Callable[..., Service], worker: PhotoWorker
) -> None:
    worker.gate.clear()
    service = make_service(max_waiting=3, max_waiting_per_owner=2)
    with TestClient(api_app(service), client=("10.0.0.1", 1)) as api:
        running = _ask(api)
        while api.get(f"/v1/clips/{running}").json()["state"] == "queued":
            time.sleep(0.01)
        for _ in range(2):
            _ask(api)
        busy = api.post("/v1/clips", files={"photo": png()}, data=asked())
        assert busy.status_code == 429 and int(busy.headers["Retry-After"]) >= 1
        assert "2 of your clips" in busy.json()["error"]
    with TestClient(api_app(service), client=("10.0.0.2", 1)) as other:
        _ask(other)
        busy = other.post("/v1/clips", files={"photo": png()}, data=asked())
        assert busy.status_code == 503 and int(busy.headers["Retry-After"]) >= 1
        assert busy.json() == {"error": "3 clips are waiting, which is the most; ask again later"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"regions": []}, "regions"),
        ({"regions": [{**REGION, "prompt": ""}]}, "prompt"),
        ({"regions": [{**REGION, "prompt": "  "}]}, "prompt: got an empty one"),
        ({"regions": [{**REGION, "strength": 21}]}, "strength"),
        ({"regions": [{**REGION, "areas": [{"type": "click", "x": 1}]}]}, "y"),
        ({"regions": [{**REGION, "colour": "red"}]}, "colour"),
        ({"settings": {"num_frames": 1}}, "num_frames"),
        ({"settings": {"model": "/etc"}}, "model '/etc' is not offered here; expected one of mini"),
        ({"settings": {"segmenter": "sam"}}, "segmenter 'sam' is not offered here"),
    ],
)
def test_mistakes_are_said_in_one_line(
    api: TestClient, worker: PhotoWorker, changes: dict[str, object], said: str
) -> None:
    answer = api.post("/v1/clips", files={"photo": png()}, data=asked(**changes))
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert said in error and "\n" not in error
    assert not worker.requests
