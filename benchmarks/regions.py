"""Several regions in one photo, each told to move another way: does each go its own way, and does one disturb another?

    python benchmarks/regions.py --data FOLDER [--model mini] [--photos N] [--json FILE] [--sheet PNG]

FOLDER/masked holds photos with true masks (see benchmarks/segmentation.py). Taken are photos with two (three) objects that
cover 1 to 25 % of the photo each and share no pixel: first those of which something is held out, then others, in the order of
their names; the masks are the true ones, so that the segmenter plays no part.

    direction   two regions: "move left" and "move right"; three: and "rise". A region goes right when its mean flow lies
                within 45 degrees of what was asked.
    leak        one region moves, another has strength 0: mean flow magnitude inside the still one, without the moving
                one's mask dilated by 8 px and its way, over the mean inside the moving one.
    order       both clips, regions in either order: largest difference in pixels that only one of the patches covers.

Flow is OpenCV's DIS at a short side of 256 px over the first six of 16 frames, mean over the region's mask in the photo.
Finished clips, as a person gets them. Intervals: 95 % bootstrap over photos.
"""

import argparse
import json
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from follow_your_click import Animator, Clip, Region
from follow_your_click.data.true_masks import find_masks
from follow_your_click.flow import dense_flow
from follow_your_click.photo import read_photo
from follow_your_click.segmentation import load_mask

Masks = list[npt.NDArray[np.bool_]]

STRENGTH = 2.0
PAIRS = 5
WAYS = {"move left": (-1.0, 0.0), "move right": (1.0, 0.0), "rise": (0.0, -1.0)}
AREA = (0.01, 0.25)
DILATION = 8  # px at a short side of 256


def find_photos(folder: Path, count: int) -> list[tuple[Path, Masks]]:
    """Photos with `count` objects apart from each other; those of held-out scenes first."""
    by_photo = defaultdict(list)
    for mask in find_masks(folder):
        by_photo[mask.photo].append(mask)
    found = []
    for photo, masks in sorted(by_photo.items()):
        objects = [load_mask(mask.path) > 0.5 for mask in masks]
        usable = [area for area in objects if AREA[0] <= area.mean() <= AREA[1]]
        for chosen in combinations(sorted(usable, key=lambda area: -area.sum()), count):
            if not (np.sum(chosen, axis=0) > 1).any():
                found.append((not any(mask.held_out for mask in masks), photo, list(chosen)))
                break
    return [(photo, masks) for _, photo, masks in sorted(found, key=lambda each: each[:2])]


def flows(clip: Clip) -> tuple[npt.NDArray[np.float32], float]:
    """(PAIRS, h, w, 2) in px per frame at a short side of 256, and that size over the photo's."""
    scale = 256 / min(clip.height, clip.width)
    size = (round(clip.width * scale), round(clip.height * scale))
    small = [
        cv2.resize(clip.frame(i), size, interpolation=cv2.INTER_AREA) for i in range(PAIRS + 1)
    ]
    pairs = zip(small[:-1], small[1:], strict=True)
    return np.stack([dense_flow(first, second) for first, second in pairs]), scale


def shrunk(mask: npt.NDArray[np.bool_], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    return cv2.resize(mask.astype(np.uint8), (shape[1], shape[0])) > 0


def directions(animator: Animator, photo: npt.NDArray[np.uint8], masks: Masks) -> dict[str, object]:
    """Whether each region goes its way, and what the order changes."""
    ways = list(WAYS.items())[: len(masks)]
    regions = [
        Region(mask, prompt=prompt, strength=STRENGTH)
        for mask, (prompt, _) in zip(masks, ways, strict=True)
    ]
    clip = animator.animate(photo, regions, seed=0)
    moved, _ = flows(clip)
    right = []
    for mask, (_, way) in zip(masks, ways, strict=True):
        mean = moved[:, shrunk(mask, moved.shape[1:3])].mean(axis=(0, 1))
        right.append(float(mean @ way) > 0.7071 * max(float(np.hypot(*mean)), 1e-6))
    turned = animator.animate(photo, regions[::-1], seed=0)
    covered = np.zeros(photo.shape[:2], int)
    for patch in clip.patches:
        height, width = patch.frames.shape[1:3]
        covered[patch.y : patch.y + height, patch.x : patch.x + width] += 1
    apart = covered < 2
    order = max(
        int(np.abs(a.astype(int) - b)[apart].max(initial=0))
        for a, b in zip(clip, turned, strict=True)
    )
    windows = {json.dumps(region["window"]) for region in clip.settings["regions"]}
    return {"right": right, "order": order, "windows": len(windows), "clip": clip}


def leak(animator: Animator, photo: npt.NDArray[np.uint8], masks: Masks) -> float | None:
    """Motion of the second region at strength 0 beside the first one, as a share of the first one's."""
    regions = [
        Region(masks[0], prompt="move left", strength=STRENGTH),
        Region(masks[1], prompt="move right", strength=0.0),
    ]
    moved, _ = flows(animator.animate(photo, regions, seed=0))
    magnitude = np.linalg.norm(moved, axis=-1).mean(axis=0)
    moving, still = (shrunk(mask, magnitude.shape) for mask in masks[:2])
    reach = 2 * round(DILATION + STRENGTH * PAIRS) + 1
    near = cv2.dilate(moving.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    still &= ~near
    if still.sum() < 16:
        return None
    return float(magnitude[still].mean() / magnitude[moving].mean())


def interval(values: list[float]) -> list[float]:
    drawn = np.random.default_rng(0).choice(values, (10_000, len(values))).mean(axis=1)
    return [round(float(bound), 3) for bound in np.quantile(drawn, (0.025, 0.975))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--photos", type=int, default=16, help="at most so many, for each count")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    animator = Animator.from_pretrained(arguments.model, device="cpu")
    report: dict[str, object] = {"model": arguments.model, "strength": STRENGTH, "seed": 0}
    rows = []
    for count in (2, 3):
        photos = find_photos(arguments.data / "masked", count)[: arguments.photos]
        if not photos:
            print(f"{count} regions: no photo with so many objects apart")
            continue
        found = [directions(animator, read_photo(path), masks) for path, masks in photos]
        leaks = [leak(animator, read_photo(path), masks) for path, masks in photos]
        leaks = [value for value in leaks if value is not None]
        right = [float(np.mean(each["right"])) for each in found]
        report[str(count)] = {
            "photos": len(photos),
            "direction": round(float(np.mean(right)), 3),
            "direction_interval": interval(right),
            "leak": round(float(np.mean(leaks)), 4) if leaks else None,
            "leak_interval": interval(leaks) if leaks else None,
            "leak_photos": len(leaks),
            "order": max(each["order"] for each in found),
            "shared_window": sum(each["windows"] < count for each in found),
        }
        print(f"{count} regions: {json.dumps(report[str(count)])}")
        for each in found[:4]:
            clip = each["clip"]
            frames = [Image.fromarray(clip.frame(i)).resize((240, 160)) for i in (0, 5, 10, 15)]
            rows.append(np.concatenate([np.asarray(frame) for frame in frames], axis=1))
    if arguments.sheet:
        Image.fromarray(np.concatenate(rows, axis=0)).save(arguments.sheet)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
