"""Writing clips as pictures: animated GIF and WebP, PNG frames in a folder or a zip.

Axis legend: L frames, H W rows and columns; the last axis holds red, green, blue.
"""

import io
import struct
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import GifImagePlugin, Image, PngImagePlugin

from .frame_source import FrameSource, delays_of, frames_of, note_of

_GIF_COLOURS = 255
"""Of 256: the last index says "as in the frame before"."""
_GIF_PALETTE_SAMPLES = 16384
"""Pixels that a palette is made from; four times as many gain 0.2 dB and take ten times as long."""
_GIF_SHORTEST_DELAY = 2
"""Hundredths of a second; browsers slow anything shorter down to 10."""
_WEBP_QUALITY = 90
_WEBP_METHOD = 2
"""Tuned at 12 megapixels: the file of method 4 in three quarters of the time."""
_PNG_COMPRESSION = 1
"""zlib level: 15 % larger than the default in a third of the time."""

EXIF_IFD = 0x8769
USER_COMMENT = 0x9286
_MODEL_TAG = 0x0110
ASCII_COMMENT = b"ASCII\0\0\0"


def write_gif(clip: FrameSource, file: Path) -> None:
    """Each frame stores only the pixels that changed, with a palette of its own made from them.

    So the still part of the clip keeps frame 0's colours and dither, and does not flicker.
    """
    delays = delays_of(clip, per_second=100)
    if min(delays) < _GIF_SHORTEST_DELAY:
        warnings.warn(
            f"{clip.fps:g} fps is more than a GIF can show; written at 50 fps", stacklevel=2
        )
    before: npt.NDArray[np.uint8] | None = None
    with file.open("wb") as out:
        out.write(b"GIF89a" + struct.pack("<HHBBB", clip.width, clip.height, 0x70, 0, 0))
        out.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")
        comment = note_of(clip, ascii_only=True).encode()
        blocks = (comment[start : start + 255] for start in range(0, len(comment), 255))
        out.write(b"!\xfe" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0")
        for pixels, delay in zip(frames_of(clip), delays, strict=True):
            out.write(_gif_frame(pixels, before, max(delay, _GIF_SHORTEST_DELAY)))
            before = pixels
        out.write(b";")


def _gif_frame(
    pixels: npt.NDArray[np.uint8], before: npt.NDArray[np.uint8] | None, delay: int
) -> bytes:
    """One frame of a GIF: the window that changed since the frame before, delay in 1/100 s."""
    height, width, _ = pixels.shape
    changed = (
        np.ones((height, width), dtype=bool) if before is None else (pixels != before).any(axis=2)
    )
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, 1)
    left, right = (int(columns[0]), int(columns[-1]) + 1) if columns.size else (0, 1)
    window, moved = pixels[top:bottom, left:right], changed[top:bottom, left:right]

    palette = _palette_of(window[moved] if moved.any() else window.reshape(-1, 3))
    # quantize() with a palette dithers by Floyd-Steinberg.
    indices = np.array(Image.fromarray(window).quantize(palette=palette))
    indices[~moved] = _GIF_COLOURS
    image = Image.fromarray(indices)
    colours = (palette.getpalette() or [])[: 3 * _GIF_COLOURS]
    image.putpalette(colours + [0] * (3 * 256 - len(colours)))
    return b"".join(
        GifImagePlugin.getdata(
            image,
            (left, top),
            duration=10 * delay,
            disposal=1,
            transparency=_GIF_COLOURS,
            include_color_table=True,
        )
    )


def _palette_of(colours: npt.NDArray[np.uint8]) -> Image.Image:
    """A palette for colours of shape (N, 3), from a sample with a fixed seed: same in, same out."""
    if len(colours) > _GIF_PALETTE_SAMPLES:
        draw = np.random.default_rng(0).integers(0, len(colours), _GIF_PALETTE_SAMPLES)
        colours = colours[draw]
    return Image.fromarray(colours[None]).quantize(
        _GIF_COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=1
    )


class _Playback(Image.Image):
    """A clip as one multi-frame Pillow image that makes each frame when it is sought."""

    def __init__(self, clip: FrameSource) -> None:
        super().__init__()
        self._clip = clip
        self._index = -1
        self.n_frames = clip.num_frames
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame != self._index:
            image = Image.fromarray(self._clip.frame(frame))
            self.im, self._mode, self._size = image.im, image.mode, image.size
            self._index = frame

    def tell(self) -> int:
        return self._index


def write_webp(clip: FrameSource, file: Path) -> None:
    exif = Image.Exif()
    note = note_of(clip, ascii_only=True)
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = ASCII_COMMENT + note.encode()
    for number, (key, text) in enumerate(clip.tags.items()):
        # As programs for images keep their notes in EXIF: "key:text", from the tag of the camera's model downwards.
        exif[_MODEL_TAG - number] = f"{key}:{text}"
    _Playback(clip).save(
        file,
        "WEBP",
        save_all=True,
        duration=delays_of(clip, per_second=1000),
        loop=0,
        # No key frames but the first: they would code the still part anew, and it would flicker.
        kmin=clip.num_frames,
        kmax=clip.num_frames + 1,
        quality=_WEBP_QUALITY,
        method=_WEBP_METHOD,
        exif=exif,
    )


def _pngs_of(clip: FrameSource) -> Iterator[tuple[str, bytes]]:
    """Name and content of the PNG file of each frame."""
    note = PngImagePlugin.PngInfo()
    line = note_of(clip)
    # Compressed: a mask inside would make every frame that much larger. Pillow unpacks no more than this, though.
    fits = len(line.encode()) <= PngImagePlugin.MAX_TEXT_CHUNK
    note.add_itxt("Comment", line, zip=fits)
    for key, text in clip.tags.items():
        note.add_text(key, text)
    digits = max(4, len(str(clip.num_frames - 1)))
    for index, pixels in enumerate(frames_of(clip)):
        packed = io.BytesIO()
        Image.fromarray(pixels).save(packed, "PNG", pnginfo=note, compress_level=_PNG_COMPRESSION)
        yield f"frame_{index:0{digits}d}.png", packed.getvalue()


def write_folder(clip: FrameSource, folder: Path) -> None:
    for name, content in _pngs_of(clip):
        (folder / name).write_bytes(content)


def write_zip(clip: FrameSource, file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in _pngs_of(clip):
            # One date for all, so that equal clips are equal files.
            archive.writestr(zipfile.ZipInfo(name), content)
