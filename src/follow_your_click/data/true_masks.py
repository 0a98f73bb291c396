"""Photos with true masks of their objects, and which of them no training may see.

Axis legend: H rows, W columns.

FOLDER/masked holds photos NAME.jpg with masks NAME.png, NAME__obj2.png ... (white = object); FOLDER/videos may hold
NAME.mp4 with NAME.masks.npz, a mask for every frame (`shape` (T, H, W), `masks` packed bits along W).

A mask is held out when its own or its photo's file name is (`data.photos.is_held_out`). Training leaves away more than
that: everything of a scene of which anything is held out, that is all objects of the photo and all frames of the video,
and the cut-outs that were made of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.data.photos import is_held_out
from follow_your_click.errors import ImageError
from follow_your_click.photo import read_photo
from follow_your_click.segmentation.resolve import load_mask

SIDE = 384  # px: long side that photos are kept at
VIDEO_FRAMES = 10  # taken evenly from a video
LEAST = 64  # pixels at that size; a smaller mask is left away


@dataclass(frozen=True)
class TrueMask:
    """One object of one photo: two files."""

    photo: Path
    path: Path

    @property
    def scene(self) -> str:
        """What the photo shows: shared by the objects of a photo and the frames of a video."""
        return scene_of(self.photo.stem)

    @property
    def held_out(self) -> bool:
        """Whether it belongs to what is measured."""
        return is_held_out(self.path.name) or is_held_out(self.photo.name)


@dataclass(frozen=True)
class Part:
    """A part of an object, such as its "left ear": area (H, W) bool."""

    name: str
    area: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class MaskedPhoto:
    """image (H, W, 3) uint8, objects (N, H, W) bool, the largest first, and parts of them."""

    scene: str
    image: npt.NDArray[np.uint8]
    objects: npt.NDArray[np.bool_]
    parts: tuple[Part, ...] = ()


def scene_of(name: str) -> str:
    """ "davis-goat-026" and "davis-goat-3-goat" -> "davis-goat"; "coco-000000000790-3-person" -> "coco-000000000790"."""
    coco = re.match(r"coco-\d+", name)
    if coco:
        return coco.group()
    return re.sub(r"-\d+(-[a-z-]+)?$", "", name)


def find_masks(folder: Path) -> list[TrueMask]:
    """All masks of a folder that lie beside their photos, in the order of their names."""
    found = []
    for path in sorted(folder.glob("*.png")):
        photo = path.with_name(re.sub(r"__obj\d+$", "", path.stem) + ".jpg")
        if photo.exists():
            found.append(TrueMask(photo, path))
    return found


def held_out_scenes(root: Path) -> set[str]:
    """Scenes of `root` of which at least one mask is held out."""
    return {mask.scene for mask in find_masks(root / "masked") if mask.held_out}


def held_out_photos(
    root: Path,
) -> list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]]:
    """Photos (H, W, 3) with one true mask (H, W) each that are held out, at their own size."""
    return [
        (read_photo(mask.photo), load_mask(mask.path) > 0.5)
        for mask in find_masks(root / "masked")
        if mask.held_out
    ]


def training_photos(root: Path) -> list[MaskedPhoto]:
    """Photos and video frames with the masks of all their objects, without held-out scenes.

    Raises:
        ImageError: no folder `root`/masked, or nothing in it that may be trained on.
    """
    masks = find_masks(root / "masked")
    held_out = {mask.scene for mask in masks if mask.held_out}
    photos = []
    for photo in sorted({mask.photo for mask in masks if mask.scene not in held_out}):
        image = read_photo(photo)
        objects = [load_mask(mask.path) > 0.5 for mask in masks if mask.photo == photo]
        photos.append(masked_photo(scene_of(photo.stem), image, np.stack(objects)))
    for name, frames, objects_of in _videos(root / "videos"):
        if name in held_out or is_held_out(f"{name}.mp4"):
            continue
        for index in np.linspace(0, len(frames) - 1, VIDEO_FRAMES).round().astype(int):
            photos.append(masked_photo(name, frames[index], objects_of[index][None]))
    if not photos:
        raise ImageError(
            f"got no photo with a mask in {root / 'masked'}; expected NAME.jpg beside NAME.png"
        )
    return [photo for photo in photos if len(photo.objects)]


def _videos(
    folder: Path,
) -> Iterator[tuple[str, npt.NDArray[np.uint8], npt.NDArray[np.bool_]]]:
    for packed in sorted(folder.glob("*.masks.npz")):
        name = packed.name.removesuffix(".masks.npz")
        stored = np.load(packed)
        count, height, width = stored["shape"]
        objects = np.unpackbits(stored["masks"], axis=-1)[..., :width].astype(np.bool_)
        with av.open(folder / f"{name}.mp4") as video:
            frames = np.stack(
                [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
            ).astype(np.uint8)
        if frames.shape[1:3] == (height, width):
            both = min(count, len(frames))
            yield name, frames[:both], objects[:both]


def masked_photo(
    scene: str,
    image: npt.NDArray[np.uint8],
    objects: npt.NDArray[np.bool_],
    parts: Iterable[Part] = (),
) -> MaskedPhoto:
    """A photo (H, W, 3), its objects (N, H, W) and their parts: long side 384 px at most, empty ones left away."""
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)

    def reduced(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5

    masks = [mask for mask in map(reduced, objects) if mask.sum() > LEAST]
    masks.sort(key=lambda mask: -int(mask.sum()))
    stacked = np.stack(masks) if masks else np.zeros((0, *size[::-1]), np.bool_)
    kept = (Part(part.name, reduced(part.area)) for part in parts)
    return MaskedPhoto(
        scene, small, stacked, tuple(part for part in kept if part.area.sum() > LEAST)
    )
