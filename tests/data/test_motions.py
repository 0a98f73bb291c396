"""Motions as maps: they start at rest, are invertible, and reach the strength that is asked."""

import pytest
import torch

from follow_your_click.data.motion_prompts import COMPOSED, MOTIONS
from follow_your_click.data.motions import (
    MAX_AMPLITUDE,
    Particles,
    motion_track,
    moved_points,
    particle_strength,
    solve_amplitude,
    solve_track,
)
from follow_your_click.data.warps import warp_forward, warp_inverse
from follow_your_click.errors import SettingsError

HALF = torch.tensor([0.2, 0.3])
AXIS = torch.linspace(-0.98, 0.98, 15)
POINTS = torch.cartesian_prod(AXIS, AXIS)
PARTICLES = Particles(POINTS, torch.ones(len(POINTS)), torch.ones(len(POINTS)))


@pytest.mark.parametrize("motion", MOTIONS)
def test_frame_zero_is_the_rest_position(motion: str) -> None:
    track = motion_track(motion, 0.3, num_frames=16)
    torch.testing.assert_close(moved_points(track, POINTS, half=HALF)[0], POINTS * HALF)


@pytest.mark.parametrize("motion", MOTIONS)
def test_amplitude_zero_moves_nothing(motion: str) -> None:
    moved = moved_points(motion_track(motion, 0.0, num_frames=16), POINTS, half=HALF)
    torch.testing.assert_close(moved, (POINTS * HALF).expand_as(moved))


@pytest.mark.parametrize(
    "motion", ["sway", "wave", "ripple", "nod", "turn_left", "turn_right", "flap"]
)
def test_warps_are_inverted_at_their_largest_amplitude(motion: str) -> None:
    track = motion_track(motion, MAX_AMPLITUDE[motion], num_frames=16)
    bend, phase = track.bend[:, None], track.phase[:, None]
    u, v = (side.expand(16, -1) for side in POINTS.T)
    there = warp_forward(track.form, u, v, bend=bend, phase=phase)
    back = warp_inverse(track.form, *there, bend=bend, phase=phase)
    at_most = 0.02 if motion == "ripple" else 1e-4
    assert (back[0] - u).abs().max() < at_most
    assert (back[1] - v).abs().max() < at_most


@pytest.mark.parametrize("motion", [motion for motion in MOTIONS if motion != "still"])
@pytest.mark.parametrize("strength", [0.25, 0.5])
def test_the_solver_reaches_the_strength(motion: str, strength: float) -> None:
    amplitude = solve_amplitude(motion, strength, particles=PARTICLES, half=HALF, num_frames=16)
    track = motion_track(motion, amplitude, num_frames=16)
    assert particle_strength(track, PARTICLES, half=HALF) == pytest.approx(strength, rel=0.02)


@pytest.mark.parametrize(("motion", "axis"), [("turn_left", 0), ("turn_right", 0), ("nod", 1)])
def test_a_head_turns_and_nods_within_its_outline(motion: str, axis: int) -> None:
    track = motion_track(motion, MAX_AMPLITUDE[motion], num_frames=16)
    angle = torch.linspace(0, 6.2, 40)
    outline = torch.stack([angle.cos(), angle.sin()], dim=1)
    stays = moved_points(track, outline, half=HALF) - outline * HALF
    assert stays.abs().max() < 1e-3
    inner = torch.cartesian_prod(AXIS, AXIS)
    inner = inner[inner.norm(dim=1) < 0.9]
    goes = moved_points(track, inner, half=HALF) - inner * HALF
    way = goes.abs().mean(dim=(0, 1))
    assert way[axis] > 0.01 and way[1 - axis] < 1e-6


def test_a_boat_rocks_stiffly_about_a_point_low_in_it() -> None:
    track = motion_track("rock", MAX_AMPLITUDE["rock"], num_frames=17)
    moved = moved_points(track, POINTS, half=HALF)
    apart = torch.pdist(moved[6])
    torch.testing.assert_close(apart, torch.pdist(moved[0]))
    pivot = moved_points(track, torch.tensor([[0.0, 0.7]]), half=HALF)
    torch.testing.assert_close(pivot, (torch.tensor([[0.0, 0.7]]) * HALF).expand_as(pivot))
    mast = moved_points(track, torch.tensor([[0.0, -1.0]]), half=HALF)[:, 0, 0]
    assert mast.max() > 0.05 and mast.min() < -0.05


def test_rotation_is_clockwise_on_screen() -> None:
    track = motion_track("rotate_clockwise", 0.5, num_frames=16)
    moved = moved_points(track, torch.tensor([[1.0, 0.0]]), half=HALF)
    assert moved[-1, 0, 1] > 0.05


def test_sway_bends_right_first_and_stands_on_its_foot() -> None:
    track = motion_track("sway", 0.3, num_frames=16)
    top, foot = moved_points(track, torch.tensor([[0.0, -1.0], [0.0, 1.0]]), half=HALF).unbind(1)
    assert top[4, 0] > 0.0 > top[11, 0]
    assert foot[:, 0].abs().max() == 0.0


def test_errors_say_what_was_expected() -> None:
    with pytest.raises(SettingsError, match="got motion 'teleport'"):
        motion_track("teleport", 0.1, num_frames=16)
    with pytest.raises(SettingsError, match="at least 2"):
        motion_track("sway", 0.1, num_frames=1)


@pytest.mark.parametrize("motion", COMPOSED)
def test_two_motions_at_once_start_at_rest_and_reach_the_strength(motion: str) -> None:
    track = solve_track(motion, 0.6, particles=PARTICLES, half=HALF, num_frames=16)
    moved = moved_points(track, POINTS, half=HALF)
    torch.testing.assert_close(moved[0], POINTS * HALF)
    assert particle_strength(track, PARTICLES, half=HALF) == pytest.approx(0.6, rel=0.05)


def test_of_two_motions_each_is_there() -> None:
    track = solve_track("drift_left+swing", 2.0, particles=PARTICLES, half=HALF, num_frames=17)
    middle = moved_points(track, torch.zeros(1, 2), half=HALF)[:, 0]
    assert middle[-1, 0] < -0.05
    # The swing passes its middle after a quarter more and less; its pivot, the top, only drifts.
    assert track.angle[4] * track.angle[12] < 0
    top = moved_points(track, torch.tensor([[0.0, -1.0]]), half=HALF)[:, 0]
    torch.testing.assert_close(top[:, 0], track.shift_x, atol=1e-6, rtol=0)


def test_what_travels_may_be_warped_about_its_middle_as_it_goes() -> None:
    track = solve_track("translate_right+flap", 3.0, particles=PARTICLES, half=HALF, num_frames=16)
    ends = torch.tensor([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    left, middle, right = moved_points(track, ends, half=HALF).unbind(1)
    assert middle[-1, 0] > 0.05
    torch.testing.assert_close(middle[:, 0], track.shift_x, atol=1e-6, rtol=0)
    assert (left[3, 1], right[3, 1]) == pytest.approx((float(right[3, 1]),) * 2)
    assert right[3, 1] < middle[3, 1] - 0.01  # the wings are up
    assert right[5, 1] == pytest.approx(float(middle[5, 1]), abs=1e-5)  # and down again


def test_one_motion_is_solved_as_ever() -> None:
    amplitude = solve_amplitude("sway", 0.5, particles=PARTICLES, half=HALF, num_frames=16)
    track = solve_track("sway", 0.5, particles=PARTICLES, half=HALF, num_frames=16)
    assert torch.equal(track.bend, motion_track("sway", amplitude, num_frames=16).bend)
