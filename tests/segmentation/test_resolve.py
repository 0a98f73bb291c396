"""From a selection's areas and edits to one mask, and masks as files."""

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from PIL import Image

from follow_your_click.errors import RegionError
from follow_your_click.photo import read_photo
from follow_your_click.region import (
    Area,
    Box,
    Brush,
    Click,
    Edit,
    Feather,
    FillHoles,
    Granularity,
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
from follow_your_click.segmentation import (
    GrabCutSegmenter,
    Segmentation,
    load_mask,
    region_mask,
    save_mask,
)
from follow_your_click.segmentation.resolve import candidate_masks, check_masks, needs_segmenter

HEIGHT, WIDTH = 40, 60
PHOTO = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


class _Recorder:
    """A segmenter that marks the box, or a 3x3 square about each positive click, and remembers."""

    def __init__(self, *, empty: bool = False) -> None:
        self.asked: list[tuple[list[list[float]], list[int], list[float] | None]] = []
        self.empty = empty

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        raise AssertionError("region_mask must not repeat the costly step")

    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
    ) -> Segmentation:
        points = [] if point_coords is None else point_coords.tolist()
        labels = [] if point_labels is None else point_labels.tolist()
        self.asked.append((points, labels, None if box is None else box.tolist()))
        found = np.zeros((HEIGHT, WIDTH), np.bool_)
        for (x, y), label in zip(points, labels, strict=True):
            if label:
                found[max(0, int(y) - 1) : int(y) + 2, max(0, int(x) - 1) : int(x) + 2] = True
        if box is not None:
            x0, y0, x1, y1 = box.astype(int)
            found[y0:y1, x0:x1] = True
        return Segmentation(found[None] & (not self.empty), np.ones(1, np.float32))


def _resolve(
    area: Area | list[Area],
    segmenter: _Recorder | None = None,
    *,
    edits: Edit | Sequence[Edit] = (),
) -> npt.NDArray[np.float32]:
    return region_mask(PHOTO, Selection(area, edits=edits), segmenter or _Recorder())


def _square(top: int, left: int, side: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def test_clicks_and_one_box_are_one_prompt() -> None:
    segmenter = _Recorder()
    _resolve([Click(3, 4), Box(10, 10, 20, 20), Click(30, 30, positive=False)], segmenter)
    assert segmenter.asked == [([[3, 4], [30, 30]], [1, 0], [10, 10, 20, 20])]


def test_a_box_alone_is_a_prompt_and_is_clipped_to_the_photo() -> None:
    segmenter = _Recorder()
    mask = _resolve(Box(-10, 5, 12, 500), segmenter)
    assert segmenter.asked == [([], [], [0, 5, 12, HEIGHT])]
    assert mask.dtype == np.float32
    assert mask.shape == (HEIGHT, WIDTH)
    assert mask.sum() == 12 * (HEIGHT - 5)


def test_several_boxes_unite() -> None:
    mask = _resolve([Box(0, 0, 5, 5), Box(50, 30, 60, 40), Click(30, 20)])
    assert mask.sum() == 25 + 100 + 9


def test_masks_keep_their_values_and_unite_with_the_rest(tmp_path: Path) -> None:
    soft = np.zeros((HEIGHT, WIDTH), np.float32)
    soft[:5, :5] = 0.5
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[30:, 50:] = 1
    save_mask(np.eye(HEIGHT, WIDTH, dtype=np.bool_), tmp_path / "m.png")
    mask = _resolve([soft, labels, tmp_path / "m.png", Click(30, 2)])
    assert mask[0, 1] == np.float32(127 / 255), "256 levels, and what was not above 0.5 stays so"
    assert mask[0, 0] == mask[39, 59] == mask[20, 20] == mask[2, 30] == 1.0
    assert mask[2, 33] == 0.0


def test_a_mask_of_another_size_says_both_sizes(tmp_path: Path) -> None:
    save_mask(np.ones((10, 20), np.bool_), tmp_path / "small.png")
    for area in (np.ones((10, 20), np.bool_), tmp_path / "small.png"):
        with pytest.raises(RegionError, match="20x10 pixels but the photo is 60x40"):
            _resolve(area)


def test_strokes_and_polygons_are_areas_never_points_for_the_segmenter() -> None:
    segmenter = _Recorder(empty=True)
    mask = _resolve(
        [Brush(((10, 20), (40, 20)), 4), Polygon(((50, 0), (60, 0), (55, 9)))], segmenter
    )
    assert not segmenter.asked
    assert mask[20, 25] == mask[2, 55] == 1 and mask[30, 25] == 0


@pytest.mark.parametrize("click", [Click(60, 5), Click(5, 40), Click(-0.5, 5)])
def test_a_click_outside_says_the_photo_size(click: Click) -> None:
    with pytest.raises(RegionError, match="60x40"):
        _resolve([Click(1, 1), click])


def test_a_click_on_the_last_pixel_is_inside() -> None:
    assert _resolve(Click(59.9, 39.9))[39, 59] == 1.0


@pytest.mark.parametrize(
    "area",
    [
        Box(60, 0, 90, 20),
        Box(-9, -9, 0, 5),
        Brush(((-30, -30),), 5),
        Click(60, 5),
    ],
)
def test_areas_wholly_outside_are_refused(area: Box | Brush | Click) -> None:
    for areas in (area, [Click(5, 5), Subtract(area)], [Click(5, 5), Intersect(area)]):
        with pytest.raises(RegionError, match="outside the photo of 60x40"):
            _resolve(areas)  # type: ignore[arg-type]


def test_empty_results_are_refused() -> None:
    with pytest.raises(RegionError, match="empty"):
        _resolve(np.zeros((HEIGHT, WIDTH), np.uint8))
    with pytest.raises(RegionError, match="empty"):
        _resolve(Click(5, 5), _Recorder(empty=True))


def test_a_negative_click_must_have_something_to_cut_from() -> None:
    with pytest.raises(RegionError, match="cut from"):
        _resolve([Brush(((5, 5),), 3), Click(5, 5, positive=False)])
    with pytest.raises(RegionError, match="both included and excluded"):
        _resolve([Click(5, 5), Click(5.2, 5.9, positive=False)])


@settings(max_examples=20, deadline=None)
@given(st_numpy.arrays(np.float32, (HEIGHT, WIDTH), elements=st.floats(0, 1, width=32)))
def test_a_resolved_mask_is_the_one_that_a_file_gives_back(mask: npt.NDArray[np.float32]) -> None:
    mask[3, 4] = 0.7
    resolved = _resolve(mask)
    with tempfile.TemporaryDirectory() as folder:
        save_mask(resolved, Path(folder) / "mask.png")
        np.testing.assert_array_equal(load_mask(Path(folder) / "mask.png"), resolved)
        np.testing.assert_array_equal(_resolve(Path(folder) / "mask.png"), resolved)


def test_a_mask_that_is_faint_everywhere_is_refused() -> None:
    with pytest.raises(RegionError, match="nowhere above 0.5"):
        _resolve(np.full((HEIGHT, WIDTH), 0.5, np.float32))


def test_areas_are_combined_in_the_order_given() -> None:
    big, small = _square(0, 0, 20), _square(5, 5, 5)
    assert _resolve([big, Subtract(small)]).sum() == 400 - 25
    assert _resolve([big, Subtract(small), small]).sum() == 400
    assert _resolve([big, Subtract(small), Intersect(_square(0, 0, 10))]).sum() == 100 - 25
    assert _resolve([big, Intersect(small), _square(30, 30, 5)]).sum() == 50
    soft = np.full((HEIGHT, WIDTH), 51 / 255, np.float32)
    cut = _resolve([big, Subtract(soft)])
    assert np.unique(cut).tolist() == [0.0, np.float32(204 / 255)]


def test_what_is_wrapped_is_a_question_of_its_own() -> None:
    segmenter = _Recorder()
    areas: list[Area] = [
        Brush(((30, 20),), 15),
        Subtract(Click(30, 20)),
        Click(3, 4),
        Click(9, 9, positive=False),
        Intersect(Box(0, 0, 40, 40)),
        Box(1, 1, 6, 6),
    ]
    mask = _resolve(areas, segmenter)
    assert segmenter.asked == [
        ([[30, 20]], [1], None),
        ([[3, 4], [9, 9]], [1, 0], [1, 1, 6, 6]),
        ([], [], [0, 0, 40, 40]),
    ]
    assert mask[20, 30] == 0 and mask[14, 30] == 1 and mask[4, 3] == 1 and mask[20, 42] == 0


def test_the_clicks_stand_where_the_first_positive_one_stands() -> None:
    cut = Subtract(_square(0, 0, 10))
    before: list[Area] = [Click(3, 3), cut, Brush(((50, 30),), 4), Click(30, 20)]
    assert _resolve(before)[3, 3] == 0 and _resolve(before)[20, 30] == 1
    after: list[Area] = [Click(40, 2, positive=False), Brush(((50, 30),), 4), cut, Click(3, 3)]
    assert _resolve(after)[3, 3] == 1


def test_edits_follow_the_areas_in_their_order() -> None:
    area: list[Area] = [_square(10, 10, 9), _square(30, 40, 3), Subtract(_square(14, 14, 1))]
    assert _resolve(area, edits=[FillHoles(), KeepLargest()]).sum() == 81
    assert _resolve(area, edits=KeepLargest()).sum() == 80
    assert _resolve(area, edits=[Grow(1), Shrink(1)]).sum() == 90
    assert _resolve(area, edits=[Shrink(1), Grow(1)]).sum() < 90
    soft = _resolve(area, edits=[Feather(4)])
    assert set(np.unique(soft * 255) % 1) == {0.0} and 0 < soft[9, 14] < 0.5 < soft[10, 14] < 1


masks = st_numpy.arrays(np.bool_, (6, 7)).map(lambda small: np.kron(small, np.ones((6, 8), bool)))


@settings(max_examples=40, deadline=None)
@given(masks, masks, masks)
def test_laws_of_combining(
    a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_], c: npt.NDArray[np.bool_]
) -> None:
    photo = np.zeros((*a.shape, 3), np.uint8)

    def made(*areas: Area) -> npt.NDArray[np.bool_]:
        try:
            return region_mask(photo, Selection(areas), _Recorder()) > 0
        except RegionError:
            return np.zeros(a.shape, np.bool_)

    np.testing.assert_array_equal(made(a, b, c), made(c, a, b))
    np.testing.assert_array_equal(made(a, b, c), a | b | c)
    np.testing.assert_array_equal(
        made(a, Subtract(b), Subtract(c)), made(a, Subtract(c), Subtract(b))
    )
    np.testing.assert_array_equal(made(a, Intersect(b), Intersect(c)), a & b & c)
    np.testing.assert_array_equal(made(a, Subtract(b)) | made(a, Intersect(b)), a)
    assert not made(a, Subtract(b), Intersect(b)).any()


def test_the_step_that_left_nothing_is_named() -> None:
    small = _square(10, 10, 5)
    with pytest.raises(RegionError, match='"shrink=4" left nothing of the mask'):
        _resolve(small, edits=[Grow(1), Shrink(4), Feather(2)])
    with pytest.raises(RegionError, match='"subtract polygon=0,0 60,0 60,40 0,40" left nothing'):
        _resolve([small, Subtract(Polygon(((0, 0), (60, 0), (60, 40), (0, 40))))], edits=Grow(3))
    with pytest.raises(RegionError, match='"intersect mask of 60x40" left nothing'):
        _resolve([small, Intersect(_square(30, 30, 5))])
    emptied_for_a_while: list[Area] = [small, Subtract(small), _square(30, 30, 5)]
    assert _resolve(emptied_for_a_while).sum() == 25


def test_a_settled_mask_is_taken_as_it_is() -> None:
    settled = Selection(Click(3, 3), edits=Grow(5)).with_mask(_square(10, 10, 5))
    segmenter = _Recorder()
    np.testing.assert_array_equal(region_mask(PHOTO, settled, segmenter), _square(10, 10, 5))
    assert not segmenter.asked and not needs_segmenter(settled)
    with pytest.raises(RegionError, match="mask is 7x7 pixels but the photo is 60x40"):
        region_mask(PHOTO, settled.with_mask(np.eye(7, dtype=np.bool_)), segmenter)
    with pytest.raises(RegionError, match="empty"):
        region_mask(PHOTO, settled.with_mask(_square(0, 0, 0)), segmenter)


def test_what_needs_a_segmenter() -> None:
    stroke = Brush(((5, 5),), 3)
    for areas in ([Click(1, 1)], [stroke, Box(0, 0, 5, 5)], [stroke, Subtract(Click(1, 1))]):
        assert needs_segmenter(Selection(areas))
    for areas in ([stroke], ["m.png", Intersect(stroke)], [_square(0, 0, 3)]):
        assert not needs_segmenter(HoldStill(areas))


class _Nested:
    """Part, object and whole about every click, the object first; what is excluded is overlooked."""

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        raise AssertionError("region_mask must not repeat the costly step")

    def predict(self, **_: object) -> Segmentation:
        sides = np.stack([_square(10, 10, side) for side in (12, 6, 20)])
        return Segmentation(sides, np.array([0.9, 0.8, 0.7], np.float32))


def test_granularity_says_which_candidate_a_click_means() -> None:
    sums = {
        name: region_mask(PHOTO, Selection(Click(11, 11), granularity=name), _Nested()).sum()
        for name in (None, "part", "object", "whole")
    }
    assert sums == {None: 144, "part": 36, "object": 144, "whole": 400}
    found = candidate_masks(
        PHOTO, Selection([Click(11, 11), Subtract(_square(0, 0, 9))]), _Nested()
    )
    assert found.masks.sum(axis=(1, 2)).tolist() == [144, 36, 400]
    for areas in ([Brush(((5, 5),), 3)], [Box(0, 0, 5, 5), Box(9, 9, 20, 20)]):
        with pytest.raises(RegionError, match="candidates: got"):
            candidate_masks(PHOTO, Selection(areas), _Nested())


class _TakesNames(_Nested):
    """Knows tails, and answers with one pixel where it is told of one."""

    part_names = ("tail",)

    def predict(self, *, part: str | None = None, **asked: object) -> Segmentation:
        found = super().predict(**asked)
        if part is None:
            return found
        assert part == "tail"
        return Segmentation(np.stack([_square(3, 3, 1)]), np.ones(1, np.float32), ("part",))


@pytest.mark.parametrize(
    ("prompt", "granularity", "named"),
    [
        ("wag the tail", "part", True),
        ("wag the tail", None, False),
        ("wag the tail", "object", False),
        ("flap this wing", "part", False),
        ("sway", "part", False),
    ],
)
def test_a_part_that_is_meant_is_called_as_the_prompt_calls_it(
    prompt: str, granularity: Granularity | None, named: bool
) -> None:
    region = Region(Click(3, 3), prompt=prompt, granularity=granularity)
    expected = region_mask(PHOTO, region, _Nested())
    found = region_mask(PHOTO, region, _TakesNames())
    if named:
        assert found.sum() == 1
    else:
        np.testing.assert_array_equal(found, expected)


def test_a_granularity_without_clicks_warns() -> None:
    with pytest.warns(UserWarning, match="granularity 'part' is ignored"):
        region_mask(PHOTO, Selection(_square(0, 0, 5), granularity="part"), _Recorder())


def test_a_click_that_the_segmenter_overlooks_still_counts() -> None:
    areas: list[Area] = [Click(59.9999999, 39.9999999), Click(15, 15, positive=False)]
    mask = region_mask(PHOTO, Selection(areas), _Nested())
    assert mask[39, 59] == 1 and mask[15, 15] == 0 and mask[14, 15] == 1
    found = candidate_masks(PHOTO, Selection(areas), _Nested())
    assert found.masks[:, 39, 59].all() and not found.masks[:, 15, 15].any()


def test_regions_that_cover_everything_are_refused() -> None:
    size = (HEIGHT, WIDTH)
    left, right = np.zeros(size, np.float32), np.zeros(size, np.float32)
    left[:, :40], right[:, 30:] = 1, 0.6
    check_masks([left], size)
    check_masks([left, right * (np.arange(WIDTH) < 59)], size)
    with pytest.raises(RegionError, match="the region covers the whole photo of 60x40 pixels"):
        check_masks([np.ones(size, np.float32)], size)
    with pytest.raises(RegionError, match="the regions together cover the whole photo") as caught:
        check_masks([left, right], size)
    assert "stays still" in str(caught.value) and "\n" not in str(caught.value)
    corner = _square(0, 0, 1).astype(np.float32)
    check_masks([left, right], size, hold_still=[corner])


def test_a_region_that_is_held_still_altogether_is_refused() -> None:
    size = (HEIGHT, WIDTH)
    region, other = (_square(10, 10, side).astype(np.float32) for side in (5, 6))
    check_masks([other], size, hold_still=[region])
    with pytest.raises(RegionError, match="region 2 lies wholly inside what is held still"):
        check_masks([other, region], size, hold_still=[region])
    for masks in ({"masks": [region[:9]]}, {"masks": [region], "hold_still": [region[:9]]}):
        with pytest.raises(RegionError, match="is 60x9 pixels but the photo is 60x40"):
            check_masks(masks["masks"], size, hold_still=masks.get("hold_still", ()))


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("follow_your_click.photo.MIN_SHORT_SIDE", 1)
    yield


# How each EXIF orientation, 1 to 8, stores upright pixels.
STORED: list[Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]] = [
    lambda pixels: pixels,
    lambda pixels: pixels[:, ::-1],
    lambda pixels: pixels[::-1, ::-1],
    lambda pixels: pixels[::-1],
    lambda pixels: pixels.swapaxes(0, 1),
    lambda pixels: np.rot90(pixels),
    lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    lambda pixels: np.rot90(pixels, -1),
]


@pytest.mark.usefixtures("any_size")
@settings(
    max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.tuples(st.integers(1, 80), st.integers(1, 80)),
    st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)),
    st.integers(1, 8),
    st.integers(0, 9),
)
def test_a_click_s_own_pixel_is_in_its_mask(
    size: tuple[int, int], place: tuple[float, float], orientation: int, seed: int
) -> None:
    height, width = size
    upright = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    upright[: height // 2 + 1, : width // 2 + 1] = (220, 120, 40)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored = np.ascontiguousarray(STORED[orientation - 1](upright))
    Image.fromarray(stored).save(file, format="PNG", exif=exif)
    photo = read_photo(Image.open(file))
    x, y = place[0] * width, place[1] * height
    segmenter = GrabCutSegmenter()
    segmenter.set_image(photo)
    mask = region_mask(photo, Region(Click(x, y), prompt="sway"), segmenter)
    assert mask.shape == (height, width)
    assert mask[int(y), int(x)] == 1
    segmenter.set_image(upright)
    np.testing.assert_array_equal(mask, region_mask(upright, Selection(Click(x, y)), segmenter))
