"""A model small enough to run in a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from follow_your_click.pipeline import RegionalAnimationPipeline
    from follow_your_click.presets import Preset


@pytest.fixture(scope="session")
def tiny_pipeline() -> Callable[[int], RegionalAnimationPipeline]:
    """A function: most frames of a clip -> a pipeline of the real classes at 32 px, the same random weights each time."""
    import torch

    from follow_your_click.models.autoencoder import ConvAutoencoder
    from follow_your_click.models.schedulers import paper_scheduler
    from follow_your_click.models.text_encoder import MotionTextEncoder, load_tokenizer
    from follow_your_click.models.unet import RegionalMotionUNet
    from follow_your_click.pipeline import RegionalAnimationPipeline

    def build(max_frames: int) -> RegionalAnimationPipeline:
        torch.manual_seed(0)
        unet = RegionalMotionUNet(
            sample_size=4,
            in_channels=9,
            out_channels=4,
            down_block_types=("DownBlockMotion", "CrossAttnDownBlockMotion"),
            up_block_types=("CrossAttnUpBlockMotion", "UpBlockMotion"),
            block_out_channels=(16, 32),
            layers_per_block=1,
            norm_num_groups=4,
            cross_attention_dim=12,
            motion_cross_attention_dim=12,
            num_attention_heads=2,
            motion_num_attention_heads=2,
            motion_max_seq_length=max_frames,
        )
        return RegionalAnimationPipeline(
            vae=ConvAutoencoder(4, (8, 8), (1, 1), (8, 8, 8), (1, 1, 1)).eval(),
            text_encoder=MotionTextEncoder(hidden_size=12, num_attention_heads=2).eval(),
            tokenizer=load_tokenizer(),
            unet=unet.eval(),
            scheduler=paper_scheduler(),
        )

    return build


@pytest.fixture(scope="session")
def tiny_preset() -> Preset:
    """Settings that go with it."""
    from follow_your_click.presets import Preset

    return Preset(
        name="tiny",
        size=32,
        num_inference_steps=2,
        guidance_scale=1.0,
        window_strength=4.0,
        max_window_strength=8.0,
    )


@pytest.fixture(scope="session")
def tiny_model(
    tiny_pipeline: Callable[[int], RegionalAnimationPipeline],
    tiny_preset: Preset,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Both, for clips of up to 16 frames, as a model's folder."""
    from follow_your_click.presets import PRESET_FILE

    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny_pipeline(16).save_pretrained(folder)
    (folder / PRESET_FILE).write_text(tiny_preset.model_dump_json(), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_stable_diffusion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like Stable Diffusion 1.5's: the same classes at 8 to 16 channels, every weight random."""
    import torch
    from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    from follow_your_click.models.schedulers import animatediff_scheduler

    torch.manual_seed(0)
    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(
        vocab={token: number for number, token in enumerate(vocabulary)},
        merges=[],
        model_max_length=16,
    )
    text = CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=12,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=len(vocabulary) - 2,
        eos_token_id=len(vocabulary) - 1,
        pad_token_id=len(vocabulary) - 1,
    )
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=(8, 8, 8, 8),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1,
            norm_num_groups=4,
            sample_size=32,
        ),
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=4,
            block_out_channels=(8, 16),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=1,
            norm_num_groups=4,
            cross_attention_dim=12,
            attention_head_dim=2,
        ),
        scheduler=animatediff_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    folder = tmp_path_factory.mktemp("tiny-sd")
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_motion_adapter(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int | None], Path]:
    """A function: channels of the first convolution (9 as PIA's, None as AnimateDiff's) -> an adapter's folder."""
    import torch
    from diffusers import MotionAdapter

    def build(conv_in_channels: int | None) -> Path:
        torch.manual_seed(1)
        adapter = MotionAdapter(
            block_out_channels=(8, 16),
            motion_layers_per_block=1,
            motion_num_attention_heads=2,
            motion_norm_num_groups=4,
            motion_max_seq_length=16,
            use_motion_mid_block=conv_in_channels is None,
            conv_in_channels=conv_in_channels,
        )
        with torch.no_grad():
            for parameter in adapter.parameters():
                parameter.normal_(std=0.2)
        folder = tmp_path_factory.mktemp("tiny-motion")
        adapter.save_pretrained(folder)
        return folder

    return build
