"""Where everything in a frame came from in frame 0, as the network states it: an addition of ours to the paper's U-Net.

Axis legend: B batch, F frames, C channels, H W latent rows and columns.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from einops import rearrange, reduce
from torch import Tensor, nn

STRENGTH_SIDE = 256  # px: a strength is in px per frame at this side (design)
REACH_FRAMES = 8  # an output of 1 is the way of this many frames at the asked strength
CYCLES = 8  # the time of a clip, 0 ... 1, is told as sines and cosines of 1 to 8 cycles
SHAPES = 6  # 1, u, v, u u, u v, v v: what a displacement is made of, (u, v) relative to the region
MODES = 2 + 2 * CYCLES  # courses in time that a mode head mixes: see `mode_courses`
MODE_CHANNELS = 256


class DisplacementHead(nn.Module):
    """Coefficients of a quadratic map about the region's centre, for the whole clip and per position.

    So a turn or a bend is as plain to say as a shift. What holds for all positions comes from the middle block and
    the time in the clip, the rest from the last features. All of it starts at zero. The result is proportional to
    the strength, so strength 0 is still, and frame 0 is displaced by nothing.

    With modes, coefficients are also stated once for the clip, as mixtures of fixed courses in time: what a motion
    does over time is then a few numbers that its words call up, not a curve found frame by frame (the idea of
    spectral volumes, Li et al., Generative Image Dynamics, arXiv 2309.07906).

    Args:
        middle_channels: C of the middle block.
        last_channels: C of the last features.
        time_channels: E of the time embedding, which strength and words are part of; None: no modes.
    """

    def __init__(
        self, middle_channels: int, last_channels: int, time_channels: int | None = None
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(middle_channels)
        self.linear_in = nn.Linear(middle_channels, middle_channels)
        self.linear_time = nn.Linear(2 * CYCLES, middle_channels, bias=False)
        self.act = nn.SiLU()
        self.linear_out = nn.Linear(middle_channels, 2 * SHAPES)
        self.conv = nn.Conv2d(last_channels, 2 * SHAPES, 3, padding=1)
        for layer in (self.linear_time, self.linear_out, self.conv):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)
        self.modes: ModeHead | None = None
        if time_channels is not None:
            self.modes = ModeHead(middle_channels + time_channels, last_channels)

    def forward(
        self,
        middle: Tensor,
        last: Tensor,
        mask: Tensor,
        motion_strength: Tensor | None,
        time_embedding: Tensor | None = None,
    ) -> Tensor:
        """Displacements (B, 2, F, H, W), (x, y) in shares of the window's sides.

        Args:
            middle: (B F, C, h, w) after the middle block.
            last: (B F, C, H, W) before the last convolution, normalised and activated.
            mask: (B, H, W), 0 ... 1.
            motion_strength: (B,) px per frame at a window of 256; None: 1.
            time_embedding: (B F, E); only modes read it.
        """
        batch = mask.shape[0]
        pooled = self.norm(reduce(middle, "n c h w -> n c", "mean"))
        time = self.linear_time(clip_time(len(middle) // batch).to(pooled)).repeat(batch, 1)
        whole = self.linear_out(self.act(self.linear_in(pooled) + time))
        coefficients = rearrange(
            (self.conv(last) + whole[:, :, None, None]).float(),
            "(b f) (two shape) h w -> b two shape f h w",
            b=batch,
            two=2,
        )
        if self.modes is not None and time_embedding is not None:
            known = torch.cat([pooled, time_embedding], dim=1)
            coefficients = coefficients + self.modes(known, last, batch)
        shapes = rearrange(region_shapes(mask.float()), "b shape h w -> b 1 shape 1 h w")
        ways = (coefficients * shapes).sum(dim=2)
        reach = ways.new_ones(1) if motion_strength is None else motion_strength.float()
        reach = reach * (REACH_FRAMES / STRENGTH_SIDE)
        later = (torch.arange(ways.shape[2], device=ways.device) > 0).to(ways)
        moved: Tensor = ways * reach.reshape(-1, 1, 1, 1, 1) * later.reshape(1, 1, -1, 1, 1)
        return moved


class ModeHead(nn.Module):
    """Coefficients as mixtures of courses in time: of all shapes for the whole clip, of shifts per position."""

    def __init__(self, known_channels: int, last_channels: int) -> None:
        super().__init__()
        self.linear_in = nn.Linear(known_channels, MODE_CHANNELS)
        self.act = nn.SiLU()
        self.linear_out = nn.Linear(MODE_CHANNELS, 2 * SHAPES * MODES)
        self.conv = nn.Conv2d(last_channels, 2 * MODES, 3, padding=1)
        for layer in (self.linear_out, self.conv):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(self, known: Tensor, last: Tensor, batch: int) -> Tensor:
        """Coefficients (B, 2, 6, F, H, W).

        Args:
            known: (B F, K), what the network knows of each frame; its mean over the frames is read.
            last: (B F, C, H, W), likewise.
        """
        courses = mode_courses(len(known) // batch).to(known)
        mixed = self.linear_out(
            self.act(self.linear_in(reduce(known, "(b f) k -> b k", "mean", b=batch)))
        )
        mixed = rearrange(mixed, "b (two shape m) -> b two shape m", two=2, shape=SHAPES)
        whole = (mixed @ courses.T).float()[..., None, None]
        shifts = self.conv(reduce(last, "(b f) c h w -> b c h w", "mean", b=batch))
        shifts = rearrange(shifts, "b (two m) h w -> b two h w m", two=2) @ courses.T
        shifts = rearrange(shifts.float(), "b two h w f -> b two 1 f h w")
        rest = whole.new_zeros(1, 1, SHAPES - 1, 1, 1, 1)
        spread = torch.cat([shifts, rest.expand(*shifts.shape[:2], -1, *shifts.shape[3:])], dim=2)
        return cast(Tensor, whole + spread)


def mode_courses(num_frames: int) -> Tensor:
    """Courses in time that start at 0: t, t t, and sin and 1 - cos of 1 to 8 cycles over the clip: (F, MODES)."""
    time = torch.arange(num_frames) / max(num_frames - 1, 1)
    angle = 2 * math.pi * time[:, None] * torch.arange(1, CYCLES + 1)
    return torch.cat([time[:, None], time[:, None].square(), angle.sin(), 1 - angle.cos()], dim=1)


def clip_time(num_frames: int) -> Tensor:
    """Sines and cosines of the time of each frame, 0 at the first and 1 at the last: (F, 2 CYCLES)."""
    time = torch.arange(num_frames) / max(num_frames - 1, 1)
    angle = 2 * math.pi * time[:, None] * torch.arange(1, CYCLES + 1)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def region_shapes(mask: Tensor) -> Tensor:
    """1, u, v, u u, u v, v v at every position: (B, H, W) -> (B, 6, H, W).

    (u, v) is 0 at the centre of the region, and 1 at the edge of a box of its spread; 2 at most, so that far
    positions do not outweigh it.
    """
    height, width = mask.shape[-2:]
    rows = torch.arange(height, device=mask.device, dtype=mask.dtype)
    columns = torch.arange(width, device=mask.device, dtype=mask.dtype)
    total = mask.sum((1, 2)).clamp(min=1e-3)

    def relative(axis: Tensor, share: Tensor) -> Tensor:
        centre = (share * axis).sum(1, keepdim=True)
        spread = (share * (axis - centre).square()).sum(1, keepdim=True) + 1 / 12
        return ((axis - centre) / (3 * spread).sqrt()).clamp(-2, 2)

    u = relative(columns, mask.sum(1) / total[:, None])[:, None, :].expand_as(mask)
    v = relative(rows, mask.sum(2) / total[:, None])[:, :, None].expand_as(mask)
    return torch.stack([torch.ones_like(u), u, v, u * u, u * v, v * v], dim=1)
