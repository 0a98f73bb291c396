"""Inputs that several nodes share, as ComfyUI wants them: (type, options)."""

from __future__ import annotations

from typing import Any

from follow_your_click.region import MAX_STRENGTH

AUTO = "auto"
BEST_GUESS = "best guess"
MOVES, HELD_STILL = "moves", "held still"
SAVED_AS = {
    "mp4": ".mp4",
    "webp": ".webp",
    "gif": ".gif",
    "webm, transparent": ".webm",
    "PNG frames": ".zip",
}

PROMPT: tuple[str, dict[str, Any]] = (
    "STRING",
    {
        "default": "drift left",
        "tooltip": 'How it moves: "sway", "turn the head", "rise slowly" ...',
    },
)
STRENGTH: tuple[str, dict[str, Any]] = (
    "FLOAT",
    {
        "default": -1.0,
        "min": -1.0,
        "max": MAX_STRENGTH,
        "step": 0.25,
        "tooltip": "Pixels per frame, as if the image's short side were 256 px; -1: as the prompt says.",
    },
)
KIND: tuple[list[str], dict[str, Any]] = (
    [MOVES, HELD_STILL],
    {"tooltip": "Whether it moves, or must not move even where something else reaches into it."},
)
CHAINED: tuple[str, dict[str, Any]] = (
    "FYC_REGIONS",
    {"tooltip": "Regions selected before; this one lies on top of them."},
)
