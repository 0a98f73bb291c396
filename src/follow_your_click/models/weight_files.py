"""Weights in files of other projects: read without running what is in them, and renamed to this project's keys."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from follow_your_click.errors import ModelError
from follow_your_click.models.hub import first_line

PICKLED = (".ckpt", ".pt", ".pth", ".bin")
SUFFIXES = (".safetensors", *PICKLED)
# As diffusers writes them; half precision and pickles only where there is nothing better.
_NAMES = (
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.bin",
)

# Motion modules as AnimateDiff, PIA and the paper's released code save them -> as diffusers names them.
_MOTION_NAMES = (
    (re.compile(r"\.temporal_transformer\."), "."),
    (re.compile(r"\.attention_blocks\.0\.pos_encoder\.pe$"), ".pos_embed.pe"),
    (re.compile(r"\.attention_blocks\.0\."), ".attn1."),
    (re.compile(r"\.attention_blocks\.1\."), ".attn2."),
    (re.compile(r"\.norms\.0\."), ".norm1."),
    (re.compile(r"\.norms\.1\."), ".norm2."),
    (re.compile(r"\.ff_norm\."), ".norm3."),
)


@dataclass(frozen=True)
class Renamed:
    """Weights under the network's keys, and the file's keys that have no place in it, in their order."""

    weights: dict[str, Any]
    unused: tuple[str, ...]


def find_weights(folder: Path) -> Path | None:
    """The file (or the index of several) with the weights of a diffusers model."""
    return next((folder / name for name in _NAMES if (folder / name).is_file()), None)


def read_weights(location: Path) -> dict[str, Tensor]:
    """Tensors by key, from a file or from the folder of a diffusers model.

    Pickled files are read as tensors alone (torch's `weights_only`); anything else in them is refused. What lies under
    "state_dict" is taken, and "module." before every key is left out, as training in parallel puts it there.

    Raises:
        ModelError: nothing there, broken, or more than tensors in it.
    """
    file = find_weights(location) if location.is_dir() else location
    if file is None or not file.is_file():
        raise ModelError(f"no weights at {location}; expected {_NAMES[1]} or a file like it")
    try:
        if file.name.endswith(".index.json"):
            parts = set(json.loads(file.read_text(encoding="utf-8"))["weight_map"].values())
            found: Any = {}
            for part in sorted(parts):
                found |= load_file(file.parent / part)
        elif file.suffix in PICKLED:
            found = torch.load(file, map_location="cpu", weights_only=True)
        else:
            found = load_file(file)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{file} holds more than tensors, which could run code; convert it to .safetensors"
        ) from error
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{file} cannot be read as weights: {first_line(error)}") from error
    return _unwrapped(found, file)


def _unwrapped(found: Any, file: Path) -> dict[str, Tensor]:
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict):
        raise ModelError(f"{file} holds a {type(found).__name__}; expected tensors by key")
    tensors = {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelError(f"{file} holds no tensors")
    if all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    return tensors


def unet_key(key: str) -> str:
    """A key of AnimateDiff, PIA, the paper's released code or diffusers, as `RegionalMotionUNet` has it."""
    if ".motion_modules." in key:
        for pattern, name in _MOTION_NAMES:
            key = pattern.sub(name, key)
    return key


def rename(weights: Mapping[str, Any], known: Iterable[str]) -> Renamed:
    """Weights under the keys of a network that has the keys `known`.

    The frame positions of every second temporal attention are unused: they are the same table as the first's, which
    diffusers' layout holds once.
    """
    known, taken, unused = set(known), {}, []
    for key, value in weights.items():
        name = unet_key(key)
        if name in known and not key.endswith("attention_blocks.1.pos_encoder.pe"):
            taken[name] = value
        else:
            unused.append(key)
    return Renamed(taken, tuple(unused))
