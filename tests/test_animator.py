"""What must be true of every clip, with a tiny random model: `render` and the segmenter are the real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from follow_your_click import animator as animator_module
from follow_your_click.animator import Animator
from follow_your_click.clip import Clip
from follow_your_click.errors import ImageError, RegionError, SettingsError
from follow_your_click.limbs import Limb
from follow_your_click.pace import GENTLE
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.planning import MAX_WINDOW, RegionPlan
from follow_your_click.presets import Preset
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.region import Box, Brush, Click, Granularity, Region
from follow_your_click.region.json_forms import mask_from_png
from follow_your_click.rendering import CropPlan
from follow_your_click.segmentation import Segmentation
from follow_your_click.stated import stated_of

HEIGHT, WIDTH = 120, 200
PRESET = Preset(
    name="tiny",
    size=32,
    num_inference_steps=2,
    guidance_scale=1.0,
    window_strength=4.0,
    max_window_strength=8.0,
)
SHORT: dict[str, Any] = {"num_frames": 3, "seed": 1}


@pytest.fixture(scope="module")
def animator(tiny_pipeline: Callable[[int], RegionalAnimationPipeline]) -> Animator:
    pipeline = tiny_pipeline(16)
    pipeline.set_progress_bar_config(disable=True)
    return Animator(pipeline, PRESET)


def _photo(height: int = HEIGHT, width: int = WIDTH) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def _mask(
    top: int, left: int, side: int = 24, shape: tuple[int, int] = (HEIGHT, WIDTH)
) -> npt.NDArray[np.bool_]:
    mask = np.zeros(shape, np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def _region(top: int = 40, left: int = 30, strength: float | None = None) -> Region:
    return Region(_mask(top, left), prompt="drift left", strength=strength)


def _slide(monkeypatch: pytest.MonkeyPatch, animator: Animator, shift: int = 2) -> None:
    """Stands in for a trained model: everything in the window slides right by `shift` px per frame."""

    def decode(latents: torch.Tensor) -> torch.Tensor:
        window = decode.window  # type: ignore[attr-defined]
        assert isinstance(window, np.ndarray)
        frames = [np.roll(window, shift * index, axis=1) for index in range(latents.shape[2])]
        return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)[None].float() / 255

    encode = animator.pipeline.encode_image

    def remember(image: Any) -> torch.Tensor:
        decode.window = np.array(image)  # type: ignore[attr-defined]
        return encode(image)

    monkeypatch.setattr(animator.pipeline, "encode_image", remember)
    monkeypatch.setattr(animator.pipeline, "decode_latents", decode)


def _outside(clip: Clip) -> npt.NDArray[np.bool_]:
    """True where no patch lies."""
    outside = np.ones((clip.height, clip.width), np.bool_)
    for patch in clip.patches:
        _, height, width, _ = patch.frames.shape
        outside[patch.y : patch.y + height, patch.x : patch.x + width] = False
    return outside


def _smooth_photo() -> npt.NDArray[np.uint8]:
    """Soft blobs, so that motion in it can be measured."""
    noise = np.random.default_rng(4).normal(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 4)
    return np.clip(128 + 45 * soft / soft.std(), 0, 255).astype(np.uint8)


def test_frame_0_is_the_photo_and_so_is_all_outside(
    animator: Animator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slide(monkeypatch, animator)
    photo = _smooth_photo()
    clip = animator.animate(photo, [_region()], **SHORT)
    assert clip.frames.shape == (3, HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(clip.frame(0), photo)
    assert (clip.frame(2) != photo).any(), "the region does move"
    outside = _outside(clip)
    assert outside.mean() > 0.5
    for frame in clip:
        np.testing.assert_array_equal(frame[outside], photo[outside])
    np.testing.assert_array_equal(clip.region_mask, _mask(40, 30))


def test_the_seed_decides_what_the_model_makes(
    animator: Animator, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[torch.Tensor] = []
    decode = animator.pipeline.decode_latents

    def remember(latents: torch.Tensor) -> torch.Tensor:
        made.append(latents)
        return decode(latents)

    monkeypatch.setattr(animator.pipeline, "decode_latents", remember)
    clips = [animator.animate(_photo(), [_region()], num_frames=3, seed=seed) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(clips[0].frames, clips[1].frames)
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_two_far_regions_are_two_patches(
    animator: Animator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slide(monkeypatch, animator)
    photo = _smooth_photo()
    regions = [_region(40, 20, strength=2.0), _region(40, 150, strength=2.0)]
    both = animator.animate(photo, regions, **SHORT)
    assert len(both.patches) == 2
    alone = animator.animate(photo, regions[:1], **SHORT)
    first = both.patches[0]
    np.testing.assert_array_equal(first.frames, alone.patches[0].frames)
    moved = (both.frame(2) != photo).any(axis=2)
    assert moved[:, :100].any() and moved[:, 100:].any()
    np.testing.assert_array_equal(both.frame(0), photo)
    np.testing.assert_array_equal(both.region_mask, _mask(40, 20) | _mask(40, 150))


def test_of_two_overlapping_regions_the_later_lies_on_top(
    animator: Animator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slide(monkeypatch, animator)
    monkeypatch.setattr("follow_your_click.planning.MAX_WIDENING", 0.0)  # a window each
    photo = _smooth_photo()
    masks = _mask(40, 60), _mask(50, 70)
    regions = [Region(mask, prompt="drift left", strength=2.0) for mask in masks]
    both = animator.animate(photo, regions, **SHORT)
    upper = animator.animate(photo, regions[1:], **SHORT)
    left_over = Region(masks[0] & ~masks[1], prompt="drift left", strength=2.0)
    lower = animator.animate(photo, [left_over], **SHORT)
    (patch,) = upper.patches
    assert patch.alpha is not None
    on_top = np.zeros(both.frames.shape[:3], np.bool_)
    _, height, width = patch.alpha.shape
    on_top[:, patch.y : patch.y + height, patch.x : patch.x + width] = patch.alpha > 0
    below = (lower.frames != photo).any(axis=3) & ~on_top
    assert on_top.any() and below.any()
    np.testing.assert_array_equal(both.frames[on_top], upper.frames[on_top])
    np.testing.assert_array_equal(both.frames[below], lower.frames[below])
    np.testing.assert_array_equal(both.frames[~below], upper.frames[~below])


def test_strength_is_told_to_the_model_in_units_of_its_window(
    animator: Animator, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []
    original = type(animator.pipeline).__call__

    def listen(self: Any, **arguments: Any) -> Any:
        told.append(arguments["motion_strength"])
        return original(self, **arguments)

    monkeypatch.setattr(RegionalAnimationPipeline, "__call__", listen)
    clip = animator.animate(_photo(), [_region(strength=1.5)], **SHORT)
    (region,) = clip.settings["regions"]
    # 1.5 px per frame at a short side of 256 px, in the photo's pixels, in the window's at 256 px.
    expected = 1.5 * HEIGHT / 256 * 256 / region["window"]["side"]
    assert told == [pytest.approx(expected)]
    assert region["strength"] == 1.5
    assert region["window_strength"] == pytest.approx(expected, abs=1e-4)


def test_a_strength_that_is_not_given_suits_the_window(animator: Animator) -> None:
    (region,) = animator.plan(_photo(), [_region()])["regions"]
    assert region["window_strength"] == PRESET.window_strength
    scale = HEIGHT / region["window"]["side"]
    assert region["strength"] == pytest.approx(PRESET.window_strength / scale, abs=1e-4)


def test_too_strong_a_motion_warns_and_is_clamped(animator: Animator) -> None:
    with pytest.warns(UserWarning, match="strength 20 is more than the model knows") as caught:
        plan = animator.plan(_photo(), [_region(strength=20.0)])
    assert [warning.filename for warning in caught] == [__file__], "points to the caller"
    (region,) = plan["regions"]
    assert region["window_strength"] == PRESET.max_window_strength
    scale = HEIGHT / region["window"]["side"]
    assert region["strength"] == pytest.approx(PRESET.max_window_strength / scale, abs=1e-4)


@pytest.mark.parametrize("strength", [None, 0.0, 1.0, 6.0])
@pytest.mark.parametrize(
    ("top", "left", "side"), [(0, 0, 5), (115, 195, 5), (10, 60, 100), (0, 0, 120), (60, 100, 1)]
)
@pytest.mark.filterwarnings("ignore:strength")
def test_the_window_holds_the_mask(
    animator: Animator, top: int, left: int, side: int, strength: float | None
) -> None:
    region = Region(_mask(top, left, side), prompt="sway", strength=strength)
    (planned,) = animator.plan(_photo(), [region])["regions"]
    window = planned["window"]
    assert window["x0"] <= left and left + side <= window["x0"] + window["side"]
    assert window["y0"] <= top and top + side <= window["y0"] + window["side"]
    assert window["side"] <= max(48, np.ceil(MAX_WINDOW * side))
    assert window["model_size"] == PRESET.size


def test_the_plan_is_json_and_is_what_the_clip_says(animator: Animator) -> None:
    regions = [Region([Click(42, 52), Box(30, 40, 54, 64)], prompt="rise"), _region(10, 150)]
    settings = {**SHORT, "fps": 12.0, "num_inference_steps": 1, "guidance_scale": 2.0}
    plan = animator.plan(_photo(), regions, **settings)
    clip = animator.animate(_photo(), regions, **settings)
    estimate = plan.pop("estimate")
    settings = dict(clip.settings)
    assert len(settings.pop("masks")) == 2
    assert json.loads(json.dumps(plan)) == settings
    assert [window["regions"] for window in estimate["windows"]] == [[2], [1]]
    assert plan["model"] == "tiny"
    assert plan["num_inference_steps"] == 1
    assert (plan["photo"]["width"], plan["photo"]["height"]) == (WIDTH, HEIGHT)
    assert clip.fps == 12.0
    defaults = animator.plan(_photo(), regions)
    assert defaults["num_inference_steps"] == PRESET.num_inference_steps
    assert defaults["guidance_scale"] == PRESET.guidance_scale


def test_progress_goes_through_every_stage_to_its_end(animator: Animator) -> None:
    heard: list[tuple[str, int, int]] = []
    clip = animator.animate(
        _photo(),
        [_region()],
        num_frames=3,
        num_inference_steps=3,
        progress=lambda *report: heard.append(report),
    )
    single = ["segment", "encode", "decode"]
    assert [report for report in heard if report[0] == "denoise"] == [
        ("denoise", done, 3) for done in range(4)
    ]
    for stage in single:
        assert [report for report in heard if report[0] == stage] == [(stage, 0, 1), (stage, 1, 1)]
    rendered = [report for report in heard if report[0] == "render"]
    assert rendered[0] == ("render", 0, 3) and rendered[-1] == ("render", 3, 3)
    assert [done for _, done, _ in rendered] == sorted(done for _, done, _ in rendered)
    order = list(dict.fromkeys(stage for stage, _, _ in heard))
    assert order == ["segment", "encode", "denoise", "decode", "render"]
    assert list(clip.seconds) == order
    assert all(seconds >= 0 for seconds in clip.seconds.values())


def test_the_work_follows_the_region_not_the_photo(animator: Animator) -> None:
    large = np.zeros((4000, 6000, 3), np.uint8)
    mask = _mask(1000, 2000, 60, (4000, 6000))
    (far,) = animator.plan(large, [Region(mask, prompt="sway")])["regions"]
    (near,) = animator.plan(
        large[900:1300, 1900:2400].copy(),
        [Region(mask[900:1300, 1900:2400].copy(), prompt="sway")],
    )["regions"]
    assert far["window"]["side"] == near["window"]["side"]
    assert far["window_strength"] == near["window_strength"]


def test_the_segmenter_works_only_for_clicks_and_boxes(animator: Animator) -> None:
    class Segmenter:
        def set_image(self, image: npt.NDArray[np.uint8]) -> None:
            raise AssertionError("not needed")

        def predict(self, **_: Any) -> Any:
            raise AssertionError("not needed")

    other = Animator(animator.pipeline, PRESET, Segmenter())
    painted = Region([Brush(((50, 50), (60, 50)), 4), _mask(80, 80)], prompt="sway")
    (mask,) = other.masks(_photo(), [painted])
    assert mask.shape == (HEIGHT, WIDTH)
    assert mask[50, 55] == mask[90, 90] == 1


def test_a_click_on_an_object_selects_it(animator: Animator) -> None:
    photo = np.full((HEIGHT, WIDTH, 3), (40, 120, 60), np.uint8)
    photo[40:80, 60:110] = (220, 130, 40)
    (mask,) = animator.masks(photo, [Region(Click(80, 60), prompt="sway")])
    assert mask[60, 80] == 1
    assert mask[40:80, 60:110].mean() > 0.9
    assert mask.sum() < 1.2 * 40 * 50


def test_a_thread_of_an_object_still_moves(
    animator: Animator, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[npt.NDArray[np.float32]] = []
    original = type(animator.pipeline).__call__

    def listen(self: Any, **arguments: Any) -> Any:
        shown.append(arguments["region_mask"])
        return original(self, **arguments)

    monkeypatch.setattr(RegionalAnimationPipeline, "__call__", listen)
    thread = np.zeros((HEIGHT, WIDTH), np.bool_)
    thread[60, 10:190] = True
    animator.animate(_photo(), [Region(thread, prompt="sway")], **SHORT)
    assert shown[0].any()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"num_frames": 1}, "num_frames 1; expected 2 to 64"),
        ({"num_frames": 65}, "num_frames 65; expected 2 to 64"),
        ({"num_frames": 4.5}, "num_frames 4.5; expected a whole number"),
        ({"fps": 0.0}, "fps 0"),
        ({"fps": float("nan")}, "fps nan"),
        ({"num_inference_steps": 0}, "num_inference_steps 0"),
        ({"guidance_scale": 0.5}, "guidance_scale 0.5"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_bad_numbers_are_refused(animator: Animator, change: dict[str, Any], says: str) -> None:
    for work in (animator.plan, animator.animate):
        with pytest.raises(SettingsError, match=says):
            work(_photo(), [_region()], **change)


def test_what_selects_nothing_is_refused(animator: Animator) -> None:
    with pytest.raises(RegionError, match="no region"):
        animator.animate(_photo(), [])
    with pytest.raises(RegionError, match="outside"):
        animator.plan(_photo(), [Region(Click(WIDTH + 5, 5), prompt="sway")])
    with pytest.raises(RegionError, match="nowhere above"):
        faint = np.full((HEIGHT, WIDTH), 0.4, np.float32)
        animator.plan(_photo(), [Region(faint, prompt="sway")])
    with pytest.raises(ImageError):
        animator.animate("missing.jpg", [_region()])


HEAD = _mask(40, 30, side=10)


class _HeadFinder:
    """Finds `HEAD`, and remembers in what."""

    def __init__(self) -> None:
        self.asked: list[npt.NDArray[np.float32]] = []
        self.edges: list[tuple[npt.NDArray[np.float32], tuple[int, int] | None]] = []

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        assert image.shape == (HEIGHT, WIDTH, 3)

    def head(
        self, mask: npt.NDArray[np.float32], click: tuple[int, int] | None
    ) -> npt.NDArray[np.bool_] | None:
        self.asked.append(mask)
        return HEAD & (mask > 0.5) if mask[HEAD].any() else None

    def edge(
        self, mask: npt.NDArray[np.float32], click: tuple[int, int] | None
    ) -> npt.NDArray[np.float32]:
        self.edges.append((mask, click))
        return np.zeros_like(mask)

    def predict(self, *, point_coords: npt.NDArray[np.float32]) -> Segmentation:
        column, row = point_coords[0].astype(int)
        thing = _mask(40, 30)[None]
        assert thing[0, row, column]
        return Segmentation(thing, np.ones(1, np.float32), ("object",))


@pytest.mark.parametrize(
    ("motion", "granularity", "alone"),
    [
        ("nod", None, True),
        ("turn_left", None, True),
        ("nod", "object", False),
        ("translate_left", None, False),
    ],
)
def test_who_nods_or_turns_the_head_moves_it_alone(
    animator: Animator,
    monkeypatch: pytest.MonkeyPatch,
    motion: str,
    granularity: Granularity | None,
    alone: bool,
) -> None:
    finder = _HeadFinder()
    monkeypatch.setattr(animator.find_heads, "segmenter", finder)
    reading = PromptReading((motion,), understood=True)
    monkeypatch.setattr(animator_module, "read_prompt", lambda *_, **__: reading)
    animal, drawn = _mask(40, 30), _mask(40, 130)
    clicked = Region(Click(35, 45), prompt="as read", granularity=granularity).with_mask(animal)
    by_hand = Region(drawn, prompt="as read")
    clip = animator.animate(_photo(), [clicked, by_hand], **SHORT)
    assert [region["moves"] for region in clip.settings["regions"]] == [
        "head" if alone else "region",
        "region",
    ]
    moving = (HEAD if alone else animal) | drawn
    np.testing.assert_array_equal(clip.region_mask, moving)
    assert len(finder.asked) == alone, "what is drawn means itself"
    edges = [(mask > 0.5, click) for mask, click in finder.edges]
    expected = (
        [] if motion == "translate_left" else [(HEAD if alone else animal, (35, 45)), (drawn, None)]
    )
    assert [click for _, click in edges] == [click for _, click in expected]
    for (found, _), (wanted, _) in zip(edges, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    # What was selected is kept, so that the clip can be made again.
    kept = [mask_from_png(text) > 0.5 for text in clip.settings["masks"]]
    np.testing.assert_array_equal(kept[0], animal)


@pytest.mark.parametrize(("motion", "share"), [("nod", 2.6), ("turn_left", 0.75)])
def test_a_head_alone_has_a_strength_of_its_own_unless_one_is_asked_for(
    animator: Animator, monkeypatch: pytest.MonkeyPatch, motion: str, share: float
) -> None:
    monkeypatch.setattr(animator.find_heads, "segmenter", _HeadFinder())
    reading = PromptReading((motion,), understood=True)
    monkeypatch.setattr(animator_module, "read_prompt", lambda *_, **__: reading)

    def told(granularity: Granularity | None, strength: float | None) -> float:
        # Gently, so that what a head has by itself is below the most that the model knows.
        region = Region(
            Click(35, 45), prompt="go gently", granularity=granularity, strength=strength
        )
        plan = animator.plan(_photo(), [region.with_mask(_mask(40, 30))])
        window = plan["regions"][0]["window"]["side"]
        return float(plan["regions"][0]["window_strength"]) * (1 if strength is None else window)

    own = PRESET.own_strength(reading.families) * GENTLE
    assert told(None, None) == pytest.approx(share * own)
    assert told(None, 0.5) == pytest.approx(told("object", 0.5), rel=1e-3)


def test_what_has_no_head_nods_as_a_whole(
    animator: Animator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(animator.find_heads, "segmenter", _HeadFinder())
    reading = PromptReading(("nod",), understood=True)
    monkeypatch.setattr(animator_module, "read_prompt", lambda *_, **__: reading)
    thing = _mask(70, 130)
    plan = animator.plan(_photo(), [Region(Click(140, 80), prompt="nod").with_mask(thing)])
    assert plan["regions"][0]["moves"] == "region"


@pytest.mark.parametrize(
    ("prompt", "motion", "moves"),
    [
        ("wag the tail", "sway", "limb"),
        ("the lid sways", "sway", "region"),
        ("wag the tail", "breathe", "region"),
    ],
)
def test_a_limb_swings_about_where_it_joins_the_rest(
    animator: Animator, monkeypatch: pytest.MonkeyPatch, prompt: str, motion: str, moves: str
) -> None:
    monkeypatch.setattr(animator.find_heads, "segmenter", _HeadFinder())
    reading = PromptReading((motion,), understood=True)
    monkeypatch.setattr(animator_module, "read_prompt", lambda *_, **__: reading)
    region = Region(Click(35, 45), prompt=prompt, granularity="part").with_mask(HEAD)
    clip = animator.animate(_photo(), [region], **SHORT)
    assert clip.settings["regions"][0]["moves"] == moves


@pytest.mark.parametrize("family", ["nod", "sway"])
def test_a_nod_without_a_head_goes_down_where_it_falls_short(family: str) -> None:
    window = CropPlan(0, 0, 64, 64)
    flower = np.zeros((64, 64), np.float32)
    flower[20:40, 20:40] = 1
    fields = np.zeros((4, 16, 16, 2), np.float32)
    fields[1:3, :, :, 1] = -0.01
    reading = PromptReading((family,), understood=True)
    plan = RegionPlan(0, Region(flower > 0, prompt=family), flower, window, 4.0, 4.0, reading)
    made = stated_of(fields, plan, window)
    assert made is not None and (made[1, 8, 8, 1] < -0.02) == (family == "nod")


def test_a_nod_upwards_goes_where_a_nod_comes_from() -> None:
    window = CropPlan(0, 0, 64, 64)
    flower = np.zeros((64, 64), np.float32)
    flower[20:44, 20:44] = 1
    fields = np.zeros((4, 16, 16, 2), np.float32)
    fields[1:3, :, :, 1] = -0.01
    made = []
    for upwards in (False, True):
        reading = PromptReading(("nod",), understood=True, upwards=upwards)
        plan = RegionPlan(
            0, Region(flower > 0, prompt="look up"), flower, window, 4.0, 4.0, reading
        )
        stated = stated_of(fields, plan, window)
        assert stated is not None
        made.append(stated)
    assert np.allclose(made[0], -made[1]) and made[0][1, 8, 8, 1] < -0.02


def test_what_is_stated_of_a_limb_becomes_a_swing() -> None:
    window = CropPlan(0, 0, 64, 64)
    limb = np.zeros((64, 64), np.float32)
    limb[30:36, 28:58] = 1
    fields = np.zeros((4, 16, 16, 2), np.float32)
    fields[1:3, ..., 0] = 0.1
    region = Region(limb > 0, prompt="wag the tail")
    plan = RegionPlan(0, region, limb, window, 1.0, 1.0, limb=Limb(limb, (28.0, 32.5), bends=False))
    made = stated_of(fields, plan, window)
    assert made is not None and np.abs(made[1, 8, 14, 1]) > np.abs(made[1, 8, 14, 0])
    assert stated_of(fields, replace(plan, limb=None), window) is fields
    assert stated_of(None, plan, window) is None
    goes = replace(plan, reading=PromptReading(("rise",), understood=True))
    assert goes.in_place and not replace(goes, limb=None).in_place
