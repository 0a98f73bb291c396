"""Whole clips out of shards, and the same encoded once."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from follow_your_click.data.encoded import (
    EncodedClips,
    Encoders,
    EncodeSettings,
    encode_build,
    is_encoded,
)
from follow_your_click.data.engine.config import BuildConfig
from follow_your_click.data.engine.runner import build
from follow_your_click.data.shards import ShardReader
from follow_your_click.data.whole_clips import WholeClips, middle_square
from follow_your_click.errors import OutputError, SettingsError
from follow_your_click.interfaces.cli import main
from follow_your_click.loading import load_encoders
from follow_your_click.models.latents import image_latents
from follow_your_click.models.text_encoder import encode_text

_FILE = Path(__file__).parent / "engine" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("small_videos", _FILE)
small_videos = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small_videos)

SETTINGS = EncodeSettings(size=64, num_frames=4, precision="fp16")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole")
    (root / "videos").mkdir()
    rows = ["file,caption,motion_prompt"]
    for number in range(5):
        frames = small_videos.disc_clip(number, count=8, shift=(2.0 + number, 0.0))
        small_videos.write_video(root / "videos" / f"disc-{number}.mp4", frames)
        caption = "" if number == 3 else f"a disc {number}"
        rows.append(f"disc-{number}.mp4,{caption},slide right|go to the right|slip")
    (root / "captions.csv").write_text("\n".join(rows))
    config = BuildConfig.model_validate(small_videos.SMALL)
    build(str(root / "videos"), root / "out", config, captions=root / "captions.csv")
    return root / "out"


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return load_encoders("mini", device="cpu")


@pytest.fixture(scope="module")
def encoded(shards: Path, encoders: Encoders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("encoded") / "out"
    encode_build(shards, out, encoders, SETTINGS)
    return out


def test_whole_clips_are_the_videos_frames(shards: Path) -> None:
    clips = WholeClips(shards, size=64, num_frames=4, split="all")
    batch = clips.sample([0, 3], seed=1)
    assert batch.frames is not None
    assert batch.frames.shape == (2, 4, 3, 64, 64)
    assert batch.region_mask.shape == (2, 1, 64, 64)
    clip = ShardReader(shards, split="all").read(3)
    expected = torch.from_numpy(clip.frames[:4].copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
    assert torch.equal(batch.frames[1], expected)
    assert batch.captions[1] == (clip.caption or batch.motion_prompts[1])
    assert batch.motion_prompts[1] in clip.motion_prompts
    assert float(batch.motion_strength[1]) == pytest.approx(clip.motion_strength)
    alone = clips.sample([3], seed=1)
    assert torch.equal(alone.frames[0], batch.frames[1])


def test_a_stride_changes_strength_and_fps(shards: Path) -> None:
    every = WholeClips(shards, size=32, num_frames=2, split="all").sample([0], seed=0)
    second = WholeClips(shards, size=32, num_frames=2, frame_stride=3, split="all").sample(
        [0], seed=0
    )
    assert torch.allclose(second.motion_strength, 3 * every.motion_strength)
    assert torch.allclose(second.fps * 3, every.fps)
    with pytest.raises(SettingsError, match="clip of 5 frames or more"):
        WholeClips(shards, size=32, num_frames=5, split="all")


def test_the_middle_square_is_cut_out() -> None:
    frame = np.zeros((10, 30, 3), np.uint8)
    frame[:, 10:20] = 200
    assert (middle_square(frame, 5) == 200).all()
    assert (middle_square(frame[..., 0] > 0, 20) == 1).all()


def test_encoded_clips_are_the_clips_encoded(
    shards: Path, encoded: Path, encoders: Encoders
) -> None:
    plain = WholeClips(shards, size=64, num_frames=4, seed=3, split="all")
    cached = EncodedClips(encoded, seed=3, split="all")
    assert len(plain) == len(cached)
    places = list(range(2 * len(plain)))
    drawn = {clip.caption for clip in map(ShardReader(shards, split="all").read, range(len(plain)))}
    assert "" in drawn
    wanted, found = plain.sample(places, seed=5), cached.sample(places, seed=5)
    assert wanted.captions == found.captions
    assert wanted.motion_prompts == found.motion_prompts
    assert torch.equal(wanted.motion_strength.double(), found.motion_strength.double())
    latents = torch.stack([image_latents(encoders.vae, clip) for clip in wanted.frames], dim=0)
    torch.testing.assert_close(found.latents, latents.transpose(1, 2), atol=5e-3, rtol=2e-3)
    texts = encode_text(encoders.text_encoder, encoders.tokenizer, wanted.captions)
    torch.testing.assert_close(found.caption_embeds, texts, atol=5e-3, rtol=2e-3)
    texts = encode_text(encoders.text_encoder, encoders.tokenizer, wanted.motion_prompts)
    torch.testing.assert_close(found.motion_embeds, texts, atol=5e-3, rtol=2e-3)
    nothing = encode_text(encoders.text_encoder, encoders.tokenizer, [""])
    torch.testing.assert_close(cached.no_text_embeds, nothing, atol=5e-3, rtol=2e-3)
    assert found.region_mask.shape[2:] == found.latents.shape[3:]
    assert is_encoded(encoded)
    assert not is_encoded(shards)


def test_stable_diffusions_encoders_do_as_well(
    shards: Path, tiny_stable_diffusion: Path, tmp_path: Path
) -> None:
    known = load_encoders(str(tiny_stable_diffusion), device="cpu")
    encode_build(shards, tmp_path / "out", known, SETTINGS)
    batch = EncodedClips(tmp_path / "out", split="all").sample([0], seed=0)
    assert batch.latents.shape == (1, 4, 4, 8, 8)
    assert batch.caption_embeds.shape == (1, 16, 12)


def test_killed_and_run_again_it_writes_the_same_bytes(
    shards: Path, encoded: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["data", "encode", str(shards), str(out), "--model", "mini", "--size", "64"]
    words += ["--num-frames", "4", "--device", "cpu"]
    command = [
        sys.executable,
        "-c",
        "import sys; from follow_your_click.interfaces.cli import main; main(sys.argv[1:])",
        *words,
    ]
    running = subprocess.Popen(
        command,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    ends = time.monotonic() + 60
    while not list(out.glob("shards/*")) and time.monotonic() < ends:
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not is_encoded(out)
    assert main(words) == 0
    for file in sorted(encoded.rglob("*.tar")):
        assert (out / file.relative_to(encoded)).read_bytes() == file.read_bytes()
    assert (out / "index.parquet").read_bytes() == (encoded / "index.parquet").read_bytes()
    # Nothing of the killed run is left, and a third run finds everything done.
    names = {path.relative_to(out) for path in out.rglob("*")}
    assert names == {path.relative_to(encoded) for path in encoded.rglob("*")}
    assert main(words) == 0


def test_what_cannot_be_encoded_is_refused(
    shards: Path, encoded: Path, encoders: Encoders, tmp_path: Path, capsys: Any
) -> None:
    with pytest.raises(OutputError, match="encoded with other settings"):
        encode_build(shards, encoded, encoders, EncodeSettings(size=32, num_frames=4))
    (tmp_path / "killed" / ".work").mkdir(parents=True)
    assert encode_build(shards, tmp_path / "killed", encoders, SETTINGS)["clips"] > 0
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("mine")
    with pytest.raises(OutputError, match="is not empty"):
        encode_build(shards, tmp_path / "full", encoders, SETTINGS)
    with pytest.raises(OutputError, match="holds 'follow-your-click encoded clips'"):
        ShardReader(encoded)
    with pytest.raises(SettingsError, match="clip of 24 frames or more"):
        encode_build(shards, tmp_path / "new", encoders, EncodeSettings(size=64))
    assert not (tmp_path / "new").exists()
    assert main(["data", "encode", str(tmp_path), str(tmp_path / "o"), "--model", "mini"]) == 2
    assert "holds no finished build" in capsys.readouterr().err


def test_a_stage_trains_on_encoded_clips_and_on_videos(
    shards: Path, tiny_stable_diffusion: Path, tiny_motion_adapter: Any, tmp_path: Path
) -> None:
    from follow_your_click.models.stable_diffusion import load_parts
    from follow_your_click.training.full_size.run import train_full_size

    known = load_encoders(str(tiny_stable_diffusion), device="cpu")
    encode_build(shards, tmp_path / "encoded", known, EncodeSettings(64, 4, precision="fp32"))
    losses = []
    for name, data in (("live", shards), ("cached", tmp_path / "encoded")):
        torch.manual_seed(0)
        parts = load_parts(
            tiny_stable_diffusion, motion=tiny_motion_adapter(None), motion_cross_attention_dim=12
        )
        values = {
            "kind": "full_size",
            "name": name,
            "data": str(data),
            "output": str(tmp_path / name),
            "size": 64,
            "num_frames": 4,
            "steps": 2,
            "batch_size": 1,
            "precision": "fp32",
            "prompts": "motion",
            "log_every": 1,
        }
        train_full_size(values, source="test", parts=parts)
        lines = (tmp_path / name / "log.jsonl").read_text().splitlines()
        losses.append([json.loads(line)["loss"] for line in lines if "grad_norm" in line])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    with pytest.raises(SettingsError, match="was encoded with .*; the stage asks for"):
        train_full_size(
            {**values, "size": 32, "output": str(tmp_path / "o")}, source="test", parts=parts
        )
