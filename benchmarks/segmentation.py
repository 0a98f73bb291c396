"""How well do clicks find an object? IoU with true masks after 1, 3 and 5 clicks, beside plain GrabCut.

    python benchmarks/segmentation.py --data FOLDER [--split held_out|all] [--clicks 1,3,5] [--masks N] [--json FILE]

FOLDER/masked holds photos NAME.jpg with their objects' masks NAME.png, NAME__obj2.png ... (white = object).

Clicks are simulated, as is usual in interactive segmentation: the first lies at the most interior point of the true
object (distance to the rim is largest), each next one at the most interior point of the largest connected error,
positive where the object is missed and negative where too much is taken. A method sees all clicks so far and nothing
of the truth; it starts anew with each.

Plain GrabCut is OpenCV's own, with one fixed size, on the whole photo: inside the square of side 0.4 sqrt(H W) around
each positive click pixels are "probably foreground", outside all of them surely background; a disc with a radius of
1 % of the photo's short side around each click is sure of its label; 5 iterations; what comes out is the mask. That
side was the best of 0.3, 0.4 ... 0.8 at one click on 70 masks that are not held out.

Held out is a mask when the SHA-1 of its own or of its photo's file name begins with "0". Intervals are 95 % bootstrap
intervals over scenes, since the objects of one photo, and the frames of one video (names that differ only in a last
number of three digits), are not independent. A video has frames on both sides of the split, and a photo may have
objects there: held-out figures tell of other objects and other frames more than of other scenes.

Axis legend: H rows, W columns, N points.
"""

import argparse
import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha1
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click import Click, Region
from follow_your_click.data.photos import is_held_out
from follow_your_click.photo import read_photo
from follow_your_click.segmentation import (
    GrabCutSegmenter,
    Segmentation,
    Segmenter,
    load_mask,
    region_mask,
)

BoolMap = npt.NDArray[np.bool_]

PLAIN_SIDE = 0.4  # of the square around a click, as a share of sqrt(H * W)
PLAIN_SEED = 0.01  # radius of the disc that is sure, as a share of the photo's short side
PLAIN_ITERATIONS = 5
RESAMPLES = 10_000


class PlainGrabCut:
    """OpenCV's GrabCut with one fixed square around each positive click; takes clicks only."""

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        self._image = image

    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
    ) -> Segmentation:
        assert point_coords is not None and point_labels is not None, "clicks only"
        assert box is None and mask is None, "clicks only"
        height, width = self._image.shape[:2]
        points = point_coords.astype(int)
        half = PLAIN_SIDE * (height * width) ** 0.5 / 2
        labels = np.full((height, width), cv2.GC_BGD, np.uint8)
        for x, y in points[point_labels == 1]:
            rows = slice(max(0, round(y - half)), round(y + half) + 1)
            columns = slice(max(0, round(x - half)), round(x + half) + 1)
            labels[rows, columns] = cv2.GC_PR_FGD
        seed = max(1, round(PLAIN_SEED * min(height, width)))
        for reach in (seed, 0):  # the clicked pixels last: no other click's disc covers them
            for (x, y), positive in zip(points.tolist(), point_labels, strict=True):
                label = cv2.GC_FGD if positive else cv2.GC_BGD
                cv2.circle(labels, (x, y), reach, label, cv2.FILLED)
        cv2.setRNGSeed(0)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(
            self._image, labels, (0, 0, 0, 0), *models, PLAIN_ITERATIONS, cv2.GC_INIT_WITH_MASK
        )
        found = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
        return Segmentation(found[None], np.ones(1, np.float32))


@dataclass(frozen=True)
class TrueMask:
    """One object of one photo."""

    photo: Path
    path: Path

    @property
    def scene(self) -> str:
        """What the photo shows: shared by the frames of one video."""
        return re.sub(r"-\d{3}$", "", self.photo.stem)

    @property
    def held_out(self) -> bool:
        return is_held_out(self.path.name) or is_held_out(self.photo.name)


@dataclass(frozen=True)
class Measured:
    """One method on one object. `ious` and `seconds` hold one number per click, the first first."""

    method: str
    mask: str
    scene: str
    held_out: bool
    set_image_seconds: float
    ious: tuple[float, ...]
    seconds: tuple[float, ...]


def find_masks(folder: Path) -> list[TrueMask]:
    """All masks of a folder beside their photos, in the order of their names."""
    found = []
    for path in sorted(folder.glob("*.png")):
        photo = path.with_name(re.sub(r"__obj\d+$", "", path.stem) + ".jpg")
        if photo.exists():
            found.append(TrueMask(photo, path))
    return found


def most_interior(area: BoolMap) -> tuple[int, int]:
    """x, y of the pixel of the area that is farthest from its rim; the photo's border is rim too."""
    padded = np.pad(area, 1).astype(np.uint8)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    y, x = np.unravel_index(int(np.argmax(depth)), area.shape)
    return int(x), int(y)


def next_click(truth: BoolMap, found: BoolMap) -> Click | None:
    """The click that a person would add: in the largest connected error, None without any."""
    largest, click = 0, None
    for wrong, positive in ((truth & ~found, True), (found & ~truth, False)):
        _, parts, statistics, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))
        areas = statistics[1:, cv2.CC_STAT_AREA]
        if areas.size and areas.max() > largest:
            largest = int(areas.max())
            x, y = most_interior(parts == 1 + int(areas.argmax()))
            click = Click(x, y, positive=positive)
    return click


def measure(
    segmenter: Segmenter, image: npt.NDArray[np.uint8], truth: BoolMap, clicks: int
) -> tuple[list[float], list[float]]:
    """IoU and seconds after each of `clicks` clicks."""
    found = np.zeros_like(truth)
    given: list[Click] = []
    ious: list[float] = []
    seconds: list[float] = []
    for _ in range(clicks):
        click = next_click(truth, found)
        if click is not None:  # nothing to add to a perfect mask: it stays
            given.append(click)
            start = time.perf_counter()
            found = region_mask(image, Region(given, prompt="move"), segmenter) > 0.5
            seconds.append(time.perf_counter() - start)
        ious.append(float((found & truth).sum() / (found | truth).sum()))
    return ious, seconds


def measure_all(masks: Sequence[TrueMask], clicks: int) -> list[Measured]:
    """Every method on every mask; each photo is prepared once."""
    methods: dict[str, Segmenter] = {"embedded": GrabCutSegmenter(), "plain": PlainGrabCut()}
    measured = []
    for photo in sorted({mask.photo for mask in masks}):
        image = read_photo(photo)
        truths = {mask: load_mask(mask.path) > 0.5 for mask in masks if mask.photo == photo}
        for method, segmenter in methods.items():
            start = time.perf_counter()
            segmenter.set_image(image)
            prepared = time.perf_counter() - start
            for mask, truth in truths.items():
                if not truth.any():
                    continue
                ious, seconds = measure(segmenter, image, truth, clicks)
                about = (method, mask.path.name, mask.scene, mask.held_out, prepared)
                measured.append(Measured(*about, tuple(ious), tuple(seconds)))
    return measured


def interval(values: npt.NDArray[np.float64], scenes: Sequence[str]) -> list[float]:
    """95 % bootstrap interval of the mean, whole scenes drawn with replacement."""
    _, scene_of = np.unique(np.array(scenes), return_inverse=True)
    sums, counts = np.bincount(scene_of, values), np.bincount(scene_of)
    drawn = np.random.default_rng(0).integers(len(counts), size=(RESAMPLES, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return [round(float(bound), 4) for bound in np.quantile(means, (0.025, 0.975))]


def summarise(measured: Sequence[Measured], clicks: Sequence[int]) -> dict[str, object]:
    """Mean IoU with its interval at each number of clicks, and mean seconds, of each method."""
    report: dict[str, object] = {}
    ious: dict[str, npt.NDArray[np.float64]] = {}
    scenes = [one.scene for one in measured if one.method == "embedded"]
    for method in ("embedded", "plain"):
        own = [one for one in measured if one.method == method]
        ious[method] = np.array([one.ious for one in own])
        seconds = [each for one in own for each in one.seconds]
        report[method] = {
            **_at_clicks(ious[method], scenes, clicks),
            "seconds_set_image": round(float(np.mean([one.set_image_seconds for one in own])), 4),
            "seconds_per_click": round(float(np.mean(seconds)), 4),
        }
    difference = _at_clicks(ious["embedded"] - ious["plain"], scenes, clicks)
    return {"masks": len(scenes), "scenes": len(set(scenes)), **report, "difference": difference}


def _at_clicks(
    values: npt.NDArray[np.float64], scenes: Sequence[str], clicks: Sequence[int]
) -> dict[str, object]:
    table: dict[str, object] = {}
    for count in clicks:
        table[f"iou_{count}"] = round(float(values[:, count - 1].mean()), 4)
        table[f"iou_{count}_interval"] = interval(values[:, count - 1], scenes)
    return table


def print_table(name: str, summary: dict[str, object], clicks: Sequence[int]) -> None:
    print(f"{name}: {summary['masks']} masks, {summary['scenes']} scenes")
    head = "".join(f"{f'IoU@{count}':<27}" for count in clicks)
    print(f"  {'':<11}{head}set_image s  s per click")
    for method in ("embedded", "plain", "difference"):
        row = summary[method]
        assert isinstance(row, dict)
        line = f"  {method:<11}"
        for count in clicks:
            low, high = row[f"iou_{count}_interval"]
            line += f"{row[f'iou_{count}']:.3f} ({low:.3f} ... {high:.3f})".ljust(27)
        if method != "difference":
            line += f"{row['seconds_set_image']:<13.3f}{row['seconds_per_click']:.3f}"
        print(line.rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("held_out", "all"), default="held_out")
    parser.add_argument("--clicks", default="1,3,5", help="numbers of clicks to report")
    parser.add_argument("--masks", type=int, help="a fixed sample of so many masks")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    try:
        clicks = sorted({int(count) for count in arguments.clicks.split(",")})
    except ValueError:
        clicks = []
    if not clicks or clicks[0] < 1:
        parser.error(f"--clicks: got {arguments.clicks!r}, expected numbers such as 1,3,5")
    masks = find_masks(arguments.data / "masked")
    masks = [mask for mask in masks if mask.held_out or arguments.split == "all"]
    if not masks:
        parser.error(f"got no {arguments.split} mask in {arguments.data / 'masked'}")
    # In the order of their hashes: the same sample everywhere, and mixed.
    masks = sorted(masks, key=lambda mask: sha1(mask.path.name.encode()).hexdigest()[::-1])
    measured = measure_all(masks[: arguments.masks], clicks[-1])

    report: dict[str, object] = {"opencv": cv2.__version__, "threads": cv2.getNumThreads()}
    for name in ("all", "held_out") if arguments.split == "all" else ("held_out",):
        chosen = [one for one in measured if one.held_out or name == "all"]
        if chosen:
            summary = summarise(chosen, clicks)
            print_table(name, summary, clicks)
            report[name] = summary
    if arguments.json:
        details = [asdict(one) for one in measured]
        arguments.json.write_text(json.dumps({**report, "details": details}, indent=1))


if __name__ == "__main__":
    main()
