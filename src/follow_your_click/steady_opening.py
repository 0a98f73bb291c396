"""Opening image files in time that grows with their size, where Pillow's grows with its square."""

import io
from pathlib import Path

from PIL import GifImagePlugin, Image

GIF = "STEADY GIF"
"""What `Gif` is registered as with Pillow, beside its own."""

_MOST_COMMENTS = 100
"""Of one frame; writers leave one or two."""
_MOST_EXIF_BLOCKS = 1000
"""Of a file; cameras write one for the photo and each preview, and one for 64 KB of a long one."""

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
