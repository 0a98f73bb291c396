"""Follow-Your-Click: click an object in a photo, say how it moves, get a clip in which only that moves."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from follow_your_click.animator import Animator
    from follow_your_click.client import Client
    from follow_your_click.clip import Clip
    from follow_your_click.models.unet import RegionalMotionUNet
    from follow_your_click.pipeline import RegionalAnimationPipeline
    from follow_your_click.project import Project
    from follow_your_click.region import (
        Box,
        Brush,
        Click,
        Feather,
        FillHoles,
        Grow,
        HoldStill,
        Intersect,
        KeepLargest,
        Polygon,
        Region,
        Selection,
        Shrink,
        Subtract,
    )

__all__ = [
    "Animator",
    "Box",
    "Brush",
    "Click",
    "Client",
    "Clip",
    "Feather",
    "FillHoles",
    "Grow",
    "HoldStill",
    "Intersect",
    "KeepLargest",
    "Polygon",
    "Project",
    "Region",
    "RegionalAnimationPipeline",
    "RegionalMotionUNet",
    "Selection",
    "Shrink",
    "Subtract",
]

# Where each name lives: imported on first use, so that a bare import costs no torch.
_HOMES = {
    "Animator": "animator",
    "Box": "region",
    "Brush": "region",
    "Click": "region",
    "Client": "client",
    "Clip": "clip",
    "Feather": "region",
    "FillHoles": "region",
    "Grow": "region",
    "HoldStill": "region",
    "Intersect": "region",
    "KeepLargest": "region",
    "Polygon": "region",
    "Project": "project",
    "Region": "region",
    "RegionalAnimationPipeline": "pipeline",
    "RegionalMotionUNet": "models.unet",
    "Selection": "region",
    "Shrink": "region",
    "Subtract": "region",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
