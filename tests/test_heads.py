"""Heads: one piece, joined to the body at the neck, that nods without being squeezed."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from follow_your_click.heads import MOST_NOD, Head, HeadFinder, nodding, sinking, with_hair
from follow_your_click.photo import read_photo
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.region import Click
from follow_your_click.rendering import CropPlan
from follow_your_click.segmentation import Segmentation
from follow_your_click.segmentation.click import ClickSegmenter

SIDE = 64
Bools = npt.NDArray[np.bool_]


def _area(left: int, right: int, top: int, bottom: int) -> Bools:
    area = np.zeros((SIDE, SIDE), np.bool_)
    area[top:bottom, left:right] = True
    return area


class _Segmenter:
    """Says what it was told to say."""

    def __init__(self, head: Bools | None) -> None:
        self.found, self.photos = head, 0

    def set_image(self, image: object) -> None:
        self.photos += 1

    def predict(self, *, point_coords: npt.NDArray[np.float32]) -> Segmentation:
        self.point = point_coords[0].tolist()
        masks = np.stack([_area(8, 24, 18, 34), BODY])
        return Segmentation(masks, np.array([0.9, 0.8], np.float32), ("part", "object"))

    def head(
        self, mask: npt.NDArray[np.float32], click: tuple[int, int] | None = None
    ) -> Bools | None:
        self.click = click
        return self.found


def _finder(head: Bools | None) -> HeadFinder:
    finder = HeadFinder("cpu")
    finder.segmenter = _Segmenter(head)  # type: ignore[assignment]
    return finder


PHOTO = np.zeros((SIDE, SIDE, 3), np.uint8)
BODY = _area(20, 60, 20, 50)


def test_a_head_joins_where_the_body_begins() -> None:
    head = _area(8, 24, 18, 34)
    finder = _finder(head)
    selected = (BODY | head).astype(np.float32)
    none, found = finder(PHOTO, [None, selected], [None, Click(9.7, 20)])
    assert finder.segmenter.click == (9, 20)  # type: ignore[union-attr]
    assert none is None and found is not None
    np.testing.assert_array_equal(found.mask > 0, head)
    assert 20 < found.joint[0] < 25 and 18 < found.joint[1] < 34
    assert _finder(None)(PHOTO, [selected], [None]) == [None]


def test_a_face_that_is_much_of_what_is_selected_turns_with_the_rest() -> None:
    face, selected = _area(20, 40, 20, 40), _area(10, 40, 10, 40).astype(np.float32)
    head = Head(face.astype(np.float32), (30.0, 40.0))
    turning, nods = (PromptReading((motion,), True) for motion in ("turn_left", "nod"))
    assert with_hair(head, selected, nods) is head
    np.testing.assert_array_equal(with_hair(head, selected, turning).mask, selected)
    body = _area(0, 60, 10, 60).astype(np.float32)
    assert with_hair(head, body, turning) is head


def test_no_network_is_asked_where_nobody_nods() -> None:
    finder = _finder(None)
    assert finder(PHOTO, [None, None], [None, None]) == [None, None]
    assert finder.segmenter is not None and finder.segmenter.photos == 0  # type: ignore[attr-defined]


def test_a_limb_belongs_to_the_object_that_its_click_finds() -> None:
    finder = _finder(None)
    none, thing = finder.things(PHOTO, [None, Click(30, 40)])
    assert none is None and thing is not None
    np.testing.assert_array_equal(thing, BODY)
    assert finder.segmenter.point == [30, 40]  # type: ignore[union-attr]
    photos = finder.segmenter.photos  # type: ignore[union-attr]
    assert finder.things(PHOTO, [None]) == [None]
    assert finder.segmenter.photos == photos  # type: ignore[union-attr]


def _nodding(
    fields: npt.NDArray[np.float32],
    mask: Bools,
    joint: tuple[float, float],
    strength: float = 1.5,
) -> npt.NDArray[np.float32]:
    """In a window that starts beside the photo, a joint in its shares."""
    photo = np.zeros((90, 90), np.float32)
    photo[5 : 5 + SIDE, 10 : 10 + SIDE] = mask
    window = CropPlan(10, 5, SIDE, 64)
    head = Head(photo, (10 + SIDE * joint[0] - 0.5, 4.5 + SIDE * joint[1]))
    return nodding(fields, head, window, strength)


def _strength(fields: npt.NDArray[np.float32], mask: Bools) -> float:
    """Mean motion in px per frame at a window of 256."""
    return 256 * float(np.linalg.norm(np.diff(fields, axis=0), axis=3)[:, mask].mean())


def _squeezed(mask: Bools) -> npt.NDArray[np.float32]:
    """A nod as networks learn it, (L, h, w, 2): the top of what is in the mask goes down and comes back, its foot stays."""
    rows = np.nonzero(mask.any(axis=1))[0]
    share = np.clip((rows.max() - np.arange(SIDE)) / np.ptp(rows), 0, 1)
    course = 0.06 * (1 - np.cos(2 * np.pi * np.arange(16) / 15)) / 2
    fields = np.zeros((16, SIDE, SIDE, 2))
    fields[..., 1] = -course[:, None, None] * share[:, None]
    return fields.astype(np.float32)


def _came_from(
    field: npt.NDArray[np.float32], place: tuple[float, float]
) -> npt.NDArray[np.float32]:
    column, row = int(place[0] * SIDE), int(place[1] * SIDE)
    return field[row, column]


@pytest.mark.parametrize("side", [-1, 1])
def test_a_head_seen_from_the_side_turns_about_its_neck(side: int) -> None:
    mask = _area(4, 24, 20, 36) if side < 0 else _area(40, 60, 20, 36)
    joint = (24.0 / SIDE, 28.0 / SIDE) if side < 0 else (40.0 / SIDE, 28.0 / SIDE)
    lowest = _nodding(_squeezed(mask), mask, joint)[8]
    assert np.abs(_came_from(lowest, joint)).max() < 0.01, "the neck stays"
    snout = joint[0] + side * 18 / SIDE, joint[1] + 4 / SIDE
    assert _came_from(lowest, snout)[1] < -0.04, "the snout comes from above"


def test_a_head_seen_from_the_front_goes_down_as_it_is() -> None:
    mask = _area(22, 42, 10, 34)
    lowest = _nodding(_squeezed(mask), mask, (0.5, 34 / SIDE))[8][mask]
    assert np.ptp(lowest[:, 1]) < 1e-3 and lowest[:, 1].mean() < -0.02


@pytest.mark.parametrize("joint", [(24 / SIDE, 28 / SIDE), (14 / SIDE, 36 / SIDE)])
def test_a_nod_is_as_strong_as_asked_however_little_is_stated_and_comes_back(
    joint: tuple[float, float],
) -> None:
    mask = _area(4, 24, 20, 36)
    for strength in (0.5, 1.0, 2.5):
        made = _nodding(_squeezed(mask), mask, joint, strength)
        assert _strength(made, mask) == pytest.approx(strength, rel=0.03)
        assert not made[0].any() and np.abs(made[-1]).max() < 1e-6
    assert not _nodding(_squeezed(mask), mask, joint, 0.0).any()


@pytest.mark.parametrize("joint", [(24 / SIDE, 28 / SIDE), (14 / SIDE, 36 / SIDE)])
def test_no_head_nods_farther_than_a_neck_lets_it(joint: tuple[float, float]) -> None:
    mask = _area(4, 24, 20, 36)
    made = _nodding(_squeezed(mask), mask, joint, 100.0)
    assert 2 < _strength(made, mask) < 8


def test_where_a_head_joins_in_its_middle_it_is_seen_from_the_front() -> None:
    mask = _area(20, 44, 20, 44)
    lowest = _nodding(_squeezed(mask), mask, (31.5 / SIDE, 32 / SIDE))[8][mask]
    assert np.ptp(lowest[:, 1]) < 1e-3 and np.abs(lowest[:, 0]).max() < 1e-3


def _sinking(
    fields: npt.NDArray[np.float32], mask: Bools, strength: float
) -> npt.NDArray[np.float32]:
    return sinking(fields, mask.astype(np.float32), CropPlan(0, 0, SIDE, 64), strength)


def test_a_thing_goes_down_as_far_as_its_nod_falls_short() -> None:
    mask = _area(22, 42, 10, 34)
    stated = _squeezed(mask)
    enough = _strength(stated, mask)
    for strength in (0.0, 0.9 * enough):
        np.testing.assert_array_equal(_sinking(stated, mask, strength), stated)
    for strength in (1.2 * enough, 2 * enough):
        made = _sinking(stated, mask, strength)
        assert _strength(made, mask) == pytest.approx(strength, rel=0.03)
        down = (made - stated)[:, mask]
        assert np.ptp(down, axis=1).max() < 1e-6 and not down[..., 0].any(), "in one piece"
        assert down[8, 0, 1] < 0 and not made[0].any() and np.abs(made[-1]).max() < 1e-6


def test_no_thing_sinks_farther_than_half_its_radius() -> None:
    mask = _area(22, 42, 10, 34)
    sunk = _sinking(_squeezed(mask), mask, 100.0) - _squeezed(mask)
    radius = (mask.mean() / np.pi) ** 0.5
    assert np.abs(sunk).max() == pytest.approx(MOST_NOD * radius, rel=0.05)
    still = np.zeros((16, SIDE, SIDE, 2), np.float32)
    assert not _sinking(still, mask, 2.0).any(), "what is not stated to move stays"


def test_what_is_not_stated_to_move_stays() -> None:
    mask = _area(4, 24, 20, 36)
    still = np.zeros((4, SIDE, SIDE, 2), np.float32)
    assert not _nodding(still, mask, (0.5, 0.5)).any()


def test_the_person_of_the_example_nods_with_the_face_that_was_clicked() -> None:
    photo = read_photo(Path(__file__).parent.parent / "examples" / "astronaut.jpg")
    segmenter = ClickSegmenter.from_pretrained(device="cpu")
    segmenter.set_image(photo)
    found = segmenter.predict(point_coords=np.array([[225, 110]], np.float32))
    head = segmenter.head(found.masks[0].astype(np.float32), (225, 110))
    assert head is not None and head[100:150, 200:245].all(), "eyes, nose and mouth"
    assert not head[200:].any()
