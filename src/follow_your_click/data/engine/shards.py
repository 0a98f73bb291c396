"""WebDataset shards: tar files in which the members of one name are one sample. The same samples give the same bytes.

No times, owners or modes of this machine go in. Every sample's place is known (`TarSpan`), so that it can be read alone.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from follow_your_click.atomic import whole_file
from follow_your_click.errors import ImageError

BLOCK = 512  # bytes; tar's unit
READ_SIZE = 1 << 20  # bytes read at once when hashing


@dataclass(frozen=True)
class TarSpan:
    """Where a sample lies in its tar: all its members, headers included, in bytes."""

    offset: int
    size: int


def write_tar(target: Path, samples: Iterable[tuple[str, Mapping[str, bytes]]]) -> list[TarSpan]:
    """Write samples (key, suffix -> bytes) in order, whole or not at all; where each of them lies."""
    spans = []
    with whole_file(target) as temporary, temporary.open("wb") as file:
        for key, members in samples:
            start = file.tell()
            for suffix in sorted(members):
                file.write(_member(f"{key}.{suffix}", members[suffix]))
            spans.append(TarSpan(start, file.tell() - start))
        file.write(b"\0" * (2 * BLOCK))
    return spans


def read_sample(tar: Path, span: TarSpan) -> dict[str, bytes]:
    """The members of one sample: suffix -> bytes.

    Raises:
        ImageError: the tar is missing or holds something else there.
    """
    try:
        with tar.open("rb") as file:
            file.seek(span.offset)
            content = file.read(span.size)
        if len(content) < span.size:
            raise tarfile.ReadError("the file ends early")
        return dict(_members(content))
    except (OSError, tarfile.TarError, UnicodeDecodeError) as error:
        raise ImageError(f"{tar} cannot be read at byte {span.offset}: {error}") from error


def file_sha256(path: Path) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_SIZE):
            digest.update(block)
    return digest.hexdigest()


def _member(name: str, content: bytes) -> bytes:
    facts = tarfile.TarInfo(name)
    facts.size = len(content)
    facts.mode = 0o644
    header = facts.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
    return header + content + b"\0" * (-len(content) % BLOCK)


def _members(content: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for member in archive:
            read = archive.extractfile(member)
            if read is not None:
                yield member.name.partition(".")[2], read.read()
