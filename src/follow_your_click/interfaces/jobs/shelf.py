"""Models and segmenters by name: loaded when they are first asked for, shared by everybody."""

from __future__ import annotations

import copy
import importlib.util
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from follow_your_click.animator import Animator
from follow_your_click.errors import RegionError, SettingsError
from follow_your_click.loading import EMBEDDED, find_model
from follow_your_click.project import ProjectSettings
from follow_your_click.prompt_reading import in_words
from follow_your_click.region import Selection
from follow_your_click.segmentation import Segmentation, Segmenter
from follow_your_click.segmentation.base import PartNamingSegmenter
from follow_your_click.segmentation.registry import HUB_IDS, SEGMENTER_NAMES, load_segmenter
from follow_your_click.segmentation.resolve import needs_segmenter, region_mask

MAX_PHOTOS_REMEMBERED = 4
_NEEDS = {
    "embedded": "comes with the package, answers at once",
    "grabcut": "comes with the package, half a second a click",
}
_CARRIED = "comes with the package, runs on any computer"
_FOLDER = "as this server was started with"

_K = TypeVar("_K")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Offer:
    """A model or segmenter that can be chosen, and what it needs, in a few words for a menu."""

    name: str
    needs: str


class ModelShelf:
    """What a server was started with; nothing else can be asked for.

    Args:
        models: preset names, folders or hub ids; the first is the default.
        segmenters: names, folders or hub ids; the first is the default.
        device: for segmenters, and for models that no worker asks for; None for the best there is.

    Raises:
        ModelError: a model that cannot be found.
        SettingsError: none at all.
    """

    def __init__(
        self,
        models: Sequence[str] = EMBEDDED,
        segmenters: Sequence[str] = SEGMENTER_NAMES,
        *,
        device: str | None = None,
    ) -> None:
        if not models or not segmenters:
            raise SettingsError("got no model or no segmenter; expected at least one of each")
        for model in models:
            find_model(model)  # a mistyped folder is said at once, not to the first visitor
        self.models = tuple(dict.fromkeys(models))
        self.segmenters = tuple(dict.fromkeys(segmenters))
        self.device = device
        self._animators: _Loaded[tuple[str, str | None], Animator] = _Loaded()
        self._segmenters: _Loaded[str, PhotoMemory] = _Loaded()

    def animator(self, model: str, *, device: str | None = None) -> Animator:
        """The animator of a model; its segmenter is never asked, for masks come settled.

        Raises:
            SettingsError: a model that this server was not started with.
            ModelError: it cannot be loaded.
        """
        _check_offered("model", model, self.models)
        device = device or self.device
        return self._animators.get(
            (model, device), lambda: Animator.from_pretrained(model, device=device)
        )

    def reading(self, model: str, prompt: str) -> str:
        """How a model understands a prompt, in words; empty where it is not loaded yet, or reads no motions."""
        animator = next(
            (known for (name, _), known in self._animators.items() if name == model), None
        )
        if animator is None:
            return ""
        pipeline = animator.pipeline
        return in_words(
            pipeline.text_encoder, pipeline.tokenizer, prompt, model=animator.preset.name
        )

    def segmenter(self, name: str) -> Segmenter:
        """A segmenter that prepares each photo once.

        Raises:
            SettingsError: one that this server was not started with.
            ModelError: its weights cannot be had.
        """
        _check_offered("segmenter", name, self.segmenters)
        return self._segmenters.get(
            name, lambda: PhotoMemory(load_segmenter(name, device=self.device))
        )

    def check(self, settings: ProjectSettings) -> None:
        """Raises SettingsError for a model or segmenter that this server was not started with."""
        _check_offered("model", settings.model, self.models)
        _check_offered("segmenter", settings.segmenter, self.segmenters)

    def prepare(self, photo: npt.NDArray[np.uint8], *, segmenter: str) -> None:
        """Look at a photo (H, W, 3) before its first click; errors as of `segmenter`."""
        self.segmenter(segmenter).set_image(photo)

    def masks(
        self,
        photo: npt.NDArray[np.uint8],
        selections: Sequence[Selection],
        *,
        segmenter: str,
    ) -> list[npt.NDArray[np.float32]]:
        """The mask (H, W), 0 ... 1, of each selection of a photo (H, W, 3).

        Raises:
            RegionError: a selection lies outside the photo or selects nothing.
            SettingsError, ModelError: as `segmenter`.
        """
        found = self.segmenter(segmenter)
        if any(needs_segmenter(selection) for selection in selections):
            found.set_image(photo)
        return [region_mask(photo, selection, found) for selection in selections]

    def offered(self) -> tuple[tuple[Offer, ...], tuple[Offer, ...]]:
        """Models and segmenters, the defaults first."""
        models = tuple(
            Offer(name, _CARRIED if name in EMBEDDED else _FOLDER) for name in self.models
        )
        return models, tuple(Offer(name, _segmenter_needs(name)) for name in self.segmenters)


class PhotoMemory:
    """A segmenter that prepares each photo once, and keeps the last few for visitors that take turns.

    Args:
        segmenter: the one to work with. Each photo gets a shallow copy of it, so weights are shared.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self.name = type(segmenter).__name__
        self._segmenter = segmenter
        self._known: list[tuple[npt.NDArray[np.uint8], Segmenter]] = []
        self._lock = threading.Lock()
        # set_image and predict of one request run in one thread; another thread has another photo.
        self._current = threading.local()

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        """Costly for a photo that is new, (H, W, 3) uint8 RGB; a comparison for one that is known."""
        with self._lock:
            known = list(self._known)
        entry = next((entry for entry in known if _same(entry[0], image)), None)
        if entry is None:
            entry = image, copy.copy(self._segmenter)
            entry[1].set_image(image)
        with self._lock:
            rest = [other for other in self._known if other[1] is not entry[1]]
            self._known = [entry, *rest][:MAX_PHOTOS_REMEMBERED]
        self._current.segmenter = entry[1]

    @property
    def part_names(self) -> Collection[str]:
        """What the segmenter behind it knows; none if it takes no names."""
        segmenter = self._segmenter
        return segmenter.part_names if isinstance(segmenter, PartNamingSegmenter) else ()

    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
        part: str | None = None,
    ) -> Segmentation:
        """As in `PartNamingSegmenter.predict`, for the photo that this thread set."""
        segmenter: Segmenter | None = getattr(self._current, "segmenter", None)
        if segmenter is None:
            raise RegionError("segmenter: got no photo yet, expected set_image before predict")
        if part is None:
            return segmenter.predict(
                point_coords=point_coords, point_labels=point_labels, box=box, mask=mask
            )
        assert isinstance(segmenter, PartNamingSegmenter), "it has part_names"
        return segmenter.predict(
            point_coords=point_coords, point_labels=point_labels, box=box, mask=mask, part=part
        )


class _Loaded(Generic[_K, _T]):
    """Things by name, each made once, by whoever comes first; the others who want it wait."""

    def __init__(self) -> None:
        self._things: dict[_K, _T] = {}
        self._locks: dict[_K, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, name: _K, load: Callable[[], _T]) -> _T:
        with self._lock:
            own = self._locks.setdefault(name, threading.Lock())
        with own:
            if name not in self._things:
                self._things[name] = load()
            return self._things[name]

    def items(self) -> list[tuple[_K, _T]]:
        """What there is so far."""
        return list(self._things.items())


def _same(known: npt.NDArray[np.uint8], image: npt.NDArray[np.uint8]) -> bool:
    return known is image or np.array_equal(known, image)


def _check_offered(what: str, name: str, offered: Sequence[str]) -> None:
    if name not in offered:
        raise SettingsError(
            f"{what} {name!r} is not offered here; expected one of {', '.join(offered)}"
        )


def _segmenter_needs(name: str) -> str:
    if name in _NEEDS:
        return _NEEDS[name]
    if name not in HUB_IDS:
        return _FOLDER
    installed = importlib.util.find_spec("transformers") is not None
    weights = f"weights of {HUB_IDS[name]} on this machine or from the hub"
    return weights if installed else f"transformers, and {weights}"
