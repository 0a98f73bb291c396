"""From settings to an address that answers: the API alone, or whatever is built around it."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from follow_your_click.errors import MissingExtraError, SettingsError
from follow_your_click.interfaces.api.guards import Guard
from follow_your_click.interfaces.api.service import Service, ServiceSettings, running
from follow_your_click.interfaces.jobs import ModelShelf, Worker

if TYPE_CHECKING:
    from fastapi import FastAPI

SECONDS_TO_STOP = 1  # open pages hold a connection; nobody should wait for them
Build = Callable[[Service], "FastAPI"]


def check_extra() -> None:
    """Raises MissingExtraError when what the API needs is not installed, and says what to install."""
    try:
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
        from fastapi.sse import EventSourceResponse  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "the API needs fastapi, uvicorn and python-multipart, which are not installed (or too old);"
            ' pip install "follow-your-click[serve]"'
        ) from error


def api_app(service: Service) -> FastAPI:
    """The API as an application; no page shows it, for such pages load scripts from elsewhere."""
    from fastapi import FastAPI

    from follow_your_click.about import package_version
    from follow_your_click.interfaces.api.routes import add_api

    app = FastAPI(
        title="Follow Your Click",
        version=package_version() or "0",
        description="Animate regions of a photo. See docs/api.md.",
        docs_url=None,
        redoc_url=None,
        max_body_size=service.settings.max_bytes,
    )
    add_api(app, service)
    return app


def serve(
    settings: ServiceSettings,
    *,
    host: str,
    port: int,
    ready: Callable[[str], None],
    build: Build = api_app,
    replicas: int | None = None,
    min_replicas: int | None = None,
) -> None:
    """Serve until the process is interrupted; leaves no files behind.

    Args:
        settings: of the service.
        host: address to listen on; 127.0.0.1 is this machine only.
        port: 1 to 65535.
        ready: called with the address once it can be asked.
        build: makes the application; by default the API alone.
        replicas, min_replicas: processes of a Ray cluster that make the clips; None: threads of this one.

    Raises:
        MissingExtraError: fastapi, or Ray for replicas, is not installed.
        ModelError: the model cannot be loaded.
        SettingsError: an address that cannot be listened on.
    """
    check_extra()
    if not 1 <= port <= 65535:
        raise SettingsError(f"got port {port}; expected 1 to 65535")
    # Before the model: whoever mistypes the port should not wait for it.
    with (
        listening(host, port) as listener,
        stopped_by_signal(),
        _workers(settings, replicas, min_replicas) as workers,
        running(settings, workers=workers) as service,
    ):
        if workers is None:
            service.shelf.animator(settings.models[0], device=settings.devices[0])
        run(service, build(service), listener, host=host, ready=lambda: ready(address(host, port)))


@contextlib.contextmanager
def _workers(
    settings: ServiceSettings, count: int | None, minimum: int | None
) -> Iterator[Callable[[ModelShelf], Sequence[Worker]] | None]:
    """What makes the clips: replicas, or None for this process."""
    if count is None:
        if minimum is not None:
            raise SettingsError("got --min-replicas without --replicas; give both")
        yield None
        return
    from follow_your_click.interfaces.cluster import replicas

    with replicas(settings, count=count, minimum=minimum) as workers:
        yield workers


def run(
    service: Service,
    app: FastAPI,
    listener: socket.socket,
    *,
    host: str,
    ready: Callable[[], None],
) -> None:
    """Answer on a socket until the process is interrupted."""
    import uvicorn

    settings = service.settings
    guarded = Guard(app, credentials=settings.credentials, hosts=settings.hosts_on(host))
    config = uvicorn.Config(
        guarded,
        log_level="warning",
        timeout_graceful_shutdown=SECONDS_TO_STOP,
        ws="none",
        server_header=False,
    )
    ready()
    uvicorn.Server(config).run(sockets=[listener])


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that browsers can already connect to; they wait until the server answers."""
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server((str(place[0]), port), family=family)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port} ({error.strerror or error}); choose another --port"
        ) from error
    with listener:
        # asyncio sees to this only for sockets that it makes itself. Without it the second of two short messages waits up
        # to 40 ms for the first to be acknowledged; what a visitor does in that time gradio's page never hears about.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


@contextlib.contextmanager
def stopped_by_signal() -> Iterator[None]:
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


def address(host: str, port: int) -> str:
    """Where a browser finds the server."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
