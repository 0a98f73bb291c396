"""How the embedded model understands a motion prompt, for people to see: a verb that it does not know is read as another."""

from __future__ import annotations

from dataclasses import dataclass

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

    understood: False if the prompt asks for nothing that the model can show; `motions` is what is nearest to it then.
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


def _said(motion: str) -> str:
    """ "translate_up_left" -> "move up left"."""
    kind, _, way = motion.partition("_")
    return f"{_SAID.get(kind, kind)} {way.replace('_', ' ')}".strip()
