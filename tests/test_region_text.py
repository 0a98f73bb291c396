"""Regions as text: what the command line reads, and what an error shows of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from follow_your_click.errors import PromptError, RegionError, SettingsError, UserInputError
from follow_your_click.region import (
    Area,
    Box,
    Brush,
    Click,
    Edit,
    Feather,
    FillHoles,
    Grow,
    HoldStill,
    Intersect,
    KeepLargest,
    PlainArea,
    Polygon,
    Region,
    Shrink,
    Subtract,
    area_text,
    edit_text,
    parse_area,
    parse_box,
    parse_brush,
    parse_edits,
    parse_hold_still,
    parse_point,
    parse_polygon,
    parse_region,
)

pixels = st.floats(-1e4, 1e4, allow_nan=False)
points = st.tuples(pixels, pixels)
plain_areas: st.SearchStrategy[PlainArea] = st.one_of(
    st.builds(Click, pixels, pixels),
    points.map(lambda corner: Box(*corner, corner[0] + 1, corner[1] + 1)),
    st.builds(Brush, st.lists(points, min_size=1, max_size=3).map(tuple), st.floats(0.1, 50)),
    st.builds(Polygon, st.lists(points, min_size=3, max_size=5).map(tuple)),
    st.just("masks/boat.png"),
)
areas: st.SearchStrategy[Area] = (
    plain_areas
    | st.builds(Click, pixels, pixels, st.just(False))
    | plain_areas.map(Subtract)
    | plain_areas.map(Intersect)
)
edits: st.SearchStrategy[Edit] = st.one_of(
    *(st.builds(kind, st.floats(0.1, 1000)) for kind in (Grow, Shrink, Feather)),
    st.sampled_from([FillHoles(), KeepLargest()]),
)


def test_a_region_of_every_kind_of_area_and_edit() -> None:
    text = (
        "click=412,300; exclude=1,2; box=0,0,50,60; polygon=1,2 30,4 5.5,60; brush=6:1,2 3,4; "
        "mask=m.png; subtract brush=2:9,9; intersect mask=n.png; grow=4; fill-holes; "
        "granularity=part; prompt=drift left; strength=3; seed-offset=7"
    )
    expected = Region(
        [
            Click(412, 300),
            Click(1, 2, positive=False),
            Box(0, 0, 50, 60),
            Polygon(((1, 2), (30, 4), (5.5, 60))),
            Brush(((1, 2), (3, 4)), 6),
            "m.png",
            Subtract(Brush(((9, 9),), 2)),
            Intersect("n.png"),
        ],
        edits=[Grow(4), FillHoles()],
        granularity="part",
        prompt="drift left",
        strength=3,
        seed_offset=7,
    )
    assert parse_region(text) == expected


def test_a_prompt_may_hold_equals_signs_and_commas() -> None:
    region = parse_region(" Click = 1,2 ;prompt=go left, speed=2, then stop;")
    assert region.prompt == "go left, speed=2, then stop"


def test_edits_keep_their_order_wherever_they_stand() -> None:
    region = parse_region("shrink=2; click=1,2; grow=2; prompt=sway; keep-largest")
    assert region.edits == (Shrink(2), Grow(2), KeepLargest())
    assert parse_edits("feather=1.5; fill-holes") == (Feather(1.5), FillHoles())


@pytest.mark.parametrize(
    "text",
    [
        "clack=1,2; prompt=sway",
        "click; prompt=sway",
        "click=1; prompt=sway",
        "click=1,b; prompt=sway",
        "click=1,nan; prompt=sway",
        "box=1,2,3; prompt=sway",
        "polygon=1,2 3,4; prompt=sway",
        "polygon=1,2 3,4 5; prompt=sway",
        "brush=1,2 3,4; prompt=sway",
        "brush=2:; prompt=sway",
        "brush=-2:1,2; prompt=sway",
        "click=1,2; subtract; prompt=sway",
        "click=1,2; subtract exclude=1,2; prompt=sway",
        "click=1,2; subtract subtract box=1,2,3,4; prompt=sway",
        "click=1,2; keep box=1,2,3,4; prompt=sway",
        "subtract box=1,2,3,4; prompt=sway",
        "click=1,2; grow; prompt=sway",
        "click=1,2; grow=a; prompt=sway",
        "click=1,2; grow=-1; prompt=sway",
        "click=1,2; fill-holes=2; prompt=sway",
        "click=1,2; prompt=sway; strength=fast",
        "click=1,2; prompt=a; prompt=b",
        "prompt=sway",
        "mask=; prompt=sway",
        "exclude=1,2; prompt=sway",
    ],
)
def test_bad_region_text_says_what_was_expected(text: str) -> None:
    with pytest.raises(RegionError, match="expected") as caught:
        parse_region(text)
    assert "\n" not in str(caught.value)


def test_an_unknown_key_shows_an_example() -> None:
    with pytest.raises(RegionError, match="click=412,300; prompt=drift left"):
        parse_region("clack=1,2")


@pytest.mark.parametrize("text", ["click=1,2", "click=1,2; prompt= "])
def test_region_text_needs_a_prompt(text: str) -> None:
    with pytest.raises(PromptError):
        parse_region(text)


@pytest.mark.parametrize(
    "text", ["granularity=half", "seed-offset=1.5", "seed-offset=-1", "strength=21"]
)
def test_settings_out_of_range_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="expected"):
        parse_region(f"click=1,2; prompt=sway; {text}")


def test_what_is_held_still_has_a_place_and_no_motion() -> None:
    held = parse_hold_still("click=90,210; grow=4; granularity=whole")
    assert held == HoldStill(Click(90, 210), edits=Grow(4), granularity="whole")
    for text in ("click=1,2; prompt=sway", "click=1,2; strength=2", "click=1,2; seed-offset=1"):
        with pytest.raises(RegionError, match="expected KEY=VALUE"):
            parse_hold_still(text)


def test_single_areas_and_points() -> None:
    assert parse_point(" 3, 4.5") == (3.0, 4.5)
    assert parse_box("1,2,3,4") == Box(1, 2, 3, 4)
    assert parse_polygon("1,2  3,4 5,6") == Polygon(((1, 2), (3, 4), (5, 6)))
    assert parse_brush(" 2.5 : 1,2") == Brush(((1, 2),), 2.5)
    assert parse_area("polygon=1,2 3,4 5,6") == parse_polygon("1,2 3,4 5,6")
    for bad in ("", "1", "1,2,3", "a,b", "1,inf"):
        with pytest.raises(RegionError, match="412,300"):
            parse_point(bad)
    with pytest.raises(RegionError, match="no area"):
        parse_box("3,3,3,3")
    for bad in ("", "box", "exclude=1,2", "prompt=sway"):
        with pytest.raises(RegionError, match="click, box, polygon, brush, mask"):
            parse_area(bad)
    for bad in ("click=1,2", "grow", "prompt=sway"):
        with pytest.raises(RegionError, match="expected KEY=VALUE"):
            parse_edits(bad)


@settings(max_examples=60, deadline=None)
@given(
    plain_areas,
    st.lists(areas, max_size=4),
    st.lists(edits, max_size=3),
    st.text("ab =,é", min_size=1, max_size=20).filter(str.strip),
    st.none() | st.floats(0, 20),
    st.sampled_from([None, "part", "object", "whole"]),
    st.integers(0, 2**31 - 1),
)
def test_writing_and_parsing_a_region_gives_the_same(
    first: PlainArea,
    rest: list[Area],
    changes: list[Edit],
    prompt: str,
    strength: float | None,
    granularity: str | None,
    seed_offset: int,
) -> None:
    region = Region(
        [first, *rest],
        prompt=prompt,
        strength=strength,
        edits=changes,
        granularity=granularity,  # type: ignore[arg-type]
        seed_offset=seed_offset,
    )
    parts = [*map(area_text, region.areas), *map(edit_text, changes), f"prompt={prompt}"]
    parts += [] if strength is None else [f"strength={strength!r}"]
    parts += [] if granularity is None else [f"granularity={granularity}"]
    assert parse_region("; ".join([*parts, f"seed-offset={seed_offset}"])) == region


def test_a_mask_array_has_a_name_for_errors_only() -> None:
    assert area_text(Subtract(np.zeros((4, 5), np.bool_))) == "subtract mask of 5x4"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_parses_or_raises_a_user_error(text: str) -> None:
    for parse in (parse_region, parse_hold_still, parse_edits, parse_area):
        try:
            parse(text)
        except UserInputError as error:
            assert str(error)
