"""Rendering tells how far it is, can be stopped on the way, and does in tiles what it does at once."""

from __future__ import annotations

import time

import numpy as np
import pytest

from follow_your_click.rendering import Rendered, frames, matte, plan_crop, render

HEIGHT, WIDTH, FRAMES = 140, 180, 5


def _rendered(**more: object) -> Rendered:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    mask = np.clip(35.5 - np.hypot(columns - 90, rows - 70), 0, 1).astype(np.float32)
    plan = plan_crop(mask, model_size=64, travel=12)
    generated = np.repeat(rng.integers(0, 255, (1, 64, 64, 3), np.uint8), FRAMES, axis=0)
    # The whole window moves right by 2 % of its side per frame.
    stated = np.zeros((FRAMES, 8, 8, 2), np.float32)
    stated[..., 0] = -0.02 * np.arange(FRAMES)[:, None, None]
    return render(photo, mask, plan, generated, stated, **more)  # type: ignore[arg-type]


def test_every_frame_is_told_and_several_steps_before_the_first() -> None:
    heard: list[tuple[int, int]] = []
    rendered = _rendered(on_frame=lambda *told: heard.append(told))
    assert rendered.changed.any()
    assert {total for _, total in heard} == {FRAMES}
    done = [number for number, _ in heard]
    assert done == sorted(done) and sorted(set(done)) == list(range(FRAMES))
    assert done.count(0) >= 8, "the matte of a large object takes longest"


@pytest.mark.parametrize("at", [0, 3])
def test_what_the_callback_raises_ends_the_work(at: int) -> None:
    heard: list[int] = []

    def stop(done: int, total: int) -> None:
        heard.append(done)
        if done == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _rendered(on_frame=stop)
    assert heard.count(at) == 1 and max(heard) == at


@pytest.mark.parametrize("side", [7, 64])
def test_a_matte_in_tiles_is_the_matte(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _rendered()
    monkeypatch.setattr(matte, "TILE", side)
    tiles = _rendered()
    np.testing.assert_array_equal(tiles.frames, whole.frames)
    np.testing.assert_array_equal(tiles.alpha, whole.alpha)


@pytest.mark.parametrize(("side", "threads"), [(256, 1), (7, 1), (7, 3)])
def test_frames_in_tiles_are_the_frames_whoever_composes_them(
    side: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _rendered()
    monkeypatch.setattr(frames, "TILE", side)
    monkeypatch.setattr(frames, "THREADS", threads)
    tiles = _rendered()
    np.testing.assert_array_equal(tiles.frames, whole.frames)
    np.testing.assert_array_equal(tiles.alpha, whole.alpha)


def test_work_that_is_ended_leaves_no_tile_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "TILE", 4)
    monkeypatch.setattr(frames, "THREADS", 1)
    begun: list[int] = []
    one = frames._compose

    def counted(*arguments: object) -> object:
        begun.append(1)
        if arguments[-1] == FRAMES - 1:
            time.sleep(0.02)  # the end is not reached before it is called off
        return one(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(frames, "_compose", counted)
    _rendered()
    everything = len(begun)
    begun.clear()

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _rendered(on_frame=stop)
    assert 0 < len(begun) < everything
