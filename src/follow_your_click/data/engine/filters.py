"""Which clips teach nothing about regional motion, and why.

Plug-ins of one's own (aesthetics, overlaid text, watermarks) are classes with the one method of `ClipFilter`, named in the config as
"module:Class"; two that need no model are in `plugins`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from follow_your_click.data.engine.config import FilterSettings, PluginSettings
from follow_your_click.data.engine.motion import Motion
from follow_your_click.errors import SettingsError
from follow_your_click.flow import UInt8Array


@dataclass(frozen=True)
class Drop:
    """Why a clip is dropped: a short name for tables, and the figure that decided."""

    reason: str
    detail: str


class ClipFilter(Protocol):
    """A plug-in. Built once in every worker process; must give the same answer for the same clip."""

    def judge(self, frames: UInt8Array, motion: Motion) -> Drop | None:
        """Frames (L, H, W, 3) and what was measured of them -> why to drop them, or None."""
        ...


def judge_motion(motion: Motion, bounds: FilterSettings) -> Drop | None:
    """The first bound that a clip breaks: camera, stillness, area, speed, chaos."""
    if motion.camera_strength > bounds.max_camera_strength:
        return Drop(
            "camera_motion",
            f"the camera moves {motion.camera_strength:.2f} px a frame; at most {bounds.max_camera_strength:g}",
        )
    if motion.motion_strength < bounds.min_strength:
        return Drop(
            "static", f"strength {motion.motion_strength:.2f}; at least {bounds.min_strength:g}"
        )
    if motion.area < bounds.min_area:
        return Drop("small_area", f"{motion.area:.2%} of the frame; at least {bounds.min_area:.2%}")
    if motion.area > bounds.max_area:
        return Drop("whole_frame", f"{motion.area:.0%} of the frame; at most {bounds.max_area:.0%}")
    if motion.motion_strength > bounds.max_strength:
        return Drop(
            "too_fast", f"strength {motion.motion_strength:.1f}; at most {bounds.max_strength:g}"
        )
    if motion.warp_error > bounds.max_warp_error:
        return Drop(
            "chaotic",
            f"{motion.warp_error:.1f} levels not explained by flow; at most {bounds.max_warp_error:g}",
        )
    return None


def load_plugins(settings: Sequence[PluginSettings]) -> list[ClipFilter]:
    """The plug-ins of a config.

    Raises:
        SettingsError: a module or class that is not there, or that does not take these settings.
    """
    found = []
    for plugin in settings:
        module, _, name = plugin.target.partition(":")
        try:
            made = getattr(importlib.import_module(module), name)(**plugin.settings)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            raise SettingsError(f"the filter {plugin.target} cannot be made: {error}") from error
        if not callable(getattr(made, "judge", None)):
            raise SettingsError(f"the filter {plugin.target} has no method judge(frames, motion)")
        found.append(cast(ClipFilter, made))
    return found
