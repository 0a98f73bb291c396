"""Objective of the U-Net: v-prediction on clips, conditions as in the paper.

Axis legend: B batch, C channels, F frames, H W rows and columns, N tokens, D text channels.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import cast

import numpy as np
import torch
from diffusers import DDIMScheduler
from einops import rearrange
from PIL import Image
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from follow_your_click.data.filmed import FilmedBatch, FilmedClips
from follow_your_click.data.procedural import ClipBatch, ClipRequest, ProceduralClips
from follow_your_click.models.conditioning import (
    at_size,
    carry_first_frame,
    denoiser_input,
    draw_mask_ratios,
    latent_region_mask,
    mask_first_frame,
)
from follow_your_click.models.text_encoder import encode_text
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.pipeline import RegionalAnimationOutput, RegionalAnimationPipeline
from follow_your_click.training.config import MotionUNetSettings
from follow_your_click.training.displacement_field import at_positions, displacement_loss
from follow_your_click.training.objective import SEED_STRIDE, step_generator, steps_in_use

FPS = 8.0  # frames per second of every procedural clip
VALIDATION_MOTIONS = (
    *("translate_left", "translate_right", "translate_up", "sway", "rotate_clockwise"),
    *("swing", "bounce", "grow"),
)
VALIDATION_STRENGTH = 3.0
# Standard deviation of the log of scenes' strengths at one frame rate: docs/results.md says of which.
PACE_SPREAD = 1.2
FPS_LIMITS = (1.0, 64.0)


@dataclass(frozen=True)
class LatentBatch:
    """Clips ready for the network.

    latents: (B, C, F, h, w). region_mask, moving: (B, 1, h, w), (B, F, h, w), 0 ... 1.
    displacement: (B, 2, F, h, w), see `RegionalMotionOutput`. validity: (B, F, h, w), how far it is known: 1 on rendered clips.
    caption_embeds, motion_embeds: (B, N, D). motion_strength, fps: (B,).
    """

    latents: Tensor
    region_mask: Tensor
    moving: Tensor
    displacement: Tensor
    validity: Tensor
    caption_embeds: Tensor
    motion_embeds: Tensor
    motion_strength: Tensor
    fps: Tensor


@dataclass
class MotionUNetObjective:
    """The paper's training step on procedural clips, and on filmed ones where there are some.

    Args:
        model: the network under training.
        vae: frozen autoencoder.
        text_encoder: frozen.
        clips: where training clips come from.
        validation_clips: held-out photos, cut-outs and wordings.
        scheduler: v-prediction, zero terminal SNR.
        filmed: clips from shards, `settings.filmed_share` of every batch; None: rendered clips only.
    """

    model: RegionalMotionUNet
    vae: nn.Module
    text_encoder: nn.Module
    tokenizer: PreTrainedTokenizerFast
    clips: ProceduralClips
    validation_clips: ProceduralClips
    scheduler: DDIMScheduler
    settings: MotionUNetSettings
    filmed: FilmedClips | None = None

    def __post_init__(self) -> None:
        # Rendering and encoding cost about as much as a training step of the small model on a CPU.
        self._rendered = lru_cache(maxsize=self.settings.clip_uses)(self._render)

    def batch(self, batch_size: int, *, seed: int, step: int) -> LatentBatch:
        """Clips of this step and of the `clip_uses - 1` steps before it, in equal parts.

        Each clip so stands in `clip_uses` steps, with noise and timestep drawn anew. A caption or motion
        prompt is dropped to "" at its own rate.
        """
        count, steps = steps_in_use(batch_size, self.settings.clip_uses, step)
        return joined([self._rendered(count, seed, number) for number in steps])

    def _render(self, count: int, seed: int, step: int) -> LatentBatch:
        # Wrapped to a positive seed: the first steps of a run also use "earlier" clips.
        device = next(self.vae.parameters()).device
        step %= SEED_STRIDE // 2
        generator = step_generator(seed, step, device)
        first, end = (self._filmed_before(count * at) for at in (step, step + 1))
        parts = []
        if end - first < count:
            clips = self.clips.sample(count - (end - first), generator, generator.device)
            parts.append(self.encode(clips, generator))
        if self.filmed is not None and first < end:
            taken = self.filmed.sample(range(first, end), generator, generator.device)
            parts.append(self.encode(taken, generator))
        return joined(parts)

    def _filmed_before(self, clips: int) -> int:
        """How many of a run's first clips are filmed: the place in their stream, whatever step a run begins at."""
        return 0 if self.filmed is None else int(self.settings.filmed_share * clips)

    @torch.no_grad()
    def encode(
        self, clips: ClipBatch | FilmedBatch, generator: torch.Generator | None = None
    ) -> LatentBatch:
        """Clips as the network meets them: in training with a generator, which mixes and drops texts; else as in use."""
        if isinstance(clips, ClipBatch):
            clips = thinned(clips, self.settings.frame_stride)
        batch = clips.frames.shape[0]
        images = rearrange(clips.frames, "b f c h w -> (b f) c h w")
        latents = rearrange(self.vae.encode(images).latents, "(b f) c h w -> b c f h w", b=batch)  # type: ignore[operator]
        latents = latents * self.vae.config.scaling_factor  # type: ignore[union-attr]
        size = (latents.shape[-2], latents.shape[-1])
        moving = rearrange(clips.moving_mask, "b f 1 h w -> (b f) 1 h w")
        moving = rearrange(latent_region_mask(moving, size), "(b f) 1 h w -> b f h w", b=batch)
        # The spatial layers read the caption or, as in use, the bare motion prompt.
        captions = list(clips.captions)
        motion_prompts = list(clips.motion_prompts)
        if generator is not None and not self.settings.motion_captions:
            motion_prompts = captions
        if generator is not None:
            captions = _mixed(captions, motion_prompts, generator)
            captions = _dropped(captions, self.settings.caption_dropout, generator)
            motion_prompts = _dropped(
                motion_prompts, self.settings.motion_prompt_dropout, generator
            )
        else:
            captions = motion_prompts
        filmed = clips if isinstance(clips, FilmedBatch) else None
        strength = clips.motion_strength
        rate = FPS / self.settings.frame_stride
        fps = torch.full_like(strength, rate) if filmed is None else filmed.fps
        if self.settings.speed_told == "fps":
            pace = 1.0 if generator is None else drawn_pace(strength, generator)
            fps = told_fps(strength, pace) if filmed is None else filmed.fps
            strength = torch.zeros_like(strength)
        embeds = encode_text(self.text_encoder, self.tokenizer, captions + motion_prompts)
        return LatentBatch(
            latents=latents,
            region_mask=latent_region_mask(clips.region_mask, size),
            moving=moving,
            displacement=at_positions(clips.displacement, size),
            validity=torch.ones_like(moving)
            if filmed is None
            else at_positions(filmed.displacement_validity, size)[:, 0],
            caption_embeds=embeds[:batch],
            motion_embeds=embeds[batch:],
            motion_strength=strength,
            fps=fps,
        )

    def loss(self, batch: LatentBatch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Weighted mean squared error of v, plus the displacement's error if the network has that head."""
        return self._loss_of(self.model, batch, generator)

    def _loss_of(
        self, model: nn.Module, batch: LatentBatch, generator: torch.Generator
    ) -> dict[str, Tensor]:
        settings = self.settings
        first = batch.latents[:, :, 0]
        latents = batch.latents
        if self.model.config.displacement_head != "none":
            latents = latents - carry_first_frame(first, batch.region_mask, batch.displacement)
        device = latents.device
        noise = torch.randn(latents.shape, generator=generator, device=device)
        timesteps = self._draw_timesteps(latents.shape[0], generator)
        noisy = self.scheduler.add_noise(latents, noise, timesteps)
        target = self.scheduler.get_velocity(latents, noise, timesteps)
        ratios = draw_mask_ratios(
            settings.first_frame_mask_ratios, latents.shape[0], generator=generator
        )
        sample = denoiser_input(
            noisy,
            batch.region_mask,
            mask_first_frame(first, ratios, generator=generator),
            mask_layout=settings.mask_layout,
            first_frame_layout=settings.first_frame_layout,
        )
        output = model(
            sample,
            timesteps,
            batch.caption_embeds,
            motion_encoder_hidden_states=batch.motion_embeds,
            motion_strength=batch.motion_strength,
            fps=batch.fps,
        )
        error = (output.sample.float() - target).square().mean(dim=1)
        # Where the object is in some frame: its own cells and those that it uncovers.
        area = batch.moving.amax(dim=1, keepdim=True).expand_as(error)
        weight = 1 + settings.region_loss_weight * area
        weighted = error * weight
        if settings.min_snr is not None:
            of_steps = timestep_weights(self.scheduler, timesteps, settings.min_snr)
            weighted = weighted * of_steps[:, None, None, None]
        loss = weighted.sum() / weight.sum()
        region = (error * area).sum() / area.sum().clamp(min=1)
        figures = {"v_mse": error.mean().detach(), "v_mse_region": region.detach()}
        if output.displacement is not None:
            size = (latents.shape[-2], latents.shape[-1])
            stated = at_size(output.displacement, size)
            off = displacement_loss(stated, batch.displacement, batch.moving, batch.validity)
            loss = loss + settings.displacement_loss_weight * off
            figures["displacement_error"] = off.detach()
        return {"loss": loss, **figures}

    def _draw_timesteps(self, count: int, generator: torch.Generator) -> Tensor:
        """Uniform timesteps; a share `noise_emphasis` of them from the last tenth, where motion is decided.

        At the last timestep of a zero-terminal-SNR schedule the network sees pure noise and must draw
        the motion from the conditions alone; the first sampling step asks for just that.
        """
        last = int(self.scheduler.config.num_train_timesteps) - 1
        device = generator.device
        steps = torch.randint(last + 1, (count,), generator=generator, device=device)
        high = torch.randint(
            int(0.9 * last), last + 1, (count,), generator=generator, device=device
        )
        chance = torch.rand(count, generator=generator, device=device)
        return torch.where(chance < self.settings.noise_emphasis, high, steps)

    def pipeline(self, model: nn.Module) -> RegionalAnimationPipeline:
        """The pipeline that these weights are for, run as the settings say that they are trained."""
        return RegionalAnimationPipeline(
            self.vae,
            self.text_encoder,
            self.tokenizer,
            cast(RegionalMotionUNet, model),
            self.scheduler,
            self.settings.mask_layout,
            self.settings.first_frame_layout,
        )

    def validate(self, model: nn.Module) -> tuple[dict[str, float], Image.Image | None]:
        """Loss on fixed held-out clips, and a sheet: truth above sample, one motion per pair of rows."""
        device = next(model.parameters()).device
        generator = torch.Generator(device).manual_seed(0)
        requests = [
            ClipRequest(motion=motion, motion_strength=VALIDATION_STRENGTH)
            for motion in VALIDATION_MOTIONS
        ]
        clips = self.validation_clips.sample_requests(requests, generator, device)
        batch = self.encode(clips)
        losses = self._loss_of(model, batch, generator)
        pipeline = self.pipeline(model)
        pipeline.set_progress_bar_config(disable=True)
        sampled = pipeline(
            first_frame_latents=batch.latents[:, :, 0],
            region_mask=batch.region_mask,
            prompt_embeds=batch.caption_embeds,
            motion_prompt_embeds=batch.motion_embeds,
            motion_strength=batch.motion_strength,
            fps=FPS / self.settings.frame_stride,
            num_frames=batch.latents.shape[2],
            generator=generator,
            output_type="pt",
        )
        frames = cast(RegionalAnimationOutput, sampled).frames * 2 - 1
        figures = {name: float(value) for name, value in losses.items()}
        return figures, contact_sheet(clips.frames[:, :: self.settings.frame_stride], frames)


def contact_sheet(truth: Tensor, sampled: Tensor, *, every: int = 3) -> Image.Image:
    """Every `every`-th frame; (B, F, 3, H, W) in [-1, 1] each, truth above sample."""
    rows = torch.stack([truth[:, ::every], sampled[:, ::every]], dim=1)
    sheet = rearrange(rows, "b two f c h w -> (b two h) (f w) c")
    pixels = ((sheet + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy()
    return Image.fromarray(np.ascontiguousarray(pixels))


def joined(parts: list[LatentBatch]) -> LatentBatch:
    """The batches as one."""
    if len(parts) == 1:
        return parts[0]
    return LatentBatch(
        *(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(LatentBatch))
    )


def timestep_weights(scheduler: DDIMScheduler, timesteps: Tensor, gamma: float) -> Tensor:
    """Min-SNR weights of the squared error of v, by timestep: min(SNR + 1, gamma) / (SNR + 1), (B,).

    Hang et al. 2023, but with SNR + 1 in the numerator too: else pure noise, which zero terminal SNR learns from, would weigh nothing.
    """
    kept: Tensor = scheduler.alphas_cumprod.to(timesteps.device)[timesteps]  # SNR / (SNR + 1)
    return (gamma * (1 - kept)).clamp(max=1.0)


def thinned(clips: ClipBatch, stride: int) -> ClipBatch:
    """Every `stride`-th frame of rendered clips; their strength stays that of neighbouring frames before."""
    return replace(
        clips,
        frames=clips.frames[:, ::stride],
        moving_mask=clips.moving_mask[:, ::stride],
        displacement=clips.displacement[:, ::stride],
    )


def drawn_pace(strength: Tensor, generator: torch.Generator) -> Tensor:
    """The scene's own strength at `FPS` for each clip, like those of filmed scenes about a middle of 1."""
    draws = torch.randn(strength.shape, generator=generator, device=strength.device)
    return (PACE_SPREAD * draws).exp()


def told_fps(strength: Tensor, pace: Tensor | float) -> Tensor:
    """The frame rate at which a scene of that pace has that strength: what a network without strength is told.

    Leaving out every other frame doubles the strength and halves the rate; a scene's own pace is not told.
    """
    least, most = FPS_LIMITS
    return (FPS * pace / strength.clamp(min=1e-3)).clamp(least, most)


def _mixed(captions: list[str], prompts: list[str], generator: torch.Generator) -> list[str]:
    chance = torch.rand(len(captions), generator=generator, device=generator.device).tolist()
    return [
        caption if draw < 0.5 else prompt
        for caption, prompt, draw in zip(captions, prompts, chance, strict=True)
    ]


def _dropped(texts: list[str], rate: float, generator: torch.Generator) -> list[str]:
    chance = torch.rand(len(texts), generator=generator, device=generator.device).tolist()
    return ["" if draw < rate else text for text, draw in zip(texts, chance, strict=True)]
