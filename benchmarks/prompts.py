"""How well is a prompt understood? Whole prompts that training never saw, of writers that saw no table.

    python benchmarks/prompts.py [--text-encoder FOLDER] [--misread] [--json FILE]

typed: one word to twenty, as many kinds of people type them. short: a few words. Each comes with all motions that would do, two
at once joined by "+", or with "unknown" where none can show it. By their length, in words, with 95 % intervals over prompts:
    understood  one of the motions that would do is the likeliest (of two at once, both are the likeliest two)
    refused     of prompts that ask for a motion, those that are taken for none: the person is warned
    known       of those that ask for none, those that are taken for it
and of prompts of other writers, half of which say how strong the motion is to be ("barely", "like crazy"): those that `pace` takes
for less than usual, more, or neither, as their writer meant it; of those that say it, those that are heard; and those taken for the opposite.
Last, of prompts of people who clicked on a part and named it, or did not, or meant all of a thing, those that are taken to name a part.

--misread lists what is not understood, which makes of these prompts a set to develop on: write new ones to measure by then.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from follow_your_click.data.motion_prompts import SHORT_PROMPTS, TYPED_PROMPTS
from follow_your_click.data.wordings import PACED_PROMPTS, PART_PROMPTS
from follow_your_click.evaluation.figures import bootstrap_interval, mean
from follow_your_click.models.checkpoints import load_component
from follow_your_click.models.text_encoder import MotionTextEncoder, load_tokenizer
from follow_your_click.named_parts import named_part
from follow_your_click.pace import PLAIN, pace
from follow_your_click.training.text_encoder import Judged, judged

LENGTHS = {"1 to 3 words": (1, 3), "4 to 7": (4, 7), "8 and more": (8, 99), "all": (1, 99)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text-encoder", default="mini/text_encoder")
    parser.add_argument("--misread", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    encoder = load_component(MotionTextEncoder, arguments.text_encoder).eval()
    tables = {"typed": TYPED_PROMPTS, "short": SHORT_PROMPTS}
    read = {name: judged(encoder, load_tokenizer(), table) for name, table in tables.items()}
    report = {name: summary(answers) for name, answers in read.items()}
    for name, rows in report.items():
        print(name)
        for length, row in rows.items():
            print(f"  {length:<14}" + "   ".join(f"{key} {cell}" for key, cell in row.items()))
    report["paced"] = {"all": paced()}
    report["parts"] = {"all": parts()}
    for name in ("paced", "parts"):
        print(
            f"{name}\n  " + "   ".join(f"{key} {cell}" for key, cell in report[name]["all"].items())
        )
    if arguments.misread:
        for answers in read.values():
            for each in answers:
                if not each.right:
                    print(f"{each.prompt} | {each.nearest}{' | refused' if each.refused else ''}")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


def summary(answers: list[Judged]) -> dict[str, dict[str, str]]:
    """By length: each share with its interval and the number of prompts."""
    rows = {}
    for length, (low, high) in LENGTHS.items():
        some = [each for each in answers if low <= len(each.prompt.split()) <= high]
        asking = [each for each in some if each.asking]
        rows[length] = {
            "understood": share([each.right for each in asking]),
            "refused": share([each.refused for each in asking]),
            "known": share([each.refused for each in some if not each.asking]),
        }
    return rows


def paced() -> dict[str, str]:
    """How `PACED_PROMPTS` are taken."""
    meant = {"faint": -1, "gentle": -1, "plain": 0, "strong": 1, "fierce": 1}
    found, wanted = [], []
    for prompt, levels in PACED_PROMPTS:
        strength = pace(prompt)
        found.append(int(strength > PLAIN) - int(strength < PLAIN))
        wanted.append({meant[level] for level in levels})
    pairs = list(zip(found, wanted, strict=True))
    return {
        "as meant": share([side in sides for side, sides in pairs]),
        "heard": share([side != 0 for side, sides in pairs if 0 not in sides]),
        "opposite": share([sides == {-side} for side, sides in pairs if side]),
    }


def parts() -> dict[str, str]:
    """Which of `PART_PROMPTS` are taken to name a part."""
    return {
        kind: share(
            [named_part(prompt) is not None for prompt, meant in PART_PROMPTS if kind in meant]
        )
        for kind in ("named", "unnamed", "whole")
    }


def share(hits: list[bool]) -> str:
    if not hits:
        return "-"
    values = np.array(hits, float)[:, None]
    low, high = bootstrap_interval(values, mean)
    return f"{values.mean():.2f} ({low:.2f} to {high:.2f}) of {len(hits)}"


if __name__ == "__main__":
    main()
