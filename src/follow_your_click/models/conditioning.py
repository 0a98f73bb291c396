"""What the network is told beside the noisy latents: the region mask and the first frame.

Axis legend: B batch, C channels, F frames, H W latent rows and columns.

The same functions make the input in training and in use, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Layout = Literal["repeat", "first"]
LatentReference = Literal["none", "first_frame"]
"""What is taken from a clip's latents before they are noised, and added again after denoising.

"none" is the paper's way. With "first_frame" the network denoises the change against the first frame, so what stands
still is zero: a small network need not first learn to copy, and background and frame 0 are right from the start.
"""


def draw_mask_ratios(
    ratios: Sequence[float], batch_size: int, *, generator: torch.Generator
) -> Tensor:
    """One first-frame mask ratio per clip, drawn evenly from a list: (B,)."""
    choices = torch.tensor(ratios, device=generator.device)
    index = torch.randint(len(ratios), (batch_size,), generator=generator, device=generator.device)
    return choices[index]


def mask_first_frame(
    first_frame_latents: Tensor, ratio: Tensor | float, *, generator: torch.Generator
) -> Tensor:
    """First-frame masking (paper, section 3.2): zero random latent positions, all channels of each.

    Args:
        first_frame_latents: (B, C, H, W).
        ratio: share of positions to zero, 0 ... 1, one number or (B,).
    """
    batch, _, height, width = first_frame_latents.shape
    device = first_frame_latents.device
    chance = torch.rand((batch, 1, height, width), generator=generator, device=device)
    limit = torch.as_tensor(ratio, device=device, dtype=chance.dtype).reshape(-1, 1, 1, 1)
    return first_frame_latents * (chance >= limit)


def latent_region_mask(region_mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixel mask (B, 1, H, W) -> latent mask (B, 1, h, w): the covered share of each latent position."""
    return F.interpolate(region_mask, size=size, mode="area")


def denoiser_input(
    noisy_latents: Tensor,
    region_mask: Tensor,
    first_frame_latents: Tensor,
    *,
    mask_layout: Layout = "repeat",
    first_frame_layout: Layout = "repeat",
) -> Tensor:
    """The network's 2C + 1 channels, in the released code's order: noisy latents, mask, first frame.

    Args:
        noisy_latents: (B, C, F, H, W).
        region_mask: (B, 1, H, W), 0 ... 1 at latent size, 1 = may move.
        first_frame_latents: (B, C, H, W).
        mask_layout: the mask in every frame, or in frame 0 with zeros after it.
        first_frame_layout: likewise for the first frame. The paper's text repeats the first frame and
            keeps the mask in frame 0; its released code does the opposite.

    Returns:
        (B, 2C + 1, F, H, W).
    """
    frames = noisy_latents.shape[2]
    mask = _spread(region_mask.to(noisy_latents), frames, mask_layout)
    first = _spread(first_frame_latents.to(noisy_latents), frames, first_frame_layout)
    return torch.cat([noisy_latents, mask, first], dim=1)


def reference_latents(first_frame_latents: Tensor, reference: LatentReference) -> Tensor | float:
    """What `reference` takes from latents (B, C, F, H, W): (B, C, 1, H, W), or 0."""
    if reference not in ("none", "first_frame"):
        raise ValueError(f"got latent reference {reference!r}; expected 'none' or 'first_frame'")
    return first_frame_latents.unsqueeze(2) if reference == "first_frame" else 0.0


def _spread(image: Tensor, frames: int, layout: Layout) -> Tensor:
    if layout not in ("repeat", "first"):
        raise ValueError(f"got layout {layout!r}; expected 'repeat' or 'first'")
    clip = image.unsqueeze(2).repeat(1, 1, frames, 1, 1)
    if layout == "first":
        clip[:, :, 1:] = 0
    return clip
