"""From a stage's config to an exported model."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any

import torch

from follow_your_click.data.encoded import EncodedClips, is_encoded
from follow_your_click.data.shards import is_build
from follow_your_click.data.whole_clips import ClipSource, WholeClips
from follow_your_click.errors import SettingsError
from follow_your_click.models.checkpoints import load_component
from follow_your_click.models.schedulers import paper_scheduler
from follow_your_click.models.stable_diffusion import Parts, load_base, load_parts
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.presets import PRESET_FILE, Memory, Preset
from follow_your_click.training.full_size.config import FullSizeConfig, parse_full_size
from follow_your_click.training.full_size.objective import FullSizeObjective
from follow_your_click.training.full_size.trainer import FullSizeTrainer, pipeline_of
from follow_your_click.training.trainer import earlier_config

logger = logging.getLogger(__name__)

SHARD_SIZE = "5GB"


def train_full_size(values: dict[str, Any], *, source: str, parts: Parts | None = None) -> Path:
    """Train a stage; run again with the same output, it goes on where it stopped.

    Args:
        values: the settings, see `FullSizeConfig`.
        source: what they come from, for errors.
        parts: the models; None: those that the settings name.

    Returns:
        The folder of the exported pipeline, `output`/model.

    Raises:
        SettingsError, ModelError, OutputError: before any training.
    """
    config = parse_full_size(values, source)
    _check_output(config)
    torch.manual_seed(config.seed)
    clips = open_clips(config, split="train")
    assert clips is not None
    parts = models_of(config) if parts is None else parts
    no_text = clips.no_text_embeds if isinstance(clips, EncodedClips) else None
    objective = FullSizeObjective(parts, clips, paper_scheduler(), config, no_text=no_text)
    trainer = FullSizeTrainer(objective, config, open_clips(config, split="held_out"))
    state = trainer.fit()
    if state is not None:
        _export(objective, state)
    return config.output / "model"


def models_of(config: FullSizeConfig) -> Parts:
    """The models that a stage starts from, on the CPU.

    Raises:
        ModelError: one cannot be had.
    """
    if config.init is None:
        return load_parts(
            config.base,
            motion=config.motion,
            conv_in=config.conv_in,
            tokenizer=config.tokenizer,
        )
    base = load_base(config.base, config.tokenizer, torch.float32)
    folder = Path(config.init)
    unet = load_component(
        RegionalMotionUNet, folder / "unet" if (folder / "unet").is_dir() else folder
    )
    return Parts(base.vae, base.text_encoder, base.tokenizer, unet)


def open_clips(config: FullSizeConfig, *, split: Any) -> ClipSource | None:
    """Training clips; None where nothing is held out for validation.

    A folder of videos is built into shards first, in `output`/shards.
    """
    folder = config.data
    try:
        if is_encoded(folder):
            clips = EncodedClips(folder, split=split, seed=config.seed)
            made = {name: clips.manifest[name] for name in ("size", "num_frames", "frame_stride")}
            asked = {name: getattr(config, name) for name in made}
            if made != asked:
                raise SettingsError(f"{folder} was encoded with {made}; the stage asks for {asked}")
            return clips
        if not is_build(folder):
            folder = _built(config)
        return WholeClips(
            folder,
            size=config.size,
            num_frames=config.num_frames,
            frame_stride=config.frame_stride,
            seed=config.seed,
            split=split,
        )
    except SettingsError:
        if split == "held_out":
            return None
        raise


def _built(config: FullSizeConfig) -> Path:
    from follow_your_click.data.engine.config import load_build_config
    from follow_your_click.data.engine.runner import build

    shards = config.output / "shards"
    if not is_build(shards):
        if not config.data.is_dir():
            raise SettingsError(f"data: got {config.data}; expected a folder of videos, or shards")
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise SettingsError(
                f"data: got the folder {config.data} with several processes; build it once first: fyc data build"
                f" {config.data} OUT"
            )
        logger.info("building %s from the videos in %s", shards, config.data)
        frames = 1 + (config.num_frames - 1) * config.frame_stride
        build(
            str(config.data),
            shards,
            load_build_config(None, overrides={"clips.num_frames": frames}),
        )
    return shards


def _export(objective: FullSizeObjective, state: dict[str, torch.Tensor]) -> None:
    """Write `output`/model, whole or not at all: fp32 where trained, the frozen weights as they came."""
    config = objective.settings
    unet = RegionalMotionUNet.from_config(objective.parts.unet.config)
    unet.load_state_dict(state)
    final, temporary = config.output / "model", config.output / "model.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    pipeline_of(objective, unet).save_pretrained(temporary, max_shard_size=SHARD_SIZE)
    preset = Preset(
        name=config.name,
        size=config.size,
        num_inference_steps=config.num_inference_steps,
        guidance_scale=config.guidance_scale,
        window_strength=config.window_strength,
        max_window_strength=config.max_window_strength,
        memory=Memory(precision="auto"),
    )
    (temporary / PRESET_FILE).write_text(preset.model_dump_json(indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)


def _check_output(config: FullSizeConfig) -> None:
    before = earlier_config(config.output)
    if before is not None and not config.same_run(parse_full_size(before, str(config.output))):
        raise SettingsError(
            f"{config.output} holds a run of {before['name']!r} with other settings; give another --output, or"
            " remove that folder"
        )
