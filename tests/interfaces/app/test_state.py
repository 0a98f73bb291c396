"""The editor's changes."""

from __future__ import annotations

import pytest

from follow_your_click.errors import PromptError, RegionError
from follow_your_click.interfaces.app.overlay import COLOURS
from follow_your_click.interfaces.app.state import (
    MAX_EARLIER,
    MAX_REGIONS,
    Editor,
    Place,
    add_draft,
    delete_draft,
    regions_of,
    select_draft,
    undo,
    with_fields,
    with_photo,
    with_place,
)
from follow_your_click.region import Click, Grow, HoldStill, Polygon, Region

BOAT = Place((Click(40, 30),), edits=(Grow(2),), granularity="part")


@pytest.fixture
def clicked() -> Editor:
    editor = with_place(Editor(), BOAT)
    return with_fields(editor, 1, name="boat", prompt="drift left", strength=None)


def test_regions_are_added_selected_and_deleted() -> None:
    editor = with_fields(Editor(), 1, name="boat", prompt="drift left", strength=2.0)
    editor = add_draft(editor)
    assert [draft.number for draft in editor.drafts] == [1, 2]
    assert editor.selected == 2 and editor.draft.prompt == ""
    editor = select_draft(editor, 1)
    assert (editor.draft.name, editor.draft.prompt) == ("boat", "drift left")
    editor = delete_draft(editor)
    assert [draft.number for draft in editor.drafts] == [2] and editor.selected == 2
    assert select_draft(editor, 1) is editor, "gone"
    again = add_draft(editor)
    assert again.draft.number == 3, "a number is never used twice"
    assert again.draft.colour == 0, "a colour is"
    last = delete_draft(editor)
    assert len(last.drafts) == 1 and last.draft.prompt == ""


def test_there_are_as_many_regions_as_colours() -> None:
    editor = Editor()
    for number in range(MAX_REGIONS - 1):
        editor = add_draft(editor, "still" if number % 2 else "moves")
    assert len({draft.colour for draft in editor.drafts}) == MAX_REGIONS == len(COLOURS)
    with pytest.raises(RegionError, match="most"):
        add_draft(editor)


def test_fields_go_to_the_region_that_they_belong_to() -> None:
    editor = add_draft(Editor())
    late = with_fields(editor, 1, name=" the   boat ", prompt="sway", strength=1.0)
    assert late.selected == 2 and late.draft.prompt == ""
    assert (late.drafts[0].name, late.drafts[0].prompt) == ("the boat", "sway")
    assert with_fields(late, 1, name=" ", prompt="x", strength=None).drafts[0].name == "the boat"
    assert with_fields(editor, 9, name="gone", prompt="x", strength=None) is editor


def test_a_new_photo_keeps_prompts_and_drops_places(clicked: Editor) -> None:
    editor = with_photo(clicked, None)
    assert editor.draft.prompt == "drift left" and editor.draft.place.areas == ()
    assert undo(editor).draft.place.areas == (), "there is no way back to another photo's places"


def test_undo_goes_back_step_by_step(clicked: Editor) -> None:
    more = with_place(clicked, Place((Click(1, 1), Click(2, 2))))
    assert undo(more).draft.place is BOAT
    assert undo(undo(more)).draft.place.areas == ()
    assert undo(undo(undo(more))).draft.place.areas == (), "no further back"
    for _ in range(MAX_EARLIER + 5):
        more = with_place(more, BOAT)
    assert len(more.draft.earlier) == MAX_EARLIER


def test_regions_and_what_is_held_still(clicked: Editor) -> None:
    outline = Place((Polygon(((1, 1), (9, 1), (9, 9))),), granularity="whole")
    both = with_place(add_draft(clicked, "still"), outline)
    regions, still = regions_of(both)
    assert regions == [
        Region(Click(40, 30), prompt="drift left", edits=Grow(2), granularity="part")
    ]
    assert still == [HoldStill(outline.areas)], "an outline asks nobody how much it means"


def test_what_is_missing_is_said_by_the_regions_name(clicked: Editor) -> None:
    with pytest.raises(RegionError, match="nothing is selected"):
        regions_of(Editor())
    with pytest.raises(RegionError, match="nothing is selected"):
        regions_of(with_place(add_draft(Editor(), "still"), BOAT))
    regions, _ = regions_of(add_draft(add_draft(clicked), "still"))
    assert len(regions) == 1, "an empty region is left out"
    with pytest.raises(PromptError, match="boat has no motion"):
        regions_of(with_fields(clicked, 1, name="", prompt=" ", strength=None))
    placeless = with_fields(add_draft(clicked), 2, name="sail", prompt="sway", strength=None)
    with pytest.raises(RegionError, match="sail has no place"):
        regions_of(placeless)
