"""`--save-project` and `--project` with a whole, tiny model: the same clip, frame for frame."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from follow_your_click.clip import Clip, read_settings
from follow_your_click.interfaces.cli import main
from follow_your_click.segmentation import GrabCutSegmenter

HEIGHT, WIDTH = 90, 140


@pytest.fixture(scope="module")
def made(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with boat.png, the clip `made/` of it, and its project boat.json."""
    folder = tmp_path_factory.mktemp("made")
    pixels = np.random.default_rng(0).integers(0, 90, (HEIGHT, WIDTH, 3), np.uint8)
    pixels[30:60, 50:90] += 150
    Image.fromarray(pixels).save(folder / "boat.png")
    words = ["--region", "click=70,45; feather=3; prompt=drift left; seed-offset=4"]
    words += ["--region", "brush=5:20,20 30,70; subtract brush=2:25,45; prompt=rise; strength=2"]
    words += ["--hold", "polygon=80,30 95,30 95,60", "--frames", "3", "--seed", "7"]
    words += ["--model", str(tiny_model), "--segmenter", "grabcut", "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words += ["--out", "made/", "--save-project", "boat.json"]
        assert main(["animate", "boat.png", *words]) == 0
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a copy of what was made; beside it, so that ways to the model stay right."""
    copy = made.parent / f"{made.name}-{tmp_path.name}"
    shutil.copytree(made, copy)
    monkeypatch.chdir(copy)
    return copy


def test_the_same_clip_comes_out_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str, *, device: str | None = None) -> None:
        raise AssertionError("the masks are in the project")

    monkeypatch.setattr("follow_your_click.segmentation.registry.load_segmenter", missing)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    words = ["animate", "--project", "../boat.json", "--device", "cpu"]
    assert main([*words, "-o", "again/", "--save-project", "../copy.json"]) == 0
    assert capsys.readouterr().out == "again/\n../copy.json\n"
    made, again = Clip.load(folder / "made"), Clip.load("again")
    np.testing.assert_array_equal(again.frames, made.frames)
    assert (made.frames[1:] != made.frames[0]).any(), "something does move"
    assert again.settings == made.settings
    project = (folder / "boat.json").read_text()
    assert (folder / "copy.json").read_text() == project
    settings = json.loads(project)["settings"]
    assert settings["num_inference_steps"] == 2, "what the model chose is written down"
    assert settings["segmenter"] == "grabcut"

    change = ["../boat.png", "--seed", "8", "--frames", "2", "--dry-run", "--json"]
    assert main([*words, *change]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["seed"], plan["num_frames"]) == (8, 2)
    assert [each["areas"] for each in plan["regions"]] == [
        each["areas"] for each in made.settings["regions"]
    ]


def test_masks_are_made_anew_on_request(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(name: str, *, device: str | None = None) -> GrabCutSegmenter:
        loaded.append(name)
        return GrabCutSegmenter()

    monkeypatch.setattr("follow_your_click.segmentation.registry.load_segmenter", load)
    words = ["--resegment", "--segmenter", "sam", "--device", "cpu", "-o", "anew/"]
    assert main(["animate", "--project", "boat.json", *words]) == 0
    assert loaded == ["sam"]
    np.testing.assert_array_equal(Clip.load("anew").frames, Clip.load("made").frames)
    assert "mask" not in read_settings("anew")["regions"][0]


def test_what_does_not_fit_a_project_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9)).save("other.png")
    before = sorted(path.name for path in Path().iterdir())
    for words, says in (
        (["other.png"], "other.png is not the project's photo"),
        (["--segmenter", "sam"], "--resegment"),
        (["--hold", "click=1,1"], "--hold"),
        (["--save-project", "boat.json", "--overwrite"], "the project that is read"),
    ):
        capsys.readouterr()
        assert main(["animate", "--project", "boat.json", *words, "-o", "new/"]) == 2
        printed = capsys.readouterr()
        (line,) = printed.err.splitlines()
        assert says in line and printed.out == ""
    assert sorted(path.name for path in Path().iterdir()) == before


def test_a_clip_is_made_again_from_its_own_file(folder: Path, tiny_model: Path) -> None:
    words = ["--model", str(tiny_model), "--device", "cpu"]
    before = Clip.load("made").frames
    assert main(["animate", "--project", "made", "--out", "again.zip", *words]) == 0
    np.testing.assert_array_equal(Clip.load("again.zip").frames, before)
    assert main(["animate", "boat.png", "--project", "again.zip", "--out", "b.mp4", *words]) == 0
    assert read_settings("b.mp4")["regions"] == read_settings("made")["regions"]
    assert main(["animate", "boat.png", "--project", "b.mp4", "--out", "c/", *words]) == 0
    np.testing.assert_array_equal(Clip.load("c").frames, before)
    assert main(["animate", "--project", "made", "--out", "d/", "--seed", "8", *words]) == 0
    assert read_settings("d")["seed"] == 8


def test_there_and_back(folder: Path, tiny_model: Path) -> None:
    words = ["--model", str(tiny_model), "--device", "cpu", "--playback", "ping-pong"]
    assert main(["animate", "--project", "boat.json", "--out", "pp.zip", *words]) == 0
    both, once = Clip.load("pp.zip"), Clip.load("made")
    np.testing.assert_array_equal(both.frames, once.frames[[0, 1, 2, 1]])
    words = ["--model", str(tiny_model), "--device", "cpu"]
    assert main(["animate", "--project", "pp.zip", "--out", "again.zip", *words]) == 0
    np.testing.assert_array_equal(Clip.load("again.zip").frames, both.frames)
    words += ["--playback", "loop"]
    assert main(["animate", "--project", "pp.zip", "--out", "loop.zip", *words]) == 0
    np.testing.assert_array_equal(Clip.load("loop.zip").frames, once.frames)


def test_a_clip_names_no_model_to_open(
    folder: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even one that lies right there under the name that the clip has for it."""
    shutil.copytree(tiny_model, "tiny")
    assert main(["animate", "--project", "made", "--out", "x.zip", "--device", "cpu"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "made was made with 'tiny', which is not packaged; give its folder with --model" in line
    words = ["--model", "tiny", "--device", "cpu"]
    assert main(["animate", "--project", "made", "--out", "x.zip", *words]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--project", "b.mp4", "--model", "mini"],
            "does not hold its photo exactly; give the photo as IMAGE",
        ),
        (
            ["other.png", "--project", "b.mp4", "--model", "mini"],
            "other.png is not the photo that b.mp4 was made from",
        ),
        (["--project", "made", "--resegment"], "--resegment with a clip"),
        (
            ["--project", "made", "--model", "mini", "--save-project", "x.json"],
            "give the photo as IMAGE",
        ),
        (["--project", "broken.mp4"], "broken.mp4 cannot be read as a clip"),
    ],
)
def test_what_does_not_fit_a_clip_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    Clip.load("made").save("b.mp4")
    Path("broken.mp4").write_bytes(b"no video")
    Image.new("RGB", (WIDTH, HEIGHT)).save("other.png")
    assert main(["animate", *words, "--out", "x.mp4"]) == 2
    line = capsys.readouterr().err
    assert said in line and not Path("x.mp4").exists()
