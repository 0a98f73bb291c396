"""Clips with exactly known motion, rendered on the fly from photos and cut-outs.

Axes: B clips, F frames, C channels, H W rows and columns.

Two kinds of clips: in "layers" a cut-out moves over a photo; "in place" a region of a real photo is
deformed, fading to nothing at the region's edge. Background and camera never move. Each clip is a
deterministic function of the generator; its motion is one of `motion_prompts.MOTIONS`, or two at once.
"""

import math
import random as random_module
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from follow_your_click.data import layers, regions
from follow_your_click.data.motion_prompts import (
    COMPOSED,
    MOTIONS,
    WordingSplit,
    family,
    sample_caption,
    sample_prompt,
)
from follow_your_click.data.motions import REFERENCE_SIDE
from follow_your_click.data.photos import PictureLibrary
from follow_your_click.data.scene import Scene, draw_scene, photo_textures
from follow_your_click.errors import SettingsError

ClipKind = Literal["layers", "in_place"]

MIN_STRENGTH = 0.5
STRENGTH_LIMITS: dict[str, tuple[float, float]] = {
    "translate": (MIN_STRENGTH, 8.0),
    "drift": (MIN_STRENGTH, 2.5),
    "bounce": (1.5, 8.0),
    "jump": (1.0, 8.0),
    "fall": (1.0, 8.0),
    "rise": (MIN_STRENGTH, 6.0),
    "swing": (MIN_STRENGTH, 6.0),
    "rock": (MIN_STRENGTH, 4.0),
    "sway": (MIN_STRENGTH, 5.0),
    "shake": (1.5, 8.0),
    "tremble": (MIN_STRENGTH, 4.0),
    "rotate": (MIN_STRENGTH, 5.0),
    "spin": (2.0, 8.0),
    "wave": (MIN_STRENGTH, 5.0),
    "ripple": (MIN_STRENGTH, 2.5),
    "breathe": (MIN_STRENGTH, 3.0),
    "grow": (MIN_STRENGTH, 2.5),
    "shrink": (MIN_STRENGTH, 2.0),
    "nod": (MIN_STRENGTH, 4.0),
    "turn": (0.25, 4.0),
    "flap": (1.0, 6.0),
    "flow": (MIN_STRENGTH, 6.0),
    "still": (0.0, 0.0),
    "composed": (1.0, 6.0),
}
"""Strengths drawn for each family, pixels per frame at 256: below, the motion is hardly seen; above,
it would leave the window or fold the image (tuned by eye on contact sheets)."""

_TRANSLATE_SHARE = 0.4
_ZERO_STRENGTH_SHARE = 0.06
_LAYERS_SHARE = 0.65
_TRANSLATE_LAYERS_SHARE = 0.95
_ALWAYS_LAYERS = frozenset({"bounce", "jump", "fall", "rise", "spin", "flap"})
_GENERIC_NOUNS = ("object", "thing", "shape", None, None, None)


@dataclass(frozen=True)
class ClipRequest:
    """What one clip is to show; None leaves it to chance.

    motion: a name out of `MOTIONS` or `COMPOSED`. kind: how it is made; flow_* is always in place, two motions are layers.
    motion_strength: pixels per frame at 256, at least 0.
    """

    motion: str | None = None
    kind: ClipKind | None = None
    motion_strength: float | None = None


@dataclass(frozen=True)
class ClipBatch:
    """Rendered clips and everything that is exactly known about them.

    frames: (B, F, 3, H, W) float32 in [-1, 1].
    region_mask: (B, 1, H, W) {0, 1}, the moving region at frame 0 as a person would mark it.
    moving_mask: (B, F, 1, H, W) in [0, 1], the coverage of the moving object in each frame.
    flow: (B, F - 1, 2, H, W) displacement (x, y) from frame i to i + 1 in pixels of this size, at
        the pixels that the object covers in frame i, zero elsewhere.
    displacement: (B, F, 2, H, W) from each pixel of frame i to where it came from in frame 0, in shares of the
        side; the motion's own map, also where the object is not.
    motion_strength: (B,) mean flow magnitude inside the object, pixels per frame at 256.
    asked_strength: (B,) what was to be shown; more than that where a motion bears no more on this object.
    """

    frames: Tensor
    region_mask: Tensor
    moving_mask: Tensor
    flow: Tensor
    displacement: Tensor
    motion_strength: Tensor
    asked_strength: Tensor
    motions: list[str]
    motion_prompts: list[str]
    captions: list[str]


class ProceduralClips:
    """An endless source of clips.

    Args:
        images: what clips are made of, see `photos.load_library`.
        size: side of a clip in pixels, at least 32 and even.
        num_frames: at least 2.
        wordings: where prompts are drawn from, see `motion_prompts`.
        motion_weights: how often each motion is drawn, by its name or its family's (shared evenly by the
            family's motions); what is not named is not drawn. None: 40 % translations, the rest evenly.
        fading: whether motions of regions of photos fade towards their edges, so that the frames do not tear; without, the displacements are
            the motion's own all over the region, as of a cut-out.

    Raises:
        SettingsError: a size or a number of frames out of range, an empty library, or an unknown motion.
    """

    def __init__(
        self,
        images: PictureLibrary,
        *,
        size: int = 128,
        num_frames: int = 16,
        wordings: WordingSplit = "train",
        motion_weights: Mapping[str, float] | None = None,
        fading: bool = True,
    ) -> None:
        if size < 32 or size % 2:
            raise SettingsError(f"got size {size}; expected an even number of at least 32")
        if num_frames < 2:
            raise SettingsError(f"got num_frames {num_frames}; expected at least 2")
        if not images.photos or not images.cutouts:
            raise SettingsError(
                f"got {len(images.photos)} photos and {len(images.cutouts)} cut-outs; "
                "expected at least one of each"
            )
        self.images = images
        self.size = size
        self.num_frames = num_frames
        self.wordings: WordingSplit = wordings
        self.fading = fading
        self.motion_weights = (
            _default_weights() if motion_weights is None else _spread(motion_weights)
        )

    def sample(
        self,
        batch_size: int,
        generator: torch.Generator,
        device: torch.device | str = "cpu",
    ) -> ClipBatch:
        """Render `batch_size` clips of random motions.

        The same generator state gives the same clips; they are rendered on `device`.
        """
        return self.sample_requests([ClipRequest()] * batch_size, generator, device)

    def sample_requests(
        self,
        requests: Sequence[ClipRequest],
        generator: torch.Generator,
        device: torch.device | str = "cpu",
    ) -> ClipBatch:
        """Render one clip for each request, for control sets and pictures of single motions.

        Raises:
            SettingsError: no request, an unknown motion, or a motion that its kind cannot show.
        """
        if not requests:
            raise SettingsError("got no clip to render; expected a batch size of at least 1")
        seed = torch.randint(2**62, (1,), generator=generator, device=generator.device)
        random = random_module.Random(int(seed))
        scenes = [self._draw(request, random) for request in requests]
        return self._render(scenes, random, torch.device(device))

    def _draw(self, request: ClipRequest, random: random_module.Random) -> Scene:
        motion = request.motion or draw_motion(random, self.motion_weights)
        kind = request.kind or _draw_kind(motion, random)
        if kind == "layers" and family(motion) == "flow":
            raise SettingsError(f"got {motion} as layers; expected in_place, the only kind of flow")
        if kind == "in_place" and motion in COMPOSED:
            raise SettingsError(
                f"got {motion} in place; expected layers, the only kind of two motions"
            )
        strength = request.motion_strength
        if strength is None:
            strength = _draw_strength(motion, random)
        if strength < 0:
            raise SettingsError(f"got motion_strength {strength}; expected 0 or more")
        return draw_scene(self.images, motion, kind=kind, strength=strength, random=random)

    def _render(
        self, scenes: list[Scene], random: random_module.Random, device: torch.device
    ) -> ClipBatch:
        size, frames = self.size, self.num_frames
        background = photo_textures(self.images, scenes, size=size, device=device)
        video = torch.empty(len(scenes), frames, 3, size, size, device=device)
        coverage = torch.empty(len(scenes), frames, 1, size, size, device=device)
        flow = torch.empty(len(scenes), frames - 1, 2, size, size, device=device)
        displacement = torch.empty(len(scenes), frames, 2, size, size, device=device)
        in_place = partial(regions.render, fading=self.fading)
        for kind, render in (("layers", layers.render), ("in_place", in_place)):
            chosen = [index for index, scene in enumerate(scenes) if scene.kind == kind]
            if chosen:
                part = render(
                    self.images,
                    [scenes[index] for index in chosen],
                    background[torch.tensor(chosen, device=device)],
                    size=size,
                    num_frames=frames,
                )
                video[chosen], coverage[chosen] = part.frames, part.coverage
                flow[chosen], displacement[chosen] = part.flow, part.displacement
        return ClipBatch(
            frames=video.mul_(2.0).sub_(1.0),
            region_mask=regions.marked_region(coverage[:, 0], random),
            moving_mask=coverage,
            flow=flow,
            displacement=displacement,
            motion_strength=measure_strength(flow, coverage),
            asked_strength=torch.tensor([scene.strength for scene in scenes], device=device),
            motions=[scene.motion for scene in scenes],
            motion_prompts=[self._prompt(scene, random) for scene in scenes],
            captions=[
                sample_caption(scene.motion, scene.noun, random, split=self.wordings)
                for scene in scenes
            ],
        )

    def _prompt(self, scene: Scene, random: random_module.Random) -> str:
        noun = scene.noun or random.choice(_GENERIC_NOUNS)
        return sample_prompt(scene.motion, noun=noun, random=random, split=self.wordings)


def measure_strength(flow: Tensor, coverage: Tensor) -> Tensor:
    """Motion strength of known flow: (B, F - 1, 2, H, W), (B, F, 1, H, W) -> (B,).

    The mean over pairs of the mean flow magnitude where the object is, in pixels per frame at a
    window side of 256. Pairs in which the object cannot be seen do not count.
    """
    inside = (coverage[:, :-1, 0] > 0.5).to(flow.dtype)
    area = inside.sum(dim=(-2, -1))
    # `norm` over a short strided axis is ten times slower than this.
    magnitude = torch.hypot(flow[:, :, 0], flow[:, :, 1])
    speed = (magnitude * inside).sum(dim=(-2, -1)) / area.clamp(min=1.0)
    seen = (area > 0).to(flow.dtype)
    mean = (speed * seen).sum(dim=1) / seen.sum(dim=1).clamp(min=1.0)
    scaled: Tensor = mean * (REFERENCE_SIDE / flow.shape[-1])
    return scaled


def draw_motion(random: random_module.Random, weights: Mapping[str, float]) -> str:
    """A motion, drawn by weights per motion."""
    return random.choices(list(weights), list(weights.values()))[0]


def _default_weights() -> dict[str, float]:
    straight = [motion for motion in MOTIONS if family(motion) == "translate"]
    others = [motion for motion in MOTIONS if family(motion) != "translate"]
    return {motion: _TRANSLATE_SHARE / len(straight) for motion in straight} | {
        motion: (1 - _TRANSLATE_SHARE) / len(others) for motion in others
    }


def _spread(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights by motion or family -> weights by motion."""
    spread: dict[str, float] = {}
    for name, weight in weights.items():
        members = [motion for motion in (*MOTIONS, *COMPOSED) if name in (motion, family(motion))]
        if not members or weight < 0:
            raise SettingsError(
                f"got motion weight {name}: {weight}; expected a motion or family and a number from 0"
            )
        for motion in members:
            spread[motion] = spread.get(motion, 0.0) + weight / len(members)
    if not sum(spread.values()) > 0:
        raise SettingsError("got motion weights that sum to 0; expected one above 0")
    return spread


def _draw_kind(motion: str, random: random_module.Random) -> ClipKind:
    if motion in _ALWAYS_LAYERS or motion in COMPOSED:
        return "layers"
    name = family(motion)
    if name == "flow":
        return "in_place"
    share = _TRANSLATE_LAYERS_SHARE if name == "translate" else _either_layers_share()
    return "layers" if random.random() < share else "in_place"


def _either_layers_share() -> float:
    """Layers' share among motions made both ways, so that `_LAYERS_SHARE` holds over all clips."""
    others = [motion for motion in MOTIONS if not motion.startswith("translate")]
    each = (1.0 - _TRANSLATE_SHARE) / len(others)
    flows = sum(family(motion) == "flow" for motion in others)
    fixed = _TRANSLATE_SHARE * _TRANSLATE_LAYERS_SHARE + each * len(_ALWAYS_LAYERS)
    return (_LAYERS_SHARE - fixed) / (each * (len(others) - len(_ALWAYS_LAYERS) - flows))


def _draw_strength(motion: str, random: random_module.Random) -> float:
    still_share = (1.0 - _TRANSLATE_SHARE) / sum(not m.startswith("translate") for m in MOTIONS)
    if motion == "still" or random.random() < _ZERO_STRENGTH_SHARE - still_share:
        return 0.0
    low, high = STRENGTH_LIMITS[family(motion)]
    return math.exp(random.uniform(math.log(low), math.log(high)))
