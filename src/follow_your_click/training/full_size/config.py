"""Settings of a training run at the paper's size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from follow_your_click.errors import SettingsError
from follow_your_click.training.config import (
    Schedule,
    Share,
    Strict,
    first_problem,
)

KIND = "full_size"
Part = Literal[
    "motion_modules",
    "motion_augmented",
    "conv_in",
    "motion_embedding",
    "fps_embedding",
    "spatial",
]


class FullSizeOptimizer(Schedule):
    """`adamw-8bit` needs the package bitsandbytes."""

    kind: Literal["adamw", "adamw-8bit"] = "adamw"
    learning_rate: float = Field(default=1e-5, gt=0)
    warmup_steps: int = Field(default=1000, ge=0)
    decay_share: Share = 0.0
    betas: tuple[float, float] = (0.9, 0.999)


class FullSizeConfig(Strict):
    """One stage. The defaults are the hyperparameters of the paper's released config.

    Args:
        base, motion, conv_in: see `models.stable_diffusion.load_parts`.
        init: the exported folder of an earlier stage, whose U-Net is trained on; then `motion` and `conv_in` are not used.
        data: a build of `fyc data build`, what `fyc data encode` made of one, or a folder of videos.
        prompts: what the MA layers read: "caption" (first stage), or "motion", the motion prompts (second stage).
        batch_size: clips per process and micro-step.
        gradient_accumulation_steps: micro-steps per step.
        frozen_precision: of the U-Net's weights that are not trained; trained ones are always fp32.
        first_frame_mask_ratios: drawn from evenly, for each clip.
        prefetch: batches that are read ahead, by as many threads.
        tracker: beside log.jsonl, if its package is installed.
    """

    kind: Literal["full_size"] = "full_size"
    name: str
    base: str = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    motion: str = "guoyww/animatediff-motion-adapter-v1-5-2"
    conv_in: Literal["extended", "motion"] = "extended"
    tokenizer: str | None = None
    init: str | None = None
    data: Path
    size: int = Field(default=512, ge=32, multiple_of=8)
    num_frames: int = Field(default=24, ge=2, le=64)
    frame_stride: int = Field(default=1, ge=1)
    prompts: Literal["caption", "motion"] = "caption"
    trainable: tuple[Part, ...] = Field(
        default=(
            "motion_modules",
            "motion_augmented",
            "conv_in",
            "motion_embedding",
            "fps_embedding",
        ),
        min_length=1,
    )
    first_frame_mask_ratios: tuple[Share, ...] = Field(default=(0.0, 0.3, 0.5, 0.7), min_length=1)
    first_frame_layout: Literal["repeat", "first"] = "repeat"
    mask_layout: Literal["repeat", "first"] = "repeat"
    caption_dropout: Share = 0.1
    motion_prompt_dropout: Share = 0.1
    optimizer: FullSizeOptimizer = FullSizeOptimizer()
    steps: int = Field(ge=1)
    batch_size: int = Field(default=3, ge=1)
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    gradient_checkpointing: bool = True
    precision: Literal["fp32", "fp16", "bf16"] = "bf16"
    frozen_precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    ema_decay: float = Field(default=0.9999, ge=0, lt=1)
    seed: int = 0
    output: Path
    log_every: int = Field(default=20, ge=1)
    validate_every: int = Field(default=2000, ge=1)
    validation_clips: int = Field(default=4, ge=1)
    validation_inference_steps: int = Field(default=25, ge=1)
    checkpoint_every: int = Field(default=1000, ge=1)
    keep_checkpoints: int = Field(default=2, ge=1)
    prefetch: int = Field(default=4, ge=1)
    tracker: Literal["none", "tensorboard", "wandb"] = "none"
    num_inference_steps: int = Field(default=50, ge=1)
    guidance_scale: float = Field(default=8.0, ge=1)
    window_strength: float = Field(default=2.0, gt=0)
    max_window_strength: float = Field(default=8.0, gt=0)

    @model_validator(mode="after")
    def _no_part_twice(self) -> FullSizeConfig:
        if len(set(self.trainable)) < len(self.trainable):
            raise ValueError("trainable names a part twice")
        return self

    def same_run(self, other: FullSizeConfig) -> bool:
        """Whether a checkpoint of the other can be gone on with: what may differ is how long, where, how often and how fast."""
        free = {
            *("name", "steps", "output", "data", "log_every", "validate_every", "tracker"),
            *("checkpoint_every", "keep_checkpoints", "prefetch", "gradient_checkpointing"),
            *("validation_clips", "validation_inference_steps", "num_inference_steps"),
            *("guidance_scale", "window_strength", "max_window_strength"),
            *("precision", "optimizer"),
        }
        same_kind = self.optimizer.kind == other.optimizer.kind
        return same_kind and self.model_dump(exclude=free) == other.model_dump(exclude=free)


def parse_full_size(values: dict[str, Any], source: str) -> FullSizeConfig:
    """Settings out of a config's values.

    Raises:
        SettingsError: an unknown key, or a value out of range.
    """
    try:
        return FullSizeConfig.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"{source}: {first_problem(error)}") from error
