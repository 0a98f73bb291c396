"""What the page does, without the page: every action of a visitor on a photo.

Coordinates are the photo's own pixels.
Axis legend: H W rows and columns of the photo.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import FollowYourClickError, ImageError, RegionError, SettingsError
from follow_your_click.interfaces.api.service import Service
from follow_your_click.interfaces.app.gestures import area_of, mending_of
from follow_your_click.interfaces.app.overlay import to_overlay
from follow_your_click.interfaces.app.photos import OpenPhoto, PhotoFiles
from follow_your_click.interfaces.app.state import (
    MAX_REGIONS,
    Editor,
    Place,
    add_draft,
    regions_of,
    select_draft,
    with_draft,
    with_photo,
    with_place,
)
from follow_your_click.interfaces.jobs import ClipRequest, Job
from follow_your_click.photo import photo_sha256
from follow_your_click.project import ProjectSettings
from follow_your_click.region import HoldStill, Region, Selection
from follow_your_click.region.json_forms import levels_to_unit, mask_levels
from follow_your_click.restore import Restored, is_clip, restore
from follow_your_click.segmentation.mask_files import levels_of
from follow_your_click.segmentation.resolve import check_masks

MAX_CLIPS = 24
"""Clips that a visitor can go back to; the oldest goes first."""

_Selected = TypeVar("_Selected", bound=Selection)


@dataclass(frozen=True, eq=False)
class AskedClip:
    """A clip that a visitor asked for, and all that it was asked with.

    Args:
        job: its making; its id is the clip's address in the REST API.
        editor: photo and regions as they were.
        settings: as they were, the seed included.
    """

    job: Job
    editor: Editor
    settings: ProjectSettings
    title: str

    @property
    def photo(self) -> OpenPhoto:
        """The photo that moves."""
        assert self.editor.photo is not None
        return self.editor.photo


class Studio:
    """Opens photos, takes clicks, asks for clips; one for all visitors, holding nothing of any of them.

    Args:
        service: models, the line of clips, folders.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.photos = PhotoFiles(service.folder / "photos")
        self._tidying = threading.Lock()

    def open_upload(
        self, editor: Editor, path: str, settings: ProjectSettings
    ) -> tuple[Editor, ProjectSettings]:
        """The editor with an uploaded photo, or as it was for an uploaded clip that was made here.

        Raises:
            ImageError: the file is neither, is damaged, or has too many pixels.
            SettingsError: the settings inside the clip are damaged.
        """
        file = self._uploaded(path)
        try:
            if is_clip(file):
                most = int(self.service.settings.max_megapixels * 1e6)
                return self._restored(editor, restore(file, most_pixels=most))
            photo = self.photos.add(self.service.read_photo(file))
        except (ImageError, SettingsError) as error:
            # Where the upload lies on the server says nothing to a visitor.
            raise type(error)(str(error).replace(str(file), "the file")) from error
        finally:
            file.unlink(missing_ok=True)
        # Whatever is wrong with the segmenter is said at the first click.
        with contextlib.suppress(FollowYourClickError):
            self.service.shelf.prepare(photo.pixels, segmenter=settings.segmenter)
        return with_photo(editor, photo), settings

    def select(self, editor: Editor, gesture: Any, *, segmenter: str) -> Editor:
        """What a click, box or stroke on the photo does to the selected draft.

        Raises:
            RegionError: it selects nothing usable, or there is no photo; nothing changes.
        """
        photo, place = _photo_of(editor), editor.draft.place
        area = area_of(gesture, height=photo.height, width=photo.width)
        changed = replace(place, areas=(*place.areas, area), settled=None)
        return self._placed(editor, changed, segmenter)

    def mend(self, editor: Editor, press: Any, *, segmenter: str) -> Editor:
        """What one of the buttons below the photo does to the selected draft's mask.

        Raises:
            RegionError: it would leave nothing, or there is nothing to mend; nothing changes.
        """
        photo, place, pressed = _photo_of(editor), editor.draft.place, mending_of(press)
        edit = pressed.edit_of(photo.height, photo.width)
        if edit is not None:
            place = replace(place, edits=(*place.edits, edit), settled=None)
        if pressed.granularity is not None:
            chosen = None if pressed.granularity == "auto" else pressed.granularity
            place = replace(place, granularity=chosen, settled=None)
        if not place.areas:
            if edit is not None:
                raise RegionError("there is no mask to mend yet; click the object first")
            return with_draft(editor, replace(editor.draft, place=place))
        return self._placed(editor, place, segmenter)

    def masked_anew(self, editor: Editor, *, segmenter: str) -> Editor:
        """The same areas as another segmenter sees them.

        Raises:
            UserInputError: the segmenter cannot be had, or finds nothing; nothing changes.
        """
        if editor.photo is None:
            return editor
        drafts = [draft for draft in editor.drafts if draft.place.areas]
        masks = self._masks(editor.photo, [d.place.selection() for d in drafts], segmenter)
        for draft, mask in zip(drafts, masks, strict=True):
            seen = replace(draft.place, mask=to_overlay(mask))
            editor = with_draft(editor, replace(draft, place=seen))
        return editor

    def ask(
        self, editor: Editor, settings: ProjectSettings, *, seeds: Sequence[int], owner: str
    ) -> list[AskedClip]:
        """Ask for a clip of the editor's regions, one per seed; all of them, or none.

        Raises:
            UserInputError: something is missing or out of range; the message says what.
            BusyError: the line is full.
        """
        photo = _photo_of(editor)
        regions, still = regions_of(editor)
        masks = self._masks(photo, [*regions, *still], settings.segmenter)
        check_masks(
            masks[: len(regions)], (photo.height, photo.width), hold_still=masks[len(regions) :]
        )
        settled = [
            _settled(each, mask) for each, mask in zip([*regions, *still], masks, strict=True)
        ]
        asked: list[AskedClip] = []
        try:
            for seed in seeds:
                own = settings.model_copy(update={"seed": seed})
                request = ClipRequest(
                    photo=photo.pixels,
                    regions=tuple(each for each in settled if isinstance(each, Region)),
                    hold_still=tuple(each for each in settled if isinstance(each, HoldStill)),
                    settings=own,
                )
                job = self.service.queue.submit(request, owner=owner)
                asked.append(AskedClip(job, editor, own, _title(regions, seed)))
        except BaseException:
            for each in asked:
                each.job.cancel()
            raise
        return asked

    def discard(
        self, photos: Iterable[OpenPhoto | None], *, kept: Iterable[OpenPhoto | None]
    ) -> None:
        """Remove the files of photos that are not among those still kept."""
        needed = {photo.key for photo in kept if photo is not None}
        for photo in photos:
            if photo is not None and photo.key not in needed:
                with self._tidying:
                    self.photos.discard(photo)

    def _placed(self, editor: Editor, place: Place, segmenter: str) -> Editor:
        (mask,) = self._masks(_photo_of(editor), [place.selection()], segmenter)
        return with_place(editor, replace(place, mask=to_overlay(mask)))

    def _masks(
        self, photo: OpenPhoto, selections: Sequence[Selection], segmenter: str
    ) -> list[npt.NDArray[np.float32]]:
        return self.service.shelf.masks(photo.pixels, selections, segmenter=segmenter)

    def _uploaded(self, path: str) -> Path:
        """The file of an upload; a path that leads anywhere else is as if it were not there."""
        file = Path(path).resolve()
        if not file.is_relative_to(self.service.uploads.resolve()) or not file.is_file():
            raise ImageError("the photo did not arrive; drop it again")
        return file

    def _restored(self, editor: Editor, clip: Restored) -> tuple[Editor, ProjectSettings]:
        """Photo, drafts and settings of a clip; the photo that is open stays if it is the clip's own."""
        photo = editor.photo
        if photo is None or photo_sha256(photo.pixels) != clip.sha256:
            if clip.photo is None:
                raise ImageError(
                    "this clip's file does not hold its photo; open the photo first, then drop the clip"
                )
            self.service.check_size(clip.width, clip.height)
            photo = self.photos.add(clip.photo, exact=clip.exact)
        models, segmenters = self.service.shelf.models, self.service.shelf.segmenters
        model = clip.settings.model if clip.settings.model in models else models[0]
        settings = clip.settings.model_copy(update={"model": model, "segmenter": segmenters[0]})
        return _drafted(photo, [*clip.regions, *clip.hold_still]), settings


def _drafted(photo: OpenPhoto, selections: Sequence[Region | HoldStill]) -> Editor:
    """An editor whose drafts are these selections, with the masks that they were settled with."""
    editor = Editor(photo=photo, drafts=())
    for selection in selections[:MAX_REGIONS]:
        editor = add_draft(editor, "moves" if isinstance(selection, Region) else "still")
        settled = None if selection.mask is None else levels_of(selection.mask)
        place = Place(
            areas=selection.areas,
            edits=selection.edits,
            granularity=selection.granularity,
            mask=None if settled is None else to_overlay(levels_to_unit(settled)),
            settled=settled,
        )
        draft = replace(editor.draft, place=place)
        if isinstance(selection, Region):
            draft = replace(
                draft,
                prompt=selection.prompt,
                strength=selection.strength,
                seed_offset=selection.seed_offset,
            )
        editor = with_draft(editor, draft)
    return select_draft(editor, editor.drafts[0].number)


def _photo_of(editor: Editor) -> OpenPhoto:
    if editor.photo is None:
        raise RegionError("there is no photo yet; drop one first")
    return editor.photo


def _settled(selection: _Selected, mask: npt.NDArray[np.float32]) -> _Selected:
    return selection.with_mask(mask_levels(mask))


def _title(regions: Sequence[Region], seed: int) -> str:
    return f"{' + '.join(region.prompt for region in regions)} · seed {seed}"
