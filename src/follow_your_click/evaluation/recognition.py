"""Which motion does a clip show? A small classifier on optical flow, trained on clips of known motion.

Axis legend: N clips, F frames, P = F - 1 pairs, H W rows and columns at `measures.FLOW_SIDE`, G cells of a grid
along each side of the region's box, D features.

It never sees a prompt, nor a generated clip: it learns from procedural clips of the training photos and objects, and
names the motion family of whatever it is shown. Its accuracy on true held-out clips is the ceiling of the metric.
"""

from __future__ import annotations

import math
import random as random_module
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from einops import rearrange, reduce
from torch import Tensor, nn

from follow_your_click.data.motion_prompts import MOTIONS, family
from follow_your_click.data.photos import PictureLibrary
from follow_your_click.data.procedural import STRENGTH_LIMITS, ClipRequest, ProceduralClips
from follow_your_click.errors import SettingsError
from follow_your_click.evaluation.measures import (
    BoolArray,
    Float32Array,
    carry_points,
    clip_flows,
    flow_frames,
    flow_masks,
)
from follow_your_click.flow import flow_magnitude

FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(family(motion) for motion in MOTIONS))
CLIPS_PER_FAMILY = 16  # enough to name 0.96 of 176 held-out true clips at 64 px
MIN_STRENGTH = 1.0  # px per frame: below it, many motions are hardly seen at the model's size

_CELLS = 4
_POINTS_PER_CELL = 3
_STILL = 0.1  # px per frame: about what DIS finds between equal frames with some noise
_HIDDEN = 128
_EPOCHS = 150
_BATCH = 32
_RENDER_BATCH = 8
_SEED_RANGE = 2**62


def draw_request(name: str, random: random_module.Random) -> ClipRequest:
    """A clip of one motion family, at a strength that shows it: log-uniform from 1 px per frame to the family's most."""
    motion = random.choice([motion for motion in MOTIONS if family(motion) == name])
    low, high = STRENGTH_LIMITS[name]
    if high == 0:
        return ClipRequest(motion=motion, motion_strength=0.0)
    low = min(max(low, MIN_STRENGTH), high)
    strength = math.exp(random.uniform(math.log(low), math.log(high)))
    return ClipRequest(motion=motion, motion_strength=strength)


def motion_features(flows: Float32Array, region: BoolArray) -> Float32Array:
    """How a region moves, apart from its size, its place and its speed: (D,).

    Points of the region are followed through the clip; their velocities, averaged in the cells of the region's box,
    are divided by the clip's mean speed. To them come the speed itself and, per pair, the flow outside the region.

    Args:
        flows: (P, H, W, 2).
        region: (H, W), True = asked to move.
    """
    rows, columns = np.nonzero(region if region.any() else np.ones_like(region))
    side = _CELLS * _POINTS_PER_CELL
    share = (np.arange(side, dtype=np.float32) + 0.5) / side
    x = columns.min() + share * (np.ptp(columns) + 1) - 0.5
    y = rows.min() + share * (np.ptp(rows) + 1) - 0.5
    points = np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)
    at = points.round().astype(int)
    weight = np.maximum(region[at[..., 1], at[..., 0]].astype(np.float32), 1e-3)
    velocity = np.diff(carry_points(flows, points), axis=0)
    speed = float((np.hypot(velocity[..., 0], velocity[..., 1]) * weight).mean() / weight.mean())
    cells = "p (r i) (c j) a -> p r c a"
    sums = reduce(velocity * weight[None, ..., None], cells, "sum", r=_CELLS, c=_CELLS)
    weights = reduce(weight[None, ..., None], cells, "sum", r=_CELLS, c=_CELLS)
    relative = rearrange(sums / weights, "p r c a -> (p r c a)") / (speed + _STILL)
    outside = [
        float(flow_magnitude(flow)[~region].mean()) if not region.all() else 0.0 for flow in flows
    ]
    extent = math.sqrt(np.ptp(columns) * np.ptp(rows) + 1.0)
    scale = [math.log(speed + _STILL), math.log((speed + _STILL) / extent)]
    around = np.array(outside, np.float32) / (speed + _STILL)
    return np.concatenate([relative, around, scale]).astype(np.float32)


@dataclass(frozen=True)
class MotionRecogniser:
    """Names motion families; made by `fit`.

    Args:
        families: what it can answer.
        mean, deviation: (D,) of the training features.
        network: (N, D) standardised features -> (N, families).
    """

    families: tuple[str, ...]
    mean: Tensor
    deviation: Tensor
    network: nn.Module

    @classmethod
    def fit(
        cls, features: Sequence[Float32Array], names: Sequence[str], *, seed: int = 0
    ) -> MotionRecogniser:
        """Train on features (N of (D,)) and the family of each.

        Raises:
            SettingsError: no example, or not one name for each.
        """
        if not features or len(features) != len(names):
            raise SettingsError(
                f"got {len(features)} examples and {len(names)} names; expected one name for each"
            )
        families = tuple(dict.fromkeys(names))
        rows = torch.from_numpy(np.stack(features))
        targets = torch.tensor([families.index(name) for name in names])
        mean, deviation = rows.mean(dim=0), rows.std(dim=0, correction=0).clamp(min=1e-3)
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(seed)
            network = _network(rows.shape[1], len(families))
            _train(network, (rows - mean) / deviation, targets)
        return cls(families, mean, deviation, network.eval())

    def name(self, features: Float32Array) -> str:
        """The most likely family of one clip."""
        row = ((torch.from_numpy(features) - self.mean) / self.deviation)[None]
        with torch.no_grad():
            scores = cast(Tensor, self.network(row.clamp(-8, 8)))
        return self.families[int(scores.argmax())]


def _network(features: int, families: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(0.1),
        nn.Linear(features, _HIDDEN),
        nn.GELU(),
        nn.Dropout(0.4),
        nn.Linear(_HIDDEN, _HIDDEN),
        nn.GELU(),
        nn.Dropout(0.4),
        nn.Linear(_HIDDEN, families),
    )


def _train(network: nn.Module, rows: Tensor, targets: Tensor) -> None:
    steps = _EPOCHS * math.ceil(len(rows) / _BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(_EPOCHS):
        for chosen in torch.randperm(len(rows)).split(_BATCH):
            scores = network(rows[chosen].clamp(-8, 8))
            loss = nn.functional.cross_entropy(scores, targets[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def train_recogniser(
    images: PictureLibrary,
    *,
    size: int,
    num_frames: int,
    clips_per_family: int = CLIPS_PER_FAMILY,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> MotionRecogniser:
    """Learn the families from procedural clips.

    Args:
        images: pictures that the measured clips are not made of.
        size, num_frames: as of the clips that it will name; the flow of small frames is their flow enlarged.
        progress: called as progress(clips done, clips in all).
    """
    random = random_module.Random(seed)
    names = [name for name in FAMILIES for _ in range(clips_per_family)]
    random.shuffle(names)
    features: list[Float32Array] = []
    source = ProceduralClips(images, size=size, num_frames=num_frames)
    for row in _feature_rows(source, names, random):
        features.append(row)
        if progress is not None:
            progress(len(features), len(names))
    return MotionRecogniser.fit(features, names, seed=seed)


def _feature_rows(
    source: ProceduralClips, names: Sequence[str], random: random_module.Random
) -> Iterator[Float32Array]:
    generator = torch.Generator().manual_seed(random.randrange(_SEED_RANGE))
    for start in range(0, len(names), _RENDER_BATCH):
        requests = [draw_request(name, random) for name in names[start : start + _RENDER_BATCH]]
        clips = source.sample_requests(requests, generator)
        for frames, region in zip(clips.frames, clips.region_mask, strict=True):
            flows = clip_flows(flow_frames(frames / 2 + 0.5))
            yield motion_features(flows, flow_masks(region)[0])
