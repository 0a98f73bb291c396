"""Any real photo becomes upright 8-bit sRGB; what is no photo ends in one clear line."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from follow_your_click.errors import ImageError
from follow_your_click.photo import photo_sha256, read_photo

H, W = 72, 96


@pytest.fixture
def pixels() -> npt.NDArray[np.uint8]:
    rows, columns = np.mgrid[0:H, 0:W]
    return np.stack([rows * 3, columns * 2, 255 - rows - columns], axis=-1).astype(np.uint8)


def swapped_profile() -> bytes:
    """An sRGB profile whose red and blue primaries are exchanged: it swaps the channels."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return (
        data.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ", 1)
    )


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff", ".bmp"])
def test_lossless_formats_keep_every_pixel(
    tmp_path: Path, pixels: npt.NDArray[np.uint8], suffix: str
) -> None:
    file = tmp_path / f"photo{suffix}"
    Image.fromarray(pixels).save(file, lossless=True)
    assert np.array_equal(read_photo(file), pixels)
    assert np.array_equal(read_photo(str(file)), pixels)


def test_jpeg_in_grey_ycbcr_and_cmyk(tmp_path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    image = Image.fromarray(pixels)
    for mode in ("RGB", "YCbCr", "CMYK"):
        image.convert(mode).save(tmp_path / "photo.jpg", quality=98, subsampling=0)
        got = read_photo(tmp_path / "photo.jpg")
        assert np.abs(got.astype(int) - pixels).mean() < 3, mode
    image.convert("L").save(tmp_path / "grey.jpg", quality=98)
    grey = read_photo(tmp_path / "grey.jpg")
    assert grey.shape == (H, W, 3)
    assert np.array_equal(grey[..., 0], grey[..., 2])


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr", "HSV", "La", "RGBa"]
)
def test_every_pillow_mode_gives_rgb(mode: str) -> None:
    got = read_photo(Image.new(mode, (W, H)))
    assert got.shape == (H, W, 3)
    assert got.dtype == np.uint8


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    red = Image.new("RGBA", (W, H), (200, 0, 0, 0))
    red.paste((200, 0, 0, 255), (0, 0, W // 2, H))
    red.save(tmp_path / "rgba.png")
    red.convert("LA").save(tmp_path / "la.png")
    palette = Image.new("P", (W, H), 1)
    palette.putpalette([0, 0, 0, 200, 0, 0])
    palette.paste(0, (W // 2, 0, W, H))
    palette.save(tmp_path / "palette.png", transparency=0)
    for name in ("rgba.png", "palette.png"):
        got = read_photo(tmp_path / name)
        assert got[0, 0].tolist() == [200, 0, 0]
        assert got[0, -1].tolist() == [255, 255, 255]
    assert read_photo(tmp_path / "la.png")[0, -1].tolist() == [255, 255, 255]


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    deep = pixels.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "grey.png"), deep[..., 0])
    cv2.imwrite(str(tmp_path / "rgb.png"), deep[..., ::-1])
    assert np.array_equal(read_photo(tmp_path / "grey.png")[..., 1], pixels[..., 0])
    assert np.array_equal(read_photo(tmp_path / "rgb.png"), pixels)


def test_float_grey_takes_its_range_from_its_values(pixels: npt.NDArray[np.uint8]) -> None:
    grey = pixels[..., 0].astype(np.float32)
    grey[-1, -1] = 255
    for full in (1.0, 255.0):
        got = read_photo(Image.fromarray(grey * np.float32(full / 255)))
        assert np.array_equal(got[..., 0], grey.astype(np.uint8))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(
    tmp_path: Path, pixels: npt.NDArray[np.uint8], orientation: int
) -> None:
    stored = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.swapaxes(0, 1),
        6: np.rot90(pixels),
        7: pixels[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(pixels, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "photo.png", exif=exif)
    assert np.array_equal(read_photo(tmp_path / "photo.png"), pixels)


def test_a_colour_profile_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGBA", (W, H), (255, 0, 0, 255))
    for mode in ("RGB", "RGBA"):
        image.convert(mode).save(tmp_path / "photo.png", icc_profile=swapped_profile())
        red, _, blue = read_photo(tmp_path / "photo.png")[0, 0].tolist()
        assert red < 10
        assert blue > 245


def test_an_srgb_profile_changes_no_pixel(tmp_path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(tmp_path / "photo.png", icc_profile=profile)
    assert np.array_equal(read_photo(tmp_path / "photo.png"), pixels)


@pytest.mark.parametrize("profile", [b"no profile", swapped_profile()[:300]])
def test_a_broken_profile_is_ignored_with_a_warning(
    tmp_path: Path, pixels: npt.NDArray[np.uint8], profile: bytes
) -> None:
    Image.fromarray(pixels).save(tmp_path / "photo.png", icc_profile=profile)
    with pytest.warns(UserWarning, match="profile ignored"):
        got = read_photo(tmp_path / "photo.png")
    assert np.array_equal(got, pixels)


def test_a_profile_of_another_colour_space_is_ignored_with_a_warning(tmp_path: Path) -> None:
    Image.new("CMYK", (W, H)).save(tmp_path / "photo.jpg", icc_profile=swapped_profile())
    assert read_photo(tmp_path / "photo.jpg").shape == (H, W, 3)
    grey = swapped_profile().replace(b"RGB ", b"GRAY", 1)
    Image.new("RGB", (W, H)).save(tmp_path / "photo.png", icc_profile=grey)
    with pytest.warns(UserWarning, match="profile ignored"):
        read_photo(tmp_path / "photo.png")


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animation_gives_its_first_frame(tmp_path: Path, suffix: str) -> None:
    first, second = (Image.new("RGB", (W, H), colour) for colour in ("red", "blue"))
    first.save(tmp_path / f"a{suffix}", save_all=True, append_images=[second])
    red, _, blue = read_photo(tmp_path / f"a{suffix}")[5, 5].tolist()
    assert red > 240
    assert blue < 15


def test_arrays_and_images_are_copied(pixels: npt.NDArray[np.uint8]) -> None:
    got = read_photo(pixels)
    got[:] = 0
    assert pixels.any()
    assert np.array_equal(read_photo(Image.fromarray(pixels)), pixels)
    assert read_photo(pixels[:, :, 0]).shape == (H, W, 3)
    assert read_photo(pixels[:, :, :1]).shape == (H, W, 3)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((H, W, 3), dtype=np.float32),
        np.zeros((H, W, 2), dtype=np.uint8),
        np.zeros((1, H, W, 3), dtype=np.uint8),
        np.zeros((0, W, 3), dtype=np.uint8),
    ],
)
def test_other_arrays_are_refused(array: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(ImageError, match="expected uint8"):
        read_photo(array)


def refused(source: str | Path | Image.Image) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError) as caught:
            read_photo(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


def png_header(width: int, height: int) -> bytes:
    """The first bytes of a PNG that claims a size."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    sealed = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + sealed + b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


def test_what_is_no_photo_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "none.jpg")
    assert "is a folder" in refused(tmp_path)
    for name, content in (("text.jpg", b"hello"), ("empty.png", b""), ("a.eps", b"%!PS-Adobe-3.0")):
        (tmp_path / name).write_bytes(content)
        assert "not an image" in refused(tmp_path / name)
    assert "null character" in refused("a\0b.jpg")
    assert "download" in refused("https://example.org/boat.jpg")
    assert "got int" in refused(3)  # type: ignore[arg-type]


def test_sizes_out_of_range_are_refused(tmp_path: Path) -> None:
    assert "63 px" in refused(Image.new("RGB", (400, 63)))
    assert "at least 64 px" in refused(Image.new("RGB", (63, 400)))
    assert read_photo(Image.new("RGB", (64, 64))).shape == (64, 64, 3)
    for side in (10_001, 40_000):
        (tmp_path / "bomb.png").write_bytes(png_header(side, side))
        assert "100 megapixels" in refused(tmp_path / "bomb.png")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".tiff"])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    file = tmp_path / f"photo{suffix}"
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    refused(file)


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damage_gives_pixels_or_an_image_error(
    tmp_path_factory: pytest.TempPathFactory, kind: str, damage: list[tuple[float, int]]
) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {} if kind in ("GIF", "BMP") else {"exif": exif, "icc_profile": swapped_profile()}
    Image.linear_gradient("L").resize((W, H)).convert("RGB").save(buffer, kind, **options)
    data = bytearray(buffer.getvalue())
    for place, value in damage:
        data[int(place * (len(data) - 1))] = value
    file = tmp_path_factory.getbasetemp() / "damaged"
    file.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            got = read_photo(file)
        except ImageError as error:
            message = str(error)
            assert "\n" not in message
        else:
            assert got.ndim == 3
            assert got.shape[2] == 3


def test_sha256_tells_photos_apart(pixels: npt.NDArray[np.uint8]) -> None:
    digest = photo_sha256(pixels)
    assert len(digest) == 64
    assert digest == photo_sha256(np.asfortranarray(pixels))
    assert digest != photo_sha256(pixels.reshape(W, H, 3))
    changed = pixels.copy()
    changed[0, 0, 0] ^= 1
    assert digest != photo_sha256(changed)
