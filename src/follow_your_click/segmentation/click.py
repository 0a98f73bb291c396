"""The embedded segmenter: a small network trained for clicks.

Axis legend: H rows, W columns (photo), h w (the network's image), N points, K candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
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

# px: long side of the network's image, as in training. At 256 an object that fills the photo is larger than any that the
# network learned from, and it finds a part; clicks on small objects gain 0.03 of IoU there after three.
SIDE = 160
LEVELS_PER_LOGIT = 16.0  # of 256: what the rim between two cells is drawn from
MARGIN = 0.1  # logit that a cell has at least that was kept, or left away, with what it hangs together with


@dataclass(frozen=True)
class _Photo:
    shape: tuple[int, int]  # H, W
    size: tuple[int, int]  # h, w of the photo in the network's image, without padding
    features: ClickFeatures


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
        height, width = image.shape[:2]
        scale = SIDE / max(height, width)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        small = np.asarray(cv2.resize(image, size[::-1], interpolation=method), np.uint8)
        below, right = (-side % STRIDE for side in size)
        padded = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_REPLICATE)
        parameter = next(self.network.parameters())
        pixels = torch.from_numpy(padded).permute(2, 0, 1)[None].to(parameter) / 127.5 - 1
        features = self.network.encode(pixels.contiguous(memory_format=torch.channels_last))
        self._photo = _Photo((height, width), size, features)

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
        prompts = self._prompts(photo, points, positive, box, mask)
        logits, scores = self.network.decode(photo.features, prompts)
        height, width = photo.size
        found = logits[0, :, :height, :width].float().cpu().numpy()
        guesses = scores[0].float().cpu().numpy()
        names = ("object", "part", "whole")
        order = [LEVELS.index(name) for name in names]
        masks = np.zeros((len(order), *photo.shape), np.bool_)
        for mask_out, level in zip(masks, order, strict=True):
            _draw_full_size(mask_out, found[level], points, positive)
        falling = np.minimum.accumulate(guesses[order])
        return Segmentation(masks, falling.astype(np.float32), names)

    def _prompts(
        self,
        photo: _Photo,
        points: npt.NDArray[np.intp],
        positive: npt.NDArray[np.bool_],
        box: npt.NDArray[np.float32] | None,
        mask: npt.NDArray[np.float32] | None,
    ) -> ClickPrompts:
        """In pixels of the network's image, on its device."""
        device = next(self.network.parameters()).device
        scale = np.array([photo.size[1] / photo.shape[1], photo.size[0] / photo.shape[0]])
        height, width = (4 * side for side in photo.features.quarter.shape[-2:])
        earlier = torch.zeros(1, 1, height, width, device=device)
        if mask is not None:
            if mask.shape != photo.shape:
                raise RegionError(f"mask: got {mask.shape}, expected {photo.shape}")
            values = np.asarray(mask, np.float32)
            small = cv2.resize(values, photo.size[::-1], interpolation=cv2.INTER_AREA)
            earlier[0, 0, : photo.size[0], : photo.size[1]] = torch.from_numpy(small)
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
