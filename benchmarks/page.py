"""How long a visitor of the page waits: from a click to its mask, from Animate to the clip, from Cancel to rest.

    python benchmarks/page.py [--photo FILE ...] [--json FILE]

Starts `fyc app` and a headless Chromium (CHROMIUM names another program) on this machine. Needs the extra "app" and
Playwright. By default: an example photo, and the same enlarged to 12 megapixels.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from serving import served

ROOT = Path(__file__).parents[1]
PLACES = (
    (0.61, 0.71),
    (0.42, 0.5),
    (0.2, 0.3),
    (0.8, 0.75),
    (0.5, 0.5),
)  # shares of width and height
CANCEL_AFTER = (0.1, 0.3, 0.6, 1.0, 1.5, 2.5, 4.0)  # seconds
PATIENCE = 180_000  # ms
LARGE = 4240, 2832  # px, 12 megapixels


def answer(page: Page) -> str:
    return str(
        page.evaluate(
            "[...document.querySelectorAll('[data-answer]')].map(e => e.dataset.answer).join()"
        )
    )


def timed(page: Page, act: Callable[[], object]) -> float:
    """Seconds until the editor shows the answer to what is done."""
    before = answer(page)
    started = time.monotonic()
    act()
    page.wait_for_function(
        "before => [...document.querySelectorAll('[data-answer]')].map(e => e.dataset.answer).join() != before",
        arg=before,
    )
    page.evaluate("document.querySelector('#photo .overlay').decode().catch(() => {})")
    return time.monotonic() - started


def visit(browser: Browser, address: str, photo: Path) -> dict[str, Any]:
    """All waits of one visitor."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector("#photo .stage")
    figures: dict[str, Any] = {"photo": photo.name}
    figures["open"] = timed(page, lambda: page.set_input_files("#photo .file", str(photo)))
    page.wait_for_function("document.querySelector('#photo .photo').naturalWidth > 0")
    box = page.locator("#photo .photo").bounding_box()
    assert box is not None
    figures["click"] = [
        timed(
            page,
            lambda x=x, y=y: page.mouse.click(
                box["x"] + x * box["width"], box["y"] + y * box["height"]
            ),
        )
        for x, y in PLACES
    ]
    for _ in range(len(PLACES) - 1):
        timed(page, lambda: page.click("#photo .undo"))
    page.fill("#prompt textarea, #prompt input", "drift right")
    figures["clip"], figures["cancel"] = [], []
    for _ in range(2):
        started = time.monotonic()
        page.click("#animate")
        page.wait_for_selector("#animate:disabled")
        page.wait_for_function("document.querySelector('#result .tile video')?.readyState >= 2")
        figures["clip"].append(time.monotonic() - started)
        page.wait_for_selector("#cancel", state="hidden")
    for delay in CANCEL_AFTER:
        page.click("#animate")
        page.wait_for_selector("#cancel:visible")
        page.wait_for_timeout(1000 * delay)
        if not page.locator("#cancel").is_visible():
            break  # done already
        words = page.locator("#result .words").all_text_contents()
        stage = words[0] if words else "not shown yet"
        started = time.monotonic()
        try:
            page.click("#cancel", timeout=2000)
        except PlaywrightTimeout:
            break  # done meanwhile
        page.wait_for_selector("#cancel", state="hidden")
        figures["cancel"].append([stage, time.monotonic() - started])
    page.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, action="append")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    program = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        served("app") as (address, pid),
    ):
        photos = arguments.photo
        if photos is None:
            example = ROOT / "examples" / "coffee.jpg"
            large = Path(folder) / "coffee-12-megapixels.jpg"
            Image.open(example).resize(LARGE, Image.Resampling.LANCZOS).save(large, quality=90)
            photos = [example, large]
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        results = [visit(browser, address, photo) for photo in photos]
        browser.close()
        memory = next(
            line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmHWM" in line
        )
    print(
        f"{'photo':28} {'open':>6} {'click, median':>14} {'worst':>6} {'clip':>6} {'cancel, worst':>14}"
    )
    for each in results:
        clicks, cancels = (
            each["click"],
            [seconds for _, seconds in each["cancel"]] or [float("nan")],
        )
        print(
            f"{each['photo']:28} {each['open']:6.2f} {statistics.median(clicks):14.2f} {max(clicks):6.2f} "
            f"{min(each['clip']):6.2f} {max(cancels):14.2f}"
        )
    print("seconds;", memory.replace("VmHWM:", "the server's most memory").strip())
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
