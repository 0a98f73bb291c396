"""What the click network finds in windows of a photo, and several such answers as one.

Axis legend: h w rows and columns of the network's image, K levels (part, object, whole, head).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from follow_your_click.segmentation.full_size import Window

TRUST = 8.0  # of a view with a guess higher by 1/8, against another: e
CLOSER_TRUST = 2.0  # of the closer view, at the same guess
CLICK_REACH = 2  # cells about a click, of which the highest logit counts


@dataclass(frozen=True)
class Answer:
    """What the network finds in a window: logits (K, h, w) and guessed overlaps (K,)."""

    window: Window
    logits: Tensor
    guesses: Tensor

    def level(self, index: int) -> npt.NDArray[np.float32]:
        """The logits (h, w) of a part, an object or a whole."""
        return np.asarray(self.logits[index].cpu().numpy(), np.float32)


def highest_near(
    click: tuple[int, int] | None, window: Window, logits: npt.NDArray[np.float32]
) -> float:
    """The highest of logits (h, w) in a window about a click; minus infinity for one that is not in it."""
    if click is None:
        return -math.inf
    x, y, width, height = window
    rows, columns = logits.shape
    column, row = int((click[0] - x) * columns / width), int((click[1] - y) * rows / height)
    if not (0 <= column < columns and 0 <= row < rows):
        return -math.inf
    above, left = max(row - CLICK_REACH, 0), max(column - CLICK_REACH, 0)
    return float(logits[above : row + CLICK_REACH + 1, left : column + CLICK_REACH + 1].max())


def together(answers: Sequence[Answer], target: Answer) -> Answer:
    """The mean over the views, at the places of one of them; each counts as much as its guess is believed."""
    guesses = torch.stack([answer.guesses for answer in answers])
    bonus = [CLOSER_TRUST if one.window != answers[0].window else 1.0 for one in answers]
    trust = torch.softmax(TRUST * guesses + guesses.new_tensor(bonus).log()[:, None], dim=0)
    logits = torch.stack([_at_places(answer, target) for answer in answers])
    mean = (logits * trust[..., None, None]).sum(dim=0)
    return Answer(target.window, mean, (guesses * trust).sum(dim=0))


def _at_places(answer: Answer, target: Answer) -> Tensor:
    """The answer's logits (K, h, w) at the target's places, which lie in its window."""
    height, width = target.logits.shape[-2:]
    if answer.window == target.window:
        return F.interpolate(answer.logits[None], (height, width), mode="bilinear")[0]
    grids = []
    for axis, count in ((0, width), (1, height)):
        places = (torch.arange(count, device=answer.logits.device) + 0.5) / count
        start, length = target.window[axis], target.window[axis + 2]
        shares = (start + places * length - answer.window[axis]) / answer.window[axis + 2]
        grids.append(2 * shares - 1)
    grid = torch.stack(torch.meshgrid(*grids, indexing="xy"), dim=-1)
    return F.grid_sample(
        answer.logits[None], grid[None], padding_mode="border", align_corners=False
    )[0]
