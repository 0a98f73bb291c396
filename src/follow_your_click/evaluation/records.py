"""What the control metrics are computed from: one record for each clip that was measured.

Axis legend: F frames, H W rows and columns of the model's window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from follow_your_click.data.motion_prompts import WordingSplit
from follow_your_click.errors import SettingsError
from follow_your_click.evaluation.measures import FlowReadings, UInt8Array

ClipSet = Literal["directions", "stillness", "sense", "composed", "motions"]
FrameSource = Literal["finished", "network"]
"""What is measured: clips as a person gets them, or the network's own frames before rendering."""


@dataclass(frozen=True)
class ControlSettings:
    """What is measured, and how the model is run.

    Args:
        clips: of each set.
        size: side in pixels of the composed photos, and so of the clips: the model's own for the network's frames.
        seed: of photos, objects, motions and wordings; the noise of a set's clip i has seed + i.
    """

    clips: int
    size: int
    num_frames: int
    num_inference_steps: int
    guidance_scale: float
    seed: int = 0
    wordings: WordingSplit = "held_out"
    frames: FrameSource = "finished"

    def __post_init__(self) -> None:
        if self.clips < 2:
            raise SettingsError(f"got {self.clips} clips; expected at least 2, 64 for figures")
        for name, low, high in (
            ("num_inference_steps", 1, 1000),
            ("guidance_scale", 1, 50),
            ("seed", 0, 2**62),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(f"got {name} {value}; expected {low} to {high}")


@dataclass(frozen=True)
class Readings:
    """One clip's frames: their flow, the family they are taken for, 1 - SSIM along the flow (motions only)."""

    flow: FlowReadings
    recognised: str | None
    identity: float | None


@dataclass(frozen=True)
class MeasuredClip:
    """One clip against what was asked.

    Args:
        strength: asked, px per frame at 256 px, as the model was told.
        first_frame_error: MSE of frame 0 against the photo, levels of 0 ... 255.
        generated, truth: the same readings of the model's frames and of the true ones.
    """

    clip_set: ClipSet
    motion: str
    prompt: str
    seed: int
    strength: float
    first_frame_error: float
    generated: Readings
    truth: Readings


@dataclass(frozen=True)
class PromptChange:
    """Mean flow distance (all pixels, px per frame) when only the prompt, and when only the seed, changes."""

    prompts: tuple[str, str]
    seeds: tuple[int, int]
    strength: float
    by_prompt: float
    by_seed: float


@dataclass(frozen=True)
class RenderedClip:
    """A finished clip: MSE of frame 0, and the largest difference in levels outside the patches, over all frames."""

    prompt: str
    seed: int
    first_frame_error: float
    background_difference: float


@dataclass(frozen=True)
class Sample:
    """Frames to look at: uint8 (F, H, W, 3), the true ones and the model's."""

    caption: str
    truth: UInt8Array
    generated: UInt8Array


@dataclass(frozen=True)
class ControlMeasurements:
    """All that was measured of one model."""

    clips: tuple[MeasuredClip, ...]
    prompt_changes: tuple[PromptChange, ...]
    rendered: tuple[RenderedClip, ...]
    samples: tuple[Sample, ...]
