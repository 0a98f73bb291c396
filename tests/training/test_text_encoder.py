"""The text encoder's objective: which motions a prompt asks for, and what counts as having named them."""

import torch

from follow_your_click.data.motion_prompts import COMPOSED, MOTIONS
from follow_your_click.training.run import build_objective


def _asked_for(*names):
    return torch.tensor([float(name in names) for name in MOTIONS])


def test_a_batch_asks_for_one_motion_or_for_two_that_go_together(configure):
    objective = build_objective(configure("text_encoder"))
    batch = objective.batch(200, seed=3, step=0)
    counts = batch["asked"].sum(dim=1)
    assert set(counts.tolist()) == {1.0, 2.0}
    assert 0.2 < (counts == 2).float().mean() < 0.4
    pairs = {frozenset(pair.split("+")) for pair in COMPOSED}
    for row in batch["asked"][counts == 2]:
        assert frozenset(MOTIONS[i] for i in row.nonzero()[:, 0]) in pairs


def test_two_motions_are_named_when_both_come_before_all_others(configure, monkeypatch):
    objective = build_objective(configure("text_encoder"))
    batch = objective.batch(2, seed=0, step=0)
    batch["asked"] = torch.stack([_asked_for("swing"), _asked_for("drift_left", "rock")])

    def accuracy(*answers):
        logits = torch.stack([_asked_for(*answer) for answer in answers])
        monkeypatch.setattr(objective.model, "forward", lambda *_: logits)
        return float(objective.loss(batch, generator=torch.Generator())["accuracy"])

    assert accuracy(("swing",), ("drift_left", "rock")) == 1.0
    assert accuracy(("sway",), ("drift_left", "rock")) == 0.5
    assert accuracy(("swing",), ("drift_left", "sway")) == 0.5
    assert accuracy(("swing",), ("rock",)) == 0.5


def test_the_loss_is_least_where_both_motions_have_half_each(configure, monkeypatch):
    objective = build_objective(configure("text_encoder"))
    batch = objective.batch(1, seed=0, step=0)
    batch["asked"] = _asked_for("drift_left", "rock")[None]

    def loss(drift_left, rock):
        logits = drift_left * _asked_for("drift_left") + rock * _asked_for("rock")
        monkeypatch.setattr(objective.model, "forward", lambda *_: logits[None])
        return float(objective.loss(batch, generator=torch.Generator())["loss"])

    assert loss(5, 5) < loss(8, 2) < loss(10, 0)


def test_validation_tells_one_motion_and_two_apart(configure):
    objective = build_objective(configure("text_encoder"))
    figures, picture = objective.validate(objective.model.eval())
    assert picture is None
    assert set(figures) == {
        *("held_out_wordings_accuracy", "held_out_two_motions_accuracy"),
        *("everyday_wordings_accuracy", "everyday_two_motions_accuracy"),
    }
    assert all(0 <= value < 0.3 for value in figures.values())
