"""What moves and what must not: areas, the edits that follow, and for a region how it moves."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from follow_your_click.errors import PromptError, RegionError, SettingsError
from follow_your_click.region.areas import Area, Click, as_areas, check_mask_array
from follow_your_click.region.edits import Edit, as_edits
from follow_your_click.region.json_forms import (
    MaskForm,
    area_from_json,
    area_to_json,
    edit_from_json,
    edit_to_json,
    fields_of,
)

MAX_PROMPT_CHARACTERS = 300
MAX_STRENGTH = 20.0  # pixels per frame at a short side of 256 px
MAX_SEED_OFFSET = 2**31 - 1

Granularity = Literal["part", "object", "whole"]


class Selection:
    """A part of a photo.

    `areas`: clicks, boxes, brush strokes, polygons, mask arrays (H, W) and mask files, combined in this
    order: plain ones unite, Subtract and Intersect change what stands so far. All plain clicks and a
    single plain box are one question to the segmenter; its answer takes the place of the first positive
    one of them. `edits`: applied in order once the areas are combined. `granularity`: which of several
    nested candidates a click means; None leaves it to the segmenter.
    `mask`: None, or the mask that these areas and edits gave earlier, see `with_mask`.

    A selection cannot be changed. Two are equal when `to_json` says the same of both.
    """

    areas: tuple[Area, ...]
    edits: tuple[Edit, ...]
    granularity: Granularity | None
    mask: npt.NDArray[Any] | None

    def __init__(
        self,
        area: Area | Sequence[Area],
        *,
        edits: Edit | Sequence[Edit] = (),
        granularity: Granularity | None = None,
    ) -> None:
        """Raises RegionError (areas, edits) or SettingsError (granularity)."""
        self._set(areas=as_areas(area), edits=as_edits(edits), mask=None)
        self._set(granularity=_checked_granularity(granularity))

    def with_mask(self, mask: npt.NDArray[Any]) -> Self:
        """The same selection with its mask settled: (H, W), bool, uint8 or 0 ... 1 float.

        Areas and edits stay as the record of how it was made, and no segmenter is asked again.
        Raises RegionError for an array that is no mask.
        """
        check_mask_array(mask)
        settled = copy.copy(self)
        settled._set(mask=mask)
        return settled

    def without_mask(self) -> Self:
        """The same selection, to be made from its areas and edits anew."""
        free = copy.copy(self)
        free._set(mask=None)
        return free

    @property
    def only_click(self) -> Click | None:
        """The click that is all that its areas are; None if they are anything else."""
        first, *others = self.areas
        return first if not others and isinstance(first, Click) else None

    def with_granularity(self, granularity: Granularity | None) -> Self:
        """The same selection, of whose candidates another is meant, and no mask settled. Raises SettingsError."""
        other = self.without_mask()
        other._set(granularity=_checked_granularity(granularity))
        return other

    def to_json(self, *, masks: MaskForm = "digest") -> dict[str, Any]:
        """The selection as JSON types; mask files by name.

        `masks`: "digest" names a mask array by its size and SHA-256, enough to tell two apart; "png"
        keeps its pixels (bool and uint8 exactly, floats to 1/255), as `from_json` needs them.
        """
        result: dict[str, Any] = {
            "areas": [area_to_json(area, masks) for area in self.areas],
            "edits": [edit_to_json(edit) for edit in self.edits],
            "granularity": self.granularity,
        }
        return result if self.mask is None else {**result, "mask": area_to_json(self.mask, masks)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` wrote with masks="png".

        Raises RegionError for missing or unknown keys and for a mask that is only a digest; else as the
        constructor does.
        """
        return cls._from_json(data, {})

    @classmethod
    def _from_json(cls, data: Mapping[str, Any], own: Mapping[str, bool]) -> Self:
        """`own`: the keys that a subclass adds to areas, edits and granularity, and whether it needs them."""
        known = {"areas": True, "edits": False, "granularity": False, "mask": False, **own}
        given = fields_of(data, known, what=cls.__name__)
        areas, edits = given.pop("areas"), given.pop("edits", [])
        mask = given.pop("mask", None)
        if not isinstance(areas, list) or not isinstance(edits, list):
            raise RegionError(f"{cls.__name__}: expected lists of areas and edits")
        made = cls(
            [area_from_json(each) for each in areas],
            edits=[edit_from_json(each) for each in edits],
            **given,
        )
        if mask is None:
            return made
        settled = area_from_json(mask)
        if not isinstance(settled, np.ndarray):
            raise RegionError(f"{cls.__name__}: expected the mask's pixels, not a file or a shape")
        return made.with_mask(settled)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selection) or type(other) is not type(self):
            return False
        return self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((type(self), len(self.areas), self.edits, self.granularity))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed; make another one")

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({fields})"


class Region(Selection):
    """One thing that moves: where it is, and how it moves.

    `prompt`: the motion prompt, 1 to 300 characters. `strength`: mean optical-flow magnitude inside the
    region, pixels per frame at a short side of 256 px, 0 ... 20; None lets the animator choose from the
    size of the window. `seed_offset`: added to the clip's seed for this region, 0 ... 2^31 - 1: another
    take of this region alone.
    """

    prompt: str
    strength: float | None
    seed_offset: int

    def __init__(
        self,
        area: Area | Sequence[Area],
        *,
        prompt: str,
        strength: float | None = None,
        seed_offset: int = 0,
        edits: Edit | Sequence[Edit] = (),
        granularity: Granularity | None = None,
    ) -> None:
        """Raises RegionError (areas, edits), PromptError (prompt) or SettingsError (the rest)."""
        super().__init__(area, edits=edits, granularity=granularity)
        self._set(
            prompt=_checked_prompt(prompt),
            strength=_checked_strength(strength),
            seed_offset=_checked_seed_offset(seed_offset),
        )

    def to_json(self, *, masks: MaskForm = "digest") -> dict[str, Any]:
        """As `Selection.to_json`, with prompt, strength and seed offset."""
        return {
            **super().to_json(masks=masks),
            "prompt": self.prompt,
            "strength": self.strength,
            "seed_offset": self.seed_offset,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` wrote with masks="png"; errors as those of the constructor."""
        return cls._from_json(data, {"prompt": True, "strength": False, "seed_offset": False})


class HoldStill(Selection):
    """A part of the photo that must not move, even where a region or its motion reaches into it."""


def _checked_granularity(granularity: Granularity | None) -> Granularity | None:
    names = get_args(Granularity)
    if granularity is not None and granularity not in names:
        raise SettingsError(
            f"granularity: got {granularity!r}, expected {', '.join(names)} or None"
        )
    return granularity


def _checked_prompt(prompt: str) -> str:
    if not isinstance(prompt, str):
        raise PromptError(f"prompt: got {prompt!r}, expected text")
    text = prompt.strip()
    if not text:
        raise PromptError('prompt: got an empty one, expected how it moves, like "drift left"')
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise PromptError(
            f"prompt: got {len(text)} characters, expected at most {MAX_PROMPT_CHARACTERS}; "
            "a short motion phrase works best"
        )
    return text


def _checked_strength(strength: float | None) -> float | None:
    if strength is None:
        return None
    number = isinstance(strength, int | float | np.number)
    if not number or not 0.0 <= strength <= MAX_STRENGTH:  # also false for NaN
        raise SettingsError(
            f"strength: got {strength}, expected 0 ... {MAX_STRENGTH:g} pixels per frame "
            "at a short side of 256 px"
        )
    return float(strength)


def _checked_seed_offset(offset: int) -> int:
    if not isinstance(offset, int) or not 0 <= offset <= MAX_SEED_OFFSET:
        raise SettingsError(
            f"seed offset: got {offset!r}, expected a whole number 0 ... {MAX_SEED_OFFSET}"
        )
    return offset
