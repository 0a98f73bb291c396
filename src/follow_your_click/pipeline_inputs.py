"""What `RegionalAnimationPipeline` is given, checked and brought into the network's form.

Axis legend: B clips, R regions of a clip, H W rows and columns (h w of latents), N tokens, D text channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast, get_args

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from follow_your_click.errors import PromptError, SettingsError
from follow_your_click.models.affinity import AffinityKind, affinity_map, reachable_area
from follow_your_click.models.conditioning import latent_region_mask, mask_first_frame
from follow_your_click.models.regions import region_shares

BACKGROUND_PROMPT = "still"  # what positions outside of several regions are told

MotionPrompts = str | list[str] | list[list[str]] | dict[int, str]


@dataclass(frozen=True)
class Prompts:
    """Texts as the caller gives them: one for all clips, or one each; motion prompts also one per region.

    A dict says by frame what is told from there on, with what lies between two of them in between (prompt travel).
    """

    motion_prompt: MotionPrompts | None
    prompt: str | list[str] | dict[int, str] | None
    negative_prompt: str | list[str] | None


@dataclass(frozen=True)
class Texts:
    """Embeddings (B, N, D) of the caption, the motion prompt and, with guidance, the negative text.

    Of several regions (B, R + 1, N, D), the background's first; `per_frame` (B, F, N, D).
    """

    prompt: Tensor | None
    motion_prompt: Tensor | None
    negative: Tensor | None
    per_frame: bool = False

    def to(self, device: torch.device, dtype: torch.dtype) -> Texts:
        """All of them there."""
        return self._each(lambda embeds: embeds.to(device, dtype))

    def of_frames(self, window: slice) -> Texts:
        """What the network reads for these frames: (B F, N, D) where texts change from frame to frame."""
        if not self.per_frame:
            return self
        return self._each(lambda embeds: embeds[:, window].flatten(0, 1))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Texts:
        prompt, motion_prompt, negative = (
            None if embeds is None else change(embeds)
            for embeds in (self.prompt, self.motion_prompt, self.negative)
        )
        return Texts(prompt, motion_prompt, negative, self.per_frame)

    def stacked(self, embeds: Tensor | None, guided: bool) -> Tensor:
        """What the network reads: behind the negative ones if it is guided."""
        given = cast(Tensor, embeds)
        return torch.cat([cast(Tensor, self.negative), given]) if guided else given

    def replaced(self, tensors: dict[str, Any]) -> Texts:
        """With what a callback returned."""
        return Texts(
            tensors.get("prompt_embeds", self.prompt),
            tensors.get("motion_prompt_embeds", self.motion_prompt),
            self.negative,
            self.per_frame,
        )


def embed_texts(
    encode: Callable[[list[str]], Tensor],
    prompts: Prompts,
    given: Texts,
    *,
    batch: int,
    regions: int,
    num_frames: int,
    guided: bool,
) -> Texts:
    """Embeddings of what is not given as such; `encode` makes (B, N, D) of B texts.

    Raises:
        PromptError: no motion prompt, or not one text per clip (and region), or frames that are not in the clip.
    """
    travels = isinstance(prompts.motion_prompt, dict) or isinstance(prompts.prompt, dict)
    if travels and regions > 1:
        raise PromptError("got prompts by frame for several regions; expected one text per region")

    def embed(text: str | list[str] | dict[int, str]) -> Tensor:
        if isinstance(text, dict):
            return _travelling(encode, text, num_frames).expand(batch, -1, -1, -1)
        texts = [text] * batch if isinstance(text, str) else list(text)
        if len(texts) != batch:
            raise PromptError(f"got {len(texts)} prompts for {batch} images; expected one each")
        return encode(texts)

    motion = given.motion_prompt
    if motion is None:
        if prompts.motion_prompt is None:
            raise PromptError("got no motion_prompt; expected a phrase such as 'sway'")
        if regions == 1:
            motion = embed(cast(str | list[str], prompts.motion_prompt))
        else:
            texts = _of_regions(prompts.motion_prompt, batch, regions)
            motion = encode(texts).unflatten(0, (batch, regions + 1))
    prompt = given.prompt
    if prompt is None:
        prompt = motion if prompts.prompt is None else embed(prompts.prompt)
    negative = given.negative
    if negative is None and guided:
        negative = embed(prompts.negative_prompt or "")
    for embeds in (prompt, motion, negative):
        if embeds is not None and len(embeds) != batch:
            raise PromptError(
                f"got embeddings of {len(embeds)} texts for {batch} images; expected one each"
            )
    if regions > 1:  # a caption and a negative text are about all of the image
        prompt, negative = (_for_all(embeds, regions + 1) for embeds in (prompt, negative))
    if travels:
        prompt, negative = (_for_all(embeds, num_frames) for embeds in (prompt, negative))
        motion = _for_all(motion, num_frames)
    return Texts(prompt, motion, negative, per_frame=travels)


def _travelling(
    encode: Callable[[list[str]], Tensor], texts: dict[int, str], num_frames: int
) -> Tensor:
    """Embeddings per frame (1, F, N, D): at the named frames the texts' own, between two of them what lies between."""
    if not texts or not all(0 <= frame < num_frames for frame in texts):
        raise PromptError(
            f"got prompts for the frames {sorted(texts)}; expected some of 0 ... {num_frames - 1}"
        )
    known = sorted(texts)
    embeds = encode([texts[frame] for frame in known])
    frames = []
    for place in np.interp(range(num_frames), known, range(len(known))):
        low = min(int(place), len(known) - 1)
        high = min(low + 1, len(known) - 1)
        frames.append(torch.lerp(embeds[low], embeds[high], float(place) - low))
    return torch.stack(frames).unsqueeze(0)


def _of_regions(texts: MotionPrompts, batch: int, regions: int) -> list[str]:
    """B (R + 1) texts, the background's before each clip's own."""
    if (
        not isinstance(texts, list)
        or len(texts) != batch
        or any(isinstance(own, str) or len(own) != regions for own in texts)
    ):
        raise PromptError(
            f"got motion_prompt {texts!r}; expected {batch} lists of {regions} texts, one per region"
        )
    return [text for own in texts for text in (BACKGROUND_PROMPT, *own)]


def _for_all(embeds: Tensor | None, count: int) -> Tensor | None:
    """(B, N, D) -> (B, count, N, D); what has that axis stays."""
    if embeds is None or embeds.ndim == 4:
        return embeds
    return embeds[:, None].expand(-1, count, -1, -1)


def latent_masks(
    region_mask: npt.NDArray[Any] | Tensor, batch: int, size: tuple[int, int], factor: int
) -> Tensor:
    """The masks at latent size (h, w), (B, 1, h, w) or (B, R, h, w); `factor` pixels are one latent position.

    Raises:
        SettingsError: another shape, or values that are no shares.
    """
    if not isinstance(region_mask, Tensor):
        region_mask = torch.from_numpy(np.ascontiguousarray(region_mask))
    mask = region_mask.float()
    if mask.ndim == 2:
        mask = mask[None, None]
    height, width = (factor * side for side in size)
    sizes = (size, (height, width))
    fits = mask.ndim == 4 and mask.shape[0] in (1, batch) and mask.shape[1] >= 1
    if not fits or tuple(mask.shape[2:]) not in sizes:
        raise SettingsError(
            f"got a region_mask of shape {tuple(region_mask.shape)};"
            f" expected {height, width} or {batch, 1, height, width}, or one mask per region"
        )
    if not (mask.min() >= 0 and mask.max() <= 1):
        raise SettingsError(
            f"got region_mask values from {mask.min():g} to {mask.max():g}; expected 0 to 1"
        )
    return latent_region_mask(mask.expand(batch, -1, -1, -1), size)


@dataclass(frozen=True)
class RegionLatents:
    """Where the regions of B clips lie and how strongly each moves.

    masks: (B, R, h, w), the later on top. strengths: see `regional_strengths`.
    """

    masks: Tensor
    strengths: Tensor

    @cached_property
    def shares(self) -> Tensor | None:
        """Of several regions, whose each position is: (B, R + 1, h, w), the background's first."""
        return region_shares(self.masks) if self.masks.shape[1] > 1 else None

    @property
    def moving(self) -> Tensor:
        """What any of them moves, (B, 1, h, w)."""
        return self.masks if self.shares is None else 1 - self.shares[:, :1]

    @property
    def speeds(self) -> Tensor:
        """The regions' own strengths, (B, R)."""
        own = self.strengths if self.shares is None else self.strengths[:, 1:]
        return own.reshape(self.masks.shape[:2])

    def affinity(self, num_frames: int, kind: AffinityKind) -> Tensor:
        """See `affinity_map`."""
        each = self.masks if self.shares is None else self.shares[:, 1:]
        return affinity_map(each, self.speeds, num_frames, kind)

    def reachable(self, num_frames: int) -> Tensor:
        """See `reachable_area`."""
        return reachable_area(self.masks, self.speeds, num_frames)


def regional_strengths(motion_strength: float | Tensor, batch: int, regions: int) -> Tensor:
    """One strength per clip, (B,); of several regions (B, R + 1), the background's 0 first.

    Raises:
        SettingsError: another number of them, or not from 0.
    """
    strengths = torch.as_tensor(motion_strength, dtype=torch.float32)
    shape = (batch,) if regions == 1 else (batch, regions)
    if strengths.numel() == 1:
        strengths = strengths.reshape(()).expand(shape)
    if strengths.shape != shape or not (strengths.isfinite() & (strengths >= 0)).all():
        raise SettingsError(
            f"got motion_strength {strengths.tolist()}; expected numbers from 0, one or {shape}"
        )
    return strengths if regions == 1 else F.pad(strengths, (1, 0))


def partly_hidden(
    first_frame: Tensor, ratio: float, generator: torch.Generator | list[torch.Generator] | None
) -> Tensor:
    """First-frame latents with this share of them hidden, drawn where the generator is."""
    if ratio <= 0:
        return first_frame
    one = generator[0] if isinstance(generator, list) else generator
    one = one if one is not None else torch.Generator().manual_seed(0)
    return mask_first_frame(first_frame.to(one.device), ratio, generator=one).to(first_frame)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raises SettingsError unless the value is finite and in low ... high."""
    if not (low <= value <= high and math.isfinite(value)):
        raise SettingsError(f"got {name} {value}; expected {low:g} to {high:g}")


def check_choice(name: str, got: str, choice: Any) -> None:
    """Raises SettingsError unless the value is one of a Literal's."""
    if got not in get_args(choice):
        raise SettingsError(f"got {name} {got!r}; expected one of {get_args(choice)}")
