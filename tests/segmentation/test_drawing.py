"""Strokes and polygons, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from follow_your_click.errors import RegionError
from follow_your_click.region import Brush, Polygon
from follow_your_click.segmentation.drawing import fill_polygon, paint_stroke

HEIGHT, WIDTH = 40, 60


def _stroke(*points: tuple[float, float], radius: float) -> npt.NDArray[np.bool_]:
    return paint_stroke(Brush(points, radius), HEIGHT, WIDTH)


def _filled(*points: tuple[float, float]) -> npt.NDArray[np.bool_]:
    return fill_polygon(Polygon(points), HEIGHT, WIDTH)


def test_a_stroke_is_as_wide_as_its_radius_says_and_round_at_its_ends() -> None:
    mask = _stroke((10, 20), (40, 20), radius=4)
    assert mask[20, 10] and mask[20, 25] and mask[17, 25] and mask[22, 40]
    assert not (mask[14, 25] or mask[26, 25] or mask[20, 4] or mask[20, 47])
    assert abs(mask.sum() - (30 * 8 + np.pi * 16)) < 45


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, WIDTH, exclude_max=True), st.floats(0, HEIGHT, exclude_max=True)),
        min_size=1,
        max_size=4,
    ),
    st.floats(0.01, 100),
)
def test_a_stroke_covers_its_own_points(points: list[tuple[float, float]], radius: float) -> None:
    mask = _stroke(*points, radius=radius)
    assert all(mask[int(y), int(x)] for x, y in points)


def test_a_stroke_across_the_photo_counts_though_its_ends_are_outside() -> None:
    assert _stroke((-50, 20), (200, 20), radius=3)[20].all()


def test_a_polygon_without_a_pixel_is_refused() -> None:
    for points in (
        ((70, 0), (90, 0), (80, 20)),
        ((3, 3), (9, 9), (6, 6)),
        ((3, 3), (3.4, 3), (3, 3.4)),
    ):
        with pytest.raises(RegionError, match="covers no pixel of the photo of 60x40"):
            _filled(*points)


def _is_inside(points: Sequence[tuple[float, float]], x: float, y: float) -> bool:
    """The even-odd rule, by counting the edges to the left."""
    crossed = 0
    for edge in zip(points, [*points[1:], points[0]], strict=True):
        (x0, y0), (x1, y1) = sorted(edge, key=lambda point: point[1])
        if y0 <= y < y1:
            crossed += x0 + (y - y0) / (y1 - y0) * (x1 - x0) <= x
    return crossed % 2 == 1


corner = st.tuples(st.floats(-20, 80).map(lambda v: round(v, 2)), st.integers(-10, 50))


@settings(max_examples=60, deadline=None)
@given(st.lists(corner, min_size=3, max_size=7))
def test_a_polygon_holds_the_pixels_whose_centre_is_inside(
    points: list[tuple[float, float]],
) -> None:
    expected = [[_is_inside(points, x + 0.5, y + 0.5) for x in range(WIDTH)] for y in range(HEIGHT)]
    if np.any(expected):
        np.testing.assert_array_equal(_filled(*points), expected)
    else:
        with pytest.raises(RegionError, match="no pixel"):
            _filled(*points)


def test_polygons_far_larger_than_the_photo_and_crossing_themselves() -> None:
    assert _filled((-1e300, -1e300), (1e300, -1e300), (0.0, 1e300)).all()
    bow = _filled((0, 0), (60, 40), (60, 0), (0, 40))
    assert bow[20, 5] and bow[20, 55] and not (bow[5, 30] or bow[35, 30])
    left, right = (_filled((x, 0), (30, 7), (31, 33), (x, 40)) for x in (0, 60))
    assert not (left & right).any(), "no pixel of a shared edge belongs to both"
