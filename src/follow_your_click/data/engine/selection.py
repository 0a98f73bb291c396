"""The middle of a build: which clips of all parts are kept, what they are called to do, and in which shard they go."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from follow_your_click.data.engine.captioning import describe_all, motion_captioner
from follow_your_click.data.engine.config import BuildConfig
from follow_your_click.data.engine.duplicates import find_duplicates
from follow_your_click.data.engine.records import ClipRecord, InputRecord, PartRecord
from follow_your_click.data.engine.staging import Plan, write_json

NO_PROMPT = "no_motion_prompt"
DUPLICATE = "duplicate"
NONE_KEPT = "no clip kept"


@dataclass(frozen=True)
class Selected:
    """A clip that is kept, and the part in which it waits."""

    record: ClipRecord
    part: int


@dataclass(frozen=True)
class Selection:
    """The outcome: clips by shard, in order; dropped clips; every input with its final status."""

    shards: tuple[tuple[Selected, ...], ...]
    dropped: tuple[ClipRecord, ...]
    inputs: tuple[InputRecord, ...]


def caption_records(plan: Plan, parts: Sequence[PartRecord]) -> Mapping[str, dict[str, Any]]:
    """Motion captions of all captions that need one; asked for once and kept in OUT/work/captions.json."""
    file = plan.work / "captions.json"
    if file.is_file():
        kept: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        return kept
    wanted = {
        clip.caption
        for part in parts
        for clip in part.clips
        if not clip.dropped and clip.caption and not clip.motion_prompts
    }
    captioner = motion_captioner(plan.config.captions, plan.work) if wanted else None
    found = describe_all(sorted(wanted), captioner) if captioner is not None else {}
    write_json(file, found)
    return found


def select(
    parts: Sequence[PartRecord], config: BuildConfig, captions: Mapping[str, dict[str, Any]]
) -> Selection:
    """Drop duplicates, put motion prompts in, spread the rest over shards. Depends on its arguments alone."""
    # Brings torch along, which the processes of the first half do without.
    from follow_your_click.data.photos import is_held_out

    clips = [(captioned(clip, captions), part.number) for part in parts for clip in part.clips]
    clips = [
        (replace(clip, split="held_out") if is_held_out(clip.name) else clip, number)
        for clip, number in clips
    ]
    alive = [index for index, (clip, _) in enumerate(clips) if not clip.dropped]
    if config.captions.require_motion_prompt:
        for index in alive:
            clip, number = clips[index]
            if not clip.motion_prompts:
                why = "its caption names no motion" if clip.caption else "it has no caption"
                clips[index] = replace(clip, dropped=NO_PROMPT, detail=why), number
        alive = [index for index in alive if not clips[index][0].dropped]
    limit = config.duplicates.max_distance
    if limit is not None:
        hashes = [clips[index][0].picture_hash for index in alive]
        for repeated, first in find_duplicates(hashes, max_distance=limit).items():
            clip, number = clips[alive[repeated]]
            detail = f"shows what {clips[alive[first]][0].key} shows"
            clips[alive[repeated]] = replace(clip, dropped=DUPLICATE, detail=detail), number
    kept = [Selected(clip, number) for clip, number in clips if not clip.dropped]
    if config.shards.shuffle_seed is not None:
        kept.sort(key=lambda one: _draw(config.shards.shuffle_seed, one.record.key))
    size = config.shards.clips_per_shard
    return Selection(
        shards=tuple(tuple(kept[first : first + size]) for first in range(0, len(kept), size)),
        dropped=tuple(replace(clip, offset=0, size=0) for clip, _ in clips if clip.dropped),
        inputs=tuple(_inputs(parts, [clip for clip, _ in clips])),
    )


def captioned(clip: ClipRecord, captions: Mapping[str, dict[str, Any]]) -> ClipRecord:
    """The clip with the motion prompts of its caption, unless it has some."""
    found = captions.get(clip.caption)
    if clip.motion_prompts or found is None:
        return clip
    return replace(
        clip,
        motion_prompts=tuple(found["motion_prompts"]),
        objects=clip.objects or tuple(found["objects"]),
        caption_source=str(found["source"]),
    )


def _inputs(parts: Sequence[PartRecord], clips: Sequence[ClipRecord]) -> list[InputRecord]:
    kept: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for clip in clips:
        if clip.dropped:
            reasons.setdefault(clip.input, Counter())[clip.dropped] += 1
        else:
            kept[clip.input] += 1
    found = []
    for record in (record for part in parts for record in part.inputs):
        if record.status != "kept":
            found.append(record)
        elif kept[record.key]:
            found.append(replace(record, kept=kept[record.key]))
        else:
            counted = sorted(reasons[record.key].items(), key=lambda pair: (-pair[1], pair[0]))
            detail = ", ".join(f"{reason} {count}" for reason, count in counted)
            found.append(
                replace(
                    record,
                    status="dropped",
                    reason=counted[0][0],
                    detail=f"{NONE_KEPT} of {record.clips}: {detail}",
                )
            )
    return found


def _draw(seed: int | None, key: str) -> bytes:
    return hashlib.sha256(f"{seed} {key}".encode()).digest()
