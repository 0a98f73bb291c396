"""Captions from CSV and Parquet, in the column layouts that video data sets come with.

| data set | video | caption | stretch |
| --- | --- | --- | --- |
| WebVid | page_dir, videoid (`page_dir/videoid.mp4`) | name | - |
| OpenVid | video | caption | - |
| Panda | videoID (`videoID.mp4`) | caption, a list, one for each stretch | timestamp, a list of [start, end] |
| one's own | path, file, filename, video | caption, text | start, end |

`motion_prompt`, `object`, `licence` and `source` are read where they are. A list is a real one (Parquet) or written as Python or
JSON writes it (CSV).
"""

from __future__ import annotations

import ast
import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from follow_your_click.errors import MissingExtraError, SettingsError

PATH_COLUMNS = ("path", "file", "filename", "video", "video_path")
ID_COLUMNS = ("videoid", "video_id")
CAPTION_COLUMNS = ("caption", "text", "name", "title", "prompt")
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
DATA_EXTRA = "this needs more libraries: pip install 'follow-your-click[data]'"


@dataclass(frozen=True)
class TableRow:
    """One video, or one stretch of it, as a table names it. `file` is relative to the videos' folder."""

    file: str
    caption: str | None
    start: float | None
    end: float | None
    motion_prompts: tuple[str, ...]
    objects: tuple[str, ...]
    licence: str | None
    origin: str | None


def read_table(path: Path) -> list[TableRow]:
    """All rows of a CSV, TSV or Parquet file, stretches apart.

    Raises:
        SettingsError: the file cannot be read, or has no column that names a video.
        MissingExtraError: Parquet without pyarrow.
    """
    rows = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    found: list[TableRow] = []
    for number, values in enumerate(rows):
        row = {str(name).strip().lower(): value for name, value in values.items()}
        if number == 0 and not set(row) & {*PATH_COLUMNS, *ID_COLUMNS}:
            raise SettingsError(
                f"{path} has the columns {', '.join(row)}; expected one of "
                f"{', '.join((*PATH_COLUMNS, *ID_COLUMNS))} that names the video"
            )
        found += _stretches(row)
    return found


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(1 << 24)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{path} cannot be read as a table: {error}; give a CSV") from error


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise MissingExtraError(DATA_EXTRA) from error
    try:
        with parquet.ParquetFile(path) as file:
            # The pictures of a table with videos inside are not captions: they would not fit into memory.
            wanted = [f.name for f in file.schema_arrow if "binary" not in str(f.type)]
            for batch in file.iter_batches(columns=wanted):
                yield from batch.to_pylist()
    except (OSError, ArrowInvalid) as error:
        raise SettingsError(f"{path} cannot be read as Parquet: {error}") from error


def _stretches(row: dict[str, Any]) -> list[TableRow]:
    caption = _first(row, CAPTION_COLUMNS)
    stamps = _listed(row.get("timestamp"))
    captions = _listed(caption) if stamps else [caption]
    common: dict[str, Any] = {
        "file": _file_of(row),
        "motion_prompts": _texts(row.get("motion_prompts") or row.get("motion_prompt")),
        "objects": _texts(row.get("objects") or row.get("object")),
        "licence": _text(row.get("licence") or row.get("license")),
        "origin": _text(row.get("source") or row.get("contenturl") or row.get("url")),
    }
    if not stamps:
        start, end = _seconds(row.get("start")), _seconds(row.get("end"))
        return [TableRow(caption=_text(caption), start=start, end=end, **common)]
    found = []
    for number, stamp in enumerate(stamps):
        start, end = (_seconds(value) for value in (list(_listed(stamp)) + [None, None])[:2])
        text = _text(captions[number]) if number < len(captions) else None
        found.append(TableRow(caption=text, start=start, end=end, **common))
    return found


def _file_of(row: dict[str, Any]) -> str:
    named = _text(_first(row, PATH_COLUMNS))
    if named is not None:
        return named
    identity = _text(_first(row, ID_COLUMNS)) or ""
    folder = _text(row.get("page_dir"))
    return (f"{folder}/" if folder else "") + f"{identity}.mp4"


def _first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return [value] if value else []
    return list(value) if isinstance(value, list | tuple) else []


def _texts(value: Any) -> tuple[str, ...]:
    """One phrase, several apart by "|", or a list."""
    parts = value if isinstance(value, list | tuple) else str(value or "").split("|")
    return tuple(text for text in (str(part).strip() for part in parts) if text)


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None


def _seconds(value: Any) -> float | None:
    """Seconds, also of "0:01:02.5" as Panda writes it."""
    if value in (None, ""):
        return None
    try:
        total = 0.0
        for part in str(value).split(":"):
            total = 60 * total + float(part)
    except ValueError:
        return None
    return total if math.isfinite(total) and total >= 0 else None
