"""Where a mask ends surely: where the click network has no doubt about it, and not between a part and the rest of its object."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from follow_your_click.errors import RegionError
from follow_your_click.models.click_network import LEVELS, ClickFeatures, ClickPrompts
from follow_your_click.segmentation.click import ClickSegmenter
from follow_your_click.segmentation.edges import sure_edge

SIDE = 128
Chances = npt.NDArray[np.float32]


def _chances(**levels: Chances) -> Chances:
    return np.stack([levels.get(name, np.zeros((SIDE, SIDE), np.float32)) for name in LEVELS])


def _box(left: int, right: int) -> Chances:
    area = np.zeros((SIDE, SIDE), np.float32)
    area[30:100, left:right] = 1
    return area


def test_an_edge_is_as_sure_as_the_network_is_beside_it() -> None:
    found = _box(30, 100)
    found[:, 80:120] = 0.5
    sure = sure_edge(_box(30, 100), _chances(object=found))
    assert sure[40:90, 30].min() == 1 and sure[40:90, 99].max() == 0
    assert sure.dtype == np.float32 and sure.shape == (SIDE, SIDE)


def test_an_edge_of_a_part_is_sure_only_where_its_object_ends_too() -> None:
    part, whole = _box(30, 64), _box(30, 100)
    sure = sure_edge(part, _chances(part=part, object=whole, whole=whole))
    assert sure[40:90, 30].min() == 1, "the object's own edge"
    assert sure[45:85, 63].max() == 0, "beyond this one the object goes on"
    assert sure_edge(part, _chances(part=part, object=part))[45:85, 63].min() == 1


def test_nothing_has_no_edge() -> None:
    nothing = np.zeros((SIDE, SIDE), np.float32)
    assert not sure_edge(nothing, _chances(object=_box(30, 100))).any()


@pytest.fixture
def segmenter() -> ClickSegmenter:
    return ClickSegmenter.from_pretrained(device="cpu")


@pytest.mark.parametrize("click", [(30, 64), None])
def test_the_segmenter_tells_it_of_any_mask_by_a_click_on_it(
    segmenter: ClickSegmenter, monkeypatch: pytest.MonkeyPatch, click: tuple[int, int] | None
) -> None:
    """This network finds the left half of every picture, and is not sure of its lower part."""
    asked: list[torch.Tensor] = []

    def decode(features: ClickFeatures, prompts: ClickPrompts) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = (4 * side for side in features.quarter.shape[-2:])
        asked.append(prompts.points[0] / torch.tensor([width, height]))
        logits = torch.full((1, len(LEVELS), height, width), -9.0)
        logits[..., : width // 2] = 9.0
        logits[:, :, height // 2 :] = 0.1
        return logits, torch.full((1, len(LEVELS)), 0.9)

    monkeypatch.setattr(segmenter.network, "decode", decode)
    segmenter.set_image(np.zeros((SIDE, SIDE, 3), np.uint8))
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[:, : SIDE // 2] = 1
    sure = segmenter.edge(mask, click)
    assert sure[10:45, 62].min() > 0.95 and sure[80:, 62].max() == 0
    expected = (click or (32, 64))[0] / SIDE
    assert asked[0][0, 0].item() == pytest.approx(expected, abs=0.02)


def test_a_small_object_is_looked_at_closely_and_far_from_it_nothing_is_sure(
    segmenter: ClickSegmenter,
) -> None:
    photo = np.full((600, 600, 3), 200, np.uint8)
    photo[60:120, 60:120] = (30, 60, 160)
    segmenter.set_image(photo)
    found = segmenter.predict(point_coords=np.array([[90, 90]], np.float32)).masks[0]
    sure = segmenter.edge(found.astype(np.float32), (90, 90))
    assert sure.shape == (600, 600) and not sure[300:].any() and not sure[:, 300:].any()
    assert sure[80:100, 58:62].max() > 0.5, "a square on a plain ground has a sure edge"


def test_a_mask_of_another_size_or_of_nothing(segmenter: ClickSegmenter) -> None:
    segmenter.set_image(np.zeros((40, 60, 3), np.uint8))
    assert not segmenter.edge(np.zeros((40, 60), np.float32)).any()
    with pytest.raises(RegionError, match=r"mask: got \(60, 40\), expected \(40, 60\)"):
        segmenter.edge(np.ones((60, 40), np.float32))
