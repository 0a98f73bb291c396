"""The U-Net against diffusers' own, and the paper's parts at and away from their zero initialisation."""

import itertools

import pytest
import torch
from diffusers import UNetMotionModel

from follow_your_click.models.unet import RegionalMotionUNet

SMALL = {
    "block_out_channels": (32, 64),
    "down_block_types": ("CrossAttnDownBlockMotion", "DownBlockMotion"),
    "up_block_types": ("UpBlockMotion", "CrossAttnUpBlockMotion"),
    "layers_per_block": 2,
    "norm_num_groups": 8,
    "cross_attention_dim": 24,
    "num_attention_heads": 2,
    "motion_num_attention_heads": 4,
}
OWN_PARTS = ("motion_embedding", "fps_embedding", "attn_text", "norm_text")


def pair(in_channels, *, mid, **settings):
    """diffusers' model with every weight random (none at zero), and ours with the same weights."""
    torch.manual_seed(0)
    settings = {**SMALL, **settings, "in_channels": in_channels, "use_motion_mid_block": mid}
    theirs = UNetMotionModel(**settings).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.08)
    ours = RegionalMotionUNet(**settings, motion_cross_attention_dim=24).eval()
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not unexpected
    assert all(any(part in key for part in OWN_PARTS) for key in missing)
    return theirs, ours


def inputs(in_channels, frames, height, width, batch=2):
    generator = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    return draw(batch, in_channels, frames, height, width), draw(batch, 5, 24)


@pytest.mark.parametrize(
    ("in_channels", "mid", "frames", "size"),
    [
        (4, True, 1, (8, 8)),
        (4, False, 5, (8, 16)),
        (9, True, 16, (8, 8)),
        (9, False, 3, (12, 10)),
        (9, True, 4, (9, 7)),
    ],
)
@torch.no_grad()
def test_equals_diffusers_motion_model_at_zero_initialisation(in_channels, mid, frames, size):
    theirs, ours = pair(in_channels, mid=mid)
    sample, text = inputs(in_channels, frames, *size)
    expected = theirs(sample, 321, text.repeat_interleave(frames, dim=0)).sample
    actual = ours(
        sample,
        321,
        text,
        motion_encoder_hidden_states=text,
        motion_strength=torch.tensor([2.0, 5.0]),
        fps=torch.tensor([8.0, 8.0]),
    ).sample
    assert actual.shape == expected.shape
    assert expected.abs().mean() > 1e-2
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)


def test_equals_diffusers_motion_model_with_four_resolutions():
    widths = {"block_out_channels": (16, 16, 32, 32), "layers_per_block": 1}
    blocks = {
        "down_block_types": ("CrossAttnDownBlockMotion",) * 3 + ("DownBlockMotion",),
        "up_block_types": ("UpBlockMotion",) + ("CrossAttnUpBlockMotion",) * 3,
    }
    theirs, ours = pair(9, mid=False, **widths, **blocks)
    sample, text = inputs(9, 2, 16, 8)
    with torch.no_grad():
        expected = theirs(sample, 7, text.repeat_interleave(2, dim=0)).sample
        actual = ours(sample, 7, text).sample
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)


def fresh(**settings):
    torch.manual_seed(0)
    model = RegionalMotionUNet(**SMALL, **settings, motion_cross_attention_dim=24).eval()
    for name, parameter in model.named_parameters():
        if any(part in name for part in OWN_PARTS):
            torch.nn.init.normal_(parameter, std=0.1)
    return model


@pytest.mark.parametrize("condition", ["motion_encoder_hidden_states", "motion_strength", "fps"])
@torch.no_grad()
def test_each_of_the_papers_conditions_changes_every_frame(condition):
    model = fresh()
    sample, text = inputs(9, 4, 8, 8)
    values = {
        "motion_encoder_hidden_states": (text, text.flip(1) * 2),
        "motion_strength": (torch.tensor([1.0, 1.0]), torch.tensor([4.0, 4.0])),
        "fps": (torch.tensor([8.0, 8.0]), torch.tensor([24.0, 24.0])),
    }[condition]
    first, second = (model(sample, 10, text, **{condition: value}).sample for value in values)
    change = (first - second).abs().amax(dim=(0, 1, 3, 4))
    assert (change > 1e-4).all()


@torch.no_grad()
def test_a_batch_equals_its_clips_one_by_one():
    model = fresh()
    sample, text = inputs(9, 3, 8, 8)
    strength, fps = torch.tensor([1.0, 6.0]), torch.tensor([8.0, 24.0])

    def run(index):
        return model(
            sample[index],
            torch.tensor([5, 900])[index],
            text[index],
            motion_encoder_hidden_states=text[index],
            motion_strength=strength[index],
            fps=fps[index],
        ).sample

    both = run(slice(None))
    singles = torch.cat([run(slice(i, i + 1)) for i in range(2)])
    torch.testing.assert_close(both, singles, atol=1e-5, rtol=1e-5)


def test_gradient_checkpointing_gives_the_same_gradients():
    gradients = []
    for checkpointing in (False, True):
        model = fresh().train()
        if checkpointing:
            model.enable_gradient_checkpointing()
        sample, text = inputs(9, 3, 8, 8)
        model(sample, 3, text, motion_encoder_hidden_states=text).sample.square().mean().backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, msg=name)


def test_save_and_load_round_trip(tmp_path):
    model = fresh()
    model.save_pretrained(tmp_path)
    again = RegionalMotionUNet.from_pretrained(tmp_path)
    assert dict(again.config)["motion_cross_attention_dim"] == 24
    for (name, value), other in itertools.zip_longest(
        model.state_dict().items(), again.state_dict().values()
    ):
        assert torch.equal(value, other), name


def test_the_papers_network_has_the_released_parts_on_the_meta_device():
    with torch.device("meta"):
        model = RegionalMotionUNet()
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert shapes["conv_in.weight"] == (320, 9, 3, 3)
    assert shapes["motion_embedding.linear_1.weight"] == (1280, 320)
    assert shapes["fps_embedding.linear_2.weight"] == (1280, 1280)
    own = sum(v.numel() for n, v in model.state_dict().items() if "_text." in n)
    positions = sum(v.numel() for n, v in model.state_dict().items() if n.endswith("pos_embed.pe"))
    total = sum(v.numel() for v in model.state_dict().values())
    # The released code has 1,281.6 M, of which 2 x 24 x 17,600 are its tables of frame positions.
    assert round((total - own - positions) / 1e6, 1) == 1280.8


def test_a_wrong_block_type_is_named():
    with pytest.raises(ValueError, match="expected 'DownBlockMotion'"):
        RegionalMotionUNet(**{**SMALL, "down_block_types": ("Nonsense", "DownBlockMotion")})
