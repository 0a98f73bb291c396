"""Objective of the displacement field: how a region is displaced, told words, strength and mask. No picture is looked at.

Axis legend: B batch, D text channels, F frames, H W rows and columns of the window, h w of the head's positions.
"""

from __future__ import annotations

import random as random_module
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Literal, cast

import torch
from einops import rearrange
from PIL import Image
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from follow_your_click.data.motion_prompts import (
    MOTIONS,
    WordingSplit,
    family,
    sample_prompt,
    sample_typed,
)
from follow_your_click.data.procedural import ClipBatch, ClipRequest, ProceduralClips
from follow_your_click.models.conditioning import at_size, latent_region_mask
from follow_your_click.models.displacement import FINER, GRIDS, DisplacementField, finer, on_grid
from follow_your_click.models.text_encoder import encode_text, load_tokenizer
from follow_your_click.prompt_reading import in_plain_words
from follow_your_click.training.config import DisplacementFieldSettings
from follow_your_click.training.objective import SEED_STRIDE, step_generator, steps_in_use

LATENT_POSITION = 8  # px per latent position
VALIDATION_CLIPS = 4  # of each motion

# Weights of a displacement's error against those on the object itself, which count 1 (tuned).
PASSED_WEIGHT = 0.2
ELSEWHERE_WEIGHT = 0.002
VELOCITY_WEIGHT = 0.5
FAR_OFF = 5.0
ASKED_SHARE = 0.5  # of the clips of `BOUNDED`, whose strength is told as it was asked for
BOUNDED = ("turn", "nod")  # families whose outline stays: they bear so much and no more
PLAIN_SHARE = (
    0.7  # of the prompts, that are the plain words in which the animator tells what it has read
)
STILL = 1e-4  # share of the window: a smaller displacement counts as none


@dataclass(frozen=True)
class GeometryBatch:
    """What a clip is, but for its pictures.

    region_mask: (B, h, w). moving: (B, F, h, w). displacement: (B, 2, F, h, w). motion_strength: (B,).
    """

    region_mask: Tensor
    moving: Tensor
    displacement: Tensor
    motion_strength: Tensor


@dataclass
class DisplacementFieldObjective:
    """The displacement's error on procedural clips, each with prompts drawn anew at every step.

    Args:
        model: the field under training.
        text_encoder: frozen.
        clips: where training clips come from.
        validation_clips: held-out photos and cut-outs.
        nouns: names of things, mixed into the wordings.
    """

    model: DisplacementField
    text_encoder: nn.Module
    clips: ProceduralClips
    validation_clips: ProceduralClips
    nouns: list[str]
    settings: DisplacementFieldSettings
    tokenizer: PreTrainedTokenizerFast = field(default_factory=load_tokenizer)

    def __post_init__(self) -> None:
        # Rendering a clip takes some ten times as long as a training step on it.
        self._rendered = lru_cache(maxsize=self.settings.clip_uses)(self._render)

    def batch(self, batch_size: int, *, seed: int, step: int) -> tuple[GeometryBatch, Tensor]:
        """Clips of this step and of the `clip_uses - 1` steps before it, and their texts (B, D)."""
        count, steps = steps_in_use(batch_size, self.settings.clip_uses, step)
        found = [self._rendered(count, seed, number) for number in steps]
        parts, motions = zip(*found, strict=True)
        geometry = GeometryBatch(
            *(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(GeometryBatch))
        )
        random = random_module.Random(seed * SEED_STRIDE + step)
        return geometry, self._texts([m for some in motions for m in some], random, "train")

    def _render(self, count: int, seed: int, step: int) -> tuple[GeometryBatch, list[str]]:
        # Wrapped to a positive seed: the first steps of a run also use "earlier" clips.
        generator = step_generator(seed, step % (SEED_STRIDE // 2), self._device)
        clips = self.clips.sample(count, generator, self._device)
        geometry = geometry_of(clips)
        # A person asks for more than a small head's turn can be: then it is as much as it can. (Growing objects tore by it.)
        draws = torch.rand(count, generator=generator, device=generator.device)
        bounded = torch.tensor([family(motion) in BOUNDED for motion in clips.motions])
        more = clips.asked_strength.maximum(geometry.motion_strength)
        as_asked = (draws < ASKED_SHARE) & bounded.to(draws.device)
        told = torch.where(as_asked, more, geometry.motion_strength)
        return replace(geometry, motion_strength=told), clips.motions

    @property
    def _device(self) -> torch.device:
        return self.model.linear_in.weight.device

    @torch.no_grad()
    def _texts(
        self,
        motions: list[str],
        random: random_module.Random,
        split: WordingSplit | Literal["plain"],
    ) -> Tensor:
        """A prompt's mean embedding for each motion, (B, D); some are dropped to ""."""
        prompts = []
        for motion in motions:
            noun = random.choice((None, None, random.choice(self.nouns)))
            if split == "plain" or (split == "train" and random.random() < PLAIN_SHARE):
                prompt = in_plain_words(motion)
            elif split == "train":
                prompt = sample_typed(motion, noun=noun, others=self.nouns, random=random)
            else:
                prompt = sample_prompt(motion, noun=noun, random=random, split=split)
            dropped = split == "train" and random.random() < self.settings.motion_prompt_dropout
            prompts.append("" if dropped else prompt)
        return encode_text(self.text_encoder, self.tokenizer, prompts).mean(dim=1)

    def loss(
        self, batch: tuple[GeometryBatch, Tensor], *, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """The error of the displacement and of its change from frame to frame, relative to the clip's own.

        On one of the head's grids, which costs what that costs, and a step takes another one.
        """
        row, column = torch.randint(
            GRIDS, (2,), generator=generator, device=generator.device
        ).tolist()
        weight = self.settings.own_weight
        return {"loss": self._loss_of(self.model, *batch, grid=(row, column), own_weight=weight)}

    @staticmethod
    def _loss_of(
        model: DisplacementField,
        geometry: GeometryBatch,
        texts: Tensor,
        grid: tuple[int, int] | None = None,
        own_weight: float = 0.0,
    ) -> Tensor:
        frames = geometry.moving.shape[1]
        ways, own = model.parts(
            texts, geometry.region_mask, geometry.motion_strength, frames, grid=grid
        )
        true, moving = geometry.displacement, geometry.moving
        if grid is not None:
            true, moving = on_grid(true, grid), on_grid(moving, grid)
        loss = displacement_loss(ways + own, true, moving)
        return loss + own_weight * _share_of(own, true, moving) if own_weight else loss

    def validate(self, model: nn.Module) -> tuple[dict[str, float], Image.Image | None]:
        """The error on fixed held-out photos and objects: in plain words, in training wordings and in held-out ones."""
        generator = torch.Generator(self._device).manual_seed(0)
        motions = [motion for motion in MOTIONS if motion != "still"] * VALIDATION_CLIPS
        clips = self.validation_clips.sample_requests(
            [ClipRequest(motion) for motion in motions], generator, self._device
        )
        geometry = geometry_of(clips)
        splits: tuple[WordingSplit | Literal["plain"], ...] = ("plain", "train", "held_out")
        return {
            f"displacement_error_{split}_wordings": float(
                self._loss_of(
                    cast(DisplacementField, model),
                    geometry,
                    self._texts(motions, random_module.Random(0), split),
                )
            )
            for split in splits
        }, None


def geometry_of(clips: ClipBatch) -> GeometryBatch:
    """A rendered clip's masks and displacements at the head's positions; the region is known at the latents' only."""
    count, size = clips.frames.shape[0], clips.frames.shape[-1] // LATENT_POSITION
    fine = (FINER * size, FINER * size)
    moving = latent_region_mask(clips.moving_mask.flatten(0, 1), fine)
    return GeometryBatch(
        region_mask=finer(latent_region_mask(clips.region_mask, (size, size))[:, 0]),
        moving=rearrange(moving, "(b f) 1 h w -> b f h w", b=count),
        displacement=at_positions(clips.displacement, fine),
        motion_strength=clips.motion_strength,
    )


def displacement_loss(
    predicted: Tensor, true: Tensor, moving: Tensor, validity: Tensor | None = None
) -> Tensor:
    """Squared error of displacements and of their change from frame to frame, relative to the clip's own: a scalar.

    Squared, because absolute errors pull a motion that few clips show to the nothing that most show of it.

    The object itself counts most, what it passes over less, the rest hardly: there the displacement only must not
    lead into the object. Clips in which nothing moves say nothing.

    Args:
        predicted, true: (B, 2, F, h, w).
        moving: (B, F, h, w), the object's coverage.
        validity: (B, F, h, w), how far `true` is known; None: fully.
    """
    known = torch.ones_like(moving) if validity is None else validity
    passed = torch.nn.functional.max_pool2d(moving.amax(dim=1, keepdim=True), 3, 1, 1)
    weight = (moving + PASSED_WEIGHT * passed + ELSEWHERE_WEIGHT).unsqueeze(1)
    total = torch.zeros((), device=predicted.device)
    for order, share in ((0, 1.0), (1, VELOCITY_WEIGHT)):
        # A change from frame to frame is known where both frames are.
        sure = known[:, None, order:] * (known[:, None, :-order] if order else 1)
        found, wanted, at = predicted.float(), true, weight[:, :, order:] * sure
        if order:
            found, wanted = found.diff(dim=2), wanted.diff(dim=2)
        covered = moving[:, None, order:] * sure
        size = (wanted.square() * covered).sum((1, 2, 3, 4))
        size = size / covered.sum((1, 2, 3, 4)).clamp(min=1)
        error = ((found - wanted).square() * at).sum((1, 2, 3, 4)) / at.sum((1, 2, 3, 4)).clamp(
            min=1e-6
        )
        relative = error / size.clamp(min=STILL**2) * (size > STILL**2)
        # A clip that is wrong by far more than its own motion must not outweigh all others.
        total = total + share * (relative / (1 + relative / FAR_OFF)).mean()
    return total


def _share_of(own: Tensor, true: Tensor, moving: Tensor) -> Tensor:
    """The energy of what positions are displaced by themselves (B, 2, F, h, w) where the object is, as a share of the true displacement's: a scalar."""
    area = moving.sum((1, 2, 3)).clamp(min=1)
    energy, size = (
        (each.float().square() * moving[:, None]).sum((1, 2, 3, 4)) / area for each in (own, true)
    )
    share = energy / size.clamp(min=STILL**2) * (size > STILL**2)
    return (share / (1 + share / FAR_OFF)).mean()


def at_positions(displacement: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, F, 2, H, W) at pixels -> (B, 2, F, h, w) at larger positions."""
    return at_size(rearrange(displacement, "b f c h w -> b c f h w"), size)
