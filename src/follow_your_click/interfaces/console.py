"""What a command says: its result on stdout, progress and warnings on stderr."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO

import typer

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, steps done, steps in all)."""


@dataclass(frozen=True)
class Result:
    """What a command reports: paths written, seconds by stage, and the settings that were used."""

    files: dict[str, str]
    seconds: dict[str, float]
    settings: dict[str, Any]


def say(line: str) -> None:
    """One line on stderr, whatever line breaks the text holds."""
    typer.echo(f"fyc: {' '.join(line.split())}", err=True)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Stands in for `warnings.showwarning`: a person wants the sentence, not the source line."""
    say(f"warning: {message}")


def report(result: Result, *, json_line: bool) -> None:
    """The result on stdout: one line of JSON, or one path per line."""
    if json_line:
        typer.echo(json.dumps(vars(result)))
    else:
        typer.echo("\n".join(result.files.values()))


@contextlib.contextmanager
def show_progress(*, bars: bool) -> Iterator[Progress]:
    """A function that shows progress on stderr: a bar per stage, or one line per finished stage."""
    if not bars:
        yield _line_per_stage()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:>8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    tasks = {}
    with Bars(*columns, console=Console(stderr=True), redirect_stdout=False) as shown:

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = shown.add_task(stage, total=total)
            shown.update(tasks[stage], completed=done, total=total)

        yield update


def _line_per_stage() -> Progress:
    since = time.monotonic()

    def update(stage: str, done: int, total: int) -> None:
        nonlocal since
        if done >= total:
            now = time.monotonic()
            say(f"{stage} {done}/{total}, {now - since:.1f} s")
            since = now

    return update
