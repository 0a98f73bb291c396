"""What a region accepts and refuses, and its text and JSON forms."""

import json
from pathlib import Path
from typing import Any

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
    Region,
    parse_box,
    parse_point,
    parse_region,
)

pixels = st.floats(-1e4, 1e4, allow_nan=False).map(lambda value: round(value, 3))


def test_one_click_with_prompt_and_strength() -> None:
    region = Region(Click(412, 300), prompt="drift left", strength=3.0)
    assert region.areas == (Click(412, 300),)
    assert (region.prompt, region.strength) == ("drift left", 3.0)


def test_several_areas_of_every_kind_keep_their_order() -> None:
    mask = np.ones((4, 5), np.bool_)
    areas: list[Area] = [
        Click(1, 2),
        Box(0, 0, 3, 3),
        Brush(((1, 1),), 2),
        mask,
        "m.png",
        Path("n"),
    ]
    region = Region(areas, prompt="sway")
    assert len(region.areas) == 6
    assert region.areas[3] is mask
    assert region.strength is None


def test_a_region_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Region(Click(1, 2), prompt="sway").prompt = "jump"  # type: ignore[misc]


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t", "x" * 301])
def test_empty_and_overlong_prompts_are_refused(prompt: str) -> None:
    with pytest.raises(PromptError):
        Region(Click(1, 2), prompt=prompt)


def test_a_prompt_of_300_characters_is_kept() -> None:
    assert len(Region(Click(1, 2), prompt="x" * 300).prompt) == 300


@pytest.mark.parametrize("strength", [float("nan"), -0.1, 20.5, float("inf")])
def test_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(SettingsError, match=r"0 \.\.\. 20"):
        Region(Click(1, 2), prompt="sway", strength=strength)


@pytest.mark.parametrize("strength", [0.0, 20.0])
def test_both_ends_of_the_strength_range_are_allowed(strength: float) -> None:
    assert Region(Click(1, 2), prompt="sway", strength=strength).strength == strength


@pytest.mark.parametrize("corners", [(5, 5, 5, 9), (5, 5, 9, 5), (9, 0, 5, 5)])
def test_boxes_without_area_are_refused(corners: tuple[float, float, float, float]) -> None:
    with pytest.raises(RegionError, match="no area"):
        Box(*corners)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "12"])
def test_clicks_need_finite_numbers(bad: Any) -> None:
    with pytest.raises(RegionError, match="finite"):
        Click(bad, 3)


@pytest.mark.parametrize(("points", "radius"), [((), 3.0), (((1.0, 2.0),), 0.0), (((1.0,),), 3.0)])
def test_brush_needs_points_and_a_radius(points: Any, radius: float) -> None:
    with pytest.raises(RegionError, match="brush"):
        Brush(points, radius)


def test_only_negative_clicks_are_refused() -> None:
    with pytest.raises(RegionError, match="only negative"):
        Region([Click(1, 2, positive=False), Click(3, 4, positive=False)], prompt="sway")


@pytest.mark.parametrize("areas", [[], (412, 300), [None]])
def test_things_that_are_not_areas_are_refused(areas: Any) -> None:
    with pytest.raises(RegionError, match="expected"):
        Region(areas, prompt="sway")


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((4, 5, 3), np.uint8),
        np.zeros((0, 5), np.uint8),
        np.full((4, 5), 1.5),
        np.full((4, 5), np.nan, np.float32),
        np.zeros((4, 5), np.int64),
    ],
)
def test_mask_arrays_of_another_kind_are_refused(mask: Any) -> None:
    with pytest.raises(RegionError, match="mask"):
        Region(mask, prompt="sway")


def test_json_names_mask_files_and_fingerprints_arrays() -> None:
    mask = np.zeros((4, 5), np.bool_)
    first = Region([Click(1, 2), "m.png", mask], prompt="sway").to_json()
    mask_of = np.zeros((4, 5), np.bool_)
    mask_of[1, 1] = True
    second = Region([Click(1, 2), "m.png", mask_of], prompt="sway").to_json()
    assert json.loads(json.dumps(first)) == first
    assert first["areas"][1] == {"type": "mask", "file": "m.png"}
    assert len(first["areas"][2]["sha256"]) == 64
    assert first["areas"][2] != second["areas"][2]
    assert (first["prompt"], first["strength"]) == ("sway", None)


def test_regions_with_masks_can_be_compared() -> None:
    first, second = (Region(np.eye(3, dtype=np.uint8), prompt="sway") for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
    assert first != Region(np.ones((3, 3), np.uint8), prompt="sway")


def test_parse_region_reads_every_key() -> None:
    text = "click=412,300; click=50,60; exclude=1,2; box=0,0,50,60; mask=m.png; prompt=drift left; strength=3"
    expected = Region(
        [
            Click(412, 300),
            Click(50, 60),
            Click(1, 2, positive=False),
            Box(0, 0, 50, 60),
            "m.png",
        ],
        prompt="drift left",
        strength=3,
    )
    assert parse_region(text) == expected


def test_a_prompt_may_hold_equals_signs_and_commas() -> None:
    region = parse_region(" Click = 1,2 ;prompt=go left, speed=2, then stop;")
    assert region.prompt == "go left, speed=2, then stop"


@pytest.mark.parametrize(
    "text",
    [
        "clack=1,2; prompt=sway",
        "click; prompt=sway",
        "click=1; prompt=sway",
        "click=1,b; prompt=sway",
        "click=1,nan; prompt=sway",
        "box=1,2,3; prompt=sway",
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


def test_parse_point_and_box() -> None:
    assert parse_point(" 3, 4.5") == (3.0, 4.5)
    assert parse_box("1,2,3,4") == Box(1, 2, 3, 4)
    for bad in ("", "1", "1,2,3", "a,b", "1,inf"):
        with pytest.raises(RegionError, match="412,300"):
            parse_point(bad)
    with pytest.raises(RegionError, match="no area"):
        parse_box("3,3,3,3")


@settings(max_examples=40, deadline=None)
@given(
    clicks=st.lists(st.tuples(pixels, pixels, st.booleans()), max_size=4),
    corner=st.tuples(pixels, pixels),
    prompt=st.text("ab =,é", min_size=1, max_size=20).filter(str.strip),
    strength=st.none() | st.floats(0, 20),
)
def test_writing_and_parsing_a_region_gives_the_same(
    clicks: list[tuple[float, float, bool]],
    corner: tuple[float, float],
    prompt: str,
    strength: float | None,
) -> None:
    box = Box(*corner, corner[0] + 1, corner[1] + 1)
    areas: list[Area] = [*(Click(x, y, positive) for x, y, positive in clicks), box]
    parts = [f"{'click' if c[2] else 'exclude'}={c[0]!r},{c[1]!r}" for c in clicks]
    parts += [f"box={box.x0!r},{box.y0!r},{box.x1!r},{box.y1!r}", f"prompt={prompt}"]
    parts += [] if strength is None else [f"strength={strength!r}"]
    parsed = parse_region("; ".join(parts))
    assert parsed == Region(areas, prompt=prompt, strength=strength)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_any_text_parses_or_raises_a_user_error(text: str) -> None:
    try:
        parse_region(text)
    except UserInputError as error:
        assert str(error)
