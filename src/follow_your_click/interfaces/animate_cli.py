"""`fyc animate`: a photo and its regions, or a project, to a clip."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from follow_your_click.errors import PromptError, RegionError, SettingsError
from follow_your_click.interfaces.animate_request import Request, from_options, from_project
from follow_your_click.interfaces.console import Progress, Result, report, say, show_progress
from follow_your_click.interfaces.files import check_files, write_mask, write_picture
from follow_your_click.interfaces.options import (
    DeviceOption,
    GuidanceScaleOption,
    JsonOption,
    OverwriteOption,
    PlaybackOption,
    SegmenterOption,
    StepsOption,
)
from follow_your_click.interfaces.selection_options import (
    AREA_HINT,
    SelectionOptions,
    takes_selection,
)

if TYPE_CHECKING:
    from follow_your_click.animator import Animator
    from follow_your_click.clip import Playback
    from follow_your_click.region import Region

REGION_HINT = (
    f"give {AREA_HINT} with --prompt TEXT, "
    'or --region "click=412,300; prompt=drift left; strength=3"'
)


@takes_selection
def animate_command(
    image: Annotated[
        Path | None,
        typer.Argument(metavar="IMAGE", help="The photo; the project's own with --project."),
    ] = None,
    *,
    selection: SelectionOptions,
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help='How it moves, such as "drift left".')
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Pixels per frame at a short side of 256 px, 0 to 20; as the prompt says if left out.",
        ),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(metavar="SPEC", help='One of several: "click=412,300; prompt=drift left".'),
    ] = None,
    hold: Annotated[
        list[str] | None,
        typer.Option(metavar="SPEC", help='Must not move: "click=90,210; grow=4"; may repeat.'),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help=".mp4, .gif, .webp, .webm (the region alone, transparent), .zip or a folder for PNG frames;"
            " IMAGE's name + .mp4 if left out.",
        ),
    ] = None,
    playback: PlaybackOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="mini, sd15-pia, sd15-pia-loop, a recipe (.yaml), a model folder or a hub id; mini if left out.",
        ),
    ] = None,
    segmenter: SegmenterOption = None,
    frames: Annotated[
        int | None, typer.Option(metavar="N", help="Frames in the clip; 16 if left out.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(metavar="F", help="Frames per second; 8 if left out.")
    ] = None,
    steps: StepsOption = None,
    guidance_scale: GuidanceScaleOption = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Same seed, same clip; 0 if left out.")
    ] = None,
    device: DeviceOption = None,
    project: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Make the clip of a project, or of a clip, again; settings given win.",
        ),
    ] = None,
    resegment: Annotated[
        bool, typer.Option("--resegment", help="With --project: make its masks anew.")
    ] = False,
    save_project: Annotated[
        str | None, typer.Option(metavar="JSON", help="Also write all that --project needs.")
    ] = None,
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
    given = {
        "model": model,
        "segmenter": segmenter,
        "num_frames": frames,
        "fps": fps,
        "num_inference_steps": steps,
        "guidance_scale": guidance_scale,
        "seed": seed,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    if project is not None:
        unfitting = [*selection.given(), *_given(region=region, hold=hold, prompt=prompt)]
        unfitting += _given(strength=strength)
        if unfitting:
            raise SettingsError(
                f"got {unfitting[0]} together with --project, which has its own regions; "
                "leave one of them out"
            )
        request = from_project(project, image, settings, resegment=resegment)
    else:
        if image is None:
            raise SettingsError("missing argument IMAGE: give a photo, or --project JSON")
        if resegment:
            raise SettingsError("got --resegment without --project; masks are made anew anyway")
        regions = _regions(image, selection, prompt=prompt, strength=strength, specs=region or [])
        request = from_options(image, regions, hold or [], settings)
    clip = f"{request.image.stem}.mp4" if out is None else out
    also = {"mask": save_mask, "contact_sheet": contact_sheet, "project": save_project}
    outputs = {"clip": clip, **{name: path for name, path in also.items() if path is not None}}
    taken = {} if project is None else {project: "the project that is read"}
    photo_file = None if request.image == project else request.image
    if photo_file is None and save_project is not None:
        raise SettingsError(
            "got --save-project, which names the photo's file; give the photo as IMAGE"
        )
    check_files(photo_file, outputs, overwrite=overwrite, taken=taken)
    # Libraries that talk on stdout must not get between a script and its JSON.
    with contextlib.redirect_stdout(sys.stderr):
        animator = _animator(request, device)
        photo = request.image if request.photo is None else request.photo
        if dry_run:
            plan = animator.plan(photo, request.regions, **request.for_run())
        else:
            with show_progress(bars=not json_line and sys.stderr.isatty()) as progress:
                shown = playback or request.playback
                result = _animate(animator, request, outputs, progress, playback=shown)
    if dry_run:
        typer.echo(json.dumps(plan, indent=None if json_line else 2))
    else:
        _say_readings(result, request.regions)
        report(result, json_line=json_line)


def _say_readings(result: Result, asked: Sequence[Region]) -> None:
    """How each prompt was understood; of one that was not, a warning has told."""
    for region, own in zip(result.settings["regions"], asked, strict=True):
        if region.get("understood"):
            motions, strength = " and ".join(region["read_as"]), region["strength"]
            line = f'"{region["prompt"]}" is read as {motions}, strength {strength:.2g}'
            alone = "head" if region.get("moves") == "head" else ""
            if region["granularity"] != own.granularity:
                alone = "part that was clicked"
            if alone:
                line += f"; the {alone} alone moves (all of it with --granularity object)"
            say(line)


def _regions(
    image: Path,
    selection: SelectionOptions,
    *,
    prompt: str | None,
    strength: float | None,
    specs: list[str],
) -> list[Region]:
    """Either the one region of --click and its companions, or those of --region, never both."""
    from follow_your_click.region import Region, parse_region

    if specs:
        unfitting = [*selection.given(), *_given(prompt=prompt, strength=strength)]
        if unfitting:
            raise SettingsError(
                f"got --region together with {unfitting[0]}; "
                "put all of it inside --region, one for each region"
            )
        return [parse_region(spec) for spec in specs]
    areas = selection.areas(image)
    if not areas:
        raise RegionError(f"got no region; {REGION_HINT}")
    if prompt is None:
        raise PromptError('got no --prompt; say how the region moves: --prompt "drift left"')
    return [
        Region(
            areas,
            prompt=prompt,
            strength=strength,
            edits=selection.edits(),
            granularity=selection.granularity,
        )
    ]


def _given(**options: object) -> list[str]:
    """Those that were used, such as "--prompt"."""
    return [f"--{name}" for name, value in options.items() if value is not None and value != []]


def _animator(request: Request, device: str | None) -> Animator:
    from follow_your_click.animator import Animator
    from follow_your_click.segmentation.resolve import needs_segmenter

    settings = request.settings
    if not any(map(needs_segmenter, [*request.regions, *request.hold_still])):
        return Animator.from_pretrained(settings.model, device=device)
    from follow_your_click.segmentation.registry import load_segmenter

    segmenter = load_segmenter(settings.segmenter, device=device)
    return Animator.from_pretrained(settings.model, device=device, segmenter=segmenter)


def _animate(
    animator: Animator,
    request: Request,
    outputs: dict[str, str],
    progress: Progress,
    *,
    playback: Playback,
) -> Result:
    """Run the model and write every file that was asked for, each whole or not at all."""
    if "project" in outputs:
        request = _settled(animator, request)
    photo = request.image if request.photo is None else request.photo
    clip = animator.animate(photo, request.regions, **request.for_run(), progress=progress)
    if playback == "ping-pong":
        clip = clip.ping_pong()
    elif clip.jumps:
        say("the clip ends elsewhere than it starts; --playback ping-pong goes back without a jump")
    started = time.monotonic()
    for number, (name, path) in enumerate(outputs.items()):
        progress("write", number, len(outputs))
        if name == "clip":
            clip.save(path)
        elif name == "mask":
            write_mask(clip.region_mask, Path(path))
        elif name == "contact_sheet":
            write_picture(clip.contact_sheet(), Path(path))
        else:
            _write_project(request, dict(clip.settings), Path(path))
    progress("write", len(outputs), len(outputs))
    seconds = {**clip.seconds, "write": round(time.monotonic() - started, 3)}
    # The masks are for whoever makes the clip again, and long.
    settings = {name: value for name, value in clip.settings.items() if name != "masks"}
    return Result(outputs, seconds, settings)


def _settled(animator: Animator, request: Request) -> Request:
    """The request with its masks made, once, for the clip and for the project alike."""
    from follow_your_click.photo import read_photo

    photo = read_photo(request.image) if request.photo is None else request.photo
    # One call: the photo is prepared once for all of them.
    masks = iter(animator.masks(photo, [*request.regions, *request.hold_still]))
    regions = [region.with_mask(next(masks)) for region in request.regions]
    held = [hold.with_mask(next(masks)) for hold in request.hold_still]
    return replace(request, photo=photo, regions=regions, hold_still=held)


def _write_project(request: Request, used: dict[str, Any], path: Path) -> None:
    """`used`: the clip's settings, in which nothing is left open."""
    from follow_your_click.project import Project

    names = ("num_inference_steps", "guidance_scale")
    settings = request.settings.model_copy(update={name: used[name] for name in names})
    Project.of(
        request.image,
        request.regions,
        settings=settings,
        hold_still=request.hold_still,
        photo=request.photo,
    ).save(path)
