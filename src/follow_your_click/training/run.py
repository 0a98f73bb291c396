"""From a config to a trained model: builds the objective, runs the trainer, exports the EMA weights."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler
from torch import nn

from follow_your_click.data.photos import PictureLibrary, load_library
from follow_your_click.data.procedural import ProceduralClips
from follow_your_click.errors import ModelError, SettingsError
from follow_your_click.models.autoencoder import ConvAutoencoder
from follow_your_click.models.checkpoints import load_component
from follow_your_click.models.text_encoder import MotionTextEncoder, load_tokenizer
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.training.autoencoder import AutoencoderObjective
from follow_your_click.training.config import (
    AutoencoderSettings,
    MotionUNetSettings,
    TrainingConfig,
    load_config,
    parse_overrides,
)
from follow_your_click.training.motion_unet import MotionUNetObjective
from follow_your_click.training.objective import Objective
from follow_your_click.training.text_encoder import MotionClassifier, TextEncoderObjective
from follow_your_click.training.trainer import Trainer

logger = logging.getLogger(__name__)

FALLBACK_NOUNS = ("boat", "dog", "flower", "girl", "tree", "car", "bird", "flag", "cloud", "toy")


def train(config: str | Path, *, overrides: Sequence[str] = ()) -> Path:
    """Train what a config describes; run again with the same output, it goes on where it stopped.

    Args:
        config: a YAML file or the name of a recipe of the package ("mini-vae", "mini-text", "mini").
        overrides: "key=value" with dotted keys.

    Returns:
        The folder of the exported model (diffusers' format): `output`/model.

    Raises:
        SettingsError: a wrong config, or an output folder of another run.
        ModelError: a part that the run builds on cannot be loaded.
    """
    settings = load_config(config, overrides=parse_overrides(list(overrides)))
    _check_output(settings)
    torch.manual_seed(settings.seed)
    objective = build_objective(settings)
    trained = Trainer(objective, settings).fit()
    return export(trained, settings)


def build_objective(config: TrainingConfig) -> Objective:
    """The model, data and loss that a config names, on its device."""
    settings = config.objective
    if isinstance(settings, AutoencoderSettings):
        return AutoencoderObjective(
            ConvAutoencoder(**settings.model),
            [photo.pixels for photo in load_library(config.data, split="train").photos],
            [photo.pixels for photo in load_library(config.data, split="held_out").photos],
            settings,
        )
    if isinstance(settings, MotionUNetSettings):
        return _motion_unet_objective(config, settings)
    nouns = {picture.noun for picture in load_library(config.data, split="train").cutouts}
    classifier = MotionClassifier(MotionTextEncoder(**settings.model))
    return TextEncoderObjective(classifier, sorted({n for n in nouns if n} | set(FALLBACK_NOUNS)))


def _motion_unet_objective(
    config: TrainingConfig, settings: MotionUNetSettings
) -> MotionUNetObjective:
    device = torch.device(config.device)
    vae = load_component(ConvAutoencoder, settings.vae).to(device).eval().requires_grad_(False)
    text_encoder = load_component(MotionTextEncoder, settings.text_encoder)
    text_encoder = text_encoder.to(device).eval().requires_grad_(False)
    channels = int(vae.config.latent_channels)
    text_dim = int(text_encoder.config.hidden_size)
    shape = {
        "in_channels": 2 * channels + 1,
        "out_channels": channels,
        "cross_attention_dim": text_dim,
        "motion_cross_attention_dim": text_dim,
        "sample_size": settings.size // 8,
    }
    if settings.init is None:
        unet = RegionalMotionUNet(**{**shape, **settings.model})
    else:
        unet = load_component(RegionalMotionUNet, settings.init)

    def clips(split: Any) -> ProceduralClips:
        library: PictureLibrary = load_library(config.data, split=split).to(device)
        return ProceduralClips(
            library, size=settings.size, num_frames=settings.num_frames, wordings=split
        )

    return MotionUNetObjective(
        model=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=load_tokenizer(),
        clips=clips("train"),
        validation_clips=clips("held_out"),
        scheduler=paper_scheduler(),
        settings=settings,
    )


def paper_scheduler() -> DDIMScheduler:
    """DDIM with the schedule of the paper's released config: v-prediction, zero terminal SNR.

    Trailing spacing, because only it starts at the last timestep, where a zero-terminal-SNR model is
    told that its input is pure noise.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="linear",
        clip_sample=False,
        steps_offset=1,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )


def export(trained: nn.Module, config: TrainingConfig) -> Path:
    """Write the trained model in diffusers' format to `output`/model, whole or not at all."""
    model = trained.encoder if isinstance(trained, MotionClassifier) else trained
    if not hasattr(model, "save_pretrained"):
        raise ModelError(f"{type(model).__name__} cannot be exported; expected a diffusers model")
    final, temporary = config.output / "model", config.output / "model.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    model.save_pretrained(temporary, max_shard_size="15MB")
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    logger.info("exported %s", final)
    return final


def _check_output(config: TrainingConfig) -> None:
    """Refuse to go on with a run of another kind in the same folder."""
    states = sorted(config.output.glob("checkpoint-*/state.json"))
    if not states:
        return
    before = json.loads(states[-1].read_text(encoding="utf-8"))["config"]
    if before["objective"] != config.model_dump(mode="json")["objective"]:
        raise SettingsError(
            f"{config.output} holds a run of {before['name']!r} with another objective;"
            " give another --output, or remove that folder"
        )

