"""What is measured, with stand-ins for the model: one that returns the photo, at rest."""

from __future__ import annotations

import types
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from follow_your_click.clip import Clip
from follow_your_click.data.motion_prompts import family
from follow_your_click.data.photos import load_library
from follow_your_click.errors import SettingsError
from follow_your_click.evaluation.control import CLIP_SETS, clip_requests, measure_control
from follow_your_click.evaluation.figures import summarise
from follow_your_click.evaluation.recognition import FAMILIES
from follow_your_click.evaluation.records import ControlSettings

SETTINGS = ControlSettings(
    clips=3,
    size=64,
    num_frames=4,
    num_inference_steps=1,
    guidance_scale=1.0,
    seed=5,
    frames="network",
)


class AtRest:
    """An animator whose clips show the photo in every frame."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.animated: list[tuple[Any, dict[str, Any]]] = []

    def pipeline(self, image: torch.Tensor, mask: torch.Tensor, **options: Any) -> Any:
        assert mask.shape == (len(image), 1, *image.shape[-2:])
        self.asked.append(options)
        frames = image[:, None].expand(-1, options["num_frames"], -1, -1, -1)
        return types.SimpleNamespace(frames=frames)

    def animate(
        self, photo: Any, regions: Any, *, num_frames: int, fps: float, **options: Any
    ) -> Clip:
        self.animated.append((regions[0], options))
        return Clip.from_frames(np.stack([photo] * num_frames), fps=fps)


class Guess:
    """Takes every clip for one that is still."""

    def name(self, features: Any) -> str:
        return "still"


@pytest.fixture(scope="module")
def measured(data):
    animator = AtRest()
    images = load_library(data, split="held_out")
    stages: dict[str, int] = {}
    found = measure_control(
        animator,  # type: ignore[arg-type]
        images,
        Guess(),  # type: ignore[arg-type]
        SETTINGS,
        progress=lambda stage, done, total: stages.__setitem__(stage, total - done),
    )
    return types.SimpleNamespace(found=found, asked=animator.asked, stages=stages)


def test_a_model_at_rest_is_still_and_never_right(measured):
    report = summarise(measured.found, SETTINGS, subject={})
    values = {figure.name: figure.value for figure in report.figures}
    assert values["first_frame_error"] == pytest.approx(0, abs=1e-6)
    assert values["rendered_first_frame_error"] == 0
    assert values["static_background"] == 0
    assert values["stillness"] == 0
    assert values["direction_accuracy"] == values["sense_accuracy"] == 0
    assert values["composed_accuracy"] == 0
    assert values["strength_relative_error"] == pytest.approx(1)
    assert values["leak"] is None
    assert values["prompt_sensitivity"] is None


def test_the_true_clips_show_what_was_asked(measured):
    report = summarise(measured.found, SETTINGS, subject={})
    assert report.figure("direction_accuracy").on_truth == 1
    assert report.figure("strength_relative_error").on_truth < 0.2
    assert report.figure("stillness").on_truth == 0
    assert report.figure("sense_accuracy").on_truth == 1
    assert report.figure("composed_accuracy").on_truth == 1


def test_every_set_has_its_clips_and_every_clip_a_seed_of_its_own(measured):
    found = measured.found
    sets = [clip.clip_set for clip in found.clips]
    assert sets == [name for name in CLIP_SETS for _ in range(3)]
    assert [clip.seed for clip in found.clips] == [5, 6, 7] * len(CLIP_SETS)
    assert all(clip.strength == 0 for clip in found.clips if clip.clip_set == "stillness")
    assert len(found.prompt_changes) == len(found.rendered) == 3
    assert set(measured.stages.values()) == {0}
    assert len({sample.caption for sample in found.samples}) > 3


def test_finished_clips_are_made_by_the_animator_and_read_alike(data, measured):
    animator = AtRest()
    images = load_library(data, split="held_out")
    settings = replace(SETTINGS, frames="finished")
    found = measure_control(animator, images, Guess(), settings)  # type: ignore[arg-type]
    assert not animator.asked
    report = summarise(found, settings, subject={})
    assert report.figure("first_frame_error").value == pytest.approx(0, abs=1e-6)
    assert report.figure("stillness").value == 0
    assert report.figure("direction_accuracy").value == 0
    # The same pictures and motions as of the network's frames.
    assert [clip.prompt for clip in found.clips] == [clip.prompt for clip in measured.found.clips]
    assert [clip.truth for clip in found.clips] == [clip.truth for clip in measured.found.clips]
    region, options = animator.animated[0]
    first = found.clips[0]
    assert (region.prompt, region.strength) == (first.prompt, first.strength)
    assert region.areas[0].shape == (64, 64) and options["seed"] == first.seed == 5


def test_prompt_changes_keep_the_seed_for_another_prompt_and_the_prompt_for_another_seed(measured):
    base, by_prompt, by_seed = measured.asked[-3:]
    seeds = [
        [generator.initial_seed() for generator in options["generator"]]
        for options in (base, by_prompt, by_seed)
    ]
    assert seeds[0] == seeds[1] == [5, 6, 7]
    assert not set(seeds[0]) & set(seeds[2])
    assert base["motion_prompt"] == by_seed["motion_prompt"]
    assert all(
        a != b for a, b in zip(base["motion_prompt"], by_prompt["motion_prompt"], strict=True)
    )


def test_requests_show_every_direction_sense_and_family():
    settings = ControlSettings(
        clips=64, size=64, num_frames=4, num_inference_steps=1, guidance_scale=1.0
    )
    directions = clip_requests("directions", settings)
    assert len({request.motion for request in directions}) == 8
    assert all(1 <= request.motion_strength <= 8 for request in directions)
    assert directions == clip_requests("directions", settings)
    assert len({request.motion for request in clip_requests("sense", settings)}) == 4
    assert len({request.motion for request in clip_requests("composed", settings)}) == 32
    assert {family(r.motion) for r in clip_requests("motions", settings)} == set(FAMILIES)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"clips": 1}, "at least 2"),
        ({"seed": -1}, "seed"),
        ({"num_inference_steps": 0}, "num_inference_steps"),
        ({"guidance_scale": 0.5}, "guidance_scale"),
    ],
)
def test_settings_out_of_range_are_refused(changes, says):
    usual = {"clips": 2, "num_inference_steps": 1, "guidance_scale": 1.0}
    with pytest.raises(SettingsError, match=says):
        ControlSettings(size=64, num_frames=4, **{**usual, **changes})
