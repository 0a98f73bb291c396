"""What is laid over the photo."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from follow_your_click.interfaces.app import overlay
from follow_your_click.interfaces.app.state import Editor, Place, add_draft, with_place
from follow_your_click.region import Click


def _masked(editor: Editor, left: int) -> Editor:
    mask = np.zeros((80, 200), np.uint8)
    mask[20:60, left : left + 40] = 255
    return with_place(editor, Place((Click(left, 30),), mask=mask))


def test_masks_light_up_in_colours_of_their_own_and_the_rest_is_dimmed() -> None:
    assert overlay.draw(Editor()) is None
    picture = overlay.draw(_masked(add_draft(_masked(Editor(), 10)), 100))
    assert picture is not None and picture.shape == (80, 200, 4)
    assert tuple(picture[2, 2]) == (0, 0, 0, round(255 * overlay.DIM))
    for x, colour, share in (
        (30, overlay.COLOURS[0], overlay.TINT_OTHERS),
        (120, overlay.COLOURS[1], overlay.TINT),
    ):
        assert tuple(picture[40, x]) == (*colour, round(255 * share))
    assert (picture[40, 99:102, 3] == 255).all(), "the rim is opaque"


def test_what_is_held_still_is_striped() -> None:
    picture = overlay.draw(_masked(add_draft(Editor(), "still"), 10))
    assert picture is not None
    inside = picture[26:54, 16:44, 3]
    assert set(np.unique(inside)) == {0, round(255 * overlay.TINT)}


@pytest.mark.parametrize("size", [(300, 450), (4000, 6000)])
def test_one_masked_pixel_stays_visible(size: tuple[int, int]) -> None:
    mask = np.zeros(size, np.float32)
    mask[100, 200] = 1
    small = overlay.to_overlay(mask)
    assert small.shape == overlay.overlay_size(*size) and max(small.shape) == overlay.OVERLAY_SIDE
    scale = overlay.OVERLAY_SIDE / 1.5 / size[0]
    assert small[int(100.5 * scale), int(200.5 * scale)] >= 128


def test_the_overlay_travels_inside_an_address() -> None:
    picture = overlay.draw(_masked(Editor(), 10))
    assert picture is not None
    kind, packed = overlay.as_data_url(picture).split(",")
    assert kind == "data:image/png;base64"
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(packed))))
    np.testing.assert_array_equal(seen[40, 30], picture[40, 30])


def test_the_selected_region_lies_on_top() -> None:
    editor = _masked(add_draft(_masked(Editor(), 10)), 10)
    for selected, colour in ((1, 0), (2, 1)):
        picture = overlay.draw(replace(editor, selected=selected))
        assert picture is not None
        assert tuple(picture[40, 30, :3]) == overlay.COLOURS[colour]
