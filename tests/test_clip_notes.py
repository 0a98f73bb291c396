"""What a clip's file holds beside its frames: long settings, exactly; and nothing that differs between equal clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from follow_your_click.clip import Clip, Patch, read_settings
from follow_your_click.errors import OutputError


@pytest.fixture(scope="module")
def clip() -> Clip:
    photo = np.random.default_rng(0).integers(0, 255, (40, 48, 3), np.uint8)
    frames = np.repeat(photo[None, 10:30, 10:30], 3, axis=0)
    frames[1:, 5:15, 5:15] += 40
    mask = np.zeros((40, 48), np.bool_)
    mask[10:30, 10:30] = True
    return Clip(
        photo, (Patch(10, 10, frames, np.full((3, 20, 20), 255, np.uint8)),), 3, 8.0, {}, mask
    )


def _mask_text(length: int) -> str:
    """Text that no compression shortens much, as the base64 of a PNG."""
    return np.random.default_rng(1).bytes(length // 2).hex()


@pytest.mark.parametrize("length", [100_000, 1_500_000])
@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.webp", "a.webm", "a.zip", "frames"])
def test_long_settings_come_back_exactly(
    clip: Clip, tmp_path: Path, name: str, length: int
) -> None:
    """As many masks of large photos make them; Pillow unpacks no more than 1 MiB of a PNG's text."""
    settings = {"masks": [_mask_text(length)], "prompt": 'wörtlich "drift"\n☃ 😀'}
    file = replace(clip, settings=settings).save(tmp_path / name)
    assert read_settings(file) == settings
    if name in ("a.zip", "frames"):
        np.testing.assert_array_equal(Clip.load(file).frames, clip.frames)


def test_settings_longer_than_a_webm_holds_are_refused(clip: Clip, tmp_path: Path) -> None:
    """FFmpeg writes them and gives nothing back."""
    long = replace(clip, settings={"masks": ["a" * 16_000_000]})
    with pytest.raises(OutputError, match=r"16 MB, webm holds at most 16 MB .* write an mp4"):
        long.save(tmp_path / "a.webm")
    assert not list(tmp_path.iterdir())
    within = replace(clip, settings={"masks": ["a" * 15_990_000]})
    assert read_settings(within.save(tmp_path / "b.webm")) == within.settings


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.webp", "a.webm", "a.zip"])
def test_equal_clips_are_equal_files(clip: Clip, tmp_path: Path, name: str) -> None:
    first, second = (clip.save(tmp_path / f"{number}-{name}") for number in (1, 2))
    assert first.read_bytes() == second.read_bytes()
