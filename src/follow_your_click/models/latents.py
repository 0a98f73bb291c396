"""Images to latents, whatever the autoencoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def image_latents(vae: Any, pixels: Tensor) -> Tensor:
    """Images (B, 3, H, W) in [-1, 1] -> latents (B, C, h, w), scaled as the networks expect them.

    Of Stable Diffusion's autoencoder the middle of the distribution, so that the same image has the same latents.
    """
    encoded = vae.encode(pixels)
    latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
    scaled: Tensor = latents * vae.config.scaling_factor
    return scaled
