"""Public models from a folder, the hub's cache or the hub itself, with one clear line when that fails."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from follow_your_click.errors import ModelError
from follow_your_click.models.checkpoints import best_device
from follow_your_click.models.hub import fetch, first_line, is_hub_id

_WEIGHTS = "model.safetensors"
_WEIGHTS_INDEX = "model.safetensors.index.json"
# What a model needs: no copies of the weights in other formats, some of which can run code.
_WANTED_FILES = ["*.json", "*.txt", "model*.safetensors"]

# What transformers raises on a folder of something else, as met in practice.
LOADING_ERRORS = (
    OSError,
    ValueError,
    RuntimeError,
    TypeError,
    AttributeError,
    LookupError,
    SafetensorError,
)


@dataclass(frozen=True)
class Wanted:
    """What is being looked for, in the words of an error.

    `role`: "segmenter" or "text detector". `otherwise`: what else can be done, as "or ...".
    """

    role: str
    otherwise: str

    def error(self, name: str | Path, reason: str) -> ModelError:
        """One line: what was looked for, why it failed, what to do."""
        return ModelError(
            f"{self.role} {str(name)!r}: {reason}; "
            f"give a folder with config.json and {_WEIGHTS}, {self.otherwise}"
        )


def looks_like_checkpoint(name: str) -> bool:
    """Whether a name is meant as a folder or a hub id, even if there is none of that name."""
    return "/" in name or os.sep in name or Path(name).expanduser().exists()


def find_checkpoint(name: str | Path, wanted: Wanted) -> Path:
    """The folder of a model: a folder as it is, a hub id from the cache or else downloaded.

    A model that is in the cache is taken from there without asking the hub. Without a network the
    error comes as soon as the network says so, after 5 s at most. Raises ModelError.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        missing = _missing_file(folder)
        if missing is not None:
            raise wanted.error(name, f"the folder has no {missing}")
        return folder
    if not isinstance(name, str) or not is_hub_id(name):
        raise wanted.error(name, "neither a folder nor a hub id like owner/model")
    return fetch(
        name,
        files=_WANTED_FILES,
        probe="config.json",
        missing=_missing_file,
        refusal=lambda reason: wanted.error(name, reason),
    )


def read_config(folder: Path, wanted: Wanted) -> dict[str, Any]:
    """config.json of a model folder. Raises ModelError when it is not one of transformers."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise wanted.error(folder, f"config.json cannot be read ({first_line(error)})") from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise wanted.error(folder, "config.json names no model_type")
    return config


def load_model(kind: Any, folder: Path, wanted: Wanted, *, device: str | None) -> Any:
    """A transformers model, float32, for inference, on `device` (None: the best there is).

    Raises ModelError when files do not fit or are incomplete (transformers itself would go on with
    random numbers in place of missing weights), or there is no such device.
    """
    try:
        with quiet_transformers():
            model, report = kind.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
            )
    except LOADING_ERRORS as error:
        raise wanted.error(folder, f"cannot be loaded ({first_line(error)})") from error
    missing = sorted(report["missing_keys"])
    if missing:
        reason = f"lacks {len(missing)} weights of {kind.__name__}, {missing[0]} among them"
        raise wanted.error(folder, reason)
    device = device or best_device()
    try:
        return model.eval().requires_grad_(False).to(torch.device(device))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ModelError(f"device {device!r} cannot be used: {first_line(error)}") from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Without transformers' progress bars and warnings: what goes wrong becomes an error here."""
    shown = transformers_logging.is_progress_bar_enabled()
    level = transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if shown:
            transformers_logging.enable_progress_bar()


def _missing_file(folder: Path) -> str | None:
    """The first file that a model folder needs and lacks; None for a whole one."""
    if not (folder / "config.json").is_file():
        return "config.json"
    index = folder / _WEIGHTS_INDEX
    if not index.is_file():
        return None if (folder / _WEIGHTS).is_file() else _WEIGHTS
    try:
        parts = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return f"readable {_WEIGHTS_INDEX}"
    return next((part for part in sorted(parts) if not (folder / part).is_file()), None)
