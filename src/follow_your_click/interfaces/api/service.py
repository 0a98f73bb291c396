"""Settings of a server, and what it is made of: models, a line of clips, folders."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import ImageError, OutputError, SettingsError
from follow_your_click.interfaces.api.guards import LOOPBACK, Credentials
from follow_your_click.interfaces.jobs import (
    AnimatorWorker,
    ClipStore,
    JobQueue,
    ModelShelf,
    Worker,
)
from follow_your_click.interfaces.jobs.store import GIGABYTE
from follow_your_click.photo import MAX_PIXELS, open_image, read_photo
from follow_your_click.segmentation.registry import SEGMENTER_NAMES

MEGABYTE = 10**6
_PHOTOS_AT_ONCE = 2  # decoded at the same time: bounds the memory that uploads can take
_CHUNK = 1 << 20


@dataclass(frozen=True)
class ServiceSettings:
    """What a server is started with.

    Args:
        models, segmenters: that can be chosen, the defaults first.
        devices: one worker each; None for the best there is.
        max_megapixels, max_upload_mb: of a photo, and of an upload's bytes.
        max_waiting, max_waiting_per_owner: clips that may wait, and of one owner.
        max_store_gb: of finished clips, the oldest go first.
        credentials: asked of everybody, None of nobody.
        hosts: names to be asked by; None: on loopback its own, else any.

    Raises:
        SettingsError: a number out of range.
    """

    models: tuple[str, ...] = ("mini",)
    segmenters: tuple[str, ...] = SEGMENTER_NAMES
    devices: tuple[str | None, ...] = (None,)
    max_megapixels: float = 50.0
    max_upload_mb: float = 200.0
    max_waiting: int = 16
    max_waiting_per_owner: int = 4
    max_store_gb: float = 4.0
    credentials: Credentials | None = None
    hosts: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        most = MAX_PIXELS / 1e6
        _check("max-megapixels", self.max_megapixels, 0.01, most)
        _check("max-upload-mb", self.max_upload_mb, 0.01, 4000)
        _check("max-store-gb", self.max_store_gb, 0.001, 100_000)
        _check("queue", self.max_waiting, 1, 10_000)
        _check("queue-per-owner", self.max_waiting_per_owner, 1, 10_000)

    @property
    def max_bytes(self) -> int:
        """Of an upload."""
        return int(self.max_upload_mb * MEGABYTE)

    def hosts_on(self, host: str) -> tuple[str, ...] | None:
        """Names that a server on this address may be asked by; None: any."""
        if self.hosts is not None:
            return self.hosts
        return tuple(LOOPBACK) if host in LOOPBACK else None


class Service:
    """Models, a line of clips and folders; what page and API work with.

    Args:
        settings: as asked.
        folder: for uploads, photos and clips; whoever made it removes it.
        workers: given the shelf, who makes the clips; by default one in this process per device.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        folder: Path,
        *,
        workers: Callable[[ModelShelf], Sequence[Worker]] | None = None,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.uploads = folder / "uploads"
        self.uploads.mkdir(parents=True, exist_ok=True)
        self.shelf = ModelShelf(settings.models, settings.segmenters, device=settings.devices[0])
        makers = workers(self.shelf) if workers is not None else self._own_workers()
        store = ClipStore(folder / "clips", max_bytes=int(settings.max_store_gb * GIGABYTE))
        self.queue = JobQueue(
            makers,
            store=store,
            max_waiting=settings.max_waiting,
            max_waiting_per_owner=settings.max_waiting_per_owner,
        )
        self._decoding = threading.Semaphore(_PHOTOS_AT_ONCE)

    def read_upload(self, upload: IO[bytes]) -> npt.NDArray[np.uint8]:
        """The photo (H, W, 3) of an uploaded file, mapped from disk: a long line holds no pixels in memory.

        Raises:
            ImageError: no photo, a damaged one, or one with too many pixels; TooLargeError for the last.
        """
        with self._decoding, self._temporary() as file:
            try:
                with file.open("wb") as out:
                    shutil.copyfileobj(upload, out, _CHUNK)
            except OSError as error:
                raise _not_kept(error) from error
            return self._mapped(self.read_photo(file))

    def read_photo(self, file: Path) -> npt.NDArray[np.uint8]:
        """The pixels (H, W, 3) of a photo's file; its name is not said to anybody.

        Raises:
            ImageError: as `read_upload`.
        """
        try:
            self.check_megapixels(file)
            return read_photo(file)
        except ImageError as error:
            raise type(error)(str(error).replace(str(file), "the photo")) from error

    def check_megapixels(self, file: Path) -> None:
        """Raises TooLargeError for a photo with too many pixels, before it is decoded."""
        with open_image(file) as image:
            self.check_size(image.width, image.height)

    def check_size(self, width: int, height: int) -> None:
        """Raises TooLargeError for a photo of so many pixels if that is too many."""
        megapixels = width * height / 1e6
        if megapixels > self.settings.max_megapixels:
            raise TooLargeError(
                f"the photo has {megapixels:.1f} megapixels; "
                f"this server takes up to {self.settings.max_megapixels:g}"
            )

    def close(self) -> None:
        """Stop the work."""
        self.queue.close()

    def _own_workers(self) -> list[Worker]:
        return [AnimatorWorker(self.shelf, device=device) for device in self.settings.devices]

    def _mapped(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        try:
            with self._temporary() as file, file.open("w+b") as out:
                np.save(out, pixels)
                out.flush()
                return np.asarray(np.load(file, mmap_mode="r"))
        except OSError as error:
            raise _not_kept(error) from error

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """A file's name that goes at the end; what is still mapped lives on without it (on Windows, until the end)."""
        file = self.uploads / secrets.token_hex(16)
        try:
            yield file
        finally:
            with suppress(OSError):
                file.unlink(missing_ok=True)


def _not_kept(error: OSError) -> OutputError:
    return OutputError(f"the photo cannot be kept: {error.strerror or error}")


class TooLargeError(ImageError):
    """A photo with more pixels than a server takes."""


@contextmanager
def running(
    settings: ServiceSettings,
    *,
    workers: Callable[[ModelShelf], Sequence[Worker]] | None = None,
) -> Iterator[Service]:
    """A service in a folder of its own, which is removed at the end.

    Raises:
        ModelError: the model cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="fyc-server-", ignore_cleanup_errors=True) as name:
        os.environ["GRADIO_TEMP_DIR"] = str(Path(name) / "uploads")  # read when the page is built
        service = Service(settings, Path(name), workers=workers)
        try:
            yield service
        finally:
            service.close()


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingsError(f"got {name} {value:g}; expected {low:g} to {high:g}")
