"""Training at the paper's size, on small random weights: parts, steps, processes, checkpoints, export."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from follow_your_click.errors import MissingExtraError, SettingsError
from follow_your_click.interfaces.cli import main
from follow_your_click.loading import load_pipeline, load_preset
from follow_your_click.models.schedulers import paper_scheduler
from follow_your_click.models.stable_diffusion import load_parts
from follow_your_click.training.config import CONFIG_FOLDER
from follow_your_click.training.full_size import run
from follow_your_click.training.full_size.config import parse_full_size
from follow_your_click.training.full_size.objective import FullSizeObjective
from follow_your_click.training.full_size.parts import part_of

SCRIPT = Path(__file__).with_name("full_size_run.py")
_SPEC = importlib.util.spec_from_file_location("full_size_run", SCRIPT)
small = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small)


@pytest.fixture
def sources(tiny_stable_diffusion: Path, tiny_motion_adapter: Any) -> tuple[Path, Path]:
    return tiny_stable_diffusion, tiny_motion_adapter(None)


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, sources: tuple[Path, Path]) -> Any:
    monkeypatch.setattr(run, "open_clips", lambda config, split: small.DrawnClips())
    return lambda output, **changes: small.start(output, *sources, **changes)


def weights(model: Path) -> dict[str, torch.Tensor]:
    return load_file(model / "unet" / "diffusion_pytorch_model.safetensors")


def log(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]


def processes(count: int, output: Path, sources: tuple[Path, Path], **changes: Any) -> list[str]:
    words = [str(SCRIPT), str(output), *map(str, sources)]
    words += [f"{key}={json.dumps(value)}" for key, value in changes.items()]
    if count == 1:
        return [sys.executable, *words]
    return [sys.executable, *LAUNCHER, "--nproc_per_node", str(count), *words]


LAUNCHER = (
    *("-m", "torch.distributed.run", "--master_port", "0"),
    *("--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"),
)


def environment() -> dict[str, str]:
    return {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}


def test_the_recipes_of_the_package_are_the_papers_stages() -> None:
    for name, steps, prompts in (("webvid", 60_000, "caption"), ("motion", 30_000, "motion")):
        values = yaml.safe_load((CONFIG_FOLDER / f"sd15-{name}.yaml").read_text())
        config = parse_full_size(values, name)
        assert (config.steps, config.prompts) == (steps, prompts)
        assert config.optimizer.learning_rate == 1e-5
        assert (config.num_frames, config.size, config.batch_size) == (24, 512, 3)
        assert config.first_frame_mask_ratios == (0.0, 0.3, 0.5, 0.7)
        assert "spatial" not in config.trainable


def test_what_is_trained_changes_and_what_is_frozen_stays(
    train: Any, tmp_path: Path, sources: tuple[Path, Path]
) -> None:
    torch.manual_seed(0)  # as `train` does: the parts that no source has start alike
    unet = load_parts(sources[0], motion=sources[1], motion_cross_attention_dim=12).unet
    before = {key: value.clone() for key, value in unet.state_dict().items()}
    trained = {"conv_in", "motion_augmented", "motion_embedding"}
    after = weights(train(tmp_path, steps=20, trainable=sorted(trained)))
    assert len([line for line in log(tmp_path) if "loss" in line]) == 20
    changed = {part_of(key) for key in after if not torch.equal(after[key], before[key])}
    assert changed == trained


def test_it_overfits_a_few_examples(
    train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = FullSizeObjective.draw
    monkeypatch.setattr(FullSizeObjective, "draw", lambda self, at: draw(self, [p % 4 for p in at]))
    every = ["motion_modules", "motion_augmented", "conv_in", "spatial"]
    train(tmp_path, steps=100, trainable=every, batch_size=4)
    losses = [line["loss"] for line in log(tmp_path) if "loss" in line]
    assert losses[-1] < 0.6 * losses[0]


def test_a_resumed_run_is_an_uninterrupted_one(train: Any, tmp_path: Path) -> None:
    whole = weights(train(tmp_path / "whole", steps=6))
    train(tmp_path / "halves", steps=3)
    resumed = weights(train(tmp_path / "halves", steps=6))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    # As a loss that is not finite advises.
    slower = {"learning_rate": 1e-4, "warmup_steps": 2}
    train(tmp_path / "halves", steps=7, optimizer=slower)
    (line,) = [
        line for line in log(tmp_path / "halves") if line.get("step") == 7 and "loss" in line
    ]
    assert line["learning_rate"] == 1e-4


def test_a_run_with_8_bit_adam_learns_and_resumes(
    train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optim = pytest.importorskip("bitsandbytes").optim
    # Its own least is 4,096 numbers, more than any part here has.
    monkeypatch.setattr(optim, "AdamW8bit", partial(optim.AdamW8bit, min_8bit_size=64))
    optimizer = {"kind": "adamw-8bit", "learning_rate": 1e-3, "warmup_steps": 2, "decay_share": 0.0}
    whole = weights(train(tmp_path / "whole", steps=6, optimizer=optimizer))
    train(tmp_path / "halves", steps=3, optimizer=optimizer)
    moments = load_file(tmp_path / "halves" / "checkpoint-0000003" / "optimizer.safetensors")
    assert any(value.dtype == torch.uint8 for value in moments.values())
    resumed = weights(train(tmp_path / "halves", steps=6, optimizer=optimizer))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    exact = weights(train(tmp_path / "exact", steps=6, optimizer={**optimizer, "kind": "adamw"}))
    assert not all(torch.equal(whole[key], exact[key]) for key in whole)


def test_a_tracker_gets_what_the_log_gets(train: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tmp_path, steps=3, tracker="tensorboard")
    found = [EventAccumulator(str(events)) for events in tmp_path.rglob("events.out.tfevents.*")]
    (losses,) = [
        each.Scalars("loss") for each in found if "loss" in each.Reload().Tags()["scalars"]
    ]
    logged = [line["loss"] for line in log(tmp_path) if "loss" in line]
    assert [event.value for event in losses] == pytest.approx(logged, rel=1e-4)


def test_accumulated_batches_are_one_batch(train: Any, tmp_path: Path) -> None:
    # Large steps of Adam follow the sign of a gradient: with rounding alone between them, small ones stay together.
    once = weights(train(tmp_path / "a", batch_size=4))
    twice = weights(train(tmp_path / "b", batch_size=2, gradient_accumulation_steps=2))
    for key, value in once.items():
        torch.testing.assert_close(twice[key], value, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_are_one_with_the_same_global_batch(
    tmp_path: Path, sources: tuple[Path, Path], sharded: bool
) -> None:
    # A validation in between leaves no trace: with FSDP the average must not stay gathered.
    steps = {"steps": 3, "validate_every": 2}
    for count, changes in ((1, {"batch_size": 4}), (2, {"batch_size": 2, "sharded": sharded})):
        command = processes(count, tmp_path / str(count), sources, **changes, **steps)
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stderr[-2000:]
    one, two = (weights(tmp_path / str(count) / "model") for count in (1, 2))
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, atol=1e-5, rtol=1e-5)
    for first, second in zip(log(tmp_path / "1"), log(tmp_path / "2"), strict=True):
        if "loss" in first:
            assert first["loss"] == pytest.approx(second["loss"], abs=1e-5)


def test_deepspeed_is_the_same_run_and_resumes(tmp_path: Path, sources: tuple[Path, Path]) -> None:
    """In one process: on CPUs accelerate starts no more for it."""
    pytest.importorskip("deepspeed")
    by_it = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "2"}
    by_it |= {"DS_ACCELERATOR": "cpu", "ACCELERATE_USE_CPU": "false"}
    batches = {"batch_size": 2, "gradient_accumulation_steps": 2}

    def run_to(steps: int, name: str, **variables: str) -> None:
        # Its process group wants the launcher's variables even of one process.
        launcher = [sys.executable, *LAUNCHER, "--nproc_per_node", "1"]
        (_, *words) = processes(1, tmp_path / name, sources, steps=steps, **batches)
        done = subprocess.run(
            [*launcher, *words],
            env={**environment(), **variables},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-2000:]

    run_to(3, "plain")
    run_to(3, "whole", **by_it)
    run_to(2, "halves", **by_it)
    run_to(3, "halves", **by_it)
    assert (tmp_path / "whole" / "checkpoint-0000003" / "accelerate").is_dir()
    plain, whole, halves = (
        weights(tmp_path / name / "model") for name in ("plain", "whole", "halves")
    )
    for key, value in plain.items():
        torch.testing.assert_close(whole[key], value, atol=1e-5, rtol=1e-5)
        assert torch.equal(whole[key], halves[key])


def test_killed_while_saving_the_checkpoint_before_it_loads(
    train: Any, tmp_path: Path, sources: tuple[Path, Path]
) -> None:
    output = tmp_path / "killed"
    command = processes(1, output, sources, steps=400, checkpoint_every=1)
    running = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
    ends = time.monotonic() + 120
    while not list(output.glob("checkpoint-*2.tmp")) and time.monotonic() < ends:
        time.sleep(0.0005)
    running.send_signal(signal.SIGKILL)
    running.wait()
    reached = sorted(output.glob("checkpoint-???????"))
    assert reached
    # Where a kill leaves half of a save, whatever moment this one hit.
    half = output / "checkpoint-9999999.tmp"
    half.mkdir()
    (half / "trained.safetensors").write_bytes(b"half")
    steps = int(reached[-1].name[-7:]) + 2
    resumed = weights(train(output, steps=steps, checkpoint_every=1000))
    whole = weights(train(tmp_path / "whole", steps=steps))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_the_exported_weights_are_the_average(train: Any, tmp_path: Path) -> None:
    exported = weights(train(tmp_path, steps=3))
    average, trained = (
        load_file(tmp_path / "checkpoint-0000003" / f"{name}.safetensors")
        for name in ("average", "trained")
    )
    assert all(torch.equal(exported[name], value) for name, value in average.items())
    assert not all(torch.equal(trained[name], value) for name, value in average.items())


def test_the_exported_folder_is_a_model(train: Any, tmp_path: Path) -> None:
    model = train(tmp_path, steps=2, validate_every=2)
    assert load_preset(model).size == 32
    pipeline = load_pipeline(model, device="cpu")
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    assert pipeline.scheduler.config.rescale_betas_zero_snr
    frames = pipeline(
        image=torch.rand(1, 3, 32, 32),
        region_mask=torch.ones(32, 32),
        motion_prompt="rise",
        num_frames=4,
        num_inference_steps=2,
        output_type="pt",
    ).frames
    assert frames.isfinite().all()
    assert (tmp_path / "samples" / "0000002.png").is_file()
    assert any("validation_loss" in line for line in log(tmp_path))


def test_the_next_stage_starts_from_the_models_u_net(
    train: Any, tmp_path: Path, sources: tuple[Path, Path]
) -> None:
    model = train(tmp_path, steps=2)
    base, motion = map(str, sources)
    values = small.settings(tmp_path / "next", base=base, motion=motion, init=str(model))
    unet = run.models_of(parse_full_size(values, "test")).unet.state_dict()
    saved = weights(model)
    assert all(torch.equal(value, saved[key]) for key, value in unet.items())


def test_examples_depend_on_their_place_alone(sources: tuple[Path, Path], tmp_path: Path) -> None:
    parts = load_parts(sources[0], motion=sources[1], motion_cross_attention_dim=12)
    config = parse_full_size(small.settings(tmp_path), "test")
    objective = FullSizeObjective(parts, small.DrawnClips(), paper_scheduler(), config)
    several, single = objective.draw([3, 7, 11]), objective.draw([7])
    for name in ("noise", "timesteps", "kept", "told_caption", "told_motion"):
        assert torch.equal(getattr(several, name)[1:2], getattr(single, name))
    many = objective.draw(range(400))
    hidden = 1 - many.kept.mean(dim=(1, 2, 3))
    assert float(hidden.mean()) == pytest.approx(0.375, abs=0.05)  # of ratios 0, 0.3, 0.5, 0.7
    assert float(many.told_caption.float().mean()) == pytest.approx(0.9, abs=0.05)
    assert not torch.equal(many.told_caption, many.told_motion)


def test_what_the_layers_read_depends_on_the_stage(
    sources: tuple[Path, Path], tmp_path: Path
) -> None:
    parts = load_parts(sources[0], motion=sources[1], motion_cross_attention_dim=12)
    told = {}
    for prompts in ("caption", "motion"):
        config = parse_full_size(
            small.settings(tmp_path, prompts=prompts, caption_dropout=0.0), "test"
        )
        objective = FullSizeObjective(parts, small.DrawnClips(), paper_scheduler(), config)
        batch = objective.draw([0, 1]).batch
        keep, drop = torch.tensor([True, True]), torch.tensor([True, False])
        caption, motion = objective.texts(batch, keep, drop, torch.device("cpu"))
        told[prompts] = motion
        assert torch.equal(caption[0], motion[0]) == (prompts == "caption")
        nothing, _ = objective.texts(batch, ~keep, keep, torch.device("cpu"))
        assert torch.equal(motion[1], nothing[0])
    assert not torch.equal(told["caption"][0], told["motion"][0])


def test_bad_settings_are_refused_in_one_line(
    train: Any, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="trainable"):
        train(tmp_path / "a", trainable=["everything"])
    with pytest.raises(SettingsError, match="speed: unknown key"):
        train(tmp_path / "a", speed=3)
    train(tmp_path / "b", steps=1)
    with pytest.raises(SettingsError, match="holds a run of 'tiny' with other settings"):
        train(tmp_path / "b", seed=4)
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(MissingExtraError, match="needs bitsandbytes: pip install"):
        train(tmp_path / "c", optimizer={"learning_rate": 1e-3, "kind": "adamw-8bit"})
    capsys.readouterr()
    for words, says in (
        (["sd15"], "got no --stage; expected --stage webvid"),
        (["sd15", "--stage", "third"], "got --stage third"),
        (["mini", "--stage", "webvid"], "only sd15 has stages"),
    ):
        assert main(["train", *words]) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1


def test_data_that_is_nothing_is_refused_before_any_model_is_loaded(
    tmp_path: Path, capsys: Any
) -> None:
    for words, says in (
        (
            [
                "sd15",
                "--stage",
                "webvid",
                "--data",
                str(tmp_path / "no"),
                "--output",
                str(tmp_path / "o"),
            ],
            "expected a folder of videos, or shards",
        ),
    ):
        assert main(["train", *words]) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1


def test_a_dry_run_says_what_a_stage_needs(capsys: Any) -> None:
    words = ["train", "sd15", "--stage", "webvid", "--dry-run"]
    assert main(words) == 0
    plain = json.loads(capsys.readouterr().out)
    # 1.28 billion of the released network, and the MA layers.
    assert plain["parameters"] == pytest.approx(1281.6e6 + 64.2e6, abs=0.5e6)
    assert 400e6 < plain["trained_parameters"] < 600e6
    assert (
        main([*words, "--set", "frozen_precision=bf16", "--set", "optimizer.kind=adamw-8bit"]) == 0
    )
    small_one = json.loads(capsys.readouterr().out)["gigabytes_without_activations"]
    assert small_one < 0.75 * plain["gigabytes_without_activations"]
    assert main(["train", "mini", "--dry-run"]) == 2


def test_a_loss_that_is_not_finite_ends_the_run(
    train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(small.DrawnClips):
        def sample(self, places: Any, *, seed: int) -> Any:
            batch = super().sample(places, seed=seed)
            batch.motion_strength[:] = float("nan")
            return batch

    monkeypatch.setattr(run, "open_clips", lambda config, split: Broken())
    with pytest.raises(SettingsError, match="loss of step 0 is not finite"):
        train(tmp_path)
    assert not list(tmp_path.glob("checkpoint-*"))
