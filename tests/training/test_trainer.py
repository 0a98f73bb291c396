"""The loop: learning rate, checkpoints, going on after an interruption."""

import json

import pytest
import torch
from safetensors.torch import load_file

from follow_your_click.training.config import OptimizerSettings
from follow_your_click.training.run import build_objective
from follow_your_click.training.trainer import Trainer, checkpoints, learning_rate_at

KINDS = ("autoencoder", "text_encoder", "motion_unet")


class Killed(BaseException):
    """The process ends here."""


def fit(config, *, seed=0, kill_at=None):
    torch.manual_seed(seed)
    objective = build_objective(config)
    if kill_at is not None:
        loss, calls = objective.loss, []

        def until_killed(batch, *, generator):
            calls.append(1)
            if len(calls) > kill_at:
                raise Killed
            return loss(batch, generator=generator)

        objective.loss = until_killed
    return Trainer(objective, config).fit()


def test_learning_rate_warms_up_stays_and_falls_to_zero():
    settings = OptimizerSettings(learning_rate=2.0, warmup_steps=10, decay_share=0.4)
    rates = [learning_rate_at(step, 100, settings) for step in range(101)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[4] == pytest.approx(1.0)
    assert rates[9:61] == [2.0] * 52
    assert rates[80] == pytest.approx(1.0)
    assert rates[99] == pytest.approx(2.0 / 40)
    assert rates[100] == 0


def test_learning_rate_without_warm_up_and_decay_is_constant():
    settings = OptimizerSettings(learning_rate=3.0, warmup_steps=0, decay_share=0.0)
    assert {learning_rate_at(step, 7, settings) for step in range(7)} == {3.0}


@pytest.mark.parametrize(
    ("kind", "optimizer"), [*((k, "adamw") for k in KINDS), ("motion_unet", "muon")]
)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    configure, tmp_path, kind, optimizer
):
    settings = {"learning_rate": 1e-3, "warmup_steps": 2, "kind": optimizer}
    whole = configure(kind, output=tmp_path / "whole", optimizer=settings)
    fit(whole)
    parted = configure(kind, output=tmp_path / "parted", optimizer=settings)
    with pytest.raises(Killed):
        fit(parted, kill_at=3)
    assert [folder.name for folder in checkpoints(parted.output)] == ["checkpoint-0000002"]
    # Other initial weights: everything must come from the checkpoint.
    fit(parted, seed=1)
    for name in ("model", "ema", "optimizer"):
        expected, actual = (
            load_file(config.output / "checkpoint-0000004" / f"{name}.safetensors")
            for config in (whole, parted)
        )
        assert expected.keys() == actual.keys()
        different = [key for key in expected if not torch.equal(expected[key], actual[key])]
        assert not different


def test_the_run_leaves_a_log_samples_and_the_newest_checkpoints(configure):
    config = configure("autoencoder", checkpoint_every=1, keep_checkpoints=2)
    fit(config)
    names = sorted(path.name for path in config.output.iterdir())
    assert names == ["checkpoint-0000003", "checkpoint-0000004", "log.jsonl", "samples"]
    assert [path.name for path in (config.output / "samples").iterdir()] == ["0000004.png"]
    lines = (config.output / "log.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["step"] for record in records] == [1, 2, 3, 4, 4]
    assert {"loss", "mse", "grad_norm", "learning_rate"} <= records[0].keys()
    assert records[-1]["validation_psnr"] > 0


def test_a_line_of_the_log_is_the_mean_of_the_steps_since_the_line_before(configure, tmp_path):
    records = {}
    for every in (1, 2):
        config = configure("autoencoder", log_every=every, output=tmp_path / str(every))
        fit(config)
        lines = (config.output / "log.jsonl").read_text(encoding="utf-8").splitlines()
        records[every] = [r for r in map(json.loads, lines) if "loss" in r]
    assert [record["step"] for record in records[2]] == [2, 4]
    for name in ("loss", "grad_norm"):
        single = [record[name] for record in records[1]]
        expected = [(single[0] + single[1]) / 2, (single[2] + single[3]) / 2]
        assert [record[name] for record in records[2]] == pytest.approx(expected, abs=2e-6)
    rates = [record["learning_rate"] for record in records[1]]
    assert [record["learning_rate"] for record in records[2]] == rates[1::2]


def test_a_model_is_validated_in_the_precision_that_it_is_used_in(configure):
    config = configure("autoencoder", steps=1, precision="bf16")
    objective = build_objective(config)
    seen = []
    validate = objective.validate

    def watched(model):
        seen.append(torch.is_autocast_enabled("cpu"))
        return validate(model)

    objective.validate = watched
    Trainer(objective, config).fit()
    assert seen == [False]


def test_a_finished_run_is_not_trained_further(configure):
    config = configure("text_encoder")
    first = fit(config).state_dict()
    again = fit(config, seed=1, kill_at=0).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)


def test_a_checkpoint_that_was_killed_half_way_is_ignored(configure):
    config = configure("text_encoder", steps=2)
    fit(config)
    half = config.output / "checkpoint-0000004.tmp"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    (half / "state.json").write_text('{"step": 4, "conf', encoding="utf-8")
    (config.output / "checkpoint-0000009").mkdir()
    assert [folder.name for folder in checkpoints(config.output)] == ["checkpoint-0000002"]
    fit(configure("text_encoder", steps=4))
    assert [folder.name for folder in checkpoints(config.output)] == [
        "checkpoint-0000002",
        "checkpoint-0000004",
    ]
    assert not half.exists()


def test_steps_draw_their_random_numbers_from_seed_and_step_alone(configure):
    objective = build_objective(configure("autoencoder"))
    later, first = (objective.batch(2, seed=0, step=step) for step in (5, 0))
    assert torch.equal(objective.batch(2, seed=0, step=0), first)
    assert torch.equal(objective.batch(2, seed=0, step=5), later)
    assert not torch.equal(first, later)
    assert not torch.equal(objective.batch(2, seed=1, step=0), first)


def test_half_precision_computes_in_it_and_keeps_weights_whole_on_a_cpu_too(configure, tmp_path):
    weights = {}
    for precision in ("fp32", "bf16"):
        config = configure("text_encoder", precision=precision, output=tmp_path / precision)
        weights[precision] = list(fit(config).parameters())
    assert all(parameter.dtype == torch.float32 for parameter in weights["bf16"])
    pairs = zip(weights["fp32"], weights["bf16"], strict=True)
    assert any(not torch.equal(whole, half) for whole, half in pairs)
