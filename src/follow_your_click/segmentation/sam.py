"""Segment Anything 1, 2 and 3 behind the one protocol, through transformers and without torchvision.

Axis legend: H rows, W columns, N points, K candidates, M side of a model's masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import transformers
from torch import Tensor

from follow_your_click.errors import RegionError
from follow_your_click.segmentation.base import Segmentation
from follow_your_click.segmentation.hub_weights import (
    Wanted,
    find_checkpoint,
    load_model,
    read_config,
)
from follow_your_click.segmentation.points import (
    check_asked,
    checked_image,
    checked_points,
    prepared,
)
from follow_your_click.segmentation.sam_processing import (
    HALF,
    IMAGENET_MEAN,
    IMAGENET_STD,
    SamFrame,
)

SEGMENTER = Wanted("segmenter", "or use the embedded one (--segmenter embedded)")


@dataclass(frozen=True)
class _Family:
    """Models that are called alike."""

    class_name: str  # in transformers
    fit: Literal["pad", "stretch"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


_SAM = _Family("SamModel", "pad", IMAGENET_MEAN, IMAGENET_STD)
_SAM2 = _Family("Sam2Model", "stretch", IMAGENET_MEAN, IMAGENET_STD)
_SAM3 = _Family("Sam3TrackerModel", "stretch", HALF, HALF)
# By model_type in config.json. The public SAM 2 and SAM 3 models are saved as their video models, which hold
# the image model's weights; of SAM 3 the tracker is the part that answers clicks.
_FAMILIES = {
    "sam": _SAM,
    "sam2": _SAM2,
    "sam2_video": _SAM2,
    "sam3_tracker": _SAM3,
    "sam3_tracker_video": _SAM3,
    "sam3_video": _SAM3,
}


@dataclass(frozen=True)
class _Photo:
    shape: tuple[int, int]  # H, W
    embeddings: Any  # what the model's get_image_embeddings returned


class SamSegmenter:
    """Clicks, a box or a rough mask to masks, by a Segment Anything model; deterministic on a CPU.

    A positive click's own pixel is in every candidate, a negative one's in none.

    Args:
        model: transformers' SamModel, Sam2Model or Sam3TrackerModel.
        frame: how photos lie in the model's image.
    """

    def __init__(self, model: Any, frame: SamFrame) -> None:
        self.model = model
        self.frame = frame
        self._photo: _Photo | None = None

    @classmethod
    def from_pretrained(cls, name: str | Path, *, device: str | None = None) -> SamSegmenter:
        """Load a SAM, SAM 2 or SAM 3 checkpoint, whichever config.json says it is.

        Args:
            name: a folder, or a hub id (downloaded once, then taken from the cache).
            device: None for the best there is.

        Raises:
            ModelError: no such model, no network, incomplete files, or a model of another kind.
        """
        folder = find_checkpoint(name, SEGMENTER)
        model_type = read_config(folder, SEGMENTER)["model_type"]
        family = _FAMILIES.get(model_type)
        if family is None:
            expected = ", ".join(_FAMILIES)
            reason = f"holds a model of type {model_type!r}, expected one of {expected}"
            raise SEGMENTER.error(name, reason)
        kind = getattr(transformers, family.class_name)
        model = load_model(kind, folder, SEGMENTER, device=device)
        prompts = model.config.prompt_encoder_config
        side, patch = _whole(prompts.image_size), _whole(prompts.patch_size)
        frame = SamFrame(side, 4 * (side // patch), family.fit, family.mean, family.std)
        return cls(model, frame)

    @torch.inference_mode()
    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        """Embed one photo, (H, W, 3) uint8 RGB: the costly step. Raises RegionError for another shape."""
        checked_image(image)
        self._photo = None  # its memory is free for the next one's embedding
        pixels = self.frame.pixel_values(image).to(self.model.device)
        embeddings = self.model.get_image_embeddings(pixels)
        self._photo = _Photo((image.shape[0], image.shape[1]), embeddings)

    @torch.inference_mode()
    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
    ) -> Segmentation:
        """Three candidates for a single positive click, one for anything else, best first.

        As SAM's authors recommend: one click is ambiguous; a box, several clicks or a mask to refine
        are not, and have an output of their own. A mask without a positive click or a box goes with
        its bounding box, since SAM has seen masks only beside clicks and boxes in training (Kirillov
        et al. 2023, appendix A). Arguments as in `Segmenter.predict`. Raises RegionError when
        set_image was not called, nothing is positive, a box has no area on the photo, or a point lies
        outside the photo.
        """
        shape = prepared(self._photo).shape
        points, positive = checked_points(shape, point_coords, point_labels)
        check_asked(positive, box, mask)
        alone = len(points) == 1 and box is None and mask is None
        corners = None if box is None else _clipped(box, shape)
        if mask is not None:
            if mask.shape != shape:
                raise RegionError(f"mask: got {mask.shape}, expected {shape}")
            if corners is None and not positive.any():
                corners = _bounding_box(mask)
        logits, scores = self._decode(points, positive, corners, mask, multimask_output=alone)
        order = np.argsort(-scores, kind="stable")
        masks = self.frame.full_size(logits[order], shape)
        masks[:, points[~positive, 1], points[~positive, 0]] = False
        masks[:, points[positive, 1], points[positive, 0]] = True
        return Segmentation(masks, np.clip(scores[order], 0.0, 1.0))

    def _decode(
        self,
        points: npt.NDArray[np.intp],
        positive: npt.NDArray[np.bool_],
        corners: npt.NDArray[np.float64] | None,
        mask: npt.NDArray[np.float32] | None,
        *,
        multimask_output: bool,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Mask logits (K, M, M) and predicted IoU (K,), in the model's order."""
        assert self._photo is not None
        prompts: dict[str, Tensor] = {}
        if len(points):
            prompts["input_points"] = self.frame.points(points, self._photo.shape)[None, None]
            prompts["input_labels"] = torch.from_numpy(positive.astype(np.int64))[None, None]
        if corners is not None:
            ends = self.frame.points(corners.reshape(2, 2), self._photo.shape)
            prompts["input_boxes"] = ends.reshape(1, 1, 4)
        if mask is not None:
            prompts["input_masks"] = self.frame.mask_logits(mask)
        answer = self.model(
            image_embeddings=self._photo.embeddings,
            multimask_output=multimask_output,
            **{name: prompt.to(self.model.device) for name, prompt in prompts.items()},
        )
        logits = answer.pred_masks[0, 0].float().cpu().numpy()
        return logits, answer.iou_scores[0, 0].float().cpu().numpy()


def _clipped(box: npt.NDArray[np.float32], shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The part of a box x0, y0, x1, y1 that lies on the photo."""
    corners = np.asarray(box, np.float64).reshape(4)
    limits = (shape[1], shape[0], shape[1], shape[0])
    clipped = np.clip(corners, 0.0, limits)
    if not (clipped[:2] < clipped[2:]).all():  # also true for NaN
        got = ",".join(f"{value:g}" for value in corners)
        raise RegionError(
            f"box {got}: expected x0,y0,x1,y1 with an area on the photo of {shape[1]}x{shape[0]}"
        )
    return clipped


def _bounding_box(mask: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    rows, columns = (np.flatnonzero((mask > 0.5).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        raise RegionError("mask: got no pixel above 0.5, expected the rough shape of the object")
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64)


def _whole(size: int | list[int] | tuple[int, ...]) -> int:
    """The side of a square that a configuration gives as one number or two."""
    return size if isinstance(size, int) else int(size[0])
