"""The page in a real browser: from a photo to a playing clip, with the clicks where they were made.

Skipped where gradio, playwright or a Chromium is missing. CHROMIUM names another browser program.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("gradio", reason='needs the extra: pip install "follow-your-click[app]"')
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

from follow_your_click.pipeline import RegionalAnimationPipeline  # noqa: E402
from follow_your_click.presets import PRESET_FILE, Preset  # noqa: E402

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "coffee.jpg"
PHOTO_SIZE = 600, 400  # px, width and height
SPOON = 366, 285  # the photo's own pixels
FRAMES = 5
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 120_000  # ms; a machine that is busy elsewhere is slow, not wrong

# Pixels of the picture that the page shows, as the browser decoded it: width, height, then RGBA.
READ_PIXELS = """image => {
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return [canvas.width, canvas.height, Array.from(data)];
}"""


def _browser_program() -> str:
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser: one of {', '.join(BROWSERS)}, or its path in CHROMIUM")
    return found


def _save_model(pipeline: RegionalAnimationPipeline, folder: Path) -> None:
    pipeline.save_pretrained(folder)
    preset = Preset(
        name="tiny",
        size=32,
        num_inference_steps=2,
        guidance_scale=1.0,
        window_strength=4.0,
        max_window_strength=8.0,
    )
    (folder / PRESET_FILE).write_text(preset.model_dump_json(), encoding="utf-8")


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_pipeline: Callable[[int], RegionalAnimationPipeline],
) -> Iterator[str]:
    """Where `fyc app` serves the tiny model."""
    _browser_program()  # skip before the work
    folder = tmp_path_factory.mktemp("app")
    _save_model(tiny_pipeline(16), folder / "model")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = "import sys; from follow_your_click.interfaces.cli import main; sys.exit(main())"
    words = ["app", "--model", str(folder / "model"), "--port", str(port)]
    log = folder / "log.txt"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-c", program, *words],
            stderr=out,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(folder)},
        )
    try:
        deadline = time.monotonic() + PATIENCE / 1000
        while "the page is at" not in log.read_text():
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        assert server.wait(30) == 0, log.read_text()
        assert not list(folder.glob("fyc-app-*")), "nothing is left behind"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_browser_program(), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page of its own, which must not have asked any other machine for anything."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(PATIENCE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("#animate")
    yield page
    page.close()
    elsewhere = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert not elsewhere


def _open(page: Any, photo: Path = PHOTO) -> None:
    page.set_input_files("#photo input[type=file]", str(photo))
    page.wait_for_selector("#photo img")
    # The photo as the server shows it, not the browser's own copy of the upload.
    page.wait_for_function("document.querySelector('#photo img')?.src.includes('/image.jpeg')")
    page.wait_for_timeout(500)


def _click(page: Any, x: float, y: float) -> None:
    """Click a pixel of the photo, wherever the page shows it, and wait for the new picture."""
    image = page.locator("#photo img").first
    before = image.get_attribute("src")
    box, (width, height) = image.bounding_box(), PHOTO_SIZE
    scale = min(box["width"] / width, box["height"] / height)  # object-fit: contain
    left = box["x"] + (box["width"] - width * scale) / 2
    top = box["y"] + (box["height"] - height * scale) / 2
    page.mouse.click(left + (x + 0.5) * scale, top + (y + 0.5) * scale)
    page.wait_for_function(
        "before => document.querySelector('#photo img').src != before", arg=before
    )
    page.wait_for_function("document.querySelector('#photo img').complete")


def _pixels(page: Any) -> npt.NDArray[np.float64]:
    width, height, data = page.locator("#photo img").first.evaluate(READ_PIXELS)
    return np.array(data, np.float64).reshape(height, width, 4)[..., :3]


def _say(page: Any, prompt: str) -> None:
    page.fill("#prompt textarea, #prompt input", prompt)


def _frames_to_make(page: Any) -> None:
    page.get_by_text("Advanced").click()
    page.fill("#frames input", str(FRAMES))


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_mask_covers_the_click_at_any_width(page: Any, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    _open(page)
    before = _pixels(page)
    _click(page, *SPOON)
    after = _pixels(page)
    # The click's mark, green as nothing else in this photo, lies where the click was.
    red, green, blue = np.moveaxis(after, -1, 0)
    rows, columns = np.nonzero((green > red + 60) & (green > blue + 30))
    larger = after.shape[1] / PHOTO_SIZE[0]
    assert abs(columns.mean() / larger - SPOON[0]) < 3 and abs(rows.mean() / larger - SPOON[1]) < 3
    # Around the mark the photo is tinted in the first colour; in the far corner it is dimmed.
    x, y = int(SPOON[0] * larger), int(SPOON[1] * larger)
    ring = [(x + dx, y + dy) for dx, dy in ((25, 0), (-25, 0), (0, 25), (0, -25))]
    tinted = [after[row, column, 0] - 0.8 * before[row, column, 0] for column, row in ring]
    assert np.median(tinted) > 20
    assert after[5:30, 5:30].mean() < 0.75 * before[5:30, 5:30].mean()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_animate_is_in_sight_on_a_laptop(page: Any) -> None:
    _open(page)
    box = page.locator("#animate").bounding_box()
    assert box["y"] + box["height"] < 800


def test_from_a_photo_to_a_playing_clip(page: Any, tmp_path: Path) -> None:
    from follow_your_click.clip import Clip

    _open(page)
    _click(page, *SPOON)
    _say(page, "slide right")
    _frames_to_make(page)
    page.click("#animate")
    page.wait_for_selector("#result video[src]")
    page.wait_for_function("document.querySelector('#result video').readyState >= 2")
    video = page.locator("#result video").evaluate(
        "video => [video.videoWidth, video.videoHeight, video.duration, video.loop]"
    )
    assert video == [*PHOTO_SIZE, pytest.approx(FRAMES / 8), True]
    page.wait_for_selector("#cancel", state="hidden")
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "slide-right-seed0.mp4"
    download.value.save_as(tmp_path / "clip.mp4")
    clip = Clip.load(tmp_path / "clip.mp4")
    assert len(clip) == FRAMES
    (region,) = clip.settings["regions"]
    x, y = SPOON
    (area,) = region["areas"]  # browsers give clicks in whole pixels of the screen
    assert area["positive"] and abs(area["x"] - x) <= 2 and abs(area["y"] - y) <= 2
    assert region["prompt"] == "slide right"


def test_what_is_missing_is_said_and_nothing_is_lost(page: Any) -> None:
    page.click("#animate")
    page.get_by_text("there is no photo yet").wait_for()
    _say(page, "<b>sway</b>")
    _open(page)
    page.click("#animate")
    page.get_by_text("region 1 has no place yet").wait_for()
    assert page.locator("#prompt textarea, #prompt input").input_value() == "<b>sway</b>"
    assert page.locator("#photo img").count() == 1
