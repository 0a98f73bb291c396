"""Rendered clips: the motion that was asked, exactly known, and nothing else moves."""

import random as random_module
from itertools import product

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from follow_your_click.data.motion_prompts import MOTIONS, TRAINING_WORDINGS, family
from follow_your_click.data.motions import DIRECTIONS
from follow_your_click.data.photos import Picture, PictureLibrary, load_library
from follow_your_click.data.procedural import ClipBatch, ClipRequest, ProceduralClips
from follow_your_click.data.regions import marked_region
from follow_your_click.errors import SettingsError

LAYERS_ONLY = ("bounce", "jump", "fall", "rise", "spin", "flap")


def _textured(height: int, width: int, seed: int) -> Tensor:
    """Coloured noise of several scales, uint8: something that optical flow can follow."""
    generator = torch.Generator().manual_seed(seed)
    layers = [
        functional.interpolate(
            torch.rand(1, 3, cells, cells, generator=generator), (height, width), mode="bicubic"
        )[0]
        for cells in (8, 20, 45)
    ]
    return (torch.stack(layers).mean(0) * 255.0).clamp(0, 255).to(torch.uint8)


@pytest.fixture(scope="module")
def library() -> PictureLibrary:
    photos = [Picture(f"p{i}.png", "scene", _textured(288, 300 + 20 * i, i)) for i in range(3)]
    cutouts = []
    for index in range(3):
        height, width = 120 + 20 * index, 150
        y = torch.linspace(-1, 1, height)[:, None]
        x = torch.linspace(-1, 1, width)[None]
        alpha = ((1.0 - torch.hypot(x, y)) * 40.0).clamp(0, 1) * 255.0
        pixels = torch.cat([_textured(height, width, 50 + index), alpha[None].to(torch.uint8)])
        cutouts.append(Picture(f"c{index}.png", "ball", pixels))
    return PictureLibrary(tuple(photos), tuple(cutouts))


@pytest.fixture(scope="module")
def source(library: PictureLibrary) -> ProceduralClips:
    return ProceduralClips(library, size=64, num_frames=16)


def _clips(source: ProceduralClips, *requests: ClipRequest, seed: int = 0) -> ClipBatch:
    return source.sample_requests(requests, torch.Generator().manual_seed(seed))


def _mean_flow(batch: ClipBatch) -> Tensor:
    inside = (batch.moving_mask[:, :-1] > 0.5).float()
    return (batch.flow * inside).sum((1, 3, 4)) / inside.sum((1, 3, 4))


def test_shapes_ranges_and_prompts(source: ProceduralClips) -> None:
    batch = source.sample(6, torch.Generator().manual_seed(3))
    assert batch.frames.shape == (6, 16, 3, 64, 64)
    assert batch.frames.dtype == torch.float32
    assert batch.frames.abs().max() <= 1.0 + 1e-5
    assert batch.region_mask.shape == (6, 1, 64, 64)
    assert set(batch.region_mask.unique().tolist()) == {0.0, 1.0}
    assert batch.moving_mask.shape == (6, 16, 1, 64, 64)
    assert batch.flow.shape == (6, 15, 2, 64, 64)
    assert batch.motion_strength.shape == (6,)
    assert len(batch.motions) == len(batch.motion_prompts) == len(batch.captions) == 6
    assert set(batch.motions) <= set(MOTIONS)


@pytest.mark.parametrize("name", DIRECTIONS)
@pytest.mark.parametrize("kind", ["layers", "in_place"])
def test_translations_go_where_they_are_asked(
    source: ProceduralClips, name: str, kind: str
) -> None:
    request = ClipRequest(f"translate_{name}", kind, 2.0)  # type: ignore[arg-type]
    mean = _mean_flow(_clips(source, request))[0]
    wanted = torch.tensor(DIRECTIONS[name])
    assert functional.cosine_similarity(mean, wanted, dim=0) > 0.99


def test_strength_is_in_pixels_per_frame_at_256(source: ProceduralClips) -> None:
    batch = _clips(source, ClipRequest("translate_right", "layers", 4.0))
    torch.testing.assert_close(batch.motion_strength, torch.tensor([4.0]), rtol=1e-3, atol=0)
    # A quarter of 256: one pixel per frame here.
    torch.testing.assert_close(_mean_flow(batch)[0], torch.tensor([1.0, 0.0]), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("motion", [m for m in MOTIONS if family(m) not in ("flow", "still")])
def test_layers_reach_the_strength_they_are_asked(source: ProceduralClips, motion: str) -> None:
    # Turning is held below half of the object's width, which a small object reaches soon.
    strength = 0.3 if family(motion) == "turn" else 0.6
    batch = _clips(source, *[ClipRequest(motion, "layers", strength)] * 2, seed=5)
    torch.testing.assert_close(batch.motion_strength, torch.full((2,), strength), rtol=0.1, atol=0)


@pytest.mark.parametrize("motion", [m for m in MOTIONS if m not in (*LAYERS_ONLY, "still")])
def test_in_place_motion_is_measured_and_stays_below_what_is_asked(
    source: ProceduralClips, motion: str
) -> None:
    batch = _clips(source, *[ClipRequest(motion, "in_place", 0.5)] * 2, seed=5)
    assert (batch.motion_strength > 0.15).all()
    assert (batch.motion_strength < 0.56).all()


def test_without_fading_a_region_moves_as_far_at_its_edge_as_in_its_middle(
    library: PictureLibrary, source: ProceduralClips
) -> None:
    whole = ProceduralClips(library, size=source.size, fading=False)
    request = ClipRequest("translate_right", "in_place", 0.5)
    for clips, even in ((whole, True), (source, False)):
        batch = _clips(clips, request, seed=5)
        moved = batch.displacement[0, -1, 0][batch.moving_mask[0, -1, 0] > 0.5]
        assert bool(moved.max() - moved.min() < 1e-3) is even
        assert moved.min() < -0.01
    swing = _clips(whole, ClipRequest("swing", "in_place", 2.0), seed=5)
    assert swing.motion_strength.item() == pytest.approx(2.0, rel=0.15)


@pytest.mark.parametrize("motion", MOTIONS)
def test_what_lies_outside_the_moving_area_never_changes(
    source: ProceduralClips, motion: str
) -> None:
    kinds = ["in_place"] if family(motion) == "flow" else ["layers", "in_place"]
    requests = [ClipRequest(motion, kind, 2.0) for kind in kinds]  # type: ignore[arg-type]
    batch = _clips(source, *requests, seed=2)
    outside = batch.moving_mask.amax(dim=1, keepdim=True) == 0
    changed = (batch.frames != batch.frames[:, :1]) & outside
    assert outside.any()
    assert not changed.any()
    assert (batch.flow.abs().sum(2)[batch.moving_mask[:, :-1, 0] <= 0.5] == 0).all()


@pytest.mark.parametrize("kind", ["layers", "in_place"])
@pytest.mark.parametrize("motion", ["translate_left", "sway", "rotate_clockwise", "still"])
def test_strength_zero_stands_still(source: ProceduralClips, motion: str, kind: str) -> None:
    batch = _clips(source, ClipRequest(motion, kind, 0.0))  # type: ignore[arg-type]
    assert (batch.frames == batch.frames[:, :1]).all()
    assert batch.motion_strength.item() == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("motion", "kind"),
    [
        *product(("translate_right", "swing", "sway", "wave", "grow"), ("layers", "in_place")),
        ("translate_right+flap", "layers"),
    ],
)
def test_the_flow_carries_each_frame_into_the_next(
    library: PictureLibrary, motion: str, kind: str
) -> None:
    source = ProceduralClips(library, size=128, num_frames=6)
    batch = _clips(source, ClipRequest(motion, kind, 4.0), seed=4)  # type: ignore[arg-type]
    axis = torch.arange(128) + 0.5
    pixels = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))
    at = (pixels + batch.flow[0]).permute(0, 2, 3, 1) / 64.0 - 1.0
    fetched = functional.grid_sample(batch.frames[0, 1:], at, align_corners=False)
    solid = (batch.moving_mask[0, :-1] > 0.99) & (at.abs().amax(-1)[:, None] < 0.95)
    # What moves must be carried far better than by standing still.
    moved = ((fetched - batch.frames[0, :-1]).abs() * solid).sum()
    stood = ((batch.frames[0, 1:] - batch.frames[0, :-1]).abs() * solid).sum()
    assert moved < 0.5 * stood
    # And so must what the displacement says of each frame fetch it from the first.
    at = 2.0 * (pixels / 128.0 + batch.displacement[0]).permute(0, 2, 3, 1) - 1.0
    first = batch.frames[0, :1].expand(6, -1, -1, -1)
    fetched = functional.grid_sample(first, at, align_corners=False)
    covered = batch.moving_mask[0] > 0.99
    moved = ((fetched - batch.frames[0]).abs() * covered).sum()
    stood = ((first - batch.frames[0]).abs() * covered).sum()
    assert moved < 0.5 * stood


def test_optical_flow_agrees_with_the_known_flow(library: PictureLibrary) -> None:
    source = ProceduralClips(library, size=128, num_frames=6)
    requests = [ClipRequest("translate_right", "layers", s) for s in (2.0, 4.0, 6.0)]
    batch = _clips(source, *requests, seed=1)
    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    for index, asked in enumerate((2.0, 4.0, 6.0)):
        gray = ((batch.frames[index].mean(dim=1) + 1.0) * 127.5).to(torch.uint8).numpy()
        # Away from the outline, where the estimator's patches also see the background.
        solid = (batch.moving_mask[index, 2, 0].numpy() > 0.99).astype(np.uint8)
        core = cv2.erode(solid, np.ones((9, 9), np.uint8)) > 0
        found = estimator.calc(gray[2], gray[3], np.zeros((128, 128, 2), np.float32))
        speed = float(np.linalg.norm(found, axis=-1)[core].mean()) * 2.0
        assert speed == pytest.approx(asked, rel=0.15)


def test_the_same_seed_gives_the_same_clips(source: ProceduralClips) -> None:
    first, second, other = (
        source.sample(4, torch.Generator().manual_seed(seed)) for seed in (11, 11, 12)
    )
    assert torch.equal(first.frames, second.frames)
    assert torch.equal(first.flow, second.flow)
    assert torch.equal(first.region_mask, second.region_mask)
    assert first.motion_prompts == second.motion_prompts
    assert not torch.equal(first.frames, other.frames)


def test_the_generator_goes_on_from_batch_to_batch(source: ProceduralClips) -> None:
    generator = torch.Generator().manual_seed(11)
    first, second = source.sample(1, generator), source.sample(1, generator)
    assert not torch.equal(first.frames, second.frames)


def test_the_marked_region_covers_the_object(source: ProceduralClips) -> None:
    batch = source.sample(8, torch.Generator().manual_seed(6))
    truth = (batch.moving_mask[:, 0] > 0.5).float()
    shared = (batch.region_mask * truth).sum((1, 2, 3))
    assert (shared / truth.sum((1, 2, 3)) > 0.6).all()


@pytest.mark.parametrize(("radius", "least_ways"), [(1, 2), (3, 3), (12, 7)])
def test_a_marked_region_is_a_box_or_the_same_region_still_however_small(
    radius: int, least_ways: int
) -> None:
    axis = torch.arange(128.0) - 60
    disc = (axis.square() + axis[:, None].square() <= radius**2).float()
    box = ((axis.abs() <= radius) & (axis.abs() <= radius)[:, None]).float()
    marked = marked_region(disc.expand(60, 1, -1, -1), random_module.Random(0))[:, 0]
    overlaps = (marked * disc).sum((1, 2)) / torch.maximum(marked, disc).sum((1, 2))
    boxed = (marked == box).all(dim=2).all(dim=1)
    assert ((overlaps >= 0.6) | boxed).all()
    # Itself and its box, and a larger one is redrawn in many ways.
    assert len(torch.unique(marked, dim=0)) >= least_ways


def test_prompts_come_from_the_split_that_was_chosen(library: PictureLibrary) -> None:
    source = ProceduralClips(library, size=32, num_frames=2, wordings="held_out")
    batch = source.sample(16, torch.Generator().manual_seed(0))
    for motion, prompt in zip(batch.motions, batch.motion_prompts, strict=True):
        assert prompt not in TRAINING_WORDINGS[motion]


def test_wrong_settings_are_refused(library: PictureLibrary, source: ProceduralClips) -> None:
    with pytest.raises(SettingsError, match="got size 33"):
        ProceduralClips(library, size=33)
    with pytest.raises(SettingsError, match="got num_frames 1"):
        ProceduralClips(library, num_frames=1)
    with pytest.raises(SettingsError, match="0 cut-outs"):
        ProceduralClips(PictureLibrary(library.photos, ()))
    with pytest.raises(SettingsError, match="no clip to render"):
        source.sample(0, torch.Generator())
    with pytest.raises(SettingsError, match="expected in_place"):
        _clips(source, ClipRequest("flow_left", "layers"))


def test_two_motions_at_once_go_the_ones_way_and_do_the_others_gesture(
    library: PictureLibrary,
) -> None:
    source = ProceduralClips(
        library, size=64, num_frames=16, motion_weights={"composed": 1, "still": 1}
    )
    drawn = source.sample(12, torch.Generator().manual_seed(0)).motions
    assert {family(motion) for motion in drawn} == {"composed", "still"}
    request = ClipRequest("translate_right+rotate_clockwise", motion_strength=3.0)
    batch = _clips(source, request)
    torch.testing.assert_close(batch.motion_strength, torch.tensor([3.0]), rtol=0.05, atol=0)
    mean = _mean_flow(batch)[0]
    assert mean[0] > 0.2 and mean[1].abs() < 0.3 * mean[0]
    # Clockwise on screen, y down: what lies to the right of the middle goes down, what lies to the left goes up.
    covered = batch.moving_mask[0, 0, 0] > 0.5
    columns = torch.nonzero(covered)[:, 1].float()
    down = batch.flow[0, 0, 1][covered]
    right = columns > columns.mean()
    assert down[right].mean() > 0 > down[~right].mean()
    with pytest.raises(SettingsError, match="in place; expected layers"):
        _clips(source, ClipRequest("rise+grow", "in_place", 1.0))


def test_what_was_asked_for_is_known_where_a_motion_bears_less() -> None:
    clips = ProceduralClips(load_library(None, split="train"), size=64)
    requests = [
        ClipRequest("turn_left", "layers", 20.0),
        ClipRequest("translate_left", "layers", 2.0),
    ]
    batch = clips.sample_requests(requests, torch.Generator().manual_seed(0))
    assert batch.asked_strength.tolist() == [20.0, 2.0]
    assert batch.motion_strength[0] < 10
    assert float(batch.motion_strength[1]) == pytest.approx(2.0, rel=0.1)
