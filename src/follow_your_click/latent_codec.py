"""Between pixels and latents: what the pipeline does with its autoencoder.

Axis legend: B clips, C channels, F frames, H W rows and columns (h w of latents).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from diffusers.image_processor import VaeImageProcessor
from einops import rearrange
from PIL import Image
from torch import Tensor

from follow_your_click.errors import SettingsError
from follow_your_click.models.latents import image_latents

OutputType = Literal["pil", "np", "pt", "latent"]
ImageInput = Image.Image | npt.NDArray[Any] | Tensor | Sequence[Image.Image]

DECODE_CHUNK = 8  # frames decoded at once; bounds memory, changes nothing else
# No resizing: the mask must keep lying on the same pixels.
_PROCESSOR = VaeImageProcessor(do_resize=False, do_convert_rgb=True)


class LatentCodec:
    """The part of a pipeline that encodes its image and decodes its frames."""

    vae: Any
    _execution_device: torch.device

    @torch.no_grad()
    def encode_image(self, image: ImageInput) -> Tensor:
        """First-frame latents (B, C, h, w), scaled as the network expects them.

        Raises:
            SettingsError: sides that the autoencoder cannot halve, or values that are no pixels.
        """
        if isinstance(image, np.ndarray) and image.dtype == np.uint8:
            image = image.astype(np.float32) / 255  # diffusers takes arrays for 0 ... 1
        pixels = _PROCESSOR.preprocess(image)
        factor, (height, width) = vae_downscale(self.vae), pixels.shape[-2:]
        if height % factor or width % factor:
            raise SettingsError(
                f"got an image of {width}x{height} px; expected sides that are multiples of {factor}"
            )
        if not pixels.abs().max() <= 1.001:
            raise SettingsError(
                "got image values out of range; expected tensors in 0 ... 1, or uint8 arrays"
            )
        _load_offloaded(self.vae)
        return image_latents(self.vae, pixels.to(self._execution_device, self.vae.dtype))

    @torch.no_grad()
    def decode_latents(self, latents: Tensor) -> Tensor:
        """(B, C, F, h, w) -> frames (B, F, 3, H, W) in [0, 1], float32."""
        batch = latents.shape[0]
        flat = rearrange(latents, "b c f h w -> (b f) c h w") / self.vae.config.scaling_factor
        _load_offloaded(self.vae)
        chunks = [
            self.vae.decode(chunk).sample for chunk in flat.to(self.vae.dtype).split(DECODE_CHUNK)
        ]
        images = (torch.cat(chunks).float() / 2 + 0.5).clamp(0, 1)
        return rearrange(images, "(b f) c h w -> b f c h w", b=batch)

    def _to_output(self, latents: Tensor, output_type: OutputType) -> Any:
        if output_type == "latent":
            return latents
        frames = self.decode_latents(latents)
        if output_type == "pt":
            return frames
        arrays = rearrange(frames, "b f c h w -> b f h w c").cpu().numpy()
        if output_type == "np":
            return arrays
        pixels = (arrays * 255).round().astype(np.uint8)
        return [[Image.fromarray(frame) for frame in clip] for clip in pixels]


def vae_downscale(vae: Any) -> int:
    """Pixels per latent position in each direction."""
    widths = getattr(vae.config, "block_out_channels", None)
    return 8 if widths is None else int(2 ** (len(widths) - 1))


def _load_offloaded(module: Any) -> None:
    """With offloading: to the device, as a forward does; `encode` and `decode` do not pass through one."""
    hook = getattr(module, "_hf_hook", None)
    if hook is not None:
        hook.pre_forward(module)
