"""Options that `fyc app` and `fyc serve` share, and what becomes of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from follow_your_click.errors import SettingsError
from follow_your_click.interfaces.api.guards import Credentials

AUTH_VARIABLE = "FYC_AUTH"

HostOption = Annotated[
    str, typer.Option(metavar="ADDRESS", help="127.0.0.1: this machine only; 0.0.0.0: any.")
]
PortOption = Annotated[int, typer.Option(metavar="N", help="Port to listen on.")]
ModelsOption = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="NAME", help="mini, or a model folder; may repeat."),
]
SegmentersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--segmenter", metavar="NAME", help="That can be chosen; may repeat. All known if left out."
    ),
]
DevicesOption = Annotated[
    list[str] | None,
    typer.Option("--device", metavar="NAME", help="cpu, cuda:0 ...; one worker each; may repeat."),
]
MegapixelsOption = Annotated[float, typer.Option(metavar="M", help="Refuse larger photos.")]
UploadOption = Annotated[
    float, typer.Option("--max-upload-mb", metavar="MB", help="Refuse larger uploads.")
]
QueueOption = Annotated[int, typer.Option("--queue", metavar="N", help="Clips that may wait.")]
OwnerQueueOption = Annotated[
    int,
    typer.Option("--queue-per-owner", metavar="N", help="Of these, of one visitor or address."),
]
StoreOption = Annotated[
    float,
    typer.Option("--max-store-gb", metavar="GB", help="Of finished clips; the oldest go first."),
]
HostNamesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--host-name", metavar="NAME", help="Names to be asked by, behind a proxy; may repeat."
    ),
]
AuthFileOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help=f"USER:PASSWORD on its first line, asked of everybody; or set {AUTH_VARIABLE}.",
    ),
]


def credentials_from(file: Path | None) -> Credentials | None:
    """From a file or the environment: what stands on a command line, everybody on the machine can read.

    Raises:
        SettingsError: the file cannot be read, or holds no credentials.
    """
    if file is None:
        text = os.environ.get(AUTH_VARIABLE)
        return Credentials.parse(text) if text else None
    try:
        return Credentials.parse((file.read_text(encoding="utf-8").splitlines() or [""])[0])
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read; expected a file with USER:PASSWORD") from error
