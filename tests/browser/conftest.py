"""A real browser, and `fyc app` as a user starts it.

Skipped where no Chromium is found. CHROMIUM names another browser program.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 120_000  # ms; a machine that is busy elsewhere is slow, not wrong
# A camera that shows a test picture; nothing that the browser itself would look for on the network.
SWITCHES = (
    *("--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def browser_program() -> str:
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser: one of {', '.join(BROWSERS)}, or its path in CHROMIUM")
    return found


@contextmanager
def _served(folder: Path, *words: str) -> Iterator[str]:
    """The address of `fyc app`, while it runs; it must end well and leave nothing behind."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = "import sys; from follow_your_click.interfaces.cli import main; sys.exit(main())"
    log = folder / "log.txt"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-c", program, "app", "--port", str(port), *words],
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
        assert "Traceback" not in log.read_text()
        assert not list(folder.glob("fyc-server-*")), "nothing is left behind"


@pytest.fixture(scope="session")
def served() -> Callable[..., Any]:
    """served(folder, words of `fyc app` ...) -> a context with the address."""
    browser_program()  # skip before the work
    return _served


@pytest.fixture(scope="session")
def address(served: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where `fyc app` serves `mini`."""
    with served(tmp_path_factory.mktemp("app")) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_program(), args=list(SWITCHES))
        yield browser
        browser.close()
