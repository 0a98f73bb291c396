"""Previews while a clip is denoised: what they show, and that they change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from follow_your_click import preview as module
from follow_your_click.animator import Animator
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.presets import Preset
from follow_your_click.preview import MOST_FRAMES, Preview, few_frames
from follow_your_click.region import Polygon, Region
from follow_your_click.segmentation import GrabCutSegmenter


@pytest.fixture
def pipeline(
    tiny_pipeline: Callable[[int], RegionalAnimationPipeline],
) -> RegionalAnimationPipeline:
    return tiny_pipeline(16)


def _regions(count: int) -> list[Region]:
    corners = [(20, 20), (60, 50)][:count]
    return [
        Region(Polygon(((x, y), (x + 30, y), (x + 30, y + 30), (x, y + 30))), prompt="sway")
        for x, y in corners
    ]


@pytest.mark.parametrize("count", [1, 2])
def test_every_step_is_shown_and_nothing_changes(
    pipeline: RegionalAnimationPipeline,
    tiny_preset: Preset,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(module, "COST_SHARE", 1e9)
    animator = Animator(pipeline, tiny_preset, GrabCutSegmenter())
    photo = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    shown: list[np.ndarray] = []
    settings: dict[str, Any] = {"num_frames": 9, "seed": 2}
    with_preview = animator.animate(photo, _regions(count), **settings, preview=shown.append)
    without = animator.animate(photo, _regions(count), **settings)
    np.testing.assert_array_equal(with_preview.frames, without.frames)
    assert len(shown) >= tiny_preset.num_inference_steps + 1
    assert all(each.shape == (MOST_FRAMES, 32, 32, 3) and each.dtype == np.uint8 for each in shown)


def test_the_last_estimate_is_the_clip(pipeline: RegionalAnimationPipeline) -> None:
    seen: list[torch.Tensor] = []

    def keep(pipe: Any, step: int, timestep: int, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append(tensors["predicted_latents"].clone())
        return {}

    generator = torch.Generator().manual_seed(0)
    output = pipeline(
        image=torch.rand(1, 3, 32, 32, generator=generator),
        region_mask=torch.ones(1, 1, 32, 32),
        motion_prompt="sway",
        motion_strength=3.0,
        num_frames=4,
        num_inference_steps=4,
        generator=generator,
        output_type="latent",
        callback_on_step_end=keep,
        callback_on_step_end_tensor_inputs=["predicted_latents"],
    )
    assert len(seen) == 4
    errors = [float((each - output.frames).abs().mean()) for each in seen]
    assert errors[-1] < 0.05 * errors[0]


def test_previews_are_paced(
    pipeline: RegionalAnimationPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[np.ndarray] = []
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    preview = Preview(pipeline, shown.append)
    latents = torch.zeros(1, 4, 16, 4, 4)
    for _ in range(10):
        preview(latents)
        now[0] += 0.1
    assert len(shown) == 2
    large = torch.zeros(1, 4, 3, 64, 48)
    now[0] += 10
    preview(large)
    assert shown[-1].shape[0] == 3 and max(shown[-1].shape[1:3]) <= 8 * module.MOST_POSITIONS


def test_few_frames_are_spread() -> None:
    frames = np.arange(16, dtype=np.uint8)[:, None, None, None]
    assert few_frames(frames).ravel().tolist() == [0, 3, 6, 9, 12, 15]
    assert few_frames(frames[:2]).ravel().tolist() == [0, 1]
