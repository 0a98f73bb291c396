"""Public weights by their real keys and shapes, at full size on the meta device; and small ones, against diffusers."""

import gzip
import json
import math
from pathlib import Path

import pytest
import torch
from diffusers import MotionAdapter, UNet2DConditionModel, UNetMotionModel

from follow_your_click.errors import ModelError
from follow_your_click.models.stable_diffusion import CONFIGS
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.models.unet_weights import build_unet
from follow_your_click.models.weight_files import read_weights

KEY_LISTS = Path(__file__).parent / "key_lists"
SD15 = json.loads((CONFIGS / "unet" / "config.json").read_text(encoding="utf-8"))
TINY = {
    **{key: value for key, value in SD15.items() if key != "_class_name"},
    "block_out_channels": [8, 16],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "norm_num_groups": 4,
    "cross_attention_dim": 12,
    "attention_head_dim": 2,
    "layers_per_block": 1,
}


def keys(name):
    """A public checkpoint without its memory."""
    with gzip.open(KEY_LISTS / f"{name}_keys.json.gz", "rt", encoding="utf-8") as file:
        shapes = json.load(file)
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


def count(unet, skip=()):
    """Parameters, in millions, without those whose name has one of the words."""
    named = unet.named_parameters()
    return sum(p.numel() for n, p in named if not any(word in n for word in skip)) / 1e6


def randomised(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.25, generator=generator)
    return model


def tiny_sources(seed=0, **adapter):
    """A small Stable Diffusion U-Net and a motion adapter, every weight random."""
    base = randomised(UNet2DConditionModel(**TINY), seed)
    settings = {
        "block_out_channels": (8, 16),
        "motion_layers_per_block": 1,
        "motion_mid_block_layers_per_block": 1,
        "motion_num_attention_heads": 2,
        "motion_norm_num_groups": 4,
        "motion_max_seq_length": 8,
        **adapter,
    }
    return base, randomised(MotionAdapter(**settings), seed + 1)


def test_animatediff_v2_takes_its_place_whole():
    unet, unused = build_unet(
        keys("stable_diffusion_v1_5_unet"), SD15, keys("animatediff_v2_motion_adapter")
    )
    assert unused == ()
    assert unet.config.use_motion_mid_block
    assert unet.config.motion_max_seq_length == 32
    own = ("attn_text", "norm_text", "motion_embedding", "fps_embedding")
    # 859.5 M and 453.8 M are published; the adapter's list counts its tables of positions, and conv_in grows.
    tables = sum(b.numel() for n, b in unet.named_buffers() if n.endswith("pos_embed.pe")) / 1e6
    assert count(unet, own) + tables == pytest.approx(859.5 + 453.8, abs=0.1)


def test_pia_takes_its_place_whole_with_its_first_convolution():
    unet, unused = build_unet(
        keys("stable_diffusion_v1_5_unet"), SD15, keys("pia_condition_adapter"), conv_in="motion"
    )
    assert unused == ()
    assert not unet.config.use_motion_mid_block
    assert unet.config.in_channels == 9


def test_every_key_of_the_released_code_is_mapped_or_named():
    released = keys("released_code_unet")
    unet, unused = build_unet({}, SD15, released, conv_in="motion")
    # Each module holds its table of frame positions twice, the network once.
    assert all(key.endswith("attention_blocks.1.pos_encoder.pe") for key in unused)
    assert len(unused) == sum(key.endswith(".0.pos_encoder.pe") for key in released) == 20
    assert unet.config.motion_max_seq_length == 24
    assert count(unet, ("attn_text", "norm_text")) == pytest.approx(1281.6, abs=1.0)
    assert set(unet.state_dict()) >= {"fps_embedding.linear_1.weight", "conv_in.weight"}


def test_a_key_that_fits_nowhere_is_named():
    motion = {
        **keys("animatediff_v2_motion_adapter"),
        "poses.weight": torch.empty(3, device="meta"),
    }
    _, unused = build_unet(keys("stable_diffusion_v1_5_unet"), SD15, motion)
    assert unused == ("poses.weight",)


@pytest.mark.parametrize("mid", [1, None])
@torch.no_grad()
def test_extended_it_computes_what_diffusers_computes(mid):
    base, adapter = tiny_sources(use_motion_mid_block=mid is not None)
    theirs = UNetMotionModel.from_unet2d(base, adapter).eval()
    ours, unused = build_unet(
        base.state_dict(),
        dict(base.config),
        adapter.state_dict(),
        dict(adapter.config),
        motion_cross_attention_dim=12,
    )
    assert unused == ()
    generator = torch.Generator().manual_seed(3)
    noisy = torch.randn(2, 4, 6, 8, 8, generator=generator)
    text = torch.randn(2, 5, 12, generator=generator)
    conditions = torch.randn(2, 5, 6, 8, 8, generator=generator)
    expected = theirs(noisy, 500, text.repeat_interleave(6, dim=0)).sample
    actual = ours(
        torch.cat([noisy, conditions], dim=1),
        500,
        text,
        motion_encoder_hidden_states=text,
        motion_strength=torch.tensor([1.0, 4.0]),
        fps=torch.tensor([8.0, 8.0]),
    ).sample
    assert expected.std() > 0.1
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_original_names_give_the_same_network(tmp_path):
    base, adapter = tiny_sources()
    original = {f"module.{as_released(key)}": value for key, value in adapter.state_dict().items()}
    torch.save({"state_dict": original, "epoch": 3}, tmp_path / "motion.ckpt")

    def built(motion):
        unet, _ = build_unet(
            base.state_dict(),
            dict(base.config),
            motion,
            {"motion_num_attention_heads": 2},
            motion_cross_attention_dim=None,
        )
        return unet.state_dict()

    expected = built(adapter.state_dict())
    actual = built(read_weights(tmp_path / "motion.ckpt"))
    motion = [key for key in expected if "motion_modules" in key]
    assert all(torch.equal(expected[key], actual[key]) for key in motion)


def as_released(key):
    """diffusers' key of a motion module -> the paper's released code's."""
    head, dot, tail = key.partition(".motion_modules.")
    if not dot:
        return key
    number, _, rest = tail.partition(".")
    for ours, theirs in (
        ("pos_embed.pe", "attention_blocks.0.pos_encoder.pe"),
        ("attn1.", "attention_blocks.0."),
        ("attn2.", "attention_blocks.1."),
        ("norm1.", "norms.0."),
        ("norm2.", "norms.1."),
        ("norm3.", "ff_norm."),
    ):
        rest = rest.replace(ours, theirs)
    return f"{head}.motion_modules.{number}.temporal_transformer.{rest}"


def test_a_whole_network_beats_its_base():
    base, adapter = tiny_sources()
    sources = (dict(base.config), adapter.state_dict(), dict(adapter.config))
    trained, _ = build_unet(base.state_dict(), *sources, motion_cross_attention_dim=None)
    whole = randomised(trained, 4).state_dict()
    released = {as_released(key): value for key, value in whole.items()}
    unet, unused = build_unet(
        base.state_dict(),
        dict(base.config),
        released,
        {"motion_num_attention_heads": 2},
        conv_in="motion",
        motion_cross_attention_dim=None,
    )
    assert unused == ()
    assert [k for k, value in unet.state_dict().items() if not torch.equal(value, whole[k])] == []


def test_our_own_parts_are_taken_from_a_trained_network():
    base, adapter = tiny_sources()
    settings = {"motion_cross_attention_dim": 12}
    sources = (base.state_dict(), dict(base.config), adapter.state_dict(), dict(adapter.config))
    fresh, _ = build_unet(*sources, **settings)
    trained = randomised(RegionalMotionUNet.from_config(fresh.config), 9).state_dict()
    own = {k: v for k, v in trained.items() if "attn_text" in k or k.startswith("conv_in")}
    unet, _ = build_unet(*sources, **settings, own_parts=own)
    state = unet.state_dict()
    assert all(torch.equal(state[key], own[key]) for key in own)
    kept = next(key for key in state if "attn1.to_q" in key)
    assert torch.equal(state[kept], fresh.state_dict()[kept])


@pytest.mark.parametrize("frames", [4, 20])
def test_frame_positions_are_cut_or_continued(frames):
    base, adapter = tiny_sources()
    unet, _ = build_unet(
        base.state_dict(),
        dict(base.config),
        adapter.state_dict(),
        dict(adapter.config),
        motion_cross_attention_dim=None,
        motion_max_seq_length=frames,
    )
    table = unet.down_blocks[0].motion_modules[0].transformer_blocks[0].pos_embed.pe
    assert table.shape[1] == frames
    assert table[0, -1, 0] == pytest.approx(math.sin(frames - 1), abs=1e-6)


def test_an_adapter_has_no_first_convolution_to_give():
    base, adapter = tiny_sources()
    with pytest.raises(ModelError, match="no first convolution"):
        build_unet(base.state_dict(), dict(base.config), adapter.state_dict(), conv_in="motion")


def test_weights_of_another_width_are_refused_by_name():
    base, _ = tiny_sources()
    _, wide = tiny_sources(block_out_channels=(16, 32))
    with pytest.raises(ModelError, match=r"motion_modules.* has shape .*; expected"):
        build_unet(base.state_dict(), dict(base.config), wide.state_dict())


def test_a_base_that_lacks_weights_is_refused_by_name():
    base, adapter = tiny_sources()
    weights = {k: v for k, v in base.state_dict().items() if not k.startswith("up_blocks.0")}
    with pytest.raises(ModelError, match=r"in neither base nor motion weights, up_blocks\.0"):
        build_unet(weights, dict(base.config), adapter.state_dict())
