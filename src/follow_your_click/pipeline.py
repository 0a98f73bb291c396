"""`RegionalAnimationPipeline`: image, region mask and motion prompt -> frames, at the model's own size.

Axis legend: B clips, C channels, F frames, H W rows and columns (h w of latents), N tokens, D text channels.

The denoising sequence of the project stands here, once. Photos of any size, crops and rendering are the business of
`Animator`, which calls this.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import torch
from diffusers import DiffusionPipeline, SchedulerMixin
from diffusers.image_processor import VaeImageProcessor
from diffusers.loaders import StableDiffusionLoraLoaderMixin
from diffusers.utils import BaseOutput
from diffusers.utils.torch_utils import randn_tensor
from einops import rearrange
from PIL import Image
from torch import Tensor, nn

from follow_your_click.errors import PromptError, SettingsError

# Imported for its registration alone: diffusers loads a component only from a module that is already imported.
from follow_your_click.models import autoencoder as autoencoder
from follow_your_click.models.conditioning import (
    Layout,
    carry_first_frame,
    denoiser_input,
    latent_region_mask,
    mask_first_frame,
)
from follow_your_click.models.text_encoder import encode_text
from follow_your_click.models.unet import RegionalMotionOutput, RegionalMotionUNet

OutputType = Literal["pil", "np", "pt", "latent"]
StepCallback = Callable[["RegionalAnimationPipeline", int, int, dict[str, Any]], dict[str, Any]]
ImageInput = Image.Image | npt.NDArray[Any] | Tensor | Sequence[Image.Image]

DECODE_CHUNK = 8  # frames decoded at once; bounds memory, changes nothing else


@dataclass
class RegionalAnimationOutput(BaseOutput):
    """frames: a list of B lists of F PIL images, or (B, F, H, W, 3) float 0 ... 1, or (B, F, 3, H, W), or latents.

    displacement: (B, 2, F, h, w), from each latent position to where it came from in frame 0, (x, y) in shares of
    the image's sides; None if the network has no such head.
    """

    frames: Any
    displacement: Tensor | None = None


class RegionalAnimationPipeline(DiffusionPipeline, StableDiffusionLoraLoaderMixin):
    """Text-guided animation of a region of an image (Follow-Your-Click, section 3).

    Args:
        vae: an autoencoder of diffusers or `ConvAutoencoder`.
        text_encoder: CLIP's or `MotionTextEncoder`.
        tokenizer: the one that belongs to it.
        unet: the denoiser, with 2C + 1 input channels.
        scheduler: any of diffusers'.
        mask_layout: see `models.conditioning.denoiser_input`; must be as in training.
        first_frame_layout: likewise.
    """

    model_cpu_offload_seq = "text_encoder->unet->vae"
    # Layer by layer, torch's fused attention and `encode_text` would meet weights without data.
    _exclude_from_cpu_offload = ("text_encoder",)
    _callback_tensor_inputs = ("latents", "prompt_embeds", "motion_prompt_embeds")
    unet: RegionalMotionUNet
    vae: Any

    def __init__(
        self,
        vae: nn.Module,
        text_encoder: nn.Module,
        tokenizer: Any,
        unet: RegionalMotionUNet,
        scheduler: SchedulerMixin,
        mask_layout: str = "repeat",
        first_frame_layout: str = "repeat",
    ) -> None:
        # The two settings are typed str because diffusers compares types when it loads a pipeline, and warns of
        # a Literal, which is no class.
        super().__init__()
        _check_settings(mask_layout, first_frame_layout)
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=scheduler,
        )
        self.register_to_config(
            mask_layout=mask_layout,
            first_frame_layout=first_frame_layout,
        )
        # No resizing: the mask must keep lying on the same pixels.
        self.image_processor = VaeImageProcessor(do_resize=False, do_convert_rgb=True)

    @torch.no_grad()
    def __call__(
        self,
        image: ImageInput | None = None,
        region_mask: npt.NDArray[Any] | Tensor | None = None,
        *,
        motion_prompt: str | list[str] | None = None,
        prompt: str | list[str] | None = None,
        negative_prompt: str | list[str] | None = None,
        motion_strength: float | Tensor = 3.0,
        fps: float = 8.0,
        num_frames: int = 16,
        num_inference_steps: int = 10,
        guidance_scale: float = 1.0,
        first_frame_mask_ratio: float = 0.0,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: Tensor | None = None,
        first_frame_latents: Tensor | None = None,
        prompt_embeds: Tensor | None = None,
        motion_prompt_embeds: Tensor | None = None,
        negative_prompt_embeds: Tensor | None = None,
        output_type: OutputType = "pil",
        return_dict: bool = True,
        callback_on_step_end: StepCallback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> RegionalAnimationOutput | tuple[Any]:
        """Animate a batch of B images, one region each.

        Args:
            image: B images of one size, sides multiples of the autoencoder's downscale; PIL, (H, W, 3) uint8,
                or tensors (B, 3, H, W) in [0, 1]. Not needed with `first_frame_latents`.
            region_mask: (H, W) or (B, 1, H, W), 0 ... 1, 1 = may move; of the images' or the latents' size.
            motion_prompt: how the region moves; goes to the MA layers, and to the spatial ones without `prompt`.
            prompt: a caption of the whole scene.
            negative_prompt: what guidance leads away from; the empty text by default.
            motion_strength: px per frame at 256 px of image side, from 0, one number or (B,).
            fps: frames per second that the clip is meant for.
            guidance_scale: classifier-free guidance; 1.0 = off, one forward per step.
            first_frame_mask_ratio: share of first-frame latents hidden, as in training; 0 in use.
            latents: initial noise (B, C, F, h, w), drawn from `generator` if None.
            callback_on_step_end: called as callback(pipeline, step, timestep, tensors) after each step; may
                return replaced tensors. Setting `pipeline._interrupt` ends the loop. Its latents are what
                is denoised: with a displacement head, the change against the first frame carried along.

        Returns:
            An output with `.frames` and, of a network with that head, `.displacement`.

        Raises:
            PromptError: neither motion_prompt nor its embeddings, or not one text per image.
            SettingsError: image or mask missing, shapes that do not fit, or numbers out of range.
        """
        self._check(num_frames, num_inference_steps, callback_on_step_end_tensor_inputs)
        if output_type not in get_args(OutputType):
            raise SettingsError(
                f"got output_type {output_type!r}; expected one of {get_args(OutputType)}"
            )
        _check_range("fps", fps, 0, math.inf)
        _check_range("guidance_scale", guidance_scale, -math.inf, math.inf)
        _check_range("first_frame_mask_ratio", first_frame_mask_ratio, 0, 1)
        self._interrupt = False
        self._guidance_scale = guidance_scale
        if first_frame_latents is None:
            if image is None:
                raise SettingsError("got no image; expected image or first_frame_latents")
            first_frame_latents = self.encode_image(image)
        batch, _, height, width = first_frame_latents.shape
        if region_mask is None:
            raise SettingsError("got no region_mask; expected (H, W) or (B, 1, H, W)")
        mask = self._latent_mask(region_mask, batch, (height, width))
        strength = _strengths(motion_strength, batch)
        texts = self._embed(
            batch, motion_prompt, prompt, negative_prompt,
            prompt_embeds, motion_prompt_embeds, negative_prompt_embeds,
        )  # fmt: skip
        device, dtype = self._execution_device, self.unet.dtype
        self.scheduler.set_timesteps(num_inference_steps, device=device)
        channels = int(self.unet.config.out_channels)
        shape = (batch, channels, num_frames, height, width)
        if latents is None:
            latents = randn_tensor(shape, generator=generator, device=device, dtype=dtype)
        elif tuple(latents.shape) != shape:
            raise SettingsError(f"got latents of shape {tuple(latents.shape)}; expected {shape}")
        latents = latents.to(device, dtype) * self.scheduler.init_noise_sigma
        first_frame_latents = first = first_frame_latents.to(device, dtype)
        if first_frame_mask_ratio > 0:
            one = generator[0] if isinstance(generator, list) else generator
            one = one if one is not None else torch.Generator().manual_seed(0)
            hidden = mask_first_frame(first.to(one.device), first_frame_mask_ratio, generator=one)
            first = hidden.to(device, dtype)
        mask = mask.to(device, dtype)
        latents, displacement = self._denoise(
            latents,
            mask,
            first,
            texts,
            strength.to(device),
            torch.full((batch,), float(fps), device=device),
            generator,
            callback_on_step_end,
            callback_on_step_end_tensor_inputs,
        )
        if displacement is not None:
            latents = latents + carry_first_frame(first_frame_latents, mask, displacement)
        frames = self._to_output(latents, output_type)
        self.maybe_free_model_hooks()
        if not return_dict:
            return (frames,)
        return RegionalAnimationOutput(frames=frames, displacement=displacement)

    def _denoise(
        self,
        latents: Tensor,
        region_mask: Tensor,
        first_frame_latents: Tensor,
        texts: _Texts,
        motion_strength: Tensor,
        fps: Tensor,
        generator: torch.Generator | list[torch.Generator] | None,
        callback: StepCallback | None,
        callback_tensors: Sequence[str],
    ) -> tuple[Tensor, Tensor | None]:
        """The denoised latents, and the displacement that the first step decided on."""
        displacement = None
        guided = self._guidance_scale != 1.0
        step_arguments = self._step_arguments(generator)
        conditions = _repeat_batch(
            (region_mask, first_frame_latents, motion_strength, fps), 2 if guided else 1
        )
        with self.progress_bar(total=len(self.scheduler.timesteps)) as bar:
            for index, timestep in enumerate(self.scheduler.timesteps):
                if self._interrupt:
                    break
                (noisy,) = _repeat_batch((latents,), 2 if guided else 1)
                noisy = self.scheduler.scale_model_input(noisy, timestep)
                predicted: RegionalMotionOutput = self.unet(
                    denoiser_input(
                        noisy,
                        conditions[0],
                        conditions[1],
                        mask_layout=self.config.mask_layout,
                        first_frame_layout=self.config.first_frame_layout,
                    ),
                    timestep,
                    texts.stacked(texts.prompt, guided),
                    motion_encoder_hidden_states=texts.stacked(texts.motion_prompt, guided),
                    motion_strength=conditions[2],
                    fps=conditions[3],
                )
                output = self._guided(predicted.sample) if guided else predicted.sample
                if index == 0 and predicted.displacement is not None:
                    ways = predicted.displacement
                    displacement = self._guided(ways) if guided else ways
                latents = self.scheduler.step(output, timestep, latents, **step_arguments)[0]
                if callback is not None:
                    named = {
                        "latents": latents,
                        "prompt_embeds": texts.prompt,
                        "motion_prompt_embeds": texts.motion_prompt,
                    }
                    given = {name: named[name] for name in callback_tensors}
                    replaced = callback(self, index, int(timestep), given) or {}
                    latents = replaced.get("latents", latents)
                    texts = texts.replaced(replaced)
                bar.update()
        return latents, displacement

    def _guided(self, output: Tensor) -> Tensor:
        """Classifier-free guidance of a stacked (2 B, ...) output: (B, ...)."""
        without, with_text = output.chunk(2)
        return without + self._guidance_scale * (with_text - without)

    @torch.no_grad()
    def encode_image(self, image: ImageInput) -> Tensor:
        """First-frame latents (B, C, h, w), scaled as the network expects them.

        Raises:
            SettingsError: sides that the autoencoder cannot halve, or values that are no pixels.
        """
        if isinstance(image, np.ndarray) and image.dtype == np.uint8:
            image = image.astype(np.float32) / 255  # diffusers takes arrays for 0 ... 1
        pixels = self.image_processor.preprocess(image)
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
        encoded = self.vae.encode(pixels.to(self._execution_device, self.vae.dtype))
        latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
        return cast(Tensor, latents * self.vae.config.scaling_factor)

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

    def _embed(
        self,
        batch: int,
        motion_prompt: str | list[str] | None,
        prompt: str | list[str] | None,
        negative_prompt: str | list[str] | None,
        prompt_embeds: Tensor | None,
        motion_prompt_embeds: Tensor | None,
        negative_prompt_embeds: Tensor | None,
    ) -> _Texts:
        def embed(text: str | list[str]) -> Tensor:
            texts = [text] * batch if isinstance(text, str) else list(text)
            if len(texts) != batch:
                raise PromptError(f"got {len(texts)} prompts for {batch} images; expected one each")
            return encode_text(self.text_encoder, self.tokenizer, texts)

        if motion_prompt_embeds is None:
            if motion_prompt is None:
                raise PromptError("got no motion_prompt; expected a phrase such as 'sway'")
            motion_prompt_embeds = embed(motion_prompt)
        if prompt_embeds is None:
            prompt_embeds = motion_prompt_embeds if prompt is None else embed(prompt)
        if negative_prompt_embeds is None and self._guidance_scale != 1.0:
            negative_prompt_embeds = embed(negative_prompt or "")
        device, dtype = self._execution_device, self.unet.dtype

        def placed(embeds: Tensor) -> Tensor:
            if len(embeds) != batch:
                raise PromptError(
                    f"got embeddings of {len(embeds)} texts for {batch} images; expected one each"
                )
            return embeds.to(device, dtype)

        negative = None if negative_prompt_embeds is None else placed(negative_prompt_embeds)
        return _Texts(placed(prompt_embeds), placed(motion_prompt_embeds), negative)

    def _latent_mask(
        self, region_mask: npt.NDArray[Any] | Tensor, batch: int, size: tuple[int, int]
    ) -> Tensor:
        """The mask at latent size, (B, 1, h, w)."""
        if not isinstance(region_mask, Tensor):
            region_mask = torch.from_numpy(np.ascontiguousarray(region_mask))
        mask = region_mask.float()
        if mask.ndim == 2:
            mask = mask[None, None]
        factor = vae_downscale(self.vae)
        height, width = (factor * side for side in size)
        sizes = (size, (height, width))
        fits = mask.ndim == 4 and mask.shape[0] in (1, batch) and mask.shape[1] == 1
        if not fits or tuple(mask.shape[2:]) not in sizes:
            raise SettingsError(
                f"got a region_mask of shape {tuple(region_mask.shape)};"
                f" expected {height, width} or {batch, 1, height, width}"
            )
        if not (mask.min() >= 0 and mask.max() <= 1):
            raise SettingsError(
                f"got region_mask values from {mask.min():g} to {mask.max():g}; expected 0 to 1"
            )
        return latent_region_mask(mask.expand(batch, -1, -1, -1), size)

    def _check(self, num_frames: int, steps: int, callback_tensors: Sequence[str]) -> None:
        most = int(self.unet.config.motion_max_seq_length)
        _check_range("num_frames", num_frames, 1, most)
        _check_range("num_inference_steps", steps, 1, self.scheduler.config.num_train_timesteps)
        unknown = set(callback_tensors) - set(self._callback_tensor_inputs)
        if unknown:
            raise SettingsError(
                f"got callback tensors {sorted(unknown)}; expected some of {self._callback_tensor_inputs}"
            )

    def _step_arguments(self, generator: Any) -> dict[str, Any]:
        """The generator, for those schedulers that draw noise."""
        accepted = inspect.signature(self.scheduler.step).parameters
        return {"generator": generator} if "generator" in accepted else {}


@dataclass(frozen=True)
class _Texts:
    """Embeddings (B, N, D) of the caption, the motion prompt and, with guidance, the negative text."""

    prompt: Tensor
    motion_prompt: Tensor
    negative: Tensor | None

    def stacked(self, embeds: Tensor, guided: bool) -> Tensor:
        return torch.cat([cast(Tensor, self.negative), embeds]) if guided else embeds

    def replaced(self, tensors: dict[str, Any]) -> _Texts:
        return _Texts(
            tensors.get("prompt_embeds", self.prompt),
            tensors.get("motion_prompt_embeds", self.motion_prompt),
            self.negative,
        )


def _repeat_batch(tensors: Sequence[Tensor], times: int) -> list[Tensor]:
    return [torch.cat([tensor] * times) for tensor in tensors]


def vae_downscale(vae: Any) -> int:
    """Pixels per latent position in each direction."""
    widths = getattr(vae.config, "block_out_channels", None)
    return 8 if widths is None else int(2 ** (len(widths) - 1))


def _strengths(motion_strength: float | Tensor, batch: int) -> Tensor:
    """One strength per clip, (B,)."""
    strengths = torch.as_tensor(motion_strength, dtype=torch.float32).reshape(-1)
    if len(strengths) not in (1, batch) or not (strengths.isfinite() & (strengths >= 0)).all():
        raise SettingsError(
            f"got motion_strength {strengths.tolist()}; expected numbers from 0, one or {batch}"
        )
    return strengths.expand(batch)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not (low <= value <= high and math.isfinite(value)):
        raise SettingsError(f"got {name} {value}; expected {low:g} to {high:g}")


def _load_offloaded(module: Any) -> None:
    """With offloading: to the device, as a forward does; `encode` and `decode` do not pass through one."""
    hook = getattr(module, "_hf_hook", None)
    if hook is not None:
        hook.pre_forward(module)


def _check_settings(mask_layout: str, first_frame_layout: str) -> None:
    for name, got, known in (
        ("mask_layout", mask_layout, get_args(Layout)),
        ("first_frame_layout", first_frame_layout, get_args(Layout)),
    ):
        if got not in known:
            raise SettingsError(f"got {name} {got!r}; expected one of {known}")
