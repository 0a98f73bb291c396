"""Captions from text, CSV, JSON lines or Parquet; records to JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from follow_your_click.atomic import whole_file
from follow_your_click.data.captions.schema import MotionCaption
from follow_your_click.errors import MissingExtraError, OutputError, SettingsError

COLUMNS = ("caption", "name", "text", "title", "description")
"""Where captions stand if nobody says so, first found first; WebVid calls them "name"."""

SUFFIXES = (".txt", ".csv", ".jsonl", ".parquet")


def read_captions(path: Path, *, column: str | None = None) -> list[str]:
    """The captions of a file, in its order; an empty cell is an empty caption, an empty line of text is none.

    Args:
        path: .txt (one caption a line), .csv with a header, .jsonl (objects or strings), .parquet.
        column: name of the column or key; the first of `COLUMNS` that is there if left out.

    Raises:
        SettingsError: no such file or column, or not what its suffix says.
        MissingExtraError: Parquet without pyarrow.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SettingsError(f"{path}: got suffix {suffix!r}, expected one of {', '.join(SUFFIXES)}")
    try:
        if suffix == ".parquet":
            return _read_parquet(path, column)
        with path.open(encoding="utf-8-sig", newline="") as file:
            if suffix == ".txt":
                return [line.strip() for line in file if line.strip()]
            rows = csv.DictReader(file) if suffix == ".csv" else _json_lines(path, file)
            return _cells(path, rows, column)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{path} is no {suffix} file in UTF-8: {error}") from error


def _cells(path: Path, rows: Iterable[Any], column: str | None) -> list[str]:
    captions: list[str] = []
    for row in rows:
        if isinstance(row, str):
            captions.append(row)
            continue
        column = column if column in row else _column(path, list(row), column)
        captions.append(_text(row[column]))
    return captions


def _column(path: Path, names: Sequence[str], wanted: str | None) -> str:
    if wanted is None:
        found = next((name for name in COLUMNS if name in names), None)
        if found is not None:
            return found
    expected = repr(wanted) if wanted else f"one of {', '.join(COLUMNS)}, or --column"
    raise SettingsError(f"{path}: got columns {', '.join(map(str, names))}; expected {expected}")


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _json_lines(path: Path, file: TextIO) -> Iterator[Any]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise SettingsError(f"{path}, line {number}: is not JSON: {error}") from error
        if not isinstance(row, str | dict):
            got = type(row).__name__
            raise SettingsError(f"{path}, line {number}: got {got}, expected an object or a string")
        yield row


def _read_parquet(path: Path, column: str | None) -> list[str]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError(
            'Parquet needs pyarrow, which is not installed; pip install "follow-your-click[data]"'
        ) from error
    try:
        names = parquet.read_schema(path).names
        found = column if column in names else _column(path, names, column)
        cells = parquet.read_table(path, columns=[found]).column(found).to_pylist()
    except pyarrow.ArrowException as error:
        raise SettingsError(f"{path} is no Parquet file: {error}") from error
    return [_text(cell) for cell in cells]


@contextmanager
def record_file(path: Path, *, overwrite: bool) -> Iterator[TextIO]:
    """A file for `write_records`: under a temporary name until the block has ended well, then moved into place.

    Raises:
        OutputError: the file exists, or its folder does not, or cannot be written.
    """
    if path.is_dir() or (path.exists() and not overwrite):
        raise OutputError(f"{path} exists; give another name, or --overwrite to replace it")
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        yield file


def write_records(records: Iterable[MotionCaption], file: TextIO) -> None:
    """One JSON object per line."""
    file.writelines(record.model_dump_json() + "\n" for record in records)
