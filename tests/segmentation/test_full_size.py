"""Small masks drawn at the photo's own size."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from follow_your_click.segmentation.full_size import draw_full_size


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_what_lies_outside_of_a_window_is_drawn_as_without_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width = 14 * int(random.integers(3, 11)), 21 * int(random.integers(2, 8))
    x, y = int(random.integers(0, width - 20)), int(random.integers(0, height - 20))
    window = x, y, int(random.integers(8, width - x + 1)), int(random.integers(8, height - y + 1))
    rows, columns = (np.sort(random.integers(0, count, 2)) for count in (14, 21))
    logits = np.full((14, 21), -1, np.float32)
    logits[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = 1.5
    place = (columns[0] + 0.5) * width / 21, (rows[0] + 0.5) * height / 14
    points, positive = np.array([place], np.intp), np.array([True])
    whole, around = (np.zeros((height, width), np.bool_) for _ in range(2))
    draw_full_size(whole, logits, points, positive)
    draw_full_size(around, logits, points, positive, window)
    assert around[y : y + window[3], x : x + window[2]].sum() <= 1, "the click's own pixel at most"
    for mask in (whole, around):
        mask[y : y + window[3], x : x + window[2]] = False
    np.testing.assert_array_equal(around, whole)
