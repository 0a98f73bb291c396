"""Several regions in one forward: each position reads its own region's text and strength."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from follow_your_click.models.regions import region_shares
from follow_your_click.models.unet import RegionalMotionUNet


def _network(**more: Any) -> RegionalMotionUNet:
    return RegionalMotionUNet(
        sample_size=8,
        in_channels=9,
        out_channels=4,
        down_block_types=("CrossAttnDownBlockMotion", "CrossAttnDownBlockMotion"),
        up_block_types=("CrossAttnUpBlockMotion", "CrossAttnUpBlockMotion"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=6,
        motion_cross_attention_dim=6,
        num_attention_heads=2,
        motion_num_attention_heads=2,
        motion_max_seq_length=8,
        **more,
    )


@pytest.fixture(scope="module")
def unet() -> RegionalMotionUNet:
    torch.manual_seed(0)
    unet = _network(use_motion_mid_block=True, pooled_motion_text="mean")
    # The paper's own parts start at zero and would show nothing.
    for parameter in unet.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    return unet.eval()


def _inputs(regions: int) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {
        "sample": torch.randn(2, 9, 3, 8, 8),
        "encoder_hidden_states": torch.randn(2, regions, 5, 6),
        "motion_encoder_hidden_states": torch.randn(2, regions, 4, 6),
        "motion_strength": torch.rand(2, regions) * 5,
        "fps": torch.tensor([8.0, 12.0]),
    }


def _run(unet: RegionalMotionUNet, inputs: dict[str, Tensor], **more: Tensor) -> Tensor:
    given = {**inputs, **more}
    sample = given.pop("sample")
    text = given.pop("encoder_hidden_states")
    with torch.no_grad():
        return unet(sample, 500, text, **given).sample


def test_one_region_that_covers_all_is_the_plain_forward(unet: RegionalMotionUNet) -> None:
    inputs = _inputs(3)
    shares = torch.zeros(2, 3, 8, 8)
    shares[:, 1] = 1
    plain = {k: v[:, 1] if k not in ("sample", "fps") else v for k, v in inputs.items()}
    expected = _run(unet, plain)
    assert torch.allclose(_run(unet, inputs, region_shares=shares), expected, atol=1e-5)
    assert not torch.allclose(
        _run(unet, inputs, region_shares=shares.roll(1, 1)), expected, atol=1e-3
    )


def test_order_of_regions_changes_nothing(unet: RegionalMotionUNet) -> None:
    inputs = _inputs(2)
    shares = torch.rand(2, 1, 8, 8)
    shares = torch.cat([shares, 1 - shares], dim=1)
    turned = {k: v.flip(1) if k not in ("sample", "fps") else v for k, v in inputs.items()}
    first = _run(unet, inputs, region_shares=shares)
    assert torch.allclose(first, _run(unet, turned, region_shares=shares.flip(1)), atol=1e-5)


def test_a_region_s_own_text_matters_most_inside_it(unet: RegionalMotionUNet) -> None:
    inputs = _inputs(2)
    shares = torch.zeros(2, 2, 8, 8)
    shares[:, 0, :, :4] = 1
    shares[:, 1, :, 4:] = 1
    before = _run(unet, inputs, region_shares=shares)
    for name in ("encoder_hidden_states", "motion_encoder_hidden_states", "motion_strength"):
        other = inputs[name].clone()
        other[:, 1] += 2
        change = (_run(unet, {**inputs, name: other}, region_shares=shares) - before).abs()
        inside, outside = change[..., 4:].mean(), change[..., :4].mean()
        assert inside > 1.2 * outside > 0, name


def test_the_later_mask_lies_on_top_and_shares_are_whole() -> None:
    masks = torch.rand(2, 3, 4, 4)
    masks[:, 2, :2] = 1
    shares = region_shares(masks)
    assert shares.shape == (2, 4, 4, 4)
    assert torch.allclose(shares.sum(dim=1), torch.ones(2, 4, 4))
    assert (shares[:, :3, :2] == 0).all()
    apart = torch.zeros(1, 2, 4, 4)
    apart[:, 0, 0] = apart[:, 1, 3] = 1
    assert torch.equal(region_shares(apart.flip(1))[:, [0, 2, 1]], region_shares(apart))


def test_not_with_a_displacement_head() -> None:
    with_head = _network(displacement_head="field")
    with pytest.raises(ValueError, match="displacement head"):
        _run(with_head, _inputs(2), region_shares=torch.ones(2, 2, 8, 8) / 2)
