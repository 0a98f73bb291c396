"""A WebM of what moves, as a browser shows it: transparent around, and in its own colours."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from follow_your_click.clip import Clip, Patch

SIDE, FRAMES, FPS = 96, 4, 8.0
COLOUR = (200, 120, 80)
READ_FRAMES = """async ([source, times]) => {
    const video = document.createElement("video");
    video.muted = true;
    document.body.append(video);
    video.src = URL.createObjectURL(await (await fetch(source)).blob());
    await new Promise((done, failed) => {
        video.onloadeddata = done;
        video.onerror = () => failed(video.error.message);
    });
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext("2d");
    const frames = [];
    for (const time of times) {
        // "seeked" may come before there is a picture to draw.
        const sought = new Promise((done) => { video.onseeked = done; });
        const seen = new Promise((done) => video.requestVideoFrameCallback(done));
        video.currentTime = time;
        await sought;
        await Promise.race([seen, new Promise((done) => setTimeout(done, 2000))]);
        context.clearRect(0, 0, canvas.width, canvas.height);
        context.drawImage(video, 0, 0);
        frames.push(Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data));
    }
    return frames;
}"""


@pytest.fixture
def clip() -> Clip:
    """A plain square of 32 px that moves to the right by 16 px a frame, over noise."""
    photo = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    frames = np.repeat(photo[None], FRAMES, axis=0)
    alpha = np.zeros((FRAMES, SIDE, SIDE), np.uint8)
    for index in range(FRAMES):
        area = np.s_[index, 32:64, 16 * index : 16 * index + 32]
        frames[area], alpha[area] = COLOUR, 255
    return Clip(photo, (Patch(0, 0, frames, alpha),), FRAMES, FPS, {}, alpha[0] > 0)


def test_a_browser_shows_the_object_on_nothing(browser: Any, clip: Clip, tmp_path: Path) -> None:
    file = clip.save(tmp_path / "clip.webm")
    source = "data:video/webm;base64," + base64.b64encode(file.read_bytes()).decode()
    page = browser.new_page()
    try:
        times = [(index + 0.5) / FPS for index in range(FRAMES)]
        shown = page.evaluate(READ_FRAMES, [source, times])
    finally:
        page.close()
    for index, pixels in enumerate(shown):
        expected = clip.cutout(index)
        got = np.array(pixels, np.uint8).reshape(expected.shape)
        left = 16 * index
        inner = got[6:-6, left + 6 : left + 26]
        assert inner[..., 3].min() > 240
        # Of a file that does not say how its colours are coded, browsers show them 7 levels off.
        assert np.abs(inner[..., :3].mean(axis=(0, 1)) - COLOUR).max() < 3
        outside = np.ones(expected.shape[:2], np.bool_)
        outside[:, max(left - 6, 0) : left + 38] = False
        assert outside.any() and got[outside][:, 3].max() < 16
