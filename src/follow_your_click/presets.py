"""How a model is run: the settings that stand in its folder or its recipe."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from follow_your_click.errors import ModelError

PRESET_FILE = "preset.json"

Precision = Literal["auto", "fp32", "fp16", "bf16"]
Offload = Literal["none", "model", "sequential", "group"]


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


class Memory(BaseModel):
    """How a model fits into the memory there is; slower from top to bottom of each list. See docs/models.md for figures.

    Args:
        precision: "auto" is fp16 on a GPU and fp32 on a CPU.
        offload: what waits in main memory: nothing; models that are not at work; all but the layer at work
            ("sequential"; "group" fetches the next layers meanwhile). Without a GPU nothing is to be had by it.
        vae_slicing: frames go through the autoencoder one by one.
        vae_tiling: and in tiles, which can leave seams.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    precision: Precision = "fp32"
    offload: Offload = "none"
    vae_slicing: bool = False
    vae_tiling: bool = False


class Preset(BaseModel):
    """How a model is run when the caller does not say otherwise; stands in its folder as preset.json.

    Args:
        size: side of the model's square window in pixels.
        num_inference_steps: denoising steps.
        guidance_scale: classifier-free guidance, 1.0 = off.
        window_strength: strength where none is asked for, px per frame at 256 px of the window's side.
        motion_strengths: the same for families of motions ("spin") that by themselves are stronger or weaker.
        max_window_strength: the strongest motion that the model has been trained on, same unit.
        negative_prompt: what guidance leads away from.
        seconds: measured costs.
        memory: what is given up for less memory.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    size: int = Field(ge=32, multiple_of=8)
    num_inference_steps: int = Field(ge=1)
    guidance_scale: float = Field(ge=1)
    window_strength: float = Field(gt=0)
    motion_strengths: dict[str, Annotated[float, Field(gt=0)]] = {}
    max_window_strength: float = Field(gt=0)
    negative_prompt: str = ""
    seconds: Seconds = Seconds()
    memory: Memory = Memory()

    @model_validator(mode="after")
    def _default_is_allowed(self) -> Preset:
        named = {"window_strength": self.window_strength, **self.motion_strengths}
        if above := [name for name in named if named[name] > self.max_window_strength]:
            raise ValueError(f"{', '.join(above)}: more than max_window_strength")
        return self

    def own_strength(self, families: Sequence[str]) -> float:
        """The strength of motions at once that none is asked for, by their families; without any `window_strength`."""
        strengths = [self.motion_strengths.get(name, self.window_strength) for name in families]
        return math.hypot(*strengths) or self.window_strength


def read_preset(folder: Path) -> Preset:
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
