"""Clips of whole frames, as the paper trains on them, from shards.

Axis legend: B clips, F frames, C channels, H W rows and columns of pixels (h w of latents), N tokens, D text channels.

A source is a function of places in an endless stream and of a seed, nothing else: whoever takes a place, in whatever batch,
process or restart, gets the same clip.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from einops import rearrange
from torch import Tensor

from follow_your_click.data.shards import FilmedClip, ShardReader, ShardSplit
from follow_your_click.flow import BoolArray, UInt8Array


@dataclass(frozen=True)
class WholeClipBatch:
    """Clips with what a network is told of them.

    frames: (B, F, 3, H, W) float32 in [-1, 1], None if there are latents. latents: (B, C, F, h, w), scaled as the network
    expects them, None if there are frames. region_mask: (B, 1, H, W) or (B, 1, h, w), 0 ... 1: Eq. 1's union mask.
    motion_strength: (B,) px per frame at a short side of 256 px. fps: (B,). captions, motion_prompts: B texts.
    caption_embeds, motion_embeds: (B, N, D), None if the texts are still to be embedded.
    """

    frames: Tensor | None
    latents: Tensor | None
    region_mask: Tensor
    motion_strength: Tensor
    fps: Tensor
    captions: list[str]
    motion_prompts: list[str]
    caption_embeds: Tensor | None = None
    motion_embeds: Tensor | None = None


class ClipSource(Protocol):
    """Clips by their place in an endless stream."""

    def __len__(self) -> int:
        """Clips in one pass."""
        ...

    def sample(self, places: Sequence[int], *, seed: int) -> WholeClipBatch:
        """The clips at these places, each >= 0; what is drawn for one depends on (seed, place) alone."""
        ...


class WholeClips:
    """Whole frames of a build's clips: their short side scaled to `size`, the middle square cut out.

    Args:
        folder: a finished build.
        frame_stride: every so many frames are taken; strength per frame grows with it, fps falls.

    Raises:
        OutputError, SettingsError: no build, or no clip of `num_frames` such frames.
    """

    def __init__(
        self,
        folder: Path,
        *,
        size: int,
        num_frames: int,
        frame_stride: int = 1,
        seed: int = 0,
        split: ShardSplit = "train",
    ) -> None:
        least = 1 + (num_frames - 1) * frame_stride
        self._reader = ShardReader(folder, split=split, seed=seed, min_frames=least)
        self._size, self._num_frames, self._stride = size, num_frames, frame_stride

    def __len__(self) -> int:
        return len(self._reader)

    def sample(self, places: Sequence[int], *, seed: int) -> WholeClipBatch:
        """See `ClipSource`."""
        clips = [self._reader.read(place) for place in places]
        prompts = [
            drawn_prompt(clip.motion_prompts, seed, place)
            for clip, place in zip(clips, places, strict=True)
        ]
        frames = np.stack([self._frames(clip) for clip in clips])
        masks = np.stack([middle_square(clip.mask, self._size) for clip in clips])
        return WholeClipBatch(
            frames=rearrange(torch.from_numpy(frames), "b f h w c -> b f c h w").float() / 127.5
            - 1,
            latents=None,
            region_mask=torch.from_numpy(masks).unsqueeze(1),
            motion_strength=torch.tensor([clip.motion_strength * self._stride for clip in clips]),
            fps=torch.tensor([clip.fps / self._stride for clip in clips]),
            captions=[clip.caption or prompt for clip, prompt in zip(clips, prompts, strict=True)],
            motion_prompts=prompts,
        )

    def _frames(self, clip: FilmedClip) -> UInt8Array:
        taken = clip.frames[:: self._stride][: self._num_frames]
        return np.stack([middle_square(frame, self._size) for frame in taken])


def drawn_prompt(prompts: Sequence[str], seed: int, place: int) -> str:
    """One of a clip's motion prompts, the same for the same seed and place; "" if it has none."""
    return random.Random(f"{seed} {place}").choice(list(prompts)) if prompts else ""


def middle_square(image: UInt8Array | BoolArray, size: int) -> npt.NDArray[Any]:
    """The middle square of a frame uint8 (H, W, 3), or of a mask bool (H, W) as float32, scaled to (size, size)."""
    pixels: npt.NDArray[Any] = image.astype(np.float32) if image.dtype == np.bool_ else image
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    square = pixels[top : top + side, left : left + side]
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return cv2.resize(square, (size, size), interpolation=how)
