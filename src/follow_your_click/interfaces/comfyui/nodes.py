"""The nodes: load a model, select regions, animate them, save the clip.

Axis legend: B images of a batch, L frames, H W rows and columns; last axis red, green, blue.
ComfyUI's types: IMAGE is float32 (B, H, W, 3), MASK float32 (B, H, W), both 0 ... 1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch

from follow_your_click.animator import Animator
from follow_your_click.clip import Clip
from follow_your_click.errors import RegionError
from follow_your_click.interfaces.comfyui.conversions import (
    as_shown,
    to_edits,
    to_photo,
    to_region,
)
from follow_your_click.interfaces.comfyui.host import ProgressBar, check_interrupted, output_place
from follow_your_click.interfaces.comfyui.inputs import (
    AUTO,
    BEST_GUESS,
    CHAINED,
    KIND,
    MOVES,
    PROMPT,
    SAVED_AS,
    STRENGTH,
)
from follow_your_click.interfaces.comfyui.points import points_to_areas
from follow_your_click.interfaces.jobs.progress import Overall
from follow_your_click.interfaces.jobs.worker import interruptible
from follow_your_click.loading import EMBEDDED, find_model, model_stamp
from follow_your_click.region import (
    Granularity,
    HoldStill,
    Region,
    Selection,
)
from follow_your_click.region.json_forms import mask_levels
from follow_your_click.segmentation.registry import SEGMENTER_NAMES, load_segmenter
from follow_your_click.segmentation.resolve import check_masks

CATEGORY = "Follow Your Click"
Regions = tuple[Region | HoldStill, ...]
"""What FYC_REGIONS is: regions with settled masks, in the order in which they were chained."""


class LoadFollowYourClick:
    """A model, and what finds the object under a click."""

    DESCRIPTION = "Loads a Follow-Your-Click model and the segmenter that turns clicks into masks."
    CATEGORY = CATEGORY
    RETURN_TYPES = ("FYC_ANIMATOR",)
    RETURN_NAMES = ("animator",)
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": (
                    "STRING",
                    {
                        "default": EMBEDDED[0],
                        "tooltip": "mini, sd15-pia, a model folder or a recipe.",
                    },
                ),
                "segmenter": (
                    list(SEGMENTER_NAMES),
                    {"tooltip": "embedded and grabcut come along; the others need their weights."},
                ),
                "device": ([AUTO, "cpu", "cuda", "mps"], {"tooltip": "Where the model runs."}),
            }
        }

    @classmethod
    def IS_CHANGED(cls, model: str, segmenter: str, device: str) -> str:
        """A folder that was trained further is loaded anew."""
        return f"{segmenter} {device} {model_stamp(find_model(model))}"

    def load(self, model: str, segmenter: str, device: str) -> tuple[Animator]:
        stamp = self.IS_CHANGED(model, segmenter, device)
        return (_loaded(model, segmenter, None if device == AUTO else device, stamp),)


class ClickToRegion:
    """Points picked on the image -> a region."""

    DESCRIPTION = (
        "Selects what moves: left click adds, right click excludes, dragging draws a box. The image appears in the"
        " node once its source has shown it, or after the first run."
    )
    CATEGORY = CATEGORY
    RETURN_TYPES = ("FYC_REGIONS", "MASK")
    RETURN_NAMES = ("regions", "mask")
    FUNCTION = "select"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "animator": ("FYC_ANIMATOR",),
                "image": ("IMAGE",),
                "points": (
                    "STRING",
                    {
                        "default": "",
                        "tooltip": "What was picked, in the image's own pixels (JSON).",
                    },
                ),
                "prompt": PROMPT,
                "strength": STRENGTH,
                "kind": KIND,
                "a_click_means": (
                    [BEST_GUESS, "part", "object", "whole"],
                    {"tooltip": "How much of the object a click selects."},
                ),
                "grow": (
                    "INT",
                    {"default": 0, "min": -512, "max": 512, "tooltip": "Pixels; below 0 shrinks."},
                ),
                "feather": (
                    "INT",
                    {"default": 0, "min": 0, "max": 512, "tooltip": "Pixels of a soft edge."},
                ),
            },
            "optional": {"regions": CHAINED},
        }

    def select(
        self,
        animator: Animator,
        image: torch.Tensor,
        points: str,
        prompt: str,
        strength: float,
        kind: str,
        a_click_means: str,
        grow: int,
        feather: int,
        regions: Regions = (),
    ) -> dict[str, Any]:
        photo = to_photo(image)
        granularity: Granularity | None = None if a_click_means == BEST_GUESS else a_click_means  # type: ignore[assignment]
        selection = Selection(
            points_to_areas(points, height=photo.shape[0], width=photo.shape[1]),
            edits=to_edits(grow, feather),
            granularity=granularity,
        )
        (mask,) = animator.masks(photo, [selection])
        region = to_region(selection, mask, prompt, strength, kind)
        # The page shows what the points are picked on, and what they select.
        shown = {"fyc_image": [as_shown(photo)], "fyc_mask": [as_shown(mask_levels(mask))]}
        return {"ui": shown, "result": ((*regions, region), torch.from_numpy(mask)[None])}


class RegionFromMask:
    """Any mask -> a region."""

    DESCRIPTION = "Takes a mask from elsewhere, such as a painted one or SAM's, as what moves."
    CATEGORY = CATEGORY
    RETURN_TYPES = ("FYC_REGIONS",)
    RETURN_NAMES = ("regions",)
    FUNCTION = "select"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "mask": ("MASK",),
                "prompt": PROMPT,
                "strength": STRENGTH,
                "kind": KIND,
            },
            "optional": {"regions": CHAINED},
        }

    def select(
        self,
        mask: torch.Tensor,
        prompt: str,
        strength: float,
        kind: str,
        regions: Regions = (),
    ) -> tuple[Regions]:
        flat = mask[None] if mask.ndim == 2 else mask
        if flat.ndim != 3 or len(flat) != 1:
            raise RegionError(f"got {len(flat)} masks; expected one mask, for one region")
        levels = np.ascontiguousarray(flat[0].float().cpu().numpy())
        if not (levels > 0.5).any():
            raise RegionError("got an empty mask; expected some of it white: that is what moves")
        return ((*regions, to_region(Selection(levels), levels, prompt, strength, kind)),)


class AnimateRegions:
    """Image and regions -> frames."""

    DESCRIPTION = "Makes a clip in which the regions, or what a mask covers, move and everything else is the image."
    CATEGORY = CATEGORY
    RETURN_TYPES = ("IMAGE", "MASK", "FYC_CLIP", "STRING")
    RETURN_NAMES = ("frames", "mask", "clip", "settings")
    FUNCTION = "animate"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "animator": ("FYC_ANIMATOR",),
                "image": ("IMAGE",),
                "num_frames": ("INT", {"default": 16, "min": 2, "max": 64}),
                "fps": ("FLOAT", {"default": 8.0, "min": 0.1, "max": 120.0, "step": 0.5}),
                "steps": (
                    "INT",
                    {"default": 0, "min": 0, "max": 1000, "tooltip": "0: the model's own."},
                ),
                "guidance_scale": (
                    "FLOAT",
                    {"default": 0.0, "min": 0.0, "max": 50.0, "tooltip": "0: the model's own."},
                ),
                "seed": (
                    "INT",
                    {
                        "default": 0,
                        "min": 0,
                        "max": 2**63 - 1,
                        "control_after_generate": True,
                        "tooltip": "The same seed gives the same clip.",
                    },
                ),
            },
            "optional": {
                "regions": CHAINED,
                "mask": ("MASK", {"tooltip": "One more region, on top: what is white moves."}),
                "prompt": PROMPT,
                "strength": STRENGTH,
            },
        }

    def animate(
        self,
        animator: Animator,
        image: torch.Tensor,
        num_frames: int,
        fps: float,
        steps: int,
        guidance_scale: float,
        seed: int,
        regions: Regions = (),
        mask: torch.Tensor | None = None,
        prompt: str = "",
        strength: float = -1.0,
    ) -> tuple[torch.Tensor, torch.Tensor, Clip, str]:
        photo = to_photo(image)
        if mask is not None:
            (regions,) = RegionFromMask().select(mask, prompt, strength, MOVES, regions)
        moving = [region for region in regions if isinstance(region, Region)]
        held = [region for region in regions if isinstance(region, HoldStill)]
        if not moving:
            raise RegionError(
                "got nothing that moves; expected a mask, or a region that is not held still"
            )
        masks = animator.masks(photo, [*moving, *held])
        check_masks(masks[: len(moving)], photo.shape[:2], hold_still=masks[len(moving) :])
        bar, overall = ProgressBar(), Overall(len(moving))

        def progress(stage: str, done: int, total: int) -> None:
            check_interrupted()
            bar.show(overall(stage, done, total)[0])

        with interruptible(check_interrupted):
            clip = animator.animate(
                photo,
                moving,
                hold_still=held,
                num_frames=num_frames,
                fps=fps,
                num_inference_steps=steps or None,
                guidance_scale=guidance_scale or None,
                seed=seed,
                progress=progress,
                preview=bar.show_preview,
            )
        frames = torch.from_numpy(clip.frames.astype(np.float32) / 255)
        assert clip.region_mask is not None
        moved = torch.from_numpy(clip.region_mask.astype(np.float32))[None]
        told = {name: value for name, value in clip.settings.items() if name != "masks"}
        return frames, moved, clip, json.dumps(told, indent=1)


class SaveClip:
    """Clip -> a file in ComfyUI's output folder."""

    DESCRIPTION = (
        "Saves the clip, with its settings and the graph inside: Follow-Your-Click restores the one, ComfyUI the other"
        " (from mp4, webp and webm; a GIF has no place for it)."
    )
    CATEGORY = CATEGORY
    RETURN_TYPES: ClassVar[tuple[str, ...]] = ()
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "clip": ("FYC_CLIP",),
                "filename_prefix": ("STRING", {"default": "follow_your_click/clip"}),
                "format": (list(SAVED_AS),),
                "playback": (["loop", "ping-pong"],),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save(
        self,
        clip: Clip,
        filename_prefix: str,
        format: str,
        playback: str,
        prompt: Any = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        suffix = SAVED_AS[format]
        place = output_place(filename_prefix, width=clip.width, height=clip.height)
        tags = {} if prompt is None else {"prompt": json.dumps(prompt)}
        tags |= {name: json.dumps(value) for name, value in (extra_pnginfo or {}).items()}
        shown = clip.ping_pong() if playback == "ping-pong" else clip

        def on_frame(done: int, total: int) -> None:
            check_interrupted()

        replace(shown, tags=tags).save(place.folder / f"{place.name}{suffix}", on_frame=on_frame)
        return {"ui": {"images": [place.as_result(suffix)], "animated": (True,)}}


@lru_cache(maxsize=2)
def _loaded(model: str, segmenter: str, device: str | None, stamp: str) -> Animator:
    """`stamp`: changes with the model's files."""
    finder = load_segmenter(segmenter, device=device)
    return Animator.from_pretrained(model, device=device, segmenter=finder)


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    "FYC_LoadModel": LoadFollowYourClick,
    "FYC_ClickToRegion": ClickToRegion,
    "FYC_RegionFromMask": RegionFromMask,
    "FYC_AnimateRegions": AnimateRegions,
    "FYC_SaveClip": SaveClip,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "FYC_LoadModel": "Load Follow-Your-Click",
    "FYC_ClickToRegion": "Click to Region",
    "FYC_RegionFromMask": "Region from Mask",
    "FYC_AnimateRegions": "Animate Regions",
    "FYC_SaveClip": "Save Clip (Follow-Your-Click)",
}
