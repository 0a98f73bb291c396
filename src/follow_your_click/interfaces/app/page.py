"""The page's layout: photo left, its regions and Animate right, the clip between them once there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from follow_your_click.interfaces.app.state import Editor
from follow_your_click.interfaces.app.studio import FORMATS, MadeClip, Studio
from follow_your_click.interfaces.app.theme import PHOTO_HEIGHT, chips
from follow_your_click.region import MAX_PROMPT_CHARACTERS, MAX_STRENGTH

TITLE = "Follow Your Click"
IDEAS = (
    *("drift left", "drift right", "rise slowly", "sink", "sway"),
    *("turn the head", "rotate", "grow", "flap"),
)
TOOLS = [("Add", "add"), ("Exclude", "exclude"), ("Box", "box")]
PHOTO_HINT = "Drop a photo here, paste one, or click to choose"
CACHE_SWEEP = (3600, 24 * 3600)  # seconds: look every hour, remove uploads older than a day


@dataclass(frozen=True, eq=False)
class Page:
    """The controls that events read or write."""

    editor: Any
    clips: Any
    current: Any
    photo: Any
    tool: Any
    undo: Any
    chips: Any
    regions: Any
    new: Any
    delete: Any
    owner: Any
    name: Any
    prompt: Any
    ideas: tuple[Any, ...]
    idea_texts: tuple[str, ...]
    automatic: Any
    strength: Any
    animate: Any
    cancel: Any
    seed: Any
    num_frames: Any
    fps: Any
    steps: Any
    guidance: Any
    result_column: Any
    video: Any
    again: Any
    export_format: Any
    download: Any
    settings: Any
    gallery: Any


def build_page(studio: Studio) -> gr.Blocks:
    """The whole page, its events wired, not yet served."""
    from follow_your_click.interfaces.app.events import wire
    from follow_your_click.interfaces.app.handlers import Handlers

    handlers = Handlers(studio)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=CACHE_SWEEP) as blocks:
        gr.Markdown(f"# {TITLE}\nClick what should move, say how, press Animate.", elem_id="title")
        controls: dict[str, Any] = _states(studio.forget)
        with gr.Row(elem_id="desk"):
            with gr.Column(scale=6, min_width=320):
                controls |= _photo_column()
            with gr.Column(
                scale=5, min_width=320, visible=False, elem_id="result-column"
            ) as result_column:
                controls |= _result_column()
            with gr.Column(scale=4, min_width=300):
                controls |= _panel()
        page = Page(result_column=result_column, **controls)
        wire(page, handlers)
        blocks.unload(handlers.leave)
    # Clicks are quick and clips are not: a long line means that visitors had better come back later.
    blocks.queue(max_size=32, default_concurrency_limit=1)
    return blocks


def _states(forget: Callable[[tuple[MadeClip, ...]], None]) -> dict[str, Any]:
    """What the server remembers of one browser tab, and of no other."""
    return {
        "editor": gr.State(Editor()),
        "clips": gr.State((), delete_callback=forget),
        "current": gr.State(None),
    }


def _photo_column() -> dict[str, Any]:
    photo = gr.Image(
        label="Photo",
        show_label=False,
        elem_id="photo",
        type="filepath",
        image_mode=None,
        format="jpeg",
        sources=["upload", "clipboard"],
        interactive=True,
        height=PHOTO_HEIGHT,
        placeholder=PHOTO_HINT,
        buttons=["fullscreen"],
        alt_text="Your photo; the regions that will move are lit up",
    )
    with gr.Row(elem_id="photo-buttons", equal_height=True):
        tool = gr.Radio(
            TOOLS,
            value="add",
            show_label=False,
            container=False,
            elem_id="tool",
            scale=4,
            min_width=200,
        )
        undo = gr.Button("Undo", size="sm", scale=1, min_width=70, elem_id="undo")
    return {"photo": photo, "tool": tool, "undo": undo}


def _panel() -> dict[str, Any]:
    start = Editor()
    with gr.Group():
        regions = gr.Radio(
            [(draft.name, draft.number) for draft in start.drafts],
            value=start.selected,
            label="Regions that move",
            elem_id="regions",
        )
        with gr.Row(elem_id="region-buttons"):
            new = gr.Button("+ New region", size="sm", elem_id="new-region")
            delete = gr.Button("Delete", size="sm", elem_id="delete-region")
        # Whose name, prompt and strength the fields show: a click may come before an answer to the last one.
        owner = gr.Number(start.selected, visible=False, precision=0)
        style = gr.HTML(chips(start), elem_id="chips")
        prompt = gr.Textbox(
            label="How does it move?",
            placeholder="drift left",
            max_length=MAX_PROMPT_CHARACTERS,
            elem_id="prompt",
            lines=1,
        )
    with gr.Row(elem_id="ideas"):
        ideas = tuple(gr.Button(idea, size="sm", variant="secondary") for idea in IDEAS)
    automatic = gr.Checkbox(
        True, label="Strength that suits the model", elem_id="automatic", container=False
    )
    strength = gr.Slider(
        0, MAX_STRENGTH, value=2, step=0.25, visible=False, elem_id="strength",
        label="Strength", info="Pixels per frame, as if the photo's short side were 256 px",
    )  # fmt: skip
    with gr.Row():
        animate = gr.Button(
            "Animate", variant="primary", size="lg", min_width=100, elem_id="animate"
        )
        cancel = gr.Button(
            "Cancel", variant="stop", size="lg", min_width=100, visible=False, elem_id="cancel"
        )
    advanced = _advanced(start.draft.name)
    return {
        "regions": regions,
        "new": new,
        "delete": delete,
        "chips": style,
        "prompt": prompt,
        "owner": owner,
        "ideas": ideas,
        "idea_texts": IDEAS,
        "automatic": automatic,
        "strength": strength,
        "animate": animate,
        "cancel": cancel,
        **advanced,
    }


def _advanced(name: str) -> dict[str, Any]:
    with gr.Accordion("Advanced", open=False, elem_id="advanced"):
        field = gr.Textbox(name, label="Name of the region", max_lines=1, elem_id="name")
        with gr.Row():
            seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=90, elem_id="seed")
            num_frames = gr.Number(
                16, label="Frames", precision=0, minimum=2, min_width=90, elem_id="frames"
            )
            fps = gr.Number(8, label="Frames / s", minimum=0.1, min_width=90, elem_id="fps")
        with gr.Row():
            # A browser turns an empty number field into 0 when it first shows it; so 0 it is.
            steps = gr.Number(
                0, label="Steps (0: model's own)", precision=0, min_width=90, elem_id="steps"
            )
            guidance = gr.Number(
                0, label="Guidance (0: model's own)", min_width=90, elem_id="guidance"
            )
    return {
        "name": field,
        "seed": seed,
        "num_frames": num_frames,
        "fps": fps,
        "steps": steps,
        "guidance": guidance,
    }


def _result_column() -> dict[str, Any]:
    video = gr.Video(
        label="Clip",
        show_label=False,
        elem_id="result",
        interactive=False,
        autoplay=True,
        loop=True,
        height=PHOTO_HEIGHT,
        buttons=[],
    )
    with gr.Row(equal_height=True):
        export_format = gr.Dropdown(
            list(FORMATS),
            value=next(iter(FORMATS)),
            show_label=False,
            container=False,
            min_width=110,
            elem_id="format",
        )
        download = gr.DownloadButton(
            "Download", interactive=False, min_width=90, elem_id="download"
        )
        again = gr.Button("Another seed", size="sm", min_width=90, elem_id="again")
    gallery = gr.Gallery(
        label="Clips of this session",
        columns=4,
        fit_columns=False,
        visible=False,
        height="auto",
        allow_preview=False,
        interactive=False,
        object_fit="cover",
        buttons=[],
        elem_id="gallery",
    )
    with gr.Accordion("Settings of this clip", open=False):
        settings = gr.JSON(show_label=False, elem_id="settings")
    return {
        "video": video,
        "export_format": export_format,
        "download": download,
        "again": again,
        "gallery": gallery,
        "settings": settings,
    }
