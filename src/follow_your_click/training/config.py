"""Settings of a training run: checked when read, printed before the run, saved with every checkpoint."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    field_validator,
)

from follow_your_click.errors import SettingsError

CONFIG_FOLDER = Path(__file__).parent.parent / "configs"


Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """Base of every settings class: unknown keys are an error, values do not change after the check."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Schedule(Strict):
    """AdamW's settings, with a warm-up, a constant middle and a linear decay to zero over the last part of the run."""

    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    betas: tuple[float, float] = (0.9, 0.99)
    warmup_steps: int = Field(default=200, ge=0)
    decay_share: Share = 0.4
    max_grad_norm: float = Field(default=1.0, gt=0)


class OptimizerSettings(Schedule):
    """Which optimizer: `training.optimizers`."""

    kind: Literal["adamw", "muon"] = "adamw"


class AutoencoderSettings(Strict):
    """Training of `ConvAutoencoder` on crops of photos.

    With `trained` "decoder" the latents stay what they are, so that a U-Net made for them goes on fitting.
    """

    kind: Literal["autoencoder"]
    model: dict[str, Any] = {}
    crop_size: int = Field(default=64, ge=8, multiple_of=8)
    short_sides: tuple[PositiveInt, PositiveInt] = (96, 288)
    latent_noise: float = Field(default=0.05, ge=0)
    moved_share: Share = 0.0
    init: str | None = None
    trained: Literal["all", "decoder"] = "all"
    l1_weight: float = Field(default=0.1, ge=0)

    @field_validator("short_sides")
    @classmethod
    def _ordered(cls, sides: tuple[int, int]) -> tuple[int, int]:
        if sides[0] > sides[1]:
            raise ValueError("expected the smaller side first")
        return sides


class TextEncoderSettings(Strict):
    """Training of `MotionTextEncoder` to read the motion out of a wording.

    `init`: a trained encoder to go on from (then `model` is not used).
    """

    kind: Literal["text_encoder"]
    model: dict[str, Any] = {}
    init: str | None = None


class ClickNetworkSettings(Strict):
    """Training of `ClickNetwork` on simulated clicks; up to `rounds` clicks a step, examples of `size` px.

    `init`: a trained network to go on from (then `model` is not used); `data` needs masked/ too.
    With `trained` "names" it learns what parts are called, and answers as before wherever it is not told.
    """

    kind: Literal["click_network"]
    model: dict[str, Any] = {}
    init: str | None = None
    size: int = Field(default=128, ge=64, multiple_of=32)
    rounds: int = Field(default=2, ge=1, le=6)
    trained: Literal["all", "names"] = "all"


class DisplacementFieldSettings(Strict):
    """Training of `DisplacementField` on the masks and displacements of procedural clips; settings as of the U-Net's.

    `init`: a trained field to go on from (then `model` is not used).
    `own_weight`: of the energy of what single positions are displaced by beside what all of them do, so that whatever is a map of the whole
    region is learned as one: it is true at the region's rim too, where positions know least.
    """

    kind: Literal["displacement_field"]
    model: dict[str, Any] = {}
    init: str | None = None
    text_encoder: str
    size: int = Field(default=64, ge=32, multiple_of=8)
    num_frames: int = Field(default=16, ge=2)
    motion_weights: dict[str, float] | None = None
    motion_prompt_dropout: Share = 0.02
    clip_uses: int = Field(default=16, ge=1)
    own_weight: float = Field(default=0.0, ge=0)


class MotionUNetSettings(Strict):
    """Training of `RegionalMotionUNet` on procedural clips, conditions as in the paper.

    Given shards of filmed clips (`TrainingConfig.shards`), a share `filmed_share` of every batch is drawn from them.
    `displacement_field`: a trained one, which goes into the network as it is.
    For ablations: without `motion_captions` every text is the caption of the whole clip, the MA layers' too; `speed_told` "fps"
    tells the network the frame rate at which the clip would have its strength instead (see `motion_unet.told_fps`).
    `frame_stride`: of rendered clips every so many frames are shown, at a frame rate as much lower.
    `min_snr`: the gamma of Min-SNR weights (Hang et al. 2023), see `motion_unet.timestep_weights`; None: all timesteps alike.
    `num_inference_steps`, `guidance_scale` and the two window strengths are not used in training: they go
    into the exported model's preset.json (see `presets.Preset`).
    """

    kind: Literal["motion_unet"]
    model: dict[str, Any] = {}
    vae: str
    text_encoder: str
    displacement_field: str | None = None
    size: int = Field(default=128, ge=32, multiple_of=8)
    num_frames: int = Field(default=16, ge=2)
    frame_stride: int = Field(default=1, ge=1)
    motion_weights: dict[str, float] | None = None
    filmed_share: Share = 0.5
    first_frame_mask_ratios: tuple[Share, ...] = Field(default=(0.0, 0.3, 0.5, 0.7), min_length=1)
    first_frame_layout: Literal["repeat", "first"] = "repeat"
    mask_layout: Literal["repeat", "first"] = "repeat"
    caption_dropout: Share = 0.1
    motion_prompt_dropout: Share = 0.1
    motion_captions: bool = True
    speed_told: Literal["strength", "fps"] = "strength"
    region_loss_weight: float = Field(default=4.0, ge=0)
    displacement_loss_weight: float = Field(default=1.0, ge=0)
    clip_uses: int = Field(default=2, ge=1)
    noise_emphasis: Share = 0.3
    min_snr: float | None = Field(default=None, ge=1)
    init: str | None = None
    num_inference_steps: int = Field(default=10, ge=1)
    guidance_scale: float = Field(default=1.0, ge=1)
    window_strength: float = Field(default=1.6, gt=0)
    motion_strengths: dict[str, Annotated[float, Field(gt=0)]] = {}
    max_window_strength: float = Field(default=8.0, gt=0)


Objective = Annotated[
    AutoencoderSettings
    | TextEncoderSettings
    | ClickNetworkSettings
    | DisplacementFieldSettings
    | MotionUNetSettings,
    Field(discriminator="kind"),
]


class TrainingConfig(Strict):
    """One run. `data` is a folder with photos/ and cutouts/ (None: scikit-image's own pictures).

    `shards` is what `fyc data build` wrote, filmed clips beside the rendered ones; given as `data`, it is taken for that.
    """

    name: str
    objective: Objective
    optimizer: OptimizerSettings
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    seed: int = 0
    ema_decay: float = Field(default=0.999, ge=0, lt=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    device: str = "cpu"
    data: Path | None = None
    shards: Path | None = None
    output: Path
    log_every: int = Field(default=20, ge=1)
    validate_every: int = Field(default=1000, ge=1)
    checkpoint_every: int = Field(default=500, ge=1)
    keep_checkpoints: int = Field(default=2, ge=1)


def load_config(name: str | Path, *, overrides: dict[str, Any] | None = None) -> TrainingConfig:
    """Read a YAML file, or one of the recipes that come with the package by its name.

    Args:
        name: a path, or a name such as "mini-vae".
        overrides: values by dotted key ("optimizer.learning_rate"), laid over the file's own.

    Raises:
        SettingsError: no such recipe, not YAML, an unknown key, or a value out of range.
    """
    values, path = read_values(name, overrides=overrides)
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"{path.name}: {first_problem(error)}") from error


def read_values(
    name: str | Path, *, overrides: dict[str, Any] | None = None
) -> tuple[dict[str, Any], Path]:
    """A config's values, unchecked, and its file; arguments and errors as of `load_config`."""
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        path = CONFIG_FOLDER / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in CONFIG_FOLDER.glob("*.yaml")))
        raise SettingsError(
            f"no training config {str(name)!r}; give a YAML file or one of: {known}"
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path} holds no settings; expected keys such as name, steps, output")
    for key, value in (overrides or {}).items():
        _set_by_dotted_key(values, key, value)
    return values, path


def parse_overrides(assignments: list[str]) -> dict[str, Any]:
    """`["a.b=1", ...]` -> `{"a.b": 1, ...}`, the values read as YAML."""
    overrides = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise SettingsError(f"--set takes key=value, got {assignment!r}")
        try:
            overrides[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise SettingsError(f"--set {key}: got {value!r}; expected a YAML value") from error
    return overrides


def first_problem(error: ValidationError) -> str:
    """The first of pydantic's complaints in one line, the key as `--set` takes it."""
    first = error.errors()[0]
    where = list(first["loc"])
    if where[:1] == ["objective"]:
        # The second part is the kind of the objective, which is no key.
        del where[1:2]
    key = ".".join(str(part) for part in where)
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key; check its spelling"
    if first["type"] == "missing":
        return f"{key}: missing; give it a value"
    return f"{key}: got {reprlib.repr(first['input'])}; {first['msg']}"


def _set_by_dotted_key(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise SettingsError(f"--set {key}: {parent} is a value, not a group of settings")
    values[last] = value
