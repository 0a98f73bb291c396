"""Which control calls which handler."""

from __future__ import annotations

import json
from typing import Any

from follow_your_click.interfaces.app.handlers import Handlers
from follow_your_click.interfaces.app.page import Page

# One line for all edits: two quick clicks of one visitor must not both start from the same state.
EDITS: dict[str, Any] = {
    "concurrency_id": "edits",
    "trigger_mode": "multiple",
    "show_progress": "hidden",
    "api_visibility": "private",
}
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def wire(page: Page, handlers: Handlers) -> None:
    """Connect every control of the page."""
    _wire_photo(page, handlers)
    _wire_regions(page, handlers)
    _wire_job(page, handlers)
    _wire_results(page, handlers)


def _fields(page: Page) -> list[Any]:
    return [page.owner, page.name, page.prompt, page.automatic, page.strength]


def _everything(page: Page) -> list[Any]:
    """What shows the editor; in the order of `Handlers.refreshed`."""
    return [page.editor, page.photo, page.regions, page.chips, *_fields(page)]


def _wire_photo(page: Page, handlers: Handlers) -> None:
    page.photo.upload(
        handlers.open_photo,
        [page.editor, page.photo],
        [page.editor, page.photo],
        # As uploaded: the page's own reader says what is wrong with a file, and never shows its path.
        preprocess=False,
        **{**EDITS, "show_progress": "minimal"},
    )
    page.photo.clear(handlers.clear_photo, [page.editor], [page.editor], **EDITS)
    page.photo.select(
        handlers.click,
        [page.editor, page.tool],
        [page.editor, page.photo, page.tool],
        **EDITS,
    )
    page.undo.click(handlers.undo, [page.editor], [page.editor, page.photo], **EDITS)


def _wire_regions(page: Page, handlers: Handlers) -> None:
    fields = _fields(page)
    everything = _everything(page)
    page.regions.input(handlers.select, [page.editor, page.regions, *fields], everything, **EDITS)
    page.new.click(handlers.new, [page.editor, *fields], everything, **EDITS)
    page.delete.click(handlers.delete, [page.editor], everything, **EDITS)
    keep = [page.editor, *fields], [page.editor, page.regions]
    for leave in (page.prompt.blur, page.prompt.submit, page.name.blur, page.name.submit):
        leave(handlers.keep_fields, *keep, **EDITS)
    for button, idea in zip(page.ideas, page.idea_texts, strict=True):
        # Typed by the browser itself: no round trip to wait for.
        typed = button.click(None, None, page.prompt, js=f"() => {json.dumps(idea)}", **QUICK)
        typed.then(handlers.keep_fields, *keep, **EDITS)
    page.automatic.input(handlers.show_strength, page.automatic, page.strength, **QUICK)


def _wire_job(page: Page, handlers: Handlers) -> None:
    buttons = [page.animate, page.again, page.cancel, page.result_column]
    settings = [page.seed, page.num_frames, page.fps, page.steps, page.guidance]
    asked = page.animate.click(handlers.begin, None, buttons, **QUICK)
    drawn = page.again.click(handlers.draw_seed, None, page.seed, **QUICK)
    for start in (asked, drawn.then(handlers.begin, None, buttons, **QUICK)):
        ran = start.then(
            handlers.run,
            [page.editor, *_fields(page), *settings, page.clips],
            [page.clips, page.current, page.gallery, *_result(page)],
            concurrency_id="clips",
            concurrency_limit=1,
            show_progress="full",
            show_progress_on=[page.video],
            api_visibility="private",
        )
        ran.then(handlers.finish, None, buttons[:-1], **QUICK)
    page.cancel.click(handlers.cancel, None, page.cancel, **QUICK)


def _result(page: Page) -> list[Any]:
    return [page.video, page.settings, page.export_format, page.download]


def _wire_results(page: Page, handlers: Handlers) -> None:
    page.gallery.select(
        handlers.show_clip,
        [page.clips],
        [page.current, *_result(page)],
        concurrency_id="results",
        show_progress="hidden",
        api_visibility="private",
    )
    page.export_format.input(handlers.wait_for_file, None, page.download, **QUICK).then(
        handlers.export,
        [page.current, page.export_format],
        page.download,
        concurrency_id="results",
        show_progress="hidden",
        api_visibility="private",
    )
