"""From a clip's file back to what it was made from, and to the same clip."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from follow_your_click.animator import Animator
from follow_your_click.clip import Clip
from follow_your_click.errors import ImageError, SettingsError
from follow_your_click.photo import photo_sha256
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.presets import Preset
from follow_your_click.region import Brush, Click, Feather, HoldStill, Polygon, Region
from follow_your_click.region.json_forms import mask_to_png
from follow_your_click.restore import is_clip, restore
from follow_your_click.segmentation import GrabCutSegmenter, save_mask

HEIGHT, WIDTH = 96, 128


@pytest.fixture(scope="module")
def animator(
    tiny_pipeline: Callable[[int], RegionalAnimationPipeline], tiny_preset: Preset
) -> Animator:
    return Animator(tiny_pipeline(16), tiny_preset, GrabCutSegmenter())


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)


@pytest.fixture(scope="module")
def clip(animator: Animator, photo: np.ndarray) -> Clip:
    regions = [
        Region(
            [Click(50, 50), Brush(((40, 40), (60, 60)), 6)],
            prompt="drift left",
            strength=1 / 3,
            edits=Feather(2),
            seed_offset=4,
        ),
        Region(Polygon(((90, 20), (120, 20), (120, 60))), prompt="wörtlich sway"),
    ]
    held = HoldStill(Polygon(((0, 80), (128, 80), (128, 96), (0, 96))))
    return animator.animate(photo, regions, hold_still=[held], num_frames=4, seed=9, fps=5.0)


@pytest.mark.parametrize(
    "name", ["clip.mp4", "clip.gif", "clip.webp", "clip.webm", "clip.zip", "frames"]
)
def test_the_same_clip_is_made_again(
    animator: Animator, clip: Clip, photo: np.ndarray, tmp_path: Path, name: str
) -> None:
    known = restore(clip.save(tmp_path / name))
    assert (known.width, known.height) == (WIDTH, HEIGHT)
    assert known.sha256 == photo_sha256(photo)
    first, second = known.regions
    assert first.areas == (Click(50, 50), Brush(((40, 40), (60, 60)), 6))
    assert (first.strength, first.seed_offset, first.edits) == (1 / 3, 4, (Feather(2),))
    assert (second.prompt, second.strength) == ("wörtlich sway", None)
    assert known.settings.seed == 9 and known.settings.fps == 5.0
    exact = name in ("clip.zip", "frames")
    assert known.exact == exact
    if exact:
        np.testing.assert_array_equal(known.photo, photo)
    again = animator.animate(
        photo, known.regions, hold_still=known.hold_still, **known.settings.for_run()
    )
    np.testing.assert_array_equal(again.frames, clip.frames)


def test_ping_pong_is_remembered(clip: Clip, tmp_path: Path) -> None:
    known = restore(clip.ping_pong().save(tmp_path / "clip.zip"))
    assert known.playback == "ping-pong" and known.settings.num_frames == 4


def test_masks_take_little_room(animator: Animator, tmp_path: Path) -> None:
    """A 12-megapixel photo with a round object: the mask inside adds less than 100 kB."""
    rows, columns = np.mgrid[:3000, :4000]
    mask = np.hypot(rows - 1500, columns - 2000) < 400
    assert len(mask_to_png(mask)) < 100_000


def test_a_file_that_a_mask_came_from_is_never_opened(
    animator: Animator, photo: np.ndarray, tmp_path: Path
) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[30:60, 40:80] = True
    save_mask(mask, tmp_path / "mask.png")
    made = animator.animate(photo, [Region(tmp_path / "mask.png", prompt="sway")], num_frames=3)
    file = made.save(tmp_path / "clip.zip")
    (tmp_path / "mask.png").unlink()
    (region,) = restore(file).regions
    assert isinstance(region.areas[0], np.ndarray)
    again = animator.animate(photo, [region], num_frames=3)
    np.testing.assert_array_equal(again.frames, made.frames)


def _changed(clip: Clip, **changes: Any) -> Clip:
    return replace(clip, settings={**json.loads(json.dumps(clip.settings)), **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"masks": []},
        {"masks": ["aGVsbG8="] * 3},
        {"masks": [mask_to_png(np.ones((5, 5), np.bool_))] * 3},
        {"masks": [7, None, {}]},
        {"photo": {"width": 10**12, "height": 2, "sha256": "0" * 64}},
        {"photo": {"width": 20_000, "height": 20_000, "sha256": "0" * 64}},
        {"photo": "photo.jpg"},
        {"regions": []},
        {"regions": [{"areas": [], "prompt": "x"}] * 2},
        {"regions": [{"areas": [{"type": "click", "x": 1, "y": 1}]}] * 2},
        {"regions": ["/etc/passwd"]},
        {"num_frames": "many"},
        {"seed": {"a": 1}},
        {"seed": -1},
        {"num_frames": 10**12},
        {"fps": 0},
        {"num_inference_steps": 10**9},
        {"guidance_scale": -1.0},
        {"model": "/etc"},
        {"model": "..\\model"},
        {"model": "a" * 300_000},
        {"model": None},
        {"playback": "backwards"},
    ],
)
def test_damaged_settings_are_one_line(clip: Clip, tmp_path: Path, changes: dict[str, Any]) -> None:
    file = _changed(clip, **changes).save(tmp_path / "clip.zip")
    with pytest.raises(SettingsError, match="settings inside .* are damaged") as caught:
        restore(file)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_of_a_photo_with_too_many_pixels_nothing_is_unpacked(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from follow_your_click import restore as restoring

    def unpacked(text: object, **_: object) -> None:
        raise AssertionError("a mask was unpacked")

    file = clip.save(tmp_path / "clip.zip")
    assert restore(file, most_pixels=WIDTH * HEIGHT).exact
    monkeypatch.setattr(restoring, "mask_from_png", unpacked)
    with pytest.raises(ImageError, match=r"clip.zip: the photo .* megapixels; expected at most"):
        restore(file, most_pixels=WIDTH * HEIGHT - 1)
    monkeypatch.setattr(restoring, "MAX_MASK_PIXELS", 3 * WIDTH * HEIGHT - 1)
    with pytest.raises(SettingsError, match="masks have more pixels"):
        restore(file)


def test_clips_of_others_and_of_older_versions(
    clip: Clip, photo: np.ndarray, tmp_path: Path
) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.gif")
    assert not is_clip(tmp_path / "photo.gif") and not is_clip(tmp_path / "nowhere.webp")
    with pytest.raises(ImageError, match="no clip that was made here"):
        restore(tmp_path / "photo.gif")
    file = clip.save(tmp_path / "clip.gif")
    assert is_clip(file)
    old = {name: value for name, value in clip.settings.items() if name != "masks"}
    older = replace(clip, settings=old).save(tmp_path / "old.gif")
    with pytest.raises(SettingsError, match="kept no masks"):
        restore(older)


@pytest.mark.parametrize("name", ["long.gif", "long.webp", "long.zip", "long.mp4"])
def test_only_the_first_frame_is_decoded(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """However many frames a file claims to have, restoring holds one."""
    from follow_your_click import clip_reading

    file = clip.ping_pong().save(tmp_path / name)
    made: list[tuple[int, ...]] = []
    empty = np.empty
    monkeypatch.setattr(
        clip_reading.np, "empty", lambda shape, *a, **k: made.append(shape) or empty(shape, *a, **k)
    )
    restore(file)
    assert made and all(shape[0] == 1 for shape in made if not isinstance(shape, int))
