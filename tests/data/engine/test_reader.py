"""Reading shards: every clip once a pass, shuffled, by ranks and workers, from any place."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from pyarrow import parquet

from follow_your_click.data.filmed import FilmedClips
from follow_your_click.data.photos import is_held_out
from follow_your_click.data.shards import PlaceDataset, ShardReader, ShardStream
from follow_your_click.errors import OutputError, SettingsError


@pytest.fixture(scope="module")
def reader(built):
    return ShardReader(built, split="all")


def keys(reader, places):
    return [reader.read(place).key for place in places]


def test_a_pass_holds_every_clip_once_and_each_pass_another_order(reader):
    count = len(reader)
    first, second = keys(reader, range(count)), keys(reader, range(count, 2 * count))
    assert Counter(first) == Counter(second)
    assert len(set(first)) == count
    orders = [[reader.row(epoch * count + k) for k in range(count)] for epoch in range(6)]
    assert len({tuple(order) for order in orders}) > 3


def test_a_seed_decides_the_order(built, reader):
    again, other = (ShardReader(built, split="all", seed=seed) for seed in (0, 5))
    places = range(4 * len(reader))
    assert [again.row(p) for p in places] == [reader.row(p) for p in places]
    assert [other.row(p) for p in places] != [reader.row(p) for p in places]


@pytest.mark.parametrize("taken", [0, 1, 5, 17])
def test_it_goes_on_in_the_middle_of_a_pass(reader, taken):
    whole = [clip.key for clip in itertools.islice(ShardStream(reader), taken + 9)]
    stopped = ShardStream(reader)
    list(itertools.islice(stopped, taken))
    resumed = ShardStream(reader)
    resumed.load_state_dict(stopped.state_dict())
    assert [clip.key for clip in itertools.islice(resumed, 9)] == whole[taken:]


def test_ranks_share_the_stream_without_overlap(reader):
    places = [
        list(itertools.islice(ShardStream(reader, rank=rank, world_size=3).places(), 8))
        for rank in range(3)
    ]
    assert sorted(sum(places, [])) == list(range(24))


def test_a_loaders_workers_only_fetch(reader):
    def batches(workers):
        stream = ShardStream(reader, rank=1, world_size=2)
        loader = torch.utils.data.DataLoader(
            PlaceDataset(reader),
            sampler=stream.places(),
            batch_size=3,
            num_workers=workers,
            collate_fn=_keys,
        )
        iterator = iter(loader)
        return [next(iterator) for _ in range(4)]

    assert batches(0) == batches(2)


def _keys(clips):
    return [clip.key for clip in clips]


def test_held_out_videos_are_never_trained_on(built):
    rows = parquet.read_table(built / "index.parquet", columns=["name", "split"]).to_pylist()
    for row in rows:
        assert (row["split"] == "held_out") == is_held_out(row["name"])
    train = ShardReader(built, split="train")
    assert len(train) == sum(row["split"] == "train" for row in rows)
    assert not any(is_held_out(train.read(place).name) for place in range(len(train)))


def test_what_cannot_be_read_is_said_in_one_line(built, tmp_path):
    with pytest.raises(OutputError, match="holds no finished build"):
        ShardReader(tmp_path)
    with pytest.raises(SettingsError, match="no train clip of 99 frames"):
        ShardReader(built, min_frames=99)


def test_windows_show_what_moves_and_where_it_came_from(reader):
    clips = FilmedClips(reader, size=32, num_frames=4)
    batch = clips.sample(range(6), torch.Generator().manual_seed(0))
    again = clips.sample(range(6), torch.Generator().manual_seed(0))
    assert torch.equal(batch.frames, again.frames)
    assert batch.frames.shape == (6, 4, 3, 32, 32)
    assert batch.displacement.shape == (6, 4, 2, 32, 32)
    assert batch.moving_mask.shape == batch.displacement_validity.shape == (6, 4, 1, 32, 32)
    assert float(batch.frames.min()) >= -1
    assert float(batch.frames.max()) <= 1
    assert torch.all(batch.region_mask.mean((1, 2, 3)) > 0.02)
    assert torch.all(batch.displacement[:, 0] == 0)
    weight = batch.moving_mask * batch.displacement_validity
    for index in range(6):
        # All discs slide to the right, so what is seen came from the left, frame by frame farther.
        inside = weight[index, 1:] > 0.7
        ways = [float(batch.displacement[index, 1 + k, 0][inside[k, 0]].mean()) for k in range(3)]
        assert 0 > ways[0] > ways[1] > ways[2]
        # The window's strength is the speed in it: px per frame at a side of 256.
        assert -ways[2] / 3 * 256 == pytest.approx(float(batch.motion_strength[index]), rel=0.25)
    carried = torch.nn.functional.grid_sample(
        batch.frames[:, 0],
        _grid(batch.displacement[:, 3]),
        align_corners=False,
        padding_mode="border",
    )
    sure = batch.displacement_validity[:, 3] > 0.95
    error = (carried - batch.frames[:, 3]).abs().mean(1, keepdim=True)[sure].mean()
    still = (batch.frames[:, 0] - batch.frames[:, 3]).abs().mean(1, keepdim=True)[sure].mean()
    assert error < 0.75 * still


def _grid(displacement):
    side = displacement.shape[-1]
    axis = (torch.arange(side) + 0.5) / side
    here = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    return 2 * (here + displacement.permute(0, 2, 3, 1)) - 1


def test_a_build_without_labels_still_trains_the_rest(videos, small_config, tmp_path):
    from follow_your_click.data.engine.runner import build

    settings = small_config.clips.model_copy(update={"displacement": False, "storage": "frames"})
    build(str(videos), tmp_path / "out", small_config.model_copy(update={"clips": settings}))
    clips = FilmedClips(ShardReader(tmp_path / "out", split="all"), size=32, num_frames=3)
    batch = clips.sample([0, 1], torch.Generator().manual_seed(0))
    assert torch.all(batch.displacement_validity == 0)
    assert torch.all(batch.region_mask.sum((1, 2, 3)) > 0)
    assert np.isfinite(batch.frames.numpy()).all()
