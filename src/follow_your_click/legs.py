"""Legs, found in an outline: what points down from an animal or a person, nearly as low as it does.

Axis legend: n rows and columns of positions in a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]

# Of the thing's height: the shortest leg, and how far above its lowest point a foot may be.
LEAST_LEG, LOWEST = 0.14, 0.25
# Of its height, by which a leg may reach aside: necks that hang reach further. A tail by so much at least, and it is so many times as
# long as the legs.
SLANT, TAIL_SLANT, TAIL_LENGTH = 0.8, 0.45, 1.3
OF_HEAD = 0.2  # of a leg's area, that may be the head's: necks and trunks hang as well
WIDER = 2.0  # times as wide as most of a leg: there it is the body already
# Likewise what two legs join to, in widths of both; and how long that is at least, in lengths of the leg below it.
THIGHS, LEAST_THIGH = 2.0, 0.25


@dataclass(frozen=True, eq=False)
class Leg:
    """area: (n, n), below the hip. hip, foot: x, y of the middle of its upper and of its lower end, in positions."""

    area: Bools
    hip: tuple[float, float]
    foot: tuple[float, float]

    @property
    def length(self) -> float:
        return max(float(np.hypot(self.foot[0] - self.hip[0], self.foot[1] - self.hip[1])), 1.0)

    @property
    def slant(self) -> float:
        """How far it reaches aside, in its heights."""
        return abs(self.foot[0] - self.hip[0]) / max(self.foot[1] - self.hip[1], 1.0)


@dataclass(eq=False)
class _Branch:
    """What points down from a thing.

    runs: row, start, end (exclusive), from below. joined: the branches that it is the upper end of. closed: so wide by now that it is the body.
    """

    runs: list[tuple[int, int, int]]
    joined: tuple[_Branch, ...] = ()
    closed: bool = False

    @property
    def low(self) -> int:
        """Its lowest row."""
        return max(one.low for one in self.joined) if self.joined else self.runs[0][0]

    def width(self) -> float:
        """Of most of it, of those that it joins together."""
        if self.joined:
            return sum(one.width() for one in self.joined)
        widths = [end - start for _, start, end in self.runs]
        return float(np.median(widths[: max(1, round(0.7 * len(widths)))]))


def find_legs(thing: Bools, head: Bools | None = None) -> list[Leg]:
    """What points down from a thing (n, n), nearly as low as it does and not with its head, from left to right.

    Each up to where it meets another; two that meet below the body, to where both meet a third.
    """
    rows = np.flatnonzero(thing.any(axis=1))
    if not rows.size:
        return []
    bottom, height = int(rows[-1]), int(np.ptp(rows)) + 1
    body = _Branch([], closed=True)
    above: list[tuple[int, int, _Branch]] = []  # stretches of the row below, and whose they are
    ended: list[_Branch] = []
    for row in range(bottom, int(rows[0]) - 1, -1):
        here = []
        for start, end in _runs(thing[row]):
            below = {id(one): one for first, last, one in above if first <= end and last >= start}
            met = [one for one in below.values() if one is not body]
            legs = [
                one
                for one in met
                if one.low - row > LEAST_LEG * height and bottom - one.low <= LOWEST * height
            ]
            if not below:
                branch = _Branch([])
            elif id(body) in below or len(legs) > 1:
                ended += legs
                simple = id(body) not in below and not any(one.joined for one in legs)
                branch = _Branch([], tuple(legs)) if simple else body
            else:
                branch = legs[0] if legs else min(met, key=lambda one: -one.low)
            branch.closed |= bool(branch.joined) and end - start > THIGHS * branch.width()
            if not branch.closed:
                branch.runs.append((row, start, end))
            here.append((start, end, branch))
        above = here
    # What joins others tells of their upper ends only where it meets another itself.
    upper = {
        id(leg): one
        for one in ended
        for leg in one.joined
        if len(one.runs) > LEAST_THIGH * len(leg.runs)
    }
    found = [_leg(thing.shape, one, upper.get(id(one))) for one in ended if not one.joined]
    found = [leg for leg in found if _stands(leg, head)]
    return sorted(_without_tail(found), key=lambda leg: leg.foot[0])


def _leg(shape: tuple[int, ...], branch: _Branch, upper: _Branch | None) -> Leg:
    """The leg of a branch, and of what joins it to others, without what is so wide that it is the body."""
    runs = branch.runs
    if upper is None:
        wide = [
            number
            for number, (_, start, end) in enumerate(runs)
            if number >= 0.4 * len(runs) and end - start > WIDER * branch.width()
        ]
        runs = runs[: wide[0]] if wide else runs
    few = max(1, len(runs) // 6)
    whole = runs if upper is None else [*runs, *_thigh(branch, upper)]
    area = np.zeros(shape, np.bool_)
    for row, start, end in whole:
        area[row, start:end] = True
    middles = [(start + end - 1) / 2 for _, start, end in whole]
    hip = (float(np.mean(middles[-few:])), float(whole[-1][0]))
    return Leg(area, hip, (float(np.mean(middles[:few])), float(whole[0][0])))


def _thigh(leg: _Branch, upper: _Branch) -> list[tuple[int, int, int]]:
    """A leg's share of what joins it to others: its own side below, all of it above."""
    _, own_start, own_end = leg.runs[-1]
    ends = [end for *_, end in (one.runs[-1] for one in upper.joined) if end <= own_start]
    starts = [start for _, start, _ in (one.runs[-1] for one in upper.joined) if start >= own_end]
    runs = []
    for number, (row, start, end) in enumerate(upper.runs):
        up = number / len(upper.runs)
        left = start if not ends else (max(ends) + own_start) / 2
        right = end if not starts else (own_end + min(starts)) / 2
        first, last = round(left + up * (start - left)), round(right + up * (end - right))
        runs.append((row, max(first, start), max(min(last, end), max(first, start) + 1)))
    return runs


def _stands(leg: Leg, head: Bools | None) -> bool:
    of_head = 0 if head is None else (leg.area & head).sum()
    return leg.slant <= SLANT and of_head <= OF_HEAD * leg.area.sum()


def _without_tail(legs: list[Leg]) -> list[Leg]:
    """Without what is longer than the others and hangs aside."""
    longest = max(legs, key=lambda leg: leg.length, default=None)
    others = [leg for leg in legs if leg is not longest]
    if longest is None or not others or longest.slant <= TAIL_SLANT:
        return legs
    usual = float(np.median([leg.length for leg in others]))
    return others if longest.length > TAIL_LENGTH * usual else legs


def _runs(row: Bools) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each stretch of a row (n,)."""
    edges = np.flatnonzero(np.diff(np.pad(row, 1).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
