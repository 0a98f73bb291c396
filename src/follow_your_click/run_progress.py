"""How far a run has come: told to whoever asked, and timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.preview import Preview, ShowFrames

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, steps done, steps in all)."""


@dataclass
class RunProgress:
    """Time per stage, and the caller's progress callback."""

    progress: Progress | None
    preview: ShowFrames | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def report(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)

    def frames(self, stage: str, before: int, total: int) -> Callable[[int, int], None]:
        """Reports frames of a stage in which `before` others come first."""
        return lambda done, _: self.report(stage, before + done, total)

    def previewed(self, pipeline: RegionalAnimationPipeline) -> Preview | None:
        return None if self.preview is None else Preview(pipeline, self.preview)

    @contextmanager
    def stage(self, name: str, total: int = 1) -> Iterator[None]:
        self.report(name, 0, total)
        started = time.monotonic()
        yield
        elapsed = time.monotonic() - started
        self.seconds[name] = round(self.seconds.get(name, 0.0) + elapsed, 3)
        self.report(name, total, total)
