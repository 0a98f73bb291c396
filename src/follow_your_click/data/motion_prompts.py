"""Motions by name, and the phrases in which people ask for them.

A motion is a flat name such as "translate_left"; its family is the name without the direction.
Every motion has training wordings and held-out wordings that no training prompt contains; the same
wording never stands for two motions (see `wordings` for the defaults where a side is left open). Everyday
prompts are a third set, for measuring: whole prompts in common words, none of which training draws.
"""

import random as random_module
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from follow_your_click.data.sentences import around, sentence
from follow_your_click.data.wording_files import Things
from follow_your_click.data.wordings import (
    EVERYDAY_PROMPTS,
    HELD_OUT_WORDINGS,
    NOMINALS,
    PEOPLE_PROMPTS,
    SHORT_PROMPTS,
    THINGS,
    TRAINING_WORDINGS,
    TYPED_PROMPTS,
    UNKNOWN_WORDINGS,
)
from follow_your_click.errors import SettingsError

__all__ = [
    "COMPOSED",
    "EVERYDAY_PROMPTS",
    "HELD_OUT_WORDINGS",
    "JOIN",
    "MOTIONS",
    "SHORT_PROMPTS",
    "TRAINING_WORDINGS",
    "TYPED_PROMPTS",
    "UNKNOWN",
    "UNKNOWN_WORDINGS",
    "WordingSplit",
    "family",
    "sample_caption",
    "sample_prompt",
    "sample_typed",
]

WordingSplit = Literal["train", "held_out", "everyday"]

MOTIONS: tuple[str, ...] = (
    "translate_left",
    "translate_right",
    "translate_up",
    "translate_down",
    "translate_up_left",
    "translate_up_right",
    "translate_down_left",
    "translate_down_right",
    "drift_left",
    "drift_right",
    "bounce",
    "jump",
    "fall",
    "rise",
    "swing",
    "sway",
    "rock",
    "shake",
    "tremble",
    "rotate_clockwise",
    "rotate_counterclockwise",
    "spin",
    "wave",
    "ripple",
    "breathe",
    "grow",
    "shrink",
    "nod",
    "turn_left",
    "turn_right",
    "flap",
    "flow_left",
    "flow_right",
    "flow_up",
    "flow_down",
    "still",
)

_TRAVELS = (*(name for name in MOTIONS if name.startswith(("translate", "drift"))), "rise", "fall")
_GESTURES = (
    *("swing", "rock", "shake", "tremble", "spin", "rotate_clockwise", "rotate_counterclockwise"),
    *("grow", "shrink", "bounce", "flap"),
)
JOIN = "+"
COMPOSED: tuple[str, ...] = tuple(
    f"{travel}{JOIN}{gesture}"
    for travel in _TRAVELS
    for gesture in _GESTURES
    if (gesture != "bounce" or travel.endswith(("e_left", "e_right", "drift_left", "drift_right")))
    and (gesture, travel) != ("flap", "fall")
)
"""Two motions at once, such as "drift_left+swing"; a bounce only goes with what goes sideways, and what flaps does not fall."""

UNKNOWN = "unknown"
"""What a prompt asks for that asks for none of them; no motion, but prompts can be drawn for it."""

_IRREGULAR_GERUNDS = {
    "lie": "lying",
    "frolic": "frolicking",
    "panic": "panicking",
    **{
        verb: f"{verb}{verb[-1]}ing"
        for verb in ("emit", "leapfrog", "patrol", "propel", "tailspin", "transfer")
    },
}
_DOUBLING = re.compile(r"[^aeiou]*(qu)?[aeiou][^aeiouwxy]")
"""Verbs of one short syllable: "spin", "squat"."""
_IRREGULAR_THIRD = {"go": "goes", "do": "does", "be": "is"}
_ADVERBS = (
    *("slowly", "gently", "quickly", "softly", "suddenly", "slightly", "rapidly", "violently"),
    *("deeply", "calmly"),
)
"""Words that may stand before the verb of a wording."""
_PEOPLE_SHARE = 0.4  # of the typed prompts, that are whole ones of `PEOPLE_PROMPTS`
_THINGS_SHARE = 0.2  # of the others, that speak of a thing which moves so by itself
_ALONE_SHARE = 0.3  # of those, that name no more than the thing
_SENTENCE_SHARE = 0.5  # of the others, that stand in a sentence
_LINKS = ("while", "while", "and")
_MORE_LINKS = (*_LINKS, "and", "and at the same time", "and also", "but also", "and it should")
_PROMPT_FORMS = ("plain", "plain", "plain", "please", "sentence", "sentence", "gerund", "make")


def family(motion: str) -> str:
    """The name without its direction: family("translate_up_left") == "translate"; of two motions "composed".

    Raises:
        SettingsError: a motion that is neither in `MOTIONS` nor in `COMPOSED`.
    """
    if motion in COMPOSED:
        return "composed"
    if motion not in MOTIONS:
        raise SettingsError(f"got motion {motion!r}; expected one of {', '.join(MOTIONS)}")
    return motion.split("_", 1)[0]


def sample_prompt(
    motion: str,
    *,
    noun: str | None,
    random: random_module.Random,
    split: WordingSplit = "train",
) -> str:
    """Draw a motion prompt: "drift left", "the boat drifts left", "please drift to the left".

    Args:
        motion: a name out of `MOTIONS` or `COMPOSED`, or `UNKNOWN`.
        noun: what moves ("boat"), or None when nobody knows.
        random: the only source of chance.
        split: which wordings to draw from; everyday prompts are used as they are, whatever the noun.
    """
    said = _sample_wording(motion, random, split, _LINKS)
    form = random.choice(_PROMPT_FORMS)
    if said.nominal or form == "plain":
        return said.plain
    if form == "please":
        return f"please {said.plain}" if random.random() < 0.5 else f"{said.plain} please"
    if noun is None:
        return said.plain
    if form == "sentence":
        return f"the {noun} {said.shaped(_third_person)}"
    if form == "gerund":
        return f"{noun} {said.shaped(_gerund)}"
    return f"make the {noun} {said.plain}"


def sample_typed(
    motion: str, *, noun: str | None, others: Sequence[str], random: random_module.Random
) -> str:
    """Draw a training prompt as people type it: "could you make my old boat on the lake drift left, please", "ferris wheel".

    Args:
        motion, noun, random: as of `sample_prompt`.
        others: names of things that may stand in the sentence and mean nothing.
    """
    whole = PEOPLE_PROMPTS.get(motion)
    if whole is not None and random.random() < _PEOPLE_SHARE:
        return random.choice(whole)
    if motion in THINGS and random.random() < _THINGS_SHARE:
        return _of_a_thing(random.choice(THINGS[motion]), others, random)
    if random.random() < _SENTENCE_SHARE:
        said = _sample_wording(motion, random, "train", _MORE_LINKS)
        return _in_a_sentence(said, noun, others, random)
    return sample_prompt(motion, noun=noun, random=random)


def _of_a_thing(things: Things, others: Sequence[str], random: random_module.Random) -> str:
    """ "the smoke from the chimney goes up", "ferris wheel"."""
    if things.alone and random.random() < _ALONE_SHARE:
        alone = random.choice(things.alone)
        return alone if random.random() < 0.5 else around(alone, others, random)
    said = _Said(random.choice(things.said))
    return _in_a_sentence(said, random.choice(things.names), others, random)


def _in_a_sentence(
    said: "_Said", noun: str | None, others: Sequence[str], random: random_module.Random
) -> str:
    if said.nominal:
        return around(said.plain, others, random)
    many = noun is not None and noun.endswith("s") and not noun.endswith("ss")
    third = said.plain if many else said.shaped(_third_person)
    forms = (said.plain, third, said.shaped(_gerund))
    return sentence(forms, noun, others, random)


def sample_caption(
    motion: str,
    noun: str | None,
    random: random_module.Random,
    *,
    split: WordingSplit = "train",
) -> str:
    """Draw a sentence about the whole clip: "a photo of a boat drifting left"."""
    said = _sample_wording(motion, random, split, _LINKS)
    subject = "something" if noun is None else f"{_article(noun)} {noun}"
    opening = random.choice(("a photo of ", "a video of ", "a picture of ", ""))
    if said.nominal:
        return f"{opening}{subject}, {said.plain}"
    return f"{opening}{subject} {said.shaped(_gerund)}"


@dataclass(frozen=True)
class _Said:
    """A wording, and how a second one is joined to it: "while" it goes on, or "and" (also)."""

    wording: str
    second: str | None = None
    link: str = "while"
    whole: bool = False  # a whole prompt, to be used as it is

    @property
    def nominal(self) -> bool:
        return self.whole or self.wording in NOMINALS

    @property
    def plain(self) -> str:
        return self.shaped(str)

    def shaped(self, shape: Callable[[str], str]) -> str:
        """With its verbs in a form such as the third person's."""
        if self.second is None:
            return shape(self.wording)
        if self.link == "while":
            added = _gerund(self.second)
        elif self.link.endswith("should"):
            added = self.second
        else:
            added = shape(self.second)
        return f"{shape(self.wording)} {self.link} {added}"


def _sample_wording(
    motion: str,
    random: random_module.Random,
    split: WordingSplit,
    links: tuple[str, ...],
) -> _Said:
    if motion == UNKNOWN:
        return _Said(random.choice(UNKNOWN_WORDINGS))
    kind = family(motion)
    if split == "everyday":
        return _Said(random.choice(EVERYDAY_PROMPTS[motion]), whole=True)
    if kind != "composed":
        return _Said(_drawn(motion, random, split, joined=False))
    first, second = (_drawn(part, random, split, joined=True) for part in motion.split(JOIN))
    if random.random() < 0.5:
        first, second = second, first
    return _Said(first, second, random.choice(links))


def _drawn(motion: str, random: random_module.Random, split: WordingSplit, *, joined: bool) -> str:
    """A wording of one motion; of the training ones, which begin with the commoner, the first quarter half of the time."""
    table = (TRAINING_WORDINGS if split == "train" else HELD_OUT_WORDINGS)[motion]
    if joined:
        # Two nominals cannot be joined: "a storm while wings beating".
        table = tuple(wording for wording in table if wording not in NOMINALS)
    share = random.random()
    return table[int(len(table) * (share * share if split == "train" else share))]


def _article(noun: str) -> str:
    return "an" if noun[:1].lower() in "aeiou" else "a"


def _parts(wording: str) -> tuple[str, str, str]:
    """Leading adverb or "", verb, the rest."""
    first, _, rest = wording.partition(" ")
    if first not in _ADVERBS:
        return "", first, rest
    return first, *rest.partition(" ")[::2]


def _third_person(wording: str) -> str:
    """ "drift left" -> "drifts left", "slowly drift left" -> "slowly drifts left"."""
    adverb, verb, rest = _parts(wording)
    if verb in _IRREGULAR_THIRD:
        verb = _IRREGULAR_THIRD[verb]
    elif verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        verb += "es"
    elif verb.endswith("y") and verb[-2] not in "aeiou":
        verb = verb[:-1] + "ies"
    else:
        verb += "s"
    return f"{adverb} {verb} {rest}".strip()


def _gerund(wording: str) -> str:
    """ "drift left" -> "drifting left", "slowly drift left" -> "slowly drifting left"."""
    adverb, verb, rest = _parts(wording)
    if verb in _IRREGULAR_GERUNDS:
        verb = _IRREGULAR_GERUNDS[verb]
    elif _DOUBLING.fullmatch(verb):
        verb += verb[-1] + "ing"
    elif verb.endswith("e") and verb != "be" and not verb.endswith(("ee", "ie", "oe", "ye")):
        verb = verb[:-1] + "ing"
    else:
        verb += "ing"
    return f"{adverb} {verb} {rest}".strip()
