"""Objective of the text encoder: name the motion that a wording asks for.

Axis legend: B batch, N tokens, D channels, K motions.
"""

from __future__ import annotations

import random as random_module
import re
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from follow_your_click.data.motion_prompts import (
    HELD_OUT_WORDINGS,
    MOTIONS,
    TRAINING_WORDINGS,
    WordingSplit,
    sample_caption,
    sample_prompt,
)
from follow_your_click.models.text_encoder import MotionTextEncoder, load_tokenizer
from follow_your_click.training.objective import SEED_STRIDE

_CAPTION_SHARE = 0.3
_HELD_OUT_PROMPTS = 40  # per motion
_WHOLE_WORD = re.compile(r"[a-z]{4,}")
_COMMON_WORDS = 15_000  # of the vocabulary, which begins with the commonest
_ENDING = re.compile(r"(ing|ed|es|s|e|er)$")


class MotionClassifier(nn.Module):
    """The encoder with a linear reading of its mean token; only the encoder is kept after training."""

    def __init__(self, encoder: MotionTextEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.hidden_size, len(MOTIONS))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Tokens (B, N) -> logits (B, K)."""
        hidden = self.encoder(input_ids, attention_mask).last_hidden_state
        logits: Tensor = self.head(hidden.mean(dim=1))
        return logits


def unrelated_words(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """Common words that no wording of a motion has in any form, stand-ins for the names of things.

    With the few hundred names of the training pictures alone, a thing that is not among them is read as a motion. Words of the
    held-out wordings are left out too: training must not meet them.
    """
    said = {
        word
        for table in (TRAINING_WORDINGS, HELD_OUT_WORDINGS)
        for wordings in table.values()
        for word in " ".join(wordings).split()
    }
    stems = {_stem(word) for word in said}
    vocabulary = tokenizer.get_vocab().items()
    words = {word for word, i in vocabulary if i < _COMMON_WORDS and _WHOLE_WORD.fullmatch(word)}
    return sorted(word for word in words if word not in said and _stem(word) not in stems)


def _stem(word: str) -> str:
    return _ENDING.sub("", word)


@dataclass
class TextEncoderObjective:
    """Cross-entropy over motions, prompts and captions drawn from the training wordings.

    Args:
        model: classifier whose encoder is trained.
        nouns: names of things, mixed into the wordings.
    """

    model: MotionClassifier
    nouns: list[str]
    tokenizer: PreTrainedTokenizerFast = field(default_factory=load_tokenizer)

    def batch(self, batch_size: int, *, seed: int, step: int) -> dict[str, Tensor]:
        """Tokens and motion indices of random wordings."""
        random = random_module.Random(seed * SEED_STRIDE + step)
        motions = [random.choice(MOTIONS) for _ in range(batch_size)]
        return self._tokens(motions, random, "train", self.model.head.weight.device)

    def _tokens(
        self,
        motions: list[str],
        random: random_module.Random,
        split: WordingSplit,
        device: torch.device,
    ) -> dict[str, Tensor]:
        prompts = []
        for motion in motions:
            noun = random.choice([None, *random.sample(self.nouns, min(2, len(self.nouns)))])
            if random.random() < _CAPTION_SHARE:
                prompts.append(sample_caption(motion, noun, random, split=split))
            else:
                prompts.append(sample_prompt(motion, noun=noun, random=random, split=split))
        tokens = self.tokenizer(
            [prompt.lower() for prompt in prompts],
            padding="max_length",
            max_length=self.tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        return {
            "input_ids": tokens.input_ids.to(device),
            "attention_mask": tokens.attention_mask.to(device),
            "motion": torch.tensor([MOTIONS.index(motion) for motion in motions], device=device),
        }

    def loss(self, batch: dict[str, Tensor], *, generator: torch.Generator) -> dict[str, Tensor]:
        """Cross-entropy in nats, and the share named rightly.

        Dropout is drawn from the global generator, so that one is seeded from ours.
        """
        seed = torch.randint(2**62, (), generator=generator, device=generator.device)
        torch.manual_seed(int(seed))
        logits = self.model(batch["input_ids"], batch["attention_mask"])
        accuracy = (logits.argmax(dim=1) == batch["motion"]).float().mean()
        loss = F.cross_entropy(logits, batch["motion"], label_smoothing=0.05)
        return {"loss": loss, "accuracy": accuracy}

    def validate(self, model: nn.Module) -> tuple[dict[str, float], Image.Image | None]:
        """Top-1 over the motions on wordings that training never saw."""
        random = random_module.Random(0)
        device = next(model.parameters()).device
        motions = [motion for motion in MOTIONS for _ in range(_HELD_OUT_PROMPTS)]
        batch = self._tokens(motions, random, "held_out", device)
        logits = model(batch["input_ids"], batch["attention_mask"])
        right = (logits.argmax(dim=1) == batch["motion"]).float().mean()
        return {"held_out_wordings_accuracy": float(right)}, None
