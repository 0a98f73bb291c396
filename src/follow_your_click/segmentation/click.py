"""The embedded segmenter: a small network trained for clicks.

Axis legend: H rows, W columns (photo), h w (the network's image, at one of several sizes), N points, K candidates.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from follow_your_click.data.simulated_clicks import most_interior
from follow_your_click.errors import RegionError
from follow_your_click.models.checkpoints import best_device, load_component
from follow_your_click.models.click_network import (
    LEVELS,
    STRIDE,
    ClickFeatures,
    ClickNetwork,
    ClickPrompts,
)
from follow_your_click.segmentation.base import Segmentation
from follow_your_click.segmentation.click_answers import Answer, highest_near, together
from follow_your_click.segmentation.edges import middle_of, sure_edge
from follow_your_click.segmentation.edits import KeepLargest, edit_mask
from follow_your_click.segmentation.full_size import Window, draw_full_size, reduced_copy
from follow_your_click.segmentation.granularity import choose_mask
from follow_your_click.segmentation.parts import tidy
from follow_your_click.segmentation.points import (
    check_asked,
    checked_image,
    checked_points,
    prepared,
)

# px: long sides at which the network sees a photo. Small objects are found better in the largest view, objects that fill
# the photo in the smallest; the network's own guess of its overlap says which to believe.
SIDES = (112, 160, 224)
REDUCED_SIDE = 1024  # px: long side that a larger photo is brought to once, for all views that need no more of it
# px: instead of the smallest view, what is around an object that does not fill the photo. These were chosen by the true
# masks that training saw: 0.682 after one click on 248 of them, 0.660 without the closer view.
CLOSER_SIDE = 128
CLOSER_SPAN = 1.4  # lengths of the object that it shows at least
NAMES = ("object", "part", "whole")
LEAST_SPAN = 48  # px of the photo, the least that training showed
# Guessed overlap of what may be a head, from which it is taken for one, and what is added to its logits: these were chosen by
# heads that training saw.
SURE_HEAD = 0.26
HEAD_BIAS = 1.0
# From which guess a click may be one on a head; and from which logit of the head there it counts as one, by a guess that is sure and
# by one that is not: who asks for a nod mostly clicks on a head, so that much speaks for it. What is clicked by that name is the
# better answer then. Chosen by heads that training saw.
LIKELY_HEAD = 0.2
SURE_CLICKED, LIKELY_CLICKED = -6.0, -2.0
# Of what was selected, that a head in it may have: a portrait nods as a whole.
HEAD_SHARES = (0.02, 0.5)


@dataclass(frozen=True)
class _View:
    """A window of the photo as the network sees it; size: h, w in the network's image, without padding."""

    window: Window
    size: tuple[int, int]
    features: ClickFeatures


@dataclass(frozen=True)
class _Photo:
    image: npt.NDArray[np.uint8]  # (H, W, 3)
    reduced: npt.NDArray[np.uint8]  # (h, w, 3), long side `REDUCED_SIDE` at most
    views: tuple[_View, ...]  # of all of it, the smallest first

    @property
    def shape(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]

    def pixels(self, window: Window) -> npt.NDArray[np.uint8]:
        """What the window shows, reduced if that leaves twice what a closer view needs."""
        source = self.reduced
        scale = max(source.shape[:2]) / max(self.shape)
        if max(window[2:]) * scale < 2 * CLOSER_SIDE:
            source, scale = self.image, 1.0
        x, y, width, height = (round(scale * value) for value in window)
        return source[y : y + max(1, height), x : x + max(1, width)]


@dataclass(frozen=True)
class _Question:
    """points (N, 2) as x, y, positive (N,), box (4,) or None, mask (H, W) or None; all in the photo's pixels. part: its name."""

    points: npt.NDArray[np.intp]
    positive: npt.NDArray[np.bool_]
    box: npt.NDArray[np.float32] | None
    mask: npt.NDArray[np.float32] | None
    part: str | None = None


class ClickSegmenter:
    """Clicks, a box or a rough mask to a part, an object and a whole; deterministic on a CPU.

    A positive click's own pixel is in every candidate, a negative one's in none.

    Args:
        network: the trained network.
    """

    def __init__(self, network: ClickNetwork) -> None:
        self.network = network.folded()
        self._photo: _Photo | None = None
        self._closer: dict[Window, _View] = {}

    @classmethod
    def from_pretrained(
        cls, location: str | Path = "mini/click_network", *, device: str | None = None
    ) -> ClickSegmenter:
        """Load the network of a folder; by default the one that comes with the package.

        `device`: None for the best there is.

        Raises:
            ModelError: no such folder, or not a click network.
        """
        network: ClickNetwork = load_component(ClickNetwork, location)
        return cls(network.to(device or best_device()))

    @property
    def part_names(self) -> Collection[str]:
        """What the network knows that parts are called."""
        return tuple(self.network.config.names)

    @torch.inference_mode()
    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        """Encode one photo: (H, W, 3) uint8 RGB. Raises RegionError for another shape."""
        checked_image(image)
        whole = (0, 0, image.shape[1], image.shape[0])
        views: list[_View] = []
        seen = reduced = reduced_copy(image, REDUCED_SIDE)
        for side in sorted(SIDES, reverse=True):
            view, seen = self._encoded(whole, seen, side)
            views.insert(0, view)
        self._photo = _Photo(image, reduced, tuple(views))
        self._closer.clear()

    def _encoded(
        self, window: Window, pixels: npt.NDArray[np.uint8], side: int
    ) -> tuple[_View, npt.NDArray[np.uint8]]:
        """A window as the network sees it with a long side, and its pixels there, scaled from `pixels`."""
        _, _, width, height = window
        scale = side / max(width, height)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        method = cv2.INTER_AREA if side < max(pixels.shape[:2]) else cv2.INTER_CUBIC
        small = np.asarray(cv2.resize(pixels, size[::-1], interpolation=method), np.uint8)
        below, right = (-side % STRIDE for side in size)
        padded = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_REPLICATE)
        parameter = next(self.network.parameters())
        tensor = torch.from_numpy(padded).permute(2, 0, 1)[None].to(parameter) / 127.5 - 1
        features = self.network.encode(tensor.contiguous(memory_format=torch.channels_last))
        return _View(window, size, features), small

    @torch.inference_mode()
    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
        part: str | None = None,
    ) -> Segmentation:
        """Three candidates: the object, then the part and the whole; arguments as in `Segmenter.predict`.

        `part`: what the part is called ("tail"), one of `part_names`, which tells how much of what was clicked it is.

        The object counts as the best guess: no score of another is higher, whatever the network makes of it.

        Raises RegionError when set_image was not called, nothing is positive, a point lies outside the photo, or a name is not known.
        """
        photo = prepared(self._photo)
        points, positive = checked_points(photo.shape, point_coords, point_labels)
        check_asked(positive, box, mask)
        if mask is not None and mask.shape != photo.shape:
            raise RegionError(f"mask: got {mask.shape}, expected {photo.shape}")
        if part is not None and part not in self.part_names:
            known = ", ".join(self.part_names) or "none: this network knows no names"
            raise RegionError(f"part: got {part!r}, expected one of {known}")
        asked = _Question(points, positive, box, mask)
        clicked = found = self._answers(photo, asked)
        if len(points) == 1 and box is None and mask is None:
            found = self._answers(photo, _clicked_inside(asked, *clicked))
        if part is not None:
            window = None if clicked[1] is None else clicked[1].window
            clicked = self._looked_at(photo, replace(asked, part=part), window)
        masks = np.zeros((len(NAMES), *photo.shape), np.bool_)
        guesses = []
        for name, area in zip(NAMES, masks, strict=True):
            # A part is what was clicked on; the middle of the object may be another one.
            whole, closer = clicked if name == "part" else found
            level = LEVELS.index(name)
            window = None if closer is None else closer.window
            draw_full_size(area, whole.level(level), points, positive, but=window)
            if closer is not None:
                x, y, width, height = closer.window
                inside, own = _within(closer.window, points), points - (x, y)
                shown = area[y : y + height, x : x + width]
                draw_full_size(shown, closer.level(level), own[inside], positive[inside])
            guesses.append(float((closer or whole).guesses[level]))
        return Segmentation(masks, np.minimum.accumulate(guesses).astype(np.float32), NAMES)

    @torch.inference_mode()
    def head(
        self, mask: npt.NDArray[np.float32], click: tuple[int, int] | None = None
    ) -> npt.NDArray[np.bool_] | None:
        """The head of the animal or person that a mask (H, W), 0 ... 1, shows: (H, W), in the mask; None if it finds none.

        It is one piece. None too where the mask is hardly more than a head. `click`: the pixel (x, y) by which it was selected: where
        that may lie on a head, it is the part of that name there.

        Raises RegionError when set_image was not called, or for a mask of another size.
        """
        photo = prepared(self._photo)
        if mask.shape != photo.shape:
            raise RegionError(f"mask: got {mask.shape}, expected {photo.shape}")
        selected = mask > 0.5
        if not selected.any():
            return None
        rows, columns = np.nonzero(selected)
        corners = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        nowhere, no_label = np.zeros((0, 2), np.intp), np.zeros(0, np.bool_)
        box, shown = np.array(corners, np.float32), np.asarray(mask, np.float32)
        whole, closer = self._answers(photo, _Question(nowhere, no_label, box, shown))
        answer, level = closer or whole, LEVELS.index("head")
        logits = answer.level(level)
        found = np.zeros(photo.shape, np.bool_)
        guess = float(answer.guesses[level])
        least = SURE_CLICKED if guess >= SURE_HEAD else LIKELY_CLICKED
        told = guess >= LIKELY_HEAD and "head" in self.part_names
        if told and highest_near(click, answer.window, logits) > least:
            there = self.predict(point_coords=np.array([click], np.float32), part="head")
            found = choose_mask(there, "part")
        elif guess >= SURE_HEAD:
            x, y, width, height = answer.window
            area = found[y : y + height, x : x + width]
            draw_full_size(area, logits + HEAD_BIAS, nowhere, no_label)
        found = tidy(found & selected, nowhere, nowhere)
        found = edit_mask(255 * found.astype(np.uint8), KeepLargest()) > 0
        share = found.sum() / selected.sum()
        return found if HEAD_SHARES[0] <= share <= HEAD_SHARES[1] else None

    @torch.inference_mode()
    def edge(
        self, mask: npt.NDArray[np.float32], click: tuple[int, int] | None = None
    ) -> npt.NDArray[np.float32]:
        """How sure the edge of what a mask (H, W), 0 ... 1, shows is, near each pixel: float32 (H, W), 0 ... 1; see `sure_edge`.

        `click`: the pixel (x, y) by which it was selected; None: the most interior one.

        Raises RegionError when set_image was not called, or for a mask of another size.
        """
        photo = prepared(self._photo)
        if mask.shape != photo.shape:
            raise RegionError(f"mask: got {mask.shape}, expected {photo.shape}")
        sure = np.zeros(photo.shape, np.float32)
        if not (mask > 0.5).any():
            return sure
        place = middle_of(mask, REDUCED_SIDE) if click is None else click
        asked = _Question(np.array([place], np.intp), np.ones(1, np.bool_), None, None)
        whole, closer = self._answers(photo, asked)
        answer = closer or whole
        x, y, width, height = answer.window
        chances = answer.logits.sigmoid().cpu().numpy().astype(np.float32)
        shown = np.ascontiguousarray(mask[y : y + height, x : x + width], np.float32)
        small = cv2.resize(shown, chances.shape[:0:-1], interpolation=cv2.INTER_AREA)
        sure[y : y + height, x : x + width] = cv2.resize(
            sure_edge(np.asarray(small, np.float32), chances), (width, height)
        )
        return sure

    def _answers(self, photo: _Photo, asked: _Question) -> tuple[Answer, Answer | None]:
        """What the views find in the whole photo and, where that is the better third view, around the object."""
        seen = [self._answer(view, asked) for view in photo.views[1:]]
        window = _closer_window(together(seen, seen[-1]), photo.shape, asked)
        return self._looked_at(photo, asked, window, seen)

    def _looked_at(
        self,
        photo: _Photo,
        asked: _Question,
        window: Window | None,
        seen: list[Answer] | None = None,
    ) -> tuple[Answer, Answer | None]:
        """Likewise where the window of the closer view is known, and what the larger views have `seen` may be."""
        views = photo.views
        seen = seen or [self._answer(view, asked) for view in views[1:]]
        if window is None:
            return together([self._answer(views[0], asked), *seen], seen[-1]), None
        if window not in self._closer:
            self._closer[window], _ = self._encoded(window, photo.pixels(window), CLOSER_SIDE)
        closer = self._answer(self._closer[window], asked)
        return together(seen, seen[-1]), together([*seen, closer], closer)

    def _answer(self, view: _View, asked: _Question) -> Answer:
        logits, guesses = self.network.decode(view.features, self._prompts(view, asked))
        own = logits[0, :, : view.size[0], : view.size[1]]
        return Answer(view.window, own.float(), guesses[0].float())

    def _prompts(self, view: _View, asked: _Question) -> ClickPrompts:
        """In pixels of the network's image, on its device; clicks outside of the window are left away."""
        device = next(self.network.parameters()).device
        x, y, width, height = view.window
        scale = np.array([view.size[1] / width, view.size[0] / height])
        rows, columns = (4 * side for side in view.features.quarter.shape[-2:])
        earlier = torch.zeros(1, 1, rows, columns, device=device)
        if asked.mask is not None:
            values = np.asarray(asked.mask[y : y + height, x : x + width], np.float32)
            small = cv2.resize(values, view.size[::-1], interpolation=cv2.INTER_AREA)
            earlier[0, 0, : view.size[0], : view.size[1]] = torch.from_numpy(small)
        inside = _within(view.window, asked.points)
        coords = (asked.points[inside] - (x, y) + 0.5) * scale - 0.5
        labels = asked.positive[inside].astype(np.int64)
        if not inside.any():
            coords, labels = np.zeros((1, 2)), np.full(1, -1)
        corners = np.zeros(4)
        if asked.box is not None:
            corners = (np.asarray(asked.box, np.float64) - (x, y, x, y)) * np.tile(scale, 2)

        def tensor(values: npt.NDArray[np.float64]) -> Tensor:
            return torch.from_numpy(values).float().to(device)[None]

        return ClickPrompts(
            tensor(coords),
            torch.from_numpy(labels).to(device)[None],
            tensor(corners),
            earlier,
            None if asked.part is None else self.network.places([asked.part]),
        )


def _within(window: Window, points: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    x, y, width, height = window
    own = points - (x, y)
    inside: npt.NDArray[np.bool_] = np.all((own >= 0) & (own < (width, height)), axis=1)
    return inside


def _clicked_inside(asked: _Question, whole: Answer, closer: Answer | None) -> _Question:
    """The question of one click, and a second one in the middle of the object that was found for it.

    A click on a head, a wing or a leg is answered by less of the object than one on its middle.
    """
    answer = closer or whole
    x, y, width, height = answer.window
    logits = answer.level(LEVELS.index("object"))
    scale = np.array([logits.shape[1] / width, logits.shape[0] / height])
    cells = np.array([logits.shape[1], logits.shape[0]])
    clicked = np.clip((asked.points - (x, y) + 0.5) * scale, 0, cells - 1).astype(np.intp)
    area = tidy(logits > 0, clicked, clicked[:0])
    middle = (np.array(most_interior(area)) + 0.5) / scale + (x, y)
    points = np.concatenate([asked.points, middle[None].astype(np.intp)])
    return replace(asked, points=points, positive=np.ones(2, np.bool_))


def _closer_window(found: Answer, shape: tuple[int, int], asked: _Question) -> Window | None:
    """Around the object, unless that is nearly all of the photo; snapped, so that another click mostly asks for the same."""
    logits = found.logits[LEVELS.index("object")].cpu().numpy()
    scale = np.array([logits.shape[1] / shape[1], logits.shape[0] / shape[0]])
    small = np.minimum(
        (asked.points + 0.5) * scale, (logits.shape[1] - 1, logits.shape[0] - 1)
    ).astype(np.intp)
    rows, columns = np.nonzero(tidy(logits > 0, small[asked.positive], small[~asked.positive]))
    if not rows.size:
        return None
    low = np.array([columns.min(), rows.min()]) / scale
    high = np.array([columns.max() + 1, rows.max() + 1]) / scale
    for corner in (
        *asked.points[asked.positive],
        *([] if asked.box is None else asked.box.reshape(2, 2)),
    ):
        low, high = np.minimum(low, corner), np.maximum(high, corner + 1)
    extent = float((high - low).max())
    span = 2 ** (math.ceil(4 * math.log2(max(CLOSER_SPAN * extent, LEAST_SPAN))) / 4)
    if span >= max(shape):
        return None
    middle = np.rint((low + high) / 2 / (span / 8)) * (span / 8)
    sides = [min(round(span), side) for side in (shape[1], shape[0])]
    x, y = (
        min(max(round(at - side / 2), 0), full - side)
        for at, side, full in zip(middle, sides, (shape[1], shape[0]), strict=True)
    )
    return x, y, sides[0], sides[1]
