"""Is the head of an animal or a person found in what was selected, and none in a thing?

    python benchmarks/heads.py --data FOLDER [--json FILE] [--sheet PNG]

Held-out photos of FOLDER/photos whose objects and their parts were outlined by eye (`data.outlines`). A head is outlined in some; of
others the parts say that they are things. Said is the IoU of the head that `ClickSegmenter.head` finds, 0 where it finds
none: in the outlined object, and in what the segmenter finds for one click anywhere on it but its rim; and of how many things it takes
something for a head. Heads of more than half of their object are left away: there the object counts as the head. Intervals are
95 % bootstrap intervals over photos.

Axis legend: H rows, W columns.
"""

import argparse
import json
import random as random_module
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.data.click_examples import head_area
from follow_your_click.data.outlines import held_out_outlines, held_out_parts
from follow_your_click.data.simulated_clicks import somewhere_inside
from follow_your_click.evaluation.figures import (
    bootstrap_interval,
    ratio_of_means,
    sums_by_group,
)
from follow_your_click.photo import read_photo
from follow_your_click.segmentation.click import HEAD_SHARES, ClickSegmenter
from follow_your_click.segmentation.grabcut_photo import iou

LEAST = 400  # pixels that an object has at least
TILE = 150  # px: side of a picture on the sheet

BoolMap = npt.NDArray[np.bool_]


def interval(values: list[float], photos: list[str]) -> list[float]:
    """Mean and 95 % bootstrap interval of it, whole photos drawn with replacement."""
    found = bootstrap_interval(sums_by_group(np.array(values), photos), ratio_of_means)
    return [round(float(value), 3) for value in (np.mean(values), *found)]


def pictured(image: npt.NDArray[np.uint8], areas: list[BoolMap]) -> npt.NDArray[np.uint8]:
    """The photo, and each area of it, side by side."""
    tiles = []
    for picture in (image, *(np.where(area[..., None], image, image // 4) for area in areas)):
        scale = TILE / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        rest = ((0, TILE - small.shape[0]), (0, TILE - small.shape[1]), (0, 0))
        tiles.append(np.pad(small, rest, constant_values=255))
    return np.concatenate(tiles, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--segmenter", default="mini/click_network", help="a click network")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path, help="photo, object, head, and the heads found")
    arguments = parser.parse_args()
    folder = arguments.data / "photos"
    objects, parts = held_out_outlines(folder), held_out_parts(folder)
    if not parts:
        parser.error(f"got no held-out photo with outlined parts in {folder}")
    segmenter = ClickSegmenter.from_pretrained(arguments.segmenter, device="cpu")
    given, clicked, on_it, photos, rows = [], [], [], [], []
    things = alarms = missed = 0
    for path, own in parts.items():
        image = read_photo(path)
        segmenter.set_image(image)
        nothing = np.zeros(image.shape[:2], np.bool_)
        for target in objects[path]:
            truth = head_area(target, own)
            if truth is None or target.sum() < LEAST:
                continue
            found = segmenter.head(target.astype(np.float32))
            if not truth.any():
                things, alarms = things + 1, alarms + (found is not None)
                continue
            if truth.sum() > HEAD_SHARES[1] * target.sum():
                continue
            missed += found is None
            given.append(0.0 if found is None else iou(found, truth))
            shown = [target, truth, nothing if found is None else found]
            for area, overlaps in ((target, clicked), (truth, on_it)):
                place = somewhere_inside(area, random_module.Random(path.name))
                mask = segmenter.predict(point_coords=np.array([place], np.float32)).masks[0]
                again = segmenter.head(mask.astype(np.float32), place)
                overlaps.append(0.0 if again is None else iou(again, truth))
                shown.append(nothing if again is None else again)
            photos.append(path.name)
            rows.append(pictured(image, shown))
    report = {
        "heads": len(given),
        "missed": missed,
        "iou_in_the_object": interval(given, photos),
        "iou_of_one_click": interval(clicked, photos),
        "iou_of_a_click_on_the_head": interval(on_it, photos),
        "things": things,
        "false_alarms": alarms,
    }
    for name, value in report.items():
        print(f"{name:<26} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))
    if arguments.sheet:
        cv2.imwrite(str(arguments.sheet), np.concatenate(rows)[..., ::-1])


if __name__ == "__main__":
    main()
