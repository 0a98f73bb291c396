"""What can be written as a clip, and the note that travels inside every file.

Axis legend: L frames, H W rows and columns, h w those of the cutout; the last axis holds red, green, blue (opacity).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
"""A value that a settings file can hold."""
SOFTWARE = "follow_your_click"


class FrameSource(Protocol):
    """What can be written as a clip."""

    @property
    def num_frames(self) -> int: ...
    @property
    def fps(self) -> float: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def settings(self) -> Mapping[str, JSON]: ...
    @property
    def tags(self) -> Mapping[str, str]: ...
    def frame(self, index: int, /) -> npt.NDArray[np.uint8]: ...
    def cutout(self, index: int, /) -> npt.NDArray[np.uint8]: ...
    @property
    def cutout_corner(self) -> tuple[int, int] | None: ...


def frames_of(clip: FrameSource) -> Iterator[npt.NDArray[np.uint8]]:
    return (clip.frame(index) for index in range(clip.num_frames))


def note_of(
    clip: FrameSource, *, ascii_only: bool = False, cutout: Mapping[str, JSON] | None = None
) -> str:
    """What the file says about itself, as one line of JSON; equal clips give equal lines.

    `cutout`: where the upper left corner of a file that is smaller than the photo lies in it.
    """
    note: dict[str, JSON] = {
        "software": SOFTWARE,
        "fps": clip.fps,
        "num_frames": clip.num_frames,
        "height": clip.height,
        "width": clip.width,
        "settings": clip.settings,
        **({} if cutout is None else {"cutout": cutout}),
    }
    line = json.dumps(note, ensure_ascii=ascii_only, sort_keys=True)
    try:
        line.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, from a command line not in UTF-8: only the escaped form holds it.
        return json.dumps(note, sort_keys=True)
    return line


def delays_of(clip: FrameSource, *, per_second: int) -> list[int]:
    """How long each frame stays, in 1 / per_second s, rounded so that errors do not add up."""
    ends = [round(per_second * index / clip.fps) for index in range(clip.num_frames + 1)]
    return [end - start for start, end in pairwise(ends)]
