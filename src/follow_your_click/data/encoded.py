"""Clips as latents and text embeddings, made once: training then needs neither autoencoder nor text encoder.

Axis legend: F frames, C channels, h w of latents, M motion prompts, N tokens, D text channels.

The folder is like a build's (`data.engine.manifest`): shards of samples with a .safetensors file each, an index in Parquet, and
last a manifest that names what made them. A run that was killed goes on with the shards that are missing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from einops import rearrange
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from follow_your_click.atomic import TEMPORARY, whole_file
from follow_your_click.data.engine import manifest
from follow_your_click.data.engine.packing import SHARD_FOLDER
from follow_your_click.data.engine.records import SCHEMA_VERSION
from follow_your_click.data.engine.shards import file_sha256, write_tar
from follow_your_click.data.engine.staging import write_json
from follow_your_click.data.shards import ClipIndex, ShardReader, ShardSplit
from follow_your_click.data.whole_clips import WholeClipBatch, drawn_prompt, middle_square
from follow_your_click.errors import OutputError
from follow_your_click.models.conditioning import latent_region_mask
from follow_your_click.models.latents import image_latents
from follow_your_click.models.text_encoder import encode_text

KIND = "follow-your-click encoded clips"
SAMPLE = "safetensors"
NO_TEXT = "no_text.safetensors"  # embeddings of "", what a dropped prompt is told
WORK = ".work"
DTYPES = {"fp16": torch.float16, "fp32": torch.float32}
Progress = Callable[[str, int, int], None]
"""Called as progress("encode", clips done, clips in all)."""


@dataclass(frozen=True)
class Encoders:
    """What makes latents and embeddings, on the device where it runs. name: as the user gave it."""

    name: str
    vae: Any
    text_encoder: Any
    tokenizer: Any

    def fingerprint(self) -> str:
        """Changes when other weights would give other latents or embeddings."""
        digest = hashlib.sha256()
        for model in (self.vae, self.text_encoder):
            for key, value in model.state_dict().items():
                digest.update(
                    f"{key} {tuple(value.shape)} {value.double().sum().item():.10g}".encode()
                )
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class EncodeSettings:
    """size: px of the square. num_frames, frame_stride: as in training. precision: of what is stored."""

    size: int = 512
    num_frames: int = 24
    frame_stride: int = 1
    precision: Literal["fp16", "fp32"] = "fp16"


def encode_build(
    build: Path,
    out: Path,
    encoders: Encoders,
    settings: EncodeSettings,
    *,
    batch: int = 8,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Encode every clip of a build that is long enough; run again, it goes on where it stopped.

    Args:
        build: a finished build.
        out: a new folder, or one that the same call began.
        batch: frames that go through the autoencoder at once.

    Returns:
        The manifest.

    Raises:
        OutputError: no finished build, or `out` holds something else.
        SettingsError: no clip is long enough.
    """
    least = 1 + (settings.num_frames - 1) * settings.frame_stride
    reader = ShardReader(build, split="all", min_frames=least)
    made_by = {
        "encoders": encoders.fingerprint(),
        **asdict(settings),
        "build": file_sha256(build / manifest.INDEX),
    }
    if is_encoded(out):
        finished = manifest.read_manifest(out, kind=KIND)
        _check_same({name: finished.get(name) for name in made_by}, made_by, out)
        return finished
    _begin(out, made_by)
    by_shard: dict[str, list[int]] = {}
    for row in range(len(reader)):
        by_shard.setdefault(str(reader.facts(row)["shard"]), []).append(row)
    done, shards = 0, []
    places: dict[int, list[int]] = {}
    for name, rows in sorted(by_shard.items()):
        record = out / WORK / f"{name}.json"
        if not record.is_file():
            samples = (
                (
                    str(reader.facts(row)["key"]),
                    {SAMPLE: _encoded(reader, row, encoders, settings, batch)},
                )
                for row in rows
            )
            (out / SHARD_FOLDER).mkdir(exist_ok=True)
            spans = write_tar(out / SHARD_FOLDER / name, samples)
            write_json(record, [[span.offset, span.size] for span in spans])
        found = json.loads(record.read_text(encoding="utf-8"))
        places.update(zip(rows, found, strict=True))
        path = out / SHARD_FOLDER / name
        shards.append(
            {
                "name": f"{SHARD_FOLDER}/{name}",
                "clips": len(rows),
                "bytes": path.stat().st_size,
                "sha256": file_sha256(path),
            }
        )
        done += len(rows)
        if progress is not None:
            progress("encode", done, len(reader))
    _write_index(reader, places, out / manifest.INDEX)
    with whole_file(out / NO_TEXT) as temporary:
        nothing = encode_text(encoders.text_encoder, encoders.tokenizer, [""])
        nothing = nothing.to(DTYPES[settings.precision]).cpu().contiguous()
        temporary.write_bytes(save_tensors({"embeds": nothing}))
    values = {
        "kind": KIND,
        "schema_version": SCHEMA_VERSION,
        "model": encoders.name,
        **made_by,
        "clips": len(reader),
        "shards": shards,
        "files": {each: file_sha256(out / each) for each in (manifest.INDEX, NO_TEXT)},
    }
    _tidy(out)
    write_json(out / manifest.MANIFEST, values)
    return values


def _begin(out: Path, made_by: dict[str, Any]) -> None:
    """Make the folder, or see that it is the same work that was begun there."""
    plan = out / WORK / "plan.json"
    try:
        if plan.is_file():
            _check_same(json.loads(plan.read_text(encoding="utf-8")), made_by, out)
            return
        # Killed between the two steps below, a run leaves an empty folder of work.
        if out.exists() and any(path.name != WORK for path in out.iterdir()):
            raise OutputError(f"{out} is not empty; give a new folder")
        plan.parent.mkdir(parents=True, exist_ok=True)
        write_json(plan, made_by)
    except (OSError, json.JSONDecodeError) as error:
        raise OutputError(f"{out} cannot be written: {error}") from error


def _check_same(before: dict[str, Any], made_by: dict[str, Any], out: Path) -> None:
    if before != made_by:
        raise OutputError(f"{out} holds clips encoded with other settings; give another folder")


def _tidy(out: Path) -> None:
    """Take away what only a run at work needs, and what killed ones left."""
    shutil.rmtree(out / WORK)
    for left in [*out.glob(f".*{TEMPORARY}*"), *(out / SHARD_FOLDER).glob(f".*{TEMPORARY}*")]:
        left.unlink()


@torch.no_grad()
def _encoded(
    reader: ShardReader, row: int, encoders: Encoders, settings: EncodeSettings, batch: int
) -> bytes:
    clip = reader.read_row(row)
    vae, dtype = encoders.vae, DTYPES[settings.precision]
    weight = next(vae.parameters())
    taken = clip.frames[:: settings.frame_stride][: settings.num_frames]
    squares = [torch.from_numpy(middle_square(frame, settings.size)) for frame in taken]
    pixels = rearrange(torch.stack(squares), "f h w c -> f c h w").float() / 127.5 - 1
    latents = torch.cat([image_latents(vae, part.to(weight)) for part in pixels.split(batch)])
    mask = torch.from_numpy(middle_square(clip.mask, settings.size))[None, None]
    mask = latent_region_mask(mask, (latents.shape[2], latents.shape[3]))[0, 0]
    prompts = list(clip.motion_prompts)
    tensors = {"latents": latents, "mask": mask}
    texts = {"caption_embeds": [clip.caption] if clip.caption else [], "motion_embeds": prompts}
    for name, told in texts.items():
        if told:
            tensors[name] = encode_text(encoders.text_encoder, encoders.tokenizer, told)
    return bytes(save_tensors({k: v.to(dtype).cpu().contiguous() for k, v in tensors.items()}))


def _write_index(reader: ShardReader, places: dict[int, list[int]], file: Path) -> None:
    """The build's index of these clips, with where they lie now."""
    import pyarrow
    from pyarrow import parquet

    rows = []
    for row in range(len(reader)):
        facts = reader.facts(row)
        offset, size = places[row]
        known = {k: v.item() if hasattr(v, "item") else v for k, v in facts.items()}
        rows.append({**known, "offset": offset, "size": size})
    with whole_file(file) as temporary:
        parquet.write_table(pyarrow.Table.from_pylist(rows), temporary, compression="zstd")


class EncodedClips(ClipIndex):
    """A `ClipSource` of encoded clips, in the order and with the choices of `WholeClips` with the same seed.

    no_text_embeds: (1, N, D), what a dropped prompt is told.
    """

    kind = KIND

    def __init__(self, folder: Path, *, split: ShardSplit = "train", seed: int = 0) -> None:
        super().__init__(folder, split=split, seed=seed)
        self.no_text_embeds = load_tensors((folder / NO_TEXT).read_bytes())["embeds"].float()

    def sample(self, places: Sequence[int], *, seed: int) -> WholeClipBatch:
        """See `ClipSource`."""
        stride = int(self.manifest["frame_stride"])
        rows = [self.row(place) for place in places]
        facts = [self.facts(row) for row in rows]
        tensors = [load_tensors(self.members(row)[SAMPLE]) for row in rows]
        prompts = [
            drawn_prompt(each["motion_prompts"] or (), seed, place)
            for each, place in zip(facts, places, strict=True)
        ]
        motion, captions = [], []
        for own, each, prompt in zip(tensors, facts, prompts, strict=True):
            number = list(each["motion_prompts"] or ()).index(prompt) if prompt else None
            told = self.no_text_embeds[0] if number is None else own["motion_embeds"][number]
            motion.append(told.float())
            # Without a caption, the motion prompt that was drawn stands in, as in `WholeClips`.
            captions.append(own["caption_embeds"][0].float() if each["caption"] else motion[-1])

        def stacked(name: str) -> Tensor:
            return torch.stack([own[name] for own in tensors]).float()

        return WholeClipBatch(
            frames=None,
            latents=rearrange(stacked("latents"), "b f c h w -> b c f h w"),
            region_mask=stacked("mask").unsqueeze(1),
            motion_strength=torch.tensor(
                [float(each["motion_strength"]) * stride for each in facts]
            ),
            fps=torch.tensor([float(each["fps"]) / stride for each in facts]),
            captions=[
                str(each["caption"] or prompt) for each, prompt in zip(facts, prompts, strict=True)
            ],
            motion_prompts=prompts,
            caption_embeds=torch.stack(captions),
            motion_embeds=torch.stack(motion),
        )


def is_encoded(folder: Path) -> bool:
    """Whether a folder holds finished encoded clips."""
    try:
        values = json.loads((folder / manifest.MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and values.get("kind") == KIND
