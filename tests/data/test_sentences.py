import random

from follow_your_click.data.motion_prompts import MOTIONS, UNKNOWN, sample_prompt, sample_typed
from follow_your_click.data.sentences import MOST_WORDS, around, mistyped, sentence
from follow_your_click.data.wordings import SURROUNDINGS, THINGS

FORMS = ("drift left", "drifts left", "drifting left")


def test_a_wording_stands_in_the_form_that_the_sentence_asks_for() -> None:
    draw = random.Random(0)
    sentences = {sentence(FORMS, "boat", ["lamp"], draw) for _ in range(20000)}
    starts = ("let the boat drift left", "now the boat drifts left", "show the boat drifting left")
    for start in starts:
        assert any(each.startswith(start) for each in sentences), start
    assert any("my boat" in each for each in sentences)
    assert any("the lamp" in each for each in sentences)
    assert not any("*" in each or "  " in each or " ," in each for each in sentences)
    assert max(len(each.split()) for each in sentences) <= MOST_WORDS


def test_the_wording_is_never_cut_away() -> None:
    draw = random.Random(1)
    long = " ".join(["drift"] * (MOST_WORDS + 3))
    for _ in range(300):
        assert long in around(long, [], draw)
        assert "drift" in sentence(FORMS, None, ["lamp"], draw)


def test_headings_of_the_tables_are_those_that_are_read() -> None:
    assert set(SURROUNDINGS) == {
        *("before an imperative", "before a third person", "before a gerund", "whose", "where"),
        *("where, with a thing", "how", "why", "before everything", "after everything"),
    }
    for heading in ("before an imperative", "before a third person", "before a gerund"):
        assert all(each.count("*") == 1 for each in SURROUNDINGS[heading])
    assert set(THINGS) <= set(MOTIONS)
    assert all(group.names and group.said for groups in THINGS.values() for group in groups)


def test_things_are_asked_for_by_name_and_by_what_they_do() -> None:
    draw = random.Random(2)
    spun = {sample_typed("spin", noun="cat", random=draw, others=["lamp"]) for _ in range(3000)}
    assert "ferris wheel" in spun
    assert any("windmill" in each and "turn" in each for each in spun)
    left = {sample_typed("flow_left", noun=None, random=draw, others=[]) for _ in range(3000)}
    assert any("brook" in each and "left" in each for each in left)
    plain = {sample_prompt("spin", noun="cat", random=draw) for _ in range(3000)}
    assert not any("ferris" in each for each in plain)


def test_several_things_do_what_they_do_in_the_plural() -> None:
    draw = random.Random(3)
    drawn = [sample_typed("flow_up", noun=None, random=draw, others=[]) for _ in range(6000)]
    assert any("flames rise" in each for each in drawn)
    assert not any("flames rises" in each for each in drawn)


def test_two_motions_in_a_sentence_are_joined_in_more_ways() -> None:
    draw = random.Random(4)
    drawn = [
        sample_typed("drift_left+rock", noun="boat", random=draw, others=[]) for _ in range(600)
    ]
    for link in (" while ", " and at the same time ", " and also ", " and it should "):
        assert any(link in each for each in drawn), link


def test_what_asks_for_nothing_stands_in_sentences_too() -> None:
    draw = random.Random(5)
    drawn = [sample_typed(UNKNOWN, noun="boat", random=draw, others=["lamp"]) for _ in range(500)]
    assert sum(len(each.split()) > 8 for each in drawn) > 50


def test_a_mistyped_word_differs_by_a_letter() -> None:
    draw = random.Random(6)
    wrong = {mistyped("to drift", draw) for _ in range(200)}
    assert {"to dift", "to driift", "to dirft"} <= wrong
    assert all(each.startswith("to d") and 4 <= len(each) - 3 <= 6 for each in wrong)
    assert mistyped("go up", draw) == "go up"
