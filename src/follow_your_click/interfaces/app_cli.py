"""`fyc app`, the web page, and `fyc serve`, the API alone, from the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from follow_your_click.interfaces.console import say
from follow_your_click.interfaces.serving_options import (
    AuthFileOption,
    DevicesOption,
    HostNamesOption,
    HostOption,
    MegapixelsOption,
    ModelsOption,
    OwnerQueueOption,
    PortOption,
    QueueOption,
    SegmentersOption,
    StoreOption,
    UploadOption,
    credentials_from,
)


def app_command(
    host: HostOption = "127.0.0.1",
    port: PortOption = 7860,
    model: ModelsOption = None,
    segmenter: SegmentersOption = None,
    device: DevicesOption = None,
    max_megapixels: MegapixelsOption = 50.0,
    max_upload_mb: UploadOption = 200.0,
    queue: QueueOption = 16,
    queue_per_owner: OwnerQueueOption = 4,
    max_store_gb: StoreOption = 4.0,
    host_name: HostNamesOption = None,
    auth_file: AuthFileOption = None,
    mcp: Annotated[
        bool, typer.Option("--mcp", help='Agents find an MCP server; needs the extra "mcp".')
    ] = False,
) -> None:
    """Serve the web page: click in a photo, say how it moves. Needs the extra "app"."""
    from follow_your_click.interfaces.api.service import ServiceSettings
    from follow_your_click.interfaces.app.server import serve

    settings = ServiceSettings(
        models=tuple(model or ("mini",)),
        **({"segmenters": tuple(segmenter)} if segmenter else {}),
        devices=tuple(device or (None,)),
        max_megapixels=max_megapixels,
        max_upload_mb=max_upload_mb,
        max_waiting=queue,
        max_waiting_per_owner=queue_per_owner,
        max_store_gb=max_store_gb,
        credentials=credentials_from(auth_file),
        hosts=tuple(host_name) if host_name else None,
    )
    with contextlib.redirect_stdout(sys.stderr):
        serve(
            settings,
            host=host,
            port=port,
            mcp=mcp,
            ready=lambda address: say(f"the page is at {address}  (stop it with Ctrl+C)"),
        )


def serve_command(
    host: HostOption = "127.0.0.1",
    port: PortOption = 7861,
    model: ModelsOption = None,
    segmenter: SegmentersOption = None,
    device: DevicesOption = None,
    max_megapixels: MegapixelsOption = 50.0,
    max_upload_mb: UploadOption = 200.0,
    queue: QueueOption = 16,
    queue_per_owner: OwnerQueueOption = 4,
    max_store_gb: StoreOption = 4.0,
    host_name: HostNamesOption = None,
    auth_file: AuthFileOption = None,
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
    from follow_your_click.interfaces.api.service import ServiceSettings

    settings = ServiceSettings(
        models=tuple(model or ("mini",)),
        **({"segmenters": tuple(segmenter)} if segmenter else {}),
        devices=tuple(device or (None,)),
        max_megapixels=max_megapixels,
        max_upload_mb=max_upload_mb,
        max_waiting=queue,
        max_waiting_per_owner=queue_per_owner,
        max_store_gb=max_store_gb,
        credentials=credentials_from(auth_file),
        hosts=tuple(host_name) if host_name else None,
    )
    with contextlib.redirect_stdout(sys.stderr):
        serve(
            settings,
            host=host,
            port=port,
            ready=lambda address: say(f"the API is at {address}/v1  (stop it with Ctrl+C)"),
            replicas=replicas,
            min_replicas=min_replicas,
        )
