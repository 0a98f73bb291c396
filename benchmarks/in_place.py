"""What does a motion in place do to the photo around the object: does anything fold, and how much of it stirs?

    python benchmarks/in_place.py --data FOLDER [--json FILE]

Held-out photos of FOLDER/photos whose objects and their parts (heads, tails, wheels) were outlined by eye. Each of them is moved in
three ways, as far as `LONGEST` cells of the window's 256: to and fro, turned about its middle, and swollen. Said are, as means over masks:
    kept       motion inside the mask that `rendering.elastic` leaves, of what was stated; photos' borders and thin windows take some
    folded     share of the cells that stir around the mask where the picture folds
    stretched  how far the 99th percentile of these cells is stretched or squeezed, as a factor of the area
    around     mean motion outside the mask grown by 8 cells over that inside (what `leak` says of a model's own frames)
Intervals are 95 % bootstrap intervals over photos.

Axis legend: H rows, W columns.
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
from follow_your_click.rendering.elastic import held_at_border, with_surroundings
from follow_your_click.rendering.grid import COLUMNS, ROWS, grid_mask, ring_taper, warp
from follow_your_click.rendering.motion import ObjectMotion

MODEL_SIZE = 256
LONGEST = 10.0  # cells; the clips of `mini` have 2 to 22
MARGIN = 8  # cells by which a mask is grown before what moves outside counts
LEAST = 60  # cells that a mask has at least
FIGURES = ("kept", "folded", "stretched", "around")


def motions(selected: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[np.float32]]:
    """Fields (g, g, 2) for a mask (g, g), its farthest cell moved by `LONGEST`."""
    rows, columns = np.nonzero(selected)
    x, y = COLUMNS - columns.mean(), ROWS - rows.mean()
    far = float(np.hypot(x, y)[selected].max())
    share = np.float32(LONGEST / far)
    fields = {
        "to and fro": (np.full_like(x, LONGEST), np.zeros_like(x)),
        "turned": (-y * share, x * share),
        "swollen": (-x * share, -y * share),
    }
    return {name: np.stack(ways, axis=2).astype(np.float32) for name, ways in fields.items()}


def measured(shape: tuple[int, int], mask: npt.NDArray[np.bool_]) -> dict[str, list[float]] | None:
    """`FIGURES` of each motion of a mask (H, W); None if it is too small to say."""
    plan = plan_crop(mask.astype(np.float32), model_size=MODEL_SIZE, travel=0, context=CONTEXT)
    coarse = grid_mask(mask.astype(np.float32), plan)
    if (coarse > 0.5).sum() < LEAST:
        return None
    taper = ring_taper(plan, shape)[..., None]
    found = {}
    for name, stated in motions(coarse > 0.5).items():
        motion = with_surroundings(ObjectMotion([stated * taper]), coarse)
        field = held_at_border(motion, plan, shape).backward[0]
        inside = warp(coarse, field) > 0.5
        grown = cv2.dilate(inside.astype(np.uint8), np.ones((2 * MARGIN + 1,) * 2, np.uint8)) > 0
        speed = np.linalg.norm(field, axis=2)
        down, across = np.gradient(field, axis=(0, 1))
        area = (1 + across[..., 0]) * (1 + down[..., 1]) - across[..., 1] * down[..., 0]
        stirs = (speed > 0) & ~inside
        factor = np.exp(np.abs(np.log(np.maximum(area[stirs], 1e-3))))
        before = np.linalg.norm(stated, axis=2)
        found[name] = [
            float(speed[inside].mean() / before[inside].mean()),
            float((area[stirs] <= 0).mean()) if stirs.any() else 0.0,
            float(np.percentile(factor, 99)) if stirs.any() else 1.0,
            float(speed[~grown].mean() / speed[inside].mean()) if (~grown).any() else 0.0,
        ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    folder = arguments.data / "photos"
    objects, parts = held_out_outlines(folder), held_out_parts(folder)
    if not objects:
        parser.error(f"got no held-out photo with outlined objects in {folder}")
    rows: dict[str, list[list[float]]] = {}
    photos: list[str] = []
    for path, areas in objects.items():
        shape = read_photo(path).shape[:2]
        for area in [*areas, *(part.area for part in parts.get(path, []))]:
            found = measured(shape, area)
            if found is not None:
                photos.append(path.name)
                for name, figures in found.items():
                    rows.setdefault(name, []).append(figures)
    print(f"{len(photos)} masks of {len(set(photos))} photos, mean and 95 % interval")
    report: dict[str, dict[str, list[float]]] = {}
    for name, figures_of in rows.items():
        report[name] = {}
        for figure, column in zip(FIGURES, np.array(figures_of).T, strict=True):
            low, high = bootstrap_interval(sums_by_group(column, np.array(photos)), ratio_of_means)
            report[name][figure] = [float(column.mean()), low, high]
            print(f"  {name:<11} {figure:<10} {column.mean():.4f} ({low:.4f} ... {high:.4f})")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
