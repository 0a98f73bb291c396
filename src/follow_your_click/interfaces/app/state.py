"""What one visitor of the page is working on, and every change to it as a pure function.

Coordinates are the photo's own pixels, origin top left, x to the right.
Axis legend: H W rows and columns of the photo, h w of the overlay that the page lays over it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import PromptError, RegionError
from follow_your_click.interfaces.app.photos import OpenPhoto
from follow_your_click.region import Area, Click, Edit, Granularity, HoldStill, Region, Selection

Kind = Literal["moves", "still"]
_Selected = TypeVar("_Selected", bound=Selection)
MAX_REGIONS = 8
MAX_NAME_CHARACTERS = 40
MAX_EARLIER = 30  # steps that Undo can take back; each holds a mask, about a megabyte


@dataclass(frozen=True, eq=False)
class Place:
    """Where a region is: what was clicked, drawn and mended, and the mask that came out.

    Args:
        areas: in the order in which they were made; may be empty.
        edits: of the mask that the areas gave, in their order.
        granularity: how much a click means; None leaves it to the segmenter.
        mask: uint8 (h, w), 255 = selected, at the size of the overlay; None without areas.
        settled: uint8 (H, W), the mask that a clip was made with, until something is changed; else None.
    """

    areas: tuple[Area, ...] = ()
    edits: tuple[Edit, ...] = ()
    granularity: Granularity | None = None
    mask: npt.NDArray[np.uint8] | None = None
    settled: npt.NDArray[np.uint8] | None = None

    @property
    def asks_segmenter(self) -> bool:
        """Whether `granularity` has anything to choose from."""
        return any(isinstance(area, Click) for area in self.areas)

    def selection(self) -> Selection:
        """The same for `Animator.masks`; raises RegionError without areas."""
        return self.settle(Selection(self.areas, edits=self.edits, granularity=self.meant))

    @property
    def meant(self) -> Granularity | None:
        """`granularity` where there is anything to choose from."""
        return self.granularity if self.asks_segmenter else None

    def settle(self, selection: _Selected) -> _Selected:
        """A selection of these areas, with the settled mask if there is one."""
        return selection if self.settled is None else selection.with_mask(self.settled)


@dataclass(frozen=True, eq=False)
class Draft:
    """A region that is being made; unlike `Region` it may still lack its place or its prompt.

    Args:
        number: what the page knows it by; never used twice in one photo.
        colour: index into `overlay.COLOURS`.
        kind: whether it moves, or is held still.
        strength: as in `Region`; None: as the prompt says.
        earlier: places to go back to, the latest last.
    """

    number: int
    name: str
    colour: int
    kind: Kind = "moves"
    prompt: str = ""
    strength: float | None = None
    seed_offset: int = 0
    place: Place = Place()
    earlier: tuple[Place, ...] = ()

    @property
    def begun(self) -> bool:
        """Whether it has a place or says how it moves."""
        return bool(self.place.areas or (self.kind == "moves" and self.prompt.strip()))


@dataclass(frozen=True, eq=False)
class Editor:
    """One photo and its drafts, of which one is selected."""

    photo: OpenPhoto | None = None
    drafts: tuple[Draft, ...] = (Draft(1, "region 1", 0),)
    selected: int = 1
    next_number: int = 2

    @property
    def draft(self) -> Draft:
        """The selected one."""
        return next(draft for draft in self.drafts if draft.number == self.selected)


def with_draft(editor: Editor, draft: Draft) -> Editor:
    """The editor with one draft put in the place of the one of its number."""
    drafts = tuple(draft if draft.number == old.number else old for old in editor.drafts)
    return replace(editor, drafts=drafts)


def with_photo(editor: Editor, photo: OpenPhoto | None) -> Editor:
    """Another photo, or none, under the same prompts: names and motions stay, places go."""
    drafts = tuple(replace(draft, place=Place(), earlier=()) for draft in editor.drafts)
    return replace(editor, photo=photo, drafts=drafts)


def with_fields(
    editor: Editor, number: int, *, name: str, prompt: str, strength: float | None
) -> Editor:
    """What is typed in the fields, kept in the draft that they belong to, if it is still there.

    An empty name leaves the draft's own.
    """
    for draft in editor.drafts:
        if draft.number == number:
            short = " ".join(name.split())[:MAX_NAME_CHARACTERS] or draft.name
            changed = replace(draft, name=short, prompt=prompt, strength=strength)
            return with_draft(editor, changed)
    return editor


def add_draft(editor: Editor, kind: Kind = "moves") -> Editor:
    """One more draft, selected, in the first colour that is free.

    Raises:
        RegionError: there are MAX_REGIONS already.
    """
    if len(editor.drafts) >= MAX_REGIONS:
        raise RegionError(f"{MAX_REGIONS} regions is the most the page handles; delete one first")
    taken = {draft.colour for draft in editor.drafts}
    colour = next(index for index in range(MAX_REGIONS) if index not in taken)
    number = editor.next_number
    name = f"region {number}" if kind == "moves" else f"still {number}"
    draft = Draft(number, name, colour, kind)
    return replace(editor, drafts=(*editor.drafts, draft), selected=number, next_number=number + 1)


def select_draft(editor: Editor, number: int) -> Editor:
    """Another draft selected; a number that is gone meanwhile changes nothing."""
    if number not in {draft.number for draft in editor.drafts}:
        return editor
    return replace(editor, selected=number)


def delete_draft(editor: Editor) -> Editor:
    """Without the selected draft; its neighbour is selected. The last one leaves an empty one."""
    place = editor.drafts.index(editor.draft)
    rest = editor.drafts[:place] + editor.drafts[place + 1 :]
    if not rest:
        return add_draft(replace(editor, drafts=()))
    return replace(editor, drafts=rest, selected=rest[min(place, len(rest) - 1)].number)


def with_place(editor: Editor, place: Place) -> Editor:
    """A new place for the selected draft; the one before it can be had back."""
    draft = editor.draft
    earlier = (*draft.earlier, draft.place)[-MAX_EARLIER:]
    return with_draft(editor, replace(draft, place=place, earlier=earlier))


def undo(editor: Editor) -> Editor:
    """The last change of the selected draft's place taken back, if there is one."""
    draft = editor.draft
    if not draft.earlier:
        return editor
    return with_draft(editor, replace(draft, place=draft.earlier[-1], earlier=draft.earlier[:-1]))


def regions_of(editor: Editor) -> tuple[list[Region], list[HoldStill]]:
    """What `Animator.animate` is to move and to hold still; drafts that are wholly empty are left out.

    Raises:
        RegionError: nothing is selected to move, or a draft with a prompt has no place.
        PromptError: a draft with a place has no prompt, or one that is too long.
        SettingsError: a strength out of range.
    """
    begun = [draft for draft in editor.drafts if draft.begun]
    if not any(draft.kind == "moves" for draft in begun):
        raise RegionError("nothing is selected yet; click the object in the photo that should move")
    regions, still = [], []
    for draft in begun:
        place = draft.place
        if not place.areas:
            raise RegionError(f"{draft.name} has no place yet; click it in the photo, or delete it")
        if draft.kind == "still":
            held = HoldStill(place.areas, edits=place.edits, granularity=place.meant)
            still.append(place.settle(held))
            continue
        if not draft.prompt.strip():
            raise PromptError(
                f'{draft.name} has no motion yet; say how it moves, like "drift left"'
            )
        region = Region(
            place.areas,
            prompt=draft.prompt,
            strength=draft.strength,
            seed_offset=draft.seed_offset,
            edits=place.edits,
            granularity=place.meant,
        )
        regions.append(place.settle(region))
    return regions, still
