"""Options that several verbs of the command line share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, Literal, get_type_hints

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
    Literal["loop", "ping-pong"] | None,
    typer.Option(
        help="At its end: from the start again, or back the way it came; loop if left out,"
        " or as the clip of --project."
    ),
]


def takes_options(
    name: str, group: type[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """For a command: the fields of a dataclass as options, in place of its parameter `name`.

    Typer reads options off a function's signature; so that is what is changed.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_options(**given: Any) -> None:
            words = {field.name: given.pop(field.name) for field in fields(group)}
            command(**{name: group(**words)}, **given)

        hints = get_type_hints(group, include_extras=True)
        kind = inspect.Parameter.KEYWORD_ONLY
        options = [
            inspect.Parameter(field.name, kind, default=field.default, annotation=hints[field.name])
            for field in fields(group)
        ]
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            own = options if parameter.name == name else [parameter.replace(kind=kind)]
            parameters += own
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_options

    return decorate
