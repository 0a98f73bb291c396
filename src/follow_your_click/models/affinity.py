"""PIA's affinity channel made spatial, and the area in which a clip may differ from its first frame.

Axis legend: B clips, R regions of a clip, F frames, h w latent rows and columns.

PIA (arXiv 2312.13964) tells its network by one number per frame how much the frame is like the first. Given per
position instead, the background is told 1 in every frame and a region what its strength asks for.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

AffinityKind = Literal["affinity", "affinity-loop"]

# PIA's coefficients of small, moderate and large motion, frame by frame; the last number stays.
_MOTION = (
    (1.0, 0.9, 0.85, 0.85, 0.85, 0.8),
    (1.0, 0.8, 0.8, 0.8, 0.79, 0.78, 0.75),
    (1.0, 0.8, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.6, 0.5, 0.5),
)
# The same for clips of 16 frames that end as they begin.
_LOOP = (
    (1.0, 0.9, 0.85, 0.85, 0.85, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.85, 0.85, 0.9, 1.0),
    (1.0, 0.8, 0.8, 0.8, 0.79, 0.78, 0.75, 0.75, 0.75, 0.75, 0.75, 0.78, 0.79, 0.8, 0.8, 1.0),
    (1.0, 0.8, 0.7, 0.7, 0.7, 0.7, 0.6, 0.5, 0.5, 0.6, 0.7, 0.7, 0.7, 0.7, 0.8, 1.0),
)
# Strengths, px per frame at 256 px, that stand for the three. A choice of ours: PIA has no unit of motion.
LEVEL_STRENGTHS = (1.0, 3.0, 6.0)
REFERENCE_SIDE = 256  # px: strengths are given at a window of this side


def affinity_coefficients(strength: float, num_frames: int, kind: AffinityKind) -> Tensor:
    """How much each frame is like the first, (F,), 1 = the same.

    1 throughout at strength 0, PIA's own lists at `LEVEL_STRENGTHS`, in between what lies between them, and no less than
    the strongest list beyond.
    """
    lists = [torch.ones(num_frames)]
    for level in _LOOP if kind == "affinity-loop" else _MOTION:
        if kind == "affinity-loop":  # as many frames as asked for, the last as the first
            places = np.linspace(0, len(level) - 1, num_frames)
            values = np.interp(places, np.arange(len(level)), level)
        else:
            values = np.array([level[min(frame, len(level) - 1)] for frame in range(num_frames)])
        lists.append(torch.tensor(values, dtype=torch.float32))
    place = np.interp(strength, (0.0, *LEVEL_STRENGTHS), range(len(lists)))
    low = min(int(place), len(lists) - 2)
    return torch.lerp(lists[low], lists[low + 1], float(place) - low)


def affinity_map(shares: Tensor, strengths: Tensor, num_frames: int, kind: AffinityKind) -> Tensor:
    """The affinity channel (B, 1, F, h, w).

    Args:
        shares: (B, R, h, w), how much of each position is each region's; what is left of 1 is background.
        strengths: (B, R).
    """
    told = torch.stack(
        [
            torch.stack([affinity_coefficients(float(s), num_frames, kind) for s in clip])
            for clip in strengths
        ]
    )
    change = torch.einsum("brhw,brf->bfhw", shares, 1 - told.to(shares))
    return (1 - change).unsqueeze(1)


def reachable_area(masks: Tensor, strengths: Tensor, num_frames: int) -> Tensor:
    """Where a frame may differ from the first, (B, 1, F, h, w), 0 ... 1: the regions, grown by how far they get.

    By frame t a region at strength s has moved by s t pixels of a window of 256 on average; it is grown by as much, so
    that it may leave its place, and by nothing in frame 0.

    Args:
        masks: (B, R, h, w), 0 ... 1.
        strengths: (B, R), px per frame at a window of 256 px.
    """
    side = max(masks.shape[-2:])
    frames = []
    for frame in range(num_frames):
        regions = []
        for clip, speeds in zip(masks, strengths, strict=True):
            for mask, speed in zip(clip, speeds, strict=True):
                reach = min(round(float(speed) * frame * side / REFERENCE_SIDE), side)
                grown = F.max_pool2d(mask[None, None], 2 * reach + 1, stride=1, padding=reach)
                regions.append(grown[0, 0])
        stacked = torch.stack(regions).unflatten(0, masks.shape[:2])
        frames.append(stacked.amax(dim=1, keepdim=True))
    return torch.stack(frames, dim=2)
