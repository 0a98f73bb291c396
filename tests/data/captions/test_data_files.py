"""The hand-written captions: their form, and the convention that they follow."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from pydantic import ValidationError

from follow_your_click.data.captions.prompt import (
    MalformedAnswerError,
    prompt_version,
    read_answers,
)
from follow_your_click.data.captions.schema import (
    EXAMPLES,
    LABELLED_CAPTIONS,
    LabelledCaption,
    LabelledCaptions,
    MotionAnswer,
    MotionCaption,
    examples,
    labelled_captions,
)

BOTH = [*examples(), *labelled_captions()]


def test_there_are_50_samples_and_200_labelled_captions_and_none_is_both() -> None:
    assert (len(examples()), len(labelled_captions())) == (50, 200)
    assert len({item.original.lower() for item in BOTH}) == 250


def test_the_schema_file_is_the_form_that_is_checked() -> None:
    schema = json.loads(EXAMPLES.with_name("captions.schema.json").read_text(encoding="utf-8"))
    assert schema == LabelledCaptions.model_json_schema()
    for path in (EXAMPLES, LABELLED_CAPTIONS):
        LabelledCaptions.model_validate_json(path.read_bytes())


@pytest.mark.parametrize("items", [examples(), labelled_captions()], ids=["samples", "labelled"])
def test_they_are_varied(items: tuple[LabelledCaption, ...]) -> None:
    topics = Counter(item.topic for item in items)
    wanted = {"animals", "people", "vehicles", "plants", "water", "sky", "food", "machines"}
    assert wanted | {"camera", "several"} <= set(topics)
    assert max(topics.values()) < 0.25 * len(items)
    assert 0.25 < sum(item.still for item in items) / len(items) < 0.4
    assert sum(len(item.motion_prompts) > 1 for item in items) >= 0.12 * len(items)


@pytest.mark.parametrize("item", BOTH, ids=lambda item: item.original[:40])
def test_objects_are_the_captions_words_and_prompts_are_short_phrases(
    item: LabelledCaption,
) -> None:
    said = set(re.findall(r"\w+", item.original.lower()))
    for thing in item.objects:
        assert set(re.findall(r"\w+", thing)) <= said
    for prompt in item.motion_prompts:
        assert re.fullmatch(r"[a-z][a-z ',-]*", prompt)
        assert len(prompt.split()) <= 8
        assert prompt.split()[0] == "swing" or not prompt.split()[0].endswith("ing")
    assert not item.still or item.objects == []


def moving(**changes: object) -> dict[str, object]:
    return {"objects": ["boat"], "motion_prompts": ["drift"], "still": False} | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"still": True},
        {"motion_prompts": []},
        {"still": "no"},
        {"objects": "boat"},
        {"objects": [" "]},
        {"objects": None},
        {"motion_prompts": ["drift " * 50]},
        {"motion_prompts": ["drift"] * 17},
        {"confidence": 0.5},
    ],
)
def test_an_answer_of_another_form_is_not_taken(changes: dict[str, object]) -> None:
    MotionAnswer.model_validate(moving())
    with pytest.raises(ValidationError):
        MotionAnswer.model_validate(moving(**changes))


def test_a_record_has_a_reason_exactly_where_it_has_no_prompt() -> None:
    answer = MotionAnswer.model_validate(moving())
    record = MotionCaption.from_answer("a boat drifts", answer, source="rules")
    assert record.reason is None and not record.failed
    assert MotionCaption.model_validate_json(record.model_dump_json()) == record
    with pytest.raises(ValidationError):
        MotionCaption(**{**record.model_dump(), "reason": "none"})
    with pytest.raises(ValidationError):
        MotionCaption(**{**record.model_dump(), "motion_prompts": []})
    failure = MotionCaption.failure("a boat drifts", "no answer", source="llm:x")
    assert failure.failed and not failure.still


def test_an_answer_is_read_entry_by_entry() -> None:
    entries = [
        {"index": 0, **moving()},
        {"index": 1, **moving(still=True)},
        {"index": 2, **moving()},
        {"index": 2, **moving(motion_prompts=["sink"])},
        {"index": 3, **moving(motion_prompts=[], still=True)},
        {"index": 9, **moving()},
        "nonsense",
    ]
    read = read_answers(json.dumps({"captions": entries}), 4)
    assert sorted(read) == [0, 3]
    # A still caption has nothing that moves.
    assert read[3].objects == []
    with pytest.raises(MalformedAnswerError, match="no valid entry"):
        read_answers(json.dumps({"captions": entries[1:3]}), 1)


def test_the_prompts_version_goes_with_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    from follow_your_click.data.captions import prompt

    before = prompt_version()
    assert before == prompt_version() and re.fullmatch("[0-9a-f]{12}", before)
    monkeypatch.setattr(prompt, "examples", lambda: examples()[1:])
    prompt.instructions.cache_clear()
    prompt_version.cache_clear()
    assert prompt_version() != before
    monkeypatch.undo()
    prompt.instructions.cache_clear()
    prompt_version.cache_clear()
    assert prompt_version() == before
