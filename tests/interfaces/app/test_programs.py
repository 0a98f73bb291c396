"""The page's endpoints for programs, through gradio's own client against a real server on loopback."""

from __future__ import annotations

import base64
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
import uvicorn
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from follow_your_click.clip import Clip, read_settings
from follow_your_click.interfaces.api.guards import Credentials, Guard
from follow_your_click.interfaces.app.server import app_of
from follow_your_click.interfaces.app.studio import Studio

from .conftest import HEIGHT, WIDTH, StubWorker


@pytest.fixture
def url(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(os.environ, "GRADIO_TEMP_DIR", str(studio.service.uploads))
    app = Guard(app_of(studio.service), credentials=Credentials("me", "secret"))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=0)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    listener.close()


@pytest.fixture
def client(url: str, tmp_path: Path) -> Client:
    token = base64.b64encode(b"me:secret").decode()
    return Client(
        url,
        headers={"Authorization": f"Basic {token}"},
        verbose=False,
        download_files=str(tmp_path / "downloads"),
    )


@pytest.fixture
def file(photo: npt.NDArray[np.uint8], tmp_path: Path) -> Any:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    return handle_file(str(tmp_path / "photo.png"))


def test_animate(
    client: Client, file: Any, photo: npt.NDArray[np.uint8], worker: StubWorker
) -> None:
    made = client.predict(
        photo=file, x=40, y=30, motion_prompt="sway", strength=2, num_frames=3, seed=8,
        api_name="/animate",
    )  # fmt: skip
    assert Path(made).suffix == ".mp4" and len(Clip.load(made)) == 3
    assert read_settings(made)["seed"] == 8
    (request,) = worker.requests
    np.testing.assert_array_equal(request.photo, photo)
    assert request.regions[0].strength == 2.0 and request.regions[0].prompt == "sway"


def test_segment(client: Client, file: Any) -> None:
    mask = np.asarray(Image.open(client.predict(photo=file, x=40, y=30, api_name="/segment")))
    assert mask.shape == (HEIGHT, WIDTH) and mask[30, 40] == 255 and mask[80, 150] == 0


def test_mistakes_are_one_line(client: Client, file: Any) -> None:
    with pytest.raises(AppError, match="outside the photo"):
        client.predict(photo=file, x=9999, y=30, api_name="/segment")
    with pytest.raises(AppError, match="empty"):
        client.predict(
            photo=file, x=40, y=30, motion_prompt=" ", strength=0, num_frames=3, seed=0,
            api_name="/animate",
        )  # fmt: skip


def test_every_argument_is_documented(client: Client) -> None:
    endpoints: Callable[..., Any] = client.view_api
    described = endpoints(return_format="dict", print_info=False)["named_endpoints"]
    assert set(described) == {"/animate", "/segment"}
    assert "everything else stays still" in str(described["/animate"])
    names = [each["parameter_name"] for each in described["/animate"]["parameters"]]
    assert names[:4] == ["photo", "x", "y", "motion_prompt"]


def test_files_of_the_server_are_not_served(url: str, studio: Studio, editor: Any) -> None:
    """Neither the machine's, nor the working folder's, nor other visitors' photos and clips by their place."""
    auth = ("me", "secret")
    photo = studio.photos.picture(editor.photo.key)
    assert photo is not None
    for path in ("/etc/passwd", "pyproject.toml", str(Path.cwd() / "pyproject.toml"), str(photo)):
        for route in ("gradio_api/file=", "file="):
            answer = httpx.get(f"{url}/{route}{path}", auth=auth, follow_redirects=True)
            assert answer.status_code in (403, 404), (route, path, answer.status_code)
    shown = httpx.get(f"{url}/page/photos/{editor.photo.key}", auth=auth)
    assert shown.status_code == 200 and shown.content == photo.read_bytes()
    for key in ("..", "%2e%2e%2fclips", "x"):
        assert httpx.get(f"{url}/page/photos/{key}", auth=auth).status_code in (404, 405)
