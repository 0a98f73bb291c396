"""Filmed clips as the U-Net's objective takes them: windows around what moves, with its measured displacement.

Axes: B clips, F frames, C channels, H W rows and columns of the window, h w those of the labels.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from einops import rearrange
from torch import Tensor

from follow_your_click.data.engine.displacement import DisplacementLabels
from follow_your_click.data.shards import FilmedClip, ShardReader
from follow_your_click.flow import Float32Array

CONTEXT = (1.4, 2.6)  # side of a window over that of what moves at frame 0
MIN_SIDE = 0.35  # of the frame's short side
HALF = 0.5


@dataclass(frozen=True)
class FilmedBatch:
    """Windows of filmed clips; fields as in `procedural.ClipBatch`, but that flow made them.

    frames: (B, F, 3, H, W) float32 in [-1, 1]. region_mask: (B, 1, H, W) {0, 1}, what moves later, where it is at frame 0.
    moving_mask: (B, F, 1, H, W) in [0, 1]. displacement: (B, F, 2, H, W), shares of the side; smooth where it is not known.
    displacement_validity: (B, F, 1, H, W) in [0, 1], how far it is known. motion_strength: (B,) px per frame at a window of 256.
    fps: (B,).
    """

    frames: Tensor
    region_mask: Tensor
    moving_mask: Tensor
    displacement: Tensor
    displacement_validity: Tensor
    motion_strength: Tensor
    fps: Tensor
    motion_prompts: list[str]
    captions: list[str]


class FilmedClips:
    """Batches out of a build's shards.

    Args:
        reader: with clips of `num_frames` frames at least; the first of them are taken.
        size: side of a window in pixels.
    """

    def __init__(self, reader: ShardReader, *, size: int, num_frames: int) -> None:
        self.reader = reader
        self.size = size
        self.num_frames = num_frames

    def sample(
        self, places: Sequence[int], generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> FilmedBatch:
        """Clips at these places of the stream; windows and wordings are drawn from the generator."""
        seed = torch.randint(2**62, (1,), generator=generator, device=generator.device)
        random = random_module.Random(int(seed))
        windows = [self._window(self.reader.read(place), random) for place in places]

        def stacked(name: str) -> Tensor:
            return torch.from_numpy(np.stack([w.arrays[name] for w in windows])).to(device)

        return FilmedBatch(
            frames=rearrange(stacked("frames"), "b f h w c -> b f c h w").float() / 127.5 - 1,
            region_mask=stacked("region").unsqueeze(1),
            moving_mask=stacked("moving").unsqueeze(2),
            displacement=rearrange(stacked("displacement"), "b f h w c -> b f c h w"),
            displacement_validity=stacked("validity").unsqueeze(2),
            motion_strength=torch.tensor([w.motion_strength for w in windows], device=device),
            fps=torch.tensor([w.fps for w in windows], device=device),
            motion_prompts=[w.motion_prompt for w in windows],
            captions=[w.caption for w in windows],
        )

    def _window(self, clip: FilmedClip, random: random_module.Random) -> _Window:
        count, size = self.num_frames, self.size
        height, width = clip.frames.shape[1:3]
        labels = clip.labels or _no_labels(clip)
        left, top, side = draw_window(labels.moving[0], (height, width), random)
        frames = [
            cv2.resize(
                frame[top : top + side, left : left + side],
                (size, size),
                interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR,
            )
            for frame in clip.frames[:count]
        ]

        def cut(values: npt.NDArray[np.generic]) -> Float32Array:
            """Labels (F, h, w, ...) at the window's pixels: (F, H, W, ...)."""
            step = side / size
            rows, columns = values.shape[1] / height, values.shape[2] / width
            centres = (np.arange(size, dtype=np.float32) + HALF) * step
            x = ((left + centres) * columns - HALF)[None, :].repeat(size, axis=0)
            y = ((top + centres) * rows - HALF)[:, None].repeat(size, axis=1)
            found = [
                cv2.remap(
                    v.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
                )
                for v in values[:count]
            ]
            return np.asarray(np.stack(found), np.float32)

        moving = cut(labels.moving) / 255
        prompts = clip.motion_prompts
        prompt = random.choice(prompts) if prompts else ""
        return _Window(
            arrays={
                "frames": np.stack(frames),
                "region": (moving[0] > HALF).astype(np.float32),
                "moving": moving,
                "displacement": cut(labels.displacement) / side,
                "validity": cut(labels.validity) / 255,
            },
            motion_strength=clip.motion_strength * min(height, width) / side,
            fps=clip.fps,
            motion_prompt=prompt,
            caption=clip.caption or prompt,
        )


@dataclass(frozen=True, eq=False)
class _Window:
    arrays: dict[str, npt.NDArray[np.generic]]
    motion_strength: float
    fps: float
    motion_prompt: str
    caption: str


def draw_window(
    moving: npt.NDArray[np.uint8], size: tuple[int, int], random: random_module.Random
) -> tuple[int, int, int]:
    """A square window (left, top, side) px that holds what moves, with some of its surroundings.

    Args:
        moving: (h, w) coverage of 255 at frame 0; empty: a window anywhere.
        size: (H, W) of the frame.
    """
    height, width = size
    short = min(height, width)
    rows, columns = np.nonzero(moving > HALF * 255)
    if len(rows):
        scale_y, scale_x = height / moving.shape[0], width / moving.shape[1]
        box = (columns.min() * scale_x, rows.min() * scale_y)
        end = ((columns.max() + 1) * scale_x, (rows.max() + 1) * scale_y)
        reach = max(end[0] - box[0], end[1] - box[1])
        centre = ((box[0] + end[0]) / 2, (box[1] + end[1]) / 2)
    else:
        reach, centre = short / 2, (width / 2, height / 2)
    wanted = reach * random.uniform(*CONTEXT)
    side = round(min(max(wanted, MIN_SIDE * short), short))
    slack = max(0.0, side - reach) / 2
    left = centre[0] - side / 2 + random.uniform(-slack, slack)
    top = centre[1] - side / 2 + random.uniform(-slack, slack)
    return (
        round(min(max(left, 0), width - side)),
        round(min(max(top, 0), height - side)),
        side,
    )


def _no_labels(clip: FilmedClip) -> DisplacementLabels:
    """Stands in for labels that a build left out: Eq. 1's mask throughout, displacement unknown."""
    count = len(clip.frames)
    mask = clip.mask.astype(np.uint8) * 255
    return DisplacementLabels(
        displacement=np.zeros((count, *mask.shape, 2), np.float16),
        validity=np.zeros((count, *mask.shape), np.uint8),
        moving=np.repeat(mask[None], count, axis=0),
    )
