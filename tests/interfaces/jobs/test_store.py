"""Finished clips on disk: the same clip comes back, every kind of file, the oldest go first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from follow_your_click.clip import Clip, read_settings
from follow_your_click.errors import OutputError
from follow_your_click.interfaces.jobs import FORMATS, ClipStore

from .conftest import FRAMES, clip_of, request_of


def test_the_same_clip_comes_back(store: ClipStore) -> None:
    clip = clip_of(request_of(50))
    kept = store.clip(store.add(clip))
    np.testing.assert_array_equal(kept.frames, clip.frames)
    np.testing.assert_array_equal(kept.region_mask, clip.region_mask)
    np.testing.assert_array_equal(kept.cutout(2), clip.cutout(2))
    assert (kept.fps, kept.settings, kept.seconds) == (clip.fps, clip.settings, clip.seconds)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_kind_of_file_is_made_once(store: ClipStore, kind: str) -> None:
    key = store.add(clip_of(request_of()))
    file = store.file(key, kind=kind)  # type: ignore[arg-type]
    assert read_settings(file) == {"seed": 0}
    made = file.stat().st_mtime_ns
    assert store.file(key, kind=kind) == file  # type: ignore[arg-type]
    assert file.stat().st_mtime_ns == made


def test_ping_pong_is_a_file_of_its_own(store: ClipStore) -> None:
    key = store.add(clip_of(request_of()))
    there_and_back = Clip.load(store.file(key, kind="zip", playback="ping-pong"))
    assert len(there_and_back) == 2 * FRAMES - 2
    assert len(Clip.load(store.file(key, kind="zip"))) == FRAMES


def test_a_clip_that_goes_back_and_forth_is_kept_as_it_is(store: ClipStore) -> None:
    both = clip_of(request_of()).ping_pong()
    kept = store.clip(store.add(both))
    np.testing.assert_array_equal(kept.frames, both.frames)
    assert kept.settings == both.settings


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    store = ClipStore(tmp_path / "clips", max_clips=2)
    first, second = (store.add(clip_of(request_of(level))) for level in (1, 2))
    store.clip(first)  # looked at: the other one is the oldest now
    third = store.add(clip_of(request_of(3)))
    assert sorted(folder.name for folder in store.folder.iterdir()) == sorted([first, third])
    with pytest.raises(OutputError, match="not kept any more"):
        store.clip(second)


def test_bytes_are_bounded_and_one_clip_always_fits(tmp_path: Path) -> None:
    store = ClipStore(tmp_path / "clips", max_bytes=10)
    store.add(clip_of(request_of(1)))
    last = store.add(clip_of(request_of(2)))
    assert [folder.name for folder in store.folder.iterdir()] == [last]


def test_a_clip_that_is_stopped_while_it_is_kept_leaves_nothing(store: ClipStore) -> None:
    def stop(done: int, total: int) -> None:
        assert total == FRAMES
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add(clip_of(request_of()), on_frame=stop)
    assert not list(store.folder.iterdir())


def test_keys_are_no_paths(store: ClipStore, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    for key in ("../secret", "..", "", "/etc"):
        with pytest.raises(OutputError, match="not kept"):
            store.file(key, kind="mp4")
