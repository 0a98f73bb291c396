"""Which frames become clips: windows of L sampled frames that lie inside one shot and do not overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Window:
    """A clip: sampled frames first ... first + L - 1, in counts of sampled frames (every stride-th source frame)."""

    first: int


def clip_windows(
    starts: list[int], *, num_source: int, frame_stride: int, num_frames: int, at_most: int
) -> list[Window]:
    """Windows of `num_frames` sampled frames.

    Args:
        starts: first source frame of each shot. num_source: source frames in all.
        at_most: if more fit, those are taken that are spread most evenly.
    """
    found: list[Window] = []
    ends = [*starts[1:], num_source]
    for start, end in zip(starts, ends, strict=True):
        first = -(-start // frame_stride)
        last = (end - 1) // frame_stride
        found += [Window(index) for index in range(first, last - num_frames + 2, num_frames)]
    if len(found) > at_most:
        chosen = np.linspace(0, len(found) - 1, at_most).round().astype(int)
        found = [found[index] for index in chosen]
    return found
