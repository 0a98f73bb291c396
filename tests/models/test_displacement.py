"""Displacements: coordinates of the region, maps that can be said, what must never be said."""

import itertools
import math

import pytest
import torch

from follow_your_click.models.displacement import (
    GRIDS,
    MODES,
    SHAPES,
    DisplacementField,
    DisplacementHead,
    at_strength,
    finer,
    mode_courses,
    on_grid,
    region_shapes,
    region_sizes,
    varied,
)
from follow_your_click.models.unet import RegionalMotionUNet

FRAMES, TEXT, LAST = 4, 6, 5
WHOLE_WAY = 256 / (FRAMES - 1)
"""The strength at which a coefficient of 1 at the end of the clip is a way of one window."""


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def box(height=12, width=16, top=3, left=5, rows=4, columns=6):
    mask = torch.zeros(1, height, width)
    mask[:, top : top + rows, left : left + columns] = 1
    return mask


def words(clips=1, seed=0):
    return torch.randn(clips, TEXT, generator=generator(seed))


def shaken(module):
    for seed, parameter in enumerate(module.parameters()):
        torch.nn.init.normal_(parameter, std=0.1, generator=generator(seed))
    return module


def test_coordinates_are_0_at_the_regions_centre_and_1_at_the_edge_of_its_box():
    one, u, v, uu, uv, vv = region_shapes(box())[0]
    assert torch.equal(one, torch.ones_like(one))
    # Columns 5 ... 10, centre 7.5, half a width of 3: the edge lies at 4.5 and 10.5.
    torch.testing.assert_close(u[0, 5:11], (torch.arange(5.0, 11) - 7.5) / 3)
    torch.testing.assert_close(v[3:7, 0], (torch.arange(3.0, 7) - 4.5) / 2)
    assert u.abs().max() <= 2 and v.abs().max() <= 2
    for product, factors in ((uu, u * u), (uv, u * v), (vv, v * v)):
        torch.testing.assert_close(product, factors)


def test_coordinates_follow_the_region_and_not_the_window():
    here, there = region_shapes(box()), region_shapes(box(top=6, left=8))
    torch.testing.assert_close(here[..., 3:7, 5:11], there[..., 6:10, 8:14])


def test_an_empty_region_has_finite_coordinates_and_sizes():
    nothing = torch.zeros(2, 8, 8)
    assert region_shapes(nothing).isfinite().all()
    assert region_sizes(nothing, torch.zeros(2)).isfinite().all()


def test_sizes_are_shares_of_the_window():
    sizes = region_sizes(box(), torch.tensor([25.6]))[0]
    # Half of 6 of 16 columns, half of 4 of 12 rows, over the square root of 3; 24 of 192 positions.
    spread_x, spread_y = (share / 2 / math.sqrt(3) for share in (6 / 16, 4 / 12))
    wanted = [math.log(x) for x in (25.7, spread_x, spread_y, 24 / 192)]
    wanted += [min(10 * 0.1 / spread, 3.0) for spread in (spread_x, spread_y)]
    torch.testing.assert_close(sizes, torch.tensor(wanted))
    fine = box(24, 32, 6, 10, 8, 12)
    torch.testing.assert_close(region_sizes(fine, torch.tensor([25.6]))[0], sizes)


def test_courses_start_at_0_and_are_apart():
    courses = mode_courses(33)
    assert courses.shape == (33, MODES)
    torch.testing.assert_close(courses[0], torch.zeros(MODES))
    assert torch.linalg.matrix_rank(courses) == MODES


def test_a_fresh_field_says_that_nothing_moves():
    field = DisplacementField(TEXT)
    assert not field(words(), box(), torch.tensor([3.0]), FRAMES).any()


def test_a_mode_is_a_course_in_time_of_a_shape_or_of_each_position():
    mask, field = box(), DisplacementField(TEXT)
    strength = torch.tensor([WHOLE_WAY])
    # x by v goes with sin of one cycle.
    with torch.no_grad():
        field.linear_out.bias[2 * MODES + 2] = 1.0
    moved = field(words(), mask, strength, FRAMES)[0]
    wanted = mode_courses(FRAMES)[:, 2, None, None] * region_shapes(mask)[0, 2]
    torch.testing.assert_close(moved, torch.stack([wanted, torch.zeros_like(wanted)]))
    # y of every position goes with t.
    with torch.no_grad():
        field.linear_out.bias.zero_()
        field.conv_out.bias[MODES] = 1.0
    moved = field(words(), mask, strength, FRAMES)[0]
    time = torch.arange(FRAMES)[:, None, None] / (FRAMES - 1)
    assert not moved[0].any()
    torch.testing.assert_close(moved[1], time.expand_as(moved[1]))


def test_a_stretch_about_the_centre_can_be_said():
    mask, field = box(), DisplacementField(TEXT)
    with torch.no_grad():
        field.linear_out.bias[MODES] = 1.0  # x by u, with t
        field.linear_out.bias[(SHAPES + 2) * MODES] = 1.0  # y by v
    moved = field(words(), mask, torch.tensor([WHOLE_WAY]), FRAMES)[0, :, -1]
    _, u, v, *_ = region_shapes(mask)[0]
    torch.testing.assert_close(moved, torch.stack([u, v]))


def test_the_way_is_strength_times_frames():
    field = DisplacementField(TEXT)
    with torch.no_grad():
        field.linear_out.bias[0] = 1.0  # x goes with t
    for strength, frames in ((2.0, 16), (4.0, 16), (2.0, 31)):
        moved = field(words(), box(), torch.tensor([strength]), frames)
        step = moved[0, 0].diff(dim=0) * 256
        torch.testing.assert_close(step, torch.full_like(step, strength), rtol=1e-4, atol=1e-4)


def test_words_strength_and_region_all_count_and_clips_do_not_mix():
    field = shaken(DisplacementField(TEXT))
    mask = torch.cat([box(), box(top=6, left=8, columns=4)])
    strength, texts = torch.tensor([1.0, 2.0]), words(2)
    both = field(texts, mask, strength, FRAMES)
    assert both.shape == (2, 2, FRAMES, 12, 16)
    assert both[:, :, 1:].any() and not both[:, :, 0].any()
    for i in range(2):
        one = slice(i, i + 1)
        alone = field(texts[one], mask[one], strength[one], FRAMES)
        torch.testing.assert_close(both[one], alone, rtol=1e-4, atol=1e-4)
    for other in (
        field(texts.flip(0), mask, strength, FRAMES),
        field(texts, mask.flip(0), strength, FRAMES),
        field(texts, mask, 2 * strength, FRAMES),
    ):
        assert not torch.allclose(other, both)
    assert not field(texts, mask, torch.zeros(2), FRAMES).any()


@pytest.mark.parametrize("grid", itertools.product(range(GRIDS), repeat=2))
def test_one_grid_is_what_the_whole_says_there(grid):
    field, strength = shaken(DisplacementField(TEXT)), torch.tensor([2.0])
    whole = field(words(), box(), strength, FRAMES)
    part = field(words(), box(), strength, FRAMES, grid=grid)
    assert part.shape == (1, 2, FRAMES, 6, 8)
    torch.testing.assert_close(part, on_grid(whole, grid), rtol=1e-4, atol=1e-5)


def test_a_fresh_head_says_what_its_field_says_and_corrects_after_frame_0():
    head, mask = DisplacementHead(TEXT, LAST), box()
    shaken(head.field)
    last = torch.randn(FRAMES, LAST, 12, 16, generator=generator(1))
    texts = torch.randn(1, 7, TEXT, generator=generator(2))
    strength = torch.tensor([3.0])
    stated = head.field(texts.mean(dim=1), finer(mask), strength, FRAMES)
    assert stated.shape == (1, 2, FRAMES, 48, 64)
    torch.testing.assert_close(head(last, mask, texts, strength), stated)
    per_frame = texts.expand(FRAMES, -1, -1)
    again = head(last, mask, per_frame, strength)
    torch.testing.assert_close(again, stated, rtol=1e-4, atol=1e-5)
    torch.nn.init.constant_(head.correction.bias, 1.0)
    corrected = head(last, mask, texts, strength) - stated
    assert not corrected[:, :, 0].any()
    way = torch.full_like(corrected[:, :, 1:], 3.0 / WHOLE_WAY)
    torch.testing.assert_close(corrected[:, :, 1:], way, rtol=1e-4, atol=1e-5)
    assert head(last, mask, None, None).isfinite().all()
    assert not head(last, mask, texts, torch.tensor([0.0])).any()


def shift(way, frames=FRAMES, side=16):
    """A displacement to the right by `way` px of 256 per frame."""
    moved = torch.zeros(1, 2, frames, side, side)
    moved[:, 0] = -way / 256 * torch.arange(frames)[:, None, None]
    return moved


@pytest.mark.parametrize(
    ("stated", "asked", "made"),
    [
        *((3.0, 4.0, 4.0), (3.0, 2.0, 2.0), (4.0, 4.0, 4.0)),
        *((2.0, 6.0, 4.0), (8.0, 2.0, 4.0)),  # by two at most
        *((0.5, 4.0, 0.5), (0.0, 4.0, 0.0), (1.0, 0.0, 0.5)),  # nearly still, and none asked
    ],
)
def test_a_displacement_is_brought_to_the_strength(stated, asked, made):
    mask = box(8, 8, 2, 2, 4, 4)
    found = at_strength(shift(stated), mask, torch.tensor([asked]))
    torch.testing.assert_close(found, shift(made))


def test_the_strength_is_the_regions_own_and_of_each_clip():
    # Only the left half moves; the region lies there in the first clip, and in the still half in the second.
    moved = shift(3.0).repeat(2, 1, 1, 1, 1)
    moved[..., 8:] = 0
    masks = torch.cat([box(16, 16, 4, 5, 8, 3), box(16, 16, 4, 12, 8, 3)])
    found = at_strength(moved, masks, torch.tensor([1.5, 1.5]))
    torch.testing.assert_close(found[0, ..., 2:8], 0.5 * moved[0, ..., 2:8])
    assert torch.equal(found[1], moved[1])


def test_a_turn_is_as_strong_as_the_mean_of_its_points():
    frames, side, pace = 5, 64, 0.02
    axis = (torch.arange(side) + 0.5) / side - 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    angle = pace * torch.arange(frames)[:, None, None]
    turned = torch.stack(
        [x * angle.cos() + y * angle.sin() - x, y * angle.cos() - x * angle.sin() - y]
    )[None]
    mask = (torch.hypot(x, y) < 0.3).float()[None]
    # A disc's points lie two thirds of its radius from the middle.
    strength = 256 * pace * 0.3 * 2 / 3
    found = at_strength(turned, mask, torch.tensor([strength]))
    torch.testing.assert_close(found, turned, rtol=0.03, atol=1e-4)


def thrice(moved, mask):
    """About three times the strength of a displacement."""
    way = 256 * moved.diff(dim=2).norm(dim=1) * mask[:, None]
    return 3 * way.sum((1, 2, 3)) / mask.sum() / (moved.shape[2] - 1)


@pytest.mark.parametrize("form", ["grow", "shear", "turn", "shift"])
def test_what_draws_nothing_out_may_grow_by_two(form):
    side, frames = 32, 5
    axis = (torch.arange(side) + 0.5) / side - 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    time = torch.linspace(0, 1, frames)[:, None, None]
    forms = {
        "grow": (-0.2 * time * x, -0.2 * time * y),
        "shear": (0.5 * time * y, torch.zeros(frames, side, side)),
        "turn": (0.4 * time * y, -0.4 * time * x),
        "shift": (0.1 * time.expand(frames, side, side), torch.zeros(frames, side, side)),
    }
    moved = torch.stack([part.expand(frames, side, side) for part in forms[form]])[None]
    mask = (torch.hypot(x, y) < 0.3).float()[None]
    torch.testing.assert_close(at_strength(moved, mask, thrice(moved, mask)), 2 * moved)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_face_turns_no_further_than_it_looks_like_one(axis):
    # On a head that reaches from -0.25 to 0.25, what faces the viewer goes aside and the outline stays.
    side, frames = 64, 5
    steps = (torch.arange(side) + 0.5) / side - 0.5
    places = torch.meshgrid(steps, steps, indexing="ij")[1 - axis]
    w = (places / 0.25).clamp(-1, 1)
    time = torch.linspace(0, 1, frames)[:, None, None]
    moved = torch.zeros(1, 2, frames, side, side)
    moved[:, axis] = -0.25 * 0.2 * time * (1 - w * w)
    mask = box(side, side, side // 4, side // 4, side // 2, side // 2)
    found = at_strength(moved, mask, thrice(moved, mask))
    # Scaled by f, the steepest slope is 1 - 0.4 f, at the outline: drawn out by 2.2 at f = 1.36, a position further in at 1.5.
    most = float(found.abs().max() / moved.abs().max())
    assert 1.3 < most < 1.55


def test_without_draws_nothing_varies():
    moved, mask = torch.randn(2, 2, 5, 8, 8), torch.ones(2, 8, 8)
    torch.testing.assert_close(varied(moved, mask, torch.zeros(2, 2)), moved)


def test_a_pace_changes_when_and_not_how_far():
    mask, moved = torch.ones(1, 8, 8), shift(4.0, frames=9)
    early, late = (
        varied(moved, mask, torch.tensor([[draw, 0.0]]))[0, 0, :, 3, 3] for draw in (-1.0, 1.0)
    )
    even = moved[0, 0, :, 3, 3]
    for course in (early, late):
        torch.testing.assert_close(course[[0, 8]], even[[0, 8]])
        assert (course.diff() < 0).all()
    assert (early[1:8] < even[1:8]).all() and (even[1:8] < late[1:8]).all()


def test_a_turned_path_is_as_long_and_an_object_turned_about_itself_stays_in_place():
    axis = torch.arange(16) - 7.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    spin = 0.01 * torch.stack([y, -x])[None, :, None] * torch.arange(4)[:, None, None]
    mask = torch.ones(1, 16, 16)
    torch.testing.assert_close(varied(spin, mask, torch.tensor([[0.0, 2.0]])), spin)
    path = shift(4.0)
    turned = varied(path, mask, torch.tensor([[0.0, 2.0]]))
    torch.testing.assert_close(turned.norm(dim=1), path.norm(dim=1))
    angle = torch.atan2(turned[0, 1, 1, 0, 0], turned[0, 0, 1, 0, 0]).abs()
    assert 0.1 < math.pi - angle < 0.2


def test_a_field_in_half_precision_stays_near_its_own():
    field, mask = shaken(DisplacementField(TEXT)), box()
    exact = field(words(), mask, torch.tensor([2.0]), FRAMES)
    rough = field.to(torch.bfloat16)(words().bfloat16(), mask, torch.tensor([2.0]), FRAMES)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().max() < 0.05 * exact.abs().max()


def test_a_network_without_a_region_mask_cannot_have_the_head():
    with pytest.raises(
        ValueError, match="got 4 input channels with a displacement head; expected 9"
    ):
        RegionalMotionUNet(
            in_channels=4,
            out_channels=4,
            down_block_types=("DownBlockMotion",),
            up_block_types=("UpBlockMotion",),
            block_out_channels=(32,),
            displacement_head="field",
        )
