"""Reading pictures: the held-out rule, names, sizes, listings, and a machine without data."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from follow_your_click.data.photos import (
    CUTOUT_SIDE,
    PHOTO_SIDE,
    bundled_library,
    is_held_out,
    load_library,
    noun_of,
)
from follow_your_click.errors import ImageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("photos", "cutouts"):
        (tmp_path / folder).mkdir()
    for index in range(40):
        shade = Image.new("RGB", (300, 200), (index, 90, 120))
        shade.save(tmp_path / "photos" / f"scene-{index}.jpg")
        cutout = Image.new("RGBA", (60, 40))
        cutout.paste((200, index, 0, 255), (10, 5, 50, 35))
        cutout.save(tmp_path / "cutouts" / f"caltech-duck-{index:04d}.webp", lossless=True)
    return tmp_path


def test_splits_follow_the_names_and_share_nothing(root: Path) -> None:
    train, held_out = load_library(root, split="train"), load_library(root, split="held_out")
    everything = load_library(root, split="all")
    for folder in ("photos", "cutouts"):
        names = [{p.name for p in getattr(library, folder)} for library in (train, held_out)]
        assert not any(is_held_out(name) for name in names[0])
        assert all(is_held_out(name) for name in names[1])
        assert len(names[0]) + len(names[1]) == len(getattr(everything, folder)) == 40


def test_pictures_have_their_sizes(root: Path) -> None:
    library = load_library(root)
    assert library.photos[0].pixels.shape == (3, PHOTO_SIDE, 432)
    assert library.cutouts[0].pixels.shape == (4, 30, 40)
    assert library.cutouts[0].noun == "duck"


def test_large_cutouts_are_made_smaller(root: Path) -> None:
    large = Image.new("RGBA", (900, 500))
    large.paste((9, 9, 9, 255), (50, 50, 850, 450))
    large.save(root / "cutouts" / "big.png")
    shapes = [
        p.pixels.shape for p in load_library(root, split="all").cutouts if p.name == "big.png"
    ]
    assert max(shapes[0]) == CUTOUT_SIDE


def test_a_listing_limits_what_is_read(root: Path) -> None:
    listing = root / "some.txt"
    listing.write_text("photos/scene-1.jpg\nphotos/scene-2.jpg\ncutouts/caltech-duck-0001.webp\n")
    library = load_library(root, split="all", listing=listing)
    assert [p.name for p in library.photos] == ["scene-1.jpg", "scene-2.jpg"]
    assert len(library.cutouts) == 1


@pytest.mark.parametrize(
    ("name", "noun"),
    [
        ("noto-26fa-tent.webp", "tent"),
        ("fluent3d-1f98e-lizard.webp", "lizard"),
        ("caltech-inline-skate-0003.webp", "inline skate"),
        ("coco-000000475678-3-suitcase.webp", "suitcase"),
        ("davis-scooter-black-024.webp", "scooter black"),
        ("IMG_0001.png", "img"),
        ("0001.png", "object"),
    ],
)
def test_file_names_name_the_object(name: str, noun: str) -> None:
    assert noun_of(name) == noun


def test_without_a_folder_there_are_pictures_in_both_splits() -> None:
    train, held_out = bundled_library(split="train"), bundled_library(split="held_out")
    assert train.photos and train.cutouts and held_out.photos and held_out.cutouts
    assert not {p.name for p in train.cutouts} & {p.name for p in held_out.cutouts}
    alpha = np.asarray(train.cutouts[0].pixels[3])
    assert alpha.min() == 0
    assert alpha.max() == 255


def test_a_missing_folder_and_an_unreadable_picture_are_errors(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="got no folder"):
        load_library(tmp_path / "nowhere")
    (root / "photos" / "broken.jpg").write_bytes(b"not a picture")
    with pytest.raises(ImageError, match="unreadable picture"):
        load_library(root, split="all")
