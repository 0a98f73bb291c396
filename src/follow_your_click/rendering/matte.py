"""The object's edge in photo pixels: a soft matte, and the object's own colours under it.

Axes: h w photo rows and columns, C = 3 colour channels.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.rendering.crop import UInt8Array
from follow_your_click.rendering.grid import Float32Array, channel_sum, smoothstep

BoolArray = npt.NDArray[np.bool_]

# Difference of object and background colour (grey levels) from which an edge is placed by colour;
# tuned.
CONTRAST = (18.0, 50.0)

# Width (standard deviation, px) by which a mask's edge is softened, so that a hard one has no stairs.
EDGE_SOFTNESS = 0.6

# px: how far beyond the band an edge still shows in the photo, by sharpening and compression.
RINGING = 4

# Mean difference of matte and mask along an edge from which the mask is held to be off; tuned.
DISAGREEMENT = (0.06, 0.2)


@dataclass(frozen=True)
class Matte:
    """The object as a layer.

    Attributes:
        alpha: float32 (h, w), 0 ... 1.
        colours: uint8 (h, w, 3), the photo, with the background's share taken out along the edge.
        rim: float32 (h, w), 1 where the object's colour is mixed in: the matte and a pixel or two.
        reach: float32 (h, w), 1 where it may be if the mask is off: the matte, the whole band and what rings beside it.
    """

    alpha: Float32Array
    colours: UInt8Array
    rim: Float32Array
    reach: Float32Array


# Photo pixels, rows and columns, blurred at once: bounds the memory of a large object, and the time between two steps; and only what is
# near its edge is.
TILE = 512


def cut_matte(
    photo: UInt8Array,
    mask: Float32Array,
    *,
    band: int,
    on_step: Callable[[], None] = lambda: None,
) -> Matte:
    """Matte an object along the edge of its mask.

    Within `band` px of the mask's edge the matte follows the colours: each pixel is placed on the
    line from the background's to the object's colour nearby. Where these are alike, the softened
    mask stays.

    Args:
        photo: uint8 (h, w, 3).
        mask: float32 (h, w), 0 ... 1.
        band: how far the mask's edge may be off, in pixels, at least 1.
        on_step: called between the costly steps; what it raises ends the work.
    """
    soft = np.clip(cv2.GaussianBlur(mask, (0, 0), EDGE_SOFTNESS), 0, 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    sure = (cv2.erode(mask, kernel) > 0.9).astype(np.float32)
    clear = (cv2.dilate(mask, kernel) < 0.1).astype(np.float32)
    image = photo.astype(np.float32)
    undecided = (1 - sure) * (1 - clear)
    near_edge = cv2.dilate(undecided, np.ones((4 * band + 7,) * 2, np.uint8)) > 0
    front = _spread(image, np.maximum(sure, 1e-4 * soft), 1.5 * band, near_edge, on_step)
    back = _spread(image, np.maximum(clear, 1e-4 * (1 - soft)), 1.5 * band, near_edge, on_step)
    on_step()
    line = front - back
    length = channel_sum(np.square(line))
    along = np.clip(channel_sum((image - back) * line) / np.maximum(length, 1.0), 0, 1)
    trust = smoothstep(np.asarray(np.sqrt(length / 3), np.float32), *CONTRAST)
    on_step()
    by_colour = cv2.GaussianBlur(along, (0, 0), max(0.6, 0.3 * band))
    # A mask that is off is off along a stretch of edge; single pixels that disagree are texture.
    change = np.asarray(np.where(undecided > 0, by_colour - soft, 0)[..., None], np.float32)
    deciding = np.asarray(trust * undecided + 1e-6, np.float32)
    apart = np.abs(_spread(change, deciding, 2.0 * band, near_edge, on_step))
    on_step()
    wrong = smoothstep(apart, *DISAGREEMENT)
    correction = 0.9 * wrong * trust * undecided * (by_colour - soft)
    alpha = soft + cv2.GaussianBlur(correction, (0, 0), 0.5)
    alpha = np.where(sure > 0, 1.0, np.where(clear > 0, 0.0, alpha)).astype(np.float32)
    solid = smoothstep(alpha, 0.5, 0.98)[..., None]
    near = _spread(image, np.square(np.maximum(alpha, sure)) + 1e-5, 1.5, near_edge, on_step)
    on_step()
    colours = near + solid * (image - near)
    keep = (sure > 0) | (alpha < 1e-3)
    colours = np.where(keep[..., None], image, colours)
    on_step()
    rim = _widen(alpha, max(1, band // 2), max(0.7, 0.2 * band))
    reach = _widen(alpha, band + RINGING, max(0.7, 0.35 * band))
    return Matte(alpha, np.clip(np.rint(colours), 0, 255).astype(np.uint8), rim, reach)


def beyond_border(
    cover: Float32Array, at_border: tuple[bool, bool, bool, bool]
) -> tuple[Float32Array, tuple[int, int]]:
    """A cover (h, w) that goes on beyond the photo's border, and the columns before and rows above that it gained.

    What the border cuts off ends round, as wide as it is cut. Were it to go on for ever, a small thing that comes in from
    the border would draw a band behind it; were it to end at once, it would come in with a straight cut. Farther out
    the last row or column stands for all.

    Args:
        at_border: whether the left, top, right and bottom side is the photo's.
    """
    left, top, right, bottom = at_border
    above, below = _ends_round(cover[0], top)[::-1], _ends_round(cover[-1], bottom)
    tall = np.concatenate([above, cover, below])
    before, after = _ends_round(tall[:, 0], left)[::-1], _ends_round(tall[:, -1], right)
    whole = np.concatenate([before.T, tall, after.T], axis=1)
    return np.ascontiguousarray(whole), (len(before), len(above))


def _ends_round(line: Float32Array, at_border: bool) -> Float32Array:
    """What follows the last line (n,): a half disc on each stretch that is covered, (lines, n).

    A stretch that reaches an end of the line is half of one; one from end to end has no end.
    """
    covered = line > 0.5
    if not at_border or covered.all() or not covered.any():
        return line[None][:0]
    limit = np.zeros(len(line), np.float32)
    for start, end in np.flatnonzero(np.diff(np.pad(covered, 1).astype(np.int8))).reshape(-1, 2):
        low = 2 * start - end if start == 0 else start
        high = 2 * end - start if end == len(line) else end
        offset = np.arange(start, end) + 0.5 - (low + high) / 2
        limit[start:end] = np.sqrt(np.square((high - low) / 2) - np.square(offset))
    distance = np.arange(1, int(limit.max()) + 3, dtype=np.float32)[:, None]
    return np.asarray(line * np.clip(limit - distance + 1, 0, 1), np.float32)


def _widen(alpha: Float32Array, radius: int, softness: float) -> Float32Array:
    """Where the matte is at least faintly there, and `radius` px around, fading by `softness` px."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    wide = cv2.dilate((alpha > 0.1).astype(np.float32), kernel)
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), softness), np.float32)


def _spread(
    image: Float32Array,
    weight: Float32Array,
    sigma: float,
    wanted: BoolArray,
    on_step: Callable[[], None],
) -> Float32Array:
    """Gaussian weighted mean around every pixel of tiles where it is wanted anywhere, else 0: (h, w, 3) as it is, (h, w, 1) as (h, w)."""
    height, width = wanted.shape
    mean = np.zeros(image.shape, np.float32)
    # Tiles with as much around as the blur sees (OpenCV: 4 sigma) give what the whole gives, bit for bit.
    around = round(4 * sigma) + 1
    for y, x in itertools.product(range(0, height, TILE), range(0, width, TILE)):
        tile = np.s_[y : y + TILE, x : x + TILE]
        if not wanted[tile].any():
            continue
        on_step()
        top, left = max(y - around, 0), max(x - around, 0)
        whole = np.s_[top : y + TILE + around, left : x + TILE + around]
        weights = weight[whole]
        mass = cv2.GaussianBlur(weights, (0, 0), sigma)
        total = cv2.GaussianBlur(image[whole] * weights[..., None], (0, 0), sigma)
        total = total.reshape(*mass.shape, image.shape[2])
        here = np.s_[y - top : y - top + TILE, x - left : x - left + TILE]
        mean[tile] = total[here] / np.maximum(mass[here], 1e-9)[..., None]
    return mean if image.shape[2] > 1 else mean[..., 0]
