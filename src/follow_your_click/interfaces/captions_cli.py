"""`fyc data caption`: motion prompts for a file of captions."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from follow_your_click.errors import SettingsError
from follow_your_click.interfaces.console import say, show_progress
from follow_your_click.interfaces.options import JsonOption, OverwriteOption

if TYPE_CHECKING:
    from follow_your_click.data.captions import Captioner, MotionCaption

PORTION = 1024
"""Captions read between two signs of progress."""


def caption_command(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help=".txt, .csv, .jsonl or .parquet.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Records as JSON lines.")],
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the captions.")
    ] = None,
    llm: Annotated[
        bool, typer.Option("--llm", help="Ask a language model; by rules and offline if left out.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="On the server; or OPENAI_MODEL.")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Of the server, with /v1; or OPENAI_BASE_URL."),
    ] = None,
    response_format: Annotated[
        str, typer.Option(metavar="KIND", help="json_schema, json_object or text.")
    ] = "json_schema",
    concurrency: Annotated[int, typer.Option(metavar="N", help="Requests at a time.")] = 8,
    captions_per_request: Annotated[
        int, typer.Option(metavar="N", help="Captions in one request.")
    ] = 8,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Answers paid for; OUT with .cache if left out."),
    ] = None,
    fallback: Annotated[
        bool, typer.Option("--fallback", help="Read by rules what the server fails on.")
    ] = False,
    prompt_price: Annotated[
        float, typer.Option(metavar="P", help="Of a million prompt tokens.")
    ] = 0,
    completion_price: Annotated[
        float, typer.Option(metavar="P", help="Of a million completion tokens.")
    ] = 0,
    overwrite: OverwriteOption = False,
    json_line: JsonOption = False,
) -> None:
    """Read what moves, and how, out of captions: objects and short motion prompts, or "still".

    The key of a server comes from OPENAI_API_KEY. An interrupted run with --llm asks only for what is missing.
    """
    from follow_your_click.data.captions.files import read_captions, record_file, write_records

    if not llm and (model or base_url or fallback):
        raise SettingsError("got --model, --base-url or --fallback; expected --llm with them")
    started = time.monotonic()
    with contextlib.redirect_stdout(sys.stderr), record_file(out, overwrite=overwrite) as file:
        captions = read_captions(source, column=column)
        captioner = (
            _server(
                model=model,
                base_url=base_url,
                cache=cache or out.with_name(f"{out.name}.cache"),
                fallback=fallback,
                settings={
                    "response_format": response_format,
                    "concurrency": concurrency,
                    "captions_per_request": captions_per_request,
                    "price_per_million_prompt_tokens": prompt_price,
                    "price_per_million_completion_tokens": completion_price,
                },
            )
            if llm
            else _rules()
        )
        counts: Counter[str] = Counter()
        with show_progress(bars=not json_line and sys.stderr.isatty()) as progress:
            for at in range(0, len(captions), PORTION):
                records = captioner.describe(captions[at : at + PORTION])
                write_records(records, file)
                counts.update(map(_outcome, records))
                progress("captions", at + len(records), len(captions))
    _report(out, captioner, counts, seconds=time.monotonic() - started, json_line=json_line)


def _rules() -> Captioner:
    from follow_your_click.data.captions.rules import RuleCaptioner

    return RuleCaptioner()


def _server(
    *,
    model: str | None,
    base_url: str | None,
    cache: Path,
    fallback: bool,
    settings: dict[str, Any],
) -> Captioner:
    from pydantic import ValidationError

    from follow_your_click.data.captions.llm import LLMCaptioner, LLMSettings

    try:
        checked = LLMSettings(**settings)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0]).replace("_", "-")
        raise SettingsError(f"--{name}: got {problem['input']!r}; {problem['msg']}") from error
    return LLMCaptioner(
        model=model,
        base_url=base_url,
        settings=checked,
        cache=cache,
        fallback=_rules() if fallback else None,
    )


def _outcome(record: MotionCaption) -> str:
    if record.failed:
        return "failed"
    return "still" if record.still else "moving"


def _report(
    out: Path, captioner: Captioner, counts: Counter[str], *, seconds: float, json_line: bool
) -> None:
    from follow_your_click.data.captions.llm import LLMCaptioner, cost

    spent = {}
    if isinstance(captioner, LLMCaptioner):
        spent = {
            **vars(captioner.spending),
            "cost": cost(captioner.spending, captioner.settings),
        }
    outcomes = {name: counts[name] for name in ("moving", "still", "failed")}
    if json_line:
        result = {
            "files": {"records": str(out)},
            "seconds": {"all": seconds},
            "counts": outcomes,
            "spent": spent,
        }
        typer.echo(json.dumps(result))
        return
    say(", ".join(f"{count} {name}" for name, count in outcomes.items()))
    if spent:
        say(", ".join(f"{value:g} {name.replace('_', ' ')}" for name, value in spent.items()))
    if counts["failed"]:
        say(
            "the records of failed captions say why; run again with --overwrite to ask for them only"
        )
    typer.echo(out)
