"""What one visitor of the page is working on, and every change to it as a pure function.

Coordinates are the photo's own pixels, origin top left, x to the right.
Axis legend: H W rows and columns of the photo, h w of the picture that the page shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import PromptError, RegionError
from follow_your_click.region import Box, Click, Region

Tool = Literal["add", "exclude", "box"]
MAX_REGIONS = 8
MAX_NAME_CHARACTERS = 40


@dataclass(frozen=True, eq=False)
class Selection:
    """Where a region is: what was clicked, and the mask that came out.

    Args:
        areas: clicks and boxes in the order in which they were made; may be empty.
        mask: uint8 (h, w), 255 = may move, at the size of the shown picture; None without areas.
    """

    areas: tuple[Click | Box, ...] = ()
    mask: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Draft:
    """A region that is being made; unlike `Region` it may still lack its place or its prompt.

    Args:
        number: what the page knows it by; never used twice in one photo.
        colour: index into `overlay.COLOURS`.
        strength: as in `Region`; None lets the model choose.
        earlier: selections to go back to, the latest last.
    """

    number: int
    name: str
    colour: int
    prompt: str = ""
    strength: float | None = None
    selection: Selection = Selection()
    earlier: tuple[Selection, ...] = ()


@dataclass(frozen=True, eq=False)
class Editor:
    """One photo and its drafts, of which one is selected.

    Args:
        photo: uint8 (H, W, 3), or None before the first photo.
        shown: the photo at the size at which the page shows it, uint8 (h, w, 3).
        corner: the first corner of a box that waits for its second.
    """

    photo: npt.NDArray[np.uint8] | None = None
    shown: npt.NDArray[np.uint8] | None = None
    drafts: tuple[Draft, ...] = (Draft(1, "region 1", 0),)
    selected: int = 1
    next_number: int = 2
    corner: Click | None = None

    @property
    def draft(self) -> Draft:
        """The selected one."""
        return next(draft for draft in self.drafts if draft.number == self.selected)


def with_draft(editor: Editor, draft: Draft) -> Editor:
    """The editor with one draft put in the place of the one of its number."""
    drafts = tuple(draft if draft.number == old.number else old for old in editor.drafts)
    return replace(editor, drafts=drafts)


def with_photo(
    editor: Editor, photo: npt.NDArray[np.uint8], shown: npt.NDArray[np.uint8]
) -> Editor:
    """A new photo under the same prompts: names and motions stay, places go."""
    return replace(without_photo(editor), photo=photo, shown=shown)


def without_photo(editor: Editor) -> Editor:
    """Names and motions stay, for the next photo."""
    drafts = tuple(replace(draft, selection=Selection(), earlier=()) for draft in editor.drafts)
    return replace(editor, photo=None, shown=None, drafts=drafts, corner=None)


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


def add_draft(editor: Editor) -> Editor:
    """One more draft, selected, in the first colour that is free.

    Raises:
        RegionError: there are MAX_REGIONS already.
    """
    if len(editor.drafts) >= MAX_REGIONS:
        raise RegionError(f"{MAX_REGIONS} regions is the most the page handles; delete one first")
    taken = {draft.colour for draft in editor.drafts}
    colour = next(index for index in range(MAX_REGIONS) if index not in taken)
    number = editor.next_number
    draft = Draft(number, f"region {number}", colour)
    return replace(
        editor,
        drafts=(*editor.drafts, draft),
        selected=number,
        next_number=number + 1,
        corner=None,
    )


def select_draft(editor: Editor, number: int) -> Editor:
    """Another draft selected; a number that is gone meanwhile changes nothing."""
    if number not in {draft.number for draft in editor.drafts}:
        return editor
    return replace(editor, selected=number, corner=None)


def delete_draft(editor: Editor) -> Editor:
    """Without the selected draft; its neighbour is selected. The last one leaves an empty one."""
    place = editor.drafts.index(editor.draft)
    rest = editor.drafts[:place] + editor.drafts[place + 1 :]
    if not rest:
        return add_draft(replace(editor, drafts=()))
    return replace(
        editor, drafts=rest, selected=rest[min(place, len(rest) - 1)].number, corner=None
    )


def with_selection(editor: Editor, selection: Selection) -> Editor:
    """A new place for the selected draft; the one before it can be had back."""
    draft = editor.draft
    changed = replace(draft, selection=selection, earlier=(*draft.earlier, draft.selection))
    return replace(with_draft(editor, changed), corner=None)


def undo(editor: Editor) -> Editor:
    """The last click on the selected draft taken back: a waiting box corner first."""
    if editor.corner is not None:
        return replace(editor, corner=None)
    draft = editor.draft
    if not draft.earlier:
        return editor
    return with_draft(
        editor, replace(draft, selection=draft.earlier[-1], earlier=draft.earlier[:-1])
    )


def box_between(first: Click, second: Click) -> Box:
    """The box that holds both clicked pixels, edges included."""
    x0, x1 = sorted((first.x, second.x))
    y0, y1 = sorted((first.y, second.y))
    return Box(x0, y0, x1 + 1, y1 + 1)


def regions_of(editor: Editor) -> list[Region]:
    """What `Animator.animate` is to move; drafts that are wholly empty are left out.

    Raises:
        RegionError: nothing is selected, or a draft with a prompt has no place.
        PromptError: a draft with a place has no prompt, or one that is too long.
        SettingsError: a strength out of range.
    """
    begun = [draft for draft in editor.drafts if draft.selection.areas or draft.prompt.strip()]
    if not begun:
        raise RegionError("nothing is selected yet; click the object in the photo that should move")
    regions = []
    for draft in begun:
        if not draft.selection.areas:
            raise RegionError(f"{draft.name} has no place yet; click it in the photo, or delete it")
        if not draft.prompt.strip():
            raise PromptError(
                f'{draft.name} has no motion yet; say how it moves, like "drift left"'
            )
        regions.append(Region(draft.selection.areas, prompt=draft.prompt, strength=draft.strength))
    return regions
