"""A picture of how a run went: figures of its log over steps, several runs one after the other.

    python scripts/loss_curves.py runs/mini-motion/log.jsonl [MORE.jsonl ...] --out curves.png \\
        [--figures validation_displacement_error_train_wordings,validation_displacement_error_held_out_wordings]

Without --figures: everything that was validated. The y axis ends at the largest value.
"""

import argparse
import json
import math
from pathlib import Path

from follow_your_click.evaluation.pictures import line_chart

PLACES = 9  # along the x axis: more labels run into one another


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", nargs="+", type=Path)
    parser.add_argument("--figures")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    records, before = [], 0
    for log in arguments.logs:
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        records += [{**line, "step": before + line["step"]} for line in lines]
        before = max(record["step"] for record in records)
    validated = [
        record for record in records if any(key.startswith("validation_") for key in record)
    ]
    names = (
        arguments.figures.split(",")
        if arguments.figures
        else sorted({key for record in validated for key in record} - {"step"})
    )
    kept = validated[:: max(1, math.ceil(len(validated) / PLACES))]
    lines = {
        name.removeprefix("validation_").replace("_", " "): [
            (record["step"], record[name], record[name], record[name])
            for record in kept
            if name in record
        ]
        for name in names
    }
    top = max(point[1] for points in lines.values() for point in points)
    ceiling = math.ceil(top * 5) / 5
    chart = line_chart(
        lines,
        title="validation, over all runs",
        x_label="steps",
        y_range=(0, ceiling),
    )
    chart.save(arguments.out)


if __name__ == "__main__":
    main()
