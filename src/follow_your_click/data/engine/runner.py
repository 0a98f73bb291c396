"""A whole build: stage parts, select clips, pack shards, write tables, report and manifest. Run again, it goes on where it stopped.

What is written depends on source and config alone, neither on the engine nor on the number of workers, nor on how often the build was
killed.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from follow_your_click.data.engine import manifest as tables
from follow_your_click.data.engine.config import BuildConfig
from follow_your_click.data.engine.packing import SHARD_FOLDER, pack_shard, read_shards, unpacked
from follow_your_click.data.engine.pool import Pool
from follow_your_click.data.engine.report import REPORT, write_report
from follow_your_click.data.engine.selection import Selection, caption_records, select
from follow_your_click.data.engine.sources import list_source
from follow_your_click.data.engine.staging import (
    Part,
    Plan,
    open_plan,
    read_parts,
    unfinished,
    write_part,
)
from follow_your_click.errors import OutputError, SettingsError

Task = TypeVar("Task")
EngineName = Literal["local", "ray"]
Progress = Callable[[str, int, int], None]
"""Called as progress(stage, steps done, steps in all)."""


class Engine(Protocol):
    """Where the work runs. Both calls return when all of it is done and on disk."""

    def stage(self, plan: Plan, parts: list[Part], done: Callable[[], None]) -> dict[str, float]:
        """Work on parts; the seconds that each step took, summed over all processes."""
        ...

    def pack(
        self, plan: Plan, selection: Selection, numbers: list[int], done: Callable[[], None]
    ) -> None:
        """Write these shards."""
        ...


@dataclass(frozen=True)
class BuildResult:
    """A finished build. seconds: by step, summed over processes; empty for what was done before."""

    out: Path
    manifest: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)


class LocalEngine:
    """Processes of this machine.

    Args:
        workers: how many work on inputs.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise SettingsError(f"got {workers} workers; expected at least 1")
        self.workers = workers

    def stage(self, plan: Plan, parts: list[Part], done: Callable[[], None]) -> dict[str, float]:
        seconds: Counter[str] = Counter()
        lock = threading.Lock()
        with Pool(plan.config, workers=self.workers) as pool:

            def work(part: Part) -> None:
                results = pool.results(part.items)
                write_part(plan.work, part, results)
                with lock:
                    for result in results:
                        seconds.update(result.seconds)

            # One part more than workers, so that none waits for a part's last input.
            _each(parts, work, threads=self.workers + 1, done=done)
        return dict(seconds)

    def pack(
        self, plan: Plan, selection: Selection, numbers: list[int], done: Callable[[], None]
    ) -> None:
        def work(number: int) -> None:
            pack_shard(plan.out, plan.work, number, selection.shards[number])

        _each(numbers, work, threads=self.workers, done=done)


def build(
    source: str,
    out: Path,
    config: BuildConfig,
    *,
    root: Path | None = None,
    captions: Path | None = None,
    engine: EngineName = "local",
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> BuildResult:
    """Make training shards of a source.

    Args:
        source, root, captions: see `sources.list_source`.
        out: the folder to write; finished, the same call returns at once.
        engine: "local", or "ray" for Ray Data. workers: processes, or Ray's actors.
        overwrite: begin anew whatever is there.

    Raises:
        SettingsError: nothing in the source, or a folder with another build.
        OutputError: the folder cannot be written, or holds another finished build.
        MissingExtraError: a library of the extra "data" or "ray" is not installed.
    """
    items = list_source(source, root=root, captions=captions)
    plan = Plan(source, config, tuple(items), out)
    progress("list", len(items), len(items))
    _check_out(out)
    if overwrite:
        _clear(out)
    with _alone(out):
        if (out / tables.MANIFEST).is_file():
            return _finished(plan)
        open_plan(plan)
        runs = _engine(engine, workers)
        parts, staged = unfinished(plan), len(plan.parts())
        count = _Counted("stage", staged, staged - len(parts), progress)
        seconds = runs.stage(plan, parts, count) if parts else {}
        records = read_parts(plan)
        selection = select(records, config, caption_records(plan, records))
        progress("select", 1, 1)
        numbers, shards = unpacked(plan, selection), len(selection.shards)
        count = _Counted("pack", shards, shards - len(numbers), progress)
        if numbers:
            runs.pack(plan, selection, numbers, count)
        facts, clips = read_shards(plan, selection)
        tables.write_tables(out, selection, clips)
        write_report(plan, selection, clips, records)
        files = (tables.INDEX, tables.DROPPED, tables.INPUTS, REPORT)
        written = tables.write_manifest(plan, selection, facts, files=files)
        shutil.rmtree(plan.work)
        progress("report", 1, 1)
        return BuildResult(out, written, seconds)


def _finished(plan: Plan) -> BuildResult:
    manifest = tables.read_manifest(plan.out)
    identity = plan.identity()
    if any(manifest[key] != value for key, value in identity.items()):
        raise OutputError(
            f"{plan.out} holds a finished build of other inputs or settings; "
            "give another folder, or --overwrite"
        )
    # Killed between the manifest and this.
    shutil.rmtree(plan.work, ignore_errors=True)
    return BuildResult(plan.out, manifest)


def _engine(name: EngineName, workers: int) -> Engine:
    if name == "ray":
        from follow_your_click.data.engine.ray_engine import RayEngine

        return RayEngine(workers)
    return LocalEngine(workers)


class _Counted:
    """Tells progress how many are done."""

    def __init__(self, stage: str, total: int, done: int, progress: Progress) -> None:
        self._stage, self._total, self._done, self._progress = stage, total, done, progress
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._done += 1
            self._progress(self._stage, self._done, self._total)


def _each(
    tasks: list[Task], work: Callable[[Task], None], *, threads: int, done: Callable[[], None]
) -> None:
    """Run all tasks, `threads` at a time; the first error ends it."""
    left = iter(tasks)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        running: set[Future[None]] = set()
        while True:
            for task in left:
                running.add(pool.submit(work, task))
                if len(running) >= threads:
                    break
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                done()


def _check_out(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error.strerror}") from error
    ours = {"work", SHARD_FOLDER, tables.MANIFEST, REPORT, tables.INDEX, tables.DROPPED}
    ours |= {tables.INPUTS, ".lock"}
    foreign = sorted(p.name for p in out.iterdir() if p.name not in ours and p.name[0] != ".")
    if foreign:
        raise OutputError(f"{out} holds other things ({foreign[0]}); give a new or empty folder")


def _clear(out: Path) -> None:
    for name in ("work", SHARD_FOLDER):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in (tables.MANIFEST, REPORT, tables.INDEX, tables.DROPPED, tables.INPUTS):
        (out / name).unlink(missing_ok=True)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Two builds at once in one folder would take each other's files away. The lock ends with its process, however it ends."""
    try:
        import fcntl
    except (
        ImportError
    ):  # not a POSIX system: nothing to lock with that a killed process would let go
        yield
        return
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"another build is running in {out}; wait for it") from None
        try:
            yield
        finally:
            (out / ".lock").unlink(missing_ok=True)
