"""Control metrics: does the generated motion go where, and as far as, it was asked to?

Axis legend: B clips, F frames, H W rows and columns; flow (x, y) in px per frame at 256 px.

They need no pretrained network: clips are procedural, so mask, direction and strength are known, and the generated
frames' optical flow (OpenCV DIS) is compared with them. Photos, objects and wordings are held out from training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr
from torch import Tensor

from follow_your_click.data.motion_prompts import WordingSplit
from follow_your_click.data.motions import DIRECTIONS
from follow_your_click.data.photos import PictureLibrary
from follow_your_click.data.procedural import ClipRequest, ProceduralClips
from follow_your_click.flow import dense_flow
from follow_your_click.pipeline import RegionalAnimationOutput, RegionalAnimationPipeline

FLOW_SIDE = 256  # px: the size at which flow is measured (evaluation)
LEAK_MARGIN = 8  # px at 256: the mask is grown by this before flow outside it counts as leak
FPS = 8.0
BATCH = 8

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class MeasuredClip:
    """One generated clip against what was asked.

    Args:
        direction_error: degrees between mean flow and the asked direction; NaN if it has none.
        strength: asked, px per frame at 256 px.
        flow_magnitude: measured inside the object's true area, same unit.
        leak: mean flow outside the grown area of the object / mean flow inside it.
    """

    motion: str
    prompt: str
    direction_error: float
    strength: float
    flow_magnitude: float
    leak: float


@dataclass(frozen=True)
class ControlReport:
    """Means over clips; each is None where no clip could show it."""

    clips: int
    direction_accuracy: float | None
    strength_spearman: float | None
    strength_median_relative_error: float | None
    stillness: float | None
    leak: float | None


def measure_control(
    pipeline: RegionalAnimationPipeline,
    images: PictureLibrary,
    requests: Sequence[ClipRequest],
    *,
    size: int,
    seed: int = 0,
    wordings: WordingSplit = "held_out",
    num_inference_steps: int = 10,
    guidance_scale: float = 1.0,
) -> list[MeasuredClip]:
    """Generate a clip for each request and measure its flow.

    Args:
        pipeline: the model.
        images: held-out photos and cut-outs.
        size: the model's side in pixels.
    """
    source = ProceduralClips(images, size=size, wordings=wordings)
    generator = torch.Generator().manual_seed(seed)
    measured: list[MeasuredClip] = []
    for start in range(0, len(requests), BATCH):
        clips = source.sample_requests(requests[start : start + BATCH], generator)
        first = clips.frames[:, 0] / 2 + 0.5
        output = pipeline(
            first,
            clips.region_mask,
            motion_prompt=clips.motion_prompts,
            motion_strength=clips.motion_strength,
            fps=FPS,
            num_frames=source.num_frames,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            generator=generator,
            output_type="pt",
        )
        frames = cast(RegionalAnimationOutput, output).frames
        measured += [
            _measure(
                clips.motions[i],
                clips.motion_prompts[i],
                float(clips.motion_strength[i]),
                frames[i],
                clips.moving_mask[i, :, 0],
            )
            for i in range(len(clips.motions))
        ]
    return measured


def _measure(
    motion: str, prompt: str, strength: float, frames: Tensor, moving: Tensor
) -> MeasuredClip:
    flows = clip_flows(frames)
    masks = [
        cv2.resize(mask, (FLOW_SIDE, FLOW_SIDE), interpolation=cv2.INTER_LINEAR) > 0.5
        for mask in moving.numpy()
    ]
    kernel = np.ones((2 * LEAK_MARGIN + 1,) * 2, np.uint8)
    inside, outside, total = [], [], np.zeros(2)
    for flow, before, after in zip(flows, masks[:-1], masks[1:], strict=True):
        magnitude = np.linalg.norm(flow, axis=-1)
        near = cv2.dilate((before | after).astype(np.uint8), kernel) > 0
        if before.any():
            inside.append(float(magnitude[before].mean()))
        if (~near).any():
            outside.append(float(magnitude[~near].mean()))
        total += flow[near].sum(axis=0)
    within = float(np.mean(inside)) if inside else 0.0
    leak = float(np.mean(outside)) / within if outside and within > 0 else math.nan
    return MeasuredClip(motion, prompt, _direction_error(motion, total), strength, within, leak)


def clip_flows(frames: Tensor) -> list[Float32Array]:
    """DIS flow (256, 256, 2) from each frame to the next; frames (F, 3, H, W) in [0, 1]."""
    pixels = (frames * 255).round().byte().permute(0, 2, 3, 1).numpy()
    large = [
        cv2.resize(frame, (FLOW_SIDE, FLOW_SIDE), interpolation=cv2.INTER_CUBIC) for frame in pixels
    ]
    return [dense_flow(a, b) for a, b in zip(large[:-1], large[1:], strict=True)]


def _direction_error(motion: str, flow: npt.NDArray[np.float64]) -> float:
    side = motion.removeprefix("translate_")
    if side == motion or side not in DIRECTIONS:
        return math.nan
    asked = np.array(DIRECTIONS[side])
    cosine = float(flow @ asked / max(np.linalg.norm(flow) * np.linalg.norm(asked), 1e-9))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def summarise(measured: Sequence[MeasuredClip]) -> ControlReport:
    """The table's figures: direction within 45 degrees, strength, stillness at strength 0, leak."""
    moving = [clip for clip in measured if clip.strength > 0]
    still = [clip for clip in measured if clip.strength == 0]
    directed = [clip for clip in moving if not math.isnan(clip.direction_error)]
    leaks = [clip.leak for clip in moving if not math.isnan(clip.leak)]
    asked = [clip.strength for clip in moving]
    found = [clip.flow_magnitude for clip in moving]
    enough = len(set(asked)) > 2
    errors = [abs(a - f) / a for a, f in zip(asked, found, strict=True)]
    return ControlReport(
        clips=len(measured),
        direction_accuracy=(
            float(np.mean([clip.direction_error < 45 for clip in directed])) if directed else None
        ),
        strength_spearman=float(spearmanr(asked, found).statistic) if enough else None,
        strength_median_relative_error=float(np.median(errors)) if errors else None,
        stillness=float(np.mean([clip.flow_magnitude for clip in still])) if still else None,
        leak=float(np.mean(leaks)) if leaks else None,
    )
