"""What does a clip show where the object was? Cut-outs over photos, where it is known what is behind.

    python benchmarks/uncovered.py --data FOLDER [--count 40] [--out PNG]

Cut-outs of FOLDER/cutouts are pasted over photos of FOLDER/photos, both held out, and moved: right, left, up, down, or made
smaller. In the last frame, where the object was and no longer is:

difference   mean absolute difference from what is behind, grey levels. A blur does well here.
detail       mean change from pixel to pixel, as a share of that of what is behind; geometric mean. A blur does badly here.
likeness     mean cosine of the features (1/8 of the size) that the click network's encoder has for both

for the clip, for OpenCV's inpainting (Telea's) of what the object hid, and for the mean colour around. Intervals are 95 %
bootstrap intervals over photos. --out: photo, last frame, OpenCV's, what is behind, for the first twelve.

Axis legend: H rows, W columns.
"""

import argparse
import random
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from follow_your_click import Animator, Region
from follow_your_click.data.photos import is_held_out
from follow_your_click.evaluation.figures import bootstrap_interval, mean
from follow_your_click.models.checkpoints import load_component
from follow_your_click.models.click_network import STRIDE, ClickNetwork

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

ASKED = (
    ("drift to the right", 2.5),
    ("move left", 2.5),
    ("rise", 2.5),
    ("shrink", 2.0),
    ("fall", 2.5),
)
SIDES = (0.35, 0.6)  # of the pasted cut-out, in short sides of the photo
FLOWERS = 8  # photos at most: half of the folder is flowers
SEEN = 224  # px: long side at which the encoder looks
TILE = 160  # px


def compositions(data: Path, count: int) -> list[tuple[Pixels, Pixels, Mask]]:
    """What is behind (H, W, 3), the same with a cut-out pasted over it, and where (H, W)."""
    draw = random.Random(0)
    photos = sorted(p for p in (data / "photos").glob("*.jpg") if is_held_out(p.name))
    cutouts = sorted(p for p in (data / "cutouts").glob("*.webp") if is_held_out(p.name))
    draw.shuffle(photos)
    flowers = [photo for photo in photos if photo.name.startswith("flower")][FLOWERS:]
    made = []
    for path in [photo for photo in photos if photo not in flowers][:count]:
        behind = np.asarray(Image.open(path).convert("RGB"))
        cutout = np.asarray(Image.open(draw.choice(cutouts)).convert("RGBA"))
        short = min(behind.shape[:2])
        scale = short * draw.uniform(*SIDES) / max(cutout.shape[:2])
        cutout = np.asarray(
            cv2.resize(cutout, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        )
        height, width = cutout.shape[:2]
        x = draw.randrange(behind.shape[1] - width)
        y = draw.randrange(behind.shape[0] - height)
        view = np.s_[y : y + height, x : x + width]
        opacity = cutout[..., 3:] / 255
        pasted, mask = behind.copy(), np.zeros(behind.shape[:2], bool)
        pasted[view] = np.rint(
            behind[view] + opacity * (cutout[..., :3] - behind[view].astype(float))
        )
        mask[view] = opacity[..., 0] > 0.5
        made.append((behind, pasted, mask))
    return made


def detail(image: Pixels, area: Mask) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    changes = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 8
    return float(changes[area].mean())


@torch.inference_mode()
def likeness(network: ClickNetwork, first: Pixels, second: Pixels, area: Mask) -> float:
    scale = SEEN / max(area.shape)
    size = (round(area.shape[1] * scale), round(area.shape[0] * scale))
    features = []
    for image in (first, second):
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        below, right = -size[1] % STRIDE, -size[0] % STRIDE
        padded = np.pad(small, ((0, below), (0, right), (0, 0)), mode="edge")
        pixels = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 127.5 - 1
        features.append(network.stages[1](network.stages[0](network.stem(pixels))))
    cosine = torch.cosine_similarity(*features, dim=1)[0].numpy()
    whole = (padded.shape[1], padded.shape[0])
    cosine = cv2.resize(cosine, whole, interpolation=cv2.INTER_LINEAR)[: size[1], : size[0]]
    inside = cv2.resize(area.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    return float(cosine[inside].mean()) if inside.any() else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    animator = Animator.from_pretrained("mini", device="cpu")
    network: ClickNetwork = load_component(ClickNetwork, "mini/click_network").eval()
    figures: dict[str, list[tuple[float, float, float]]] = {}
    rows = []
    for number, (behind, photo, mask) in enumerate(compositions(arguments.data, arguments.count)):
        prompt, strength = ASKED[number % len(ASKED)]
        clip = animator.animate(photo, [Region(mask, prompt=prompt, strength=strength)], seed=0)
        (patch,) = clip.patches
        assert patch.alpha is not None
        height, width = patch.alpha.shape[1:]
        covered = np.zeros(mask.shape, np.uint8)
        covered[patch.y : patch.y + height, patch.x : patch.x + width] = patch.alpha[-1]
        around = np.ones((5, 5), np.uint8)
        uncovered = mask & (cv2.dilate(covered, around) == 0)
        if uncovered.sum() < 100:
            continue
        hidden = cv2.dilate(mask.astype(np.uint8), around)
        flat = np.where(hidden[..., None] > 0, photo[hidden == 0].mean(axis=0), photo)
        fills = {
            "clip": clip.frame(-1),
            "OpenCV": cv2.inpaint(photo, hidden, 3, cv2.INPAINT_TELEA),
            "mean colour": flat.astype(np.uint8),
        }
        for name, fill in fills.items():
            shown = np.where(uncovered[..., None], fill, behind)
            found = (
                float(np.abs(shown.astype(float) - behind)[uncovered].mean()),
                float(np.log((detail(shown, uncovered) + 0.1) / (detail(behind, uncovered) + 0.1))),
                likeness(network, shown, behind, uncovered),
            )
            figures.setdefault(name, []).append(found)
        if len(rows) < 12:
            tiles = [photo, fills["clip"], fills["OpenCV"], behind]
            rows.append(np.concatenate([cv2.resize(tile, (TILE, TILE)) for tile in tiles], axis=1))
    print("| | difference | detail | likeness | photos |\n| --- | --- | --- | --- | --- |")
    for name, found in figures.items():
        cells = []
        for number, column in enumerate(np.array(found).T[..., None]):
            spread = np.array([mean(column), *bootstrap_interval(column, mean)])
            middle, low, high = np.exp(spread) if number == 1 else spread
            digits = 2 if number else 1
            cells.append(f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})")
        print(f"| {name} | {' | '.join(cells)} | {len(found)} |")
    if arguments.out is not None:
        half = (len(rows) + 1) // 2
        columns = [np.concatenate(part) for part in (rows[:half], rows[half:]) if part]
        columns = [np.pad(c, ((0, len(columns[0]) - len(c)), (0, 0), (0, 0))) for c in columns]
        Image.fromarray(np.concatenate(columns, axis=1)).save(arguments.out)


if __name__ == "__main__":
    main()
