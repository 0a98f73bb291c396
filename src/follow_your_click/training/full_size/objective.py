"""The paper's training step, clip by clip: what a clip is trained on depends on the seed and its place in the stream alone.

Axis legend: B clips, C channels, F frames, h w latent rows and columns, N tokens, D text channels.

So the same step is computed by one process or by many, in one batch or in several, and after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from follow_your_click.data.whole_clips import ClipSource, WholeClipBatch
from follow_your_click.models.conditioning import (
    denoiser_input,
    draw_mask_ratios,
    latent_region_mask,
    mask_first_frame,
)
from follow_your_click.models.latents import image_latents
from follow_your_click.models.schedulers import TRAIN_TIMESTEPS
from follow_your_click.models.stable_diffusion import Parts
from follow_your_click.models.text_encoder import encode_text
from follow_your_click.training.full_size.config import FullSizeConfig
from follow_your_click.training.objective import step_generator


@dataclass(frozen=True)
class Examples:
    """Clips ready for the network, on the CPU where they were drawn.

    batch: the clips. noise: (B, C, F, h, w). timesteps: (B,). kept: (B, 1, h, w), 0 where the first frame is hidden.
    told_caption, told_motion: (B,) bool, whether the text is not dropped.
    """

    batch: WholeClipBatch
    noise: Tensor
    timesteps: Tensor
    kept: Tensor
    told_caption: Tensor
    told_motion: Tensor


class FullSizeObjective:
    """v-prediction on whole clips, conditions as in the paper (section 3).

    Args:
        parts: the models; the U-Net's forward is given to `losses`, because training wraps it.
        source: training clips.
        scheduler: v-prediction, zero terminal SNR.
        no_text: (1, N, D), embeddings of the empty text; None: made when needed.
    """

    def __init__(
        self,
        parts: Parts,
        source: ClipSource,
        scheduler: Any,
        settings: FullSizeConfig,
        *,
        no_text: Tensor | None = None,
    ) -> None:
        self.parts = parts
        self.source = source
        self.scheduler = scheduler
        self.settings = settings
        self._no_text = no_text

    def on(self, source: ClipSource) -> FullSizeObjective:
        """The same with other clips."""
        return FullSizeObjective(
            self.parts, source, self.scheduler, self.settings, no_text=self._no_text
        )

    def draw(self, places: Sequence[int]) -> Examples:
        """The examples at these places of the stream. Takes no GPU; safe to call from threads."""
        settings = self.settings
        batch = self.source.sample(places, seed=settings.seed)
        config = self.parts.unet.config
        if batch.latents is not None:
            height, width = batch.latents.shape[3:]
        else:
            assert batch.frames is not None
            factor = 2 ** (len(self.parts.vae.config.block_out_channels) - 1)
            height, width = (side // factor for side in batch.frames.shape[3:])
        shape = (int(config.out_channels), settings.num_frames, height, width)
        drawn = []
        for place in places:
            generator = step_generator(settings.seed, place, "cpu")
            ones = torch.ones((1, 1, height, width))
            ratio = draw_mask_ratios(settings.first_frame_mask_ratios, 1, generator=generator)
            drawn.append(
                (
                    torch.randn(shape, generator=generator),
                    torch.randint(TRAIN_TIMESTEPS, (), generator=generator),
                    mask_first_frame(ones, ratio, generator=generator)[0],
                    *(torch.rand(2, generator=generator) >= self._dropout()),
                )
            )
        noise, timesteps, kept, told_caption, told_motion = (
            torch.stack(each) for each in zip(*drawn, strict=True)
        )
        return Examples(batch, noise, timesteps, kept, told_caption, told_motion)

    def losses(self, forward: Any, examples: Examples, device: torch.device) -> Tensor:
        """Mean squared error of v for each clip, (B,).

        Args:
            forward: the U-Net, as training wraps it.
        """
        settings, batch = self.settings, examples.batch
        latents = self.latents(batch, device)
        first = latents[:, :, 0]
        noise, timesteps = examples.noise.to(device), examples.timesteps.to(device)
        mask = batch.region_mask.to(device)
        mask = latent_region_mask(mask, (latents.shape[3], latents.shape[4]))
        caption, motion = self.texts(batch, examples.told_caption, examples.told_motion, device)
        output = forward(
            denoiser_input(
                self.scheduler.add_noise(latents, noise, timesteps),
                mask,
                first * examples.kept.to(device),
                mask_layout=settings.mask_layout,
                first_frame_layout=settings.first_frame_layout,
            ),
            timesteps,
            caption,
            motion_encoder_hidden_states=motion,
            motion_strength=batch.motion_strength.to(device),
            fps=batch.fps.to(device),
        )
        target = self.scheduler.get_velocity(latents, noise, timesteps)
        losses: Tensor = (output.sample.float() - target).square().mean(dim=(1, 2, 3, 4))
        return losses

    @torch.no_grad()
    def latents(self, batch: WholeClipBatch, device: torch.device) -> Tensor:
        """(B, C, F, h, w), float32."""
        if batch.latents is not None:
            return batch.latents.to(device)
        assert batch.frames is not None
        vae, count = self.parts.vae, len(batch.frames)
        images = rearrange(batch.frames, "b f c h w -> (b f) c h w").to(vae.device, vae.dtype)
        encoded = torch.cat([image_latents(vae, part) for part in images.split(8)])
        return rearrange(encoded, "(b f) c h w -> b c f h w", b=count).float().to(device)

    def texts(
        self, batch: WholeClipBatch, told_caption: Tensor, told_motion: Tensor, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """What the spatial and the MA layers read, (B, N, D) each."""
        caption = batch.caption_embeds
        if caption is None:
            caption = self._embed(batch.captions)
        motion = caption
        if self.settings.prompts == "motion":
            known = batch.motion_embeds
            motion = self._embed(batch.motion_prompts) if known is None else known
        if self._no_text is None:
            self._no_text = self._embed([""])
        nothing = self._no_text.to(device)

        def dropped(embeds: Tensor, told: Tensor) -> Tensor:
            return torch.where(told.to(device)[:, None, None], embeds.to(device), nothing)

        return dropped(caption, told_caption), dropped(motion, told_motion)

    def _embed(self, texts: list[str]) -> Tensor:
        return encode_text(self.parts.text_encoder, self.parts.tokenizer, texts).float()

    def _dropout(self) -> Tensor:
        return torch.tensor([self.settings.caption_dropout, self.settings.motion_prompt_dropout])
