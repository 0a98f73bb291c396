"""From clicks, boxes and strokes to masks: one protocol, one file per segmenter."""

from follow_your_click.segmentation.base import Segmentation, Segmenter
from follow_your_click.segmentation.grabcut import GrabCutSegmenter
from follow_your_click.segmentation.resolve import load_mask, region_mask, save_mask

__all__ = [
    "GrabCutSegmenter",
    "Segmentation",
    "Segmenter",
    "load_mask",
    "region_mask",
    "save_mask",
]
