"""Models by name, folder, recipe or hub id: found, loaded, and brought to where they run."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from follow_your_click.data.encoded import Encoders
from follow_your_click.errors import FollowYourClickError, ModelError
from follow_your_click.models.checkpoints import WEIGHTS_FOLDER, best_device, quiet_loading
from follow_your_click.models.hub import fetch, first_line, is_hub_id
from follow_your_click.models.stable_diffusion import load_base
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.presets import PRESET_FILE, Memory, Offload, Precision, Preset, read_preset
from follow_your_click.recipes import RECIPE_FOLDER, RECIPE_SUFFIXES, build_pipeline, read_recipe

EMBEDDED = ("mini",)  # whose weights come with the package
RECIPES = tuple(sorted(file.stem for file in RECIPE_FOLDER.glob("*.yaml")))
PRESETS = (*EMBEDDED, *RECIPES)
INDEX_FILE = "model_index.json"


def find_model(model: str | Path) -> Path:
    """The folder or recipe of a preset's name, of a path, or of a hub id.

    Raises:
        ModelError: none of these, or not to be had.
    """
    name = str(model)
    if name in EMBEDDED:
        folder = WEIGHTS_FOLDER / name
        if not (folder / INDEX_FILE).is_file():
            raise ModelError(
                f"the weights of {name!r} are not in {folder}; install the package anew"
            )
        return folder
    if name in RECIPES:
        return RECIPE_FOLDER / f"{name}.yaml"
    path = Path(model).expanduser()
    if (path / INDEX_FILE).is_file() or (path.suffix in RECIPE_SUFFIXES and path.is_file()):
        return path

    def refusal(reason: str) -> ModelError:
        return ModelError(f"model {name!r}: {reason}; give {', '.join(PRESETS)}, or a folder")

    if is_hub_id(model) and not path.exists():
        return fetch(
            name,
            files=("*.json", "*/*.json", "*/*.txt", "*/*.safetensors"),
            probe=INDEX_FILE,
            missing=lambda folder: None if (folder / INDEX_FILE).is_file() else INDEX_FILE,
            refusal=refusal,
        )
    raise ModelError(
        f"unknown model {name!r}; expected {', '.join(PRESETS)}, a recipe (.yaml), or a folder with {INDEX_FILE}"
        " as RegionalAnimationPipeline.save_pretrained writes it"
    )


def load_encoders(model: str, *, device: str | None = None) -> Encoders:
    """The autoencoder and the text encoder of a model of this project, or of a Stable Diffusion base.

    Raises:
        ModelError: it cannot be had, or no such device.
    """
    device = device or best_device()
    ours = model in EMBEDDED or (
        (Path(model) / INDEX_FILE).is_file()
        and "RegionalAnimationPipeline" in (Path(model) / INDEX_FILE).read_text("utf-8")
    )
    if ours:
        pipeline = load_pipeline(find_model(model), device=device)
        return Encoders(model, pipeline.vae, pipeline.text_encoder, pipeline.tokenizer)
    base = load_base(model, None, torch.float32)
    try:
        return Encoders(
            model,
            base.vae.to(device).eval(),
            base.text_encoder.to(device).eval(),
            base.tokenizer,
        )
    except (RuntimeError, AssertionError) as error:
        raise _no_device(device, error) from error


def model_stamp(model: Path) -> str:
    """Changes when a model as `find_model` found it is trained further or written anew."""
    file = model if model.is_file() else model / INDEX_FILE
    return f"{model} {file.stat().st_mtime_ns}"


def load_preset(model: Path) -> Preset:
    """The settings that come with a model, as `find_model` found it.

    Raises:
        ModelError: they are missing or wrong.
    """
    return read_recipe(model).preset if model.suffix in RECIPE_SUFFIXES else read_preset(model)


def load_pipeline(model: Path, *, device: str | None = None) -> RegionalAnimationPipeline:
    """The pipeline of a model as `find_model` found it, on `device` (None: the best there is).

    Raises:
        ModelError: files missing or not fitting, or no such device.
        MissingExtraError: a recipe's LoRAs without the package that reads them.
    """
    device = device or best_device()
    recipe = model.suffix in RECIPE_SUFFIXES
    # A folder without settings runs as diffusers runs it; `load_preset` is what misses them.
    memory = load_preset(model).memory if recipe or (model / PRESET_FILE).is_file() else Memory()
    try:
        dtype = precision_on(device, memory.precision)
    except RuntimeError as error:
        raise _no_device(device, error) from error
    try:
        with quiet_loading():
            if recipe:
                pipeline = build_pipeline(model, dtype=dtype)
            else:
                pipeline = RegionalAnimationPipeline.from_pretrained(model, dtype=dtype)
    except FollowYourClickError:
        raise
    except (
        OSError,
        ValueError,
        RuntimeError,
        TypeError,
        AttributeError,
        LookupError,
        ImportError,
    ) as error:
        # What diffusers raises on a folder of something else, as met in practice.
        raise ModelError(f"{model} cannot be loaded: {first_line(error)}") from error
    try:
        place(pipeline, torch.device(device), memory)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise _no_device(device, error) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _no_device(device: str, error: Exception) -> ModelError:
    return ModelError(f"device {device!r} cannot be used: {first_line(error)}")


def precision_on(device: str, precision: Precision) -> torch.dtype:
    """What "auto" means on a device, and what the others mean everywhere."""
    known = torch.device(device)  # says so if there is no such kind
    if precision == "auto":
        precision = "fp32" if known.type == "cpu" else "fp16"
    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]


def place(pipeline: RegionalAnimationPipeline, device: torch.device, memory: Memory) -> None:
    """Move a pipeline to a device, or what of it has to be there."""
    if memory.vae_slicing:
        pipeline.vae.enable_slicing()
    if memory.vae_tiling:
        pipeline.vae.enable_tiling()
    offload = memory.offload
    if offload != "none" and device.type == "cpu":
        warnings.warn(f"offload {offload!r} is ignored on a CPU", stacklevel=2)
        offload = "none"
    if offload == "none":
        pipeline.to(device)
    else:
        offload_to(pipeline, device, offload)


def offload_to(pipeline: RegionalAnimationPipeline, device: torch.device, offload: Offload) -> None:
    """Let the parts of a pipeline come to a device only when they are at work."""
    if offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
        return
    # By layers, `encode_text` and torch's fused attention would meet weights without data; the encoder is small.
    pipeline.text_encoder.to(device)
    if offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        pipeline.enable_group_offload(
            device,
            offload_type="leaf_level",
            use_stream=device.type == "cuda",
            exclude_modules=["text_encoder"],
        )
