"""The paper's size on small random weights of the public classes: PIA, long clips, prompt travel, ControlNet, IP-Adapter, FreeInit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AnimateDiffPipeline,
    ControlNetModel,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    MotionAdapter,
    PIAPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from torch import Tensor

from follow_your_click.denoising import frame_windows, shuffled_noise, window_weights
from follow_your_click.errors import PromptError, SettingsError
from follow_your_click.models.affinity import (
    LEVEL_STRENGTHS,
    affinity_coefficients,
    affinity_map,
    reachable_area,
)
from follow_your_click.models.schedulers import animatediff_scheduler
from follow_your_click.models.stable_diffusion import load_parts
from follow_your_click.pipeline import RegionalAnimationPipeline

SIZE = 32  # px; the autoencoder makes 4 latent positions of them
WHOLE = np.ones((SIZE, SIZE), np.float32)
LEFT = WHOLE * (np.arange(SIZE) < SIZE // 2)
FRAMES = 6

Build = Callable[..., RegionalAnimationPipeline]


@pytest.fixture
def build(tiny_stable_diffusion: Path, tiny_motion_adapter: Callable[[int | None], Path]) -> Build:
    """A function: a pipeline on small random weights, of PIA's kind unless told otherwise."""

    def make(kind: str = "pia", **settings: Any) -> RegionalAnimationPipeline:
        pia = kind == "pia"
        parts = load_parts(
            tiny_stable_diffusion,
            motion=tiny_motion_adapter(9 if pia else None),
            conv_in="motion" if pia else "extended",
            motion_cross_attention_dim=None if pia else 12,
        )
        if pia:
            settings = {"mask_channel": "affinity", "background": "pinned", **settings}
        pipeline = RegionalAnimationPipeline(
            parts.vae,
            parts.text_encoder,
            parts.tokenizer,
            parts.unet,
            animatediff_scheduler(),
            **settings,
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    return make


def image() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    return Image.fromarray(pixels)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def run(pipeline: RegionalAnimationPipeline, **changes: Any) -> Tensor:
    arguments: dict[str, Any] = {
        "image": image(),
        "region_mask": LEFT,
        "motion_prompt": "drift left",
        "num_frames": FRAMES,
        "num_inference_steps": 3,
        "guidance_scale": 3.0,
        "generator": seeded(),
        "output_type": "latent",
        **changes,
    }
    frames: Tensor = pipeline(**arguments).frames
    return frames


@pytest.mark.parametrize("kind", [DDIMScheduler, EulerDiscreteScheduler])
@pytest.mark.parametrize("guidance_scale", [1.0, 4.0])
@pytest.mark.parametrize("motion_scale", [0, 1, 2, 3, 5])
def test_a_whole_image_region_is_diffusers_pia(
    build: Build,
    tiny_stable_diffusion: Path,
    tiny_motion_adapter: Callable[[int | None], Path],
    kind: type,
    guidance_scale: float,
    motion_scale: int,
) -> None:
    loops = motion_scale > 2
    ours = build(mask_channel="affinity-loop" if loops else "affinity")
    theirs = PIAPipeline.from_pretrained(
        tiny_stable_diffusion,
        motion_adapter=MotionAdapter.from_pretrained(tiny_motion_adapter(9)),
    )
    theirs.set_progress_bar_config(disable=True)
    ours.scheduler = kind.from_config(ours.scheduler.config)
    theirs.scheduler = kind.from_config(ours.scheduler.config)
    noise = torch.randn((1, 4, 16, 4, 4), generator=seeded(7))
    expected = theirs(
        image(),
        "drift left",
        negative_prompt="blurred",
        latents=noise,
        num_inference_steps=4,
        guidance_scale=guidance_scale,
        motion_scale=motion_scale,
        height=SIZE,
        width=SIZE,
        generator=seeded(1),
        output_type="latent",
    ).frames
    # PIA draws from the autoencoder's distribution, we take its middle.
    pixels = theirs.video_processor.preprocess(image())
    drawn = theirs.vae.encode(pixels).latent_dist.sample(seeded(1)) * 0.18215
    actual = run(
        ours,
        first_frame_latents=drawn,
        region_mask=WHOLE,
        negative_prompt="blurred",
        latents=noise,
        num_frames=16,
        num_inference_steps=4,
        guidance_scale=guidance_scale,
        motion_strength=LEVEL_STRENGTHS[motion_scale % 3],
    )
    assert expected.std() > 0.1
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "kind", [DDIMScheduler, EulerDiscreteScheduler, DPMSolverMultistepScheduler]
)
def test_the_background_stays_the_first_frame_exactly(build: Build, kind: type) -> None:
    pipeline = build()
    pipeline.scheduler = kind.from_config(pipeline.scheduler.config)
    first = pipeline.encode_image(image())
    latents = run(pipeline, motion_strength=0.5)
    still = first.unsqueeze(2).expand_as(latents)
    assert torch.equal(latents[..., 3:], still[..., 3:])
    assert (latents[..., :2] - still[..., :2]).abs().mean() > 0.01


def test_a_region_may_leave_its_place(build: Build) -> None:
    pipeline = build()
    first = pipeline.encode_image(image()).unsqueeze(2)
    changed = (run(pipeline, motion_strength=12.0) - first).abs().amax(dim=(0, 1, 3)) > 0
    assert not changed[0, 2:].any()
    assert changed[-1, 2:].any()


def test_affinity_follows_strength() -> None:
    told = [affinity_coefficients(s, 16, "affinity") for s in (0.0, 0.5, 1.0, 3.0, 6.0, 20.0)]
    assert torch.equal(told[0], torch.ones(16))
    assert all((more <= less).all() for less, more in zip(told, told[1:], strict=False))
    assert torch.equal(told[-1], told[-2])
    assert all(coefficients[0] == 1 for coefficients in told)
    for frames in (8, 16, 40):
        loop = affinity_coefficients(3.0, frames, "affinity-loop")
        assert loop[0] == loop[-1] == 1
        assert loop.min() == pytest.approx(0.75, abs=0.011)


def test_affinity_is_each_regions_own() -> None:
    shares = torch.zeros(1, 2, 4, 4)
    shares[0, 0, :, :2], shares[0, 1, :, 2:3] = 1, 1
    told = affinity_map(shares, torch.tensor([[1.0, 6.0]]), 16, "affinity")
    assert told.shape == (1, 1, 16, 4, 4)
    assert torch.allclose(told[0, 0, :, 0, 0], affinity_coefficients(1.0, 16, "affinity"))
    assert torch.allclose(told[0, 0, :, 0, 2], affinity_coefficients(6.0, 16, "affinity"))
    assert torch.equal(told[..., 3], torch.ones(1, 1, 16, 4))


def test_what_moves_reaches_as_far_as_its_strength() -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 10:12, 10:12] = 1
    area = reachable_area(mask, torch.tensor([[8.0]]), 5)
    assert [int(frame.sum()) for frame in area[0, 0]] == [(2 + 2 * t) ** 2 for t in range(5)]
    assert torch.equal(reachable_area(mask, torch.tensor([[0.0]]), 3)[:, :, 2], mask)


@pytest.mark.parametrize(
    ("frames", "length", "overlap"), [(16, 16, 4), (17, 16, 4), (64, 16, 4), (40, 16, 0), (9, 8, 7)]
)
def test_windows_cover_a_clip_and_overlap(frames: int, length: int, overlap: int) -> None:
    windows = frame_windows(frames, length, overlap)
    weight = torch.zeros(frames)
    for window in windows:
        assert window.stop - window.start == min(length, frames)
        assert (window_weights(window, frames) > 0).all()
        weight[window] += 1
    assert (weight > 0).all()
    shared = [one.stop - two.start for one, two in zip(windows, windows[1:], strict=False)]
    assert all(each >= overlap for each in shared)


def test_noise_of_a_long_clip_is_the_first_windows_in_another_order() -> None:
    noise = torch.randn((1, 2, 20, 3, 3), generator=seeded())
    made = shuffled_noise(noise, 8, seeded(3))
    assert torch.equal(made[:, :, :8], noise[:, :, :8])
    for start in (8, 16):
        block = made[:, :, start : start + 8]
        found = [
            (block[:, :, i] == noise[:, :, j]).all()
            for i in range(block.shape[2])
            for j in range(8)
        ]
        assert sum(bool(each) for each in found) == block.shape[2]


@pytest.mark.parametrize("frames", [8, 24, 64])
def test_clips_of_8_to_64_frames(build: Build, frames: int) -> None:
    pipeline = build()  # knows 16 frames
    latents = run(pipeline, num_frames=frames, num_inference_steps=2)
    assert latents.shape == (1, 4, frames, 4, 4)
    assert latents.isfinite().all()
    again = run(pipeline, num_frames=frames, num_inference_steps=2)
    assert torch.equal(latents, again)
    with pytest.raises(SettingsError, match="num_frames 65; expected 1 to 64"):
        run(pipeline, num_frames=65)


def test_a_window_that_holds_the_clip_changes_nothing(build: Build) -> None:
    pipeline = build("animatediff")
    pipeline.unet.register_to_config(motion_max_seq_length=4)
    noise = torch.randn((1, 4, 4, 4, 4), generator=seeded(2))
    whole = run(pipeline, latents=noise, num_frames=4)
    longer = torch.cat([noise, noise], dim=2)
    apart = run(pipeline, latents=longer, num_frames=8, frame_overlap=0)
    torch.testing.assert_close(apart[:, :, :4], whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(apart[:, :, 4:], whole, atol=1e-5, rtol=1e-5)
    mixed = run(pipeline, latents=longer, num_frames=8, frame_overlap=2)
    assert not torch.allclose(mixed[:, :, :4], whole, atol=1e-3)


@pytest.mark.parametrize("kind", ["pia", "animatediff"])
def test_prompts_travel(build: Build, kind: str) -> None:
    pipeline = build(kind)
    if (
        kind == "animatediff"
    ):  # motion modules carry what one frame is told to the others: leave only the text
        for name, parameter in pipeline.unet.named_parameters():
            if "motion_modules" in name and "proj_out" in name:
                parameter.data.zero_()
    same = run(pipeline, motion_prompt={0: "rise", 5: "rise"}, prompt="a boat")
    torch.testing.assert_close(
        same, run(pipeline, motion_prompt="rise", prompt="a boat"), atol=1e-5, rtol=1e-5
    )
    travelled = run(pipeline, motion_prompt="rise", prompt={0: "a boat", 5: "a storm"})
    begins = run(pipeline, motion_prompt="rise", prompt="a boat")
    ends = run(pipeline, motion_prompt="rise", prompt="a storm")
    assert not torch.allclose(begins, ends, atol=1e-4)
    if kind == "animatediff":
        torch.testing.assert_close(travelled[:, :, 0], begins[:, :, 0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(travelled[:, :, -1], ends[:, :, -1], atol=1e-5, rtol=1e-5)
    with pytest.raises(PromptError, match=r"frames \[0, 6\]; expected some of 0 \.\.\. 5"):
        run(pipeline, prompt={0: "a boat", 6: "a storm"})


def test_the_ma_layers_read_a_travelling_motion_prompt(build: Build) -> None:
    pipeline = build("animatediff")
    with torch.no_grad():
        for name, parameter in pipeline.unet.named_parameters():
            if "attn_text" in name:
                parameter.normal_(std=0.3, generator=seeded(5))
    travelled = run(pipeline, motion_prompt={0: "rise", 5: "fall"}, prompt="a boat")
    same = run(pipeline, motion_prompt={0: "rise"}, prompt="a boat")
    assert not torch.allclose(travelled, same, atol=1e-4)
    torch.testing.assert_close(
        same, run(pipeline, motion_prompt="rise", prompt="a boat"), atol=1e-4, rtol=1e-4
    )


def controlnet(pipeline: RegionalAnimationPipeline, folder: Path) -> ControlNetModel:
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 8, 8)).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(std=0.2, generator=seeded(4))
    return net


def test_controlnet_is_confined_to_where_the_region_gets(
    build: Build, tiny_stable_diffusion: Path
) -> None:
    pipeline = build()
    pipeline.controlnet = controlnet(pipeline, tiny_stable_diffusion)
    shown = torch.rand((FRAMES, 3, SIZE, SIZE), generator=seeded(6))
    inputs: list[list[Tensor]] = []

    def keep(_: Any, __: Any, named: dict[str, Any]) -> None:
        inputs.append(
            [*named["down_block_additional_residuals"], named["mid_block_additional_residual"]]
        )

    pipeline.unet.register_forward_pre_hook(keep, with_kwargs=True)
    controlled = run(pipeline, conditioning_frames=shown, motion_strength=0.0)
    for residual in inputs[0]:
        right = residual[..., residual.shape[-1] // 2 :]
        assert not right.any()
        assert residual.any()
    assert not torch.allclose(controlled, run(build(), motion_strength=0.0), atol=1e-4)
    off = run(
        pipeline, conditioning_frames=shown, controlnet_conditioning_scale=0.0, motion_strength=0.0
    )
    torch.testing.assert_close(off, run(build(), motion_strength=0.0), atol=1e-5, rtol=1e-5)


def test_controlnet_is_shown_each_frame_its_own_image(
    build: Build, tiny_stable_diffusion: Path
) -> None:
    pipeline = build()
    pipeline.controlnet = [controlnet(pipeline, tiny_stable_diffusion)]  # set later, as a list
    pipeline = build(controlnet=pipeline.controlnet)
    one = Image.fromarray(np.full((8, 8, 3), 120, np.uint8))
    same = run(pipeline, conditioning_frames=[one])
    each = run(pipeline, conditioning_frames=[[one] * FRAMES])
    torch.testing.assert_close(same, each)
    long = run(pipeline, conditioning_frames=[one], num_frames=20, num_inference_steps=1)
    assert long.isfinite().all()
    with pytest.raises(SettingsError, match="got 2 control images for 6 frames"):
        run(pipeline, conditioning_frames=[[one] * 2])
    with pytest.raises(SettingsError, match="got 2 conditioning_frames and 1 scales"):
        run(pipeline, conditioning_frames=[one, one])
    with pytest.raises(SettingsError, match="without a ControlNet"):
        run(build(), conditioning_frames=one)


def test_a_whole_region_of_animatediff_is_diffusers_own(
    build: Build,
    tiny_stable_diffusion: Path,
    tiny_motion_adapter: Callable[[int | None], Path],
) -> None:
    ours = build("animatediff")
    theirs = AnimateDiffPipeline.from_pretrained(
        tiny_stable_diffusion,
        motion_adapter=MotionAdapter.from_pretrained(tiny_motion_adapter(None)),
    )
    theirs.set_progress_bar_config(disable=True)
    noise = torch.randn((1, 4, FRAMES, 4, 4), generator=seeded(7))
    settings: dict[str, Any] = {
        "negative_prompt": "blurred",
        "num_inference_steps": 4,
        "guidance_scale": 4.0,
        "latents": noise,
        "output_type": "latent",
    }
    expected = theirs("drift left", height=SIZE, width=SIZE, num_frames=FRAMES, **settings).frames
    torch.testing.assert_close(
        run(ours, region_mask=WHOLE, **settings), expected, atol=1e-4, rtol=1e-4
    )


def test_free_init_starts_again_from_what_was_made(build: Build) -> None:
    pipeline = build("animatediff")
    once = run(pipeline)
    steps: list[int] = []
    pipeline.enable_free_init(num_iters=2)

    def count(_: Any, step: int, __: int, tensors: dict[str, Any]) -> dict[str, Any]:
        steps.append(step)
        return tensors

    twice = run(pipeline, callback_on_step_end=count)
    assert steps == [0, 1, 2] * 2
    assert not torch.allclose(once, twice, atol=1e-3)
    pipeline.disable_free_init()
    assert torch.equal(run(pipeline), once)


def ip_adapter() -> dict[str, dict[str, Tensor]]:
    """An IP-Adapter for the small network, as its files hold one: layers are known by their number alone."""
    generator = seeded(8)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator) * 0.5

    projection = {"proj.weight": draw(4 * 12, 6), "proj.bias": draw(4 * 12)}
    projection |= {"norm.weight": draw(12), "norm.bias": draw(12)}
    layers = {}
    # Down, up, middle: another order would not fit the widths.
    for number, width in zip((1, 3, 5, 7), (8, 8, 8, 16), strict=True):
        layers[f"{number}.to_k_ip.weight"] = draw(width, 12)
        layers[f"{number}.to_v_ip.weight"] = draw(width, 12)
    return {"image_proj": projection, "ip_adapter": layers}


def vision() -> tuple[Any, Any]:
    from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(3)
    config = CLIPVisionConfig(
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
        projection_dim=6,
    )
    small = {"height": 16, "width": 16}
    processor = CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size=small)
    return CLIPVisionModelWithProjection(config).eval(), processor


def test_ip_adapter_is_diffusers_own(
    build: Build,
    tiny_stable_diffusion: Path,
    tiny_motion_adapter: Callable[[int | None], Path],
) -> None:
    encoder, processor = vision()
    ours = build("animatediff", image_encoder=encoder, feature_extractor=processor)
    theirs = AnimateDiffPipeline.from_pretrained(
        tiny_stable_diffusion,
        motion_adapter=MotionAdapter.from_pretrained(tiny_motion_adapter(None)),
        image_encoder=encoder,
        feature_extractor=processor,
    )
    theirs.set_progress_bar_config(disable=True)
    for pipeline in (ours, theirs):
        pipeline.load_ip_adapter(
            ip_adapter(), subfolder="", weight_name="", image_encoder_folder=None
        )
        pipeline.set_ip_adapter_scale(0.7)
    settings: dict[str, Any] = {
        "num_inference_steps": 3,
        "guidance_scale": 4.0,
        "latents": torch.randn((1, 4, FRAMES, 4, 4), generator=seeded(7)),
        "output_type": "latent",
        "ip_adapter_image": image(),
    }
    expected = theirs("drift left", height=SIZE, width=SIZE, num_frames=FRAMES, **settings).frames
    actual = run(ours, region_mask=WHOLE, **settings)
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)
    without = run(build("animatediff"), region_mask=WHOLE, **{**settings, "ip_adapter_image": None})
    assert not torch.allclose(actual, without, atol=1e-3)
    # Beside prompts that travel, too.
    travelled = run(ours, motion_prompt={0: "drift left"}, region_mask=WHOLE, **settings)
    torch.testing.assert_close(travelled, actual, atol=1e-4, rtol=1e-4)


def test_an_image_prompt_needs_an_adapter(build: Build) -> None:
    with pytest.raises(SettingsError, match="call load_ip_adapter first"):
        run(build(), ip_adapter_image=image())


def lora(pipeline: RegionalAnimationPipeline, folder: Path, seed: int) -> Path:
    """A LoRA as diffusers saves it, for attention of every kind."""
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    unet = pipeline.unet
    unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"]), adapter_name="made")
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if "lora" in name:
                parameter.normal_(std=0.3, generator=seeded(seed))
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(unet, adapter_name="made"))
    pipeline.save_lora_weights(folder, unet_lora_layers=layers)
    return folder


def test_several_loras_add_up(build: Build, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    pipeline = build()
    plain = run(pipeline)
    for number in (1, 2):
        folder = lora(build(), tmp_path / str(number), number)
        pipeline.load_lora_weights(folder, adapter_name=f"lora{number}")
    pipeline.set_adapters(["lora1", "lora2"], [0.0, 0.0])
    torch.testing.assert_close(run(pipeline), plain)
    made = {}
    for scales in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        pipeline.set_adapters(["lora1", "lora2"], list(scales))
        made[scales] = run(pipeline)
    different = [*made.values(), plain]
    assert all(
        not torch.allclose(different[i], different[j], atol=1e-3)
        for i in range(4)
        for j in range(i)
    )
    pipeline.unload_lora_weights()
    torch.testing.assert_close(run(pipeline), plain)
