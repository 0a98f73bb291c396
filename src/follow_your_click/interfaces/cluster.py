"""Clips made by processes of a Ray cluster: one replica per GPU, more or fewer as there is work.

The API stays one process in front, with the line and its limits; a `RayWorker` there hands one clip at a time to
whichever replica is free, passes on what it tells, and stops it. Replicas that die are started anew by Ray, and their
clip is made by another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from follow_your_click.clip import Clip
from follow_your_click.errors import FollowYourClickError, MissingExtraError, SettingsError
from follow_your_click.interfaces.api.service import ServiceSettings
from follow_your_click.interfaces.jobs import (
    AnimatorWorker,
    ClipRequest,
    JobCancelled,
    Listener,
    ModelShelf,
)

APP_NAME = "follow-your-click"
TICK_SECONDS = 0.2
"""Between two signs of life of a replica: as often the front looks whether the clip is still wanted."""
MIN_CPU_SHARE = 0.1  # of a CPU that a replica books
FRONT_CPUS = 1.0  # left for the API and Ray's own actors
UPSCALE_SECONDS = 5  # of a line before there is one more replica
HEALTH_SECONDS = 10
HEALTH_TIMEOUT_SECONDS = 60  # a replica on a busy machine is slow, not dead
TRIES = 2  # on different replicas, when one dies

Kind = Literal["tick", "progress", "preview", "warning", "clip", "refused"]


@dataclass(frozen=True, eq=False)
class Message:
    """What a replica tells of its clip; the last one is "clip" or "refused"."""

    kind: Kind
    value: Any = None


class Teller:
    """Stands for `Listener` in a replica: hands everything on as messages.

    Args:
        tell: takes a message, from the thread that works.
    """

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self._tell = tell
        self.stop = threading.Event()

    def check(self) -> None:
        """Raises JobCancelled once the front does not want the clip any more."""
        if self.stop.is_set():
            raise JobCancelled

    def progress(self, stage: str, done: int, total: int) -> None:
        """As `Listener.progress`."""
        self.check()
        self._tell(Message("progress", (stage, done, total)))

    def preview(self, frames: npt.NDArray[np.uint8]) -> None:
        """As `Listener.preview`."""
        self.check()
        self._tell(Message("preview", frames))

    def warn(self, line: str) -> None:
        """As `Listener.warn`."""
        self._tell(Message("warning", line))


class ClipMaker:
    """What runs in every replica: a model, one clip at a time.

    Args:
        models, segmenters: as of `ModelShelf`; the first model is loaded before the replica counts as healthy.
        device: None for the best that the replica has been given.
    """

    def __init__(
        self, models: Sequence[str], segmenters: Sequence[str], device: str | None
    ) -> None:
        shelf = ModelShelf(models, segmenters, device=device)
        self._animator = shelf.animator(models[0])
        self._worker = AnimatorWorker(shelf)

    def check_health(self) -> None:
        """Called by Ray; a replica without its model, or whose model has lost its device, is started anew."""
        next(self._animator.pipeline.unet.parameters()).sum().item()

    async def make(self, request: ClipRequest) -> AsyncIterator[Message]:
        """Messages of a clip in the making; whoever stops listening stops the work."""
        loop, heard = asyncio.get_running_loop(), asyncio.Queue[Message]()
        teller = Teller(lambda message: _put(loop, heard, message))
        work = loop.run_in_executor(None, self._run, request, teller)
        try:
            while not (work.done() and heard.empty()):
                try:
                    yield await asyncio.wait_for(heard.get(), TICK_SECONDS)
                except TimeoutError:
                    yield Message("tick")
            yield work.result()
        finally:
            teller.stop.set()
            # The next clip comes when this one has really stopped.
            with contextlib.suppress(BaseException):
                await asyncio.shield(work)

    def _run(self, request: ClipRequest, teller: Teller) -> Message:
        try:
            return Message("clip", self._worker.run(request, teller))  # type: ignore[arg-type]
        except FollowYourClickError as error:
            return Message("refused", error)


class RayWorker:
    """Makes clips on whichever replica is free; a `Worker` of the front's queue.

    Args:
        call: starts a clip on a replica: gives its messages, and can be cancelled, as Ray Serve's streaming handles do.
        died: the errors that mean that the replica is gone, not that the clip cannot be made.
    """

    def __init__(
        self, call: Callable[[ClipRequest], Any], *, died: tuple[type[Exception], ...] = ()
    ) -> None:
        self._call = call
        self._died = died

    def run(self, request: ClipRequest, listener: Listener) -> Clip:
        """As `Worker.run`."""
        for attempt in range(TRIES):
            try:
                return self._try(request, listener)
            except self._died:
                if attempt + 1 == TRIES:
                    raise
        raise AssertionError("the last try returns or raises")

    def _try(self, request: ClipRequest, listener: Listener) -> Clip:
        messages = self._call(request)
        try:
            for message in messages:
                listener.check()
                if message.kind == "progress":
                    listener.progress(*message.value)
                elif message.kind == "preview":
                    listener.preview(message.value)
                elif message.kind == "warning":
                    listener.warn(message.value)
                elif message.kind == "refused":
                    raise message.value
                elif message.kind == "clip":
                    clip: Clip = message.value
                    return clip
        except JobCancelled:
            messages.cancel()
            raise
        raise RuntimeError("a replica ended without a clip")


@contextmanager
def replicas(
    settings: ServiceSettings, *, count: int, minimum: int | None = None
) -> Iterator[Callable[[ModelShelf], list[RayWorker]]]:
    """Start replicas, on this machine or on the cluster that RAY_ADDRESS names; stops them at the end.

    Args:
        settings: models and segmenters of the replicas.
        count: the most replicas.
        minimum: the fewest, while there is little to do; None: always `count`.

    Yields:
        What `running` takes as `workers`.

    Raises:
        MissingExtraError: Ray Serve is not installed.
        SettingsError: numbers out of range, or the replicas do not start.
    """
    least = count if minimum is None else minimum
    if not 1 <= least <= count <= 1000:
        raise SettingsError(
            f"got {count} replicas, at least {least}; expected 1 <= --min-replicas <= --replicas <= 1000"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray import serve
        from ray.exceptions import RayActorError
    except ImportError as error:
        raise MissingExtraError(
            'replicas need Ray Serve, which is not installed; pip install "follow-your-click[ray]"'
        ) from error
    joined = "RAY_ADDRESS" in os.environ
    own: dict[str, Any] = {} if joined else {"include_dashboard": False}
    ray.init(log_to_driver=False, logging_level="warning", **own)
    try:
        serve.start(proxy_location="Disabled", logging_config={"log_level": "WARNING"})
        handle = serve.run(
            _application(serve, ray, settings, count=count, least=least),
            name=APP_NAME,
            route_prefix=None,
        )

        def call(request: ClipRequest) -> Any:
            return handle.options(stream=True).make.remote(request)

        yield lambda shelf: [RayWorker(call, died=(RayActorError,)) for _ in range(count)]
    except RuntimeError as error:
        line = " ".join(str(error).split())[:300]
        raise SettingsError(f"the replicas do not start: {line}") from error
    finally:
        serve.shutdown()
        ray.shutdown()


def _application(serve: Any, ray: Any, settings: ServiceSettings, *, count: int, least: int) -> Any:
    """The deployment, with its share of the cluster."""
    resources = ray.cluster_resources()
    gpu = resources.get("GPU", 0) > 0 and settings.devices[0] != "cpu"
    spare = float(resources.get("CPU", 1)) - FRONT_CPUS
    options = {"num_cpus": min(1.0, max(MIN_CPU_SHARE, spare / count)), "num_gpus": int(gpu)}
    scaling = {
        "min_replicas": least,
        "initial_replicas": least,
        "max_replicas": count,
        "target_ongoing_requests": 1,
        "upscale_delay_s": UPSCALE_SECONDS,
        # Ray's own 30 s would look back at a time in which nobody waited.
        "look_back_period_s": UPSCALE_SECONDS,
        "metrics_interval_s": UPSCALE_SECONDS / 5,
    }
    deployment = serve.deployment(
        name="clips",
        autoscaling_config=scaling,
        max_ongoing_requests=1,
        ray_actor_options=options,
        health_check_period_s=HEALTH_SECONDS,
        health_check_timeout_s=HEALTH_TIMEOUT_SECONDS,
    )(ClipMaker)
    return deployment.bind(settings.models, settings.segmenters, settings.devices[0])


def _put(loop: asyncio.AbstractEventLoop, heard: asyncio.Queue[Message], message: Message) -> None:
    # The loop may be closing while the last words of a stopped clip come in.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(heard.put_nowait, message)
