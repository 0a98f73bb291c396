"""Several regions in one window: which way a network takes, and what comes out of either.

Axis legend: R regions, C channels, F frames, H W rows and columns of the window (h w of latents).

A network that reads a text per position denoises all regions at once (`RegionalAnimationPipeline` with several masks).
One with a displacement head speaks of one region: it runs once per region as a batch, and the clips are laid over one
another in latents, each where its region is or was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from follow_your_click.models.conditioning import carry, latent_region_mask
from follow_your_click.pipeline import (
    RegionalAnimationOutput,
    RegionalAnimationPipeline,
    StepCallback,
)


@dataclass(frozen=True)
class RegionCondition:
    """One region of a window: mask (H, W) float32, 0 ... 1, its motion prompt, strength (px at 256) and seed."""

    mask: Tensor
    motion_prompt: str
    motion_strength: float
    seed: int


def animate_regions(
    pipeline: RegionalAnimationPipeline,
    first_frame_latents: Tensor,
    regions: Sequence[RegionCondition],
    *,
    callback_on_step_end: StepCallback | None = None,
    preview: Callable[[Tensor], None] | None = None,
    **settings: Any,
) -> tuple[Tensor, list[Tensor | None]]:
    """Animate one window.

    Args:
        pipeline: the model.
        first_frame_latents: (1, C, h, w).
        regions: at least one; where two overlap, the later lies on top.
        preview: told after each step what the clip would be if it ended there, latents (1, C, F, h, w).
        settings: fps, num_frames, num_inference_steps, guidance_scale, as the pipeline takes them.

    Returns:
        The clip's latents (1, C, F, h, w), and each region's displacement (2, F, 4 h, 4 w) if the network states it.
    """
    one_each = len(regions) == 1 or pipeline.unet.displacement is not None
    masks = torch.stack([region.mask for region in regions])
    strengths = torch.tensor([region.motion_strength for region in regions])
    texts = [region.motion_prompt for region in regions]
    generators = [torch.Generator().manual_seed(region.seed) for region in regions]
    shared: dict[str, Any] = {
        **settings,
        "output_type": "latent",
        "callback_on_step_end": callback_on_step_end,
    }
    if preview is not None:

        def on_step(pipe: Any, step: int, timestep: int, tensors: dict[str, Any]) -> Any:
            clean = tensors.pop("predicted_latents")
            # Regions that were denoised one by one: each where it was selected is near enough for a preview.
            preview(clean if len(clean) == 1 else _laid_over_one_another(clean, masks, None))
            return (
                {}
                if callback_on_step_end is None
                else callback_on_step_end(pipe, step, timestep, tensors)
            )

        shared["callback_on_step_end"] = on_step
        shared["callback_on_step_end_tensor_inputs"] = ("latents", "predicted_latents")
    if one_each:
        output = pipeline(
            first_frame_latents=first_frame_latents.expand(len(regions), -1, -1, -1),
            region_mask=masks[:, None],
            motion_prompt=texts,
            motion_strength=strengths,
            generator=generators,
            **shared,
        )
        output = cast(RegionalAnimationOutput, output)
        moved = output.displacement
        latents = _laid_over_one_another(output.frames, masks, moved)
        return latents, [None] * len(regions) if moved is None else list(moved)
    noise = _regional_noise(pipeline, first_frame_latents, masks, generators, settings)
    output = pipeline(
        first_frame_latents=first_frame_latents,
        region_mask=masks[None],
        motion_prompt=[texts],
        motion_strength=strengths[None],
        latents=noise,
        generator=generators[0],
        **shared,
    )
    return cast(RegionalAnimationOutput, output).frames, [None] * len(regions)


def _laid_over_one_another(latents: Tensor, masks: Tensor, displacement: Tensor | None) -> Tensor:
    """Clips (R, C, F, h, w) of one region each -> one clip (1, C, F, h, w)."""
    result = latents[:1]
    for index in range(1, len(latents)):
        own = latent_region_mask(masks[index][None, None], (latents.shape[3], latents.shape[4]))
        place = own[:, :, None].to(latents).expand(-1, -1, latents.shape[2], -1, -1)
        if displacement is not None:
            place = torch.maximum(place, carry(own.to(latents), displacement[index : index + 1]))
        # One position around: the autoencoder's latents reach over their own pixels.
        reach = F.max_pool3d(place, (1, 3, 3), stride=1, padding=(0, 1, 1))
        result = result + reach * (latents[index : index + 1] - result)
    return result


def _regional_noise(
    pipeline: RegionalAnimationPipeline,
    first_frame_latents: Tensor,
    masks: Tensor,
    generators: Sequence[torch.Generator],
    settings: dict[str, Any],
) -> Tensor:
    """Each position's noise from its own region's generator, the background's from the first: (1, C, F, h, w)."""
    _, channels, height, width = first_frame_latents.shape
    shape = (1, channels, int(settings["num_frames"]), height, width)
    dtype = pipeline.unet.dtype
    drawn = [torch.randn(shape, generator=generator, dtype=dtype) for generator in generators]
    noise = drawn[0]
    for mask, own in zip(masks[1:], drawn[1:], strict=True):
        inside = latent_region_mask(mask[None, None], (height, width)) > 0.5
        noise = torch.where(inside[:, :, None], own, noise)
    return noise
