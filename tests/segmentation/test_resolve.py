"""From a region's areas to one mask, and masks as files."""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from PIL import Image

from follow_your_click.errors import OutputError, RegionError
from follow_your_click.region import Area, Box, Brush, Click, Region
from follow_your_click.segmentation import Segmentation, load_mask, region_mask, save_mask

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
    area: Area | list[Area], segmenter: _Recorder | None = None
) -> npt.NDArray[np.float32]:
    return region_mask(PHOTO, Region(area, prompt="sway"), segmenter or _Recorder())


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


def test_strokes_are_painted_and_never_sent_to_the_segmenter() -> None:
    segmenter = _Recorder(empty=True)
    mask = _resolve([Brush(((10, 20), (40, 20)), 4)], segmenter)
    assert not segmenter.asked
    assert mask[20, 10] == mask[20, 25] == mask[17, 25] == mask[22, 40] == 1.0
    assert mask[14, 25] == mask[26, 25] == mask[20, 4] == mask[20, 47] == 0.0
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
    mask = _resolve(Brush(tuple(points), radius))
    assert all(mask[int(y), int(x)] == 1.0 for x, y in points)


def test_a_stroke_across_the_photo_counts_though_its_ends_are_outside() -> None:
    assert _resolve(Brush(((-50, 20), (200, 20)), 3))[20].all()


def test_masks_keep_their_values_and_unite_with_the_rest(tmp_path: Path) -> None:
    soft = np.zeros((HEIGHT, WIDTH), np.float32)
    soft[:5, :5] = 0.5
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[30:, 50:] = 1
    save_mask(np.eye(HEIGHT, WIDTH, dtype=np.bool_), tmp_path / "m.png")
    mask = _resolve([soft, labels, tmp_path / "m.png", Click(30, 2)])
    assert mask[0, 1] == 0.5
    assert mask[0, 0] == mask[39, 59] == mask[20, 20] == mask[2, 30] == 1.0
    assert mask[2, 33] == 0.0


def test_a_mask_of_another_size_says_both_sizes(tmp_path: Path) -> None:
    save_mask(np.ones((10, 20), np.bool_), tmp_path / "small.png")
    for area in (np.ones((10, 20), np.bool_), tmp_path / "small.png"):
        with pytest.raises(RegionError, match="20x10 pixels but the photo is 60x40"):
            _resolve(area)


@pytest.mark.parametrize("click", [Click(60, 5), Click(5, 40), Click(-0.5, 5)])
def test_a_click_outside_says_the_photo_size(click: Click) -> None:
    with pytest.raises(RegionError, match="60x40"):
        _resolve([Click(1, 1), click])


def test_a_click_on_the_last_pixel_is_inside() -> None:
    assert _resolve(Click(59.9, 39.9))[39, 59] == 1.0


@pytest.mark.parametrize("area", [Box(60, 0, 90, 20), Box(-9, -9, 0, 5), Brush(((-30, -30),), 5)])
def test_areas_wholly_outside_are_refused(area: Area) -> None:
    with pytest.raises(RegionError, match="outside the photo of 60x40"):
        _resolve(area)


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


def test_unreadable_mask_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    save_mask(np.ones((50, 50), np.bool_), tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:60])
    for name in ("missing.png", "text.png", "cut.png"):
        with pytest.raises(RegionError, match="cannot be read"):
            _resolve(tmp_path / name)
    with pytest.raises(RegionError, match="cannot be read"):
        load_mask(tmp_path)


def test_of_a_transparent_picture_only_the_opacity_counts(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 10, 10))
    picture.save(tmp_path / "cutout.png")
    assert load_mask(tmp_path / "cutout.png").sum() == 100


@settings(max_examples=40, deadline=None)
@given(
    st_numpy.arrays(np.bool_, st_numpy.array_shapes(min_dims=2, max_dims=2, max_side=20))
    | st_numpy.arrays(np.uint8, st.just((5, 7))).filter(lambda mask: mask.max() > 1)
)
def test_saving_and_loading_a_mask_gives_the_same(mask: npt.NDArray[np.uint8]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        save_mask(mask, Path(folder) / "mask.png")
        loaded = load_mask(Path(folder) / "mask.png")
        assert [path.name for path in Path(folder).iterdir()] == ["mask.png"]
    full = 255 if mask.dtype == np.uint8 else 1
    np.testing.assert_array_equal(loaded, (mask / np.float32(full)).astype(np.float32))


def test_an_interrupted_mask_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_mask(np.ones((3, 3), np.bool_), tmp_path / "mask.png")
    assert not list(tmp_path.iterdir())


def test_a_mask_that_is_faint_everywhere_is_refused() -> None:
    with pytest.raises(RegionError, match="nowhere above 0.5"):
        _resolve(np.full((HEIGHT, WIDTH), 0.5, np.float32))


def test_a_mask_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        save_mask(np.ones((3, 3), np.bool_), tmp_path / "no" / "mask.png")
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        save_mask(np.ones((3, 3), np.bool_), tmp_path / "taken.png")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]
