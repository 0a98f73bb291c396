"""Photos and cut-out objects as uint8 tensors in memory.

Axes: C channels, H W rows and columns.
A picture is held out from training when the SHA-1 of its file name starts with "0", always and
everywhere, so that no run can train on what another one is measured on.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from follow_your_click.errors import ImageError

PictureSplit = Literal["train", "held_out", "all"]

PHOTO_SIDE = 288
"""Short side of a photo in memory, in pixels."""
PHOTO_LONG_SIDE = 432
CUTOUT_SIDE = 224
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_MIN_OPAQUE_PIXELS = 64
_ALPHA_HALF = 128
_NAME_PREFIXES = ("noto", "fluent3d", "caltech", "coco", "davis", "akc")
_FALLBACK_NOUN = "object"


@dataclass(frozen=True)
class Picture:
    """One image: pixels (C, H, W) uint8, RGB for a photo, RGBA cropped to its object for a cut-out."""

    name: str
    noun: str
    pixels: Tensor


@dataclass(frozen=True)
class PictureLibrary:
    """What clips are made of; `to` moves the pixels, so that batches are gathered on the device."""

    photos: tuple[Picture, ...]
    cutouts: tuple[Picture, ...]

    def to(self, device: torch.device | str) -> "PictureLibrary":
        """The same library with its pixels on `device`."""

        def moved(pictures: Sequence[Picture]) -> tuple[Picture, ...]:
            return tuple(Picture(p.name, p.noun, p.pixels.to(device)) for p in pictures)

        return PictureLibrary(moved(self.photos), moved(self.cutouts))


def is_held_out(name: str) -> bool:
    """Whether the file called `name` (with suffix, without folder) is kept out of training."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest().startswith("0")


def noun_of(name: str) -> str:
    """What a file shows, from its name: "noto-26fa-tent.webp" -> "tent"."""
    words = re.split(r"[-_\s]+", Path(name).stem.lower())
    if words and words[0] in _NAME_PREFIXES:
        coded = words[0] in ("noto", "fluent3d")
        words = words[2:] if coded else words[1:]
    words = [word for word in words if word.isalpha()]
    noun = " ".join(words[:4])
    return noun if len(noun) > 2 else _FALLBACK_NOUN


def load_library(
    root: Path | None,
    *,
    split: PictureSplit = "train",
    listing: Path | None = None,
) -> PictureLibrary:
    """Read `root`/photos and `root`/cutouts into memory.

    Args:
        root: a folder with the subfolders photos/ and cutouts/, or None for the pictures that
            scikit-image brings (few, but enough for a run on a fresh machine).
        split: "train" leaves the held-out files away, "held_out" reads only those.
        listing: a text file of paths relative to `root`, one a line; only those are read.

    Raises:
        ImageError: a folder that is missing or has no picture in this split.
    """
    if root is None:
        return bundled_library(split=split)
    allowed = None if listing is None else set(listing.read_text(encoding="utf-8").split())
    return PictureLibrary(
        photos=_load_folder(root, "photos", split, allowed, _read_photo),
        cutouts=_load_folder(root, "cutouts", split, allowed, _read_cutout),
    )


def _load_folder(
    root: Path,
    folder: str,
    split: PictureSplit,
    allowed: set[str] | None,
    read: Callable[[Path], Tensor | None],
) -> tuple[Picture, ...]:
    if not (root / folder).is_dir():
        raise ImageError(f"got no folder {root / folder}; expected pictures there: check the root")
    paths = sorted(p for p in (root / folder).iterdir() if p.suffix.lower() in _SUFFIXES)
    if allowed is not None:
        paths = [path for path in paths if f"{folder}/{path.name}" in allowed]
    paths = [path for path in paths if _in_split(path.name, split)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        pixels = list(pool.map(read, paths))
    pictures = tuple(
        Picture(path.name, noun_of(path.name), tensor)
        for path, tensor in zip(paths, pixels, strict=True)
        if tensor is not None
    )
    if not pictures:
        raise ImageError(
            f"got no usable {split} picture in {root / folder}; add some or drop the listing"
        )
    return pictures


def _in_split(name: str, split: PictureSplit) -> bool:
    return split == "all" or is_held_out(name) == (split == "held_out")


def _open(path: Path, mode: str) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert(mode)
    except (OSError, UnidentifiedImageError) as error:
        raise ImageError(f"got an unreadable picture {path}; expected JPEG, PNG or WebP") from error


def _tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image, dtype=np.uint8)).permute(2, 0, 1).contiguous()


def _read_photo(path: Path) -> Tensor | None:
    return photo_tensor(_open(path, "RGB"))


def _read_cutout(path: Path) -> Tensor | None:
    return cutout_tensor(_open(path, "RGBA"))


def photo_tensor(image: Image.Image) -> Tensor:
    """An RGB image as (3, H, W) uint8: short side 288, long side centre-cropped to 432 at most."""
    scale = PHOTO_SIDE / min(image.size)
    size = (
        max(PHOTO_SIDE, round(image.width * scale)),
        max(PHOTO_SIDE, round(image.height * scale)),
    )
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    width, height = min(size[0], PHOTO_LONG_SIDE), min(size[1], PHOTO_LONG_SIDE)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return _tensor(image.crop((left, top, left + width, top + height)))


def cutout_tensor(image: Image.Image) -> Tensor | None:
    """An RGBA image cropped to its object, (4, H, W) uint8, longest side 224 at most.

    None when it shows next to nothing (fewer than 64 opaque pixels) or has no transparent part.
    """
    alpha: npt.NDArray[np.uint8] = np.array(image.getchannel("A"), dtype=np.uint8)
    rows, columns = np.nonzero(alpha >= _ALPHA_HALF)
    if rows.size < _MIN_OPAQUE_PIXELS or rows.size == alpha.size:
        return None
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    image = image.crop(box)
    image.thumbnail((CUTOUT_SIDE, CUTOUT_SIDE), Image.Resampling.LANCZOS)
    return _tensor(image)


def bundled_library(*, split: PictureSplit = "train") -> PictureLibrary:
    """scikit-image's own pictures, with cut-outs of smooth irregular outline taken from them."""
    # Slow to import and seldom needed.
    from skimage import data

    names = (
        "astronaut",
        "chelsea",
        "coffee",
        "rocket",
        "page",
        "camera",
        "coins",
        "brick",
        "grass",
    )
    photos, cutouts = [], []
    for index, name in enumerate(names):
        try:
            picture = Image.fromarray(getattr(data, name)()).convert("RGB")
        except (OSError, ValueError, AttributeError):
            # Some of them are fetched on demand by some versions; the others are enough.
            continue
        photos.append(Picture(f"{name}.png", name, photo_tensor(picture)))
        cutouts += _shapes_from(picture, name, seed=index)
    if split != "all":
        # So few pictures cannot be held out by name: the last quarter of the cut-outs is.
        cut = len(cutouts) - len(cutouts) // 4
        cutouts = cutouts[:cut] if split == "train" else cutouts[cut:]
        photos = photos[:-2] if split == "train" else photos[-2:]
    return PictureLibrary(tuple(photos), tuple(cutouts))


def _shapes_from(picture: Image.Image, name: str, *, seed: int) -> list[Picture]:
    """Six star-convex shapes with soft edges, cut at fixed places of one picture."""
    random = np.random.default_rng(seed)
    side = 160
    axis = (np.arange(side) + 0.5) / side * 2.0 - 1.0
    x, y = np.meshgrid(axis, axis)
    angle = np.arctan2(y, x)
    shapes = []
    for number in range(6):
        outline = np.full_like(angle, 0.8)
        for harmonic in range(2, 6):
            phase = random.uniform(0.0, 2.0 * np.pi)
            outline += random.uniform(0.0, 0.28) / harmonic * np.cos(harmonic * angle + phase)
        radius = np.hypot(x / random.uniform(0.7, 1.0), y / random.uniform(0.7, 1.0))
        alpha = np.clip((outline - radius) * side / 4.0 + 0.5, 0.0, 1.0)
        left = int(random.integers(0, picture.width - side + 1))
        top = int(random.integers(0, picture.height - side + 1))
        patch = picture.crop((left, top, left + side, top + side))
        patch.putalpha(Image.fromarray((alpha * 255.0).round().astype(np.uint8)))
        pixels = cutout_tensor(patch)
        if pixels is not None:
            shapes.append(Picture(f"{name}-{number}.png", "shape", pixels))
    return shapes
