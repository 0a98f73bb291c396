"""The command line, `fyc`: animate, segment, train, evaluate.

Axis legend: H W rows and columns of the photo. Coordinates are the photo's own pixels, origin top left, x to the right.

stdout carries results only: the paths that were written, or one line of JSON. Progress, warnings and errors go to
stderr. Exit codes: 0 done, 2 the request cannot be met (one line says why), 130 interrupted.
torch and the model code are imported inside the commands, so that `fyc --help` answers at once.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from follow_your_click.errors import (
    FollowYourClickError,
    PromptError,
    RegionError,
    SettingsError,
)
from follow_your_click.interfaces.app_cli import app_command
from follow_your_click.interfaces.console import (
    Progress,
    Result,
    report,
    say,
    show_progress,
    show_warning,
)
from follow_your_click.interfaces.evaluate_cli import evaluate_app
from follow_your_click.interfaces.files import check_files, write_mask, write_picture
from follow_your_click.interfaces.options import (
    DeviceOption,
    GuidanceScaleOption,
    JsonOption,
    ModelOption,
    OverwriteOption,
    StepsOption,
)

if TYPE_CHECKING:
    from follow_your_click.animator import Animator
    from follow_your_click.region import Area, Region

EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130
AREA_HINT = "--click X,Y, --box X0,Y0,X1,Y1 or --mask PNG"
REGION_HINT = (
    f"give {AREA_HINT} with --prompt TEXT, "
    'or --region "click=412,300; prompt=drift left; strength=3"'
)

ImageArgument = Annotated[Path, typer.Argument(metavar="IMAGE", help="The photo.")]
ClickOption = Annotated[
    list[str] | None,
    typer.Option("--click", metavar="X,Y", help="A pixel of the object; may repeat."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="X,Y", help="A pixel not of the object; may repeat."),
]
BoxOption = Annotated[
    str | None, typer.Option("--box", metavar="X0,Y0,X1,Y1", help="A box around the object.")
]
MaskOption = Annotated[
    Path | None, typer.Option("--mask", metavar="PNG", help="The region as a picture: white moves.")
]

app = typer.Typer(
    name="fyc",
    help="Click an object in a photo, type how it should move, get a clip.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(evaluate_app, name="evaluate")
app.command(name="app")(app_command)


class RunSettings(TypedDict):
    """What `Animator.plan` and `Animator.animate` take besides the photo and its regions."""

    num_frames: int
    fps: float
    num_inference_steps: int | None
    guidance_scale: float | None
    seed: int


def _area(
    click: list[str] | None, exclude: list[str] | None, box: str | None, mask: Path | None
) -> list[Area]:
    from follow_your_click.region import Click, parse_box, parse_point

    area: list[Area] = [Click(*parse_point(text)) for text in click or []]
    area += [Click(*parse_point(text), positive=False) for text in exclude or []]
    area += [parse_box(box)] if box is not None else []
    area += [mask] if mask is not None else []
    return area


def _regions(
    area: list[Area], *, prompt: str | None, strength: float | None, specs: list[str]
) -> list[Region]:
    """Either the one region of --click and its companions, or those of --region, never both."""
    from follow_your_click.region import Region, parse_region

    if specs:
        if area or prompt is not None or strength is not None:
            raise SettingsError(
                "got --region together with --click, --exclude, --box, --mask, --prompt or "
                "--strength; put all of it inside --region, one for each region"
            )
        return [parse_region(spec) for spec in specs]
    if not area:
        raise RegionError(f"got no region; {REGION_HINT}")
    if prompt is None:
        raise PromptError('got no --prompt; say how the region moves: --prompt "drift left"')
    return [Region(area, prompt=prompt, strength=strength)]


def _animator(model: str, device: str | None) -> Animator:
    from follow_your_click.animator import Animator

    return Animator.from_pretrained(model, device=device)


def _animate(
    animator: Animator,
    image: Path,
    regions: list[Region],
    settings: RunSettings,
    outputs: dict[str, str],
    progress: Progress,
) -> Result:
    """Run the model and write every file that was asked for, each whole or not at all."""
    clip = animator.animate(image, regions, **settings, progress=progress)
    started = time.monotonic()
    for number, (name, path) in enumerate(outputs.items()):
        progress("write", number, len(outputs))
        if name == "clip":
            clip.save(path)
        elif name == "mask":
            write_mask(clip.region_mask, Path(path))
        else:
            write_picture(clip.contact_sheet(), Path(path))
    progress("write", len(outputs), len(outputs))
    seconds = {**clip.seconds, "write": round(time.monotonic() - started, 3)}
    return Result(outputs, seconds, dict(clip.settings))


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(version("follow-your-click"))
        except PackageNotFoundError:
            typer.echo("run from its source folder, not installed")
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
def animate(
    image: ImageArgument,
    click: ClickOption = None,
    exclude: ExcludeOption = None,
    box: BoxOption = None,
    mask: MaskOption = None,
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help='How it moves, such as "drift left".')
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(metavar="S", help="Pixels per frame at a short side of 256 px, 0 to 20."),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(metavar="SPEC", help='One of several: "click=412,300; prompt=drift left".'),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help=".mp4, .gif, .webp, or a folder for PNG frames; IMAGE's name + .mp4 if left out.",
        ),
    ] = None,
    model: ModelOption = "mini",
    frames: Annotated[int, typer.Option(metavar="N", help="Frames in the clip.")] = 16,
    fps: Annotated[float, typer.Option(metavar="F", help="Frames per second.")] = 8.0,
    steps: StepsOption = None,
    guidance_scale: GuidanceScaleOption = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same clip.")] = 0,
    device: DeviceOption = None,
    save_mask: Annotated[
        str | None, typer.Option(metavar="PNG", help="Also write the area that may move.")
    ] = None,
    contact_sheet: Annotated[
        str | None, typer.Option(metavar="PNG", help="Also write all frames as one picture.")
    ] = None,
    overwrite: OverwriteOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the resolved settings, write nothing.")
    ] = False,
    json_line: JsonOption = False,
) -> None:
    """Make a clip of IMAGE in which the selected regions move and the rest stays still."""
    regions = _regions(
        _area(click, exclude, box, mask), prompt=prompt, strength=strength, specs=region or []
    )
    outputs = {"clip": f"{image.stem}.mp4" if out is None else out}
    outputs |= {"mask": save_mask} if save_mask is not None else {}
    outputs |= {"contact_sheet": contact_sheet} if contact_sheet is not None else {}
    check_files(image, outputs, overwrite=overwrite)
    settings = RunSettings(
        num_frames=frames,
        fps=fps,
        num_inference_steps=steps,
        guidance_scale=guidance_scale,
        seed=seed,
    )
    # Libraries that talk on stdout must not get between a script and its JSON.
    with contextlib.redirect_stdout(sys.stderr):
        animator = _animator(model, device)
        if dry_run:
            plan = animator.plan(image, regions, **settings)
        else:
            with show_progress(bars=not json_line and sys.stderr.isatty()) as progress:
                result = _animate(animator, image, regions, settings, outputs, progress)
    if dry_run:
        typer.echo(json.dumps(plan, indent=None if json_line else 2))
    else:
        report(result, json_line=json_line)


@app.command()
def segment(
    image: ImageArgument,
    out: Annotated[str, typer.Option("--out", "-o", metavar="PNG", help="The mask to write.")],
    click: ClickOption = None,
    exclude: ExcludeOption = None,
    box: BoxOption = None,
    mask: MaskOption = None,
    model: ModelOption = "mini",
    device: DeviceOption = None,
    overwrite: OverwriteOption = False,
    json_line: JsonOption = False,
) -> None:
    """Write the mask that clicks or a box select in IMAGE: white may move, black stays."""
    from follow_your_click.region import Region

    area = _area(click, exclude, box, mask)
    if not area:
        raise RegionError(f"got no region; give {AREA_HINT}")
    # The prompt does not reach the segmenter; a region is not complete without one.
    regions = [Region(area, prompt="move")]
    outputs = {"mask": out}
    check_files(image, outputs, overwrite=overwrite)
    with contextlib.redirect_stdout(sys.stderr):
        animator = _animator(model, device)
        started = time.monotonic()
        (selected,) = animator.masks(image, regions)
        seconds = {"segment": round(time.monotonic() - started, 3)}
        write_mask(selected, Path(out))
    share = float(selected.mean())
    say(f"the mask covers {share:.1%} of the photo")
    settings = {"image": str(image), "model": model, "covered": round(share, 6)}
    report(Result(outputs, seconds, settings), json_line=json_line)


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
) -> None:
    """Train a part of the model; the same command again goes on where the last run stopped."""
    given = {"output": output, "data": data, "device": device, "steps": steps}
    # JSON is YAML: quoted, a folder named 2024 stays text.
    overrides = [
        f"{key}={json.dumps(value if isinstance(value, int) else str(value))}"
        for key, value in given.items()
        if value is not None
    ]
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    from follow_your_click.training.run import train as run_training

    with contextlib.redirect_stdout(sys.stderr):
        exported = run_training(config, overrides=[*(assignments or []), *overrides])
    typer.echo(str(exported))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after `fyc`; None reads them from the process.

    Returns:
        The exit code: 0, 2 (one line on stderr says what was wrong) or 130 (interrupted).
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
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
