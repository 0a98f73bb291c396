"""Whole builds: what they hold, that they can be killed anywhere, and that nothing but source and config decides them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from follow_your_click.data.engine.config import BuildConfig, load_build_config
from follow_your_click.data.engine.encode import decode_clip, decode_labels, decode_mask
from follow_your_click.data.engine.manifest import read_manifest, verify
from follow_your_click.data.engine.runner import build
from follow_your_click.data.engine.shards import TarSpan, read_sample, write_tar
from follow_your_click.data.engine.sources import list_source
from follow_your_click.errors import OutputError, SettingsError

from .conftest import SMALL, contents, disc_clip, write_video

PLUGINS = '''
import os, signal, time

class Judge:
    """Red clips hang, blue ones take the process down."""

    def judge(self, frames, motion):
        red, green, blue = frames.reshape(-1, 3).mean(axis=0)
        if red > green + 60:
            time.sleep(600)
        if blue > green + 60:
            os.kill(os.getpid(), signal.SIGSEGV)
        return None
'''


def rows(file: Path) -> list[dict]:
    return parquet.read_table(file).to_pylist()


def test_every_input_is_accounted_for_once(built, videos):
    found = rows(built / "inputs.parquet")
    assert Counter(row["key"] for row in found) == Counter(
        item.key for item in list_source(str(videos))
    )
    outcome = {row["key"]: (row["status"], row["reason"]) for row in found}
    assert outcome == {
        # The first in the source's order is the one that is kept.
        "disc-0.mp4": ("kept", ""),
        "disc-again.mp4": ("dropped", "duplicate"),
        "disc-1.mp4": ("kept", ""),
        "disc-2.mp4": ("kept", ""),
        "disc-3.mp4": ("kept", ""),
        "still.mp4": ("dropped", "static"),
        "empty.mp4": ("failed", "zero_length"),
        "cut.mp4": ("failed", "corrupt"),
        "sound.mp4": ("failed", "audio_only"),
    }
    counts = read_manifest(built)["inputs"]
    assert counts["kept"] + counts["dropped"] + counts["failed"] == counts["total"] == len(found)
    kept, dropped = rows(built / "index.parquet"), rows(built / "dropped.parquet")
    assert not {row["key"] for row in kept} & {row["key"] for row in dropped}
    assert len(kept) + len(dropped) == sum(row["clips"] for row in found)


def test_samples_hold_what_the_index_says(built):
    for row in rows(built / "index.parquet"):
        tar = built / "shards" / row["shard"]
        members = read_sample(tar, TarSpan(row["offset"], row["size"]))
        assert set(members) == {"mp4", "mask.png", "motion.npz", "json"}
        frames, mask = decode_clip(members), decode_mask(members["mask.png"])
        assert frames.shape == (row["num_frames"], row["height"], row["width"], 3)
        assert mask.mean() == pytest.approx(row["area"], abs=1e-4)
        assert decode_labels(members["motion.npz"]).displacement.shape[0] == row["num_frames"]
        facts = json.loads(members["json"])
        assert facts["motion_strength"] == row["motion_strength"]
        assert row["name"] in {f"disc-{n}.mp4" for n in range(4)}


def test_shards_are_webdataset_tars_without_traces_of_the_machine(built):
    for tar in sorted((built / "shards").glob("*.tar")):
        with tarfile.open(tar) as archive:
            members = archive.getmembers()
        for member in members:
            assert (member.mtime, member.uid, member.uname) == (0, 0, "")
        keys = [member.name.partition(".")[0] for member in members]
        assert keys == sorted(keys, key=keys.index)  # members of one sample lie together


def test_the_report_is_one_file_with_its_pictures_inside(built):
    page = (built / "report.html").read_text(encoding="utf-8")
    assert "http" not in page
    assert 'src="data:image/jpeg;base64,' in page
    for told in ("disc-1.mp4", "static", "zero_length", "audio_only", "Distributions"):
        assert told in page


def test_workers_do_not_change_a_byte(built, videos, small_config, tmp_path):
    build(str(videos), tmp_path / "out", small_config, workers=3)
    assert contents(tmp_path / "out") == contents(built)
    assert verify(tmp_path / "out") == []


def test_a_finished_build_is_left_alone(built, videos, small_config):
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*.*")}
    assert build(str(videos), built, small_config).seconds == {}
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*.*")} == before
    other = BuildConfig.model_validate({**SMALL, "seconds_per_file": 31})
    with pytest.raises(OutputError, match="finished build of other inputs or settings"):
        build(str(videos), built, other)


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(built, videos, small_config, tmp_path):
    out = tmp_path / "out"
    program = (
        "import sys; from pathlib import Path\n"
        "from follow_your_click.data.engine.config import BuildConfig\n"
        "from follow_your_click.data.engine.runner import build\n"
        "if __name__ == '__main__':\n"
        f"    build({str(videos)!r}, Path({str(out)!r}), BuildConfig.model_validate({SMALL!r}),"
        " progress=lambda *a: print(*a, flush=True))\n"
    )
    script = tmp_path / "run.py"
    script.write_text(program)
    for moment in ("stage 1 ", "stage 2 "):
        run = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
        for line in run.stdout:
            if line.startswith(moment):
                break
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    parts = sorted((out / "work").glob("part-*.json"))
    assert parts and not (out / "manifest.json").exists()
    done = {path: path.stat().st_mtime_ns for path in parts}
    # As if the next one had been killed in the middle of a file.
    (out / "work" / ".part-00002.tar.tmp-1").write_bytes(b"half")
    staged: list[float] = []
    build(
        str(videos),
        out,
        small_config,
        progress=lambda stage, *_: (
            staged.append(all(p.stat().st_mtime_ns == t for p, t in done.items()))
            if stage == "stage"
            else None
        ),
    )
    assert all(staged)  # what was done was not done again
    assert contents(out) == contents(built)


def test_an_unfinished_build_of_something_else_is_refused(videos, small_config, tmp_path):
    from follow_your_click.data.engine.staging import Plan, open_plan

    items = tuple(list_source(str(videos)))
    open_plan(Plan(str(videos), small_config, items, tmp_path))
    with pytest.raises(SettingsError, match="unfinished build with other settings or inputs"):
        open_plan(Plan(str(videos), small_config, items[1:], tmp_path))


def test_a_hang_and_a_crash_cost_one_input_each(tmp_path, monkeypatch):
    source = tmp_path / "videos"
    source.mkdir()
    for name, tint in (("red", 0), ("green", None), ("blue", 2), ("last", None)):
        frames = disc_clip(len(name), count=4)
        if tint is not None:
            frames = frames // 2
            frames[..., tint] += 110
        write_video(source / f"{name}.mp4", frames)
    (tmp_path / "judging.py").write_text(PLUGINS)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = BuildConfig.model_validate(
        {
            **SMALL,
            "seconds_per_file": 4,
            "filters": {
                "plugins": [{"target": "judging:Judge"}],
                "max_camera_strength": 1e9,
                "max_area": 1,
            },
        }
    )
    started = time.monotonic()
    build(str(source), tmp_path / "out", config, workers=2)
    assert time.monotonic() - started < 60
    found = {
        row["key"]: (row["status"], row["reason"]) for row in rows(tmp_path / "out/inputs.parquet")
    }
    assert found["red.mp4"] == ("failed", "timeout")
    assert found["blue.mp4"] == ("failed", "crash")
    assert found["green.mp4"][0] == found["last.mp4"][0] == "kept"


def test_other_peoples_folders_are_left_alone(videos, small_config, tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"holds other things \(thesis.tex\)"):
        build(str(videos), tmp_path, small_config)


def test_changed_files_are_named(built, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(built, copy)
    shard = next((copy / "shards").glob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:-1])
    (copy / "index.parquet").unlink()
    assert verify(copy) == ["index.parquet is missing", f"shards/{shard.name} has changed"]


def test_the_same_samples_give_the_same_tar(tmp_path):
    samples = [("a", {"mp4": b"1" * 700, "json": b"{}"}), ("b", {"json": b"{}", "mp4": b""})]
    spans = [write_tar(tmp_path / name, samples) for name in ("one.tar", "two.tar")]
    assert spans[0] == spans[1]
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert read_sample(tmp_path / "one.tar", spans[0][1]) == {"json": b"{}", "mp4": b""}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"clips.num_frame": 3}, "clips.num_frame: unknown key"),
        ({"filters.min_area": 0.9}, "filters keep nothing"),
        ({"clips.fps.x": 1}, "fps is a value, not a group"),
        ({"captions.settings": {"api_key": "secret"}}, "set OPENAI_API_KEY"),
    ],
)
def test_wrong_settings_end_with_one_line(overrides, expected):
    with pytest.raises(SettingsError, match=expected) as caught:
        load_build_config(overrides=overrides)
    assert "\n" not in str(caught.value)


def test_the_packages_settings_are_the_defaults():
    assert load_build_config() == BuildConfig()


def test_prompts_come_from_captions_by_the_captioner(videos, tmp_path):
    pytest.importorskip("HanTa")
    config = BuildConfig.model_validate(
        {**SMALL, "captions": {"captioner": "rules", "require_motion_prompt": True}}
    )
    table = tmp_path / "captions.csv"
    table.write_text("file,motion_prompt\ndisc-3.mp4,glide\n")
    build(str(videos), tmp_path / "out", config, captions=table, workers=2)
    prompts = {row["name"]: row["motion_prompts"] for row in rows(tmp_path / "out/index.parquet")}
    assert prompts["disc-3.mp4"] == ["glide"]
    assert prompts["disc-1.mp4"] == ["drift to the left"]
    dropped = {row["name"]: row["dropped"] for row in rows(tmp_path / "out/dropped.parquet")}
    assert dropped["disc-again.mp4"] == "no_motion_prompt"
    assert np.all([row["caption"] for row in rows(tmp_path / "out/index.parquet")])
