"""Segmenters by name, and what is said, and how soon, when weights cannot be had."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from follow_your_click.errors import ModelError
from follow_your_click.models import hub
from follow_your_click.models.click_network import ClickNetwork
from follow_your_click.segmentation import GrabCutSegmenter
from follow_your_click.segmentation.click import ClickSegmenter
from follow_your_click.segmentation.registry import HUB_IDS, SEGMENTER_NAMES, load_segmenter
from follow_your_click.segmentation.sam import SamSegmenter

ADVICE = r"; give a folder with config\.json and model\.safetensors, or use the embedded one"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return cache


def _hub_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def hub_answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, dict[str, str]], None]]:
    """A function: status and headers that a hub on this machine answers every question with."""
    answer: tuple[int, dict[str, str]] = (500, {})

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(answer[0])
            for name, value in answer[1].items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    _hub_at(f"http://127.0.0.1:{server.server_port}", monkeypatch)

    def use(status: int, headers: dict[str, str]) -> None:
        nonlocal answer
        answer = (status, headers)

    yield use
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", ["embedded", "grabcut"])
def test_two_come_with_the_package(name: str) -> None:
    segmenter = load_segmenter(name, device="cpu")
    segmenter.set_image(np.zeros((8, 8, 3), np.uint8))
    assert segmenter.predict(point_coords=np.array([[2, 3]], np.float32)).masks[0, 3, 2]


def test_each_name_is_a_segmenter_of_its_own() -> None:
    assert type(load_segmenter()) is type(load_segmenter("embedded"))
    assert not isinstance(load_segmenter(), GrabCutSegmenter)
    assert isinstance(load_segmenter("grabcut"), GrabCutSegmenter)


@pytest.mark.parametrize("kind", ["sam", "sam2", "sam3_tracker"])
def test_a_folder_is_a_segmenter_of_the_kind_it_holds(
    tiny_checkpoint: Callable[[str], Path], kind: str
) -> None:
    segmenter = load_segmenter(str(tiny_checkpoint(kind)), device="cpu")
    assert isinstance(segmenter, SamSegmenter)
    assert segmenter.model.config.model_type == kind


def test_a_folder_may_hold_a_click_network_of_ones_own(tmp_path: Path) -> None:
    network = ClickNetwork(
        widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1), decoder_widths=(8, 8, 8, 8), similarity_heads=2
    )
    network.save_pretrained(tmp_path)
    segmenter = load_segmenter(str(tmp_path), device="cpu")
    assert isinstance(segmenter, ClickSegmenter)
    segmenter.set_image(np.zeros((40, 40, 3), np.uint8))
    assert segmenter.predict(point_coords=np.array([[2, 3]], np.float32)).masks[0, 3, 2]
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="does not hold a ClickNetwork"):
        load_segmenter(str(tmp_path), device="cpu")


@pytest.mark.parametrize("name", ["sam", "sam2", "sam3"])
def test_a_name_stands_for_a_public_model_in_the_cache(
    tiny_checkpoint: Callable[[str], Path],
    empty_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """The hub is not asked for what was downloaded before."""
    _hub_at("http://127.0.0.1:9", monkeypatch)
    entry = empty_cache / f"models--{HUB_IDS[name].replace('/', '--')}"
    commit = "0123456789abcdef0123456789abcdef01234567"
    (entry / "refs").mkdir(parents=True)
    (entry / "refs" / "main").write_text(commit)
    kind = {"sam": "sam", "sam2": "sam2_video", "sam3": "sam3_video"}[name]
    shutil.copytree(tiny_checkpoint(kind), entry / "snapshots" / commit)
    segmenter = load_segmenter(name, device="cpu")
    assert isinstance(segmenter, SamSegmenter)
    (entry / "snapshots" / commit / "model.safetensors").unlink()  # as after a broken download
    with pytest.raises(ModelError, match="not in the cache"):
        load_segmenter(name, device="cpu")


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(
        ModelError, match=f"'sma': not known, expected {', '.join(SEGMENTER_NAMES)}"
    ):
        load_segmenter("sma")


@pytest.mark.parametrize("name", ["./nothing/here", "/nothing", "a/b/c"])
def test_a_folder_that_is_not_there_is_no_hub_id(name: str) -> None:
    with pytest.raises(ModelError, match="neither a folder nor a hub id like owner/model" + ADVICE):
        load_segmenter(name)


@pytest.mark.parametrize("name", ["sam", "owner/model"])
def test_without_a_network_the_error_is_quick_and_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # not listening: whoever connects is turned away
        _hub_at(f"http://127.0.0.1:{unused.getsockname()[1]}", monkeypatch)
        started = time.monotonic()
        with pytest.raises(ModelError, match="not in the cache, and cannot be had") as caught:
            load_segmenter(name)
    assert time.monotonic() - started < 3
    message = str(caught.value)
    assert HUB_IDS.get(name, name) in message
    assert message.endswith("or use the embedded one (--segmenter embedded)")
    assert "\n" not in message


def test_a_network_that_swallows_everything_is_given_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "_ANSWER_SECONDS", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        _hub_at(f"http://127.0.0.1:{silent.getsockname()[1]}", monkeypatch)
        started = time.monotonic()
        with pytest.raises(ModelError, match="cannot be had from the hub"):
            load_segmenter("sam2")
    assert time.monotonic() - started < 3


def test_the_setting_against_asking_the_hub_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="'facebook/sam3': not in the cache.*HF_HUB_OFFLINE"):
        load_segmenter("sam3")


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (403, {"X-Error-Code": "GatedRepo"}, "asks for consent first: .*'hf auth login'" + ADVICE),
        (401, {"X-Error-Code": "RepoNotFound"}, "the hub has no such model, or only"),
        (404, {"X-Error-Code": "EntryNotFound"}, "on the hub has no config.json" + ADVICE),
        (500, {}, r"cannot be had from the hub \(.*500.*\)" + ADVICE),
    ],
)
def test_what_the_hub_refuses_is_said(
    hub_answers: Callable[[int, dict[str, str]], None],
    status: int,
    headers: dict[str, str],
    reason: str,
) -> None:
    hub_answers(status, headers)
    started = time.monotonic()
    with pytest.raises(ModelError, match=f"segmenter 'facebook/sam3': .*{reason}") as caught:
        load_segmenter("sam3")
    assert time.monotonic() - started < 3
    assert "\n" not in str(caught.value)


def test_a_model_on_the_hub_without_weights_is_refused(
    hub_answers: Callable[[int, dict[str, str]], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fetched(_: str, *, local_files_only: bool = False, **__: object) -> str:
        if local_files_only:
            raise hub.hub_errors.LocalEntryNotFoundError("nothing cached")
        (tmp_path / "config.json").write_text("{}")
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", fetched)
    hub_answers(200, {"X-Repo-Commit": "0" * 40, "ETag": '"1"'})
    with pytest.raises(ModelError, match="this model on the hub has no model.safetensors"):
        load_segmenter("owner/model")


def test_a_download_is_loaded(
    hub_answers: Callable[[int, dict[str, str]], None],
    tiny_checkpoint: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def fetched(name: str, *, local_files_only: bool = False, **__: object) -> str:
        if local_files_only:
            raise hub.hub_errors.LocalEntryNotFoundError("nothing cached")
        asked.append(name)
        return str(tiny_checkpoint("sam"))

    monkeypatch.setattr(hub, "snapshot_download", fetched)
    hub_answers(200, {"X-Repo-Commit": "0" * 40, "ETag": '"1"'})
    assert isinstance(load_segmenter("sam", device="cpu"), SamSegmenter)
    assert asked == ["facebook/sam-vit-base"]


def test_offering_the_names_loads_no_network_library() -> None:
    program = (
        "import sys; from follow_your_click.segmentation import registry;"
        "print(*({'torch', 'transformers', 'huggingface_hub'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
