"""What a model is trained to do, apart from the loop that trains it: random numbers in, loss out, no files."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor, nn

# Seeds of neighbouring runs lie this far apart, so that no two of them share a step's random numbers.
SEED_STRIDE = 1_000_003


def step_generator(seed: int, step: int, device: torch.device | str) -> torch.Generator:
    """The random numbers of one step of one run, independent of every other step's."""
    return torch.Generator(device).manual_seed(seed * SEED_STRIDE + step)


class Objective(Protocol):
    """A model together with its batches and its loss."""

    @property
    def model(self) -> nn.Module:
        """The network under training."""
        ...

    def batch(self, batch_size: int, *, seed: int, step: int) -> Any:
        """Training examples of a step, a function of the arguments alone."""
        ...

    def loss(self, batch: Any, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Scalars by name; "loss" is the one that is minimised."""
        ...

    def validate(self, model: nn.Module) -> tuple[dict[str, float], Image.Image | None]:
        """Figures on fixed held-out examples, and a picture of them, for the given weights."""
        ...
