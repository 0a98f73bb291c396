"""Image files made to stall a server open soon or are refused; all others open as with Pillow."""

import io
import struct
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from follow_your_click.errors import ImageError
from follow_your_click.photo import open_image, read_photo

SOON = 8.0
"""Seconds; what is measured takes under one, and Pillow alone more than thirty."""
SIZE = 96, 72


def packed(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(SIZE).save(out, kind, **options)
    return out.getvalue()


def gif_with(blocks: bytes) -> bytes:
    """A GIF with blocks between its palette and its picture."""
    gif = packed("GIF")
    start = 13 + (3 << (gif[10] & 7) + 1)
    return gif[:start] + blocks + gif[start:]


def comment(text: bytes, piece: int = 255) -> bytes:
    parts = (text[at : at + piece] for at in range(0, len(text), piece))
    return b"!\xfe" + b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def exif_segment(text: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(text) + 8) + b"Exif\0\0" + text


def refused(file: Path) -> str:
    with pytest.raises(ImageError) as caught:
        read_photo(file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_gif_with_a_long_comment_opens_soon(tmp_path: Path) -> None:
    text = np.random.default_rng(0).bytes(24_000_000)
    file = tmp_path / "a.gif"
    file.write_bytes(gif_with(comment(text)))
    started = time.monotonic()
    with open_image(file) as image:
        assert image.info["comment"] == text
        plain = gif_with(b"")
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(io.BytesIO(plain))))
    assert time.monotonic() - started < SOON


def test_an_animated_gif_opens_as_with_pillow(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, SIZE[1], SIZE[0], 3), dtype=np.uint8)
    frames = [Image.fromarray(each).quantize(200 + index) for index, each in enumerate(noise)]
    options = {"duration": [50, 70, 90, 110], "loop": 3, "disposal": 2}
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], comment=b"s", **options)
    control = b"!\xf9\x04"
    texts = [b"first" * 200, b"", b"!\xfe!\xfe", b"\0" * 600]
    start, *rest = out.getvalue().split(control)
    content = start + b"".join(
        comment(text) + comment(b"second", 1) + control + each
        for text, each in zip(texts, rest, strict=True)
    )
    file = tmp_path / "a.gif"
    file.write_bytes(content)
    with open_image(file) as ours, Image.open(file, formats=["GIF"]) as theirs:
        assert (ours.format, ours.size, ours.mode) == (theirs.format, theirs.size, theirs.mode)
        assert getattr(ours, "n_frames") == getattr(theirs, "n_frames") == 4  # noqa: B009
        for index in (0, 1, 2, 3, 1, 0):
            ours.seek(index)
            theirs.seek(index)
            assert ours.info == theirs.info
            assert np.array_equal(ours.convert("RGB"), theirs.convert("RGB"))
        assert b"second" in theirs.info["comment"]


@pytest.mark.parametrize("cut", [1, 2, 40, 300, 699])
def test_a_comment_that_is_cut_off_ends_as_with_pillow(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "a.gif"
    content = gif_with(comment(b"\1\0" * 350))
    file.write_bytes(content[: content.index(b"!\xfe") + 2 + cut])
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(file, formats=["GIF"])
    assert "not an image" in refused(file)


def _jpeg(segments: bytes) -> bytes:
    jpeg = packed("JPEG")
    return jpeg[:2] + segments + jpeg[2:]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: gif_with(comment(b"x") * 1_000_000), "over 100 comments"),
        (lambda: _jpeg(exif_segment(b"x") * 1_500_000), "over 1000 EXIF blocks"),
        (lambda: packed("PNG", exif=b"Exif\0\0" * 1_000_000), "over 1000 EXIF blocks"),
    ],
)
def test_a_file_that_would_stall_is_refused_soon(
    tmp_path: Path, make: Callable[[], bytes], said: str
) -> None:
    file = tmp_path / "a"
    file.write_bytes(make())
    started = time.monotonic()
    assert said in refused(file)
    assert time.monotonic() - started < SOON


def test_exif_in_several_blocks_is_joined(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = exif.tobytes().removeprefix(b"Exif\0\0")
    file = tmp_path / "a.jpg"
    file.write_bytes(_jpeg(exif_segment(whole[:12]) + exif_segment(whole[12:])))
    assert read_photo(file).shape == (SIZE[0], SIZE[1], 3)


BLOCK = 200_000
TAGS = 4_000
"""Each of the whole block: Pillow alone takes 0.8 GB."""


def shared_block(order: str, tags: int = TAGS) -> bytes:
    """A TIFF file, or EXIF, whose tags all have the same data: the orientation, and private ones of bytes."""
    sign = b"II*\0" if order == "<" else b"MM\0*"
    start = 8 + 2 + 12 * (tags + 1) + 4
    entries = [struct.pack(order + "HHLHxx", 0x0112, 3, 1, 6)]
    entries += [struct.pack(order + "HHLL", 40_000 + at, 7, BLOCK, start) for at in range(tags)]
    directory = struct.pack(order + "H", tags + 1) + b"".join(entries) + bytes(4)
    return sign + struct.pack(order + "L", 8) + directory + bytes(BLOCK)


def many_segments(exif: bytes) -> bytes:
    return b"".join(exif_segment(exif[at : at + 65_000]) for at in range(0, len(exif), 65_000))


def big_tiff(tags: int) -> bytes:
    return b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, tags) + bytes(20 * 70_000)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "tiff"])
def test_tags_of_one_block_of_data_take_no_memory(tmp_path: Path, kind: str, order: str) -> None:
    exif = shared_block(order)
    if kind == "tiff":
        content = exif
    elif kind == "jpeg":
        content = _jpeg(many_segments(exif))
    elif kind == "png":
        content = packed("PNG", exif=b"Exif\0\0" + exif)
    elif features.check(kind):
        # Put in afterwards: Pillow reads what it writes into an AVIF file, and takes the orientation out.
        harmless = shared_block(order, 0).replace(
            *(struct.pack(order + "H", tag) for tag in (0x0112, 0x0111))
        )
        harmless = harmless.ljust(len(exif), b"\1")
        content = packed(kind.upper(), exif=b"Exif\0\0" + harmless)
        assert content.count(harmless) == 1
        content = content.replace(harmless, exif)
    else:
        pytest.skip(f"Pillow is without {kind}")
    file = tmp_path / "a"
    file.write_bytes(content)
    assert len(content) < 2 * BLOCK
    tracemalloc.start()
    if kind in ("tiff", "avif"):
        refused(file)
    else:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*broken EXIF ignored")
            assert read_photo(file).shape == (SIZE[1], SIZE[0], 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * BLOCK


def test_a_directory_of_too_many_tags_or_numbers_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    file.write_bytes(big_tiff(70_000))
    assert "not an image" in refused(file)
    count = 1_000_001
    entry = struct.pack("<HHLL", 0x0102, 3, count, 26)
    file.write_bytes(b"II*\0" + struct.pack("<LH", 8, 1) + entry + bytes(4) + bytes(2 * count))
    assert "not an image" in refused(file)


def test_exif_of_many_kinds_of_tags_is_read_as_before(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "a maker", 300.0
    exif[0x010E] = "words " * 5_000
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        file = tmp_path / f"a.{kind}"
        Image.new("RGB", SIZE).save(file, kind, exif=exif)
        assert read_photo(file).shape == (SIZE[0], SIZE[1], 3)
        with Image.open(file) as image:
            read = image.getexif()
            assert read[0x010F] == "a maker"
            assert len(read[0x010E]) == 30_000
