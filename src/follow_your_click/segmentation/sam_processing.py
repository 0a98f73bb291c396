"""Photos, clicks and masks on their way into Segment Anything models and back; needs no torchvision.

Axis legend: H rows, W columns (photo), S side of the model's square image, M side of its masks (M = 4 S / patch),
N points, K candidates.

The same steps and numbers as transformers' SamProcessor, Sam2Processor and Sam3TrackerProcessor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
# A mask of 0 ... 1 as the logits that a model would have answered with: SAM 2's own scale and bias for masks
# that come from outside (sigmoid_scale_for_mem_enc and sigmoid_bias_for_mem_enc in its configuration).
LOGIT_SCALE, LOGIT_BIAS = 20.0, -10.0


@dataclass(frozen=True)
class SamFrame:
    """How a photo lies in a model's square image.

    `fit`: "pad" keeps the photo's aspect, top left, and fills up with zeros (SAM); "stretch" fills the
    square (SAM 2, SAM 3). `mean`, `std`: of the colours, 0 ... 1.
    """

    side: int
    mask_side: int
    fit: Literal["pad", "stretch"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def size_in(self, square: int, shape: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns that a photo of `shape` (H, W) takes of a square of that side."""
        if self.fit == "stretch":
            return square, square
        scale = square / max(shape)
        height, width = (max(1, int(side * scale + 0.5)) for side in shape)
        return height, width

    def pixel_values(self, image: npt.NDArray[np.uint8]) -> Tensor:
        """(H, W, 3) uint8 RGB to (1, 3, S, S) float32."""
        height, width = self.size_in(self.side, image.shape[:2])
        small = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        colours = (torch.from_numpy(np.array(small)).permute(2, 0, 1) / 255.0 - mean) / std
        below, right = self.side - height, self.side - width
        return torch.nn.functional.pad(colours, (0, right, 0, below))[None]

    def points(self, coords: npt.NDArray[np.number], shape: tuple[int, int]) -> Tensor:
        """x, y (..., 2) in the photo's pixels to the model's, float32; the corners of a box likewise."""
        height, width = self.size_in(self.side, shape)
        scaled = np.asarray(coords, np.float64) * (width / shape[1], height / shape[0])
        return torch.from_numpy(scaled).float()

    def mask_logits(self, mask: npt.NDArray[np.floating]) -> Tensor:
        """A mask (H, W) 0 ... 1 to a mask prompt (1, 1, M, M) of logits."""
        height, width = self.size_in(self.mask_side, mask.shape)
        values = np.asarray(mask, np.float32)
        shrinks = mask.shape[0] >= height and mask.shape[1] >= width
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        small = np.zeros((self.mask_side, self.mask_side), np.float32)
        small[:height, :width] = cv2.resize(values, (width, height), interpolation=method)
        return torch.from_numpy(LOGIT_SCALE * small + LOGIT_BIAS)[None, None]

    def full_size(
        self, logits: npt.NDArray[np.float32], shape: tuple[int, int]
    ) -> npt.NDArray[np.bool_]:
        """Mask logits (K, M, M) to masks (K, H, W): bilinear, then above 0.

        One candidate at a time through one float buffer: of 24 megapixels that is 0.1 GB, not 0.3.
        """
        height, width = shape
        masks = np.empty((len(logits), height, width), np.bool_)
        buffer = np.empty(shape, np.float32)
        for source, mask in zip(logits, masks, strict=True):
            if self.fit == "pad":
                square = (self.side, self.side)
                rows, columns = self.size_in(self.side, shape)
                source = cv2.resize(source, square, interpolation=cv2.INTER_LINEAR)[:rows, :columns]
            large = cv2.resize(source, (width, height), dst=buffer, interpolation=cv2.INTER_LINEAR)
            np.greater(large, 0, out=mask)
        return masks
