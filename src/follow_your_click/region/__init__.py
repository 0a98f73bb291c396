"""What a user may ask for: where (areas and edits), how it moves (regions), what must not move (hold still).

    areas       Click, Box, Brush, Polygon, masks; Subtract, Intersect
    edits       Grow, Shrink, Feather, FillHoles, KeepLargest
    selection   Selection = areas + edits; Region = a selection that moves; HoldStill = one that must not
    text        "click=412,300; grow=4; prompt=drift left" and back
    json_forms  areas, edits and masks as JSON types and back

Coordinates are the photo's own pixels, origin top left, x to the right, y down.
"""

from follow_your_click.region.areas import (
    Area,
    Box,
    Brush,
    Click,
    Intersect,
    PlainArea,
    Polygon,
    Subtract,
)
from follow_your_click.region.edits import Edit, Feather, FillHoles, Grow, KeepLargest, Shrink
from follow_your_click.region.selection import (
    MAX_PROMPT_CHARACTERS,
    MAX_STRENGTH,
    Granularity,
    HoldStill,
    Region,
    Selection,
)
from follow_your_click.region.text import (
    REGION_EXAMPLE,
    area_text,
    edit_text,
    parse_area,
    parse_box,
    parse_brush,
    parse_edits,
    parse_hold_still,
    parse_point,
    parse_polygon,
    parse_region,
)

__all__ = [
    "MAX_PROMPT_CHARACTERS",
    "MAX_STRENGTH",
    "REGION_EXAMPLE",
    "Area",
    "Box",
    "Brush",
    "Click",
    "Edit",
    "Feather",
    "FillHoles",
    "Granularity",
    "Grow",
    "HoldStill",
    "Intersect",
    "KeepLargest",
    "PlainArea",
    "Polygon",
    "Region",
    "Selection",
    "Shrink",
    "Subtract",
    "area_text",
    "edit_text",
    "parse_area",
    "parse_box",
    "parse_brush",
    "parse_edits",
    "parse_hold_still",
    "parse_point",
    "parse_polygon",
    "parse_region",
]
