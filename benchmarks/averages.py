"""How long should the average of a run's weights be? Chosen after training, from the checkpoints that it kept.

    fyc train mini-motion --data FOLDER --set checkpoint_every=50 --set keep_checkpoints=1000
    python benchmarks/averages.py runs/mini-motion [--lengths 100 200 400 800 1600] [--out FOLDER --length 400]

Post-hoc averaging (the idea of Karras et al., arXiv 2312.02696) out of plain checkpoints: the weights before averaging,
each with a share that falls by a factor of e over the length, in steps, backwards from the newest checkpoint. Every average is
validated by the run's objective, in float32; "run" is the run's own average. With --out the average of one length is written as the run's model is.
"""

import argparse
import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from follow_your_click.training.config import TrainingConfig
from follow_your_click.training.ema import averaged_model
from follow_your_click.training.export import export
from follow_your_click.training.run import build_objective
from follow_your_click.training.trainer import checkpoints, earlier_config


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--lengths", type=int, nargs="+", default=[100, 200, 400, 800, 1600])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--length", type=int)
    arguments = parser.parse_args()
    if (arguments.out is None) != (arguments.length is None):
        parser.error("got one of --out and --length; expected both or none")
    kept = {int(folder.name.split("-")[1]): folder for folder in checkpoints(arguments.run)}
    if len(kept) < 3:
        parser.error(f"{arguments.run} keeps {len(kept)} checkpoints; expected at least 3")
    config = TrainingConfig.model_validate(earlier_config(arguments.run))
    objective = build_objective(config)
    print(f"{arguments.run}, {len(kept)} checkpoints up to step {max(kept)}")
    own = averaged_model(objective.model, decay=config.ema_decay)
    own.load_state_dict(load_file(kept[max(kept)] / "ema.safetensors"))
    report("run", objective.validate(own.module.eval())[0])
    weights = {step: load_file(folder / "model.safetensors") for step, folder in kept.items()}
    for length in [0, *arguments.lengths]:
        objective.model.load_state_dict(average(weights, length))
        report(str(length), objective.validate(objective.model.eval())[0])
    if arguments.out is not None:
        objective.model.load_state_dict(average(weights, arguments.length))
        written = config.model_copy(update={"output": arguments.out})
        arguments.out.mkdir(parents=True, exist_ok=True)
        print(export(objective.model, objective, written))


def report(name: str, figures: dict[str, float]) -> None:
    said = "  ".join(f"{key} {value:.4f}" for key, value in figures.items())
    print(f"{name:>5}  {said}", flush=True)


def average(weights: dict[int, dict[str, Tensor]], length: int) -> dict[str, Tensor]:
    """The newest weights (length 0), or the average of all, whose shares fall by e over `length` steps backwards."""
    newest = max(weights)
    shares = {
        step: math.exp((step - newest) / length) if length else float(step == newest)
        for step in weights
    }
    total = sum(shares.values())
    return {
        name: sum(weights[step][name] * (share / total) for step, share in shares.items())
        if value.is_floating_point()
        else value
        for name, value in weights[newest].items()
    }


if __name__ == "__main__":
    main()
