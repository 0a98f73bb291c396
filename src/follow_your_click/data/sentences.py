"""Wordings in the sentences of people: "could you please make my old boat on the lake drift left, for a birthday card".

What stands around a wording asks for nothing. A text encoder that only meets bare wordings takes "over the rocks" for rocking.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Sequence

from follow_your_click.data.wordings import SURROUNDINGS

MOST_WORDS = 21  # of a sentence, so that the tokens of nearly all find room
_HEADINGS = ("before an imperative", "before a third person", "before a gerund")


def sentence(
    forms: tuple[str, str, str],
    noun: str | None,
    others: Sequence[str],
    random: random_module.Random,
) -> str:
    """A wording in a sentence.

    Args:
        forms: the wording as an imperative, of a third person ("drifts left"), and as a gerund.
        noun: what moves; None: "it".
        others: names of things that may stand in it and mean nothing.
        random: the only source of chance.
    """
    heading, said = random.choice(tuple(zip(_HEADINGS, forms, strict=True)))
    thing = "it" if noun is None else f"{_drawn('whose', random)} {noun}"
    if noun is not None and random.random() < 0.15:
        thing = f"{thing} {_place(others, random)}"
    before, _, after = _drawn(heading, random).partition("*")
    return around(f"{before}{thing}{after} {said}", others, random)


def around(text: str, others: Sequence[str], random: random_module.Random) -> str:
    """A wording or sentence with what people add before and after it."""
    parts = [text]
    if random.random() < 0.3:
        parts.append(_drawn("how", random))
    if random.random() < 0.35:
        parts.append(_place(others, random))
    if random.random() < 0.25:
        reason = _drawn("why", random)
        parts.append(f", {reason}" if random.random() < 0.3 else reason)
    if random.random() < 0.12:
        parts.insert(0, _drawn("before everything", random))
    if random.random() < 0.15:
        parts.append(_drawn("after everything", random))
    # The last added goes first where there is too much.
    while len(" ".join(parts).split()) > MOST_WORDS and len(parts) > 1:
        parts.pop(0 if parts[-1] == text else -1)
    return " ".join(" ".join(parts).replace(" ,", ",").split())


def mistyped(text: str, random: random_module.Random) -> str:
    """With one letter of a longer word left out, doubled, or changed with the next."""
    words = text.split()
    long = [index for index, word in enumerate(words) if len(word) > 4]
    if not long:
        return text
    index = random.choice(long)
    word = words[index]
    at = random.randrange(1, len(word) - 1)
    before, letter, following, after = word[:at], word[at], word[at + 1], word[at + 2 :]
    wrong = random.choice((following, letter + letter + following, following + letter))
    words[index] = before + wrong + after
    return " ".join(words)


def _place(others: Sequence[str], random: random_module.Random) -> str:
    if others and random.random() < 0.6:
        return _drawn("where, with a thing", random).replace("*", random.choice(others))
    return _drawn("where", random)


def _drawn(heading: str, random: random_module.Random) -> str:
    return random.choice(SURROUNDINGS[heading])
