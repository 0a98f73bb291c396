"""Twelve clips of photos that no training saw, as one picture to look at: whole objects and parts, chosen by a person.

    python benchmarks/held_out_clips.py --data FOLDER --out SHEET.png [--model mini] [--seed 0]

FOLDER/photos holds photos of Caltech-101 and TensorFlow's flower_photos under the names below. Each row: the photo with the
region's outline, then frames of the clip; a click is turned into a mask by the model's own segmentation.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from follow_your_click import Animator
from follow_your_click.region.text import parse_region

CLIPS = (
    ("animal", "caltech-dolphin-0008.jpg", "click=189,144; granularity=whole; prompt=jump"),
    (
        "animal, head",
        "caltech-flamingo_head-0002.jpg",
        "polygon=60,40 120,45 115,150 100,240 95,350 60,350 25,300 40,200 45,120; prompt=nod",
    ),
    ("animal", "caltech-rooster-0018.jpg", "click=139,172; granularity=whole; prompt=shake"),
    (
        "person, head",
        "flower-sunflowers-2759796022.jpg",
        "polygon=95,50 105,20 130,4 158,12 172,40 176,75 182,100 178,140 160,165 130,165 105,130 92,90;"
        " prompt=turn the head to the right",
    ),
    (
        "plant",
        "flower-daisy-163978992.jpg",
        "click=228,164; granularity=whole; prompt=sway in the wind",
    ),
    (
        "insect, wings",
        "caltech-butterfly-0025.jpg",
        "click=170,140; click=260,120; prompt=flap its wings",
    ),
    (
        "water",
        "azure-colmar.jpg",
        "polygon=190,180 225,200 300,210 384,230 384,288 150,288 170,240; prompt=ripple",
    ),
    (
        "vehicle",
        "caltech-ferry-0033.jpg",
        "click=165,137; granularity=whole; prompt=drift to the right",
    ),
    (
        "vehicle",
        "caltech-ketch-0083.jpg",
        "polygon=181,5 200,60 240,130 268,238 285,240 275,265 45,270 20,238 45,225 90,80 100,75 115,200;"
        " prompt=drift left while rocking like a boat",
    ),
    ("food", "caltech-pizza-0037.jpg", "click=194,146; granularity=whole; prompt=rotate clockwise"),
    ("sky", "flower-sunflowers-5007598545.jpg", "box=235,8,373,62; prompt=clouds drift right"),
    (
        "building, blades",
        "flower-tulips-130685245.jpg",
        "polygon=106,84 122,75 186,131 190,135 195,133 271,66 284,80 212,146 204,150 287,223 287,235 276,245 192,172 186,160"
        " 109,218 111,199 170,153 174,143 106,86; prompt=spin",
    ),
)
Pixels = npt.NDArray[np.uint8]
SHOWN = (0, 3, 6, 9, 12, 15)
WIDTH = 150
LINE = 14
GAP = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    animator = Animator.from_pretrained(arguments.model, device="cpu")
    rows = []
    for category, name, text in CLIPS:
        region = parse_region(text)
        photo = arguments.data / "photos" / name
        clip = animator.animate(photo, [region], seed=arguments.seed)
        (mask,) = animator.masks(photo, [region])
        shown = [outlined(clip.frames[0], mask), *(clip.frames[frame] for frame in SHOWN[1:])]
        rows.append(strip(shown, f"{category}: {region.prompt}"))
    half = (len(rows) + 1) // 2
    columns = [np.concatenate(part) for part in (rows[:half], rows[half:])]
    highest = max(map(len, columns))
    sheet = np.full((highest, 2 * columns[0].shape[1] + GAP, 3), 255, np.uint8)
    sheet[: len(columns[0]), : columns[0].shape[1]] = columns[0]
    sheet[: len(columns[1]), columns[0].shape[1] + GAP :] = columns[1]
    Image.fromarray(sheet).save(arguments.out)


def outlined(frame: Pixels, mask: npt.NDArray[np.float32]) -> Pixels:
    inside = mask > 0.5
    edge = inside ^ (
        inside
        & np.roll(inside, 2, 0)
        & np.roll(inside, -2, 0)
        & np.roll(inside, 2, 1)
        & np.roll(inside, -2, 1)
    )
    marked = frame.copy()
    marked[edge] = (255, 0, 255)
    return marked


def strip(frames: list[Pixels], title: str) -> Pixels:
    height = round(WIDTH * frames[0].shape[0] / frames[0].shape[1])
    row = Image.new("RGB", (WIDTH * len(frames), height + LINE), "white")
    ImageDraw.Draw(row).text((2, 1), title, fill="black")
    for column, frame in enumerate(frames):
        row.paste(Image.fromarray(frame).resize((WIDTH, height)), (column * WIDTH, LINE))
    return np.asarray(row)


if __name__ == "__main__":
    main()
