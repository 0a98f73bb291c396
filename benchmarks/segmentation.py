"""How well do clicks find an object? IoU with true masks after 1, 3 and 5 clicks, for any segmenters.

    python benchmarks/segmentation.py --data FOLDER [--segmenters embedded,grabcut,plain] [--split held_out|all]
        [--truth masks|outlines|parts] [--first interior|anywhere] [--clicks 1,3,5] [--masks N] [--json FILE] [--plot PNG] [--large]

FOLDER/masked holds photos NAME.jpg with their objects' masks NAME.png, NAME__obj2.png ... (white = object).
With --truth outlines the truth is what was outlined by eye in photos of FOLDER/photos (`data.outlines`): single objects,
animals and flowers, most of them large, where masks/ has whole scenes. GrabCut has brought those outlines to the rim,
within a narrow band: a method like it may gain a little from that. How true they are was not
measured: 1 to 3 % of the photo's side, whoever traced them thought.

Segmenters are named as for `fyc segment --segmenter`: embedded, grabcut, sam, sam2, sam3, a folder or a hub id; and "plain".

Clicks are simulated, as is usual in interactive segmentation: the first lies at the most interior point of the true
object (distance to the rim is largest), or with --first anywhere at a point drawn from all of it but 1 % of the photo's short side
along its rim: people also click a head or a wing. Each next one at the most interior point of the largest connected error,
positive where the object is missed and negative where too much is taken. A method sees all clicks so far and nothing
of the truth; it starts anew with each.

"plain" is OpenCV's own GrabCut, with one fixed size, on the whole photo: inside the square of side 0.4 sqrt(H W) around
each positive click pixels are "probably foreground", outside all of them surely background; a disc with a radius of
1 % of the photo's short side around each click is sure of its label; 5 iterations; what comes out is the mask. That
side was the best of 0.3, 0.4 ... 0.8 at one click on 70 masks that are not held out.

Held out is a mask when the SHA-1 of its own or of its photo's file name begins with "0". The objects of one photo, and the
frames of one video, are not independent; so "held_out_scenes" counts all masks of those scenes of which anything is held
out, and the embedded segmenter's training has seen none of them. "all" counts what it was trained on too. Intervals are
95 % bootstrap intervals over scenes.

--large also times a photo of 24 megapixels, and says the peak memory of the process.

Axis legend: H rows, W columns, N points.
"""

import argparse
import json
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha1
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click import Click, Region
from follow_your_click.data.outlines import held_out_outlines, held_out_parts
from follow_your_click.data.simulated_clicks import click_overlaps, interior_depth
from follow_your_click.data.true_masks import find_masks, held_out_scenes
from follow_your_click.evaluation.figures import (
    bootstrap_interval,
    ratio_of_means,
    sums_by_group,
)
from follow_your_click.photo import read_photo
from follow_your_click.region import Granularity
from follow_your_click.segmentation import Segmentation, Segmenter, load_mask, region_mask
from follow_your_click.segmentation.registry import load_segmenter

BoolMap = npt.NDArray[np.bool_]

PLAIN_SIDE = 0.4  # of the square around a click, as a share of sqrt(H * W)
PLAIN_SEED = 0.01  # radius of the disc that is sure, as a share of the photo's short side
PLAIN_ITERATIONS = 5
OFF_RIM = 0.01  # of the short side: how far from the rim a click anywhere lies at least
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
class Truth:
    """One object of a photo: its mask (H, W), named by its file or by the photo and a number."""

    photo: Path
    name: str
    scene: str
    held_out: bool
    area: BoolMap


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


def measure(
    segmenter: Segmenter,
    image: npt.NDArray[np.uint8],
    truth: BoolMap,
    clicks: int,
    place: tuple[int, int] | None,
    granularity: Granularity | None,
) -> tuple[list[float], list[float]]:
    """IoU and seconds after each of `clicks` clicks."""
    seconds: list[float] = []

    def answer(given: Sequence[Click]) -> BoolMap:
        start = time.perf_counter()
        region = Region(given, prompt="move", granularity=granularity)
        found = region_mask(image, region, segmenter) > 0.5
        seconds.append(time.perf_counter() - start)
        return found

    return click_overlaps(answer, truth, clicks, start=place)[0], seconds


def anywhere(truth: BoolMap, name: str) -> tuple[int, int]:
    """x, y of a pixel of the mask that does not lie at its rim; by its name, so that every method gets the same."""
    depth = interior_depth(truth)
    rows, columns = np.nonzero(depth >= min(OFF_RIM * min(truth.shape), depth.max()))
    at = int(sha1(name.encode()).hexdigest(), 16) % len(rows)
    return int(columns[at]), int(rows[at])


def measure_all(
    methods: dict[str, Segmenter],
    truths: Sequence[Truth],
    clicks: int,
    *,
    interior: bool,
    granularity: Granularity | None = None,
) -> list[Measured]:
    """Every method on every mask; each photo is prepared once."""
    measured = []
    for photo in sorted({truth.photo for truth in truths}):
        image = read_photo(photo)
        for method, segmenter in methods.items():
            start = time.perf_counter()
            segmenter.set_image(image)
            prepared = time.perf_counter() - start
            for truth in truths:
                if truth.photo != photo or not truth.area.any():
                    continue
                place = None if interior else anywhere(truth.area, truth.name)
                ious, seconds = measure(segmenter, image, truth.area, clicks, place, granularity)
                about = (method, truth.name, truth.scene, truth.held_out, prepared)
                measured.append(Measured(*about, tuple(ious), tuple(seconds)))
    return measured


def true_masks(data: Path, split: str) -> list[Truth]:
    """Of `data`/masked: those of held-out scenes, or all."""
    kept = held_out_scenes(data)
    return [
        Truth(mask.photo, mask.path.name, mask.scene, mask.held_out, load_mask(mask.path) > 0.5)
        for mask in find_masks(data / "masked")
        if mask.scene in kept or split == "all"
    ]


def outlined(data: Path) -> list[Truth]:
    """What was outlined in held-out photos of `data`/photos; each photo is a scene."""
    return [
        Truth(path, f"{path.name} {number}", path.stem, True, area)
        for path, areas in held_out_outlines(data / "photos").items()
        for number, area in enumerate(areas)
    ]


def parts(data: Path) -> list[Truth]:
    """What was outlined of parts of these objects."""
    return [
        Truth(path, f"{path.name} {number} {part.name}", path.stem, True, part.area)
        for path, found in held_out_parts(data / "photos").items()
        for number, part in enumerate(found)
    ]


def interval(values: npt.NDArray[np.float64], scenes: Sequence[str]) -> list[float]:
    """95 % bootstrap interval of the mean, whole scenes drawn with replacement."""
    rows = sums_by_group(values, scenes)
    bounds = bootstrap_interval(rows, ratio_of_means, resamples=RESAMPLES)
    return [round(bound, 4) for bound in bounds]


def summarise(
    measured: Sequence[Measured], methods: Sequence[str], clicks: Sequence[int]
) -> dict[str, object]:
    """Mean IoU with its interval at each number of clicks, mean seconds, and the first method's lead over the others."""
    report: dict[str, object] = {}
    ious: dict[str, npt.NDArray[np.float64]] = {}
    scenes = [one.scene for one in measured if one.method == methods[0]]
    for method in methods:
        own = [one for one in measured if one.method == method]
        ious[method] = np.array([one.ious for one in own])
        seconds = [each for one in own for each in one.seconds]
        report[method] = {
            **_at_clicks(ious[method], scenes, clicks),
            "seconds_set_image": round(float(np.median([one.set_image_seconds for one in own])), 4),
            "seconds_per_click": round(float(np.median(seconds)), 4),
        }
    for method in methods[1:]:
        lead = ious[methods[0]] - ious[method]
        report[f"{methods[0]} - {method}"] = _at_clicks(lead, scenes, clicks)
    return {"masks": len(scenes), "scenes": len(set(scenes)), "methods": report}


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
    methods = summary["methods"]
    assert isinstance(methods, dict)
    width = max(20, *(len(method) + 2 for method in methods))
    print(f"  {'':<{width}}{head}set_image s  s per click")
    for method, row in methods.items():
        line = f"  {method:<{width}}"
        for count in clicks:
            low, high = row[f"iou_{count}_interval"]
            line += f"{row[f'iou_{count}']:.3f} ({low:.3f} ... {high:.3f})".ljust(27)
        if "seconds_per_click" in row:
            line += f"{row['seconds_set_image']:<13.3f}{row['seconds_per_click']:.3f}"
        print(line.rstrip())


def plot(measured: Sequence[Measured], methods: Sequence[str], title: str, path: Path) -> None:
    """Mean IoU after each click with its 95 % interval, a line per method."""
    from follow_your_click.evaluation.pictures import line_chart

    scenes = [one.scene for one in measured if one.method == methods[0]]
    lines = {}
    for method in methods:
        ious = np.array([one.ious for one in measured if one.method == method])
        lines[method] = [
            (count + 1, float(ious[:, count].mean()), *interval(ious[:, count], scenes))
            for count in range(ious.shape[1])
        ]
    line_chart(lines, title=f"mean IoU, {title}", x_label="clicks").save(path)


def time_large(methods: dict[str, Segmenter]) -> dict[str, object]:
    """Median seconds of five rounds on a photo of 6000 x 4000 px, and the process's peak memory in GB."""
    height, width = 4000, 6000
    image = np.random.default_rng(0).integers(0, 40, (height, width, 3), np.uint8)
    image[1000:3000, 1500:4500] += np.array([180, 60, 40], np.uint8)
    coords, labels = np.array([[3000, 2000]], np.float32), np.array([1])
    report: dict[str, object] = {}
    for method, segmenter in methods.items():
        prepared, clicked = [], []
        for _ in range(5):
            start = time.perf_counter()
            segmenter.set_image(image)
            middle = time.perf_counter()
            segmenter.predict(point_coords=coords, point_labels=labels)
            prepared.append(middle - start)
            clicked.append(time.perf_counter() - middle)
        report[method] = {
            "seconds_set_image": round(float(np.median(prepared)), 3),
            "seconds_per_click": round(float(np.median(clicked)), 3),
        }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {**report, "peak_gb": round(peak, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--segmenters", default="embedded,grabcut,plain")
    parser.add_argument("--split", choices=("held_out", "all"), default="held_out")
    parser.add_argument("--truth", choices=("masks", "outlines", "parts"), default="masks")
    parser.add_argument("--first", choices=("interior", "anywhere"), default="interior")
    parser.add_argument("--clicks", default="1,3,5", help="numbers of clicks to report")
    parser.add_argument("--masks", type=int, help="a fixed sample of so many masks")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="mean IoU against clicks, as a picture")
    parser.add_argument("--large", action="store_true", help="also time 24 megapixels")
    arguments = parser.parse_args()

    try:
        clicks = sorted({int(count) for count in arguments.clicks.split(",")})
    except ValueError:
        clicks = []
    if not clicks or clicks[0] < 1:
        parser.error(f"--clicks: got {arguments.clicks!r}, expected numbers such as 1,3,5")
    names = arguments.segmenters.split(",")
    methods: dict[str, Segmenter] = {
        name: PlainGrabCut() if name == "plain" else load_segmenter(name, device="cpu")
        for name in names
    }
    if arguments.truth != "masks":
        if arguments.split == "all":
            parser.error(
                f"--truth {arguments.truth}: got --split all, expected held_out: the others were trained on"
            )
        drawn = outlined if arguments.truth == "outlines" else parts
        truths, folder = drawn(arguments.data), arguments.data / "photos"
    else:
        truths, folder = true_masks(arguments.data, arguments.split), arguments.data / "masked"
    if not truths:
        parser.error(f"got no {arguments.split} {arguments.truth} in {folder}")
    kept = {truth.scene for truth in truths if truth.held_out}
    # In the order of their hashes: the same sample everywhere, and mixed.
    truths = sorted(truths, key=lambda truth: sha1(truth.name.encode()).hexdigest()[::-1])
    report: dict[str, object] = {"opencv": cv2.__version__, "threads": cv2.getNumThreads()}
    if arguments.large:
        report["large"] = time_large(methods)
        print(f"6000 x 4000 px: {json.dumps(report['large'])}")
    measured = measure_all(
        methods,
        truths[: arguments.masks],
        clicks[-1],
        interior=arguments.first == "interior",
        granularity="part" if arguments.truth == "parts" else None,
    )
    groups = {
        "held_out": [one for one in measured if one.held_out],
        "held_out_scenes": [one for one in measured if one.scene in kept],
        "all": measured if arguments.split == "all" else [],
    }
    for name, chosen in groups.items():
        if chosen:
            summary = summarise(chosen, names, clicks)
            print_table(name, summary, clicks)
            report[name] = summary
    if arguments.plot:
        title = "held-out scenes"
        plot(groups["held_out_scenes"] or measured, names, title, arguments.plot)
    if arguments.json:
        details = [asdict(one) for one in measured]
        arguments.json.write_text(json.dumps({**report, "details": details}, indent=1))


if __name__ == "__main__":
    main()
