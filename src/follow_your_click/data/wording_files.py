"""The files of wordings and prompts beside this module, as they are written; what they say is the business of `wordings`."""

from dataclasses import dataclass
from pathlib import Path


def as_lines(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace("\n", ";").split(";") if part.strip())


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def read_tables(name: str) -> tuple[dict[str, tuple[str, ...]], frozenset[str]]:
    """`wordings_wider.txt` or one like it by heading, and those of its wordings that are used as they are."""
    tables: dict[str, tuple[str, ...]] = {}
    nominals: set[str] = set()
    for block in _text(name).split("\n[")[1:]:
        heading, _, body = block.partition("]")
        imperatives, _, as_they_are = body.partition("as it is:")
        nominals.update(as_lines(as_they_are))
        tables[heading] = (*as_lines(imperatives), *as_lines(as_they_are))
    return tables, frozenset(nominals)


@dataclass(frozen=True)
class Things:
    """Things of which one motion is meant by what is said of them (imperatives), by some of their names (`alone`) at once."""

    names: tuple[str, ...]
    said: tuple[str, ...]
    alone: tuple[str, ...]


def read_things(name: str) -> list[tuple[str, Things]]:
    """`wordings_things.txt`: things by heading, which may come again."""
    found = []
    for block in _text(name).split("\n[")[1:]:
        heading, _, body = block.partition("]")
        lines = dict(line.split(":", 1) for line in body.strip().splitlines())
        names, said, alone = (as_lines(lines[key]) for key in ("things", "say", "alone"))
        found.append((heading, Things(names, said, alone)))
    return found


def read_lists(name: str) -> dict[str, tuple[str, ...]]:
    """`sentences.txt`: what stands under each heading."""
    blocks = (block.partition("]") for block in _text(name).split("\n[")[1:])
    return {heading: as_lines(body) for heading, _, body in blocks}


def read_prompts(name: str) -> list[tuple[str, str]]:
    """What may be meant, and a prompt, of each line."""
    return [(line.split("\t")[0], line.split("\t")[1]) for line in _text(name).splitlines()]


def by_motion(prompts: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    tables: dict[str, tuple[str, ...]] = {}
    for motion, prompt in prompts:
        tables[motion] = (*tables.get(motion, ()), prompt)
    return tables


def read_asked(name: str) -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple((prompt, frozenset(meant.split(","))) for meant, prompt in read_prompts(name))
