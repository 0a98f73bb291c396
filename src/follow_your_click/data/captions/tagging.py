"""Parts of speech of a caption, offline: HanTa (a small English model inside the package), lemmas by simplemma.

Tried on the development half of `labelled_captions.json`: see docs/captions.md for the taggers that were compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol

from follow_your_click.errors import MissingExtraError

Kind = Literal[
    "noun",
    "finite",  # drifts, drift, drifted
    "ing",  # drifting, as a verb
    "participle",  # carried
    "infinitive",  # (to) drift, (can) drift
    "be",
    "being",
    "have",
    "modal",
    "adjective",
    "adverb",
    "particle",  # (take) off
    "preposition",
    "of",
    "determiner",  # the, his, two
    "pronoun",
    "and",
    "while",  # a conjunction that opens a clause
    "to",
    "mark",
    "other",
]

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("NN0", "NN1", "NN2", "NP0", "NN", "UNC", "ZZ0"), "noun"),
    **dict.fromkeys(("VVB", "VVD", "VVZ", "VDB", "VDD", "VDZ"), "finite"),
    **dict.fromkeys(("VVG", "VDG"), "ing"),
    **dict.fromkeys(("VVN", "VDN"), "participle"),
    **dict.fromkeys(("VVI", "VDI"), "infinitive"),
    **dict.fromkeys(("VBB", "VBD", "VBI", "VBN", "VBZ"), "be"),
    "VBG": "being",
    **dict.fromkeys(("VHB", "VHD", "VHG", "VHI", "VHN", "VHZ"), "have"),
    "VM0": "modal",
    **dict.fromkeys(("AJ0", "AJC", "AJS"), "adjective"),
    **dict.fromkeys(("AV0", "AVQ"), "adverb"),
    "AVP": "particle",
    **dict.fromkeys(("PRP", "IN"), "preposition"),
    "PRF": "of",
    **dict.fromkeys(("AT0", "DPS", "DT0", "DTQ", "CRD", "ORD"), "determiner"),
    **dict.fromkeys(("PNP", "PNI", "PNQ", "EX0"), "pronoun"),
    "CJC": "and",
    **dict.fromkeys(("CJS", "CJT"), "while"),
    "TO0": "to",
    **dict.fromkeys(("PUN", "PUL", "PUR", "PUQ"), "mark"),
}
"""Tags of the C5 set (British National Corpus), as HanTa gives them, by what the rules need to tell apart."""

WORD = re.compile(r"\d+(?:[.,]\d+)+|\w+(?:[-'’]\w+)*|[^\w\s]")


@dataclass(frozen=True)
class Token:
    """One word or mark of a caption, in lower case.

    Attributes:
        lemma: a verb's base form; other words as they are.
        maybe_finite: may also be a verb in the third person (lands, waves) or the plural (crash).
    """

    text: str
    lemma: str
    kind: Kind
    maybe_finite: bool = False


class Tagger(Protocol):
    def tag(self, text: str) -> list[Token]:
        """The tokens of one sentence or title in lower case."""
        ...


def words(text: str) -> list[str]:
    """Words and marks; a possessive stays with its word."""
    return WORD.findall(text)


class HanTaTagger:
    """HanTa's English model: hidden Markov model over morphemes, C5 tags.

    Raises:
        MissingExtraError: HanTa or simplemma is not installed.
    """

    def __init__(self) -> None:
        self._tagger = _load_model()
        self._tokens: dict[tuple[str, str], Token] = {}

    def tag(self, text: str) -> list[Token]:
        tokens = words(text)
        if not tokens:
            return []
        tags = self._tagger.tag_sent(tokens, taglevel=0)
        return [self._token(word, tag) for word, tag in zip(tokens, tags, strict=True)]

    def _token(self, word: str, tag: str) -> Token:
        known = self._tokens.get((word, tag))
        if known is None:
            known = self._tokens[word, tag] = self._new_token(word, KINDS.get(tag, "other"), tag)
        return known

    def _new_token(self, word: str, kind: Kind, tag: str) -> Token:
        if kind in ("finite", "participle", "infinitive"):
            return Token(word, str(self._tagger.analyze(word, pos=tag)[0]), kind)
        if word.endswith("ing"):
            return Token(word, self._gerund_lemma(word, tag), kind)
        maybe = kind in ("noun", "adjective") and self._may_be_finite(word)
        return Token(word, verb_lemma(word) if maybe else word, kind, maybe)

    def _gerund_lemma(self, word: str, tag: str) -> str:
        """HanTa where it sees a verb, or simplemma finds none (carving); else simplemma, which knows more of them."""
        base = verb_lemma(word)
        if tag not in ("VVG", "VDG") and base != word:
            return base
        lemma, known = self._tagger.analyze(word, pos="VVG")
        return str(lemma) if known == "VVG" and lemma != word else base

    def _may_be_finite(self, word: str) -> bool:
        return any(tag in ("VVZ", "VVB") for tag, _ in self._tagger.tag_word(word))


@cache
def verb_lemma(word: str) -> str:
    """Base form of a verb: "oozing" -> "ooze"."""
    import simplemma

    lemma: str = simplemma.lemmatize(word, lang="en")
    return lemma


@cache
def _load_model() -> Any:
    try:
        import simplemma  # noqa: F401
        from HanTa.HanoverTagger import HanoverTagger
    except ImportError as error:
        raise MissingExtraError(
            f"reading captions by rules needs {error.name}, which is not installed; "
            'pip install "follow-your-click[captions]"'
        ) from error
    return HanoverTagger("morphmodel_en.pgz")
