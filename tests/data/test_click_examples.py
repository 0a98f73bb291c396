"""What the click network learns from: examples, simulated clicks, and the photos with true masks."""

from __future__ import annotations

import random as random_module
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from follow_your_click.data import click_examples as module
from follow_your_click.data.click_examples import ClickExamples, head_area
from follow_your_click.data.photos import bundled_library, is_held_out
from follow_your_click.data.simulated_clicks import (
    OFF_RIM,
    click_overlaps,
    interior_depth,
    largest_error,
    most_interior,
    next_click,
    somewhere_inside,
)
from follow_your_click.data.true_masks import (
    MaskedPhoto,
    Part,
    find_masks,
    held_out_scenes,
    scene_of,
    training_photos,
)
from follow_your_click.errors import ImageError
from follow_your_click.region import Click


def _square(top: int, left: int, side: int, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_examples_are_what_they_say_and_depend_on_the_numbers_alone() -> None:
    photo = MaskedPhoto(
        "scene",
        np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8),
        np.stack([np.pad(_square(5, 5, 30), ((0, 56), (0, 88)))]),
    )
    examples = ClickExamples(bundled_library(), [photo], held_out=set(), size=64)
    for seed in range(30):
        example = examples.draw(random_module.Random(seed))
        again = examples.draw(random_module.Random(seed))
        assert example.image.shape == (64, 64, 3) and example.image.dtype == np.uint8
        assert example.masks.shape == (4, 64, 64) and example.known.tolist()[1:] == [
            True,
            True,
            False,
        ]
        part, target, whole, _ = example.masks
        assert target.sum() >= 40
        assert not (part & ~target).any() and not (target & ~whole).any(), "nested"
        x, y = example.place
        assert part[y, x], "the click lies in every level"
        np.testing.assert_array_equal(example.image, again.image)
        np.testing.assert_array_equal(example.masks, again.masks)


def test_many_frames_of_a_video_count_as_one_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((1, 96, 128), np.bool_)
    mask[0, 30:60, 30:60] = True
    white, black = (np.full((96, 128, 3), level, np.uint8) for level in (255, 0))
    film = [MaskedPhoto("film", white, mask) for _ in range(18)]
    others = [MaskedPhoto(f"photo-{number}", black, mask) for number in range(2)]
    monkeypatch.setattr(module, "TRUE_SHARE", 1.0)
    monkeypatch.setattr(module, "PASTED_SHARE", 0.0)
    examples = ClickExamples(bundled_library(), [*film, *others], held_out=set(), size=64)
    drawn = [examples.draw(random_module.Random(seed)).image.mean() > 128 for seed in range(60)]
    assert 0.15 < np.mean(drawn) < 0.5, "a third; by photos nine tenths"


def test_objects_of_photos_with_masks_are_pasted_without_their_surroundings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mask = np.zeros((1, 96, 128), np.bool_)
    mask[0, 30:60, 40:90] = True
    image = np.zeros((96, 128, 3), np.uint8)
    image[29:61, 39:91] = (255, 0, 0)
    image[31:59, 41:89] = (0, 255, 0)
    # Red are the object's outermost pixels and the ground beside them.
    monkeypatch.setattr(module, "PASTED_KINDS", (1.0, 0.0, 0.0))
    examples = ClickExamples(
        bundled_library(), [], outlined=[MaskedPhoto("a", image, mask)], held_out=set(), size=64
    )
    cutout = examples._cutout(random_module.Random(0))
    assert cutout.shape == (28, 48, 4)
    assert (cutout == (0, 255, 0, 255)).all()
    thin = MaskedPhoto("b", image, np.zeros_like(mask))
    thin.objects[0, 30:32, 40:90] = True
    examples = ClickExamples(bundled_library(), [thin], held_out=set(), size=64)
    assert examples._cutout(random_module.Random(0)).shape == (2, 50, 4), "not eaten up"
    nothing = ClickExamples(bundled_library(), [], held_out=set(), size=64)
    monkeypatch.setattr(module, "PASTED_KINDS", (0.4, 0.3, 0.3))
    assert nothing._cutout(random_module.Random(0)).shape[2] == 4, "the library's"


def test_twins_stand_at_the_rim_and_belong_to_nothing_that_they_touch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = np.full((96, 128, 3), 60, np.uint8)
    mask = np.zeros((1, 96, 128), np.bool_)
    mask[0, 36:60, 50:74] = True
    image[mask[0]] = (200, 40, 40)
    monkeypatch.setattr(module, "PASTED_SHARE", 1.0)
    monkeypatch.setattr(module, "BESIDE_SHARE", 1.0)
    monkeypatch.setattr(module, "TWIN_SHARE", 1.0)
    examples = ClickExamples(
        bundled_library(), [], outlined=[MaskedPhoto("a", image, mask)], held_out=set(), size=64
    )
    beside, seen = 0, 0
    for seed in range(40):
        random = random_module.Random(seed)
        scene = examples._from_masks(examples.outlined, random)
        (own,), pasted = scene.own, scene.pasted
        if own.sum() < 40 or not pasted or pasted[0].sum() < 40:
            continue
        seen += 1
        beside += bool((cv2.dilate(own.astype(np.uint8), np.ones((7, 7))) > 0)[pasted[0]].any())
        assert not (own & pasted[0]).any(), "what is on top hides the other"
        example = examples._finished(scene, 1, random)
        np.testing.assert_array_equal(example.masks[2], pasted[0])
    assert seen > 20 and beside > 0.8 * seen


def test_a_click_on_a_part_means_that_part_and_one_beside_it_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = np.full((96, 128, 3), 60, np.uint8)
    body, head, ear = np.zeros((3, 96, 128), np.bool_)
    body[30:70, 30:90], head[30:70, 30:50], ear[30:45, 30:42] = True, True, True
    for name, share in (("TRUE_SHARE", 0), ("OUTLINED_SHARE", 0), ("PARTS_SHARE", 1)):
        monkeypatch.setattr(module, name, share)
    monkeypatch.setattr(module, "PASTED_SHARE", 0.0)
    whole = MaskedPhoto("b", image, body[None])
    photo = MaskedPhoto("a", image, body[None], (Part("head", head), Part("left ear", ear)))
    examples = ClickExamples(
        bundled_library(), [], outlined=[photo, whole], held_out=set(), size=64
    )
    assert examples.in_parts == [[photo]]
    shares = []
    for seed in range(60):
        example = examples.draw(random_module.Random(seed))
        part, target, _, found = example.masks
        assert not (found & ~target).any()
        assert not (part & ~target).any() and part[example.place[1], example.place[0]]
        if example.known[0] and target.sum() > 200:
            shares.append(part.sum() / target.sum())
    kinds = np.histogram(shares, (0, 0.15, 0.5, 0.9))[0]
    assert kinds.min() >= 3, "an ear, the head around it, and what they leave"


def test_an_example_of_a_named_part_is_clicked_anywhere_on_it() -> None:
    area = np.pad(_square(5, 5, 60, 70), ((0, 26), (0, 58)))
    tail, unnamed = np.zeros_like(area), np.zeros_like(area)
    tail[10:40, 10:30], unnamed[45:60, 10:60] = True, True
    photo = MaskedPhoto(
        "scene",
        np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8),
        np.stack([area]),
        (Part("bushy tail", tail), Part("skids", unnamed)),
    )
    examples = ClickExamples(bundled_library(), [], outlined=[photo], held_out=set(), size=64)
    for seed in range(20):
        example = examples.draw_named(random_module.Random(seed))
        x, y = example.place
        assert example.name == "tail" and example.known.tolist() == [True, False, False, False]
        assert example.masks[0, y, x]
    nameless = replace(photo, parts=(Part("skids", unnamed),))
    examples = ClickExamples(bundled_library(), [], outlined=[nameless], held_out=set(), size=64)
    with pytest.raises(RuntimeError, match="named part"):
        examples.draw_named(random_module.Random(0))


def test_rare_nouns_are_drawn_oftener_than_there_are_parts_of_them() -> None:
    area = _square(10, 10, 50)
    photos = [
        MaskedPhoto(
            f"scene {number}",
            np.zeros((64, 64, 3), np.uint8),
            np.stack([area]),
            (Part("wheel" if number == 0 else "tail", area),),
        )
        for number in range(10)
    ]
    examples = ClickExamples(bundled_library(), [], outlined=photos, held_out=set(), size=64)
    random = random_module.Random(0)
    wheels = sum(examples.draw_named(random).name == "wheel" for _ in range(120))
    assert 0.15 < wheels / 120 < 0.36, "a quarter: one to the root of nine"


def test_a_thing_has_no_head_and_of_an_animal_without_one_nothing_is_known() -> None:
    target, part = _square(0, 0, 40), _square(0, 0, 10)
    for names, expected in (
        (("rear wheel", "landing gear"), 0),
        (("hind legs", "left forewing"), None),
        (("tail", "head"), part.sum()),
    ):
        found = head_area(target, [Part(name, part) for name in names])
        assert (None if found is None else found.sum()) == expected, names


def test_cut_outs_of_held_out_scenes_are_left_away() -> None:
    library = bundled_library(split="all")
    names = {scene_of(picture.name.split(".")[0]) for picture in library.cutouts}
    gone = sorted(names)[0]
    kept = ClickExamples(library, [], held_out={gone}, size=64)
    everything = ClickExamples(library, [], held_out=set(), size=64)
    count = sum(scene_of(p.name.split(".")[0]) == gone for p in library.cutouts)
    assert count > 0
    assert len(kept.drawn) + len(kept.real) == len(everything.drawn) + len(everything.real) - count


def test_clicks_go_where_a_person_would_click() -> None:
    truth = _square(10, 10, 20)
    x, y = most_interior(truth)
    assert 18 <= x <= 21 and 18 <= y <= 21
    x, y = somewhere_inside(truth, random_module.Random(0))
    assert truth[y, x]
    missed = next_click(truth, _square(10, 10, 20) & (np.arange(40) < 20))
    assert missed is not None and missed.positive and missed.x >= 20
    extra = next_click(truth, truth | _square(0, 30, 9))
    assert extra is not None and not extra.positive and extra.x >= 30
    assert next_click(truth, truth) is None
    both = largest_error(truth, _square(10, 10, 5))
    assert both is not None and both[1] and both[0].sum() == 375


def test_clicks_go_to_thin_parts_too_but_never_on_the_rim() -> None:
    body_and_leg = np.zeros((80, 80), np.bool_)
    body_and_leg[10:50, 10:70] = True
    body_and_leg[50:78, 20:26] = True
    draw = random_module.Random(0)
    places = [somewhere_inside(body_and_leg, draw) for _ in range(300)]
    assert any(y > 55 for _, y in places), "on the leg, whose middle is no deeper than 3 px"
    assert all(interior_depth(body_and_leg)[y, x] >= OFF_RIM for x, y in places)


def test_the_first_click_may_be_given() -> None:
    truth = _square(10, 10, 20)
    asked: list[list[tuple[int, int]]] = []

    def answer(clicks: Sequence[Click]) -> np.ndarray:
        asked.append([(click.x, click.y) for click in clicks])
        return np.zeros_like(truth)

    click_overlaps(answer, truth, 2, start=(11, 12))
    assert (
        asked[0] == [(11, 12)] and asked[1][0] == (11, 12) and asked[1][1] == most_interior(truth)
    )


def test_scenes_are_read_from_names() -> None:
    assert scene_of("davis-goat-026") == "davis-goat"
    assert scene_of("davis-goat-3-goat") == "davis-goat"
    assert scene_of("davis-horsejump-high-021") == "davis-horsejump-high"
    assert scene_of("coco-000000000790-5-potted-plant") == "coco-000000000790"
    assert scene_of("noto-26fa-tent") == "noto-26fa-tent"


def test_nothing_of_a_held_out_scene_is_trained_on(tmp_path: Path) -> None:
    folder = tmp_path / "masked"
    folder.mkdir()
    names = [f"coco-{number:012d}" for number in range(60)]
    for name in names:
        pixels = np.random.default_rng(int(name[5:])).integers(0, 256, (70, 80, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.jpg")
        for suffix in ("", "__obj2"):
            mask = np.zeros((70, 80), np.uint8)
            mask[5:25, 5:25] = 255
            Image.fromarray(mask).save(folder / f"{name}{suffix}.png")
    masks = find_masks(folder)
    assert len(masks) == 120
    kept = held_out_scenes(tmp_path)
    by_name = {
        name
        for name in names
        if any(map(is_held_out, (f"{name}.jpg", f"{name}.png", f"{name}__obj2.png")))
    }
    assert kept == by_name and 0 < len(kept) < 60
    photos = training_photos(tmp_path)
    assert {photo.scene for photo in photos} == set(names) - kept
    assert all(photo.objects.shape == (2, 70, 80) for photo in photos)


def test_a_folder_without_masks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="got no photo with a mask"):
        training_photos(tmp_path)
