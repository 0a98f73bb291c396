"""Between the page's fields and what they mean: settings, the fields of a region, what a clip was made with."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from follow_your_click.errors import SettingsError
from follow_your_click.interfaces.app.state import Editor, with_fields
from follow_your_click.interfaces.app.studio import AskedClip
from follow_your_click.project import ProjectSettings


def settings_from(
    seed: Any,
    num_frames: Any,
    fps: Any,
    num_inference_steps: Any,
    guidance_scale: Any,
    model: str,
    segmenter: str,
) -> ProjectSettings:
    """What the page's fields hold; 0 or nothing for steps or guidance is the model's own.

    Raises:
        SettingsError: an empty field, or no number. `Animator.animate` checks the ranges.
    """
    return ProjectSettings(
        model=model,
        segmenter=segmenter,
        num_frames=_whole("frames", num_frames),
        fps=_number("frames per second", fps),
        num_inference_steps=_whole("steps", num_inference_steps) if num_inference_steps else None,
        guidance_scale=_number("guidance", guidance_scale) if guidance_scale else None,
        seed=_whole("seed", seed),
    )


def settings_shown(settings: ProjectSettings) -> list[Any]:
    """The values of the page's fields, in the order of `settings_from`."""
    return [
        settings.seed,
        settings.num_frames,
        settings.fps,
        settings.num_inference_steps or 0,
        settings.guidance_scale or 0,
        settings.model,
        settings.segmenter,
    ]


def with_typed(
    editor: Editor,
    owner: float,
    name: str | None,
    prompt: str | None,
    automatic: bool,
    strength: float | None,
) -> Editor:
    """The editor with what stands in the fields of one region; `owner` is its number."""
    return with_fields(
        editor,
        int(owner),
        name=name or "",
        prompt=prompt or "",
        strength=None if automatic else strength,
    )


def list_of(editor: Editor) -> Any:
    """The list of regions, the selected one chosen."""
    choices = []
    for draft in editor.drafts:
        said = "held still" if draft.kind == "still" else draft.prompt.strip()
        choices.append((f"{draft.name}: {said}" if said else draft.name, draft.number))
    return gr.Radio(choices=choices, value=editor.selected)


def clip_value(clip: AskedClip) -> dict[str, Any]:
    """What static/result.js shows of a clip."""
    photo, settings = clip.photo, clip.settings
    moves = [draft for draft in clip.editor.drafts if draft.begun and draft.kind == "moves"]
    still = [draft.name for draft in clip.editor.drafts if draft.begun and draft.kind == "still"]
    lines = [
        *((draft.name, f"{draft.prompt}, strength {_strength(draft.strength)}") for draft in moves),
        *((name, "held still") for name in still),
        ("seed", f"{settings.seed}"),
        ("frames", f"{settings.num_frames} at {settings.fps:g} per second"),
        ("steps", f"{settings.num_inference_steps or 'the model’s own'}"),
        ("guidance", f"{settings.guidance_scale or 'the model’s own'}"),
        ("model", settings.model),
        ("segmenter", settings.segmenter),
        ("photo", f"{photo.width} x {photo.height} px"),
    ]
    return {
        "id": clip.job.id,
        "title": clip.title,
        "width": photo.width,
        "height": photo.height,
        "photo": f"page/photos/{photo.key}",
        "settings": [list(line) for line in lines],
    }


def _strength(strength: float | None) -> str:
    return "as the prompt says" if strength is None else f"{strength:g}"


def _whole(name: str, value: Any) -> int:
    number = _number(name, value)
    if number != int(number):
        raise SettingsError(f"{name}: got {number:g}, expected a whole number")
    return int(number)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        got = "nothing" if value is None else repr(value)
        raise SettingsError(f"{name}: got {got}, expected a number")
    return number
