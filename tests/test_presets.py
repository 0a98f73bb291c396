"""Models by name or folder, and what is said when one cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from follow_your_click import loading
from follow_your_click.errors import ModelError
from follow_your_click.loading import find_model, load_pipeline, load_preset
from follow_your_click.models.checkpoints import best_device
from follow_your_click.presets import PRESET_FILE, Preset

SETTINGS: dict[str, Any] = {
    "name": "mine",
    "size": 64,
    "num_inference_steps": 4,
    "guidance_scale": 1.5,
    "window_strength": 3.0,
    "max_window_strength": 10.0,
}


def _write(folder: Path, **changes: Any) -> Path:
    text = json.dumps({**SETTINGS, **changes})
    (folder / PRESET_FILE).write_text(text, encoding="utf-8")
    return folder


def test_a_folder_with_a_model_index_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    assert find_model(tmp_path) == tmp_path
    assert find_model(str(tmp_path)) == tmp_path


def test_an_embedded_name_leads_to_the_weights_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "WEIGHTS_FOLDER", tmp_path)
    with pytest.raises(ModelError, match="weights of 'mini' are not in"):
        find_model("mini")
    (tmp_path / "mini").mkdir()
    (tmp_path / "mini" / "model_index.json").write_text("{}")
    assert find_model("mini") == tmp_path / "mini"


def test_an_unknown_model_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="unknown model 'minni'; expected mini, sd15, sd15-pia"):
        find_model("minni")
    with pytest.raises(ModelError, match="model_index.json"):
        find_model(tmp_path)


def test_a_preset_is_read_from_the_models_folder(tmp_path: Path) -> None:
    assert load_preset(_write(tmp_path)) == Preset(**SETTINGS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"size": 60}, "size"),
        ({"num_inference_steps": 0}, "num_inference_steps"),
        ({"guidance_scale": 0.5}, "guidance_scale"),
        ({"speed": 3}, "speed"),
        ({"window_strength": 11.0}, "more than max_window_strength"),
    ],
)
def test_a_wrong_preset_says_what_is_wrong(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        load_preset(_write(tmp_path, **change))
    assert "\n" not in str(caught.value)


def test_a_preset_that_is_missing_or_no_json(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no preset.json"):
        load_preset(tmp_path)
    (tmp_path / PRESET_FILE).write_text("{")
    with pytest.raises(ModelError, match="does not hold a preset"):
        load_preset(tmp_path)


@pytest.mark.parametrize(
    "index",
    [
        "{",
        "{}",
        "[]",
        '{"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}',
        '{"_class_name": "RegionalAnimationPipeline", "unet": ["follow_your_click.no", "None"]}',
        '{"_class_name": "RegionalAnimationPipeline", "vae": ["follow_your_click.models.autoencoder", "No"]}',
    ],
)
def test_a_folder_of_something_else_cannot_be_loaded(tmp_path: Path, index: str) -> None:
    (tmp_path / "model_index.json").write_text(index)
    with pytest.raises(ModelError, match="cannot be loaded: .") as caught:
        load_pipeline(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_device_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing(torch.nn.Linear):
        def set_progress_bar_config(self, *, disable: bool) -> None:
            assert disable

    model = Nothing(1, 1)
    monkeypatch.setattr(
        loading.RegionalAnimationPipeline, "from_pretrained", lambda folder, dtype: model
    )
    with pytest.raises(ModelError, match="device 'warp' cannot be used"):
        load_pipeline(tmp_path, device="warp")
    assert load_pipeline(tmp_path, device="cpu") is model  # type: ignore[comparison-overlap]


def test_the_best_device_exists() -> None:
    assert torch.zeros(1, device=best_device()).sum() == 0
