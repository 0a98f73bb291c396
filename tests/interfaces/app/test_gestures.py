"""What the browser tells of a visitor's hand, checked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from follow_your_click.errors import RegionError
from follow_your_click.interfaces.app.gestures import MAX_STROKE_POINTS, area_of, mending_of
from follow_your_click.region import Box, Brush, Click, FillHoles, Grow, Subtract

SIZE = {"height": 300, "width": 450}


@given(x=st.floats(0, 449.999), y=st.floats(0, 299.999), positive=st.booleans())
def test_a_click_is_the_pixel_under_it(x: float, y: float, positive: bool) -> None:
    click = area_of({"kind": "click", "x": x, "y": y, "positive": positive}, **SIZE)
    assert click == Click(int(x), int(y), positive=positive)


@given(
    corners=st.tuples(*[st.floats(-50, 500)] * 4),
)
def test_a_box_lies_in_the_photo_whatever_its_corners(corners: tuple[float, ...]) -> None:
    x0, y0, x1, y1 = corners
    box = area_of({"kind": "box", "x0": x0, "y0": y0, "x1": x1, "y1": y1}, **SIZE)
    assert isinstance(box, Box)
    assert 0 <= box.x0 < box.x1 <= 450 and 0 <= box.y0 < box.y1 <= 300


def test_a_click_beside_the_photo_lands_on_its_edge() -> None:
    assert area_of({"kind": "click", "x": -3, "y": 301, "positive": True}, **SIZE) == Click(0, 299)


def test_brush_and_eraser() -> None:
    stroke = {"kind": "stroke", "points": [[1, 2], [30.26, 999]], "radius": 4.04}
    painted = Brush(((1, 2), (30.3, 300)), 4.0)
    assert area_of({**stroke, "erase": False}, **SIZE) == painted
    assert area_of({**stroke, "erase": True}, **SIZE) == Subtract(painted)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "click",
        {},
        {"kind": "click", "x": float("nan"), "y": 1, "positive": True},
        {"kind": "click", "x": 1, "y": 1},
        {"kind": "click", "x": 1, "y": 1, "positive": True, "more": 1},
        {"kind": "stroke", "points": [], "radius": 3, "erase": False},
        {"kind": "stroke", "points": [[1, 1]], "radius": 0, "erase": False},
        {
            "kind": "stroke",
            "points": [[1, 1]] * (MAX_STROKE_POINTS + 1),
            "radius": 1,
            "erase": True,
        },
        {"kind": "mask", "file": "/etc/passwd"},
    ],
)
def test_anything_else_is_refused(data: Any) -> None:
    with pytest.raises(RegionError, match="no click, box or stroke"):
        area_of(data, **SIZE)


def test_the_buttons_that_mend() -> None:
    assert mending_of({"edit": "grow"}).edit_of(300, 450) == Grow(2)
    assert mending_of({"edit": "grow"}).edit_of(3000, 4500) == Grow(24)
    assert mending_of({"edit": "fill-holes"}).edit_of(300, 450) == FillHoles()
    assert mending_of({"granularity": "auto"}).edit_of(300, 450) is None
    with pytest.raises(RegionError, match="cannot be changed so"):
        mending_of({"edit": "explode"})
