"""`RegionalMotionUNet` out of weights that others trained: what comes from where, and that all of it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import torch
from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from torch import Tensor, nn

from follow_your_click.errors import ModelError
from follow_your_click.models.hub import first_line
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.models.weight_files import rename

ConvIn = Literal["extended", "motion"]

CONV_IN = "conv_in."
# Of our own U-Net: what is not Stable Diffusion's or AnimateDiff's.
_OWN_PARTS = ("motion_embedding.", "fps_embedding.", ".attn_text.", ".norm_text.")
# With these at zero the parts add nothing.
_ZERO_ENDINGS = (
    *("_embedding.linear_2.weight", "_embedding.linear_2.bias"),
    *("attn_text.to_out.0.weight", "attn_text.to_out.0.bias"),
)


@dataclass(frozen=True)
class Motion:
    """Motion weights under the network's keys, and the settings that go with them."""

    weights: dict[str, Any]
    heads: int = 8
    mid_block: bool = False
    frames: int = 32

    @classmethod
    def of(cls, weights: dict[str, Any], config: dict[str, Any] | None = None) -> Motion:
        """`config` is a diffusers MotionAdapter's; a bare file says all but the number of heads."""
        tables = [value.shape[1] for key, value in weights.items() if key.endswith("pos_embed.pe")]
        config = config or {}
        if not tables:
            raise ModelError("the motion weights have no motion modules (no key '...pos_embed.pe')")
        return cls(
            weights,
            heads=int(config.get("motion_num_attention_heads", 8)),
            mid_block=any(key.startswith("mid_block.motion_modules") for key in weights),
            frames=int(tables[0]),
        )


def build_unet(
    base: dict[str, Tensor],
    base_config: dict[str, Any],
    motion: dict[str, Tensor],
    motion_config: dict[str, Any] | None = None,
    *,
    conv_in: ConvIn = "extended",
    motion_cross_attention_dim: int | None = 768,
    motion_max_seq_length: int | None = None,
    own_parts: dict[str, Tensor] | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[RegionalMotionUNet, tuple[str, ...]]:
    """The network out of weights by key. Tensors on the meta device give a network there.

    Args:
        base: of Stable Diffusion's U-Net, in diffusers' keys.
        base_config: its settings.
        motion: of a motion adapter, or of the whole U-Net of the paper's released code, in any of the known keys.
        motion_config: the adapter's settings.
        conv_in: what stands behind the base's own channels in the first convolution: "extended", zeros; "motion", the
            condition channels of the motion weights (PIA's). The released code's checkpoints bring all of it.
        motion_cross_attention_dim: width of the motion prompt's embeddings; None leaves the MA layers out.
        motion_max_seq_length: most frames; None: as many as the motion weights know.
        own_parts: of a U-Net that this project trained.

    Returns:
        It, and the motion weights' keys that it has no place for.

    Raises:
        ModelError: a key is missing or has another shape.
    """
    template = _on_meta(base_config, Motion({}, mid_block=True), motion_cross_attention_dim)
    renamed = rename(motion, template.state_dict())
    kind = Motion.of(renamed.weights, motion_config)
    kind = replace(kind, frames=motion_max_seq_length or kind.frames)
    unet = _on_meta(base_config, kind, motion_cross_attention_dim)
    shapes = unet.state_dict()
    weights = {key: value for key, value in base.items() if key in shapes}
    from_motion = {key: value for key, value in renamed.weights.items() if key in shapes}
    if conv_in == "motion" and from_motion.get("conv_in.weight") is None:
        raise ModelError(
            "the motion weights have no first convolution (conv_in); expected PIA's, or conv_in 'extended'"
        )
    if conv_in == "extended":
        from_motion.pop("conv_in.weight", None)
    first = base.get("conv_in.weight")
    whole = "conv_out.weight" in from_motion  # a checkpoint of the released code, no adapter
    if first is not None and not whole:
        # Adapters leave the base's own channels, and its bias, as they are.
        behind = from_motion.get("conv_in.weight")
        weights["conv_in.weight"] = _extended(first, shapes["conv_in.weight"], behind)
        from_motion = {k: v for k, v in from_motion.items() if not k.startswith(CONV_IN)}
    weights |= from_motion
    weights |= own_parts or {}
    for key in [key for key in weights if key.endswith("pos_embed.pe")]:
        weights[key] = _positions(weights[key], shapes[key].shape[1])
    _check_shapes(weights, shapes)
    unet.load_state_dict({k: v.to(dtype) for k, v in weights.items()}, strict=False, assign=True)
    missing = [key for key in shapes if key not in weights]
    if not all(value.is_meta for value in weights.values()):
        _fresh(unet, missing, dtype)
    return unet.eval(), renamed.unused


def _on_meta(config: dict[str, Any], motion: Motion, text_dim: int | None) -> RegionalMotionUNet:
    channels = int(config["out_channels"])

    def kinds(name: str) -> tuple[str, ...]:
        return tuple(kind.replace("Block2D", "BlockMotion") for kind in config[name])

    try:
        with torch.device("meta"):
            unet: RegionalMotionUNet = RegionalMotionUNet(
                sample_size=config.get("sample_size"),
                in_channels=2 * channels + 1,
                out_channels=channels,
                down_block_types=kinds("down_block_types"),
                up_block_types=kinds("up_block_types"),
                block_out_channels=tuple(config["block_out_channels"]),
                layers_per_block=int(config["layers_per_block"]),
                norm_num_groups=int(config["norm_num_groups"]),
                norm_eps=float(config.get("norm_eps", 1e-5)),
                cross_attention_dim=int(config["cross_attention_dim"]),
                motion_cross_attention_dim=text_dim,
                # Stable Diffusion's configs say the number of heads under the name of their size.
                num_attention_heads=config.get("num_attention_heads")
                or config["attention_head_dim"],
                motion_num_attention_heads=motion.heads,
                motion_max_seq_length=motion.frames,
                use_motion_mid_block=motion.mid_block,
            )
            return unet
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the base's U-Net is not of Stable Diffusion 1.5's kind: {first_line(error)}"
        ) from error


def _extended(weight: Tensor, wanted: Tensor, conditions: Tensor | None) -> Tensor:
    """A first convolution (C', C, 3, 3) with those channels of another behind its own that it lacks, or with zeros."""
    own = weight.shape[1]
    if conditions is not None:
        return torch.cat([weight, conditions[:, own:].to(weight)], dim=1)
    zeros = weight.new_zeros((weight.shape[0], wanted.shape[1] - own, *weight.shape[2:]))
    return torch.cat([weight, zeros], dim=1)


def _positions(table: Tensor, frames: int) -> Tensor:
    """A table (1, F, C) of frame positions, cut, or continued by the formula that all of them come from."""
    known = table.shape[1]
    if frames <= known or table.is_meta:
        return table[:, :1].expand(-1, frames, -1) if table.is_meta else table[:, :frames]
    longer = SinusoidalPositionalEmbedding(table.shape[2], max_seq_length=frames).pe
    return torch.cat([table, cast(Tensor, longer)[:, known:].to(table)], dim=1)


def _check_shapes(weights: dict[str, Tensor], shapes: dict[str, Tensor]) -> None:
    for key, value in weights.items():
        if value.shape != shapes[key].shape:
            raise ModelError(
                f"{key} has shape {tuple(value.shape)}; expected {tuple(shapes[key].shape)}, as the base's config says"
            )
    lacking = [key for key in shapes if key not in weights and not is_own(key)]
    if lacking:
        raise ModelError(
            f"{len(lacking)} weights are in neither base nor motion weights, {lacking[0]} among them"
        )


def is_own(key: str) -> bool:
    return any(part in key for part in _OWN_PARTS)


def _fresh(unet: nn.Module, missing: Iterable[str], dtype: torch.dtype) -> None:
    """Random weights for what no source has, at zero where that makes the part add nothing."""
    wanted = set(missing)
    for name, module in unet.named_modules():
        own = [
            key for key, _ in module.named_parameters(recurse=False) if f"{name}.{key}" in wanted
        ]
        if own:
            module.to_empty(device="cpu", recurse=False)
            cast(Callable[[], None], module.reset_parameters)()
            module.to(dtype)
    with torch.no_grad():
        for key, parameter in unet.named_parameters():
            if key in wanted and key.endswith(_ZERO_ENDINGS):
                parameter.zero_()
