"""`fyc evaluate control` with a tiny random model: files, table, JSON, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from follow_your_click.data.photos import is_held_out, load_library
from follow_your_click.errors import OutputError
from follow_your_click.evaluation import recognition
from follow_your_click.evaluation.report import FILES, load_report, markdown_table, write_report
from follow_your_click.evaluation.run import training_pictures, weights_sha256
from follow_your_click.interfaces.cli import main


@pytest.fixture(scope="module")
def done(model, data, tmp_path_factory):
    """A finished report's folder; the classifier's training is cut to one clip for each family."""
    out = tmp_path_factory.mktemp("work") / "report"
    words = ["evaluate", "control", "--model", str(model), "--data", str(data), "--clips", "2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognition, "CLIPS_PER_FAMILY", 1)
        patch.setattr(recognition, "_EPOCHS", 5)
        options = ["--seed", "3", "--device", "cpu", "--frames", "network"]
        assert main([*words, *options, "--out", str(out)]) == 0
    return out


def test_the_folder_holds_the_report_and_nothing_else(done):
    assert sorted(path.name for path in done.iterdir()) == sorted(FILES.values())
    assert [path.name for path in done.parent.iterdir()] == [done.name]
    for name in ("strength", "motions", "contact_sheet"):
        with Image.open(done / FILES[name]) as picture:
            assert min(picture.size) > 300
            assert np.asarray(picture.convert("L")).std() > 5


def test_the_report_says_what_was_measured_and_how(done, model):
    report = load_report(done / FILES["report"])
    assert report.subject["model"] == "tiny"
    assert report.subject["scheduler"] == "DDIMScheduler"
    assert report.subject["weights_sha256"] == weights_sha256(model)
    assert report.settings == {
        "clips": 2,
        "size": 32,
        "num_frames": 4,
        "num_inference_steps": 1,
        "guidance_scale": 1.0,
        "seed": 3,
        "wordings": "held_out",
        "frames": "network",
    }
    assert report.figure("rendered_first_frame_error").value == 0
    assert report.figure("static_background").value == 0
    assert all(figure.clips == 2 for figure in report.figures if figure.name != "leak")
    assert len(report.details["clips"]) == 10
    table = (done / FILES["table"]).read_text(encoding="utf-8")
    assert table == markdown_table(report)
    for part in (
        "`tiny`, the network's own frames",
        "DDIMScheduler",
        "steps 1",
        "seeds 3 to 4",
        "guidance scale 1",
    ):
        assert part in table
    assert table.count("\n| ") == len(report.figures) + 2


def test_an_existing_report_is_kept_without_overwrite(done, model, data, capsys):
    before = (done / FILES["report"]).read_bytes()
    words = ["evaluate", "control", "--model", str(model), "--data", str(data), "--out", str(done)]
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert "--overwrite" in printed.err
    assert (done / FILES["report"]).read_bytes() == before


def test_missing_pictures_are_one_line(model, tmp_path, capsys):
    words = ["--model", str(model), "--data", str(tmp_path / "none"), "--out", str(tmp_path / "o")]
    assert main(["evaluate", "control", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "got no folder" in line
    assert list(tmp_path.iterdir()) == []


def test_missing_parent_and_file_as_folder_are_refused(model, tmp_path, capsys):
    (tmp_path / "file").write_text("precious")
    for out, says in ((tmp_path / "a" / "b", "does not exist"), (tmp_path / "file", "is a file")):
        assert main(["evaluate", "control", "--model", str(model), "--out", str(out)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert says in line


def test_unknown_wordings_are_refused(capsys):
    assert main(["evaluate", "control", "--wordings", "mine"]) == 2
    assert "held_out" in capsys.readouterr().err


def test_json_is_one_line_on_stdout(done, model, data, monkeypatch, tmp_path, capsys):
    from follow_your_click.evaluation import run

    evaluation = run.Evaluation(load_report(done / FILES["report"]), {"report": Path("x")}, {})
    monkeypatch.setattr(run, "evaluate_control", lambda *_, **__: evaluation)
    assert main(["evaluate", "control", "--json", "--out", str(tmp_path / "o")]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    result = json.loads(line)
    assert result["files"] == {"report": "x"}
    assert result["settings"]["seed"] == 3
    assert "leak" in result["figures"]


def test_a_report_survives_the_way_through_its_file(done, tmp_path):
    from follow_your_click.evaluation.records import ControlMeasurements

    report = load_report(done / FILES["report"])
    nothing = ControlMeasurements((), (), (), ())
    files = write_report(report, nothing, tmp_path / "again")
    assert load_report(files["report"]) == report
    write_report(report, nothing, tmp_path / "again", overwrite=True)
    with pytest.raises(OutputError, match="--overwrite"):
        write_report(report, nothing, tmp_path / "again")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(OutputError, match="no control report"):
        load_report(tmp_path / "other.json")


def test_the_classifier_never_sees_held_out_pictures(data):
    pictures = training_pictures(data, limit=2)
    names = [picture.name for picture in (*pictures.photos, *pictures.cutouts)]
    assert names
    assert not any(is_held_out(name) for name in names)
    assert {p.name for p in load_library(data, split="held_out").photos}.isdisjoint(names)
