"""Pictures of an evaluation, drawn with Pillow: strength, confusions, a contact sheet.

Axis legend: F frames, H W rows and columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from follow_your_click.evaluation.records import Sample

INK = (30, 30, 30)
FAINT = (215, 215, 215)
ACCENT = (31, 100, 180)
PAPER = (255, 255, 255)
_COLOURS = (ACCENT, (200, 90, 30), (60, 140, 70), (130, 70, 160), (110, 110, 110))

_PLOT = 420  # px: side of the strength plot's square
_MARGIN = 64
_TICKS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # px per frame; the axes end at the outer ones
_CELL = 26  # px: one cell of the confusion matrix
_LABEL = 96
_FRAME = 72  # px: one frame of the contact sheet
_COLUMNS = 8  # frames in a row
_LINE = 18
_GAP = 14


def strength_plot(pairs: Sequence[tuple[float, float]]) -> Image.Image:
    """Measured strength over asked strength, both logarithmic, with the diagonal where they agree.

    Args:
        pairs: (asked, measured) in px per frame; what lies beyond the axes is drawn at their ends.
    """
    image, draw, font = _canvas(_PLOT + 2 * _MARGIN, _PLOT + 2 * _MARGIN)

    def place(asked: float, measured: float) -> tuple[float, float]:
        return _MARGIN + _share(asked) * _PLOT, _MARGIN + (1 - _share(measured)) * _PLOT

    low, high = _TICKS[0], _TICKS[-1]
    for tick in _TICKS:
        draw.line([place(tick, low), place(tick, high)], fill=FAINT)
        draw.line([place(low, tick), place(high, tick)], fill=FAINT)
        x, y = place(tick, tick)
        draw.text((x, _MARGIN + _PLOT + 6), f"{tick:g}", INK, font, anchor="ma")
        draw.text((_MARGIN - 6, y), f"{tick:g}", INK, font, anchor="rm")
    draw.line([place(low, low), place(high, high)], fill=INK)
    for asked, measured in pairs:
        x, y = place(asked, measured)
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=ACCENT, width=2)
    middle = _MARGIN + _PLOT / 2
    draw.text((middle, _PLOT + 2 * _MARGIN - 22), "asked, px per frame", INK, font, anchor="mm")
    title = f"strength: measured (px per frame at 256 px) over asked, {len(pairs)} clips"
    draw.text((middle, _MARGIN / 2), title, INK, font, anchor="mm")
    return image


def _share(value: float) -> float:
    """Place on a logarithmic axis, 0 ... 1."""
    low, high = math.log(_TICKS[0]), math.log(_TICKS[-1])
    return (math.log(min(max(value, _TICKS[0]), _TICKS[-1])) - low) / (high - low)


def line_chart(
    lines: Mapping[str, Sequence[tuple[float, float, float, float]]],
    *,
    title: str,
    x_label: str,
    y_range: tuple[float, float] = (0.0, 1.0),
) -> Image.Image:
    """Lines with their intervals, a colour and a name each.

    Args:
        lines: by name, points (x, y, low, high) from left to right; what lies outside `y_range` is cut off.
        title: what the y axis shows.
    """
    image, draw, font = _canvas(_PLOT + 2 * _MARGIN, _PLOT + 2 * _MARGIN)
    places = sorted({point[0] for points in lines.values() for point in points})
    left, right = places[0], max(places[-1], places[0] + 1)
    bottom, top = y_range

    def place(x: float, y: float) -> tuple[float, float]:
        share = (min(max(y, bottom), top) - bottom) / (top - bottom)
        return _MARGIN + (x - left) / (right - left) * _PLOT, _MARGIN + (1 - share) * _PLOT

    for step in range(6):
        y = bottom + (top - bottom) * step / 5
        draw.line([place(left, y), place(right, y)], fill=FAINT)
        draw.text((_MARGIN - 6, place(left, y)[1]), f"{y:g}", INK, font, anchor="rm")
    for x in places:
        draw.text((place(x, bottom)[0], _MARGIN + _PLOT + 6), f"{x:g}", INK, font, anchor="ma")
    for index, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        draw.line([place(x, y) for x, y, _, _ in points], fill=colour, width=2)
        for x, _, low, high in points:
            draw.line([place(x, low), place(x, high)], fill=colour)
        draw.text((_MARGIN + _PLOT - 8, _MARGIN + 14 + _LINE * index), name, colour, font, "rm")
    middle = _MARGIN + _PLOT / 2
    draw.text((middle, _PLOT + 2 * _MARGIN - 22), x_label, INK, font, anchor="mm")
    draw.text((middle, _MARGIN / 2), title, INK, font, anchor="mm")
    return image


def confusion_plot(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Image.Image:
    """Counts of asked (rows) against recognised (columns); the darker, the larger the row's share."""
    side = _CELL * len(names)
    image, draw, font = _canvas(_LABEL + side + _GAP, _LABEL + side + 2 * _LINE + _GAP)
    top = _LABEL + _LINE
    draw.text((_GAP, _GAP), "motion asked (rows), recognised (columns)", INK, font)
    for row, (name, line) in enumerate(zip(names, counts, strict=True)):
        y = top + row * _CELL
        draw.text((_LABEL - 6, y + _CELL / 2), name, INK, font, anchor="rm")
        _paste_upright(image, name, (_LABEL + row * _CELL, top - 4), font)
        total = max(sum(line), 1)
        for column, count in enumerate(line):
            x = _LABEL + column * _CELL
            fill = _shade(count / total)
            outline = INK if row == column else FAINT
            draw.rectangle((x, y, x + _CELL - 2, y + _CELL - 2), fill=fill, outline=outline)
            if count:
                ink = PAPER if count > total / 2 else INK
                at = (x + _CELL / 2 - 1, y + _CELL / 2 - 1)
                draw.text(at, str(count), ink, font, anchor="mm")
    return image


def _shade(share: float) -> tuple[int, int, int]:
    red, green, blue = (round(p + share * (a - p)) for p, a in zip(PAPER, ACCENT, strict=True))
    return red, green, blue


def _paste_upright(
    image: Image.Image,
    text: str,
    corner: tuple[int, int],
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> None:
    """Text that reads upwards, its end at the bottom of a column; corner: the column's left and bottom."""
    label = Image.new("RGB", (_LABEL - _LINE, _CELL - 2), PAPER)
    ImageDraw.Draw(label).text((0, _CELL / 2 - 1), text, INK, font, anchor="lm")
    upright = label.rotate(90, expand=True)
    image.paste(upright, (corner[0], corner[1] - upright.height))


def contact_sheet(samples: Sequence[Sample]) -> Image.Image:
    """Two columns of clips; for each its caption, the true frames and, below them, the generated ones."""
    block_height = _LINE + 2 * _FRAME + _GAP
    width = _COLUMNS * _FRAME
    rows = math.ceil(max(len(samples), 1) / 2)
    image, draw, font = _canvas(2 * width + 3 * _GAP, rows * block_height + 2 * _GAP + _LINE)
    draw.text((_GAP, _GAP / 2), "upper row: the true clip; lower row: generated", INK, font)
    for index, sample in enumerate(samples):
        left = _GAP + (index % 2) * (width + _GAP)
        top = _GAP + _LINE + (index // 2) * block_height
        draw.text((left, top), _shortened(sample.caption, width, draw, font), INK, font)
        for line, frames in enumerate((sample.truth, sample.generated)):
            chosen = np.linspace(0, len(frames) - 1, _COLUMNS).round().astype(int)
            for column, number in enumerate(chosen):
                picture = Image.fromarray(frames[number]).resize((_FRAME - 2, _FRAME - 2))
                image.paste(picture, (left + column * _FRAME, top + _LINE + line * _FRAME))
    return image


def _shortened(
    text: str,
    width: int,
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> str:
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(f"{text}...", font) > width:
        text = text[:-1]
    return f"{text}..."


def _canvas(
    width: int, height: int
) -> tuple[Image.Image, ImageDraw.ImageDraw, ImageFont.ImageFont | ImageFont.FreeTypeFont]:
    image = Image.new("RGB", (width, height), PAPER)
    return image, ImageDraw.Draw(image), ImageFont.load_default(13)
