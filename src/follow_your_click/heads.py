"""Heads: where an animal or a person has one, where it joins the body, and how it nods in one piece; how a thing without one nods.

Axis legend: H W rows and columns of the photo, L frames, h w rows and columns of positions in a window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.prompt_reading import PromptReading
from follow_your_click.region import Click, Region
from follow_your_click.rendering.crop import CropPlan
from follow_your_click.rendering.grid import smoothstep
from follow_your_click.segmentation.click import ClickSegmenter
from follow_your_click.segmentation.granularity import choose_mask
from follow_your_click.segmentation.resolve import needs_segmenter
from follow_your_click.turning import Piece

Told = TypeVar("Told")

JOINING = 0.15  # of the square root of a head's area: how near the body is where they join
# Of a head's radius: from where to where its middle is so far from the joint that this says which way the head looks.
LEVERS = (0.1, 0.2)
MOST_TURNED = 0.4  # of what is selected, that a head has that turns alone; chosen by one portrait
MOST_NOD = 0.5  # radians that a head may turn, or of its radius how far it may go down


@dataclass(frozen=True, eq=False)
class Head:
    """A head of what a region selects.

    Attributes:
        mask: float32 (H, W), 0 or 1.
        joint: x, y in the photo's pixels, the middle of where it joins the body.
    """

    mask: npt.NDArray[np.float32]
    joint: tuple[float, float]


class HeadFinder:
    """Finds heads, what limbs belong to, and sure edges, by the embedded click network, which is loaded for the first. Threads may share it.

    Args:
        device: of the network.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.segmenter: ClickSegmenter | None = None
        self._lock = Lock()

    def __call__(
        self,
        photo: npt.NDArray[np.uint8],
        masks: Sequence[npt.NDArray[np.float32] | None],
        clicks: Sequence[Click | None],
    ) -> list[Head | None]:
        """The heads in masks (H, W) of a photo (H, W, 3); None where there is no mask, or no head in it.

        `clicks`: by which each was selected, if it was by one alone.
        """
        return self._of_each(photo, masks, clicks, self._head)

    def things(
        self, photo: npt.NDArray[np.uint8], clicks: Sequence[Click | None]
    ) -> list[npt.NDArray[np.bool_] | None]:
        """What each click by itself finds as an object in a photo (H, W, 3): (H, W); None where there is no click."""
        if all(click is None for click in clicks):
            return [None] * len(clicks)
        with self._lock:
            segmenter = self._prepared(photo)
            return [
                None
                if click is None
                else choose_mask(
                    segmenter.predict(point_coords=np.array([[click.x, click.y]], np.float32)),
                    "object",
                )
                for click in clicks
            ]

    def edges(
        self,
        photo: npt.NDArray[np.uint8],
        masks: Sequence[npt.NDArray[np.float32] | None],
        clicks: Sequence[Click | None],
    ) -> list[npt.NDArray[np.float32] | None]:
        """How sure the edges of masks (H, W) of a photo (H, W, 3) are, see `ClickSegmenter.edge`; None where there is no mask.

        `clicks`: by which each was selected, if it was by one alone.
        """
        return self._of_each(
            photo,
            masks,
            clicks,
            lambda segmenter, mask, click: segmenter.edge(mask, _place(click)),
        )

    def _of_each(
        self,
        photo: npt.NDArray[np.uint8],
        masks: Sequence[npt.NDArray[np.float32] | None],
        clicks: Sequence[Click | None],
        told: Callable[[ClickSegmenter, npt.NDArray[np.float32], Click | None], Told],
    ) -> list[Told | None]:
        """What the network tells of each mask (H, W) of a photo (H, W, 3), and of the click that selected it; None where there is no mask."""
        if all(mask is None for mask in masks):
            return [None] * len(masks)
        with self._lock:
            segmenter = self._prepared(photo)
            return [
                None if mask is None else told(segmenter, mask, click)
                for mask, click in zip(masks, clicks, strict=True)
            ]

    def _prepared(self, photo: npt.NDArray[np.uint8]) -> ClickSegmenter:
        if self.segmenter is None:
            self.segmenter = ClickSegmenter.from_pretrained(device=self.device)
        self.segmenter.set_image(photo)
        return self.segmenter

    def _head(
        self,
        segmenter: ClickSegmenter,
        mask: npt.NDArray[np.float32],
        click: Click | None,
    ) -> Head | None:
        found = segmenter.head(mask, _place(click))
        return None if found is None else Head(found.astype(np.float32), _joint(found, mask > 0.5))


def _place(click: Click | None) -> tuple[int, int] | None:
    return None if click is None else (int(click.x), int(click.y))


def moving_heads(
    photo: npt.NDArray[np.uint8],
    regions: Sequence[Region],
    masks: Sequence[npt.NDArray[np.float32]],
    readings: Sequence[PromptReading | None],
    find_heads: HeadFinder,
) -> list[Head | None]:
    """The head of each region (H, W) that does with it alone what its prompt asks for; None for all others."""
    asked = [
        mask if may_be_of_a_head(region, reading) else None
        for region, mask, reading in zip(regions, masks, readings, strict=True)
    ]
    found = find_heads(photo, asked, [region.only_click for region in regions])
    return [
        with_hair(head, mask, reading) if head and reading else None
        for head, mask, reading in zip(found, masks, readings, strict=True)
    ]


def may_be_of_a_head(region: Region, reading: PromptReading | None) -> bool:
    """Whether an animal or a person would do with its head alone what a region's prompt asks for.

    Drawn masks and those of a granularity that was asked for mean themselves.
    """
    clicked = region.granularity is None and needs_segmenter(region.without_mask())
    return reading is not None and reading.of_a_head and clicked


def with_hair(head: Head, mask: npt.NDArray[np.float32], reading: PromptReading) -> Head:
    """The head that turns: what is selected (H, W) where a head is much of it, for then it may be a face without its hair."""
    if "turn" not in reading.families or head.mask.sum() <= MOST_TURNED * (mask > 0.5).sum():
        return head
    return replace(head, mask=(mask > 0.5).astype(np.float32))


def _joint(head: npt.NDArray[np.bool_], selected: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The middle (x, y) of what of a head (H, W) is near the rest of what is selected; of the head, if nothing is."""
    body = (selected & ~head).astype(np.uint8)
    reach = max(1, round(JOINING * float(np.sqrt(head.sum()))))
    near = cv2.dilate(body, np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    rows, columns = np.nonzero(head & near if (head & near).any() else head)
    return float(columns.mean()), float(rows.mean())


def nodding(
    displacement: npt.NDArray[np.float32], head: Head, window: CropPlan, strength: float
) -> npt.NDArray[np.float32]:
    """A stated nod as that of one piece: a head seen from the side turns about its neck, one seen from the front goes down.

    Networks learn from nods that squeeze: the top goes down and the chin stays, and no further than to a point. When the head goes
    is kept.

    Args:
        displacement: float32 (L, h, w, 2), from each position to where it came from, (x, y) in shares of the window.
        head: in the photo.
        window: of the displacement.
        strength: px per frame at 256 px of the window, the head's mean motion then, as far as `MOST_NOD` lets it.
    """
    piece = Piece.in_window(head.mask, head.joint, window, displacement.shape[1:3])
    aside = piece.reach[0] / piece.length
    turning = aside**2 * float(
        smoothstep(np.array(piece.length / piece.radius, np.float32), *LEVERS)
    )
    way = -piece.mean(displacement)[:, 1]

    def nod(gain: float) -> npt.NDArray[np.float32]:
        down = gain * way
        return piece.turned(
            np.sign(aside) * turning * down / piece.length, down=(1 - turning) * down
        )

    most = MOST_NOD / max(turning / piece.length, (1 - turning) / piece.radius)
    gain = min(piece.gain(nod(1.0), strength), most / max(float(np.abs(way).max()), 1e-6))
    return nod(gain)


def sinking(
    displacement: npt.NDArray[np.float32],
    thing: npt.NDArray[np.float32],
    window: CropPlan,
    strength: float,
) -> npt.NDArray[np.float32]:
    """A stated nod of a thing without a head, as a flower is: it goes down as well, as far as squeezing alone falls short of the strength.

    Args:
        displacement: float32 (L, h, w, 2), from each position to where it came from, (x, y) in shares of the window.
        thing: in the photo (H, W), 0 ... 1.
        window: of the displacement.
        strength: px per frame at 256 px of the window, the thing's mean motion then, as far as `MOST_NOD` lets it.
    """
    piece = Piece.in_window(thing, (0.0, 0.0), window, displacement.shape[1:3])
    way = -piece.mean(displacement)[:, 1]
    farthest = float(np.abs(way).max())
    missing = 1 - 1 / max(piece.gain(displacement, strength), 1.0)
    if farthest < 1e-6 or not missing:
        return displacement
    unturned = np.zeros(len(way))
    gain = missing * piece.gain(piece.turned(unturned, down=way), strength)
    gain = min(gain, MOST_NOD * piece.radius / farthest)
    return displacement + piece.turned(unturned, down=gain * way)
