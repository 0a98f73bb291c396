"""Photos and phrases on their way into open-vocabulary detectors, and boxes back; needs no torchvision.

Axis legend: H rows, W columns (photo), Q boxes that a detector proposes.

The same steps and numbers as transformers' Owlv2Processor and GroundingDinoProcessor.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from follow_your_click.segmentation.sam_processing import IMAGENET_MEAN, IMAGENET_STD

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Proposals:
    """`boxes`: (Q, 4) x0, y0, x1, y1 in the photo's pixels, may reach beyond it. `scores`: (Q,) 0 ... 1."""

    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]


class DetectorForm(Protocol):
    """How one family of detectors wants its input, and what its answer means."""

    @property
    def default_threshold(self) -> float:
        """The score from which transformers counts a box."""
        ...

    @property
    def padding(self) -> Literal["max_length", "do_not_pad"]:
        """Whether the model reads a row of tokens of full length."""
        ...

    def phrase(self, text: str) -> str:
        """A noun phrase as this family has seen them in training."""
        ...

    def max_tokens(self, config: Any) -> int:
        """The longest phrase, in tokens, start and end included."""
        ...

    def image_inputs(self, image: npt.NDArray[np.uint8]) -> dict[str, Tensor]:
        """The model's arguments for a photo (H, W, 3) uint8 RGB."""
        ...

    def proposals(self, answer: Any, shape: tuple[int, int]) -> Proposals:
        """What the model answered, for a photo of `shape` (H, W)."""
        ...


@dataclass(frozen=True)
class Owlv2Form:
    """OWLv2 (Minderer et al. 2023): the photo at the top left of a square, `side` px."""

    side: int
    default_threshold: float = 0.1
    padding: Literal["max_length", "do_not_pad"] = "max_length"

    def phrase(self, text: str) -> str:
        return text if text.startswith("a photo of") else f"a photo of {text}"

    def max_tokens(self, config: Any) -> int:
        return int(config.text_config.max_position_embeddings)

    def image_inputs(self, image: npt.NDArray[np.uint8]) -> dict[str, Tensor]:
        height, width = image.shape[:2]
        square = max(height, width)
        padded = cv2.copyMakeBorder(
            image, 0, square - height, 0, square - width, cv2.BORDER_CONSTANT, value=(0, 0, 0)
        )
        sigma = (square / self.side - 1) / 2  # scikit-image's rule against aliasing
        radius = int(4 * sigma + 0.5)
        if radius > 0:
            across = (2 * radius + 1, 2 * radius + 1)
            padded = cv2.GaussianBlur(padded, across, sigma, borderType=cv2.BORDER_REFLECT_101)
        small = cv2.resize(padded, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        return {"pixel_values": _normalised(np.asarray(small), CLIP_MEAN, CLIP_STD)}

    def proposals(self, answer: Any, shape: tuple[int, int]) -> Proposals:
        scores = answer.logits[0].max(dim=-1).values.sigmoid()
        square = float(max(shape))
        return Proposals(_corners(answer.pred_boxes[0], (square, square)), _numbers(scores))


@dataclass(frozen=True)
class GroundingDinoForm:
    """Grounding DINO (Liu et al. 2023): the photo with its own aspect, the short side of a set length."""

    shortest_edge: int = 800
    longest_edge: int = 1333
    default_threshold: float = 0.25
    padding: Literal["max_length", "do_not_pad"] = "do_not_pad"

    @classmethod
    def of_folder(cls, folder: Path) -> GroundingDinoForm:
        """With the sizes of preprocessor_config.json, where the folder has one."""
        try:
            text = (folder / "preprocessor_config.json").read_text(encoding="utf-8")
            size = json.loads(text)["size"]
            return cls(int(size["shortest_edge"]), int(size["longest_edge"]))
        except (OSError, ValueError, LookupError, TypeError):
            return cls()

    def phrase(self, text: str) -> str:
        return text.lower().rstrip(". ") + "."

    def max_tokens(self, config: Any) -> int:
        return int(config.max_text_len)

    def image_inputs(self, image: npt.NDArray[np.uint8]) -> dict[str, Tensor]:
        height, width = self.size(image.shape[0], image.shape[1])
        small = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        pixels = _normalised(np.array(small), IMAGENET_MEAN, IMAGENET_STD)
        mask = torch.ones(1, height, width, dtype=torch.int64)
        return {"pixel_values": pixels, "pixel_mask": mask}

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the model's image: short side as set, unless the long one would pass its limit."""
        short, long = min(height, width), max(height, width)
        exact = float(self.shortest_edge)
        if long / short * exact > self.longest_edge:
            exact = self.longest_edge * short / long
        target = max(1, round(exact))
        if short == target:
            return height, width
        other = max(1, int(exact * long / short))
        return (other, target) if width < height else (target, other)

    def proposals(self, answer: Any, shape: tuple[int, int]) -> Proposals:
        scores = answer.logits[0].sigmoid().max(dim=-1).values
        size = (float(shape[1]), float(shape[0]))
        return Proposals(_corners(answer.pred_boxes[0], size), _numbers(scores))


def _normalised(
    image: npt.NDArray[np.uint8],
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> Tensor:
    """(H, W, 3) uint8 to (1, 3, H, W) float32."""
    means, deviations = (torch.tensor(values)[:, None, None] for values in (mean, std))
    return ((torch.from_numpy(image).permute(2, 0, 1) / 255.0 - means) / deviations)[None]


def _corners(boxes: Tensor, size: tuple[float, float]) -> npt.NDArray[np.float64]:
    """(Q, 4) centre x, y, width, height as shares to corners in pixels; `size`: the width and height of 1."""
    centres, extents = _numbers(boxes[:, :2]), _numbers(boxes[:, 2:])
    corners = np.concatenate([centres - extents / 2, centres + extents / 2], axis=1)
    scaled: npt.NDArray[np.float64] = corners * np.tile(size, 2)
    return scaled


def _numbers(values: Tensor) -> npt.NDArray[np.float64]:
    return values.float().cpu().numpy().astype(np.float64)
