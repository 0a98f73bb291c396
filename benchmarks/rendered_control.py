"""Does the finished clip move as asked? The control metrics of motion, read off clips that went the whole way.

    python benchmarks/rendered_control.py --data FOLDER [--model mini] [--clips 64]

Where `fyc evaluate control` looks at the network's own frames, this looks at what a person gets: photos of 256 px composed of
held-out photos and objects go through `Animator` with the object's mask (crop plan, network, rendering) and held-out
wordings. Flow is OpenCV DIS between neighbouring frames, inside the object's true place; beside it stands the same
reading of the true clips. Directions: 8, strengths log-uniform in 1 ... 8 px per frame. Senses: rotate both
ways, grow and shrink. Intervals are 95 % bootstrap intervals over clips.
"""

import argparse
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from follow_your_click import Animator, Region
from follow_your_click.data.motions import DIRECTIONS
from follow_your_click.data.photos import load_library
from follow_your_click.data.procedural import ClipBatch, ClipRequest, ProceduralClips
from follow_your_click.evaluation.control import SENSES
from follow_your_click.evaluation.figures import (
    Floats,
    bootstrap_interval,
    mean,
    median,
    rank_correlation,
    right_direction,
    right_sense,
)
from follow_your_click.evaluation.measures import (
    FlowReadings,
    clip_flows,
    flow_masks,
    read_flow,
    to_pixels,
)

SIDE = 256


@dataclass(frozen=True)
class Measured:
    """One clip, and the true one, against what was asked."""

    motion: str
    strength: float
    made: FlowReadings
    true: FlowReadings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mini")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--clips", type=int, default=64)
    arguments = parser.parse_args()
    animator = Animator.from_pretrained(arguments.model, device="cpu")
    images = load_library(arguments.data, split="held_out")
    source = ProceduralClips(images, size=SIDE, wordings="held_out")

    def measured(motions: Sequence[str], limits: tuple[float, float] | None) -> list[Measured]:
        draw, generator = random.Random(0), torch.Generator().manual_seed(0)
        found = []
        for index in range(arguments.clips):
            strength = 0.0 if limits is None else math.exp(draw.uniform(*map(math.log, limits)))
            request = ClipRequest(motions[index % len(motions)], "layers", strength)
            clips = source.sample_requests([request], generator)
            found.append(measure(animator, clips, seed=index))
        return found

    directions = [f"translate_{side}" for side in DIRECTIONS]
    print(f"{arguments.model}, {arguments.clips} clips of each kind, seeds 0 and up")
    directed = measured(directions, (1.0, 8.0))
    row(
        "direction within 45 degrees",
        directed,
        lambda clip, flow: [right_direction(clip.motion, flow)],
        mean,
    )
    row("strength, Spearman", directed, strengths, rank_correlation)
    row("strength, median relative error", directed, relative_error, median)
    row("leak", directed, leak, mean)
    turned = measured(SENSES, (0.8, 2.0))
    row("sense", turned, lambda clip, flow: [right_sense(clip.motion, flow)], mean)
    row("stillness", measured(directions, None), lambda _, flow: [flow.flow_magnitude], mean)


def measure(animator: Animator, clips: ClipBatch, *, seed: int) -> Measured:
    """Animate frame 0 of one procedural clip, and read both clips' flow."""
    true = to_pixels(clips.frames[0] / 2 + 0.5)
    mask = clips.region_mask[0, 0].numpy() > 0.5
    strength = float(clips.motion_strength[0])
    region = Region(mask, prompt=clips.motion_prompts[0], strength=strength)
    made = animator.animate(true[0], [region], seed=seed).frames
    moving = flow_masks(clips.moving_mask[0, :, 0])
    readings = [read_flow(clip_flows(np.asarray(frames)), moving) for frames in (made, true)]
    return Measured(clips.motions[0], strength, *readings)


def leak(_: Measured, flow: FlowReadings) -> list[float]:
    return [math.nan if flow.leak is None else flow.leak]


def strengths(clip: Measured, flow: FlowReadings) -> list[float]:
    return [clip.strength, flow.flow_magnitude]


def relative_error(clip: Measured, flow: FlowReadings) -> list[float]:
    return [abs(flow.flow_magnitude - clip.strength) / clip.strength]


def row(
    label: str,
    clips: Sequence[Measured],
    read: Callable[[Measured, FlowReadings], list[float]],
    statistic: Callable[[Floats], Floats],
) -> None:
    made, true = (
        np.array([found for found in flows if not np.isnan(found).any()])
        for flows in zip(*((read(c, c.made), read(c, c.true)) for c in clips), strict=True)
    )
    low, high = bootstrap_interval(made, statistic)
    print(
        f"{label}: {float(statistic(made)):.3f} ({low:.3f} to {high:.3f});"
        f" true clips {float(statistic(true)):.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
