"""From a model's name to a page that answers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from follow_your_click.errors import MissingExtraError, SettingsError

if TYPE_CHECKING:
    from follow_your_click.interfaces.app.studio import Studio

MAX_UPLOAD = "200mb"  # more than any photo of 100 megapixels that is worth its bytes
SECONDS_TO_STOP = 1  # open pages hold a connection; nobody should wait for them
# Read when gradio is imported: nothing is sent anywhere.
_SETTINGS = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}


def check_extra() -> None:
    """Raises MissingExtraError when gradio is not installed, and says what to install."""
    os.environ.update(_SETTINGS)
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            'the web page needs gradio, which is not installed; pip install "follow-your-click[app]"'
        ) from error


def serve(
    *, model: str, host: str, port: int, max_megapixels: float, ready: Callable[[str], None]
) -> None:
    """Serve the page until the process is interrupted; leaves no files behind.

    Args:
        model: as for `Animator.from_pretrained`.
        host: address to listen on; 127.0.0.1 is this machine only.
        port: 1 to 65535.
        max_megapixels: larger photos are refused.
        ready: called with the page's address once it can be opened.

    Raises:
        MissingExtraError: gradio is not installed.
        ModelError: the model cannot be loaded.
        SettingsError: a number out of range, or an address that cannot be listened on.
    """
    if not 1 <= port <= 65535:
        raise SettingsError(f"got port {port}; expected 1 to 65535")
    if not max_megapixels > 0:
        raise SettingsError(f"got max-megapixels {max_megapixels:g}; expected more than 0")
    check_extra()
    from follow_your_click.animator import Animator
    from follow_your_click.interfaces.app.jobs import listen_to_warnings
    from follow_your_click.interfaces.app.studio import Studio

    # Before the model: whoever mistypes the port should not wait for it.
    with (
        _listening(host, port) as listener,
        tempfile.TemporaryDirectory(prefix="fyc-app-") as name,
        _stopped_by_signal(),
    ):
        folder = Path(name)
        os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
        animator = Animator.from_pretrained(model)
        listen_to_warnings()
        studio = Studio(animator, folder=folder / "clips", max_megapixels=max_megapixels)
        _run(studio, listener, ready=lambda: ready(_address(host, port)))


def _run(studio: Studio, listener: socket.socket, ready: Callable[[], None]) -> None:
    """gradio's own `launch` would look for itself over the network and give up on a busy machine."""
    import uvicorn
    from fastapi import FastAPI
    from gradio import mount_gradio_app

    from follow_your_click.interfaces.app.page import build_page
    from follow_your_click.interfaces.app.theme import CSS, theme

    page = mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        build_page(studio),
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=MAX_UPLOAD,
        ssr_mode=False,
        enable_monitoring=False,
        theme=theme(),
        css=CSS,
    )
    config = uvicorn.Config(
        page, log_level="warning", timeout_graceful_shutdown=SECONDS_TO_STOP, ws="none"
    )
    ready()
    uvicorn.Server(config).run(sockets=[listener])


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that browsers can already connect to; they wait until the page answers."""
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server((str(place[0]), port), family=family)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port} ({error.strerror or error}); choose another --port"
        ) from error
    with listener:
        yield listener


@contextlib.contextmanager
def _stopped_by_signal() -> Iterator[None]:
    """Ctrl+C, or SIGTERM from whoever runs services, ends the block as if it were done."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
