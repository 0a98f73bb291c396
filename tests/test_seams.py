"""Seams: where a mask cuts through one colour, a motion in place ends gently; where it ends at another, nothing holds it."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from follow_your_click.planning import RegionPlan
from follow_your_click.prompt_reading import PromptReading
from follow_your_click.region import Region
from follow_your_click.rendering import plan_crop, render
from follow_your_click.rendering.grid import grid_inside, grid_mask, grid_photo
from follow_your_click.rendering.seams import seam_taper

SIDE = 256
Bools = npt.NDArray[np.bool_]


def _animal() -> tuple[npt.NDArray[np.uint8], Bools, Bools]:
    """A photo (H, W, 3) of a light body before dark ground, its left part, and the rest."""
    body = np.zeros((SIDE, SIDE), np.bool_)
    body[90:170, 50:210] = True
    noise = np.random.default_rng(0).normal(0, 40, (SIDE, SIDE, 3)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 1.0)
    colours = np.where(body[..., None], (190, 150, 110), (40, 60, 50))
    head = body & (np.arange(SIDE) < 120)
    return np.clip(colours + noise, 0, 255).astype(np.uint8), head, body & ~head


def _taper(
    photo: npt.NDArray[np.uint8], mask: Bools, *, longest: float = 0.0
) -> npt.NDArray[np.float32]:
    """At the photo's pixels; the window is the photo."""
    plan = plan_crop(mask.astype(np.float32), model_size=64, travel=0, context=5.0)
    assert (plan.x0, plan.y0, plan.side) == (0, 0, SIDE)
    found = seam_taper(
        grid_photo(photo, plan),
        grid_mask(mask.astype(np.float32), plan),
        grid_inside(plan, (SIDE, SIDE)),
        longest=longest,
    )
    return found[24:-24, 24:-24]


def test_motion_fades_at_the_neck_and_nowhere_else() -> None:
    photo, head, rest = _animal()
    taper = _taper(photo, head)
    assert np.median(taper[100:160, 119]) < 0.25, "where the head is cut from the body"
    assert taper[100:160, 50].min() > 0.98 and taper[90, 50:95].min() > 0.9, "at the ground"
    assert taper[100:160, 60:90].min() > 0.9, "the head itself moves"
    assert _taper(photo, head | rest).min() == 1, "a whole object has no seam"


def test_a_long_motion_fades_so_slowly_that_nothing_folds() -> None:
    photo, head, _ = _animal()
    for longest in (2.0, 10.0, 25.0):
        along = _taper(photo, head, longest=longest)[130, 50:120]
        assert np.abs(np.diff(along)).max() * longest < 1


def test_an_object_before_its_like_has_no_seam() -> None:
    noise = np.random.default_rng(1).integers(0, 60, (SIDE, SIDE, 3)).astype(np.uint8)
    _, head, _ = _animal()
    assert _taper(noise, head).min() == 1


def test_the_photos_border_is_no_seam() -> None:
    photo = np.full((SIDE, SIDE, 3), 40, np.uint8)
    photo[60:160, :120] = (200, 180, 90)
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[60:160, :120] = True
    assert _taper(photo, mask).min() > 0.99


@pytest.mark.parametrize("in_place", [False, True])
def test_what_is_joined_is_torn_unless_the_motion_is_in_place(in_place: bool) -> None:
    photo, head, _ = _animal()
    mask = head.astype(np.float32)
    plan = plan_crop(mask, model_size=64, travel=0, context=5.0)
    frames = np.repeat(plan.extract(photo)[None], 4, axis=0)
    displacement = np.zeros((4, 32, 32, 2), np.float32)
    displacement[1:, ..., 1] = -10 / SIDE  # down
    made = render(photo, mask, plan, frames, displacement, in_place=in_place)
    last = photo.copy()
    height, width = made.changed.shape
    last[made.y : made.y + height, made.x : made.x + width] = made.frames[-1]
    moved = np.abs(last.astype(int) - photo).mean(axis=2)[105:155]
    assert moved[:, 70:90].mean() > 8, "the head has moved"
    assert moved[:, 124:].max() == 0, "the body has not"
    at_the_neck = moved[:, 117:121].mean()
    assert at_the_neck < 4 if in_place else at_the_neck > 8


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
