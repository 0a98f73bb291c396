"""What a build says about every input and every clip, and the tables that hold it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

SCHEMA_VERSION = 1
"""Of the tables, the manifest and the members of a shard; rises when a reader must change."""

InputStatus = Literal["kept", "dropped", "failed"]
Split = Literal["train", "held_out"]


@dataclass(frozen=True)
class SourceItem:
    """One input: a video or a stretch of one, and what is known about it.

    key: unique in its source, stable between runs. path: the file that holds it. name: what it is called in tables and for the
    hold-out rule. offset, size: where it lies inside a tar, bytes. row: its row in a saved data set. start, end: seconds, a stretch.
    motion_prompts: given by hand; then no captioner is asked. problem: why it cannot be used, known from the listing.
    """

    key: str
    path: str
    name: str
    offset: int | None = None
    size: int | None = None
    row: int | None = None
    start: float | None = None
    end: float | None = None
    caption: str | None = None
    motion_prompts: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    licence: str | None = None
    origin: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class ClipRecord:
    """One clip, kept or dropped. Strengths in px per frame at a short side of 256; areas as shares of the frame.

    dropped: the filter's name and why, or "". picture_hash: hex, see `duplicates`. split, prompts, shard and place are known when all parts are done.
    """

    key: str
    input: str
    name: str
    start_seconds: float
    fps: float
    frame_stride: int
    num_frames: int
    height: int
    width: int
    motion_strength: float
    mask_strength: float
    camera_strength: float
    camera_inliers: float
    area: float
    warp_error: float
    picture_hash: str
    split: Split = "train"
    dropped: str = ""
    detail: str = ""
    caption: str = ""
    motion_prompts: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    caption_source: str = ""
    licence: str = ""
    origin: str = ""
    shard: str = ""
    offset: int = 0
    size: int = 0


@dataclass(frozen=True)
class InputRecord:
    """What became of one input: kept (a clip of it is in the shards), dropped or failed, and why.

    sha256: of the bytes that were read, "" if there were none.
    """

    key: str
    name: str
    status: InputStatus
    reason: str = ""
    detail: str = ""
    sha256: str = ""
    clips: int = 0
    kept: int = 0


@dataclass(frozen=True)
class PartRecord:
    """One finished unit of work: its inputs, its clips, and where in its tar each clip lies (`offset`, `size`)."""

    number: int
    inputs: tuple[InputRecord, ...]
    clips: tuple[ClipRecord, ...]
    tar_bytes: int
    tar_sha256: str
    pictures: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PartRecord:
        """What `to_json` made."""
        return cls(
            number=values["number"],
            inputs=tuple(InputRecord(**record) for record in values["inputs"]),
            clips=tuple(clip_from(record) for record in values["clips"]),
            tar_bytes=values["tar_bytes"],
            tar_sha256=values["tar_sha256"],
            pictures=values["pictures"],
        )


def clip_from(values: dict[str, Any]) -> ClipRecord:
    """A clip record from plain values, lists in the place of tuples."""
    tuples = {name: tuple(values[name]) for name in ("motion_prompts", "objects")}
    return ClipRecord(**{**values, **tuples})


CLIP_COLUMNS = tuple(column.name for column in fields(ClipRecord))
INPUT_COLUMNS = tuple(column.name for column in fields(InputRecord))
