"""The paper's ablations at the embedded model's size: the network of the paper, each variant trained for as many steps.

    python benchmarks/ablations.py --data FOLDER --out FOLDER [--steps 1000] [--only full without_ma] [--set KEY=VALUE]

Every variant starts from random weights of one seed, or from a network that knows pictures but no motion (--set objective.init=FOLDER
--set objective.model={}), and sees the same clips in the same order; motion is in the denoised latents alone (no displacement head). A run that stopped goes on, and a variant that is trained already is only measured.

Measured is what the network makes of held-out photos and objects in its first sampling step, from noise and the conditions
alone: its latents are compared with those of the first frame, carried along in pixels. Eight directions, wordings as asked.
    direction   share whose latents are nearest to the first frame carried in the asked direction, of the eight
    strength    Spearman of the strength asked for and the one whose carried first frame is nearest, of ten from 0 to 11 px a frame
    explained   1 - squared error where the object is or gets to, as a share of the error of a clip that stands still
    first frame, background   squared error of frame 0, and where nothing moves, as shares of the latents' variance
"true clips" is the same read off the true latents, and what stands still must show nothing. Intervals are 95 % by the bootstrap over clips.
"""

import argparse
import json
import math
import random as random_module
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from follow_your_click.data.motion_prompts import WordingSplit
from follow_your_click.data.motions import DIRECTIONS
from follow_your_click.data.procedural import ClipBatch, ClipRequest, ProceduralClips
from follow_your_click.evaluation.figures import (
    Floats,
    Statistic,
    bootstrap_interval,
    mean,
    rank_correlation,
)
from follow_your_click.models.checkpoints import load_component
from follow_your_click.models.conditioning import carry_first_frame, denoiser_input
from follow_your_click.models.text_encoder import MotionTextEncoder
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.training.config import load_config, parse_overrides
from follow_your_click.training.motion_unet import LatentBatch, MotionUNetObjective, joined
from follow_your_click.training.run import build_objective, train

BASE = {
    "objective.model.displacement_head": "none",
    "objective.model.pooled_motion_text": "none",
    "objective.displacement_loss_weight": 0,
}
MA = "objective.model.motion_cross_attention_dim"
WITHOUT_MA = {MA: None}
WITHOUT_CAPTIONS = {"objective.motion_captions": False}
VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "without_ma": WITHOUT_MA,
    "without_motion_captions": WITHOUT_CAPTIONS,
    "without_both": WITHOUT_MA | WITHOUT_CAPTIONS,
    **{
        f"mask_ratio_{ratio}": {"objective.first_frame_mask_ratios": [ratio]}
        for ratio in (0.0, 0.3, 0.5, 0.7, 0.9)
    },
    "speed_by_fps": {"objective.speed_told": "fps"},
    "even_timesteps": {"objective.noise_emphasis": 0},
    "min_snr": {"objective.noise_emphasis": 0, "objective.min_snr": 5},
}
CLAIMS = (
    ("with MA better than without", "full", "without_ma"),
    ("motion captions better than without", "full", "without_motion_captions"),
    ("MA matters less than motion captions", "without_ma", "without_motion_captions"),
    ("either better than neither", "without_ma", "without_both"),
    ("mask ratio 0.7 better than 0", "mask_ratio_0.7", "mask_ratio_0.0"),
    ("mask ratio 0.7 better than 0.3", "mask_ratio_0.7", "mask_ratio_0.3"),
    ("mask ratio 0.7 better than 0.9", "mask_ratio_0.7", "mask_ratio_0.9"),
    ("strength by flow better than by FPS", "full", "speed_by_fps"),
    ("timesteps next to noise better than even ones", "full", "even_timesteps"),
    ("Min-SNR weights better than none", "min_snr", "even_timesteps"),
)
"""What the paper says (Table 2, Fig. 4, section 3), and how timesteps are best weighed: the first variant is better than the second."""
FIGURES = ("direction", "strength", "explained", "first_frame", "background")
COMPARED = ("direction", "strength", "explained")
STRENGTHS = (1.0, 8.0)
READ_STRENGTHS = (0.0, 0.5, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0)
BATCH = 16


@dataclass(frozen=True)
class Clips:
    """Held-out clips as latents, what they are told apart from, and the strengths asked for.

    turned, scaled: (8, N, C, F, h, w), (10, N, C, F, h, w): the first frame carried along the true displacement turned by
    eighths, and along that of each of `READ_STRENGTHS`. strengths: (N,).
    """

    batch: LatentBatch
    turned: Tensor
    scaled: Tensor
    strengths: Tensor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--wordings", choices=get_args(WordingSplit), default="train")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    shared = {**BASE, **parse_overrides(arguments.set), "steps": arguments.steps}
    if arguments.data is not None:
        shared["data"] = str(arguments.data)
    # Said outright, since a network to begin with (objective.init) may have no MA layers.
    encoder = load_config("mini", overrides=shared).objective.text_encoder
    text_channels = int(load_component(MotionTextEncoder, encoder).config.hidden_size)
    told = None
    rows: dict[str, dict[str, Any]] = {}
    records: dict[str, dict[str, list[float]]] = {}
    for name in arguments.only:
        settings = {**shared, **VARIANTS[name], "output": str(arguments.out / name)}
        settings.setdefault(MA, text_channels)
        folder = train("mini", overrides=[f"{key}={json.dumps(settings[key])}" for key in settings])
        network = RegionalMotionUNet.from_pretrained(folder, subfolder="unet")
        # Measured on the CPU, wherever it was trained: the same clips, and the same noise.
        objective = build_objective(load_config("mini", overrides={**settings, "device": "cpu"}))
        assert isinstance(objective, MotionUNetObjective)
        if told is None or objective.settings.speed_told != told:
            clips = held_out_clips(objective, arguments.clips, arguments.wordings)
            told = objective.settings.speed_told
        if not rows:
            still = clips.batch.latents[:, :, :1].expand_as(clips.batch.latents)
            rows["true clips"] = figures(read(clips.batch.latents, clips))
            rows["clips that stand still"] = figures(read(still, clips))
        records[name] = read(first_step(objective, network, clips.batch), clips)
        rows[name] = figures(records[name])
        print(row(name, rows[name]), flush=True)
    claims = [claim for claim in CLAIMS if {claim[1], claim[2]} <= rows.keys()]
    verdicts = {text: compared(records[a], records[b]) for text, a, b in claims}
    summary = {"settings": shared, "wordings": arguments.wordings, "rows": rows, "claims": verdicts}
    (arguments.out / "ablations.json").write_text(json.dumps(summary, indent=1))
    (arguments.out / "ablations.md").write_text(table(rows, verdicts))
    print(table(rows, verdicts))


def held_out_clips(objective: MotionUNetObjective, count: int, wordings: WordingSplit) -> Clips:
    """The same clips for every variant: eight directions in turn, strengths drawn evenly in their logarithm."""
    source = ProceduralClips(
        objective.validation_clips.images,
        size=objective.validation_clips.size,
        num_frames=objective.validation_clips.num_frames,
        wordings=wordings,
    )
    random = random_module.Random(0)
    generator = torch.Generator().manual_seed(0)
    names = list(DIRECTIONS)
    batches: list[LatentBatch] = []
    turned: list[Tensor] = []
    scaled: list[Tensor] = []
    strengths: list[float] = []
    for start in range(0, count, BATCH):
        requests = []
        for index in range(start, min(start + BATCH, count)):
            strength = math.exp(random.uniform(*map(math.log, STRENGTHS)))
            name = names[index % len(names)]
            requests.append(ClipRequest(f"translate_{name}", "layers", strength))
            strengths.append(strength)
        clips = source.sample_requests(requests, generator)
        batches.append(objective.encode(clips))
        asked = torch.tensor(strengths[start:])[:, None, None, None, None]
        turned.append(
            carried(objective, clips, [rotated(clips.displacement, n) for n in range(len(names))])
        )
        scaled.append(
            carried(objective, clips, [clips.displacement * (s / asked) for s in READ_STRENGTHS])
        )
    return Clips(
        joined(batches), torch.cat(turned, 1), torch.cat(scaled, 1), torch.tensor(strengths)
    )


def carried(
    objective: MotionUNetObjective, clips: ClipBatch, displacements: list[Tensor]
) -> Tensor:
    """Latents of the first frames carried along each displacement (B, F, 2, H, W): (K, B, C, F, h, w)."""
    found = []
    for displacement in displacements:
        moved = carry_first_frame(
            clips.frames[:, 0], clips.region_mask, displacement.transpose(1, 2)
        )
        frames = replace(clips, frames=moved.transpose(1, 2))
        found.append(objective.encode(frames).latents)
    return torch.stack(found)


@torch.no_grad()
def first_step(
    objective: MotionUNetObjective, network: RegionalMotionUNet, batch: LatentBatch
) -> Tensor:
    """The clean latents that the network sees in pure noise: at the last timestep of zero terminal SNR, minus v."""
    last = int(objective.scheduler.config.num_train_timesteps) - 1
    settings = objective.settings
    generator = torch.Generator().manual_seed(1)
    found = []
    for at in range(0, len(batch.latents), BATCH):
        part = LatentBatch(
            *(getattr(batch, each.name)[at : at + BATCH] for each in fields(LatentBatch))
        )
        noise = torch.randn(part.latents.shape, generator=generator)
        sample = denoiser_input(
            noise,
            part.region_mask,
            part.latents[:, :, 0],
            mask_layout=settings.mask_layout,
            first_frame_layout=settings.first_frame_layout,
        )
        output = network(
            sample,
            torch.full((len(noise),), last),
            part.caption_embeds,
            motion_encoder_hidden_states=part.motion_embeds,
            motion_strength=part.motion_strength,
            fps=part.fps,
        )
        found.append(-output.sample.float())
    return torch.cat(found)


def read(latents: Tensor, clips: Clips) -> dict[str, list[float]]:
    """What each clip shows, by figure; strength in pixels per frame at 256."""
    batch = clips.batch
    first, moving = batch.latents[:, :, 0], batch.moving
    area = moving.amax(dim=1, keepdim=True).unsqueeze(1)
    still = (area < 0.01).float()

    def error(candidate: Tensor, where: Tensor) -> Tensor:
        weight = where.expand_as(latents)
        total: Tensor = ((latents - candidate).square() * weight).sum((1, 2, 3, 4))
        return total / weight.sum((1, 2, 3, 4)).clamp(min=1e-6)

    # Over the whole window: over what truly moves, a clip that stands still would be nearest to any way but that.
    everywhere = torch.ones_like(area)
    turned = torch.stack([error(candidate, everywhere) for candidate in clips.turned])
    scaled = torch.stack([error(candidate, everywhere) for candidate in clips.scaled])
    nearest = torch.tensor(READ_STRENGTHS)[scaled.argmin(dim=0)]
    standing = first.unsqueeze(2).expand_as(batch.latents)
    left = ((latents - batch.latents).square() * area).sum((1, 2, 3, 4))
    whole = ((standing - batch.latents).square() * area).sum((1, 2, 3, 4)).clamp(min=1e-6)
    variance = batch.latents.var()
    start = (latents[:, :, 0] - first).square().mean((1, 2, 3)) / variance
    return {
        "direction": (turned.argmin(dim=0) == 0).float().tolist(),
        "strength_asked": clips.strengths.tolist(),
        "strength_found": nearest.tolist(),
        "explained": (1 - left / whole).tolist(),
        "first_frame": start.tolist(),
        "background": (error(standing, still) / variance).tolist(),
    }


def rotated(displacement: Tensor, eighths: int) -> Tensor:
    """Displacements (B, F, 2, H, W) turned by so many eighths of a full turn."""
    angle = eighths * math.pi / 4
    x, y = displacement.unbind(dim=2)
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.stack((cos * x - sin * y, sin * x + cos * y), dim=2)


def figures(record: dict[str, list[float]]) -> dict[str, tuple[float, float, float]]:
    """Value and interval of each figure."""
    return {name: _with_interval(*_rows(record, name)) for name in FIGURES}


def _rows(record: dict[str, list[float]], name: str) -> tuple[Floats, Statistic]:
    if name == "strength":
        pairs = list(zip(record["strength_asked"], record["strength_found"], strict=True))
        return np.array(pairs), rank_correlation
    return np.array(record[name])[:, None], mean


def _with_interval(rows: Floats, statistic: Statistic) -> tuple[float, float, float]:
    return float(statistic(rows)), *bootstrap_interval(rows, statistic)


def compared(
    better: dict[str, list[float]], worse: dict[str, list[float]]
) -> dict[str, tuple[float, float, float]]:
    """By how much the first leads, clip by clip, with the interval of that difference."""
    leads = {}
    for name in COMPARED:
        (first, statistic), (second, _) = _rows(better, name), _rows(worse, name)
        width = first.shape[1]

        def lead(rows: Floats, width: int = width, statistic: Statistic = statistic) -> Floats:
            return statistic(rows[..., :width]) - statistic(rows[..., width:])

        leads[name] = _with_interval(np.hstack((first, second)), lead)
    return leads


def table(
    rows: dict[str, dict[str, tuple[float, float, float]]],
    verdicts: dict[str, dict[str, tuple[float, float, float]]],
) -> str:
    """Both tables as Markdown."""
    lines = [f"| variant | {' | '.join(FIGURES)} |", "| --- |" + " --- |" * len(FIGURES)]
    lines += [row(name, values) for name, values in rows.items()]
    lines += [
        "",
        f"| claim: lead in | {' | '.join(COMPARED)} |",
        "| --- |" + " --- |" * len(COMPARED),
    ]
    for claim, leads in verdicts.items():
        cells = [f"{cell(leads[name])}, {verdict(leads[name])}" for name in COMPARED]
        lines.append(f"| {claim} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def row(name: str, values: dict[str, tuple[float, float, float]]) -> str:
    return f"| {name} | {' | '.join(cell(values[each]) for each in FIGURES)} |"


def cell(value: tuple[float, float, float]) -> str:
    # A constant has no rank correlation.
    return "-" if math.isnan(value[0]) else "{:.3f} ({:.3f} to {:.3f})".format(*value)


def verdict(lead: tuple[float, float, float]) -> str:
    _, low, high = lead
    return "holds" if low > 0 else "reversed" if high < 0 else "not clear"


if __name__ == "__main__":
    main()
