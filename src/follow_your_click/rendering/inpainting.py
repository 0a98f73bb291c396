"""Filling a hole with pieces of what is around it.

Every piece of the hole is matched with the piece of the surroundings that looks most alike, and the hole becomes the mean of
what these pieces put there, again and again, from coarse to fine (Wexler, Shechtman and Irani 2007). Two additions keep it from
going soft: pieces are compared by how busy they are too (Newson et al. 2014, section 3.2), else a blur finds a blur; and
neighbours share an offset where it fits nearly as well, so that stretches of texture stay whole. A third keeps it from showing: what
pieces say of the changes from cell to cell counts, more than what they say of the colours (Darabi et al. 2012), so that those
from a darker or a lighter place join what is around without a rim. What was found in the coarse is settled before it is made fine: few
offsets are to do for all places (`shift_map`), for the best for each alone show one small piece again and again, as a mesh.

Axes: n rows and columns, C = 3 colours and 2 of busyness, N places, D values of a piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, eye_array
from scipy.sparse.linalg import factorized

from follow_your_click.rendering.grid import Float32Array, fill
from follow_your_click.rendering.shift_map import (
    AS_FILLED,
    AS_KNOWN,
    IMPOSSIBLE,
    MOST,
    chosen,
    most_common,
    repeats,
)

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

# All of these were chosen on cut-outs pasted over 40 held-out photos, where what is behind is known.
RADIUS = 2  # of a piece: 5 x 5
WIDTH = 2 * RADIUS + 1
# Of matching and mixing, for each level; the last has the picture's side, each one before half of the next one's. What the
# next one takes over at first is all that the finest one needs.
ROUNDS = (6, 0)
KEPT = 24  # of the D values of a piece, after turning them to their main axes
FADING = 1.3  # by which a place counts less for each step away from what is known
BUSYNESS = 4.0  # weight of the mean change per pixel against a grey level
BUSY_REACH = 2.5  # standard deviation of that mean
HELD = 0.01  # weight of the colours that pieces say against that of the changes from cell to cell
UNSHADED = 0.5  # share of a piece's mean colour that does not count when pieces are compared
NEAR = 0.2  # of the picture's side: how far around the hole is looked for how it repeats itself
# A piece takes its neighbour's offset up to so many times its own squared difference, and so much more (grey levels squared).
SHARED_RATIO, SHARED_SLACK = 1.4, 6.0


@dataclass(frozen=True)
class Filled:
    """image (n, n, 3): as given, and the hole filled.

    places, sources (N, 2): x, y of every piece that reaches into the hole, and of what it was taken from.
    differences (N,): mean squared, in grey levels, of pieces less that share of their mean colours.
    """

    image: Float32Array
    places: IntArray
    sources: IntArray
    differences: Float32Array


def level_sides(side: int) -> list[int]:
    """The sides of the levels of a picture of a side, the coarsest first."""
    return [side >> halvings for halvings in reversed(range(len(ROUNDS)))]


def fill_hole(
    image: Float32Array, hole: BoolArray, usable: BoolArray, *, fixed: Sequence[BoolArray] = ()
) -> Filled:
    """Fill a hole of a picture, starting from what is in it. Deterministic.

    Args:
        image: float32 (n, n, 3), 0 ... 255; the hole holds a rough guess.
        hole: bool (n, n).
        usable: bool (n, n), what pieces may be taken from; the hole never is. Where there is no whole piece, the hole stays
            as it is, and there are no places.
        fixed: for each of `level_sides`, what of the hole (n, n) its guess is to stay in; nothing by default.
    """
    usable = usable & ~hole
    features = np.concatenate([image, _busyness(image, usable)], axis=2)
    level: _Level | None = None
    for index, (side, rounds) in enumerate(zip(level_sides(len(image)), ROUNDS, strict=True)):
        kept = fixed[index] if fixed else np.zeros_like(hole)
        finer = _Level(
            _resized(features, side),
            hole=_resized(hole, side) > 0.01,
            kept=_resized(kept, side) > 0.5,
            usable=_resized(usable, side) > 0.99,
        )
        if not len(finer.pieces) or not len(finer.places):
            continue
        if level is not None:
            finer.go_on_from(level)
        level = finer
        for _ in range(rounds):
            level.match()
            level.mix()
        if rounds:
            level.settle()
    if level is None or level.side < len(image):
        nothing = np.zeros((0, 2), np.intp)
        return Filled(image, nothing, nothing, np.zeros(0, np.float32))
    image = np.ascontiguousarray(level.features[..., :3])
    return Filled(image, level.places, level.places + level.offsets, level.differences)


class _Level:
    """One size of the picture, and where each piece of its hole comes from.

    Args:
        features: float32 (n, n, 5), a guess in the hole.
        hole, kept, usable: bool (n, n); kept: what of the hole does not change; usable: nothing of the hole.
    """

    def __init__(
        self, features: Float32Array, *, hole: BoolArray, kept: BoolArray, usable: BoolArray
    ) -> None:
        self.side = len(features)
        self.known, self.features = features, features.copy()
        self.changing = hole & ~kept
        around = np.ones((WIDTH, WIDTH), np.uint8)
        self.places = _where(cv2.dilate(hole.astype(np.uint8), around) > 0)
        self.place_at = _numbered(self.places, self.side)
        depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
        self.trust = np.asarray(FADING ** -depth[self.places[:, 1], self.places[:, 0]], np.float32)
        whole = cv2.erode(usable.astype(np.uint8), around, borderValue=0) > 0
        self.piece_places = _where(whole)
        self.piece_at = _numbered(self.piece_places, self.side)
        pieces = _pieces(features, self.piece_places)
        self.mean = pieces.sum(axis=0) / max(len(pieces), 1)
        _, axes = np.linalg.eigh((pieces - self.mean).T @ (pieces - self.mean))
        self.axes = np.asarray(axes[:, -KEPT:], np.float32)
        self.pieces = (pieces - self.mean) @ self.axes
        self.offsets = np.zeros_like(self.places)  # to themselves, which no match takes up
        self.differences = np.zeros(len(self.places), np.float32)

    def go_on_from(self, coarser: _Level) -> None:
        """Begin with a level of half the side: its picture, and its offsets wherever they lead to whole pieces."""
        features = _resized(coarser.features, self.side, cv2.INTER_CUBIC)
        self.features[self.changing] = features[self.changing]
        self.match()
        number = coarser.place_at[self.places[:, 1] // 2 + 1, self.places[:, 0] // 2 + 1]
        offer = np.where((number >= 0)[:, None], 2 * coarser.offsets[number], self.offsets)
        self._share(self._queries(), offer, at_any_price=True)
        self.mix()

    def match(self) -> None:
        """Find for every piece of the hole the one most like it, or the one that its neighbour or the last round found."""
        queries, before = self._queries(), self.offsets
        nearest = _nearest(queries, self.pieces)
        self.offsets = self.piece_places[nearest] - self.places
        self.differences = _difference(queries, self.pieces[nearest])
        self._share(queries, before)
        x, y = self.places.T + 1
        for step_y, step_x in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            number = self.place_at[y + step_y, x + step_x]
            offer = np.where((number >= 0)[:, None], self.offsets[number], self.offsets)
            self._share(queries, offer)

    def settle(self) -> None:
        """Let few offsets do for all places, and make the hole what they say: the best for each alone repeat one small piece."""
        offers = np.unique(
            np.concatenate([self._repeats(), most_common(self.offsets, self.side)]), axis=0
        )
        if not len(offers):
            return
        x, y = (self.places[:, None] + offers).transpose(2, 0, 1)
        numbers = self._number_at(x, y)
        queries = self._queries()
        unlike = np.stack(
            [_difference(queries, self.pieces[number]) for number in numbers.T], axis=1
        )
        across, down = self.places.T
        weight = np.where(self.changing[down, across], AS_FILLED, AS_KNOWN)
        costs = np.minimum(unlike, MOST) * weight[:, None]
        costs = np.where(numbers >= 0, costs, IMPOSSIBLE).astype(np.float32)
        last = self.side - 1
        colours = self.known[np.clip(y, 0, last), np.clip(x, 0, last), :3]
        pairs = []
        for step_y, step_x in ((0, 1), (1, 0)):
            other = self.place_at[down + 1 + step_y, across + 1 + step_x]
            one = np.flatnonzero(other >= 0)
            pairs.append(np.stack([one, other[one]], axis=1))
        taken = chosen(costs, colours, np.concatenate(pairs))
        of_each = np.arange(len(taken)), taken
        possible = numbers[of_each] >= 0
        self.offsets = np.where(possible[:, None], offers[taken], self.offsets)
        self.differences = np.where(possible, unlike[of_each], self.differences)
        self.mix()

    def _repeats(self) -> IntArray:
        """Offsets (L, 2) at which what is near the hole repeats itself."""
        hole = np.ones((self.side, self.side), np.uint8)
        hole[self.places[:, 1], self.places[:, 0]] = 0
        away = cv2.distanceTransform(hole, cv2.DIST_L2, 3)
        x, y = self.piece_places.T
        return repeats(self.pieces, self.piece_places, away[y, x] < NEAR * self.side, self.side)

    def mix(self) -> None:
        """Make the hole the mean of what all pieces that reach there say, the likely ones first."""
        if not self.changing.any():
            return
        spread = float(np.percentile(self.differences, 75)) + 1
        weights = self.trust * np.exp(-self.differences / (2 * spread)) + np.float32(1e-6)
        total = self._said(weights, _padded(self.known))[self.changing]
        self.features[self.changing] = total[:, :-1] / total[:, -1:]
        colours = _padded(np.ascontiguousarray(self.known[..., :3]))
        changes = [self._said(weights, np.diff(colours, axis=axis)) for axis in (0, 1)]
        self.features[..., :3] = _joined(self.features[..., :3], self.changing, changes)

    def _said(self, weights: Float32Array, padded: Float32Array) -> Float32Array:
        """What pieces (N,) say of each place, times their weights, and the sum of these: (n, n, C + 1).

        Of a picture (n + 4, n + 4, C); of changes between its neighbours, one row or column less, as far as they lie in a piece.
        """
        total = np.zeros((*padded.shape[:2], padded.shape[2] + 1), np.float32)
        x, y = self.places.T
        from_x, from_y = (self.places + self.offsets).T
        height, width = (length - self.side + 1 for length in padded.shape[:2])  # of a piece
        for dy in range(height):
            for dx in range(width):
                # No place comes twice, so this adds to each.
                values = padded[from_y + dy, from_x + dx]
                total[y + dy, x + dx, :-1] += weights[:, None] * values
                total[y + dy, x + dx, -1] += weights
        return total[RADIUS:-RADIUS, RADIUS:-RADIUS]

    def _queries(self) -> Float32Array:
        return np.asarray((_pieces(self.features, self.places) - self.mean) @ self.axes, np.float32)

    def _number_at(self, x: IntArray, y: IntArray) -> IntArray:
        """The numbers of the pieces at places, -1 where there is none."""
        inside = (x >= 0) & (x < self.side) & (y >= 0) & (y < self.side)
        found: IntArray = self.piece_at[np.where(inside, y, -1) + 1, np.where(inside, x, -1) + 1]
        return found

    def _share(self, queries: Float32Array, offer: IntArray, *, at_any_price: bool = False) -> None:
        """Take the offered offsets (N, 2) where they lead to whole pieces that are nearly as good as what is there."""
        number = self._number_at(*(self.places + offer).T)
        differences = _difference(queries, self.pieces[number])
        enough = SHARED_RATIO * self.differences + SHARED_SLACK
        taken = (number >= 0) & (at_any_price | (differences < enough))
        self.offsets = np.where(taken[:, None], offer, self.offsets)
        self.differences = np.where(taken, differences, self.differences)


def _joined(
    colours: Float32Array, free: BoolArray, changes: Sequence[Float32Array]
) -> Float32Array:
    """Colours (n, n, 3), the free ones (n, n) moved so that they change as is said, joined to the others.

    changes: to the next cell down (n - 1, n, 4), to the next one to the right (n, n - 1, 4): times their weights, and these.
    """
    flat, before = free.ravel(), colours.reshape(-1, 3)
    cells = np.arange(len(flat)).reshape(free.shape)
    start = np.concatenate([cells[:-1].ravel(), cells[:, :-1].ravel()])
    end = np.concatenate([cells[1:].ravel(), cells[:, 1:].ravel()])
    said = np.concatenate([each.reshape(-1, 4) for each in changes])
    kept = (said[:, 3] > 0) & (flat[start] | flat[end])
    start, end, said = start[kept], end[kept], said[kept]
    signs = np.repeat((-1.0, 1.0), len(said))
    places = np.tile(np.arange(len(said)), 2), np.concatenate([start, end])
    change = coo_array((signs, places), shape=(len(said), len(flat))).tocsc()
    own, others = change[:, np.flatnonzero(flat)], change[:, np.flatnonzero(~flat)]
    wanted = said[:, :3] / said[:, 3:] - others @ before[~flat]
    solve = factorized((own.T @ own + HELD * eye_array(own.shape[1])).tocsc())
    sides = (own.T @ wanted + HELD * before[flat]).T
    joined = colours.copy()
    joined[free] = np.stack([solve(side) for side in sides], axis=1)
    return joined


def _busyness(image: Float32Array, usable: BoolArray) -> Float32Array:
    """How much the grey level changes along x and along y around each place, (n, n, 2), as far as usable; else as around it."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    inner = cv2.erode(usable.astype(np.float32), np.ones((3, 3), np.uint8))
    changes = [cv2.Sobel(grey, cv2.CV_32F, *way, scale=0.25) for way in ((1, 0), (0, 1))]
    stack = np.stack([*(np.abs(change) * inner for change in changes), inner], axis=2)
    mean = cv2.GaussianBlur(stack, (0, 0), BUSY_REACH)
    values = np.asarray(mean[..., :2] / np.maximum(mean[..., 2:], 1e-3), np.float32)
    guess = fill(values, usable.astype(np.float32), first_level=0)
    return np.asarray(BUSYNESS * np.where(usable[..., None], values, guess), np.float32)


def _resized(
    field: npt.NDArray[np.generic], side: int, method: int = cv2.INTER_AREA
) -> Float32Array:
    return np.asarray(cv2.resize(field.astype(np.float32), (side, side), interpolation=method))


def _where(area: BoolArray) -> IntArray:
    """Places (N, 2) as x, y."""
    return np.stack(np.nonzero(area)[::-1], axis=1)


def _numbered(places: IntArray, side: int) -> IntArray:
    """(n + 2, n + 2): the number of each place, -1 elsewhere and in a rim of one around."""
    numbers = np.full((side + 2, side + 2), -1, np.intp)
    numbers[places[:, 1] + 1, places[:, 0] + 1] = np.arange(len(places))
    return numbers


def _padded(field: Float32Array) -> Float32Array:
    return np.pad(field, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="reflect")


def _pieces(field: Float32Array, places: IntArray) -> Float32Array:
    """The pieces around places, less `UNSHADED` of their mean colours, as vectors (N, D)."""
    windows = np.lib.stride_tricks.sliding_window_view(_padded(field), (WIDTH, WIDTH), axis=(0, 1))
    found = windows[places[:, 1], places[:, 0]]
    found[:, :3] -= UNSHADED * found[:, :3].mean(axis=(2, 3), keepdims=True)
    return np.asarray(found.reshape(len(places), field.shape[2] * WIDTH**2), np.float32)


def _nearest(queries: Float32Array, pieces: Float32Array) -> IntArray:
    """The number of the piece nearest to every query."""
    norms = np.square(pieces).sum(axis=1)
    parts = [queries[first : first + 512] for first in range(0, len(queries), 512)]
    return np.concatenate([(norms - 2 * (part @ pieces.T)).argmin(axis=1) for part in parts])


def _difference(first: Float32Array, second: Float32Array) -> Float32Array:
    """Mean squared difference of pieces (N, KEPT), per pixel and colour."""
    return np.asarray(np.square(first - second).sum(axis=1) / (3 * WIDTH**2), np.float32)
