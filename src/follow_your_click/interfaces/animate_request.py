"""What `fyc animate` is asked: from options, from a project, or from a clip that is made again.

Axis legend: H W rows and columns of the photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from follow_your_click.errors import ImageError, ModelError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from follow_your_click.clip import Playback
    from follow_your_click.project import ProjectSettings
    from follow_your_click.region import HoldStill, Region


@dataclass(frozen=True)
class Request:
    """What is to be animated.

    Args:
        image: the photo's file.
        photo: its pixels (H, W, 3), if they were read already.
        playback: of the clip that is made again.
    """

    image: Path
    photo: npt.NDArray[np.uint8] | None
    regions: list[Region]
    hold_still: list[HoldStill]
    settings: ProjectSettings
    playback: Playback = "loop"

    def for_run(self) -> dict[str, Any]:
        """The keyword arguments of `Animator.animate` and `plan`."""
        return {"hold_still": self.hold_still, **self.settings.for_run()}


def from_options(
    image: Path, regions: list[Region], holds: list[str], settings: dict[str, Any]
) -> Request:
    """`holds`: areas that must not move, as text; `settings`: those that were given."""
    from follow_your_click.project import ProjectSettings
    from follow_your_click.region import parse_hold_still

    held = [parse_hold_still(spec) for spec in holds]
    return Request(image, None, regions, held, ProjectSettings(**settings))


def from_project(
    file: Path, image: Path | None, settings: dict[str, Any], *, resegment: bool
) -> Request:
    """What a project's or a clip's file was made from, with the settings that were given in place of its own.

    Raises:
        UserInputError: the file cannot be used, or what was given does not go with it.
    """
    from follow_your_click.project import Project
    from follow_your_click.restore import CLIP_SUFFIXES

    if file.suffix.lower() in CLIP_SUFFIXES or file.is_dir():
        return _from_clip(file, image, settings, resegment=resegment)
    project = Project.load(file)
    if "segmenter" in settings and not resegment:
        raise SettingsError(
            "got --segmenter with --project, whose masks are settled; add --resegment to make them anew"
        )
    photo = project.read_photo(image)
    if resegment:
        project = project.resegmented()
    return Request(
        Path(project.photo.file) if image is None else image,
        photo,
        list(project.regions),
        list(project.hold_still),
        project.settings.model_copy(update=settings),
    )


def _from_clip(
    file: Path, image: Path | None, settings: dict[str, Any], *, resegment: bool
) -> Request:
    """What a clip was made from; its photo is in the file only if that holds it exactly."""
    from follow_your_click.loading import EMBEDDED
    from follow_your_click.photo import photo_sha256, read_photo
    from follow_your_click.restore import restore

    if resegment:
        raise SettingsError("got --resegment with a clip, whose masks are settled; give a project")
    clip = restore(file)
    if "model" not in settings and clip.settings.model not in EMBEDDED:
        # A file may come from anywhere: what it names is not opened.
        raise ModelError(
            f"{file} was made with {clip.settings.model!r}, which is not packaged; give its folder with --model"
        )
    if image is None and not clip.exact:
        raise ImageError(f"{file} does not hold its photo exactly; give the photo as IMAGE")
    photo = clip.photo if image is None else read_photo(image)
    assert photo is not None
    if photo_sha256(photo) != clip.sha256:
        raise ImageError(f"{image} is not the photo that {file} was made from")
    asked = clip.settings.model_copy(update=settings)
    regions, held = list(clip.regions), list(clip.hold_still)
    return Request(image or file, photo, regions, held, asked, clip.playback)
