"""Motion captions without a language model: parts of speech, word lists, and a few rules of grammar."""

from __future__ import annotations

from collections.abc import Sequence

from follow_your_click.data.captions import lexicon
from follow_your_click.data.captions.schema import NO_MOTION, MotionCaption
from follow_your_click.data.captions.sentence import Chunk, Sentence, sentences
from follow_your_click.data.captions.tagging import HanTaTagger, Tagger

SOURCE = "rules"
VERBS = ("finite", "ing", "participle", "infinitive")
MAX_WORDS = 10
"""A motion prompt is a phrase, not a sentence."""


class RuleCaptioner:
    """Reads motions by rules; offline, about a thousand captions a second. English only.

    Measured limits: docs/captions.md.

    Args:
        tagger: where parts of speech come from; HanTa if left out.

    Raises:
        MissingExtraError: the default tagger is not installed.
    """

    def __init__(self, tagger: Tagger | None = None) -> None:
        self._tagger = tagger or HanTaTagger()

    def describe(self, captions: Sequence[str]) -> list[MotionCaption]:
        """One record per caption, in their order."""
        return [self._describe(caption) for caption in captions]

    def _describe(self, caption: str) -> MotionCaption:
        lowered = caption.lower()
        reader = _Reader(
            sped_up=bool(lexicon.SPED_UP.search(lowered)),
            from_the_air=bool(lexicon.FROM_THE_AIR.search(lowered)),
        )
        for text in sentences(caption):
            reader.read(Sentence(self._tagger.tag(text)))
        prompts = list(dict.fromkeys(reader.prompts))
        return MotionCaption(
            original=caption,
            objects=list(dict.fromkeys(reader.objects)) if prompts else [],
            motion_prompts=prompts,
            still=not prompts,
            source=SOURCE,
            reason=None if prompts else NO_MOTION,
        )


class _Reader:
    """Collects the motions of one caption, sentence by sentence."""

    def __init__(self, *, sped_up: bool, from_the_air: bool) -> None:
        self._sped_up = sped_up
        self._from_the_air = from_the_air
        self.objects: list[str] = []
        self.prompts: list[str] = []

    def read(self, sentence: Sentence) -> None:
        subjects: list[Chunk] = []
        moving: set[str] = set()
        for here, token in enumerate(sentence.tokens):
            if self._is_attribute(sentence, here):
                self._read_attribute(sentence, here, moving)
            elif token.kind in VERBS and not sentence.is_attribute(here):
                subjects = sentence.subjects(here, subjects)
                prompt = _prompt(sentence, here)
                if _tells(sentence, here) and self._moves(sentence, here, subjects, prompt):
                    self._add(sentence, subjects, prompt)
                    moving.update(sentence.head(chunk) for chunk in subjects)
        self._read_events(sentence, moving)

    def _add(self, sentence: Sentence, subjects: Sequence[Chunk], prompt: str) -> None:
        self.objects += [sentence.thing(chunk) for chunk in subjects]
        self.prompts.append(prompt)

    def _is_attribute(self, sentence: Sentence, here: int) -> bool:
        token = sentence.tokens[here]
        return (
            token.text.endswith("ing")
            and token.lemma in lexicon.ATTRIBUTIVE_VERBS
            and sentence.kind(here + 1) in ("noun", "adjective")
            and (token.kind in ("adjective", "noun") or sentence.is_attribute(here))
        )

    def _read_attribute(self, sentence: Sentence, here: int, moving: set[str]) -> None:
        chunk = next((c for c in sentence.chunks if c.start <= here < c.stop), None)
        if chunk is None or sentence.head(chunk) in lexicon.INSTRUMENTS | lexicon.LANDSCAPE:
            return
        self._add(sentence, [Chunk(here + 1, chunk.stop)], sentence.tokens[here].lemma)
        moving.add(sentence.head(chunk))

    def _read_events(self, sentence: Sentence, moving: set[str]) -> None:
        for chunk in sentence.chunks:
            noun, governor = sentence.head(chunk), sentence.governor(chunk)
            if noun not in lexicon.EVENT_NOUNS or noun in moving:
                continue
            inside = governor is not None and governor.kind in ("preposition", "of", "particle")
            if not inside or (governor is not None and governor.text in ("in", "of", "with")):
                self._add(sentence, [chunk], lexicon.EVENT_NOUNS[noun])

    def _moves(self, sentence: Sentence, here: int, subjects: Sequence[Chunk], prompt: str) -> bool:
        if prompt in lexicon.LIGHT_VERBS:
            return False
        token = sentence.tokens[here]
        heads = {sentence.head(chunk) for chunk in subjects}
        nouns = {t.text for c in subjects for t in sentence.tokens[c.start : c.stop]}
        if token.lemma in lexicon.FILMING or heads & lexicon.CAMERA:
            return False
        if self._from_the_air and heads & {"drone", "quadcopter"}:
            return False
        if token.lemma in lexicon.GROWTH_VERBS:
            return self._sped_up
        if token.lemma == "work":
            return bool(nouns & lexicon.MACHINES)
        if token.lemma in lexicon.POSTURES and token.kind == "finite":
            return bool(set(prompt.split()[1:2]) & lexicon.CHANGES_OF_POSTURE)
        passive = token.kind == "participle"
        if token.lemma in lexicon.STATE_VERBS and not (
            passive and token.lemma in lexicon.MOVING_PASSIVES
        ):
            return False
        if heads & lexicon.LANDSCAPE and token.lemma in lexicon.LANDSCAPE_VERBS:
            return False
        if not subjects and token.lemma in lexicon.CAMERA_VERBS:
            return False
        if token.lemma == "fall" and _following(sentence, here) == "asleep":
            return False
        if passive and sentence.kind(here - 1) != "being":
            return token.lemma in lexicon.MOVING_PASSIVES
        return True


def _following(sentence: Sentence, here: int) -> str:
    return sentence.tokens[here + 1].text if here + 1 < len(sentence.tokens) else ""


def _tells(sentence: Sentence, here: int) -> bool:
    """Whether a verb says what happens, and not what is wished, over, or said of another verb."""
    token, before = sentence.tokens[here], sentence.kind(here - 1)
    if token.kind == "infinitive":
        earlier = sentence.tokens[here - 2].lemma if here > 1 else ""
        return before == "modal" or (before == "to" and earlier in lexicon.CATENATIVES)
    if token.lemma in lexicon.CATENATIVES:
        following = sentence.tokens[here + 1 : here + 3]
        return not any(t.kind in ("ing", "infinitive") for t in following)
    if token.kind == "ing" and before == "finite" and sentence.tokens[here - 1].lemma == "stop":
        return False
    return not (token.kind == "participle" and before == "have")


def _prompt(sentence: Sentence, verb: int) -> str:
    """The verb's base form with its particle, thing acted on, direction and manner."""
    complement = _Complement(sentence, verb)
    words = [sentence.tokens[verb].lemma, *complement.read()]
    return " ".join(" ".join(words).split()[:MAX_WORDS])


class _Complement:
    """What follows a verb and belongs to the motion."""

    def __init__(self, sentence: Sentence, verb: int) -> None:
        self._sentence = sentence
        self._verb = sentence.tokens[verb]
        self._at = verb + 1
        self._passive = self._verb.kind == "participle"
        self._parts: list[str] = []
        before = sentence.tokens[verb - 1] if verb else self._verb
        slowly = before.kind == "adverb" and before.text.endswith("ly")
        self._manner = [before.text] if slowly else []
        self._acted_on = False
        self._pathed = False
        self._placed = False

    def read(self) -> list[str]:
        while self._at < len(self._sentence.tokens) and self._step():
            pass
        return self._parts + self._manner

    def _step(self) -> bool:
        """Take in the next word or phrase; False where the complement ends."""
        token = self._sentence.tokens[self._at]
        following = self._sentence.chunk_at(self._at + 1)
        if token.text == "and":
            return self._pair()
        if token.kind == "ing" and self._verb.lemma == "stop" and not self._parts:
            self._parts.append(token.text)
            self._at += 1
            return True
        if token.text in lexicon.PATHS and following is not None and token.kind != "adverb":
            return self._path(token.text, following)
        if token.text in lexicon.DIRECTIONS and self._sentence.chunk_at(self._at) is None:
            self._parts.append(token.text)
            self._at += 1
            return True
        if token.kind == "adverb":
            if token.text.endswith("ly"):
                self._manner.append(token.text)
            self._at += 1
            return True
        if token.kind in ("preposition", "particle", "of"):
            return self._place(token.text, following)
        chunk = self._sentence.chunk_at(self._at)
        return chunk is not None and self._object(chunk)

    def _pair(self) -> bool:
        """ "up and down", "back and forth" """
        after = self._sentence.tokens[self._at + 1 : self._at + 2]
        paired = lexicon.DIRECTIONS | {"forth"}
        if not self._parts or not after or self._parts[-1] not in paired:
            return False
        if after[0].text not in paired:
            return False
        self._parts.append(f"and {after[0].text}")
        self._at += 2
        return True

    def _path(self, word: str, chunk: Chunk) -> bool:
        scenery = self._placed and word in ("over", "above", "across", "against")
        if not scenery and self._sentence.head(chunk) not in lexicon.BACKDROPS:
            self._parts.append(f"{word} {self._sentence.text(chunk)}")
            self._pathed = True
        self._at = chunk.stop
        return True

    def _place(self, word: str, chunk: Chunk | None) -> bool:
        """Where it happens is left out, unless the verb says that something lands there."""
        if chunk is None:
            if word in ("in", "on", "over", "by") and not self._parts:
                self._parts.append(word)
            self._at += 1
            return True
        out_of = word == "of" and self._parts and self._parts[-1] in ("out", "off", "down")
        contact = (
            word in ("on", "in", "at")
            and self._verb.lemma in lexicon.CONTACT_VERBS
            and not self._pathed
        )
        if out_of or (contact and self._sentence.head(chunk) not in lexicon.BACKDROPS):
            self._parts.append(f"{word} {self._sentence.text(chunk)}")
            self._pathed = True
        self._placed = True
        self._at = chunk.stop
        return True

    def _object(self, chunk: Chunk) -> bool:
        if self._acted_on or self._pathed or self._passive:
            return False
        if self._sentence.kind(chunk.stop) in ("finite", "be"):
            return False
        self._parts.append(self._sentence.text(chunk))
        self._acted_on = True
        self._at = chunk.stop
        return True
