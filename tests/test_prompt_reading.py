"""What a prompt is taken for, and that a person hears of it."""

import re

import numpy as np
import pytest
import torch

from follow_your_click.animator import Animator
from follow_your_click.data.motion_prompts import COMPOSED
from follow_your_click.data.motion_prompts import MOTIONS as MOTIONS_KNOWN
from follow_your_click.models.checkpoints import load_component
from follow_your_click.models.text_encoder import MotionTextEncoder, load_tokenizer
from follow_your_click.prompt_reading import (
    PromptReading,
    in_plain_words,
    in_words,
    plain_words,
    read_prompt,
    wider_side,
)
from follow_your_click.region import Region

MOTIONS = ("translate_up_left", "turn_left", "sway", "still")


@pytest.fixture(scope="module")
def shipped_encoder():
    return load_component(MotionTextEncoder, "mini/text_encoder").eval()


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return MotionTextEncoder(hidden_size=24, motions=MOTIONS).eval()


def answering(encoder, *logits):
    """Whatever it is asked: these logits, of each motion and of none of them."""
    with torch.no_grad():
        encoder.reading.weight.zero_()
        encoder.reading.bias.copy_(torch.tensor(logits))
    return encoder


@pytest.mark.parametrize(
    ("logits", "motions", "understood"),
    [
        ((9.0, 0.0, 0.0, 0.0, 0.0), ("move up left",), True),
        ((0.0, 9.0, 0.0, 0.0, 0.0), ("turn the head left",), True),
        ((0.0, 0.0, 0.0, 9.0, 0.0), ("stay still",), True),
        ((5.0, 0.0, 5.2, 0.0, 0.0), ("sway", "move up left"), True),
        ((3.2, 0.0, 5.0, 0.0, 0.0), ("sway",), True),
        ((3.6, 0.0, 5.0, 0.0, 0.0), ("sway", "move up left"), True),
        ((0.0, 5.0, 5.2, 0.0, 0.0), ("sway", "turn the head left"), True),
        ((0.0, 0.0, 3.0, 0.0, 9.0), ("sway",), False),
        ((0.0, 0.0, 9.0, 0.0, 8.0), ("sway",), True),
    ],
)
def test_the_likeliest_motions_are_named_as_a_person_says_them(
    encoder, logits, motions, understood
):
    found = read_prompt(answering(encoder, *logits), load_tokenizer(), "this and that")
    assert (found.motions, found.understood) == (motions, understood)
    assert found.told == " and ".join(motions)
    families = {"move up left": "translate", "turn the head left": "turn", "stay still": "still"}
    assert found.families == tuple(families.get(motion, motion) for motion in motions)


@pytest.mark.parametrize(
    ("prompt", "room", "read"),
    [
        ("float", "left", "drift_left"),
        ("drive", "right", "translate_right"),
        ("float", "right", "drift_right"),
        ("float left", "right", "drift_left"),
        ("move to the left", "right", "translate_left"),
        ("sway", "right", "sway"),
    ],
)
def test_travel_without_a_side_goes_where_there_is_room(prompt, room, read):
    encoder = load_component(MotionTextEncoder, "mini/text_encoder").eval()
    found = read_prompt(encoder, load_tokenizer(), prompt, room=room)
    assert found == PromptReading((read,), understood=True)


@pytest.mark.parametrize("motion", [*MOTIONS_KNOWN, *COMPOSED])
def test_what_the_model_is_told_it_reads_as_that(shipped_encoder, motion):
    found = read_prompt(shipped_encoder, load_tokenizer(), in_plain_words(motion))
    assert found.understood and set(found.motions) == set(map(plain_words, motion.split("+")))


@pytest.mark.parametrize(
    ("columns", "side"),
    [((0, 10), "right"), ((80, 96), "left"), ((40, 56), "left"), (None, "left")],
)
def test_the_wider_side_is_that_with_more_room(columns, side):
    mask = np.zeros((64, 96), np.float32)
    if columns is not None:
        mask[20:30, slice(*columns)] = 1
    assert wider_side(mask) == side


def test_the_clip_goes_where_there_is_room(photo_and_mask):
    animator = Animator.from_pretrained("mini", device="cpu")
    photo, mask = photo_and_mask
    photo, mask = np.roll(photo, -20, axis=1), np.roll(mask, -20, axis=1)
    for shown, area, side, other in (
        (photo, mask, "right", "left"),
        (photo[:, ::-1], mask[:, ::-1], "left", "right"),
    ):
        clips = [
            animator.animate(shown, [Region(area, prompt=prompt)], num_frames=3)
            for prompt in ("float", f"float to the {side}", f"float to the {other}")
        ]
        (region,) = clips[0].settings["regions"]
        assert region["prompt"] == "float" and region["read_as"] == [f"drift {side}"]
        unsaid, said, opposite = (clip.frame(2) for clip in clips)
        assert np.array_equal(unsaid, said) and not np.array_equal(unsaid, opposite)


@pytest.mark.parametrize(
    ("prompt", "line"),
    [
        ("drift left", "Read as: drift left"),
        ("float", "Read as: drift to where there is room"),
        ("float to the left", "Read as: drift left"),
        ("swim", "Read as: drift to where it looks, or there is room"),
        ("runs", "Read as: move to where it looks, or there is room"),
        ("rise and spin", "Read as: (rise and spin|spin and rise)"),
        ("Rocks back and forth, as though somebody just got up from it.", "Read as: rock"),
        ("thurible going back and forth", "Read as: swing"),
        ("waterwheel rolls and rolls", "Read as: spin"),
        ("rise like a balloon and spin", "Read as: (rise and spin|spin and rise)"),
        ("I would like it to rise and spin", "Read as: (rise and spin|spin and rise)"),
        (
            "walks forward",
            "Read as: grow, or move to where it looks if seen from the side",
        ),
        ("nods", "Read as: nod, the head alone if it has one"),
        ("the lid rises", "Read as: rise, of a clicked part alone"),
        ("nods and sways", "Read as: (nod and sway|sway and nod)"),
        ("blink twice", "No motion that mini knows; the nearest is: [a-z ]+"),
        (" ", ""),
    ],
)
def test_whoever_types_hears_how_it_is_read(prompt, line):
    encoder = load_component(MotionTextEncoder, "mini/text_encoder").eval()
    assert re.fullmatch(line, in_words(encoder, load_tokenizer(), prompt, model="mini"))


@pytest.mark.parametrize(
    ("prompt", "count"),
    [("drift", 1), ("rise, sway", 2), ("sway while it rises", 2), ("rising swaying", 2)],
)
def test_two_motions_are_asked_for_by_a_word_that_joins_them(encoder, prompt, count):
    found = read_prompt(answering(encoder, 5.0, 0.0, 4.9, 0.0, 0.0), load_tokenizer(), prompt)
    assert len(found.motions) == count


def test_two_ways_to_travel_are_one_motion():
    encoder = MotionTextEncoder(hidden_size=24, motions=("translate_left", "drift_left")).eval()
    found = read_prompt(answering(encoder, 5.0, 4.9, 0.0), load_tokenizer(), "this and that")
    assert found.motions == ("move left",)


def test_an_encoder_that_names_no_motions_says_nothing():
    nameless = MotionTextEncoder(hidden_size=24)
    assert read_prompt(nameless, load_tokenizer(), "sway") is None
    assert in_words(nameless, load_tokenizer(), "sway", model="mini") == ""


def test_the_clip_says_how_its_prompts_were_read_and_warns_of_what_was_not_understood(
    photo_and_mask,
):
    animator = Animator.from_pretrained("mini", device="cpu")
    photo, mask = photo_and_mask
    with pytest.warns(UserWarning, match='"blink twice" is no motion that mini knows') as caught:
        plan = animator.plan(
            photo,
            [
                Region(mask, prompt="drift left"),
                Region(np.roll(mask, 22, axis=0), prompt="blink twice"),
            ],
        )
    assert [warning.filename for warning in caught] == [__file__], "points to the caller"
    known, unknown = plan["regions"]
    assert known["read_as"] == ["drift left"] and known["understood"]
    assert len(unknown["read_as"]) >= 1 and not unknown["understood"]


@pytest.fixture
def photo_and_mask():
    photo = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    mask = np.zeros((64, 96), np.bool_)
    mask[20:40, 30:60] = True
    return photo, mask


@pytest.mark.parametrize(
    ("prompt", "motions"),
    [
        ("the rabbit hops to the left", ("move left", "bounce")),
        ("jumps to the right", ("move right", "bounce")),
        ("bounces away", ("move left", "bounce")),
        ("waddles off", ("move left", "rock")),
        ("runs to the right", ("move right",)),
        ("waddle forward a tiny bit", ("grow",)),
        ("creep slowly forward, to the right", ("move right",)),
        ("hops up and down", ("bounce",)),
        ("bounces left and right", ("bounce",)),
        ("jumps for joy", ("jump",)),
        ("leaps over the fence", ("jump",)),
        ("walks on the spot", ("bounce",)),
    ],
)
def test_what_is_done_on_legs_and_with_a_way_goes_somewhere(
    prompt: str, motions: tuple[str, ...]
) -> None:
    pipeline = Animator.from_pretrained("mini", device="cpu").pipeline
    reading = read_prompt(pipeline.text_encoder, pipeline.tokenizer, prompt)
    assert reading is not None and reading.motions == motions


@pytest.mark.parametrize(
    ("prompt", "motions"),
    [
        ("look up", ("lift the head",)),
        ("raises her head", ("lift the head",)),
        ("the head goes up", ("lift the head",)),
        ("looks down", ("nod",)),
        ("looks up and down", ("nod",)),
        ("lowers its head", ("nod",)),
        ("the cat slowly looks back up", ("lift the head",)),
        ("make it look like it rises up", ("rise",)),
        ("heads up the hill", ("move up",)),
        ("the elephant lifts its trunk", ("move up",)),
        ("the lid lifts off", ("rise",)),
        ("drop falls down", ("fall",)),
    ],
)
def test_where_a_head_goes_is_a_nod(prompt: str, motions: tuple[str, ...]) -> None:
    pipeline = Animator.from_pretrained("mini", device="cpu").pipeline
    reading = read_prompt(pipeline.text_encoder, pipeline.tokenizer, prompt)
    assert reading is not None and reading.motions == motions
    assert reading.upwards == ("lift the head" in motions)
    assert reading.told == ("nod" if reading.nods else motions[0])


@pytest.mark.parametrize(
    ("prompt", "motions"),
    [
        ("bend the branch to the right", ("move right",)),
        ("bend the stem to the right", ("sway",)),
        ("curl up this arm", ("move up",)),
        ("the leaf curls", ("move up",)),
        ("the tall petal bends forward", ("move down",)),
        ("this petal droops", ("move down",)),
        ("bend the stem back and forth", ("sway",)),
        ("this branch bends up and down", ("bounce",)),
        ("the branch bends in the wind", ("sway",)),
        ("this petal bends in, slowly", ("move up",)),
        ("bend to the right", ("sway",)),
    ],
)
def test_a_part_that_bends_to_one_side_goes_there(prompt: str, motions: tuple[str, ...]) -> None:
    pipeline = Animator.from_pretrained("mini", device="cpu").pipeline
    reading = read_prompt(pipeline.text_encoder, pipeline.tokenizer, prompt)
    assert reading is not None and reading.motions == motions and reading.understood


@pytest.mark.parametrize(
    ("prompt", "motion", "understood"),
    [
        ("the flower closes", "shrink", False),
        ("close up for the night", "shrink", False),
        ("the petals fold in", "shrink", False),
        ("open up", "grow", False),
        ("bloom", "grow", True),
        ("comes close to me", "grow", True),
        ("get close up", "grow", False),
        ("unfurls", "wave", True),
    ],
)
def test_opening_is_nearest_to_growing_and_closing_to_shrinking(
    prompt: str, motion: str, understood: bool
) -> None:
    pipeline = Animator.from_pretrained("mini", device="cpu").pipeline
    reading = read_prompt(pipeline.text_encoder, pipeline.tokenizer, prompt)
    assert reading is not None
    assert reading.motions == (motion,) and reading.understood is understood


@pytest.mark.parametrize(
    ("prompt", "motions"),
    [
        ("the boat drifts in from the left", ("drift right",)),
        ("a car drives in from the left", ("move right",)),
        ("enters from the right", ("move left",)),
        ("the clouds blow in from the right", ("flow left",)),
        ("drive from the left to the right", ("move right",)),
        ("swing to and fro from the left", ("swing",)),
        ("make this big leaf flutter, wind coming from the left", ("wave",)),
        ("blown by wind from the left", ("sway",)),
        ("let the branch on the right bounce up and down", ("bounce",)),
        ("the boat on the right drifts away", ("drift left",)),
        ("go on the left", ("move left",)),
        ("the right hand waves", ("wave",)),
        ("its right wing flaps", ("flap",)),
        ("the sailboat glides forward, to the right", ("drift right",)),
        ("shrink and move to the right", ("move right", "shrink")),
    ],
)
def test_where_a_thing_is_and_comes_from_is_not_where_it_goes(
    prompt: str, motions: tuple[str, ...]
) -> None:
    assert _motions(prompt) == motions


@pytest.mark.parametrize(
    ("prompt", "motions"),
    [
        ("rising and sinking gently with the water", ("bounce",)),
        ("the float sinks and rises again", ("bounce",)),
        ("floating, rising and sinking gently with the water", ("bounce",)),
        ("bobbing up and down as it drifts along", ("bounce", "drift left")),
        ("sinks, then rises", ("bounce",)),
        ("lower the piano lid partway, then lift it again", ("bounce",)),
        ("slow ripples drifting across the dark water", ("ripple",)),
        ("the lotus leans over to the right, then straightens up", ("sway",)),
        ("goes up and comes down again", ("bounce",)),
        ("rise and spin", ("rise", "spin")),
        ("rise", ("rise",)),
        ("her chest rises and falls as she breathes", ("breathe",)),
    ],
)
def test_what_comes_back_stays(prompt: str, motions: tuple[str, ...]) -> None:
    assert _motions(prompt) == motions


def _motions(prompt: str) -> tuple[str, ...]:
    pipeline = Animator.from_pretrained("mini", device="cpu").pipeline
    reading = read_prompt(pipeline.text_encoder, pipeline.tokenizer, prompt)
    assert reading is not None
    return reading.motions
