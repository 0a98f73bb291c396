"""The same build on a cluster, by Ray Data: actors that decode on CPUs, actors that measure where the flow runs.

All machines must see OUT and the source under the same path. A part whose actor dies is done again by Ray; a build that dies goes on
where it stopped, as everywhere. What is on the way from one actor to the next is a part's frames: with long clips or large frames,
take `shards.inputs_per_part` smaller.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from follow_your_click.data.engine.config import BuildConfig
from follow_your_click.data.engine.packing import pack_shard
from follow_your_click.data.engine.pool import Measurer, Pool
from follow_your_click.data.engine.selection import Selection
from follow_your_click.data.engine.staging import Part, Plan, write_part
from follow_your_click.errors import MissingExtraError, SettingsError

RAY_EXTRA = "--engine ray needs Ray Data: pip install 'follow-your-click[ray]'"
MIN_CPU_SHARE = 0.1  # of a CPU that an actor books
READ_CPUS = (
    1.0  # left free: actors that book all of them starve Ray's own reading, which then never starts
)


class RayEngine:
    """Ray Data; starts Ray on this machine unless a cluster is connected already.

    Args:
        workers: actors of each kind.

    Raises:
        MissingExtraError: Ray is not installed.
    """

    def __init__(self, workers: int) -> None:
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise MissingExtraError(RAY_EXTRA) from error
        if workers < 1:
            raise SettingsError(f"got {workers} workers; expected at least 1")
        self.workers = workers
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="warning")
        ray.data.DataContext.get_current().enable_progress_bars = False
        spare = float(ray.cluster_resources().get("CPU", 1)) - READ_CPUS
        self._share = min(1.0, max(MIN_CPU_SHARE, spare / (2 * workers)))

    def stage(self, plan: Plan, parts: list[Part], done: Callable[[], None]) -> dict[str, float]:
        import ray.data

        on_gpu = plan.config.flow.method == "raft" and plan.config.flow.device != "cpu"
        rows = [{"part": pickle.dumps(part)} for part in parts]
        finished = (
            ray.data.from_items(rows, override_num_blocks=len(rows))
            .map(
                _Decode,
                fn_constructor_args=(plan.config,),
                concurrency=self.workers,
                num_cpus=self._share,
            )
            .map(
                _Measure,
                fn_constructor_args=(plan.config, str(plan.work.resolve())),
                concurrency=self.workers,
                num_cpus=self._share,
                num_gpus=1 if on_gpu else 0,
            )
        )
        seconds: Counter[str] = Counter()
        for row in finished.iter_rows():
            seconds.update(pickle.loads(row["seconds"]))
            done()
        return dict(seconds)

    def pack(
        self, plan: Plan, selection: Selection, numbers: list[int], done: Callable[[], None]
    ) -> None:
        import ray.data

        rows = [{"task": pickle.dumps((n, selection.shards[n]))} for n in numbers]
        out, work = str(plan.out.resolve()), str(plan.work.resolve())

        def work_on(row: dict[str, Any]) -> dict[str, Any]:
            number, clips = pickle.loads(row["task"])
            pack_shard(Path(out), Path(work), number, clips)
            return {"number": number}

        packed = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            work_on, num_cpus=self._share
        )
        for _ in packed.iter_rows():
            done()


class _Decode:
    """An actor with a process of its own to decode in, which may hang or crash."""

    def __init__(self, config: BuildConfig) -> None:
        self._pool = Pool(config, workers=1, measures=False)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        part: Part = pickle.loads(row["part"])
        return {"part": row["part"], "decoded": pickle.dumps(self._pool.results(part.items))}


class _Measure:
    """An actor that measures a part's clips and writes the part."""

    def __init__(self, config: BuildConfig, work: str) -> None:
        self._measurer = Measurer(config)
        self._work = Path(work)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        part: Part = pickle.loads(row["part"])
        results = [self._measurer.measure(decoded) for decoded in pickle.loads(row["decoded"])]
        write_part(self._work, part, results)
        seconds: Counter[str] = Counter()
        for result in results:
            seconds.update(result.seconds)
        return {"number": part.number, "seconds": pickle.dumps(dict(seconds))}
