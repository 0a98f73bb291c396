"""Where does what walks go if nobody says, and are its legs seen?

    python benchmarks/walking.py --data FOLDER [--split held_out|all] [--json FILE]

Photos of FOLDER/photos in which an animal, its head and at least two of its legs were outlined by eye (`data.outlines`): "held_out", no
training saw them, or "all". One click, on the most interior point of the outline, and "walks". Said is

    sides    of those animals whose heads are clearly to one side (their middle by 0.15 of the width): how many go that way, by where
             the photo has more room, and by `gait.side_ahead`, which looks for the head first
    legs     in how many at least two legs are found that will step, and how many legs for each that was outlined

Intervals are 95 % bootstrap intervals over photos.

Axis legend: H rows, W columns.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from follow_your_click import Animator, Click, Region
from follow_your_click.data.outlines import outlined_mask, outlines, part_mask, part_outlines
from follow_your_click.data.photos import is_held_out
from follow_your_click.data.simulated_clicks import most_interior
from follow_your_click.evaluation.figures import (
    bootstrap_interval,
    ratio_of_means,
    sums_by_group,
)
from follow_your_click.gait import Walker, side_ahead, walking
from follow_your_click.named_parts import part_noun
from follow_your_click.photo import read_photo
from follow_your_click.prompt_reading import wider_side
from follow_your_click.rendering import plan_crop

ASIDE = 0.15  # of the animal's width
HEADS = ("head", "face")

BoolMap = npt.NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("held_out", "all"), default="held_out")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    folder = arguments.data / "photos"
    animator = Animator.from_pretrained("mini", device="cpu")
    figures: dict[str, dict[str, float]] = {
        name: {} for name in ("side_by_room", "side_ahead", "two_legs", "legs_of_outlined")
    }
    for name, parts in part_outlines().items():
        drawn = {part_noun(of) for of, _ in parts}
        if "leg" not in drawn or not drawn & set(HEADS) or not (folder / name).exists():
            continue
        if arguments.split == "held_out" and not is_held_out(name):
            continue
        photo = read_photo(folder / name)
        animals = [outlined_mask(photo, outline) for outline in outlines()[name]]
        areas = [(part_noun(of), part_mask(outline, np.stack(animals))) for of, outline in parts]
        for animal in animals:
            of_it = [(noun, area & animal) for noun, area in areas if (area & animal).any()]
            heads = [area for noun, area in of_it if noun in HEADS]
            legs = sum(noun == "leg" for noun, _ in of_it)
            if legs < 2 or not heads:
                continue
            key = f"{name} {len(figures['two_legs'])}"
            place = most_interior(animal)
            region = Region(Click(*map(int, place)), prompt="walks")
            (mask,) = animator.masks(photo, [region])
            (head,) = animator.find_heads(photo, [mask], [region.only_click])
            aside = _middle(heads[0]) - _middle(animal)
            if abs(aside) > ASIDE * (np.ptp(np.nonzero(animal)[1]) + 1):
                side = "right" if aside > 0 else "left"
                figures["side_by_room"][key] = wider_side(mask) == side
                figures["side_ahead"][key] = side_ahead(mask, head) == side
            window = plan_crop(mask, model_size=64, travel=0.3 * float(np.sqrt(mask.sum())))
            stated = np.zeros((2, 8, 8, 2), np.float32)
            stated[1, ..., 0] = -0.1
            found = max(len(walking(stated, mask, window, Walker(head, nears=False))) - 1, 0)
            figures["two_legs"][key] = found > 0
            figures["legs_of_outlined"][key] = found / legs
    if not figures["two_legs"]:
        parser.error(f"got no photo of an animal with outlined head and legs in {folder}")
    report = {name: interval(of) for name, of in figures.items()}
    for name, (count, mean, low, high) in report.items():
        print(f"{name:<18} {mean:.2f} ({low:.2f} ... {high:.2f}) of {count:.0f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


def interval(values: dict[str, float]) -> list[float]:
    """How many, their mean, and its 95 % bootstrap interval, whole photos drawn with replacement."""
    numbers = np.array(list(values.values()), np.float64)
    photos = [key.split()[0] for key in values]
    found = bootstrap_interval(sums_by_group(numbers, photos), ratio_of_means)
    return [float(len(numbers)), float(numbers.mean()), *(float(each) for each in found)]


def _middle(area: BoolMap) -> float:
    """Its middle column."""
    return float(np.nonzero(area)[1].mean())


if __name__ == "__main__":
    main()
