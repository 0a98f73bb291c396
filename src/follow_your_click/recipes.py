"""Models put together from public weights: a YAML file says what comes from where. `sd15-pia` and `sd15` are such files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from diffusers import (
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    SchedulerMixin,
    UniPCMultistepScheduler,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from follow_your_click.errors import MissingExtraError, ModelError
from follow_your_click.models.hub import HTTP_ERROR, first_line, is_hub_id
from follow_your_click.models.schedulers import animatediff_scheduler, paper_scheduler
from follow_your_click.models.stable_diffusion import load_parts, motion_text_width
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.presets import Preset

RECIPE_SUFFIXES = (".yaml", ".yml")
RECIPE_FOLDER = Path(__file__).parent / "configs" / "models"

_SCHEDULERS: dict[str, Any] = {
    "euler": EulerDiscreteScheduler,
    "euler-ancestral": EulerAncestralDiscreteScheduler,
    "dpm-solver": DPMSolverMultistepScheduler,
    "unipc": UniPCMultistepScheduler,
    "lcm": LCMScheduler,
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lora(_Strict):
    """A LoRA of Stable Diffusion 1.5 or of AnimateDiff's motion modules: a file, a folder or a hub id, and how much of it."""

    file: str
    scale: float = 1.0


class ModelRecipe(_Strict):
    """What a model is made of; see `models.stable_diffusion.load_parts` and `RegionalAnimationPipeline`.

    Relative paths are looked for beside the recipe's file first.

    Args:
        base: Stable Diffusion 1.5 or a model made from it: a folder, a hub id or one file.
        motion: motion weights, likewise.
        unet_parts: the folder of a U-Net that this project trained.
        tokenizer: CLIP's, for a base of one file.
        loras: on top, in this order.
        scheduler: how noise is taken away.
        prediction: what the network predicts; "v_prediction" goes with zero terminal SNR.
        timestep_spacing: None: the schedule's own. Few-step weights (LCM, Lightning) want "trailing".
    """

    base: str
    motion: str
    unet_parts: str | None = None
    tokenizer: str | None = None
    conv_in: Literal["extended", "motion"] = "extended"
    loras: tuple[Lora, ...] = ()
    mask_channel: Literal["region", "affinity", "affinity-loop"] = "region"
    background: Literal["free", "pinned"] = "free"
    mask_layout: Literal["repeat", "first"] = "repeat"
    first_frame_layout: Literal["repeat", "first"] = "repeat"
    scheduler: Literal["ddim", "euler", "euler-ancestral", "dpm-solver", "unipc", "lcm"] = "ddim"
    prediction: Literal["epsilon", "v_prediction"] = "epsilon"
    timestep_spacing: Literal["linspace", "leading", "trailing"] | None = None
    motion_max_seq_length: int | None = Field(default=None, ge=2, le=64)
    preset: Preset

    def make_scheduler(self) -> SchedulerMixin:
        """The schedule that the weights were trained with, sampled as asked for."""
        scheduler = (
            paper_scheduler() if self.prediction == "v_prediction" else animatediff_scheduler()
        )
        changes = {}
        if self.timestep_spacing is not None:
            changes["timestep_spacing"] = self.timestep_spacing
        kind = _SCHEDULERS.get(self.scheduler, type(scheduler))
        return kind.from_config(scheduler.config, **changes)


def read_recipe(file: Path) -> ModelRecipe:
    """A recipe from its YAML file.

    Raises:
        ModelError: no such file, no YAML, an unknown key or a value that cannot be.
    """
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"{file} cannot be read as a model recipe: {first_line(error)}") from error
    try:
        return ModelRecipe.model_validate(values)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"])) or "the file"
        raise ModelError(f"{file} is no model recipe: {where}: {wrong['msg']}") from error


def build_pipeline(file: Path, *, dtype: torch.dtype) -> RegionalAnimationPipeline:
    """The pipeline that a recipe describes, on the CPU.

    Raises:
        ModelError: a part cannot be had, or does not fit.
        MissingExtraError: LoRAs without the package peft.
    """
    recipe = read_recipe(file)
    if recipe.unet_parts is None and recipe.mask_channel == "region":
        raise ModelError(
            f"{file} has no unet_parts: no public weights know a region's mask; train them"
            " (fyc train sd15) and give that folder, or take sd15-pia"
        )
    own = None if recipe.unet_parts is None else Path(_beside(recipe.unet_parts, file))
    parts = load_parts(
        _beside(recipe.base, file),
        motion=_beside(recipe.motion, file),
        conv_in=recipe.conv_in,
        # The MA layers belong to our own parts: without those they would add nothing.
        motion_cross_attention_dim=None if own is None else motion_text_width(own),
        motion_max_seq_length=recipe.motion_max_seq_length,
        unet_parts=own,
        tokenizer=None if recipe.tokenizer is None else _beside(recipe.tokenizer, file),
        dtype=dtype,
    )
    pipeline = RegionalAnimationPipeline(
        parts.vae,
        parts.text_encoder,
        parts.tokenizer,
        parts.unet,
        recipe.make_scheduler(),
        recipe.mask_layout,
        recipe.first_frame_layout,
        recipe.mask_channel,
        recipe.background,
    )
    _add_loras(pipeline, recipe.loras, file)
    return pipeline


def _beside(name: str, file: Path) -> str:
    """A path as the recipe's author meant it: from the recipe's folder, or a name as it is."""
    near = file.parent / Path(name).expanduser()
    return str(near) if near.exists() else name


def _add_loras(pipeline: RegionalAnimationPipeline, loras: tuple[Lora, ...], file: Path) -> None:
    if not loras:
        return
    names = [f"lora{number}" for number in range(1, len(loras) + 1)]
    for name, lora in zip(names, loras, strict=True):
        place = Path(_beside(lora.file, file))
        if not place.exists() and not is_hub_id(lora.file):
            raise ModelError(f"LoRA {lora.file!r}: neither a folder, nor a file, nor a hub id")
        source = {"weight_name": place.name} if place.is_file() else {}
        try:
            pipeline.load_lora_weights(
                str(place.parent if source else place), adapter_name=name, **source
            )
        except (HTTP_ERROR, OSError, ValueError, RuntimeError, LookupError, TypeError) as error:
            if "PEFT" in str(error):
                raise MissingExtraError(
                    "LoRAs need the extra 'lora': pip install 'follow-your-click[lora]'"
                ) from error
            reason = f"LoRA {lora.file!r} cannot be loaded: {first_line(error)}"
            raise ModelError(reason) from error
    pipeline.set_adapters(names, [lora.scale for lora in loras])
