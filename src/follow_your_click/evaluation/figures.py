"""From measured clips to figures: means over clips with intervals.

Axis legend: N clips, K numbers per clip.

Every figure is a statistic over clips with its 95 % interval by the percentile bootstrap: clips are drawn anew, with
replacement, `RESAMPLES` times. Where all clips agree (an accuracy of 1) the bootstrap knows no spread, and its interval
is a point: after 64 right clips of 64, the true share may still be as low as 0.94.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from follow_your_click.data.motion_prompts import JOIN, family
from follow_your_click.data.motions import DIRECTIONS
from follow_your_click.evaluation.measures import FlowReadings, angle_between
from follow_your_click.evaluation.recognition import FAMILIES
from follow_your_click.evaluation.records import (
    ClipSet,
    ControlMeasurements,
    ControlSettings,
    MeasuredClip,
    PromptChange,
    RenderedClip,
)

RESAMPLES = 2000
DIRECTION_TOLERANCE = 45.0  # degrees: as the metric is defined
STILL = 0.1  # px per frame: a clip that moves less has no direction and no sense, whatever the sign of its noise

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""(..., N, K) -> (...): one number for each table of clips."""


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        value: None where no clip could show it.
        low, high: 95 % interval over clips; None for a largest value, which has none, or without a value.
        on_truth: the same read off the true frames, the best that the measurement can see; None if it has no meaning.
        wanted: what the project asks for, in words.
    """

    name: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    clips: int
    on_truth: float | None
    wanted: str


@dataclass(frozen=True)
class ControlReport:
    """All figures of one model, and what they were measured with.

    Args:
        subject: model, weights, scheduler, pictures: what the settings do not say.
        confusion: counts by asked family (rows) and recognised family (columns), in the order of `families`.
        details: the records of all clips.
    """

    subject: dict[str, Any]
    settings: dict[str, Any]
    figures: tuple[Figure, ...]
    families: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    details: dict[str, list[dict[str, Any]]]

    def figure(self, name: str) -> Figure:
        """The figure called `name`; KeyError if there is none."""
        return {figure.name: figure for figure in self.figures}[name]


def bootstrap_interval(
    rows: Floats, statistic: Statistic, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a statistic of rows (N, K), drawn anew by row."""
    random = np.random.default_rng(seed)
    values = statistic(rows[random.integers(0, len(rows), (resamples, len(rows)))])
    # A resample can be degenerate, such as a correlation of equal numbers; it says nothing.
    known = values[np.isfinite(values)]
    if not known.size:
        return math.nan, math.nan
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)


def sums_by_group(values: Floats, groups: Sequence[str]) -> Floats:
    """Sum and count of the values (N,) of each group: (G, 2), to draw whole groups, with `ratio_of_means`, where rows are not independent."""
    _, of = np.unique(np.array(groups), return_inverse=True)
    return np.stack([np.bincount(of, values), np.bincount(of)], axis=1)


def mean(rows: Floats) -> Floats:
    """Of the first column: (..., N, K) -> (...)."""
    return np.asarray(rows[..., 0].mean(axis=-1))


def median(rows: Floats) -> Floats:
    """Of the first column: (..., N, K) -> (...)."""
    return np.asarray(np.median(rows[..., 0], axis=-1))


def ratio_of_means(rows: Floats) -> Floats:
    """First column over second: (..., N, 2) -> (...); NaN where the second is 0."""
    above, below = rows[..., 0].mean(axis=-1), rows[..., 1].mean(axis=-1)
    return np.asarray(np.where(below > 0, above / np.where(below > 0, below, 1), math.nan))


def rank_correlation(rows: Floats) -> Floats:
    """Spearman's correlation of two columns: (..., N, 2) -> (...); NaN where one of them is constant."""
    ranks = rankdata(rows, axis=-2) - (rows.shape[-2] + 1) / 2
    first, second = ranks[..., 0], ranks[..., 1]
    scale = np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    product = (first * second).sum(axis=-1)
    return np.asarray(np.where(scale > 0, product / np.where(scale > 0, scale, 1), math.nan))


def _figure(
    name: str,
    label: str,
    rows: Sequence[Sequence[float]],
    *,
    wanted: str,
    statistic: Statistic = mean,
    truth: Sequence[Sequence[float]] = (),
) -> Figure:
    table = np.array(rows, np.float64)
    value = float(statistic(table)) if len(rows) else math.nan
    low, high = bootstrap_interval(table, statistic) if len(rows) else (math.nan, math.nan)
    true = float(statistic(np.array(truth, np.float64))) if len(truth) else math.nan
    return Figure(
        name, label, _known(value), _known(low), _known(high), len(rows), _known(true), wanted
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def summarise(
    measured: ControlMeasurements, settings: ControlSettings, *, subject: dict[str, Any]
) -> ControlReport:
    """The figures of everything that was measured."""
    confusion = np.zeros((len(FAMILIES), len(FAMILIES)), int)
    for clip in _of_set(measured, "motions"):
        if clip.generated.recognised is not None:
            row, column = family(clip.motion), clip.generated.recognised
            confusion[FAMILIES.index(row), FAMILIES.index(column)] += 1
    return ControlReport(
        subject=subject,
        settings=asdict(settings),
        figures=(
            *_appearance_figures(measured),
            *_motion_figures(measured),
            *_strength_figures(measured),
            *_prompt_figures(measured),
        ),
        families=FAMILIES,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        details={
            "clips": [_plain(clip) for clip in measured.clips],
            "prompt_changes": [_plain(change) for change in measured.prompt_changes],
            "rendered": [_plain(clip) for clip in measured.rendered],
        },
    )


def _plain(record: MeasuredClip | PromptChange | RenderedClip) -> dict[str, Any]:
    """A record as JSON knows it: lists for tuples, so that a report read back equals the one written."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(record)))
    return plain


def _of_set(measured: ControlMeasurements, name: ClipSet) -> list[MeasuredClip]:
    return [clip for clip in measured.clips if clip.clip_set == name]


def _appearance_figures(measured: ControlMeasurements) -> list[Figure]:
    directed = _of_set(measured, "directions")
    named = _of_set(measured, "motions")
    rendered = measured.rendered
    beyond = max((clip.background_difference for clip in rendered), default=None)
    identity = [clip.generated.identity for clip in named]
    true_identity = [clip.truth.identity for clip in named]
    return [
        _figure(
            "first_frame_error",
            "first-frame error (MSE of frame 0, levels of 0 ... 255)",
            [[clip.first_frame_error] for clip in directed],
            wanted="reported",
        ),
        _figure(
            "rendered_first_frame_error",
            "the same, rendered at the model's own strength",
            [[clip.first_frame_error] for clip in rendered],
            wanted="0",
        ),
        Figure(
            "static_background",
            "static background, rendered: largest difference outside the patches (levels)",
            value=beyond,
            low=None,
            high=None,
            clips=len(rendered),
            on_truth=None,
            wanted="0",
        ),
        _figure(
            "identity",
            "identity: 1 - SSIM along the flow, inside the region",
            [[value] for value in identity if value is not None],
            wanted="reported",
            truth=[[value] for value in true_identity if value is not None],
        ),
    ]


def _motion_figures(measured: ControlMeasurements) -> list[Figure]:
    directed = _of_set(measured, "directions")
    turned = _of_set(measured, "sense")
    both = _of_set(measured, "composed")
    named = _of_set(measured, "motions")
    return [
        _figure(
            "direction_accuracy",
            "direction within 45 degrees (8 directions)",
            [[right_direction(clip.motion, clip.generated.flow)] for clip in directed],
            wanted=">= 0.95",
            truth=[[right_direction(clip.motion, clip.truth.flow)] for clip in directed],
        ),
        _figure(
            "sense_accuracy",
            "sense: rotate clockwise / counter-clockwise, grow / shrink",
            [[right_sense(clip.motion, clip.generated.flow)] for clip in turned],
            wanted=">= 0.95",
            truth=[[right_sense(clip.motion, clip.truth.flow)] for clip in turned],
        ),
        _figure(
            "composed_accuracy",
            "two motions at once: direction and sense both right",
            [[right_in_both(clip.motion, clip.generated.flow)] for clip in both],
            wanted="reported",
            truth=[[right_in_both(clip.motion, clip.truth.flow)] for clip in both],
        ),
        _figure(
            "motion_recognition",
            f"motion recognised, of {len(FAMILIES)} families",
            [[float(clip.generated.recognised == family(clip.motion))] for clip in named],
            wanted=">= 0.85",
            truth=[[float(clip.truth.recognised == family(clip.motion))] for clip in named],
        ),
    ]


def right_direction(motion: str, flow: FlowReadings) -> float:
    """1 if the clip moves, and within 45 degrees of where a "translate_..." motion leads; else 0."""
    asked = DIRECTIONS[motion.removeprefix("translate_")]
    near = angle_between(flow.mean_flow, asked) <= DIRECTION_TOLERANCE
    return float(near and flow.flow_magnitude > STILL)


def right_sense(motion: str, flow: FlowReadings) -> float:
    """1 if the clip moves, and turns or grows the way that the motion says; else 0."""
    found, sign = {
        "rotate_clockwise": (flow.turning, 1.0),
        "rotate_counterclockwise": (flow.turning, -1.0),
        "grow": (flow.spreading, 1.0),
        "shrink": (flow.spreading, -1.0),
    }[motion]
    return float(found * sign > 0 and flow.flow_magnitude > STILL)


def right_in_both(motion: str, flow: FlowReadings) -> float:
    """1 if the clip of a direction and a sense at once, "translate_left+grow", is right in both; else 0."""
    direction, sense = motion.split(JOIN)
    return right_direction(direction, flow) * right_sense(sense, flow)


def _strength_figures(measured: ControlMeasurements) -> list[Figure]:
    directed = _of_set(measured, "directions")
    still = _of_set(measured, "stillness")
    asked = [clip.strength for clip in directed]
    found = [clip.generated.flow.flow_magnitude for clip in directed]
    true = [clip.truth.flow.flow_magnitude for clip in directed]
    leaks = [clip.generated.flow.leak for clip in directed]
    true_leaks = [clip.truth.flow.leak for clip in directed]
    return [
        _figure(
            "strength_spearman",
            "strength asked against measured, Spearman",
            list(zip(asked, found, strict=True)),
            statistic=rank_correlation,
            wanted=">= 0.95",
            truth=list(zip(asked, true, strict=True)),
        ),
        _figure(
            "strength_relative_error",
            "the same, median relative error",
            [[abs(a - b) / a] for a, b in zip(asked, found, strict=True)],
            statistic=median,
            wanted="<= 0.15",
            truth=[[abs(a - b) / a] for a, b in zip(asked, true, strict=True)],
        ),
        _figure(
            "stillness",
            "stillness: flow inside at strength 0 (px per frame)",
            [[clip.generated.flow.flow_magnitude] for clip in still],
            wanted="<= 0.1",
            truth=[[clip.truth.flow.flow_magnitude] for clip in still],
        ),
        _figure(
            "leak",
            "leak: flow outside the grown object / flow inside it",
            [[leak] for leak in leaks if leak is not None],
            wanted="<= 0.05",
            truth=[[leak] for leak in true_leaks if leak is not None],
        ),
    ]


def _prompt_figures(measured: ControlMeasurements) -> list[Figure]:
    return [
        _figure(
            "prompt_sensitivity",
            "prompt sensitivity: flow distance between prompts / between seeds",
            [[change.by_prompt, change.by_seed] for change in measured.prompt_changes],
            statistic=ratio_of_means,
            wanted=">= 2",
        )
    ]
