"""Which of a few offsets each place of a hole is filled by: as few seams as can be, each where it shows least.

A shift map (Pritch et al. 2009): places that share an offset show one stretch of the surroundings, unbroken. The offsets to choose from
are those at which the surroundings repeat themselves (He and Sun 2014) and those that a first filling found most often. The choice is made by
graph cuts, one offset after the other being offered to all places at once (alpha expansion, Boykov, Veksler and Zabih 2001).

Axis legend: N places of the hole, D values of a piece, L offsets to choose from, E pairs of neighbours.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from follow_your_click.rendering.grid import Float32Array

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

# Chosen on cut-outs pasted over 40 photos that are not held out, `AS_KNOWN` by frames that show what is behind.
REPEATS, FOUND = 20, 60  # offsets to choose from, of either kind
SHORTEST = 6  # places: nearer than that everything is like itself
ROUNDS = 2  # of offering each offset
# Grey levels squared: what a seam, or what a first filling said otherwise, costs at most; and a seam at least.
MOST, LEAST = 3600.0, 2.0
AS_FILLED = 0.5  # weight of what a first filling said against seams
AS_KNOWN = 12.0  # of what is known beside the hole, or believed in it
IMPOSSIBLE = 1e5  # of an offset that leads nowhere
STEPS = 10.0  # to a grey level squared: graph cuts count in whole numbers
BATCH = 512


def repeats(pieces: Float32Array, places: IntArray, near: BoolArray, side: int) -> IntArray:
    """Offsets (L, 2) at which pieces (N, D) of a picture are most often most like others, for those near the hole (N,).

    Args:
        places: x, y of the pieces (N, 2).
        side: of the picture.
    """
    counts = np.zeros((2 * side + 1, 2 * side + 1), np.float32)
    norms = np.square(pieces).sum(axis=1)
    chosen = np.flatnonzero(near)
    for first in range(0, len(chosen), BATCH):
        part = chosen[first : first + BATCH]
        unlike = norms - 2 * (pieces[part] @ pieces.T)
        apart = np.abs(places[None] - places[part][:, None]).max(axis=2)
        unlike[apart < SHORTEST] = np.inf
        best = unlike.argmin(axis=1)
        _count(counts, (places[best] - places[part])[apart[np.arange(len(part)), best] >= SHORTEST])
    smooth = gaussian_filter(counts, 1.0)
    peaks = np.where(smooth == maximum_filter(smooth, 5), smooth, 0)
    return _most(peaks, REPEATS)


def most_common(offsets: IntArray, side: int) -> IntArray:
    """The offsets (L, 2) that are most common among those of places (N, 2), and not of one alone."""
    counts = np.zeros((2 * side + 1, 2 * side + 1), np.float32)
    _count(counts, offsets)
    return _most(np.where(counts > 1, counts, 0), FOUND)


def _count(counts: Float32Array, offsets: IntArray) -> None:
    middle = len(counts) // 2
    np.add.at(counts, (offsets[:, 1] + middle, offsets[:, 0] + middle), 1)


def _most(counts: Float32Array, number: int) -> IntArray:
    """The offsets (L, 2) that were counted most often."""
    middle = len(counts) // 2
    best = np.argsort(-counts, axis=None, kind="stable")[:number]
    best = best[counts.ravel()[best] > 0]
    return np.stack([best % len(counts) - middle, best // len(counts) - middle], axis=1)


def chosen(unlike: Float32Array, colours: Float32Array, pairs: IntArray) -> IntArray:
    """Which offset each place takes: (N,), numbers below L.

    Args:
        unlike: (N, L), what each offset costs each place; `IMPOSSIBLE` or more, where it leads nowhere.
        colours: (N, L, 3), what each offset shows there.
        pairs: (E, 2), the numbers of neighbours.
    """
    one, other = pairs.T
    count = unlike.shape[1]

    def seams(first: IntArray, second: IntArray) -> Float32Array:
        """What it costs (E,) that the one of each pair takes the first offset, and the other the second."""
        costs = np.full(len(pairs), LEAST, np.float32)
        for at in (one, other):
            apart = np.square(colours[at, first] - colours[at, second]).mean(axis=1)
            costs += np.minimum(apart, MOST)
        costs[first == second] = 0
        return costs

    def cost(of: IntArray) -> float:
        alone = unlike[np.arange(len(of)), of].sum(dtype=np.float64)
        return float(alone + seams(of[one], of[other]).sum(dtype=np.float64))

    taken: IntArray = unlike.argmin(axis=1)
    lowest = cost(taken)
    unchanged = 0  # offers in a row
    for offer in np.tile(np.arange(count), ROUNDS):
        if unchanged == count:
            break
        offers = np.full(len(pairs), offer)
        switching = _cut(
            unlike[:, offer] - unlike[np.arange(len(taken)), taken],
            pairs,
            seams(taken[one], taken[other]),
            seams(taken[one], offers),
            seams(offers, taken[other]),
        )
        switched = np.where(switching, offer, taken)
        now = cost(switched)
        unchanged += 1
        if now < lowest:
            taken, lowest, unchanged = switched, now, 0
    return taken


def _cut(
    price: Float32Array,
    pairs: IntArray,
    neither: Float32Array,
    other_alone: Float32Array,
    one_alone: Float32Array,
) -> BoolArray:
    """Who switches (N,), that all costs least.

    Args:
        price: (N,), of switching.
        pairs: (E, 2), of neighbours; neither, other_alone, one_alone: (E,), what it costs if so many of them switch. Both: nothing.
    """
    count = len(price)
    one, other = pairs.T
    price = (
        price + np.bincount(one, one_alone - neither, count) - np.bincount(other, one_alone, count)
    )
    between = np.maximum(other_alone + one_alone - neither, 0)
    places, start, end = np.arange(count), count, count + 1
    dear = price > 0
    origin = np.concatenate([np.full(dear.sum(), start), places[~dear], one])
    target = np.concatenate([places[dear], np.full((~dear).sum(), end), other])
    limits = np.rint(STEPS * np.concatenate([price[dear], -price[~dear], between])).astype(np.int32)
    graph = csr_array((limits, (origin, target)), shape=(count + 2, count + 2))
    left = graph - maximum_flow(graph, start, end).flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    switching = np.ones(count + 2, np.bool_)
    switching[breadth_first_order(left, start, return_predecessors=False)] = False
    return switching[:count]
