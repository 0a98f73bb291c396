"""Wordings: enough of them, each for one motion only, and never shared between the splits."""

import hashlib
import json
import random
import re
from pathlib import Path

import pytest

from follow_your_click.data import motion_prompts
from follow_your_click.data.motion_prompts import (
    COMPOSED,
    EVERYDAY_PROMPTS,
    HELD_OUT_WORDINGS,
    MOTIONS,
    SHORT_PROMPTS,
    TRAINING_WORDINGS,
    TYPED_PROMPTS,
    UNKNOWN,
    WordingSplit,
    family,
    sample_caption,
    sample_prompt,
    sample_typed,
)
from follow_your_click.data.wordings import PEOPLE_PROMPTS, THINGS
from follow_your_click.errors import SettingsError

HELD_OUT_DIGEST = "ae9a79410bf3bcb2ffc6f3c4647fb672c50f7d06a6f8da1c4b19977739790ad7"
EVERYDAY_DIGEST = "896c6ef4b6273b1e206ae746a9b55c0e0a568dd0452eae729346f7357da9fe6b"
HELD_OUT_ONLY = """
    advance affirm angle astride at background banner beating both bound calm catamaran
    chest concentric corner course crank crashing cruise curtsy dancer diminish dinghy
    directions down-left down-right duck dwindle elevate ever falling falls fixed flit
    fright further gain gale gaze gelatin give glance greet gush gyrate heartbeat height
    heighten hook hover jerk joggle jostle left-hand loom loosely magnify march minimize
    moth nosedive ocean orbit oscillate palm pant perform pirouette plank pontoon pose
    pounce proceed propeller pudding puff quake quaver raging raindrop rebound reed
    repeatedly respire retreat reverse right-hand rises sail scoot shimmy sides sit skip
    sling slip statue swells swirl swish swivel tempest tip topple tornado tossing
    trampoline twitch unmoving up-left up-right vault waggle waver widen winnow withdraw
    wonky
"""


@pytest.mark.parametrize("motion", MOTIONS)
def test_every_motion_has_enough_wordings(motion: str) -> None:
    assert 40 <= len(TRAINING_WORDINGS[motion]) <= 1000
    assert len(HELD_OUT_WORDINGS[motion]) >= 6


def test_tables_name_exactly_the_known_motions() -> None:
    assert set(TRAINING_WORDINGS) == set(HELD_OUT_WORDINGS) == set(MOTIONS)


def test_no_wording_stands_for_two_motions_or_is_in_both_splits() -> None:
    wordings = [
        wording
        for table in (TRAINING_WORDINGS, HELD_OUT_WORDINGS)
        for motion in MOTIONS
        for wording in table[motion]
    ]
    assert len(wordings) == len(set(wordings))


@pytest.mark.parametrize("motion", MOTIONS)
def test_held_out_wordings_bring_new_words(motion: str) -> None:
    known = set(" ".join(TRAINING_WORDINGS[motion]).split())
    assert any(set(wording.split()) - known for wording in HELD_OUT_WORDINGS[motion])


def test_held_out_wordings_are_frozen_so_that_accuracies_compare() -> None:
    text = json.dumps(HELD_OUT_WORDINGS, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest() == HELD_OUT_DIGEST


def test_everyday_prompts_are_frozen_so_that_figures_compare() -> None:
    text = json.dumps(EVERYDAY_PROMPTS, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest() == EVERYDAY_DIGEST


def test_everyday_prompts_ask_for_every_motion_and_every_two_at_once() -> None:
    assert set(EVERYDAY_PROMPTS) == {*MOTIONS, *COMPOSED}
    assert min(len(EVERYDAY_PROMPTS[motion]) for motion in MOTIONS) >= 7
    prompts = [prompt for motion in EVERYDAY_PROMPTS for prompt in EVERYDAY_PROMPTS[motion]]
    assert len(prompts) == len(set(prompts)) == 444


@pytest.mark.parametrize("noun", ["cat", "car", "wheel"])
def test_training_draws_no_everyday_prompt(noun: str) -> None:
    draw = random.Random(0)
    named = {
        re.sub(r"^(make )?the \w+", rf"\1the {noun}", prompt)
        for prompts in EVERYDAY_PROMPTS.values()
        for prompt in prompts
    }
    for motion in MOTIONS:
        drawn = {sample_prompt(motion, noun=noun, random=draw) for _ in range(4000)}
        assert not drawn & named


def test_everyday_prompts_are_used_as_they_are() -> None:
    draw = random.Random(0)
    for motion in ("sway", "drift_left+rock"):
        asked = {
            sample_prompt(motion, noun="boat", random=draw, split="everyday") for _ in range(60)
        }
        assert asked == set(EVERYDAY_PROMPTS[motion])
    caption = sample_caption("drift_left+rock", "boat", draw, split="everyday")
    assert caption.endswith(f"a boat, {EVERYDAY_PROMPTS['drift_left+rock'][0]}")


@pytest.mark.parametrize("motion", MOTIONS)
def test_training_wordings_hold_no_held_out_wording_and_no_word_of_theirs(motion: str) -> None:
    held_out = [wording for table in HELD_OUT_WORDINGS.values() for wording in table]
    only_held_out = set(HELD_OUT_ONLY.split())
    for wording in TRAINING_WORDINGS[motion]:
        assert not only_held_out & set(wording.split()), wording
        assert not [phrase for phrase in held_out if f" {phrase} " in f" {wording} "], wording


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("wordings_wider", 3000),
        ("wordings_short", 700),
        ("wordings_things", 500),
        ("sentences", 400),
    ],
)
def test_further_wordings_hold_no_held_out_word_in_any_form(file: str, words: int) -> None:
    stems = tuple(word.rstrip("e") for word in HELD_OUT_ONLY.split() if len(word) >= 6)
    text = Path(motion_prompts.__file__).with_name(f"{file}.txt").read_text("utf-8")
    said = {word for line in text.splitlines() if line[:1] not in "#[" for word in line.split()}
    assert len(said) > words
    assert not sorted(word for word in said if word.startswith(stems))


@pytest.mark.parametrize(("prompts", "count"), [(SHORT_PROMPTS, 140), (TYPED_PROMPTS, 380)])
def test_freely_written_prompts_name_motions_and_are_none_that_training_draws(
    prompts: tuple[tuple[str, frozenset[str]], ...], count: int
) -> None:
    draw = random.Random(0)
    drawn = {wording for table in TRAINING_WORDINGS.values() for wording in table}
    drawn |= {prompt.lower() for said in PEOPLE_PROMPTS.values() for prompt in said}
    drawn |= {name for groups in THINGS.values() for things in groups for name in things.alone}
    drawn |= {
        sample_typed(motion, noun=None, random=draw, others=[])
        for motion in (*MOTIONS, UNKNOWN)
        for _ in range(1000)
    }
    assert len({prompt for prompt, _ in prompts}) == len(prompts) >= count
    for prompt, meant in prompts:
        assert {name for way in meant for name in way.split("+")} <= {*MOTIONS, UNKNOWN}, prompt
        assert prompt.lower() not in drawn


def test_peoples_prompts_hold_no_held_out_word_and_no_everyday_prompt() -> None:
    # But for words that say nothing of a motion by themselves.
    words = set(HELD_OUT_ONLY.split()) - {"at", "both", "give", "ever", "sides", "sit"}
    stems = tuple(word.rstrip("e") for word in words if len(word) >= 6)
    everyday = {prompt for prompts in EVERYDAY_PROMPTS.values() for prompt in prompts}
    assert set(PEOPLE_PROMPTS) <= {*MOTIONS, *COMPOSED, UNKNOWN}
    for prompts in PEOPLE_PROMPTS.values():
        for prompt in prompts:
            said = re.findall(r"[a-z'-]+", prompt.lower())
            assert not [word for word in said if word in words or word.startswith(stems)], prompt
            assert prompt.lower() not in everyday


def test_whole_prompts_of_people_are_drawn_as_they_are() -> None:
    draw = random.Random(0)
    long = {prompt for prompt in PEOPLE_PROMPTS["swing"] if len(prompt.split()) > 6}
    drawn = {sample_typed("swing", noun="boat", random=draw, others=[]) for _ in range(6000)}
    assert len(long) > 10 and long <= drawn
    drawn = {sample_prompt("swing", noun="boat", random=draw) for _ in range(6000)}
    assert not drawn & long


def test_sampled_prompts_never_mix_the_splits() -> None:
    draw = random.Random(0)
    for motion in MOTIONS:
        held_out = {
            sample_prompt(motion, noun=None, random=draw, split="held_out") for _ in range(20)
        }
        for prompt in held_out:
            bare = prompt.removeprefix("please ").removesuffix(" please")
            assert bare in HELD_OUT_WORDINGS[motion]
            assert bare not in TRAINING_WORDINGS[motion]


def test_the_same_seed_gives_the_same_prompts() -> None:
    first, second = random.Random(7), random.Random(7)
    for motion in MOTIONS:
        assert sample_prompt(motion, noun="boat", random=first) == sample_prompt(
            motion, noun="boat", random=second
        )


def test_prompts_and_captions_name_the_object() -> None:
    draw = random.Random(1)
    prompts = {sample_prompt("drift_left", noun="boat", random=draw) for _ in range(16000)}
    captions = {sample_caption("drift_left", "boat", draw) for _ in range(16000)}
    assert {"drift left", "the boat drifts left", "boat drifting left"} <= prompts
    assert "a photo of a boat drifting left" in captions


def test_an_adverb_before_the_verb_is_not_conjugated() -> None:
    draw = random.Random(2)
    prompts = {sample_prompt("drift_left", noun="boat", random=draw) for _ in range(8000)}
    assert {"the boat slowly drifts left", "boat slowly drifting left"} <= prompts


@pytest.mark.parametrize(
    ("motion", "sentences"),
    [
        ("drift_left", {"boat being adrift", "the boat is adrift", "boat gliding"}),
        ("translate_left", {"boat jogging left", "boat propelling left", "the boat hurries left"}),
        ("nod", {"boat nodding", "boat agreeing"}),
        ("tremble", {"boat quivering", "boat humming"}),
    ],
)
def test_verbs_are_conjugated_as_they_are_spelt(motion: str, sentences: set[str]) -> None:
    draw = random.Random(3)
    prompts = {sample_prompt(motion, noun="boat", random=draw) for _ in range(40000)}
    assert sentences <= prompts


def test_family_is_the_name_without_its_direction() -> None:
    assert family("translate_up_left") == "translate"
    assert family("rotate_counterclockwise") == "rotate"
    assert family("sway") == "sway"


def test_an_unknown_motion_is_refused() -> None:
    with pytest.raises(SettingsError, match="got motion 'teleport'"):
        sample_prompt("teleport", noun=None, random=random.Random(0))


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_two_motions_are_asked_for_with_a_wording_of_each(split: WordingSplit) -> None:
    table = TRAINING_WORDINGS if split == "train" else HELD_OUT_WORDINGS
    chance = random.Random(0)
    links = set()
    for motion in COMPOSED:
        assert family(motion) == "composed"
        prompt = sample_prompt(motion, noun=None, random=chance, split=split)
        prompt = prompt.removeprefix("please ").removesuffix(" please")
        one, other = (set(table[part]) for part in motion.split("+"))
        found = {
            link
            for first, second in ((one, other), (other, one))
            for link in ("while", "and")
            for wording in first
            if prompt.startswith(f"{wording} {link} ")
            and (link == "while" or prompt.removeprefix(f"{wording} {link} ") in second)
        }
        assert found, prompt
        assert "while" not in found or "ing" in prompt.partition(" while ")[2]
        links |= found
    assert links == {"while", "and"}


def test_two_motions_of_a_thing_make_a_sentence() -> None:
    chance = random.Random(1)
    prompts = [sample_prompt("drift_left+swing", noun="boat", random=chance) for _ in range(60)]
    sentences = [prompt for prompt in prompts if prompt.startswith("the boat ")]
    assert sentences and all(" while " in each or " and " in each for each in sentences)
    captions = [sample_caption("rise+spin", "kite", chance) for _ in range(400)]
    assert any("kite rising" in caption for caption in captions)
