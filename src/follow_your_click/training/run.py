"""From a config to a trained model: builds the objective, runs the trainer, exports the EMA weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import ValidationError

from follow_your_click.data.click_examples import ClickExamples
from follow_your_click.data.filmed import FilmedClips
from follow_your_click.data.motion_prompts import MOTIONS
from follow_your_click.data.outlines import held_out_parts, outlined_photos
from follow_your_click.data.photos import PictureLibrary, load_library
from follow_your_click.data.procedural import ProceduralClips
from follow_your_click.data.shards import ShardReader, is_build
from follow_your_click.data.true_masks import held_out_photos, held_out_scenes, training_photos
from follow_your_click.errors import ModelError, SettingsError
from follow_your_click.models.autoencoder import ConvAutoencoder
from follow_your_click.models.checkpoints import Model, load_component
from follow_your_click.models.click_network import ClickNetwork
from follow_your_click.models.displacement import DisplacementField
from follow_your_click.models.schedulers import paper_scheduler
from follow_your_click.models.text_encoder import MotionTextEncoder, load_tokenizer
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.named_parts import NOUNS
from follow_your_click.photo import read_photo
from follow_your_click.training.autoencoder import AutoencoderObjective
from follow_your_click.training.click_network import ClickObjective, with_names
from follow_your_click.training.config import (
    AutoencoderSettings,
    ClickNetworkSettings,
    DisplacementFieldSettings,
    MotionUNetSettings,
    TrainingConfig,
    load_config,
    parse_overrides,
    read_values,
)
from follow_your_click.training.displacement_field import DisplacementFieldObjective
from follow_your_click.training.export import export
from follow_your_click.training.full_size.config import KIND
from follow_your_click.training.motion_unet import MotionUNetObjective
from follow_your_click.training.objective import Objective
from follow_your_click.training.text_encoder import TextEncoderObjective, unrelated_words
from follow_your_click.training.trainer import Trainer, earlier_config

logger = logging.getLogger(__name__)

FALLBACK_NOUNS = ("boat", "dog", "flower", "girl", "tree", "car", "bird", "flag", "cloud", "toy")


def train(config: str | Path, *, overrides: Sequence[str] = ()) -> Path:
    """Train what a config describes; run again with the same output, it goes on where it stopped.

    Args:
        config: a YAML file or the name of a recipe of the package ("mini-vae", "mini-text", "mini-motion", "mini", "sd15-webvid").
        overrides: "key=value" with dotted keys.

    Returns:
        The folder of the exported model (diffusers' format): `output`/model.

    Raises:
        SettingsError: a wrong config, or an output folder of another run.
        OutputError: the output folder cannot be made.
        ModelError: a part that the run builds on cannot be loaded.
    """
    given = parse_overrides(list(overrides))
    values, file = read_values(config, overrides=given)
    if values.get("kind") == KIND:
        from follow_your_click.training.full_size.run import train_full_size

        return train_full_size(values, source=file.name)
    settings = _with_shards(load_config(config, overrides=given))
    _check_device(settings.device)
    _check_output(settings)
    torch.manual_seed(settings.seed)
    objective = build_objective(settings)
    trained = Trainer(objective, settings).fit()
    folder = export(trained, objective, settings)
    logger.info("exported %s", folder)
    return folder


def estimate(config: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """What a stage at the paper's size needs; arguments and errors as of `train`.

    Raises:
        SettingsError: a config of another kind, which runs on anything.
    """
    from follow_your_click.training.full_size.config import parse_full_size
    from follow_your_click.training.full_size.estimate import estimate as of_full_size

    values, file = read_values(config, overrides=parse_overrides(list(overrides)))
    if values.get("kind") != KIND:
        raise SettingsError(f"got --dry-run with {config}; only sd15's stages are estimated")
    return of_full_size(parse_full_size(values, file.name))


def build_objective(config: TrainingConfig) -> Objective:
    """The model, data and loss that a config names, on its device."""
    settings = config.objective
    if isinstance(settings, AutoencoderSettings):
        vae = (
            _new_model(ConvAutoencoder, settings.model)
            if settings.init is None
            else load_component(ConvAutoencoder, settings.init)
        )
        if settings.trained == "decoder":
            vae.encoder.requires_grad_(False)
            vae.latent_norm.momentum = 0.0
        return AutoencoderObjective(
            vae,
            [photo.pixels for photo in load_library(config.data, split="train").photos],
            [photo.pixels for photo in load_library(config.data, split="held_out").photos],
            settings,
        )
    if isinstance(settings, MotionUNetSettings):
        return _motion_unet_objective(config, settings)
    if isinstance(settings, ClickNetworkSettings):
        return _click_objective(config, settings)
    if isinstance(settings, DisplacementFieldSettings):
        return _displacement_objective(config, settings)
    encoder = (
        _new_model(MotionTextEncoder, {"motions": MOTIONS, **settings.model})
        if settings.init is None
        else load_component(MotionTextEncoder, settings.init)
    )
    if tuple(encoder.config.motions) != MOTIONS:
        raise ModelError(
            f"{settings.init or 'objective.model'} names {len(encoder.config.motions)} motions;"
            f" expected the {len(MOTIONS)} that prompts are drawn for"
        )
    return TextEncoderObjective(encoder, _nouns(config))


def _nouns(config: TrainingConfig) -> list[str]:
    """What things are called that prompts may speak of: the pictures' things half the time, else any word."""
    nouns = {picture.noun for picture in load_library(config.data, split="train").cutouts}
    named = sorted({noun for noun in nouns if noun} | set(FALLBACK_NOUNS))
    words = unrelated_words(load_tokenizer())
    return named * max(1, len(words) // len(named)) + words


def _displacement_objective(
    config: TrainingConfig, settings: DisplacementFieldSettings
) -> DisplacementFieldObjective:
    text_encoder = _text_encoder(config, settings.text_encoder)
    channels = int(text_encoder.config.hidden_size)
    field: DisplacementField = (
        _new_model(DisplacementField, {"text_channels": channels, **settings.model})
        if settings.init is None
        else load_component(DisplacementField, settings.init)
    )
    if field.config.text_channels != channels:
        raise ModelError(
            f"the displacement field is made for text embeddings of {field.config.text_channels};"
            f" expected {channels}, as {settings.text_encoder} gives"
        )
    return DisplacementFieldObjective(
        model=field.to(torch.device(config.device)),
        text_encoder=text_encoder,
        clips=_procedural_clips(config, settings, "train"),
        validation_clips=_procedural_clips(config, settings, "held_out"),
        nouns=_nouns(config),
        settings=settings,
    )


def _text_encoder(config: TrainingConfig, location: str) -> MotionTextEncoder:
    encoder: MotionTextEncoder = load_component(MotionTextEncoder, location)
    encoder.to(torch.device(config.device)).eval().requires_grad_(False)
    return encoder


def _procedural_clips(
    config: TrainingConfig,
    settings: DisplacementFieldSettings | MotionUNetSettings,
    split: Literal["train", "held_out"],
) -> ProceduralClips:
    library: PictureLibrary = load_library(config.data, split=split).to(torch.device(config.device))
    stride = settings.frame_stride if isinstance(settings, MotionUNetSettings) else 1
    return ProceduralClips(
        library,
        size=settings.size,
        num_frames=1 + (settings.num_frames - 1) * stride,
        wordings=split,
        motion_weights=settings.motion_weights,
        # What is around an object is no matter of the field's: rendering lets the motion fade there, or cuts the object out.
        fading=isinstance(settings, MotionUNetSettings),
    )


def _click_objective(config: TrainingConfig, settings: ClickNetworkSettings) -> ClickObjective:
    network = (
        _new_model(ClickNetwork, settings.model)
        if settings.init is None
        else load_component(ClickNetwork, settings.init)
    )
    named = settings.trained == "names"
    if named and set(network.config.names) != NOUNS:
        network = with_names(network, sorted(NOUNS))
    root = config.data
    library = load_library(root, split="train")
    if root is None:  # no masks: composed examples alone
        examples = ClickExamples(library, [], held_out=set(), size=settings.size)
        if named:
            raise _no_parts("no data")
        return ClickObjective(network, examples, [], rounds=settings.rounds)
    held_out = held_out_scenes(root)
    photos, masked, videos = (
        outlined_photos(root / name, held_out=held_out) for name in ("photos", "masked", "videos")
    )
    scenes = [*training_photos(root), *masked, *videos]
    examples = ClickExamples(
        library, scenes, outlined=photos, held_out=held_out, size=settings.size
    )
    if named and not examples.by_noun:
        raise _no_parts(f"none in {root / 'photos'}")
    return ClickObjective(
        network,
        examples,
        held_out_photos(root),
        rounds=settings.rounds,
        named=named,
        validation_parts=[
            (read_photo(path), parts) for path, parts in held_out_parts(root / "photos").items()
        ]
        if named
        else [],
    )


def _no_parts(got: str) -> SettingsError:
    return SettingsError(
        f"got {got}; expected photos whose parts are outlined (data/parts.json), from which names are learned"
    )


def _with_shards(config: TrainingConfig) -> TrainingConfig:
    """`fyc train mini --data OUT`, OUT being shards: the rendered clips then come from the package's own pictures."""
    if config.shards is None and is_build(config.data):
        config = config.model_copy(update={"shards": config.data, "data": None})
    if config.shards is not None and not isinstance(config.objective, MotionUNetSettings):
        raise SettingsError(
            f"got shards {config.shards} for {config.name}; expected photos/ and cutouts/:"
            " only the U-Net learns from clips"
        )
    return config


def _filmed_clips(config: TrainingConfig, settings: MotionUNetSettings) -> FilmedClips | None:
    if config.shards is None:
        return None
    reader = ShardReader(config.shards, seed=config.seed, min_frames=settings.num_frames)
    return FilmedClips(reader, size=settings.size, num_frames=settings.num_frames)


def _motion_unet_objective(
    config: TrainingConfig, settings: MotionUNetSettings
) -> MotionUNetObjective:
    device = torch.device(config.device)
    vae = load_component(ConvAutoencoder, settings.vae).to(device).eval().requires_grad_(False)
    text_encoder = _text_encoder(config, settings.text_encoder)
    channels = int(vae.config.latent_channels)
    text_dim = int(text_encoder.config.hidden_size)
    shape = {
        "in_channels": 2 * channels + 1,
        "out_channels": channels,
        "cross_attention_dim": text_dim,
        "motion_cross_attention_dim": text_dim,
        "sample_size": settings.size // 8,
    }
    if settings.init is None:
        unet = _new_model(RegionalMotionUNet, {**shape, **settings.model})
    else:
        unet = _initial_unet(settings, channels)
    most = int(unet.config.motion_max_seq_length)
    if settings.num_frames > most:
        raise SettingsError(
            f"got num_frames {settings.num_frames}; the network takes {most} at most"
        )

    if settings.displacement_field is not None:
        _put_in(settings.displacement_field, unet)

    return MotionUNetObjective(
        model=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=load_tokenizer(),
        clips=_procedural_clips(config, settings, "train"),
        validation_clips=_procedural_clips(config, settings, "held_out"),
        scheduler=paper_scheduler(),
        settings=settings,
        filmed=_filmed_clips(config, settings),
    )


def _put_in(location: str, unet: RegionalMotionUNet) -> None:
    """A trained displacement field becomes the network's, and is not trained further."""
    field = load_component(DisplacementField, location)
    if unet.displacement is None:
        raise SettingsError(
            "got objective.displacement_field for a network without a displacement head;"
            " set objective.model.displacement_head to field"
        )
    try:
        unet.displacement.field.load_state_dict(field.state_dict())
    except RuntimeError as error:
        raise ModelError(
            f"{location} does not fit the network: expected text embeddings of"
            f" {unet.displacement.field.config.text_channels}, and the usual sizes"
        ) from error
    unet.displacement.field.requires_grad_(False)


def _new_model(kind: type[Model], settings: dict[str, Any]) -> Model:
    try:
        model: Model = kind(**settings)
    except (TypeError, ValueError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(f"objective.model does not fit {kind.__name__}: {reason}") from error
    return model


def _initial_unet(settings: MotionUNetSettings, channels: int) -> RegionalMotionUNet:
    """The network of `init`, with the parts that `model` adds to it: all of them start at zero."""
    assert settings.init is not None
    unet: RegionalMotionUNet = load_component(RegionalMotionUNet, settings.init)
    if unet.config.out_channels != channels:
        raise ModelError(
            f"{settings.init} is made for {unet.config.out_channels} latent channels;"
            f" expected {channels}, as {settings.vae} has"
        )
    shape = {name: value for name, value in unet.config.items() if not name.startswith("_")}
    grown: RegionalMotionUNet = _new_model(RegionalMotionUNet, {**shape, **settings.model})
    try:
        added, left_over = grown.load_state_dict(unet.state_dict(), strict=False)
    except RuntimeError as error:
        reason = " ".join(str(error).splitlines()[1:2]).strip()
        raise SettingsError(f"objective.model does not fit {settings.init}: {reason}") from error
    if left_over:
        raise SettingsError(
            f"objective.model has no place for {left_over[0]} of {settings.init};"
            " expected its shape, or that and more parts"
        )
    if added:
        logger.info("%d tensors are new beside those of %s", len(added), settings.init)
    return grown


def _check_device(name: str) -> None:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(f"device {name!r} cannot be used: {reason}") from error


def _check_output(config: TrainingConfig) -> None:
    """Refuse to go on with a run of another kind in the same folder."""
    before = earlier_config(config.output)
    if before is None:
        return
    try:
        # Read as a config: a setting that is newer than the checkpoint has its default.
        run: TrainingConfig | None = TrainingConfig.model_validate(before)
    except ValidationError:
        run = None
    other = None
    if run is None or run.objective != config.objective:
        other = "objective"
    elif run.optimizer.kind != config.optimizer.kind:
        other = "optimizer.kind"
    if other:
        raise SettingsError(
            f"{config.output} holds a run of {before['name']!r} with another {other};"
            " give another --output, or remove that folder"
        )
