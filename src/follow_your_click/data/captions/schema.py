"""What a captioner gives back, and the two data files of hand-written captions.

The convention, which `examples.json` (for the language model's prompt) and `labelled_captions.json` (for measuring)
both follow:

- `objects`: what moves, as the caption names it, without article and adjectives: the doer of the motion, or the
  thing acted on where the caption says it in the passive. Empty where the caption leaves the doer out.
- `motion_prompts`: one per motion: the verb's base form, then what it takes to picture the motion (particle, thing
  acted on, direction, path) and a manner word; no place, no time, no words about filming. Nouns that name a motion
  count (waterfall: flow; rain: fall).
- Not a motion: states, postures, perception (stand, wait, look, surrounded by), work without a visible movement
  (enjoy, work from home), and whatever the camera does.
- `still`: the caption names no motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

EXAMPLES = Path(__file__).parent / "examples.json"
LABELLED_CAPTIONS = Path(__file__).parent / "labelled_captions.json"

NO_MOTION = "the caption names no motion"

Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""An object or a motion prompt: a few words, never a paragraph."""

Phrases = Annotated[list[Phrase], Field(max_length=16)]


class Strict(BaseModel):
    """Unknown keys and wrong types are errors; a record does not change once made."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MotionAnswer(Strict):
    """What is known about one caption: the part that a language model fills in.

    Raises:
        pydantic.ValidationError: `still` with motion prompts, or neither.
    """

    objects: Phrases
    motion_prompts: Phrases
    still: bool

    @model_validator(mode="after")
    def _still_or_moving(self) -> MotionAnswer:
        if self.still == bool(self.motion_prompts):
            got = f"still {self.still} with {len(self.motion_prompts)} motion prompts"
            raise ValueError(f"got {got}; expected motion prompts exactly where still is false")
        return self


class LabelledCaption(MotionAnswer):
    """A caption with its objects and motions, labelled by hand."""

    original: str = Field(min_length=1)
    topic: str = Field(min_length=1)


class LabelledCaptions(Strict):
    """The form of `examples.json` and `labelled_captions.json`."""

    version: Literal[1]
    captions: list[LabelledCaption]


class MotionCaption(Strict):
    """One caption's record.

    Attributes:
        original: the caption as it came.
        objects: what moves ("boat"); see the module's convention.
        motion_prompts: how ("drift left"); empty if `still` or if nothing could be found out.
        still: the caption names no motion, so its clip is left out of motion training.
        source: who says so: "rules", or "llm:MODEL".
        reason: why there is no motion prompt; None exactly where there is one. A record that is not still and has
            a reason is a failure: the caption has not been read.
    """

    original: str
    objects: list[str]
    motion_prompts: list[str]
    still: bool
    source: str
    reason: str | None

    @model_validator(mode="after")
    def _reason_or_prompts(self) -> MotionCaption:
        if (self.reason is None) != bool(self.motion_prompts):
            raise ValueError("expected a reason exactly where there are no motion prompts")
        if self.still and self.motion_prompts:
            raise ValueError("got motion prompts in a still record; expected none")
        return self

    @property
    def failed(self) -> bool:
        return self.reason is not None and not self.still

    @classmethod
    def from_answer(cls, original: str, answer: MotionAnswer, *, source: str) -> MotionCaption:
        return cls(
            original=original,
            objects=answer.objects,
            motion_prompts=answer.motion_prompts,
            still=answer.still,
            source=source,
            reason=NO_MOTION if answer.still else None,
        )

    @classmethod
    def failure(cls, original: str, reason: str, *, source: str) -> MotionCaption:
        """A record that says why the caption could not be read."""
        return cls(
            original=original,
            objects=[],
            motion_prompts=[],
            still=False,
            source=source,
            reason=reason,
        )


class Captioner(Protocol):
    """Reads the motion out of captions."""

    def describe(self, captions: Sequence[str]) -> list[MotionCaption]:
        """One record per caption, in their order."""
        ...


@cache
def examples() -> tuple[LabelledCaption, ...]:
    """The 50 in-context samples of the language model's prompt."""
    return _read(EXAMPLES)


@cache
def labelled_captions() -> tuple[LabelledCaption, ...]:
    """200 hand-labelled captions to measure a captioner with; none of them is in `examples`."""
    return _read(LABELLED_CAPTIONS)


def _read(path: Path) -> tuple[LabelledCaption, ...]:
    return tuple(LabelledCaptions.model_validate_json(path.read_bytes()).captions)
