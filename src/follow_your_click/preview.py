"""Previews: what a clip would look like if its denoising ended here, small and now and then.

Axis legend: k frames of a preview, C channels, F frames, h w of latents, m model pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from follow_your_click.pipeline import RegionalAnimationPipeline

ShowFrames = Callable[[npt.NDArray[np.uint8]], None]
"""Called with frames, uint8 (k, m, m, 3)."""

MOST_FRAMES = 6
MOST_POSITIONS = (
    32  # latents of a longer side are made smaller first: 256 px of Stable Diffusion's autoencoder
)
LEAST_SECONDS = 0.5  # between two previews
COST_SHARE = 0.1  # of the time that previews may take


class Preview:
    """Decodes a few frames of latents (1, C, F, h, w), at most as often as costs a tenth of the time.

    Args:
        pipeline: whose autoencoder decodes.
        show: told the frames.
    """

    def __init__(self, pipeline: RegionalAnimationPipeline, show: ShowFrames) -> None:
        self._pipeline = pipeline
        self._show = show
        self._next = time.monotonic()

    def __call__(self, latents: Tensor) -> None:
        started = time.monotonic()
        if started < self._next:
            return
        few = latents[:, :, _spread(latents.shape[2])]
        longest = max(few.shape[3:])
        if longest > MOST_POSITIONS:
            share = MOST_POSITIONS / longest
            flat = rearrange(few, "b c f h w -> (b f) c h w")
            flat = F.interpolate(flat, scale_factor=share, mode="area")
            few = rearrange(flat, "(b f) c h w -> b c f h w", b=len(few))
        frames = self._pipeline.decode_latents(few)[0]
        pixels = rearrange((frames * 255).round().to(torch.uint8), "f c h w -> f h w c")
        self._show(pixels.cpu().numpy())
        ended = time.monotonic()
        self._next = ended + max(LEAST_SECONDS, (ended - started) / COST_SHARE)


def few_frames(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Some of the frames (F, m, m, 3), evenly spread."""
    return frames[_spread(len(frames))]


def _spread(count: int) -> list[int]:
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, MOST_FRAMES))})
