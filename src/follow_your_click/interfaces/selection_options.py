"""What the options --click, --box, --brush ... of a verb select, the same for every verb that takes them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from follow_your_click.interfaces.options import takes_options

if TYPE_CHECKING:
    from follow_your_click.region import Area, Box, Edit

AREA_HINT = "--click X,Y, --box X0,Y0,X1,Y1, --polygon, --brush, --mask PNG or --find TEXT"

Words = list[str] | None


@dataclass(frozen=True)
class SelectionOptions:
    """The words of the options that say where, as typed."""

    click: Annotated[
        Words, typer.Option(metavar="X,Y", help="A pixel of the object; may repeat.")
    ] = None
    exclude: Annotated[
        Words, typer.Option(metavar="X,Y", help="A pixel not of the object; may repeat.")
    ] = None
    box: Annotated[
        Words, typer.Option(metavar="X0,Y0,X1,Y1", help="A box around an object; may repeat.")
    ] = None
    polygon: Annotated[
        Words, typer.Option(metavar='"X,Y X,Y ..."', help="A drawn outline; may repeat.")
    ] = None
    brush: Annotated[
        Words, typer.Option(metavar='"R:X,Y X,Y ..."', help="A stroke of radius R px; may repeat.")
    ] = None
    mask: Annotated[
        list[Path] | None, typer.Option(metavar="PNG", help="White is selected; may repeat.")
    ] = None
    subtract: Annotated[
        Words, typer.Option(metavar="AREA", help='Cut away, such as "brush=9:40,30"; may repeat.')
    ] = None
    intersect: Annotated[
        Words,
        typer.Option(metavar="AREA", help='Cut off the rest, such as "mask=boat.png"; may repeat.'),
    ] = None
    edit: Annotated[
        Words,
        typer.Option(
            metavar="EDITS",
            help="In order: grow=PX; shrink=PX; feather=PX; fill-holes; keep-largest.",
        ),
    ] = None
    find: Annotated[
        Words,
        typer.Option(
            metavar="TEXT", help='Named, such as "the boat"; needs a detector; may repeat.'
        ),
    ] = None
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="For --find: an OWLv2 or Grounding DINO folder or hub id."
        ),
    ] = None
    granularity: Annotated[
        Literal["part", "object", "whole"] | None,
        typer.Option(help="How much of the object a click means."),
    ] = None

    def given(self) -> list[str]:
        """The options that were used, such as "--click"."""
        return [f"--{field.name}" for field in fields(self) if getattr(self, field.name)]

    def areas(self, image: Path) -> list[Area]:
        """Plain areas first, then what is cut away, then what limits the rest; RegionError if unreadable.

        `image`: the photo, looked at for --find alone.
        """
        from follow_your_click.region import (
            Click,
            Intersect,
            Subtract,
            parse_area,
            parse_box,
            parse_brush,
            parse_point,
            parse_polygon,
        )

        areas: list[Area] = [Click(*parse_point(text)) for text in self.click or []]
        areas += [Click(*parse_point(text), positive=False) for text in self.exclude or []]
        areas += map(parse_box, self.box or [])
        areas += self._found(image)
        areas += map(parse_polygon, self.polygon or [])
        areas += map(parse_brush, self.brush or [])
        areas += self.mask or []
        areas += [Subtract(parse_area(text)) for text in self.subtract or []]
        areas += [Intersect(parse_area(text)) for text in self.intersect or []]
        return areas

    def _found(self, image: Path) -> list[Box]:
        """The best box for each text of --find; ModelError without a detector, RegionError if nothing is found."""
        if not self.find:
            return []
        from follow_your_click.photo import read_photo
        from follow_your_click.segmentation.text_regions import DEFAULT_DETECTOR, TextDetector

        detector = TextDetector.from_pretrained(self.detector or DEFAULT_DETECTOR)
        photo = read_photo(image)
        return [detector.find(photo, text)[0].box for text in self.find]

    def edits(self) -> tuple[Edit, ...]:
        """The edits in order; RegionError if unreadable."""
        from follow_your_click.region import parse_edits

        return tuple(edit for text in self.edit or [] for edit in parse_edits(text))


takes_selection = takes_options("selection", SelectionOptions)
"""A command with the fields of SelectionOptions as options, in place of its parameter `selection`."""
