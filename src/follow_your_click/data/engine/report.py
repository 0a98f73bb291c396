"""The report of a build: one HTML file with its pictures inside. The same build gives the same bytes."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from html import escape

from follow_your_click.atomic import whole_file
from follow_your_click.data.engine import encode
from follow_your_click.data.engine.charts import bars, histogram
from follow_your_click.data.engine.packing import SHARD_FOLDER
from follow_your_click.data.engine.process import filmstrip
from follow_your_click.data.engine.records import ClipRecord, PartRecord
from follow_your_click.data.engine.selection import Selection
from follow_your_click.data.engine.shards import TarSpan, read_sample
from follow_your_click.data.engine.staging import Plan

REPORT = "report.html"
SAMPLES = 24
SAMPLE_HEIGHT = 140  # px
SAMPLE_QUALITY = 80
PICTURES_PER_REASON = 4
MOST_COMMON = 25
LISTED_INPUTS = 200
STRENGTH_EDGES = (0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 20, 40)
CAMERA_EDGES = (0, 0.05, 0.1, 0.2, 0.4, 0.75, 1.5, 3, 6, 12, 24)
AREA_EDGES = (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1)
LENGTH_EDGES = (0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 6, 10)

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1320px;padding:0 1em;color:#222;background:#fff}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #ddd}
.row{display:flex;flex-wrap:wrap;gap:22px}figure{margin:0;max-width:640px}figcaption{font-size:12.5px;color:#444}
img{display:block;max-width:100%}rect{fill:#3b6fb5}text{font:11px system-ui,sans-serif;fill:#333}
.n{text-anchor:middle}.e{text-anchor:end}table{border-collapse:collapse;font-size:13px}
td,th{border-bottom:1px solid #eee;padding:3px 10px 3px 0;text-align:left;vertical-align:top}
b.mask{color:#ff2878}
"""


def write_report(
    plan: Plan, selection: Selection, clips: Sequence[ClipRecord], parts: Sequence[PartRecord]
) -> None:
    """Write OUT/report.html."""
    status = Counter(record.status for record in selection.inputs)
    body = [
        f"<h1>Motion clips of {escape(plan.source)}</h1>",
        f"<p>{len(selection.inputs)} inputs: {status['kept']} kept, {status['dropped']} dropped, "
        f"{status['failed']} failed. {len(clips) + len(selection.dropped)} clips: {len(clips)} kept in "
        f"{len(selection.shards)} shards, {len(selection.dropped)} dropped.</p>",
        _distributions(clips, selection.dropped),
        _motions(clips),
        "<h2>Samples</h2><p>First frame with the <b class=mask>motion mask</b>, middle and last frame.</p>",
        f'<div class="row">{"".join(_samples(plan, clips))}</div>',
        _dropped(selection.dropped, parts),
        _inputs(selection),
    ]
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Motion clips</title>'
        f"<style>{STYLE}</style>{''.join(body)}</html>\n"
    )
    with whole_file(plan.out / REPORT) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _distributions(clips: Sequence[ClipRecord], dropped: Sequence[ClipRecord]) -> str:
    charts = (
        (
            "Strength",
            histogram(
                [c.motion_strength for c in clips],
                STRENGTH_EDGES,
                unit="px a frame at a short side of 256",
            ),
        ),
        ("Area", histogram([c.area for c in clips], AREA_EDGES, unit="share of the frame")),
        (
            "Length",
            histogram([c.num_frames / c.fps for c in clips], LENGTH_EDGES, unit="seconds"),
        ),
        (
            "Camera, all clips",
            histogram(
                [c.camera_strength for c in (*clips, *dropped)],
                CAMERA_EDGES,
                unit="px a frame at a short side of 256",
            ),
        ),
    )
    figures = "".join(
        f"<figure><figcaption>{name}</figcaption>{svg}</figure>" for name, svg in charts
    )
    return f'<h2>Distributions</h2><div class="row">{figures}</div>'


def _motions(clips: Sequence[ClipRecord]) -> str:
    counted = Counter(prompt.lower() for clip in clips for prompt in clip.motion_prompts)
    first = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_COMMON]
    without = sum(not clip.motion_prompts for clip in clips)
    return (
        f"<h2>Most common motions</h2><p>{len(counted)} different motion prompts; {without} of {len(clips)} clips "
        f"have none.</p>{bars(dict(first))}"
    )


def _samples(plan: Plan, clips: Sequence[ClipRecord]) -> list[str]:
    """Evenly over the clips by their strength, so that slow and fast ones are seen."""
    ranked = sorted(clips, key=lambda clip: (clip.motion_strength, clip.key))
    count = min(SAMPLES, len(ranked))
    chosen = [ranked[(2 * k + 1) * len(ranked) // (2 * count)] for k in range(count)]
    figures = []
    for clip in chosen:
        tar = plan.out / SHARD_FOLDER / clip.shard
        members = read_sample(tar, TarSpan(clip.offset, clip.size))
        frames = encode.decode_clip(members)
        mask = encode.decode_mask(members[encode.MASK])
        strip = filmstrip(frames, mask, height=SAMPLE_HEIGHT)
        picture = base64.b64encode(encode.encode_jpeg(strip, quality=SAMPLE_QUALITY)).decode()
        prompts = "; ".join(clip.motion_prompts) or "no motion prompt"
        figures.append(
            _figure(
                picture,
                f"<b>{escape(prompts)}</b> - strength {clip.motion_strength:.2f}, area {clip.area:.1%}, "
                f"camera {clip.camera_strength:.2f} - {escape(clip.name)} at {clip.start_seconds:.1f} s",
            )
        )
    return figures


def _dropped(dropped: Sequence[ClipRecord], parts: Sequence[PartRecord]) -> str:
    counted = Counter(clip.dropped for clip in dropped)
    pictures = {key: picture for part in parts for key, picture in part.pictures.items()}
    ordered = dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))
    found = [f"<h2>Dropped clips</h2>{bars(ordered)}"]
    for reason in ordered:
        shown = [c for c in dropped if c.dropped == reason and c.key in pictures]
        figures = "".join(
            _figure(
                pictures[c.key], f"{escape(c.name)} at {c.start_seconds:.1f} s: {escape(c.detail)}"
            )
            for c in shown[:PICTURES_PER_REASON]
        )
        if figures:
            found.append(f'<h3>{escape(reason)}</h3><div class="row">{figures}</div>')
    return "".join(found)


def _inputs(selection: Selection) -> str:
    refused = [record for record in selection.inputs if record.status != "kept"]
    counted = Counter(f"{record.status}: {record.reason}" for record in refused)
    ordered = dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))
    rows = "".join(
        f"<tr><td>{escape(r.key)}</td><td>{r.status}</td><td>{escape(r.reason)}</td><td>{escape(r.detail)}</td></tr>"
        for r in refused[:LISTED_INPUTS]
    )
    more = len(refused) - LISTED_INPUTS
    rest = f"<p>{more} more are in inputs.parquet.</p>" if more > 0 else ""
    return (
        f"<h2>Inputs without a clip</h2>{bars(ordered)}"
        f"<table><tr><th>input</th><th></th><th>reason</th><th></th></tr>{rows}</table>{rest}"
    )


def _figure(picture: str, caption: str) -> str:
    return (
        f'<figure><img src="data:image/jpeg;base64,{picture}" alt="">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
