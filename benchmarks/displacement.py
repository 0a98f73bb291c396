"""Does the network state the displacement that was asked for? Motion by motion, against the true one.

    python benchmarks/displacement.py --data FOLDER [--model mini] [--clips 8] [--wordings held_out]

Clips are composed of held-out photos and objects at the model's size, at 3 px per frame or the most that a motion is
shown at, and the network is told the object's mask and, in plain words, what a wording is read as. Where the object is, over all frames: "gain" is the
stated displacement's projection onto the true one, as a share of it (1 = as far as asked, 0 = not at all), "error" what
is left over, as a share of it (0 = exact; 1 = as if nothing moved). "rim" is the error in the object's outermost pixels alone, which its outline follows: there fields that fade towards an edge fall short.
Motions of regions of photos do not fade here. Means over clips; "composed" are two motions at once.
"""

import argparse
from pathlib import Path
from typing import get_args

import torch

from follow_your_click.data.motion_prompts import COMPOSED, MOTIONS, WordingSplit, family
from follow_your_click.data.photos import load_library
from follow_your_click.data.procedural import (
    STRENGTH_LIMITS,
    ClipBatch,
    ClipRequest,
    ProceduralClips,
)
from follow_your_click.loading import find_model, load_pipeline
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.prompt_reading import read_prompt

STRENGTH = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mini")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--wordings", choices=get_args(WordingSplit), default="train")
    arguments = parser.parse_args()
    pipeline = load_pipeline(find_model(arguments.model), device="cpu")
    pipeline.set_progress_bar_config(disable=True)
    size = 8 * int(pipeline.unet.config.sample_size)
    images = load_library(arguments.data, split="held_out")
    source = ProceduralClips(images, size=size, wordings=arguments.wordings, fading=False)
    print(
        f"{arguments.model}, {arguments.clips} clips of each motion, wordings: {arguments.wordings}"
    )
    moving = [motion for motion in MOTIONS if motion != "still"]
    groups = {motion: [motion] * arguments.clips for motion in moving}
    groups["composed"] = list(COMPOSED[:: max(1, len(COMPOSED) // (4 * arguments.clips))])
    gains, errors, rims = [], [], []
    for name, motions in groups.items():
        generator = torch.Generator().manual_seed(0)
        requests = [
            ClipRequest(motion, motion_strength=min(STRENGTH, STRENGTH_LIMITS[family(motion)][1]))
            for motion in motions
        ]
        clips = source.sample_requests(requests, generator)
        gain, error, rim = compared(stated(pipeline, clips), clips)
        print(
            f"{name:24} gain {gain.mean():5.2f}  error {error.mean():5.2f}  rim {rim.mean():5.2f}",
            flush=True,
        )
        if name != "composed":
            gains.append(gain.mean())
            errors.append(error.mean())
            rims.append(rim.mean())
    near = torch.stack(gains).sub(1).abs().lt(0.2).float().mean()
    print(
        f"motions within 0.2 of full gain: {near:.2f}; mean error {torch.stack(errors).mean():.3f},"
        f" at the rim {torch.stack(rims).mean():.3f}"
    )


def stated(pipeline: RegionalAnimationPipeline, clips: ClipBatch) -> torch.Tensor:
    """The network's displacements, (B, 2, F, h, w), as no seed varies them."""
    told = []
    for prompt in clips.motion_prompts:
        reading = read_prompt(pipeline.text_encoder, pipeline.tokenizer, prompt)
        told.append(prompt if reading is None else reading.told)
    output = pipeline(
        clips.frames[:, 0] / 2 + 0.5,
        clips.region_mask,
        motion_prompt=told,
        motion_strength=clips.motion_strength,
        num_frames=clips.frames.shape[1],
        num_inference_steps=1,
        output_type="latent",
    )
    found: torch.Tensor = output.displacement
    return found


def compared(
    found: torch.Tensor, clips: ClipBatch
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gain and error of each clip over the object's pixels in all frames, and the error in its outermost pixels."""
    frames, size = clips.frames.shape[1], clips.frames.shape[-1]
    flat = found.transpose(1, 2).flatten(0, 1)
    large = torch.nn.functional.interpolate(flat, (size, size), mode="bilinear")
    large = large.unflatten(0, (len(found), frames))
    inside = (clips.moving_mask > 0.5).float()
    true = clips.displacement * inside
    energy = true.square().sum((1, 2, 3, 4)).clamp(min=1e-12)
    gain = (large * true).sum((1, 2, 3, 4)) / energy
    error = ((large * inside - true).square().sum((1, 2, 3, 4)) / energy).sqrt()
    around = torch.nn.functional.max_pool2d((1 - inside).flatten(0, 1), 3, 1, 1)
    outermost = inside * around.unflatten(0, inside.shape[:2])
    there = (true.square() * outermost).sum((1, 2, 3, 4)).clamp(min=1e-12)
    off = ((large - true).square() * outermost).sum((1, 2, 3, 4))
    return gain, error, (off / there).sqrt()


if __name__ == "__main__":
    main()
