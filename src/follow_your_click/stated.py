"""What becomes of the motion that a model states of a region: what heads, limbs and legs do with it, and networks do not.

Axis legend: L frames, h w rows and columns of positions in a window.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from follow_your_click.gait import walking
from follow_your_click.heads import nodding, sinking
from follow_your_click.limbs import swinging
from follow_your_click.planning import RegionPlan
from follow_your_click.rendering import CropPlan, MovingPart


def stated_of(
    displacement: npt.NDArray[np.float32] | None, plan: RegionPlan, window: CropPlan
) -> npt.NDArray[np.float32] | None:
    """The displacement (L, h, w, 2) of a region in a window, if the model states any; a head that nods and a limb that swings move in one piece, and what else nods goes down."""
    if displacement is None:
        return None
    if plan.nods and plan.reading is not None and plan.reading.upwards:
        displacement = -displacement
    if plan.nods and plan.head is not None:
        return nodding(displacement, plan.head, window, plan.window_strength)
    if plan.nods:
        return sinking(displacement, plan.mask, window, plan.window_strength)
    if plan.limb is not None:
        return swinging(displacement, plan.limb, window, plan.window_strength)
    return displacement


def parts_of(
    displacement: npt.NDArray[np.float32] | None, plan: RegionPlan, window: CropPlan
) -> list[MovingPart]:
    """What a region consists of where not all of it moves as stated."""
    if displacement is None or plan.walker is None:
        return []
    return walking(displacement, plan.mask, window, plan.walker)
