"""What a model is trained to do, apart from the loop that trains it: random numbers in, loss out, no files."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from follow_your_click.errors import SettingsError

# Seeds of neighbouring runs lie this far apart, so that no two of them share a step's random numbers.
SEED_STRIDE = 1_000_003


def step_generator(seed: int, step: int, device: torch.device | str) -> torch.Generator:
    """The random numbers of one step of one run, independent of every other step's."""
    return torch.Generator(device).manual_seed(seed * SEED_STRIDE + step)


def steps_in_use(batch_size: int, clip_uses: int, step: int) -> tuple[int, range]:
    """How many clips of a batch are of each step, and the steps: this one and those whose clips are used again.

    The oldest first, so that a cache of so many steps drops the one that is not needed again.

    Raises:
        SettingsError: the batch cannot be parted so.
    """
    if batch_size % clip_uses:
        raise SettingsError(
            f"got batch_size {batch_size}; expected a multiple of clip_uses {clip_uses}"
        )
    return batch_size // clip_uses, range(step - clip_uses + 1, step + 1)


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
