"""What the page does, without the page: every action on a photo, through `Animator` and nothing deeper.

Coordinates are the photo's own pixels unless a name says "shown".
"""

from __future__ import annotations

import copy
import re
import secrets
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from follow_your_click.clip import Clip
from follow_your_click.errors import ImageError, OutputError, RegionError, SettingsError
from follow_your_click.interfaces.app.jobs import Job, Overall, Report
from follow_your_click.interfaces.app.overlay import mask_to_screen, to_photo, to_screen
from follow_your_click.interfaces.app.state import (
    Editor,
    Selection,
    Tool,
    box_between,
    regions_of,
    with_photo,
    with_selection,
)
from follow_your_click.photo import open_image, read_photo
from follow_your_click.region import Box, Click, Region
from follow_your_click.segmentation import Segmentation, Segmenter

FORMATS = {"MP4": ".mp4", "GIF": ".gif", "WebP": ".webp", "PNG frames (zip)": ".zip"}
MAX_PHOTOS_REMEMBERED = 4
MAX_CLIPS = 12
"""Clips that a visitor can go back to; the oldest goes first. Each holds its moving pixels in memory."""
_ANY_PROMPT = "move"  # a region needs one; the segmenter never sees it


class PhotoAnimator(Protocol):
    """What of `Animator` the page calls."""

    segmenter: Segmenter

    def masks(
        self, image: npt.NDArray[np.uint8], regions: Sequence[Region]
    ) -> list[npt.NDArray[np.float32]]: ...

    def animate(
        self,
        image: npt.NDArray[np.uint8],
        regions: Sequence[Region],
        *,
        num_frames: int,
        fps: float,
        num_inference_steps: int | None,
        guidance_scale: float | None,
        seed: int,
        progress: Callable[[str, int, int], None] | None,
    ) -> Clip: ...


@dataclass(frozen=True)
class ClipSettings:
    """The page's settings of a clip, as `Animator.animate` takes them; it checks the ranges."""

    num_frames: int
    fps: float
    num_inference_steps: int | None
    guidance_scale: float | None
    seed: int


@dataclass(frozen=True, eq=False)
class MadeClip:
    """A clip of this session and its mp4 file, alone in a folder of its own."""

    clip: Clip
    video: Path
    caption: str


class PhotoMemory:
    """A segmenter that prepares each photo once, and keeps the last few for visitors that take turns.

    Args:
        segmenter: the one to work with. Each photo gets a shallow copy of it, so weights are shared.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter = segmenter
        self._known: list[tuple[npt.NDArray[np.uint8], Segmenter]] = []
        self._lock = threading.Lock()
        # set_image and predict of one request run in one thread; another thread has another photo.
        self._current = threading.local()

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        """Costly for a photo that is new, (H, W, 3) uint8 RGB; a comparison for one that is known."""
        with self._lock:
            known = list(self._known)
        entry = next((entry for entry in known if np.array_equal(entry[0], image)), None)
        if entry is None:
            entry = image, copy.copy(self.segmenter)
            entry[1].set_image(image)
        with self._lock:
            rest = [other for other in self._known if other[1] is not entry[1]]
            self._known = [entry, *rest][:MAX_PHOTOS_REMEMBERED]
        self._current.segmenter = entry[1]

    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
    ) -> Segmentation:
        """As in `Segmenter.predict`, for the photo that this thread set."""
        segmenter: Segmenter | None = getattr(self._current, "segmenter", None)
        if segmenter is None:
            raise RegionError("segmenter: got no photo yet, expected set_image before predict")
        return segmenter.predict(
            point_coords=point_coords, point_labels=point_labels, box=box, mask=mask
        )


class Studio:
    """Opens photos, takes clicks, makes clips; one for all visitors, holding nothing of any of them.

    Args:
        animator: the model; its segmenter is wrapped so that a photo is prepared once.
        folder: where clips are written.
        max_megapixels: photos with more are refused before they are decoded.
    """

    def __init__(self, animator: PhotoAnimator, *, folder: Path, max_megapixels: float) -> None:
        self._segmenter_name = type(animator.segmenter).__name__
        animator.segmenter = PhotoMemory(animator.segmenter)
        self.animator = animator
        self.folder = folder
        self.max_megapixels = max_megapixels
        self._one_at_a_time = threading.Lock()

    def open_photo(self, editor: Editor, path: str | Path) -> Editor:
        """The editor with the photo of a file; prepares it for the first click.

        Raises:
            ImageError: the file is no photo, is damaged, or has too many pixels.
        """
        name = "the photo"
        try:
            with open_image(path) as image:
                megapixels = image.width * image.height / 1e6
            if megapixels > self.max_megapixels:
                raise ImageError(
                    f"{name} has {megapixels:.1f} megapixels; "
                    f"this page takes up to {self.max_megapixels:g}"
                )
            photo = read_photo(path)
        except ImageError as error:
            # Where the upload lies on the server says nothing to a visitor.
            raise ImageError(str(error).replace(str(path), name)) from error
        self.animator.segmenter.set_image(photo)
        return with_photo(editor, photo, to_screen(photo))

    def click(self, editor: Editor, x: float, y: float, tool: Tool) -> Editor:
        """What a click on pixel x, y of the shown picture does.

        Raises:
            RegionError: the click selects nothing usable, or there is no photo; nothing changes.
        """
        if editor.photo is None or editor.shown is None:
            raise RegionError("there is no photo yet; drop one first")
        height, width = editor.photo.shape[:2]
        shown = editor.shown.shape[0], editor.shown.shape[1]
        point = to_photo(x, y, photo=(height, width), shown=shown)
        if tool == "box" and editor.corner is None:
            return replace(editor, corner=point)
        area: Click | Box = replace(point, positive=tool != "exclude")
        if tool == "box" and editor.corner is not None:
            area = box_between(editor.corner, point)
        areas = (*editor.draft.selection.areas, area)
        (mask,) = self.animator.masks(editor.photo, [Region(areas, prompt=_ANY_PROMPT)])
        return with_selection(editor, Selection(areas, mask_to_screen(mask)))

    def animate(
        self, editor: Editor, settings: ClipSettings, *, job: Job, report: Report
    ) -> MadeClip:
        """Make a clip of the editor's regions and write it as mp4; one at a time, others wait.

        Raises:
            JobCancelled: `job` was cancelled; nothing is left behind.
            UserInputError: something is missing or out of range; the message says what.
        """
        if editor.photo is None:
            raise RegionError("there is no photo yet; drop one first")
        regions = regions_of(editor)
        progress = Overall(len(regions), report, job.check)
        with self._one_at_a_time:
            job.check()
            made = self.animator.animate(
                editor.photo,
                regions,
                num_frames=settings.num_frames,
                fps=settings.fps,
                num_inference_steps=settings.num_inference_steps,
                guidance_scale=settings.guidance_scale,
                seed=settings.seed,
                progress=progress,
            )
            progress("write", 0, 1)
            clip = self._own(made, editor.photo)
            video = clip.save(self._new_folder() / f"{file_stem(regions, settings.seed)}.mp4")
        return MadeClip(clip, video, _caption(regions, settings.seed))

    def _own(self, clip: Clip, photo: npt.NDArray[np.uint8]) -> Clip:
        """The clip with the photo shared, not held once per clip, and the true segmenter's name."""
        background = photo if np.array_equal(clip.background, photo) else clip.background
        settings = {**clip.settings, "segmenter": self._segmenter_name}
        return replace(clip, background=background, settings=settings)

    def export(self, made: MadeClip, kind: str) -> Path:
        """The clip as a file of one of FORMATS; made on the first call, the same file afterwards.

        Raises:
            OutputError: an unknown kind, or the file cannot be written.
        """
        if kind not in FORMATS:
            raise OutputError(f"got format {kind!r}; expected one of {', '.join(FORMATS)}")
        target = made.video.with_suffix(FORMATS[kind])
        if not target.exists():
            if target.suffix == ".zip":
                _zip_frames(made.clip, target)
            else:
                made.clip.save(target)
        return target

    def forget(self, clips: Iterable[MadeClip]) -> None:
        """Remove the files of clips that nobody can reach any more."""
        for made in clips:
            shutil.rmtree(made.video.parent, ignore_errors=True)

    def _new_folder(self) -> Path:
        # A random name: nothing that a visitor sends becomes part of a path.
        folder = self.folder / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder


def settings_from(
    num_frames: Any, fps: Any, num_inference_steps: Any, guidance_scale: Any, seed: Any
) -> ClipSettings:
    """What the page's number fields hold; 0 or nothing for steps or guidance is the model's own.

    Raises:
        SettingsError: an empty field, or no number.
    """
    return ClipSettings(
        num_frames=_whole("frames", num_frames),
        fps=_number("frames per second", fps),
        num_inference_steps=(_whole("steps", num_inference_steps) if num_inference_steps else None),
        guidance_scale=_number("guidance", guidance_scale) if guidance_scale else None,
        seed=_whole("seed", seed),
    )


def kept(clips: tuple[MadeClip, ...], made: MadeClip) -> tuple[MadeClip, ...]:
    """The session's clips with a new one, the latest first, at most MAX_CLIPS."""
    return (made, *clips)[:MAX_CLIPS]


def file_stem(regions: Sequence[Region], seed: int) -> str:
    """A file name that says what moves how: letters, digits and dashes only."""
    words = "-".join(region.prompt for region in regions).lower()
    return f"{re.sub(r'[^a-z0-9]+', '-', words).strip('-')[:40] or 'clip'}-seed{seed}"


def _caption(regions: Sequence[Region], seed: int) -> str:
    return f"{' + '.join(region.prompt for region in regions)} · seed {seed}"


def _zip_frames(clip: Clip, target: Path) -> None:
    frames = clip.save(target.with_suffix(""))
    temporary = target.with_suffix(".part")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(frames.iterdir()):
                archive.write(file, file.name)
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"{target.name} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(frames, ignore_errors=True)
        temporary.unlink(missing_ok=True)


def _whole(name: str, value: Any) -> int:
    number = _number(name, value)
    if number != int(number):
        raise SettingsError(f"{name}: got {number:g}, expected a whole number")
    return int(number)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        got = "nothing" if value is None else repr(value)
        raise SettingsError(f"{name}: got {got}, expected a number")
    return number
