"""A small run at the paper's structure, for tests that start processes: full_size_run.py FOLDER BASE MOTION KEY=VALUE..."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from accelerate import Accelerator, PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin

from follow_your_click.data.whole_clips import WholeClipBatch
from follow_your_click.models.stable_diffusion import load_parts
from follow_your_click.training.full_size import run, trainer

FRAMES = 4
PROMPTS = ("drift left", "rise", "sway", "turn around")


class DrawnClips:
    """Squares that move over noise: a clip per place, drawn from (seed, place)."""

    def __len__(self) -> int:
        return 64

    def sample(self, places: Sequence[int], *, seed: int) -> WholeClipBatch:
        frames, masks, strengths = [], [], []
        for place in places:
            generator = torch.Generator().manual_seed(1000 * seed + place)
            still = torch.rand((3, 32, 32), generator=generator) * 2 - 1
            clip = still.repeat(FRAMES, 1, 1, 1)
            for frame in range(FRAMES):
                clip[frame, :, 8:16, 4 + 3 * frame : 12 + 3 * frame] = 1.0
            mask = torch.zeros((1, 32, 32))
            mask[:, 8:16, 4:21] = 1
            frames.append(clip)
            masks.append(mask)
            strengths.append(2.0 + place % 3)
        return WholeClipBatch(
            frames=torch.stack(frames),
            latents=None,
            region_mask=torch.stack(masks),
            motion_strength=torch.tensor(strengths),
            fps=torch.full((len(places),), 8.0),
            captions=[f"a square, {PROMPTS[place % 4]}" for place in places],
            motion_prompts=[PROMPTS[place % 4] for place in places],
        )


def settings(output: Path, **changes: object) -> dict[str, object]:
    return {
        "kind": "full_size",
        "name": "tiny",
        "data": "unused",
        "output": str(output),
        "size": 32,
        "num_frames": FRAMES,
        "prompts": "motion",
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 2, "decay_share": 0.0},
        "steps": 4,
        "batch_size": 2,
        "gradient_checkpointing": False,
        "precision": "fp32",
        "log_every": 1,
        "validate_every": 1000,
        "validation_clips": 2,
        "validation_inference_steps": 2,
        "checkpoint_every": 1000,
        "ema_decay": 0.9,
        **changes,
    }


def start(output: Path, base: Path, motion: Path, **changes: object) -> Path:
    torch.manual_seed(0)
    parts = load_parts(base, motion=motion, motion_cross_attention_dim=12)
    values = settings(output, **changes)
    return run.train_full_size(values, source="test", parts=parts)


class ShardingAccelerator(Accelerator):
    """FSDP 2 on CPUs: accelerate itself chooses it on GPUs alone."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.state.fsdp_plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2,
            cpu_ram_efficient_loading=False,
            auto_wrap_policy="transformer_based_wrap",
            transformer_cls_names_to_wrap=["DownBlock", "MidBlock", "UpBlock"],
        )
        # Both: whoever asks for the state anew gets it from the second.
        self.state.distributed_type = DistributedType.FSDP
        PartialState._shared_state["distributed_type"] = DistributedType.FSDP


if __name__ == "__main__":
    run.open_clips = lambda config, split: DrawnClips()  # type: ignore[assignment]
    torch.set_num_threads(1)
    given = {
        key: yaml.safe_load(value) for key, _, value in (a.partition("=") for a in sys.argv[4:])
    }
    if given.pop("sharded", False):
        trainer.Accelerator = ShardingAccelerator  # type: ignore[misc]
    start(*map(Path, sys.argv[1:4]), **given)
