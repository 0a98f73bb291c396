"""First-frame masking, the network's input, the region mask at latent size."""

import pytest
import torch

from follow_your_click.models.conditioning import (
    at_size,
    carry_first_frame,
    denoiser_input,
    draw_mask_ratios,
    latent_region_mask,
    mask_first_frame,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=1):
    return torch.randn(shape, generator=generator(seed))


def test_masking_at_ratio_0_changes_nothing_and_at_1_leaves_nothing():
    first = draw(2, 4, 8, 8)
    assert torch.equal(mask_first_frame(first, 0.0, generator=generator()), first)
    assert not mask_first_frame(first, 1.0, generator=generator()).any()


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.7])
def test_masking_zeroes_about_that_share_of_positions(ratio):
    hidden = mask_first_frame(torch.ones(4, 3, 64, 64), ratio, generator=generator()) == 0
    share = hidden.float().mean(dim=(1, 2, 3))
    torch.testing.assert_close(share, torch.full((4,), ratio), atol=0.04, rtol=0)


def test_masking_takes_all_channels_of_a_position_together_and_keeps_the_others_as_they_are():
    first = draw(2, 4, 16, 16)
    masked = mask_first_frame(first, 0.5, generator=generator())
    hidden = (masked == 0).all(dim=1, keepdim=True).expand_as(first)
    assert torch.equal(masked[~hidden], first[~hidden])
    assert torch.equal((masked == 0), hidden)


def test_each_clip_has_its_own_ratio():
    masked = mask_first_frame(
        torch.ones(3, 1, 64, 64), torch.tensor([0.0, 0.5, 1.0]), generator=generator()
    )
    shares = (masked == 0).float().mean(dim=(1, 2, 3))
    assert shares[0] == 0
    assert shares[1] == pytest.approx(0.5, abs=0.04)
    assert shares[2] == 1


def test_masking_is_a_function_of_the_generator():
    first = draw(1, 4, 8, 8)
    one, same = (mask_first_frame(first, 0.5, generator=generator(3)) for _ in range(2))
    other = mask_first_frame(first, 0.5, generator=generator(4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_ratios_are_drawn_evenly_from_the_list():
    ratios = draw_mask_ratios((0.0, 0.0, 0.0, 0.5), 4000, generator=generator())
    assert ratios.shape == (4000,)
    assert set(ratios.tolist()) == {0.0, 0.5}
    assert (ratios == 0.5).float().mean() == pytest.approx(0.25, abs=0.03)


def test_channels_stand_in_the_order_noisy_mask_first_frame():
    noisy, mask, first = draw(2, 4, 3, 5, 6), draw(2, 1, 5, 6, seed=2), draw(2, 4, 5, 6, seed=3)
    sample = denoiser_input(noisy, mask, first)
    assert sample.shape == (2, 9, 3, 5, 6)
    assert torch.equal(sample[:, :4], noisy)
    for frame in range(3):
        assert torch.equal(sample[:, 4:5, frame], mask)
        assert torch.equal(sample[:, 5:, frame], first)


@pytest.mark.parametrize("mask_layout", ["repeat", "first"])
@pytest.mark.parametrize("first_frame_layout", ["repeat", "first"])
def test_each_layout_repeats_or_stands_in_frame_0_with_zeros_after_it(
    mask_layout, first_frame_layout
):
    mask, first = torch.ones(1, 1, 2, 2), torch.full((1, 4, 2, 2), 2.0)
    sample = denoiser_input(
        torch.zeros(1, 4, 3, 2, 2),
        mask,
        first,
        mask_layout=mask_layout,
        first_frame_layout=first_frame_layout,
    )
    later = {"repeat": 1.0, "first": 0.0}
    for frame in range(3):
        shares = (1.0, 1.0) if frame == 0 else (later[mask_layout], later[first_frame_layout])
        assert torch.equal(sample[:, 4:5, frame], mask * shares[0])
        assert torch.equal(sample[:, 5:, frame], first * shares[1])


def test_a_batch_equals_its_clips_one_by_one():
    noisy, mask, first = draw(3, 4, 2, 4, 4), draw(3, 1, 32, 32, seed=2), draw(3, 4, 4, 4, seed=3)

    def build(index):
        region = latent_region_mask(mask[index], (4, 4))
        return denoiser_input(noisy[index], region, first[index], first_frame_layout="first")

    singles = torch.cat([build(slice(i, i + 1)) for i in range(3)])
    assert torch.equal(build(slice(None)), singles)


def test_the_region_mask_is_the_covered_share_of_each_latent_position():
    mask = torch.zeros(1, 1, 16, 24)
    mask[..., :8, :8] = 1  # one position whole
    mask[..., :8, 8:12] = 1  # half of the next
    mask[..., 15, 23] = 1  # one pixel
    expected = torch.tensor([[1, 0.5, 0], [0, 0, 1 / 64]])
    torch.testing.assert_close(latent_region_mask(mask, (2, 3))[0, 0], expected)


def test_a_mask_at_latent_size_stays_as_it_is():
    mask = torch.rand(2, 1, 8, 8, generator=generator())
    assert torch.equal(latent_region_mask(mask, (8, 8)), mask)


def box_mask(*, height=8, width=10):
    mask = torch.zeros(2, 1, height, width)
    mask[..., 2:5, 3:6] = 1
    mask[..., 5, 3:6] = 0.4
    return mask


def test_a_first_frame_carried_nowhere_is_the_first_frame_in_every_frame():
    first = draw(2, 4, 8, 10)
    clip = carry_first_frame(first, box_mask(), torch.zeros(2, 2, 3, 8, 10))
    torch.testing.assert_close(clip, first.unsqueeze(2).expand(-1, -1, 3, -1, -1))


@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (0, -1), (-3, 2)])
def test_a_region_carried_by_whole_positions_lies_there_and_nothing_else_changes(dx, dy):
    first, mask = draw(2, 4, 8, 10), torch.zeros(2, 1, 8, 10)
    mask[..., 2:5, 3:6] = 1
    displacement = torch.zeros(2, 2, 2, 8, 10)
    displacement[:, 0, 1], displacement[:, 1, 1] = -dx / 10, -dy / 8
    clip = carry_first_frame(first, mask, displacement)
    torch.testing.assert_close(clip[:, :, 0], first)
    there = clip[:, :, 1, 2 + dy : 5 + dy, 3 + dx : 6 + dx]
    torch.testing.assert_close(there, first[:, :, 2:5, 3:6])
    untouched = torch.ones(8, 10, dtype=torch.bool)
    untouched[2:5, 3:6] = False
    untouched[2 + dy : 5 + dy, 3 + dx : 6 + dx] = False
    torch.testing.assert_close(clip[:, :, 1][..., untouched], first[..., untouched])


def test_where_the_region_was_lies_what_is_around_it():
    first = torch.full((1, 4, 8, 10), -2.0)
    mask = torch.zeros(1, 1, 8, 10)
    mask[..., 2:5, 1:4] = 1
    first[..., 2:5, 1:4] = 5.0
    displacement = torch.zeros(1, 2, 2, 8, 10)
    displacement[:, 0, 1] = -0.5
    clip = carry_first_frame(first, mask, displacement)
    torch.testing.assert_close(clip[:, :, 1, 2:5, 1:4], torch.full((1, 4, 3, 3), -2.0))


def test_a_region_that_fills_the_window_can_be_carried():
    clip = carry_first_frame(
        draw(1, 4, 8, 8), torch.ones(1, 1, 8, 8), torch.full((1, 2, 3, 8, 8), 0.2)
    )
    assert clip.isfinite().all()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="expected 'repeat' or 'first'"):
        denoiser_input(draw(1, 4, 2, 2, 2), draw(1, 1, 2, 2), draw(1, 4, 2, 2), mask_layout="last")


def test_displacements_of_another_grid_count_by_their_mean():
    fine = torch.randn(2, 2, 3, 8, 12)
    coarse = at_size(fine, (4, 6))
    assert coarse.shape == (2, 2, 3, 4, 6)
    torch.testing.assert_close(coarse[1, 0, 2, 3, 5], fine[1, 0, 2, 6:, 10:].mean())
    assert at_size(fine, (8, 12)) is fine
    first, mask = torch.randn(2, 5, 4, 6), torch.ones(2, 1, 4, 6)
    torch.testing.assert_close(
        carry_first_frame(first, mask, fine), carry_first_frame(first, mask, coarse)
    )
