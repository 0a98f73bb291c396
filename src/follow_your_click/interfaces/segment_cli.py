"""`fyc segment`: the mask that clicks, boxes, strokes and edits select, to look at before animating."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from follow_your_click.errors import RegionError
from follow_your_click.interfaces.console import Result, report, say
from follow_your_click.interfaces.files import check_files, write_mask, write_masks
from follow_your_click.interfaces.options import (
    DeviceOption,
    JsonOption,
    OverwriteOption,
    SegmenterOption,
)
from follow_your_click.interfaces.selection_options import (
    AREA_HINT,
    SelectionOptions,
    takes_selection,
)

if TYPE_CHECKING:
    from follow_your_click.segmentation import Segmentation


@takes_selection
def segment_command(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The photo.")],
    *,
    out: Annotated[str, typer.Option("--out", "-o", metavar="PNG", help="The mask to write.")],
    selection: SelectionOptions,
    candidates: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Also write all masks that the clicks may mean."),
    ] = None,
    segmenter: SegmenterOption = None,
    device: DeviceOption = None,
    overwrite: OverwriteOption = False,
    json_line: JsonOption = False,
) -> None:
    """Write the mask that clicks or a box select in IMAGE: white may move, black stays."""
    from follow_your_click.region import Selection

    areas = selection.areas(image)
    if not areas:
        raise RegionError(f"got no region; give {AREA_HINT}")
    selected = Selection(areas, edits=selection.edits(), granularity=selection.granularity)
    outputs = {"mask": out} | ({} if candidates is None else {"candidates": candidates})
    check_files(image, outputs, overwrite=overwrite)
    with contextlib.redirect_stdout(sys.stderr):
        from follow_your_click.photo import read_photo
        from follow_your_click.segmentation.registry import load_segmenter
        from follow_your_click.segmentation.resolve import (
            candidate_masks,
            needs_segmenter,
            region_mask,
        )

        asked = needs_segmenter(selected)
        # GrabCut loads nothing; strokes and mask files ask nothing of it.
        name = (segmenter or "embedded") if asked else "grabcut"
        photo = read_photo(image)
        tool = load_segmenter(name, device=device)
        started = time.monotonic()
        if asked:
            tool.set_image(photo)
        mask = region_mask(photo, selected, tool)
        found = None if candidates is None else candidate_masks(photo, selected, tool)
        seconds = {"segment": round(time.monotonic() - started, 3)}
        if found is not None and candidates is not None:
            write_masks(found.masks, Path(candidates))
        write_mask(mask, Path(out))
    share = float(mask.mean())
    say(f"the mask covers {share:.1%} of the photo")
    settings: dict[str, Any] = {"image": str(image), "segmenter": name if asked else None}
    settings["covered"] = round(share, 6)
    if found is not None:
        settings["candidates"] = _described(found)
    report(Result(outputs, seconds, settings), json_line=json_line)


def _described(found: Segmentation) -> list[dict[str, float]]:
    """Score and share of the photo of each candidate, said on stderr too."""
    rows = [
        {"score": round(float(score), 4), "covered": round(float(mask.mean()), 6)}
        for mask, score in zip(found.masks, found.scores, strict=True)
    ]
    for number, row in enumerate(rows, start=1):
        say(f"candidate {number}: score {row['score']:.2f}, covers {row['covered']:.1%}")
    return rows
