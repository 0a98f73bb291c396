"""Exponential moving average of a model's weights and buffers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged_model(model: nn.Module, *, decay: float) -> AveragedModel:
    """A copy of `model` that follows it by an average over about 1 / (1 - decay) steps.

    Early in a run the average is shorter, (1 + n) / (10 + n) after n steps, so that it forgets the
    initial weights.
    """
    return AveragedModel(model, multi_avg_fn=_average_with_warmup(decay), use_buffers=True)


def _average_with_warmup(decay: float) -> Callable[..., None]:
    @torch.no_grad()
    def average(averaged: Any, current: Any, num_averaged: Tensor | int) -> None:
        count = int(num_averaged)
        keep = min(decay, (1 + count) / (10 + count))
        if torch.is_floating_point(averaged[0]):
            torch._foreach_lerp_(averaged, current, 1 - keep)
        else:
            torch._foreach_copy_(averaged, current)

    return average
