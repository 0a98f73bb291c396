"""Growing, shrinking, feathering and tidying masks: against plain definitions, and the laws they keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from scipy import ndimage

from follow_your_click.region import Edit, Feather, FillHoles, Grow, KeepLargest, Shrink
from follow_your_click.segmentation.edits import edit_mask

Levels = npt.NDArray[np.uint8]
shapes = st_numpy.array_shapes(min_dims=2, max_dims=2, max_side=24)
hard_masks = st_numpy.arrays(np.bool_, shapes).map(lambda mask: mask * np.uint8(255))
soft_masks = st_numpy.arrays(np.uint8, shapes)
radii = st.floats(0.5, 8) | st.sampled_from([1.0, 2.0, 5.0, 2.0**0.5])
any_edit: st.SearchStrategy[Edit] = st.one_of(
    *(st.builds(kind, radii) for kind in (Grow, Shrink, Feather)),
    st.sampled_from([FillHoles(), KeepLargest()]),
)
quick = settings(max_examples=60, deadline=None)


def _inside(mask: Levels) -> npt.NDArray[np.bool_]:
    return mask > 127


def _near(marked: npt.NDArray[np.bool_], pixels: float) -> npt.NDArray[np.bool_]:
    """Within `pixels` of a marked pixel, by measuring all distances."""
    rows, columns = np.mgrid[: marked.shape[0], : marked.shape[1]]
    near = np.zeros(marked.shape, np.bool_)
    for y, x in np.argwhere(marked):
        near |= (rows - y) ** 2 + (columns - x) ** 2 <= pixels**2
    return near


@quick
@given(soft_masks, radii)
def test_grow_and_shrink_are_what_they_say(mask: Levels, pixels: float) -> None:
    grown = np.where(_near(_inside(mask), pixels), 255, mask)
    np.testing.assert_array_equal(edit_mask(mask, Grow(pixels)), grown)
    shrunk = np.where(_near(~_inside(mask), pixels), 0, mask)
    np.testing.assert_array_equal(edit_mask(mask, Shrink(pixels)), shrunk)


@quick
@given(soft_masks, radii)
def test_growing_and_shrinking_back_loses_nothing_and_the_other_way_adds_nothing(
    mask: Levels, pixels: float
) -> None:
    closed = edit_mask(edit_mask(mask, Grow(pixels)), Shrink(pixels))
    assert not (_inside(mask) & ~_inside(closed)).any()
    opened = edit_mask(edit_mask(mask, Shrink(pixels)), Grow(pixels))
    assert not (_inside(opened) & ~_inside(mask)).any()


@quick
@given(hard_masks, radii, st.floats(0, 4))
def test_more_reaches_further(mask: Levels, pixels: float, more: float) -> None:
    for kind, order in ((Grow, 1), (Shrink, -1)):
        little, much = (edit_mask(mask, kind(pixels + extra)) for extra in (0, more))
        assert (order * (much.astype(int) - little) >= 0).all()


@quick
@given(hard_masks, st.data())
def test_growing_one_part_and_another_is_growing_both(mask: Levels, data: st.DataObject) -> None:
    other = data.draw(st_numpy.arrays(np.bool_, mask.shape)) * np.uint8(255)
    both = edit_mask(np.maximum(mask, other), Grow(3))
    np.testing.assert_array_equal(
        both, np.maximum(edit_mask(mask, Grow(3)), edit_mask(other, Grow(3)))
    )


@quick
@given(hard_masks, radii)
def test_the_photo_s_edge_is_no_rim(mask: Levels, pixels: float) -> None:
    """As if the photo went on beyond its edge as it ends there."""
    margin = 10
    beyond = np.pad(mask, margin, mode="edge")
    inner = np.s_[margin:-margin, margin:-margin]
    # Along a straight edge what was repeated lies no nearer than what it was repeated from.
    np.testing.assert_array_equal(
        edit_mask(beyond, Shrink(pixels))[inner], edit_mask(mask, Shrink(pixels))
    )


@quick
@given(soft_masks, st.floats(0.01, 30))
def test_feathering_keeps_what_is_inside(mask: Levels, pixels: float) -> None:
    soft = edit_mask(mask, Feather(pixels))
    np.testing.assert_array_equal(_inside(soft), _inside(mask))
    if pixels <= 1:
        np.testing.assert_array_equal(soft, np.where(_inside(mask), 255, 0))


def test_a_feathered_rim_falls_evenly_over_its_width() -> None:
    mask = np.zeros((9, 40), np.uint8)
    mask[:, :20] = 255
    soft = edit_mask(mask, Feather(10)).astype(float) / 255
    expected = np.clip((20 + 5 - (np.arange(40) + 0.5)) / 10, 0, 1)
    assert np.abs(soft - expected).max() <= 0.5 / 255 + 1e-9
    assert edit_mask(np.full((5, 5), 255, np.uint8), Feather(9)).min() == 255


@quick
@given(hard_masks)
def test_holes_are_what_a_flood_from_outside_does_not_reach(mask: Levels) -> None:
    filled = edit_mask(mask, FillHoles())
    np.testing.assert_array_equal(_inside(filled), ndimage.binary_fill_holes(mask))
    np.testing.assert_array_equal(edit_mask(filled, FillHoles()), filled)


def test_a_bay_at_the_photo_s_edge_is_no_hole_and_corners_close() -> None:
    ring = np.zeros((7, 7), np.uint8)
    ring[1:6, 1:6] = 255
    ring[2:5, 2:5] = 0
    assert edit_mask(ring, FillHoles())[3, 3] == 255
    np.testing.assert_array_equal(edit_mask(ring[:4], FillHoles()), ring[:4])
    diamond = np.zeros((5, 5), np.uint8)
    diamond[[1, 2, 2, 3], [2, 1, 3, 2]] = 255
    assert edit_mask(diamond, FillHoles())[2, 2] == 255


@quick
@given(hard_masks)
def test_the_largest_part_stays_alone(mask: Levels) -> None:
    kept = edit_mask(mask, KeepLargest())
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    assert np.count_nonzero(kept) == (sizes.max() if count else 0)
    assert ndimage.label(kept, structure=np.ones((3, 3)))[1] == min(count, 1)
    assert not (kept & ~mask).any()


def test_a_soft_rim_stays_with_its_object_and_counts_for_nothing() -> None:
    mask = np.zeros((12, 12), np.uint8)
    mask[1:4, 1:4] = 90
    mask[2, 2] = 200
    mask[6:8, 6:8] = 200
    mask[9, 0] = mask[9, 2] = 200
    kept = edit_mask(mask, KeepLargest())
    assert kept[2, 2] == 0 and (kept[6:8, 6:8] == 200).all() and np.count_nonzero(kept) == 4
    kept = edit_mask(mask[:5], KeepLargest())
    np.testing.assert_array_equal(kept, mask[:5])
    assert edit_mask(mask[8:], KeepLargest())[1].tolist() == [200] + [0] * 11, "of equals, one"


@quick
@given(hard_masks, any_edit, st.integers(0, 40), st.integers(0, 40))
def test_an_edit_does_not_depend_on_where_in_the_photo_it_is(
    mask: Levels, edit: Edit, top: int, left: int
) -> None:
    """Only a box around the object is worked on, and that box must not show."""
    assume(mask.any())
    near = np.pad(mask, 12)
    far = np.pad(mask, ((12 + top, 13), (12 + left, 14)))
    expected = np.zeros_like(far)
    expected[top : top + near.shape[0], left : left + near.shape[1]] = edit_mask(near, edit)
    np.testing.assert_array_equal(edit_mask(far, edit), expected)


@pytest.mark.parametrize("edit", [Grow(3), Shrink(3), Feather(3), FillHoles(), KeepLargest()])
def test_an_empty_mask_stays_empty_and_nothing_is_changed_in_place(edit: Any) -> None:
    assert not edit_mask(np.zeros((5, 6), np.uint8), edit).any()
    mask = np.pad(np.full((5, 6), 255, np.uint8), 2)
    mask[4, 4], before = 0, None
    before = mask.copy()
    assert edit_mask(mask, edit) is not mask
    np.testing.assert_array_equal(mask, before)
