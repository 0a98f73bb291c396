"""Named models: where their files are, and the settings that they were made for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from diffusers.utils import logging as diffusers_logging
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from transformers.utils import logging as transformers_logging

from follow_your_click.errors import ModelError
from follow_your_click.models.checkpoints import WEIGHTS_FOLDER, best_device
from follow_your_click.pipeline import RegionalAnimationPipeline

PRESET_FILE = "preset.json"
EMBEDDED = ("mini",)


class Seconds(BaseModel):
    """What a clip of 16 frames costs on two CPU cores, for the plan of its windows and the estimate of a dry run.

    Args:
        forward: the network once, for one region.
        codec: encoding the window and decoding the frames.
        render: rendering one region, whatever its size.
        render_megapixel: the same, per megapixel of the window in the photo.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    forward: float = Field(default=1.0, ge=0)
    codec: float = Field(default=1.0, ge=0)
    render: float = Field(default=0.3, ge=0)
    render_megapixel: float = Field(default=0.8, ge=0)


class Preset(BaseModel):
    """How a model is run when the caller does not say otherwise; stands in its folder as preset.json.

    Args:
        size: side of the model's square window in pixels.
        num_inference_steps: denoising steps.
        guidance_scale: classifier-free guidance, 1.0 = off.
        window_strength: strength where none is asked for, px per frame at 256 px of the window's side.
        max_window_strength: the strongest motion that the model has been trained on, same unit.
        seconds: measured costs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    size: int = Field(ge=32, multiple_of=8)
    num_inference_steps: int = Field(ge=1)
    guidance_scale: float = Field(ge=1)
    window_strength: float = Field(gt=0)
    max_window_strength: float = Field(gt=0)
    seconds: Seconds = Seconds()

    @model_validator(mode="after")
    def _default_is_allowed(self) -> Preset:
        if self.window_strength > self.max_window_strength:
            raise ValueError("window_strength is more than max_window_strength")
        return self


def find_model(model: str | Path) -> Path:
    """The folder of a preset's name or of a path.

    Raises:
        ModelError: neither.
    """
    folder = WEIGHTS_FOLDER / model if str(model) in EMBEDDED else Path(model)
    if (folder / "model_index.json").is_file():
        return folder
    if str(model) in EMBEDDED:
        raise ModelError(
            f"the weights of {str(model)!r} are not in {folder}; install the package anew"
        )
    names = ", ".join(EMBEDDED)
    raise ModelError(
        f"unknown model {str(model)!r}; expected {names}, or a folder with model_index.json"
        " as RegionalAnimationPipeline.save_pretrained writes it"
    )


def load_preset(folder: Path) -> Preset:
    """The settings that come with a model.

    Raises:
        ModelError: preset.json is missing or wrong.
    """
    file = folder / PRESET_FILE
    try:
        return Preset.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ModelError(
            f"{folder} has no {PRESET_FILE}; copy the one of a model of its size"
        ) from error
    except ValidationError as error:
        wrong = error.errors()[0]
        reason = f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}".removeprefix(": ")
        raise ModelError(f"{file} does not hold a preset: {reason}") from error
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{file} does not hold a preset: {reason}") from error


def load_pipeline(folder: Path, *, device: str | None = None) -> RegionalAnimationPipeline:
    """The pipeline of a model folder, on `device` (None: the best there is).

    Raises:
        ModelError: files missing or not fitting, or no such device.
    """
    try:
        with _quiet_loading():
            pipeline: RegionalAnimationPipeline = RegionalAnimationPipeline.from_pretrained(folder)
    except (
        OSError,
        ValueError,
        RuntimeError,
        TypeError,
        AttributeError,
        LookupError,
        ImportError,
    ) as error:
        # What diffusers raises on a folder of something else, as met in practice.
        reason = " ".join(str(error).splitlines()[:1]) or type(error).__name__
        raise ModelError(f"{folder} cannot be loaded: {reason}") from error
    device = device or best_device()
    try:
        pipeline.to(torch.device(device))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = " ".join(str(error).splitlines()[:1]) or type(error).__name__
        raise ModelError(f"device {device!r} cannot be used: {reason}") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@contextmanager
def _quiet_loading() -> Iterator[None]:
    """Without the libraries' bars over a handful of small files."""
    switches = (diffusers_logging, transformers_logging)
    shown = [switch.is_progress_bar_enabled() for switch in switches]
    for switch in switches:
        switch.disable_progress_bar()
    try:
        yield
    finally:
        for switch, was_shown in zip(switches, shown, strict=True):
            if was_shown:
                switch.enable_progress_bar()
