"""One denoising step: everything that the network is told, read in windows of frames where a clip is longer than it knows.

Axis legend: B clips, C channels, F frames, R regions, h w latent rows and columns, N tokens, D text channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from follow_your_click.control import Control
from follow_your_click.models.unet import RegionalMotionOutput, RegionalMotionUNet
from follow_your_click.pipeline_inputs import Texts


@dataclass(frozen=True)
class Conditions:
    """What the network is told beside the noisy latents.

    channels: (B, 1 + C, F, h, w), mask or affinity, and first frame. texts: see `Texts`. motion_strength: (B,), of
    several regions (B, R + 1). fps: (B,). shares: (B, R + 1, h, w) of several regions. image_embeds: of IP-Adapters,
    each (B, images, ...), the negative ones before them with guidance.
    """

    channels: Tensor
    texts: Texts
    motion_strength: Tensor
    fps: Tensor
    shares: Tensor | None = None
    control: Control | None = None
    image_embeds: list[Tensor] | None = None


def frame_windows(num_frames: int, length: int, overlap: int) -> list[slice]:
    """Windows of `length` frames that cover a clip, neighbours sharing `overlap` frames or more.

    The last window ends with the clip; it shares as many frames more as that takes.
    """
    if num_frames <= length:
        return [slice(0, num_frames)]
    starts = [*range(0, num_frames - length, length - overlap), num_frames - length]
    return [slice(start, start + length) for start in starts]


def window_weights(window: slice, num_frames: int) -> Tensor:
    """How much each frame of a window counts where windows overlap, (length,): little at an end that another goes on from."""
    length = window.stop - window.start
    place = torch.arange(length, dtype=torch.float32)
    rising = place + 1 if window.start > 0 else torch.full_like(place, float(length))
    falling = length - place if window.stop < num_frames else torch.full_like(place, float(length))
    return torch.minimum(rising, falling)


def shuffled_noise(
    noise: Tensor, length: int, generator: torch.Generator | list[torch.Generator] | None
) -> Tensor:
    """Noise (B, C, F, h, w) whose frames beyond the first `length` are those before them in another order.

    Windows of a long clip then start from the same noise and tell the same story (FreeNoise, arXiv 2310.15169).
    """
    one = generator[0] if isinstance(generator, list) else generator
    noise = noise.clone()
    for start in range(length, noise.shape[2], length):
        order = torch.randperm(length, generator=one, device="cpu" if one is None else one.device)
        count = min(length, noise.shape[2] - start)
        noise[:, :, start : start + count] = noise[:, :, start - length : start][
            :, :, order[:count]
        ]
    return noise


def predict(
    unet: RegionalMotionUNet,
    noisy: Tensor,
    timestep: Tensor,
    conditions: Conditions,
    *,
    guidance_scale: float,
    windows: Sequence[slice],
) -> RegionalMotionOutput:
    """The network's output for noisy latents (B, C, F, h, w), with classifier-free guidance unless its scale is 1.

    Frames in several windows are the weighted mean of what each window says of them.
    """
    if len(windows) == 1:
        return _guided_forward(unet, noisy, timestep, conditions, guidance_scale, windows[0])
    frames = noisy.shape[2]
    total, weight = torch.zeros_like(noisy), noisy.new_zeros(frames)
    for window in windows:
        output = _guided_forward(unet, noisy, timestep, conditions, guidance_scale, window)
        share = window_weights(window, frames).to(noisy)
        total[:, :, window] += output.sample * share[:, None, None]
        weight[window] += share
    return RegionalMotionOutput(sample=total / weight[:, None, None])


def _guided_forward(
    unet: RegionalMotionUNet,
    noisy: Tensor,
    timestep: Tensor,
    conditions: Conditions,
    guidance_scale: float,
    window: slice,
) -> RegionalMotionOutput:
    guided = guidance_scale != 1.0
    texts = conditions.texts.of_frames(window)

    def both(tensor: Tensor) -> Tensor:
        return torch.cat([tensor] * 2) if guided else tensor

    latents = both(noisy[:, :, window])
    caption = texts.stacked(texts.prompt, guided)
    extra: dict[str, Any] = {}
    if conditions.control is not None:
        down, middle = conditions.control.residuals(latents, timestep, caption, window)
        extra["down_block_additional_residuals"] = down
        extra["mid_block_additional_residual"] = middle
    output: RegionalMotionOutput = unet(
        torch.cat([latents, both(conditions.channels[:, :, window])], dim=1),
        timestep,
        caption,
        motion_encoder_hidden_states=texts.stacked(texts.motion_prompt, guided),
        motion_strength=both(conditions.motion_strength),
        fps=both(conditions.fps),
        region_shares=None if conditions.shares is None else both(conditions.shares),
        image_embeds=conditions.image_embeds,
        **extra,
    )
    if not guided:
        return output

    def blended(tensor: Tensor) -> Tensor:
        without, with_text = tensor.chunk(2)
        return without + guidance_scale * (with_text - without)

    moved = None if output.displacement is None else blended(output.displacement)
    return RegionalMotionOutput(sample=blended(output.sample), displacement=moved)


@dataclass(frozen=True)
class PinnedBackground:
    """Latents that stay those of the first frame wherever no region gets to (blended latent diffusion).

    first_frame_latents: (B, C, h, w). noise: (B, C, F, h, w), the clip's initial noise. area: (B, 1, F, h, w), 1 = may
    change. At every step the rest is the first frame at that step's noise, in the end the first frame itself.
    """

    first_frame_latents: Tensor
    noise: Tensor
    area: Tensor

    def applied(self, latents: Tensor, scheduler: Any, step: int) -> Tensor:
        """Latents (B, C, F, h, w) after step number `step`, with the background in place."""
        still = self.first_frame_latents.unsqueeze(2).expand_as(latents)
        timesteps = scheduler.timesteps
        if step + 1 < len(timesteps):
            still = scheduler.add_noise(still, self.noise, timesteps[step + 1 : step + 2])
        return torch.where(self.area > 0, torch.lerp(still, latents, self.area.to(latents)), still)
