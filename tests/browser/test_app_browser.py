"""The page in a real browser: from a photo to a playing clip, with the clicks where they were made."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from follow_your_click.clip import Clip, read_settings

from .conftest import PATIENCE, ROOT

PHOTO = ROOT / "examples" / "coffee.jpg"
PHOTO_SIZE = 600, 400  # px, width and height
SPOON = 366, 285  # the photo's own pixels
CUP = 250, 200
FRAMES = 5
# One pixel of the overlay as the browser decoded it, at a share of its width and height: RGBA.
READ_PIXEL = """async (image, [across, down]) => {
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
  const at = [Math.floor(across * canvas.width), Math.floor(down * canvas.height)];
  return Array.from(context.getImageData(at[0], at[1], 1, 1).data);
}"""
ANSWER = "Array.from(document.querySelectorAll('[data-answer]')).map(e => e.dataset.answer).join()"
FRAME_COUNT = """video => new Promise(resolve => {
  const seen = new Set(); const ended = performance.now() + 4000;
  const look = (now, frame) => {
    seen.add(Math.round(frame.mediaTime * 1000));
    if (performance.now() < ended) video.requestVideoFrameCallback(look); else resolve(seen.size);
  };
  video.requestVideoFrameCallback(look);
})"""


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page of its own, which must not have asked any other machine for anything."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    with _watched(context, address) as page:
        yield page


@contextmanager
def _watched(context: Any, address: str) -> Iterator[Any]:
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#animate")
    page.wait_for_selector("#photo .stage")
    yield page
    context.close()
    elsewhere = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert not elsewhere
    assert not wrong


def _answered(page: Any, act: Callable[[], object]) -> None:
    """Does something to which the photo's editor gets an answer, and waits for it."""
    before = page.evaluate(ANSWER)
    act()
    page.wait_for_function(f"before => {ANSWER} != before", arg=before)


def _open(page: Any, photo: Path = PHOTO) -> None:
    _answered(page, lambda: page.set_input_files("#photo .file", str(photo)))
    page.wait_for_function(
        "document.querySelector('#photo .photo').complete"
        " && document.querySelector('#photo .photo').naturalWidth > 0"
    )


def _on_screen(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where the page shows the middle of a pixel of the photo."""
    box, (width, height) = page.locator("#photo .photo").bounding_box(), PHOTO_SIZE
    return (
        box["x"] + (x + 0.5) * box["width"] / width,
        box["y"] + (y + 0.5) * box["height"] / height,
    )


def _click(page: Any, x: float, y: float, button: str = "left") -> None:
    page.locator("#photo .canvas").scroll_into_view_if_needed()
    _answered(page, lambda: page.mouse.click(*_on_screen(page, x, y), button=button))


def _drag(page: Any, *points: tuple[float, float]) -> None:
    def stroke() -> None:
        page.mouse.move(*_on_screen(page, *points[0]))
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*_on_screen(page, *point), steps=6)
        page.mouse.up()

    _answered(page, stroke)


def _lit(page: Any, x: float, y: float) -> bool:
    """Whether a pixel of the photo lies in a mask: tinted or on its rim, not dimmed."""
    at = [(x + 0.5) / PHOTO_SIZE[0], (y + 0.5) / PHOTO_SIZE[1]]
    red, green, blue, alpha = page.locator("#photo .overlay").evaluate(READ_PIXEL, at)
    return bool(max(red, green, blue) > 60 and alpha > 60)


def _say(page: Any, prompt: str) -> None:
    page.fill("#prompt textarea, #prompt input", prompt)


def _frames_to_make(page: Any, count: int = FRAMES) -> None:
    _set(page, "#frames", count)


def _set(page: Any, field: str, value: int) -> None:
    """A number of the advanced settings."""
    if not page.locator(f"{field} input").is_visible():
        page.get_by_text("Advanced").click()
        page.wait_for_timeout(500)  # it unfolds, and sets its fields once more
    page.fill(f"{field} input", str(value))
    page.keyboard.press("Tab")


def _animate(page: Any) -> None:
    page.click("#animate")
    page.wait_for_selector("#result .tile video")
    page.wait_for_function("document.querySelector('#result .tile video').readyState >= 2")


def _download(page: Any, folder: Path, kind: str) -> Path:
    page.select_option("#result .format", kind)
    with page.expect_download() as download:
        page.click("#result .download")
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    return target


@pytest.mark.parametrize(
    ("width", "height", "density"), [(1280, 800, 1), (1920, 1080, 1.25), (390, 844, 3)]
)
def test_the_mask_covers_the_click_at_any_width(
    browser: Any, address: str, width: int, height: int, density: float
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=density
    )
    with _watched(context, address) as page:
        _open(page)
        started = time.monotonic()
        _click(page, *SPOON)
        assert time.monotonic() - started < 30, "waited for, not timed: see the docs for that"
        assert _lit(page, *SPOON) and not _lit(page, 5, 5)
        mark = page.locator("#photo .mark").bounding_box()
        x, y = _on_screen(page, *SPOON)
        assert abs(mark["x"] + mark["width"] / 2 - x) < 1.5
        assert abs(mark["y"] + mark["height"] / 2 - y) < 1.5
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_clicks_reach_their_pixels_when_zoomed(page: Any) -> None:
    _open(page)
    page.evaluate("document.body.style.zoom = 1.5")
    for _ in range(3):
        page.click("#photo .zoom-in")
    page.locator("#photo .scroller").evaluate("s => { s.scrollLeft = 600; s.scrollTop = 380; }")
    box = page.locator("#photo .scroller").bounding_box()
    # The pixel in the middle of what is seen, by the picture's own place on the screen.
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    picture = page.locator("#photo .photo").bounding_box()
    assert picture["width"] > 2.5 * box["width"] / 1.01
    at = [(x - picture["x"]) / picture["width"] * 600, (y - picture["y"]) / picture["height"] * 400]
    _answered(page, lambda: page.mouse.click(x, y))
    style = page.locator("#photo .mark").get_attribute("style")
    shown = [float(part.split(":")[1].strip(" %;")) for part in style.split(";") if part.strip()]
    # The server keeps the whole pixel; its middle is shown.
    assert abs(shown[0] * 6 - at[0]) <= 0.6 and abs(shown[1] * 4 - at[1]) <= 0.6


def test_tools_refine_the_mask(page: Any) -> None:
    _open(page)
    _click(page, *CUP)
    assert _lit(page, *CUP)
    page.click("#photo [data-tool=erase]")
    _drag(page, (CUP[0] - 20, CUP[1]), (CUP[0] + 20, CUP[1]))
    assert not _lit(page, *CUP)
    page.click("#photo [data-tool=brush]")
    _drag(page, (560, 40), (570, 60))
    assert _lit(page, 565, 50)
    _answered(page, lambda: page.click("#photo .undo"))
    assert not _lit(page, 565, 50)
    _answered(page, lambda: page.click("#photo .clear"))
    assert page.locator("#photo .overlay").is_hidden()
    page.click("#photo [data-tool=box]")
    _drag(page, (320, 230), (420, 330))
    assert page.locator("#photo .box").count() == 1
    assert page.locator("#photo [data-tool=add]").get_attribute("aria-pressed") == "true"
    _click(page, 330, 240, button="right")
    assert page.locator("#photo .mark.exclude").count() == 1
    page.click("#photo .mend summary")
    before = page.locator("#photo .overlay").get_attribute("src")
    _answered(page, lambda: page.click("#photo [data-edit=grow]"))
    assert page.locator("#photo .overlay").get_attribute("src") != before


def test_fingers_click_paint_and_exclude(browser: Any, address: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        device_scale_factor=3,
        has_touch=True,
        is_mobile=True,
    )
    with _watched(context, address) as page:
        _open(page)
        fingers = context.new_cdp_session(page)

        def touch(*points: tuple[float, float], rest: int = 0) -> None:
            for number, point in enumerate(points):
                x, y = _on_screen(page, *point)
                kind = "touchMove" if number else "touchStart"
                fingers.send(
                    "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]}
                )
            page.wait_for_timeout(rest)
            fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

        _answered(page, lambda: page.touchscreen.tap(*_on_screen(page, *SPOON)))
        assert _lit(page, *SPOON)
        _answered(page, lambda: touch((330, 330), rest=900))
        assert page.locator("#photo .mark.exclude").count() == 1
        page.locator("#photo [data-tool=brush]").tap()
        _answered(page, lambda: touch((60, 60), (80, 65), (100, 70)))
        assert _lit(page, 80, 65)


def test_everything_is_reached_from_the_keyboard(page: Any) -> None:
    _open(page)
    page.focus("#photo .canvas")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    _answered(page, lambda: page.keyboard.press("Enter"))
    assert page.locator("#photo .mark").count() == 1
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    _answered(page, lambda: page.keyboard.press("x"))
    assert page.locator("#photo .mark.exclude").count() == 1
    _answered(page, lambda: page.keyboard.press("Control+z"))
    _answered(page, lambda: page.keyboard.press("Control+z"))
    assert page.locator("#photo .mark").count() == 0
    reached: set[str] = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(document.activeElement.closest('[id]') || {}).id + ' ' + document.activeElement.className"
            )
        )
    seen = " ".join(reached)
    for control in ("undo", "regions", "prompt", "animate", "new-region"):
        assert control in seen, seen


def test_animate_is_in_sight_on_a_laptop(page: Any) -> None:
    _open(page)
    box = page.locator("#animate").bounding_box()
    assert box["y"] + box["height"] < 800


def test_two_regions_to_a_playing_clip(page: Any, tmp_path: Path) -> None:
    _open(page)
    _click(page, *SPOON)
    page.get_by_role("button", name="drift right").click()
    page.click("#new-region")
    page.wait_for_function("document.querySelectorAll('#regions input').length == 2")
    _click(page, 120, 120)
    _say(page, "slide left")
    _frames_to_make(page)
    _animate(page)
    video = page.locator("#result .tile video")
    shown = video.evaluate(
        "video => [video.videoWidth, video.videoHeight, video.duration, video.loop]"
    )
    assert shown == [*PHOTO_SIZE, pytest.approx(FRAMES / 8), True]
    assert video.evaluate(FRAME_COUNT) == FRAMES
    file = _download(page, tmp_path, "mp4")
    assert file.name == "drift-right-slide-left-seed-0.mp4"
    clip = Clip.load(file)
    assert len(clip) == FRAMES
    first, second = clip.settings["regions"]
    (area,) = first["areas"]
    assert (area["x"], area["y"], area["positive"]) == (*SPOON, True)
    assert (first["prompt"], second["prompt"]) == ("drift right", "slide left")
    assert clip.settings["seed"] == 0 and clip.settings["num_frames"] == FRAMES


def test_every_format_downloads(page: Any, tmp_path: Path) -> None:
    _open(page)
    _click(page, *SPOON)
    _say(page, "drift right")
    _frames_to_make(page)
    _animate(page)
    for kind in ("gif", "webp", "webm", "zip"):
        file = _download(page, tmp_path, kind)
        assert read_settings(file)["regions"][0]["prompt"] == "drift right", kind
    with zipfile.ZipFile(tmp_path / "drift-right-seed-0.zip") as archive:
        assert len(archive.namelist()) == FRAMES
    page.click("#result [data-playback=ping-pong]")
    page.wait_for_function(
        f"Math.abs(document.querySelector('#result .tile video').duration - {(2 * FRAMES - 2) / 8}) < 0.05"
    )
    assert len(Clip.load(_download(page, tmp_path, "gif"))) == 2 * FRAMES - 2


def test_compare_variations_and_gallery(page: Any) -> None:
    _open(page)
    _click(page, *SPOON)
    _say(page, "sway")
    _frames_to_make(page, 3)
    _animate(page)
    page.click("#result .compare")
    page.locator("#result .divider").evaluate(
        "slider => { slider.value = 25; slider.dispatchEvent(new Event('input')); }"
    )
    assert (
        page.locator("#result .tile").evaluate("tile => tile.style.getPropertyValue('--divider')")
        == "25%"
    )
    page.click("#result .variations")
    page.wait_for_function("document.querySelectorAll('#result .tile').length == 4")
    page.wait_for_function("document.querySelectorAll('#result .tile video').length == 4")
    page.wait_for_function("document.querySelectorAll('#result .thumbnail').length == 5")
    page.locator("#result .tile .pick").first.click()
    page.wait_for_selector("#result .controls:visible")
    page.locator("#result .settings summary").click()
    said = page.locator("#result .settings dl").inner_text()
    assert "sway" in said and "seed" in said
    seeds = {title.split("seed ")[1] for title in page.locator("#result .title").all_inner_texts()}
    assert len(seeds) == 5
    page.click("#result .again")
    page.wait_for_function("document.querySelectorAll('#result .thumbnail').length == 6")


def test_dropping_a_clip_restores_its_settings(page: Any, tmp_path: Path) -> None:
    _open(page)
    _click(page, *SPOON)
    _say(page, "drift right")
    _frames_to_make(page)
    _set(page, "#seed", 41)
    _animate(page)
    clip = _download(page, tmp_path, "zip")
    _answered(page, lambda: page.click("#photo .clear"))
    _say(page, "something else")
    _set(page, "#seed", 3)
    _answered(page, lambda: page.set_input_files("#photo .file", str(clip)))
    page.wait_for_function("document.querySelector('#seed input').value == '41'")
    assert page.locator("#prompt textarea, #prompt input").input_value() == "drift right"
    assert _lit(page, *SPOON) and page.locator("#photo .mark").count() == 1


def test_photos_are_pasted_and_dropped_and_taken(page: Any, tmp_path: Path) -> None:
    red = tmp_path / "red.png"
    Image.new("RGB", (300, 200), (200, 30, 30)).save(red)
    content = list(red.read_bytes())
    for kind, target in (
        ("paste", "document"),
        ("drop", "document.querySelector('#photo .stage')"),
    ):
        made = f"""content => {{
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(content)], 'red.png', {{type: 'image/png'}}));
            const event = new Event('{kind}', {{bubbles: true, cancelable: true}});
            Object.defineProperty(event, '{"clipboardData" if kind == "paste" else "dataTransfer"}', {{value: transfer}});
            {target}.dispatchEvent(event);
        }}"""
        _answered(page, lambda made=made: page.evaluate(made, content))
        page.wait_for_function("document.querySelector('#photo .photo').naturalWidth == 300")
        _answered(page, lambda: page.set_input_files("#photo .file", str(PHOTO)))
        page.wait_for_function("document.querySelector('#photo .photo').naturalWidth == 600")
    page.locator("#photo .tools .camera").click()
    page.wait_for_function("document.querySelector('#photo .viewfinder video').videoWidth > 0")
    _answered(page, lambda: page.click("#photo .snap"))
    page.wait_for_function("document.querySelector('#photo .photo').naturalWidth >= 640")


def test_what_is_missing_is_said_and_nothing_is_lost(page: Any) -> None:
    page.click("#animate")
    page.get_by_text("there is no photo yet").wait_for()
    _say(page, "<b>sway</b>")
    _open(page)
    page.click("#animate")
    page.get_by_text("region 1 has no place yet").wait_for()
    assert page.locator("#prompt textarea, #prompt input").input_value() == "<b>sway</b>"
    assert page.locator("#photo .photo").is_visible()
    page.set_input_files(
        "#photo .file", {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"}
    )
    page.get_by_text("is not an image that can be read").wait_for()
    assert page.locator("#photo .photo").is_visible()


def test_a_prompt_is_never_html(page: Any) -> None:
    _open(page)
    _click(page, *SPOON)
    _say(page, '<img src=x onerror="window.hurt = 1"> drift right')
    _frames_to_make(page, 3)
    _animate(page)
    page.locator("#result .settings summary").click()
    assert "<img src=x" in page.locator("#result .settings dl").inner_text()
    assert page.evaluate("window.hurt === undefined")


def test_the_page_says_how_a_prompt_is_read_while_it_is_typed(page: Any) -> None:
    _open(page)
    reading = page.locator("#reading")
    _say(page, "drift right")
    page.get_by_text("Read as: drift right").wait_for()
    _say(page, "blink twice")
    page.get_by_text("No motion that mini knows").wait_for()
    page.get_by_role("button", name="sway", exact=True).click()
    page.get_by_text("Read as: sway").wait_for()
    _say(page, "")
    page.wait_for_function("!document.querySelector('#reading').innerText.trim()")
    assert reading.inner_text().strip() == ""


def test_cancel_stops_within_two_seconds(page: Any) -> None:
    _open(page)
    _click(page, *SPOON)
    _say(page, "drift right")
    _set(page, "#steps", 900)
    page.click("#animate")
    page.wait_for_selector("#result .preview:not([hidden])")
    assert page.locator("#result .words").inner_text().startswith("Making the motion, step")
    page.wait_for_function("document.querySelector('#result .left').textContent.includes('left')")
    started = time.monotonic()
    page.click("#cancel")
    page.get_by_text("Stopped.").wait_for()
    assert time.monotonic() - started < 2
    page.wait_for_selector("#cancel", state="hidden")
    _set(page, "#steps", 1)
    _animate(page)


def test_dark_and_light(browser: Any, address: str) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        with _watched(context, address) as page:
            _open(page)
            grounds.append(
                [
                    page.evaluate(f"getComputedStyle(document.querySelector('{place}')).{what}")
                    for place, what in (
                        ("#photo .stage", "backgroundColor"),
                        ("#photo .undo", "backgroundColor"),
                        ("#photo .undo", "color"),
                    )
                ]
            )
    assert all(light != dark for light, dark in zip(*grounds, strict=True))


def test_credentials_guard_the_page(
    browser: Any,
    served: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "auth").write_text("me:secret\n")
    with served(folder, "--auth-file", str(folder / "auth")) as address:
        for path in ("/", "/config", "/gradio_api/info", "/v1/models", "/page/photos/x"):
            assert httpx.get(f"{address}{path}").status_code == 401
        context = browser.new_context(http_credentials={"username": "me", "password": "secret"})
        with _watched(context, address) as page:
            _open(page)
            _click(page, *SPOON)
            _say(page, "drift right")
            _frames_to_make(page, 3)
            _animate(page)
