"""The web page on an address: page, REST API and pictures under one port."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from follow_your_click.errors import MissingExtraError
from follow_your_click.interfaces.api import server as api
from follow_your_click.interfaces.api.service import Service, ServiceSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

# Read when gradio is imported: nothing is sent anywhere.
_SETTINGS = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
_PICTURE_KEPT = {"Cache-Control": "private, max-age=86400, immutable"}


def check_extra(*, mcp: bool = False) -> None:
    """Raises MissingExtraError when gradio is not installed, and says what to install."""
    os.environ.update(_SETTINGS)
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            'the web page needs gradio, which is not installed; pip install "follow-your-click[app]"'
        ) from error
    if mcp and importlib.util.find_spec("mcp") is None:
        raise MissingExtraError(
            'the MCP server needs mcp, which is not installed; pip install "follow-your-click[mcp]"'
        )


def serve(
    settings: ServiceSettings,
    *,
    host: str,
    port: int,
    ready: Callable[[str], None],
    mcp: bool = False,
) -> None:
    """Serve the page until the process is interrupted; leaves no files behind.

    Args:
        settings: of the service.
        host: address to listen on; 127.0.0.1 is this machine only.
        port: 1 to 65535.
        ready: called with the page's address once it can be opened.
        mcp: whether agents find an MCP server at /gradio_api/mcp.

    Raises:
        MissingExtraError: gradio is not installed.
        ModelError: the model cannot be loaded.
        SettingsError: a number out of range, or an address that cannot be listened on.
    """
    check_extra(mcp=mcp)
    api.serve(
        settings, host=host, port=port, ready=ready, build=lambda service: app_of(service, mcp=mcp)
    )


def app_of(service: Service, *, mcp: bool = False) -> FastAPI:
    """Page and API as one application.

    gradio's own `launch` would look for itself over the network and give up on a busy machine.
    """
    from fastapi import HTTPException
    from fastapi.responses import FileResponse
    from gradio import mount_gradio_app

    from follow_your_click.interfaces.app.page import build_page
    from follow_your_click.interfaces.app.studio import Studio
    from follow_your_click.interfaces.app.theme import CSS, theme

    studio = Studio(service)
    app = api.api_app(service)

    @app.get("/page/photos/{key}", include_in_schema=False)
    def photo(key: str) -> FileResponse:
        """The picture of an open photo; whoever knows its key may see it."""
        file = studio.photos.picture(key)
        if file is None:
            raise HTTPException(404, "there is no such photo (any more)")
        return FileResponse(file, media_type="image/jpeg", headers=_PICTURE_KEPT)

    mounted: FastAPI = mount_gradio_app(
        app,
        build_page(studio, max_bytes=service.settings.max_bytes),
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=service.settings.max_bytes,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=mcp,
        theme=theme(),
        css=CSS,
    )
    return mounted
