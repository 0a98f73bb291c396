"""Training the U-Net on shards of filmed clips, beside the rendered ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from follow_your_click.data.engine.config import BuildConfig
from follow_your_click.data.engine.runner import build
from follow_your_click.errors import SettingsError
from follow_your_click.training.motion_unet import MotionUNetObjective, displacement_loss
from follow_your_click.training.run import build_objective, train

_FILE = Path(__file__).parent.parent / "data" / "engine" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("small_videos", _FILE)
small_videos = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small_videos)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    root = tmp_path_factory.mktemp("filmed")
    (root / "videos").mkdir()
    for number in range(3):
        frames = small_videos.disc_clip(number, count=4, shift=(2.0 + number, 0.0))
        small_videos.write_video(root / "videos" / f"disc-{number}.mp4", frames)
    table = root / "captions.csv"
    table.write_text(
        "file,motion_prompt\n" + "".join(f"disc-{n}.mp4,slide right\n" for n in range(3))
    )
    config = BuildConfig.model_validate(small_videos.SMALL)
    build(str(root / "videos"), root / "out", config, captions=table)
    return root / "out"


@pytest.mark.parametrize(("share", "filmed"), [(0.0, 0), (0.5, 8), (0.25, 4), (1.0, 16)])
def test_a_share_of_the_clips_is_filmed(configure, shards, share, filmed):
    config = configure("motion_unet", {"filmed_share": share, "clip_uses": 1}, shards=shards)
    objective = build_objective(config)
    batches = [objective.batch(4, seed=0, step=step) for step in range(4)]
    # Rendered clips have 8 frames per second, the filmed ones of this build 10.
    assert sum(int((batch.fps == 10).sum()) for batch in batches) == filmed
    for batch in batches:
        rendered = batch.fps == 8
        assert torch.all(batch.validity[rendered] == 1)
        assert batch.latents.shape[0] == 4


def test_without_shards_nothing_changes(configure):
    plain = build_objective(configure("motion_unet"))
    batch = plain.batch(2, seed=0, step=3)
    assert torch.all(batch.validity == 1)
    assert torch.all(batch.fps == 8)


def test_it_trains_and_a_resumed_run_is_an_uninterrupted_one(
    configure, shards, tmp_path, monkeypatch
):
    import yaml

    # Validation draws from rendered clips alone, and takes longer than this run.
    monkeypatch.setattr(MotionUNetObjective, "validate", lambda self, model: ({}, None))
    model = {**configure("motion_unet").objective.model, "displacement_head": "field"}
    weights = []
    for name, stops in (("whole", (2,)), ("halves", (1, 2))):
        for steps in stops:
            config = configure(
                "motion_unet",
                {"model": model, "clip_uses": 1},
                data=shards,  # as fyc train CONFIG --data OUT gives it
                output=tmp_path / name,
                optimizer={"learning_rate": 1e-3, "warmup_steps": 2, "decay_share": 0},
            )
            file = tmp_path / "config.yaml"
            file.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
            folder = train(file, overrides=[f"steps={steps}"])
        weights.append(load_file(folder / "unet" / "diffusion_pytorch_model.safetensors"))
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


def test_a_displacement_that_is_not_known_does_not_count():
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(2, 2, 4, 6, 6, generator=generator)
    moving = torch.ones(2, 4, 6, 6)
    validity = torch.ones(2, 4, 6, 6)
    validity[:, 2:, 3:] = 0
    found = true.clone()
    found[:, :, 2:, 3:] += 7
    assert float(displacement_loss(found, true, moving, validity)) == pytest.approx(0, abs=1e-9)
    assert float(displacement_loss(found, true, moving)) > 0.1
    assert float(displacement_loss(found, true, moving, torch.zeros_like(validity))) == 0
    wrong = true + torch.randn(true.shape, generator=generator)
    same = displacement_loss(wrong, true, moving)
    assert torch.equal(same, displacement_loss(wrong, true, moving, torch.ones_like(moving)))


def test_only_the_unet_takes_shards(configure, shards, tmp_path):
    import yaml

    file = tmp_path / "config.yaml"
    config = configure("text_encoder", data=shards).model_dump(mode="json")
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises(SettingsError, match="only the U-Net learns from clips"):
        train(file)
