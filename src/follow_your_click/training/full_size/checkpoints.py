"""Checkpoints of a run on one process or on many: whole or not there.

Everything is written to checkpoint-STEP.tmp, brought to the disk, and renamed by the main process when all processes are done;
a run that is killed at any moment leaves the one before it. Without sharding a checkpoint holds what is trained, its average and the
optimizer's state; frozen weights are where they came from. With FSDP or DeepSpeed it holds what accelerate saves.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from follow_your_click.training.trainer import checkpoints

SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED)
STATE = "state.json"


def save(
    folder: Path,
    accelerator: Accelerator,
    trained: dict[str, nn.Parameter],
    average: dict[str, Tensor],
    optimizer: Any,
    state: dict[str, Any],
    *,
    keep: int,
) -> None:
    """Write checkpoint-STEP below `folder`; all processes call it. `state` has the step."""
    final = folder / f"checkpoint-{state['step']:07d}"
    temporary = final.with_suffix(".tmp")
    sharded = accelerator.distributed_type in SHARDED
    if accelerator.is_main_process:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
    accelerator.wait_for_everyone()
    if sharded:
        accelerator.save_state(str(temporary / "accelerate"))
        rank = accelerator.process_index
        save_file(_local(average), temporary / f"average-{rank:05d}.safetensors")
    elif accelerator.is_main_process:
        save_file(_local(dict(trained)), temporary / "trained.safetensors")
        save_file(_local(average), temporary / "average.safetensors")
        save_file(_optimizer_tensors(optimizer, trained), temporary / "optimizer.safetensors")
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        scaler = accelerator.scaler
        state = {**state, "scaler": None if scaler is None else scaler.state_dict()}
        (temporary / STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
        _to_disk(temporary)
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        _sync(folder)
        for old in checkpoints(folder)[:-keep]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()


def load(
    folder: Path,
    accelerator: Accelerator,
    trained: dict[str, nn.Parameter],
    average: dict[str, Tensor],
    optimizer: Any,
) -> dict[str, Any]:
    """Bring a checkpoint back into what it was saved from; its state."""
    state: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
    if accelerator.distributed_type in SHARDED:
        accelerator.load_state(str(folder / "accelerate"))
        found = load_file(folder / f"average-{accelerator.process_index:05d}.safetensors")
    else:
        _copy(load_file(folder / "trained.safetensors"), dict(trained))
        found = load_file(folder / "average.safetensors")
        _load_optimizer(load_file(folder / "optimizer.safetensors"), optimizer, trained)
    _copy(found, average)
    if accelerator.scaler is not None and state["scaler"] is not None:
        accelerator.scaler.load_state_dict(state["scaler"])
    return state


def _local(tensors: dict[str, Any]) -> dict[str, Tensor]:
    """This process's share of each, on the CPU."""
    shares = {k: v.to_local() if hasattr(v, "to_local") else v for k, v in tensors.items()}
    return {k: v.detach().contiguous().cpu() for k, v in shares.items()}


@torch.no_grad()
def _copy(found: dict[str, Tensor], into: dict[str, Any]) -> None:
    for name, value in into.items():
        own = value.to_local() if hasattr(value, "to_local") else value
        own.copy_(found[name])


def _optimizer_tensors(optimizer: Any, trained: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """The optimizer's state by the name of the parameter, each tensor its own: 8-bit Adam has one table for all."""
    state, names = optimizer.state, {id(p): name for name, p in trained.items()}
    return {
        f"{names[id(parameter)]}|{key}": torch.as_tensor(value)
        .detach()
        .to("cpu", copy=True)
        .contiguous()
        for parameter, values in state.items()
        for key, value in values.items()
    }


def _load_optimizer(
    found: dict[str, Tensor], optimizer: Any, trained: dict[str, nn.Parameter]
) -> None:
    order = [id(p) for group in optimizer.param_groups for p in group["params"]]
    place = {name: order.index(id(parameter)) for name, parameter in trained.items()}
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in found.items():
        name, _, what = key.rpartition("|")
        state.setdefault(place[name], {})[what] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _to_disk(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
