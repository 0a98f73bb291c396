"""Part, object or whole: which candidate is taken, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from follow_your_click.errors import SettingsError
from follow_your_click.segmentation.base import Segmentation
from follow_your_click.segmentation.granularity import choose_mask


def _squares(*sides_and_scores: tuple[int, float]) -> Segmentation:
    """Nested squares from the top left corner, one per (side, score), in the order given."""
    masks = np.zeros((len(sides_and_scores), 20, 20), np.bool_)
    for mask, (side, _) in zip(masks, sides_and_scores, strict=True):
        mask[:side, :side] = True
    return Segmentation(masks, np.array([score for _, score in sides_and_scores], np.float32))


def _side(segmentation: Segmentation, granularity: str | None) -> int:
    return int(choose_mask(segmentation, granularity)[0].sum())  # type: ignore[arg-type]


def test_each_of_three_nested_candidates_can_be_had() -> None:
    found = _squares((12, 0.95), (4, 0.9), (8, 0.85))
    assert _side(found, None) == 12  # the best score
    assert _side(found, "part") == 4
    assert _side(found, "object") == 8
    assert _side(found, "whole") == 12


def test_what_the_segmenter_does_not_believe_is_left_out() -> None:
    found = _squares((10, 0.9), (6, 0.7), (2, 0.6), (18, 0.2))  # 0.7 of 0.9 is 0.63
    assert _side(found, "part") == 6
    assert _side(found, "whole") == 10
    assert _side(found, "object") == 10  # two are left: the better one


def test_an_empty_candidate_is_no_part() -> None:
    assert _side(_squares((5, 0.9), (0, 0.89)), "part") == 5
    assert _side(_squares((0, 0.9)), "part") == 0  # there is nothing else


def test_of_four_nested_candidates_the_better_middle_one_is_the_object() -> None:
    assert _side(_squares((4, 0.9), (16, 0.89), (8, 0.8), (12, 0.7)), "object") == 8
    assert _side(_squares((4, 0.9), (16, 0.89), (12, 0.8), (8, 0.7)), "object") == 12


def test_candidates_side_by_side_have_no_middle() -> None:
    found = _squares((4, 0.8), (8, 0.75), (12, 0.7))
    found.masks[0] = np.roll(found.masks[0], 15, axis=1)  # the smallest now lies elsewhere
    np.testing.assert_array_equal(choose_mask(found, "object"), found.masks[0])


def test_equal_candidates_go_by_their_order() -> None:
    found = _squares((6, 0.5), (6, 0.5))
    for granularity in (None, "part", "object", "whole"):
        chosen = choose_mask(found, granularity)  # type: ignore[arg-type]
        assert np.shares_memory(chosen, found.masks[0])


def test_a_candidate_that_is_named_is_taken_by_its_name() -> None:
    unnamed = _squares((8, 0.9), (12, 0.2), (4, 0.1))
    named = Segmentation(unnamed.masks, unnamed.scores, levels=("object", "whole", "part"))
    assert [_side(named, name) for name in (None, "part", "object", "whole")] == [8, 4, 8, 12]


@given(st.lists(st.tuples(st.integers(1, 20), st.floats(0, 1)), min_size=1, max_size=5))
def test_a_part_is_never_larger_than_the_object_nor_that_than_the_whole(
    candidates: list[tuple[int, float]],
) -> None:
    found = _squares(*candidates)
    part, middle, whole = (_side(found, name) for name in ("part", "object", "whole"))
    assert part <= middle <= whole


def test_another_word_is_refused() -> None:
    with pytest.raises(SettingsError, match="'group', expected part, object or whole"):
        choose_mask(_squares((3, 0.5)), "group")  # type: ignore[arg-type]
