"""From words to boxes: "the boat", by an open-vocabulary detector of transformers. Optional; the box goes to a segmenter.

Axis legend: H rows, W columns, Q boxes that a detector proposes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import transformers

from follow_your_click.errors import PromptError, RegionError, SettingsError
from follow_your_click.models.hub import first_line
from follow_your_click.region import Box
from follow_your_click.segmentation.hub_weights import (
    LOADING_ERRORS,
    Wanted,
    find_checkpoint,
    load_model,
    quiet_transformers,
    read_config,
)
from follow_your_click.segmentation.points import checked_image
from follow_your_click.segmentation.text_processing import (
    DetectorForm,
    GroundingDinoForm,
    Owlv2Form,
    Proposals,
)

DETECTOR = Wanted("text detector", "or click on the object instead")
DEFAULT_DETECTOR = "google/owlv2-base-patch16-ensemble"
SAME_BOX_IOU = 0.5  # chosen: boxes that overlap more are one object

_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt")
_CLASS_NAMES = {
    "owlv2": "Owlv2ForObjectDetection",
    "grounding-dino": "GroundingDinoForObjectDetection",
}


@dataclass(frozen=True)
class FoundBox:
    """Where something is that was asked for. `score`: the detector's, 0 ... 1."""

    box: Box
    score: float


class TextDetector:
    """Finds what a phrase names in a photo.

    Args:
        model: transformers' Owlv2ForObjectDetection or GroundingDinoForObjectDetection.
        tokenizer: the one that belongs to it.
        form: how the model wants its input.
    """

    def __init__(self, model: Any, tokenizer: Any, form: DetectorForm) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.form = form

    @classmethod
    def from_pretrained(
        cls, name: str | Path = DEFAULT_DETECTOR, *, device: str | None = None
    ) -> TextDetector:
        """Load an OWLv2 or Grounding DINO checkpoint, whichever config.json says it is.

        Args:
            name: a folder, or a hub id (downloaded once, then taken from the cache).
            device: None for the best there is.

        Raises:
            ModelError: no such model, no network, incomplete files, or a model of another kind.
        """
        folder = find_checkpoint(name, DETECTOR)
        model_type = read_config(folder, DETECTOR)["model_type"]
        if model_type not in _CLASS_NAMES:
            expected = " or ".join(_CLASS_NAMES)
            reason = f"holds a model of type {model_type!r}, expected {expected}"
            raise DETECTOR.error(name, reason)
        tokenizer = _tokenizer(folder)
        kind = getattr(transformers, _CLASS_NAMES[model_type])
        model = load_model(kind, folder, DETECTOR, device=device)
        form: DetectorForm
        if model_type == "owlv2":
            form = Owlv2Form(int(model.config.vision_config.image_size))
        else:
            form = GroundingDinoForm.of_folder(folder)
        return cls(model, tokenizer, form)

    def find(
        self, image: npt.NDArray[np.uint8], text: str, *, threshold: float | None = None
    ) -> list[FoundBox]:
        """Boxes of what the phrase names, best first, each object once.

        Args:
            image: (H, W, 3) uint8 RGB.
            text: a noun phrase such as "the boat".
            threshold: the lowest score that counts, 0 ... 1; None: the detector's usual one (OWLv2 0.1,
                Grounding DINO 0.25).

        Raises:
            RegionError: nothing scores so high; the message names the best score there is.
            PromptError: no text, or more than the detector reads.
            SettingsError: a threshold out of range.
        """
        checked_image(image)
        if threshold is None:
            threshold = self.form.default_threshold
        if not 0.0 <= threshold <= 1.0:
            raise SettingsError(f"threshold: got {threshold}, expected 0 ... 1")
        wanted = " ".join(text.split())
        if not wanted.strip(". "):
            raise PromptError('text: got none, expected what to look for, like "the boat"')
        proposals = self._proposals(image, wanted)
        found = _distinct(proposals, threshold, image.shape[:2])
        if not found:
            raise RegionError(
                f"text {wanted!r}: the best match scores {proposals.scores.max():.2g}, expected "
                f"more than {threshold:g}; try other words or a lower threshold, or click on it"
            )
        return found

    @torch.inference_mode()
    def _proposals(self, image: npt.NDArray[np.uint8], text: str) -> Proposals:
        limit = self.form.max_tokens(self.model.config)
        phrase = self.form.phrase(text)
        tokens = self.tokenizer(phrase, return_tensors="pt")
        count = int(tokens["input_ids"].shape[1])
        if count > limit:
            raise PromptError(
                f"text {text!r}: got {count} tokens, expected at most {limit}; name the object only"
            )
        if self.form.padding == "max_length":
            padded = {"padding": "max_length", "max_length": limit}
            tokens = self.tokenizer(phrase, return_tensors="pt", **padded)
        inputs = {**tokens, **self.form.image_inputs(image)}
        device = self.model.device
        answer = self.model(**{name: value.to(device) for name, value in inputs.items()})
        return self.form.proposals(answer, (image.shape[0], image.shape[1]))


def _tokenizer(folder: Path) -> Any:
    """The folder's tokenizer; ModelError without one, where transformers would make up an empty one."""
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        raise DETECTOR.error(
            folder, f"has no {', '.join(_VOCABULARIES[:-1])} or {_VOCABULARIES[-1]}"
        )
    try:
        with quiet_transformers():
            return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except LOADING_ERRORS as error:
        reason = f"its tokenizer cannot be loaded ({first_line(error)})"
        raise DETECTOR.error(folder, reason) from error


def _distinct(proposals: Proposals, threshold: float, shape: tuple[int, ...]) -> list[FoundBox]:
    """Boxes on the photo above the threshold, best first, without those that lie mostly on a better one."""
    height, width = shape[:2]
    boxes = np.clip(proposals.boxes, 0.0, (width, height, width, height))
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    for index in np.argsort(-proposals.scores, kind="stable").tolist():
        if areas[index] <= 0 or proposals.scores[index] <= threshold:
            continue
        overlaps = _overlaps(boxes[index], boxes[kept], areas[index], areas[kept])
        if not (overlaps > SAME_BOX_IOU).any():
            kept.append(index)
    return [FoundBox(Box(*boxes[k].tolist()), float(proposals.scores[k])) for k in kept]


def _overlaps(
    box: npt.NDArray[np.float64],
    others: npt.NDArray[np.float64],
    area: float,
    areas: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Intersection over union of one box with others (N, 4): (N,)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)
    share: npt.NDArray[np.float64] = shared / (area + areas - shared)
    return share
