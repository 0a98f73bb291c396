"""The page's layout: photo left, its regions and Animate right, the clip between them once there is one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

import gradio as gr

from follow_your_click.interfaces.app.state import Editor
from follow_your_click.interfaces.app.studio import Studio
from follow_your_click.interfaces.app.theme import chips
from follow_your_click.interfaces.jobs import Offer
from follow_your_click.region import MAX_PROMPT_CHARACTERS, MAX_STRENGTH

TITLE = "Follow Your Click"
IDEAS = (
    *("drift left", "drift right", "rise slowly", "sink", "sway"),
    *("turn the head", "rotate", "grow", "flap"),
)
CACHE_SWEEP = (3600, 24 * 3600)  # seconds: look every hour, remove uploads older than a day


@dataclass(frozen=True, eq=False)
class Page:
    """The controls that events read or write."""

    editor: Any
    clips: Any
    photo: Any
    chips: Any
    regions: Any
    new: Any
    still: Any
    delete: Any
    owner: Any
    name: Any
    prompt: Any
    reading: Any
    idea_row: Any
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
    model: Any
    segmenter: Any
    result_column: Any
    result: Any


def build_page(studio: Studio, *, max_bytes: int) -> gr.Blocks:
    """The whole page, its events wired, not yet served.

    Args:
        max_bytes: of an upload, told to the browser; the server refuses more in any case.
    """
    from follow_your_click.interfaces.app.events import wire
    from follow_your_click.interfaces.app.handlers import Handlers
    from follow_your_click.interfaces.app.programs import add_programs

    handlers = Handlers(studio, max_bytes=max_bytes)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=CACHE_SWEEP) as blocks:
        gr.Markdown(f"# {TITLE}\nClick what should move, say how, press Animate.", elem_id="title")
        controls: dict[str, Any] = {
            # What the server remembers of one browser tab, and of no other.
            "editor": gr.State(Editor(), delete_callback=handlers.forget_editor),
            "clips": gr.State((), delete_callback=handlers.forget_clips),
        }
        with gr.Row(elem_id="desk"):
            with gr.Column(scale=6, min_width=320):
                start = handlers.photo_value(Editor())
                controls["photo"] = _component("photo", start, "upload select apply undo clear")
            with gr.Column(
                scale=6, min_width=320, visible=False, elem_id="result-column"
            ) as result_column:
                nothing = handlers.clips_value((), ())
                controls["result"] = _component("result", nothing, "end retry edit")
            with gr.Column(scale=4, min_width=300, elem_id="panel"):
                controls |= _panel(studio)
        page = Page(result_column=result_column, **controls)
        wire(page, handlers)
        add_programs(studio)
        blocks.unload(handlers.leave)
    # Clicks are quick: a long line means that visitors had better come back later.
    blocks.queue(max_size=64, default_concurrency_limit=1)
    return blocks


def _component(name: str, value: dict[str, Any], events: str) -> Any:
    """One of our own: static/NAME.html, .css and .js; `events`: those that its script triggers."""
    folder = resources.files("follow_your_click.interfaces.app") / "static"
    script = (folder / f"{name}.js").read_text(encoding="utf-8")
    assert all(f"trigger('{event}'" in script for event in events.split())
    return gr.HTML(
        value,
        html_template=(folder / f"{name}.html").read_text(encoding="utf-8"),
        css_template=(folder / f"{name}.css").read_text(encoding="utf-8"),
        js_on_load=script,
        apply_default_css=False,
        elem_id=name,
    )


def _panel(studio: Studio) -> dict[str, Any]:
    start = Editor()
    with gr.Group():
        regions = gr.Radio(
            [(draft.name, draft.number) for draft in start.drafts],
            value=start.selected,
            label="Regions",
            elem_id="regions",
        )
        with gr.Row(elem_id="region-buttons"):
            new = gr.Button("+ Region", size="sm", elem_id="new-region")
            still = gr.Button("+ Hold still", size="sm", elem_id="new-still")
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
        reading = gr.HTML("", elem_id="reading", padding=False)
    with gr.Row(elem_id="ideas") as idea_row:
        ideas = tuple(gr.Button(idea, size="sm", variant="secondary") for idea in IDEAS)
    automatic = gr.Checkbox(
        True, label="Strength as the prompt says", elem_id="automatic", container=False
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
    return {
        "regions": regions,
        "new": new,
        "still": still,
        "delete": delete,
        "chips": style,
        "prompt": prompt,
        "reading": reading,
        "owner": owner,
        "idea_row": idea_row,
        "ideas": ideas,
        "idea_texts": IDEAS,
        "automatic": automatic,
        "strength": strength,
        "animate": animate,
        "cancel": cancel,
        **_advanced(start.draft.name, studio),
    }


def _advanced(name: str, studio: Studio) -> dict[str, Any]:
    models, segmenters = studio.service.shelf.offered()
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
        model = _choice("Model", models, "model")
        segmenter = _choice("What finds the object under a click", segmenters, "segmenter")
    return {
        "name": field,
        "seed": seed,
        "num_frames": num_frames,
        "fps": fps,
        "steps": steps,
        "guidance": guidance,
        "model": model,
        "segmenter": segmenter,
    }


def _choice(label: str, offers: tuple[Offer, ...], elem_id: str) -> Any:
    """A menu that says of each choice what it needs."""
    return gr.Dropdown(
        [(f"{offer.name}: {offer.needs}", offer.name) for offer in offers],
        value=offers[0].name,
        label=label,
        elem_id=elem_id,
        interactive=True,
    )
