"""The picture that the page shows: the photo, small enough for a screen, with the masks lit up.

Axis legend: H W rows and columns of the photo, h w of the shown picture; last axis red, green, blue.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.interfaces.app.state import Draft, Editor
from follow_your_click.region import Box, Click

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
# px, long side. More than the photo's column ever has: the page then never enlarges the picture, which it would do
# around a place that its clicks do not know of; and masks have smooth rims on small photos, too.
SHOWN_SIDE = 1280
TINT = 0.42  # share of the colour inside the selected mask
TINT_OTHERS = 0.28  # and inside the masks of the other regions
DIM = 0.62  # brightness of what stays still, so that dark and coloured objects stand out too
_WHITE = (255, 255, 255)
_BLACK = (20, 20, 20)
_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates


def shown_size(height: int, width: int) -> tuple[int, int]:
    """(h, w) of the shown picture of a photo (H, W): SHOWN_SIDE on the long side."""
    scale = SHOWN_SIDE / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def to_screen(photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The photo (H, W, 3) at the size at which it is shown."""
    return _resized(photo)


def _resized(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = shown_size(pixels.shape[0], pixels.shape[1])
    if (height, width) == pixels.shape[:2]:
        return pixels
    smaller = max(height, width) < max(pixels.shape[:2])
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), np.uint8)


def mask_to_screen(mask: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """A mask (H, W), 0 ... 1, at the shown size, 0 ... 255.

    In a photo that is made smaller, a part thinner than a shown pixel stays visible, and so does a single pixel.
    """
    small = _resized((np.clip(mask, 0, 1) * 255).astype(np.uint8))
    if small.size < mask.size:
        return np.where(small > 0, np.maximum(small, 128), 0).astype(np.uint8)
    return small


def to_photo(x: float, y: float, *, photo: tuple[int, int], shown: tuple[int, int]) -> Click:
    """The pixel of a photo (H, W) at a place in the shown picture (h, w), in pixels from its edge.

    Browsers round a click to whole pixels of the shown picture, at most half a pixel off; what falls beside the
    picture by that lands on its edge.
    """
    across, down = int(x * photo[1] / shown[1]), int(y * photo[0] / shown[0])
    return Click(float(min(max(across, 0), photo[1] - 1)), float(min(max(down, 0), photo[0] - 1)))


def to_shown(
    x: float, y: float, *, photo: tuple[int, int], shown: tuple[int, int]
) -> tuple[float, float]:
    """The place in the shown picture (h, w) of a point of the photo (H, W), in pixels from its edge."""
    return x * shown[1] / photo[1], y * shown[0] / photo[0]


def draw(editor: Editor) -> npt.NDArray[np.uint8] | None:
    """The shown picture (h, w, 3) with masks, clicks and boxes; None without a photo."""
    if editor.shown is None or editor.photo is None:
        return None
    masks = [draft.selection.mask for draft in editor.drafts if draft.selection.mask is not None]
    picture = editor.shown.astype(np.float32)
    if masks:
        anywhere = np.max(masks, axis=0).astype(np.float32)[..., None] / 255
        picture *= DIM + (1 - DIM) * anywhere
    ordered = sorted(editor.drafts, key=lambda draft: draft.number == editor.selected)
    for draft in ordered:
        _tint(picture, draft, TINT if draft.number == editor.selected else TINT_OTHERS)
    drawn = np.ascontiguousarray(np.clip(picture, 0, 255).astype(np.uint8))
    for draft in ordered:
        _outline(drawn, draft, chosen=draft.number == editor.selected)
    _marks(drawn, editor)
    return drawn


def _tint(picture: npt.NDArray[np.float32], draft: Draft, share: float) -> None:
    if draft.selection.mask is not None:
        inside = draft.selection.mask.astype(np.float32)[..., None] / 255 * share
        picture *= 1 - inside
        picture += inside * np.array(COLOURS[draft.colour], np.float32)


def _outline(picture: npt.NDArray[np.uint8], draft: Draft, *, chosen: bool) -> None:
    """The rim of a mask: light around the colour, so that it shows on any ground."""
    if draft.selection.mask is None:
        return
    inside = (draft.selection.mask > 127).astype(np.uint8)
    rims, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    width = _line_width(picture)
    if chosen:
        cv2.drawContours(picture, rims, -1, _WHITE, 3 * width, cv2.LINE_AA)
    cv2.drawContours(picture, rims, -1, COLOURS[draft.colour], width, cv2.LINE_AA)


def _marks(picture: npt.NDArray[np.uint8], editor: Editor) -> None:
    """Clicks and boxes of the selected region, and the corner of a box that waits for its other one."""
    assert editor.photo is not None
    photo, shown = editor.photo.shape[:2], picture.shape[:2]
    for area in editor.draft.selection.areas:
        if isinstance(area, Box):
            _draw_box(picture, area, photo, COLOURS[editor.draft.colour])
    for area in editor.draft.selection.areas:
        if isinstance(area, Click):
            at = to_shown(area.x + 0.5, area.y + 0.5, photo=photo, shown=shown)
            _draw_click(picture, at, positive=area.positive)
    if editor.corner is not None:
        x, y = to_shown(editor.corner.x + 0.5, editor.corner.y + 0.5, photo=photo, shown=shown)
        size = 12 * _line_width(picture)
        for colour, width in ((_BLACK, 3), (_WHITE, 1)):
            cv2.drawMarker(
                picture,
                (int(x), int(y)),
                colour,
                cv2.MARKER_CROSS,
                size,
                width * _line_width(picture),
            )


def _draw_box(
    picture: npt.NDArray[np.uint8],
    box: Box,
    photo: tuple[int, ...],
    colour: tuple[int, int, int],
) -> None:
    size, shown = (photo[0], photo[1]), (picture.shape[0], picture.shape[1])
    x0, y0 = to_shown(box.x0, box.y0, photo=size, shown=shown)
    x1, y1 = to_shown(box.x1, box.y1, photo=size, shown=shown)
    corners = (int(x0), int(y0)), (int(x1) - 1, int(y1) - 1)
    cv2.rectangle(picture, *corners, _WHITE, 3 * _line_width(picture))
    cv2.rectangle(picture, *corners, colour, _line_width(picture))


def _draw_click(picture: npt.NDArray[np.uint8], at: tuple[float, float], *, positive: bool) -> None:
    """A dot with + or -: the sign tells them apart without colour."""
    line = _line_width(picture)
    radius = 6 * line
    centre = round((at[0] - 0.5) * 2**_SHIFT), round((at[1] - 0.5) * 2**_SHIFT)
    fill = (20, 140, 60) if positive else (200, 30, 40)
    for reach, colour in ((radius + line, _WHITE), (radius, fill)):
        cv2.circle(picture, centre, reach << _SHIFT, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)
    x, y, half = int(at[0]), int(at[1]), 3 * line
    cv2.line(picture, (x - half, y), (x + half, y), _WHITE, line)
    if positive:
        cv2.line(picture, (x, y - half), (x, y + half), _WHITE, line)


def _line_width(picture: npt.NDArray[np.uint8]) -> int:
    """Pixels: thicker where the page will shrink the picture."""
    height, width = int(picture.shape[0]), int(picture.shape[1])
    return max(1, round(max(height, width) / 430))
