"""Crop plan, and the way back to native resolution: detail from the photo, background untouched."""

from follow_your_click.rendering.compose import MovingPart, render
from follow_your_click.rendering.crop import CropPlan, plan_crop
from follow_your_click.rendering.frames import Rendered

__all__ = ["CropPlan", "MovingPart", "Rendered", "plan_crop", "render"]
