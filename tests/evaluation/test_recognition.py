"""The classifier, on features and clips that are told apart easily."""

from __future__ import annotations

import random

import numpy as np
import pytest

from follow_your_click.data.motion_prompts import family
from follow_your_click.data.photos import load_library
from follow_your_click.data.procedural import STRENGTH_LIMITS
from follow_your_click.errors import SettingsError
from follow_your_click.evaluation import recognition
from follow_your_click.evaluation.measures import clip_flows, flow_frames, flow_masks
from follow_your_click.evaluation.recognition import (
    FAMILIES,
    MotionRecogniser,
    draw_request,
    motion_features,
    train_recogniser,
)


def _toy(seed: int) -> tuple[list[np.ndarray], list[str]]:
    generator = np.random.default_rng(seed)
    names = ["rise", "fall", "nod"] * 10
    centres = {"rise": (0, 2, 0), "fall": (2, 0, 0), "nod": (0, 0, 2)}
    return [generator.normal(centres[n], 0.3).astype(np.float32) for n in names], names


def test_it_learns_a_toy_set_and_names_new_examples():
    recogniser = MotionRecogniser.fit(*_toy(0))
    features, names = _toy(1)
    assert [recogniser.name(row) for row in features] == names
    assert recogniser.families == ("rise", "fall", "nod")


def test_examples_and_names_must_fit():
    with pytest.raises(SettingsError, match="one name for each"):
        MotionRecogniser.fit([np.zeros(3, np.float32)], [])


def test_features_tell_motions_apart_rather_than_speeds(clips):
    def features(**motion: object) -> np.ndarray:
        frames, masks = clips(**motion)
        return motion_features(clip_flows(flow_frames(frames)), flow_masks(masks)[0])

    slow, fast, turning = features(shift=(2, 0)), features(shift=(4, 0)), features(turn=3)
    assert np.abs(slow - fast)[:-2].mean() < 0.2 * np.abs(slow - turning)[:-2].mean()
    assert np.isfinite(features()).all()


def test_features_of_an_empty_and_of_a_full_region_are_finite():
    flows = np.ones((3, 256, 256, 2), np.float32)
    for region in (np.zeros((256, 256), np.bool_), np.ones((256, 256), np.bool_)):
        assert np.isfinite(motion_features(flows, region)).all()


def test_requests_keep_to_their_family_and_its_strengths():
    draw = random.Random(0)
    for name in FAMILIES:
        request = draw_request(name, draw)
        assert request.motion is not None
        assert family(request.motion) == name
        low, high = STRENGTH_LIMITS[name]
        assert low <= request.motion_strength <= high


def test_training_on_clips_tells_families_apart(data, monkeypatch):
    monkeypatch.setattr(recognition, "FAMILIES", ("translate", "rotate", "still"))
    progress: list[tuple[int, int]] = []
    recogniser = train_recogniser(
        load_library(data, split="train"),
        size=64,
        num_frames=4,
        clips_per_family=4,
        progress=lambda done, total: progress.append((done, total)),
    )
    assert sorted(recogniser.families) == ["rotate", "still", "translate"]
    assert progress[-1] == (12, 12)
