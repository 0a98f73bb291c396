"""Training configs: recipes load, mistakes end with one clear line."""

import pytest

from follow_your_click.errors import SettingsError
from follow_your_click.loading import find_model, load_preset
from follow_your_click.training.config import CONFIG_FOLDER, load_config, parse_overrides

RECIPES = sorted(file.stem for file in CONFIG_FOLDER.glob("*.yaml"))


def refusal(name, overrides=None):
    with pytest.raises(SettingsError) as caught:
        load_config(name, overrides=overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("mini")])
def test_every_recipe_loads_by_name_and_by_path(name):
    config = load_config(name)
    assert config.name == name
    assert load_config(CONFIG_FOLDER / f"{name}.yaml") == config


def test_the_recipe_leaves_a_model_with_the_strengths_of_the_one_that_is_shipped():
    shipped = load_preset(find_model("mini"))
    recipe = load_config("mini").objective
    assert recipe.motion_strengths == shipped.motion_strengths
    assert recipe.window_strength == shipped.window_strength


def test_the_recipes_are_those_that_the_guide_names():
    small = ["mini", "mini-click", "mini-motion", "mini-names", "mini-text", "mini-vae"]
    assert [*small, "sd15-motion", "sd15-webvid"] == RECIPES


def test_settings_do_not_change_after_the_check():
    with pytest.raises(ValueError, match="frozen"):
        load_config("mini").steps = 3


def test_an_unknown_recipe_names_those_there_are():
    message = refusal("maxi")
    assert message.startswith("no training config 'maxi'")
    assert all(name in message for name in RECIPES)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("stepz", 3, "stepz: unknown key"),
        ("optimizer.learning_rte", 1, "optimizer.learning_rte: unknown key"),
        ("objective.clip_use", 1, "objective.clip_use: unknown key"),
        ("steps", 0, "steps: got 0"),
        ("steps", "many", "steps: got 'many'"),
        ("optimizer.decay_share", 1.5, "optimizer.decay_share: got 1.5"),
        ("objective.caption_dropout", -0.1, "objective.caption_dropout: got -0.1"),
        ("objective.mask_layout", "last", "objective.mask_layout: got 'last'"),
        ("objective.first_frame_mask_ratios", [], "objective.first_frame_mask_ratios: got []"),
        ("objective.first_frame_mask_ratios", [7], "objective.first_frame_mask_ratios.0: got 7"),
        ("objective.size", 60, "objective.size: got 60"),
        ("objective.kind", "sculpture", "objective: got"),
        ("optimizer", {}, "optimizer.learning_rate: missing"),
        ("steps.more", 1, "steps is a value, not a group"),
    ],
)
def test_a_wrong_key_or_value_is_named_by_its_dotted_key(key, value, expected):
    assert expected in refusal("mini", {key: value})


def test_short_sides_stand_in_order():
    assert "objective.short_sides" in refusal("mini-vae", {"objective.short_sides": [288, 96]})


@pytest.mark.parametrize("text", ["a: [1", "", "- 1", "3"])
def test_a_file_without_settings_is_refused(tmp_path, text):
    file = tmp_path / "wrong.yaml"
    file.write_text(text, encoding="utf-8")
    assert "wrong.yaml" in refusal(file)


def test_assignments_are_read_as_yaml_and_laid_over_the_recipe():
    overrides = parse_overrides(
        ["steps=7", "optimizer.learning_rate=1e-4", "objective.first_frame_mask_ratios=[0.0, 0.5]"]
    )
    config = load_config("mini", overrides=overrides)
    assert config.steps == 7
    assert config.optimizer.learning_rate == 1e-4
    assert config.objective.first_frame_mask_ratios == (0.0, 0.5)
    assert config.optimizer.warmup_steps == load_config("mini").optimizer.warmup_steps


def test_a_value_may_hold_an_equals_sign():
    assert parse_overrides(["name=a=b"]) == {"name": "a=b"}


@pytest.mark.parametrize("assignment", ["steps", "=3", "steps=[1", "steps={"])
def test_a_wrong_assignment_is_named(assignment):
    with pytest.raises(SettingsError, match="--set") as caught:
        parse_overrides([assignment])
    assert "\n" not in str(caught.value)
