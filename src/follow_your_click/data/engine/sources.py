"""Where videos come from: a folder, a table, WebDataset shards, or a data set of the Hugging Face library.

Every source becomes one list of `SourceItem`, sorted and with unique keys, the same in every run.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from follow_your_click.data.engine.records import SourceItem
from follow_your_click.data.engine.tables import DATA_EXTRA, TABLE_SUFFIXES, TableRow, read_table
from follow_your_click.errors import MissingExtraError, SettingsError

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"),
    *(".ts", ".wmv", ".flv", ".ogv", ".gif", ".3gp"),
)
HUGGING_FACE = "hf:"
KINDS = (
    "a folder of videos, a CSV or Parquet table, a .tar or a folder of them, a data set saved by the "
    "datasets library, or hf:NAME[:SPLIT]"
)


def list_source(
    source: str, *, root: Path | None = None, captions: Path | None = None
) -> list[SourceItem]:
    """Every input of a source.

    Args:
        source: one of `KINDS`. Beside a video of a folder, a .txt of the same name is its caption.
        root: the folder that a table's paths start from; the table's own if left out.
        captions: a table with captions for the videos of a folder or of shards, matched by file name.

    Raises:
        SettingsError: nothing there, or nothing in it.
        MissingExtraError: a source that needs the extra "data".
    """
    items = _listed(source, root)
    if not items:
        raise SettingsError(f"{source} holds no video; expected {KINDS}")
    if captions is not None:
        items = _with_captions(items, read_table(captions))
    return _unique(items)


def _listed(source: str, root: Path | None) -> list[SourceItem]:
    if source.startswith(HUGGING_FACE):
        return _hugging_face(source)
    path = Path(source).expanduser()
    if not path.exists():
        raise SettingsError(f"{source} does not exist; expected {KINDS}")
    if path.is_file() and path.suffix in TABLE_SUFFIXES:
        folder = path.parent if root is None else root
        if not folder.is_dir():
            raise SettingsError(f"--root {folder} is not a folder; expected that of the videos")
        return [_of_row(row, folder) for row in read_table(path)]
    if path.is_file() and path.suffix == ".tar":
        return _tar_items([path])
    if path.is_file():
        return [_of_file(path, path.parent)]
    if (path / "dataset_info.json").is_file():
        return _hugging_face(source)
    tars = sorted(path.glob("*.tar"))
    if tars:
        return _tar_items(tars)
    files = (file for file in path.rglob("*") if file.suffix.lower() in VIDEO_SUFFIXES)
    return [_of_file(file, path) for file in sorted(files) if file.is_file()]


def _of_file(file: Path, root: Path) -> SourceItem:
    sidecar = file.with_suffix(".txt")
    caption = None
    if sidecar.is_file():
        caption = sidecar.read_text(encoding="utf-8", errors="replace").strip() or None
    return SourceItem(
        file.relative_to(root).as_posix(), str(file.resolve()), file.name, caption=caption
    )


def _of_row(row: TableRow, root: Path) -> SourceItem:
    file = root / row.file
    stretch = (
        "" if row.start is None and row.end is None else f"@{row.start or 0:g}-{row.end or 0:g}"
    )
    return SourceItem(
        key=row.file + stretch,
        path=str(file.resolve()),
        name=file.name,
        start=row.start,
        end=row.end,
        caption=row.caption,
        motion_prompts=row.motion_prompts,
        objects=row.objects,
        licence=row.licence,
        origin=row.origin,
    )


def _with_captions(items: list[SourceItem], rows: Iterable[TableRow]) -> list[SourceItem]:
    by_name: dict[str, TableRow] = {}
    for row in rows:
        by_name[row.file] = row
        by_name.setdefault(Path(row.file).name, row)
    found = []
    for item in items:
        row_of = by_name.get(item.key) or by_name.get(item.name)
        if row_of is not None:
            item = replace(
                item,
                caption=row_of.caption or item.caption,
                motion_prompts=row_of.motion_prompts or item.motion_prompts,
                objects=row_of.objects or item.objects,
                licence=row_of.licence or item.licence,
                origin=row_of.origin or item.origin,
            )
        found.append(item)
    return found


def _tar_items(tars: list[Path]) -> list[SourceItem]:
    """WebDataset shards: members of one name are one sample; caption from .txt or .json ("caption" or "text")."""
    items = []
    for tar in tars:
        samples: dict[str, SourceItem] = {}
        texts: dict[str, Mapping[str, Any]] = {}
        problem = None
        try:
            with tarfile.open(tar) as archive:
                for member in archive:
                    folder, _, base = member.name.rpartition("/")
                    stem, _, suffix = base.partition(".")
                    key = f"{tar.name}/{folder}/{stem}" if folder else f"{tar.name}/{stem}"
                    if not member.isfile():
                        continue
                    if f".{suffix.lower()}" in VIDEO_SUFFIXES:
                        samples[key] = SourceItem(
                            key, str(tar.resolve()), base, member.offset_data, member.size
                        )
                    elif suffix in ("txt", "json"):
                        read = archive.extractfile(member)
                        texts[key] = _facts(read.read() if read else b"", suffix)
        except (tarfile.TarError, OSError, EOFError) as error:
            problem = f"the rest of the tar cannot be read: {error}"
        for key, item in samples.items():
            facts = texts.get(key, {})
            items.append(
                replace(
                    item,
                    caption=facts.get("caption"),
                    motion_prompts=tuple(facts.get("motion_prompts", ())),
                    licence=facts.get("licence"),
                )
            )
        if problem is not None:
            items.append(SourceItem(f"{tar.name}/", str(tar.resolve()), tar.name, problem=problem))
    return items


def _facts(content: bytes, suffix: str) -> Mapping[str, Any]:
    text = content.decode("utf-8", errors="replace").strip()
    if suffix == "txt":
        return {"caption": text} if text else {}
    try:
        values = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(values, dict):
        return {}
    caption = values.get("caption") or values.get("text")
    prompts = values.get("motion_prompts") or values.get("motion_prompt") or []
    licence = values.get("licence") or values.get("license")
    return {
        **({"caption": str(caption)} if caption else {}),
        **({"licence": str(licence)} if licence else {}),
        "motion_prompts": [str(p) for p in ([prompts] if isinstance(prompts, str) else prompts)],
    }


def open_hugging_face(source: str) -> Any:
    """The data set that "hf:NAME[:SPLIT]" or a saved folder names, videos as bytes or paths.

    Raises:
        MissingExtraError: the datasets library is missing.
        SettingsError: no such data set, or no column of videos in it.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(DATA_EXTRA) from error
    try:
        if source.startswith(HUGGING_FACE):
            name, _, split = source.removeprefix(HUGGING_FACE).partition(":")
            found = datasets.load_dataset(name, split=split or "train")
        else:
            found = datasets.load_from_disk(source)
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(f"{source} cannot be loaded: {str(error).splitlines()[0]}") from error
    column = video_column(found)
    if isinstance(found.features[column], datasets.Video):
        found = found.cast_column(column, datasets.Video(decode=False))
    return found


def video_column(dataset: Any) -> str:
    """The column that holds the videos: the first called so."""
    for name in dataset.column_names:
        if name.lower() in ("video", "mp4", "video_bytes", "bytes"):
            return str(name)
    raise SettingsError(
        f"the data set has the columns {', '.join(dataset.column_names)}; expected one called video"
    )


def _hugging_face(source: str) -> list[SourceItem]:
    dataset = open_hugging_face(source)
    videos = video_column(dataset)
    texts = dataset.remove_columns([videos])
    where = source if source.startswith(HUGGING_FACE) else str(Path(source).resolve())
    items = []
    for number in range(len(dataset)):
        row = {str(k).lower(): v for k, v in (texts[number] if texts.column_names else {}).items()}
        caption = row.get("caption") or row.get("text")
        prompt = row.get("motion_prompt")
        items.append(
            SourceItem(
                key=f"row-{number:08d}",
                path=where,
                name=f"row-{number:08d}",
                row=number,
                caption=str(caption) if caption else None,
                motion_prompts=(str(prompt),) if prompt else (),
                licence=str(row["licence"]) if row.get("licence") else None,
            )
        )
    return items


def _unique(items: list[SourceItem]) -> list[SourceItem]:
    """Keys that occur again get a number: every line of a table is an input of its own."""
    seen: dict[str, int] = {}
    found = []
    for item in items:
        key = re.sub(r"\s+", " ", item.key)
        seen[key] = seen.get(key, 0) + 1
        found.append(replace(item, key=key if seen[key] == 1 else f"{key}#{seen[key]}"))
    return found
