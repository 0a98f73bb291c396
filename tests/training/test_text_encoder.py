"""The text encoder's objective: which motions a prompt asks for, and what counts as having named them."""

from types import SimpleNamespace

import pytest
import torch

from follow_your_click.data.motion_prompts import COMPOSED, MOTIONS, UNKNOWN, UNKNOWN_WORDINGS
from follow_your_click.errors import ModelError
from follow_your_click.models.text_encoder import MotionTextEncoder
from follow_your_click.training.run import build_objective
from follow_your_click.training.text_encoder import judged


def _asked_for(*names):
    return torch.tensor([float(name in names) for name in (*MOTIONS, UNKNOWN)])


def _answering(objective, monkeypatch, logits):
    answer = SimpleNamespace(motion_logits=logits)
    monkeypatch.setattr(objective.model, "forward", lambda *_: answer)


def test_a_batch_asks_for_one_motion_or_for_two_that_go_together(configure):
    objective = build_objective(configure("text_encoder"))
    batch = objective.batch(200, seed=3, step=0)
    counts = batch["asked"].sum(dim=1)
    assert set(counts.tolist()) == {1.0, 2.0}
    assert 0.2 < (counts == 2).float().mean() < 0.4
    pairs = {frozenset(pair.split("+")) for pair in COMPOSED}
    none = batch["asked"][:, -1]
    assert 0.02 < none.mean() < 0.15 and (counts[none == 1] == 1).all()
    for row in batch["asked"][counts == 2]:
        assert frozenset(MOTIONS[i] for i in row.nonzero()[:, 0]) in pairs


def test_two_motions_are_named_when_both_come_before_all_others(configure, monkeypatch):
    objective = build_objective(configure("text_encoder"))
    batch = objective.batch(2, seed=0, step=0)
    batch["asked"] = torch.stack([_asked_for("swing"), _asked_for("drift_left", "rock")])

    def accuracy(*answers):
        logits = torch.stack([_asked_for(*answer) for answer in answers])
        _answering(objective, monkeypatch, logits)
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
        _answering(objective, monkeypatch, logits[None])
        return float(objective.loss(batch, generator=torch.Generator())["loss"])

    assert loss(5, 5) < loss(8, 2) < loss(10, 0)


def test_validation_tells_one_motion_and_two_apart(configure):
    objective = build_objective(configure("text_encoder"))
    figures, picture = objective.validate(objective.model.eval())
    assert picture is None
    assert set(figures) == {
        *("held_out_wordings_accuracy", "held_out_two_motions_accuracy"),
        *("everyday_wordings_accuracy", "everyday_two_motions_accuracy"),
        *("held_out_wordings_unknown", "held_out_two_motions_unknown"),
        *("everyday_wordings_unknown", "everyday_two_motions_unknown"),
        *("short_prompts_accuracy", "short_prompts_unknown", "short_unknown_found"),
        *("typed_prompts_accuracy", "typed_prompts_unknown", "typed_unknown_found"),
    }
    assert all(
        0 <= figures[name] < 0.3
        for name in figures
        if name.endswith(("wordings_accuracy", "motions_accuracy"))
    )


def test_what_is_taken_for_no_motion_is_counted_apart(configure, monkeypatch):
    objective = build_objective(configure("text_encoder"))

    def says_none(input_ids, _):
        logits = torch.zeros(len(input_ids), len(MOTIONS) + 1)
        logits[:, -1] = 9
        return SimpleNamespace(motion_logits=logits)

    monkeypatch.setattr(objective.model, "forward", says_none)
    figures, _ = objective.validate(objective.model)
    assert figures["short_prompts_unknown"] == figures["typed_unknown_found"] == 1
    assert figures["held_out_wordings_unknown"] == figures["everyday_two_motions_unknown"] == 1
    # Of the motions, none comes before all others.
    assert figures["held_out_wordings_accuracy"] == 0


def test_prompts_for_no_motion_are_unknown_wordings_or_words_for_things(configure):
    objective = build_objective(configure("text_encoder"))
    heard = []
    tokens = objective.tokenizer
    objective.tokenizer = lambda prompts, **options: (
        heard.extend(prompts) or tokens(prompts, **options)
    )
    objective.tokenizer.model_max_length = tokens.model_max_length
    asked = objective.batch(600, seed=0, step=0)["asked"]
    said = [prompt for prompt, row in zip(heard, asked, strict=True) if row[-1]]
    things = set(" ".join(objective.nouns).split())
    bare = [prompt for prompt in said if set(prompt.split()) <= things]
    assert 0.15 < len(bare) / len(said) < 0.6
    verbs = {wording.split()[0] for wording in UNKNOWN_WORDINGS}
    assert sum(bool(verbs & set(prompt.split())) for prompt in said) > 0.3 * len(said)


def test_an_encoder_of_other_motions_is_not_trained_further(configure, tmp_path):
    MotionTextEncoder(hidden_size=24, motions=("sway",)).save_pretrained(tmp_path / "other")
    with pytest.raises(ModelError, match="names 1 motions; expected the 36"):
        build_objective(configure("text_encoder", {"init": str(tmp_path / "other")}))


def test_things_that_move_by_themselves_never_stand_for_no_motion(configure):
    objective = build_objective(configure("text_encoder"))
    objective.nouns.append("windmill")
    objective.__post_init__()
    assert "windmill" in objective.nouns and "windmill" not in objective.idle
    assert len(objective.idle) > 0.9 * len(objective.nouns)


def test_a_prompt_is_refused_where_a_person_would_be_warned(configure, monkeypatch):
    objective = build_objective(configure("text_encoder"))
    logits = torch.stack([4 * _asked_for("swing"), _asked_for(UNKNOWN), 9 * _asked_for(UNKNOWN)])
    _answering(objective, monkeypatch, logits)
    asked = tuple((name, frozenset({"swing"})) for name in ("one", "doubtful", "none"))
    found = judged(objective.model, objective.tokenizer, asked)
    assert [each.refused for each in found] == [False, False, True]
    assert found[0].right and not found[2].right
