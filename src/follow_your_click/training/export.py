"""From trained weights to a model that others load."""

from __future__ import annotations

import shutil
from pathlib import Path

from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from follow_your_click.errors import ModelError
from follow_your_click.presets import PRESET_FILE, Preset
from follow_your_click.training.config import TrainingConfig
from follow_your_click.training.motion_unet import MotionUNetObjective
from follow_your_click.training.objective import Objective

SHARD_SIZE = "15MB"


def export(trained: nn.Module, objective: Objective, config: TrainingConfig) -> Path:
    """Write `output`/model, whole or not at all, and return it.

    An autoencoder or text encoder is written alone. A U-Net is written as the whole pipeline that it was trained
    for, with preset.json, so that `fyc animate --model FOLDER` takes it.

    Raises:
        ModelError: a model that diffusers cannot write.
    """
    final, temporary = config.output / "model", config.output / "model.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    if isinstance(objective, MotionUNetObjective):
        _export_pipeline(trained, objective, config, temporary)
    else:
        _export_part(trained, temporary)
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    return final


def _export_part(trained: nn.Module, folder: Path) -> None:
    if not isinstance(trained, ModelMixin):
        raise ModelError(f"{type(trained).__name__} cannot be exported; expected a diffusers model")
    trained.save_pretrained(folder, max_shard_size=SHARD_SIZE)


def _export_pipeline(
    trained: nn.Module, objective: MotionUNetObjective, config: TrainingConfig, folder: Path
) -> None:
    settings = objective.settings
    objective.pipeline(trained).save_pretrained(folder, max_shard_size=SHARD_SIZE)
    preset = Preset(
        name=config.name,
        size=settings.size,
        num_inference_steps=settings.num_inference_steps,
        guidance_scale=settings.guidance_scale,
        window_strength=settings.window_strength,
        motion_strengths=settings.motion_strengths,
        max_window_strength=settings.max_window_strength,
    )
    (folder / PRESET_FILE).write_text(preset.model_dump_json(indent=1) + "\n", encoding="utf-8")
