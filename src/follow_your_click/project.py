"""A project file: all that a clip was made from but the photo's pixels, to make it again or go on from it.

JSON. Each region's mask stands beside the clicks and strokes that it came from, so that the same clip comes out though
the segmenter has changed since, or is not at hand. File names in it are relative to the project file.

Axis legend: H rows, W columns of the photo.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    model_validator,
)

from follow_your_click.about import package_version
from follow_your_click.atomic import whole_file
from follow_your_click.errors import ImageError, SettingsError
from follow_your_click.photo import photo_sha256, read_photo
from follow_your_click.region import HoldStill, Region, Selection

PROJECT_VERSION: Literal[1] = 1
_PACKAGED_MODELS = Path(__file__).parent / "weights"
_SHOWN_DIGITS = 12  # of a SHA-256, enough for a person to compare

_Selected = TypeVar("_Selected", bound=Selection)


def _read_as(kind: type[_Selected]) -> PlainValidator:
    def read(value: Any) -> _Selected:
        return value if isinstance(value, kind) else kind.from_json(value)

    return PlainValidator(read)


def _write(selection: Selection) -> dict[str, Any]:
    return selection.to_json(masks="png")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class ProjectPhoto(_Strict):
    """Which photo: its file, its size in pixels, and the SHA-256 of its pixels (`photo.photo_sha256`)."""

    file: str = Field(min_length=1)
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class ProjectSettings(_Strict):
    """What `Animator.from_pretrained` and `Animator.animate` are given; None: the model's own.

    `model`, `segmenter`: a name, a folder or a hub id.
    """

    model: str = "mini"
    segmenter: str = "embedded"
    num_frames: int = 16
    fps: float = 8.0
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    seed: int = 0

    def for_run(self) -> dict[str, Any]:
        """The keyword arguments of `Animator.animate` and `plan`."""
        return self.model_dump(exclude={"model", "segmenter"})


class Project(_Strict):
    """A photo, what moves in it and how, what must not move, and the settings of the clip.

    Regions with a settled mask (`Selection.with_mask`) are animated as they are; `resegmented` lets go of
    the masks.
    """

    version: Literal[1] = PROJECT_VERSION
    made_with: str = ""
    photo: ProjectPhoto
    regions: tuple[Annotated[Region, _read_as(Region), PlainSerializer(_write)], ...] = Field(
        min_length=1
    )
    hold_still: tuple[Annotated[HoldStill, _read_as(HoldStill), PlainSerializer(_write)], ...] = ()
    settings: ProjectSettings = ProjectSettings()

    @model_validator(mode="after")
    def _masks_fit(self) -> Project:
        width, height = self.photo.width, self.photo.height
        for selection in (*self.regions, *self.hold_still):
            mask = selection.mask
            if mask is not None and mask.shape != (height, width):
                raise ValueError(
                    f"a mask is {mask.shape[1]}x{mask.shape[0]} pixels but the photo is {width}x{height}"
                )
        return self

    @classmethod
    def of(
        cls,
        image: str | Path,
        regions: Sequence[Region],
        *,
        settings: ProjectSettings,
        hold_still: Sequence[HoldStill] = (),
        photo: npt.NDArray[np.uint8] | None = None,
    ) -> Project:
        """The project of one clip.

        Args:
            image: the photo's file.
            regions: with their settled masks, if the clip is to be made again exactly.
            photo: the photo's pixels (H, W, 3), if they were read already.

        Raises:
            ImageError: the photo cannot be read.
            SettingsError: no region, or a mask that is not of the photo's size.
        """
        pixels = read_photo(image) if photo is None else photo
        height, width = pixels.shape[:2]
        record = ProjectPhoto(
            file=os.path.abspath(image), width=width, height=height, sha256=photo_sha256(pixels)
        )
        try:
            return cls(
                made_with=_package(),
                photo=record,
                regions=tuple(regions),
                hold_still=tuple(hold_still),
                settings=settings,
            )
        except ValidationError as error:
            raise SettingsError(f"project: {_reason(error)}") from error

    @classmethod
    def load(cls, path: str | Path) -> Project:
        """Read what `save` wrote; file names come back as absolute ones.

        Raises:
            SettingsError: missing, not a project, or made by a newer version.
        """
        file = Path(path)
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            made_by = data.get("version") if isinstance(data, dict) else None
            if isinstance(made_by, int) and made_by > PROJECT_VERSION:
                raise SettingsError(
                    f"{path}: got project version {made_by}, expected at most {PROJECT_VERSION}; "
                    "update this package"
                )
            return cls.model_validate(
                _Paths(file.parent, _absolute, _written_as_path).of_project(data)
            )
        except OSError as error:
            raise SettingsError(
                f"{path} cannot be read ({error.strerror or error}); give a project file as "
                "--save-project writes it"
            ) from error
        except ValidationError as error:
            raise SettingsError(f"{path} is not a project: {_reason(error)}") from error
        except (RecursionError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not a project: it holds no readable JSON") from error

    def save(self, path: str | Path) -> None:
        """Write the project; the file appears, or is replaced, only when it is whole.

        File names become relative to its folder. Raises OutputError when it cannot be written.
        """
        target = Path(path)
        data = _Paths(target.parent, _relative, _is_folder).of_project(self.model_dump(mode="json"))
        with whole_file(target, "project") as temporary:
            text = json.dumps(data, indent=1, ensure_ascii=False)
            temporary.write_text(f"{text}\n", encoding="utf-8")

    def read_photo(self, image: str | Path | None = None) -> npt.NDArray[np.uint8]:
        """The photo's pixels (H, W, 3), from `image` or from the project's own file.

        Raises:
            ImageError: it cannot be read, or is not the photo that the project was made with.
        """
        source = self.photo.file if image is None else image
        if image is None and not Path(source).exists():
            raise ImageError(f"the project's photo {source} is not there; give its path as IMAGE")
        pixels = read_photo(source)
        found = photo_sha256(pixels)
        if found != self.photo.sha256:
            raise ImageError(
                f"{source} is not the project's photo: got {pixels.shape[1]}x{pixels.shape[0]} pixels "
                f"with SHA-256 {found[:_SHOWN_DIGITS]}..., expected {self.photo.width}x"
                f"{self.photo.height} with {self.photo.sha256[:_SHOWN_DIGITS]}..."
            )
        return pixels

    def resegmented(self) -> Project:
        """The same project with masks to be made anew from clicks, strokes and edits."""
        return self.model_copy(
            update={
                "regions": tuple(region.without_mask() for region in self.regions),
                "hold_still": tuple(held.without_mask() for held in self.hold_still),
            }
        )


def _package() -> str:
    return f"follow-your-click {package_version() or ''}".rstrip()


def _reason(error: ValidationError) -> str:
    wrong = error.errors()[0]
    place = ".".join(map(str, wrong["loc"]))
    said = wrong["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else said


@dataclass(frozen=True)
class _Paths:
    """Changes every path in a project's JSON: the photo's, mask files', and folders of models.

    Args:
        folder: of the project file.
        change: (a path, folder) -> the path to put in its place.
        is_path: whether a model or segmenter is a path, not a name or a hub id.
    """

    folder: Path
    change: Callable[[str, Path], str]
    is_path: Callable[[str], bool]

    def of_project(self, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        changed = self._files(data)
        settings = changed.get("settings")
        if isinstance(settings, dict):
            for key in ("model", "segmenter"):
                if isinstance(settings.get(key), str) and self.is_path(settings[key]):
                    settings[key] = self.change(settings[key], self.folder)
        return changed

    def _files(self, data: Any) -> Any:
        if isinstance(data, list):
            return [self._files(each) for each in data]
        if not isinstance(data, dict):
            return data
        return {
            key: self.change(value, self.folder)
            if key == "file" and isinstance(value, str) and value
            else self._files(value)
            for key, value in data.items()
        }


def _is_folder(model: str) -> bool:
    from follow_your_click.segmentation.registry import SEGMENTER_NAMES

    named = model in SEGMENTER_NAMES or (_PACKAGED_MODELS / model).is_dir()
    return not named and Path(model).is_dir()


def _written_as_path(model: str) -> bool:
    return model.startswith(("./", "../")) or os.path.isabs(model)


def _absolute(path: str, folder: Path) -> str:
    return os.path.abspath(folder / path)


def _relative(path: str, folder: Path) -> str:
    """With forward slashes and a dot first; as it is where there is no way from the folder to it (another drive)."""
    try:
        relative = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path
    return relative if relative.startswith("..") else f"./{relative}"
