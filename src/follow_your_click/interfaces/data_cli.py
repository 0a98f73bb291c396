"""`fyc data ...`: training shards out of videos, in one command or step by step.

stdout carries paths, tables or JSON; progress goes to stderr.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from follow_your_click.errors import ImageError, OutputError
from follow_your_click.interfaces.captions_cli import caption_command
from follow_your_click.interfaces.console import Result, report, say, show_progress
from follow_your_click.interfaces.files import write_picture
from follow_your_click.interfaces.options import JsonOption, OverwriteOption

if TYPE_CHECKING:
    from follow_your_click.data.engine.config import BuildConfig
    from follow_your_click.data.engine.decode import Video

data_app = typer.Typer(
    help="Make training data out of videos.", no_args_is_help=True, pretty_exceptions_enable=False
)

data_app.command(name="caption")(caption_command)

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A folder of videos, a CSV or Parquet table, WebDataset tars, or hf:NAME[:SPLIT].",
    ),
]
VideoArgument = Annotated[Path, typer.Argument(metavar="VIDEO", help="One video.")]
BuildArgument = Annotated[Path, typer.Argument(metavar="OUT", help="A finished build.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="YAML", help="Settings; the package's if left out."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting; may repeat."),
]
RootOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where a table's paths start from.")
]
CaptionsOption = Annotated[
    Path | None, typer.Option(metavar="TABLE", help="Captions for a folder's videos, by file name.")
]


def _config(file: Path | None, assignments: list[str] | None) -> BuildConfig:
    from follow_your_click.data.engine.config import load_build_config
    from follow_your_click.training.config import parse_overrides

    return load_build_config(file, overrides=parse_overrides(assignments or []))


@data_app.command()
def build(
    source: SourceArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.")],
    config: ConfigOption = None,
    assignments: SetOption = None,
    root: RootOption = None,
    captions: CaptionsOption = None,
    workers: Annotated[
        int, typer.Option(metavar="N", help="Processes; they do not change the result.")
    ] = 1,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="Where the work runs.")] = "local",
    overwrite: OverwriteOption = False,
    json_line: JsonOption = False,
) -> None:
    """Turn videos into shards of clips with masks, strengths and motion prompts. Run again, it goes on where it stopped."""
    from follow_your_click.data.engine.manifest import INDEX, MANIFEST
    from follow_your_click.data.engine.report import REPORT
    from follow_your_click.data.engine.runner import build as run_build

    started = time.monotonic()
    with (
        contextlib.redirect_stdout(sys.stderr),
        show_progress(bars=not json_line and sys.stderr.isatty()) as progress,
    ):
        result = run_build(
            source,
            out,
            _config(config, assignments),
            root=root,
            captions=captions,
            engine=engine,
            workers=workers,
            overwrite=overwrite,
            progress=progress,
        )
    inputs, clips = result.manifest["inputs"], result.manifest["clips"]
    say(
        f"{inputs['total']} inputs: {inputs['kept']} kept, {inputs['dropped']} dropped, {inputs['failed']} failed; "
        f"{clips['kept']} clips kept, {clips['dropped']} dropped"
    )
    seconds = {f"{step} (all processes)": round(s, 3) for step, s in result.seconds.items()}
    seconds["all"] = round(time.monotonic() - started, 3)
    files = {"manifest": MANIFEST, "index": INDEX, "report": REPORT}
    counts = {"inputs": inputs, "clips": clips}
    report(
        Result({k: str(out / v) for k, v in files.items()}, seconds, counts), json_line=json_line
    )


@data_app.command(name="encode")
def encode_command(
    build_folder: BuildArgument,
    out: Annotated[Path, typer.Argument(metavar="ENCODED", help="The folder to write.")],
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Whose autoencoder and text encoder: a base as in training, or mini.",
        ),
    ],
    size: Annotated[int, typer.Option(metavar="PX", help="Side of the square.")] = 512,
    num_frames: Annotated[int, typer.Option(metavar="N", help="Frames of a clip.")] = 24,
    frame_stride: Annotated[int, typer.Option(metavar="K", help="Every so many frames.")] = 1,
    precision: Annotated[Literal["fp16", "fp32"], typer.Option(help="Of what is kept.")] = "fp16",
    device: Annotated[str | None, typer.Option(metavar="NAME", help="cpu, cuda, ...")] = None,
    batch: Annotated[int, typer.Option(metavar="N", help="Frames encoded at once.")] = 8,
    json_line: JsonOption = False,
) -> None:
    """Turn a build's clips into latents and text embeddings, once. Run again, it goes on where it stopped."""
    from follow_your_click.data.encoded import EncodeSettings, encode_build
    from follow_your_click.data.engine.manifest import INDEX, MANIFEST
    from follow_your_click.loading import load_encoders

    started = time.monotonic()
    settings = EncodeSettings(size, num_frames, frame_stride, precision)
    with (
        contextlib.redirect_stdout(sys.stderr),
        show_progress(bars=not json_line and sys.stderr.isatty()) as progress,
    ):
        encoders = load_encoders(model, device=device)
        made = encode_build(build_folder, out, encoders, settings, batch=batch, progress=progress)
    kept = sum(shard["bytes"] for shard in made["shards"])
    say(f"{made['clips']} clips encoded, {kept / max(1, made['clips']) / 1e6:.2f} MB each")
    files = {"manifest": str(out / MANIFEST), "index": str(out / INDEX)}
    seconds = {"all": round(time.monotonic() - started, 3)}
    report(Result(files, seconds, {"clips": made["clips"], "bytes": kept}), json_line=json_line)


@data_app.command()
def probe(source: SourceArgument, root: RootOption = None, captions: CaptionsOption = None) -> None:
    """List every input: one line of JSON each with size, rate and codec, or why it cannot be read."""
    from follow_your_click.data.engine.decode import VideoProblem, read_bytes
    from follow_your_click.data.engine.decode import probe as read_header
    from follow_your_click.data.engine.sources import list_source

    for item in list_source(source, root=root, captions=captions):
        facts: dict[str, Any] = {"input": item.key, "caption": item.caption}
        try:
            facts |= asdict(read_header(read_bytes(item)))
        except VideoProblem as problem:
            facts |= {"problem": problem.reason, "detail": problem.detail}
        typer.echo(json.dumps(facts, ensure_ascii=False))


@data_app.command()
def shots(video: VideoArgument, config: ConfigOption = None, assignments: SetOption = None) -> None:
    """The second at which each shot of a video starts, one a line."""
    from follow_your_click.data.engine.shots import shot_starts

    settings = _config(config, assignments)
    read = _read(video, settings)
    for start in shot_starts(read.signatures, settings.shots):
        typer.echo(f"{read.first_seconds + start / read.fps:.3f}")


@data_app.command()
def motion(
    video: VideoArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PNG", help="Also write masks as a picture."),
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """What a build would measure of each clip of a video, one line of JSON each: strength, area, camera, verdict."""
    from PIL import Image

    from follow_your_click.data.engine.encode import decode_clip, decode_mask
    from follow_your_click.data.engine.pool import Measurer
    from follow_your_click.data.engine.process import decode_item, filmstrip
    from follow_your_click.data.engine.records import SourceItem

    settings = _config(config, assignments)
    item = SourceItem(video.name, str(video), video.name)
    result = Measurer(settings).measure(decode_item(item, settings))
    if result.record.reason:
        raise ImageError(f"{video}: {result.record.reason}: {result.record.detail}")
    strips = []
    for clip in result.clips:
        facts = asdict(clip.record)
        unknown = ("shard", "offset", "size", "key", "input", "caption_source")
        typer.echo(json.dumps({name: v for name, v in facts.items() if name not in unknown}))
        if clip.members:
            frames = decode_clip(clip.members)
            strips.append(filmstrip(frames, decode_mask(clip.members["mask.png"]), height=160))
    if out is None:
        return
    if not strips:
        raise OutputError(f"no clip of {video} is kept, so there is no mask to show")
    picture = Image.new("RGB", (strips[0].shape[1], 160 * len(strips)))
    for row, strip in enumerate(strips):
        picture.paste(Image.fromarray(strip), (0, 160 * row))
    write_picture(picture, out)


@data_app.command()
def duplicates(
    source: SourceArgument,
    root: RootOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Near-duplicates among the clips of a source: later clip, earlier clip, bits that differ; one pair a line."""
    from follow_your_click.data.engine.duplicates import clip_hash, find_duplicates, hash_distance
    from follow_your_click.data.engine.process import decode_item
    from follow_your_click.data.engine.sources import list_source

    settings = _config(config, assignments)
    names, hashes = [], []
    for item in list_source(source, root=root):
        decoded = decode_item(item, settings)
        for start, frames in zip(decoded.starts, decoded.clips, strict=True):
            names.append(f"{item.key}@{start:.2f}")
            hashes.append(clip_hash(frames))
    limit = settings.duplicates.max_distance
    found = find_duplicates(hashes, max_distance=0 if limit is None else limit)
    for later, first in found.items():
        distance = hash_distance(hashes[later], hashes[first])
        typer.echo(f"{names[later]}\t{names[first]}\t{distance}")


@data_app.command()
def verify(out: BuildArgument) -> None:
    """Compare a build's files with the hashes in its manifest."""
    from follow_your_click.data.engine.manifest import verify as compare

    problems = compare(out)
    if problems:
        raise OutputError(f"{out} is not whole: {'; '.join(problems)}")
    typer.echo(f"{out}: all files are as the manifest says")


def _read(video: Path, settings: BuildConfig) -> Video:
    from follow_your_click.data.engine.decode import VideoProblem, decode, read_bytes
    from follow_your_click.data.engine.records import SourceItem

    item = SourceItem(video.name, str(video), video.name)
    try:
        return decode(read_bytes(item), item, settings.clips)
    except VideoProblem as problem:
        raise ImageError(f"{video}: {problem.reason}: {problem.detail}") from problem
