"""What the click network learns from: photos with true masks, photos with outlined objects, and cut-outs over photos.

Axis legend: B examples, N objects, S the side of an example in pixels, K levels (part, object, whole, head).

There are true masks of few scenes, so most examples are photos whose objects, and of some their parts, were outlined by
eye, or composed: pasted are cut-outs and objects of the photos with masks (Ghiasi et al. 2021). A composed object is
brought near to its surroundings in colour, and the whole is blurred, made noisy and compressed at random, so that neither
a seam nor a difference in sharpness gives it away.
"""

from __future__ import annotations

import random as random_module
import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from follow_your_click.data.pasting import at_the_rim, cut_out, disturbed, softened, window
from follow_your_click.data.photos import PictureLibrary
from follow_your_click.data.simulated_clicks import most_interior, somewhere_inside
from follow_your_click.data.true_masks import MaskedPhoto, Part, scene_of
from follow_your_click.models.click_network import LEVELS
from follow_your_click.named_parts import part_noun

Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

TRUE_SHARE = 0.3
OUTLINED_SHARE = 0.25
PARTS_SHARE = 0.35  # photos whose objects' parts were outlined; the rest is composed, and so is what there is nothing of
INTERIOR_SHARE = 0.4  # of the first clicks, that are the object's most interior one
# Of the first clicks where parts are known, that are on one of these drawn by chance, or on what they leave.
ON_PART_SHARE = 0.6
PASTED_SHARE = 0.5  # of the examples with masks, that something else is pasted into
# Of what is pasted: objects of the photos with masks, real cut-outs, drawn ones (emoji); what there is none of leaves its
# share to the others.
PASTED_KINDS = (0.4, 0.3, 0.3)
# People of a group, cars in a row: what looks alike and touches is told apart by its rim alone.
BESIDE_SHARE = 0.5  # of what is pasted where objects are, that comes to stand at the rim of one, about as large
# Of that, and of all that is pasted into photos with masks, what is an object of the same picture once more.
TWIN_SHARE = 0.6
MOST_FILLED = 0.5  # of the picture, for an object to have room beside it
# Powers of 2. A photo may be full of its object, or the object a speck in it.
WINDOW_SCALES = (0.1, 2.0)  # side of the window, in lengths of an object with a true mask
MAIN_SCALES, SMALL_SCALES = (
    (-1.5, 0.5),
    (-2.6, -0.3),
)  # longest side of a pasted object, in sides of the window
MIN_WINDOW = 48  # px of the photo
MIN_AREA = 40  # pixels that an object must show
PART_TOLERANCES = (3, 14)  # Lab levels from one pixel to the next that one part may hold
PART_SHARES = (0.03, 0.75)  # of the object's area, for a piece of one colour to count as a part
COLOUR_PART_SHARE = 0.5  # of the examples without outlined parts, that have one by its colour
MOST_OF_OBJECT = 0.85  # of its area, that an outlined part of it may have
HEAD = re.compile(r"\b(head|face)\b")
# An object whose parts are none of these has no head; one that has some may show it elsewhere.
ANIMAL = re.compile(
    r"\b(\w*(leg|wing|fin)|ear|neck|tail|arm|flipper|claw|paw|foot|snout|jaw|abdomen|beak|head|face|body)s?\b"
)
_REAL = ("caltech", "coco", "davis")


@dataclass(frozen=True)
class ClickExample:
    """image (S, S, 3) uint8. masks (K, S, S) bool, part to whole, then head. known (K,): which of them say something.

    place: x, y of the first click, which lies in all known masks but the head, that is empty where an object has none.
    name: what the part is called, where the example is one of a named part, and the part alone is known.
    """

    image: Bytes
    masks: Bools
    known: Bools
    place: tuple[int, int]
    name: str = ""


@dataclass
class _Scene:
    """image (S, S, 3); what is seen (S, S) of the photo's own objects, of their parts, and of what was pasted over them."""

    image: Bytes
    own: list[Bools]
    parts: list[Part]
    pasted: list[Bools]

    @property
    def objects(self) -> list[Bools]:
        return [*self.own, *self.pasted]


class ClickExamples:
    """Draws examples.

    Args:
        library: photos as backgrounds and cut-outs to put on them.
        photos: photos with true masks; may be empty.
        outlined: photos with masks made of outlines; may be empty.
        held_out: scenes whose cut-outs are left away.
        size: S.
    """

    def __init__(
        self,
        library: PictureLibrary,
        photos: Sequence[MaskedPhoto],
        *,
        outlined: Sequence[MaskedPhoto] = (),
        held_out: set[str],
        size: int,
    ) -> None:
        self.size = size
        self.photos = _by_scene(photos)
        self.outlined = _by_scene(outlined)
        self.in_parts = _by_scene([photo for photo in outlined if photo.parts])
        self.by_noun = _by_noun(outlined)
        self.backgrounds = [_rows(picture.pixels) for picture in library.photos]
        allowed = [p for p in library.cutouts if scene_of(p.name.split(".")[0]) not in held_out]
        self.real = [_rows(p.pixels) for p in allowed if p.name.startswith(_REAL)]
        self.drawn = [_rows(p.pixels) for p in allowed if not p.name.startswith(_REAL)]

    def draw(self, random: random_module.Random) -> ClickExample:
        """One example, a function of the random numbers alone."""
        for _ in range(20):
            kind = random.random()
            if self.photos and kind < TRUE_SHARE:
                scene = self._from_masks(self.photos, random)
            elif self.outlined and kind >= 1 - OUTLINED_SHARE:
                scene = self._from_masks(self.outlined, random)
            elif self.in_parts and kind >= 1 - OUTLINED_SHARE - PARTS_SHARE:
                scene = self._from_masks(self.in_parts, random)
            else:
                scene = self._composed(random)
            objects = scene.objects
            shown = [index for index, area in enumerate(objects) if area.sum() >= MIN_AREA]
            if shown:
                # An object that fills the example leaves nothing to tell it from.
                shown = [i for i in shown if objects[i].mean() < 0.85] or shown
                weights = [float(objects[i].sum()) ** 0.5 for i in shown]
                (index,) = random.choices(shown, weights)
                return self._finished(scene, index, random)
        raise RuntimeError("twenty examples without an object; expected pictures of objects")

    def draw_named(self, random: random_module.Random) -> ClickExample:
        """One example of a part that has a name: the first click lies anywhere on it.

        A noun is drawn by the square root of how many parts bear it: half of all would be legs, heads and petals otherwise.
        """
        nouns = sorted(self.by_noun)
        for _ in range(100 if nouns else 0):
            (noun,) = random.choices(nouns, [len(self.by_noun[one]) ** 0.5 for one in nouns])
            scene = self._from_masks([[random.choice(self.by_noun[noun])]], random)
            named = [
                part
                for part in scene.parts
                if part_noun(part.name) == noun and part.area.sum() >= MIN_AREA
            ]
            if named:
                part = random.choice(named)
                place = _first_click(part.area, random)
                image = disturbed(scene.image, random)
                masks = np.stack([part.area] * len(LEVELS))
                known = np.array([level == "part" for level in LEVELS])
                return ClickExample(image, masks, known, place, noun)
        raise RuntimeError("a hundred examples without a named part; expected photos of parts.json")

    def _from_masks(
        self, scenes: Sequence[Sequence[MaskedPhoto]], random: random_module.Random
    ) -> _Scene:
        photo = random.choice(random.choice(scenes))
        height, width = photo.image.shape[:2]
        target = random.choice(photo.objects)
        rows, columns = np.nonzero(target)
        extent = 1 + max(int(np.ptp(rows)), int(np.ptp(columns)))
        side = extent * 2.0 ** random.uniform(*WINDOW_SCALES)
        side = min(max(side, MIN_WINDOW), 1.15 * min(height, width))
        at = random.randrange(len(rows))
        # Some pixel of the object lies in the window, which mostly stays inside the photo.
        middle_x = columns[at] + side * random.uniform(-0.35, 0.35)
        middle_y = rows[at] + side * random.uniform(-0.35, 0.35)
        middle_x = min(max(middle_x, side / 2), max(width - side / 2, side / 2))
        middle_y = min(max(middle_y, side / 2), max(height - side / 2, side / 2))
        matrix = window(self.size, side, (middle_x, middle_y), random)
        image = self._warped(photo.image, matrix, border=cv2.BORDER_REFLECT_101)

        def seen(area: Bools) -> Bools:
            return self._warped(area.astype(np.uint8) * 255, matrix) > 127

        parts = [Part(part.name, seen(part.area)) for part in photo.parts]
        scene = _Scene(image, [seen(area) for area in photo.objects], parts, [])
        if random.random() < PASTED_SHARE:
            if random.random() < TWIN_SHARE:
                cutout = cut_out(photo.image, random.choice(photo.objects))
            else:
                cutout = self._cutout(random)
            beside = random.random() < BESIDE_SHARE
            self._paste(scene, cutout, random, scales=SMALL_SCALES, beside=beside)
        return scene

    def _composed(self, random: random_module.Random) -> _Scene:
        photo = random.choice(self.backgrounds)
        height, width = photo.shape[:2]
        side = min(height, width) * random.uniform(0.5, 1.0)
        middle = (
            random.uniform(side / 2, width - side / 2),
            random.uniform(side / 2, height - side / 2),
        )
        image = self._warped(photo, window(self.size, side, middle, random), cv2.BORDER_REFLECT_101)
        scene = _Scene(image, [], [], [])
        cutouts: list[Bytes] = []
        for number in range(random.choice((1, 1, 2, 2, 3, 4))):
            beside = number > 0 and random.random() < BESIDE_SHARE
            twin = beside and random.random() < TWIN_SHARE
            cutouts.append(random.choice(cutouts) if twin else self._cutout(random))
            scales = SMALL_SCALES if number else MAIN_SCALES
            self._paste(scene, cutouts[-1], random, scales=scales, beside=beside)
        return scene

    def _paste(
        self,
        scene: _Scene,
        cutout: Bytes,
        random: random_module.Random,
        *,
        scales: tuple[float, float],
        beside: bool = False,
    ) -> None:
        """A cut-out (h, w, 4) on top; what it hides is no longer part of the objects below.

        Its longest side is S times 2 to the power of `scales`. `beside`: at the rim of an object instead, and about as
        large; wherever none has room beside it, as otherwise.
        """
        size, image = self.size, scene.image
        neighbours = [a for a in scene.objects if a.sum() >= MIN_AREA and a.mean() < MOST_FILLED]
        if beside and neighbours:
            scale, place = at_the_rim(random.choice(neighbours), cutout, random)
            angle = random.gauss(0, 8)
        else:
            longest = size * 2.0 ** random.uniform(*scales)
            scale = longest / max(cutout.shape[:2])
            reach = 0.2 if longest > 0.7 * size else 0.45  # a large object keeps its middle in view
            place = np.array([0.5 + random.uniform(-reach, reach) for _ in range(2)]) * size
            angle = random.gauss(0, 12) if random.random() < 0.7 else random.uniform(-180, 180)
        stretch = 2.0 ** random.uniform(-0.25, 0.25)
        turn = np.deg2rad(angle)
        linear = (
            scale
            * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
            @ np.diag([stretch * random.choice((-1, 1)), 1 / stretch])
        )
        centre = np.array([cutout.shape[1], cutout.shape[0]]) / 2
        matrix = np.concatenate([linear, (place - linear @ centre)[:, None]], axis=1)
        source = softened(cutout, scale)
        layer = self._warped(source, matrix).astype(np.float32)
        opacity = layer[..., 3] / np.float32(255)
        if random.random() < 0.5:
            opacity = np.asarray(cv2.GaussianBlur(opacity, (0, 0), random.uniform(0.3, 1.0)))
        alpha = opacity[..., None]
        cover: Bools = alpha[..., 0] > 0.5
        if cover.sum() < MIN_AREA:
            return
        colour = layer[..., :3]
        ground = image[cover].mean(axis=0)
        shift = random.uniform(0, 0.6) * (ground - colour[cover].mean(axis=0))
        contrast = random.uniform(0.6, 1.1)
        mean = colour[cover].mean(axis=0)
        colour = (colour - mean) * contrast + mean + shift
        mixed = image + alpha * (colour - image)
        scene.image = np.clip(mixed, 0, 255).astype(np.uint8)
        scene.own = [area & ~cover for area in scene.own]
        scene.parts = [Part(part.name, part.area & ~cover) for part in scene.parts]
        scene.pasted = [*(area & ~cover for area in scene.pasted), cover]

    def _cutout(self, random: random_module.Random) -> Bytes:
        """(h, w, 4): an object of a photo with masks, or one of the library's cut-outs."""
        scenes = [*self.photos, *self.outlined]
        present = [bool(pool) for pool in (scenes, self.real, self.drawn)]
        shares = [share * there for share, there in zip(PASTED_KINDS, present, strict=True)]
        (kind,) = random.choices(("object", "real", "drawn"), shares)
        if kind == "object":
            photo = random.choice(random.choice(scenes))
            return cut_out(photo.image, random.choice(photo.objects))
        return random.choice(self.real if kind == "real" else self.drawn)

    def _finished(self, scene: _Scene, index: int, random: random_module.Random) -> ClickExample:
        target = scene.objects[index]
        image = disturbed(scene.image, random)
        parts = scene.parts if index < len(scene.own) else []
        pieces = _pieces(target, [part.area for part in parts])
        clicked = target
        if pieces and random.random() < ON_PART_SHARE:
            clicked = random.choice(pieces)
        place = _first_click(clicked, random)
        part = min(
            (piece for piece in pieces if piece[place[1], place[0]]), key=np.sum, default=None
        )
        if not pieces and random.random() < COLOUR_PART_SHARE:
            part = _part_of(image, target, place, random.uniform(*PART_TOLERANCES))
        near = cv2.dilate(target.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        whole = target.copy()
        # What was pasted belongs to nothing that it touches.
        for area in scene.own if index < len(scene.own) else []:
            if (area & near).any():
                whole |= area
        found = part is not None
        head = head_area(target, parts)
        shown = [target if part is None else part, target, whole, target if head is None else head]
        known = np.array([found, True, True, head is not None])
        return ClickExample(image, np.stack(shown), known, place)

    def _warped(
        self, picture: Bytes, matrix: npt.NDArray[np.float64], border: int = cv2.BORDER_CONSTANT
    ) -> Bytes:
        size = (self.size, self.size)
        flags = cv2.INTER_LINEAR
        return np.asarray(cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=border))


def _by_scene(photos: Sequence[MaskedPhoto]) -> list[list[MaskedPhoto]]:
    """Ten frames of one video are to count no more than one photo."""
    scenes: dict[str, list[MaskedPhoto]] = {}
    for photo in photos:
        scenes.setdefault(photo.scene, []).append(photo)
    return list(scenes.values())


def _rows(pixels: Tensor) -> Bytes:
    """(C, H, W) -> (H, W, C)."""
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


def _first_click(area: Bools, random: random_module.Random) -> tuple[int, int]:
    """x, y of a pixel of an area (S, S)."""
    interior = random.random() < INTERIOR_SHARE
    return most_interior(area) if interior else somewhere_inside(area, random)


def _by_noun(photos: Sequence[MaskedPhoto]) -> dict[str, list[MaskedPhoto]]:
    """Photos by what their parts are called, one that has several of a kind as often."""
    found: dict[str, list[MaskedPhoto]] = {}
    for photo in photos:
        for part in photo.parts:
            if noun := part_noun(part.name):
                found.setdefault(noun, []).append(photo)
    return found


def _pieces(target: Bools, parts: Sequence[Bools]) -> list[Bools]:
    """What is known of the object's (S, S) parts, and what they leave of it where that is a part too."""
    own = [part & target for part in parts]
    own = [part for part in own if part.sum() >= MIN_AREA]
    if not own:
        return []
    pieces = [*own, target & ~np.logical_or.reduce(own)]
    most = MOST_OF_OBJECT * target.sum()
    return [piece for piece in pieces if MIN_AREA <= piece.sum() <= most]


def head_area(target: Bools, parts: Sequence[Part]) -> Bools | None:
    """The head of the object (S, S), empty where its parts say that it has none; None where nothing is known."""
    own = [part for part in parts if (part.area & target).sum() >= MIN_AREA]
    heads = [part.area & target for part in own if HEAD.search(part.name)]
    if heads:
        return np.asarray(np.logical_or.reduce(heads))
    of_a_thing = own and not any(ANIMAL.search(part.name) for part in parts)
    return np.zeros_like(target) if of_a_thing else None


def _part_of(image: Bytes, target: Bools, place: tuple[int, int], tolerance: float) -> Bools | None:
    """The piece of the object that hangs together in colour around a place in it, if it is a piece at all."""
    smooth = cv2.bilateralFilter(image, 5, 24, 3)
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2Lab)
    barrier = np.pad((~target).astype(np.uint8), 1, constant_values=1)
    levels = (tolerance,) * 3
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | (2 << 8)
    cv2.floodFill(lab, barrier, place, (0, 0, 0), levels, levels, flags)
    flooded = (barrier[1:-1, 1:-1] == 2).astype(np.uint8)
    closed = cv2.morphologyEx(flooded, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    part: Bools = (closed > 0) & target
    share = part.sum() / target.sum()
    usable = PART_SHARES[0] < share < PART_SHARES[1] and part.sum() >= MIN_AREA
    return part if usable else None
