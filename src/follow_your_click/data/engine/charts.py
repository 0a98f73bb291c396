"""Bars as SVG, for a report that is one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH = 420  # px of a chart
HEIGHT = 150
BAR_HEIGHT = 18
LABEL_WIDTH = 250
LABEL_LETTERS = 40


def histogram(values: Sequence[float], edges: Sequence[float], *, unit: str) -> str:
    """How many values lie between each pair of edges; those outside count to the ends."""
    bins = len(edges) - 1
    counts = [0] * bins
    for value in values:
        place = sum(value >= edge for edge in edges[1:-1])
        counts[place] += 1
    most = max(counts, default=0) or 1
    step = WIDTH / bins
    parts = []
    for index, count in enumerate(counts):
        height = round((HEIGHT - 40) * count / most, 1)
        x, y = round(index * step + 1, 1), round(HEIGHT - 25 - height, 1)
        parts.append(
            f'<rect x="{x}" y="{y}" width="{round(step - 2, 1)}" height="{height}"/>'
            + (
                f'<text x="{x + step / 2 - 1:.1f}" y="{y - 3}" class="n">{count}</text>'
                if count
                else ""
            )
            + f'<text x="{x:.1f}" y="{HEIGHT - 11}">{edges[index]:g}</text>'
        )
    parts.append(f'<text x="{WIDTH}" y="{HEIGHT - 1}" class="e">{escape(unit)}</text>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}">{"".join(parts)}</svg>'


def bars(counts: Mapping[str, int]) -> str:
    """One line for each name, in the order given."""
    if not counts:
        return "<p>none</p>"
    most = max(counts.values()) or 1
    room = 220
    parts = []
    for index, (name, count) in enumerate(counts.items()):
        y = index * (BAR_HEIGHT + 4)
        width = round(room * count / most, 1)
        parts.append(
            f'<text x="{LABEL_WIDTH - 6}" y="{y + 13}" class="e">{escape(_short(name))}</text>'
            f'<rect x="{LABEL_WIDTH}" y="{y}" width="{width}" height="{BAR_HEIGHT}"/>'
            f'<text x="{LABEL_WIDTH + width + 5}" y="{y + 13}">{count}</text>'
        )
    height = len(counts) * (BAR_HEIGHT + 4)
    whole = LABEL_WIDTH + room + 50
    return f'<svg viewBox="0 0 {whole} {height}" width="{whole}">{"".join(parts)}</svg>'


def _short(name: str) -> str:
    return name if len(name) <= LABEL_LETTERS else f"{name[: LABEL_LETTERS - 1]}\u2026"
