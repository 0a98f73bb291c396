"""`RegionalMotionUNet`: the denoising network of Follow-Your-Click.

Axis legend: B batch, F frames, C channels, H W latent rows and columns, N tokens.

Stable Diffusion's spatial layers and AnimateDiff's motion modules under the state-dict keys of diffusers'
`UNetMotionModel`, plus the paper's own parts (section 3): a first convolution that also takes the region mask and
the first frame, motion-augmented cross-attention, and embeddings of motion strength and fps. All of them start at
zero, so a fresh network with a base model's weights computes what the base model computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.loaders import PeftAdapterMixin, UNet2DConditionLoadersMixin
from diffusers.models.attention import AttentionMixin
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_motion_model import UNetMotionOutput
from einops import rearrange
from torch import Tensor, nn

from follow_your_click.models.displacement import DisplacementHead
from follow_your_click.models.unet_blocks import (
    BlockSettings,
    Conditions,
    DownBlock,
    MidBlock,
    UpBlock,
)


@dataclass
class RegionalMotionOutput(UNetMotionOutput):
    """sample (B, out_channels, F, H, W); displacement (B, 2, F, 4 H, 4 W) if the network has that head.

    The displacement goes from each place of a frame, four to a position either way, to where it came from in frame 0:
    (x, y) in shares of the window's sides.
    """

    displacement: Tensor | None = None


class RegionalMotionUNet(
    ModelMixin,
    AttentionMixin,
    ConfigMixin,
    UNet2DConditionLoadersMixin,
    PeftAdapterMixin,
):
    """Predicts noise, v or sample for the latents of a clip (B, C, F, H, W).

    The defaults are the paper's network on Stable Diffusion 1.5 (1.28 billion parameters and the MA layers).

    Args:
        in_channels: 2C + 1 (noisy latents, region mask, first frame), or C for a plain motion model.
        out_channels: C.
        down_block_types: "CrossAttnDownBlockMotion" or "DownBlockMotion" (no spatial attention) per resolution.
        up_block_types: "CrossAttnUpBlockMotion" or "UpBlockMotion", from the lowest resolution up.
        block_out_channels: widths per resolution.
        layers_per_block: residual blocks per resolution on the way down; one more on the way up.
        norm_num_groups: groups of every group norm.
        cross_attention_dim: D of the caption embeddings.
        motion_cross_attention_dim: D of the motion prompt embeddings; None leaves the MA layers out.
        num_attention_heads: spatial heads, one number or one per resolution.
        motion_num_attention_heads: temporal heads, likewise.
        motion_max_seq_length: most frames that a clip can have.
        use_motion_mid_block: a motion module in the middle block too (named as in diffusers).
        pooled_motion_text: "none" as in the paper; with "mean" the motion prompt's mean embedding is also added to
            the time embedding, as SDXL adds its pooled text (an addition of ours, starts at zero).
        displacement_head: "none" as in the paper; with "field" the network also says where each position came from
            in frame 0 (an addition of ours, starts at zero): see `DisplacementHead`.
        motion_strength_scale: factor before the sinusoidal embedding of the strength, which resolves steps of
            about 1; strengths are small numbers with meaningful fractions.
    """

    _supports_gradient_checkpointing = True
    _skip_layerwise_casting_patterns = ("norm",)
    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        sample_size: int | None = 64,
        in_channels: int = 9,
        out_channels: int = 4,
        down_block_types: tuple[str, ...] = (
            "CrossAttnDownBlockMotion",
            "CrossAttnDownBlockMotion",
            "CrossAttnDownBlockMotion",
            "DownBlockMotion",
        ),
        up_block_types: tuple[str, ...] = (
            "UpBlockMotion",
            "CrossAttnUpBlockMotion",
            "CrossAttnUpBlockMotion",
            "CrossAttnUpBlockMotion",
        ),
        block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280),
        layers_per_block: int = 2,
        norm_num_groups: int = 32,
        norm_eps: float = 1e-5,
        cross_attention_dim: int = 768,
        motion_cross_attention_dim: int | None = 768,
        num_attention_heads: int | tuple[int, ...] = 8,
        motion_num_attention_heads: int | tuple[int, ...] = 8,
        motion_max_seq_length: int = 32,
        use_motion_mid_block: bool = False,
        motion_strength_scale: float = 1.0,
        pooled_motion_text: Literal["none", "mean"] = "none",
        displacement_head: Literal["none", "field"] = "none",
    ) -> None:
        super().__init__()
        levels = len(block_out_channels)
        if not len(down_block_types) == len(up_block_types) == levels:
            raise ValueError(
                f"got {len(down_block_types)} down blocks, {len(up_block_types)} up blocks and {levels} widths;"
                " expected as many of each"
            )
        first = block_out_channels[0]
        time_dim = 4 * first
        heads = _per_level(num_attention_heads, levels)
        motion_heads = _per_level(motion_num_attention_heads, levels)
        settings = [
            BlockSettings(
                time_dim=time_dim,
                text_dim=cross_attention_dim,
                motion_text_dim=motion_cross_attention_dim,
                num_attention_heads=heads[i],
                motion_num_attention_heads=motion_heads[i],
                norm_num_groups=norm_num_groups,
                norm_eps=norm_eps,
                max_frames=motion_max_seq_length,
            )
            for i in range(levels)
        ]
        self.conv_in = nn.Conv2d(in_channels, first, 3, padding=1)
        self.time_proj = Timesteps(first, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = TimestepEmbedding(first, time_dim)
        self.motion_embedding = _zero_last(TimestepEmbedding(first, time_dim))
        self.fps_embedding = _zero_last(TimestepEmbedding(first, time_dim))
        self.motion_text_embedding: TimestepEmbedding | None = None
        if pooled_motion_text == "mean":
            text_dim = motion_cross_attention_dim or cross_attention_dim
            self.motion_text_embedding = _zero_last(TimestepEmbedding(text_dim, time_dim))
        self.encoder_hid_proj: nn.Module | None = None  # IP-Adapter's, once it is loaded
        self.down_blocks, skip_channels = _down_blocks(
            settings, down_block_types, block_out_channels, layers_per_block
        )
        # In this order in diffusers' networks: IP-Adapters name the layers that they belong to by counting.
        self.up_blocks = nn.ModuleList()
        self.mid_block = MidBlock(
            settings[-1], channels=block_out_channels[-1], motion=use_motion_mid_block
        )
        self.up_blocks = _up_blocks(
            settings, up_block_types, block_out_channels, layers_per_block + 1, skip_channels
        )
        self.conv_norm_out = nn.GroupNorm(norm_num_groups, first, eps=norm_eps)
        self.conv_act = nn.SiLU()
        self.conv_out = nn.Conv2d(first, out_channels, 3, padding=1)
        self.displacement: DisplacementHead | None = None
        if displacement_head != "none":
            if in_channels != 2 * out_channels + 1:
                raise ValueError(
                    f"got {in_channels} input channels with a displacement head; expected"
                    f" {2 * out_channels + 1}: it needs the region mask"
                )
            self.displacement = DisplacementHead(
                motion_cross_attention_dim or cross_attention_dim, first
            )

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | float | int,
        encoder_hidden_states: Tensor,
        *,
        motion_encoder_hidden_states: Tensor | None = None,
        motion_strength: Tensor | None = None,
        fps: Tensor | None = None,
        region_shares: Tensor | None = None,
        image_embeds: list[Tensor] | None = None,
        down_block_additional_residuals: Sequence[Tensor] | None = None,
        mid_block_additional_residual: Tensor | None = None,
        return_dict: bool = True,
    ) -> RegionalMotionOutput | tuple[Tensor]:
        """Denoise one step.

        Args:
            sample: (B, in_channels, F, H, W), channels in the order noisy latents, region mask, first frame.
            timestep: a number, or (B,).
            encoder_hidden_states: caption embeddings (B, N, D), one text per clip; or (B F, N, D), one per frame.
            motion_encoder_hidden_states: motion prompt embeddings, likewise; None: the MA layers add nothing.
            motion_strength: (B,) px per frame at a short side of 256; None: nothing is added, and displacements
                are those of strength 1.
            fps: (B,) frames per second; None: nothing is added.
            region_shares: (B, R, H, W), how much of each latent position belongs to each of R regions, 1 in sum.
                Then the texts are (B, R, N, D) and the strengths (B, R): each position reads its own region's.
                Not with a displacement head, which speaks of one region.
            image_embeds: of each loaded IP-Adapter, (B, images, ...), read by the spatial layers beside the caption.
            down_block_additional_residuals: ControlNet residuals, one (B F, C, H, W) per skip connection.
            mid_block_additional_residual: ControlNet residual of the middle block.

        Returns:
            An output whose `.sample` is (B, out_channels, F, H, W), and whose `.displacement` is None without that
            head; a tuple holds the sample alone.
        """
        num_frames = sample.shape[2]
        if region_shares is not None and self.displacement is not None:
            raise ValueError(
                "got region_shares with a displacement head; run each region by itself"
            )
        time = self._embed_time(sample, timestep, motion_strength, fps)
        if region_shares is not None and time.ndim == 2:
            time = time.unsqueeze(1).expand(-1, region_shares.shape[1], -1)
        time = time.repeat_interleave(num_frames, dim=0)
        if self.motion_text_embedding is not None and motion_encoder_hidden_states is not None:
            pooled = self.motion_text_embedding(motion_encoder_hidden_states.mean(dim=-2))
            time = time + pooled.repeat_interleave(len(time) // len(pooled), dim=0)
        conditions = Conditions(
            time=time,
            text=encoder_hidden_states,
            motion_text=motion_encoder_hidden_states,
            num_frames=num_frames,
            shares=region_shares,
            images=self._projected(image_embeds),
        )
        hidden = self.conv_in(rearrange(sample, "b c f h w -> (b f) c h w"))
        skips = [hidden]
        for down_block in self.down_blocks:
            hidden, added = down_block(hidden, conditions)
            skips += added
        if down_block_additional_residuals is not None:
            pairs = zip(skips, down_block_additional_residuals, strict=True)
            skips = [skip + residual for skip, residual in pairs]
        hidden = self.mid_block(hidden, conditions)
        if mid_block_additional_residual is not None:
            hidden = hidden + mid_block_additional_residual
        for up_block in self.up_blocks:
            count = len(cast(UpBlock, up_block).resnets)
            taken, skips = skips[-count:], skips[:-count]
            # Odd sizes: upsample to the size of the skip connection that comes next, not to twice the size.
            size = (skips[-1].shape[-2], skips[-1].shape[-1]) if skips else None
            hidden = up_block(hidden, conditions, taken, size)
        hidden = self.conv_act(self.conv_norm_out(hidden))
        output = rearrange(self.conv_out(hidden), "(b f) c h w -> b c f h w", f=num_frames)
        if not return_dict:
            return (output,)
        displacement = None
        if self.displacement is not None:
            mask = sample[:, self.config.out_channels, 0]
            displacement = self.displacement(
                hidden, mask, motion_encoder_hidden_states, motion_strength
            )
        return RegionalMotionOutput(sample=output, displacement=displacement)

    def _projected(self, image_embeds: list[Tensor] | None) -> list[Tensor] | None:
        """Embeddings of images as the adapters' attention reads them: (B, images, tokens, D) each."""
        if image_embeds is None:
            return None
        if self.encoder_hid_proj is None:
            raise ValueError("got image_embeds without an IP-Adapter; call load_ip_adapter first")
        return cast(list[Tensor], self.encoder_hid_proj(image_embeds))

    def _embed_time(
        self,
        sample: Tensor,
        timestep: Tensor | float | int,
        motion_strength: Tensor | None,
        fps: Tensor | None,
    ) -> Tensor:
        """Time embedding plus the strength's and the fps's, (B, E); of strengths (B, R): (B, R, E)."""
        batch = sample.shape[0]

        def sinusoid(values: Tensor) -> Tensor:
            embedded: Tensor = self.time_proj(values.to(sample.device).reshape(-1).expand(batch))
            return embedded.to(sample.dtype)

        time: Tensor = self.time_embedding(sinusoid(torch.as_tensor(timestep)))
        if fps is not None:
            time = time + self.fps_embedding(sinusoid(fps.float()))
        if motion_strength is None:
            return time
        scaled = motion_strength.float() * self.config.motion_strength_scale
        if scaled.ndim < 2:
            return cast(Tensor, time + self.motion_embedding(sinusoid(scaled)))
        regional = [self.motion_embedding(sinusoid(region)) for region in scaled.unbind(dim=1)]
        return time.unsqueeze(1) + torch.stack(regional, dim=1)


def _per_level(value: int | Sequence[int], levels: int) -> tuple[int, ...]:
    return (value,) * levels if isinstance(value, int) else tuple(value)


def _zero_last(embedding: TimestepEmbedding) -> TimestepEmbedding:
    nn.init.zeros_(embedding.linear_2.weight)
    nn.init.zeros_(embedding.linear_2.bias)
    return embedding


def _down_blocks(
    settings: list[BlockSettings],
    types: Sequence[str],
    widths: Sequence[int],
    num_layers: int,
) -> tuple[nn.ModuleList, list[int]]:
    """The down blocks, and the widths of the skip connections in the order they are made."""
    blocks, skips = nn.ModuleList(), [widths[0]]
    for i, kind in enumerate(types):
        downsample = i < len(types) - 1
        blocks.append(
            DownBlock(
                settings[i],
                in_channels=widths[max(i - 1, 0)],
                out_channels=widths[i],
                num_layers=num_layers,
                attention=_has_attention(kind, "DownBlockMotion"),
                downsample=downsample,
            )
        )
        skips += [widths[i]] * (num_layers + downsample)
    return blocks, skips


def _up_blocks(
    settings: list[BlockSettings],
    types: Sequence[str],
    widths: Sequence[int],
    num_layers: int,
    skip_channels: list[int],
) -> nn.ModuleList:
    """The up blocks, from the lowest resolution; each takes the last `num_layers` skips that are left."""
    blocks, width, skips = nn.ModuleList(), widths[-1], list(skip_channels)
    for i, kind in enumerate(types):
        level = len(widths) - 1 - i
        taken, skips = skips[-num_layers:], skips[:-num_layers]
        blocks.append(
            UpBlock(
                settings[level],
                in_channels=width,
                out_channels=widths[level],
                skip_channels=taken[::-1],
                attention=_has_attention(kind, "UpBlockMotion"),
                upsample=level > 0,
            )
        )
        width = widths[level]
    return blocks


def _has_attention(kind: str, plain: str) -> bool:
    if kind not in (plain, f"CrossAttn{plain}"):
        raise ValueError(f"got block type {kind!r}; expected {plain!r} or 'CrossAttn{plain}'")
    return kind != plain
