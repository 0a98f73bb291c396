"""The report of an evaluation as files: JSON, the table of the model card, plots, a contact sheet."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from follow_your_click.errors import OutputError
from follow_your_click.evaluation.figures import ControlReport, Figure
from follow_your_click.evaluation.pictures import confusion_plot, contact_sheet, strength_plot
from follow_your_click.evaluation.records import ControlMeasurements

FILES = {
    "report": "control.json",
    "table": "control.md",
    "strength": "strength.png",
    "motions": "motions.png",
    "contact_sheet": "contact_sheet.png",
}
"""What a report's folder holds."""


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Find out before the work whether a report can be written.

    Raises:
        OutputError: `folder` is a file, cannot be made, or holds a report already and `overwrite` is not set.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; give the name of a folder")
    if not folder.parent.is_dir():
        raise OutputError(f"{folder}: the folder {folder.parent} does not exist; make it first")
    if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
        raise OutputError(f"{folder} is not writable; choose another")
    there = [name for name in FILES.values() if (folder / name).exists()]
    if there and not overwrite:
        raise OutputError(
            f"{folder / there[0]} exists; give another folder, or --overwrite to replace it"
        )


def write_report(
    report: ControlReport, measured: ControlMeasurements, folder: Path, *, overwrite: bool = False
) -> dict[str, Path]:
    """Write all `FILES` under temporary names, then move them into place.

    Returns:
        What was written: the keys of `FILES` -> paths.

    Raises:
        OutputError: see `check_folder`; or the disk refuses.
    """
    check_folder(folder, overwrite=overwrite)
    pairs = [
        (clip.strength, clip.generated.flow.flow_magnitude)
        for clip in measured.clips
        if clip.clip_set == "directions"
    ]
    note = json.dumps(asdict(report), indent=1, allow_nan=False)
    writers: dict[str, Callable[[Path], object]] = {
        "report": lambda path: path.write_text(f"{note}\n", encoding="utf-8"),
        "table": lambda path: path.write_text(markdown_table(report), encoding="utf-8"),
        "strength": lambda path: strength_plot(pairs).save(path),
        "motions": lambda path: confusion_plot(report.families, report.confusion).save(path),
        "contact_sheet": lambda path: contact_sheet(measured.samples).save(path),
    }
    temporary = folder.with_name(f".{folder.name}.tmp-{os.getpid()}")
    try:
        temporary.mkdir()
        for key, write in writers.items():
            write(temporary / FILES[key])
        folder.mkdir(exist_ok=True)
        for name in FILES.values():
            (temporary / name).replace(folder / name)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {key: folder / name for key, name in FILES.items()}


def load_report(path: Path) -> ControlReport:
    """A report that `write_report` wrote, from its JSON file.

    Raises:
        OutputError: the file is missing or holds something else.
    """
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return ControlReport(
            subject=stored["subject"],
            settings=stored["settings"],
            figures=tuple(Figure(**figure) for figure in stored["figures"]),
            families=tuple(stored["families"]),
            confusion=tuple(tuple(row) for row in stored["confusion"]),
            details=stored["details"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise OutputError(f"{path} holds no control report: {reason}") from error


def markdown_table(report: ControlReport) -> str:
    """The table for the model card, under one line that says what was measured."""
    subject, settings = report.subject, report.settings
    last = settings["seed"] + settings["clips"] - 1
    of = {"finished": "finished clips", "network": "the network's own frames"}
    lines = [
        f"Control metrics of `{subject['model']}`, {of[settings['frames']]} (weights {subject['weights_sha256'][:12]}): {subject['scheduler']},"
        f" steps {settings['num_inference_steps']}, guidance scale {settings['guidance_scale']:g},"
        f" seeds {settings['seed']} to {last}, {settings['num_frames']} frames of {settings['size']} px;"
        f" held-out photos and objects, {settings['wordings'].replace('_', '-')} wordings."
        " Flow: OpenCV DIS (medium) between neighbouring frames at 256 px. Intervals: bootstrap over clips.",
        "",
        "| metric | measured | 95 % interval | clips | true clips | wanted |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for figure in report.figures:
        has_interval = figure.low is not None and figure.high is not None
        between = f"{_short(figure.low)} to {_short(figure.high)}" if has_interval else "-"
        true = "-" if figure.on_truth is None else _short(figure.on_truth)
        lines.append(
            f"| {figure.label} | {_short(figure.value)} | {between} | {figure.clips} | {true} | {figure.wanted} |"
        )
    return "\n".join(lines) + "\n"


def _short(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"
