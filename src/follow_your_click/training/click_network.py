"""Objective of the click network: masks from simulated clicks, each further click where the last mask was most wrong.

Axis legend: B batch, N points, K levels (part, object, whole, head), S side of an example.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from follow_your_click.data.click_examples import ClickExamples
from follow_your_click.data.simulated_clicks import (
    click_overlaps,
    largest_error,
    most_interior,
    somewhere_inside,
)
from follow_your_click.data.true_masks import Part
from follow_your_click.models.click_network import LEVELS, ClickNetwork, ClickPrompts
from follow_your_click.models.text_encoder import load_tokenizer, load_word_vectors
from follow_your_click.named_parts import part_noun
from follow_your_click.region import Click
from follow_your_click.segmentation.base import PartNamingSegmenter, Segmenter
from follow_your_click.segmentation.grabcut_photo import iou
from follow_your_click.segmentation.granularity import choose_mask
from follow_your_click.training.objective import SEED_STRIDE

MAX_POINTS = 6
LEVEL_WEIGHTS = (0.5, 1.0, 0.5, 2.0)  # part, object, whole, head
PART, OBJECT = LEVELS.index("part"), LEVELS.index("object")
BOX_SHARE = 0.15  # of the examples, that are told by a box instead of a first click
PART_CORRECTED_SHARE = (
    0.25  # of the examples with a part, that further clicks ask for this instead of the object
)
CORRECTED_SHARE = 0.55  # of the steps, that go on after the first click
FORGOTTEN_SHARE = 0.2  # of the later rounds, that do not see the mask before
RIM_WEIGHT = 4.0  # of a pixel at the rim of what is meant, beside its own 1 as everywhere
RIM_REACH = 2  # px on both sides of the rim
VECTORS = "named.vectors"  # of a network's names

Validation = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class ClickBatch:
    """images (B, 3, S, S) in [-1, 1]; masks (B, K, S, S) in {0, 1} and their rims; known (B, K) in {0, 1}; first prompts."""

    images: Tensor
    masks: Tensor
    rims: Tensor
    known: Tensor
    prompts: ClickPrompts
    seed: int


@dataclass
class ClickObjective:
    """Cross-entropy and soft Dice of the masks, both heavier at the rim; squared error of the guessed overlaps.

    Args:
        model: the network under training.
        examples: what it learns from.
        validation: photos (H, W, 3) uint8 with true masks (H, W) bool that are held out.
        rounds: most clicks of a step: the first and, in `CORRECTED_SHARE` of the steps, so many minus one where the mask is
            most wrong.
        named: whether examples are of parts with names alone, of which the network is told, and nothing but what it makes of
            names is trained.
        validation_parts: for that, photos (H, W, 3) with held-out parts.
    """

    model: ClickNetwork
    examples: ClickExamples
    validation: Sequence[Validation]
    rounds: int = 2
    named: bool = False
    validation_parts: Sequence[tuple[npt.NDArray[np.uint8], Sequence[Part]]] = ()

    def __post_init__(self) -> None:
        if self.named:
            assert self.model.named is not None, "the network has names"
            self.model.requires_grad_(False)
            self.model.named.requires_grad_(True)

    def batch(self, batch_size: int, *, seed: int, step: int) -> ClickBatch:
        """Examples with their first click or box."""
        random = random_module.Random(seed * SEED_STRIDE + step)
        draw = self.examples.draw_named if self.named else self.examples.draw
        drawn = [draw(random) for _ in range(batch_size)]
        device = next(self.model.parameters()).device
        images = torch.from_numpy(np.stack([example.image for example in drawn]))
        masks = torch.from_numpy(np.stack([example.masks for example in drawn]))
        size = images.shape[1]
        points = torch.zeros(batch_size, MAX_POINTS, 2)
        labels = torch.full((batch_size, MAX_POINTS), -1)
        boxes = torch.zeros(batch_size, 4)
        for index, example in enumerate(drawn):
            if not self.named and random.random() < BOX_SHARE:
                boxes[index] = torch.tensor(_loose_box(example.masks[OBJECT], random))
            else:
                points[index, 0], labels[index, 0] = torch.tensor(example.place), 1
        prompts = ClickPrompts(
            points.to(device),
            labels.to(device),
            boxes.to(device),
            torch.zeros(batch_size, 1, size, size, device=device),
            self.model.places([example.name for example in drawn]) if self.named else None,
        )
        return ClickBatch(
            images=(images.to(device).permute(0, 3, 1, 2).float() / 127.5 - 1),
            masks=masks.to(device).float(),
            rims=torch.from_numpy(np.stack([_rims(example.masks) for example in drawn])).to(device),
            known=torch.from_numpy(np.stack([example.known for example in drawn])).to(device),
            prompts=prompts,
            seed=seed * SEED_STRIDE + step,
        )

    def loss(self, batch: ClickBatch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Mean over the rounds of clicks; "iou_1" and "iou_last" are the object's (a named part's), of the training examples."""
        if self.named:
            self.model.eval()  # what is not trained keeps its statistics too
        features = self.model.encode(batch.images.contiguous(memory_format=torch.channels_last))
        prompts = batch.prompts
        random = random_module.Random(batch.seed)
        total = logits = batch.images.new_zeros(())
        overlaps: list[Tensor] = []
        rounds = self.rounds if random.random() < CORRECTED_SHARE else 1
        meant = self._meant(batch, random) if rounds > 1 else []
        for turn in range(rounds):
            if turn:
                prompts = self._corrected(prompts, batch, logits.detach(), meant, random)
                batch = replace(batch, known=_known_of(batch.known, meant))
            logits, scores = self.model.decode(features, prompts)
            loss, overlap = _round_loss(logits, scores, batch)
            total = total + loss / rounds
            overlaps.append(overlap[:, PART if self.named else OBJECT].mean())
        return {"loss": total, "iou_1": overlaps[0].detach(), "iou_last": overlaps[-1].detach()}

    def _meant(self, batch: ClickBatch, random: random_module.Random) -> list[int]:
        """Level by example: what further clicks ask for. A box is drawn around objects alone."""
        parts = batch.known[:, PART] & (batch.prompts.labels[:, 0] == 1)
        if self.named:
            return [PART] * len(parts)
        return [
            PART if known and random.random() < PART_CORRECTED_SHARE else OBJECT
            for known in parts.tolist()
        ]

    def _corrected(
        self,
        prompts: ClickPrompts,
        batch: ClickBatch,
        logits: Tensor,
        meant: list[int],
        random: random_module.Random,
    ) -> ClickPrompts:
        """Another click in the largest error of the mask of what is meant, and that mask to start from."""
        points, labels = prompts.points.clone(), prompts.labels.clone()
        every = torch.arange(len(meant), device=logits.device)
        logits = logits[every, meant]
        found = (logits > 0).cpu().numpy()
        truths = (batch.masks[every, meant] > 0.5).cpu().numpy()
        for index, (truth, mask) in enumerate(zip(truths, found, strict=True)):
            worst = largest_error(truth, mask)
            free = (labels[index] < 0).nonzero()
            if worst is None or not len(free):
                continue
            area, positive = worst
            place = most_interior(area) if random.random() < 0.5 else somewhere_inside(area, random)
            points[index, free[0]] = points.new_tensor(place, dtype=points.dtype)
            labels[index, free[0]] = int(positive)
        kept = torch.tensor(
            [random.random() >= FORGOTTEN_SHARE for _ in found], device=logits.device
        )
        mask = logits[:, None].sigmoid() * kept[:, None, None, None]
        return replace(prompts, points=points, labels=labels, mask=mask)

    def validate(self, model: nn.Module) -> tuple[dict[str, float], Image.Image | None]:
        """Mean overlap after 1, 3 and 5 clicks on held-out photos, as `benchmarks/segmentation.py` counts; if any."""
        from follow_your_click.segmentation.click import ClickSegmenter

        assert isinstance(model, ClickNetwork)
        segmenter = ClickSegmenter(model)
        if self.named:
            return self._validate_names(segmenter), None
        if not self.validation:
            return {}, None
        ious, rows = [], []
        for image, truth in self.validation:
            segmenter.set_image(image)
            answer = partial(_object_mask, segmenter)
            of_clicks, first = click_overlaps(answer, truth, clicks=5)
            ious.append(of_clicks)
            rows.append(_pictured(image, truth, first))
        means = np.mean(ious, axis=0)
        figures = {f"iou_{count}": round(float(means[count - 1]), 4) for count in (1, 3, 5)}
        return figures, Image.fromarray(np.concatenate(rows[:24], axis=0))

    def _validate_names(self, segmenter: PartNamingSegmenter) -> dict[str, float]:
        """Mean overlap with held-out parts after one click anywhere on them, told what they are called and not."""
        random, found = random_module.Random(0), []
        for image, parts in self.validation_parts:
            segmenter.set_image(image)
            for part in parts:
                point = np.array([somewhere_inside(part.area, random)], np.float32)
                noun = part_noun(part.name)
                if noun:
                    answers = [
                        segmenter.predict(point_coords=point, part=name) for name in (noun, None)
                    ]
                    masks = [choose_mask(answer, "part") for answer in answers]
                    found.append([iou(mask, part.area) for mask in masks])
        if not found:
            return {}
        named, alone = np.mean(found, axis=0).round(4).tolist()
        return {"iou_named": named, "iou_part": alone}


def with_names(network: ClickNetwork, names: Sequence[str]) -> ClickNetwork:
    """The network told of these names, by the text encoder's word vectors; what it has learned of names, at first nothing, is kept."""
    table = load_word_vectors()
    table /= table.std()
    shape = {key: value for key, value in network.config.items() if not key.startswith("_")}
    told: ClickNetwork = ClickNetwork(
        **{**shape, "names": tuple(names), "name_channels": table.shape[1]}
    )
    learned = {key: value for key, value in network.state_dict().items() if key != VECTORS}
    told.load_state_dict(learned, strict=False)
    assert told.named is not None
    tokenizer = load_tokenizer()
    for place, name in enumerate(names):
        told.named.vectors[place] = table[tokenizer(name)["input_ids"]].mean(dim=0)
    return told


def _known_of(known: Tensor, meant: Sequence[int]) -> Tensor:
    """(B, K): what further clicks say something of. Those on a part do not say what else is the object's, nor these what a part is."""
    part = torch.tensor([level == PART for level in meant], device=known.device)[:, None]
    levels = torch.arange(known.shape[1], device=known.device)
    return known & ((levels == PART) == part)


def _round_loss(logits: Tensor, scores: Tensor, batch: ClickBatch) -> tuple[Tensor, Tensor]:
    """The loss of one round, and the overlap of each level: (B, K)."""
    logits = logits.float()
    known = batch.known.to(logits) * logits.new_tensor(LEVEL_WEIGHTS)
    weights = _rim_weights(batch.rims)
    entropy = F.binary_cross_entropy_with_logits(logits, batch.masks, reduction="none")
    entropy = (weights * entropy).mean(dim=(2, 3))
    chance, meant = weights * logits.sigmoid(), weights * batch.masks
    shared = (chance * batch.masks).sum(dim=(2, 3))
    dice = 1 - (2 * shared + 1) / (chance.sum(dim=(2, 3)) + meant.sum(dim=(2, 3)) + 1)
    taken, truth = logits.detach() > 0, batch.masks > 0.5
    overlap = (taken & truth).sum(dim=(2, 3)) / (taken | truth).sum(dim=(2, 3)).clamp(min=1)
    guess = (scores - overlap).square()
    each = 2 * entropy + dice + guess
    return (each * known).sum() / known.sum(), overlap


def _rims(masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """What lies within `RIM_REACH` of both the mask and the rest: (K, S, S)."""
    around = np.ones((2 * RIM_REACH + 1,) * 2, np.uint8)
    levels = masks.astype(np.uint8)
    return np.stack([cv2.dilate(level, around) > cv2.erode(level, around) for level in levels])


def _rim_weights(rims: Tensor) -> Tensor:
    """(B, K, S, S), 1 on average over a mask. Else the few pixels of legs, stems and hands count for nothing."""
    weights = 1 + RIM_WEIGHT * rims.float()
    return weights / weights.mean(dim=(2, 3), keepdim=True)


def _loose_box(area: npt.NDArray[np.bool_], random: random_module.Random) -> list[float]:
    """The area's box, each side moved by up to a tenth of its length."""
    rows, columns = np.nonzero(area)
    x0, x1, y0, y1 = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    reach_x, reach_y = 0.1 * (x1 - x0), 0.1 * (y1 - y0)
    moved = [random.uniform(-1, 1) for _ in range(4)]
    return [
        float(x0 + moved[0] * reach_x),
        float(y0 + moved[1] * reach_y),
        float(x1 + moved[2] * reach_x),
        float(y1 + moved[3] * reach_y),
    ]


def _object_mask(segmenter: Segmenter, clicks: Sequence[Click]) -> npt.NDArray[np.bool_]:
    found = segmenter.predict(
        point_coords=np.array([(click.x, click.y) for click in clicks], np.float32),
        point_labels=np.array([int(click.positive) for click in clicks], np.int64),
    )
    mask: npt.NDArray[np.bool_] = found.masks[0]
    return mask


def _pictured(
    image: npt.NDArray[np.uint8], truth: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]
) -> npt.NDArray[np.uint8]:
    """Photo, true mask and the mask of the first click side by side, 160 px high each."""
    pictures = [image, *(np.where(m[..., None], image, image // 4) for m in (truth, found))]
    small = [Image.fromarray(picture).resize((240, 160)) for picture in pictures]
    return np.concatenate([np.asarray(picture) for picture in small], axis=1)
