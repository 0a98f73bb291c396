"""The Python client against a real server on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from PIL import Image

from follow_your_click.client import Client, JobStatus
from follow_your_click.errors import (
    BusyError,
    ImageError,
    OutputError,
    ServerError,
    SettingsError,
)
from follow_your_click.interfaces.api.guards import Credentials, Guard
from follow_your_click.interfaces.api.server import api_app
from follow_your_click.interfaces.api.service import Service
from follow_your_click.region import Click, Polygon, Region, Selection, Subtract
from follow_your_click.segmentation import save_mask

from .conftest import SIZE, PhotoWorker

REGION = Region(Click(40, 30), prompt="drift left")


class Running:
    """A server on a free port, until `stop`."""

    def __init__(self, service: Service, credentials: Credentials | None = None) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        app = Guard(api_app(service), credentials=credentials, hosts=("127.0.0.1",))
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True
        )
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        self.socket.close()


@pytest.fixture
def server(make_service: Callable[..., Service]) -> Iterator[Running]:
    running = Running(make_service(max_waiting_per_owner=1))
    yield running
    running.stop()


@pytest.fixture
def client(server: Running) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


def _photo() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (*SIZE[::-1], 3), np.uint8)


def test_a_clip_comes_back_exactly(client: Client, worker: PhotoWorker) -> None:
    heard: list[JobStatus] = []
    clip = client.animate(_photo(), [REGION], num_frames=3, seed=9, on_progress=heard.append)
    assert len(clip) == 3 and clip.settings["seed"] == 9
    np.testing.assert_array_equal(clip.frame(2), _photo())
    assert heard[-1].state == "done" and heard[-1].ended
    (request,) = worker.requests
    assert request.regions == (REGION,)


def test_files_of_every_kind(client: Client, tmp_path: Path) -> None:
    Image.fromarray(_photo()).save(tmp_path / "photo.png")
    job = client.submit(tmp_path / "photo.png", [REGION], num_frames=3)
    assert job.wait().state == "done"
    for name in ("a.mp4", "a.gif", "a.webp", "a.zip"):
        assert job.save(tmp_path / name).stat().st_size > 100
    with pytest.raises(OutputError, match="ends in '.avi'"):
        job.save(tmp_path / "a.avi")
    with pytest.raises(SettingsError, match="^this clip does not know where its object is"):
        job.save(tmp_path / "a.webm")
    assert not list(tmp_path.glob("*webm*"))
    job.cancel()
    with pytest.raises(ServerError, match="no such clip"):
        job.status()
    job.cancel()  # twice does no harm


def test_masks_travel_as_pixels(client: Client, worker: PhotoWorker, tmp_path: Path) -> None:
    mask = np.zeros(SIZE[::-1], np.bool_)
    mask[10:30, 20:50] = True
    save_mask(mask, tmp_path / "mask.png")
    hole = Subtract(Polygon(((20, 10), (30, 10), (30, 30), (20, 30))))
    settled = REGION.with_mask(mask)
    found = client.mask(_photo(), Selection([tmp_path / "mask.png", hole]))
    assert found.shape == mask.shape and (found > 0.5).sum() == 20 * 20
    client.animate(_photo(), [settled, Region(mask, prompt="sway")], num_frames=2)
    for region in worker.requests[0].regions:
        np.testing.assert_array_equal(np.asarray(region.areas[0]) > 0, mask)


def test_refusals_are_the_errors_of_the_package(client: Client) -> None:
    with pytest.raises(SettingsError, match="model 'other' is not offered here"):
        client.animate(_photo(), [REGION], model="other")
    with pytest.raises(SettingsError, match="num_frames"):
        client.submit(_photo(), [REGION], num_frames=1)
    with pytest.raises(ImageError, match=r"nowhere\.jpg cannot be read"):
        client.submit("nowhere.jpg", [REGION])
    assert list(client.models()) == ["mini"] and list(client.segmenters()) == ["grabcut"]


def test_a_full_line_says_when_to_come_back(client: Client, worker: PhotoWorker) -> None:
    worker.gate.clear()
    running = client.submit(_photo(), [REGION])
    while running.status().state == "queued":
        time.sleep(0.01)
    client.submit(_photo(), [REGION])
    with pytest.raises(BusyError) as busy:
        client.submit(_photo(), [REGION])
    assert busy.value.owner and busy.value.retry_after >= 1


def test_an_error_in_the_callback_stops_the_work(client: Client, worker: PhotoWorker) -> None:
    worker.gate.clear()

    def stop(status: JobStatus) -> None:
        if status.state == "running":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.animate(_photo(), [REGION], on_progress=stop)
    worker.gate.set()
    assert client.animate(_photo(), [REGION], num_frames=2).num_frames == 2


def test_a_vanished_listener_holds_nothing(server: Running, worker: PhotoWorker) -> None:
    """Many event streams that are dropped half way; the server still answers at once."""
    worker.gate.clear()
    with Client(server.url) as client:
        job = client.submit(_photo(), [REGION])
        for _ in range(60):
            with Client(server.url) as other:
                next(other.lines(f"clips/{job.id}/events"))
        assert job.status().state == "running"
    worker.gate.set()


def test_credentials(make_service: Callable[..., Service]) -> None:
    running = Running(make_service(), Credentials("me", "secret"))
    try:
        with Client(running.url) as nobody, pytest.raises(ServerError, match="credentials"):
            nobody.models()
        with Client(running.url, auth=("me", "secret")) as me:
            assert me.animate(_photo(), [REGION], num_frames=2).num_frames == 2
    finally:
        running.stop()


def test_no_server_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}")
    with pytest.raises(ServerError, match="is the server running") as error:
        client.models()
    assert "\n" not in str(error.value)


def test_many_clients_get_their_own_photos(
    make_service: Callable[..., Service], worker: PhotoWorker
) -> None:
    """Twenty at once, with room for four: each in the end has its own photo back, refused ones come again."""
    running = Running(make_service(max_waiting=4, max_waiting_per_owner=4))
    wrong: list[str] = []

    def visit(level: int) -> None:
        photo = np.full((*SIZE[::-1], 3), level, np.uint8)
        with Client(running.url) as client:
            for _ in range(200):
                try:
                    clip = client.animate(photo, [REGION], num_frames=2, seed=level)
                except BusyError:
                    time.sleep(0.05)
                    continue
                if (clip.frames != level).any() or clip.settings["seed"] != level:
                    wrong.append(f"{level}: not its own")
                return
        wrong.append(f"{level}: never had its turn")

    threads = [threading.Thread(target=visit, args=(level,)) for level in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    running.stop()
    assert not wrong
