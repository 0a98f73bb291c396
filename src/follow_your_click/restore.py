"""From a clip's file back to what it was made from: photo, regions with their masks, settings.

A file may come from anywhere: nothing in it is believed before it is checked, and no file that it names is opened.

Axis legend: H W rows and columns of the photo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from follow_your_click.clip import Playback, read_settings
from follow_your_click.clip_reading import read_clip
from follow_your_click.errors import FollowYourClickError, ImageError, SettingsError
from follow_your_click.photo import MAX_PIXELS, photo_sha256
from follow_your_click.project import ProjectSettings
from follow_your_click.region import HoldStill, Region
from follow_your_click.region.json_forms import mask_from_png, mask_to_png, png_size
from follow_your_click.run_settings import RunSettings

CLIP_SUFFIXES = (".mp4", ".webm", ".gif", ".webp", ".zip")
MAX_SELECTIONS = 16
MAX_MASK_CHARACTERS = 20_000_000
"""Of one mask's base64 text: more than the mask of any photo takes."""
MAX_MASK_PIXELS = 8 * MAX_PIXELS
"""Of all masks together, a byte each once they are unpacked."""
_RUN = {"num_frames", "fps", "num_inference_steps", "guidance_scale", "seed"}
_SELECTION = {"areas", "edits", "granularity"}


@dataclass(frozen=True, eq=False)
class Restored:
    """What `Animator.animate` was asked.

    Args:
        photo: uint8 (H, W, 3): the photo itself, or the clip's first frame after video coding; None where the file
            holds neither.
        exact: whether `photo` is the photo itself, pixel by pixel.
        sha256: of the photo's pixels, as `photo.photo_sha256`.
        regions, hold_still: with their settled masks.
        settings: as asked and in range; `segmenter` is the default, for no segmenter is needed. `model` is the name
            that the model bears, never a path; of a model that is not packaged, its user knows the folder.
        playback: how the file goes on at its end.
    """

    photo: npt.NDArray[np.uint8] | None
    exact: bool
    width: int
    height: int
    sha256: str
    regions: tuple[Region, ...]
    hold_still: tuple[HoldStill, ...]
    settings: ProjectSettings
    playback: Playback


class _Photo(BaseModel):
    model_config = ConfigDict(strict=True)

    width: int = Field(ge=1, le=MAX_PIXELS)
    height: int = Field(ge=1, le=MAX_PIXELS)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class _Settings(BaseModel):
    """The part of a clip's settings that it is made again from; the rest says what was measured."""

    model: str = Field(pattern=r"^[^/\\\x00-\x1f~.][^/\\\x00-\x1f]{0,199}$")
    photo: _Photo
    regions: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_SELECTIONS)
    hold_still: list[dict[str, Any]] = Field(default=[], max_length=MAX_SELECTIONS)
    masks: list[Annotated[str, Field(max_length=MAX_MASK_CHARACTERS)]] = Field(
        max_length=2 * MAX_SELECTIONS
    )
    playback: Literal["loop", "ping-pong"] = "loop"


def is_clip(path: str | Path) -> bool:
    """Whether a file is a clip that this package made, or of a kind that no photo is."""
    suffix = Path(path).suffix.lower()
    if suffix in (".mp4", ".webm", ".zip"):
        return True
    try:
        return suffix in CLIP_SUFFIXES and bool(read_settings(path))
    except ImageError:
        return False


def restore(path: str | Path, *, most_pixels: int = MAX_PIXELS) -> Restored:
    """What the clip of a file was made from.

    Args:
        path: an .mp4, .gif, .webp, .webm, .zip or a folder of frames, as `Clip.save` writes them.
        most_pixels: of its photo; of a larger one nothing is unpacked.

    Raises:
        ImageError: it cannot be read, this package did not make it, or its photo has too many pixels.
        SettingsError: its settings are damaged, or are those of an older version that kept no masks.
    """
    settings = read_settings(path)
    if not settings:
        raise ImageError(
            f"{path} is no clip that was made here; expected one with its settings inside"
        )
    if "masks" not in settings:
        raise SettingsError(
            f"{path} was made by a version that kept no masks in its clips; make the clip again"
        )
    try:
        known = _Settings.model_validate(settings)
        asked = _asked(known.model, settings)
        _check_pixels(known, most_pixels)
        masks = _masks(known)
        regions = tuple(
            _region(data, mask)
            for data, mask in zip(known.regions, masks[: len(known.regions)], strict=True)
        )
        held = tuple(
            HoldStill.from_json(_selection(data, mask)).with_mask(mask)
            for data, mask in zip(known.hold_still, masks[len(known.regions) :], strict=True)
        )
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    except (ValidationError, FollowYourClickError, TypeError, ValueError, OverflowError) as error:
        raise SettingsError(
            f"the settings inside {path} are damaged: {_reason(error)}; make the clip again"
        ) from error
    photo, exact = _photo(path, known.photo)
    return Restored(
        photo=photo,
        exact=exact,
        width=known.photo.width,
        height=known.photo.height,
        sha256=known.photo.sha256,
        regions=regions,
        hold_still=held,
        settings=asked,
        playback=known.playback,
    )


def _asked(model: str, settings: Mapping[str, Any]) -> ProjectSettings:
    missing = _RUN - settings.keys()
    if missing:
        raise SettingsError(f"there is no {min(missing)}")
    asked = ProjectSettings(model=model, **{name: settings[name] for name in _RUN})
    given = {name: value for name, value in asked.for_run().items() if value is not None}
    RunSettings(**{"num_inference_steps": 1, "guidance_scale": 1.0, **given})
    return asked


def _check_pixels(known: _Settings, most: int) -> None:
    """Before anything is unpacked."""
    pixels = known.photo.width * known.photo.height
    if pixels > MAX_PIXELS:
        raise SettingsError("the photo has more pixels than any can")
    if pixels > most:
        raise ImageError(
            f"the photo of this clip has {pixels / 1e6:.1f} megapixels; expected at most {most / 1e6:g}"
        )
    if pixels * len(known.masks) > MAX_MASK_PIXELS:
        raise SettingsError("the masks have more pixels than can be worked on")


def _masks(known: _Settings) -> list[npt.NDArray[np.uint8]]:
    size = known.photo.height, known.photo.width
    if len(known.masks) != len(known.regions) + len(known.hold_still):
        raise SettingsError("there is not one mask for each region")
    if any(png_size(text) != size for text in known.masks):  # before any of them is unpacked
        raise SettingsError("a mask is not of the photo's size")
    return [mask_from_png(text, dtype="uint8") for text in known.masks]


def _region(data: Mapping[str, Any], mask: npt.NDArray[np.uint8]) -> Region:
    own = {name: data[name] for name in ("prompt", "seed_offset") if name in data}
    strength = {"strength": data.get("asked_strength")}
    return Region.from_json({**_selection(data, mask), **own, **strength}).with_mask(mask)


def _selection(data: Mapping[str, Any], mask: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """A selection's own keys; areas that name a file, or only a digest, are the mask itself."""
    known = {name: data[name] for name in _SELECTION if name in data}
    areas = known.get("areas")
    if not isinstance(areas, Sequence) or any(_is_elsewhere(area) for area in areas):
        return {"areas": [{"type": "mask", "dtype": "uint8", "png": mask_to_png(mask)}]}
    return known


def _is_elsewhere(area: Any) -> bool:
    """Whether an area's pixels are not in the settings, nor those of the one that it wraps."""
    if not isinstance(area, Mapping):
        return True
    inner = area.get("area")
    wraps = isinstance(inner, Mapping) and inner.get("type") == "mask"
    return wraps or area.get("type") == "mask"


def _photo(path: str | Path, known: _Photo) -> tuple[npt.NDArray[np.uint8] | None, bool]:
    if Path(path).suffix.lower() == ".webm":
        return None, False
    # One frame, whatever else a file may claim to hold.
    frame = read_clip(path, most_frames=1).frames[0]
    if frame.shape[:2] != (known.height, known.width):
        return None, False
    return np.ascontiguousarray(frame), photo_sha256(frame) == known.sha256


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        wrong = error.errors()[0]
        return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"
    return " ".join(str(error).split())[:200]
