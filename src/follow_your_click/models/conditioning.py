"""What the network is told beside the noisy latents: the region mask and the first frame; and what it denoises.

Axis legend: B batch, C channels, F frames, H W latent rows and columns.

The same functions make the input in training and in use, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

Layout = Literal["repeat", "first"]
FILL_ROUNDS = 4  # each carries colours one latent position further into the region


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


def condition_channels(
    region_mask: Tensor,
    first_frame_latents: Tensor,
    num_frames: int,
    *,
    mask_layout: Layout = "repeat",
    first_frame_layout: Layout = "repeat",
) -> Tensor:
    """What the network reads beside the noisy latents, in the released code's order: mask, first frame.

    Args:
        region_mask: (B, 1, H, W), 0 ... 1 at latent size, 1 = may move; or given frame by frame, (B, 1, F, H, W).
        first_frame_latents: (B, C, H, W).
        mask_layout: the mask in every frame, or in frame 0 with zeros after it.
        first_frame_layout: likewise for the first frame. The paper's text repeats the first frame and
            keeps the mask in frame 0; its released code does the opposite.

    Returns:
        (B, 1 + C, F, H, W).
    """
    mask = region_mask.to(first_frame_latents)
    if mask.ndim == 4:
        mask = _spread(mask, num_frames, mask_layout)
    first = _spread(first_frame_latents, num_frames, first_frame_layout)
    return torch.cat([mask, first], dim=1)


def denoiser_input(
    noisy_latents: Tensor,
    region_mask: Tensor,
    first_frame_latents: Tensor,
    *,
    mask_layout: Layout = "repeat",
    first_frame_layout: Layout = "repeat",
) -> Tensor:
    """The network's 2C + 1 channels: noisy latents (B, C, F, H, W), then `condition_channels`: (B, 2C + 1, F, H, W)."""
    conditions = condition_channels(
        region_mask,
        first_frame_latents.to(noisy_latents),
        noisy_latents.shape[2],
        mask_layout=mask_layout,
        first_frame_layout=first_frame_layout,
    )
    return torch.cat([noisy_latents, conditions], dim=1)


def carry_first_frame(
    first_frame_latents: Tensor, region_mask: Tensor, displacement: Tensor
) -> Tensor:
    """The clip that the first frame makes when its region is carried along and nothing else changes.

    A network with a displacement head denoises only what differs from it. What stands still is then zero, and a
    small network need not learn to copy, or to shift latents by parts of a position.
    Where the region was and is no more, latents from around it stand in. Frame 0 and what is displaced by nothing
    equal the first frame.

    Args:
        first_frame_latents: (B, C, H, W).
        region_mask: (B, 1, H, W), 0 ... 1.
        displacement: (B, 2, F, H', W'), from each position to where it came from in frame 0, (x, y) in shares of
            the window's sides; of any size.

    Returns:
        (B, C, F, H, W).
    """
    first, mask = first_frame_latents, region_mask.to(first_frame_latents)
    moved, cover = carry(first, displacement, outside="border"), carry(mask, displacement)
    first, mask = first.unsqueeze(2), mask.unsqueeze(2)
    behind = _filled(first_frame_latents, region_mask.to(first)).unsqueeze(2)
    ground = first + (mask - cover).clamp(min=0) * (behind - first)
    clip = ground + cover * (moved - ground)
    return torch.cat([first, clip[:, :, 1:]], dim=2)


def carry(
    image: Tensor, displacement: Tensor, *, outside: Literal["zeros", "border"] = "zeros"
) -> Tensor:
    """An image (B, C, H, W) carried along displacements as in `carry_first_frame`: (B, C, F, H, W)."""
    frames, (height, width) = displacement.shape[2], image.shape[2:]
    displacement = at_size(displacement, (height, width))
    rows = (torch.arange(height, device=image.device, dtype=torch.float32) + 0.5) / height
    columns = (torch.arange(width, device=image.device, dtype=torch.float32) + 0.5) / width
    here = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
    origin = here + rearrange(displacement.float(), "b c f h w -> b f h w c")
    grid = rearrange(2 * origin - 1, "b f h w c -> b (f h) w c").to(image.dtype)
    found = F.grid_sample(image, grid, padding_mode=outside, align_corners=False)
    return rearrange(found, "b c (f h) w -> b c f h w", f=frames)


def at_size(displacement: Tensor, size: tuple[int, int]) -> Tensor:
    """Displacements (B, 2, F, H, W) at positions of another grid, each the mean over what it covers: (B, 2, F, h, w)."""
    if tuple(displacement.shape[-2:]) == size:
        return displacement
    flat = F.interpolate(displacement.flatten(1, 2), size=size, mode="area")
    return rearrange(flat, "b (c f) h w -> b c f h w", c=displacement.shape[1])


def _filled(latents: Tensor, region_mask: Tensor) -> Tensor:
    """Latents (B, C, H, W) with the region's replaced by what lies around it, spread inwards."""
    known = (region_mask < 0.05).to(latents)
    values, weight = latents * known, known
    for _ in range(FILL_ROUNDS):
        near = F.avg_pool2d(values, 3, 1, 1), F.avg_pool2d(weight, 3, 1, 1)
        values = values + (1 - known) * (near[0] - values)
        weight = weight + (1 - known) * (near[1] - weight)
    spread = values / weight.clamp(min=1e-4)
    # Deep inside a large region nothing has arrived yet: the mean of all that is known.
    mean = (latents * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(
        min=1
    )
    share = (weight / 0.02).clamp(max=1)
    return torch.lerp(mean.expand_as(spread), spread, share)


def _spread(image: Tensor, frames: int, layout: Layout) -> Tensor:
    if layout not in ("repeat", "first"):
        raise ValueError(f"got layout {layout!r}; expected 'repeat' or 'first'")
    clip = image.unsqueeze(2).repeat(1, 1, frames, 1, 1)
    if layout == "first":
        clip[:, :, 1:] = 0
    return clip
