"""Captions in, records out."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from follow_your_click.data.captions.files import read_captions, record_file, write_records
from follow_your_click.data.captions.schema import MotionCaption
from follow_your_click.errors import OutputError, SettingsError

CAPTIONS = ["a dog, running", "", 'the "boat"']


def written(path: Path) -> Path:
    if path.suffix == ".csv":
        rows = ['7,"a dog, running"', "8,", '9,"the ""boat"""']
        path.write_text("\n".join(["\ufeffvideoid,name", *rows]), encoding="utf-8")
    elif path.suffix == ".jsonl":
        lines = [json.dumps({"id": 1, "caption": CAPTIONS[0]}), "", '{"caption": null}']
        path.write_text("\n".join([*lines, json.dumps(CAPTIONS[2])]), encoding="utf-8")
    else:
        table = pyarrow.table({"id": [1, 2, 3], "text": [CAPTIONS[0], None, CAPTIONS[2]]})
        parquet.write_table(table, path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_captions_come_in_the_files_order_from_the_column_that_holds_them(
    tmp_path: Path, suffix: str
) -> None:
    assert read_captions(written(tmp_path / f"x{suffix}")) == CAPTIONS


def test_a_column_may_be_named(tmp_path: Path) -> None:
    assert read_captions(written(tmp_path / "x.csv"), column="videoid") == ["7", "8", "9"]
    assert read_captions(written(tmp_path / "x.parquet"), column="id") == ["1", "2", "3"]


def test_text_has_a_caption_a_line(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("a dog, running\n\n  a cat\r\n", encoding="utf-8")
    assert read_captions(tmp_path / "x.txt") == ["a dog, running", "a cat"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"a,b\n1,2\n", "got columns a, b; expected one of caption, name"),
        ("x.csv", b"caption\n\xff\xfe\n", "is no .csv file in UTF-8"),
        ("x.jsonl", b'"a dog"\n{"caption": ', "x.jsonl, line 2: is not JSON"),
        ("x.jsonl", b"[1]\n", "line 1: got list, expected an object or a string"),
        ("x.jsonl", b'{"caption": "a"}\n{"cap": "b"}\n', "got columns cap; expected 'caption'"),
        ("x.parquet", b"PAR1 no", "is no Parquet file"),
        ("x.xlsx", b"", "got suffix '.xlsx', expected one of .txt"),
        ("missing/x.txt", None, "cannot be read: No such file"),
        ("missing.parquet", None, "cannot be read: "),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=message) as caught:
        read_captions(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_records_are_there_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    record = MotionCaption.failure("ein Böot", "no answer", source="llm:x")
    with pytest.raises(RuntimeError), record_file(out, overwrite=False) as file:
        write_records([record], file)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with record_file(out, overwrite=False) as file:
        write_records([record, record], file)
    assert list(tmp_path.iterdir()) == [out]
    lines = out.read_text(encoding="utf-8").splitlines()
    assert [MotionCaption.model_validate_json(line) for line in lines] == [record, record]
    with pytest.raises(OutputError, match="exists; give another name"):
        record_file(out, overwrite=False).__enter__()
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        record_file(tmp_path / "no" / "out.jsonl", overwrite=False).__enter__()
