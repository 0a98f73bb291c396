"""Making clips in this process, on one device."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import numpy as np
import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from follow_your_click.clip import Clip
from follow_your_click.interfaces.jobs.job import Listener
from follow_your_click.interfaces.jobs.request import ClipRequest
from follow_your_click.interfaces.jobs.shelf import ModelShelf
from follow_your_click.region import Selection
from follow_your_click.region.json_forms import mask_levels


class AnimatorWorker:
    """Makes one clip at a time with the models of a shelf.

    Args:
        shelf: models and segmenters.
        device: where the model runs; None for the best there is.
    """

    def __init__(self, shelf: ModelShelf, *, device: str | None = None) -> None:
        self.shelf = shelf
        self.device = device

    def run(self, request: ClipRequest, listener: Listener) -> Clip:
        """As `Worker.run`; stops between two layers of the network, frames or strokes of work."""
        settings = request.settings
        listener.progress("load", 0, 1)
        animator = self.shelf.animator(settings.model, device=self.device)
        with interruptible(listener.check), warnings_heard(listener.warn):
            selections = self._settled(request, listener)
            regions = selections[: len(request.regions)]
            still = selections[len(request.regions) :]
            return animator.animate(
                np.asarray(request.photo),
                regions,
                hold_still=still,
                **settings.for_run(),
                progress=listener.progress,
                preview=listener.preview,
            )

    def _settled(self, request: ClipRequest, listener: Listener) -> list[Any]:
        """Regions and areas held still, with masks; what has one keeps it."""
        listener.progress("segment", 0, 1)
        selections: list[Selection] = [*request.regions, *request.hold_still]
        free = [each for each in selections if each.mask is None]
        masks = self.shelf.masks(request.photo, free, segmenter=request.settings.segmenter)
        found = iter(masks)
        return [
            each if each.mask is not None else each.with_mask(mask_levels(next(found)))
            for each in selections
        ]


@contextmanager
def interruptible(check: Callable[[], None]) -> Iterator[None]:
    """Calls `check` before every module that this thread runs; what it raises ends the work there.

    So even a long forward of a large network stops within the time of one layer.
    """
    thread = threading.get_ident()

    def ask(module: torch.nn.Module, arguments: Any) -> None:
        if threading.get_ident() == thread:
            check()

    handle = register_module_forward_pre_hook(ask)
    try:
        yield
    finally:
        handle.remove()


_heard = threading.local()
_listening = threading.Lock()


@contextmanager
def warnings_heard(told: Callable[[str], None]) -> Iterator[None]:
    """What this thread's work warns of, as lines. `warnings.catch_warnings` would mix the threads up."""
    _listen()
    _heard.told = told
    try:
        yield
    finally:
        _heard.told = None


def _listen() -> None:
    """Let warnings find the thread that they concern; does its work once."""
    with _listening:
        if getattr(warnings.showwarning, "by_thread", False):
            return
        shown = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            told = getattr(_heard, "told", None)
            if told is not None and issubclass(category, UserWarning):
                told(str(message))
            else:
                shown(message, category, filename, lineno, file, line)

        show.by_thread = True  # type: ignore[attr-defined]
        # Python shows a warning of one place only once; each clip has its own.
        warnings.filterwarnings("always", category=UserWarning, module=r"follow_your_click\.")
        warnings.showwarning = show
