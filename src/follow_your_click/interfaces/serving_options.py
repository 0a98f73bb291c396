"""Options that `fyc app` and `fyc serve` share, and what becomes of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from follow_your_click.errors import SettingsError
from follow_your_click.interfaces.options import takes_options

if TYPE_CHECKING:
    from follow_your_click.interfaces.api.guards import Credentials
    from follow_your_click.interfaces.api.service import ServiceSettings

AUTH_VARIABLE = "FYC_AUTH"


@dataclass(frozen=True)
class ServingOptions:
    """As they were typed."""

    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="127.0.0.1: this machine only; 0.0.0.0: any.")
    ] = "127.0.0.1"
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="mini, or a model folder; may repeat."),
    ] = None
    segmenter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="That can be chosen; may repeat. All if left out."),
    ] = None
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="cpu, cuda:0 ...; one worker each; may repeat."),
    ] = None
    max_megapixels: Annotated[float, typer.Option(metavar="M", help="Refuse larger photos.")] = 50.0
    max_upload_mb: Annotated[float, typer.Option(metavar="MB", help="Refuse larger uploads.")] = (
        200.0
    )
    queue: Annotated[int, typer.Option(metavar="N", help="Clips that may wait.")] = 16
    queue_per_owner: Annotated[
        int, typer.Option(metavar="N", help="Of these, of one visitor or address.")
    ] = 4
    max_store_gb: Annotated[
        float, typer.Option(metavar="GB", help="Of finished clips; the oldest go first.")
    ] = 4.0
    host_name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Names to be asked by, behind a proxy; may repeat."),
    ] = None
    auth_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"USER:PASSWORD on its first line, asked of everybody; or set {AUTH_VARIABLE}.",
        ),
    ] = None

    def settings(self) -> ServiceSettings:
        """Checked; raises SettingsError for what is out of range or cannot be read."""
        from follow_your_click.interfaces.api.service import ServiceSettings
        from follow_your_click.segmentation.registry import SEGMENTER_NAMES

        return ServiceSettings(
            models=tuple(self.model or ("mini",)),
            segmenters=tuple(self.segmenter or SEGMENTER_NAMES),
            devices=tuple(self.device or (None,)),
            max_megapixels=self.max_megapixels,
            max_upload_mb=self.max_upload_mb,
            max_waiting=self.queue,
            max_waiting_per_owner=self.queue_per_owner,
            max_store_gb=self.max_store_gb,
            credentials=_credentials(self.auth_file),
            hosts=tuple(self.host_name) if self.host_name else None,
        )


takes_serving = takes_options("serving", ServingOptions)
"""A command with the fields of ServingOptions as options, in place of its parameter `serving`."""


def _credentials(file: Path | None) -> Credentials | None:
    """From a file or the environment: what stands on a command line, everybody on the machine can read."""
    from follow_your_click.interfaces.api.guards import Credentials

    if file is None:
        text = os.environ.get(AUTH_VARIABLE)
        return Credentials.parse(text) if text else None
    try:
        return Credentials.parse((file.read_text(encoding="utf-8").splitlines() or [""])[0])
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read; expected a file with USER:PASSWORD") from error
