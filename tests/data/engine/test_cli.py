"""`fyc data ...`, each step alone."""

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from follow_your_click.errors import ImageError, OutputError
from follow_your_click.interfaces.data_cli import data_app

from .conftest import SMALL, disc_clip, write_video

SETTINGS = [
    word
    for setting in ("clips.num_frames=4", "clips.fps=10", "clips.short_side=64", "clips.min_short_side=48", "flow.method=dis-fine")
    for word in ("--set", setting)
]  # fmt: skip


def run(*words):
    result = CliRunner().invoke(data_app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.strip().splitlines()


def test_probe_lists_every_input(videos):
    facts = {row["input"]: row for row in map(json.loads, run("probe", videos))}
    assert facts["disc-1.mp4"]["codec"] == "h264"
    assert (facts["disc-1.mp4"]["width"], facts["disc-1.mp4"]["fps"]) == (96, 10)
    assert facts["empty.mp4"]["problem"] == "zero_length"
    assert facts["sound.mp4"]["codec" if "codec" in facts["sound.mp4"] else "problem"]


def test_shots_and_motion_of_one_video(videos, tmp_path):
    assert run("shots", videos / "disc-1.mp4", *SETTINGS) == ["0.000"]
    clips = run("motion", videos / "disc-1.mp4", "--out", tmp_path / "masks.png", *SETTINGS)
    assert len(clips) == 2
    assert json.loads(clips[0])["dropped"] == ""
    # 2.5 px a frame in 96 px; read at 64 px, where DIS falls short.
    assert json.loads(clips[0])["motion_strength"] == pytest.approx(2.5 * 256 / 96, rel=0.2)
    with Image.open(tmp_path / "masks.png") as picture:
        assert picture.height == 320


def test_duplicates_are_listed(videos):
    assert [line.split("\t")[:2] for line in run("duplicates", videos, *SETTINGS)] == [
        ["disc-again.mp4@0.00", "disc-0.mp4@0.00"],
        ["disc-again.mp4@0.40", "disc-0.mp4@0.40"],
    ]


def test_a_whole_build_is_verified(built, tmp_path):
    assert run("verify", built) == [f"{built}: all files are as the manifest says"]
    with pytest.raises(OutputError, match="holds no finished build"):
        run("verify", tmp_path)


def test_build_tells_what_it_did(tmp_path):
    source = tmp_path / "videos"
    source.mkdir()
    write_video(source / "one.mp4", disc_clip(1, count=4))
    words = ["build", source, tmp_path / "out", "--json", *SETTINGS]
    (line,) = run(*words, "--set", f"captions.captioner={SMALL['captions']['captioner']}")
    told = json.loads(line)
    assert told["settings"]["inputs"]["kept"] == 1
    assert set(told["files"]) == {"manifest", "index", "report"}
    assert told["seconds"]["all"] > 0


def test_a_video_that_cannot_be_read_is_refused_in_one_line(videos):
    with pytest.raises(ImageError, match="audio_only") as caught:
        run("motion", videos / "sound.mp4", *SETTINGS)
    assert "\n" not in str(caught.value)
