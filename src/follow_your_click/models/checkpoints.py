"""Loading models from folders: the package's own weights or the user's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from follow_your_click.errors import ModelError

WEIGHTS_FOLDER = Path(__file__).parent.parent / "weights"

Model = TypeVar("Model", bound=ModelMixin)


def load_component(kind: type[Model], location: str | Path) -> Model:
    """Load a model in diffusers' format.

    Args:
        kind: its class.
        location: a folder; a relative one is also looked for among the package's weights ("mini/vae").

    Raises:
        ModelError: no such folder, or its files do not fit the class.
    """
    folder = Path(location)
    if not folder.is_dir():
        folder = WEIGHTS_FOLDER / location
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"no {kind.__name__} at {location}; expected a folder with config.json and .safetensors files"
        )
    saved_as = _saved_class(folder)
    if saved_as != kind.__name__:
        raise ModelError(f"{folder} holds a {saved_as}; expected a {kind.__name__}")
    try:
        with quiet_loading():
            model: Model = kind.from_pretrained(folder)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{folder} does not hold a {kind.__name__}: {reason}") from error
    return model


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Without the libraries' bars over a handful of small files."""
    switches = (diffusers_logging, transformers_logging)
    shown = [switch.is_progress_bar_enabled() for switch in switches]
    for switch in switches:
        switch.disable_progress_bar()
    try:
        yield
    finally:
        for switch, was_shown in zip(switches, shown, strict=True):
            if was_shown:
                switch.enable_progress_bar()


def holds_component(folder: Path, kind: str) -> bool:
    """Whether a folder, if it is one, was written by a class of that name."""
    try:
        return _saved_class(folder) == kind
    except ModelError:
        return False


def _saved_class(folder: Path) -> str:
    """The class that a model was saved from. Diffusers itself would fill another one with random weights."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(config["_class_name"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{folder}/config.json does not describe a diffusers model") from error


def best_device() -> str:
    """ "cuda", "mps" or "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
