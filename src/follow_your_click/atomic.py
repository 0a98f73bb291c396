"""Files that appear only when they are whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from follow_your_click.errors import OutputError

TEMPORARY = ".tmp-"
"""Stands in the name of every file that is not whole yet."""


@contextmanager
def whole_file(target: Path, what: str = "") -> Iterator[Path]:
    """A temporary path beside the target, with its suffix, moved into place at the end; removed if something goes wrong.

    Args:
        what: what the file is, for the message, such as "mask".

    Raises:
        OutputError: the folder is missing, or the disk refuses.
    """
    temporary = target.with_name(f".{target.stem}{TEMPORARY}{os.getpid()}{target.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
    except OSError as error:
        name = f"{what} {target}".strip()
        raise OutputError(
            f"{name} cannot be written: {error.strerror or error}; expected a folder that exists and has space"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
