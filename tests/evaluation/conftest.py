"""Clips of known motion, a few pictures on disk, and a model folder small enough to run in seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from einops import rearrange
from PIL import Image
from torch import Tensor

from follow_your_click.data.photos import is_held_out
from follow_your_click.pipeline import RegionalAnimationPipeline

SIDE = 256
PRESET = {
    "name": "tiny",
    "size": 32,
    "num_inference_steps": 1,
    "guidance_scale": 1.0,
    "window_strength": 3.0,
    "max_window_strength": 8.0,
}


class Clips:
    """Makes clips of a textured square over a textured photo."""

    def __init__(self) -> None:
        self.photo = texture(0)
        self.object = texture(1)

    def __call__(
        self, *, shift: tuple[float, float] = (0, 0), turn: float = 0, growth: float = 1
    ) -> tuple[Tensor, Tensor]:
        """Per frame: px right and down, degrees clockwise, factor. Frames (F, 3, H, W) and coverage (F, H, W)."""
        frames, masks = [], []
        square = np.zeros((SIDE, SIDE), np.float32)
        square[80:176, 80:176] = 1
        for number in range(5):
            move = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), -turn * number, growth**number)
            move[:, 2] += np.array(shift) * number
            mask = cv2.warpAffine(square, move, (SIDE, SIDE))
            moved = cv2.warpAffine(self.object, move, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
            frames.append(self.photo + (moved - self.photo) * mask[..., None])
            masks.append(mask)
        video = torch.from_numpy(np.stack(frames)).float()
        return rearrange(video, "f h w c -> f c h w"), torch.from_numpy(np.stack(masks))


def texture(seed: int, side: int = SIDE) -> npt.NDArray[np.float32]:
    """Soft blobs in colour, (side, side, 3) in [0, 1]."""
    noise = np.random.default_rng(seed).normal(0, 1, (side, side, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.asarray(np.clip(0.5 + 0.2 * soft / soft.std(), 0, 1), np.float32)


@pytest.fixture(scope="session")
def clips() -> Clips:
    return Clips()


def _names(stem: str, *, held_out: bool) -> Iterator[str]:
    names = (f"{stem}-{number}.png" for number in count())
    return (name for name in names if is_held_out(name) == held_out)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """photos/ and cutouts/ with two held-out and three other pictures each."""
    root = tmp_path_factory.mktemp("pictures")
    for folder in ("photos", "cutouts"):
        (root / folder).mkdir()
        training, held_out = _names(folder, held_out=False), _names(folder, held_out=True)
        names = [next(training) for _ in range(3)] + [next(held_out) for _ in range(2)]
        for seed, name in enumerate(names):
            pixels = Image.fromarray((texture(seed + len(folder), 288) * 255).astype(np.uint8))
            if folder == "cutouts":
                alpha = Image.new("L", pixels.size)
                alpha.paste(255, (40, 60, 240, 220))
                pixels.putalpha(alpha)
            pixels.save(root / folder / name)
    return root


@pytest.fixture(scope="session")
def model(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_pipeline: Callable[[int], RegionalAnimationPipeline],
) -> Path:
    """A model folder with random weights: 32 px, at most 4 frames."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_pipeline(4).save_pretrained(folder)
    (folder / "preset.json").write_text(json.dumps(PRESET), encoding="utf-8")
    return folder
