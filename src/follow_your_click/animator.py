"""`Animator`: a photo and its regions -> a clip. The main job, and the order in which it is done.

    segmentation   clicks, boxes, strokes, mask files -> a mask (H, W) per region
    crop plan      a square window around each mask, with room for its motion
    pipeline       window -> generated frames at the model's size
    rendering      the generated motion carried over to the photo's own pixels
    clip           the photo, and a patch of moving pixels per region

Axis legend: H W rows and columns of the photo, L frames, m model pixels.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from einops import rearrange
from PIL import Image

from follow_your_click.clip import Clip, Patch
from follow_your_click.errors import RegionError, SettingsError
from follow_your_click.photo import photo_sha256, read_photo
from follow_your_click.pipeline import RegionalAnimationOutput, RegionalAnimationPipeline
from follow_your_click.presets import Preset, find_model, load_pipeline, load_preset
from follow_your_click.region import Box, Click, Region
from follow_your_click.rendering import CropPlan, Rendered, plan_crop, render
from follow_your_click.segmentation import GrabCutSegmenter, Segmenter
from follow_your_click.segmentation.resolve import region_mask

Photo = str | Path | Image.Image | npt.NDArray[np.uint8]
Progress = Callable[[str, int, int], None]
"""Called as progress(stage, steps done, steps in all)."""

REFERENCE_SIDE = 256  # px: strengths are given at a short side of this length (design)
CONTEXT = 0.35  # surroundings in the window, as a share of the object's longer side
# The widest window, in lengths of the object: beyond it the model would see too little of it.
MAX_WINDOW = 4.5


@dataclass(frozen=True)
class RegionPlan:
    """One region, resolved: its mask, its window and its strengths.

    Args:
        strength: px per frame at a short side of 256 px of the photo.
        window_strength: the same motion in px per frame at 256 px of the window, as the model is told.
    """

    region: Region
    mask: npt.NDArray[np.float32]
    window: CropPlan
    strength: float
    window_strength: float

    def to_json(self) -> dict[str, Any]:
        """What of it belongs into a clip's settings."""
        return {
            **self.region.to_json(),
            "strength": round(self.strength, 4),
            "window_strength": round(self.window_strength, 4),
            "window": asdict(self.window),
        }


@dataclass(frozen=True)
class RunSettings:
    """Settings of one clip, checked and complete."""

    num_frames: int
    fps: float
    num_inference_steps: int
    guidance_scale: float
    seed: int

    def __post_init__(self) -> None:
        for name in ("num_frames", "num_inference_steps", "seed"):
            _check_whole(name, getattr(self, name))
        _check_range("num_frames", self.num_frames, 2, 64)
        _check_range("fps", self.fps, 0.1, 120)
        _check_range("num_inference_steps", self.num_inference_steps, 1, 1000)
        _check_range("guidance_scale", self.guidance_scale, 1, 50)
        _check_range("seed", self.seed, 0, 2**63 - 1)


@dataclass(frozen=True)
class _Generated:
    """frames: uint8 (L, m, m, 3). displacement: float32 (L, h, w, 2) in shares of the window, if the model states it."""

    frames: npt.NDArray[np.uint8]
    displacement: npt.NDArray[np.float32] | None


@dataclass
class _Run:
    """Time per stage, and the caller's progress callback."""

    progress: Progress | None
    seconds: dict[str, float] = field(default_factory=dict)

    def report(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)

    @contextmanager
    def stage(self, name: str, total: int = 1) -> Iterator[None]:
        self.report(name, 0, total)
        started = time.monotonic()
        yield
        elapsed = time.monotonic() - started
        self.seconds[name] = round(self.seconds.get(name, 0.0) + elapsed, 3)
        self.report(name, total, total)


class Animator:
    """Animates regions of photos with one model.

    Args:
        pipeline: the model.
        preset: its settings.
        segmenter: turns clicks and boxes into masks.
    """

    def __init__(
        self,
        pipeline: RegionalAnimationPipeline,
        preset: Preset,
        segmenter: Segmenter | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.preset = preset
        self.segmenter: Segmenter = GrabCutSegmenter() if segmenter is None else segmenter

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = "mini",
        *,
        device: str | None = None,
        segmenter: Segmenter | None = None,
    ) -> Animator:
        """Load a preset ("mini") or a model folder.

        Raises:
            ModelError: unknown, incomplete, or no such device.
        """
        folder = find_model(model)
        return cls(load_pipeline(folder, device=device), load_preset(folder), segmenter)

    def masks(self, image: Photo, regions: Sequence[Region]) -> list[npt.NDArray[np.float32]]:
        """The mask (H, W), 0 ... 1, of each region of a photo.

        Raises:
            ImageError: the photo cannot be read.
            RegionError: a region lies outside the photo or selects nothing.
        """
        photo = read_photo(image)
        if any(isinstance(area, Click | Box) for region in regions for area in region.areas):
            self.segmenter.set_image(photo)  # costly; strokes and mask files do without
        return [region_mask(photo, region, self.segmenter) for region in regions]

    def plan(
        self,
        image: Photo,
        regions: Sequence[Region],
        *,
        num_frames: int = 16,
        fps: float = 8.0,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
    ) -> dict[str, Any]:
        """The settings that `animate` would use, resolved; segments, but does not run the model."""
        settings = self._settings(num_frames, fps, num_inference_steps, guidance_scale, seed)
        photo = read_photo(image)
        return self._describe(photo, self._plans(photo, regions, settings), settings)

    def animate(
        self,
        image: Photo,
        regions: Sequence[Region],
        *,
        num_frames: int = 16,
        fps: float = 8.0,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Clip:
        """Make a clip in which the regions move and everything else is the photo.

        Args:
            image: a file, a PIL image, or uint8 (H, W, 3) RGB.
            regions: at least one; where two overlap, the later lies on top.
            num_frames: frames of the clip, the photo being the first.
            fps: frames per second.
            num_inference_steps: denoising steps; None: the model's own.
            guidance_scale: classifier-free guidance, 1.0 = off; None: the model's own.
            seed: the same seed, inputs and settings give the same frames on the same machine.
            progress: called as progress(stage, steps done, steps in all).

        Raises:
            UserInputError: a photo, region or setting that cannot be used; the message says why.
        """
        settings = self._settings(num_frames, fps, num_inference_steps, guidance_scale, seed)
        run = _Run(progress)
        photo = read_photo(image)
        with run.stage("segment"):
            plans = self._plans(photo, regions, settings)
        patches: list[Patch] = []
        for index, plan in enumerate(plans):
            generated = self._generate(photo, plan, settings, settings.seed + index, run)
            with run.stage("render"):
                rendered = render(
                    photo, plan.mask, plan.window, generated.frames, generated.displacement
                )
                patches.append(_laid_over(rendered, patches))
        return Clip(
            background=photo,
            patches=tuple(patches),
            num_frames=settings.num_frames,
            fps=settings.fps,
            settings=self._describe(photo, plans, settings),
            region_mask=np.max([plan.mask for plan in plans], axis=0) > 0.5,
            seconds=run.seconds,
        )

    def _generate(
        self,
        photo: npt.NDArray[np.uint8],
        plan: RegionPlan,
        settings: RunSettings,
        seed: int,
        run: _Run,
    ) -> _Generated:
        """What the model makes of one window."""
        window = plan.window.extract(photo)
        covered = plan.window.extract_mask(plan.mask)
        # A thread of an object covers no model pixel by half; the model must be shown something that moves.
        mask = (covered > min(0.5, covered.max() / 2)).astype(np.float32)
        steps = settings.num_inference_steps
        with run.stage("encode"):
            first_frame_latents = self.pipeline.encode_image(Image.fromarray(window))

        def on_step(_: Any, step: int, __: int, ___: dict[str, Any]) -> dict[str, Any]:
            if step + 1 < steps:  # the stage itself reports its end
                run.report("denoise", step + 1, steps)
            return {}

        with run.stage("denoise", steps):
            output = self.pipeline(
                first_frame_latents=first_frame_latents,
                region_mask=mask,
                motion_prompt=plan.region.prompt,
                motion_strength=plan.window_strength,
                fps=settings.fps,
                num_frames=settings.num_frames,
                num_inference_steps=steps,
                guidance_scale=settings.guidance_scale,
                generator=torch.Generator().manual_seed(seed),
                output_type="latent",
                callback_on_step_end=on_step,
            )
        output = cast(RegionalAnimationOutput, output)
        with run.stage("decode"):
            frames = self.pipeline.decode_latents(output.frames)[0]
        pixels = rearrange((frames * 255).round().byte(), "f c h w -> f h w c").cpu().numpy()
        displacement = None
        if output.displacement is not None:
            fields = rearrange(output.displacement[0].float(), "c f h w -> f h w c")
            displacement = np.ascontiguousarray(fields.cpu().numpy())
        return _Generated(np.ascontiguousarray(pixels), displacement)

    def _settings(
        self,
        num_frames: int,
        fps: float,
        num_inference_steps: int | None,
        guidance_scale: float | None,
        seed: int,
    ) -> RunSettings:
        most = int(self.pipeline.unet.config.motion_max_seq_length)
        _check_range("num_frames", num_frames, 2, most)
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
        self, photo: npt.NDArray[np.uint8], regions: Sequence[Region], settings: RunSettings
    ) -> list[RegionPlan]:
        if not regions:
            raise RegionError("got no region; expected at least one, such as a click and a prompt")
        plans = []
        for region, mask in zip(regions, self.masks(photo, regions), strict=True):
            # No comprehension: it would put a frame between a warning and the caller it points to.
            plans.append(self._plan_region(photo, region, mask, settings))
        return plans

    def _plan_region(
        self,
        photo: npt.NDArray[np.uint8],
        region: Region,
        mask: npt.NDArray[np.float32],
        settings: RunSettings,
    ) -> RegionPlan:
        """Window and strengths of one region.

        The window has room for an object that travels in a straight line at the asked strength; what is
        not asked for is chosen at a strength that suits the window.
        """
        rows, columns = np.nonzero(mask > 0.5)
        extent = 1 + max(int(np.ptp(rows)), int(np.ptp(columns)))
        short = min(photo.shape[:2])
        near = (1 + 2 * CONTEXT) * extent
        if region.strength is None:
            reach = self.preset.window_strength * (settings.num_frames - 1) / REFERENCE_SIDE
            wanted = near / max(1 - 2 * reach, near / (MAX_WINDOW * extent))
        else:
            speed = region.strength * short / REFERENCE_SIDE
            wanted = near + 2 * speed * (settings.num_frames - 1)
        travel = (min(wanted, MAX_WINDOW * extent) - near) / 2
        window = plan_crop(
            mask, model_size=self.preset.size, travel=max(travel, 0), context=CONTEXT
        )
        scale = short / window.side
        limit = self.preset.max_window_strength
        if region.strength is None:
            window_strength = self.preset.window_strength
        else:
            window_strength = min(region.strength * scale, limit)
            if region.strength * scale > limit:
                warnings.warn(
                    f"strength {region.strength:g} is more than the model knows for a region of this size;"
                    f" using {limit / scale:.2g}",
                    stacklevel=4,
                )
        return RegionPlan(region, mask, window, window_strength / scale, window_strength)

    def _describe(
        self,
        photo: npt.NDArray[np.uint8],
        plans: Sequence[RegionPlan],
        settings: RunSettings,
    ) -> dict[str, Any]:
        return {
            "version": _package_version(),
            "model": self.preset.name,
            "scheduler": type(self.pipeline.scheduler).__name__,
            "segmenter": type(self.segmenter).__name__,
            "photo": {
                "width": photo.shape[1],
                "height": photo.shape[0],
                "sha256": photo_sha256(photo),
            },
            "regions": [plan.to_json() for plan in plans],
            **asdict(settings),
        }


def _laid_over(rendered: Rendered, earlier: Sequence[Patch]) -> Patch:
    """A rendered patch that shows, where it changes nothing, the patches that lie below it."""
    frames = rendered.frames
    height, width = frames.shape[1:3]
    still = ~rendered.changed
    for patch in earlier:
        left, top = max(patch.x, rendered.x), max(patch.y, rendered.y)
        right = min(patch.x + patch.frames.shape[2], rendered.x + width)
        bottom = min(patch.y + patch.frames.shape[1], rendered.y + height)
        if left >= right or top >= bottom:
            continue
        here = np.s_[top - rendered.y : bottom - rendered.y, left - rendered.x : right - rendered.x]
        there = np.s_[:, top - patch.y : bottom - patch.y, left - patch.x : right - patch.x]
        frames = frames.copy()
        frames[:, *here] = np.where(
            still[here][None, ..., None], patch.frames[there], frames[:, *here]
        )
    return Patch(rendered.x, rendered.y, frames)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingsError(f"got {name} {value}; expected {low:g} to {high:g}")


def _check_whole(name: str, value: float) -> None:
    if not isinstance(value, int):
        raise SettingsError(f"got {name} {value!r}; expected a whole number")


def _package_version() -> str:
    try:
        return version("follow-your-click")
    except PackageNotFoundError:
        return "source"  # run from its source folder, not installed
