"""Control figures of a model on held-out photos, objects and wordings.

    python benchmarks/control.py --data FOLDER [--model mini] [--clips 64] [--json FILE]

FOLDER holds photos/ and cutouts/; files whose name's SHA-1 begins with "0" were never trained on and are the only ones
used here. Without --data, scikit-image's bundled pictures stand in.
"""

import argparse
import json
import math
import random
from dataclasses import asdict
from pathlib import Path

from follow_your_click.data.motions import DIRECTIONS
from follow_your_click.data.photos import load_library
from follow_your_click.data.procedural import ClipRequest
from follow_your_click.evaluation.control import measure_control, summarise
from follow_your_click.presets import find_model, load_pipeline, load_preset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mini")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance-scale", type=float)
    parser.add_argument("--wordings", choices=("held_out", "train"), default="held_out")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    folder = find_model(arguments.model)
    preset = load_preset(folder)
    pipeline = load_pipeline(folder, device="cpu")
    images = load_library(arguments.data, split="held_out")
    draw = random.Random(0)
    directions = [f"translate_{side}" for side in DIRECTIONS]
    requests = [
        ClipRequest(
            motion=directions[i % len(directions)],
            kind="layers",
            motion_strength=math.exp(draw.uniform(0, math.log(8))),
        )
        for i in range(arguments.clips)
    ]
    requests += [
        ClipRequest(motion=directions[i % len(directions)], kind="layers", motion_strength=0.0)
        for i in range(arguments.clips // 4)
    ]
    steps = arguments.steps or preset.num_inference_steps
    guidance = arguments.guidance_scale or preset.guidance_scale
    measured = measure_control(
        pipeline,
        images,
        requests,
        size=preset.size,
        wordings=arguments.wordings,
        num_inference_steps=steps,
        guidance_scale=guidance,
    )
    report = {
        "model": preset.name,
        "scheduler": type(pipeline.scheduler).__name__,
        "steps": steps,
        "guidance_scale": guidance,
        "wordings": arguments.wordings,
        "seed": 0,
        **asdict(summarise(measured)),
    }
    print(json.dumps(report, indent=1))
    if arguments.json:
        details = [asdict(clip) for clip in measured]
        arguments.json.write_text(json.dumps({**report, "details": details}, indent=1))


if __name__ == "__main__":
    main()
