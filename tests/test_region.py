"""What regions and selections accept and refuse, and their JSON forms."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from follow_your_click.errors import PromptError, RegionError, SettingsError
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
    Polygon,
    Region,
    Selection,
    Shrink,
    Subtract,
)


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
        Polygon(((0, 0), (4, 0), (0, 4))),
        Subtract(Click(1, 1)),
        Intersect(mask),
    ]
    region = Region(areas, prompt="sway")
    assert len(region.areas) == 9
    assert region.areas[3] is mask
    assert region.strength is None


def test_a_region_cannot_be_changed() -> None:
    region = Region(Click(1, 2), prompt="sway")
    for name, value in (("prompt", "jump"), ("areas", ()), ("mask", None)):
        with pytest.raises(AttributeError, match="cannot be changed"):
            setattr(region, name, value)
    assert region == Region(Click(1, 2), prompt="sway")


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


@pytest.mark.parametrize("points", [(), ((1, 2), (3, 4)), ((1, 2), (3, 4), (5,)), 7, "abc"])
def test_a_polygon_needs_three_points(points: Any) -> None:
    with pytest.raises(RegionError, match="polygon: .* at least 3"):
        Polygon(points)


def test_points_come_as_lists_too_and_must_be_finite() -> None:
    assert Polygon([[0, 0], [4, 0], [0, 4]]) == Polygon(((0, 0), (4, 0), (0, 4)))  # type: ignore[arg-type]
    for bad in (float("nan"), float("inf"), "7", 10**400):
        with pytest.raises(RegionError, match="finite"):
            Polygon(((0, 0), (4, 0), (0, bad)))  # type: ignore[arg-type]


@pytest.mark.parametrize("wrap", [Subtract, Intersect])
def test_what_can_be_subtracted_or_intersected(wrap: Any) -> None:
    mask = np.ones((4, 5), np.bool_)
    assert wrap(mask) == wrap(mask.copy()) and hash(wrap(mask)) == hash(wrap(mask.copy()))
    assert wrap(mask) != wrap(~mask) and wrap(mask) != wrap("m.png") != wrap("n.png")
    assert Subtract(Click(1, 2)) != Intersect(Click(1, 2))
    with pytest.raises(RegionError, match="negative click"):
        wrap(Click(1, 2, positive=False))
    for bad in (None, [Click(1, 2)], wrap(Click(1, 2)), np.zeros((4, 5), np.int64)):
        with pytest.raises(RegionError, match="expected"):
            wrap(bad)


@pytest.mark.parametrize(
    "areas",
    [
        Subtract(Click(1, 2)),
        [Intersect("m.png"), Click(1, 2)],
        [Click(1, 2, positive=False), Subtract("m.png"), Click(5, 5)],
    ],
)
def test_there_must_be_something_to_cut_from(areas: Any) -> None:
    with pytest.raises(RegionError, match="no area before it"):
        Selection(areas)


@pytest.mark.parametrize("kind", [Grow, Shrink, Feather])
@pytest.mark.parametrize("bad", [0, -1, 1000.5, float("nan"), float("inf"), "3", None, 10**400])
def test_edits_need_a_sensible_number_of_pixels(kind: Any, bad: Any) -> None:
    with pytest.raises(RegionError, match="at most 1000"):
        kind(bad)


def test_a_selection_has_edits_in_order_and_a_granularity() -> None:
    selection = Selection(Click(1, 2), edits=[Grow(2), FillHoles()], granularity="part")
    assert selection.edits == (Grow(2), FillHoles())
    assert Selection(Click(1, 2), edits=KeepLargest()).edits == (KeepLargest(),)
    with pytest.raises(RegionError, match="edits: got int, expected Grow"):
        Selection(Click(1, 2), edits=[3])  # type: ignore[list-item]
    with pytest.raises(SettingsError, match="part, object, whole"):
        Selection(Click(1, 2), granularity="half")  # type: ignore[arg-type]


@pytest.mark.parametrize("offset", [-1, 2**31, 1.5, "1"])
def test_seed_offsets_out_of_range_are_refused(offset: Any) -> None:
    with pytest.raises(SettingsError, match="seed offset"):
        Region(Click(1, 2), prompt="sway", seed_offset=offset)


def test_what_moves_and_what_is_held_still_are_never_equal() -> None:
    assert HoldStill(Click(1, 2)) != Selection(Click(1, 2))
    assert HoldStill(Click(1, 2)) == HoldStill(Click(1, 2))
    assert Region(Click(1, 2), prompt="a") != Region(Click(1, 2), prompt="a", seed_offset=1)
    assert Region(Click(1, 2), prompt="a") != Region(Click(1, 2), prompt="a", edits=Grow(1))


def test_a_settled_mask_keeps_the_record_of_its_making() -> None:
    region = Region(Click(1, 2), prompt="sway", edits=Grow(2))
    settled = region.with_mask(np.eye(3, dtype=np.bool_))
    assert region.mask is None and settled.mask is not None
    assert (settled.areas, settled.edits, settled.prompt) == (region.areas, region.edits, "sway")
    assert settled != region and settled.without_mask() == region
    assert settled.to_json()["mask"]["shape"] == [3, 3]
    with pytest.raises(RegionError, match="mask"):
        region.with_mask(np.zeros((3, 3, 3), np.uint8))


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


ALL_AREAS: list[Area] = [
    Click(1, 2.5),
    Click(3, 4, positive=False),
    Box(0, 0, 3, 3),
    Brush(((1, 1), (2, 3)), 2),
    Polygon(((0, 0), (4, 0), (0, 4))),
    Path("masks/m.png"),
    Subtract(Click(2, 2)),
    Intersect(np.eye(3, dtype=np.bool_)),
    np.array([[0, 1], [1, 0]], np.uint8),  # a label image stays one
    np.array([[0, 200]], np.uint8),
]
ALL_EDITS: list[Edit] = [Grow(2), Shrink(1.5), Feather(3), FillHoles(), KeepLargest()]


def test_a_region_comes_back_from_json() -> None:
    region = Region(
        ALL_AREAS,
        prompt="sway",
        strength=2.5,
        seed_offset=3,
        edits=ALL_EDITS,
        granularity="whole",
    ).with_mask(np.eye(7, dtype=np.bool_))
    text = json.dumps(region.to_json(masks="png"))
    assert Region.from_json(json.loads(text)) == region
    held = HoldStill(ALL_AREAS, edits=ALL_EDITS, granularity="part")
    assert HoldStill.from_json(json.loads(json.dumps(held.to_json(masks="png")))) == held
    assert Region.from_json(
        {"areas": [{"type": "click", "x": 1, "y": 2}], "prompt": "a"}
    ) == Region(Click(1, 2), prompt="a")


@settings(max_examples=40, deadline=None)
@given(
    st_numpy.arrays(
        st.sampled_from([np.bool_, np.uint8, np.float32, np.float64]),
        st_numpy.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements={"min_value": 0, "max_value": 1},
    )
)
def test_mask_arrays_survive_json(mask: Any) -> None:
    region = Region(mask, prompt="sway")
    (back,) = Region.from_json(region.to_json(masks="png")).areas
    assert isinstance(back, np.ndarray)
    if mask.dtype in (np.bool_, np.uint8):
        assert back.dtype == mask.dtype
        np.testing.assert_array_equal(back, mask)
    else:
        assert np.abs(back - mask).max() <= 0.5 / 255 + 1e-6
        np.testing.assert_array_equal(back > 0.5, mask > 0.5)
        (again,) = Region.from_json(Region(back, prompt="a").to_json(masks="png")).areas
        np.testing.assert_array_equal(again, back)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"areas": None}, "lists of areas and edits"),
        ({"areas": []}, "no area"),
        ({"areas": ["click"]}, "area: got type None"),
        ({"areas": [{"type": "ellipse"}]}, "ellipse"),
        ({"areas": [{"type": "click", "x": 1}]}, "click: got no 'y'"),
        ({"areas": [{"type": "click", "x": "1", "y": 2}]}, "finite"),
        ({"areas": [{"type": "click", "x": 1, "y": 2, "positive": 0}]}, "true or false"),
        ({"areas": [{"type": "click", "x": 1, "y": 2, "z": 3}]}, "an unknown 'z'"),
        ({"areas": [{"type": "brush", "points": 3, "radius": 2}]}, "brush"),
        ({"areas": [{"type": "subtract", "area": {"type": "click"}}]}, "click: got no 'x'"),
        ({"areas": [{"type": "subtract", "area": {"type": "subtract"}}]}, "area: got type"),
        ({"areas": [{"type": "mask", "shape": [3, 3], "sha256": "0"}]}, "only its digest"),
        ({"areas": [{"type": "mask", "dtype": "bool", "png": "AAAA"}]}, "no PNG"),
        ({"areas": [{"type": "mask", "dtype": "bool", "png": 3}]}, "no PNG"),
        ({"areas": [{"type": "mask", "dtype": "int8", "png": ""}]}, "dtype"),
        ({"areas": [{"type": "mask", "file": ""}]}, "a file's name"),
        ({"mask": {"type": "mask", "file": "m.png"}}, "pixels"),
        ({"edits": [{"type": "grow"}]}, "grow: got no 'pixels'"),
        ({"edits": [{"type": "fill-holes", "pixels": 3}]}, "an unknown 'pixels'"),
        ({"edits": [{"type": "blur", "pixels": 3}]}, "edit: got 'blur'"),
        ({"edits": 3}, "lists of areas and edits"),
        ({"colour": "red"}, "an unknown 'colour'"),
    ],
)
def test_json_of_something_else_is_refused(change: dict[str, Any], says: str) -> None:
    data = {"areas": [{"type": "click", "x": 1, "y": 2}], "prompt": "sway", **change}
    with pytest.raises(RegionError, match=says) as caught:
        Region.from_json(data)
    assert "\n" not in str(caught.value)


def test_json_values_of_another_type_are_user_errors() -> None:
    data = {"areas": [{"type": "click", "x": 1, "y": 2}], "prompt": "sway"}
    with pytest.raises(PromptError, match="expected text"):
        Region.from_json({**data, "prompt": 3})
    for change in ({"strength": "3"}, {"granularity": "all"}, {"seed_offset": None}):
        with pytest.raises(SettingsError):
            Region.from_json({**data, **change})
    with pytest.raises(RegionError, match="expected a JSON object"):
        Region.from_json([])  # type: ignore[arg-type]
    with pytest.raises(RegionError, match="no 'prompt'"):
        Region.from_json({"areas": data["areas"]})
