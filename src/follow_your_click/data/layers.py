"""Clips in which a cut-out moves over a photo, with true occlusion.

Axes: B clips, F frames, C channels, H W rows and columns, N particles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

from follow_your_click.data.motions import (
    Particles,
    Track,
    moved_points,
    pose_matrices,
    solve_track,
)
from follow_your_click.data.photos import PictureLibrary
from follow_your_click.data.scene import (
    SPRITE_SPAN,
    Scene,
    Sprite,
    half_sizes,
    pixels_of,
    sprite_textures,
)
from follow_your_click.data.warps import WarpForm, warp_forward, warp_inverse

_PARTICLES_PER_SIDE = 16
_EDGE_ROOM = 0.6
"""How much of the mover's half size stays inside the window, first to last frame."""


@dataclass(frozen=True)
class Rendered:
    """frames (B, F, 3, H, W) in [0, 1], coverage (B, F, 1, H, W), flow (B, F - 1, 2, H, W) in px.

    displacement (B, F, 2, H, W): from each pixel of frame i to where it came from in frame 0, window units.
    """

    frames: Tensor
    coverage: Tensor
    flow: Tensor
    displacement: Tensor


@dataclass(frozen=True)
class _Placed:
    """Tracks with the boxes they move: centre and half (B, 2) in window units, on the CPU."""

    tracks: list[Track]
    centre: Tensor
    half: Tensor


def render(
    images: PictureLibrary,
    scenes: Sequence[Scene],
    background: Tensor,
    *,
    size: int,
    num_frames: int,
) -> Rendered:
    """Render layer clips over `background` (B, 3, 2 S, 2 S)."""
    device = background.device
    movers = [scene.mover for scene in scenes]
    textures = sprite_textures(images, movers, size=size, device=device)
    placed = _place(images, scenes, textures, num_frames=num_frames)
    backdrop = _with_distractors(images, scenes, pixels_of(background), size=size)
    rest, moved_by = _maps(placed, size=size, device=device)
    looked_up = rest * (2.0 / SPRITE_SPAN)
    layer = functional.grid_sample(
        textures,
        rearrange(looked_up, "b f h w c -> b (f h) w c"),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )
    layer = rearrange(layer, "b c (f h) w -> b f c h w", f=num_frames)
    coverage = layer[:, :, 3:]
    frames = torch.addcmul(layer[:, :, :3], backdrop[:, None], 1.0 - coverage)
    inside = coverage[:, :-1] > 0.5
    axis = _pixel_centres(size, device)
    pixels = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    origin = rest + placed.centre.to(device)[:, None, None, None] - pixels
    return Rendered(
        frames=frames,
        coverage=coverage,
        flow=moved_by * inside * size,
        displacement=rearrange(origin, "b f h w c -> b f c h w"),
    )


def _with_distractors(
    images: PictureLibrary, scenes: Sequence[Scene], backdrop: Tensor, *, size: int
) -> Tensor:
    owners = [index for index, scene in enumerate(scenes) for _ in scene.distractors]
    if not owners:
        return backdrop
    sprites = [sprite for scene in scenes for sprite in scene.distractors]
    textures = sprite_textures(images, sprites, size=size, device=backdrop.device)
    places = torch.tensor([sprite.place for sprite in sprites], device=backdrop.device)
    axis = _pixel_centres(size, backdrop.device)
    x = (axis[None, None, :] - places[:, 0, None, None]).expand(-1, size, -1)
    y = (axis[None, :, None] - places[:, 1, None, None]).expand(-1, -1, size)
    grid = torch.stack([x, y], dim=-1) * (2.0 / SPRITE_SPAN)
    drawn = functional.grid_sample(textures, grid, align_corners=False)
    backdrop = backdrop.clone()
    for index, layer in zip(owners, drawn, strict=True):
        backdrop[index] = layer[:3] + backdrop[index] * (1.0 - layer[3:])
    return backdrop


def _place(
    images: PictureLibrary, scenes: Sequence[Scene], textures: Tensor, *, num_frames: int
) -> _Placed:
    """Solve each motion for its strength, then put the object where it stays in the window."""
    movers: list[Sprite] = [scene.mover for scene in scenes]
    half = half_sizes(images, movers)
    weights = _particle_weights(textures, half)
    points = _particle_points()
    tracks, centres = [], []
    for scene, box, weight in zip(scenes, half, weights, strict=True):
        particles = Particles(points, weight, torch.ones_like(weight))
        track = solve_track(
            scene.motion, scene.strength, particles=particles, half=box, num_frames=num_frames
        )
        path = moved_points(track, torch.zeros(1, 2), half=box)[:, 0]
        low = _EDGE_ROOM * box - path.amin(dim=0)
        high = 1.0 - _EDGE_ROOM * box - path.amax(dim=0)
        middle = (low + high) / 2.0
        room = (high - low).clamp(min=0.0)
        centres.append(middle + room * (torch.tensor(scene.mover.place) - 0.5))
        tracks.append(track)
    return _Placed(tracks, torch.stack(centres), half)


def _particle_points() -> Tensor:
    axis = (torch.arange(_PARTICLES_PER_SIDE) + 0.5) / _PARTICLES_PER_SIDE * 2.0 - 1.0
    return torch.cartesian_prod(axis, axis).flip(-1)


def _particle_weights(textures: Tensor, half: Tensor) -> Tensor:
    """Alpha at the particles: (B, N) on the CPU."""
    grid = _particle_points()[None] * half[:, None, :] * (2.0 / SPRITE_SPAN)
    alpha = functional.grid_sample(
        textures[:, 3:], grid[:, None].to(textures.device), align_corners=False
    )
    return alpha[:, 0, 0].cpu()


def _pixel_centres(size: int, device: torch.device) -> Tensor:
    return (torch.arange(size, device=device, dtype=torch.float32) + 0.5) / size


def _maps(placed: _Placed, *, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """For each pixel, the point at rest that it shows, and where that goes next.

    Returns:
        rest (B, F, H, W, 2): offset from the box's centre at rest, window units.
        moved_by (B, F - 1, 2, H, W): displacement to the next frame, window units.
    """
    count, frames = len(placed.tracks), len(placed.tracks[0].angle)
    rest = torch.empty(count, frames, size, size, 2, device=device)
    moved_by = torch.empty(count, frames - 1, 2, size, size, device=device)
    forms = [track.form for track in placed.tracks]
    for form in dict.fromkeys(forms):
        chosen = [index for index, other in enumerate(forms) if other == form]
        group = _Placed(
            [placed.tracks[index] for index in chosen], placed.centre[chosen], placed.half[chosen]
        )
        maps = _affine_maps if form == "none" else _warp_maps
        rest[chosen], moved_by[chosen] = maps(group, form, size=size, device=device)
    return rest, moved_by


def _affine_field(matrix: Tensor, offset: Tensor, *, size: int) -> tuple[Tensor, Tensor]:
    """x and y of A p + b at all pixel centres p: two (B, F, H, W)."""
    axis = _pixel_centres(size, matrix.device)
    terms = matrix[..., None] * axis
    across = terms[:, :, :, 0, None, :]
    down = (terms[:, :, :, 1] + offset[..., None])[..., None]
    field = across + down
    return field[:, :, 0], field[:, :, 1]


def _affine_maps(
    group: _Placed, form: WarpForm, *, size: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    del form
    poses = [
        pose_matrices(track, centre=centre, half=half)
        for track, centre, half in zip(group.tracks, group.centre, group.half, strict=True)
    ]
    matrix = torch.stack([pose[0] for pose in poses])
    offset = torch.stack([pose[1] for pose in poses])
    inverse = torch.linalg.inv(matrix)
    back = -(inverse @ offset[..., None])[..., 0]
    rest_x, rest_y = _affine_field(
        inverse.to(device), (back - group.centre[:, None]).to(device), size=size
    )
    step = matrix[:, 1:] @ inverse[:, :-1]
    shift = offset[:, 1:] - (step @ offset[:, :-1, :, None])[..., 0]
    moved_x, moved_y = _affine_field((step - torch.eye(2)).to(device), shift.to(device), size=size)
    return torch.stack([rest_x, rest_y], dim=-1), torch.stack([moved_x, moved_y], dim=2)


def _warp_maps(
    group: _Placed, form: WarpForm, *, size: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    axis = _pixel_centres(size, device)
    half = group.half.to(device)[:, :, None, None, None]
    shift = torch.stack([_curves(group, "shift_x"), _curves(group, "shift_y")], dim=1)
    centre = (group.centre[:, :, None] + shift).to(device)[..., None, None]
    bend, phase = (_curves(group, name).to(device)[..., None, None] for name in ("bend", "phase"))
    u = (axis - centre[:, 0]) / half[:, 0]
    v = (axis[:, None] - centre[:, 1]) / half[:, 1]
    shape = (len(bend), bend.shape[1], size, size)
    inverse = warp_inverse(form, u, v, bend=bend, phase=phase)
    rest_u, rest_v = (side.expand(shape) for side in inverse)
    ahead_u, ahead_v = warp_forward(
        form, rest_u[:, :-1], rest_v[:, :-1], bend=bend[:, 1:], phase=phase[:, 1:]
    )
    carried = centre[:, :, 1:] - centre[:, :, :-1]
    moved_by = torch.stack(
        [
            (ahead_u - u[:, :-1]) * half[:, 0] + carried[:, 0],
            (ahead_v - v[:, :-1]) * half[:, 1] + carried[:, 1],
        ],
        dim=2,
    )
    return torch.stack([rest_u * half[:, 0], rest_v * half[:, 1]], dim=-1), moved_by


def _curves(group: _Placed, name: str) -> Tensor:
    """One curve of every track: (B, F)."""
    return torch.stack([getattr(track, name) for track in group.tracks])
