"""`RegionalAnimationPipeline`: image, region mask and motion prompt -> frames, at the model's own size.

Axis legend: B clips, C channels, F frames, H W rows and columns (h w of latents), N tokens, D text channels.

The denoising sequence of the project stands here, once. Photos of any size, crops and rendering are the business of
`Animator`, which calls this.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, cast

import numpy.typing as npt
import torch
from diffusers import DiffusionPipeline, SchedulerMixin
from diffusers.loaders import StableDiffusionLoraLoaderMixin, TextualInversionLoaderMixin
from diffusers.models.controlnets.multicontrolnet import MultiControlNetModel
from diffusers.pipelines.free_init_utils import FreeInitMixin
from diffusers.utils import BaseOutput
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor, nn

from follow_your_click.control import ControlImages, control_of
from follow_your_click.denoising import (
    Conditions,
    PinnedBackground,
    frame_windows,
    predict,
    shuffled_noise,
)
from follow_your_click.errors import SettingsError
from follow_your_click.image_prompts import ImagePrompts, IPAdapterMixin, embed_image_prompts
from follow_your_click.latent_codec import ImageInput, LatentCodec, OutputType, vae_downscale

# Imported for its registration alone: diffusers loads a component only from a module that is already imported.
from follow_your_click.models import autoencoder as autoencoder
from follow_your_click.models.affinity import AffinityKind
from follow_your_click.models.conditioning import (
    Layout,
    carry_first_frame,
    condition_channels,
)
from follow_your_click.models.displacement import decided
from follow_your_click.models.text_encoder import encode_text
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.pipeline_inputs import (
    MotionPrompts,
    Prompts,
    RegionLatents,
    Texts,
    check_choice,
    check_range,
    embed_texts,
    latent_masks,
    partly_hidden,
    regional_strengths,
)

MaskChannel = Literal["region", "affinity", "affinity-loop"]
Background = Literal["free", "pinned"]
StepCallback = Callable[["RegionalAnimationPipeline", int, int, dict[str, Any]], dict[str, Any]]

MOST_FRAMES = 64  # of a clip that is denoised in windows


@dataclass
class RegionalAnimationOutput(BaseOutput):
    """frames: a list of B lists of F PIL images, or (B, F, H, W, 3) float 0 ... 1, or (B, F, 3, H, W), or latents.

    displacement: (B, 2, F, 4 h, 4 w), from each place of a frame, four to a latent position either way, to where it came from in
    frame 0, (x, y) in shares of the image's sides; None if the network has no such head.
    """

    frames: Any
    displacement: Tensor | None = None


class RegionalAnimationPipeline(
    DiffusionPipeline,
    StableDiffusionLoraLoaderMixin,
    TextualInversionLoaderMixin,
    IPAdapterMixin,
    FreeInitMixin,
    LatentCodec,
):
    """Text-guided animation of a region of an image (Follow-Your-Click, section 3).

    Args:
        vae: an autoencoder of diffusers or `ConvAutoencoder`.
        text_encoder: CLIP's or `MotionTextEncoder`.
        tokenizer: the one that belongs to it.
        unet: the denoiser, with 2C + 1 input channels.
        scheduler: any of diffusers'.
        mask_layout: see `models.conditioning.denoiser_input`; must be as in training.
        first_frame_layout: likewise.
        mask_channel: what the network's second input is: "region", the mask; or PIA's affinity, 1 where nothing changes
            and less within a region the stronger it moves, with "affinity-loop" back to 1 at the clip's end.
        background: "pinned" keeps latents that no region gets to those of the first frame, at every step.
        controlnet: one of diffusers' ControlNets, or several; may be set later.
        image_encoder: of IP-Adapters; `load_ip_adapter` sets it.
        feature_extractor: likewise.
    """

    model_cpu_offload_seq = "text_encoder->image_encoder->unet->vae"
    _optional_components: ClassVar[list[str]] = ["controlnet", "image_encoder", "feature_extractor"]
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
        mask_channel: str = "region",
        background: str = "free",
        controlnet: Any = None,
        image_encoder: Any = None,
        feature_extractor: Any = None,
    ) -> None:
        # The settings are typed str because diffusers compares types when it loads a pipeline, and warns of
        # a Literal, which is no class.
        super().__init__()
        check_choice("mask_layout", mask_layout, Layout)
        check_choice("first_frame_layout", first_frame_layout, Layout)
        check_choice("mask_channel", mask_channel, MaskChannel)
        check_choice("background", background, Background)
        if isinstance(controlnet, (list, tuple)):
            controlnet = MultiControlNetModel(controlnet)
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=scheduler,
            controlnet=controlnet,
            image_encoder=image_encoder,
            feature_extractor=feature_extractor,
        )
        self.register_to_config(
            mask_layout=mask_layout,
            first_frame_layout=first_frame_layout,
            mask_channel=mask_channel,
            background=background,
        )

    @torch.no_grad()
    def __call__(
        self,
        image: ImageInput | None = None,
        region_mask: npt.NDArray[Any] | Tensor | None = None,
        *,
        motion_prompt: MotionPrompts | None = None,
        prompt: str | list[str] | dict[int, str] | None = None,
        negative_prompt: str | list[str] | None = None,
        motion_strength: float | Tensor = 3.0,
        fps: float = 8.0,
        num_frames: int = 16,
        num_inference_steps: int = 10,
        guidance_scale: float = 1.0,
        first_frame_mask_ratio: float = 0.0,
        frame_overlap: int | None = None,
        long_clip_noise: Literal["shuffled", "fresh"] = "shuffled",
        conditioning_frames: ControlImages | Sequence[ControlImages] | None = None,
        controlnet_conditioning_scale: float | list[float] = 1.0,
        ip_adapter_image: ImagePrompts | None = None,
        ip_adapter_image_embeds: list[Tensor] | None = None,
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
            motion_prompt: how the region moves; goes to the MA layers, and to the spatial ones without `prompt`. A dict
                {frame: text} travels from text to text.
            prompt: a caption of the whole scene, likewise.
            negative_prompt: what guidance leads away from; the empty text by default.
            motion_strength: px per frame at 256 px of image side, from 0, one number, (B,) or (B, R).
            fps: frames per second that the clip is meant for.
            num_frames: up to 64; more than the network's `motion_max_seq_length` are denoised in windows of so many,
                if the network has no displacement head.
            guidance_scale: classifier-free guidance; 1.0 = off, one forward per step.
            first_frame_mask_ratio: share of first-frame latents hidden, as in training; 0 in use.
            frame_overlap: frames that neighbouring windows share at least; a quarter of a window by default.
            long_clip_noise: of frames beyond the first window: "shuffled", noise of earlier frames in another order, so
                that windows agree (FreeNoise, arXiv 2310.15169), or "fresh".
            conditioning_frames: control images for `controlnet`, one or one per frame; a list of those for several
                ControlNets. They count where the region gets to.
            controlnet_conditioning_scale: one number, or one per ControlNet.
            ip_adapter_image: for `load_ip_adapter`'s adapters, one image or one each.
            ip_adapter_image_embeds: the same, embedded: (B, images, ...) each, the negative ones first with guidance.
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
        check_choice("output_type", output_type, OutputType)
        check_range("fps", fps, 0, math.inf)
        check_range("guidance_scale", guidance_scale, -math.inf, math.inf)
        check_range("first_frame_mask_ratio", first_frame_mask_ratio, 0, 1)
        windows = self._windows(num_frames, frame_overlap)
        self._interrupt = False
        self._guidance_scale = guidance_scale
        if first_frame_latents is None:
            if image is None:
                raise SettingsError("got no image; expected image or first_frame_latents")
            first_frame_latents = self.encode_image(image)
        batch, _, height, width = first_frame_latents.shape
        if region_mask is None:
            raise SettingsError("got no region_mask; expected (H, W) or (B, 1, H, W)")
        factor = vae_downscale(self.vae)
        masks = latent_masks(region_mask, batch, (height, width), factor)
        count = masks.shape[1]
        if count > 1 and self.unet.displacement is not None:
            raise SettingsError(
                f"got {count} regions for a network with a displacement head; expected one: use"
                " regional.animate_regions"
            )
        strengths = regional_strengths(motion_strength, batch, count)
        device, dtype = self._execution_device, self.unet.dtype
        texts = embed_texts(
            lambda texts: encode_text(self.text_encoder, self.tokenizer, self._written_out(texts)),
            Prompts(motion_prompt, prompt, negative_prompt),
            Texts(prompt_embeds, motion_prompt_embeds, negative_prompt_embeds),
            batch=batch,
            regions=count,
            num_frames=num_frames,
            guided=guidance_scale != 1.0,
        ).to(device, dtype)
        self.scheduler.set_timesteps(num_inference_steps, device=device)
        shape = (batch, int(self.unet.config.out_channels), num_frames, height, width)
        if latents is None:
            latents = randn_tensor(shape, generator=generator, device=device, dtype=dtype)
            if len(windows) > 1 and long_clip_noise == "shuffled":
                latents = shuffled_noise(latents, windows[0].stop, generator)
        elif tuple(latents.shape) != shape:
            raise SettingsError(f"got latents of shape {tuple(latents.shape)}; expected {shape}")
        noise = latents.to(device, dtype)
        first = first_frame_latents.to(device, dtype)
        regions = RegionLatents(masks.to(device, dtype), strengths)
        moving = regions.moving
        channel = moving
        if self.config.mask_channel != "region":
            kind = cast(AffinityKind, self.config.mask_channel)
            channel = regions.affinity(num_frames, kind)
        pinned = None
        if self.config.background == "pinned":
            pinned = PinnedBackground(first, noise, regions.reachable(num_frames))
        control = None
        if conditioning_frames is not None:
            control = control_of(
                self.controlnet,
                conditioning_frames,
                controlnet_conditioning_scale,
                regions.reachable(num_frames),
                factor,
            )
        if ip_adapter_image is not None:
            ip_adapter_image_embeds = embed_image_prompts(
                self, ip_adapter_image, batch=batch, guided=guidance_scale != 1.0
            )
        conditions = Conditions(
            channels=condition_channels(
                channel,
                partly_hidden(first, first_frame_mask_ratio, generator),
                num_frames,
                mask_layout=self.config.mask_layout,
                first_frame_layout=self.config.first_frame_layout,
            ),
            texts=texts,
            motion_strength=strengths.to(device),
            fps=torch.full((batch,), float(fps), device=device),
            shares=regions.shares,
            control=control,
            image_embeds=ip_adapter_image_embeds,
        )

        def clip_of(change: Tensor, displacement: Tensor | None) -> Tensor:
            """The clip's latents: of a network with a displacement head, its output is what differs."""
            if displacement is None:
                return change
            return change + carry_first_frame(first, moving, displacement)

        latents, displacement = noise, None
        rounds = self._free_init_num_iters if self.free_init_enabled else 1
        for number in range(rounds):
            if self.free_init_enabled:
                latents, _ = self._apply_free_init(
                    latents, number, num_inference_steps, device, dtype, generator
                )
            latents, displacement = self._denoise(
                latents * self.scheduler.init_noise_sigma,
                conditions,
                windows,
                pinned,
                clip_of,
                generator,
                callback_on_step_end,
                callback_on_step_end_tensor_inputs,
            )
        frames = self._to_output(clip_of(latents, displacement), output_type)
        self.maybe_free_model_hooks()
        if not return_dict:
            return (frames,)
        return RegionalAnimationOutput(frames=frames, displacement=displacement)

    def _denoise(
        self,
        latents: Tensor,
        conditions: Conditions,
        windows: Sequence[slice],
        pinned: PinnedBackground | None,
        clip_of: Callable[[Tensor, Tensor | None], Tensor],
        generator: torch.Generator | list[torch.Generator] | None,
        callback: StepCallback | None,
        callback_tensors: Sequence[str],
    ) -> tuple[Tensor, Tensor | None]:
        """The denoised latents, and the displacement that the first step decided on."""
        displacement = None
        step_arguments = self._step_arguments(generator)
        with self.progress_bar(total=len(self.scheduler.timesteps)) as bar:
            for index, timestep in enumerate(self.scheduler.timesteps):
                if self._interrupt:
                    break
                predicted = predict(
                    self.unet,
                    self.scheduler.scale_model_input(latents, timestep),
                    timestep,
                    conditions,
                    guidance_scale=self._guidance_scale,
                    windows=windows,
                )
                if index == 0 and predicted.displacement is not None:
                    displacement = decided(
                        predicted.displacement,
                        conditions.channels[:, 0, 0],
                        conditions.motion_strength,
                        generator,
                    )
                stepped = self.scheduler.step(predicted.sample, timestep, latents, **step_arguments)
                latents = stepped.prev_sample
                if pinned is not None:
                    latents = pinned.applied(latents, self.scheduler, index)
                if callback is not None:
                    # What the clip would be if it ended here; not every scheduler says.
                    clean = getattr(stepped, "pred_original_sample", None)
                    texts = conditions.texts
                    named = {
                        "latents": latents,
                        "predicted_latents": clip_of(
                            latents if clean is None else clean, displacement
                        ),
                        "prompt_embeds": texts.prompt,
                        "motion_prompt_embeds": texts.motion_prompt,
                    }
                    given = {name: named[name] for name in callback_tensors}
                    replaced = callback(self, index, int(timestep), given) or {}
                    latents = replaced.get("latents", latents)
                    conditions = replace(conditions, texts=texts.replaced(replaced))
                bar.update()
        return latents, displacement

    def _windows(self, num_frames: int, frame_overlap: int | None) -> list[slice]:
        length = int(self.unet.config.motion_max_seq_length)
        overlap = length // 4 if frame_overlap is None else frame_overlap
        check_range("frame_overlap", overlap, 0, length - 1)
        return frame_windows(num_frames, length, overlap)

    def _written_out(self, texts: list[str]) -> list[str]:
        """With the tokens of a textual inversion of several vectors spelt out."""
        written: list[str] = self.maybe_convert_prompt(texts, self.tokenizer)
        return written

    def _check(self, num_frames: int, steps: int, callback_tensors: Sequence[str]) -> None:
        check_range("num_frames", num_frames, 1, self.most_frames)
        check_range("num_inference_steps", steps, 1, self.scheduler.config.num_train_timesteps)
        unknown = set(callback_tensors) - set(self._callback_tensor_inputs)
        if unknown:
            raise SettingsError(
                f"got callback tensors {sorted(unknown)}; expected some of {self._callback_tensor_inputs}"
            )

    @property
    def most_frames(self) -> int:
        """The longest clip that this model can make."""
        known = int(self.unet.config.motion_max_seq_length)
        return known if self.unet.displacement is not None else max(known, MOST_FRAMES)

    def _step_arguments(self, generator: Any) -> dict[str, Any]:
        """The generator, for those schedulers that draw noise."""
        accepted = inspect.signature(self.scheduler.step).parameters
        return {"generator": generator} if "generator" in accepted else {}
