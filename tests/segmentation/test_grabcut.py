"""The segmenter without weights: what every mask must satisfy, and that it finds plain objects."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from follow_your_click.errors import RegionError
from follow_your_click.segmentation import GrabCutSegmenter


def _scene(
    height: int = 120, width: int = 160, *, hole: bool = False
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """An orange disc (with a dark spot in it) on a textured green ground, and the disc's mask."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    away = np.hypot(rows - 0.55 * height, columns - 0.4 * width)
    disc = away < 0.25 * height
    image = np.full((height, width, 3), (40, 120, 60), np.float64)
    image[disc] = (220, 130, 40)
    if hole:
        image[away < 0.06 * height] = (60, 30, 20)
    image += random.normal(0, 6, image.shape)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 0.7), 0, 255).astype(np.uint8), disc


def _iou(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    return float((first & second).sum() / (first | second).sum())


def _points(*points: tuple[float, float]) -> npt.NDArray[np.float32]:
    return np.array(points, np.float32)


@pytest.fixture(scope="module")
def segmenter() -> GrabCutSegmenter:
    made = GrabCutSegmenter()
    made.set_image(_scene()[0])
    return made


@pytest.mark.parametrize("factor", [1, 5])
def test_a_click_on_a_plain_object_finds_it(factor: int) -> None:
    image, disc = _scene(120 * factor, 160 * factor)
    segmenter = GrabCutSegmenter()
    segmenter.set_image(image)
    found = segmenter.predict(point_coords=_points((64 * factor, 66 * factor)))
    assert _iou(found.masks[0], disc) > 0.95


def test_holes_in_the_object_are_filled() -> None:
    image, disc = _scene(hole=True)
    segmenter = GrabCutSegmenter()
    segmenter.set_image(image)
    found = segmenter.predict(point_coords=_points((50, 66)))
    assert _iou(found.masks[0], disc) > 0.93


def test_a_box_finds_the_object_in_it(segmenter: GrabCutSegmenter) -> None:
    found = segmenter.predict(box=np.array([32, 34, 96, 98], np.float32))
    assert _iou(found.masks[0], _scene()[1]) > 0.93


def test_a_rough_mask_is_refined(segmenter: GrabCutSegmenter) -> None:
    disc = _scene()[1]
    rough = cv2.dilate(disc.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.float32)
    found = segmenter.predict(mask=rough)
    assert _iou(found.masks[0], disc) > _iou(rough > 0.5, disc) + 0.1


def test_a_negative_click_takes_its_part_away() -> None:
    image, _ = _scene()
    image[:, 100:] = (220, 130, 40)  # a second orange thing, and a bridge that joins the two
    image[60:72, 80:110] = (220, 130, 40)
    segmenter = GrabCutSegmenter()
    segmenter.set_image(image)
    labels = np.array([1, 0])
    found = segmenter.predict(point_coords=_points((64, 66), (120, 20)), point_labels=labels)
    assert found.masks[:, 66, 64].all()
    assert not found.masks[:, 20, 120].any()


def test_two_clicks_on_two_objects_select_both() -> None:
    image = np.full((120, 160, 3), (40, 120, 60), np.uint8)
    wanted = np.zeros((120, 160), np.bool_)
    for left in (20, 110):
        wanted[40:80, left : left + 30] = True
    image[wanted] = (220, 130, 40)
    segmenter = GrabCutSegmenter()
    segmenter.set_image(image)
    found = segmenter.predict(point_coords=_points((35, 60), (125, 60)))
    assert _iou(found.masks[0], wanted) > 0.9


def test_candidates_are_ordered_distinct_and_repeatable(segmenter: GrabCutSegmenter) -> None:
    first, second = (segmenter.predict(point_coords=_points((64, 66))) for _ in range(2))
    assert first.masks.shape[1:] == (120, 160)
    assert first.masks.dtype == np.bool_
    assert 1 <= len(first.masks) == len(first.scores) <= 4
    assert (np.diff(first.scores) <= 0).all()
    assert (first.scores >= 0).all() and (first.scores <= 1).all()
    np.testing.assert_array_equal(first.masks, second.masks)
    np.testing.assert_array_equal(first.scores, second.scores)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    # Short of 1 by more than float32 rounds: a click at 1 lies outside the photo.
    at=st.tuples(*[st.floats(0, 0.999)] * 4),
    kind=st.sampled_from(["flat", "noise", "stripes"]),
)
def test_a_clicked_pixel_keeps_its_side_at_any_size(
    height: int, width: int, at: tuple[float, float, float, float], kind: str
) -> None:
    image = np.full((height, width, 3), 90, np.uint8)
    if kind == "noise":
        image = np.random.default_rng(height).integers(0, 256, image.shape, np.uint8)
    elif kind == "stripes":
        image[:, ::3] = (200, 30, 10)
    points = np.array([[at[0] * width, at[1] * height], [at[2] * width, at[3] * height]])
    (x, y), (other_x, other_y) = points.astype(np.float32).astype(int)
    segmenter = GrabCutSegmenter()
    segmenter.set_image(image)
    alone = segmenter.predict(point_coords=points[:1].astype(np.float32))
    assert alone.masks.shape[1:] == (height, width)
    assert alone.masks[:, y, x].all()
    if (x, y) != (other_x, other_y):
        labels = np.array([1, 0])
        both = segmenter.predict(point_coords=points.astype(np.float32), point_labels=labels)
        assert both.masks[:, y, x].all()
        assert not both.masks[:, other_y, other_x].any()


@pytest.mark.parametrize("shape", [(700, 40), (40, 700), (2, 900)])
def test_a_clicked_pixel_is_kept_in_long_photos(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    segmenter = GrabCutSegmenter()
    segmenter.set_image(image)
    for y, x in ((0, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 2, shape[1] // 3)):
        assert segmenter.predict(point_coords=_points((x, y))).masks[:, y, x].all()


def test_a_box_over_the_whole_photo_gives_a_mask(segmenter: GrabCutSegmenter) -> None:
    found = segmenter.predict(box=np.array([0, 0, 160, 120], np.float32))
    assert found.masks[0].any()


def test_prompts_that_cannot_be_answered_are_refused(segmenter: GrabCutSegmenter) -> None:
    with pytest.raises(RegionError, match="set_image"):
        GrabCutSegmenter().predict(point_coords=_points((1, 1)))
    with pytest.raises(RegionError, match="positive"):
        segmenter.predict()
    with pytest.raises(RegionError, match="positive"):
        segmenter.predict(point_coords=_points((1, 1)), point_labels=np.array([0]))
    with pytest.raises(RegionError, match="160x120"):
        segmenter.predict(point_coords=_points((160, 5)))
    with pytest.raises(RegionError, match="labels"):
        segmenter.predict(point_coords=_points((1, 1)), point_labels=np.array([1, 1]))
    with pytest.raises(RegionError, match="mask"):
        segmenter.predict(mask=np.ones((3, 3), np.float32))
    with pytest.raises(RegionError, match="uint8"):
        GrabCutSegmenter().set_image(np.zeros((4, 4), np.uint8))
