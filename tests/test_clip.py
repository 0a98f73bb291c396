"""Clips: what is in memory, what is written, what comes back, and what is refused."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from follow_your_click.clip import Clip, Patch, check_output, read_settings
from follow_your_click.errors import ImageError, OutputError, SettingsError

H, W, L = 66, 90, 5
SETTINGS: dict[str, Any] = {
    "prompt": 'drift left, "langsam" - ゆっくり 🎈\n\u2028 half \ud83c',
    "seed": 0,
    "regions": [{"click": [12, 30], "strength": 3.5, "box": None}],
    "long": "ü漢🚤\0" * 500,
}
TARGETS = ["clip.mp4", "clip.gif", "clip.webp", "frames"]


@pytest.fixture
def clip() -> Clip:
    return make_clip(H, W, L)


def make_clip(height: int, width: int, length: int, fps: float = 8.0) -> Clip:
    """A square that drifts right over a smooth photo."""
    rows, columns = np.mgrid[0:height, 0:width]
    photo = np.stack([rows * 2, columns * 2, 200 - rows], axis=-1).astype(np.uint8)
    window = np.repeat(photo[None, 20:50, 10:70], length, axis=0)
    for index in range(length):
        window[index, 5:25, 4 + 3 * index : 24 + 3 * index] = (120, 110, 150)
    return Clip(photo, (Patch(10, 20, window),), length, fps, SETTINGS)


def psnr(got: npt.NDArray[np.uint8], expected: npt.NDArray[np.uint8]) -> float:
    error = np.mean((got.astype(np.float64) - expected) ** 2)
    return float(10 * np.log10(255**2 / max(float(error), 1e-9)))


def test_frames_are_the_photo_with_the_patches_pasted_in_order() -> None:
    photo = np.zeros((4, 5, 3), dtype=np.uint8)
    low = Patch(0, 0, np.full((2, 3, 3, 3), 10, dtype=np.uint8))
    high = Patch(2, 1, np.stack([np.full((3, 3, 3), value, dtype=np.uint8) for value in (20, 30)]))
    clip = Clip(photo, (low, high), num_frames=2)
    assert clip.frame(0)[..., 0].tolist() == [
        [10, 10, 10, 0, 0],
        [10, 10, 20, 20, 20],
        [10, 10, 20, 20, 20],
        [0, 0, 20, 20, 20],
    ]
    assert clip.frame(1)[2, 2, 0] == clip.frame(-1)[2, 2, 0] == 30
    assert not photo.any()
    assert len(clip) == len(list(clip)) == 2
    assert np.array_equal(clip.frames, np.stack(list(clip)))
    for index in (2, -3):
        with pytest.raises(IndexError):
            clip.frame(index)


def test_a_clip_without_patches_stands_still() -> None:
    photo = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    assert all(np.array_equal(frame, photo) for frame in Clip(photo, (), num_frames=3))


def test_from_frames_gives_the_frames_back(clip: Clip) -> None:
    whole = Clip.from_frames(clip.frames, fps=12, settings={"seed": 1})
    assert np.array_equal(whole.frames, clip.frames)
    assert whole.fps == 12
    assert whole.settings == {"seed": 1}


def test_settings_are_kept_as_they_come_back_from_a_file() -> None:
    mutable = {"size": (3, 4)}
    clip = Clip(np.zeros((4, 5, 3), dtype=np.uint8), (), 1, settings=mutable)
    mutable["size"] = (0, 0)
    assert clip.settings == {"size": [3, 4]}


def test_parts_that_do_not_fit_are_refused() -> None:
    photo = np.zeros((4, 5, 3), dtype=np.uint8)
    window = np.zeros((2, 2, 2, 3), dtype=np.uint8)
    with pytest.raises(ImageError, match="leaves the photo"):
        Clip(photo, (Patch(4, 0, window),), 2)
    with pytest.raises(ImageError, match="2 frames, the clip 3"):
        Clip(photo, (Patch(0, 0, window),), 3)
    with pytest.raises(ImageError, match="inside the photo"):
        Patch(-1, 0, window)
    with pytest.raises(ImageError, match="region_mask"):
        Clip(photo, (), 1, region_mask=np.zeros((5, 4), dtype=np.bool_))
    bad_arrays: list[Any] = [photo.astype(np.float32), photo[:, :, :2], photo[0], photo[:0]]
    for bad in bad_arrays:
        with pytest.raises(ImageError, match="expected"):
            Clip(bad, (), 1)
    for fps in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingsError, match="fps"):
            Clip(photo, (), 1, fps)
    with pytest.raises(SettingsError, match="num_frames"):
        Clip(photo, (), 0)
    for value in (float("nan"), object()):
        with pytest.raises(SettingsError, match="JSON"):
            Clip(photo, (), 1, settings={"a": value})  # type: ignore[dict-item]


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_saved_comes_back(tmp_path: Path, clip: Clip, name: str) -> None:
    path = clip.save(tmp_path / name)
    assert path == tmp_path / name
    assert os.listdir(tmp_path) == [name]
    assert read_settings(path) == SETTINGS
    loaded = Clip.load(str(path))
    assert loaded.settings == SETTINGS
    assert loaded.fps == clip.fps
    assert loaded.frames.shape == (L, H, W, 3)
    # Lossless; colour planes at half size; 255 colours; colour planes at half size again.
    least = {"frames": 90.0, "clip.mp4": 36.0, "clip.gif": 33.0, "clip.webp": 33.0}[name]
    assert psnr(loaded.frames, clip.frames) > least
    bias = (loaded.frames.astype(float) - clip.frames).mean(axis=(0, 1, 2))
    assert np.abs(bias).max() < 0.8


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_clips_come_back(tmp_path: Path, name: str, length: int) -> None:
    clip = make_clip(64, 71, length, fps=23.976)
    loaded = Clip.load(clip.save(tmp_path / name))
    assert loaded.frames.shape == (length, 64, 71, 3)
    assert loaded.fps == 23.976


@pytest.mark.parametrize("name", TARGETS)
def test_a_still_clip_comes_back_still(tmp_path: Path, name: str) -> None:
    photo = make_clip(H, W, 1).background
    frames = Clip.load(Clip(photo, (), num_frames=3).save(tmp_path / name)).frames
    assert frames.shape == (3, H, W, 3)
    assert psnr(frames[2], frames[0]) > 45


@pytest.mark.parametrize("name", ["clip.gif", "clip.webp", "frames"])
def test_the_still_part_stays_still_in_files(tmp_path: Path, clip: Clip, name: str) -> None:
    frames = Clip.load(clip.save(tmp_path / name)).frames
    still = (clip.frames == clip.background).all(axis=(0, 3))
    # WebP codes whole blocks around what moves.
    still[16:52, 8:74] = False
    assert (frames[:, still] == frames[0, still]).all()


@pytest.mark.parametrize("name", TARGETS)
def test_equal_clips_give_equal_files(tmp_path: Path, clip: Clip, name: str) -> None:
    paths = [tmp_path / folder / name for folder in "ab"]
    reordered = dict(reversed(SETTINGS.items()))
    for path, made in zip(paths, (SETTINGS, reordered), strict=True):
        path.parent.mkdir()
        Clip(clip.background, clip.patches, L, clip.fps, made).save(path)
    files = [sorted(path.rglob("*")) if path.is_dir() else [path] for path in paths]
    assert len(files[0]) == len(files[1])
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("size", [(64, 64), (65, 64), (64, 65), (65, 65)])
def test_mp4_is_what_browsers_play(tmp_path: Path, size: tuple[int, int]) -> None:
    clip = make_clip(*size, 4, fps=12.5)
    data = clip.save(tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert context.name == "h264"
        assert context.pix_fmt == "yuv420p"
        assert stream.average_rate == 12.5
        assert (context.height, context.width) == (64 + 2 * (size[0] > 64), 64 + 2 * (size[1] > 64))
        colours = (context.color_primaries, context.color_trc, context.colorspace)
        assert colours == (1, 1, 1)
        assert context.color_range == 1
        assert sum(1 for _ in container.decode(stream)) == 4
        note = json.loads(container.metadata["comment"])
    assert note["settings"] == SETTINGS
    assert "\n" not in json.dumps(note)


@pytest.mark.parametrize("name", TARGETS)
def test_equal_neighbours_are_not_lost(tmp_path: Path, name: str) -> None:
    moving = make_clip(64, 96, 4).frames
    frames = moving[[0, 0, 1, 2, 2, 2, 3, 3]]
    loaded = Clip.load(Clip.from_frames(frames, fps=30).save(tmp_path / name))
    assert len(loaded) == 8
    assert all(psnr(got, frame) > 33 for got, frame in zip(loaded, frames, strict=True))


def test_a_note_that_cannot_be_true_is_ignored(tmp_path: Path) -> None:
    note = {"software": "follow_your_click", "fps": 0, "num_frames": 2, "settings": {"a": 1}}
    file = tmp_path / "a.gif"
    Image.new("RGB", (80, 64)).save(file, comment=json.dumps(note | {"height": 64, "width": 80}))
    assert read_settings(file) == {}
    assert len(Clip.load(file)) == 1


def test_animations_loop_and_keep_time(tmp_path: Path) -> None:
    clip = make_clip(64, 72, 8, fps=8)
    for name, total in (("clip.gif", 1000), ("clip.webp", 1000)):
        with Image.open(clip.save(tmp_path / name)) as image:
            durations = []
            for index in range(getattr(image, "n_frames", 1)):
                image.seek(index)
                image.load()
                durations.append(image.info["duration"])
            assert image.info["loop"] == 0
        assert sum(durations) == total


def test_a_gif_faster_than_browsers_show_warns(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="50 fps"):
        make_clip(64, 72, 3, fps=120).save(tmp_path / "clip.gif")


def test_a_folder_holds_numbered_frames_with_settings_in_each(tmp_path: Path, clip: Clip) -> None:
    (tmp_path / "empty").mkdir()
    for target in (f"{tmp_path}/new.v2/", str(tmp_path / "empty"), f"{tmp_path}/new"):
        files = sorted(clip.save(target).iterdir())
        assert [file.name for file in files] == [f"frame_{index:04d}.png" for index in range(L)]
        assert all(read_settings(file) == SETTINGS for file in files)
        with Image.open(files[-1]) as image:
            assert np.array_equal(np.asarray(image), clip.frame(-1))


def test_an_existing_file_is_replaced(tmp_path: Path, clip: Clip) -> None:
    (tmp_path / "clip.gif").write_text("old")
    clip.save(tmp_path / "clip.gif")
    assert read_settings(tmp_path / "clip.gif") == SETTINGS


def test_odd_names_work(tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a:b.mp4", "%03d.mp4", "-x.MP4", "Boot ü.mp4", "file:x.gif", ".hidden.webp"):
        assert len(Clip.load(clip.save(name))) == L
    assert sum(1 for _ in tmp_path.iterdir()) == 6


def bad_output(path: str | Path) -> str:
    with pytest.raises(OutputError) as caught:
        check_output(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_check_output_refuses_early(tmp_path: Path, clip: Clip) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "file").touch()
    (tmp_path / "dir.mp4").mkdir()
    assert "give a folder" in bad_output(tmp_path / "clip.png")
    assert "ends in .avi" in bad_output(tmp_path / "clip.avi")
    assert "create it" in bad_output(tmp_path / "none" / "clip.mp4")
    assert "not empty" in bad_output(tmp_path / "full")
    assert "is a file" in bad_output(tmp_path / "file")
    assert "is a folder" in bad_output(tmp_path / "dir.mp4")
    for name in ("", ".", "/", "..", "a\0.mp4"):
        assert "names no file" in bad_output(name)
    for name in TARGETS:
        check_output(tmp_path / name)
    with pytest.raises(OutputError, match="create it"):
        clip.save(tmp_path / "none" / "clip.mp4")
    assert sorted(os.listdir(tmp_path)) == ["dir.mp4", "file", "full"]


def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "not writable" in bad_output(tmp_path / "clip.mp4")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The closest that a test comes to a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 3000, 6000])
@pytest.mark.parametrize("name", TARGETS)
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, name: str, size: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    with files_of_at_most(size), pytest.raises(OutputError, match="cannot be written") as caught:
        Clip.from_frames(noise).save(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", TARGETS)
def test_any_failure_leaves_what_was_there(
    tmp_path: Path, clip: Clip, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name != "frames":
        (tmp_path / name).write_text("old")

    def interrupted(self: Clip, index: int, /) -> npt.NDArray[np.uint8]:
        if index == 2:
            raise KeyboardInterrupt
        return self.background

    monkeypatch.setattr(Clip, "frame", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clip.save(tmp_path / name)
    left = [file.read_text() for file in tmp_path.iterdir()]
    assert left == ([] if name == "frames" else ["old"])


def test_sides_that_a_format_cannot_hold_are_refused(tmp_path: Path) -> None:
    wide = Clip(np.zeros((64, 16385, 3), dtype=np.uint8), (), num_frames=1)
    for name in ("clip.mp4", "clip.webp"):
        with pytest.raises(OutputError, match="16385 x 64"):
            wide.save(tmp_path / name)
    assert not os.listdir(tmp_path)


def test_clips_of_other_programs_are_read(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (80, 64), colour) for colour in ("red", "blue"))
    for name in ("a.gif", "a.webp"):
        first.save(tmp_path / name, save_all=True, append_images=[second], duration=40)
        loaded = Clip.load(tmp_path / name)
        assert loaded.fps == 25
        assert loaded.frames.shape == (2, 64, 80, 3)
        assert loaded.settings == read_settings(tmp_path / name) == {}
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        container.metadata["comment"] = '{"software": "follow_your_click"}'
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = 64, 80
        for image in (first, second):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(image))))
        container.mux(stream.encode())
    loaded = Clip.load(tmp_path / "a.mp4")
    assert (loaded.fps, len(loaded), loaded.settings) == (25, 2, {})


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.webp", "a.avi", "folder", "frames"])
def test_what_is_no_clip_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "frame_0000.png").write_text("no image")
    if not (tmp_path / name).exists():
        with pytest.raises(ImageError, match="does not exist"):
            Clip.load(tmp_path / name)
        (tmp_path / name).write_text("no clip")
    for read in (Clip.load, read_settings):
        with pytest.raises(ImageError) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("length", "columns"), [(1, 8), (5, 2), (16, 8), (3, 1)])
def test_a_contact_sheet_shows_all_frames_in_reading_order(length: int, columns: int) -> None:
    frames = np.zeros((length, 60, 90, 3), dtype=np.uint8)
    frames[:] = np.arange(100, 100 + 8 * length, 8)[:, None, None, None]
    sheet = Clip.from_frames(frames).contact_sheet(columns=columns, width=640)
    assert sheet.width == 640
    used = min(columns, length)
    cell = np.array(sheet).shape[0] / -(-length // used)
    for index in range(length):
        row, column = divmod(index, used)
        place = (int((column + 0.7) * 640 / used), int((row + 0.7) * cell))
        assert sheet.getpixel(place) == (100 + 8 * index,) * 3
    with pytest.raises(SettingsError, match="columns"):
        Clip.from_frames(frames).contact_sheet(columns=0)


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4)),
    st.integers(0, 2**32 - 1),
)
def test_gif_shows_few_colours_exactly(
    tmp_path_factory: pytest.TempPathFactory, size: tuple[int, int, int], seed: int
) -> None:
    height, width, length = size
    random = np.random.default_rng(seed)
    colours = random.integers(0, 256, (3, 3), dtype=np.uint8)
    frames = colours[random.integers(0, 3, (length, height, width))]
    path = Clip.from_frames(frames).save(tmp_path_factory.getbasetemp() / "few.gif")
    assert np.array_equal(Clip.load(path).frames, frames)


def _seen_moving(places: list[int]) -> Clip:
    """A bright square at these columns, frame by frame."""
    frames = np.full((len(places), 30, 90, 3), 60, np.uint8)
    for frame, place in zip(frames, places, strict=True):
        frame[10:20, place : place + 10] = 200
    return Clip.from_frames(frames)


def test_a_clip_that_ends_elsewhere_jumps_unless_it_goes_back() -> None:
    away = _seen_moving([5 * index for index in range(16)])
    assert away.jumps and not away.ping_pong().jumps
    assert not _seen_moving([20, 25, 30, 25, 20, 15, 10, 15]).jumps, "back and forth as it is"
    assert not _seen_moving([20] * 8).jumps, "what stands still cannot"
    assert not Clip(np.zeros((8, 8, 3), np.uint8), (), 4).jumps
