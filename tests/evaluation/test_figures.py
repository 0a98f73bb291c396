"""Means and intervals, on records and numbers with known answers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from follow_your_click.evaluation.figures import (
    bootstrap_interval,
    mean,
    rank_correlation,
    ratio_of_means,
    summarise,
    sums_by_group,
)
from follow_your_click.evaluation.measures import FlowReadings
from follow_your_click.evaluation.records import (
    ControlMeasurements,
    ControlSettings,
    MeasuredClip,
    PromptChange,
    Readings,
    RenderedClip,
)

SETTINGS = ControlSettings(
    clips=4, size=64, num_frames=16, num_inference_steps=1, guidance_scale=1.0
)


def _readings(
    magnitude=2.0, *, mean_flow=(-1.0, 0.0), turning=0.1, spreading=0.1, recognised=None, leak=0.1
) -> Readings:
    return Readings(FlowReadings(magnitude, leak, mean_flow, turning, spreading), recognised, 0.2)


def _clip(clip_set, motion, generated, *, strength=2.0) -> MeasuredClip:
    return MeasuredClip(clip_set, motion, "go", 0, strength, 9.0, generated, _readings())


def _summary(*clips, changes=(), rendered=()):
    measured = ControlMeasurements(tuple(clips), tuple(changes), tuple(rendered), ())
    return summarise(measured, SETTINGS, subject={})


def test_interval_of_a_mean_is_the_one_of_the_normal_distribution():
    values = np.random.default_rng(0).normal(5, 2, (400, 1))
    low, high = bootstrap_interval(values, mean)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)


def test_interval_of_an_accuracy_covers_it_and_repeats():
    hits = np.array([[1.0]] * 48 + [[0.0]] * 16)
    interval = bootstrap_interval(hits, mean)
    assert interval == bootstrap_interval(hits, mean)
    assert interval == pytest.approx((0.64, 0.86), abs=0.03)


def test_rank_correlation_knows_order_only():
    asked = np.array([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(np.stack([asked, np.exp(asked)], axis=1)) == pytest.approx(1)
    assert rank_correlation(np.stack([asked, -asked], axis=1)) == pytest.approx(-1)
    assert rank_correlation(np.array([[1, 1], [2, 2], [3, 2], [4, 4]])) == pytest.approx(0.9486833)
    assert np.isnan(rank_correlation(np.array([[1, 3], [2, 3]])))


def test_direction_counts_what_lies_within_45_degrees_and_moves():
    report = _summary(
        _clip("directions", "translate_left", _readings(mean_flow=(-1.0, 0.9))),
        _clip("directions", "translate_left", _readings(mean_flow=(-1.0, 1.1))),
        _clip("directions", "translate_up", _readings(mean_flow=(0.0, -1.0))),
        _clip("directions", "translate_up", _readings(0.05, mean_flow=(0.0, -1.0))),
    )
    assert report.figure("direction_accuracy").value == 0.5
    assert report.figure("direction_accuracy").clips == 4


def test_sense_is_the_sign_of_curl_or_divergence():
    report = _summary(
        _clip("sense", "rotate_clockwise", _readings(turning=0.1)),
        _clip("sense", "rotate_counterclockwise", _readings(turning=0.1)),
        _clip("sense", "grow", _readings(spreading=0.1)),
        _clip("sense", "shrink", _readings(spreading=-0.1)),
    )
    assert report.figure("sense_accuracy").value == 0.75


def test_strength_leak_stillness_and_first_frame():
    report = _summary(
        *(
            _clip("directions", "translate_left", _readings(0.8 * s, leak=s / 10), strength=s)
            for s in (1.0, 2.0, 4.0)
        ),
        _clip("stillness", "translate_left", _readings(0.3, leak=None), strength=0.0),
        _clip("stillness", "translate_left", _readings(0.1, leak=None), strength=0.0),
    )
    assert report.figure("strength_spearman").value == pytest.approx(1)
    assert report.figure("strength_relative_error").value == pytest.approx(0.2)
    assert report.figure("leak").value == pytest.approx(0.7 / 3)
    assert report.figure("stillness").value == pytest.approx(0.2)
    assert report.figure("first_frame_error").value == 9


def test_recognition_fills_the_confusion_matrix():
    report = _summary(
        _clip("motions", "translate_left", _readings(recognised="translate")),
        _clip("motions", "turn_left", _readings(recognised="nod")),
    )
    assert report.figure("motion_recognition").value == 0.5
    turn, nod = report.families.index("turn"), report.families.index("nod")
    assert report.confusion[turn][nod] == 1
    assert sum(map(sum, report.confusion)) == 2
    assert report.figure("identity").value == pytest.approx(0.2)


def test_prompt_sensitivity_is_a_ratio_of_means():
    changes = [
        PromptChange(("a", "b"), (0, 1), 2.0, by_prompt, by_seed)
        for by_prompt, by_seed in ((3.0, 1.0), (5.0, 1.0))
    ]
    assert _summary(changes=changes).figure("prompt_sensitivity").value == 4
    same = [dataclasses.replace(change, by_seed=0.0) for change in changes]
    assert _summary(changes=same).figure("prompt_sensitivity").value is None


def test_background_is_the_largest_difference_and_has_no_interval():
    report = _summary(rendered=[RenderedClip("go", 0, 0.0, 0.0), RenderedClip("go", 1, 0.0, 3.0)])
    figure = report.figure("static_background")
    assert (figure.value, figure.low, figure.clips) == (3.0, None, 2)


def test_what_no_clip_shows_has_no_value():
    assert all(figure.value is None for figure in _summary().figures)


def test_whole_groups_are_drawn_where_rows_are_not_independent() -> None:
    values, groups = np.repeat([0.0, 1.0, 0.0, 1.0], 50), np.repeat(list("abcd"), 50)
    rows = sums_by_group(values, groups)
    assert rows.tolist() == [[0, 50], [50, 50], [0, 50], [50, 50]]
    low, high = bootstrap_interval(rows, ratio_of_means)
    alone = bootstrap_interval(values[:, None], mean)
    assert (low, high) == (0, 1), "four groups say little"
    assert 0.4 < alone[0] < alone[1] < 0.6, "two hundred rows would say much"
