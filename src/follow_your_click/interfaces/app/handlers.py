"""What each control does: from the page's values to `Studio`, and back to what the page shows.

A visitor's mistake becomes a note on the page and changes nothing. Whatever is typed in the fields of a region travels
along, with the number of its region, so nothing typed is lost, whichever control is used next.
"""

from __future__ import annotations

import html
import secrets
from typing import Any

import gradio as gr

from follow_your_click.errors import FollowYourClickError
from follow_your_click.interfaces.app.jobs import JobCancelled, Jobs, warnings_heard
from follow_your_click.interfaces.app.overlay import draw
from follow_your_click.interfaces.app.state import (
    Editor,
    Tool,
    add_draft,
    delete_draft,
    select_draft,
    undo,
    with_fields,
    without_photo,
)
from follow_your_click.interfaces.app.studio import (
    FORMATS,
    MadeClip,
    Studio,
    kept,
    settings_from,
)
from follow_your_click.interfaces.app.theme import chips

MAX_SEED = 2**31
NOTE_SECONDS = 6  # on a phone a note covers part of the photo
FIRST_FORMAT = next(iter(FORMATS))


def note(message: str) -> None:
    """A line shown on the page as text, whatever a visitor put into it."""
    gr.Warning(html.escape(message, quote=False), duration=NOTE_SECONDS)


class Handlers:
    """One method per control; results are in the order of the outputs in events.py.

    Args:
        studio: what does the work.
    """

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.jobs = Jobs()

    def open_photo(self, editor: Editor, upload: dict[str, Any] | None) -> list[Any]:
        """A new photo under the old prompts; a file that is none leaves the photo that was there."""
        if upload is None:
            return [editor, None]
        try:
            editor = self.studio.open_photo(editor, upload["path"])
        except FollowYourClickError as error:
            note(str(error))
        return [editor, draw(editor)]

    def clear_photo(self, editor: Editor) -> Editor:
        return without_photo(editor)

    def click(self, editor: Editor, tool: Tool, event: gr.SelectData) -> list[Any]:
        """A click on the shown picture; a finished box hands the tool back to plain clicks."""
        x, y = event.index
        try:
            clicked = self.studio.click(editor, float(x), float(y), tool)
        except FollowYourClickError as error:
            note(str(error))
            return [gr.skip(), gr.skip(), gr.skip()]
        done = tool == "box" and clicked.corner is None
        return [clicked, draw(clicked), "add" if done else gr.skip()]

    def undo(self, editor: Editor) -> list[Any]:
        editor = undo(editor)
        return [editor, draw(editor)]

    def select(self, editor: Editor, number: int, *fields: Any) -> list[Any]:
        return self.refreshed(select_draft(_with_typed(editor, *fields), number))

    def new(self, editor: Editor, *fields: Any) -> list[Any]:
        editor = _with_typed(editor, *fields)
        try:
            editor = add_draft(editor)
        except FollowYourClickError as error:
            note(str(error))
        return self.refreshed(editor)

    def delete(self, editor: Editor) -> list[Any]:
        return self.refreshed(delete_draft(editor))

    def keep_fields(self, editor: Editor, *fields: Any) -> list[Any]:
        """What was typed goes into its region, and into the list."""
        editor = _with_typed(editor, *fields)
        return [editor, _list_of(editor)]

    def show_strength(self, automatic: bool) -> Any:
        return gr.Slider(visible=not automatic)

    def refreshed(self, editor: Editor) -> list[Any]:
        """Everything that shows the editor."""
        draft = editor.draft
        strength = gr.Slider(visible=draft.strength is not None)
        if draft.strength is not None:
            strength = gr.Slider(draft.strength, visible=True)
        return [
            editor,
            draw(editor),
            _list_of(editor),
            chips(editor),
            draft.number,
            draft.name,
            draft.prompt,
            draft.strength is None,
            strength,
        ]

    def draw_seed(self) -> int:
        return secrets.randbelow(MAX_SEED)

    def begin(self, request: gr.Request) -> list[Any]:
        """From here on there is a job that Cancel can stop, even while it waits for its turn."""
        self.jobs.begin(request.session_hash or "")
        working = gr.Button("Working ...", interactive=False)
        return [
            working,
            gr.Button(interactive=False),
            gr.Button("Cancel", visible=True, interactive=True),
            gr.Column(visible=True),
        ]

    def run(
        self,
        editor: Editor,
        owner: int,
        name: str,
        prompt: str,
        automatic: bool,
        strength: float | None,
        seed: float | None,
        num_frames: float | None,
        fps: float | None,
        steps: float | None,
        guidance: float | None,
        clips: tuple[MadeClip, ...],
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (how gradio wants it)
    ) -> list[Any]:
        """Make the clip; on Cancel or a mistake the clip that was shown stays."""
        job = self.jobs.current(request.session_hash or "")
        nothing = [gr.skip() for _ in range(7)]
        try:
            job.check()
            settings = settings_from(num_frames, fps, steps, guidance, seed)
            editor = _with_typed(editor, owner, name, prompt, automatic, strength)
            with warnings_heard() as warned:
                made = self.studio.animate(
                    editor,
                    settings,
                    job=job,
                    report=lambda share, words: progress(share, desc=words),
                )
        except JobCancelled:
            gr.Info("Stopped.", duration=NOTE_SECONDS)
            return nothing
        except FollowYourClickError as error:
            note(str(error))
            return nothing
        finally:
            self.jobs.end(request.session_hash or "")
        for line in dict.fromkeys(warned):
            note(line)
        dropped, clips = clips[len(kept(clips, made)) - 1 :], kept(clips, made)
        self.studio.forget(dropped)
        entries = [(str(entry.video), entry.caption) for entry in clips]
        gallery = gr.Gallery(entries, visible=True)
        return [clips, made, gallery, *_result(made)]

    def finish(self) -> list[Any]:
        return [
            gr.Button("Animate", interactive=True),
            gr.Button(interactive=True),
            gr.Button(visible=False),
        ]

    def cancel(self, request: gr.Request) -> Any:
        self.jobs.cancel(request.session_hash or "")
        return gr.Button("Stopping ...", interactive=False)

    def leave(self, request: gr.Request) -> None:
        """The tab was closed: nobody will see the clip."""
        self.jobs.cancel(request.session_hash or "")

    def show_clip(self, clips: tuple[MadeClip, ...], event: gr.SelectData) -> list[Any]:
        """An earlier clip of this session, with its settings."""
        if not 0 <= event.index < len(clips):
            return [gr.skip() for _ in range(5)]
        made = clips[event.index]
        return [made, *_result(made)]

    def wait_for_file(self) -> Any:
        return gr.DownloadButton("Writing ...", interactive=False)

    def export(self, made: MadeClip | None, kind: str) -> Any:
        """The shown clip as a file of another kind."""
        if made is None:
            return gr.DownloadButton("Download", interactive=False)
        try:
            with warnings_heard() as warned:
                path = self.studio.export(made, kind)
        except FollowYourClickError as error:
            note(str(error))
            return gr.DownloadButton("Download", interactive=False)
        for line in warned:
            note(line)
        return gr.DownloadButton("Download", value=str(path), interactive=True)


def _with_typed(
    editor: Editor,
    owner: float,
    name: str | None,
    prompt: str | None,
    automatic: bool,
    strength: float | None,
) -> Editor:
    return with_fields(
        editor,
        int(owner),
        name=name or "",
        prompt=prompt or "",
        strength=None if automatic else strength,
    )


def _list_of(editor: Editor) -> Any:
    choices = [
        (f"{draft.name}: {draft.prompt}" if draft.prompt.strip() else draft.name, draft.number)
        for draft in editor.drafts
    ]
    return gr.Radio(choices=choices, value=editor.selected)


def _result(made: MadeClip) -> list[Any]:
    """Video, settings, format, download."""
    settings = {**made.clip.settings, "seconds": dict(made.clip.seconds)}
    download = gr.DownloadButton("Download", value=str(made.video), interactive=True)
    return [str(made.video), settings, FIRST_FORMAT, download]
