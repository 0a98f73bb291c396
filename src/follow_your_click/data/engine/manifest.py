"""What a finished build says about itself: Parquet tables, and a manifest with counts and hashes.

OUT/index.parquet has a row for every clip in the shards, dropped.parquet for every other clip, inputs.parquet for every input.
OUT/manifest.json is written last: a folder that has it is whole.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from follow_your_click.atomic import whole_file
from follow_your_click.data.engine.records import (
    CLIP_COLUMNS,
    INPUT_COLUMNS,
    SCHEMA_VERSION,
    ClipRecord,
    InputRecord,
)
from follow_your_click.data.engine.selection import Selection
from follow_your_click.data.engine.shards import file_sha256
from follow_your_click.data.engine.staging import Plan, write_json
from follow_your_click.data.engine.tables import DATA_EXTRA
from follow_your_click.errors import MissingExtraError, OutputError

MANIFEST = "manifest.json"
INDEX = "index.parquet"
DROPPED = "dropped.parquet"
INPUTS = "inputs.parquet"
KIND = "follow-your-click motion clips"
_INTEGERS = frozenset(
    {"frame_stride", "num_frames", "height", "width", "offset", "size", "clips", "kept"}
)
_REALS = frozenset(
    {
        *("start_seconds", "fps", "motion_strength", "mask_strength", "camera_strength"),
        *("camera_inliers", "area", "warp_error"),
    }
)
_LISTS = frozenset({"motion_prompts", "objects"})


def write_tables(out: Path, selection: Selection, clips: Sequence[ClipRecord]) -> None:
    """The three tables."""
    _write_parquet(out / INDEX, CLIP_COLUMNS, clips)
    _write_parquet(out / DROPPED, CLIP_COLUMNS, selection.dropped)
    _write_parquet(out / INPUTS, INPUT_COLUMNS, selection.inputs)


def write_manifest(
    plan: Plan, selection: Selection, shards: list[dict[str, Any]], *, files: Iterable[str]
) -> dict[str, Any]:
    """Write the manifest, given the facts of the shards and the names of the other files."""
    counts = Counter(record.status for record in selection.inputs)
    values = {
        "kind": KIND,
        **plan.identity(),
        "source": plan.source,
        "inputs": {
            "total": len(selection.inputs),
            **{status: counts[status] for status in ("kept", "dropped", "failed")},
            "reasons": _reasons(record.reason for record in selection.inputs),
        },
        "clips": {
            "kept": sum(shard["clips"] for shard in shards),
            "dropped": len(selection.dropped),
            "reasons": _reasons(record.dropped for record in selection.dropped),
        },
        "shards": shards,
        "files": {name: file_sha256(plan.out / name) for name in sorted(files)},
    }
    write_json(plan.out / MANIFEST, values)
    return values


def read_manifest(out: Path, *, kind: str = KIND) -> dict[str, Any]:
    """The manifest of a finished build, or of what was made of one.

    Raises:
        OutputError: there is none, or one of another kind or version.
    """
    try:
        values: dict[str, Any] = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        version = values["schema_version"]
        found = values["kind"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{out} holds no finished build: no readable {MANIFEST}; run fyc data build first"
        ) from error
    if found != kind:
        raise OutputError(f"{out} holds {found!r}; expected {kind!r}")
    if version != SCHEMA_VERSION:
        raise OutputError(
            f"{out} has schema version {version}, expected {SCHEMA_VERSION}: build it again"
        )
    return values


def verify(out: Path) -> list[str]:
    """What differs from the manifest, one line each: missing or changed files. Empty for a whole build."""
    manifest = read_manifest(out)
    expected = {shard["name"]: shard["sha256"] for shard in manifest["shards"]}
    expected |= manifest["files"]
    problems = []
    for name, digest in sorted(expected.items()):
        if not (out / name).is_file():
            problems.append(f"{name} is missing")
        elif file_sha256(out / name) != digest:
            problems.append(f"{name} has changed")
    return problems


def _reasons(reasons: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(reason for reason in reasons if reason).items()))


def _write_parquet(
    file: Path, columns: Sequence[str], records: Sequence[ClipRecord] | Sequence[InputRecord]
) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError(DATA_EXTRA) from error
    schema = pyarrow.schema([(name, _type_of(pyarrow, name)) for name in columns])
    rows = [asdict(record) for record in records]
    with whole_file(file) as temporary:
        table = pyarrow.Table.from_pylist(rows, schema=schema)
        parquet.write_table(table, temporary, compression="zstd")


def _type_of(pyarrow: Any, name: str) -> Any:
    if name in _INTEGERS:
        return pyarrow.int64()
    if name in _REALS:
        return pyarrow.float64()
    return pyarrow.list_(pyarrow.string()) if name in _LISTS else pyarrow.string()
