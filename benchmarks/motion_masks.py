"""Motion masks against true object masks, and strengths against known ones: the measurements in docs/data.md.

    python benchmarks/motion_masks.py FOLDER

FOLDER holds NAME.mp4 and NAME.masks.npz (arrays "masks", packed bits, and "shape"), such as DAVIS sequences.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from follow_your_click.data.engine.config import ClipSettings, FlowSettings, MotionSettings
from follow_your_click.data.engine.decode import decode
from follow_your_click.data.engine.flows import flow_estimator
from follow_your_click.data.engine.motion import motion_of
from follow_your_click.data.engine.records import SourceItem

VARIANTS = {
    "Eq. 1 to the letter": MotionSettings(flow="raw", min_change=0),
    "without the camera": MotionSettings(flow="object", min_change=0),
    "and only where the picture changes (default)": MotionSettings(),
}
FRAMES = 16
SIDE = 256


def true_masks(file: Path, size: tuple[int, int]) -> np.ndarray:
    """bool (T, H, W) at `size` (width, height)."""
    stored = np.load(file)
    masks = np.unpackbits(stored["masks"], axis=-1)[..., : stored["shape"][2]]
    return np.stack([cv2.resize(m, size, interpolation=cv2.INTER_AREA) > 0 for m in masks])


def davis(folder: Path, method: str) -> None:
    estimator = flow_estimator(FlowSettings(method=method))
    rows: dict[str, list[list[float]]] = {name: [] for name in VARIANTS}
    settings = ClipSettings(max_seconds=3600, num_frames=FRAMES)
    for masks in sorted(folder.glob("*.masks.npz")):
        file = masks.with_name(masks.name.replace(".masks.npz", ".mp4"))
        video = decode(file.read_bytes(), SourceItem(file.name, str(file), file.name), settings)
        height, width = video.frames.shape[1:3]
        truth = true_masks(masks, (width, height))[:: video.frame_stride]
        count = min(len(video.frames), len(truth))
        for first in range(0, count - FRAMES + 1, FRAMES):
            here = slice(first, first + FRAMES)
            frames, objects = video.frames[here], truth[here][1:]
            flows = estimator.flows(frames[1:], frames[:-1])
            for name, variant in VARIANTS.items():
                motion = motion_of(frames, flows, variant)
                pairs, union, swept = motion.pair_masks, motion.mask, objects.any(axis=0)
                rows[name].append(
                    [
                        (pairs & objects).sum() / objects.sum(),
                        (pairs & ~objects).sum() / max(pairs.sum(), 1),
                        (union & swept).sum() / swept.sum(),
                        (union & ~swept).sum() / max(union.sum(), 1),
                        union.mean(),
                    ]
                )
    print(f"\n{method}: {len(next(iter(rows.values())))} clips of {FRAMES} frames")
    print("| mask | recall, per pair | off the object | recall, union | off the object | area |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, values in rows.items():
        print(f"| {name} | " + " | ".join(f"{v:.2f}" for v in np.mean(values, axis=0)) + " |")


def texture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (SIDE, SIDE, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.clip(128 + 50 * smooth / smooth.std(), 0, 255)


def disc_clip(kind: str, speed: float, radius: float, seed: int) -> np.ndarray:
    """A textured disc that shifts or turns over a still texture; mean speed on the disc is `speed` px a frame."""
    ground, surface, count = texture(seed), texture(seed + 1000), 8
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    frames = []
    for index in range(count):
        way = speed * (index - (count - 1) / 2) if kind == "shift" else 0.0
        x, y = SIDE / 2 + way * np.cos(seed), SIDE / 2 + way * np.sin(seed)
        angle = speed / (2 / 3 * radius) * index if kind == "turn" else 0.0
        dx, dy = columns - x, rows - y
        cover = np.clip(radius - np.hypot(dx, dy) + 0.5, 0, 1)[..., None]
        at_x = (SIDE / 2 + np.cos(angle) * dx + np.sin(angle) * dy).astype(np.float32)
        at_y = (SIDE / 2 - np.sin(angle) * dx + np.cos(angle) * dy).astype(np.float32)
        moved = cv2.remap(surface, at_x, at_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        frames.append(np.clip(ground * (1 - cover) + moved * cover, 0, 255).astype(np.uint8))
    return np.stack(frames)


def discs(method: str) -> None:
    estimator = flow_estimator(FlowSettings(method=method))
    print(
        f"\n{method}: measured / true strength of discs, mean (least to most) over 0.7, 1.5, 3, 6 px a frame"
    )
    print("| disc's share of the frame | shifts | turns |")
    print("| --- | --- | --- |")
    for radius in (20, 35, 50, 70):
        cells = []
        for kind in ("shift", "turn"):
            ratios = []
            for speed in (0.7, 1.5, 3.0, 6.0):
                frames = disc_clip(kind, speed, radius, seed=int(10 * speed + radius))
                flows = estimator.flows(frames[1:], frames[:-1])
                ratios.append(motion_of(frames, flows).motion_strength / speed)
            cells.append(f"{np.mean(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
        print(f"| {np.pi * radius**2 / SIDE**2:.1%} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    for flow_method in ("dis", "dis-fine"):
        discs(flow_method)
        if len(sys.argv) > 1:
            davis(Path(sys.argv[1]), flow_method)
