"""Settings of a build: checked when read, kept in the manifest. They decide the output; the engine and its workers do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from follow_your_click.errors import SettingsError

DEFAULT_CONFIG = Path(__file__).parent.parent.parent / "configs" / "data" / "build.yaml"


class Strict(BaseModel):
    """Unknown keys are an error, values do not change after the check."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClipSettings(Strict):
    """How clips are taken out of a video, see configs/data/build.yaml."""

    num_frames: int = Field(default=16, ge=2, le=256)
    fps: float = Field(default=12, gt=0)
    frame_stride: int | None = Field(default=None, ge=1)
    short_side: int = Field(default=256, ge=64, multiple_of=8)
    min_short_side: int = Field(default=96, ge=32)
    max_clips_per_video: int = Field(default=8, ge=1)
    max_seconds: float = Field(default=30, gt=0)
    variable_rate: Literal["skip", "resample"] = "skip"
    storage: Literal["video", "frames"] = "video"
    displacement: bool = True


class ShotSettings(Strict):
    """When two neighbouring frames belong to different shots."""

    min_difference: float = Field(default=15, ge=0, le=255)
    min_ratio: float = Field(default=3, ge=1)


class FlowSettings(Strict):
    """Which optical flow. "dis-fine" is four times slower than "dis" and better on small objects; "raft" needs a GPU to be quick.

    weights: file of RAFT's weights; None lets torchvision fetch its own. batch_size: pairs at once, RAFT only.
    """

    method: Literal["dis", "dis-fine", "raft"] = "dis"
    device: str = "cpu"
    weights: Path | None = None
    batch_size: int = Field(default=16, ge=1)


class MotionSettings(Strict):
    """What Eq. 1 reads: the flow as it is ("raw"), or without the camera's part ("object"), and only where the picture changes.

    min_change: levels of 255 by which it must. raw and 0 together are Eq. 1 to the letter.
    """

    flow: Literal["object", "raw"] = "object"
    min_change: float = Field(default=5.0, ge=0)


class PluginSettings(Strict):
    """A filter of one's own: `target` is "module:Class", `settings` go to its constructor."""

    target: str = Field(pattern=r"^[\w.]+:\w+$")
    settings: dict[str, Any] = {}


class FilterSettings(Strict):
    """Bounds outside which a clip is dropped. Strengths in px per frame at a short side of 256, areas as shares of the frame."""

    min_strength: float = Field(default=0.3, ge=0)
    max_strength: float = Field(default=30, gt=0)
    min_area: float = Field(default=0.002, ge=0, le=1)
    max_area: float = Field(default=0.85, ge=0, le=1)
    max_camera_strength: float = Field(default=0.75, ge=0)
    max_warp_error: float = Field(default=25, ge=0)
    plugins: tuple[PluginSettings, ...] = ()


class DuplicateSettings(Strict):
    """Bits of `duplicates.clip_hash` by which two clips may differ and still be the same; None keeps all."""

    max_distance: int | None = Field(default=20, ge=0, le=64)


class CaptionSettings(Strict):
    """Who reads motion prompts out of captions. `settings` go to the captioner's constructor ("llm": model, base_url, cache).

    They stand in the manifest: keys of servers belong in the environment.
    """

    captioner: Literal["rules", "llm", "none"] = "rules"
    require_motion_prompt: bool = False
    settings: dict[str, Any] = {}

    @field_validator("settings")
    @classmethod
    def _no_secrets(cls, settings: dict[str, Any]) -> dict[str, Any]:
        if "api_key" in settings:
            raise ValueError("api_key would stand in the manifest; set OPENAI_API_KEY instead")
        return settings


class ShardSettings(Strict):
    """Size of a shard, of a unit of work, and the order of clips (None: that of the source)."""

    clips_per_shard: int = Field(default=256, ge=1)
    inputs_per_part: int = Field(default=16, ge=1)
    shuffle_seed: int | None = 0


class BuildConfig(Strict):
    """Everything that decides what a build writes. `seconds_per_file` bounds the work on one input."""

    clips: ClipSettings = ClipSettings()
    shots: ShotSettings = ShotSettings()
    flow: FlowSettings = FlowSettings()
    motion: MotionSettings = MotionSettings()
    filters: FilterSettings = FilterSettings()
    duplicates: DuplicateSettings = DuplicateSettings()
    captions: CaptionSettings = CaptionSettings()
    shards: ShardSettings = ShardSettings()
    seconds_per_file: float = Field(default=120, gt=0)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> BuildConfig:
        bounds = self.filters
        if bounds.min_strength >= bounds.max_strength or bounds.min_area >= bounds.max_area:
            raise ValueError("filters keep nothing: a lower bound is not below its upper one")
        return self


def load_build_config(
    path: Path | None = None, *, overrides: dict[str, Any] | None = None
) -> BuildConfig:
    """Read a YAML file, or the one that comes with the package.

    Args:
        overrides: values by dotted key ("clips.num_frames"), laid over the file's own.

    Raises:
        SettingsError: no such file, not YAML, an unknown key, or a value out of range.
    """
    file = DEFAULT_CONFIG if path is None else path
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}; give a YAML file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{file} holds no settings; expected keys such as clips, filters")
    for key, value in (overrides or {}).items():
        group = values
        *parents, last = key.split(".")
        for parent in parents:
            group = group.setdefault(parent, {})
            if not isinstance(group, dict):
                raise SettingsError(f"--set {key}: {parent} is a value, not a group of settings")
        group[last] = value
    try:
        return BuildConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "config"
        told = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise SettingsError(f"{file.name}: {where}: {told}") from error
