"""`Animator`: a photo and its regions -> a clip. The main job, and the order in which it is done.

    segmentation   clicks, boxes, strokes, mask files -> a mask (H, W) per region
    planning       square windows around the masks, with room for their motion; near regions share one
    pipeline       window -> generated frames at the model's size
    rendering      the generated motion carried over to the photo's own pixels
    clip           the photo, and a patch of moving pixels per region

Axis legend: H W rows and columns of the photo, L frames, m model pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from einops import rearrange
from PIL import Image

from follow_your_click.about import package_version
from follow_your_click.clicked_parts import with_named_parts
from follow_your_click.clip import Clip, Patch
from follow_your_click.errors import RegionError
from follow_your_click.gait import leading_heads, sent_ahead, side_ahead, walkers
from follow_your_click.heads import HeadFinder, moving_heads
from follow_your_click.layering import beside, divided, kept_still, laid_over
from follow_your_click.limbs import moving_limbs
from follow_your_click.loading import find_model, load_pipeline, load_preset
from follow_your_click.photo import photo_sha256, read_photo
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.planning import (
    Cost,
    RegionPlan,
    WindowPlan,
    estimate,
    plan_regions,
    share_windows,
)
from follow_your_click.presets import Preset
from follow_your_click.preview import ShowFrames, few_frames
from follow_your_click.prompt_reading import (
    read_prompt,
    readings_for_settings,
)
from follow_your_click.region import HoldStill, Region, Selection
from follow_your_click.region.json_forms import mask_to_png
from follow_your_click.regional import RegionCondition, animate_regions
from follow_your_click.rendering import Rendered, render
from follow_your_click.run_progress import Progress, RunProgress
from follow_your_click.run_settings import RunSettings, check_range
from follow_your_click.segmentation import Segmenter
from follow_your_click.segmentation.registry import load_segmenter
from follow_your_click.segmentation.resolve import check_masks, needs_segmenter, region_mask
from follow_your_click.stated import parts_of, stated_of

Photo = str | Path | Image.Image | npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Generated:
    """frames: uint8 (L, m, m, 3). displacements: of each region, float32 (L, h, w, 2) in shares of the window, if the
    model states them."""

    frames: npt.NDArray[np.uint8]
    displacements: list[npt.NDArray[np.float32] | None]


class Animator:
    """Animates regions of photos with one model.

    Args:
        pipeline: the model.
        preset: its settings.
        segmenter: turns clicks and boxes into masks; None: the embedded one.
    """

    def __init__(
        self,
        pipeline: RegionalAnimationPipeline,
        preset: Preset,
        segmenter: Segmenter | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.preset = preset
        self.segmenter: Segmenter = load_segmenter() if segmenter is None else segmenter
        self.find_heads = HeadFinder(str(pipeline.device))

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = "mini",
        *,
        device: str | None = None,
        segmenter: Segmenter | None = None,
    ) -> Animator:
        """Load a preset ("mini", "sd15-pia"), a model folder, a recipe (.yaml) or a hub id.

        Raises:
            ModelError: unknown, incomplete, or no such device.
        """
        folder = find_model(model)
        segmenter = load_segmenter(device=device) if segmenter is None else segmenter
        return cls(load_pipeline(folder, device=device), load_preset(folder), segmenter)

    def masks(self, image: Photo, regions: Sequence[Selection]) -> list[npt.NDArray[np.float32]]:
        """The mask (H, W), 0 ... 1, of each region of a photo.

        Raises:
            ImageError: the photo cannot be read.
            RegionError: a region lies outside the photo or selects nothing.
        """
        photo = read_photo(image)
        if any(needs_segmenter(region) for region in regions):
            self.segmenter.set_image(photo)  # costly; strokes and mask files do without
        return [region_mask(photo, region, self.segmenter) for region in regions]

    def plan(
        self,
        image: Photo,
        regions: Sequence[Region],
        *,
        hold_still: Sequence[HoldStill] = (),
        num_frames: int = 16,
        fps: float = 8.0,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
    ) -> dict[str, Any]:
        """What `animate` would do: its settings, windows and an estimate of the time; does not run the model."""
        settings = self._settings(num_frames, fps, num_inference_steps, guidance_scale, seed)
        photo = read_photo(image)
        _, plans, _ = self._plans(photo, regions, hold_still, settings)
        cost = self._cost(settings)
        windows = share_windows(plans, photo.shape[:2], cost)
        described = self._describe(photo, plans, windows, hold_still, settings)
        return {**described, "estimate": estimate(windows, cost)}

    def animate(
        self,
        image: Photo,
        regions: Sequence[Region],
        *,
        hold_still: Sequence[HoldStill] = (),
        num_frames: int = 16,
        fps: float = 8.0,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
        progress: Progress | None = None,
        preview: ShowFrames | None = None,
    ) -> Clip:
        """Make a clip in which the regions move and everything else is the photo.

        Args:
            image: a file, a PIL image, or uint8 (H, W, 3) RGB.
            regions: at least one; where two overlap, the later lies on top and has the shared pixels to itself.
            hold_still: areas that do not change in any frame; what moves into one passes behind it.
            num_frames: frames of the clip, the photo being the first.
            fps: frames per second.
            num_inference_steps: denoising steps; None: the model's own.
            guidance_scale: classifier-free guidance, 1.0 = off; None: the model's own.
            seed: the same seed, inputs and settings give the same frames on the same machine.
            progress: called as progress(stage, steps done, steps in all); what it raises ends the work.
            preview: shown a few frames of the window at work, uint8 (k, m, m, 3), while they are denoised; as often
                as costs little, and once when the model is done.

        Returns:
            The clip; its settings hold all that it was made from but the photo: see `restore.restore`.

        Raises:
            UserInputError: a photo, region or setting that cannot be used; the message says why.
        """
        settings = self._settings(num_frames, fps, num_inference_steps, guidance_scale, seed)
        run = RunProgress(progress, preview)
        photo = read_photo(image)
        with run.stage("segment"):
            masks, plans, held = self._plans(photo, regions, hold_still, settings)
            edges = self._edges(photo, plans)
        windows = share_windows(plans, photo.shape[:2], self._cost(settings))
        rendered: dict[int, Rendered] = {}
        for window in windows:
            generated = self._generate(photo, window, settings, run)
            length, count = settings.num_frames, len(window.regions)
            with run.stage("render", length * count):
                for number, plan in enumerate(window.regions):
                    made = render(
                        photo,
                        plan.mask,
                        window.window,
                        generated.frames,
                        stated := stated_of(generated.displacements[number], plan, window.window),
                        parts=parts_of(stated, plan, window.window),
                        in_place=plan.in_place,
                        fixed=beside(plan.index, masks[: len(regions)], held),
                        edge=edges[plan.index],
                        on_frame=run.frames("render", number * length, length * count),
                    )
                    rendered[plan.index] = kept_still(made, photo, held)
        patches: list[Patch] = []
        for index in sorted(rendered):
            patches.append(laid_over(rendered[index], patches, photo))
        return Clip(
            background=photo,
            patches=tuple(patches),
            num_frames=settings.num_frames,
            fps=settings.fps,
            settings={
                **self._describe(photo, plans, windows, hold_still, settings),
                "masks": [mask_to_png(mask) for mask in masks],
            },
            region_mask=np.max([plan.mask for plan in plans], axis=0) > 0.5,
            seconds=run.seconds,
        )

    def _generate(
        self,
        photo: npt.NDArray[np.uint8],
        plan: WindowPlan,
        settings: RunSettings,
        run: RunProgress,
    ) -> _Generated:
        """What the model makes of one window."""
        window = plan.window.extract(photo)
        conditions = []
        for region in plan.regions:
            covered = plan.window.extract_mask(region.mask)
            # A thread of an object covers no model pixel by half; the model must be shown something that moves.
            mask = (covered > min(0.5, covered.max() / 2)).astype(np.float32)
            read = region.reading
            conditions.append(
                RegionCondition(
                    torch.from_numpy(mask),
                    region.region.prompt if read is None else read.told,
                    region.window_strength,
                    settings.seed + region.region.seed_offset,
                )
            )
        steps = settings.num_inference_steps
        with run.stage("encode"):
            first_frame_latents = self.pipeline.encode_image(Image.fromarray(window))

        def on_step(_: Any, step: int, __: int, ___: dict[str, Any]) -> dict[str, Any]:
            if step + 1 < steps:  # the stage itself reports its end
                run.report("denoise", step + 1, steps)
            return {}

        with run.stage("denoise", steps):
            latents, displacements = animate_regions(
                self.pipeline,
                first_frame_latents,
                conditions,
                fps=settings.fps,
                num_frames=settings.num_frames,
                num_inference_steps=steps,
                guidance_scale=settings.guidance_scale,
                negative_prompt=self.preset.negative_prompt,
                callback_on_step_end=on_step,
                preview=run.previewed(self.pipeline),
            )
        with run.stage("decode"):
            frames = self.pipeline.decode_latents(latents)[0]
        pixels = rearrange((frames * 255).round().byte(), "f c h w -> f h w c").cpu().numpy()
        if run.preview is not None:
            run.preview(few_frames(pixels))
        return _Generated(
            np.ascontiguousarray(pixels),
            [None if d is None else _as_fields(d) for d in displacements],
        )

    def _cost(self, settings: RunSettings) -> Cost:
        return Cost.of(
            self.preset,
            together=self.pipeline.unet.displacement is None,
            num_frames=settings.num_frames,
            steps=settings.num_inference_steps,
            guided=settings.guidance_scale != 1.0,
        )

    def _settings(
        self,
        num_frames: int,
        fps: float,
        num_inference_steps: int | None,
        guidance_scale: float | None,
        seed: int,
    ) -> RunSettings:
        check_range("num_frames", num_frames, 2, self.pipeline.most_frames)
        preset = self.preset
        return RunSettings(
            num_frames=num_frames,
            fps=fps,
            num_inference_steps=(
                preset.num_inference_steps if num_inference_steps is None else num_inference_steps
            ),
            guidance_scale=preset.guidance_scale if guidance_scale is None else guidance_scale,
            seed=seed,
        )

    def _plans(
        self,
        photo: npt.NDArray[np.uint8],
        regions: Sequence[Region],
        hold_still: Sequence[HoldStill],
        settings: RunSettings,
    ) -> tuple[list[npt.NDArray[np.float32]], list[RegionPlan], npt.NDArray[np.bool_]]:
        """The masks of all that was asked for, every region by itself, and the pixels (H, W) that are held still."""
        if not regions:
            raise RegionError("got no region; expected at least one, such as a click and a prompt")
        masks = self.masks(photo, [*regions, *hold_still])
        moving, still = masks[: len(regions)], masks[len(regions) :]
        encoder, tokenizer = self.pipeline.text_encoder, self.pipeline.tokenizer
        leading = leading_heads(photo, regions, moving, self.find_heads)
        readings = [
            sent_ahead(
                read_prompt(encoder, tokenizer, region.prompt, room=side_ahead(mask, head)),
                region.prompt,
                mask,
                head,
            )
            for region, mask, head in zip(regions, moving, leading, strict=True)
        ]
        regions, moving = with_named_parts(photo, regions, moving, readings, self.segmenter)
        check_masks(moving, photo.shape[:2], hold_still=still)
        held = np.any(
            [np.zeros(photo.shape[:2], np.bool_), *(mask > 0.5 for mask in still)], axis=0
        )
        own = divided(moving, held)
        plans = plan_regions(
            photo.shape[:2],
            regions,
            own,
            readings,
            self.preset,
            num_frames=settings.num_frames,
            heads=moving_heads(photo, regions, own, readings, self.find_heads),
            limbs=moving_limbs(photo, regions, own, readings, self.find_heads.things),
            walkers=walkers(regions, readings, leading),
        )
        return [*moving, *still], plans, held

    def _edges(
        self, photo: npt.NDArray[np.uint8], plans: Sequence[RegionPlan]
    ) -> list[npt.NDArray[np.float32] | None]:
        """How sure the edge of each region's mask is (H, W), of those that move in place."""
        masks = [plan.mask if plan.in_place else None for plan in plans]
        return self.find_heads.edges(photo, masks, [plan.region.only_click for plan in plans])

    def _describe(
        self,
        photo: npt.NDArray[np.uint8],
        plans: Sequence[RegionPlan],
        windows: Sequence[WindowPlan],
        hold_still: Sequence[HoldStill],
        settings: RunSettings,
    ) -> dict[str, Any]:
        seen = {plan.index: plan for window in windows for plan in window.regions}
        readings = readings_for_settings(
            [(plan.region.prompt, plan.reading) for plan in plans], model=self.preset.name
        )
        asked = any(needs_segmenter(each) for each in [*(p.region for p in plans), *hold_still])
        return {
            "version": package_version() or "source",
            "model": self.preset.name,
            "scheduler": type(self.pipeline.scheduler).__name__,
            "segmenter": type(self.segmenter).__name__ if asked else None,
            "photo": {
                "width": photo.shape[1],
                "height": photo.shape[0],
                "sha256": photo_sha256(photo),
            },
            "regions": [
                {**seen[plan.index].to_json(), **reading}
                for plan, reading in zip(plans, readings, strict=True)
            ],
            "hold_still": [held.without_mask().to_json() for held in hold_still],
            **asdict(settings),
        }


def _as_fields(displacement: torch.Tensor) -> npt.NDArray[np.float32]:
    """(2, L, h, w) -> float32 (L, h, w, 2)."""
    fields = rearrange(displacement.float(), "c f h w -> f h w c")
    return np.ascontiguousarray(fields.cpu().numpy())
