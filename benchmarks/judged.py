"""Blind comparison of two versions: which clip answers the wish better, and would you post it?

    python benchmarks/judged.py clips --data FOLDER --out CLIPS [--model mini]    once with either version, into folders of their own
    python benchmarks/judged.py pairs BEFORE AFTER --out PAIRS [--seed 0]
    python benchmarks/judged.py score PAIRS

`wishes.json` beside this file holds a photo that no training saw, a click and a wish in a person's own words for each clip. They were made by
language models that saw the photos and knew nothing of this project. `clips` makes each wish's clip by the version that Python imports
(`PYTHONPATH=CHECKOUT/src` for another) and keeps the frames `SHOWN`. `pairs` writes what judges see, cut to what moves in either clip and in an order
drawn by coin, and `TASK.md`, which tells them what to do; wishes whose clips are the same, byte for byte, are left out. Give judges `TASK.md` and
the pictures alone: `key.json` says which is which. `score` reads every `answers*.json` that they write beside the pictures.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.stats import binomtest

from follow_your_click import Animator, Click, Region
from follow_your_click.errors import FollowYourClickError

WISHES = Path(__file__).with_name("wishes.json")
SHOWN = (0, 3, 5, 7, 10, 13)
COLUMNS = 3
MARGIN = 0.15  # of the crop's sides beyond what moves
SMALLEST = 0.5  # the crop's side, as a share of the photo's
WIDTH = 420  # of a frame as shown
GAP = 6
POSTED = ("yes", "nearly", "no")
TASK = """# Which clip would you rather have?

A person clicked on something in a photo and typed a wish for how it should move; the rest of the photo was to stay still. Two versions of a
tool made a clip of it each. NNN-A.png and NNN-B.png show six frames of them, frames {shown} of 16, left to right and top to bottom, cut to
where something moves. The order of A and B is drawn anew for each pair. Wishes:

{wishes}

Look at both pictures of each pair with care, compare frame by frame, and judge what you see: does the thing that was meant move as it was
asked to, does it hold its shape, is anything torn, smeared, doubled or left behind, does something move that should not? Write
`answers.json` (or `answers-NAME.json`) beside them, a list with one object for each pair that you judged:

    {{"pair": "NNN", "better": "A", "B" or "same", "post A": "yes", "nearly" or "no", "post B": the same, "why": "a few words on what decides, and the worst fault"}}

"same" if you would not notice a difference. "post": would you post it as it is?
"""
Pixels = npt.NDArray[np.uint8]


def make_clips(data: Path, out: Path, model: str) -> None:
    """A PNG (SHOWN * H, W) for each wish; one that cannot be met is named and left out."""
    out.mkdir(parents=True, exist_ok=True)
    animator = Animator.from_pretrained(model, device="cpu")
    for number, wish in enumerate(json.loads(WISHES.read_text())):
        region = Region(Click(*wish["click"]), prompt=wish["prompt"])
        try:
            clip = animator.animate(data / wish["photo"], [region], seed=0)
        except FollowYourClickError as error:
            print(f"{number:03d} {wish['photo']}: {error}")
            continue
        shown = np.concatenate([clip.frames[frame] for frame in SHOWN])
        Image.fromarray(shown).save(out / f"{number:03d}.png")


def make_pairs(before: Path, after: Path, out: Path, seed: int) -> None:
    out.mkdir(parents=True)
    wishes = json.loads(WISHES.read_text())
    coin = np.random.default_rng(seed)
    key, told = {}, []
    for file in sorted(set(before.glob("*.png")), key=lambda file: file.name):
        if not (after / file.name).exists():
            continue
        clips = [frames_of(folder / file.name) for folder in (before, after)]
        if np.array_equal(*clips):
            continue
        number = file.stem
        order = ("before", "after") if coin.random() < 0.5 else ("after", "before")
        key[number] = order
        window = where_it_moves(np.concatenate(clips))
        for letter, version in zip("AB", order, strict=True):
            clip = clips[("before", "after").index(version)][:, *window]
            sheet(clip).save(out / f"{number}-{letter}.png")
        told.append(f"- {number}: {wishes[int(number)]['prompt']}")
    text = TASK.format(shown=", ".join(map(str, SHOWN)), wishes="\n".join(told))
    (out / "TASK.md").write_text(text)
    (out / "key.json").write_text(json.dumps(key, indent=1))
    print(f"{len(key)} pairs; {len(wishes) - len(key)} wishes whose clips are the same or missing")


def frames_of(file: Path) -> Pixels:
    column = np.asarray(Image.open(file).convert("RGB"))
    return column.reshape(len(SHOWN), -1, *column.shape[1:])


def where_it_moves(frames: Pixels) -> tuple[slice, slice]:
    """Rows and columns around every pixel that differs from the first frame, and something of the photo about them."""
    changed = (np.abs(frames.astype(np.int16) - frames[0]).max(3) > 8).any(0)
    window = []
    for axis, side in enumerate(changed.shape):
        at = np.flatnonzero(changed.any(1 - axis))
        low, high = (at[0], at[-1] + 1) if len(at) else (0, side)
        length = min(max((high - low) * (1 + 2 * MARGIN), side * SMALLEST), side)
        start = round(min(max((low + high - length) / 2, 0), side - length))
        window.append(slice(start, start + round(length)))
    return window[0], window[1]


def sheet(frames: Pixels) -> Image.Image:
    height, width = frames.shape[1:3]
    size = (WIDTH, round(WIDTH * height / width))
    rows = -(-len(frames) // COLUMNS)
    whole = Image.new(
        "RGB", (COLUMNS * (size[0] + GAP) - GAP, rows * (size[1] + GAP) - GAP), "white"
    )
    for number, frame in enumerate(frames):
        row, column = divmod(number, COLUMNS)
        picture = Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS)
        whole.paste(picture, (column * (size[0] + GAP), row * (size[1] + GAP)))
    return whole


def score(pairs: Path) -> None:
    key = json.loads((pairs / "key.json").read_text())
    answers = [
        answer
        for file in sorted(pairs.glob("answers*.json"))
        for answer in json.loads(file.read_text())
    ]
    preferred: Counter[str] = Counter()
    posted: dict[str, Counter[str]] = {"before": Counter(), "after": Counter()}
    for answer in answers:
        order = dict(zip("AB", key[answer["pair"]], strict=True))
        better = order.get(answer["better"], "same")
        preferred[better] += 1
        for letter, version in order.items():
            posted[version][answer[f"post {letter}"]] += 1
        print(f"{answer['pair']} {better:<6} {answer['why']}")
    print(f"{len(answers)} answers on {len({answer['pair'] for answer in answers})} pairs")
    wins, losses = preferred["after"], preferred["before"]
    print(f"  after is better {wins}, worse {losses}, same {preferred['same']}")
    if wins + losses:
        print(f"  two-sided sign test: p = {binomtest(wins, wins + losses).pvalue:.3f}")
    for version, counts in posted.items():
        print(f"  {version:<6} " + ", ".join(f"{word} {counts[word]}" for word in POSTED))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    clips = commands.add_parser("clips")
    clips.add_argument("--data", type=Path, required=True)
    clips.add_argument("--out", type=Path, required=True)
    clips.add_argument("--model", default="mini")
    pairs = commands.add_parser("pairs")
    pairs.add_argument("before", type=Path)
    pairs.add_argument("after", type=Path)
    pairs.add_argument("--out", type=Path, required=True)
    pairs.add_argument("--seed", type=int, default=0)
    commands.add_parser("score").add_argument("pairs", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "clips":
        make_clips(arguments.data, arguments.out, arguments.model)
    elif arguments.command == "pairs":
        make_pairs(arguments.before, arguments.after, arguments.out, arguments.seed)
    else:
        score(arguments.pairs)


if __name__ == "__main__":
    main()
