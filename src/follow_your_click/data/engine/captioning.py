"""Motion prompts for captions: the way from a build to `follow_your_click.data.captions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from follow_your_click.data.captions.schema import Captioner
from follow_your_click.data.engine.config import CaptionSettings
from follow_your_click.errors import SettingsError

CHUNK = 1000  # captions asked for at once: what a killed run may have to ask for again, if its captioner keeps no cache


def motion_captioner(settings: CaptionSettings, work: Path) -> Captioner | None:
    """The captioner that the settings name; None for "none".

    Args:
        work: where a language model's answers are kept, unless the settings name a `cache`, so that a killed build never pays twice.

    Raises:
        SettingsError: settings that it does not take.
        MissingExtraError: its library is not installed.
    """
    if settings.captioner == "none":
        return None
    try:
        if settings.captioner == "rules":
            from follow_your_click.data.captions.rules import RuleCaptioner

            return RuleCaptioner(**settings.settings)
        from follow_your_click.data.captions.llm import LLMCaptioner

        cache = Path(settings.settings.get("cache", work / "answers.sqlite"))
        return LLMCaptioner(**{**settings.settings, "cache": cache})
    except TypeError as error:
        raise SettingsError(
            f"captions.settings do not fit {settings.captioner!r}: {error}"
        ) from error


def describe_all(captions: Sequence[str], captioner: Captioner) -> Mapping[str, dict[str, Any]]:
    """Every different caption once: caption -> its record as plain values."""
    different = sorted(set(captions))
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(different), CHUNK):
        asked = different[start : start + CHUNK]
        for caption, record in zip(asked, captioner.describe(asked), strict=True):
            found[caption] = record.model_dump(mode="json")
    return found
