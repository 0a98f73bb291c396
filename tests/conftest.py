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
    from follow_your_click.models.text_encoder import MotionTextEncoder, load_tokenizer
    from follow_your_click.models.unet import RegionalMotionUNet
    from follow_your_click.pipeline import RegionalAnimationPipeline
    from follow_your_click.training.run import paper_scheduler

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
