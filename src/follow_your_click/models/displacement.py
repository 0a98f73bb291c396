"""Where everything in a frame came from in frame 0, as the embedded network states it: an addition of ours to the paper's.

Axis legend: B batch, C channels, D text channels, F frames, H W rows and columns of positions, K shapes, M modes.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.torch_utils import randn_tensor
from einops import rearrange, reduce
from torch import Tensor, nn

from follow_your_click.models.conditioning import carry

STRENGTH_SIDE = 256  # px: a strength is in px per frame at this side (design)
CYCLES = 8  # of the fastest motion in a clip
MODES = 2 + 2 * CYCLES  # courses in time that a displacement is mixed from, see `mode_courses`
SHAPES = 6  # 1, u, v, u u, u v, v v: what a displacement is made of, (u, v) relative to the region
# A head states displacements at so many times the latents' resolution in either direction. Its positions are read as
# interleaved grids, so many each way, of half latent positions: what a filter sees is as large however fine they are.
FINER = 4
GRIDS = FINER // 2
MOST_MENDED, LEAST_SHARE = 2.0, 0.25  # see `at_strength`
SCALES_TRIED = 21
MOST_STRETCHED = 2.2  # see `_most_scaled`: a face that is turned further is a smear
SPREADS = (0.06, 0.07)  # see `varied`: of the logarithm of the pace, and radians
SIZES = 6  # numbers that say how large strength and region are, see `region_sizes`


class DisplacementField(ModelMixin, ConfigMixin):
    """Displacements out of a motion's words, its strength and the region's shape alone.

    What a motion does over time is a mixture of fixed courses (the idea of spectral volumes: Li et al., Generative Image
    Dynamics, arXiv 2309.07906), so its words only have to call up a few numbers: for the whole clip the coefficients of
    a quadratic map about the region's centre, by which a turn or a bend is as plain to say as a shift; for each position
    a shift of its own. All of it starts at zero. The result is proportional to the strength and to the clip's length,
    but for what a large motion changes; strength 0 is still, and frame 0 is displaced by nothing.

    Args:
        text_channels: D.
        hidden_size: of what is known of the whole clip.
        position_channels: of what is known of each position.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(
        self, text_channels: int = 96, hidden_size: int = 256, position_channels: int = 96
    ) -> None:
        super().__init__()
        self.linear_in = nn.Linear(text_channels + SIZES, hidden_size)
        self.linear_middle = nn.Linear(hidden_size, hidden_size)
        self.linear_out = nn.Linear(hidden_size, 2 * SHAPES * MODES)
        self.conv_in = nn.Conv2d(SHAPES + 1, position_channels, 3, padding=1)
        self.convs = nn.ModuleList(
            nn.Conv2d(position_channels, position_channels, size, padding=size // 2)
            for size in (3, 1)
        )
        # Each position is read in the light of the words (FiLM, Perez et al., arXiv 1709.07871).
        self.scales_and_shifts = nn.ModuleList(
            nn.Linear(hidden_size, 2 * position_channels) for _ in self.convs
        )
        self.conv_out = nn.Conv2d(position_channels, 2 * MODES, 1)
        self.act = nn.SiLU()
        for layer in (self.linear_out, self.conv_out):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(
        self,
        motion_text: Tensor,
        mask: Tensor,
        motion_strength: Tensor,
        num_frames: int,
        *,
        grid: tuple[int, int] | None = None,
    ) -> Tensor:
        """Displacements (B, 2, F, H, W), (x, y) in shares of the window's sides.

        Args:
            motion_text: (B, D), the mean embedding of the motion prompt.
            mask: (B, H, W), the region, 0 ... 1; `FINER` positions for each of the latents.
            motion_strength: (B,) px per frame at a window of 256.
            num_frames: F.
            grid: row and column, below `GRIDS`, of the one grid that is wanted, see `on_grid`; None: all positions.
        """
        ways, own = self.parts(motion_text, mask, motion_strength, num_frames, grid=grid)
        return ways + own

    def parts(
        self,
        motion_text: Tensor,
        mask: Tensor,
        motion_strength: Tensor,
        num_frames: int,
        *,
        grid: tuple[int, int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The two of which displacements are the sum: of the region as a whole, and of each position by itself; arguments and shapes as of `forward`."""
        # Outside the range of half precision and bfloat16: the centre of a region, small strengths.
        mask, strength = mask.float(), motion_strength.float()
        courses = mode_courses(num_frames).to(motion_text)
        shapes = region_shapes(mask)
        sizes = region_sizes(mask, strength).to(motion_text)
        known = self.act(self.linear_in(torch.cat([motion_text, sizes], dim=1)))
        known = self.act(self.linear_middle(known))
        whole = self.linear_out(known).unflatten(1, (2, SHAPES, MODES)) @ courses.T
        position = torch.cat([shapes, mask.unsqueeze(1)], dim=1).to(motion_text)
        if grid is None:
            own = position.new_empty(len(mask), 2 * MODES, *mask.shape[1:])
            for row in range(GRIDS):
                for column in range(GRIDS):
                    part = self._of_positions(on_grid(position, (row, column)), known)
                    on_grid(own, (row, column))[:] = part
        else:
            own, shapes = self._of_positions(on_grid(position, grid), known), on_grid(shapes, grid)
        own = rearrange(own, "b (two m) h w -> b two h w m", two=2) @ courses.T
        ways = torch.einsum("bdkf,bkhw->bdfhw", whole.float(), shapes)
        reach = (strength * ((num_frames - 1) / STRENGTH_SIDE)).reshape(-1, 1, 1, 1, 1)
        return ways * reach, rearrange(own.float(), "b two h w f -> b two f h w") * reach

    def _of_positions(self, position: Tensor, known: Tensor) -> Tensor:
        """How much of each course every position takes, beside what all of them do: (B, 2 M, H, W)."""
        position = self.act(self.conv_in(position))
        for conv, told in zip(self.convs, self.scales_and_shifts, strict=True):
            scale, shift = rearrange(told(known), "b (two c) -> two b c 1 1", two=2)
            position = self.act(conv(position) * (1 + scale) + shift)
        return cast(Tensor, self.conv_out(position))


class DisplacementHead(nn.Module):
    """What `DisplacementField` says, and a correction out of the network's last features, which starts at zero.

    At positions a quarter as large as the latents': at the latents' own, true ripples lose nine tenths of their way, at half of
    that size three fifths, at a quarter a fourth (means over the cells of objects in windows of 8 x 8 positions).

    Args:
        text_channels: D.
        last_channels: C of the last features.
    """

    def __init__(self, text_channels: int, last_channels: int) -> None:
        super().__init__()
        self.field = DisplacementField(text_channels)
        self.correction = nn.Conv2d(last_channels, 2, 3, padding=1)
        for parameter in self.correction.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self,
        last: Tensor,
        mask: Tensor,
        motion_text: Tensor | None,
        motion_strength: Tensor | None,
    ) -> Tensor:
        """Displacements (B, 2, F, 4 H, 4 W), (x, y) in shares of the window's sides.

        Args:
            last: (B F, C, H, W) before the last convolution, normalised and activated.
            mask: (B, H, W), 0 ... 1.
            motion_text: motion prompt embeddings (B, N, D), or (B F, N, D), whose mean counts; None: nothing is asked for.
            motion_strength: (B,) px per frame at a window of 256; None: 1.
        """
        batch = len(mask)
        frames = len(last) // batch
        if motion_text is None:
            motion_text = last.new_zeros(batch, 1, int(self.field.config.text_channels))
        if motion_strength is None:
            motion_strength = last.new_ones(batch)
        words = reduce(motion_text, "(b f) n d -> b d", "mean", b=batch)
        stated = self.field(words, finer(mask), motion_strength, frames)
        corrected = F.interpolate(
            self.correction(last).float(), scale_factor=FINER, mode="bilinear"
        )
        corrected = rearrange(corrected, "(b f) c h w -> b c f h w", b=batch)
        reach = motion_strength.float() * ((frames - 1) / STRENGTH_SIDE)
        later = (torch.arange(frames, device=last.device) > 0).to(reach)
        corrected = corrected * reach.reshape(-1, 1, 1, 1, 1) * later.reshape(-1, 1, 1)
        return cast(Tensor, stated + corrected)


def decided(
    displacement: Tensor,
    mask: Tensor,
    motion_strength: Tensor,
    generator: torch.Generator | list[torch.Generator] | None,
) -> Tensor:
    """What a head states, as strong as asked (`at_strength`); with a generator one of the ways to move so (`varied`)."""
    displacement = at_strength(displacement, mask, motion_strength)
    if generator is None:
        return displacement
    return varied(
        displacement, mask, randn_tensor((len(mask), 2), generator=generator, device=mask.device)
    )


def at_strength(displacement: Tensor, mask: Tensor, motion_strength: Tensor) -> Tensor:
    """A displacement made as strong as it was asked to be: the region's mean motion becomes the strength.

    What a network states falls short where it is not sure of the words. A factor of two is the most that is mended, less
    where the region would be drawn out into a smear (a small head cannot turn by much), and what moves by less than a
    quarter of the strength is left as it is: the words may ask for stillness.

    Args:
        displacement: (B, 2, F, H, W), in shares of the window's sides.
        mask: (B, h, w), the region at frame 0, 0 ... 1.
        motion_strength: (B,) px per frame at a window of 256.
    """
    covered = carry(_region_of(displacement, mask), displacement)[:, 0]
    way = torch.linalg.vector_norm(displacement.float().diff(dim=2), dim=1)
    seen = covered[:, :-1]
    speeds = (way * seen).sum((2, 3)) / seen.sum((2, 3)).clamp(min=1e-3)
    speed = STRENGTH_SIDE * speeds.mean(dim=1)
    asked = motion_strength.to(speed)
    factor = (asked / speed.clamp(min=1e-6)).clamp(min=1 / MOST_MENDED)
    factor = factor.minimum(_most_scaled(displacement.float(), covered))
    factor = torch.where(speed < LEAST_SHARE * asked, torch.ones_like(factor), factor)
    return displacement * factor.to(displacement).reshape(-1, 1, 1, 1, 1)


def _most_scaled(displacement: Tensor, covered: Tensor) -> Tensor:
    """By what factor, 1 to `MOST_MENDED`, displacements (B, 2, F, H, W) may grow where they cover (B, F, H, W): (B,).

    Where a frame draws the region out, its longest stretch over its shortest may reach `MOST_STRETCHED`; turning, growing
    and shearing draw nothing out. (The ratio is (Q + R) / (Q - R) of the map's conformal and anticonformal parts.)
    """
    rows, columns = displacement.shape[-2:]
    down, across = torch.gradient(displacement, dim=(3, 4))
    (xx, yx), (xy, yy) = (across * columns).unbind(dim=1), (down * rows).unbind(dim=1)
    limit = (MOST_STRETCHED - 1) / (MOST_STRETCHED + 1)
    most = torch.ones_like(displacement[:, 0, 0, 0, 0])
    allowed = torch.ones_like(most, dtype=torch.bool)
    for factor in torch.linspace(1, MOST_MENDED, SCALES_TRIED)[1:].tolist():
        a, d = 1 + factor * xx, 1 + factor * yy
        conformal = torch.hypot(a + d, factor * (yx - xy))
        other = torch.hypot(a - d, factor * (yx + xy))
        drawn_out = (a * d - factor * factor * xy * yx < 1) & (other > limit * conformal)
        allowed &= ~(drawn_out & (covered > 0.5)).flatten(1).any(dim=1)
        most = torch.where(allowed, torch.full_like(most, factor), most)
    return most


def varied(displacement: Tensor, mask: Tensor, draws: Tensor) -> Tensor:
    """Another way to move as was asked: earlier or later on its way, and on a path that is a little turned.

    Words, strength and region decide on one motion, so the seeds of clips would have nothing to change without it.

    Args:
        displacement: (B, 2, F, H, W), in shares of the window's sides.
        mask: (B, h, w), the region at frame 0, 0 ... 1.
        draws: (B, 2), standard normal; zeros change nothing.
    """
    pace, turn = (draws.float().clamp(-2, 2) * draws.new_tensor(SPREADS).float()).unbind(dim=1)
    frames = displacement.shape[2]
    last = max(frames - 1, 1)
    time = torch.arange(frames, device=displacement.device) / last
    at = time[None, :] ** pace.exp()[:, None] * last
    before = at.floor().long().clamp(max=max(frames - 2, 0))
    share = (at - before).reshape(-1, 1, frames, 1, 1).to(displacement)

    def frame(index: Tensor) -> Tensor:
        where = index.reshape(-1, 1, frames, 1, 1).expand_as(displacement)
        return displacement.gather(2, where)

    paced = frame(before).lerp(frame((before + 1).clamp(max=frames - 1)), share)
    region = _region_of(displacement, mask).unsqueeze(2)
    area = region.sum((3, 4), keepdim=True).clamp(min=1e-3)
    way = (paced.float() * region).sum((3, 4), keepdim=True) / area
    cosine, sine = turn.cos().reshape(-1, 1, 1, 1), turn.sin().reshape(-1, 1, 1, 1)
    x, y = way.unbind(dim=1)
    turned = torch.stack([cosine * x - sine * y, sine * x + cosine * y], dim=1)
    return paced + (turned - way).to(paced)


def _region_of(displacement: Tensor, mask: Tensor) -> Tensor:
    """A region (B, h, w) at a displacement's positions: (B, 1, H, W)."""
    size = (displacement.shape[-2], displacement.shape[-1])
    return F.interpolate(mask.float().unsqueeze(1), size=size, mode="bilinear")


def finer(mask: Tensor) -> Tensor:
    """A region (B, H, W) of latent positions at the head's own: (B, 4 H, 4 W)."""
    return F.interpolate(mask.float().unsqueeze(1), scale_factor=FINER, mode="bilinear")[:, 0]


def on_grid(values: Tensor, grid: tuple[int, int]) -> Tensor:
    """Every `GRIDS`th position of (..., H, W), from a row and a column on: a view (..., H / GRIDS, W / GRIDS)."""
    row, column = grid
    return values[..., row::GRIDS, column::GRIDS]


def mode_courses(num_frames: int) -> Tensor:
    """Courses in time that start at 0: t, t t, and sin and 1 - cos of 1 to 8 cycles over the clip: (F, M)."""
    time = torch.arange(num_frames) / max(num_frames - 1, 1)
    angle = 2 * math.pi * time[:, None] * torch.arange(1, CYCLES + 1)
    return torch.cat([time[:, None], time[:, None].square(), angle.sin(), 1 - angle.cos()], dim=1)


def region_shapes(mask: Tensor) -> Tensor:
    """1, u, v, u u, u v, v v at every position: (B, H, W) -> (B, 6, H, W).

    (u, v) is 0 at the centre of the region, and 1 at the edge of a box of its spread; 2 at most, so that far
    positions do not outweigh it.
    """
    height, width = mask.shape[-2:]
    centre_x, centre_y, spread_x, spread_y = _moments(mask)

    def relative(length: int, centre: Tensor, spread: Tensor) -> Tensor:
        axis = torch.arange(length, device=mask.device, dtype=mask.dtype)
        return ((axis - centre[:, None]) / (math.sqrt(3) * spread[:, None])).clamp(-2, 2)

    u = relative(width, centre_x, spread_x)[:, None, :].expand_as(mask)
    v = relative(height, centre_y, spread_y)[:, :, None].expand_as(mask)
    return torch.stack([torch.ones_like(u), u, v, u * u, u * v, v * v], dim=1)


def region_sizes(mask: Tensor, motion_strength: Tensor) -> Tensor:
    """(B, H, W), (B,) -> (B, 6): logarithms of strength, spread in x and y, and area; strength over either spread."""
    height, width = mask.shape[-2:]
    *_, spread_x, spread_y = _moments(mask)
    area = reduce(mask, "b h w -> b", "mean").clamp(min=1e-3)
    spreads = torch.stack([spread_x / width, spread_y / height], dim=1)
    pace = (motion_strength[:, None] / STRENGTH_SIDE / spreads).clamp(max=0.3)
    logarithms = torch.stack([motion_strength + 0.1, *spreads.unbind(1), area], dim=1).log()
    return torch.cat([logarithms, 10 * pace], dim=1)


def _moments(mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centre and spread of a region in positions: x, y, and standard deviations, (B,) each."""
    total = reduce(mask, "b h w -> b", "sum").clamp(min=1e-3)

    def along(share: Tensor) -> tuple[Tensor, Tensor]:
        axis = torch.arange(share.shape[1], device=mask.device, dtype=mask.dtype)
        centre = (share * axis).sum(dim=1) / total
        spread = (share * (axis - centre[:, None]).square()).sum(dim=1) / total + 1 / 12
        return centre, spread.sqrt()

    (x, spread_x), (y, spread_y) = along(mask.sum(dim=1)), along(mask.sum(dim=2))
    return x, y, spread_x, spread_y
