"""Leaves a click network those names of parts that make it find these parts better, by what training saw.

    python scripts/keep_names.py runs/mini-names/model --data FOLDER --out FOLDER [--parts 30]

Of outlined parts in photos that are not held out, each clicked on once anywhere: the gain in IoU by their names, noun by noun, from up
to so many parts of each.
Kept are nouns of which there are `LEAST` parts and whose gain is sure (its 95 % interval lies above 0); of others the
network answers as if it had not been told.

Axis legend: H rows, W columns.
"""

import argparse
import random as random_module
from pathlib import Path

import numpy as np

from follow_your_click.data.outlines import outlined_photos
from follow_your_click.data.simulated_clicks import somewhere_inside
from follow_your_click.data.true_masks import held_out_scenes
from follow_your_click.models.checkpoints import load_component
from follow_your_click.models.click_network import ClickNetwork
from follow_your_click.named_parts import part_noun
from follow_your_click.segmentation.click import ClickSegmenter
from follow_your_click.segmentation.grabcut_photo import iou
from follow_your_click.segmentation.granularity import choose_mask
from follow_your_click.training.click_network import with_names
from follow_your_click.training.export import SHARD_SIZE

LEAST = 10


def gains(network: ClickNetwork, data: Path, most: int) -> dict[str, list[float]]:
    """By noun: IoU with its name less IoU without, part by part."""
    segmenter, random = ClickSegmenter(network), random_module.Random(1)
    outlined = outlined_photos(data / "photos", held_out=held_out_scenes(data))
    with_parts = [photo for photo in outlined if photo.parts]
    random.shuffle(with_parts)
    found: dict[str, list[float]] = {}
    for photo in with_parts:
        wanted = [
            (noun, part)
            for part in photo.parts
            if (noun := part_noun(part.name)) in segmenter.part_names
            and part.area.any()
            and len(found.get(noun, [])) < most
        ]
        if wanted:
            segmenter.set_image(photo.image)
        for noun, part in wanted:
            point = np.array([somewhere_inside(part.area, random)], np.float32)
            named, alone = (
                iou(
                    choose_mask(segmenter.predict(point_coords=point, part=told), "part"), part.area
                )
                for told in (noun, None)
            )
            found.setdefault(noun, []).append(named - alone)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", type=int, default=30)
    arguments = parser.parse_args()
    network = load_component(ClickNetwork, arguments.network).eval()
    if network.named is None:
        parser.error(f"the network in {arguments.network} knows no names")
    kept = []
    for noun, measured in sorted(gains(network, arguments.data, arguments.parts).items()):
        gain, spread = np.mean(measured), 1.96 * np.std(measured) / len(measured) ** 0.5
        sure = len(measured) >= LEAST and gain > spread
        if sure:
            kept.append(noun)
        print(f"{noun:<12} {len(measured):>4} {gain:+.3f} +- {spread:.3f} {'kept' if sure else ''}")
    fewer = with_names(network, kept)
    fewer.save_pretrained(arguments.out, max_shard_size=SHARD_SIZE)


if __name__ == "__main__":
    main()
