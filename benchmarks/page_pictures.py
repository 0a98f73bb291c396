"""Make the documentation's pictures of the page anew, in a real browser: docs/page-*.jpg.

    python benchmarks/page_pictures.py [--out FOLDER]

Starts `fyc app` and a headless Chromium (CHROMIUM names another program) on this machine. Needs the extras "app" and "dev".
"""

from __future__ import annotations

import argparse
import os
import shutil
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Page, sync_playwright
from serving import served

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "examples" / "rocket.jpg"
BOX = (0.466, 0.305, 0.544, 0.953)  # x0, y0, x1, y1 around the rocket, shares of the photo
PROMPT = "rise slowly"
WIDE, PHONE = (1280, 620), (380, 1330)  # px
WIDTHS = {"wide": 1000, "phone": 280}  # px, of the pictures
AFTER = 1.6  # seconds into the clip
MARGIN = 16  # px


def select(page: Page) -> None:
    """The photo opened, the rocket boxed, a motion idea pressed."""
    page.set_input_files("#photo .file", str(PHOTO))
    page.wait_for_function("document.querySelector('#photo .photo').naturalWidth > 0")
    page.get_by_role("button", name="Box", exact=True).click()
    frame = page.locator("#photo .photo").bounding_box()
    assert frame is not None
    x0, y0, x1, y1 = (
        frame[side] + share * frame[length]
        for share, side, length in zip(BOX, "xyxy", ("width", "height") * 2, strict=True)
    )
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x1, y1, steps=8)
    page.mouse.up()
    page.get_by_role("button", name=PROMPT, exact=True).click()
    page.wait_for_timeout(4000)


def animate(page: Page) -> None:
    """A finished clip, stopped."""
    page.click("#animate")
    page.wait_for_function("document.querySelector('#result .tile video')?.readyState >= 2")
    page.wait_for_selector("#cancel", state="hidden")
    page.evaluate(
        "at => { const v = document.querySelector('#result .tile video'); v.pause(); v.currentTime = at; }",
        AFTER,
    )
    page.wait_for_timeout(800)


def picture(page: Page, width: int) -> Image.Image:
    """What the page shows, as wide as asked, without what is empty below."""
    shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
    ground = Image.new("RGB", shot.size, shot.getpixel((0, shot.height - 1)))
    used = ImageChops.difference(shot, ground).getbbox()
    assert used is not None
    shot = shot.crop((0, 0, shot.width, min(used[3] + MARGIN, shot.height)))
    return shot.resize((width, round(shot.height * width / shot.width)), Image.Resampling.LANCZOS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    out = parser.parse_args().out
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with served("app") as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDE[0], "height": WIDE[1]})
        page.goto(address)
        page.wait_for_selector("#photo .stage")
        page.wait_for_timeout(500)
        picture(page, WIDTHS["wide"]).save(out / "page-1-open.jpg", quality=88)
        select(page)
        picture(page, WIDTHS["wide"]).save(out / "page-2-click.jpg", quality=88)
        animate(page)
        picture(page, WIDTHS["wide"]).save(out / "page-3-clip.jpg", quality=88)
        phones = []
        for scheme in ("light", "dark"):
            page = browser.new_page(
                viewport={"width": PHONE[0], "height": PHONE[1]}, color_scheme=scheme
            )
            page.goto(address)
            page.wait_for_selector("#photo .stage")
            select(page)
            animate(page)
            page.evaluate("window.scrollTo(0, 0)")
            phones.append(picture(page, WIDTHS["phone"]))
        both = Image.new("RGB", (2 * WIDTHS["phone"], phones[0].height))
        for number, phone in enumerate(phones):
            both.paste(phone, (number * WIDTHS["phone"], 0))
        both.save(out / "page-phone.jpg", quality=88)
        browser.close()


if __name__ == "__main__":
    main()
