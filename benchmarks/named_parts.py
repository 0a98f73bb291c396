"""What does a click on a part find, where the prompt names that part?

    python benchmarks/named_parts.py --data FOLDER [--json FILE]

Heads, tails, wheels and other parts that were outlined by eye in held-out photos of FOLDER/photos, under their names. Each is clicked on
once, at a point drawn from all of it, and asked to move ("the left wing moves"). Said is the IoU with the outline of what moves then,
and of what would without a name, over the parts whose names are heard (`named_parts`); and how many these are. Intervals are
95 % bootstrap intervals over photos.

Axis legend: H rows, W columns.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from follow_your_click import Click, Region
from follow_your_click.clicked_parts import with_named_parts
from follow_your_click.evaluation.figures import bootstrap_interval, ratio_of_means, sums_by_group
from follow_your_click.named_parts import named_part
from follow_your_click.photo import read_photo
from follow_your_click.segmentation import region_mask
from follow_your_click.segmentation.registry import load_segmenter
from segmentation import anywhere, parts


def overlap(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    return float((first & second).sum() / max((first | second).sum(), 1))


def said(
    names: Sequence[str], rows: Sequence[Sequence[float]], photos: Sequence[str]
) -> dict[str, list[float]]:
    """Mean and interval of each column of the rows, printed too."""
    report = {}
    for name, column in zip(names, np.array(rows).T, strict=True):
        low, high = bootstrap_interval(sums_by_group(column, np.array(photos)), ratio_of_means)
        report[name] = [float(column.mean()), low, high]
        print(f"  {name:<25} {column.mean():.3f} ({low:.3f} ... {high:.3f})")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    segmenter = load_segmenter()
    found: list[tuple[float, float]] = []
    photos = []
    truths = [truth for truth in parts(arguments.data) if truth.area.any()]
    if not truths:
        parser.error(f"got no held-out photo with outlined parts in {arguments.data / 'photos'}")
    for truth in truths:
        prompt = f"the {truth.name.split(' ', 2)[2]} moves"
        if named_part(prompt) is None:
            continue
        photo = read_photo(truth.photo)
        segmenter.set_image(photo)
        region = Region(Click(*anywhere(truth.area, truth.name)), prompt=prompt)
        mask = region_mask(photo, region, segmenter)
        _, (named,) = with_named_parts(photo, [region], [mask], [None], segmenter)
        found.append((overlap(named > 0.5, truth.area), overlap(mask > 0.5, truth.area)))
        photos.append(truth.scene)
    print(f"{len(found)} of {len(truths)} parts have names that are heard")
    report = said(("named", "by the click alone"), found, photos)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
