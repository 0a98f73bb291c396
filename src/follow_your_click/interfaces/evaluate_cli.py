"""`fyc evaluate ...`: measurements of a model.

stdout carries the table and the paths that were written, or one line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from follow_your_click.interfaces.console import show_progress
from follow_your_click.interfaces.options import (
    DeviceOption,
    GuidanceScaleOption,
    JsonOption,
    ModelOption,
    OverwriteOption,
    StepsOption,
)

evaluate_app = typer.Typer(
    help="Measure what a model does.", no_args_is_help=True, pretty_exceptions_enable=False
)


@evaluate_app.callback()
def _root() -> None:
    """The callback makes `fyc evaluate` a group, though it has one command only."""


@evaluate_app.command()
def control(
    model: ModelOption = "mini",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A folder with photos/ and cutouts/; a few pictures that come along if left out.",
        ),
    ] = None,
    clips: Annotated[int, typer.Option(metavar="N", help="Clips of each kind.")] = 64,
    steps: StepsOption = None,
    guidance_scale: GuidanceScaleOption = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same clips.")] = 0,
    wordings: Annotated[
        Literal["held_out", "everyday", "train"],
        typer.Option(
            help="Which wordings prompts are drawn from: rare words that training never saw, prompts in common words, training's own."
        ),
    ] = "held_out",
    frames: Annotated[
        Literal["finished", "network"],
        typer.Option(help="Measure finished clips, or the network's own frames."),
    ] = "finished",
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the report goes.")
    ] = Path("control-report"),
    device: DeviceOption = None,
    overwrite: OverwriteOption = False,
    json_line: JsonOption = False,
) -> None:
    """Does the motion go where, and as far as, it was asked to? A table, JSON, plots, a contact sheet."""
    with contextlib.redirect_stdout(sys.stderr):
        from follow_your_click.evaluation.report import markdown_table
        from follow_your_click.evaluation.run import evaluate_control

        with show_progress(bars=not json_line and sys.stderr.isatty()) as progress:
            evaluation = evaluate_control(
                model,
                out=out,
                data=data,
                clips=clips,
                steps=steps,
                guidance_scale=guidance_scale,
                seed=seed,
                wordings=wordings,
                frames=frames,
                device=device,
                overwrite=overwrite,
                progress=progress,
            )
    report = evaluation.report
    files = {name: str(path) for name, path in evaluation.files.items()}
    if json_line:
        result = {
            "files": files,
            "seconds": evaluation.seconds,
            "settings": {**report.subject, **report.settings},
            "figures": {figure.name: figure.value for figure in report.figures},
        }
        typer.echo(json.dumps(result))
    else:
        typer.echo("\n".join([markdown_table(report), *files.values()]))
