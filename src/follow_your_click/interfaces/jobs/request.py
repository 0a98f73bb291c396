"""All that a clip is made from; can be pickled, so that it may be made in another process."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from follow_your_click.project import ProjectSettings
from follow_your_click.region import HoldStill, Region


@dataclass(frozen=True, eq=False)
class ClipRequest:
    """One clip that somebody asks for.

    Args:
        photo: uint8 (H, W, 3) RGB.
        regions: what moves; at least one.
        hold_still: what does not.
        settings: model, segmenter, frames, seed and the like.
    """

    photo: npt.NDArray[np.uint8]
    regions: tuple[Region, ...]
    hold_still: tuple[HoldStill, ...] = ()
    settings: ProjectSettings = field(default_factory=ProjectSettings)
