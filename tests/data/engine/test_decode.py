"""Reading whole, odd and broken files."""

import numpy as np
import pytest

from follow_your_click.data.engine.config import ClipSettings, ShotSettings
from follow_your_click.data.engine.decode import VideoProblem, decode, probe, read_bytes
from follow_your_click.data.engine.records import SourceItem
from follow_your_click.data.engine.sampling import clip_windows
from follow_your_click.data.engine.shots import shot_starts

from .conftest import disc_clip, texture, write_audio, write_video

SETTINGS = ClipSettings(num_frames=4, fps=10, short_side=64, min_short_side=48)


def item_of(path, **facts):
    return SourceItem(path.name, str(path), path.name, **facts)


def read(path, settings=SETTINGS, **facts):
    item = item_of(path, **facts)
    return decode(read_bytes(item), item, settings)


def reason(path, settings=SETTINGS):
    with pytest.raises(VideoProblem) as caught:
        read(path, settings)
    assert "\n" not in caught.value.detail
    return caught.value.reason


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "whole.mp4", disc_clip(0, count=12))


def test_frames_are_the_videos(whole):
    video = read(whole)
    assert video.frames.shape == (12, 64, 64, 3)
    assert len(video.signatures) == 12
    assert (video.fps, video.frame_stride, video.first_seconds) == (10, 1, 0)
    assert probe(whole.read_bytes()).frames == 12


@pytest.mark.parametrize(
    ("settings", "stride", "count"),
    [({"frame_stride": 3}, 3, 4), ({"fps": 5}, 2, 6), ({"fps": 30}, 1, 12)],
)
def test_every_so_many_frames_are_taken(whole, settings, stride, count):
    video = read(whole, SETTINGS.model_copy(update=settings))
    assert video.frame_stride == stride
    assert len(video.frames) == count
    assert np.array_equal(video.frames, read(whole).frames[::stride])


def test_a_stretch_is_read_alone(whole):
    video = read(whole, start=0.3, end=0.8)
    assert video.first_seconds == pytest.approx(0.3)
    assert np.array_equal(video.frames, read(whole).frames[3:8])


def test_broken_files_have_their_reason(whole, tmp_path):
    content = whole.read_bytes()
    files = {
        "zero_length": b"",
        "corrupt": b"no video at all, but text that goes on for a while" * 20,
    }
    for expected, broken in files.items():
        (tmp_path / expected).write_bytes(broken)
        assert reason(tmp_path / expected) == expected
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    assert reason(tmp_path / "cut.mp4") == "corrupt"
    assert reason(write_audio(tmp_path / "sound.mp4")) == "audio_only"
    assert reason(tmp_path / "nowhere.mp4") == "missing"
    assert reason(write_video(tmp_path / "short.mp4", disc_clip(0, count=3))) == "too_short"
    assert reason(whole, SETTINGS.model_copy(update={"min_short_side": 128})) == "too_small"


def test_damage_in_the_middle_is_seen(tmp_path):
    frames = np.stack([texture(seed) for seed in range(20)])
    file = write_video(tmp_path / "damaged.mp4", frames)
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    file.write_bytes(content)
    assert reason(file) == "corrupt"


def test_a_file_whose_end_is_missing_is_truncated_or_corrupt(tmp_path):
    frames = np.stack([texture(seed) for seed in range(30)])
    file = write_video(tmp_path / "late.mkv", frames)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    # A Matroska file does not say how many frames it holds: what is there is read, or found damaged.
    try:
        assert len(read(file).frames) < 30
    except VideoProblem as problem:
        assert problem.reason == "corrupt"


def test_an_uneven_rate_is_skipped_or_made_even(tmp_path):
    times = [0, 100, 200, 300, 900, 950, 1000, 1700, 1800, 2300]
    file = write_video(tmp_path / "uneven.mp4", disc_clip(0, count=10), times=times)
    assert reason(file) == "variable_rate"
    evened = read(file, SETTINGS.model_copy(update={"variable_rate": "resample"}))
    assert len(evened.frames) >= 2.3 * evened.fps
    gap = round(0.6 * evened.fps)
    still = evened.frames[round(0.3 * evened.fps) + 1 : round(0.3 * evened.fps) + gap]
    assert all(np.array_equal(frame, still[0]) for frame in still)


def test_cuts_are_found_and_fast_pans_are_not(tmp_path):
    parts = [disc_clip(seed, count=6) for seed in (1, 50)]
    parts[1] = 255 - parts[1] // 3
    file = write_video(tmp_path / "cut.mp4", np.concatenate(parts))
    assert shot_starts(read(file).signatures, ShotSettings()) == [0, 6]
    pan = disc_clip(3, count=12, shift=(0.0, 0.0), pan=(9.0, 0.0))
    pan_file = write_video(tmp_path / "pan.mp4", pan)
    assert shot_starts(read(pan_file).signatures, ShotSettings()) == [0]


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_clips_lie_inside_one_shot_and_do_not_overlap(stride):
    starts, total, length = [0, 7, 40, 41, 90], 133, 4
    windows = clip_windows(
        starts, num_source=total, frame_stride=stride, num_frames=length, at_most=99
    )
    used = [window.first * stride + k * stride for window in windows for k in range(length)]
    assert len(set(used)) == len(used)
    assert max(used) < total
    for window in windows:
        first, last = window.first * stride, (window.first + length - 1) * stride
        assert not any(first < start <= last for start in starts)
    # No shot is left out that has room for one.
    for start, end in zip(starts, [*starts[1:], total], strict=True):
        room = (end - 1) // stride - -(-start // stride) + 1
        inside = [w for w in windows if start <= w.first * stride < end]
        assert len(inside) == room // length


def test_of_many_windows_those_are_taken_that_lie_apart():
    windows = clip_windows([0], num_source=100, frame_stride=1, num_frames=10, at_most=3)
    assert [window.first for window in windows] == [0, 40, 90]
