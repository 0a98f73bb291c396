"""What is sent to the REST API and what it answers.

Coordinates are the photo's own pixels after EXIF rotation, origin top left. Masks come as base64 PNGs; a file of the
server can never be named.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from follow_your_click.errors import RegionError
from follow_your_click.interfaces.jobs import Job, JobState, Snapshot
from follow_your_click.project import ProjectSettings
from follow_your_click.region import (
    MAX_PROMPT_CHARACTERS,
    MAX_STRENGTH,
    Granularity,
    HoldStill,
    Region,
    Selection,
)
from follow_your_click.region.json_forms import png_size

MAX_REGIONS = 16
MAX_AREAS = 256
MAX_EDITS = 64
MAX_POINTS = 10_000
MAX_MASKS = 16
MAX_MASK_CHARACTERS = 8_000_000

Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
Point = tuple[Number, Number]
Points = Annotated[list[Point], Field(min_length=1, max_length=MAX_POINTS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClickArea(_Strict):
    """A click on the object, or with `positive: false` on what is not part of it."""

    type: Literal["click"]
    x: Number
    y: Number
    positive: bool = True


class BoxArea(_Strict):
    """A box around the object."""

    type: Literal["box"]
    x0: Number
    y0: Number
    x1: Number
    y1: Number


class BrushArea(_Strict):
    """A painted stroke: all pixels within `radius` of the line through `points`."""

    type: Literal["brush"]
    points: Points
    radius: Number


class PolygonArea(_Strict):
    """A drawn outline."""

    type: Literal["polygon"]
    points: Points


class MaskArea(_Strict):
    """A mask of the photo's size: the base64 text of a grey PNG, white = selected."""

    type: Literal["mask"]
    png: Annotated[str, Field(max_length=MAX_MASK_CHARACTERS)]
    dtype: Literal["bool", "uint8", "float32"] = "uint8"


PlainArea = Annotated[
    ClickArea | BoxArea | BrushArea | PolygonArea | MaskArea, Field(discriminator="type")
]


class CombinedArea(_Strict):
    """What is taken away from the areas before it, or what of them is kept."""

    type: Literal["subtract", "intersect"]
    area: PlainArea


AnyArea = Annotated[
    ClickArea | BoxArea | BrushArea | PolygonArea | MaskArea | CombinedArea,
    Field(discriminator="type"),
]


class SizedEdit(_Strict):
    """Grow, shrink or soften the mask by so many pixels."""

    type: Literal["grow", "shrink", "feather"]
    pixels: Number


class PlainEdit(_Strict):
    """Fill the mask's holes, or keep its largest piece."""

    type: Literal["fill-holes", "keep-largest"]


class SelectionForm(_Strict):
    """A part of the photo: areas combined in their order, then edited."""

    areas: Annotated[list[AnyArea], Field(min_length=1, max_length=MAX_AREAS)]
    edits: Annotated[
        list[Annotated[SizedEdit | PlainEdit, Field(discriminator="type")]],
        Field(max_length=MAX_EDITS),
    ] = []
    granularity: Granularity | None = None

    def selection(self) -> Selection:
        """As the package's own type; raises UserInputError for what it refuses."""
        return Selection.from_json(self.model_dump())


class StillForm(SelectionForm):
    """A part of the photo that must not move."""

    def hold_still(self) -> HoldStill:
        """As the package's own type; raises UserInputError for what it refuses."""
        return HoldStill.from_json(self.model_dump())


class RegionForm(SelectionForm):
    """One thing that moves: where it is, and how it moves."""

    prompt: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT_CHARACTERS)]
    strength: Annotated[float, Field(ge=0, le=MAX_STRENGTH, allow_inf_nan=False)] | None = None
    seed_offset: Annotated[int, Field(ge=0, lt=2**31)] = 0

    def region(self) -> Region:
        """As the package's own type; raises UserInputError for what it refuses."""
        return Region.from_json(self.model_dump())


class SettingsForm(_Strict):
    """Settings of the clip; null is the model's own, or the server's first."""

    model: str | None = None
    segmenter: str | None = None
    num_frames: Annotated[int, Field(ge=2, le=64)] = 16
    fps: Annotated[float, Field(ge=0.1, le=120, allow_inf_nan=False)] = 8.0
    num_inference_steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    guidance_scale: Annotated[float, Field(ge=1, le=50, allow_inf_nan=False)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    def settings(self, *, model: str, segmenter: str) -> ProjectSettings:
        """Complete, with the server's defaults."""
        given = self.model_dump()
        given["model"], given["segmenter"] = self.model or model, self.segmenter or segmenter
        return ProjectSettings(**given)


class ClipForm(_Strict):
    """What a clip is made from, beside the photo."""

    regions: Annotated[list[RegionForm], Field(min_length=1, max_length=MAX_REGIONS)]
    hold_still: Annotated[list[StillForm], Field(max_length=MAX_REGIONS)] = []
    settings: SettingsForm = SettingsForm()


def check_masks_fit(selections: Sequence[SelectionForm], *, height: int, width: int) -> None:
    """Raises RegionError for masks that are not of the photo's size, before any of them is unpacked, or too many."""
    plain = [
        area.area if isinstance(area, CombinedArea) else area
        for selection in selections
        for area in selection.areas
    ]
    masks = [area for area in plain if isinstance(area, MaskArea)]
    if len(masks) > MAX_MASKS:
        raise RegionError(f"got {len(masks)} masks, expected at most {MAX_MASKS}")
    for mask in masks:
        size = png_size(mask.png)
        if size != (height, width):
            raise RegionError(
                f"a mask is {size[1]}x{size[0]} pixels but the photo is {width}x{height}; expected the same size"
            )


class JobView(BaseModel):
    """How a clip stands."""

    id: str
    version: int = Field(description="grows with every change")
    state: JobState
    position: int = Field(
        description="jobs before this one and itself; 0 when it runs or has ended"
    )
    stage: str
    words: str = Field(description="what is being done, for a person")
    share: float = Field(description="of the whole that is done, 0 ... 1; never goes back")
    seconds_left: float | None
    preview: str | None = Field(
        default=None,
        description="a small animated WebP as a data URL; in events only when it is new",
    )
    error: str | None
    warnings: list[str]

    @classmethod
    def of(cls, job: Job, snapshot: Snapshot, *, preview: bool = True) -> JobView:
        """The view of a snapshot."""
        packed = snapshot.preview if preview else None
        return cls(
            id=job.id,
            version=snapshot.version,
            state=snapshot.state,
            position=snapshot.position,
            stage=snapshot.stage,
            words=snapshot.words,
            share=snapshot.share,
            seconds_left=snapshot.seconds_left,
            preview=None if packed is None else _data_url(packed),
            error=snapshot.error,
            warnings=list(snapshot.warnings),
        )


def _data_url(webp: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(webp).decode('ascii')}"


class OfferView(BaseModel):
    """A model or segmenter that can be named in the settings; the first is the default."""

    name: str
    needs: str


class Health(BaseModel):
    """Whether the server takes clips, and how long its line is."""

    status: Literal["ok"] = "ok"
    version: str
    workers: int
    waiting: int
    max_waiting: int


class Problem(BaseModel):
    """Why something was refused, in one line."""

    error: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "no or wrong credentials"},
    403: {"model": Problem, "description": "asked from another site, or by another host name"},
    404: {"model": Problem, "description": "no such clip (any more)"},
    413: {"model": Problem, "description": "too many bytes or megapixels"},
    422: {"model": Problem, "description": "something cannot be used as it is; the line says what"},
    429: {"model": Problem, "description": "too many of your clips are waiting; see Retry-After"},
    503: {"model": Problem, "description": "too many clips are waiting; see Retry-After"},
}
