"""From clicks, boxes and strokes to masks: one protocol, one file per segmenter."""

from follow_your_click.segmentation.base import Segmentation, Segmenter
from follow_your_click.segmentation.grabcut import GrabCutSegmenter
from follow_your_click.segmentation.granularity import choose_mask
from follow_your_click.segmentation.registry import SEGMENTER_NAMES, load_segmenter
from follow_your_click.segmentation.resolve import load_mask, region_mask, save_mask

__all__ = [
    "SEGMENTER_NAMES",
    "GrabCutSegmenter",
    "Segmentation",
    "Segmenter",
    "choose_mask",
    "load_segmenter",
    "load_mask",
    "region_mask",
    "save_mask",
]
