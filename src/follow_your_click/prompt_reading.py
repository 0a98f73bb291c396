"""How the embedded model understands a motion prompt, for people to see: a verb that it does not know is read as another."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from follow_your_click.models.text_encoder import tokenized

_SECOND_SHARE = (
    0.4  # of the likeliest motion's probability, that a second one has where two are asked for
)
_SAID = {"translate": "move", "turn": "turn the head", "still": "stay still"}


@dataclass(frozen=True)
class PromptReading:
    """motions: as a person says them ("move left"), the likeliest first; one, or two at once.

    understood: False if the prompt asks for nothing that the model can show; `motions` is the one that is nearest to it then.
    """

    motions: tuple[str, ...]
    understood: bool


@torch.no_grad()
def read_prompt(
    text_encoder: nn.Module, tokenizer: PreTrainedTokenizerFast, prompt: str
) -> PromptReading | None:
    """What a text encoder takes a prompt for; None of one that names no motions, such as CLIP's."""
    names = tuple(getattr(text_encoder.config, "motions", ()))
    if not names:
        return None
    tokens = tokenized(tokenizer, [prompt]).to(next(text_encoder.parameters()).device)
    logits = text_encoder(tokens.input_ids, tokens.attention_mask).motion_logits[0]
    understood = float(logits.softmax(dim=0)[-1]) <= 0.5
    (first, second), (one, other) = logits[:-1].softmax(dim=0).topk(2)
    two = understood and second > _SECOND_SHARE * first
    asked = (one, other) if two else (one,)
    return PromptReading(tuple(_said(names[int(index)]) for index in asked), understood)


def reading_for_settings(
    text_encoder: nn.Module,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[str],
    *,
    model: str,
) -> list[dict[str, Any]]:
    """What a clip's settings say of each prompt, nothing where `read_prompt` gives None; warns of what is not understood."""
    said: list[dict[str, Any]] = []
    for prompt in prompts:
        reading = read_prompt(text_encoder, tokenizer, prompt)
        if reading is None:
            said.append({})
            continue
        if not reading.understood:
            warnings.warn(
                f'"{prompt}" is no motion that {model} knows; it is read as "{reading.motions[0]}".'
                ' Say how it moves, such as "drift left", "sway" or "nod"',
                stacklevel=4,  # whoever called the animator
            )
        said.append({"read_as": list(reading.motions), "understood": reading.understood})
    return said


def _said(motion: str) -> str:
    """ "translate_up_left" -> "move up left"."""
    kind, _, way = motion.partition("_")
    return f"{_SAID.get(kind, kind)} {way.replace('_', ' ')}".strip()
