"""Clips in which a region of a real photo is deformed where it stands, and marked regions.

Axes: B clips, F frames, C channels, H W rows and columns, N particles.
"""

import random as random_module
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

from follow_your_click.data.layers import Rendered
from follow_your_click.data.motion_prompts import family
from follow_your_click.data.motions import (
    Particles,
    Track,
    motion_track,
    moved_points,
    solve_amplitude,
)
from follow_your_click.data.photos import PictureLibrary
from follow_your_click.data.scene import Scene, pixels_of

_MAX_STRAIN = 0.65
"""Largest change of displacement per unit length: below 1 the map is one-to-one (tuned by eye)."""
_FADE = 0.45
_WIDE_FADE = 0.9
_MONOTONE = frozenset({"translate", "drift", "rotate", "grow", "shrink", "turn"})
"""Motions that go one way all the time: a wider fade lets them go further before they fold."""
_EDGE_SOFTNESS = 0.06
_INVERSE_STEPS = 6
_NOISE_CELLS = 6
_REDRAWN_SHARE = 0.5
_BOX_SHARE = 0.1
_LEAST_AGREEMENT = 0.6
"""IoU with the object, below which a redrawn mask is taken back: nobody marks a third of a small or thin object."""


@dataclass(frozen=True)
class _Region:
    """One region: fade (H, W) 0 at its edge to 1 inside, coverage (H, W), its box, its track."""

    fade: Tensor
    coverage: Tensor
    centre: Tensor
    half: Tensor
    track: Track


def render(
    images: PictureLibrary,
    scenes: Sequence[Scene],
    background: Tensor,
    *,
    size: int,
    num_frames: int,
    fading: bool = True,
) -> Rendered:
    """Render in-place clips from photo textures `background` (B, 3, 2 S, 2 S).

    Motions fade towards the region's edge, so that nothing tears there; without `fading` they are the same all over it.
    """
    del images
    found = [_region(scene, size=size, num_frames=num_frames, fading=fading) for scene in scenes]
    flowing = [family(scene.motion) == "flow" for scene in scenes]
    frames = background.new_empty(len(scenes), num_frames, 3, size, size)
    coverage = background.new_empty(len(scenes), num_frames, 1, size, size)
    flow = background.new_empty(len(scenes), num_frames - 1, 2, size, size)
    displacement = background.new_empty(len(scenes), num_frames, 2, size, size)
    for flows, make in ((True, _advected), (False, _deformed)):
        chosen = [index for index, flag in enumerate(flowing) if flag == flows]
        if chosen:
            part = make([found[index] for index in chosen], background[chosen], size=size)
            frames[chosen], coverage[chosen] = part.frames, part.coverage
            flow[chosen], displacement[chosen] = part.flow, part.displacement
    return Rendered(frames=frames, coverage=coverage, flow=flow, displacement=displacement)


def _grid(size: int) -> Tensor:
    """Pixel centres (H, W, 2) in window units."""
    axis = (torch.arange(size, dtype=torch.float32) + 0.5) / size
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], dim=-1)


def _smoothstep(x: Tensor) -> Tensor:
    x = x.clamp(0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _level(scene: Scene, grid: Tensor) -> Tensor:
    """A function that is above 0 inside the region, 1 at its middle: (H, W)."""
    q = (grid - torch.tensor(scene.shape_centre)) / torch.tensor(scene.shape_half)
    if scene.shape == "box":
        return torch.rsub(torch.linalg.vector_norm(q, ord=6, dim=-1), 1.0)
    level = torch.rsub(torch.linalg.vector_norm(q, dim=-1), 1.0)
    if scene.shape == "ellipse":
        return level
    generator = torch.Generator().manual_seed(scene.shape_seed)
    cells = torch.randn(1, 1, _NOISE_CELLS, _NOISE_CELLS, generator=generator)
    noise = functional.interpolate(cells, size=grid.shape[:2], mode="bicubic", align_corners=False)
    # The noise dies off away from the middle, so that the blob stays in one piece, in its box.
    bump: Tensor = noise[0, 0] * torch.exp(-q.square().sum(dim=-1))
    return level + 0.3 * bump


def _region(scene: Scene, *, size: int, num_frames: int, fading: bool) -> _Region:
    grid = _grid(size)
    level = _level(scene, grid)
    fade = _smoothstep(level / (_WIDE_FADE if family(scene.motion) in _MONOTONE else _FADE))
    coverage = _smoothstep(level / _EDGE_SOFTNESS)
    inside = grid[coverage > 0.5]
    low, high = inside.amin(dim=0), inside.amax(dim=0)
    centre, half = (low + high) / 2.0, (high - low) / 2.0 + 0.5 / size
    if family(scene.motion) == "flow" or not fading:
        fade = torch.ones_like(fade)
    # Every fourth pixel is enough to know the mean motion and the strain.
    points = ((grid - centre) / half)[::4, ::4]
    particles = Particles(
        points=points.reshape(-1, 2),
        weights=(coverage[::4, ::4] > 0.5).to(torch.float32).reshape(-1),
        fade=fade[::4, ::4].reshape(-1),
    )
    limit = None
    for _ in range(3):
        amplitude = solve_amplitude(
            scene.motion,
            scene.strength,
            particles=particles,
            half=half,
            num_frames=num_frames,
            limit=limit,
        )
        track = motion_track(scene.motion, amplitude, num_frames=num_frames)
        strain = _strain(track, particles, half, side=points.shape[0], step=4.0 / size)
        if strain <= _MAX_STRAIN or family(scene.motion) == "flow":
            break
        limit = amplitude * _MAX_STRAIN / strain
    return _Region(fade=fade, coverage=coverage, centre=centre, half=half, track=track)


def _strain(track: Track, particles: Particles, half: Tensor, *, side: int, step: float) -> float:
    moved = moved_points(track, particles.points, half=half) - particles.points * half
    shift = rearrange(moved * particles.fade[:, None], "f (h w) c -> f h w c", h=side)
    down, across = shift[:, 1:] - shift[:, :-1], shift[:, :, 1:] - shift[:, :, :-1]
    steepest = (torch.hypot(d[..., 0], d[..., 1]).amax() for d in (down, across))
    return max(float(value) for value in steepest) / step


def _displacements(found: Sequence[_Region], *, size: int, device: torch.device) -> Tensor:
    """What each point at rest has moved by, window units: (B, F, H, W, 2)."""
    grid = _grid(size).to(device)
    fields = []
    for region in found:
        half = region.half.to(device)
        points = rearrange((grid - region.centre.to(device)) / half, "h w c -> (h w) c")
        moved = moved_points(region.track.to(device), points, half=half) - points * half
        shift = rearrange(moved, "f (h w) c -> f h w c", h=size)
        fields.append(shift * region.fade.to(device)[..., None])
    return torch.stack(fields)


def _look_up(field: Tensor, at: Tensor) -> Tensor:
    """Bilinear look-up in window units: (B, F, H, W, 2) fields at (B, F, H, W, 2) positions."""
    frames = field.shape[1]
    values = functional.grid_sample(
        rearrange(field, "b f h w c -> (b f) c h w"),
        rearrange(at * 2.0 - 1.0, "b f h w c -> (b f) h w c"),
        padding_mode="border",
        align_corners=False,
    )
    return rearrange(values, "(b f) c h w -> b f h w c", f=frames)


def _sampled(texture: Tensor, at: Tensor) -> Tensor:
    """Texture (B, C, h, w) at positions (B, F, H, W, 2) -> (B, F, C, H, W)."""
    values = functional.grid_sample(
        texture,
        rearrange(at * 2.0 - 1.0, "b f h w c -> b (f h) w c"),
        padding_mode="reflection",
        align_corners=False,
    )
    return rearrange(values, "b c (f h) w -> b f c h w", f=at.shape[1])


def _deformed(found: Sequence[_Region], texture: Tensor, *, size: int) -> Rendered:
    device = texture.device
    shift = _displacements(found, size=size, device=device)
    pixels = _grid(size).to(device).expand_as(shift)
    rest = pixels - shift
    for _ in range(_INVERSE_STEPS):
        rest = pixels - _look_up(shift, rest)
    ahead = rest[:, :-1] + _look_up(shift[:, 1:], rest[:, :-1])
    flow = rearrange(ahead - pixels[:, :-1], "b f h w c -> b f c h w") * size
    area = torch.stack([region.coverage for region in found])[:, None].to(device)
    coverage = _sampled(area, rest)
    backdrop = pixels_of(texture)[:, None]
    frames = torch.where(coverage > 0.0, _sampled(texture, rest), backdrop)
    return Rendered(
        frames=frames,
        coverage=coverage,
        flow=flow * (coverage[:, :-1] > 0.5),
        displacement=rearrange(rest - pixels, "b f h w c -> b f c h w"),
    )


def _advected(found: Sequence[_Region], texture: Tensor, *, size: int) -> Rendered:
    """The region's texture moves on steadily and enters again, mirrored at the region's box."""
    device = texture.device
    pixels = _grid(size).to(device)
    shift = torch.stack(
        [torch.stack([region.track.shift_x, region.track.shift_y], dim=-1) for region in found]
    ).to(device)
    centre = torch.stack([region.centre for region in found]).to(device)[:, None, None, None]
    half = torch.stack([region.half for region in found]).to(device)[:, None, None, None]
    at = (pixels - shift[:, :, None, None] - centre) / half
    folded = 1.0 - (torch.remainder(at + 1.0, 4.0) - 2.0).abs()
    origin = centre + folded * half
    moved = _sampled(texture, origin)
    area = torch.stack([region.coverage for region in found]).to(device)[:, None, None]
    origin = torch.where(area[:, :, 0, ..., None] > 0.0, origin, pixels)
    backdrop = pixels_of(texture)[:, None]
    frames = backdrop + (moved - backdrop) * area
    coverage = area.expand(-1, shift.shape[1], -1, -1, -1)
    step = (shift[:, 1:] - shift[:, :-1])[..., None, None] * size
    return Rendered(
        frames=frames,
        coverage=coverage,
        flow=step * (coverage[:, :-1] > 0.5),
        displacement=rearrange(origin - pixels, "b f h w c -> b f c h w"),
    )


def marked_region(coverage: Tensor, random: random_module.Random) -> Tensor:
    """The region as a person would mark it: (B, 1, H, W) coverage -> (B, 1, H, W) in {0, 1}.

    Half of the masks are grown, eaten away or smoothed by a few pixels, as long as that is the same region still
    (`_LEAST_AGREEMENT`); a tenth become boxes.
    """
    masks = (coverage > 0.5).to(coverage.dtype)
    marked = [_remarked(mask[None], random)[0] for mask in masks]
    return torch.stack(marked)


def _remarked(mask: Tensor, random: random_module.Random) -> Tensor:
    draw, radius = random.random(), random.randint(1, max(1, round(3 * mask.shape[-1] / 128)))
    way = random.choice(("grow", "eat", "smooth"))
    window = 2 * radius + 1
    if draw < _BOX_SHARE:
        return _boxed(mask)
    if draw > _BOX_SHARE + _REDRAWN_SHARE:
        return mask
    if way == "grow":
        marked = functional.max_pool2d(mask, window, 1, radius)
    elif way == "smooth":
        marked = (functional.avg_pool2d(mask, window, 1, radius) > 0.5).to(mask.dtype)
    else:
        marked = 1.0 - functional.max_pool2d(1.0 - mask, window, 1, radius)
    agreement = (marked * mask).sum() / torch.maximum(marked, mask).sum().clamp(min=1.0)
    return torch.where(agreement >= _LEAST_AGREEMENT, marked, mask)


def _boxed(mask: Tensor) -> Tensor:
    rows, columns = mask[0, 0].amax(dim=1), mask[0, 0].amax(dim=0)
    down = rows.cummax(dim=0).values * rows.flip(0).cummax(dim=0).values.flip(0)
    across = columns.cummax(dim=0).values * columns.flip(0).cummax(dim=0).values.flip(0)
    return (down[:, None] * across[None, :])[None, None]
