"""Stable Diffusion in the original (LDM) layout, as single-file checkpoints have it: diffusers' keys renamed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_TOP = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
_VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}


@pytest.fixture(scope="session")
def single_file() -> Callable[[Path], dict[str, Tensor]]:
    """A function: the folder of a diffusers model -> its weights as one checkpoint holds them."""
    return _single_file


def _single_file(folder: Path) -> dict[str, Tensor]:
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae")
    text = CLIPTextModel.from_pretrained(folder, subfolder="text_encoder")
    layers = unet.config.layers_per_block
    levels = len(vae.config.block_out_channels)
    weights = {}
    for key, value in unet.state_dict().items():
        weights[f"model.diffusion_model.{_unet_key(key, layers, unet)}"] = value
    for key, value in vae.state_dict().items():
        name = _vae_key(key, levels)
        convolution = re.search(r"attn_1\.(q|k|v|proj_out)\.weight$", name) is not None
        weights[f"first_stage_model.{name}"] = value[:, :, None, None] if convolution else value
    for key, value in text.state_dict().items():
        name = key.removeprefix("text_model.")
        weights[f"cond_stage_model.transformer.text_model.{name}"] = value
    return {key: value.contiguous() for key, value in weights.items()}


def _unet_key(key: str, layers: int, unet: UNet2DConditionModel) -> str:
    found = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", key)
    if found is None:
        for ours, theirs in _TOP.items():
            if key.startswith(f"{ours}."):
                return _resnet(key.replace(ours, theirs, 1))
        raise KeyError(key)
    way, block, kind, layer, rest = found.groups()
    number, place = int(block), int(layer)
    if way == "down":
        at = (layers + 1) * number + place + 1
        if kind == "downsamplers":
            return f"input_blocks.{(layers + 1) * (number + 1)}.0.{rest.replace('conv', 'op', 1)}"
        slot = 0 if kind == "resnets" else 1
        return f"input_blocks.{at}.{slot}.{_resnet(rest)}"
    at = (layers + 1) * number + place
    if kind == "upsamplers":
        slot = 2 if hasattr(unet.up_blocks[number], "attentions") else 1
        return f"output_blocks.{(layers + 1) * number + layers}.{slot}.{rest}"
    slot = 0 if kind == "resnets" else 1
    return f"output_blocks.{at}.{slot}.{_resnet(rest)}"


def _resnet(key: str) -> str:
    if "transformer_blocks" in key:
        return key
    for ours, theirs in _RESNET.items():
        key = re.sub(rf"(^|\.){ours}\.", rf"\g<1>{theirs}.", key)
    return key


def _vae_key(key: str, levels: int) -> str:
    def flipped(match: re.Match[str]) -> str:
        return f"up.{levels - 1 - int(match[1])}."

    key = re.sub(r"down_blocks\.(\d+)\.", r"down.\1.", key)
    key = re.sub(r"up_blocks\.(\d+)\.", flipped, key)
    key = re.sub(r"((?:down|up)\.\d+)\.resnets\.", r"\1.block.", key)
    key = key.replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample")
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", key)
    key = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    if "mid_block.attentions.0." in key:
        key = key.replace("mid_block.attentions.0.", "mid.attn_1.")
        for ours, theirs in _VAE_ATTENTION.items():
            key = key.replace(f"attn_1.{ours}.", f"attn_1.{theirs}.")
    return key
