"""Parts small enough to train a few steps within a second."""

from functools import cache

import pytest
import torch

from follow_your_click.data.photos import load_library
from follow_your_click.models.autoencoder import ConvAutoencoder
from follow_your_click.models.text_encoder import MotionTextEncoder
from follow_your_click.training import run
from follow_your_click.training.config import TrainingConfig

TINY_VAE = {
    "latent_channels": 4,
    "encoder_channels": [16, 16],
    "encoder_blocks": [1, 1],
    "decoder_channels": [16, 16, 8],
    "decoder_blocks": [1, 1, 1],
}
TINY_TEXT = {"hidden_size": 24}
TINY_UNET = {
    "block_out_channels": [16, 32],
    "down_block_types": ["CrossAttnDownBlockMotion", "DownBlockMotion"],
    "up_block_types": ["UpBlockMotion", "CrossAttnUpBlockMotion"],
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "num_attention_heads": 1,
    "motion_num_attention_heads": 1,
    "motion_strength_scale": 100.0,
}
cached_library = cache(load_library)


@pytest.fixture(autouse=True)
def pictures_read_once(monkeypatch):
    """Reading the fallback pictures takes longer than a tiny run."""
    monkeypatch.setattr(run, "load_library", cached_library)


@pytest.fixture(scope="session")
def parts(tmp_path_factory):
    """Folders of an autoencoder with latents of unit variance, and of a text encoder: {key: folder}."""
    root = tmp_path_factory.mktemp("parts")
    torch.manual_seed(0)
    vae = ConvAutoencoder(**TINY_VAE).eval()
    photos = [photo.pixels[:, :256, :256] for photo in cached_library(None).photos]
    with torch.no_grad():
        latents = vae.encoder(torch.stack(photos).float() / 127.5 - 1)
        variance, mean = torch.var_mean(latents, dim=(0, 2, 3))
        vae.latent_norm.running_mean.copy_(mean)
        vae.latent_norm.running_var.copy_(variance)
    vae.save_pretrained(root / "vae")
    MotionTextEncoder(**TINY_TEXT).save_pretrained(root / "text_encoder")
    return {"vae": str(root / "vae"), "text_encoder": str(root / "text_encoder")}


@pytest.fixture
def tiny_unet():
    """Settings of the U-Net that `configure` asks for."""
    return TINY_UNET


@pytest.fixture
def configure(parts, tmp_path):
    """A function: kind of objective, changed settings -> a config of four steps."""
    objectives = {
        "autoencoder": {"model": TINY_VAE, "crop_size": 32},
        "text_encoder": {"model": TINY_TEXT},
        "displacement_field": {
            "text_encoder": parts["text_encoder"],
            "size": 32,
            "num_frames": 3,
            "clip_uses": 1,
        },
        "motion_unet": {"model": TINY_UNET, "size": 32, "num_frames": 3, **parts},
    }

    def build(kind, objective=None, **changes):
        values = {
            "name": f"tiny-{kind}",
            "objective": {"kind": kind, **objectives[kind], **(objective or {})},
            "optimizer": {"learning_rate": 1e-3, "warmup_steps": 2},
            "steps": 4,
            "batch_size": 2,
            "ema_decay": 0.9,
            "log_every": 1,
            "checkpoint_every": 2,
            "output": tmp_path / "run",
        }
        return TrainingConfig.model_validate({**values, **changes})

    return build
