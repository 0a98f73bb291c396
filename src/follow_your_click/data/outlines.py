"""Objects of photos that were outlined by eye, for lack of true masks: a few points each, brought to the rim by GrabCut.

Axis legend: H rows, W columns, N objects, P points.

outlines.json of this package holds, by the photo's file name, the objects' outlines: for each a list of x and y in
thousandths of the photo's width and height. "NAME.mp4#T" is frame T of a video. parts.json holds those of heads, tails,
wheels and other parts of these objects, each with its name; at the background they were drawn a little too large. A
vision-language model traced them by eye, to 1 to 3 % of the photo's side by its own estimate; masks of 206 photos were
looked at. Photos that are held out (`data.photos.is_held_out`) serve measuring only, the others training only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.clip_reading import read_clip
from follow_your_click.data.photos import is_held_out
from follow_your_click.data.true_masks import MaskedPhoto, Part, masked_photo, scene_of
from follow_your_click.errors import ImageError
from follow_your_click.photo import read_photo

Outline = Sequence[Sequence[float]]

UNIT = 1000.0
SIDE = 288  # px: long side at which outlines are brought to the rim
# Of the square root of the object's area: how far the rim may lie inside and outside of what was drawn.
INWARDS, OUTWARDS = 0.07, 0.06
# Of the way from the middle of a leg, a tail or a mast to its rim, what is the object's whatever its colours: left to
# them, most of what is thinner than the band was lost.
CORE = 0.4
ITERATIONS = 3
MIN_AGREEMENT = (
    0.7  # IoU of what was drawn and what was made of it, below which the drawn one is kept
)


def outlines() -> dict[str, list[Outline]]:
    """By the photo's file name: the outlines (P, 2) of its objects in thousandths of its width and height."""
    file = resources.files("follow_your_click.data").joinpath("outlines.json")
    found: dict[str, list[Outline]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def part_outlines() -> dict[str, list[tuple[str, Outline]]]:
    """By the photo's file name: name and outline (P, 2) of parts of its objects, as in `outlines`."""
    file = resources.files("follow_your_click.data").joinpath("parts.json")
    found: dict[str, list[tuple[str, Outline]]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def outlined_photos(folder: Path, *, held_out: set[str]) -> list[MaskedPhoto]:
    """The photos of a folder, and its videos' frames, that have outlines, with masks of what was outlined and of its parts.

    None that is held out itself, and none of a scene in `held_out`; frames of a video share a scene.
    """
    drawn, parts_of = outlines(), part_outlines()
    names = [
        name
        for name in sorted(drawn)
        if (folder / _file_of(name)).exists()
        and not is_held_out(_file_of(name))
        and scene_of(Path(_file_of(name)).stem) not in held_out
    ]

    def photo(name: str) -> MaskedPhoto:
        image = _image(folder, name)
        masks = np.stack([outlined_mask(image, outline) for outline in drawn[name]])
        parts = [Part(of, part_mask(outline, masks)) for of, outline in parts_of.get(name, [])]
        return masked_photo(Path(_file_of(name)).stem, image, masks, parts)

    with ThreadPoolExecutor() as pool:
        return [photo for photo in pool.map(photo, names) if len(photo.objects)]


def _file_of(name: str) -> str:
    return name.split("#")[0]


def _image(folder: Path, name: str) -> npt.NDArray[np.uint8]:
    """(H, W, 3)"""
    file, _, frame = name.partition("#")
    if not frame:
        return read_photo(folder / file)
    frames = read_clip(folder / file, most_frames=int(frame) + 1).frames
    if len(frames) <= int(frame):
        raise ImageError(
            f"got no frame {frame} in {folder / file}; expected the video whose frame was outlined"
        )
    image: npt.NDArray[np.uint8] = frames[int(frame)]
    return image


def held_out_outlines(folder: Path) -> dict[Path, list[npt.NDArray[np.bool_]]]:
    """The held-out photos of a folder that have outlines, at their own size: masks (H, W) of what was outlined."""
    paths = {folder / name: of for name, of in sorted(outlines().items()) if is_held_out(name)}
    return {
        path: [outlined_mask(read_photo(path), outline) for outline in drawn]
        for path, drawn in paths.items()
        if path.exists()
    }


def held_out_parts(folder: Path) -> dict[Path, list[Part]]:
    """The held-out photos of a folder that have parts outlined, at their own size."""
    parts_of, found = part_outlines(), {}
    for path, objects in held_out_outlines(folder).items():
        masks = np.stack(objects)
        parts = [Part(of, part_mask(drawn, masks)) for of, drawn in parts_of.get(path.name, [])]
        found[path] = [part for part in parts if part.area.any()]
    return {path: parts for path, parts in found.items() if parts}


def part_mask(outline: Outline, objects: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """What an outline takes of that of the objects (N, H, W) which it takes most of: (H, W)."""
    height, width = objects.shape[1:]
    points = np.rint(np.asarray(outline) / UNIT * (width, height)).astype(np.int32)
    drawn = np.zeros((height, width), np.uint8)
    cv2.fillPoly(drawn, [points], 1)
    shared = objects & (drawn > 0)
    taken: npt.NDArray[np.bool_] = shared[int(shared.sum(axis=(1, 2)).argmax())]
    return taken


def outlined_mask(image: npt.NDArray[np.uint8], outline: Outline) -> npt.NDArray[np.bool_]:
    """(H, W, 3) and an outline to the object's mask (H, W): near the drawn line the colours decide where the rim is."""
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    points = np.rint(np.asarray(outline) / UNIT * size).astype(np.int32)
    drawn = np.zeros(small.shape[:2], np.uint8)
    cv2.fillPoly(drawn, [points], 1)
    found = _at_the_rim(small, drawn)
    full = cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full > 0.5)


def _at_the_rim(
    image: npt.NDArray[np.uint8], drawn: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """(H, W), 1 on the object: GrabCut in a band around the drawn rim; as it was drawn where the two disagree."""
    reach = float(drawn.sum()) ** 0.5
    # Beyond the photo the object goes on where it touches the border.
    inside = cv2.copyMakeBorder(drawn, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    away = cv2.distanceTransform(1 - drawn, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    labels = np.where(drawn > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    sure = (depth > INWARDS * reach) | _core(np.asarray(depth, np.float32))
    labels[sure] = cv2.GC_FGD
    labels[away > OUTWARDS * reach] = cv2.GC_BGD
    if not ((labels == cv2.GC_FGD).any() and (labels == cv2.GC_BGD).any()):
        return drawn
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, labels, (0, 0, 0, 0), *models, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    found = (labels & 1).astype(np.uint8)
    found = np.asarray(cv2.medianBlur(found, 3), np.uint8) | sure.astype(np.uint8)
    agreement = (found & drawn).sum() / max(1, (found | drawn).sum())
    return found if agreement >= MIN_AGREEMENT else drawn


def _core(depth: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """`CORE` of what is drawn, about the lines along its middle: (H, W), from the distances to its rim in px."""
    highest = cv2.dilate(depth, np.ones((3, 3), np.uint8))
    core = np.zeros(depth.shape, np.uint8)
    for y, x in np.argwhere((depth > 0.5) & (depth >= highest - 1e-3)).tolist():
        cv2.circle(core, (x, y), int(CORE * depth[y, x]), 1, cv2.FILLED)
    return core > 0
