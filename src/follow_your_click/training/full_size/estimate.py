"""What a stage needs, computed from shapes: nothing is loaded, nothing is measured."""

from __future__ import annotations

from typing import Any

import torch

from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.training.full_size.config import FullSizeConfig
from follow_your_click.training.full_size.parts import count, freeze_all_but, trained_parameters

_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
_ADAM_BYTES = {"adamw": 8, "adamw-8bit": 2}  # both moments of one number
_ENCODERS = (
    83_653_863 + 123_060_480
)  # parameters of the autoencoder and of CLIP's text encoder, fp32


def estimate(config: FullSizeConfig) -> dict[str, Any]:
    """Parameters, and bytes that one process holds before the first clip; activations come on top.

    For Stable Diffusion 1.5 with AnimateDiff's modules and MA layers, whatever the config's base. Clips that were encoded
    once need no encoders: they are counted here all the same.
    """
    with torch.device("meta"):
        unet = RegionalMotionUNet()
    freeze_all_but(unet, config.trainable, frozen=torch.float32)
    every, trained = count(unet.parameters()), count(trained_parameters(unet).values())
    held = {
        "trained_weights": 4 * trained,
        "frozen_weights": _BYTES[config.frozen_precision] * (every - trained),
        "gradients": 4 * trained,
        "optimizer": _ADAM_BYTES[config.optimizer.kind] * trained,
        "average": 4 * trained,
        "encoders": 4 * _ENCODERS,
    }
    clips = config.batch_size * config.gradient_accumulation_steps
    return {
        "computed": True,
        "parameters": every,
        "trained_parameters": trained,
        "gigabytes": {name: round(size / 1e9, 2) for name, size in held.items()},
        "gigabytes_without_activations": round(sum(held.values()) / 1e9, 2),
        "clips_per_step_and_process": clips,
        "clips_in_all_per_process": clips * config.steps,
    }
