"""Clips that know where their object is: the cutout, ping-pong, files of the object alone and of all frames in a zip."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from follow_your_click.animator import Animator
from follow_your_click.clip import Clip, Patch, read_settings
from follow_your_click.errors import ImageError, OutputError, SettingsError
from follow_your_click.photo import MAX_PIXELS
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.presets import Preset
from follow_your_click.region import HoldStill, Polygon, Region
from follow_your_click.segmentation import GrabCutSegmenter

HEIGHT, WIDTH, FRAMES = 60, 81, 4


@pytest.fixture
def clip() -> Clip:
    """A square of 10 px that moves to the right by 4 px a frame."""
    photo = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    frames = np.repeat(photo[None, 20:40, 10:50], FRAMES, axis=0)
    alpha = np.zeros((FRAMES, 20, 40), np.uint8)
    for index in range(FRAMES):
        left = 4 * index
        frames[index, 5:15, left : left + 10] = 200
        alpha[index, 5:15, left : left + 10] = 255
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[25:35, 10:20] = True
    return Clip(photo, (Patch(10, 20, frames, alpha),), FRAMES, 8.0, {"seed": 1}, mask)


def test_the_cutout_is_the_object_in_every_frame(clip: Clip) -> None:
    assert clip.cutout_corner == (10, 25)
    for index in range(FRAMES):
        cutout = clip.cutout(index)
        assert cutout.shape == (10, 22, 4)
        left = 4 * index
        opaque = np.zeros((10, 22), np.uint8)
        opaque[:, left : left + 10] = 255
        np.testing.assert_array_equal(cutout[..., 3], opaque)
        assert (cutout[:, left : left + 10, :3] == 200).all()


def test_a_clip_of_plain_frames_has_no_cutout(clip: Clip, tmp_path: Path) -> None:
    plain = Clip.from_frames(clip.frames)
    assert plain.cutout_corner is None
    with pytest.raises(OutputError, match="does not know where its object is"):
        plain.cutout(0)
    with pytest.raises(OutputError, match="animate the photo anew, or write an mp4"):
        plain.save(tmp_path / "clip.webm")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 1, 2, -1), (0, 1, 2, 4)])
def test_an_order_must_fit_its_frames(clip: Clip, order: tuple[int, ...]) -> None:
    with pytest.raises((SettingsError, ImageError), match=r"an order of|a patch has"):
        replace(clip, order=order)


def test_alpha_must_fit_its_frames() -> None:
    frames = np.zeros((2, 8, 8, 3), np.uint8)
    with pytest.raises(ImageError, match="got an alpha"):
        Patch(0, 0, frames, np.zeros((2, 8, 9), np.uint8))


def test_there_and_back(clip: Clip) -> None:
    both = clip.ping_pong()
    assert len(both) == 2 * FRAMES - 2
    order = [0, 1, 2, 3, 2, 1]
    np.testing.assert_array_equal(both.frames, clip.frames[order])
    np.testing.assert_array_equal(both.cutout(5), clip.cutout(1))
    np.testing.assert_array_equal(both.frame(-1), clip.frame(1))
    assert np.shares_memory(both.patches[0].frames, clip.patches[0].frames), "no copy"
    np.testing.assert_array_equal(both.ping_pong().frames[5:8], clip.frames[[1, 2, 3]])
    assert both.settings == {"seed": 1, "playback": "ping-pong"}
    short = Clip.from_frames(clip.frames[:2])
    assert short.ping_pong() is short


def test_a_zip_holds_every_frame_exactly(clip: Clip, tmp_path: Path) -> None:
    file = clip.save(tmp_path / "clip.zip")
    loaded = Clip.load(file)
    np.testing.assert_array_equal(loaded.frames, clip.frames)
    assert (loaded.fps, loaded.settings) == (8.0, {"seed": 1})
    again = clip.save(tmp_path / "again.zip")
    assert file.read_bytes() == again.read_bytes(), "equal clips are equal files"


def test_zips_that_are_no_clips(clip: Clip, tmp_path: Path) -> None:
    for name, entries in (
        ("empty.zip", {}),
        ("other.zip", {"readme.txt": b"hello", "../frame_0000.png": b"x"}),
        ("broken.zip", {"frame_0000.png": b"no png"}),
    ):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for entry, content in entries.items():
                archive.writestr(entry, content)
        with pytest.raises(ImageError):
            Clip.load(tmp_path / name)
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(ImageError, match="cannot be read as a clip"):
        Clip.load(tmp_path / "text.zip")


def test_a_zip_that_would_unpack_to_too_much(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frame_0000.png", b"\0" * (5 * MAX_PIXELS))
    assert (tmp_path / "bomb.zip").stat().st_size < 1_000_000
    with pytest.raises(ImageError, match="too large for a frame"):
        Clip.load(tmp_path / "bomb.zip")


def test_a_webm_is_the_object_on_nothing(clip: Clip, tmp_path: Path) -> None:
    file = clip.save(tmp_path / "clip.webm")
    assert read_settings(file) == {"seed": 1}
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        notes = {key.lower(): value for key, value in container.metadata.items()}
        assert {key.lower(): value for key, value in stream.metadata.items()}["alpha_mode"] == "1"
        assert (stream.width, stream.height) == (22, 10)
        context = stream.codec_context
        assert (context.colorspace, context.color_range) == (1, 1), "BT.709, limited; else guessed"
        assert len(list(container.decode(stream))) == FRAMES
    assert json.loads(notes["comment"])["cutout"] == {"x": 10, "y": 25}
    with pytest.raises(ImageError, match="moving region alone"):
        Clip.load(file)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.webp", "a.webm", "a.zip", "folder"])
def test_writing_tells_of_every_frame_and_can_be_stopped(
    clip: Clip, tmp_path: Path, name: str
) -> None:
    heard: list[tuple[int, int]] = []
    clip.save(tmp_path / name, on_frame=lambda *told: heard.append(told))
    assert {total for _, total in heard} == {FRAMES}
    assert list(dict.fromkeys(done for done, _ in heard)) == list(range(FRAMES))

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    other = tmp_path / f"stopped-{name}"
    with pytest.raises(KeyboardInterrupt):
        clip.save(other, on_frame=stop)
    assert sorted(file.name for file in tmp_path.iterdir()) == [name]


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.webp", "a.zip"])
def test_notes_of_other_programs_lie_beside_ours(clip: Clip, tmp_path: Path, name: str) -> None:
    tagged = replace(clip, tags={"prompt": '{"a": "é"}', "workflow": "{}"})
    assert read_settings(tagged.save(tmp_path / name)) == {"seed": 1}


def test_an_animated_clip_knows_its_object(
    tiny_pipeline: Callable[[int], RegionalAnimationPipeline], tiny_preset: Preset
) -> None:
    animator = Animator(tiny_pipeline(16), tiny_preset, GrabCutSegmenter())
    photo = np.random.default_rng(3).integers(0, 255, (96, 128, 3), np.uint8)
    square = Polygon(((30, 30), (70, 30), (70, 70), (30, 70)))
    held = HoldStill(Polygon(((30, 60), (70, 60), (70, 70), (30, 70))))
    clip = animator.animate(
        photo, [Region(square, prompt="drift left", strength=4.0)], hold_still=[held], num_frames=4
    )
    assert clip.cutout_corner is not None
    x, y = clip.cutout_corner
    first = clip.cutout(0)
    opaque = np.zeros(photo.shape[:2], np.uint8)
    opaque[y : y + first.shape[0], x : x + first.shape[1]] = first[..., 3]
    assert (opaque[34:56, 34:66] > 200).all(), "frame 0: where it was selected"
    assert (opaque[:20] == 0).all() and (opaque[64:] == 0).all(), "nowhere else, nor where held"
    np.testing.assert_array_equal(first[..., :3], photo[y : y + len(first), x : x + first.shape[1]])
