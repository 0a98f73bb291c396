"""One evaluation from start to end: model and pictures, classifier, measurement, report."""

from __future__ import annotations

import hashlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from follow_your_click.animator import Animator
from follow_your_click.data.motion_prompts import WordingSplit
from follow_your_click.data.photos import PictureLibrary, is_held_out, load_library
from follow_your_click.evaluation import recognition
from follow_your_click.evaluation.control import RENDERED_SIDE, Progress, measure_control
from follow_your_click.evaluation.figures import ControlReport, summarise
from follow_your_click.evaluation.records import ControlSettings, FrameSource
from follow_your_click.evaluation.report import check_folder, write_report
from follow_your_click.loading import find_model, load_pipeline, load_preset

NUM_FRAMES = 16
CLASSIFIER_SIDE = 128  # px, at most: larger clips take longer, and their flow is hardly another
TRAINING_PICTURES = (
    200  # photos, and as many cut-outs: enough for the classifier, read in a second or two
)


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation gave: the report, its files by name, and seconds by stage."""

    report: ControlReport
    files: dict[str, Path]
    seconds: dict[str, float]


def evaluate_control(
    model: str | Path,
    *,
    out: Path,
    data: Path | None = None,
    clips: int = 64,
    steps: int | None = None,
    guidance_scale: float | None = None,
    seed: int = 0,
    wordings: WordingSplit = "held_out",
    frames: FrameSource = "finished",
    device: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure the control metrics of a model and write the report into the folder `out`.

    Args:
        model: a preset's name or a model folder.
        data: a folder with photos/ and cutouts/; clips come from its held-out files, the classifier's from the
            others. None: the pictures that scikit-image brings, too few for figures to rely on.
        clips: of each kind.
        steps, guidance_scale: None: the model's own.
        frames: measure finished clips of photos of 256 px, or the network's own frames at its own size.
        progress: called as progress(stage, clips done, clips in all).

    Raises:
        ModelError, ImageError, SettingsError, OutputError: before any work, unless the disk refuses at the end.
    """
    check_folder(out, overwrite=overwrite)
    folder = find_model(model)
    preset = load_preset(folder)
    images = load_library(data, split="held_out")
    pipeline = load_pipeline(folder, device=device)
    settings = ControlSettings(
        clips=clips,
        size=RENDERED_SIDE if frames == "finished" else preset.size,
        num_frames=min(NUM_FRAMES, int(pipeline.unet.config.motion_max_seq_length)),
        num_inference_steps=preset.num_inference_steps if steps is None else steps,
        guidance_scale=preset.guidance_scale if guidance_scale is None else guidance_scale,
        seed=seed,
        wordings=wordings,
        frames=frames,
    )
    clock = _Clock(progress)
    recogniser = recognition.train_recogniser(
        training_pictures(data),
        size=min(settings.size, CLASSIFIER_SIDE),
        num_frames=settings.num_frames,
        clips_per_family=recognition.CLIPS_PER_FAMILY,
        progress=lambda done, total: clock("classifier", done, total),
    )
    animator = Animator(pipeline, preset)
    measured = measure_control(animator, images, recogniser, settings, progress=clock)
    subject = {
        "model": preset.name,
        "folder": folder.name,
        "weights_sha256": weights_sha256(folder),
        "scheduler": type(pipeline.scheduler).__name__,
        "flow": "OpenCV DIS, medium, neighbouring frames, 256 px",
        "pictures": "scikit-image" if data is None else data.name,
        "held_out_photos": len(images.photos),
        "held_out_cutouts": len(images.cutouts),
        "classifier_clips": recognition.CLIPS_PER_FAMILY * len(recognition.FAMILIES),
    }
    report = summarise(measured, settings, subject=subject)
    files = write_report(report, measured, out, overwrite=overwrite)
    return Evaluation(report, files, clock.seconds)


class _Clock:
    """Passes progress on, and adds up the seconds of each stage."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._since = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._since, 3)
        self._since = now
        if self._progress is not None:
            self._progress(stage, done, total)


def training_pictures(data: Path | None, *, limit: int = TRAINING_PICTURES) -> PictureLibrary:
    """Photos and cut-outs that are not held out: about `limit` of each, evenly over the files' names.

    Raises:
        ImageError: a folder that is missing or has no such picture.
    """
    if data is None:
        return load_library(None, split="train")
    chosen: list[str] = []
    for folder in ("photos", "cutouts"):
        # A listing separates names by white space.
        names = sorted(
            path.name
            for path in (data / folder).glob("*")
            if not is_held_out(path.name) and not any(map(str.isspace, path.name))
        )
        chosen += [f"{folder}/{name}" for name in names[:: max(1, len(names) // limit)]]
    with tempfile.TemporaryDirectory() as temporary:
        listing = Path(temporary) / "listing.txt"
        listing.write_text("\n".join(chosen), encoding="utf-8")
        return load_library(data, split="train", listing=listing)


def weights_sha256(folder: Path) -> str:
    """One fingerprint of all weights of a model folder, in the order of their names: the model's revision."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        total.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
