"""Options that several verbs of the command line share."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

ModelOption = Annotated[
    str,
    typer.Option(metavar="NAME", help="mini, or a model folder."),
]
SegmenterOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="embedded, grabcut, sam, sam2, sam3, a folder or a hub id; embedded if left out.",
    ),
]
DeviceOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="cpu, cuda, mps; the best one if left out.")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One line of JSON on stdout, nothing else.")
]
StepsOption = Annotated[
    int | None, typer.Option(metavar="N", help="Denoising steps; the model's own if left out.")
]
GuidanceScaleOption = Annotated[
    float | None, typer.Option(metavar="G", help="1 = off; the model's own if left out.")
]
PlaybackOption = Annotated[
    Literal["loop", "ping-pong"],
    typer.Option(help="At its end: from the start again, or back the way it came."),
]
