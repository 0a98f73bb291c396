"""A part that a prompt names is what one click on it means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from follow_your_click.animator import Animator
from follow_your_click.clicked_parts import with_named_parts
from follow_your_click.data.wordings import PART_PROMPTS
from follow_your_click.named_parts import named_part, part_noun
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.presets import Preset
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.region import Box, Click, Feather, Region
from follow_your_click.restore import restore
from follow_your_click.segmentation import Segmentation

SIDE = 64
Bools = npt.NDArray[np.bool_]


@pytest.mark.parametrize(
    "prompt",
    [
        "this petal drops down",
        "Lid lifts off and hovers above",
        "red hand goes all the way round",
        "please turn the wheel slowly",
        "make the middle spin clockwise",
        "turntable going round, playing music",
        "the boat's sail flaps",
        "float, and the left wing dips",
        "wag its tail",
        "I would like the sail to flap",
        "swing his dangling arm lazily",
        "tiny flag flutters",
    ],
)
def test_one_part_that_moves_is_heard(prompt: str) -> None:
    assert named_part(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "drift left",
        "flap its wings and fly off",
        "falls off the table leg",
        "drops from the branch",
        "petals fall",
        "sail away",
        "flag down a taxi",
        "head left",
        "sways like a branch in the wind",
        "spins on its wheel",
    ],
)
def test_what_moves_as_a_whole_is_no_part(prompt: str) -> None:
    assert not named_part(prompt)


@pytest.mark.parametrize(
    ("prompt", "noun"),
    [
        ("wag the tail", "tail"),
        ("this petal drops", "petal"),
        ("drifts off, and the lid lifts", "lid"),
        ("curl up this arm", "arm"),
        ("lifts up the lid", "lid"),
        ("climb up the branch", None),
        ("flap its wings", None),
        ("drift left", None),
    ],
)
def test_the_noun_of_the_part_is_told(prompt: str, noun: str | None) -> None:
    assert named_part(prompt) == noun


@pytest.mark.parametrize(
    ("name", "noun"),
    [
        ("left hind leg", "leg"),
        ("hind legs (far)", "leg"),
        ("Tail feather", "tail"),
        ("branches", "branch"),
        ("skids", ""),
        ("", ""),
    ],
)
def test_outlined_parts_are_of_a_kind_that_prompts_name(name: str, noun: str) -> None:
    assert part_noun(name) == noun


def test_what_people_type_is_taken_as_they_mean_it() -> None:
    heard = {
        kind: np.mean(
            [named_part(prompt) is not None for prompt, meant in PART_PROMPTS if kind in meant]
        )
        for kind in ("named", "whole")
    }
    assert heard["named"] > 0.55 and heard["whole"] < 0.06


def _area(side: int) -> Bools:
    area = np.zeros((SIDE, SIDE), np.bool_)
    area[20 : 20 + side, 20 : 20 + side] = True
    return area


class _Segmenter:
    """Finds an object and a part of it, whatever it is asked."""

    def __init__(self, part: int) -> None:
        self.part, self.photos = part, 0

    def set_image(self, image: object) -> None:
        self.photos += 1

    def predict(self, **asked: object) -> Segmentation:
        masks = np.stack([_area(30), _area(self.part)])
        return Segmentation(masks, np.array([0.9, 0.8], np.float32), ("object", "part"))


PHOTO = np.zeros((SIDE, SIDE, 3), np.uint8)
WHOLE = _area(30).astype(np.float32)
ON_IT = Click(25, 25)


def test_a_named_part_takes_the_place_of_what_one_click_found() -> None:
    other = Region(ON_IT, prompt="drift left")
    regions, masks = with_named_parts(
        PHOTO,
        [Region(ON_IT, prompt="this petal drops"), other],
        [WHOLE, WHOLE],
        [None, None],
        _Segmenter(12),
    )
    assert regions[0].granularity == "part" and regions[0].prompt == "this petal drops"
    np.testing.assert_array_equal(masks[0] > 0.5, _area(12))
    assert regions[1] is other and masks[1] is WHOLE


def test_a_part_that_is_nearly_all_of_it_is_all_of_it() -> None:
    region = Region(ON_IT, prompt="this petal drops")
    regions, masks = with_named_parts(PHOTO, [region], [WHOLE], [None], _Segmenter(28))
    assert regions == [region] and masks[0] is WHOLE


def test_heads_that_nod_are_left_to_who_finds_heads() -> None:
    region = Region(ON_IT, prompt="dip its head")
    for motion, asked in (("nod", 0), ("spin", 1)):
        segmenter = _Segmenter(12)
        with_named_parts(PHOTO, [region], [WHOLE], [PromptReading((motion,), True)], segmenter)
        assert segmenter.photos == asked


@pytest.mark.parametrize(
    "region",
    [
        Region(ON_IT, prompt="drift left"),
        Region(ON_IT, prompt="this petal drops", granularity="object"),
        Region(ON_IT, prompt="this petal drops", edits=Feather(2)),
        Region([ON_IT, Click(40, 40)], prompt="this petal drops"),
        Region(Box(20, 20, 50, 50), prompt="this petal drops"),
    ],
)
def test_what_people_chose_or_added_means_itself(region: Region) -> None:
    segmenter = _Segmenter(12)
    regions, masks = with_named_parts(PHOTO, [region], [WHOLE], [None], segmenter)
    assert regions == [region] and masks[0] is WHOLE and not segmenter.photos


def test_the_clip_of_a_part_is_made_again_without_the_segmenter_that_found_it(
    tiny_pipeline: Callable[[int], RegionalAnimationPipeline], tiny_preset: Preset, tmp_path: Path
) -> None:
    photo = np.random.default_rng(5).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    found = Animator(tiny_pipeline(16), tiny_preset, _Segmenter(12))
    clip = found.animate(photo, [Region(ON_IT, prompt="this petal drops")], num_frames=4)
    assert clip.settings["regions"][0]["granularity"] == "part"
    np.testing.assert_array_equal(clip.region_mask, _area(12))
    known = restore(clip.save(tmp_path / "clip.zip"))
    other = Animator(tiny_pipeline(16), tiny_preset, _Segmenter(5))
    again = other.animate(photo, known.regions, **known.settings.for_run())
    np.testing.assert_array_equal(again.frames, clip.frames)
