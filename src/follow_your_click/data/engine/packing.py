"""The last half of a build: kept clips out of the parts into the final shards, each shard once."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from follow_your_click.data.engine.encode import FACTS
from follow_your_click.data.engine.records import ClipRecord, clip_from
from follow_your_click.data.engine.selection import Selected, Selection
from follow_your_click.data.engine.shards import TarSpan, file_sha256, read_sample, write_tar
from follow_your_click.data.engine.staging import Plan, part_tar, write_json

SHARD_FOLDER = "shards"
PLACE_COLUMNS = ("shard", "offset", "size", "dropped", "detail")


def shard_name(number: int) -> str:
    """File name of a shard."""
    return f"clips-{number:06d}.tar"


def shard_record(work: Path, number: int) -> Path:
    """Where the record of a finished shard lies until the build is done."""
    return work / f"shard-{number:06d}.json"


def unpacked(plan: Plan, selection: Selection) -> list[int]:
    """The shards that have no record yet."""
    numbers = range(len(selection.shards))
    return [number for number in numbers if not shard_record(plan.work, number).is_file()]


def pack_shard(out: Path, work: Path, number: int, clips: tuple[Selected, ...]) -> None:
    """Write one shard and, last, its record."""
    name = shard_name(number)
    target = out / SHARD_FOLDER / name
    target.parent.mkdir(exist_ok=True)

    def samples() -> Any:
        for clip in clips:
            record = clip.record
            members = read_sample(part_tar(work, clip.part), TarSpan(record.offset, record.size))
            yield record.key, {**members, FACTS: clip_facts(record)}

    spans = write_tar(target, samples())
    placed = [
        replace(clip.record, shard=name, offset=span.offset, size=span.size)
        for clip, span in zip(clips, spans, strict=True)
    ]
    facts = {
        "shard": {
            "name": f"{SHARD_FOLDER}/{name}",
            "clips": len(placed),
            "bytes": target.stat().st_size,
            "sha256": file_sha256(target),
        },
        "clips": [asdict(record) for record in placed],
    }
    write_json(shard_record(work, number), facts)


def read_shards(plan: Plan, selection: Selection) -> tuple[list[dict[str, Any]], list[ClipRecord]]:
    """Facts of all shards, and the kept clips with their places, in order."""
    shards, clips = [], []
    for number in range(len(selection.shards)):
        facts = json.loads(shard_record(plan.work, number).read_text(encoding="utf-8"))
        shards.append(facts["shard"])
        clips += [clip_from(values) for values in facts["clips"]]
    return shards, clips


def clip_facts(record: ClipRecord) -> bytes:
    """The sample's .json: the record without what only the tables need."""
    values = {name: v for name, v in asdict(record).items() if name not in PLACE_COLUMNS}
    return json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()
