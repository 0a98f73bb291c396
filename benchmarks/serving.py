"""`fyc app` and `fyc serve` as their users start them, for the benchmarks that visit them."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = "import sys; from follow_your_click.interfaces.cli import main; sys.exit(main())"
READY = ("the page is at", "the API is at")


@contextmanager
def served(*words: str) -> Iterator[tuple[str, int]]:
    """The address of `fyc WORDS` on a free port of this machine, and its process; it ends with the block.

    Raises SystemExit with what it said if it does not start.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.NamedTemporaryFile("w+") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words, "--port", str(port)], stderr=log
        )
        try:
            while not any(line in Path(log.name).read_text() for line in READY):
                if server.poll() is not None:
                    raise SystemExit(Path(log.name).read_text())
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}", server.pid
        finally:
            server.terminate()
            server.wait(60)
