"""Objective of the text encoder: name the motion that a wording asks for, or both of two, or say that it asks for none.

Axis legend: B batch, N tokens, D channels, K motions.
"""

from __future__ import annotations

import random as random_module
import re
from dataclasses import dataclass, field
from itertools import product

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from follow_your_click.data.motion_prompts import (
    COMPOSED,
    HELD_OUT_WORDINGS,
    JOIN,
    MOTIONS,
    SHORT_PROMPTS,
    TRAINING_WORDINGS,
    TYPED_PROMPTS,
    UNKNOWN,
    WordingSplit,
    sample_caption,
    sample_prompt,
    sample_typed,
)
from follow_your_click.data.sentences import mistyped
from follow_your_click.data.wordings import THINGS
from follow_your_click.models.text_encoder import MotionTextEncoder, load_tokenizer, tokenized
from follow_your_click.prompt_reading import NONE_SHARE, in_plain_words
from follow_your_click.training.objective import SEED_STRIDE

_PLAIN_SHARE = 0.06  # plain words, in which the animator tells what it has read
_CAPTION_SHARE = 0.3
_COMPOSED_SHARE = 0.3  # of the prompts: two motions at once
_UNKNOWN_SHARE = 0.12  # of the prompts: no motion at all
_BARE_SHARE = 0.3  # of those: nothing but words for things
_MISTYPED_SHARE = 0.08
_HELD_OUT_PROMPTS = 40  # per motion
_HELD_OUT_PAIRS = 3  # prompts per two motions
_READINGS = (*MOTIONS, UNKNOWN)  # as the encoder tells them apart
_WHOLE_WORD = re.compile(r"[a-z]{4,}")
_COMMON_WORDS = 15_000  # of the vocabulary, which begins with the commonest
_ENDING = re.compile(r"(ing|ed|es|s|e|er)$")


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
    """Cross-entropy over motions and "none of them", prompts and captions drawn from the training wordings; of two motions at
    once each is half of the answer.

    Args:
        model: an encoder that names `MOTIONS`.
        nouns: names of things, mixed into the wordings.
    """

    model: MotionTextEncoder
    nouns: list[str]
    tokenizer: PreTrainedTokenizerFast = field(default_factory=load_tokenizer)

    def __post_init__(self) -> None:
        named = {name for groups in THINGS.values() for things in groups for name in things.alone}
        self.idle = [noun for noun in self.nouns if noun not in named]
        """Of the nouns, those that ask for nothing where they stand alone; "windmill" asks for a spin."""

    def batch(self, batch_size: int, *, seed: int, step: int) -> dict[str, Tensor]:
        """Tokens of random wordings, and which motions they ask for."""
        random = random_module.Random(seed * SEED_STRIDE + step)
        motions = []
        for _ in range(batch_size):
            share = random.random()
            if share < _UNKNOWN_SHARE:
                motions.append(UNKNOWN)
            else:
                two = share < _UNKNOWN_SHARE + _COMPOSED_SHARE
                motions.append(random.choice(COMPOSED if two else MOTIONS))
        return self._tokens(motions, random, "train", self.model.positions.device)

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
            if motion == UNKNOWN and random.random() < _BARE_SHARE:
                prompts.append(
                    " ".join(random.choices(self.idle, k=random.choice((0, 1, 1, 2, 3))))
                )
            elif split == "train" and motion != UNKNOWN and random.random() < _PLAIN_SHARE:
                prompts.append(in_plain_words(motion))
            elif random.random() < _CAPTION_SHARE:
                prompts.append(sample_caption(motion, noun, random, split=split))
            else:
                prompts.append(
                    sample_typed(motion, noun=noun, others=self.nouns, random=random)
                    if split == "train"
                    else sample_prompt(motion, noun=noun, random=random, split=split)
                )
        if split == "train":
            prompts = [
                mistyped(prompt, random) if random.random() < _MISTYPED_SHARE else prompt
                for prompt in prompts
            ]
        tokens = tokenized(self.tokenizer, prompts)
        return {
            "input_ids": tokens.input_ids.to(device),
            "attention_mask": tokens.attention_mask.to(device),
            "asked": torch.stack([_asked(motion) for motion in motions]).to(device),
        }

    def loss(self, batch: dict[str, Tensor], *, generator: torch.Generator) -> dict[str, Tensor]:
        """Cross-entropy in nats, and the share named rightly.

        Dropout is drawn from the global generator, so that one is seeded from ours.
        """
        seed = torch.randint(2**62, (), generator=generator, device=generator.device)
        torch.manual_seed(int(seed))
        logits = self.model(batch["input_ids"], batch["attention_mask"]).motion_logits
        asked = batch["asked"]
        shares = asked / asked.sum(dim=1, keepdim=True)
        loss = F.cross_entropy(logits, shares, label_smoothing=0.05)
        return {"loss": loss, "accuracy": _all_named(logits, asked)}

    def validate(self, model: nn.Module) -> tuple[dict[str, float], Image.Image | None]:
        """Of wordings that training never saw: the share whose motion is named, of two motions both, "none" left aside; and the
        share that is taken for that. Of short prompts and typed ones likewise."""
        device = next(model.parameters()).device
        motions = [motion for motion in MOTIONS for _ in range(_HELD_OUT_PROMPTS)]
        pairs = list(COMPOSED) * _HELD_OUT_PAIRS
        splits: tuple[WordingSplit, ...] = ("held_out", "everyday")
        figures = {}
        for split, (kind, asked) in product(
            splits, (("wordings", motions), ("two_motions", pairs))
        ):
            batch = self._tokens(asked, random_module.Random(0), split, device)
            logits = model(batch["input_ids"], batch["attention_mask"]).motion_logits
            motions_alone = (part[:, : len(MOTIONS)] for part in (logits, batch["asked"]))
            figures[f"{split}_{kind}_accuracy"] = float(_all_named(*motions_alone))
            figures[f"{split}_{kind}_unknown"] = float(_refused(logits).float().mean())
        for kind, prompts in (("short", SHORT_PROMPTS), ("typed", TYPED_PROMPTS)):
            found = judged(model, self.tokenizer, prompts)
            asking = [each for each in found if each.asking]
            figures[f"{kind}_prompts_accuracy"] = _share([each.right for each in asking])
            figures[f"{kind}_prompts_unknown"] = _share([each.refused for each in asking])
            figures[f"{kind}_unknown_found"] = _share([e.refused for e in found if not e.asking])
        return figures, None


@dataclass(frozen=True)
class Judged:
    """A freely written prompt. right: it is taken for what may be meant. asking: for a motion. refused: taken for asking for none."""

    prompt: str
    right: bool
    asking: bool
    refused: bool
    nearest: str


@torch.no_grad()
def judged(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerFast,
    prompts: tuple[tuple[str, frozenset[str]], ...],
) -> list[Judged]:
    """What an encoder makes of prompts, each with all motions that may be meant ("a+b": both at once) or `UNKNOWN`."""
    device = next(model.parameters()).device
    tokens = tokenized(tokenizer, [prompt for prompt, _ in prompts]).to(device)
    logits = model(tokens.input_ids, tokens.attention_mask).motion_logits
    refused = _refused(logits).tolist()
    nearest = logits[:, : len(MOTIONS)].topk(2, dim=1).indices.tolist()
    found = []
    for (prompt, meant), none, indices in zip(prompts, refused, nearest, strict=True):
        best, asking = [MOTIONS[index] for index in indices], UNKNOWN not in meant
        named = any({*best[: way.count(JOIN) + 1]} == {*way.split(JOIN)} for way in meant)
        found.append(Judged(prompt, named if asking else none, asking, none, best[0]))
    return found


def _refused(logits: Tensor) -> Tensor:
    """Which rows (B, K + 1) a person would be told of that they ask for no motion: (B,) bool."""
    return logits.softmax(dim=1)[:, -1] > NONE_SHARE


def _share(hits: list[bool]) -> float:
    return sum(hits) / len(hits)


def _asked(motion: str) -> Tensor:
    """1 for each of its motions: (K,)."""
    parts = motion.split(JOIN)
    return torch.tensor([float(name in parts) for name in _READINGS])


def _all_named(logits: Tensor, asked: Tensor) -> Tensor:
    """Share of rows (B, K) whose n asked motions have the n highest logits: a scalar."""
    least = logits.masked_fill(asked == 0, torch.inf).amin(dim=1)
    most_of_others = logits.masked_fill(asked == 1, -torch.inf).amax(dim=1)
    return (least > most_of_others).float().mean()
