"""Segmenters by name: the embedded one, GrabCut, or a Segment Anything model."""

from __future__ import annotations

from pathlib import Path

from follow_your_click.errors import ModelError
from follow_your_click.segmentation.base import Segmenter

# The public models: SAM ViT-B, SAM 2.1 tiny and SAM 3, whose owners ask for consent first.
HUB_IDS = {
    "sam": "facebook/sam-vit-base",
    "sam2": "facebook/sam2.1-hiera-tiny",
    "sam3": "facebook/sam3",
}
SEGMENTER_NAMES = ("embedded", "grabcut", *HUB_IDS)


def load_segmenter(name: str = "embedded", *, device: str | None = None) -> Segmenter:
    """A segmenter that is ready for `set_image`.

    Args:
        name: "embedded", which comes with the package; "grabcut", which needs no weights; "sam", "sam2"
            or "sam3"; a folder with a click network that `fyc train mini-click` wrote; or a folder or hub id of a SAM,
            SAM 2 or SAM 3 checkpoint.
        device: where the network runs, None for the best there is; GrabCut runs on the CPU.

    Raises:
        ModelError: the weights cannot be had, or no segmenter is called so.
    """
    # Imported here: the command line offers the names without loading torch.
    if name == "embedded":
        from follow_your_click.segmentation.click import ClickSegmenter

        return ClickSegmenter.from_pretrained(device=device)
    if name == "grabcut":
        from follow_your_click.segmentation.grabcut import GrabCutSegmenter

        return GrabCutSegmenter()
    from follow_your_click.models.checkpoints import holds_component

    folder = Path(name).expanduser()
    if name not in HUB_IDS and holds_component(folder, "ClickNetwork"):
        from follow_your_click.segmentation.click import ClickSegmenter

        return ClickSegmenter.from_pretrained(folder, device=device)
    from follow_your_click.segmentation.hub_weights import looks_like_checkpoint
    from follow_your_click.segmentation.sam import SamSegmenter

    if name not in HUB_IDS and not looks_like_checkpoint(name):
        known = ", ".join(SEGMENTER_NAMES)
        raise ModelError(
            f"segmenter {name!r}: not known, expected {known}, a folder with config.json and"
            " model.safetensors, or a hub id like facebook/sam-vit-huge"
        )
    return SamSegmenter.from_pretrained(HUB_IDS.get(name, name), device=device)
