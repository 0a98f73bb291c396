"""Filling a hole with pieces of what is around it."""

import numpy as np
import numpy.typing as npt
import pytest

from follow_your_click.rendering.inpainting import ROUNDS, fill_hole

SIDE = 64
HOLE = np.zeros((SIDE, SIDE), np.bool_)
HOLE[24:40, 22:42] = True
EVERYWHERE = np.ones_like(HOLE)


def _stripes(period: int) -> npt.NDArray[np.float32]:
    """Slanted stripes of two colours."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    bright = ((columns + rows // 2) % period < period // 2)[..., None]
    return np.where(bright, np.float32((220, 180, 40)), np.float32((30, 60, 120)))


def _holed(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The hole filled with the mean colour: what smoothing would put there."""
    return np.where(HOLE[..., None], picture[~HOLE].mean(axis=0), picture).astype(np.float32)


@pytest.mark.parametrize("period", [8, 16])
def test_a_pattern_goes_on_through_the_hole(period: int) -> None:
    picture = _stripes(period)
    start = _holed(picture)
    filled = fill_hole(start, HOLE, EVERYWHERE)
    before = np.abs(start - picture)[HOLE].mean()
    assert np.abs(filled.image - picture)[HOLE].mean() < 0.35 * before
    contrast = filled.image[HOLE].std(axis=0) / picture[HOLE].std(axis=0)
    assert contrast.min() > 0.8, "not a blur"
    np.testing.assert_array_equal(filled.image[~HOLE], picture[~HOLE])


def test_what_comes_from_a_darker_place_leaves_no_rim() -> None:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    distance = np.hypot(rows - 32, columns - 32)
    light = 200 - 2.5 * distance
    noise = np.random.default_rng(0).normal(0, 4, (SIDE, SIDE, 1))
    picture = np.asarray(light[..., None] + noise + (0, 10, 20), np.float32)
    filled = fill_hole(_holed(picture), HOLE, EVERYWHERE).image
    away = np.abs(filled - picture).mean(axis=2)
    assert away[25:39, 23].mean() < 8 and away[25:39, 40].mean() < 8, "beside the rim"
    assert (filled[HOLE].mean(axis=0) > picture[~HOLE].mean(axis=0) + 25).all(), (
        "as light as around it"
    )


def test_every_piece_says_where_it_is_from() -> None:
    picture = _stripes(8)
    left = EVERYWHERE.copy()
    left[:, 44:] = False
    filled = fill_hole(_holed(picture), HOLE, left)
    x, y = filled.sources.T
    assert len(filled.places) == len(filled.sources) == len(filled.differences)
    assert (x < 42).all(), "a piece reaches two pixels further"
    assert not HOLE[y, x].any()
    place_x, place_y = filled.places.T
    reached = np.zeros_like(HOLE)
    reached[place_y, place_x] = True
    assert reached[HOLE].all()
    again = fill_hole(_holed(picture), HOLE, left)
    np.testing.assert_array_equal(filled.image, again.image)


def test_what_is_fixed_stays_and_the_rest_goes_on_from_it() -> None:
    picture = _holed(_stripes(8))
    fixed = np.zeros_like(HOLE)
    fixed[24:40, 22:32] = True
    filled = fill_hole(picture, HOLE, EVERYWHERE, fixed=[fixed] * len(ROUNDS))
    np.testing.assert_array_equal(filled.image[fixed], picture[fixed])
    assert (filled.image != picture)[HOLE & ~fixed].any(axis=1).mean() > 0.5


@pytest.mark.parametrize(
    ("hole", "usable"), [(HOLE, ~EVERYWHERE), (~EVERYWHERE, EVERYWHERE), (EVERYWHERE, EVERYWHERE)]
)
def test_without_a_hole_or_a_piece_nothing_changes(
    hole: npt.NDArray[np.bool_], usable: npt.NDArray[np.bool_]
) -> None:
    picture = _stripes(8)
    filled = fill_hole(picture, hole, usable)
    np.testing.assert_array_equal(filled.image, picture)
    assert len(filled.places) == len(filled.sources) == len(filled.differences) == 0
