"""A service whose clips cost nothing, and its API without a socket."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from follow_your_click.clip import Clip
from follow_your_click.interfaces.api.guards import Guard
from follow_your_click.interfaces.api.server import api_app
from follow_your_click.interfaces.api.service import Service, ServiceSettings
from follow_your_click.interfaces.jobs import ClipRequest, Listener

SIZE = 96, 72  # px, width and height
REGION = {"areas": [{"type": "click", "x": 40, "y": 30}], "prompt": "drift left"}
ADDRESS = "http://127.0.0.1:7861"


class PhotoWorker:
    """The clip is the photo, standing still; waits for its gate."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.requests: list[ClipRequest] = []
        self.fail: Callable[[], None] = lambda: None

    def run(self, request: ClipRequest, listener: Listener) -> Clip:
        self.requests.append(request)
        listener.progress("encode", 0, 1)
        while not self.gate.wait(0.01):
            listener.check()
        self.fail()
        listener.preview(np.zeros((2, 16, 16, 3), np.uint8))
        listener.progress("render", 1, 1)
        settings = {"seed": request.settings.seed, "regions": [r.prompt for r in request.regions]}
        return Clip(np.asarray(request.photo), (), request.settings.num_frames, settings=settings)


def png(level: int = 100, size: tuple[int, int] = SIZE) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", size, (level, level, level)).save(packed, "PNG")
    return packed.getvalue()


def asked(**changes: Any) -> dict[str, str]:
    return {"request": json.dumps({"regions": [REGION], **changes})}


@pytest.fixture
def worker() -> PhotoWorker:
    return PhotoWorker()


@pytest.fixture
def make_service(tmp_path: Path, worker: PhotoWorker) -> Iterator[Callable[..., Service]]:
    made: list[Service] = []

    def make(**settings: Any) -> Service:
        known = ServiceSettings(segmenters=("grabcut",), **{"max_upload_mb": 2.0, **settings})
        service = Service(known, tmp_path / f"service{len(made)}", workers=lambda shelf: [worker])
        made.append(service)
        return service

    yield make
    worker.gate.set()
    for service in made:
        service.close()


@pytest.fixture
def api(make_service: Callable[..., Service]) -> Iterator[TestClient]:
    service = make_service()
    guarded = Guard(api_app(service), hosts=service.settings.hosts_on("127.0.0.1"))
    with TestClient(guarded, base_url=ADDRESS) as client:
        yield client
