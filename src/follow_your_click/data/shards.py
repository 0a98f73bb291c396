"""Reading the shards that `fyc data build` writes: shuffled, by several ranks and workers, from any place in the stream.

Axes: B clips, F frames, C channels, H W rows and columns of the window, h w those of the labels.
The order is a function of (seed, place), nothing else: shards are drawn in random order, some at a time, and their clips mixed. So a
run that stopped after n clips goes on with clip n, exactly, without any state but n; rank r of R takes the places r, r + R, ...; and
the workers of a DataLoader only fetch, they do not change the order. Clips are read by their place in the tar; no library of tars
is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from follow_your_click.data.engine import encode, manifest
from follow_your_click.data.engine.displacement import DisplacementLabels
from follow_your_click.data.engine.packing import SHARD_FOLDER
from follow_your_click.data.engine.shards import TarSpan, read_sample
from follow_your_click.data.engine.tables import DATA_EXTRA
from follow_your_click.errors import MissingExtraError, SettingsError
from follow_your_click.flow import BoolArray, UInt8Array

SHARDS_AT_ONCE = 16  # whose clips are mixed: what a disk or a network must serve together
ShardSplit = Literal["train", "held_out", "all"]
_COLUMNS = ("key", "shard", "offset", "size", "split", "num_frames", "fps", "motion_strength")
_TEXTS = ("caption", "motion_prompts", "name")


@dataclass(frozen=True, eq=False)
class FilmedClip:
    """One sample.

    frames: uint8 (F, H, W, 3). mask: bool (H, W), Eq. 1. labels: see `displacement`, None if the build left them out.
    motion_strength: px per frame at a short side of 256.
    """

    key: str
    name: str
    frames: UInt8Array
    mask: BoolArray
    labels: DisplacementLabels | None
    motion_strength: float
    fps: float
    caption: str
    motion_prompts: tuple[str, ...]


class ClipIndex:
    """Which clips a folder of shards holds, endlessly, in an order that a seed decides.

    Args:
        folder: a finished build, or what `fyc data encode` made of one.
        split: "held_out" are the clips of videos whose name's SHA-1 starts with "0"; they are never in "train".
        min_frames: leave shorter clips out.

    Raises:
        OutputError: nothing finished there.
        SettingsError: no clip is left.
        MissingExtraError: pyarrow is not installed.
    """

    kind = manifest.KIND

    def __init__(
        self, folder: Path, *, split: ShardSplit = "train", seed: int = 0, min_frames: int = 1
    ) -> None:
        self.manifest = manifest.read_manifest(folder, kind=self.kind)
        self._folder = folder
        self._seed = seed
        self._table = _read_index(folder / manifest.INDEX, split, min_frames)
        if not len(self):
            raise SettingsError(
                f"got no {split} clip of {min_frames} frames or more in {folder}; expected at least one"
            )
        names, self._shard_of = np.unique(self._table["shard"], return_inverse=True)
        self._members = [np.flatnonzero(self._shard_of == number) for number in range(len(names))]
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def __len__(self) -> int:
        """Clips in one pass."""
        return len(self._table["key"])

    def row(self, place: int) -> int:
        """Which clip stands at a place of the endless stream, place >= 0: its row in the index."""
        epoch, within = divmod(place, len(self))
        return int(self._order(epoch)[within])

    def facts(self, row: int) -> dict[str, Any]:
        """What the index says of a clip."""
        return {name: column[row] for name, column in self._table.items()}

    def members(self, row: int) -> dict[str, bytes]:
        """A clip's files, suffix -> bytes.

        Raises:
            ImageError: a damaged shard.
        """
        table = self._table
        span = TarSpan(int(table["offset"][row]), int(table["size"][row]))
        return read_sample(self._folder / SHARD_FOLDER / str(table["shard"][row]), span)

    def _shuffled(self, epoch: int) -> npt.NDArray[np.int64]:
        random = np.random.default_rng([self._seed, epoch])
        shards = random.permutation(len(self._members))
        order = []
        for first in range(0, len(shards), SHARDS_AT_ONCE):
            window = np.concatenate(
                [self._members[s] for s in shards[first : first + SHARDS_AT_ONCE]]
            )
            order.append(random.permutation(window))
        return np.concatenate(order)


class ShardReader(ClipIndex):
    """The clips of a build; see `ClipIndex`."""

    def read(self, place: int) -> FilmedClip:
        """The clip at a place of the stream.

        Raises:
            ImageError: a damaged shard.
        """
        return self.read_row(self.row(place))

    def read_row(self, row: int) -> FilmedClip:
        """A clip by its row in the index."""
        facts, members = self.facts(row), self.members(row)
        labels = members.get(encode.LABELS)
        return FilmedClip(
            key=str(facts["key"]),
            name=str(facts["name"]),
            frames=encode.decode_clip(members),
            mask=encode.decode_mask(members[encode.MASK]),
            labels=None if labels is None else encode.decode_labels(labels),
            motion_strength=float(facts["motion_strength"]),
            fps=float(facts["fps"]),
            caption=str(facts["caption"] or ""),
            motion_prompts=tuple(facts["motion_prompts"] or ()),
        )


class ShardStream:
    """One rank's part of the stream, as an iterator with a place that can be kept and set.

    A `torch.utils.data.DataLoader` takes a `ShardReader` wrapped as `PlaceDataset` with this as its sampler, with any number of workers:

        stream = ShardStream(reader, rank=rank, world_size=world_size)
        loader = DataLoader(PlaceDataset(reader), sampler=stream.places(), batch_size=8, num_workers=4)
        ...
        state = stream.state_dict(taken)     # clips that training has used, not those that were fetched ahead
    """

    def __init__(self, reader: ShardReader, *, rank: int = 0, world_size: int = 1) -> None:
        if not 0 <= rank < world_size:
            raise SettingsError(f"got rank {rank} of {world_size}; expected 0 ... world_size - 1")
        self._reader, self._rank, self._world_size = reader, rank, world_size
        self._taken = 0

    def __iter__(self) -> Iterator[FilmedClip]:
        for place in self.places():
            # Counted when handed out: a state taken while this clip is in use starts after it.
            self._taken += 1
            yield self._reader.read(place)

    def places(self) -> Iterator[int]:
        """This rank's places from here on, endless."""
        taken = self._taken
        while True:
            yield taken * self._world_size + self._rank
            taken += 1

    def state_dict(self, taken: int | None = None) -> dict[str, int]:
        """How many clips this rank has used."""
        return {"taken": self._taken if taken is None else taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after that many."""
        self._taken = int(state["taken"])


class PlaceDataset:
    """A map from places of the stream to clips, for `torch.utils.data.DataLoader` with its own collate function."""

    def __init__(self, reader: ShardReader) -> None:
        self._reader = reader

    def __getitem__(self, place: int) -> FilmedClip:
        return self._reader.read(place)


def is_build(folder: Path | None) -> bool:
    """Whether a folder holds a finished build of shards."""
    return folder is not None and (folder / manifest.MANIFEST).is_file()


def _read_index(file: Path, split: ShardSplit, min_frames: int) -> dict[str, Sequence[Any]]:
    try:
        from pyarrow import compute, parquet
    except ImportError as error:
        raise MissingExtraError(DATA_EXTRA) from error
    table = parquet.read_table(file, columns=[*_COLUMNS, *_TEXTS])
    chosen = compute.greater_equal(table["num_frames"], min_frames)
    if split != "all":
        chosen = compute.and_(chosen, compute.equal(table["split"], split))
    table = table.filter(chosen)
    found: dict[str, Sequence[Any]] = {
        name: table[name].to_numpy(zero_copy_only=False) for name in _COLUMNS
    }
    # Left as Arrow holds them: as Python objects the texts of ten million clips would not fit into memory.
    return {**found, **{name: _Texts(table[name]) for name in _TEXTS}}


class _Texts(Sequence[Any]):
    def __init__(self, column: Any) -> None:
        self._column = column.combine_chunks()

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, row: Any) -> Any:
        return self._column[row].as_py()
