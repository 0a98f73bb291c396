"""Is a motion in place held where a mask ends amid an object, and let go where it ends at the background?

    python benchmarks/seams.py --data FOLDER [--json FILE]

Held-out photos of FOLDER/photos whose objects and their parts (heads, tails, wheels) were outlined by eye. Each part and each
whole object is taken as a mask; said is how much of the motion `rendering.seams` leaves, 0 to 1, in the mean over masks:
at the joint (cells of the mask's rim with more of the same object behind them), at the rest of the rim, and in all of the mask.
The best would be 0 at joints and 1 elsewhere. Intervals are 95 % bootstrap intervals over photos.

Axis legend: H rows, W columns, N objects.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.data.outlines import held_out_outlines, held_out_parts
from follow_your_click.evaluation.figures import (
    bootstrap_interval,
    ratio_of_means,
    sums_by_group,
)
from follow_your_click.photo import read_photo
from follow_your_click.planning import CONTEXT
from follow_your_click.rendering.crop import plan_crop
from follow_your_click.rendering.grid import grid_inside, grid_mask, grid_photo
from follow_your_click.rendering.seams import seam_taper

MODEL_SIZE = 256
BEHIND = 2  # cells: how far behind the rim the object goes on, for a joint
LONGEST = 8.0  # cells that anything moves
LEAST = 60  # cells that a mask has at least


def left_over(
    image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], rest: npt.NDArray[np.bool_]
) -> tuple[float, float, float] | None:
    """How much of the motion is left at joints, at the rest of the rim, and in all of a mask (H, W); nan where there is none."""
    plan = plan_crop(mask.astype(np.float32), model_size=MODEL_SIZE, travel=0, context=CONTEXT)
    coarse = grid_mask(mask.astype(np.float32), plan)
    selected = coarse > 0.5
    if selected.sum() < LEAST:
        return None
    inside = grid_inside(plan, image.shape[:2])
    taper = seam_taper(grid_photo(image, plan), coarse, inside, longest=LONGEST)
    around = np.ones((3, 3), np.uint8)
    rim = selected & (cv2.erode(selected.astype(np.uint8), around) == 0)
    reach = np.ones((2 * BEHIND + 1,) * 2, np.uint8)
    behind = (grid_mask(rest.astype(np.float32), plan) > 0.5).astype(np.uint8)
    joint = rim & (cv2.dilate(behind, reach) > 0)

    def mean(where: npt.NDArray[np.bool_]) -> float:
        return float(taper[where].mean()) if where.any() else float("nan")

    return mean(joint), mean(rim & ~joint), mean(selected)


def summary(rows: list[tuple[float, ...]], photos: list[str]) -> list[list[float]]:
    """Mean and 95 % interval over photos of every column, values that there are none of left away."""
    found = []
    for column in np.array(rows).T:
        known = ~np.isnan(column)
        if not known.any():
            found.append([float("nan")] * 3)
            continue
        groups = sums_by_group(column[known], np.array(photos)[known])
        spread = column[known].mean(), *bootstrap_interval(groups, ratio_of_means)
        found.append([round(float(value), 3) for value in spread])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    folder = arguments.data / "photos"
    objects, parts = held_out_outlines(folder), held_out_parts(folder)
    if not parts:
        parser.error(f"got no held-out photo with outlined parts in {folder}")
    of_parts, of_objects = [], []
    for path, areas in objects.items():
        image = read_photo(path)
        masks = np.stack(areas)
        for area in areas:
            of_objects.append((path.name, left_over(image, area, np.zeros_like(area))))
        for part in parts.get(path, []):
            owner = masks[int((masks & part.area).sum(axis=(1, 2)).argmax())]
            of_parts.append((path.name, left_over(image, part.area, owner & ~part.area)))
    report = {}
    for name, measured in (("parts", of_parts), ("whole objects", of_objects)):
        known = [(photo, row) for photo, row in measured if row is not None]
        columns = summary([row for _, row in known], [photo for photo, _ in known])
        report[name] = dict(zip(("joint", "rest of the rim", "all"), columns, strict=True))
        print(f"{len(known)} {name}: how much of a motion in place is left, 95 % interval")
        for where, (mean, low, high) in report[name].items():
            if not np.isnan(mean):
                print(f"  {where:<16} {mean:.2f} ({low:.2f} ... {high:.2f})")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
