"""What each control does: from the page's values to `Studio`, and back to what the page shows.

A visitor's mistake becomes a note on the page and changes nothing. Whatever is typed in the fields of a region travels
along, with the number of its region, so nothing typed is lost, whichever control is used next.
"""

from __future__ import annotations

import html
import itertools
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from follow_your_click.errors import FollowYourClickError
from follow_your_click.interfaces.app.fields import (
    clip_value,
    list_of,
    settings_from,
    settings_shown,
    with_typed,
)
from follow_your_click.interfaces.app.overlay import COLOURS, as_data_url, draw
from follow_your_click.interfaces.app.state import (
    Editor,
    Kind,
    Place,
    add_draft,
    delete_draft,
    select_draft,
    undo,
    with_place,
)
from follow_your_click.interfaces.app.studio import MAX_CLIPS, AskedClip, Studio
from follow_your_click.interfaces.app.theme import chips
from follow_your_click.region import Box, Click

MAX_SEED = 2**31
VARIATIONS = 4
NOTE_SECONDS = 6  # on a phone a note covers part of the photo

Clips = tuple[AskedClip, ...]
Fields = tuple[Any, ...]
"""Number of the region, its name, prompt, whether its strength is the model's, strength."""


def note(message: str) -> None:
    """A line shown on the page as text, whatever a visitor put into it."""
    gr.Warning(html.escape(message, quote=False), duration=NOTE_SECONDS)


class Handlers:
    """One method per control; results are in the order of the outputs in events.py.

    Args:
        studio: what does the work.
        max_bytes: of an upload, told to the browser.
    """

    def __init__(self, studio: Studio, *, max_bytes: int) -> None:
        self.studio = studio
        self.max_bytes = max_bytes
        # What the browser hears must differ each time, or it would not notice an answer that changes nothing.
        self._answers = itertools.count(1)

    # What the page shows

    def photo_value(self, editor: Editor) -> dict[str, Any]:
        """For static/photo.js."""
        draft, photo = editor.draft, editor.photo
        picture = draw(editor)
        return {
            "answer": next(self._answers),
            "photo": photo
            and {"url": f"page/photos/{photo.key}", "width": photo.width, "height": photo.height},
            "overlay": None if picture is None else as_data_url(picture),
            "areas": [vars(area) for area in draft.place.areas if isinstance(area, Click | Box)],
            "colour": f"rgb{COLOURS[draft.colour]}",
            "granularity": draft.place.granularity or "auto",
            "max_bytes": self.max_bytes,
        }

    def clips_value(self, clips: Clips, batch: Sequence[str]) -> dict[str, Any]:
        """For static/result.js."""
        return {
            "answer": next(self._answers),
            "batch": list(batch),
            "clips": [clip_value(clip) for clip in clips],
        }

    def refreshed(self, editor: Editor) -> list[Any]:
        """Everything that shows the editor."""
        draft = editor.draft
        moves = draft.kind == "moves"
        own = draft.strength is not None
        strength = gr.Slider(draft.strength, visible=True) if own else gr.Slider(visible=False)
        return [
            editor,
            self.photo_value(editor),
            list_of(editor),
            chips(editor),
            draft.number,
            draft.name,
            gr.Textbox(draft.prompt, visible=moves),
            gr.Checkbox(draft.strength is None, visible=moves),
            strength if moves else gr.Slider(visible=False),
            gr.Row(visible=moves),
        ]

    def read(self, prompt: str | None, model: str) -> str:
        """How the model understands what stands in the field."""
        said = self.studio.service.shelf.reading(model, prompt or "")
        return f'<span role="status">{html.escape(said)}</span>'

    # The photo

    def open_upload(
        self, event: gr.EventData, editor: Editor, clips: Clips, *values: Any
    ) -> list[Any]:
        """A new photo under the old prompts, or a clip's photo, regions and settings.

        A file that is neither leaves the photo that was there.
        """
        fields, settings = values[:5], values[5:]
        before = editor = with_typed(editor, *fields)
        shown: list[Any] = [gr.skip() for _ in settings]
        try:
            now = settings_from(*settings)
            editor, restored = self.studio.open_upload(editor, _data(event).get("path", ""), now)
            if restored is not now:
                shown = settings_shown(restored)
                gr.Info("Photo, regions and settings are those of the clip.", duration=NOTE_SECONDS)
                if editor.photo is not None and not editor.photo.exact:
                    note(
                        "The clip's file does not hold the photo exactly; for the same frames again, open the"
                        " photo itself first, then drop the clip."
                    )
        except FollowYourClickError as error:
            note(str(error))
        self.studio.discard([before.photo], kept=[editor.photo, *(clip.photo for clip in clips)])
        return [*self.refreshed(editor), *shown]

    def select_area(
        self, event: gr.EventData, editor: Editor, segmenter: str, *fields: Any
    ) -> list[Any]:
        """A click, box or stroke on the photo."""
        data = _data(event)
        return self._changed(
            with_typed(editor, *fields),
            lambda editor: self.studio.select(editor, data, segmenter=segmenter),
        )

    def mend(self, event: gr.EventData, editor: Editor, segmenter: str, *fields: Any) -> list[Any]:
        """A button that changes the mask as a whole."""
        data = _data(event)
        return self._changed(
            with_typed(editor, *fields),
            lambda editor: self.studio.mend(editor, data, segmenter=segmenter),
        )

    def undo(self, editor: Editor, segmenter: str, *fields: Any) -> list[Any]:
        return self._changed(with_typed(editor, *fields), undo)

    def clear(self, editor: Editor, segmenter: str, *fields: Any) -> list[Any]:
        """The selected region starts over; Undo brings it back."""
        return self._changed(
            with_typed(editor, *fields),
            lambda editor: with_place(editor, Place()) if editor.draft.place.areas else editor,
        )

    def change_segmenter(self, editor: Editor, segmenter: str, *fields: Any) -> list[Any]:
        """The same clicks as another segmenter sees them."""
        return self._changed(
            with_typed(editor, *fields),
            lambda editor: self.studio.masked_anew(editor, segmenter=segmenter),
        )

    def _changed(self, editor: Editor, change: Callable[[Editor], Editor]) -> list[Any]:
        """Editor, photo and list after a change, or as they were after a mistake."""
        try:
            editor = change(editor)
        except FollowYourClickError as error:
            note(str(error))
        return [editor, self.photo_value(editor), list_of(editor)]

    # Regions

    def select_region(self, editor: Editor, number: int, *fields: Any) -> list[Any]:
        return self.refreshed(select_draft(with_typed(editor, *fields), number))

    def new_region(self, editor: Editor, *fields: Any, kind: Kind = "moves") -> list[Any]:
        editor = with_typed(editor, *fields)
        try:
            editor = add_draft(editor, kind)
        except FollowYourClickError as error:
            note(str(error))
        return self.refreshed(editor)

    def new_still(self, editor: Editor, *fields: Any) -> list[Any]:
        return self.new_region(editor, *fields, kind="still")

    def delete_region(self, editor: Editor) -> list[Any]:
        return self.refreshed(delete_draft(editor))

    def keep_fields(self, editor: Editor, *fields: Any) -> list[Any]:
        """What was typed goes into its region, and into the list."""
        editor = with_typed(editor, *fields)
        return [editor, list_of(editor)]

    def show_strength(self, automatic: bool) -> Any:
        return gr.Slider(visible=not automatic)

    # Clips

    def start(self, request: gr.Request, editor: Editor, clips: Clips, *values: Any) -> list[Any]:
        """Ask for the clip; on a mistake what was shown stays."""
        return self._ask(editor, clips, values, request, count=1, same_seed=True)

    def retry(
        self,
        event: gr.EventData,
        request: gr.Request,
        editor: Editor,
        clips: Clips,
        *values: Any,
    ) -> list[Any]:
        """The same with another seed, or with several."""
        count = VARIATIONS if _data(event).get("count") == VARIATIONS else 1
        return self._ask(editor, clips, values, request, count=count, same_seed=False)

    def _ask(
        self,
        editor: Editor,
        clips: Clips,
        values: Fields,
        request: gr.Request,
        *,
        count: int,
        same_seed: bool,
    ) -> list[Any]:
        fields, numbers = values[:5], values[5:]
        try:
            editor = with_typed(editor, *fields)
            settings = settings_from(*numbers)
            seeds = [settings.seed] if same_seed else _drawn(count)
            asked = self.studio.ask(editor, settings, seeds=seeds, owner=_owner(request))
        except FollowYourClickError as error:
            note(str(error))
            return [editor, list_of(editor), *(gr.skip() for _ in range(6))]
        every = (*asked, *clips)
        kept, dropped = every[:MAX_CLIPS], every[MAX_CLIPS:]
        self.studio.discard(
            [clip.photo for clip in dropped], kept=[editor.photo, *(clip.photo for clip in kept)]
        )
        value = self.clips_value(kept, [clip.job.id for clip in asked])
        seed = seeds[0] if count == 1 else gr.skip()
        working = gr.Button("Working ...", interactive=False)
        shown = gr.Column(visible=True)
        cancel = gr.Button(visible=True, interactive=True)
        return [editor, list_of(editor), kept, value, seed, working, cancel, shown]

    def ended(self) -> list[Any]:
        """Nothing is in the making any more."""
        return [gr.Button("Animate", interactive=True), gr.Button(visible=False)]

    def cancel(self, clips: Clips) -> Any:
        """Stop whatever of this visitor is in the making."""
        for clip in clips:
            self.studio.service.queue.cancel(clip.job)
        return gr.Button(interactive=False)

    def go_on(self, event: gr.EventData, editor: Editor, clips: Clips) -> list[Any]:
        """Photo, regions and settings as they were for one of the session's clips."""
        number = _data(event).get("id")
        clip = next((clip for clip in clips if clip.job.id == number), None)
        if clip is None:
            return [gr.skip() for _ in range(17)]
        self.studio.discard([editor.photo], kept=[clip.photo for clip in clips])
        return [*self.refreshed(clip.editor), *settings_shown(clip.settings)]

    def leave(self, request: gr.Request) -> None:
        """The tab was closed: nobody will see its clips."""
        self.studio.service.queue.cancel_all(owner=_owner(request))

    def forget_clips(self, clips: Clips) -> None:
        """The session is over: its clips' photos go."""
        self.studio.discard([clip.photo for clip in clips], kept=[])

    def forget_editor(self, editor: Editor) -> None:
        """The session is over: its photo goes."""
        self.studio.discard([editor.photo], kept=[])


def _data(event: gr.EventData) -> dict[str, Any]:
    """What the browser sent along; nothing of it can be relied on."""
    data = event._data
    return data if isinstance(data, dict) else {}


def _owner(request: gr.Request) -> str:
    return request.session_hash or ""


def _drawn(count: int) -> list[int]:
    return [secrets.randbelow(MAX_SEED) for _ in range(count)]
