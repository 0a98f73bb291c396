"""The paper's size out of public weights: Stable Diffusion 1.5, AnimateDiff's or PIA's motion modules, and our own parts.

What each source gives to `RegionalMotionUNet`:

    base         every spatial layer; the first convolution's noisy-latent channels
    motion       the motion modules; of PIA the first convolution's other channels (affinity mask, first frame)
    unet_parts   of a U-Net that this project trained: first convolution, MA layers, strength and fps embeddings

Parts that no source has start at zero effect, so the network then computes what its sources compute.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from follow_your_click.errors import ModelError
from follow_your_click.models.hub import fetch, first_line, is_hub_id
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.models.unet_weights import CONV_IN, ConvIn, build_unet, is_own
from follow_your_click.models.weight_files import SUFFIXES, find_weights, read_weights

CONFIGS = Path(__file__).parent.parent / "configs" / "stable-diffusion-v1-5"
TOKENIZER = "openai/clip-vit-large-patch14"  # CLIP's, for bases of a single file, which hold none

_BASE_FILES = (
    *("model_index.json", "*/*.json", "tokenizer/*.txt"),
    *("unet/diffusion_pytorch_model*.safetensors", "vae/diffusion_pytorch_model.safetensors"),
    "text_encoder/model.safetensors",
)


@dataclass(frozen=True)
class Parts:
    """The components of a `RegionalAnimationPipeline`, on the CPU.

    unused: keys of the motion weights that have no place in the network, in the file's order.
    """

    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    unet: RegionalMotionUNet
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Base:
    """Stable Diffusion 1.5's parts; the U-Net as weights by key, with its settings."""

    unet: dict[str, Tensor]
    unet_config: dict[str, Any]
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer


def load_parts(
    base: str | Path,
    *,
    motion: str | Path,
    conv_in: ConvIn = "extended",
    motion_cross_attention_dim: int | None = 768,
    motion_max_seq_length: int | None = None,
    unet_parts: str | Path | None = None,
    tokenizer: str | Path | None = None,
    dtype: torch.dtype = torch.float32,
) -> Parts:
    """Components for a pipeline at the paper's size.

    Args:
        base: Stable Diffusion 1.5 or a model made from it: a diffusers folder, a hub id, or one .safetensors file.
        motion: a motion adapter of AnimateDiff (v1 ... v3, AnimateLCM, Lightning) or PIA: a folder, a hub id, or one
            file in diffusers' or the original keys; or a checkpoint of the paper's released code.
        conv_in: what stands behind the base's own channels in the first convolution: "extended", zeros; "motion", the
            condition channels of the motion weights (PIA's).
        motion_cross_attention_dim: width of the motion prompt's embeddings in the MA layers; None leaves them out.
        motion_max_seq_length: most frames; None: as many as the motion weights know.
        unet_parts: a trained `RegionalMotionUNet`, or a pipeline folder with one, whose own parts are taken.
        tokenizer: CLIP's; needed for a base of one file, else the base's own.

    Raises:
        ModelError: a source cannot be had, or does not fit.
    """
    found = load_base(base, tokenizer, dtype)
    motion_config, motion_weights = _read_motion(motion)
    unet, unused = build_unet(
        found.unet,
        found.unet_config,
        motion_weights,
        motion_config,
        conv_in=conv_in,
        motion_cross_attention_dim=motion_cross_attention_dim,
        motion_max_seq_length=motion_max_seq_length,
        own_parts=None if unet_parts is None else _read_own_parts(Path(unet_parts)),
        dtype=dtype,
    )
    if lost := [key for key in unused if not key.endswith(".pos_encoder.pe")]:
        warnings.warn(
            f"{len(lost)} weights of {motion} have no place in the network, {lost[0]} among them",
            stacklevel=2,
        )
    return Parts(found.vae, found.text_encoder, found.tokenizer, unet, unused)


def load_base(base: str | Path, tokenizer: str | Path | None, dtype: torch.dtype) -> Base:
    """A base as `load_parts` takes it; errors as there."""
    file = Path(base).expanduser()
    if file.is_file() or file.suffix in SUFFIXES:
        return _load_single_file(file, tokenizer, dtype)
    folder = _folder(base, "base model", _BASE_FILES, "model_index.json", _missing_base_file)
    try:
        return Base(
            read_weights(folder / "unet"),
            json.loads((folder / "unet" / "config.json").read_text(encoding="utf-8")),
            AutoencoderKL.from_pretrained(folder, subfolder="vae", dtype=dtype),
            CLIPTextModel.from_pretrained(folder, subfolder="text_encoder", dtype=dtype),
            _load_tokenizer(folder / "tokenizer" if tokenizer is None else tokenizer),
        )
    except (OSError, ValueError, RuntimeError, TypeError, LookupError) as error:
        raise ModelError(
            f"base model {str(base)!r} cannot be loaded: {first_line(error)}"
        ) from error


def _load_single_file(file: Path, tokenizer: str | Path | None, dtype: torch.dtype) -> Base:
    """A checkpoint in the original layout, as model sites hand them out: U-Net, autoencoder and text encoder in one."""
    from diffusers.loaders.single_file_utils import (
        convert_ldm_unet_checkpoint,
        create_diffusers_clip_model_from_ldm,
    )

    weights = read_weights(file)
    config = json.loads((CONFIGS / "unet" / "config.json").read_text(encoding="utf-8"))
    try:
        return Base(
            convert_ldm_unet_checkpoint(dict(weights), config),
            config,
            AutoencoderKL.from_single_file(
                dict(weights), config=str(CONFIGS), subfolder="vae", torch_dtype=dtype
            ),
            create_diffusers_clip_model_from_ldm(
                CLIPTextModel,
                dict(weights),
                subfolder="text_encoder",
                config=str(CONFIGS),
                torch_dtype=dtype,
                local_files_only=True,
            ),
            _load_tokenizer(TOKENIZER if tokenizer is None else tokenizer),
        )
    except (OSError, ValueError, RuntimeError, TypeError, LookupError) as error:
        raise ModelError(
            f"{file} is not a Stable Diffusion 1.5 checkpoint in one file: {first_line(error)}"
        ) from error


def _load_tokenizer(name: str | Path) -> CLIPTokenizer:
    folder = _folder(
        name,
        "tokenizer",
        ("*.json", "*.txt"),
        "tokenizer_config.json",
        lambda folder: (
            None if (folder / "tokenizer_config.json").is_file() else "tokenizer_config.json"
        ),
    )
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return tokenizer


def _read_motion(motion: str | Path) -> tuple[dict[str, Any] | None, dict[str, Tensor]]:
    file = Path(motion).expanduser()
    if file.is_file() or file.suffix in SUFFIXES:
        return None, read_weights(file)
    folder = _folder(
        motion,
        "motion weights",
        ("config.json", "diffusion_pytorch_model*.safetensors"),
        "config.json",
        lambda folder: None if find_weights(folder) else "diffusion_pytorch_model.safetensors",
    )
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}/config.json cannot be read: {first_line(error)}") from error
    return config, read_weights(folder)


def motion_text_width(folder: Path) -> int | None:
    """Width of the motion prompt's embeddings in a trained U-Net (or a pipeline folder with one); None without MA layers."""
    file = (folder / "unet" if (folder / "unet").is_dir() else folder) / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read: {first_line(error)}") from error
    width = config.get("motion_cross_attention_dim") if isinstance(config, dict) else None
    return width if isinstance(width, int) else None


def _read_own_parts(folder: Path) -> dict[str, Tensor]:
    unet = folder / "unet" if (folder / "unet").is_dir() else folder
    weights = read_weights(unet)
    return {k: v for k, v in weights.items() if is_own(k) or k.startswith(CONV_IN)}


def _folder(
    name: str | Path,
    role: str,
    files: tuple[str, ...],
    probe: str,
    missing: Callable[[Path], str | None],
) -> Path:
    """A folder as it is, or a hub id's, whole."""

    def refusal(reason: str) -> ModelError:
        return ModelError(f"{role} {str(name)!r}: {reason}; give a folder, a file or a hub id")

    folder = Path(name).expanduser()
    if folder.is_dir():
        lacking = missing(folder)
        if lacking is not None:
            raise refusal(f"the folder has no {lacking}")
        return folder
    if not is_hub_id(name):
        raise refusal("neither a folder, nor a file, nor a hub id like owner/model")
    return fetch(str(name), files=files, probe=probe, missing=missing, refusal=refusal)


def _missing_base_file(folder: Path) -> str | None:
    for part in ("unet", "vae"):
        if not (folder / part / "config.json").is_file():
            return f"{part}/config.json"
        if find_weights(folder / part) is None:
            return f"{part}/diffusion_pytorch_model.safetensors"
    for file in ("text_encoder/config.json", "tokenizer/tokenizer_config.json"):
        if not (folder / file).is_file():
            return file
    return None
