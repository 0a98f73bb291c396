"""The denoising sequence: identities, closed forms, equivalences, and every way that a user of diffusers may call it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from PIL import Image
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

import follow_your_click
from follow_your_click import pipeline as pipeline_module
from follow_your_click.errors import PromptError, SettingsError
from follow_your_click.models.autoencoder import ConvAutoencoder
from follow_your_click.models.conditioning import carry_first_frame, latent_region_mask
from follow_your_click.models.displacement import at_strength
from follow_your_click.models.schedulers import paper_scheduler
from follow_your_click.models.text_encoder import MotionTextEncoder, load_tokenizer
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.pipeline import RegionalAnimationPipeline

SOURCE = Path(follow_your_click.__file__).parent.parent
SIZE, CHANNELS, FRAMES = 32, 4, 3
LATENT = SIZE // 8
MASK = np.zeros((SIZE, SIZE), np.bool_)
MASK[8:24, 8:24] = True


def _shaken(module: torch.nn.Module) -> Any:
    """Every weight random, so that no part stands at its zero initialisation."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.08)
    return module.eval()


def _unet(
    text_dim: int = 12, *, displacement_head: Literal["none", "field"] = "none"
) -> RegionalMotionUNet:
    unet: RegionalMotionUNet = _shaken(
        RegionalMotionUNet(
            sample_size=LATENT,
            in_channels=2 * CHANNELS + 1,
            out_channels=CHANNELS,
            down_block_types=("DownBlockMotion", "CrossAttnDownBlockMotion"),
            up_block_types=("CrossAttnUpBlockMotion", "UpBlockMotion"),
            block_out_channels=(16, 32),
            layers_per_block=1,
            norm_num_groups=4,
            cross_attention_dim=text_dim,
            motion_cross_attention_dim=text_dim,
            num_attention_heads=2,
            motion_num_attention_heads=2,
            displacement_head=displacement_head,
            motion_max_seq_length=8,
        )
    )
    return unet


def _pipeline(unet: RegionalMotionUNet | None = None, **settings: Any) -> RegionalAnimationPipeline:
    torch.manual_seed(0)
    vae = ConvAutoencoder(
        CHANNELS,
        encoder_channels=(8, 8),
        encoder_blocks=(1, 1),
        decoder_channels=(8, 8, 8),
        decoder_blocks=(1, 1, 1),
    )
    pipeline = RegionalAnimationPipeline(
        vae=vae.eval(),
        text_encoder=_shaken(MotionTextEncoder(hidden_size=12, num_attention_heads=2)),
        tokenizer=load_tokenizer(),
        unet=_unet() if unet is None else unet,
        scheduler=paper_scheduler(),
        **settings,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture
def pipeline() -> RegionalAnimationPipeline:
    return _pipeline()


def _image(seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    return Image.fromarray(pixels)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _run(pipeline: RegionalAnimationPipeline, **changes: Any) -> Any:
    """Frames of a short clip; latents unless asked otherwise."""
    arguments: dict[str, Any] = {
        "image": _image(),
        "region_mask": MASK,
        "motion_prompt": "drift left",
        "num_frames": FRAMES,
        "num_inference_steps": 2,
        "generator": _generator(),
        "output_type": "latent",
        **changes,
    }
    return pipeline(**arguments).frames


def _count_forwards(pipeline: RegionalAnimationPipeline) -> list[int]:
    """Batch sizes of the network's calls, filled as they happen."""
    batches: list[int] = []
    pipeline.unet.register_forward_hook(lambda _, inputs, __: batches.append(len(inputs[0])))
    return batches


def test_saved_and_loaded_gives_the_same_frames(tmp_path: Path) -> None:
    before = _pipeline(_unet(displacement_head="field"), mask_layout="first")
    torch.nn.init.normal_(before.unet.displacement.correction.weight)
    before.save_pretrained(tmp_path)
    after = RegionalAnimationPipeline.from_pretrained(tmp_path)
    after.set_progress_bar_config(disable=True)
    assert after.config.mask_layout == "first"
    assert after.unet.config.displacement_head == "field"
    assert after.tokenizer.model_max_length == before.tokenizer.model_max_length
    assert torch.equal(_run(before, guidance_scale=2.0), _run(after, guidance_scale=2.0))


def test_a_fresh_process_can_load_what_was_saved(tmp_path: Path) -> None:
    _pipeline().save_pretrained(tmp_path)
    program = (
        "import sys; from follow_your_click import RegionalAnimationPipeline as Pipeline;"
        "print(type(Pipeline.from_pretrained(sys.argv[1]).vae).__name__)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    assert result.stdout.split() == ["ConvAutoencoder"]


def test_the_generator_alone_decides(pipeline: RegionalAnimationPipeline) -> None:
    first = _run(pipeline)
    torch.rand(3)
    assert torch.equal(first, _run(pipeline))
    assert not torch.equal(first, _run(pipeline, generator=_generator(1)))


@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_a_batch_equals_its_singles(
    pipeline: RegionalAnimationPipeline, guidance_scale: float
) -> None:
    masks = torch.stack([torch.from_numpy(MASK), torch.from_numpy(~MASK)]).float()[:, None]
    prompts, strengths = ["drift left", "rise"], torch.tensor([1.0, 6.0])
    together = _run(
        pipeline,
        image=[_image(0), _image(1)],
        region_mask=masks,
        motion_prompt=prompts,
        motion_strength=strengths,
        generator=[_generator(5), _generator(6)],
        guidance_scale=guidance_scale,
    )
    for index in range(2):
        alone = _run(
            pipeline,
            image=_image(index),
            region_mask=masks[index, 0],
            motion_prompt=prompts[index],
            motion_strength=float(strengths[index]),
            generator=_generator(5 + index),
            guidance_scale=guidance_scale,
        )
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-5, rtol=1e-4)


def test_guidance_of_one_is_the_conditional_prediction_alone(
    pipeline: RegionalAnimationPipeline,
) -> None:
    batches = _count_forwards(pipeline)
    off = _run(pipeline, guidance_scale=1.0)
    assert batches == [1, 1]
    almost = _run(pipeline, guidance_scale=1.0 + 1e-6)
    assert batches == [1, 1, 2, 2]
    torch.testing.assert_close(off, almost, atol=1e-4, rtol=1e-4)
    strong = _run(pipeline, guidance_scale=5.0)
    assert (strong - off).abs().max() > 1e-3
    other = _run(pipeline, guidance_scale=5.0, negative_prompt="shake wildly")
    assert (strong - other).abs().max() > 1e-4
    same = _run(pipeline, guidance_scale=5.0, negative_prompt="drift left")
    torch.testing.assert_close(same, off, atol=1e-4, rtol=1e-4)


def test_every_condition_is_heard(pipeline: RegionalAnimationPipeline) -> None:
    base = _run(pipeline)
    for change in (
        {"motion_prompt": "rise"},
        {"prompt": "a boat on a lake"},
        {"motion_strength": 9.0},
        {"fps": 24.0},
        {"region_mask": ~MASK},
        {"image": _image(1)},
        {"first_frame_mask_ratio": 0.9},
    ):
        assert (_run(pipeline, **change) - base).abs().max() > 1e-5, change


def test_embeddings_stand_in_for_texts(pipeline: RegionalAnimationPipeline) -> None:
    seen: dict[str, Tensor] = {}

    def look(_: Any, __: int, ___: int, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.update(tensors)
        return {}

    names = ("prompt_embeds", "motion_prompt_embeds")
    expected = _run(
        pipeline,
        prompt="a boat",
        callback_on_step_end=look,
        callback_on_step_end_tensor_inputs=names,
    )
    assert torch.equal(_run(pipeline, motion_prompt=None, **seen), expected)
    latents = pipeline.encode_image(_image())
    again = _run(pipeline, prompt="a boat", image=None, first_frame_latents=latents)
    assert torch.equal(again, expected)


def test_a_mask_at_latent_size_is_the_same_mask(pipeline: RegionalAnimationPipeline) -> None:
    assert torch.equal(_run(pipeline, region_mask=MASK[::8, ::8]), _run(pipeline))


def test_output_types_show_the_same_frames(pipeline: RegionalAnimationPipeline) -> None:
    latents = _run(pipeline)
    assert latents.shape == (1, CHANNELS, FRAMES, LATENT, LATENT)
    tensors = _run(pipeline, output_type="pt")
    assert tensors.shape == (1, FRAMES, 3, SIZE, SIZE)
    assert tensors.min() >= 0 and tensors.max() <= 1
    assert torch.equal(tensors, pipeline.decode_latents(latents))
    arrays = _run(pipeline, output_type="np")
    np.testing.assert_array_equal(arrays, tensors.permute(0, 1, 3, 4, 2).numpy())
    ((*pictures,),) = _run(pipeline, output_type="pil")
    assert [picture.size for picture in pictures] == [(SIZE, SIZE)] * FRAMES
    np.testing.assert_array_equal(np.asarray(pictures[1]), (arrays[0, 1] * 255).round())
    (bare,) = pipeline(
        _image(),
        MASK,
        motion_prompt="drift left",
        num_frames=FRAMES,
        num_inference_steps=2,
        generator=_generator(),
        output_type="pt",
        return_dict=False,
    )
    assert torch.equal(bare, tensors)


def test_every_kind_of_image_is_the_same_image(pipeline: RegionalAnimationPipeline) -> None:
    expected = pipeline.encode_image(_image())
    pixels = np.array(_image())
    tensor = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    for image in (pixels, tensor, tensor[None], [_image()], _image().convert("RGBA")):
        torch.testing.assert_close(pipeline.encode_image(image), expected)


def test_decoding_in_chunks_is_decoding_at_once(pipeline: RegionalAnimationPipeline) -> None:
    latents = torch.randn((2, CHANNELS, 7, LATENT, LATENT), generator=_generator())
    whole = pipeline.decode_latents(latents)
    for clip in range(2):
        for frame in (0, 6):
            one = pipeline.decode_latents(latents[clip : clip + 1, :, frame : frame + 1])
            torch.testing.assert_close(one[0, 0], whole[clip, frame], atol=1e-5, rtol=1e-4)


def test_the_callback_can_pin_the_background(pipeline: RegionalAnimationPipeline) -> None:
    background = torch.full((1, CHANNELS, FRAMES, LATENT, LATENT), 0.25)
    moves = torch.from_numpy(MASK[::8, ::8])
    steps: list[int] = []

    def pin(given: Any, step: int, timestep: int, tensors: dict[str, Any]) -> dict[str, Any]:
        assert given is pipeline and list(tensors) == ["latents"]
        steps.append(timestep)
        return {"latents": torch.where(moves, tensors["latents"], background)}

    pinned = _run(pipeline, callback_on_step_end=pin, num_inference_steps=4)
    assert steps == [999, 749, 499, 249]
    assert torch.equal(pinned[..., ~moves], background[..., ~moves])
    assert not torch.equal(pinned[..., moves], background[..., moves])


def test_the_callback_can_replace_embeddings(pipeline: RegionalAnimationPipeline) -> None:
    def silence(_: Any, __: int, ___: int, tensors: dict[str, Any]) -> dict[str, Any]:
        return {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}

    names = ("prompt_embeds", "motion_prompt_embeds")
    changed = _run(pipeline, callback_on_step_end=silence, callback_on_step_end_tensor_inputs=names)
    assert not torch.equal(changed, _run(pipeline))


def test_an_interrupt_ends_the_loop_and_only_this_run(pipeline: RegionalAnimationPipeline) -> None:
    batches = _count_forwards(pipeline)

    def stop(given: Any, step: int, __: int, ___: dict[str, Any]) -> dict[str, Any]:
        given._interrupt = step == 1
        return {}

    _run(pipeline, callback_on_step_end=stop, num_inference_steps=6)
    assert len(batches) == 2
    _run(pipeline, num_inference_steps=6)
    assert len(batches) == 8


@pytest.mark.parametrize(
    "scheduler",
    [
        DDPMScheduler,
        DPMSolverMultistepScheduler,
        EulerDiscreteScheduler,
        UniPCMultistepScheduler,
    ],
)
@pytest.mark.parametrize("guidance_scale", [1.0, 2.0])
def test_other_schedulers_run(
    pipeline: RegionalAnimationPipeline, scheduler: Any, guidance_scale: float
) -> None:
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    settings = {"num_inference_steps": 4, "guidance_scale": guidance_scale, "output_type": "pt"}
    frames = _run(pipeline, **settings)
    assert frames.isfinite().all()
    assert torch.equal(frames, _run(pipeline, **settings))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(pipeline: RegionalAnimationPipeline, dtype: torch.dtype) -> None:
    expected = _run(pipeline, output_type="pt", guidance_scale=2.0)
    latents = torch.randn((1, CHANNELS, FRAMES, LATENT, LATENT), generator=_generator())
    pipeline.to(dtype)
    assert _run(pipeline).dtype == dtype
    frames = _run(pipeline, output_type="pt", guidance_scale=2.0, latents=latents)
    assert frames.dtype == torch.float32
    torch.testing.assert_close(frames, expected, atol=0.1, rtol=0)


def test_an_autoencoder_of_another_precision(pipeline: RegionalAnimationPipeline) -> None:
    pipeline.unet.to(torch.bfloat16)
    assert _run(pipeline, output_type="pt", guidance_scale=2.0).isfinite().all()


def test_offloading_reaches_every_model(pipeline: RegionalAnimationPipeline) -> None:
    expected = _run(pipeline, output_type="pt")
    models = {
        name for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)
    }
    # IP-Adapters bring their image encoder along.
    assert set(pipeline.model_cpu_offload_seq.split("->")) == models | {"image_encoder"}
    pipeline.enable_model_cpu_offload(device="cpu")
    woken: list[str] = []
    for name in models:
        hook = getattr(pipeline, name)._hf_hook
        before = hook.pre_forward

        def pre_forward(*inputs: Any, name: str = name, before: Any = before, **named: Any) -> Any:
            woken.append(name)
            return before(*inputs, **named)

        hook.pre_forward = pre_forward
    assert torch.equal(_run(pipeline, output_type="pt"), expected)
    assert woken == ["vae", "text_encoder", "unet", "unet", "vae"]


@pytest.mark.parametrize("head", ["none", "field"])
def test_the_parts_of_stable_diffusion_fit(head: str) -> None:
    torch.manual_seed(0)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        latent_channels=CHANNELS,
    )
    tokenizer = load_tokenizer()
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=12,
            intermediate_size=24,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=tokenizer.model_max_length,
        )
    )
    pipeline = RegionalAnimationPipeline(
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        unet=_unet(displacement_head=head),
        scheduler=paper_scheduler(),
    )
    pipeline.set_progress_bar_config(disable=True)
    frames = _run(pipeline, output_type="pt", guidance_scale=2.0)
    assert frames.shape == (1, FRAMES, 3, SIZE, SIZE)
    assert frames.isfinite().all()
    latents = pipeline.encode_image(_image())
    assert latents.shape == (1, CHANNELS, SIZE // 2, SIZE // 2)
    expected = vae.encode(torch.from_numpy(np.array(_image())).permute(2, 0, 1)[None] / 127.5 - 1)
    torch.testing.assert_close(latents, expected.latent_dist.mode() * 0.18215)


def test_nothing_displaced_and_nothing_changed_is_the_first_frame() -> None:
    pipeline = _pipeline(_unet(displacement_head="field"))
    head = pipeline.unet.displacement
    for part in (
        *(pipeline.unet.conv_out, head.correction),
        *(head.field.linear_out, head.field.conv_out),
    ):
        torch.nn.init.zeros_(part.weight)
        torch.nn.init.zeros_(part.bias)
    zeros = torch.zeros((1, CHANNELS, FRAMES, LATENT, LATENT))
    latents = _run(pipeline, latents=zeros)
    first = pipeline.encode_image(_image())
    torch.testing.assert_close(latents, first[:, :, None].expand(zeros.shape))


@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_the_clip_is_the_first_frame_carried_along_the_stated_displacement(
    guidance_scale: float,
) -> None:
    pipeline = _pipeline(_unet(displacement_head="field"))
    for name in ("weight", "bias"):
        torch.nn.init.zeros_(getattr(pipeline.unet.conv_out, name))
    torch.nn.init.normal_(pipeline.unet.displacement.correction.weight)
    arguments = {
        "image": _image(),
        "region_mask": MASK,
        "motion_prompt": "sway",
        "num_frames": FRAMES,
        "num_inference_steps": 3,
        "guidance_scale": guidance_scale,
        "latents": torch.zeros((1, CHANNELS, FRAMES, LATENT, LATENT)),
        "output_type": "latent",
    }
    stated = pipeline(**arguments, motion_strength=2.0)
    assert stated.displacement.shape == (1, 2, FRAMES, 4 * LATENT, 4 * LATENT)
    assert not stated.displacement[:, :, 0].any()
    mask = torch.from_numpy(MASK).float()[None, None]
    expected = carry_first_frame(
        pipeline.encode_image(_image()),
        latent_region_mask(mask, (LATENT, LATENT)),
        stated.displacement,
    )
    torch.testing.assert_close(stated.frames, expected)
    still = pipeline(**arguments, motion_strength=0.0)
    assert not still.displacement.any()


def test_the_seed_varies_the_displacement_and_the_strength_decides_how_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = _pipeline(_unet(displacement_head="field"))

    def stated(seed: int | None) -> Tensor:
        output = pipeline(
            _image(),
            MASK,
            motion_prompt="sway",
            motion_strength=2.0,
            num_frames=FRAMES,
            num_inference_steps=1,
            latents=torch.zeros((1, CHANNELS, FRAMES, LATENT, LATENT)),
            generator=None if seed is None else _generator(seed),
            output_type="latent",
        )
        found: Tensor = output.displacement
        return found

    plain, one, other = stated(None), stated(1), stated(2)
    assert torch.equal(one, stated(1)) and torch.equal(plain, stated(None))
    assert not torch.allclose(one, other) and not torch.allclose(one, plain)
    # A little: most of the way is the same.
    assert (one - plain).norm() < 0.5 * plain.norm()
    monkeypatch.setattr(pipeline_module, "decided", lambda displacement, *_: displacement)
    raw = stated(None)
    region = latent_region_mask(torch.from_numpy(MASK).float()[None, None], (LATENT, LATENT))
    assert not torch.allclose(raw, plain)
    torch.testing.assert_close(at_strength(raw, region[:, 0], torch.tensor([2.0])), plain)


def test_a_network_without_the_head_states_no_displacement(
    pipeline: RegionalAnimationPipeline,
) -> None:
    output = pipeline(_image(), MASK, motion_prompt="sway", num_frames=2, num_inference_steps=1)
    assert output.displacement is None


@pytest.mark.parametrize("head", ["none", "field"])
@pytest.mark.parametrize("steps", [1, 2, 8])
def test_the_true_velocity_leads_to_the_true_clip(
    head: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed form: from pure noise (zero terminal SNR, trailing), DDIM ends at the clip.

    The steps divide 1000: of others, diffusers' DDIM ends at the first timestep, with a little noise left.
    """
    pipeline = _pipeline(_unet(displacement_head=head))
    clip = torch.randn((1, CHANNELS, FRAMES, LATENT, LATENT), generator=_generator(3))
    first = pipeline.encode_image(_image())
    target = clip - first[:, :, None] if head == "field" else clip
    still = torch.zeros((1, 2, FRAMES, LATENT, LATENT)) if head == "field" else None

    def true_velocity(sample: Tensor, timestep: Tensor, *_: Any, **__: Any) -> SimpleNamespace:
        kept = pipeline.scheduler.alphas_cumprod[timestep]
        noisy = sample[:, :CHANNELS]
        noise = (noisy - kept.sqrt() * target) / (1 - kept).sqrt()
        velocity = kept.sqrt() * noise - (1 - kept).sqrt() * target
        return SimpleNamespace(sample=velocity, displacement=still)

    monkeypatch.setattr(pipeline.unet, "forward", true_velocity)
    found = _run(pipeline, num_inference_steps=steps)
    torch.testing.assert_close(found, clip, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"motion_prompt": None}, PromptError, "motion_prompt"),
        ({"motion_prompt": ["a", "b"]}, PromptError, "2 prompts for 1"),
        ({"prompt_embeds": torch.zeros(2, 3, 12)}, PromptError, "2 texts for 1"),
        ({"image": None}, SettingsError, "no image"),
        ({"image": Image.new("RGB", (SIZE, SIZE + 3))}, SettingsError, "32x35"),
        ({"image": torch.full((1, 3, SIZE, SIZE), 200.0)}, SettingsError, "image values"),
        ({"region_mask": None}, SettingsError, "no region_mask"),
        ({"region_mask": np.zeros((SIZE, SIZE, 1))}, SettingsError, r"\(32, 32\)"),
        ({"region_mask": np.zeros((2, 1, SIZE, SIZE))}, SettingsError, r"\(1, 1, 32, 32\)"),
        ({"region_mask": np.zeros((SIZE, SIZE + 8))}, SettingsError, r"\(32, 40\)"),
        ({"region_mask": MASK * np.uint8(255)}, SettingsError, "0 to 255"),
        ({"num_frames": 65}, SettingsError, "num_frames 65; expected 1 to 64"),
        ({"num_frames": 0}, SettingsError, "num_frames 0"),
        ({"num_inference_steps": 0}, SettingsError, "num_inference_steps 0"),
        ({"num_inference_steps": 1001}, SettingsError, "1 to 1000"),
        ({"motion_strength": -1.0}, SettingsError, "motion_strength"),
        ({"motion_strength": torch.ones(3)}, SettingsError, "motion_strength"),
        ({"guidance_scale": float("nan")}, SettingsError, "guidance_scale nan"),
        ({"fps": float("inf")}, SettingsError, "fps inf"),
        ({"first_frame_mask_ratio": 2.0}, SettingsError, "first_frame_mask_ratio"),
        ({"latents": torch.zeros(1, CHANNELS, 2, LATENT, LATENT)}, SettingsError, "latents"),
        ({"output_type": "mp4"}, SettingsError, "'mp4'"),
        ({"callback_on_step_end_tensor_inputs": ["noise"]}, SettingsError, "noise"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_before_the_work(
    pipeline: RegionalAnimationPipeline, change: dict[str, Any], error: type[Exception], says: str
) -> None:
    batches = _count_forwards(pipeline)
    with pytest.raises(error, match=says) as caught:
        _run(pipeline, **change)
    assert "\n" not in str(caught.value)
    assert not batches
