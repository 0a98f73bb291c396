"""Several regions in one clip: windows, order, areas held still. A tiny random model; the real rendering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from follow_your_click.animator import Animator
from follow_your_click.errors import RegionError
from follow_your_click.models.displacement import DisplacementHead
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.planning import Cost, plan_regions, share_windows
from follow_your_click.presets import Preset, Seconds
from follow_your_click.region import HoldStill, Region
from follow_your_click.regional import RegionCondition, animate_regions

SHAPE = (120, 200)
PRESET = Preset(
    name="tiny",
    size=32,
    num_inference_steps=2,
    guidance_scale=1.0,
    window_strength=4.0,
    max_window_strength=8.0,
)
SHORT: dict[str, Any] = {"num_frames": 3, "seed": 1}


def _with_head(pipeline: RegionalAnimationPipeline) -> RegionalAnimationPipeline:
    """The head that states displacements, with weights that say something."""
    torch.manual_seed(3)
    head = DisplacementHead(12, 16)
    for parameter in head.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    pipeline.unet.displacement = head.eval()
    return pipeline


@pytest.fixture(scope="module", params=["one forward", "one each"])
def animator(
    request: pytest.FixtureRequest, tiny_pipeline: Callable[[int], RegionalAnimationPipeline]
) -> Animator:
    pipeline = tiny_pipeline(16)
    if request.param == "one each":
        pipeline = _with_head(pipeline)
    pipeline.set_progress_bar_config(disable=True)
    return Animator(pipeline, PRESET)


def _photo() -> npt.NDArray[np.uint8]:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    waves = [np.sin(columns / 7 + phase) + np.cos(rows / 5 - phase) for phase in (0.0, 1.0, 2.0)]
    return (127 + 50 * np.stack(waves, axis=-1)).astype(np.uint8)


def _mask(top: int, left: int, side: int = 20) -> npt.NDArray[np.bool_]:
    mask = np.zeros(SHAPE, np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def _region(top: int, left: int, prompt: str, **more: Any) -> Region:
    return Region(_mask(top, left), prompt=prompt, strength=3.0, **more)


def _windows(regions: list[Region], *, together: bool = True, forward: float = 1.0) -> Any:
    masks = [np.asarray(region.areas[0], np.float32) for region in regions]
    plans = plan_regions(SHAPE, regions, masks, [None] * len(masks), PRESET, num_frames=3)
    cost = Cost(forward, codec=0.5, render=0.3, render_megapixel=2.0, together=together)
    return share_windows(plans, SHAPE, cost)


def test_near_regions_share_a_window_and_far_ones_do_not() -> None:
    near = _windows([_region(40, 60, "rise"), _region(40, 66, "fall")])
    assert [len(window.regions) for window in near] == [2]
    far = _windows([_region(40, 5, "rise"), _region(40, 170, "fall")])
    assert [len(window.regions) for window in far] == [1, 1]
    for window in [*near, *far]:
        x0, y0, side = window.window.x0, window.window.y0, window.window.side
        for plan in window.regions:
            rows, columns = np.nonzero(plan.mask > 0.5)
            assert x0 <= columns.min() and columns.max() < x0 + side
            assert y0 <= rows.min() and rows.max() < y0 + side
            speed = plan.window_strength * side / min(SHAPE)
            assert speed == pytest.approx(plan.strength, rel=1e-6), "the motion of the photo stays"


def test_windows_are_shared_only_where_it_is_cheaper() -> None:
    regions = [_region(40, 60, "rise"), _region(40, 70, "fall")]
    masks = [np.asarray(region.areas[0], np.float32) for region in regions]
    plans = plan_regions(SHAPE, regions, masks, [None] * len(masks), PRESET, num_frames=3)
    free = Cost(0.0, codec=0.0, render=0.3, render_megapixel=2.0, together=False)
    assert len(share_windows(plans, SHAPE, free)) == 2, "a larger window only costs rendering"
    dear = Cost(0.0, codec=1.0, render=0.3, render_megapixel=2.0, together=False)
    assert len(share_windows(plans, SHAPE, dear)) == 1


def test_three_regions_windows_do_not_depend_on_their_order() -> None:
    regions = [_region(40, 60, "rise"), _region(40, 74, "fall"), _region(90, 170, "sway")]
    first = [(w.window, [p.region.prompt for p in w.regions]) for w in _windows(regions)]
    turned = [(w.window, [p.region.prompt for p in w.regions]) for w in _windows(regions[::-1])]
    assert first == turned


@pytest.mark.parametrize("gap", [3, 110])
def test_order_changes_nothing_where_regions_do_not_overlap(animator: Animator, gap: int) -> None:
    """Near (one window) and far (a window each), with a seed of their own."""
    regions = [
        _region(50, 30, "rise", seed_offset=1),
        _region(50, 50 + gap, "drift right", seed_offset=2),
    ]
    first = animator.animate(_photo(), regions, **SHORT)
    turned = animator.animate(_photo(), regions[::-1], **SHORT)
    shared = _both_change(animator, regions)
    assert shared.mean() < 0.2
    np.testing.assert_array_equal(first.frames[:, ~shared], turned.frames[:, ~shared])
    assert (first.frames != _photo()).any()


def _both_change(animator: Animator, regions: list[Region]) -> npt.NDArray[np.bool_]:
    """Pixels that both regions' motions reach."""
    reached = np.zeros(SHAPE, np.intp)
    clip = animator.animate(_photo(), regions, **SHORT)
    for patch in clip.patches:
        height, width = patch.frames.shape[1:3]
        area = np.s_[patch.y : patch.y + height, patch.x : patch.x + width]
        reached[area] += 1
    return reached > 1


def test_a_region_s_seed_offset_is_a_take_of_that_region_alone(
    tiny_pipeline: Callable[[int], RegionalAnimationPipeline],
) -> None:
    animator = Animator(tiny_pipeline(16), PRESET)
    animator.pipeline.set_progress_bar_config(disable=True)
    far = _region(50, 160, "fall")
    first = animator.animate(_photo(), [_region(50, 10, "rise"), far], **SHORT)
    other = animator.animate(_photo(), [_region(50, 10, "rise", seed_offset=7), far], **SHORT)
    assert (first.frames[:, :, :100] != other.frames[:, :, :100]).any()
    np.testing.assert_array_equal(first.frames[:, :, 100:], other.frames[:, :, 100:])


def test_what_is_held_still_equals_the_photo_in_every_frame(
    tiny_pipeline: Callable[[int], RegionalAnimationPipeline],
) -> None:
    animator = Animator(_with_head(tiny_pipeline(16)), PRESET)
    animator.pipeline.set_progress_bar_config(disable=True)
    held = _mask(55, 45, 12)
    region = _region(45, 35, "shake")
    loose = animator.animate(_photo(), [region], **SHORT)
    assert (loose.frames[:, held] != _photo()[held]).any(), "or the test would show nothing"
    clip = animator.animate(_photo(), [region], hold_still=[HoldStill(held)], **SHORT)
    np.testing.assert_array_equal(
        clip.frames[:, held], np.broadcast_to(_photo()[held], clip.frames[:, held].shape)
    )
    assert not (clip.region_mask & held).any()
    assert (clip.frames != _photo()).any(), "the rest moves"
    assert clip.settings["hold_still"] == [HoldStill(held).to_json()]


def test_a_region_under_others_alone_is_refused(animator: Animator) -> None:
    with pytest.raises(RegionError, match="region 1 lies wholly under later regions"):
        animator.plan(_photo(), [_region(50, 50, "rise"), Region(_mask(45, 45, 40), prompt="sway")])


def test_one_region_is_the_pipeline_s_own_clip(animator: Animator) -> None:
    pipeline = animator.pipeline
    first = torch.rand(1, 4, 4, 4)
    mask = torch.zeros(32, 32)
    mask[8:24, 8:24] = 1
    settings = {"fps": 8.0, "num_frames": 3, "num_inference_steps": 2, "guidance_scale": 2.0}
    latents, (displacement,) = animate_regions(
        pipeline, first, [RegionCondition(mask, "rise", 3.0, 5)], **settings
    )
    own = pipeline(
        first_frame_latents=first,
        region_mask=mask,
        motion_prompt="rise",
        motion_strength=3.0,
        generator=torch.Generator().manual_seed(5),
        output_type="latent",
        **settings,
    )
    assert torch.equal(latents, own.frames)
    assert (displacement is None) == (own.displacement is None)


def test_prompts_reach_their_own_region(animator: Animator) -> None:
    """Of two far apart regions in one window, another prompt for one changes its half far more than the other's."""
    first = torch.rand(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    left, right = torch.zeros(64, 64), torch.zeros(64, 64)
    left[16:48, 4:16] = right[16:48, 48:60] = 1
    if animator.pipeline.unet.displacement is None:
        for name, parameter in animator.pipeline.unet.named_parameters():
            if "attn_text" in name or "attn2" in name:
                parameter.data.add_(0.5 * torch.randn_like(parameter))

    def clip(prompt: str) -> torch.Tensor:
        conditions = [RegionCondition(left, "rise", 3.0, 1), RegionCondition(right, prompt, 3.0, 2)]
        settings = {"fps": 8.0, "num_frames": 3, "num_inference_steps": 2, "guidance_scale": 1.0}
        return animate_regions(animator.pipeline, first, conditions, **settings)[0]

    change = (clip("sway in the wind") - clip("turn the head")).abs()
    assert change[..., 6:8].mean() > 1.5 * change[..., 0:2].mean()


def test_seconds_of_a_preset_are_checked() -> None:
    with pytest.raises(ValueError, match="greater than or equal"):
        Seconds(forward=-1)
