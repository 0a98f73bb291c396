"""The first half of a build: units of work of some inputs each, done once, kept until all of them are.

A part is a tar with the clips that its inputs gave and a record, both moved into place when whole, the record last: a part with a
record is never done again. Layout below OUT/work: plan.json, part-00000.tar, part-00000.json, ...
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from follow_your_click.atomic import TEMPORARY, whole_file
from follow_your_click.data.engine.config import BuildConfig
from follow_your_click.data.engine.process import ItemResult, renamed
from follow_your_click.data.engine.records import SCHEMA_VERSION, PartRecord, SourceItem
from follow_your_click.data.engine.shards import (
    file_sha256,
    write_tar,
)
from follow_your_click.errors import SettingsError

PICTURES_PER_REASON = 2  # of dropped clips, kept by each part for the report
KEY_DIGITS = 8


@dataclass(frozen=True)
class Part:
    """Some inputs in a row; `first` is the place of the first of them in the source."""

    number: int
    first: int
    items: tuple[SourceItem, ...]


@dataclass(frozen=True)
class Plan:
    """What is to be built, and where."""

    source: str
    config: BuildConfig
    items: tuple[SourceItem, ...]
    out: Path

    @property
    def work(self) -> Path:
        """The folder of what is unfinished."""
        return self.out / "work"

    def parts(self) -> list[Part]:
        """All units of work."""
        size = self.config.shards.inputs_per_part
        return [
            Part(number, first, self.items[first : first + size])
            for number, first in enumerate(range(0, len(self.items), size))
        ]

    def identity(self) -> dict[str, object]:
        """What must be the same for work to be gone on with."""
        digest = hashlib.sha256()
        for item in self.items:
            # Not where the files lie: the same source mounted elsewhere is the same source.
            facts = {**asdict(item), "path": Path(item.path).name}
            digest.update(json.dumps(facts, sort_keys=True).encode())
        return {
            "schema_version": SCHEMA_VERSION,
            "config": self.config.model_dump(mode="json"),
            "input_count": len(self.items),
            "inputs_sha256": digest.hexdigest(),
        }


def open_plan(plan: Plan) -> None:
    """Begin a build, or go on with it: what other runs left half-written is removed.

    Raises:
        SettingsError: the folder holds an unfinished build of something else.
    """
    plan.work.mkdir(parents=True, exist_ok=True)
    for left in (*plan.out.glob(f".*{TEMPORARY}*"), *plan.out.glob(f"*/.*{TEMPORARY}*")):
        left.unlink(missing_ok=True)
    file = plan.work / "plan.json"
    identity = plan.identity()
    if file.is_file():
        if json.loads(file.read_text(encoding="utf-8")) != identity:
            raise SettingsError(
                f"{plan.out} holds an unfinished build with other settings or inputs; "
                "give the same ones, another folder, or --overwrite"
            )
        return
    write_json(file, identity)


def unfinished(plan: Plan) -> list[Part]:
    """The parts that have no record yet."""
    return [part for part in plan.parts() if not part_record(plan.work, part.number).is_file()]


def part_record(work: Path, number: int) -> Path:
    """Where a part's record lies."""
    return work / f"part-{number:05d}.json"


def part_tar(work: Path, number: int) -> Path:
    """Where a part's clips lie."""
    return work / f"part-{number:05d}.tar"


def write_part(work: Path, part: Part, results: Sequence[ItemResult]) -> PartRecord:
    """Write what became of a part's inputs, clips first, record last."""
    inputs, clips, pictures = [], [], {}
    shown: dict[str, int] = {}
    for place, result in enumerate(results, start=part.first):
        inputs.append(result.record)
        for output in result.clips:
            clip = renamed(output, f"{place:0{KEY_DIGITS}d}-{output.record.key}")
            clips.append(clip)
            reason = clip.record.dropped
            if clip.picture and shown.get(reason, 0) < PICTURES_PER_REASON:
                shown[reason] = shown.get(reason, 0) + 1
                pictures[clip.record.key] = clip.picture
    tar = part_tar(work, part.number)
    alive = [clip for clip in clips if not clip.record.dropped]
    spans = write_tar(tar, ((clip.record.key, clip.members) for clip in alive))
    places = {clip.record.key: span for clip, span in zip(alive, spans, strict=True)}
    records = []
    for clip in clips:
        span = places.get(clip.record.key)
        records.append(
            clip.record
            if span is None
            else replace(clip.record, offset=span.offset, size=span.size)
        )
    record = PartRecord(
        number=part.number,
        inputs=tuple(inputs),
        clips=tuple(records),
        tar_bytes=tar.stat().st_size,
        tar_sha256=file_sha256(tar),
        pictures=pictures,
    )
    write_json(part_record(work, part.number), record.to_json())
    return record


def read_parts(plan: Plan) -> list[PartRecord]:
    """The records of all parts, in order; all must be done."""
    return [
        PartRecord.from_json(
            json.loads(part_record(plan.work, part.number).read_text(encoding="utf-8"))
        )
        for part in plan.parts()
    ]


def write_json(file: Path, values: object) -> None:
    """Whole or not at all, keys sorted."""
    with whole_file(file) as temporary:
        text = json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
