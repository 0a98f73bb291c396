"""Opening image files in time and memory that grow with their size, where Pillow's grow with its square."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from PIL import GifImagePlugin, Image, TiffImagePlugin

GIF = "STEADY GIF"
"""What `Gif` is registered as with Pillow, beside its own."""

_MOST_COMMENTS = 100
"""Of one frame; writers leave one or two."""
_MOST_EXIF_BLOCKS = 1000
"""Of a file; cameras write one for the photo and each preview, and one for 64 KB of a long one."""
_MOST_TAGS = 65_535
"""Of a directory of EXIF or TIFF; BigTIFF, which could have more, is held to as many."""
_MOST_NUMBERS = 1_000_000
"""Of one tag; the offsets of 100 megapixels in the smallest tiles are 400,000."""

_EXIF_HEAD = b"Exif\0\0"
_CHUNK = 1 << 20


class Gif(GifImagePlugin.GifImageFile):
    """Pillow's, but a comment comes whole: Pillow joins its pieces of at most 255 bytes one by one.

    A comment of 20 MB, which a server takes as any upload, held it up for half a minute.
    """

    def _seek(self, frame: int, update_image: bool = True) -> None:
        self._comments = 0
        super()._seek(frame, update_image)

    def data(self) -> bytes | None:
        """The next piece of a block, or all pieces of a comment; None or nothing at its end."""
        assert self.fp is not None
        self.fp.seek(-2, io.SEEK_CUR)
        starts_comment = self.fp.read(2) == b"!\xfe"
        first = super().data()
        # An image's pieces may end in the same two bytes: they are only skipped, and may as well be skipped at once.
        if not starts_comment or not first:
            return first
        self._comments += 1
        if self._comments > _MOST_COMMENTS:
            raise ValueError(f"over {_MOST_COMMENTS} comments in one frame")
        pieces = [first]
        while piece := super().data():
            pieces.append(piece)
        # Pillow goes on until it reads the end itself.
        self.fp.seek(-1, io.SEEK_CUR)
        return b"".join(pieces)


Image.register_open(GIF, Gif, GifImagePlugin._accept)


def check_exif_blocks(file: Path) -> None:
    """Raises ValueError for so many EXIF blocks that Pillow would join them, or strip their heads, for minutes."""
    count, tail = 0, b""
    with file.open("rb") as opened:
        while piece := opened.read(_CHUNK):
            text = tail + piece
            count += text.count(_EXIF_HEAD)
            tail = text[1 - len(_EXIF_HEAD) :]
    if count > _MOST_EXIF_BLOCKS:
        raise ValueError(f"over {_MOST_EXIF_BLOCKS} EXIF blocks")


class Directory(TiffImagePlugin.ImageFileDirectory_v2):
    """Pillow's, but its tags must be apart from one another, as in every file that a program wrote.

    Pillow copies each tag's data: 65,000 tags of one block of data, for which a few megabytes suffice, took tens of GB.
    Where Pillow meets such a directory, in EXIF or TIFF, it now finds it broken.
    """

    def load(self, fp: IO[bytes]) -> None:
        """Raises SyntaxError for tags that hold more than the whole block or file, or too many numbers."""
        start = fp.tell()
        length = fp.seek(0, io.SEEK_END)
        fp.seek(start)
        taken = 0
        for unit, count, offset in self._entries(fp):
            if offset + unit * count > length:
                continue  # cut off: Pillow does not keep it
            taken += unit * count
            if taken > length:
                raise SyntaxError("EXIF or TIFF tags that hold more than their file does")
            if unit > 1 and count > _MOST_NUMBERS:
                raise SyntaxError(f"an EXIF or TIFF tag of over {_MOST_NUMBERS} numbers")
        fp.seek(start)
        super().load(fp)

    def _entries(self, fp: IO[bytes]) -> Iterator[tuple[int, int, int]]:
        """Bytes of one number, how many, and where, of each tag whose data lies elsewhere."""
        head, entry, inline = ("Q", "2xHQQ", 8) if self._bigtiff else ("H", "2xHLL", 4)
        step = struct.calcsize("=" + entry)
        stated = fp.read(struct.calcsize("=" + head))
        tags = int.from_bytes(stated, "big" if self._endian == ">" else "little")
        if tags > _MOST_TAGS:
            raise SyntaxError(f"over {_MOST_TAGS} EXIF or TIFF tags")
        found = fp.read(tags * step)
        whole = found[: len(found) // step * step]
        for kind, count, offset in struct.iter_unpack(self._endian + entry, whole):
            unit = self._load_dispatch[kind][0] if kind in self._load_dispatch else 0
            if unit * count > inline:
                yield unit, count, offset


# Pillow looks its own up under this name wherever it reads EXIF or TIFF.
setattr(TiffImagePlugin, "ImageFileDirectory_v2", Directory)  # noqa: B010
