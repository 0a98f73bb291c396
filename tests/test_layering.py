"""Which pixel belongs to whom: what lies below shows wherever the object above is not."""

import numpy as np

from follow_your_click.clip import Patch
from follow_your_click.layering import beside, laid_over
from follow_your_click.rendering import Rendered

PHOTO = np.zeros((6, 10, 3), np.uint8)


def test_a_region_takes_neither_the_others_along_nor_what_is_held() -> None:
    masks = [np.eye(3, dtype=np.float32)[[row]] for row in range(3)]
    held = np.array([[False, False, False]])
    assert beside(1, masks, held).tolist() == [[True, False, True]]
    assert beside(0, masks[:1], held).tolist() == [[False, False, False]]
    whole = np.array([[1, 1, 0]], np.float32)
    assert beside(1, [*masks, whole], held).tolist() == [[True, False, True]], "all but its whole"
    assert beside(0, masks[:1], ~held).all()


def test_an_object_below_is_seen_where_only_surroundings_stir_above() -> None:
    below = np.full((2, 6, 10, 3), 0, np.uint8)
    below[1, :, 2:5] = 50  # the object below comes in
    above = np.zeros((2, 6, 10, 3), np.uint8)
    above[1] = 200  # the object above in the columns from 4 on, its surroundings before
    alpha = np.zeros((2, 6, 10), np.uint8)
    alpha[:, :, 4:] = 255
    changed = np.ones((6, 10), np.bool_)
    patch = laid_over(Rendered(0, 0, above, changed, alpha), [Patch(0, 0, below)], PHOTO)
    assert patch.frames[1, 0, :, 0].tolist() == [200, 200, 50, 50, *[200] * 6]
