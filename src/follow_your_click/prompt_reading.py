"""How the embedded model understands a motion prompt: what it is told, in plain words, and a person sees.

A free wording is read as the motions that it asks for, and the network is told these as "drift left and rock", whatever the
wording: what it shows is then what a person was told it would, and a rare word can only be misread, not half understood.

Travel without a side ("drive", "drift") goes to where the photo has more room: photographers leave it in front of what
moves, and there the object does not leave the picture. What walks, hops, swims or flies goes where its head is.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from follow_your_click.data.motion_prompts import JOIN
from follow_your_click.models.text_encoder import tokenized
from follow_your_click.named_parts import BENDERS, named_part
from follow_your_click.ways import (
    SIDED,
    TRAVELS,
    goes_ahead,
    goes_aside,
    in_its_place,
    on_its_way,
    opening,
    put_plainly,
    way_of_bending,
    way_of_the_head,
    whence,
)

NONE_SHARE = 0.5  # of the probability, beyond which a prompt counts as asking for no motion
_SECOND_SHARE = (
    0.2  # of the likeliest motion's probability, that a second one has where two are asked for
)
_JOINED = re.compile(
    r"\b(and|n|while|whilst|but|also|plus|then|as|with|at the same time)\b|[&,+]|ing\b.*ing\b",
    re.IGNORECASE,
)
"""What stands in a prompt that asks for two motions at once."""
_NO_JOINT = re.compile(
    r"\b(back(ward)?s? (and|n|&) for(th|wards?)|to (and|n|&) fro|up(wards?)? (and|n|&) down(wards?)?|left (and|n|&) right"
    r"|right (and|n|&) left|in (and|n|&) out|this way and that|here and there|now and then|(?P<word>\w+) (and|n|&) (?P=word))\b"
    r"|[\s,;]*\b(as (if|though)|(?<!would )(?<!\bi )(?<!'d )(?<!looks )(?<!look )like)\b"
    r"((?!\b(and|n|while|whilst|but|also|plus|then|with)\b)[^,&+])*",
    re.IGNORECASE | re.DOTALL,
)
"""Of these, what asks for no second one: "back and forth", "on and on", "rock as if somebody just got up"."""
_OPEN = {"translate_left": "translate_right", "drift_left": "drift_right"}
"""What travel is read as that names no side, and what it is on the other side."""
_OF_A_HEAD = frozenset({"nod", "turn"})
_AND = " and "
_SAID = {"translate": "move", "turn": "turn the head", "still": "stay still"}


@dataclass(frozen=True)
class PromptReading:
    """asked: names of motions ("translate_left"), the likeliest first; one, or two at once.

    understood: False if the prompt asks for nothing that the model can show; `asked` is the one that is nearest to it then.
    upwards: whether a nod goes up instead of down.
    """

    asked: tuple[str, ...]
    understood: bool
    upwards: bool = False

    @property
    def motions(self) -> tuple[str, ...]:
        """As a person says them: "move left"."""
        return tuple(
            "lift the head" if self.upwards and one == "nod" else plain_words(one)
            for one in self.asked
        )

    @property
    def families(self) -> tuple[str, ...]:
        """Without their sides: "translate"."""
        return tuple(motion.partition("_")[0] for motion in self.asked)

    @property
    def of_a_head(self) -> bool:
        """Whether an animal or a person does all of it with its head alone."""
        return _OF_A_HEAD.issuperset(self.families)

    @property
    def nods(self) -> bool:
        """Whether a nod is all that is asked for."""
        return set(self.families) == {"nod"}

    @property
    def told(self) -> str:
        """What the model is told instead of the prompt."""
        return _AND.join(map(plain_words, self.asked))


def wider_side(mask: npt.NDArray[np.float32]) -> Literal["left", "right"]:
    """On which side of a mask (H, W) the photo has more room."""
    columns = np.nonzero((mask > 0.5).any(axis=0))[0]
    if not columns.size:
        return "left"
    return "right" if mask.shape[1] - 1 - columns[-1] > columns[0] else "left"


def read_prompt(
    text_encoder: nn.Module,
    tokenizer: PreTrainedTokenizerFast,
    prompt: str,
    *,
    room: Literal["left", "right"] = "left",
) -> PromptReading | None:
    """What a text encoder takes a prompt for; None of one that names no motions, such as CLIP's.

    `room`: the side to which travel goes that names none, see `wider_side` and `gait.side_ahead`.
    """
    if not _names(text_encoder):
        return None
    prompt = put_plainly(prompt)
    asked, understood = _asked(text_encoder, tokenizer, prompt)
    asked = in_its_place(prompt, whence(prompt, asked))
    asked = on_its_way(prompt, asked) if not _NO_JOINT.search(prompt) else asked
    bent = way_of_bending(prompt) if named_part(prompt) in BENDERS else None
    if bent:
        asked, understood = [bent], True
    elif not understood and (nearest := opening(prompt)):
        asked = [nearest]
    head = way_of_the_head(prompt)
    if head and (set(asked) == {"nod"} or all(one.startswith(TRAVELS) for one in asked)):
        return PromptReading(("nod",), True, upwards=head == "up")
    if room == "right" and not SIDED.search(prompt):
        asked = [_OPEN.get(motion, motion) for motion in asked]
    return PromptReading(tuple(asked), understood)


def plain_words(motion: str) -> str:
    """ "translate_up_left" -> "move up left"."""
    kind, _, way = motion.partition("_")
    return f"{_SAID.get(kind, kind)} {way.replace('_', ' ')}".strip()


def in_plain_words(motion: str) -> str:
    """What a model is told of one motion or of two: "rise+spin" -> "rise and spin"."""
    return _AND.join(map(plain_words, motion.split(JOIN)))


def in_words(
    text_encoder: nn.Module, tokenizer: PreTrainedTokenizerFast, prompt: str, *, model: str
) -> str:
    """A line for whoever types a prompt, before anything moves: "Read as: drift left"; empty where there is nothing to say."""
    reading = read_prompt(text_encoder, tokenizer, prompt) if prompt.strip() else None
    if reading is None:
        return ""
    if not reading.understood:
        return f"No motion that {model} knows; the nearest is: {reading.motions[0]}"
    other = read_prompt(text_encoder, tokenizer, prompt, room="right")
    motions = reading.motions
    if other is not None and other.motions != motions:
        where = "it looks, or there is room" if goes_ahead(prompt) else "there is room"
        motions = tuple(re.sub("^(move|drift) left$", rf"\1 to where {where}", m) for m in motions)
    if goes_aside(prompt, reading.asked):
        motions = (f"{motions[0]}, or move to where it looks if seen from the side",)
    alone = ", of a clicked part alone" if named_part(prompt) else ""
    if reading.of_a_head:
        alone = ", the head alone if it has one"
    return f"Read as: {' and '.join(motions)}{alone}"


def _names(text_encoder: nn.Module) -> tuple[str, ...]:
    return tuple(getattr(text_encoder.config, "motions", ()))


@torch.no_grad()
def _asked(
    text_encoder: nn.Module, tokenizer: PreTrainedTokenizerFast, prompt: str
) -> tuple[list[str], bool]:
    """The names of the motions, the likeliest first, and whether the prompt asks for any."""
    names = _names(text_encoder)
    tokens = tokenized(tokenizer, [prompt]).to(next(text_encoder.parameters()).device)
    logits = text_encoder(tokens.input_ids, tokens.attention_mask).motion_logits[0]
    understood = float(logits.softmax(dim=0)[-1]) <= NONE_SHARE
    shares, indices = logits[:-1].softmax(dim=0).topk(2)
    one, other = (names[int(index)] for index in indices)
    travels = all(name.startswith(TRAVELS) for name in (one, other))
    joined = understood and not travels and _JOINED.search(_NO_JOINT.sub(" ", prompt))
    two = joined and shares[1] > _SECOND_SHARE * shares[0]
    return ([one, other] if two else [one]), understood


def readings_for_settings(
    readings: Sequence[tuple[str, PromptReading | None]], *, model: str
) -> list[dict[str, Any]]:
    """What a clip's settings say of each prompt, nothing where its reading is None; warns of what is not understood."""
    said: list[dict[str, Any]] = []
    for prompt, reading in readings:
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
