"""Which control calls which handler."""

from __future__ import annotations

import json
from typing import Any

from follow_your_click.interfaces.app.handlers import Handlers
from follow_your_click.interfaces.app.page import Page

# One line for all edits: two quick clicks of one visitor must not both start from the same state.
EDITS: dict[str, Any] = {
    "concurrency_id": "edits",
    "concurrency_limit": 1,
    "trigger_mode": "multiple",
    "show_progress": "hidden",
    "api_visibility": "private",
}
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def wire(page: Page, handlers: Handlers) -> None:
    """Connect every control of the page."""
    _wire_photo(page, handlers)
    _wire_regions(page, handlers)
    _wire_clips(page, handlers)


def _fields(page: Page) -> list[Any]:
    return [page.owner, page.name, page.prompt, page.automatic, page.strength]


def _settings(page: Page) -> list[Any]:
    """In the order of `handlers.settings_from`."""
    return [
        *(page.seed, page.num_frames, page.fps, page.steps, page.guidance),
        *(page.model, page.segmenter),
    ]


def _everything(page: Page) -> list[Any]:
    """What shows the editor; in the order of `Handlers.refreshed`."""
    return [page.editor, page.photo, page.regions, page.chips, *_fields(page), page.idea_row]


def _wire_photo(page: Page, handlers: Handlers) -> None:
    page.photo.upload(
        handlers.open_upload,
        [page.editor, page.clips, *_fields(page), *_settings(page)],
        [*_everything(page), *_settings(page)],
        **EDITS,
    )
    # One event for each thing that a visitor does, and what was typed travels along: nothing has to wait for a field.
    changed = [page.editor, page.segmenter, *_fields(page)], [page.editor, page.photo, page.regions]
    page.photo.select(handlers.select_area, *changed, **EDITS)
    page.photo.apply(handlers.mend, *changed, **EDITS)
    page.photo.undo(handlers.undo, *changed, **EDITS)
    page.photo.clear(handlers.clear, *changed, **EDITS)
    page.segmenter.input(handlers.change_segmenter, *changed, **EDITS)


def _wire_regions(page: Page, handlers: Handlers) -> None:
    fields, everything = _fields(page), _everything(page)
    page.regions.input(
        handlers.select_region, [page.editor, page.regions, *fields], everything, **EDITS
    )
    page.new.click(handlers.new_region, [page.editor, *fields], everything, **EDITS)
    page.still.click(handlers.new_still, [page.editor, *fields], everything, **EDITS)
    page.delete.click(handlers.delete_region, [page.editor], everything, **EDITS)
    keep = [page.editor, *fields], [page.editor, page.regions]
    for entered in (page.prompt.submit, page.name.submit):
        entered(handlers.keep_fields, *keep, **EDITS)
    for button, idea in zip(page.ideas, page.idea_texts, strict=True):
        # Typed by the browser itself: no round trip to wait for.
        button.click(None, None, page.prompt, js=f"() => {json.dumps(idea)}", **QUICK)
    # What was typed and what a button put there alike; of quick typing the last.
    page.prompt.change(
        handlers.read, [page.prompt, page.model], page.reading, **QUICK, trigger_mode="always_last"
    )
    page.automatic.input(handlers.show_strength, page.automatic, page.strength, **QUICK)


def _wire_clips(page: Page, handlers: Handlers) -> None:
    asking = [page.editor, page.clips, *_fields(page), *_settings(page)]
    asked = [
        *(page.editor, page.regions, page.clips, page.result, page.seed),
        *(page.animate, page.cancel, page.result_column),
    ]
    page.animate.click(handlers.start, asking, asked, **EDITS)
    page.result.retry(handlers.retry, asking, asked, **EDITS)
    page.result.end(handlers.ended, None, [page.animate, page.cancel], **QUICK)
    page.cancel.click(handlers.cancel, [page.clips], page.cancel, **QUICK)
    page.result.edit(
        handlers.go_on,
        [page.editor, page.clips],
        [*_everything(page), *_settings(page)],
        **EDITS,
    )
