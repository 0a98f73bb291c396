"""What a clip consists of, drawn before anything is rendered, and the textures it is made of.

Axes: B clips, C channels, H W rows and columns, S the clip's side in pixels.
Photos and cut-outs become textures with two samples a pixel, low-passed at the pixel: bilinear
look-ups into them are then close to cubic ones, and a moving object neither shimmers nor aliases.
"""

import random as random_module
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from einops import reduce
from torch import Tensor

from follow_your_click.data.photos import Picture, PictureLibrary
from follow_your_click.data.resampling import resample_windows

SPRITE_SPAN = 0.75
"""Side of a cut-out's texture in window units: the largest cut-out (0.7) and a margin."""
OVERSAMPLING = 2
_DISTRACTOR_SHARE = 0.4
_OBJECT_SCALES = (0.2, 0.7)
_DISTRACTOR_SCALES = (0.15, 0.45)
_BYTE = 255.0

RegionShape = Literal["ellipse", "blob", "box"]


@dataclass(frozen=True)
class Sprite:
    """A cut-out in the scene: which one, its longest side (window units), mirrored, tint, place.

    place: centre (x, y) in window units for a distractor; for the mover, where in the range that
    its motion allows, 0 ... 1.
    """

    index: int
    scale: float
    mirrored: bool
    tint: tuple[float, float, float]
    place: tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """One clip before rendering.

    crop: the photo's window as (side as a share of the short side, left 0 ... 1, top 0 ... 1).
    shape_seed, shape_centre, shape_half: the region of an in-place clip, window units.
    """

    motion: str
    kind: Literal["layers", "in_place"]
    strength: float
    noun: str | None
    photo: int
    crop: tuple[float, float, float]
    mirrored: bool
    tint: tuple[float, float, float]
    mover: Sprite
    distractors: tuple[Sprite, ...]
    shape: RegionShape
    shape_seed: int
    shape_centre: tuple[float, float]
    shape_half: tuple[float, float]


def draw_scene(
    images: PictureLibrary,
    motion: str,
    *,
    kind: Literal["layers", "in_place"],
    strength: float,
    random: random_module.Random,
) -> Scene:
    """Draw everything about a clip but its motion; the same draws whatever the kind."""
    mover = _draw_sprite(images, _OBJECT_SCALES, random)
    count = random.choice((1, 2)) if random.random() < _DISTRACTOR_SHARE else 0
    distractors = tuple(_draw_sprite(images, _DISTRACTOR_SCALES, random) for _ in range(count))
    half = (random.uniform(0.18, 0.42), random.uniform(0.18, 0.42))
    centre = tuple(random.uniform(max(0.25, h), min(0.75, 1.0 - h)) for h in half)
    shapes: tuple[RegionShape, ...] = ("ellipse", "blob", "box")
    return Scene(
        motion=motion,
        kind=kind,
        strength=strength,
        noun=images.cutouts[mover.index].noun if kind == "layers" else None,
        photo=random.randrange(len(images.photos)),
        crop=(random.uniform(0.6, 1.0), random.random(), random.random()),
        mirrored=random.random() < 0.5,
        tint=_draw_tint(random),
        mover=mover,
        distractors=distractors if kind == "layers" else (),
        shape=random.choice(shapes),
        shape_seed=random.getrandbits(48),
        shape_centre=(centre[0], centre[1]),
        shape_half=half,
    )


def _draw_sprite(
    images: PictureLibrary, scales: tuple[float, float], random: random_module.Random
) -> Sprite:
    return Sprite(
        index=random.randrange(len(images.cutouts)),
        scale=random.uniform(*scales),
        mirrored=random.random() < 0.5,
        tint=_draw_tint(random),
        place=(random.random(), random.random()),
    )


def _draw_tint(random: random_module.Random) -> tuple[float, float, float]:
    light = random.gauss(1.0, 0.1)
    red, green, blue = (min(1.3, max(0.6, light * random.gauss(1.0, 0.04))) for _ in range(3))
    return red, green, blue


def half_sizes(images: PictureLibrary, sprites: Sequence[Sprite]) -> Tensor:
    """Half width and half height of cut-outs in window units: (B, 2) on the CPU."""
    rows = []
    for sprite in sprites:
        height, width = images.cutouts[sprite.index].pixels.shape[1:]
        unit = 0.5 * sprite.scale / max(height, width)
        rows.append((width * unit, height * unit))
    return torch.tensor(rows)


def _stacked(pictures: Sequence[Picture], device: torch.device) -> tuple[Tensor, Tensor]:
    """Pictures padded to one size, float 0 ... 1, and their true (width, height)."""
    pixels = [picture.pixels for picture in pictures]
    height, width = (max(p.shape[axis] for p in pixels) for axis in (1, 2))
    canvas = pixels[0].new_zeros(len(pixels), pixels[0].shape[0], height, width)
    for row, picture in zip(canvas, pixels, strict=True):
        row[:, : picture.shape[1], : picture.shape[2]] = picture
    sizes = torch.tensor([(p.shape[2], p.shape[1]) for p in pixels], dtype=torch.float32)
    return canvas.to(device).to(torch.float32) / _BYTE, sizes.to(device)


def photo_textures(
    images: PictureLibrary, scenes: Sequence[Scene], *, size: int, device: torch.device
) -> Tensor:
    """Each scene's photo window with two samples a pixel: (B, 3, 2 S, 2 S), float 0 ... 1."""
    pictures, sizes = _stacked([images.photos[scene.photo] for scene in scenes], device)
    crops = torch.tensor([scene.crop for scene in scenes], device=device)
    side = crops[:, 0] * sizes.amin(dim=1)
    windows = resample_windows(
        pictures,
        start=crops[:, 1:] * (sizes - side[:, None]),
        extent=side,
        sizes=sizes,
        smoothing=side / size,
        flip=torch.tensor([scene.mirrored for scene in scenes], device=device),
        output=OVERSAMPLING * size,
        outside=False,
    )
    tint = torch.tensor([scene.tint for scene in scenes], device=device)
    return (windows * tint[:, :, None, None]).clamp_(0.0, 1.0)


def sprite_textures(
    images: PictureLibrary, sprites: Sequence[Sprite], *, size: int, device: torch.device
) -> Tensor:
    """Cut-outs with premultiplied alpha, centred: (B, 4, T, T) over `SPRITE_SPAN` of the window."""
    pictures, sizes = _stacked([images.cutouts[sprite.index] for sprite in sprites], device)
    pictures[:, :3] *= pictures[:, 3:]
    scale = torch.tensor([sprite.scale for sprite in sprites], device=device)
    # Source pixels in one side of the window.
    side = sizes.amax(dim=1) / scale
    textures = resample_windows(
        pictures,
        start=(sizes - (SPRITE_SPAN * side)[:, None]) / 2.0,
        extent=SPRITE_SPAN * side,
        sizes=sizes,
        smoothing=side / size,
        flip=torch.tensor([sprite.mirrored for sprite in sprites], device=device),
        output=round(OVERSAMPLING * SPRITE_SPAN * size),
        outside=True,
    ).clamp_(0.0, 1.0)
    tint = torch.tensor([sprite.tint for sprite in sprites], device=device)
    colour = (textures[:, :3] * tint[:, :, None, None]).minimum(textures[:, 3:])
    return torch.cat([colour, textures[:, 3:]], dim=1)


def pixels_of(texture: Tensor) -> Tensor:
    """A texture at two samples a pixel -> the clip's own pixels, as a bilinear look-up at rest."""
    return reduce(texture, "b c (h y) (w x) -> b c h w", "mean", y=OVERSAMPLING, x=OVERSAMPLING)
