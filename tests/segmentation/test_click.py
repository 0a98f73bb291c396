"""The embedded segmenter, with the network that comes with the package."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from follow_your_click.errors import RegionError
from follow_your_click.models.click_network import ClickFeatures, ClickPrompts
from follow_your_click.segmentation import click as click_module
from follow_your_click.segmentation.click import (
    CLOSER_SIDE,
    REDUCED_SIDE,
    SIDES,
    ClickSegmenter,
)
from follow_your_click.segmentation.click_answers import TRUST

WIDTH, HEIGHT = 200, 150


@pytest.fixture(scope="module")
def segmenter() -> ClickSegmenter:
    return ClickSegmenter.from_pretrained()


def _disc(
    width: int = WIDTH, height: int = HEIGHT
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """A red disc with a little texture on textured green, and where it is."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    inside = np.hypot(columns - 0.6 * width, rows - 0.5 * height) < 0.25 * min(width, height)
    image = np.where(inside[..., None], (190, 40, 30), (40, 120, 60))
    return (image + random.integers(0, 30, image.shape)).astype(np.uint8), inside


def _iou(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_a_click_on_a_plain_object_finds_it(segmenter: ClickSegmenter) -> None:
    image, truth = _disc()
    segmenter.set_image(image)
    found = segmenter.predict(point_coords=np.array([[120, 75]], np.float32))
    assert found.masks.shape == (3, HEIGHT, WIDTH)
    assert found.levels == ("object", "part", "whole")
    assert _iou(found.masks[0], truth) > 0.8
    assert (np.diff(found.scores) <= 0).all()


def test_a_box_finds_it_too(segmenter: ClickSegmenter) -> None:
    image, truth = _disc()
    segmenter.set_image(image)
    box = np.array([80, 35, 160, 115], np.float32)
    assert _iou(segmenter.predict(box=box).masks[0], truth) > 0.8


def _small_disc() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """The disc in a photo of six times its size."""
    image, truth = _disc()
    random = np.random.default_rng(1)
    photo = (np.array((40, 120, 60)) + random.integers(0, 30, (900, 1200, 3))).astype(np.uint8)
    where = np.zeros((900, 1200), np.bool_)
    photo[600:750, 800:1000], where[600:750, 800:1000] = image, truth
    return photo, where


def test_the_photo_is_encoded_once_and_each_closer_view_too(
    segmenter: ClickSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []
    encode = segmenter.network.encode
    monkeypatch.setattr(
        segmenter.network, "encode", lambda x: shapes.append(tuple(x.shape[2:])) or encode(x)
    )
    segmenter.set_image(_small_disc()[0])
    assert len(shapes) == len(SIDES)
    clicks = np.array([[920, 675]], np.float32), np.array([[921, 675]], np.float32)
    first, _, again = (segmenter.predict(point_coords=clicks[at]) for at in (0, 1, 0))
    assert shapes[len(SIDES) :] == [(CLOSER_SIDE, CLOSER_SIDE)], "one square window for both clicks"
    np.testing.assert_array_equal(first.masks, again.masks)
    segmenter.set_image(_small_disc()[0])
    segmenter.predict(point_coords=clicks[0])
    assert len(shapes) == 2 * (len(SIDES) + 1), "another photo has no closer view yet"


def test_a_small_object_is_seen_better_from_closer(
    segmenter: ClickSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, truth = _small_disc()
    segmenter.set_image(photo)
    click = np.array([[920, 675]], np.float32)
    close = _iou(segmenter.predict(point_coords=click).masks[0], truth)
    monkeypatch.setattr(click_module, "LEAST_SPAN", 10_000)
    far = _iou(segmenter.predict(point_coords=click).masks[0], truth)
    assert close > far + 0.05
    assert close > 0.9


def test_a_large_photo_is_looked_at_in_a_reduced_copy_at_the_same_place(
    segmenter: ClickSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, truth = _disc(2400, 1800)
    seen: list[int] = []
    encoded = segmenter._encoded
    monkeypatch.setattr(
        segmenter,
        "_encoded",
        lambda window, pixels, side: (
            seen.append(max(pixels.shape)) or encoded(window, pixels, side)
        ),
    )
    segmenter.set_image(photo)
    found = segmenter.predict(point_coords=np.array([[1440, 900]], np.float32))
    assert _iou(found.masks[0], truth) > 0.95
    assert len(seen) == len(SIDES) + 1
    assert max(seen) == REDUCED_SIDE
    assert 2 * CLOSER_SIDE <= seen[-1] < REDUCED_SIDE


def test_what_is_seen_from_closer_takes_the_place_of_what_was_found_before(
    segmenter: ClickSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(features: ClickFeatures, prompts: ClickPrompts) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = (4 * side for side in features.quarter.shape[-2:])
        if (height, width) == (CLOSER_SIDE, CLOSER_SIDE):
            return torch.full((1, 3, height, width), -50.0), torch.full((1, 3), 0.5)
        logits = torch.full((1, 3, height, width), -1.0)
        x, y = prompts.points[0, 0].int().tolist()
        logits[..., y - 6 : y + 6, x - 6 : x + 6] = 1.0
        return logits, torch.full((1, 3), 0.5)

    monkeypatch.setattr(segmenter.network, "decode", decode)
    segmenter.set_image(_small_disc()[0])
    found = segmenter.predict(point_coords=np.array([[920, 675]], np.float32))
    assert found.masks.sum() == 3, "nothing but the click's own pixel"


def test_a_click_far_away_a_box_and_a_mask_go_with_the_closer_view(
    segmenter: ClickSegmenter,
) -> None:
    photo, truth = _small_disc()
    segmenter.set_image(photo)
    clicks = np.array([[920, 675], [40, 40]], np.float32)
    found = segmenter.predict(point_coords=clicks, point_labels=np.array([1, 0]))
    assert _iou(found.masks[0], truth) > 0.9
    earlier = truth.astype(np.float32)
    box = np.array([870, 625, 970, 725], np.float32)
    again = segmenter.predict(point_coords=clicks[:1], box=box, mask=earlier)
    assert _iou(again.masks[0], truth) > 0.9


def test_one_click_anywhere_is_followed_by_one_in_the_middle_of_what_was_found(
    segmenter: ClickSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told one click, this network finds the left half of the photo; told two, all of it, and a smaller part."""
    asked: list[tuple[int, tuple[float, float]]] = []

    def decode(features: ClickFeatures, prompts: ClickPrompts) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = (4 * side for side in features.quarter.shape[-2:])
        clicks = prompts.points[0][prompts.labels[0] == 1]
        x, y = ((clicks[-1] + 0.5) / torch.tensor([width, height])).tolist()
        asked.append((len(clicks), (x, y)))
        logits = torch.full((1, 3, height, width), -1.0)
        logits[..., : width // (2 if len(clicks) == 1 else 1)] = 1.0
        logits[:, 0, height // (2 * len(clicks)) :] = -1.0
        return logits, torch.full((1, 3), 0.5)

    monkeypatch.setattr(segmenter.network, "decode", decode)
    segmenter.set_image(np.zeros((128, 128, 3), np.uint8))
    found = segmenter.predict(point_coords=np.array([[5, 9]], np.float32))
    shares = dict(zip(found.levels or (), found.masks.mean(axis=(1, 2)), strict=True))
    assert {count for count, _ in asked} == {1, 2}
    second = [place for count, place in asked if count == 2]
    assert all(0.1 < x < 0.4 and 0.1 < y < 0.9 for x, y in second), "inside, and off the rim"
    assert shares["object"] == shares["whole"] == 1
    assert shares["part"] == pytest.approx(0.25, abs=0.02), "as the click itself was answered"
    asked.clear()
    segmenter.predict(point_coords=np.array([[5, 9], [60, 60]], np.float32))
    assert {count for count, _ in asked} == {2}


@pytest.mark.parametrize(
    ("rows", "guess", "found"), [(0.25, 0.9, True), (0.25, 0.05, False), (0.95, 0.9, False)]
)
def test_a_head_is_looked_for_in_what_was_selected(
    segmenter: ClickSegmenter,
    monkeypatch: pytest.MonkeyPatch,
    rows: float,
    guess: float,
    found: bool,
) -> None:
    """This network takes the upper rows of every picture for a head, and a lesser piece below."""

    def decode(features: ClickFeatures, prompts: ClickPrompts) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = (4 * side for side in features.quarter.shape[-2:])
        assert prompts.mask.max() == 1 and prompts.boxes[0, 2] > prompts.boxes[0, 0]
        logits = torch.full((1, 4, height, width), -3.0)
        logits[:, 3, : round(rows * height)] = 3.0
        logits[:, 3, -height // 5 :, width // 3 : 2 * width // 3] = 3.0
        return logits, torch.tensor([[0.5, 0.5, 0.5, guess]])

    monkeypatch.setattr(segmenter.network, "decode", decode)
    segmenter.set_image(np.zeros((128, 128, 3), np.uint8))
    selected = np.zeros((128, 128), np.float32)
    selected[:, 20:108] = 1
    head = segmenter.head(selected)
    assert (head is not None) is found, "too unsure, or hardly less than all of it"
    if head is not None:
        assert not (head & (selected < 0.5)).any()
        assert head[:30, 22:106].all() and not head[34:].any()
    assert segmenter.head(np.zeros((128, 128), np.float32)) is None
    with pytest.raises(RegionError, match="mask: got"):
        segmenter.head(np.zeros((9, 9), np.float32))


@pytest.mark.parametrize(
    ("logit", "guess", "named"),
    [
        (-5.0, 0.9, True),
        (-7.0, 0.9, False),
        (-1.0, 0.22, True),
        (-4.0, 0.22, False),
        (-1.0, 0.1, False),
    ],
)
def test_a_click_that_may_lie_on_a_head_means_the_part_of_that_name(
    segmenter: ClickSegmenter,
    monkeypatch: pytest.MonkeyPatch,
    logit: float,
    guess: float,
    named: bool,
) -> None:
    """Heads are the upper quarter for this network, the part that is called so a quarter to the left."""

    def decode(features: ClickFeatures, prompts: ClickPrompts) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = (4 * side for side in features.quarter.shape[-2:])
        logits = torch.full((1, 4, height, width), -9.0)
        logits[:, 1] = 3.0
        logits[:, 3] = logit
        logits[:, 3, : height // 4] = 3.0
        if prompts.names is not None:
            assert prompts.names.tolist() == [segmenter.network.config.names.index("head")]
            logits[:, 0, :, : width // 4] = 3.0
        return logits, torch.tensor([[0.9, 0.9, 0.9, guess]])

    monkeypatch.setattr(segmenter.network, "decode", decode)
    segmenter.set_image(np.zeros((128, 128, 3), np.uint8))
    everything = np.ones((128, 128), np.float32)
    head, without = segmenter.head(everything, (10, 90)), segmenter.head(everything)
    sure = guess > 0.5
    assert (head is not None) is (named or sure)
    if head is not None:
        assert head[100, 5] == named and head[5, 100] != named
    assert (without is not None) is sure and (without is None or without[5, 100])


def test_a_name_tells_how_much_of_what_was_clicked_is_the_part(segmenter: ClickSegmenter) -> None:
    image, _ = _disc()
    segmenter.set_image(image)
    point = np.array([[128, 50]], np.float32)
    alone = segmenter.predict(point_coords=point)
    named = segmenter.predict(point_coords=point, part="tail")
    assert "tail" in segmenter.part_names
    for level in ("object", "whole"):
        place = alone.levels.index(level)
        np.testing.assert_array_equal(named.masks[place], alone.masks[place])
    part = alone.levels.index("part")
    assert (named.masks[part] != alone.masks[part]).any()
    assert named.masks[part, 50, 128], "a click's own pixel is in"
    with pytest.raises(RegionError, match="part: got 'gizmo', expected one of arm"):
        segmenter.predict(point_coords=point, part="gizmo")


def test_what_a_part_is_called_changes_no_other_question(
    segmenter: ClickSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = segmenter.network.decode
    asked: list[tuple[bool, list[float]]] = []

    def counted(
        features: ClickFeatures, prompts: ClickPrompts
    ) -> tuple[torch.Tensor, torch.Tensor]:
        asked.append((prompts.names is not None, prompts.points.flatten().tolist()))
        logits, scores = decode(features, prompts)
        # Told a name, the network says nothing of objects.
        return (logits if prompts.names is None else -logits), scores

    monkeypatch.setattr(segmenter.network, "decode", counted)
    segmenter.set_image(_disc()[0])
    point = np.array([[128, 50]], np.float32)
    segmenter.predict(point_coords=point)
    alone = [points for _, points in asked]
    asked.clear()
    segmenter.predict(point_coords=point, part="tail")
    assert [points for told, points in asked if not told] == alone
    assert sum(told for told, _ in asked) == 3, "as many views"


def test_the_view_that_is_surest_of_itself_counts_most(
    segmenter: ClickSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every view says another constant; the masks follow the mean that the guesses weigh."""
    image, _ = _disc()
    said = dict(zip(SIDES, ((-3.0, 0.3), (2.0, 0.5), (1.0, 0.6)), strict=True))

    def decode(features: ClickFeatures, prompts: ClickPrompts) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = (4 * side for side in features.quarter.shape[-2:])
        logit, guess = said[min(SIDES, key=lambda side: abs(side - width))]
        return torch.full((1, 3, height, width), logit), torch.full((1, 3), guess)

    monkeypatch.setattr(segmenter.network, "decode", decode)
    segmenter.set_image(image)
    found = segmenter.predict(point_coords=np.array([[120, 75]], np.float32))
    logits, guesses = np.array(list(said.values())).T
    trust = np.exp(TRUST * guesses) / np.exp(TRUST * guesses).sum()
    assert (logits * trust).sum() > 0 and found.masks.all()
    assert found.scores == pytest.approx([(guesses * trust).sum()] * 3, abs=1e-5)
    said[SIDES[0]] = (-3.0, 0.9)
    found = segmenter.predict(point_coords=np.array([[120, 75]], np.float32))
    assert found.masks.sum() == 3, "nothing but the click's own pixel"


@settings(max_examples=30, deadline=None)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    places=st.lists(st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)), min_size=1, max_size=4),
    signs=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_a_click_s_own_pixel_has_its_side_at_any_size(
    segmenter: ClickSegmenter,
    width: int,
    height: int,
    places: list[tuple[float, float]],
    signs: list[bool],
) -> None:
    image = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    coords = np.array([(x * width, y * height) for x, y in places], np.float32)
    labels = np.array([1, *map(int, signs)][: len(places)])
    segmenter.set_image(image)
    found = segmenter.predict(point_coords=coords, point_labels=labels)
    assert found.masks.shape == (3, height, width)
    pixels = np.floor(coords).astype(int)
    positive = {tuple(p) for p, label in zip(pixels, labels, strict=True) if label}
    for (x, y), label in zip(pixels, labels, strict=True):
        if label:
            assert found.masks[:, y, x].all()
        elif (x, y) not in positive:
            assert not found.masks[:, y, x].any()


def test_bad_questions_are_refused_in_one_line(segmenter: ClickSegmenter) -> None:
    fresh = ClickSegmenter(segmenter.network)
    with pytest.raises(RegionError, match="set_image before predict"):
        fresh.predict(point_coords=np.array([[1, 1]], np.float32))
    with pytest.raises(RegionError, match=r"expected \(H, W, 3\)"):
        fresh.set_image(np.zeros((4, 4), np.uint8))
    segmenter.set_image(_disc()[0])
    with pytest.raises(RegionError, match="200x150"):
        segmenter.predict(point_coords=np.array([[200, 3]], np.float32))
    with pytest.raises(RegionError, match="positive click"):
        segmenter.predict(point_coords=np.array([[2, 3]], np.float32), point_labels=np.array([0]))
    with pytest.raises(RegionError, match="expected"):
        segmenter.predict(mask=np.zeros((3, 3), np.float32))
