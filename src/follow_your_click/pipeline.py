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

from follow_your_click.errors import SettingsError

# Imported for its registration alone: diffusers loads a component only from a module that is already imported.
from follow_your_click.models import autoencoder as autoencoder
from follow_your_click.models.conditioning import (
    Layout,
    carry_first_frame,
    denoiser_input,
    mask_first_frame,
)
from follow_your_click.models.regions import region_shares
from follow_your_click.models.text_encoder import encode_text
from follow_your_click.models.unet import RegionalMotionOutput, RegionalMotionUNet
from follow_your_click.pipeline_inputs import (
    MotionPrompts,
    Prompts,
    Texts,
    check_range,
    embed_texts,
    latent_masks,
    regional_strengths,
)

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
    _callback_tensor_inputs = (
        "latents",
        "predicted_latents",
        "prompt_embeds",
        "motion_prompt_embeds",
    )
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
        motion_prompt: MotionPrompts | None = None,
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
        """Animate a batch of B images, one region each; or R regions each, if the network has no displacement head.

        With R regions `region_mask` is (B, R, H, W), the later on top, `motion_prompt` holds B lists of R texts and
        `motion_strength` is (B, R). Every position then attends to its own region's text in the spatial and the MA
        layers and takes its region's strength; the background is told "still" and strength 0. For networks with
        that head see `regional.animate_regions`.

        Args:
            image: B images of one size, sides multiples of the autoencoder's downscale; PIL, (H, W, 3) uint8,
                or tensors (B, 3, H, W) in [0, 1]. Not needed with `first_frame_latents`.
            region_mask: (H, W), (B, 1, H, W) or (B, R, H, W), 0 ... 1, 1 = may move; of the images' or the
                latents' size.
            motion_prompt: how the region moves; goes to the MA layers, and to the spatial ones without `prompt`.
            prompt: a caption of the whole scene.
            negative_prompt: what guidance leads away from; the empty text by default.
            motion_strength: px per frame at 256 px of image side, from 0, one number, (B,) or (B, R).
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
        check_range("fps", fps, 0, math.inf)
        check_range("guidance_scale", guidance_scale, -math.inf, math.inf)
        check_range("first_frame_mask_ratio", first_frame_mask_ratio, 0, 1)
        self._interrupt = False
        self._guidance_scale = guidance_scale
        if first_frame_latents is None:
            if image is None:
                raise SettingsError("got no image; expected image or first_frame_latents")
            first_frame_latents = self.encode_image(image)
        batch, _, height, width = first_frame_latents.shape
        if region_mask is None:
            raise SettingsError("got no region_mask; expected (H, W) or (B, 1, H, W)")
        mask = latent_masks(region_mask, batch, (height, width), vae_downscale(self.vae))
        shares = region_shares(mask) if mask.shape[1] > 1 else None
        if shares is not None and self.unet.displacement is not None:
            raise SettingsError(
                f"got {mask.shape[1]} regions for a network with a displacement head; expected one: use"
                " regional.animate_regions"
            )
        strength = regional_strengths(motion_strength, batch, mask.shape[1])
        device, dtype = self._execution_device, self.unet.dtype
        texts = embed_texts(
            lambda texts: encode_text(self.text_encoder, self.tokenizer, texts),
            Prompts(motion_prompt, prompt, negative_prompt),
            Texts(prompt_embeds, motion_prompt_embeds, negative_prompt_embeds),
            batch=batch,
            regions=mask.shape[1],
            guided=guidance_scale != 1.0,
        ).to(device, dtype)
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
        if shares is not None:
            mask, shares = 1 - shares[:, :1], shares.to(device, dtype)
        mask = mask.to(device, dtype)
        latents, displacement = self._denoise(
            latents,
            mask,
            first,
            texts,
            strength.to(device),
            torch.full((batch,), float(fps), device=device),
            shares,
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
        texts: Texts,
        motion_strength: Tensor,
        fps: Tensor,
        shares: Tensor | None,
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
        if shares is not None and guided:
            shares = torch.cat([shares] * 2)
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
                    region_shares=shares,
                )
                output = self._guided(predicted.sample) if guided else predicted.sample
                if index == 0 and predicted.displacement is not None:
                    ways = predicted.displacement
                    displacement = self._guided(ways) if guided else ways
                stepped = self.scheduler.step(output, timestep, latents, **step_arguments)
                latents = stepped.prev_sample
                if callback is not None:
                    # What the clip would be if it ended here; not every scheduler says.
                    clean = getattr(stepped, "pred_original_sample", None)
                    clean = latents if clean is None else clean
                    if displacement is not None:
                        clean = clean + carry_first_frame(
                            first_frame_latents, region_mask, displacement
                        )
                    named = {
                        "latents": latents,
                        "predicted_latents": clean,
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

    def _check(self, num_frames: int, steps: int, callback_tensors: Sequence[str]) -> None:
        most = int(self.unet.config.motion_max_seq_length)
        check_range("num_frames", num_frames, 1, most)
        check_range("num_inference_steps", steps, 1, self.scheduler.config.num_train_timesteps)
        unknown = set(callback_tensors) - set(self._callback_tensor_inputs)
        if unknown:
            raise SettingsError(
                f"got callback tensors {sorted(unknown)}; expected some of {self._callback_tensor_inputs}"
            )

    def _step_arguments(self, generator: Any) -> dict[str, Any]:
        """The generator, for those schedulers that draw noise."""
        accepted = inspect.signature(self.scheduler.step).parameters
        return {"generator": generator} if "generator" in accepted else {}


def _repeat_batch(tensors: Sequence[Tensor], times: int) -> list[Tensor]:
    return [torch.cat([tensor] * times) for tensor in tensors]


def vae_downscale(vae: Any) -> int:
    """Pixels per latent position in each direction."""
    widths = getattr(vae.config, "block_out_channels", None)
    return 8 if widths is None else int(2 ** (len(widths) - 1))


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
