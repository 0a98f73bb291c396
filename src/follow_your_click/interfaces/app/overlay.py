"""What the page lays over the photo: masks lit up in their regions' colours, the rest dimmed.

Axis legend: H W rows and columns of the photo, h w of the overlay.
"""

from __future__ import annotations

import base64

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.interfaces.app.state import Draft, Editor

# One per region, far apart in hue for most kinds of colour vision (after Okabe and Ito 2008).
COLOURS = (
    (255, 106, 0),
    (0, 145, 255),
    (0, 190, 120),
    (240, 60, 190),
    (255, 200, 0),
    (120, 80, 255),
    (0, 205, 215),
    (225, 35, 55),
)
OVERLAY_SIDE = 1280
"""Pixels, long side: smooth rims on a small photo, little to send for a large one."""
TINT = 0.42  # share of the colour inside the selected mask
TINT_OTHERS = 0.28  # and inside the masks of the other regions
DIM = (
    0.38  # share of black over what is in no mask, so that dark and coloured objects stand out too
)
STRIPE = 14  # pixels of the overlay: what is held still is striped
_WHITE = (255, 255, 255, 255)
_PNG_LEVEL = 1  # the fastest; a tenth larger


def overlay_size(height: int, width: int) -> tuple[int, int]:
    """(h, w) of the overlay of a photo (H, W): OVERLAY_SIDE on the long side."""
    scale = OVERLAY_SIDE / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def to_overlay(mask: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """A mask (H, W), 0 ... 1, at the overlay's size, 0 ... 255.

    In a photo that is made smaller, a part thinner than a pixel of the overlay stays visible.
    """
    levels = (np.clip(mask, 0, 1) * 255).astype(np.uint8)
    height, width = overlay_size(mask.shape[0], mask.shape[1])
    if (height, width) == mask.shape:
        return levels
    smaller = height < mask.shape[0]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    sized = np.asarray(cv2.resize(levels, (width, height), interpolation=way), np.uint8)
    return np.where(sized > 0, np.maximum(sized, 128), 0).astype(np.uint8) if smaller else sized


def draw(editor: Editor) -> npt.NDArray[np.uint8] | None:
    """The overlay (h, w, 4), red, green, blue and opacity; None where no mask is to be seen."""
    ordered = sorted(editor.drafts, key=lambda draft: draft.number == editor.selected)
    masks = [draft.place.mask for draft in ordered if draft.place.mask is not None]
    if not masks:
        return None
    picture = np.zeros((*masks[0].shape, 4), np.uint8)
    picture[..., 3] = round(255 * DIM)
    for draft in ordered:
        _tint(picture, draft, TINT if draft.number == editor.selected else TINT_OTHERS)
    for draft in ordered:
        _outline(picture, draft, chosen=draft.number == editor.selected)
    return picture


def as_data_url(picture: npt.NDArray[np.uint8]) -> str:
    """An overlay (h, w, 4) as a PNG inside an address."""
    swapped = cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA)
    _, packed = cv2.imencode(".png", swapped, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])
    return f"data:image/png;base64,{base64.b64encode(packed.tobytes()).decode('ascii')}"


def _tint(picture: npt.NDArray[np.uint8], draft: Draft, share: float) -> None:
    if draft.place.mask is None:
        return
    inside = draft.place.mask > 127
    colour = (*COLOURS[draft.colour], round(255 * share))
    if draft.kind == "still":
        rows, columns = np.ogrid[: inside.shape[0], : inside.shape[1]]
        picture[inside] = (0, 0, 0, 0)
        inside &= (rows + columns) // STRIPE % 2 == 0
    picture[inside] = colour


def _outline(picture: npt.NDArray[np.uint8], draft: Draft, *, chosen: bool) -> None:
    """The rim of a mask: light around the colour, so that it shows on any ground."""
    if draft.place.mask is None:
        return
    inside = (draft.place.mask > 127).astype(np.uint8)
    rims, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    width = max(1, round(max(picture.shape[:2]) / 430))
    if chosen:
        cv2.drawContours(picture, rims, -1, _WHITE, 3 * width, cv2.LINE_AA)
    cv2.drawContours(picture, rims, -1, (*COLOURS[draft.colour], 255), width, cv2.LINE_AA)
