"""Masks, strengths and camera motion of clips whose motion is known."""

import numpy as np
import pytest

from follow_your_click.data.engine.camera import camera_motion
from follow_your_click.data.engine.config import FilterSettings, FlowSettings, MotionSettings
from follow_your_click.data.engine.displacement import chained, displacement_labels
from follow_your_click.data.engine.filters import judge_motion
from follow_your_click.data.engine.flows import flow_estimator
from follow_your_click.data.engine.motion import measure_motion, motion_of
from follow_your_click.flow import motion_mask

from .conftest import disc_clip

DIS = flow_estimator(FlowSettings())
FINE = flow_estimator(FlowSettings(method="dis-fine"))


@pytest.mark.parametrize(
    ("estimator", "radius", "motion", "speed"),
    [
        (DIS, 60, {"shift": (2.4, 1.8)}, 3.0),
        (DIS, 60, {"shift": (0.0, -1.0)}, 1.0),
        (DIS, 75, {"shift": (0.0, 0.0), "turn": 2.5 / 50}, 2.5),
        (FINE, 36, {"shift": (-3.0, 0.0)}, 3.0),
        (FINE, 36, {"shift": (0.5, 0.5)}, 0.5**0.5),
        (FINE, 45, {"shift": (0.0, 0.0), "turn": 3.0 / 30}, 3.0),
    ],
)
def test_the_strength_of_a_known_motion_is_right_within_a_tenth(estimator, radius, motion, speed):
    frames = disc_clip(3, count=4, side=256, radius=radius, **motion)
    measured = measure_motion(frames, estimator)
    assert measured.motion_strength == pytest.approx(speed, rel=0.1)
    assert measured.camera_strength < 0.1


def test_strength_is_in_pixels_at_a_short_side_of_256():
    frames = disc_clip(3, count=4, side=128, radius=32, shift=(1.5, 0.0))
    assert measure_motion(frames, FINE).motion_strength == pytest.approx(3.0, rel=0.1)


def test_the_mask_lies_on_what_moves():
    frames = disc_clip(5, count=4, side=192, radius=40, shift=(2.0, 0.0))
    mask = measure_motion(frames, FINE).mask
    rows, columns = np.mgrid[0:192, 0:192] - 95.5
    distance = np.hypot(rows, columns)
    assert mask[distance < 34].mean() > 0.99
    assert mask[distance > 60].mean() < 0.01


def test_of_flows_alone_the_mask_is_the_papers():
    random = np.random.default_rng(0)
    flows = random.normal(0, 2, (3, 48, 64, 2)).astype(np.float32)
    frames = random.integers(0, 255, (4, 48, 64, 3)).astype(np.uint8)
    literal = MotionSettings(flow="raw", min_change=0)
    assert np.array_equal(motion_of(frames, flows, literal).mask, motion_mask(flows))


def test_a_pan_is_the_cameras_and_the_disc_is_not():
    frames = disc_clip(1, count=4, side=192, radius=36, shift=(0.0, 2.0), pan=(3.0, 0.0))
    found = measure_motion(frames, FINE)
    scale = 256 / 192
    assert found.camera_strength == pytest.approx(3.0 * scale, rel=0.1)
    # The disc shifts on screen; against the panned ground it moves by both.
    assert found.motion_strength == pytest.approx(np.hypot(3.0, 2.0) * scale, rel=0.1)
    assert found.area < 0.25


def test_a_zoom_is_the_cameras():
    rows, columns = np.mgrid[0:96, 0:128].astype(np.float32)
    flow = 0.03 * np.stack([columns - 64, rows - 48], axis=-1)
    found = camera_motion(flow[None])
    assert np.abs(found.flows[0] - flow).max() < 0.1
    assert found.inliers[0] > 0.95


def test_nothing_moves_in_a_still_clip_with_noise():
    still = np.repeat(disc_clip(2, count=1, side=128), 5, axis=0).astype(np.int16)
    noise = np.random.default_rng(0).normal(0, 2, still.shape)
    found = measure_motion(np.clip(still + noise, 0, 255).astype(np.uint8), FINE)
    assert found.motion_strength < 0.3
    assert found.area < 0.01


def test_frames_that_flow_does_not_explain_are_chaotic():
    random = np.random.default_rng(0)
    frames = random.integers(0, 255, (4, 96, 96, 3)).astype(np.uint8)
    measured = measure_motion(frames, FINE)
    bounds = FilterSettings(max_camera_strength=1e9, max_strength=1e9, max_area=1)
    drop = judge_motion(measured, bounds)
    assert drop is not None
    assert drop.reason == "chaotic"


def test_chained_flows_lead_back_to_the_first_frame():
    constant = np.broadcast_to(np.float32([1.5, -0.5]), (4, 32, 32, 2))
    assert np.allclose(chained(constant)[3, 16, 16], (4.5, -1.5))


def test_displacement_labels_follow_the_disc_and_know_where_they_do_not():
    frames = disc_clip(4, count=6, side=128, radius=30, shift=(3.0, 0.0))
    labels = displacement_labels(frames, measure_motion(frames, FINE))
    centre = (slice(7, 9), slice(8, 10))
    # Frame 5 shows the disc 15 px to the right of where it was in frame 0.
    assert np.allclose(labels.displacement[5][centre], (-15, 0), atol=1.0)
    assert labels.validity[5][centre].min() > 200
    assert labels.validity[0].min() == 255
    # What the disc uncovers was not to be seen in frame 0: cells just left of where it now is.
    assert labels.validity[5][8, 4:6].min() < 128
    assert labels.moving[0][8, 6] > 200
    assert labels.moving.shape == (6, 16, 16)
