"""Motions by name, and the phrases in which people ask for them.

A motion is a flat name such as "translate_left"; its family is the name without the direction.
Every motion has training wordings and held-out wordings that no training prompt contains; the same
wording never stands for two motions (see `wordings` for the defaults where a side is left open).
"""

import random as random_module
from typing import Literal

from follow_your_click.data.wordings import HELD_OUT_WORDINGS, NOMINALS, TRAINING_WORDINGS
from follow_your_click.errors import SettingsError

__all__ = [
    "HELD_OUT_WORDINGS",
    "MOTIONS",
    "TRAINING_WORDINGS",
    "WordingSplit",
    "family",
    "sample_caption",
    "sample_prompt",
]

WordingSplit = Literal["train", "held_out"]

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

_IRREGULAR_GERUNDS = {
    "say": "saying",
    "run": "running",
    "spin": "spinning",
    "hop": "hopping",
    "bob": "bobbing",
    "drop": "dropping",
    "plummet": "plummeting",
    "nod": "nodding",
    "flap": "flapping",
    "wag": "wagging",
    "let": "letting",
    "get": "getting",
    "dip": "dipping",
    "skip": "skipping",
    "sit": "sitting",
    "flit": "flitting",
    "slip": "slipping",
    "tip": "tipping",
    "throb": "throbbing",
    "fan": "fanning",
    "swim": "swimming",
    "step": "stepping",
    "stop": "stopping",
    "trip": "tripping",
    "flop": "flopping",
    "plop": "plopping",
    "drip": "dripping",
    "bat": "batting",
    "hum": "humming",
    "hit": "hitting",
    "squat": "squatting",
    "lie": "lying",
}
_IRREGULAR_THIRD = {"go": "goes", "do": "does"}
_ADVERBS = (
    *("slowly", "gently", "quickly", "softly", "suddenly", "slightly", "rapidly", "violently"),
    *("deeply", "calmly"),
)
"""Words that may stand before the verb of a wording."""
_PROMPT_FORMS = ("plain", "plain", "plain", "please", "sentence", "sentence", "gerund", "make")


def family(motion: str) -> str:
    """The name without its direction: family("translate_up_left") == "translate".

    Raises:
        SettingsError: a motion that is not in `MOTIONS`.
    """
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
        motion: a name out of `MOTIONS`.
        noun: what moves ("boat"), or None when nobody knows.
        random: the only source of chance.
        split: which wordings to draw from.
    """
    wording = _sample_wording(motion, random, split)
    form = random.choice(_PROMPT_FORMS)
    if wording in NOMINALS or form == "plain":
        return wording
    if form == "please":
        return f"please {wording}" if random.random() < 0.5 else f"{wording} please"
    if noun is None:
        return wording
    if form == "sentence":
        return f"the {noun} {_third_person(wording)}"
    if form == "gerund":
        return f"{noun} {_gerund(wording)}"
    return f"make the {noun} {wording}"


def sample_caption(
    motion: str,
    noun: str | None,
    random: random_module.Random,
    *,
    split: WordingSplit = "train",
) -> str:
    """Draw a sentence about the whole clip: "a photo of a boat drifting left"."""
    wording = _sample_wording(motion, random, split)
    subject = "something" if noun is None else f"{_article(noun)} {noun}"
    opening = random.choice(("a photo of ", "a video of ", "a picture of ", ""))
    if wording in NOMINALS:
        return f"{opening}{subject}, {wording}"
    return f"{opening}{subject} {_gerund(wording)}"


def _sample_wording(motion: str, random: random_module.Random, split: WordingSplit) -> str:
    family(motion)
    table = TRAINING_WORDINGS if split == "train" else HELD_OUT_WORDINGS
    return random.choice(table[motion])


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
    elif verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        verb = verb[:-1] + "ing"
    else:
        verb += "ing"
    return f"{adverb} {verb} {rest}".strip()
