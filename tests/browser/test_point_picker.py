"""The ComfyUI node's point picker in a real browser, with a stand-in for ComfyUI's page around it."""

from __future__ import annotations

import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from follow_your_click.interfaces import comfyui
from follow_your_click.interfaces.comfyui.points import points_to_areas
from follow_your_click.region import Box, Click

from .conftest import browser_program

SCRIPT = Path(comfyui.__file__).parent / comfyui.WEB_DIRECTORY / "point_picker.js"
SIZE = 600, 400
# As much of ComfyUI as the picker knows: a graph whose zoom is a CSS transform, a node, and the node before it.
PAGE = """<!doctype html><body style="margin:0">
<div id="graph" style="transform-origin:0 0;width:700px"><div id="node" style="width:360px;height:320px"></div></div>
<script type="module">
import { app } from "/scripts/app.js";
await import("/extensions/fyc/point_picker.js");
const points = { name: "points", value: "" };
const source = new Image(); source.src = "/view?filename=photo.png"; await source.decode();
const node = {
  comfyClass: "FYC_ClickToRegion", widgets: [points], inputs: [{ name: "animator" }, { name: "image" }], size: [300, 300],
  getInputNode: (slot) => (slot === 1 ? { imgs: [source] } : null),
  addDOMWidget: (name, type, element) => document.querySelector("#node").append(element),
  setSize(size) { this.size = size; }, setDirtyCanvas() {},
};
app.extension.nodeCreated(node);
window.node = node; window.points = points;
node.onConnectionsChange();
window.ready = true;
</script>"""
APP = "export const app = { registerExtension(extension) { this.extension = extension; } };"
API = "export const api = { apiURL: (route) => route };"


def _png(size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", size, colour).save(packed, "PNG")
    return packed.getvalue()


class Comfy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        pages = {
            "/": ("text/html", PAGE.encode()),
            "/scripts/app.js": ("text/javascript", APP.encode()),
            "/scripts/api.js": ("text/javascript", API.encode()),
            "/extensions/fyc/point_picker.js": ("text/javascript", SCRIPT.read_bytes()),
            "/view?filename=photo.png": ("image/png", _png(SIZE, (90, 120, 200))),
        }
        kind, content = pages.get(self.path, ("image/png", _png((300, 500), (200, 90, 90))))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests' output is theirs."""


@pytest.fixture(scope="module")
def comfy() -> Iterator[str]:
    browser_program()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Comfy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Any, comfy: str) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 900, "height": 800})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(comfy)
    page.wait_for_function(
        "window.ready && document.querySelector('.fyc-picker .image').naturalWidth"
    )
    page.wait_for_timeout(100)
    yield page
    page.close()
    assert not wrong


def _at(page: Any, x: float, y: float) -> tuple[float, float]:
    box = page.locator(".fyc-picker .frame").bounding_box()
    return (
        box["x"] + (x + 0.5) / SIZE[0] * box["width"],
        box["y"] + (y + 0.5) / SIZE[1] * box["height"],
    )


def _click(page: Any, x: float, y: float, **how: Any) -> None:
    page.mouse.click(*_at(page, x, y), **how)


def _areas(page: Any) -> list[Any]:
    return points_to_areas(page.evaluate("points.value"), height=SIZE[1], width=SIZE[0])


@pytest.mark.parametrize("zoom", [0.5, 1, 1.7])
def test_clicks_are_the_images_own_pixels_at_any_zoom(page: Any, zoom: float) -> None:
    page.evaluate(f"document.querySelector('#graph').style.transform = 'scale({zoom})'")
    for x, y in ((30, 20), (300, 200), (570, 380)):
        _click(page, x, y)
    tolerance = 1 / zoom / 0.55 + 1  # a pixel of the screen, in pixels of the image
    for area, (x, y) in zip(_areas(page), ((30, 20), (300, 200), (570, 380)), strict=True):
        assert area.positive and abs(area.x - x) <= tolerance and abs(area.y - y) <= tolerance
    mark = page.locator(".fyc-picker .mark").nth(1).bounding_box()
    at = _at(page, 300, 200)
    assert abs(mark["x"] + mark["width"] / 2 - at[0]) < 2
    assert abs(mark["y"] + mark["height"] / 2 - at[1]) < 2


def test_right_click_and_shift_exclude_and_a_mark_is_removed(page: Any) -> None:
    _click(page, 100, 100)
    _click(page, 200, 100, button="right")
    page.keyboard.down("Shift")
    _click(page, 300, 100)
    page.keyboard.up("Shift")
    assert [area.positive for area in _areas(page)] == [True, False, False]
    _click(page, 201, 101)
    assert len(_areas(page)) == 2
    page.get_by_text("Undo").click()
    assert [area.positive for area in _areas(page)] == [True]
    page.get_by_text("Clear").click()
    assert page.evaluate("points.value") == ""


def test_dragging_draws_one_box(page: Any) -> None:
    for start, end in (((50, 60), (200, 220)), ((400, 300), (300, 150))):
        page.mouse.move(*_at(page, *start))
        page.mouse.down()
        page.mouse.move(*_at(page, *end), steps=5)
        page.mouse.up()
    (box,) = _areas(page)
    assert isinstance(box, Box)
    for got, wanted in zip((box.x0, box.y0, box.x1, box.y1), (300, 150, 400, 300), strict=True):
        assert abs(got - wanted) <= 2


def test_the_keyboard_does_it_all(page: Any) -> None:
    page.focus(".fyc-picker .frame")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    assert _areas(page) == [Click(310, 200), Click(310, 210, positive=False)]
    page.keyboard.press("Backspace")
    assert _areas(page) == [Click(310, 200)]


def test_after_a_run_the_true_image_and_its_mask_are_shown(page: Any) -> None:
    _click(page, 100, 100)
    shown = {"fyc_image": [{"filename": "a.png"}], "fyc_mask": [{"filename": "m.png"}]}
    page.evaluate(f"node.onExecuted({json.dumps(shown)})")
    page.wait_for_function("document.querySelector('.fyc-picker .image').naturalHeight == 500")
    assert page.locator(".fyc-picker .mask").is_visible()
    # Points of an image of another size mean nothing here.
    assert page.locator(".fyc-picker .mark").count() == 0


def test_the_text_is_hidden_behind_the_picker(page: Any) -> None:
    assert page.evaluate("points.hidden && points.computeSize()[1] < 0")
