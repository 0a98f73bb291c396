"""Down, middle and up blocks of `RegionalMotionUNet`: residual, spatial attention, motion, in this order.

Axis legend: B batch, F frames, C channels, H W rows and columns, N tokens.

State-dict keys are those of diffusers' (CrossAttn)DownBlockMotion, UNetMidBlockCrossAttnMotion and
(CrossAttn)UpBlockMotion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn

from follow_your_click.models.motion_module import MotionModule
from follow_your_click.models.regions import regional_resnet
from follow_your_click.models.spatial import SpatialTransformer


@dataclass(frozen=True)
class BlockSettings:
    """What the layers of one resolution share.

    Args:
        time_dim: width of the time embedding.
        text_dim: width of the caption embeddings.
        motion_text_dim: width of the motion prompt embeddings; None leaves the MA layers out.
        num_attention_heads: heads of the spatial attentions.
        motion_num_attention_heads: heads of the temporal attentions.
    """

    time_dim: int
    text_dim: int
    motion_text_dim: int | None
    num_attention_heads: int
    motion_num_attention_heads: int
    norm_num_groups: int
    norm_eps: float
    max_frames: int

    def resnet(self, in_channels: int, out_channels: int) -> ResnetBlock2D:
        """A residual block that takes the time embedding."""
        return ResnetBlock2D(
            in_channels=in_channels,
            out_channels=out_channels,
            temb_channels=self.time_dim,
            eps=self.norm_eps,
            groups=self.norm_num_groups,
        )

    def attention(self, channels: int) -> SpatialTransformer:
        """A spatial transformer that reads the caption."""
        return SpatialTransformer(
            channels,
            num_attention_heads=self.num_attention_heads,
            norm_num_groups=self.norm_num_groups,
            text_dim=self.text_dim,
        )

    def motion(self, channels: int) -> MotionModule:
        """A motion module that reads the motion prompt."""
        return MotionModule(
            channels,
            num_attention_heads=self.motion_num_attention_heads,
            norm_num_groups=self.norm_num_groups,
            max_frames=self.max_frames,
            text_dim=self.motion_text_dim,
        )


@dataclass(frozen=True)
class Conditions:
    """What every block reads beside the hidden state: all per clip but the time embedding.

    With several regions R in a clip, each of the first three has one more axis, R, before the last or last two.

    Args:
        time: (B F, E) time, strength and fps embedding; with regions (B F, R, E).
        text: (B, N, D) caption embeddings, or (B F, N, D), one per frame; with regions (B, R, N, D).
        motion_text: likewise of the motion prompt; None: the MA layers add nothing.
        num_frames: F.
        shares: (B, R, H, W), how much of each latent position is each region's; None: one condition for all.
        images: (B, images, tokens, D) of each IP-Adapter, None without one.
    """

    time: Tensor
    text: Tensor
    motion_text: Tensor | None
    num_frames: int
    shares: Tensor | None = None
    images: list[Tensor] | None = None

    def shares_for(self, hidden: Tensor) -> Tensor | None:
        """The shares at the size of a hidden state (B F, C, h, w): (B, R, h, w)."""
        if self.shares is None:
            return None
        return F.interpolate(self.shares, size=hidden.shape[-2:], mode="area")


class _Block(nn.Module):
    """Gradient checkpointing as diffusers switches it on."""

    gradient_checkpointing = False
    _gradient_checkpointing_func: Callable[..., Any]

    def _run(self, layer: Callable[..., Any], hidden: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if torch.is_grad_enabled() and self.gradient_checkpointing:
            output: Tensor = self._gradient_checkpointing_func(
                lambda hidden: layer(hidden, *args, **kwargs), hidden
            )
            return output
        output = layer(hidden, *args, **kwargs)
        return output

    def _residual(self, hidden: Tensor, conditions: Conditions, resnet: nn.Module) -> Tensor:
        shares = conditions.shares_for(hidden)
        if shares is None:
            return self._run(resnet, hidden, conditions.time)
        block = cast(ResnetBlock2D, resnet)

        def forward(hidden: Tensor) -> Tensor:
            return regional_resnet(block, hidden, conditions.time, shares)

        return self._run(forward, hidden)

    def _layer(
        self,
        hidden: Tensor,
        conditions: Conditions,
        resnet: nn.Module,
        attention: nn.Module | None,
        motion: nn.Module | None,
    ) -> Tensor:
        shares = conditions.shares_for(hidden)
        hidden = self._residual(hidden, conditions, resnet)
        if attention is not None:
            hidden = self._run(attention, hidden, conditions.text, shares, conditions.images)
        if motion is not None:
            hidden = self._run(
                motion,
                hidden,
                num_frames=conditions.num_frames,
                motion_text=conditions.motion_text,
                shares=shares,
            )
        return hidden


class DownBlock(_Block):
    """Layers at one resolution, then a strided convolution unless `downsample` is False."""

    def __init__(
        self,
        settings: BlockSettings,
        *,
        in_channels: int,
        out_channels: int,
        num_layers: int,
        attention: bool,
        downsample: bool,
    ) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(
            settings.resnet(in_channels if i == 0 else out_channels, out_channels)
            for i in range(num_layers)
        )
        self.attentions = nn.ModuleList(
            settings.attention(out_channels) for _ in range(num_layers if attention else 0)
        )
        self.motion_modules = nn.ModuleList(
            settings.motion(out_channels) for _ in range(num_layers)
        )
        self.downsamplers = nn.ModuleList(
            [Downsample2D(out_channels, use_conv=True, name="op")] if downsample else []
        )

    def forward(self, hidden: Tensor, conditions: Conditions) -> tuple[Tensor, list[Tensor]]:
        """The hidden state after the block, and one skip connection per layer and downsampler."""
        skips = []
        for i, (resnet, motion) in enumerate(zip(self.resnets, self.motion_modules, strict=True)):
            attention = self.attentions[i] if len(self.attentions) else None
            hidden = self._layer(hidden, conditions, resnet, attention, motion)
            skips.append(hidden)
        for downsampler in self.downsamplers:
            hidden = downsampler(hidden)
            skips.append(hidden)
        return hidden, skips


class MidBlock(_Block):
    """Residual block, then layers of attention, motion (unless left out) and residual block."""

    def __init__(self, settings: BlockSettings, *, channels: int, motion: bool) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(settings.resnet(channels, channels) for _ in range(2))
        self.attentions = nn.ModuleList([settings.attention(channels)])
        if motion:
            self.motion_modules = nn.ModuleList([settings.motion(channels)])
        self.has_motion = motion

    def forward(self, hidden: Tensor, conditions: Conditions) -> Tensor:
        """(B F, C, H, W) -> (B F, C, H, W)."""
        motion = self.motion_modules[0] if self.has_motion else None
        hidden = self._layer(hidden, conditions, self.resnets[0], self.attentions[0], motion)
        return self._residual(hidden, conditions, self.resnets[1])


class UpBlock(_Block):
    """Layers that take the skip connections, then an upsampling convolution unless `upsample` is False."""

    def __init__(
        self,
        settings: BlockSettings,
        *,
        in_channels: int,
        out_channels: int,
        skip_channels: list[int],
        attention: bool,
        upsample: bool,
    ) -> None:
        super().__init__()
        num_layers = len(skip_channels)
        self.resnets = nn.ModuleList(
            settings.resnet((in_channels if i == 0 else out_channels) + skip, out_channels)
            for i, skip in enumerate(skip_channels)
        )
        self.attentions = nn.ModuleList(
            settings.attention(out_channels) for _ in range(num_layers if attention else 0)
        )
        self.motion_modules = nn.ModuleList(
            settings.motion(out_channels) for _ in range(num_layers)
        )
        self.upsamplers = nn.ModuleList(
            [Upsample2D(out_channels, use_conv=True)] if upsample else []
        )

    def forward(
        self,
        hidden: Tensor,
        conditions: Conditions,
        skips: list[Tensor],
        upsample_size: tuple[int, int] | None,
    ) -> Tensor:
        """`skips` in the order they were made; `upsample_size` (rows, columns) where it is not twice the size."""
        for i, (resnet, motion) in enumerate(zip(self.resnets, self.motion_modules, strict=True)):
            hidden = torch.cat([hidden, skips[-1 - i]], dim=1)
            attention = self.attentions[i] if len(self.attentions) else None
            hidden = self._layer(hidden, conditions, resnet, attention, motion)
        for upsampler in self.upsamplers:
            hidden = upsampler(hidden, upsample_size)
        return hidden
