"""Displacements: coordinates of the region, maps that the head can say, what it must never say."""

import pytest
import torch

from follow_your_click.models.displacement import (
    MODES,
    SHAPES,
    DisplacementHead,
    mode_courses,
    region_shapes,
)
from follow_your_click.models.unet import RegionalMotionUNet

FRAMES, MIDDLE, LAST, TIME = 4, 6, 5, 7


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def box(height=12, width=16, top=3, left=5, rows=4, columns=6):
    mask = torch.zeros(1, height, width)
    mask[:, top : top + rows, left : left + columns] = 1
    return mask


def features(mask, seed=0):
    batch = mask.shape[0] * FRAMES
    middle = torch.randn(batch, MIDDLE, 3, 4, generator=generator(seed))
    last = torch.randn(batch, LAST, *mask.shape[1:], generator=generator(seed + 1))
    return middle, last


def shaken_head():
    head = DisplacementHead(MIDDLE, LAST)
    for seed, parameter in enumerate(head.parameters()):
        torch.nn.init.normal_(parameter, generator=generator(seed))
    return head


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


def test_an_empty_region_has_finite_coordinates():
    assert region_shapes(torch.zeros(2, 8, 8)).isfinite().all()


def test_a_fresh_head_says_that_nothing_moves():
    mask = box()
    assert not DisplacementHead(MIDDLE, LAST)(*features(mask), mask, torch.tensor([3.0])).any()


def test_displacements_grow_with_the_strength_and_start_after_frame_0():
    mask, head = box(), shaken_head()
    one = head(*features(mask), mask, torch.tensor([1.0]))
    assert one.shape == (1, 2, FRAMES, 12, 16)
    assert one[:, :, 1:].any() and not one[:, :, 0].any()
    torch.testing.assert_close(head(*features(mask), mask, torch.tensor([4.0])), 4 * one)
    torch.testing.assert_close(head(*features(mask), mask, None), one)
    assert not head(*features(mask), mask, torch.tensor([0.0])).any()


def test_a_constant_coefficient_of_u_is_a_stretch_about_the_centre():
    mask, head = box(), DisplacementHead(MIDDLE, LAST)
    with torch.no_grad():
        head.linear_out.bias[1] = 1.0  # x by u
        head.linear_out.bias[SHAPES + 2] = 1.0  # y by v
    moved = head(*features(mask), mask, torch.tensor([8.0]))[0, :, 1]
    _, u, v, *_ = region_shapes(mask)[0]
    torch.testing.assert_close(moved, 0.25 * torch.stack([u, v]))


def test_clips_of_a_batch_do_not_mix():
    mask = torch.cat([box(), box(top=6, left=8)])
    middle, last = features(mask)
    head, strength = shaken_head(), torch.tensor([1.0, 2.0])
    both = head(middle, last, mask, strength)
    for i in range(2):
        part = slice(i * FRAMES, (i + 1) * FRAMES)
        alone = head(middle[part], last[part], mask[i : i + 1], strength[i : i + 1])
        torch.testing.assert_close(both[i : i + 1], alone)


def test_courses_start_at_0_and_are_apart():
    courses = mode_courses(33)
    assert courses.shape == (33, MODES)
    torch.testing.assert_close(courses[0], torch.zeros(MODES))
    assert torch.linalg.matrix_rank(courses) == MODES


def time_embedding(clips, seed=9):
    return torch.randn(clips, TIME, generator=generator(seed)).repeat_interleave(FRAMES, dim=0)


def test_fresh_modes_add_nothing():
    mask = box()
    plain, strength = shaken_head(), torch.tensor([3.0])
    head = DisplacementHead(MIDDLE, LAST, TIME)
    head.load_state_dict(plain.state_dict(), strict=False)
    middle, last = features(mask)
    with_modes = head(middle, last, mask, strength, time_embedding(1))
    torch.testing.assert_close(with_modes, plain(middle, last, mask, strength))


def test_a_mode_is_a_course_in_time_of_a_shape_or_of_each_position():
    mask, head = box(), DisplacementHead(MIDDLE, LAST, TIME)
    middle, last = features(mask)
    # x by v goes with sin of one cycle.
    with torch.no_grad():
        head.modes.linear_out.bias[2 * MODES + 2] = 1.0
    moved = head(middle, last, mask, torch.tensor([32.0]), time_embedding(1))[0]
    v = region_shapes(mask)[0, 2]
    wanted = mode_courses(FRAMES)[:, 2, None, None] * v
    torch.testing.assert_close(moved, torch.stack([wanted, torch.zeros_like(wanted)]))
    # y of every position goes with t, as the features there say.
    with torch.no_grad():
        head.modes.linear_out.bias.zero_()
        head.modes.conv.weight[MODES, 0, 1, 1] = 1.0
    moved = head(middle, last, mask, torch.tensor([32.0]), time_embedding(1))[0]
    time = torch.arange(FRAMES)[:, None, None] / (FRAMES - 1)
    assert not moved[0].any()
    torch.testing.assert_close(moved[1], time * last[:, 0].mean(dim=0))


def test_modes_of_clips_do_not_mix_and_grow_with_the_strength():
    mask = torch.cat([box(), box(top=6, left=8)])
    middle, last = features(mask)
    time, strength = time_embedding(2), torch.tensor([1.0, 2.0])
    head = DisplacementHead(MIDDLE, LAST, TIME)
    for seed, parameter in enumerate(head.parameters()):
        torch.nn.init.normal_(parameter, generator=generator(seed))
    both = head(middle, last, mask, strength, time)
    assert not both[:, :, 0].any()
    for i in range(2):
        part = slice(i * FRAMES, (i + 1) * FRAMES)
        alone = head(middle[part], last[part], mask[i : i + 1], strength[i : i + 1], time[part])
        torch.testing.assert_close(both[i : i + 1], alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(head(middle, last, mask, 2 * strength, time), 2 * both)


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
            displacement_head="conv",
        )
