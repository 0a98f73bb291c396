"""The embedded segmenter: a small network trained for clicks.

Axis legend: H rows, W columns (photo), h w (the network's image, at one of several sizes), N points, K candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

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
TRUST = 8.0  # of a view with a guess higher by 1/8, against another: e
LEVELS_PER_LOGIT = 16.0  # of 256: what the rim between two cells is drawn from
MARGIN = 0.1  # logit that a cell has at least that was kept, or left away, with what it hangs together with


@dataclass(frozen=True)
class _View:
    size: tuple[int, int]  # h, w of the photo in the network's image, without padding
    features: ClickFeatures


@dataclass(frozen=True)
class _Photo:
    shape: tuple[int, int]  # H, W
    views: tuple[_View, ...]  # the smallest first


class ClickSegmenter:
    """Clicks, a box or a rough mask to a part, an object and a whole; deterministic on a CPU.

    A positive click's own pixel is in every candidate, a negative one's in none.

    Args:
        network: the trained network.
    """

    def __init__(self, network: ClickNetwork) -> None:
        self.network = network.folded()
        self._photo: _Photo | None = None

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

    @torch.inference_mode()
    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        """Encode one photo: (H, W, 3) uint8 RGB. Raises RegionError for another shape."""
        checked_image(image)
        views: list[_View] = []
        seen = image
        for side in sorted(SIDES, reverse=True):
            view, seen = self._encoded(image.shape[:2], seen, side)
            views.insert(0, view)
        self._photo = _Photo((image.shape[0], image.shape[1]), tuple(views))

    def _encoded(
        self, shape: Sequence[int], image: npt.NDArray[np.uint8], side: int
    ) -> tuple[_View, npt.NDArray[np.uint8]]:
        """A photo of a shape as the network sees it with a long side, and its pixels there, scaled from `image`."""
        scale = side / max(shape)
        size = (max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale)))
        method = cv2.INTER_AREA if side < max(image.shape[:2]) else cv2.INTER_CUBIC
        small = np.asarray(cv2.resize(image, size[::-1], interpolation=method), np.uint8)
        below, right = (-side % STRIDE for side in size)
        padded = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_REPLICATE)
        parameter = next(self.network.parameters())
        pixels = torch.from_numpy(padded).permute(2, 0, 1)[None].to(parameter) / 127.5 - 1
        features = self.network.encode(pixels.contiguous(memory_format=torch.channels_last))
        return _View(size, features), small

    @torch.inference_mode()
    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
    ) -> Segmentation:
        """Three candidates: the object, then the part and the whole; arguments as in `Segmenter.predict`.

        The object counts as the best guess: no score of another is higher, whatever the network makes of it.

        Raises RegionError when set_image was not called, nothing is positive, or a point lies outside the photo.
        """
        photo = prepared(self._photo)
        points, positive = checked_points(photo.shape, point_coords, point_labels)
        check_asked(positive, box, mask)
        found, guesses = self._believed(photo, points, positive, box, mask)
        names = ("object", "part", "whole")
        order = [LEVELS.index(name) for name in names]
        masks = np.zeros((len(order), *photo.shape), np.bool_)
        for mask_out, level in zip(masks, order, strict=True):
            _draw_full_size(mask_out, found[level], points, positive)
        falling = np.minimum.accumulate(guesses[order])
        return Segmentation(masks, falling.astype(np.float32), names)

    def _believed(
        self,
        photo: _Photo,
        points: npt.NDArray[np.intp],
        positive: npt.NDArray[np.bool_],
        box: npt.NDArray[np.float32] | None,
        mask: npt.NDArray[np.float32] | None,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Logits (K, h, w) at the largest view's size and guessed overlaps (K,), averaged over the views."""
        height, width = photo.views[-1].size
        logits, guesses = [], []
        for view in photo.views:
            prompts = self._prompts(photo.shape, view, points, positive, box, mask)
            found, scores = self.network.decode(view.features, prompts)
            found = found[..., : view.size[0], : view.size[1]].float()
            logits.append(F.interpolate(found, (height, width), mode="bilinear")[0])
            guesses.append(scores[0].float())
        scores = torch.stack(guesses)
        trust = torch.softmax(TRUST * scores, dim=0)
        mean = (torch.stack(logits) * trust[..., None, None]).sum(dim=0)
        return mean.cpu().numpy(), (scores * trust).sum(dim=0).cpu().numpy()

    def _prompts(
        self,
        shape: tuple[int, int],
        view: _View,
        points: npt.NDArray[np.intp],
        positive: npt.NDArray[np.bool_],
        box: npt.NDArray[np.float32] | None,
        mask: npt.NDArray[np.float32] | None,
    ) -> ClickPrompts:
        """In pixels of the network's image, on its device."""
        device = next(self.network.parameters()).device
        scale = np.array([view.size[1] / shape[1], view.size[0] / shape[0]])
        height, width = (4 * side for side in view.features.quarter.shape[-2:])
        earlier = torch.zeros(1, 1, height, width, device=device)
        if mask is not None:
            if mask.shape != shape:
                raise RegionError(f"mask: got {mask.shape}, expected {shape}")
            values = np.asarray(mask, np.float32)
            small = cv2.resize(values, view.size[::-1], interpolation=cv2.INTER_AREA)
            earlier[0, 0, : view.size[0], : view.size[1]] = torch.from_numpy(small)
        coords = (points + 0.5) * scale - 0.5
        if not len(points):
            coords, positive = np.zeros((1, 2)), np.zeros(1, np.bool_)
        labels = positive.astype(np.int64) if len(points) else np.full(1, -1)
        corners = np.zeros(4) if box is None else np.asarray(box, np.float64) * np.tile(scale, 2)

        def tensor(values: npt.NDArray[np.float64]) -> Tensor:
            return torch.from_numpy(values).float().to(device)[None]

        return ClickPrompts(
            tensor(coords), torch.from_numpy(labels).to(device)[None], tensor(corners), earlier
        )


def _draw_full_size(
    inside: npt.NDArray[np.bool_],
    logits: npt.NDArray[np.float32],
    points: npt.NDArray[np.intp],
    positive: npt.NDArray[np.bool_],
) -> None:
    """(h, w) into `inside` (H, W), all False: what hangs together with the clicks, which keep their side.

    Bytes, and no more rows and columns than the mask has, keep a click on a large photo quick.
    """
    shape = height, width = inside.shape
    small = np.minimum(
        (points + 0.5) * (logits.shape[1] / width, logits.shape[0] / height),
        (logits.shape[1] - 1, logits.shape[0] - 1),
    ).astype(np.intp)
    kept = tidy(logits > 0, small[positive], small[~positive])
    sure = np.where(kept, np.maximum(logits, MARGIN), np.minimum(logits, -MARGIN))
    levels = np.clip(np.rint(sure * LEVELS_PER_LOGIT) + 128, 0, 255).astype(np.uint8)
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    if rows.size:
        cells = _spread(rows, logits.shape[0]), _spread(columns, logits.shape[1])
        pixels = [
            (round(low * full / count), round(high * full / count))
            for (low, high), count, full in zip(cells, logits.shape, shape, strict=True)
        ]
        area = tuple(slice(low, high) for low, high in pixels)
        size = tuple(high - low for low, high in pixels)[::-1]
        window = levels[tuple(slice(low, high) for low, high in cells)]
        if min(size) > 0:
            np.greater(
                cv2.resize(window, size, interpolation=cv2.INTER_LINEAR), 127, out=inside[area]
            )
    inside[points[~positive, 1], points[~positive, 0]] = False
    inside[points[positive, 1], points[positive, 0]] = True


def _spread(used: npt.NDArray[np.intp], count: int) -> tuple[int, int]:
    """The cells in use and two around them, end excluded."""
    return max(int(used[0]) - 2, 0), min(int(used[-1]) + 3, count)
