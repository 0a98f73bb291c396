"""How much of a limb swings by one click, and how it leaves its joint.

    python benchmarks/limbs.py --data FOLDER [--json FILE]

Arms, tails, petals, leaves and other limbs that were outlined by eye in held-out photos of FOLDER/photos, under their names. Each is
clicked on once, at a point drawn from all of it, and is to sway ("sway the tail"). Said is, as the mask of the part has it and with what is around its tip
(`limbs.with_tip`): the IoU with the outline, how much of the outline's fifth that is farthest from the joint moves, and how much of
what moves is not the outline's. And of the limbs that bend: how far the fifth next to the joint moves, of the limb's own mean, turned in one piece and bent.
Intervals are 95 % bootstrap intervals over photos.

Axis legend: H rows, W columns.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from named_parts import overlap, said

from follow_your_click import Click, Region
from follow_your_click.clicked_parts import with_named_parts
from follow_your_click.heads import HeadFinder
from follow_your_click.limbs import Limb, may_swing, moving_limbs, swinging
from follow_your_click.photo import read_photo
from follow_your_click.planning import CONTEXT
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.rendering import plan_crop
from follow_your_click.segmentation import region_mask
from follow_your_click.segmentation.registry import load_segmenter
from segmentation import anywhere, parts

SWAYS = PromptReading(("sway",), understood=True)
STRENGTH = 3.0  # px per frame at 256 px of the window, as parts have it
SIZE = 64  # rows and columns of the stated displacement


def away(limb: Limb) -> npt.NDArray[np.float64]:
    """Pixels (H, W) from its joint."""
    rows, columns = np.indices(limb.mask.shape)
    return np.hypot(columns - limb.joint[0], rows - limb.joint[1])


def at_the_joint(limb: Limb) -> float:
    """How far the limb's fifth next to the joint moves, of its mean."""
    window = plan_crop(limb.mask, model_size=256, travel=0, context=CONTEXT)
    sways = np.sin(2 * np.pi * np.arange(16) / 15)[:, None, None, None]
    stated = np.tile(sways * np.array([0.05, 0.0]), (1, SIZE, SIZE, 1)).astype(np.float32)
    made = swinging(stated, limb, window, STRENGTH)
    rows, columns = np.nonzero(limb.mask > 0.5)
    cells = (
        SIZE * (at - first) // window.side
        for at, first in ((rows, window.y0), (columns, window.x0))
    )
    ways = np.linalg.norm(np.diff(made, axis=0), axis=3).sum(axis=0)[tuple(cells)]
    near = away(limb)[rows, columns]
    return float(ways[near <= np.quantile(near, 0.2)].mean() / max(ways.mean(), 1e-9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    segmenter, finder = load_segmenter(), HeadFinder("cpu")
    masks: list[list[float]] = []
    joints: list[list[float]] = []
    photos, bending = [], []
    truths = [truth for truth in parts(arguments.data) if truth.area.any()]
    if not truths:
        parser.error(f"got no held-out photo with outlined parts in {arguments.data / 'photos'}")
    asked = 0
    for truth in truths:
        prompt = f"sway the {truth.name.split(' ', 2)[2]}"
        click = Click(*anywhere(truth.area, truth.name))
        if not may_swing(Region(click, prompt=prompt, granularity="part"), SWAYS):
            continue
        asked += 1
        photo = read_photo(truth.photo)
        segmenter.set_image(photo)
        region = Region(click, prompt=prompt)
        whole = region_mask(photo, region, segmenter)
        regions, (own,) = with_named_parts(photo, [region], [whole], [SWAYS], segmenter)
        (limb,) = moving_limbs(photo, regions, [own], [SWAYS], finder.things)
        if limb is None:
            continue
        far = away(limb)
        tip = truth.area & (far >= np.quantile(far[truth.area], 0.8))
        figures: list[float] = []
        for mask in (own > 0.5, limb.mask > 0.5):
            figures += [
                overlap(mask, truth.area),
                (mask & tip).sum() / tip.sum(),
                (mask & ~truth.area).sum() / mask.sum(),
            ]
        masks.append(figures)
        photos.append(truth.scene)
        if limb.bends:
            joints.append([at_the_joint(replace(limb, bends=bends)) for bends in (False, True)])
            bending.append(truth.scene)
    print(f"{len(masks)} of {asked} limbs swing, {len(joints)} of them bend")
    names = [
        f"{what}, {how}"
        for how in ("its mask", "with its tip")
        for what in ("IoU", "tip", "beside it")
    ]
    report = said(names, masks, photos)
    report |= said(["next to the joint, turned", "next to the joint, bent"], joints, bending)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
