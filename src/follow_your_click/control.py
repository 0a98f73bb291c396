"""Control images (pose, depth, edges) for a region: ControlNet's residuals, confined to where the region gets to.

Axis legend: B clips, C channels, F frames, H W rows and columns of the images (h w of latents), N tokens, D text channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from diffusers.models.controlnets.multicontrolnet import MultiControlNetModel
from einops import rearrange
from PIL import Image
from torch import Tensor

from follow_your_click.errors import SettingsError

ControlImages = Image.Image | npt.NDArray[np.uint8] | Tensor | Sequence[Image.Image]


@dataclass(frozen=True)
class Control:
    """One ControlNet, or several at once (diffusers' `MultiControlNetModel`), and what it is shown.

    images: one per ControlNet, (B, F, 3, H, W) in 0 ... 1. scales: one per ControlNet. area: (B, 1, F, h, w), 0 ... 1,
    where its residuals count.
    """

    model: Any
    images: list[Tensor]
    scales: list[float]
    area: Tensor

    def residuals(
        self, latents: Tensor, timestep: Tensor, text: Tensor, window: slice
    ) -> tuple[list[Tensor], Tensor]:
        """Residuals for the network's skip connections and its middle, one (B F, C, h, w) each.

        Args:
            latents: (B, C, F, h, w) of the frames in `window`; with guidance both halves.
            text: (B, N, D), or (B F, N, D) where it changes from frame to frame.
        """
        batch, frames = latents.shape[0], latents.shape[2]
        repeats = batch // len(self.images[0])
        if len(text) == batch:
            text = text.repeat_interleave(frames, dim=0)
        shown = [
            rearrange(images[:, window].repeat(repeats, 1, 1, 1, 1), "b f c h w -> (b f) c h w").to(
                latents
            )
            for images in self.images
        ]
        several = isinstance(self.model, MultiControlNetModel)
        down, middle = self.model(
            rearrange(latents, "b c f h w -> (b f) c h w"),
            timestep,
            encoder_hidden_states=text,
            controlnet_cond=shown if several else shown[0],
            conditioning_scale=self.scales if several else self.scales[0],
            return_dict=False,
        )
        area = self.area[:, :, window].repeat(repeats, 1, 1, 1, 1)
        area = rearrange(area, "b 1 f h w -> (b f) 1 h w").to(latents)
        return [_inside(residual, area) for residual in down], _inside(middle, area)


def _inside(residual: Tensor, area: Tensor) -> Tensor:
    return residual * F.interpolate(area, size=residual.shape[-2:], mode="area")


def control_of(
    controlnet: Any,
    conditioning_frames: ControlImages | Sequence[ControlImages],
    scale: float | list[float],
    area: Tensor,
    factor: int,
) -> Control:
    """What a pipeline's ControlNet is shown.

    Args:
        controlnet: one of diffusers' ControlNets, a `MultiControlNetModel`, or None.
        conditioning_frames: images as `control_frames` takes them; of several ControlNets a list of those.
        scale: one number, or one per ControlNet.
        area: (B, 1, F, h, w), where the images count.
        factor: pixels per latent position.

    Raises:
        SettingsError: images without a ControlNet, or not as many of everything.
    """
    if controlnet is None:
        raise SettingsError(
            "got conditioning_frames without a ControlNet; set pipeline.controlnet first"
        )
    several = isinstance(controlnet, MultiControlNetModel)
    count = len(controlnet.nets) if several else 1
    each = list(cast(Any, conditioning_frames)) if several else [conditioning_frames]
    scales = list(scale) if isinstance(scale, list) else [scale] * count
    if not len(each) == len(scales) == count:
        raise SettingsError(
            f"got {len(each)} conditioning_frames and {len(scales)} scales; expected {count} of each"
        )
    batch, _, num_frames, height, width = area.shape
    frames = [
        control_frames(
            cast(ControlImages, images),
            batch=batch,
            num_frames=num_frames,
            size=(height * factor, width * factor),
        ).to(area.device)
        for images in each
    ]
    return Control(controlnet, frames, scales, area)


def control_frames(
    images: ControlImages, *, batch: int, num_frames: int, size: tuple[int, int]
) -> Tensor:
    """Control images as (B, F, 3, H, W) in 0 ... 1.

    Args:
        images: one for all frames, or one per frame: PIL images, uint8 (F, H, W, 3), or tensors (F, 3, H, W) or
            (B, F, 3, H, W) in 0 ... 1. PIL images and arrays are scaled to `size`.
        size: (H, W) of the clip.

    Raises:
        SettingsError: another number of frames, or another shape.
    """
    if isinstance(images, Tensor):
        frames = images.float()
    else:
        if isinstance(images, np.ndarray):
            arrays = images if images.ndim == 4 else images[None]
            pictures = [Image.fromarray(array) for array in arrays]
        else:
            pictures = [images] if isinstance(images, Image.Image) else list(images)
        wide = (size[1], size[0])
        scaled = [
            np.asarray(picture.convert("RGB").resize(wide, Image.Resampling.BICUBIC))
            for picture in pictures
        ]
        frames = torch.from_numpy(np.stack(scaled)).permute(0, 3, 1, 2).float() / 255
    if frames.ndim == 4:
        frames = frames.unsqueeze(0)
    if frames.ndim != 5 or tuple(frames.shape[2:]) != (3, *size):
        raise SettingsError(
            f"got control images of shape {tuple(frames.shape)}; expected (frames, 3, {size[0]}, {size[1]})"
        )
    if frames.shape[1] not in (1, num_frames) or frames.shape[0] not in (1, batch):
        raise SettingsError(
            f"got {frames.shape[1]} control images for {num_frames} frames; expected one, or one per frame"
        )
    return frames.expand(batch, num_frames, -1, -1, -1)
