"""Motion in place: the surroundings come along less and less outwards, nothing tears or folds, and what is fixed stays."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from follow_your_click import Animator, Box, HoldStill, Region
from follow_your_click.planning import RegionPlan
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.rendering import CropPlan, frames, plan_crop, render
from follow_your_click.rendering.background import reflected_at_rim
from follow_your_click.rendering.elastic import (
    SHORT,
    free_of_border,
    held_at_border,
    staying,
    with_surroundings,
)
from follow_your_click.rendering.grid import COLUMNS, GRID_SIZE, ROWS, Float32Array
from follow_your_click.rendering.motion import ObjectMotion

SIDE = 256
Bools = npt.NDArray[np.bool_]


def _lamp() -> Float32Array:
    """A disc on a thin stick, (g, g)."""
    disc = (COLUMNS - 150) ** 2 + (ROWS - 120) ** 2 < 40**2
    stick = (np.abs(COLUMNS - 150) < 5) & (ROWS > 120) & (ROWS < 250)
    return (disc | stick).astype(np.float32)


def _sway(longest: float) -> ObjectMotion:
    """Bends the upper part aside, up to so many cells, over a still foot."""
    bend = np.clip((250 - ROWS) / 170, 0, 1) ** 2
    fields = [share * longest * np.stack([bend, 0.2 * bend], axis=2) for share in (0, 0.5, 1)]
    return ObjectMotion([field.astype(np.float32) for field in fields])


def _stretches(field: Float32Array) -> Float32Array:
    """The determinant of the map at each cell: 1 where nothing is stretched, below 0 where the picture folds."""
    down, across = np.gradient(field, axis=(0, 1))
    return np.asarray(
        (1 + across[..., 0]) * (1 + down[..., 1]) - across[..., 1] * down[..., 0], np.float32
    )


@pytest.mark.parametrize("longest", [1.0, 6.0, 20.0])
def test_what_is_around_comes_along_less_and_less_and_nothing_folds(longest: float) -> None:
    motion, lamp = _sway(longest), _lamp()
    made = with_surroundings(motion, lamp)
    assert not made.backward[0].any()
    core = cv2.erode(lamp, np.ones((5, 5))) > 0.5
    last, stated = made.backward[-1], motion.backward[-1]
    moved = cv2.remap(core.astype(np.uint8), COLUMNS + last[..., 0], ROWS + last[..., 1], 0) > 0
    assert np.array_equal(last[moved], stated[moved]), "the object moves as it was stated"
    speeds = np.linalg.norm(last[120, 150 + 45 :], axis=1)
    assert speeds[0] > 0 and (np.diff(speeds) <= 1e-4).all() and speeds[-1] == 0
    assert _stretches(last).min() > 0.1 and _stretches(last).max() < 2.2


def test_what_is_fixed_stays_and_the_object_stays_joined_to_it() -> None:
    fixed = np.zeros((GRID_SIZE, GRID_SIZE), np.bool_)
    fixed[:, 195:] = True
    free = with_surroundings(_sway(8), _lamp()).backward[-1]
    made = with_surroundings(_sway(8), _lamp(), fixed).backward[-1]
    assert free[120, 196].any() and not made[fixed].any()
    assert np.array_equal(made[120, 120:160], free[120, 120:160]), "far from it as before"
    assert _stretches(made).min() > 0.2


def test_nothing_crosses_the_photos_border_but_slides_along_it() -> None:
    everywhere = np.ones((GRID_SIZE, GRID_SIZE, 2), np.float32) * 5
    plan = CropPlan(0, 300, 256, 64)  # a cell is a pixel; the window's left border is the photo's
    field = held_at_border(ObjectMotion([everywhere]), plan, (1000, 1000)).backward[0]
    assert not field[100:150, 24, 0].any() and (field[100:150, 24, 1] == 5).all()
    assert (field[100:150, 60] == 5).all()
    assert not field[0].any() and not field[-1].any() and not field[:, -1].any(), "the grid's end"


def _box() -> Float32Array:
    return ((np.abs(COLUMNS - 150) < 40) & (np.abs(ROWS - 150) < 40)).astype(np.float32)


def _aside(share: Float32Array) -> ObjectMotion:
    field = np.stack([6 * share, np.zeros_like(share)], axis=2)
    return ObjectMotion([np.zeros_like(field), field])


def test_what_is_behind_stays_where_the_edge_beside_it_is_sure_but_for_what_it_stands_on() -> None:
    box, motion = _box(), _aside(np.ones_like(ROWS))
    everywhere = staying(box, np.ones_like(box), motion)
    assert everywhere.shape == box.shape and 0 <= everywhere.min() <= everywhere.max() <= 1.001
    for row, column in ((150, 120), (150, 100), (150, 200), (100, 150)):
        assert everywhere[row, column] > 0.95, "beside it, above it, and under its rim"
    assert everywhere[200, 150] < 0.05, "what it stands on"
    left = staying(box, (COLUMNS < 150).astype(np.float32), motion)
    assert left[150, 90] > 0.95 and left[150, 210] < 0.05
    assert not staying(box, np.zeros_like(box), motion).any()
    assert not staying(0 * box, box, motion).any()


def test_what_hangs_is_joined_above() -> None:
    box = _box()
    pendulum = staying(box, np.ones_like(box), _aside(np.clip((ROWS - 110) / 80, 0, 1)))
    assert pendulum[200, 150] > 0.95 and pendulum[100, 150] < 0.05 and pendulum[150, 100] > 0.95
    swaying = staying(box, np.ones_like(box), _aside(np.clip((190 - ROWS) / 80, 0, 1)))
    assert swaying[200, 150] < 0.05 and swaying[100, 150] > 0.95


def test_what_is_cut_free_may_cross_the_border_unless_that_cuts_it_off() -> None:
    motion = _aside(np.ones_like(ROWS))
    plan, shape = CropPlan(0, 300, 256, 64), (1000, 1000)  # a cell is a pixel
    apart, cut_off = ((np.abs(COLUMNS - at) < 20).astype(np.float32) for at in (50, 40))
    stays = np.ones_like(apart)
    pinned = held_at_border(motion, plan, shape).backward[-1]
    for mask, expected in ((apart, motion.backward[-1]), (cut_off, pinned)):
        free = free_of_border(mask, stays, plan, shape)
        made = held_at_border(motion, plan, shape, free).backward[-1]
        np.testing.assert_array_equal(made[100:150, 26:100], expected[100:150, 26:100])
    assert not pinned[100:150, 24].any()


def _animal() -> tuple[npt.NDArray[np.uint8], Bools]:
    """A photo (H, W, 3) of a body with a dark line along it, and its left part alone."""
    photo = np.full((SIDE, SIDE, 3), (40, 60, 50), np.uint8)
    photo[90:170, 50:210] = (190, 150, 110)
    photo[126:133, 50:210] = 10
    head = np.zeros((SIDE, SIDE), np.bool_)
    head[90:170, 50:120] = True
    return photo, head


def _down(way: float) -> npt.NDArray[np.float32]:
    """All goes down by so many pixels in the second frame, and stays there."""
    displacement = np.zeros((4, 32, 32, 2), np.float32)
    displacement[1:, ..., 1] = -way / SIDE
    return displacement


def _last_frame(
    photo: npt.NDArray[np.uint8], mask: Bools, way: float, **how: object
) -> npt.NDArray[np.uint8]:
    """The mask goes down by so many pixels."""
    soft = mask.astype(np.float32)
    plan = plan_crop(soft, model_size=64, travel=0, context=5.0)
    frames = np.repeat(plan.extract(photo)[None], 4, axis=0)
    made = render(photo, soft, plan, frames, _down(way), **how)  # type: ignore[arg-type]
    last = photo.copy()
    height, width = made.changed.shape
    last[made.y : made.y + height, made.x : made.x + width] = made.frames[-1]
    return last


@pytest.mark.parametrize(
    ("way", "in_place", "torn"), [(12.0, False, True), (12.0, True, False), (SHORT, False, False)]
)
def test_what_is_joined_is_torn_unless_the_motion_is_in_place_or_short(
    way: float, in_place: bool, torn: bool
) -> None:
    photo, head = _animal()
    last = _last_frame(photo, head, way, in_place=in_place)
    line = last[95:165, 60:200].mean(axis=2).argmin(axis=0) + 95
    assert line[:20].mean() - 126 == pytest.approx(way, abs=1.5), "the head has moved"
    assert abs(line[-5:].astype(int) - 126).max() <= 3.5, "what is far away has not"
    assert (np.abs(np.diff(line.astype(int))).max() > 6) == torn


def test_no_pixel_of_what_is_fixed_changes() -> None:
    photo, head = _animal()
    photo = cv2.add(photo, np.random.default_rng(0).integers(0, 30, photo.shape).astype(np.uint8))
    fixed = np.zeros((SIDE, SIDE), np.bool_)
    fixed[:, 125:] = True
    changed = (_last_frame(photo, head, 10, in_place=True, fixed=fixed) != photo).any(axis=2)
    assert changed[:, :115].any() and not changed[fixed].any()
    assert (_last_frame(photo, head, 10, in_place=True) != photo).any(axis=2)[fixed].any()


def _ball() -> tuple[npt.NDArray[np.uint8], Bools]:
    """A photo (H, W, 3) of a ball before level lines."""
    photo = np.full((SIDE, SIDE, 3), 200, np.uint8)
    photo[::16] = photo[1::16] = 90
    ball = np.hypot(*(np.mgrid[:SIDE, :SIDE] - 128)) < 40
    photo[ball] = (180, 40, 30)
    return photo, ball


def test_what_is_behind_a_sure_edge_stays_and_what_was_hidden_there_is_filled() -> None:
    photo, ball = _ball()
    sure = np.ones((SIDE, SIDE), np.float32)
    joined = _last_frame(photo, ball, 9, in_place=True)
    cut = _last_frame(photo, ball, 9, in_place=True, edge=sure)
    red = (cut[..., 0].astype(int) - cut[..., 2] > 80).astype(np.uint8)
    rows, columns = np.nonzero(red)
    assert rows.mean() - 128 == pytest.approx(9, abs=1.5), "the ball goes down"
    assert red.sum() == pytest.approx(ball.sum(), rel=0.12), "and leaves nothing behind"
    beside = np.s_[90:125, 66:78]
    assert (joined[beside] != photo[beside]).any(axis=2).mean() > 0.3, "else it proves nothing"
    assert np.abs(cut[beside].astype(int) - photo[beside]).max() <= 2, "the lines stay straight"
    above = cut[92:97, 120:136].astype(int)
    assert (above[..., 0] - above[..., 2]).max() < 40, "where it was, its ground is"


def test_frames_beside_a_sure_edge_are_the_same_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, ball = _ball()
    sure = np.ones((SIDE, SIDE), np.float32)
    whole = _last_frame(photo, ball, 9, in_place=True, edge=sure)
    monkeypatch.setattr(
        frames, "TILE", 16
    )  # some within the ball, some beside it, where nothing moves
    np.testing.assert_array_equal(_last_frame(photo, ball, 9, in_place=True, edge=sure), whole)


def test_the_rim_that_a_mask_lacks_comes_along_but_is_not_the_objects() -> None:
    photo, ball = _ball()
    sure = np.ones((SIDE, SIDE), np.float32)
    short = np.hypot(*(np.mgrid[:SIDE, :SIDE] - 128)) < 37
    cut = _last_frame(photo, short, 9, in_place=True, edge=sure)
    red = (cut[..., 0].astype(int) - cut[..., 2] > 80).astype(np.uint8)
    rows, _ = np.nonzero(red)
    assert rows.min() == pytest.approx(128 - 40 + 9, abs=2), "no rim is left above"
    assert red.sum() == pytest.approx(ball.sum(), rel=0.06)
    plan = CropPlan(0, 0, SIDE, SIDE)
    frames = np.repeat(plan.extract(photo)[None], 4, axis=0)
    made = render(photo, short, plan, frames, _down(9), in_place=True, edge=sure)
    for alpha in (made.alpha[0], made.alpha[-1]):
        assert short.sum() - 200 < (alpha > 127).sum() < ball.sum()


def test_what_a_motion_in_place_frees_goes_on_as_beside_it() -> None:
    photo = np.repeat(np.mgrid[:SIDE, :SIDE][1].astype(np.uint8)[..., None], 3, axis=2)
    hole = np.hypot(*(np.mgrid[:SIDE, :SIDE] - 128)) < 40
    other = np.full_like(photo, 255)
    filled = reflected_at_rim(other, photo, hole, 1.0).astype(int)
    np.testing.assert_array_equal(filled[~hole], photo[~hole])
    np.testing.assert_array_equal(filled[110:147, 110:147], 255)
    beside = np.arange(1, 7)  # columns 89 to 167 are the hole's
    np.testing.assert_allclose(filled[128, 88 + beside, 0], 88 - beside, atol=1)
    np.testing.assert_allclose(filled[128, 168 - beside, 0], 168 + beside, atol=1)


def test_what_is_fixed_does_not_come_along_beside_a_sure_edge_either() -> None:
    photo, ball = _ball()
    fixed = np.zeros((SIDE, SIDE), np.bool_)
    fixed[:86] = True
    sure = np.ones((SIDE, SIDE), np.float32)
    cut = _last_frame(photo, ball, -9, in_place=True, edge=sure, fixed=fixed)
    assert (cut[88:] != photo[88:]).any()
    np.testing.assert_array_equal(cut[fixed], photo[fixed])


def test_an_edge_that_is_nowhere_sure_changes_nothing() -> None:
    photo, ball = _ball()
    joined = _last_frame(photo, ball, 9, in_place=True)
    unsure = _last_frame(photo, ball, 9, in_place=True, edge=np.zeros((SIDE, SIDE), np.float32))
    np.testing.assert_array_equal(unsure, joined)
    left = (np.arange(SIDE) < 110).astype(np.float32) * np.ones((SIDE, 1), np.float32)
    half = _last_frame(photo, ball, 9, in_place=True, edge=left)
    right = np.s_[100:180, 165:200]
    assert np.abs(half[right].astype(int) - joined[right]).max() <= 2
    assert (half[100:150, 72:86] != joined[100:150, 72:86]).any()


def test_neither_another_region_nor_what_is_held_still_comes_along() -> None:
    animator = Animator.from_pretrained("mini", device="cpu")
    photo = np.random.default_rng(0).integers(0, 255, (96, 128, 3)).astype(np.uint8)
    photo = cv2.GaussianBlur(photo, (0, 0), 2)
    beside = Box(68, 20, 96, 80)

    def changed(*others: Region, **held: object) -> bool:
        regions = [*others, Region(Box(40, 20, 64, 80), prompt="sway in the wind", strength=4)]
        clip = animator.animate(photo, regions, num_frames=6, seed=0, **held)  # type: ignore[arg-type]
        return bool((clip.frames != photo).any(axis=(0, 3))[30:70, 72:94].any())

    assert changed(), "else the rest proves nothing"
    assert not changed(hold_still=[HoldStill(beside)])
    assert not changed(Region(beside, prompt="stay still", strength=0))


def test_a_region_moves_though_it_lies_on_another() -> None:
    animator = Animator.from_pretrained("mini", device="cpu")
    photo = np.random.default_rng(0).integers(0, 255, (96, 128, 3)).astype(np.uint8)
    below = Region(Box(20, 10, 110, 90), prompt="stay still", strength=0)
    above = Region(Box(50, 20, 80, 70), prompt="sway in the wind", strength=2)
    clip = animator.animate(photo, [below, above], num_frames=6, seed=0)
    assert (clip.frames != photo).any(axis=(0, 3))[22:40, 55:75].any(axis=1).all()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("nod",), True),
        (("sway", "shake"), True),
        (("translate_left",), False),
        (("sway", "rise"), False),
    ],
)
def test_what_travels_is_not_in_place(asked: tuple[str, ...], expected: bool) -> None:
    mask = np.ones((8, 8), np.float32)
    plan = plan_crop(mask, model_size=64, travel=0, context=0.3)
    region = Region(mask > 0, prompt="move")
    reading = PromptReading(asked, understood=True)
    assert RegionPlan(0, region, mask, plan, 1.0, 1.0, reading).in_place is expected
    assert not RegionPlan(0, region, mask, plan, 1.0, 1.0).in_place, "nothing is known of it"
