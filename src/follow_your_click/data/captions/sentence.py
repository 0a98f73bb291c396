"""One sentence of a caption: its words, its noun phrases, and which of them a verb speaks of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from follow_your_click.data.captions import lexicon
from follow_your_click.data.captions.tagging import Token

NOMINAL = ("noun", "determiner", "adjective", "pronoun")
VERBS = ("finite", "ing", "participle")
SURE_SIGNS = ("particle", "determiner", "to", "pronoun")
FOLLOWING = (*SURE_SIGNS, "preposition", "adverb")
"""What may stand after a verb; after a noun, the first kinds hardly do."""

RELATIVES = frozenset(("who", "which", "that", "it", "they", "he", "she"))
SENTENCE_END = re.compile(r"[.!?;:|]+(?:\s|$)|\s[-–—]\s|\s[/]\s")


@dataclass(frozen=True)
class Chunk:
    """A noun phrase, tokens[start:stop]."""

    start: int
    stop: int


def sentences(caption: str) -> list[str]:
    """The caption's sentences in lower case, without place and date lines and words about filming."""
    text = lexicon.DATELINE.sub("", " ".join(caption.split())).lower().replace("’", "'")
    text = lexicon.FILM_WORDS.sub(" , ", text)
    parts = (part.strip(" ,-\"'") for part in SENTENCE_END.split(text))
    return [part for part in parts if part]


def mend(tokens: Sequence[Token]) -> list[Token]:
    """Verbs that the tagger took for nouns or adjectives, put right by their neighbours."""
    mended = list(tokens)
    for here, token in enumerate(tokens):
        before = mended[here - 1] if here else None
        after = tokens[here + 1] if here + 1 < len(tokens) else None
        if token.kind in ("noun", "adjective") and token.text.endswith("ing"):
            if _is_gerund(token, before, after):
                mended[here] = replace(token, kind="ing")
        elif token.kind == "participle" and token.text in ("run", "come"):
            if before is not None and before.kind in ("noun", "pronoun"):
                mended[here] = replace(token, kind="finite")
        elif token.maybe_finite and _is_finite(token, before, after, mended[:here]):
            mended[here] = replace(token, kind="finite")
    return mended


def _is_gerund(token: Token, before: Token | None, after: Token | None) -> bool:
    if token.text in lexicon.ING_NOUNS or token.lemma == token.text:
        return False
    if before is None:
        return after is not None and after.kind in ("preposition", "particle", "determiner")
    if before.kind not in ("noun", "pronoun"):
        return False
    if after is None or after.kind in ("preposition", "particle", "determiner", "mark", "and"):
        return True
    if after.kind in ("adverb", "to", "while", "of"):
        return after.kind != "of"
    return after.kind in ("noun", "adjective") and token.kind == "noun"


def _is_finite(
    token: Token, before: Token | None, after: Token | None, earlier: Sequence[Token]
) -> bool:
    if before is None or token.lemma not in lexicon.MOTION_VERBS:
        return False
    last = after is None or after.kind == "mark"
    where = after is not None and after.text in lexicon.PATHS | lexicon.DIRECTIONS
    follows = after is not None and (where or after.kind in FOLLOWING)
    if before.kind in ("and", "adverb") or before.text == ",":
        return follows and any(other.kind == "finite" for other in earlier)
    clause = _clause(earlier)
    if before.kind not in ("noun", "pronoun") or any(other.kind == "finite" for other in clause):
        return False
    third_person = token.text.endswith("s")
    plural = _subject_of(clause).endswith("s")
    if third_person == plural or token.kind == "adjective" or not (follows or last):
        return False
    if where or (after is not None and after.kind in SURE_SIGNS) or (last and plural):
        return True
    opening = not any(other.kind == "preposition" for other in clause)
    return opening and third_person and token.text not in lexicon.MOSTLY_NOUNS


def _clause(earlier: Sequence[Token]) -> Sequence[Token]:
    """The words since the last comma or conjunction of a clause."""
    breaks = [here for here, token in enumerate(earlier) if token.kind in ("mark", "while")]
    return earlier[breaks[-1] + 1 :] if breaks else earlier


def _subject_of(earlier: Sequence[Token]) -> str:
    """The noun that agrees with a verb after these words: "wheels" of "the wheels of a bike"."""
    for here, token in enumerate(earlier):
        if token.kind == "of" and here:
            return earlier[here - 1].text
    return earlier[-1].text


class Sentence:
    """Tokens with their noun phrases."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = mend(tokens)
        self.chunks = self._find_chunks()
        self._ending_at = {chunk.stop: chunk for chunk in self.chunks}
        self._starting_at = {chunk.start: chunk for chunk in self.chunks}

    def _find_chunks(self) -> list[Chunk]:
        chunks, start = [], None
        for here, token in enumerate([*self.tokens, Token("", "", "mark")]):
            if self._in_phrase(here, token):
                if start is not None and self._opens_another(here, start):
                    chunks.append(Chunk(start, here))
                    start = here
                start = here if start is None else start
            elif start is not None:
                chunks.append(Chunk(start, here))
                start = None
        return [chunk for chunk in chunks if self._names(chunk)]

    def _names(self, chunk: Chunk) -> bool:
        """Holds a noun, or stands for one: "the plain"."""
        tokens = self.tokens[chunk.start : chunk.stop]
        named = any(token.kind in ("noun", "pronoun") for token in tokens)
        return named or (tokens[0].text in ("a", "an", "the") and tokens[-1].kind == "adjective")

    def _opens_another(self, here: int, start: int) -> bool:
        token, before = self.tokens[here], self.tokens[here - 1]
        return token.kind in ("determiner", "pronoun") and before.kind in ("noun", "pronoun")

    def _in_phrase(self, here: int, token: Token) -> bool:
        if token.text in ("left", "right") and not (
            here and self.tokens[here - 1].kind in ("determiner", "adjective")
        ):
            return self.kind(here + 1) == "noun"
        if token.kind in ("ing", "participle"):
            return self.is_attribute(here)
        return token.kind in NOMINAL

    def kind(self, here: int) -> str:
        """Kind of the token at a position; "" past either end."""
        return self.tokens[here].kind if 0 <= here < len(self.tokens) else ""

    def is_attribute(self, here: int) -> bool:
        """A participle that belongs to the noun right after it: "spinning gears"."""
        token = self.tokens[here]
        if self.kind(here + 1) not in ("noun", "adjective") or token.kind not in VERBS:
            return False
        if self.kind(here - 1) in ("determiner", "adjective"):
            return True
        if self.kind(here - 1) in ("noun", "pronoun", "be", "being"):
            return False
        fits = token.lemma in lexicon.ATTRIBUTIVE_VERBS
        return token.kind == "participle" or fits or self._noun_after(here) in lexicon.INSTRUMENTS

    def _noun_after(self, here: int) -> str:
        stop = here + 1
        while self.kind(stop) in ("noun", "adjective"):
            stop += 1
        return self.tokens[stop - 1].text

    def chunk_at(self, start: int) -> Chunk | None:
        return self._starting_at.get(start)

    def chunk_before(self, stop: int) -> Chunk | None:
        return self._ending_at.get(stop)

    def text(self, chunk: Chunk) -> str:
        """The phrase as it stands."""
        return " ".join(token.text for token in self.tokens[chunk.start : chunk.stop])

    def head(self, chunk: Chunk) -> str:
        return self.tokens[chunk.stop - 1].text

    def thing(self, chunk: Chunk) -> str:
        """What the phrase names: "a red sports car" -> "sports car"; "a herd" of "cows" -> "herd of cows"."""
        tokens = self.tokens[chunk.start : chunk.stop]
        nouns = [t.text for t in tokens if t.kind == "noun" and not t.text.endswith(("'s", "s'"))]
        name = " ".join(nouns) or tokens[-1].text
        inner = self.chunk_at(chunk.stop + 1) if self.kind(chunk.stop) == "of" else None
        if inner is not None and self.head(chunk) in lexicon.COLLECTIVES:
            return f"{name} of {self.thing(inner)}"
        return name

    def governor(self, chunk: Chunk) -> Token | None:
        return self.tokens[chunk.start - 1] if chunk.start else None

    def subjects(self, verb: int, known: list[Chunk]) -> list[Chunk]:
        """The noun phrases that a verb speaks of; `known` (those of the verb before) where it has none of its own."""
        here = verb
        while self.kind(here - 1) in ("adverb", "be", "being", "have", "modal"):
            here -= 1
        if here and self.tokens[here - 1].text in RELATIVES:
            inner = self.chunk_before(here - 1)
            return [self._outermost(inner, verb)] if inner else known
        chunk = self.chunk_before(here)
        if chunk is None:
            if known or self.kind(here - 1) in ("preposition", "of", "to"):
                return known
            free = [c for c in self.chunks if c.stop <= here and self._is_free(c)]
            return self._joined(self._outermost(free[-1], verb)) if free else []
        subject = self._outermost(chunk, verb)
        governor = self.governor(subject)
        taken = governor is not None and (
            (governor.kind == "preposition" and self.chunk_before(subject.start - 1) is None)
            or (governor.kind == "ing" and self.kind(verb) == "finite")
        )
        return known if known and taken else self._joined(subject)

    def _is_free(self, chunk: Chunk) -> bool:
        governor = self.governor(chunk)
        if governor is None or governor.kind not in ("preposition", "particle", "of"):
            return True
        return governor.kind == "of" and self._film_before(chunk.start - 1)

    def _film_before(self, of: int) -> bool:
        outer = self.chunk_before(of)
        return outer is not None and self.head(outer) in lexicon.PARTS_OF_FILM

    def _outermost(self, chunk: Chunk, verb: int) -> Chunk:
        """From "the wheels of a bike" or "a man in a suit" to what the verb is said of."""
        governor = self.governor(chunk)
        if governor is None or governor.kind not in ("preposition", "of"):
            return chunk
        outer = self.chunk_before(chunk.start - 1)
        if outer is None or self._film_before(chunk.start - 1):
            return chunk
        near = self.tokens[verb].lemma in lexicon.NEAR_SUBJECT_VERBS
        if near and governor.text == "with" and self.tokens[verb].kind == "ing":
            return chunk
        return self._outermost(outer, verb)

    def _joined(self, last: Chunk) -> list[Chunk]:
        """ "ducks and geese", "mother, father and child" """
        chain, sure = [last], False
        while True:
            first, link = chain[0], chain[0].start - 1
            if self.kind(link) == "and":
                sure, stop = True, link - (self.kind(link - 1) == "mark")
            elif sure and self.kind(link) == "mark":
                stop = link
            else:
                break
            before = self.chunk_before(stop)
            if before is None or self._governed(before) or first.start == 0:
                break
            chain.insert(0, before)
        return chain

    def _governed(self, chunk: Chunk) -> bool:
        governor = self.governor(chunk)
        if governor is None or governor.kind in ("mark", "and", "while"):
            return False
        return not (governor.kind == "of" and self._film_before(chunk.start - 1))
