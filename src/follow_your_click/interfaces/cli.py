"""The command line, `fyc`: animate, segment, app, evaluate, train.

Coordinates are the photo's own pixels, origin top left, x to the right.

stdout carries results only: the paths that were written, or one line of JSON. Progress, warnings and errors go to
stderr. Exit codes: 0 done, 2 the request cannot be met (one line says why), 130 interrupted.
torch and the model code are imported inside the commands, so that `fyc --help` answers at once.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from follow_your_click.about import package_version
from follow_your_click.errors import FollowYourClickError, SettingsError
from follow_your_click.interfaces.animate_cli import animate_command
from follow_your_click.interfaces.app_cli import app_command, serve_command
from follow_your_click.interfaces.console import say, show_warning
from follow_your_click.interfaces.data_cli import data_app
from follow_your_click.interfaces.evaluate_cli import evaluate_app
from follow_your_click.interfaces.segment_cli import segment_command

EXIT_REFUSED = 2
STAGES = ("webvid", "motion")
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="fyc",
    help="Click an object in a photo, type how it should move, get a clip.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(name="animate")(animate_command)
app.command(name="segment")(segment_command)
app.command(name="app")(app_command)
app.command(name="serve")(serve_command)
app.add_typer(data_app, name="data")
app.add_typer(evaluate_app, name="evaluate")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(package_version() or "run from its source folder, not installed")
        raise typer.Exit()


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options that stand before the verb; the callback makes `fyc` a command with verbs."""


@app.command()
def train(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A recipe's name or YAML file.")],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting; may repeat."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where checkpoints and logs go.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder with photos/ and cutouts/.")
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="cpu, cuda, ...")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Length of the run.")] = None,
    stage: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of sd15: webvid, then motion, as in the paper."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Of sd15: show what it needs, train nothing.")
    ] = False,
) -> None:
    """Train a part of the model; the same command again goes on where the last run stopped."""
    config = _of_stage(config, stage)
    given = {"output": output, "data": data, "device": device, "steps": steps}
    # JSON is YAML: quoted, a folder named 2024 stays text.
    overrides = [
        f"{key}={json.dumps(value if isinstance(value, int) else str(value))}"
        for key, value in given.items()
        if value is not None
    ]
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if dry_run:
        from follow_your_click.training.run import estimate

        typer.echo(json.dumps(estimate(config, [*(assignments or []), *overrides]), indent=2))
        return
    from follow_your_click.training.run import train as run_training

    with contextlib.redirect_stdout(sys.stderr):
        exported = run_training(config, overrides=[*(assignments or []), *overrides])
    typer.echo(str(exported))


def _of_stage(config: str, stage: str | None) -> str:
    """The recipe of a stage; only sd15 has stages."""
    if config != "sd15":
        if stage is not None:
            raise SettingsError(f"got --stage {stage} with {config}; only sd15 has stages")
        return config
    if stage not in STAGES:
        got = "no --stage" if stage is None else f"--stage {stage}"
        raise SettingsError(f"got {got}; expected --stage webvid, then --stage motion")
    return f"{config}-{stage}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after `fyc`; None reads them from the process.

    Returns:
        The exit code: 0, 2 (one line on stderr says what was wrong) or 130 (interrupted).
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    # Where it is installed diffusers imports it, and it says what it lacks for quantised weights, which there are none of.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        try:
            code = app(words, prog_name="fyc", standalone_mode=False)
        except FollowYourClickError as error:
            say(str(error))
            return EXIT_REFUSED
        except typer.TyperException as error:
            # Typer's own errors know the command they arose in, but not through a public type.
            command = getattr(getattr(error, "ctx", None), "command_path", "fyc")
            say(f"{error.format_message().rstrip('.')}; see '{command} --help'")
            return EXIT_REFUSED
    if code == EXIT_INTERRUPTED:
        say("interrupted; nothing half-written is left behind")
    return code if isinstance(code, int) else 0
