"""`fyc app`: the web page from the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from follow_your_click.interfaces.console import say
from follow_your_click.interfaces.options import ModelOption


def app_command(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="127.0.0.1: this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="Port of the page.")] = 7860,
    model: ModelOption = "mini",
    max_megapixels: Annotated[
        float, typer.Option(metavar="M", help="Refuse larger photos.")
    ] = 50.0,
) -> None:
    """Serve the web page: click in a photo, say how it moves. Needs the extra "app"."""
    from follow_your_click.interfaces.app.server import serve

    with contextlib.redirect_stdout(sys.stderr):
        serve(
            model=model,
            host=host,
            port=port,
            max_megapixels=max_megapixels,
            ready=lambda address: say(f"the page is at {address}  (stop it with Ctrl+C)"),
        )
