"""Near-duplicates: clips that show the same thing moving in the same way, whatever their size and coding.

Axes: L frames, H W rows and columns. A clip's hash has 256 bits: a DCT hash (Zauner, 2010) of its mean picture, and three of how
early, middle and late frames differ from that mean. So two clips of one scene by a still camera, in which different things
happen, stay apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.flow import UInt8Array

HASH_BITS = 256
SIDE = 32  # px of the picture that is hashed
LOW = 8  # frequencies kept per axis
MOMENTS = (0.0, 0.5, 1.0)  # of the clip's time


def clip_hash(frames: UInt8Array) -> str:
    """64 hex digits for frames (L, H, W, 3)."""
    small = np.stack(
        [
            cv2.resize(
                cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA
            )
            for f in frames
        ]
    ).astype(np.float32)
    mean = small.mean(axis=0)
    third = max(1, len(small) // 3)
    changes = []
    for moment in MOMENTS:
        first = round(moment * (len(small) - third))
        changes.append(small[first : first + third].mean(axis=0) - mean)
    bits = np.concatenate([_dct_bits(picture) for picture in (mean, *changes)])
    return np.packbits(bits).tobytes().hex()


def hash_distance(one: str, other: str) -> int:
    """Bits by which two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def find_duplicates(hashes: Sequence[str], *, max_distance: int) -> dict[int, int]:
    """Which clips repeat an earlier one: index -> index of the first that it repeats.

    In order: a clip is a duplicate if it lies within `max_distance` bits of an earlier one that is none. Found exactly: two hashes
    that differ in d bits agree on one of d + 1 stretches of them at least, so only clips that share a stretch are compared.
    """
    stretches = max_distance + 1
    edges = [round(HASH_BITS * k / stretches) for k in range(stretches + 1)]
    numbers = [int(text, 16) for text in hashes]
    seen: dict[tuple[int, int], list[int]] = defaultdict(list)
    found: dict[int, int] = {}
    for index, number in enumerate(numbers):
        parts = [
            (k, (number >> edges[k]) & ((1 << (edges[k + 1] - edges[k])) - 1))
            for k in range(stretches)
        ]
        candidates = sorted({other for part in parts for other in seen.get(part, ())})
        for other in candidates:
            if (numbers[other] ^ number).bit_count() <= max_distance:
                found[index] = other
                break
        else:
            for part in parts:
                seen[part].append(index)
    return found


def _dct_bits(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    # The first row and column hold brightness and plain gradients: vignettes and light, not content.
    low = cv2.dct(picture)[1 : LOW + 1, 1 : LOW + 1].ravel()
    return np.asarray(low > np.median(low), np.bool_)
