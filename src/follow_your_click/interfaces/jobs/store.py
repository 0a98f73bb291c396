"""Finished clips: on disk, not in memory, and as files of any kind that a browser asks for.

Axis legend: L frames, H W rows and columns of the photo, h w those of a patch.
"""

from __future__ import annotations

import json
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from follow_your_click.clip import Clip, Patch, Playback
from follow_your_click.errors import OutputError

ClipFormat = Literal["mp4", "gif", "webp", "webm", "zip"]
FORMATS: tuple[ClipFormat, ...] = ("mp4", "gif", "webp", "webm", "zip")
GIGABYTE = 10**9
_NOTE = "clip.json"


class ClipStore:
    """Clips by keys that nobody can guess; the oldest go when there are too many.

    Args:
        folder: all files are in it; whoever made it removes it.
        max_bytes: that the clips may take; one clip may take more, alone.
        max_clips: that are kept.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int = 4 * GIGABYTE, max_clips: int = 256
    ) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.max_clips = max_clips
        self._bytes: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()
        # One export at a time for each clip: two visitors of one file must not write it twice.
        self._exporting: dict[str, threading.Lock] = {}

    def add(self, clip: Clip, *, on_frame: Callable[[int, int], None] | None = None) -> str:
        """Keep a clip; its key. `on_frame` as in `Clip.save`, for the mp4 that is made at once.

        Raises:
            OutputError: the disk is full.
        """
        key = secrets.token_urlsafe(16)
        folder = self.folder / key
        try:
            folder.mkdir(parents=True)
            _write(clip, folder)
            clip.save(folder / "loop.mp4", on_frame=on_frame)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise OutputError(f"the clip cannot be kept: {error.strerror or error}") from error
            raise
        with self._lock:
            self._exporting[key] = threading.Lock()
            self._bytes[key] = _size(folder)
        self._evict()
        return key

    def clip(self, key: str) -> Clip:
        """The clip itself; its pixels are mapped from files.

        Raises:
            OutputError: it is not kept (any more).
        """
        self._touch(key)
        return _read(self.folder / key)

    def file(self, key: str, *, kind: ClipFormat, playback: Playback = "loop") -> Path:
        """The clip as a file, made on the first call.

        Raises:
            OutputError: it is not kept (any more), or cannot be written as such a file.
        """
        lock = self._touch(key)
        target = self.folder / key / f"{playback}.{kind}"
        with lock:
            if not target.exists():
                _export(_read(self.folder / key), target, playback)
                with self._lock:
                    if key in self._bytes:
                        self._bytes[key] = _size(target.parent)
        self._evict()
        return target

    def delete(self, key: str) -> None:
        """Remove a clip and its files; nothing happens if it is gone."""
        with self._lock:
            self._bytes.pop(key, None)
            lock = self._exporting.pop(key, None)
        if lock is not None:
            with lock:
                shutil.rmtree(self.folder / key, ignore_errors=True)

    def _touch(self, key: str) -> threading.Lock:
        with self._lock:
            if key not in self._bytes:
                raise OutputError("this clip is not kept any more; make it again")
            self._bytes.move_to_end(key)
            return self._exporting[key]

    def _evict(self) -> None:
        while True:
            with self._lock:
                over = sum(self._bytes.values()) > self.max_bytes
                if len(self._bytes) <= 1 or not (over or len(self._bytes) > self.max_clips):
                    return
                oldest = next(iter(self._bytes))
            self.delete(oldest)


def _export(clip: Clip, target: Path, playback: Playback) -> None:
    try:
        (clip.ping_pong() if playback == "ping-pong" else clip).save(target)
    except OutputError as error:
        # Where clips lie on this machine says nothing to whoever asked for one.
        line = str(error).removeprefix(f"{target}: ").replace(str(target), "the file")
        raise OutputError(line) from error


def _write(clip: Clip, folder: Path) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {"background": clip.background}
    for number, patch in enumerate(clip.patches):
        arrays[f"patch{number}"] = patch.frames
        if patch.alpha is not None:
            arrays[f"alpha{number}"] = patch.alpha
    if clip.region_mask is not None:
        arrays["region_mask"] = clip.region_mask
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array))
    note = {
        "num_frames": clip.num_frames,
        "fps": clip.fps,
        "settings": dict(clip.settings),
        "seconds": dict(clip.seconds),
        "order": list(clip.order),
        "corners": [[patch.x, patch.y] for patch in clip.patches],
    }
    (folder / _NOTE).write_text(json.dumps(note), encoding="utf-8")


def _read(folder: Path) -> Clip:
    note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    arrays = {file.stem: np.load(file, mmap_mode="r") for file in folder.glob("*.npy")}
    patches = tuple(
        Patch(x, y, arrays[f"patch{number}"], arrays.get(f"alpha{number}"))
        for number, (x, y) in enumerate(note["corners"])
    )
    return Clip(
        background=arrays["background"],
        patches=patches,
        num_frames=note["num_frames"],
        fps=note["fps"],
        settings=note["settings"],
        region_mask=arrays.get("region_mask"),
        seconds=note["seconds"],
        order=tuple(note["order"]),
    )


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
