"""Processes that work on inputs, none of which can take the build down: each is bounded in time, a crash costs one input.

Decoders hang and crash on damaged files, and no `except` catches that. So every input is worked on in another process
(pebble), which is killed and replaced when its time is up or it dies.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import Any

import cv2

from follow_your_click.data.engine.config import BuildConfig
from follow_your_click.data.engine.decode import VideoProblem
from follow_your_click.data.engine.filters import ClipFilter, load_plugins
from follow_your_click.data.engine.flows import FlowEstimator, flow_estimator
from follow_your_click.data.engine.process import Decoded, ItemResult, decode_item, measure_item
from follow_your_click.data.engine.records import InputRecord, SourceItem
from follow_your_click.data.engine.tables import DATA_EXTRA
from follow_your_click.errors import FollowYourClickError, MissingExtraError

INPUTS_PER_PROCESS = 500  # then it is replaced: decoders leak


class Measurer:
    """The measuring half of the work with what it needs, built once in a process."""

    def __init__(self, config: BuildConfig) -> None:
        # DIS splits its work by threads, and its result depends on the split; one process uses one core anyway.
        cv2.setNumThreads(1)
        self.config = config
        self.estimator: FlowEstimator = flow_estimator(config.flow)
        self.plugins: list[ClipFilter] = load_plugins(config.filters.plugins)

    def measure(self, decoded: Decoded) -> ItemResult:
        """See `process.measure_item`."""
        return measure_item(decoded, self.config, self.estimator, self.plugins)


class Pool:
    """Processes that each take one input at a time.

    Args:
        workers: how many.
        measures: do both halves of the work, or decode only.

    Raises:
        MissingExtraError: pebble is not installed.
    """

    def __init__(self, config: BuildConfig, *, workers: int, measures: bool = True) -> None:
        try:
            from pebble import ProcessPool
        except ImportError as error:
            raise MissingExtraError(DATA_EXTRA) from error
        self._seconds = config.seconds_per_file
        self._work = _whole if measures else _decode
        self._pool = ProcessPool(
            max_workers=workers,
            max_tasks=INPUTS_PER_PROCESS,
            initializer=_start,
            initargs=(config, measures),
            # Not "fork": threads of this process would be copied in the middle of what they do.
            context=multiprocessing.get_context("spawn"),
        )

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._pool.close()
        else:
            self._pool.stop()
        self._pool.join()

    def results(self, items: Sequence[SourceItem]) -> list[Any]:
        """`ItemResult`s, or `Decoded`s of a pool that only decodes, in order. A crash or a hang comes back as a failed input."""
        futures = [
            self._pool.schedule(self._work, args=[item], timeout=self._seconds) for item in items
        ]
        return [self._result(item, future) for item, future in zip(items, futures, strict=True)]

    def _result(self, item: SourceItem, future: Any) -> Any:
        from pebble import ProcessExpired

        try:
            return future.result()
        except FutureTimeoutError:
            problem = VideoProblem("timeout", f"not done after {self._seconds:g} s")
        except ProcessExpired:
            problem = VideoProblem("crash", "the decoder took its process down")
        except FollowYourClickError:
            raise
        except (MemoryError, RuntimeError, ValueError, ArithmeticError, OSError) as error:
            problem = VideoProblem("error", f"{type(error).__name__}: {error}")
        if self._work is _decode:
            return Decoded(item, "", reason=problem.reason, detail=problem.detail, failed=True)
        return ItemResult(
            InputRecord(item.key, item.name, "failed", problem.reason, problem.detail)
        )


_config: BuildConfig | None = None
_measurer: Measurer | None = None


def _start(config: BuildConfig, measures: bool) -> None:
    global _config, _measurer
    cv2.setNumThreads(1)
    _config = config
    _measurer = Measurer(config) if measures else None


def _decode(item: SourceItem) -> Decoded:
    assert _config is not None, "the pool starts its processes with _start"
    return decode_item(item, _config)


def _whole(item: SourceItem) -> ItemResult:
    assert _measurer is not None, "the pool starts its processes with _start"
    return _measurer.measure(decode_item(item, _measurer.config))
