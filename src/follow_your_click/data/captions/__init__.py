"""Motion captions: what moves in a caption, and how, as short prompts (the paper's WebVid-Motion, section 3.4)."""

from follow_your_click.data.captions.schema import Captioner, LabelledCaption, MotionCaption

__all__ = ["Captioner", "LabelledCaption", "MotionCaption"]
