"""What of the U-Net is trained: parts by name, and the weights that are kept of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from follow_your_click.errors import SettingsError

# Name of a part -> what the names of its parameters contain.
_PATTERNS = {
    "motion_augmented": (".attn_text.", ".norm_text."),
    "motion_modules": (".motion_modules.",),
    "conv_in": ("conv_in.",),
    "motion_embedding": ("motion_embedding.",),
    "fps_embedding": ("fps_embedding.",),
}


def part_of(name: str) -> str:
    """The part that a parameter belongs to; "spatial" is what is Stable Diffusion's own."""
    return next(
        (part for part, words in _PATTERNS.items() if any(word in name for word in words)),
        "spatial",
    )


def freeze_all_but(unet: nn.Module, parts: Sequence[str], *, frozen: torch.dtype) -> None:
    """Leave gradients to these parts alone, in fp32; the others are kept in `frozen`.

    Raises:
        SettingsError: a part that the network does not have.
    """
    found = {part_of(name) for name, _ in unet.named_parameters()}
    missing = [part for part in parts if part not in found]
    if missing:
        raise SettingsError(
            f"trainable: the network has no {missing[0]}; expected some of {sorted(found)}"
        )
    for name, parameter in unet.named_parameters():
        trained = part_of(name) in parts
        parameter.requires_grad_(trained)
        parameter.data = parameter.data.to(torch.float32 if trained else frozen)


def trained_parameters(unet: nn.Module) -> dict[str, nn.Parameter]:
    """Those with gradients, by name, in the network's order."""
    return {name: p for name, p in unet.named_parameters() if p.requires_grad}


def count(parameters: Iterable[nn.Parameter]) -> int:
    """Numbers in them."""
    return sum(parameter.numel() for parameter in parameters)
