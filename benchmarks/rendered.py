"""Does the finished clip of an example photo move as asked? Flow of the rendered clips inside the mask.

    python benchmarks/rendered.py [--model mini]

For each example photo: mean flow (x, y) and magnitude in px per frame at 256 px for "move left" and "move right", and the
magnitude over strengths 0, 1, 2 and 4; then what must hold exactly: frame 0, pixels outside the patch, same seed same frames.
"""

import argparse
import re
from pathlib import Path

import cv2
import numpy as np

from follow_your_click import Animator, Click, Clip, Region
from follow_your_click.flow import dense_flow
from follow_your_click.photo import read_photo

EXAMPLES = Path(__file__).parent.parent / "examples"
ROW = re.compile(r"^\| (\S+\.jpg) \|.*\| `(--click [^`]*)` \|", re.MULTILINE)


def mean_flow(clip: Clip) -> tuple[np.ndarray, float]:
    """Mean vector, and mean magnitude, over pairs of frames and pixels of the mask."""
    scale = 256 / min(clip.height, clip.width)
    size = (round(clip.width * scale), round(clip.height * scale))
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in clip]
    mask = cv2.resize(clip.region_mask.astype(np.uint8), size) > 0
    flows = [dense_flow(a, b)[mask] for a, b in zip(small[:-1], small[1:], strict=True)]
    return np.mean(flows, axis=(0, 1)), float(np.mean(np.linalg.norm(flows, axis=-1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mini")
    animator = Animator.from_pretrained(parser.parse_args().model, device="cpu")
    for name, clicks in ROW.findall((EXAMPLES / "README.md").read_text(encoding="utf-8")):
        photo = read_photo(EXAMPLES / name)
        points = [
            tuple(map(float, pair.split(","))) for pair in re.findall(r"[\d.]+,[\d.]+", clicks)
        ]

        def animate(prompt: str, strength: float, photo=photo, points=points) -> Clip:
            area = [Click(*point) for point in points]
            return animator.animate(photo, [Region(area, prompt=prompt, strength=strength)], seed=0)

        for prompt in ("move left", "move right"):
            vector, _ = mean_flow(animate(prompt, 2.0))
            print(f"{name}: {prompt}, strength 2: mean flow ({vector[0]:+.2f}, {vector[1]:+.2f})")
        found = [mean_flow(animate("move left", strength))[1] for strength in (0.0, 1.0, 2.0, 4.0)]
        print(f"{name}: magnitude at strength 0, 1, 2, 4: {[round(value, 2) for value in found]}")
        one, two = animate("move left", 2.0), animate("move left", 2.0)
        outside = np.ones(photo.shape[:2], bool)
        for patch in one.patches:
            height, width = patch.frames.shape[1:3]
            outside[patch.y : patch.y + height, patch.x : patch.x + width] = False
        worst = max(int(np.abs(f.astype(int) - photo)[outside].max(initial=0)) for f in one)
        print(
            f"{name}: frame 0 equals the photo: {np.array_equal(one.frame(0), photo)}; "
            f"largest difference outside: {worst}; "
            f"same seed, same frames: {np.array_equal(one.frames, two.frames)}"
        )


if __name__ == "__main__":
    main()
