"""Control metrics, clip by clip: does the generated motion go where, and as far as, it was asked to?

Axis legend: B clips, F frames, H W rows and columns of the photo, or of the model's window.

They need no pretrained network: clips are procedural, so mask, motion and strength are known, and the optical flow of
the generated frames, of finished clips or of the network's own, is compared with them. The same is read off the true
frames, which says what the measurement itself can see. Photos, objects and (unless asked otherwise) wordings are held out from training.

    directions   eight translations, strengths log-uniform in 1 ... 8   direction, strength, leak, first frame
    stillness    the same motions, strength 0                           flow that nobody asked for
    sense        rotate both ways, grow, shrink                         signs of curl and divergence
    motions      all motion families in turn                            motion recognition, identity
    prompt changes   one photo, two prompts, two seeds                  prompt sensitivity
    rendered     whole photos through `Animator`                        frame 0 and background after rendering
"""

from __future__ import annotations

import math
import random as random_module
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from einops import rearrange
from torch import Tensor

from follow_your_click.animator import Animator
from follow_your_click.data.motion_prompts import JOIN, family, sample_prompt
from follow_your_click.data.motions import DIRECTIONS
from follow_your_click.data.photos import PictureLibrary
from follow_your_click.data.procedural import (
    STRENGTH_LIMITS,
    ClipBatch,
    ClipRequest,
    ProceduralClips,
)
from follow_your_click.evaluation.measures import (
    Float32Array,
    clip_flows,
    flow_distance,
    flow_frames,
    flow_masks,
    identity_distance,
    read_flow,
    squared_error,
    to_pixels,
)
from follow_your_click.evaluation.recognition import (
    FAMILIES,
    MIN_STRENGTH,
    MotionRecogniser,
    draw_request,
    motion_features,
)
from follow_your_click.evaluation.records import (
    ClipSet,
    ControlMeasurements,
    ControlSettings,
    MeasuredClip,
    PromptChange,
    Readings,
    RenderedClip,
    Sample,
)
from follow_your_click.pipeline import RegionalAnimationOutput
from follow_your_click.region import Region

CLIP_SETS: tuple[ClipSet, ...] = ("directions", "stillness", "sense", "composed", "motions")
SENSES = ("rotate_clockwise", "rotate_counterclockwise", "grow", "shrink")
STRENGTHS = (1.0, 8.0)  # px per frame at 256: the range of the strength test
COMPOSED_STRENGTH = 4.0  # the most that two motions are asked for at once
FPS = 8.0
BATCH = 8
RENDERED_CLIPS = 8  # each takes seconds, and the figures are largest differences that must be 0
RENDERED_SIDE = 256  # px: side of the photos that go through `Animator`
SAMPLES: dict[ClipSet, int] = {
    "directions": 8,
    "stillness": 1,
    "sense": 4,
    "composed": 4,
    "motions": 11,
}

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, clips done, clips in all)."""


def measure_control(
    animator: Animator,
    images: PictureLibrary,
    recogniser: MotionRecogniser,
    settings: ControlSettings,
    *,
    progress: Progress | None = None,
) -> ControlMeasurements:
    """Generate every set of clips and measure it.

    Args:
        animator: the model.
        images: held-out photos and cut-outs.
        recogniser: trained on clips of the settings' size and number of frames.
    """
    report = progress or (lambda stage, done, total: None)
    clips: list[MeasuredClip] = []
    samples: list[Sample] = []
    for name in CLIP_SETS:
        for done, (clip, sample) in enumerate(
            _measured_set(name, animator, images, recogniser, settings)
        ):
            clips.append(clip)
            samples += [sample] if done < SAMPLES[name] else []
            report(name, done + 1, settings.clips)
    changes = []
    for change in _prompt_changes(animator, images, settings):
        changes.append(change)
        report("prompts", len(changes), settings.clips)
    rendered = []
    for finished in _rendered_clips(animator, images, settings):
        rendered.append(finished)
        report("rendered", len(rendered), min(settings.clips, RENDERED_CLIPS))
    return ControlMeasurements(tuple(clips), tuple(changes), tuple(rendered), tuple(samples))


def clip_requests(name: ClipSet, settings: ControlSettings) -> list[ClipRequest]:
    """The clips of one set: its motions in turn, so that each is shown equally often."""
    random = random_module.Random(f"{name} {settings.seed}")
    return [_request(name, index, random) for index in range(settings.clips)]


def _request(name: ClipSet, index: int, random: random_module.Random) -> ClipRequest:
    if name == "motions":
        return draw_request(FAMILIES[index % len(FAMILIES)], random)
    if name == "sense":
        motion = SENSES[index % len(SENSES)]
        strength = _log_uniform((MIN_STRENGTH, STRENGTH_LIMITS[family(motion)][1]), random)
        return ClipRequest(motion=motion, kind="layers", motion_strength=strength)
    motion = f"translate_{tuple(DIRECTIONS)[index % len(DIRECTIONS)]}"
    if name == "composed":
        # Each direction with another sense in every round of the eight.
        motion += JOIN + SENSES[(index + index // len(DIRECTIONS)) % len(SENSES)]
        strength = _log_uniform((MIN_STRENGTH, COMPOSED_STRENGTH), random)
        return ClipRequest(motion=motion, motion_strength=strength)
    strength = 0.0 if name == "stillness" else _log_uniform(STRENGTHS, random)
    return ClipRequest(motion=motion, kind="layers", motion_strength=strength)


def _log_uniform(limits: tuple[float, float], random: random_module.Random) -> float:
    return math.exp(random.uniform(math.log(limits[0]), math.log(limits[1])))


def _batches(
    requests: Sequence[ClipRequest], label: str, images: PictureLibrary, settings: ControlSettings
) -> Iterator[tuple[range, ClipBatch]]:
    """Rendered requests, with their numbers."""
    source = ProceduralClips(
        images, size=settings.size, num_frames=settings.num_frames, wordings=settings.wordings
    )
    random = random_module.Random(f"{label} pictures {settings.seed}")
    generator = torch.Generator().manual_seed(random.getrandbits(62))
    for start in range(0, len(requests), BATCH):
        numbers = range(start, min(start + BATCH, len(requests)))
        yield numbers, source.sample_requests(requests[start : numbers.stop], generator)


def generate(
    animator: Animator,
    clips: ClipBatch,
    *,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: ControlSettings,
) -> Tensor:
    """What the model makes of the first frames, regions and strengths of `clips`: (B, F, 3, H, W) in [0, 1], CPU.

    Finished clips, or the network's own frames, as the settings ask. Every clip has a noise of its own, so that it does
    not depend on its neighbours in the batch.
    """
    if settings.frames == "finished":
        return _finished(animator, clips, prompts, seeds, settings)
    output = animator.pipeline(
        (clips.frames[:, 0] / 2 + 0.5).clamp(0, 1),
        clips.region_mask,
        motion_prompt=list(prompts),
        motion_strength=clips.motion_strength,
        **_sampling(settings),
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        output_type="pt",
    )
    frames: Tensor = cast(RegionalAnimationOutput, output).frames.float().cpu()
    return frames


def _sampling(settings: ControlSettings) -> dict[str, Any]:
    """What every clip is made with, as the pipeline and `Animator` both name it."""
    return {
        "num_frames": settings.num_frames,
        "fps": FPS,
        "num_inference_steps": settings.num_inference_steps,
        "guidance_scale": settings.guidance_scale,
    }


def _finished(
    animator: Animator,
    clips: ClipBatch,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: ControlSettings,
) -> Tensor:
    """As `generate`, one photo after the other through `Animator`."""
    photos = to_pixels(clips.frames[:, 0] / 2 + 0.5)
    strengths = clips.motion_strength.tolist()
    made = [
        animator.animate(
            photo,
            [Region(mask.numpy() > 0.5, prompt=prompt, strength=strength)],
            **_sampling(settings),
            seed=seed,
        ).frames
        for photo, mask, prompt, strength, seed in zip(
            photos, clips.region_mask[:, 0], prompts, strengths, seeds, strict=True
        )
    ]
    return rearrange(torch.from_numpy(np.stack(made)), "b f h w c -> b f c h w").float() / 255


def _measured_set(
    name: ClipSet,
    animator: Animator,
    images: PictureLibrary,
    recogniser: MotionRecogniser,
    settings: ControlSettings,
) -> Iterator[tuple[MeasuredClip, Sample]]:
    for numbers, clips in _batches(clip_requests(name, settings), name, images, settings):
        seeds = [settings.seed + number for number in numbers]
        generated = generate(
            animator, clips, prompts=clips.motion_prompts, seeds=seeds, settings=settings
        )
        for index, seed in enumerate(seeds):
            true = clips.frames[index] / 2 + 0.5
            # `Animator` takes a photo of whole levels, the network any.
            photo = (true[0] * 255).round() / 255 if settings.frames == "finished" else true[0]
            moving, region = clips.moving_mask[index, :, 0], clips.region_mask[index]
            by = recogniser if name == "motions" else None
            truth = measure_frames(true, moving=moving, region=region, recogniser=by)
            found = measure_frames(generated[index], moving=moving, region=region, recogniser=by)
            clip = MeasuredClip(
                clip_set=name,
                motion=clips.motions[index],
                prompt=clips.motion_prompts[index],
                seed=seed,
                strength=float(clips.motion_strength[index]),
                first_frame_error=squared_error(generated[index, 0], photo),
                generated=found,
                truth=truth,
            )
            yield clip, _sample(clip, true, generated[index])


def measure_frames(
    frames: Tensor, *, moving: Tensor, region: Tensor, recogniser: MotionRecogniser | None
) -> Readings:
    """What flow says about one clip.

    Args:
        frames: (F, 3, H, W) in [0, 1].
        moving: (F, H, W) coverage of the object, as the asked motion moves it.
        region: (1, H, W) the region that the model was given.
        recogniser: names the motion; None leaves that and the identity out, which takes longest.
    """
    large, areas = flow_frames(frames), flow_masks(moving)
    flows = clip_flows(large)
    readings = read_flow(flows, areas)
    if recogniser is None:
        return Readings(readings, None, None)
    named = recogniser.name(motion_features(flows, flow_masks(region)[0]))
    return Readings(readings, named, identity_distance(large, flows, areas[0]))


def _sample(clip: MeasuredClip, true: Tensor, generated: Tensor) -> Sample:
    measured = clip.generated.flow.flow_magnitude
    caption = f"{clip.prompt}  asked {clip.strength:.1f}, measured {measured:.1f} px per frame"
    named = clip.generated.recognised
    return Sample(
        caption if named is None else f"{caption}, taken for {named}",
        to_pixels(true),
        to_pixels(generated),
    )


def _prompt_changes(
    animator: Animator, images: PictureLibrary, settings: ControlSettings
) -> Iterator[PromptChange]:
    """Two directions asked of the same photo, region and strength; no noun, so that only the motion differs."""
    random = random_module.Random(f"prompts {settings.seed}")
    motions = [f"translate_{side}" for side in DIRECTIONS]
    requests = [_request("directions", index, random) for index in range(settings.clips)]
    for numbers, clips in _batches(requests, "prompts", images, settings):
        first: list[str] = []
        other: list[str] = []
        for motion in clips.motions:
            changed = random.choice([name for name in motions if name != motion])
            for name, prompts in ((motion, first), (changed, other)):
                prompts.append(
                    sample_prompt(name, noun=None, random=random, split=settings.wordings)
                )
        seeds = [settings.seed + number for number in numbers]
        reseeded = [seed + settings.clips for seed in seeds]
        base, by_prompt, by_seed = (
            _flows(generate(animator, clips, prompts=prompts, seeds=noises, settings=settings))
            for prompts, noises in ((first, seeds), (other, seeds), (first, reseeded))
        )
        for index in range(len(numbers)):
            yield PromptChange(
                prompts=(first[index], other[index]),
                seeds=(seeds[index], reseeded[index]),
                strength=float(clips.motion_strength[index]),
                by_prompt=flow_distance(base[index], by_prompt[index]),
                by_seed=flow_distance(base[index], by_seed[index]),
            )


def _flows(frames: Tensor) -> list[Float32Array]:
    return [clip_flows(flow_frames(clip)) for clip in frames]


def _rendered_clips(
    animator: Animator, images: PictureLibrary, settings: ControlSettings
) -> Iterator[RenderedClip]:
    """Composed photos through the whole way, at the model's own strength."""
    source = ProceduralClips(images, size=RENDERED_SIDE, num_frames=2, wordings=settings.wordings)
    generator = torch.Generator().manual_seed(settings.seed)
    for number in range(min(settings.clips, RENDERED_CLIPS)):
        request = _request("directions", number, random_module.Random(number))
        clips = source.sample_requests([request], generator)
        photo = to_pixels(clips.frames[0, :1] / 2 + 0.5)[0]
        prompt, seed = clips.motion_prompts[0], settings.seed + number
        mask = clips.region_mask[0, 0].numpy() > 0.5
        yield _rendered(animator, photo, Region(mask, prompt=prompt), settings, seed)


def _rendered(
    animator: Animator,
    photo: npt.NDArray[np.uint8],
    region: Region,
    settings: ControlSettings,
    seed: int,
) -> RenderedClip:
    clip = animator.animate(photo, [region], **_sampling(settings), seed=seed)
    outside = np.ones(photo.shape[:2], np.bool_)
    for patch in clip.patches:
        height, width = patch.frames.shape[1:3]
        outside[patch.y : patch.y + height, patch.x : patch.x + width] = False
    difference = np.abs(clip.frames.astype(np.float64) - photo)
    beyond = difference[:, outside]
    return RenderedClip(
        prompt=region.prompt,
        seed=seed,
        first_frame_error=float(np.square(difference[0]).mean()),
        background_difference=float(beyond.max()) if beyond.size else 0.0,
    )
