"""Reading a photo: any real image file becomes upright 8-bit sRGB pixels.

Axis legend: H W rows and columns; the last axis holds red, green, blue.
"""

import hashlib
import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, UnidentifiedImageError

from . import steady_opening
from .errors import ImageError

MIN_SHORT_SIDE = 64
"""Pixels. Below this a crop holds too little to animate; 200 px is the paper's use."""
MAX_PIXELS = 100_000_000
"""Pixels; the largest phone and studio sensors give about 100 megapixels."""

DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow's decoders raise on damaged files, as met in practice."""

# Raster formats only: Pillow hands EPS to a Ghostscript program, which no upload should reach.
_PHOTO_FORMATS = (
    *("JPEG", "MPO", "PNG", "WEBP", "AVIF", steady_opening.GIF, "TIFF", "BMP", "DIB", "JPEG2000"),
    *("PPM", "TGA", "ICO", "ICNS", "QOI", "PCX", "SGI", "PSD", "DDS", "HEIF"),
)
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SAME_COLOUR_TOLERANCE = 1
"""Levels of 255: a profile that moves no colour further is sRGB, and the pixels stay."""


def read_photo(
    source: str | Path | Image.Image | npt.NDArray[np.uint8],
) -> npt.NDArray[np.uint8]:
    """The photo as upright sRGB pixels, uint8, shape (H, W, 3), in memory of its own.

    `source` is a path, a Pillow image or an array of shape (H, W), (H, W, 1), (H, W, 3), (H, W, 4).
    EXIF rotation and an embedded colour profile are applied, transparency is laid over white,
    16-bit grey is scaled; an animated file gives its first frame, a Pillow image its current one.
    Raises ImageError if it is missing, damaged or no image, or if its short side is under
    `MIN_SHORT_SIDE` or its area over `MAX_PIXELS`.
    """
    if isinstance(source, Image.Image):
        return _pixels_of(source, name="the image")
    if isinstance(source, np.ndarray):
        return _pixels_of(_image_of_array(source), name="the image array")
    if not isinstance(source, str | Path):
        raise ImageError(
            f"got {type(source).__name__} as the photo; give a path, Pillow image or uint8 array"
        )
    with open_image(source) as image:
        return _pixels_of(image, name=str(source))


def photo_sha256(pixels: npt.NDArray[np.uint8]) -> str:
    """The SHA-256 of the size and pixels of a photo, shape (H, W, 3), as 64 hex digits."""
    digest = hashlib.sha256(f"{pixels.dtype} {pixels.shape}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def open_image(path: str | Path) -> Image.Image:
    """Opens an image file without decoding it; raises ImageError if it cannot be read."""
    if "\0" in str(path):
        raise ImageError(f"{str(path)!r} is no path: it holds a null character")
    file = Path(path).expanduser()
    if file.is_dir():
        raise ImageError(f"{path} is a folder; give the path of one image file")
    if not file.exists():
        hint = "download it first" if "://" in str(path) else "check the path"
        raise ImageError(f"{path} does not exist; {hint}")
    Image.init()
    known = [name for name in _PHOTO_FORMATS if name in Image.OPEN]
    try:
        with warnings.catch_warnings():
            # Pillow's own warning starts at 89 megapixels; the limit here is MAX_PIXELS.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            steady_opening.check_exif_blocks(file)
            return Image.open(file, formats=known)
    except Image.DecompressionBombError:
        raise ImageError(f"{path} has too many pixels; {_accepted_sizes()}") from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{path} is not an image that can be read; give a JPEG, PNG, WebP or TIFF file"
        ) from None
    except DECODER_ERRORS as error:
        raise ImageError(f"{path} cannot be read: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """An error's message on one line, or its kind where it has none."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def _image_of_array(array: npt.NDArray[np.uint8]) -> Image.Image:
    if array.dtype == np.uint8 and array.size:
        if array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4)):
            return Image.fromarray(np.ascontiguousarray(array))
        if array.ndim == 3 and array.shape[2] == 1:
            return Image.fromarray(np.ascontiguousarray(array[:, :, 0]))
    raise ImageError(
        f"got a photo array of {array.dtype}, shape {array.shape}; expected uint8, shape (H, W, 3)"
    )


def _pixels_of(image: Image.Image, *, name: str) -> npt.NDArray[np.uint8]:
    _check_size(image.width, image.height, name=name)
    try:
        image.load()
        rgb = _to_srgb(image)
    except DECODER_ERRORS as error:
        raise ImageError(
            f"{name} is damaged and cannot be decoded ({one_line(error)}); save it again"
        ) from error
    turn = _UPRIGHT.get(_orientation(image, name=name))
    upright = rgb if turn is None else rgb.transpose(turn)
    return np.array(upright, dtype=np.uint8)


def _check_size(width: int, height: int, *, name: str) -> None:
    if min(width, height) < MIN_SHORT_SIDE or width * height > MAX_PIXELS:
        raise ImageError(f"{name} is {width} x {height} px; {_accepted_sizes()}")


def _accepted_sizes() -> str:
    return (
        f"the short side must be at least {MIN_SHORT_SIDE} px (200 px and up look best), "
        f"the area at most {MAX_PIXELS // 1_000_000} megapixels"
    )


def _orientation(image: Image.Image, *, name: str) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) where there is none or the block is broken."""
    try:
        # A string or rational here is a broken writer's; int() takes what can be taken.
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except DECODER_ERRORS as error:
        warnings.warn(f"{name}: broken EXIF ignored ({one_line(error)})", stacklevel=2)
        return 1


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    transparent = image.has_transparency_data or image.mode == "La"
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        opaque: Image.Image = _grey_to_8_bits(image)
        return _apply_profile(opaque, profile)
    if not transparent:
        return _apply_profile(image, profile)
    # "La" (premultiplied grey) converts to nothing but LA.
    straight = image.convert("LA") if image.mode == "La" else image
    with_alpha = straight.convert("RGBA")
    grey = straight.mode in ("L", "LA", "1")
    colour = _apply_profile(with_alpha.convert("L" if grey else "RGB"), profile)
    white = Image.new("RGB", colour.size, (255, 255, 255))
    white.paste(colour, mask=with_alpha.getchannel("A"))
    return white


def _grey_to_8_bits(image: Image.Image) -> Image.Image:
    """Deep grey scaled, not clipped, to 8 bits: from the type's range, or the values' if larger."""
    values = np.asarray(image).astype(np.float32)
    transparent = image.info.get("transparency")
    peak = float(np.nan_to_num(values).max(initial=0.0))
    ranges = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    full = next((limit for limit in ranges if peak <= limit), peak)
    if isinstance(transparent, int):
        values[values == transparent] = full
    scaled = np.nan_to_num(values).clip(0.0, full) * np.float32(255.0 / full)
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _apply_profile(image: Image.Image, profile: object) -> Image.Image:
    """An opaque image as RGB, through its ICC profile if it has one that can be used."""
    if not isinstance(profile, bytes) or not profile:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        mode = _PROFILE_MODES.get(space, "")
        if mode != "RGB" and (mode != image.mode or not mode):
            raise ValueError(f"a {space} profile in a {image.mode} image")
        if mode == "RGB" and _is_srgb(source):
            return image.convert("RGB")
        return _through(source, image.convert(mode))
    except (ImageCms.PyCMSError, *DECODER_ERRORS) as error:
        warnings.warn(f"colour profile ignored ({one_line(error)}); read as sRGB", stacklevel=2)
        return image.convert("RGB")


def _through(profile: ImageCms.ImageCmsProfile, image: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image,
        profile,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if converted is None:
        raise ValueError("no conversion to sRGB")
    return converted


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile leaves a cube of probe colours where they are: its name can lie."""
    levels = np.linspace(0, 255, 18).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(18, -1, 3)
    moved = np.asarray(_through(profile, Image.fromarray(cube))).astype(int)
    return int(np.abs(moved - cube).max()) <= _SAME_COLOUR_TOLERANCE
