"""How the click network's examples are drawn: windows of photos, objects cut out and set beside others, and what cameras do to pictures.

Axis legend: S the side of an example in pixels, h w rows and columns of a cut-out; the last axis holds red, green, blue (opacity).
"""

from __future__ import annotations

import random as random_module

import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]


def window(
    size: int, side: float, middle: tuple[float, float], random: random_module.Random
) -> npt.NDArray[np.float64]:
    """The affine map that brings a window of a photo to (S, S): a little turned and stretched, half mirrored."""
    stretch = 2.0 ** random.uniform(-0.3, 0.3)
    turn = np.deg2rad(random.gauss(0, 10))
    linear = (
        np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        @ np.diag([stretch * random.choice((-1, 1)), 1 / stretch])
        * (size / side)
    )
    offset = np.array([size / 2, size / 2]) - linear @ np.array(middle)
    return np.concatenate([linear, offset[:, None]], axis=1)


def at_the_rim(
    neighbour: Bools, cutout: Bytes, random: random_module.Random
) -> tuple[float, npt.NDArray[np.float64]]:
    """Scale and middle (x, y) for a cut-out (h, w, 4) to touch an object (S, S) or hide a part of it, mostly at its side."""
    x, y, width, height = cv2.boundingRect(neighbour.astype(np.uint8))
    scale = max(width, height) / max(cutout.shape[:2]) * 2.0 ** random.uniform(-0.6, 0.5)
    extents = np.array([width, height])
    apart = (extents + scale * np.array([cutout.shape[1], cutout.shape[0]])) / 2
    along = int(random.random() < 0.25)
    offset = extents * random.gauss(0, 0.12)
    offset[along] = apart[along] * random.uniform(0.5, 1.0) * random.choice((-1, 1))
    return scale, np.array([x, y]) + extents / 2 + offset


def cut_out(image: Bytes, target: Bools) -> Bytes:
    """(h, w, 4): an object of a photo without its outermost pixels, which show what was behind it too."""
    inner = cv2.erode(target.astype(np.uint8), np.ones((3, 3), np.uint8))
    opacity = inner if 2 * inner.sum() > target.sum() else target.astype(np.uint8)
    x, y, width, height = cv2.boundingRect(opacity)
    view = np.s_[y : y + height, x : x + width]
    return np.concatenate([image[view], 255 * opacity[view][..., None]], axis=2)


def softened(picture: Bytes, scale: float) -> Bytes:
    """Low-passed for a reduction, so that it does not alias; colours weighted by their opacity."""
    if scale > 0.8:
        return picture
    values = picture.astype(np.float32)
    values[..., :3] *= values[..., 3:] / 255
    values = np.asarray(cv2.GaussianBlur(values, (0, 0), 0.45 / scale), np.float32)
    values[..., :3] *= 255 / np.maximum(values[..., 3:], 1)
    return np.clip(values, 0, 255).astype(np.uint8)


def disturbed(image: Bytes, random: random_module.Random) -> Bytes:
    """Light, colour, blur, noise and compression, as photos have them."""
    gamma = 2.0 ** random.gauss(0, 0.25)
    levels = (255 * np.linspace(0, 1, 256) ** gamma).astype(np.float32)
    light = 2.0 ** random.gauss(0, 0.25)
    mixing = light * np.array(
        [[(i == j) + random.gauss(0, 0.08) for i in range(3)] for j in range(3)]
    )
    values = np.asarray(cv2.transform(levels[image], mixing) + random.gauss(0, 12), np.float32)
    if random.random() < 0.15:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    if random.random() < 0.3:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), random.uniform(0.3, 1.2)), np.float32)
    if random.random() < 0.4:
        noise = np.random.default_rng(random.getrandbits(32)).standard_normal(values.shape)
        values = values + noise.astype(np.float32) * random.uniform(1, 12)
    result: Bytes = np.clip(values, 0, 255).astype(np.uint8)
    if random.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, random.randint(35, 95)]
        result = np.asarray(
            cv2.imdecode(cv2.imencode(".jpg", result, quality)[1], cv2.IMREAD_COLOR)
        )
    return result
