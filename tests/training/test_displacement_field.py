"""The displacement field's objective: what counts, what a batch holds, and that it is learned and put to use."""

import pytest
import torch

from follow_your_click.data.motion_prompts import COMPOSED, MOTIONS
from follow_your_click.errors import ModelError, SettingsError
from follow_your_click.models.displacement import DisplacementField
from follow_your_click.training.displacement_field import (
    FAR_OFF,
    VELOCITY_WEIGHT,
    displacement_loss,
    geometry_of,
)
from follow_your_click.training.objective import step_generator
from follow_your_click.training.run import build_objective, train
from follow_your_click.training.trainer import Trainer


def test_the_displacement_loss_is_relative_and_ignores_what_stands_still():
    true = torch.zeros(2, 2, 4, 6, 6)
    true[0, 0] = 0.1 * torch.arange(4.0)[:, None, None]
    moving = torch.ones(2, 4, 6, 6)
    assert displacement_loss(true, true, moving) == 0
    half = displacement_loss(0.5 * true, true, moving)
    # A quarter of the one clip that moves, in position and (at its own weight) in velocity, a little less for its size.
    quarter = 0.25 / (1 + 0.25 / FAR_OFF)
    assert half == pytest.approx(0.5 * quarter * (1 + VELOCITY_WEIGHT), rel=1e-3)
    # However far off, a clip costs no more than this.
    assert displacement_loss(true - 1e3 * true, true, moving) < 0.5 * FAR_OFF * (
        1 + VELOCITY_WEIGHT
    )
    assert displacement_loss(5.0 * true, 10 * true, moving) == pytest.approx(float(half), rel=1e-3)
    noise = torch.zeros_like(true)
    noise[1] = 1.0
    assert displacement_loss(true + noise, true, moving) == 0


def test_an_error_of_displacement_counts_more_on_the_object_than_away_from_it():
    true = torch.full((1, 2, 3, 8, 8), 0.1)
    moving = torch.zeros(1, 3, 8, 8)
    moving[..., 2:4, 2:4] = 1
    on, away = true.clone(), true.clone()
    on[..., 2, 2], away[..., 7, 7] = 0.2, 0.2
    near, far = displacement_loss(on, true, moving), displacement_loss(away, true, moving)
    assert near > 20 * far > 0


def test_what_positions_are_displaced_by_themselves_costs_as_much_as_the_weight_says(configure):
    built = build_objective(configure("displacement_field", {"own_weight": 0.5}))
    geometry, texts = built.batch(4, seed=0, step=0)
    torch.manual_seed(0)
    field = built.model
    torch.nn.init.normal_(field.conv_out.weight, std=0.1)

    def losses():
        with torch.no_grad():
            return [
                float(built._loss_of(field, geometry, texts, own_weight=w)) for w in (0, 0.5, 1)
            ]

    plain, half, full = losses()
    assert half - plain == pytest.approx(full - half, rel=1e-3) and half > plain
    torch.nn.init.zeros_(field.conv_out.weight)
    torch.nn.init.normal_(field.linear_out.weight, std=0.1)
    plain, half, full = losses()
    assert plain == half == full, "what all positions do is free"
    torch.nn.init.normal_(field.conv_out.weight, std=0.1)
    generator = torch.Generator().manual_seed(0)
    grid = tuple(torch.randint(2, (2,), generator=generator).tolist())
    expected = built._loss_of(field, geometry, texts, grid=grid, own_weight=0.5)
    weighed = built.loss((geometry, texts), generator=generator.manual_seed(0))["loss"]
    torch.testing.assert_close(weighed, expected)


def _told_asked_measured(configure, motion):
    """Strengths of 300 clips of one motion."""
    built = build_objective(
        configure("displacement_field", {"clip_uses": 1, "motion_weights": {motion: 1.0}})
    )
    told = built.batch(300, seed=0, step=0)[0].motion_strength
    clips = built.clips.sample(300, step_generator(0, 0, "cpu"))
    return told, clips.asked_strength, clips.motion_strength


def test_some_turns_are_told_the_strength_that_was_asked_for(configure):
    told, asked, measured = _told_asked_measured(configure, "turn_left")
    more = asked > 1.1 * measured
    assert more.sum() > 20, "on some objects a turn bears less"
    assert (torch.isclose(told, measured) | torch.isclose(told, asked)).all()
    assert 0.3 < float((told[more] > 1.05 * measured[more]).float().mean()) < 0.7


def test_what_may_leave_its_outline_is_told_as_it_was_shown(configure):
    told, asked, measured = _told_asked_measured(configure, "ripple")
    assert (asked > 1.1 * measured).any(), "some objects bear less of it than was asked for"
    torch.testing.assert_close(told, measured)


def test_a_batch_holds_the_geometry_of_its_clips_and_prompts_drawn_anew(configure):
    built = build_objective(configure("displacement_field", {"clip_uses": 2}))
    geometry, texts = built.batch(4, seed=0, step=5)
    later, other_texts = built.batch(4, seed=0, step=6)
    # 32 px are 4 latent positions, and 16 of the head's.
    assert geometry.region_mask.shape == (4, 16, 16)
    assert geometry.moving.shape == (4, 3, 16, 16)
    assert geometry.displacement.shape == (4, 2, 3, 16, 16)
    # The newer half of a step is the older half of the next one, and is not rendered again.
    assert torch.equal(geometry.displacement[2:], later.displacement[:2])
    assert texts.shape == (4, 24) and not torch.equal(texts[2:], other_texts[:2])
    assert built._rendered.cache_info().misses == 3
    again = build_objective(configure("displacement_field", {"clip_uses": 2}))
    assert torch.equal(again.batch(4, seed=0, step=6)[1], other_texts)
    with pytest.raises(SettingsError, match="got batch_size 3; expected a multiple of clip_uses 2"):
        built.batch(3, seed=0, step=0)


def test_the_field_learns_which_way_and_how_far_words_lead(configure):
    config = configure(
        "displacement_field",
        {
            "motion_weights": {"translate_left": 1, "translate_up": 1},
            "clip_uses": 8,
            "motion_prompt_dropout": 0.0,
        },
        steps=100,
        batch_size=64,
        ema_decay=0.8,
        optimizer={"learning_rate": 1e-2, "warmup_steps": 2, "decay_share": 0.6},
        log_every=1000,
        checkpoint_every=1000,
    )
    torch.manual_seed(0)
    built = build_objective(config)
    trained = Trainer(built, config).fit().eval()
    batch = built.batch(64, seed=1, step=1000)
    still = torch.zeros_like(batch[0].displacement)
    before = displacement_loss(still, batch[0].displacement, batch[0].moving)
    after = built._loss_of(trained, *batch)
    # Measured: 0.31 of it, over an untrained text encoder.
    assert after < 0.5 * before


def test_validation_tells_training_wordings_from_held_out_ones(configure):
    built = build_objective(configure("displacement_field"))
    with torch.no_grad():
        figures, sheet = built.validate(built.model)
    assert sheet is None
    assert set(figures) == {
        f"displacement_error_{split}_wordings" for split in ("plain", "train", "held_out")
    }
    # A fresh field says that nothing moves.
    expected = (1 / (1 + 1 / FAR_OFF)) * (1 + VELOCITY_WEIGHT)
    assert all(0.5 * expected < figure < 1.2 * expected for figure in figures.values())


def test_two_motions_are_drawn_where_the_weights_ask_for_them(configure):
    weights = {"motion_weights": {"composed": 1}}
    built = build_objective(configure("displacement_field", weights))
    _, motions = built._render(4, 0, 0)
    assert set(motions) <= set(COMPOSED) and not set(motions) & set(MOTIONS)
    assert geometry_of(built.clips.sample(2, torch.Generator())).motion_strength.shape == (2,)


def test_a_trained_field_goes_into_the_network_and_stays_as_it_is(configure, tiny_unet, tmp_path):
    folder = train_field(configure, tmp_path / "field")
    with_head = {**tiny_unet, "displacement_head": "field"}
    config = configure(
        "motion_unet", {"model": with_head, "displacement_field": str(folder)}, steps=2
    )
    built = build_objective(config)
    field = DisplacementField.from_pretrained(folder)
    trained = Trainer(built, config).fit()
    assert trained.displacement.correction.weight.any()
    for name, value in field.state_dict().items():
        assert torch.equal(trained.displacement.field.state_dict()[name], value), name
    with pytest.raises(SettingsError, match="displacement_head to field"):
        build_objective(configure("motion_unet", {"displacement_field": str(folder)}))
    DisplacementField(text_channels=8).save_pretrained(tmp_path / "other")
    other = {"model": with_head, "displacement_field": str(tmp_path / "other")}
    with pytest.raises(ModelError, match="expected text embeddings of 24"):
        build_objective(configure("motion_unet", other))
    started = configure("displacement_field", {"init": str(tmp_path / "other")})
    with pytest.raises(ModelError, match="text embeddings of 8; expected 24"):
        build_objective(started)
    going_on = build_objective(configure("displacement_field", {"init": str(folder)})).model
    assert torch.equal(going_on.linear_in.weight, field.linear_in.weight)


def train_field(configure, output):
    """A field after one step."""
    import yaml

    config = configure("displacement_field", {"clip_uses": 1}, steps=1, output=output)
    file = output.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    return train(file)
