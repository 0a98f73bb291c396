"""Images as prompts: what IP-Adapters read beside the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers.models.embeddings import ImageProjection
from PIL import Image
from torch import Tensor
from transformers.utils import logging as transformers_logging

from follow_your_click.errors import SettingsError


def _ip_adapter_mixin() -> Any:
    """diffusers' loader, imported without transformers' advice on stderr to install torchvision, which is not needed."""
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        from diffusers.loaders import IPAdapterMixin
    finally:
        transformers_logging.set_verbosity(level)
    return IPAdapterMixin


IPAdapterMixin = _ip_adapter_mixin()
ImagePrompt = Image.Image | npt.NDArray[np.uint8] | Tensor
ImagePrompts = ImagePrompt | Sequence[ImagePrompt]
"""One image for all adapters, or one per adapter."""


def embed_image_prompts(
    pipeline: Any, images: ImagePrompts, *, batch: int, guided: bool
) -> list[Tensor]:
    """Embeddings for each loaded IP-Adapter, (B, 1, ...); with guidance (2 B, 1, ...), the negative ones first.

    Args:
        pipeline: with `image_encoder` and `feature_extractor`, as `load_ip_adapter` leaves it.

    Raises:
        SettingsError: no IP-Adapter loaded, or another number of images than of adapters.
    """
    projection = pipeline.unet.encoder_hid_proj
    if projection is None or pipeline.image_encoder is None or pipeline.feature_extractor is None:
        raise SettingsError(
            "got ip_adapter_image without an IP-Adapter and its image encoder; call load_ip_adapter first"
        )
    layers = projection.image_projection_layers
    each = list(images) if isinstance(images, (list, tuple)) else [images] * len(layers)
    if len(each) != len(layers):
        raise SettingsError(
            f"got {len(each)} ip_adapter_image for {len(layers)} IP-Adapters; expected one, or one each"
        )
    encoder = pipeline.image_encoder
    weight = next(encoder.parameters())
    embeds = []
    for image, layer in zip(each, layers, strict=True):
        pixels: Any = image
        if not isinstance(image, Tensor):
            pixels = pipeline.feature_extractor(image, return_tensors="pt").pixel_values
        pixels = pixels.to(pipeline._execution_device, weight.dtype)
        if isinstance(layer, ImageProjection):
            known = encoder(pixels).image_embeds
            nothing = torch.zeros_like(known)
        else:  # the larger adapters read the tokens of the last layer but one
            known = encoder(pixels, output_hidden_states=True).hidden_states[-2]
            nothing = encoder(torch.zeros_like(pixels), output_hidden_states=True).hidden_states[-2]
        known = known.unsqueeze(1).repeat(batch, *[1] * known.ndim)
        nothing = nothing.unsqueeze(1).repeat(batch, *[1] * nothing.ndim)
        embeds.append(torch.cat([nothing, known]) if guided else known)
    return embeds
