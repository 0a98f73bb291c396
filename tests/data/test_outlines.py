"""Outlines drawn by eye: what is kept, and the mask that is made of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from follow_your_click.data import outlines as module
from follow_your_click.data.engine.encode import encode_video
from follow_your_click.data.outlines import (
    held_out_outlines,
    held_out_parts,
    outlined_mask,
    outlined_photos,
    outlines,
    part_mask,
    part_outlines,
)
from follow_your_click.data.photos import is_held_out
from follow_your_click.data.true_masks import scene_of
from follow_your_click.errors import ImageError


def _disc(radius: float, *, size: int = 120) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return (rows - size / 2) ** 2 + (columns - size / 2) ** 2 <= radius**2


def _photo(truth: np.ndarray, *, contrast: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 20, (*truth.shape, 3))
    return (noise + 90 + contrast * truth[..., None]).astype(np.uint8)


def _circle(radius: float, *, size: int = 120, points: int = 8) -> list[list[float]]:
    turns = np.arange(points) * 2 * np.pi / points
    return [[1000 * (0.5 + radius / size * f(t)) for f in (np.cos, np.sin)] for t in turns]


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_every_outline_is_one_and_both_splits_have_some() -> None:
    found = outlines()
    held_out = [name for name in found if is_held_out(name)]
    assert len(found) - len(held_out) > 1_000 and len(held_out) > 50
    for name, objects in found.items():
        for outline in objects:
            points = np.asarray(outline)
            assert points.ndim == 2 and points.shape[1] == 2 and len(points) >= 3, name
            assert points.min() >= 0 and points.max() <= 1000, name


def test_a_coarse_outline_is_brought_to_the_rim_by_colour() -> None:
    truth = _disc(40)
    drawn = outlined_mask(_photo(truth, contrast=0), _circle(38, points=9))
    found = outlined_mask(_photo(truth, contrast=100), _circle(38, points=9))
    assert _overlap(drawn, truth) < 0.9
    assert _overlap(found, truth) > 0.97


def test_colours_that_contradict_the_outline_do_not_undo_it() -> None:
    inner = _disc(15)
    found = outlined_mask(_photo(inner, contrast=120), _circle(40, points=24))
    assert _overlap(found, _disc(40)) > 0.75, "no farther than the band is wide"


def test_a_thin_leg_is_kept_whatever_its_colours() -> None:
    body, leg = np.zeros((2, 120, 120), np.bool_)
    body[20:70, 30:90], leg[70:110, 56:62] = True, True
    corners = ((30, 20), (90, 20), (90, 70), (62, 70), (62, 110), (56, 110), (56, 70), (30, 70))
    outline = [[1000 * x / 120, 1000 * y / 120] for x, y in corners]
    found = outlined_mask(_photo(body, contrast=100), outline)
    assert (found & leg).any(axis=1)[72:106].all(), "of the background's colour, but drawn"
    assert _overlap(found & ~leg, body) > 0.95


def test_every_part_is_of_an_outlined_photo_and_both_splits_have_some() -> None:
    drawn, found = outlines(), part_outlines()
    held_out = [name for name in found if is_held_out(name)]
    assert len(found) - len(held_out) > 400 and len(held_out) > 50
    for name, parts in found.items():
        assert name in drawn and parts, name
        for called, outline in parts:
            points = np.asarray(outline)
            assert called and points.ndim == 2 and points.shape[1] == 2 and len(points) >= 3, name
            assert points.min() >= 0 and points.max() <= 1000, name


def test_a_part_is_cut_from_the_object_that_it_takes_most_of() -> None:
    left, right = np.zeros((2, 100, 100), np.bool_)
    left[20:80, 10:48], right[20:80, 52:90] = True, True
    generous = [[400, 100], [980, 100], [980, 500], [400, 500]]
    part = part_mask(generous, np.stack([left, right]))
    assert part.any() and not (part & ~right).any(), "nothing of the other, nor of the ground"
    rows = np.flatnonzero(part.any(axis=1))
    assert rows[0] == 20 and rows[-1] in (49, 50)


@pytest.mark.parametrize("held_out", [set(), {"meadow"}])
def test_training_and_measuring_share_no_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_out: set[str]
) -> None:
    names = [f"meadow-{number}.jpg" for number in range(60)]
    kept = [name for name in names if not is_held_out(name)]
    assert 0 < len(kept) < len(names)
    drawn = {name: [_circle(40), _circle(20)] for name in [*names, "not-there.jpg"]}
    head = [("head", [[0, 0], [1000, 0], [1000, 400], [0, 400]])]
    monkeypatch.setattr(module, "outlines", lambda: drawn)
    monkeypatch.setattr(module, "part_outlines", lambda: dict.fromkeys(drawn, head))
    for name in names:
        Image.fromarray(_photo(_disc(40), contrast=100)).save(tmp_path / name)
    found = outlined_photos(tmp_path, held_out=held_out)
    assert [photo.scene for photo in found] == ([] if held_out else sorted(n[:-4] for n in kept))
    measured = held_out_outlines(tmp_path)
    assert [path.name for path in measured] == sorted(set(names) - set(kept))
    assert all(mask.shape == (120, 120) for masks in measured.values() for mask in masks)
    assert list(held_out_parts(tmp_path)) == list(measured)
    assert all(part.name == "head" for (part,) in held_out_parts(tmp_path).values())
    for photo in found:
        assert photo.image.shape == (120, 120, 3) and photo.objects.shape == (2, 120, 120)
        (part,) = photo.parts
        assert part.area.any() and not (part.area & ~photo.objects.any(axis=0)).any()
        assert photo.objects[0].sum() > photo.objects[1].sum()


def _video_name(*, held_out: bool) -> str:
    return next(n for n in (f"clip-{i}.mp4" for i in range(200)) if is_held_out(n) is held_out)


def test_frames_of_a_video_count_as_photos_of_one_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, other = (_video_name(held_out=held_out) for held_out in (False, True))
    radii = (20, 40)
    frames = np.stack([_photo(_disc(radius), contrast=100) for radius in radii])
    for file in (name, other):
        (tmp_path / file).write_bytes(encode_video(frames, 8.0))
    drawn = {f"{file}#{t}": [_circle(radii[t])] for t in (0, 1) for file in (name, other)}
    monkeypatch.setattr(module, "outlines", lambda: drawn)
    found = outlined_photos(tmp_path, held_out=set())
    assert [photo.scene for photo in found] == 2 * [name.removesuffix(".mp4")]
    for photo, radius in zip(found, radii, strict=True):
        assert _overlap(photo.objects[0], _disc(radius)) > 0.95
    assert not outlined_photos(tmp_path, held_out={scene_of(name.removesuffix(".mp4"))})


def test_a_frame_that_a_video_does_not_have_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = _video_name(held_out=False)
    (tmp_path / name).write_bytes(encode_video(_photo(_disc(40), contrast=100)[None], 8.0))
    monkeypatch.setattr(module, "outlines", lambda: {f"{name}#7": [_circle(40)]})
    with pytest.raises(ImageError, match="got no frame 7"):
        outlined_photos(tmp_path, held_out=set())
