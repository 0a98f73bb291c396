"""The page's studio with a segmenter that selects discs and a worker that makes no motion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from follow_your_click.clip import Clip, Patch
from follow_your_click.interfaces.api.service import Service, ServiceSettings
from follow_your_click.interfaces.app import overlay
from follow_your_click.interfaces.app.state import Editor
from follow_your_click.interfaces.app.studio import Studio
from follow_your_click.interfaces.jobs import ClipRequest, Listener, shelf
from follow_your_click.photo import photo_sha256
from follow_your_click.project import ProjectSettings
from follow_your_click.region.json_forms import mask_to_png
from follow_your_click.segmentation import Segmentation

HEIGHT, WIDTH = 90, 160
DISC = 20  # px, radius of what a click selects
SETTINGS = ProjectSettings(segmenter="grabcut", num_frames=3, seed=5)


class DiscSegmenter:
    """Selects a disc around each positive click, or the box; counts how often a photo was prepared."""

    prepared = 0

    def __init__(self) -> None:
        self.shape = (0, 0)

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        DiscSegmenter.prepared += 1
        self.shape = (image.shape[0], image.shape[1])

    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
    ) -> Segmentation:
        rows, columns = np.mgrid[: self.shape[0], : self.shape[1]]
        found = np.zeros(self.shape, np.bool_)
        if box is not None:
            x0, y0, x1, y1 = box
            found |= (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)
        if point_coords is not None and point_labels is not None:
            for (x, y), positive in zip(point_coords, point_labels, strict=True):
                disc = (columns - x) ** 2 + (rows - y) ** 2 <= DISC**2
                found = found | disc if positive else found & ~disc
        return Segmentation(found[None], np.ones(1, np.float32))


class StubWorker:
    """The clip is the photo with a square that grows brighter; remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[ClipRequest] = []
        self.during: Callable[[Listener], None] = lambda listener: None

    def run(self, request: ClipRequest, listener: Listener) -> Clip:
        self.requests.append(request)
        listener.progress("encode", 0, 1)
        self.during(listener)
        photo = np.asarray(request.photo)
        patch = np.stack(
            [np.full((8, 8, 3), level, np.uint8) for level in range(request.settings.num_frames)]
        )
        patch[0] = photo[4:12, 4:12]
        settings: dict[str, Any] = {
            **request.settings.for_run(),
            "model": request.settings.model,
            "photo": {
                "width": photo.shape[1],
                "height": photo.shape[0],
                "sha256": photo_sha256(photo),
            },
            "regions": [
                {**each.without_mask().to_json(), "asked_strength": each.strength}
                for each in request.regions
            ],
            "hold_still": [each.without_mask().to_json() for each in request.hold_still],
            "masks": [
                mask_to_png(each.mask)
                for each in (*request.regions, *request.hold_still)
                if each.mask is not None
            ],
        }
        return Clip(photo, (Patch(4, 4, patch),), len(patch), settings=settings)


@pytest.fixture
def worker() -> StubWorker:
    return StubWorker()


@pytest.fixture
def studio(tmp_path: Path, worker: StubWorker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    DiscSegmenter.prepared = 0
    monkeypatch.setattr(shelf, "load_segmenter", lambda name, device: DiscSegmenter())
    # The overlay has the photo's own pixels, so that tests can name them.
    monkeypatch.setattr(overlay, "OVERLAY_SIDE", WIDTH)
    settings = ServiceSettings(segmenters=("grabcut", "embedded"), max_megapixels=1.0)
    service = Service(settings, tmp_path / "service", workers=lambda shelf: [worker])
    yield Studio(service)
    service.close()


@pytest.fixture
def upload(studio: Studio, tmp_path: Path) -> Callable[[Any], str]:
    """Puts a file, or the pixels of a photo, where uploads arrive; its path."""

    def put(content: Any, name: str = "upload.png") -> str:
        target = studio.service.uploads / name
        if isinstance(content, np.ndarray):
            Image.fromarray(content).save(target)
        else:
            target.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        return str(target)

    return put


@pytest.fixture
def photo() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)


@pytest.fixture
def editor(studio: Studio, upload: Callable[[Any], str], photo: npt.NDArray[np.uint8]) -> Editor:
    opened, _ = studio.open_upload(Editor(), upload(photo), SETTINGS)
    return opened
