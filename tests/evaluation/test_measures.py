"""What is read off clips whose motion is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from follow_your_click.evaluation.measures import (
    FlowReadings,
    angle_between,
    carry_points,
    clip_flows,
    flow_distance,
    flow_frames,
    flow_masks,
    identity_distance,
    read_flow,
    squared_error,
)


def _read(frames: Tensor, masks: Tensor) -> FlowReadings:
    return read_flow(clip_flows(flow_frames(frames)), flow_masks(masks))


@pytest.mark.parametrize("shift", [(4.0, 0.0), (-3.0, 0.0), (0.0, 2.0), (2.0, -2.0)])
def test_a_shifted_square_has_its_direction_and_strength_and_no_leak(clips, shift):
    readings = _read(*clips(shift=shift))
    assert angle_between(readings.mean_flow, shift) < 5
    assert readings.flow_magnitude == pytest.approx(np.hypot(*shift), rel=0.1)
    assert readings.leak < 0.05


@pytest.mark.parametrize("turn", [3.0, -3.0])
def test_a_turning_square_has_its_sense_and_angle(clips, turn):
    readings = _read(*clips(turn=turn))
    assert readings.turning == pytest.approx(2 * np.radians(turn), rel=0.2)
    assert abs(readings.spreading) < abs(readings.turning) / 4


@pytest.mark.parametrize("growth", [1.03, 0.97])
def test_a_growing_square_spreads_and_a_shrinking_one_contracts(clips, growth):
    readings = _read(*clips(growth=growth))
    assert readings.spreading == pytest.approx(2 * (growth - 1), rel=0.25)
    assert abs(readings.turning) < abs(readings.spreading) / 4


def test_a_still_clip_reads_zero_and_has_no_leak(clips):
    readings = _read(*clips())
    assert readings.flow_magnitude < 0.01
    assert readings.leak is None or readings.flow_magnitude > 0


def test_everything_moving_leaks_fully(clips):
    frames, masks = clips(shift=(3.0, 0.0))
    photo = frames[0]
    everywhere = torch.stack([photo.roll(3 * number, dims=2) for number in range(len(frames))])
    assert _read(everywhere, masks).leak == pytest.approx(1, abs=0.15)


def test_strength_is_in_pixels_at_256_whatever_the_frames_size(clips):
    frames, masks = clips(shift=(4.0, 0.0))
    small = torch.nn.functional.avg_pool2d(frames, 2)
    less = torch.nn.functional.avg_pool2d(masks[None], 2)[0]
    assert flow_frames(small).shape[1:3] == (256, 256)
    assert _read(small, less).flow_magnitude == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize(
    ("flow", "degrees"), [((2, 0), 0), ((0, 3), 90), ((-1, 0), 180), ((1, 1), 45), ((0, 0), 90)]
)
def test_angle_between_a_flow_and_what_was_asked(flow, degrees):
    assert angle_between(flow, (1.0, 0.0)) == pytest.approx(degrees, abs=1e-4)


def test_points_are_carried_along_a_known_flow():
    flows = np.full((3, 64, 64, 2), (2.0, -1.0), np.float32)
    paths = carry_points(flows, np.array([[[10.0, 30.0], [20.5, 40.25]]], np.float32))
    np.testing.assert_allclose(paths[-1], [[[16, 27], [26.5, 37.25]]], atol=1e-4)


def test_identity_forgives_motion_but_not_change(clips):
    frames, masks = clips(shift=(3.0, 0.0))
    large, region = flow_frames(frames), flow_masks(masks)[0]
    moved = identity_distance(large, clip_flows(large), region)
    still = np.zeros((len(frames) - 1, *large.shape[1:3], 2), np.float32)
    assert moved < 0.05
    assert identity_distance(large, still, region) > 0.3
    assert identity_distance(large[:1].repeat(3, axis=0), still[:2], region) == pytest.approx(0)
    assert identity_distance(large, still, np.zeros_like(region)) is None


def test_distance_of_flows_and_error_of_frames():
    flows = np.zeros((2, 8, 8, 2), np.float32)
    assert flow_distance(flows, flows + np.array([3, 4], np.float32)) == pytest.approx(5)
    assert squared_error(torch.zeros(3, 4, 4), torch.full((3, 4, 4), 2 / 255)) == pytest.approx(4)
