"""The click network: a photo once through the encoder, then clicks, a box or an earlier mask to masks, many times.

Axis legend: B batch, C channels, H W rows and columns, N points, K masks (part, object, whole, head).

The encoder never sees a click, so that a photo costs it once; every click costs the small decoder alone, as in
Segment Anything (Kirillov et al. 2023). What a clicked position has in common with all others is told to the decoder
as cosine similarity of the encoder's features, which leaves little to learn from few masks. Earlier masks and click
maps enter as in RITM (Sofiiuk et al. 2022).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

STRIDE = 32
"""Sides of the network's image are multiples of it."""
CLICK_SIGMA = 6.0  # px of the network's image: the blob that stands for a click
PROMPT_CHANNELS = 7  # click blobs and distances (positive, negative each), box, whether there is one, earlier mask
LEVELS = ("part", "object", "whole", "head")
"""What masks are found of: three that hold what was clicked, and the head of the animal or person, wherever that was clicked."""
NAME_HIDDEN = 64  # channels in which the decoder is told what a part is called


@dataclass(frozen=True)
class ClickFeatures:
    """What the encoder knows of photos: features at 1/4, 1/8, 1/16 and 1/32 of their size, (B, C, h, w) each."""

    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor
    last: Tensor


@dataclass(frozen=True)
class ClickPrompts:
    """Prompts for B photos, in pixels of the network's image.

    points: (B, N, 2) x, y. labels: (B, N), 1 on the object, 0 not on it, -1 no point. boxes: (B, 4) x0, y0, x1, y1,
    or all zero for none. mask: (B, 1, H, W), an earlier mask, 0 ... 1; zero for none. names: (B,), which of the network's
    names the clicked part has; None: that is not told.
    """

    points: Tensor
    labels: Tensor
    boxes: Tensor
    mask: Tensor
    names: Tensor | None = None


class ClickNetwork(ModelMixin, ConfigMixin):
    """Masks of part, object, whole and head from clicks, a box and an earlier mask.

    Args:
        widths: channels of the encoder at 1/4, 1/8, 1/16 and 1/32 of the size.
        blocks: residual blocks there.
        decoder_widths: channels of the decoder likewise.
        similarity_heads: how many cosine similarities to each click the decoder sees.
        names: of parts that the decoder may be told ("tail"); of its answers then only that for the part says something. Not told, it
            answers as one without names.
        name_channels: of a word vector.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        widths: tuple[int, int, int, int] = (32, 80, 144, 192),
        blocks: tuple[int, int, int, int] = (1, 2, 2, 1),
        decoder_widths: tuple[int, int, int, int] = (32, 64, 96, 128),
        similarity_heads: int = 8,
        names: tuple[str, ...] = (),
        name_channels: int = 160,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(4), _Convolution(48, widths[0]))
        stages, before = [], widths[0]
        for level, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            down = [_Convolution(before, width, stride=2)] if level else []
            stages.append(nn.Sequential(*down, *(_Residual(width) for _ in range(count))))
            before = width
        self.stages = nn.ModuleList(stages)
        self.attention = nn.TransformerEncoderLayer(
            widths[3], 4, 2 * widths[3], dropout=0.0, batch_first=True, norm_first=True
        )
        self.place = nn.Conv2d(widths[3], widths[3], 3, padding=1, groups=widths[3])
        quarter, eighth, sixteenth, last = decoder_widths
        self.lateral_last = nn.Conv2d(widths[3], last, 1)
        self.lateral_sixteenth = nn.Conv2d(widths[2] + last, sixteenth, 1)
        self.lateral_eighth = nn.Conv2d(widths[1] + sixteenth, eighth, 1)
        self.smooth_eighth = _Residual(eighth)
        self.lateral_quarter = nn.Conv2d(widths[0] + eighth, quarter, 1)
        heads = 2 * similarity_heads
        self.enter_eighth = _Convolution(eighth + heads + PROMPT_CHANNELS, eighth)
        self.down_eighth = _Residual(eighth)
        self.enter_sixteenth = _Convolution(eighth, sixteenth, stride=2)
        self.down_sixteenth = _Residual(sixteenth)
        self.enter_last = _Convolution(sixteenth, last, stride=2)
        self.middle = _Residual(last)
        self.pooled = nn.Linear(last, last)
        self.up_sixteenth = nn.Sequential(
            _Convolution(last + sixteenth, sixteenth), _Residual(sixteenth)
        )
        self.up_eighth = nn.Sequential(_Convolution(sixteenth + eighth, eighth), _Residual(eighth))
        self.enter_quarter = nn.Conv2d(eighth + quarter + heads + PROMPT_CHANNELS, quarter, 1)
        self.up_quarter = _Residual(quarter)
        self.masks = nn.Conv2d(quarter, len(LEVELS) * 16, 3, padding=1)
        self.scores = nn.Linear(last, len(LEVELS))
        self.named = _NamedParts(len(names), name_channels, decoder_widths) if names else None

    def folded(self) -> ClickNetwork:
        """A copy for use, with every normalisation folded into its convolution; it computes the same."""
        copied: ClickNetwork = copy.deepcopy(self).eval()
        for module in copied.modules():
            if isinstance(module, _Residual):
                module.conv_2, module.norm = _folded(module.conv_2, module.norm), nn.Identity()
            elif isinstance(module, _Convolution):
                module[0], module[1] = _folded(module[0], module[1]), nn.Identity()
        return copied

    def places(self, names: Sequence[str]) -> Tensor:
        """`ClickPrompts.names` of parts that are called so: (B,)."""
        known = list(self.config.names)
        device = next(self.parameters()).device
        return torch.tensor([known.index(name) for name in names], device=device)

    def encode(self, image: Tensor) -> ClickFeatures:
        """Features of photos (B, 3, H, W) in [-1, 1], H and W multiples of 32."""
        quarter = self.stages[0](self.stem(image))
        eighth = self.stages[1](quarter)
        sixteenth = self.stages[2](eighth)
        last = self.stages[3](sixteenth)
        last = last + self.place(last)
        tokens = self.attention(last.flatten(2).transpose(1, 2))
        last = self.lateral_last(tokens.transpose(1, 2).reshape(last.shape))
        sixteenth = self.lateral_sixteenth(torch.cat([sixteenth, _up(last)], dim=1))
        eighth = self.lateral_eighth(torch.cat([eighth, _up(sixteenth)], dim=1))
        eighth = self.smooth_eighth(eighth)
        quarter = self.lateral_quarter(torch.cat([quarter, _up(eighth)], dim=1))
        return ClickFeatures(quarter, eighth, sixteenth, last)

    def decode(self, features: ClickFeatures, prompts: ClickPrompts) -> tuple[Tensor, Tensor]:
        """Mask logits (B, K, H, W) and guessed overlaps with what was meant (B, K), 0 ... 1, as in `LEVELS`."""
        height, width = (4 * side for side in features.quarter.shape[-2:])
        told = prompt_maps(prompts, (height, width))
        named, light = None, _Light()
        if self.named is not None and prompts.names is not None:
            named, light = self.named, self.named.light(prompts.names)
        hidden = torch.cat(
            [
                features.eighth,
                self._similarity(features.eighth, prompts, (height, width)),
                F.avg_pool2d(told, 2),
            ],
            dim=1,
        )
        eighth = light.on(self.down_eighth(self.enter_eighth(hidden)))
        sixteenth = self.enter_sixteenth(eighth) + features.sixteenth
        sixteenth = light.on(self.down_sixteenth(sixteenth))
        last = light.on(self.middle(self.enter_last(sixteenth) + features.last))
        pooled = last.mean(dim=(2, 3))
        last = last + self.pooled(pooled)[:, :, None, None]
        sixteenth = light.on(self.up_sixteenth(torch.cat([_up(last), sixteenth], dim=1)))
        eighth = light.on(self.up_eighth(torch.cat([_up(sixteenth), eighth], dim=1)))
        if named is not None:
            eighth = eighth + named.refine(eighth)
        hidden = torch.cat(
            [
                _up(eighth),
                features.quarter,
                self._similarity(features.quarter, prompts, (height, width)),
                told,
            ],
            dim=1,
        )
        quarter = light.on(self.up_quarter(self.enter_quarter(hidden)))
        logits = F.pixel_shuffle(self.masks(quarter), 4)
        scores = self.scores(pooled)
        if named is not None:
            logits = logits + F.pixel_shuffle(named.mask(quarter), 4)
            scores = scores + named.score(pooled)
        return logits, torch.sigmoid(scores)

    def forward(self, image: Tensor, prompts: ClickPrompts) -> tuple[Tensor, Tensor]:
        """`decode` of `encode`."""
        return self.decode(self.encode(image), prompts)

    def _similarity(self, maps: Tensor, prompts: ClickPrompts, size: tuple[int, int]) -> Tensor:
        """Largest cosine similarity to any positive, and to any negative click, by head: (B, 2 heads, h, w)."""
        heads = self.config.similarity_heads
        batch, _, height, width = maps.shape
        split = _unit(maps.reshape(batch, heads, -1, height, width))
        scale = prompts.points.new_tensor([size[1], size[0]])
        grid = (2 * (prompts.points + 0.5) / scale - 1).to(maps)[:, :, None]
        at = F.grid_sample(maps, grid, padding_mode="border", align_corners=False)[..., 0]
        at = _unit(at.reshape(batch, heads, -1, at.shape[-1]))
        alike = torch.einsum("bkchw,bkcn->bnkhw", split, at)
        found = []
        for label in (1, 0):
            given = (prompts.labels == label)[:, :, None, None, None]
            nearest = alike.masked_fill(~given, -1.0).amax(dim=1)
            found.append(nearest)
        return torch.cat(found, dim=1)


class _Light:
    """In which the decoder's features are seen where nothing is told: they stay as they are."""

    def on(self, hidden: Tensor) -> Tensor:
        return hidden


class _Told(_Light):
    """Features scaled and shifted by what is told, one stage of the decoder after the other (FiLM, Perez et al. 2018)."""

    def __init__(self, stages: list[Tensor]) -> None:
        self._stages = iter(stages)

    def on(self, hidden: Tensor) -> Tensor:
        scale, shift = next(self._stages)[:, :, None, None].chunk(2, dim=1)
        return hidden * (1 + scale) + shift


class _NamedParts(nn.Module):
    """What a part's name changes in the decoder; at the start nothing.

    Args:
        count: of names, whose word vectors are not trained.
        channels: of these.
        widths: of the decoder, see `ClickNetwork`.
    """

    def __init__(self, count: int, channels: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        quarter, eighth, sixteenth, last = widths
        self.vectors = nn.Buffer(torch.zeros(count, channels))
        self.enter = nn.Linear(channels, NAME_HIDDEN)
        self.stages = nn.ModuleList(
            nn.Linear(NAME_HIDDEN, 2 * width)
            for width in (eighth, sixteenth, last, sixteenth, eighth, quarter)
        )
        self.refine = nn.Sequential(
            nn.Conv2d(eighth, eighth, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(eighth, eighth, 3, padding=1),
        )
        self.mask = nn.Conv2d(quarter, 16, 3, padding=1)
        self.score = nn.Linear(last, 1)
        for layer in (*self.stages, self.refine[2], self.mask, self.score):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def light(self, names: Tensor) -> _Light:
        """How features are seen where parts are called so: (B,)."""
        known = F.silu(self.enter(self.vectors[names]))
        return _Told([stage(known) for stage in self.stages])


def prompt_maps(prompts: ClickPrompts, size: tuple[int, int]) -> Tensor:
    """What the decoder is told of the prompts, at a quarter of the size: (B, 7, H/4, W/4)."""
    height, width = size
    mask = F.avg_pool2d(prompts.mask, 4)
    rows = (torch.arange(height // 4, device=mask.device) + 0.5) * 4
    columns = (torch.arange(width // 4, device=mask.device) + 0.5) * 4
    dx = columns[None, None, None, :] - (prompts.points[..., 0] + 0.5)[:, :, None, None]
    dy = rows[None, None, :, None] - (prompts.points[..., 1] + 0.5)[:, :, None, None]
    squared = dx.square() + dy.square()
    far = float(height**2 + width**2)
    maps = []
    for label in (1, 0):
        given = (prompts.labels == label)[:, :, None, None]
        nearest = squared.masked_fill(~given, far).amin(dim=1, keepdim=True)
        maps += [
            torch.exp(-nearest / (2 * CLICK_SIGMA**2)),
            0.25 * torch.log1p(nearest / CLICK_SIGMA**2),
        ]
    x0, y0, x1, y1 = (prompts.boxes[:, i, None, None, None] for i in range(4))
    across = (columns >= x0) & (columns < x1)
    down = (rows[:, None] >= y0) & (rows[:, None] < y1)
    inside = (across & down).to(mask)
    boxed = (x1 > x0).to(mask).expand_as(inside)
    return torch.cat([*maps, inside, boxed, mask], dim=1)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_1 = _Convolution(channels, channels)
        self.conv_2: nn.Module = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(channels)

    def forward(self, hidden: Tensor) -> Tensor:
        update: Tensor = self.norm(self.conv_2(self.conv_1(hidden)))
        return F.relu(hidden + update)


class _Convolution(nn.Sequential):
    def __init__(self, channels: int, output: int, *, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels, output, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(output),
            nn.ReLU(),
        )


def _folded(convolution: nn.Module, norm: nn.Module) -> nn.Module:
    """One convolution for both; as it is where that has been done."""
    if not isinstance(norm, nn.BatchNorm2d):
        return convolution
    return cast(nn.Module, fuse_conv_bn_eval(cast(nn.Conv2d, convolution), norm))


def _unit(vectors: Tensor) -> Tensor:
    """Length 1 along axis 2; several times quicker on a CPU than `F.normalize` along an inner axis."""
    return vectors * vectors.square().sum(dim=2, keepdim=True).clamp(min=1e-12).rsqrt()


def _up(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)
