"""What does a motion in place do to the photo around the object: does anything fold, and how much of it stirs?

    python benchmarks/in_place.py --data FOLDER [--json FILE]

Held-out photos of FOLDER/photos whose objects and their parts (heads, tails, wheels) were outlined by eye. Each of them is moved in
three ways, as far as `LONGEST` cells of the window's 256: to and fro, turned about its middle, and swollen. Said are, as means over masks:
    kept       motion inside the mask that `rendering.elastic` leaves, of what was stated; photos' borders and thin windows take some
    folded     share of the cells that stir around the mask where the picture folds
    stretched  how far the 99th percentile of these cells is stretched or squeezed, as a factor of the area
    around     mean motion outside the mask grown by 8 cells over that inside (what `leak` says of a model's own frames)

The objects are then found by one click each, anywhere on them, and moved likewise; where the click network is sure of an edge, what is
behind it stays but for a few cells (`ClickSegmenter.edge`, `elastic.staying`, `carried_along`). Said are, with and without that:
    background  mean motion of what is within as many cells of the outline and the mask as the object goes, over that in the mask;
                and were all of it joined to the object
    torn        mean motion of all of the outlined object against what it is joined to, where the mask missed it, over that in the mask;
                and were the object cut out all around
Intervals are 95 % bootstrap intervals over photos.

Axis legend: H rows, W columns.
"""

import argparse
import json
from collections.abc import Sequence
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
from follow_your_click.rendering.elastic import (
    carried_along,
    held_at_border,
    staying,
    with_surroundings,
)
from follow_your_click.rendering.grid import (
    COLUMNS,
    ROWS,
    grid_inside,
    grid_mask,
    ring_taper,
    warp,
)
from follow_your_click.rendering.motion import ObjectMotion
from follow_your_click.segmentation.click import ClickSegmenter
from follow_your_click.segmentation.granularity import choose_mask
from segmentation import anywhere

MODEL_SIZE = 256
LONGEST = 10.0  # cells; the clips of `mini` have 2 to 22
MARGIN = 8  # cells by which a mask is grown before what moves outside counts
LEAST = 60  # cells that a mask has at least
FIGURES = ("kept", "folded", "stretched", "around")
CLICKED_FIGURES = ("background", "background, joined", "torn", "torn, cut all around")


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


def clicked(
    segmenter: ClickSegmenter, truth: npt.NDArray[np.bool_], name: str
) -> dict[str, list[float]] | None:
    """`CLICKED_FIGURES` of each motion of what one click on an outlined object (H, W) of the prepared photo finds; None if that is too small."""
    click = anywhere(truth, name)
    found = choose_mask(segmenter.predict(point_coords=np.array([click], np.float32)), None)
    plan = plan_crop(found.astype(np.float32), model_size=MODEL_SIZE, travel=0, context=CONTEXT)
    mask, true = (grid_mask(each.astype(np.float32), plan) for each in (found, truth))
    if (mask > 0.5).sum() < LEAST:
        return None
    sure = grid_mask(segmenter.edge(found.astype(np.float32), click), plan)
    inside = grid_inside(plan, truth.shape) > 0.5
    taper = ring_taper(plan, truth.shape)[..., None]
    report = {}
    for motion_name, stated in motions(mask > 0.5).items():
        told = ObjectMotion([stated * taper])
        behind = np.maximum(1 - staying(mask, sure, told), carried_along(mask))
        motion = with_surroundings(told, mask)
        field = held_at_border(motion, plan, truth.shape).backward[0]
        speed = np.linalg.norm(field, axis=2)
        cover = warp(mask, field) > 0.5
        own = max(float(speed[cover].mean()), 1e-6) if cover.any() else 1.0
        either = (np.maximum(mask, true) > 0.5) | cover
        grown = cv2.dilate(either.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        near = cv2.dilate(grown.astype(np.uint8), np.ones((2 * round(LONGEST) + 1,) * 2, np.uint8))
        beside, missed = (near > 0) & ~grown & inside, (true > 0.5) & (mask <= 0.5) & inside
        report[motion_name] = [
            float((behind * speed)[beside].mean() / own) if beside.any() else 0.0,
            float(speed[beside].mean() / own) if beside.any() else 0.0,
            float(((1 - behind) * speed)[missed].sum() / own / (true > 0.5).sum()),
            float(speed[missed].sum() / own / (true > 0.5).sum()),
        ]
    return report


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
    report = {"masks": summary(rows, FIGURES, photos)}
    segmenter = ClickSegmenter.from_pretrained()
    rows, photos = {}, []
    for path, areas in objects.items():
        segmenter.set_image(read_photo(path))
        for number, area in enumerate(areas):
            found = clicked(segmenter, area, f"{path.name} {number}")
            if found is not None:
                photos.append(path.name)
                for name, figures in found.items():
                    rows.setdefault(name, []).append(figures)
    print(f"{len(photos)} objects of {len(set(photos))} photos, found by one click")
    report["clicked"] = summary(rows, CLICKED_FIGURES, photos)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


def summary(
    rows: dict[str, list[list[float]]], figures: Sequence[str], photos: Sequence[str]
) -> dict[str, dict[str, list[float]]]:
    """Mean and interval of each figure of each motion, printed too."""
    report: dict[str, dict[str, list[float]]] = {}
    for name, values in rows.items():
        report[name] = {}
        for figure, column in zip(figures, np.array(values).T, strict=True):
            low, high = bootstrap_interval(sums_by_group(column, np.array(photos)), ratio_of_means)
            report[name][figure] = [float(column.mean()), low, high]
            print(f"  {name:<11} {figure:<30} {column.mean():.4f} ({low:.4f} ... {high:.4f})")
    return report


if __name__ == "__main__":
    main()
