"""`fyc app`, the web page, and `fyc serve`, the API alone, from the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from follow_your_click.interfaces.console import say
from follow_your_click.interfaces.serving_options import ServingOptions, takes_serving


@takes_serving
def app_command(
    *,
    serving: ServingOptions,
    port: Annotated[int, typer.Option(metavar="N", help="Port to listen on.")] = 7860,
    mcp: Annotated[
        bool, typer.Option("--mcp", help='Agents find an MCP server; needs the extra "mcp".')
    ] = False,
) -> None:
    """Serve the web page: click in a photo, say how it moves. Needs the extra "app"."""
    from follow_your_click.interfaces.app.server import serve

    with contextlib.redirect_stdout(sys.stderr):
        serve(
            serving.settings(),
            host=serving.host,
            port=port,
            mcp=mcp,
            ready=lambda address: say(f"the page is at {address}  (stop it with Ctrl+C)"),
        )


@takes_serving
def serve_command(
    *,
    serving: ServingOptions,
    port: Annotated[int, typer.Option(metavar="N", help="Port to listen on.")] = 7861,
    replicas: Annotated[
        int | None,
        typer.Option(
            metavar="N", help='Make clips in N processes of a Ray cluster; needs the extra "ray".'
        ),
    ] = None,
    min_replicas: Annotated[
        int | None, typer.Option(metavar="N", help="Fewer while there is little to do.")
    ] = None,
) -> None:
    """Serve the REST API without the page. Needs the extra "serve"."""
    from follow_your_click.interfaces.api.server import serve

    with contextlib.redirect_stdout(sys.stderr):
        serve(
            serving.settings(),
            host=serving.host,
            port=port,
            ready=lambda address: say(f"the API is at {address}/v1  (stop it with Ctrl+C)"),
            replicas=replicas,
            min_replicas=min_replicas,
        )
