"""Copies are found whatever their size and coding; other motion on the same ground is not a copy."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from follow_your_click.data.engine.config import DuplicateSettings
from follow_your_click.data.engine.duplicates import clip_hash, find_duplicates, hash_distance
from follow_your_click.data.engine.encode import decode_clip, encode_frames, encode_video

from .conftest import disc_clip

LIMIT = DuplicateSettings().max_distance


@pytest.mark.parametrize("seed", range(4))
def test_a_copy_is_near_and_everything_else_is_far(seed):
    frames = disc_clip(seed, count=8, shift=(3.0, 0.0))
    own = clip_hash(frames)
    smaller = np.stack([cv2.resize(f, (64, 64), interpolation=cv2.INTER_AREA) for f in frames])
    coded = decode_clip({"mp4": encode_video(smaller, 10)})
    brighter = np.clip(frames.astype(np.int16) + 12, 0, 255).astype(np.uint8)
    for copy in (smaller, coded, brighter, decode_clip(encode_frames(frames))):
        assert hash_distance(own, clip_hash(copy)) <= LIMIT
    others = [
        disc_clip(seed, count=8, shift=(-3.0, 0.0)),
        disc_clip(seed, count=8, shift=(0.0, 3.0)),
        disc_clip(seed + 20, count=8, shift=(3.0, 0.0)),
    ]
    for other in others:
        assert hash_distance(own, clip_hash(other)) > 2 * LIMIT


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_duplicates_are_those_of_comparing_all_with_all(data):
    limit = data.draw(st.integers(0, 24))
    numbers: list[int] = []
    for _ in range(data.draw(st.integers(1, 14))):
        base = data.draw(st.sampled_from([*numbers, 0, (1 << 256) - 1]))
        flips = data.draw(st.sets(st.integers(0, 255), max_size=30))
        numbers.append(base ^ sum(1 << bit for bit in flips))
    expected: dict[int, int] = {}
    for index, number in enumerate(numbers):
        for other in range(index):
            near = (numbers[other] ^ number).bit_count() <= limit
            if near and other not in expected:
                expected[index] = other
                break
    hashes = [f"{number:064x}" for number in numbers]
    assert find_duplicates(hashes, max_distance=limit) == expected
