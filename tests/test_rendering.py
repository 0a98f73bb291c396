"""Crop plan and the way back to the photo's resolution, with synthetic truth."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from follow_your_click.errors import ImageError, RegionError, SettingsError
from follow_your_click.rendering import CropPlan, MovingPart, Rendered, plan_crop, render

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]

MODEL_SIZE = 64
FRAMES = 6


def _texture(height: int, width: int, seed: int, sigma: float, mean: float) -> Float32Array:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.asarray(np.clip(mean + 35 * smooth / smooth.std(), 0, 255), np.float32)


def _disc(height: int, width: int, centre: tuple[float, float], radius: float) -> Float32Array:
    rows, columns = np.mgrid[0:height, 0:width]
    distance = np.hypot(columns - centre[0], rows - centre[1])
    return np.asarray(np.clip(radius + 0.5 - distance, 0, 1), np.float32)


def _clip(
    height: int, width: int, centre: tuple[int, int], radius: float, step: tuple[float, float]
) -> tuple[UInt8Array, Float32Array]:
    """A textured disc that moves by `step` px per frame over a textured background, and its masks."""
    background = _texture(height, width, 1, 3.0, 90)
    paint = _texture(height, width, 2, 4.0, 170)
    frames, masks = [], []
    for index in range(FRAMES):
        dx, dy = step[0] * index, step[1] * index
        mask = _disc(height, width, (centre[0] + dx, centre[1] + dy), radius)
        matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        moved = cv2.warpAffine(
            paint, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        frame = background + mask[..., None] * (moved - background)
        frames.append(np.clip(np.rint(frame), 0, 255).astype(np.uint8))
        masks.append(mask)
    return np.stack(frames), np.stack(masks)


def _as_model(frames: UInt8Array, plan: CropPlan, noise: float = 2.0) -> UInt8Array:
    """What a model would make of the frames: small, soft, noisy, a little off in colour."""
    rng = np.random.default_rng(0)
    made = []
    for frame in frames:
        small = cv2.GaussianBlur(plan.extract(frame).astype(np.float32), (0, 0), 0.6)
        made.append(small + rng.normal(0, noise, small.shape) + np.array([3, -3, 3]))
    return np.asarray(np.clip(np.rint(np.stack(made)), 0, 255), np.uint8)


def _whole(photo: UInt8Array, rendered: Rendered) -> UInt8Array:
    height, width = rendered.changed.shape
    frames = np.repeat(photo[None], len(rendered.frames), axis=0)
    rows, columns = slice(rendered.y, rendered.y + height), slice(rendered.x, rendered.x + width)
    frames[:, rows, columns] = rendered.frames
    return frames


def _check_promises(photo: UInt8Array, rendered: Rendered) -> None:
    height, width = rendered.changed.shape
    here = photo[rendered.y : rendered.y + height, rendered.x : rendered.x + width]
    assert rendered.frames.dtype == np.uint8
    assert rendered.frames.shape[1:] == here.shape
    assert np.array_equal(rendered.frames[0], here)
    differs = (rendered.frames != here).any(axis=(0, 3))
    assert np.array_equal(differs, rendered.changed)


def _psnr(first: UInt8Array, second: UInt8Array, area: npt.NDArray[np.bool_]) -> float:
    error = np.square(first.astype(np.float64) - second)[area].mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


# The crop plan.


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(20, 300),
    width=st.integers(20, 300),
    data=st.data(),
    travel=st.floats(0, 60),
    context=st.floats(0, 1),
)
def test_window_holds_the_mask_and_stays_in_the_photo_where_it_can(
    height: int, width: int, data: st.DataObject, travel: float, context: float
) -> None:
    x0 = data.draw(st.integers(0, width - 1))
    x1 = data.draw(st.integers(x0 + 1, width))
    y0 = data.draw(st.integers(0, height - 1))
    y1 = data.draw(st.integers(y0 + 1, height))
    mask = np.zeros((height, width), np.bool_)
    mask[y0:y1, x0:x1] = True
    plan = plan_crop(mask, model_size=MODEL_SIZE, travel=travel, context=context)
    longest = max(height, width)
    assert min(48, longest) <= plan.side <= longest
    assert plan.x0 <= x0 and x1 <= plan.x0 + plan.side
    assert plan.y0 <= y0 and y1 <= plan.y0 + plan.side
    for first, length in ((plan.x0, width), (plan.y0, height)):
        if plan.side <= length:
            assert 0 <= first <= length - plan.side
        else:
            assert first <= 0 and first + plan.side >= length
    assert plan.model_to_photo == plan.side / MODEL_SIZE


def test_travel_and_context_widen_the_window() -> None:
    mask = np.zeros((600, 600), np.bool_)
    mask[250:350, 280:320] = True
    tight = plan_crop(mask, model_size=128, travel=0, context=0)
    assert tight.side == 100
    assert plan_crop(mask, model_size=128, travel=20, context=0).side == 140
    assert plan_crop(mask, model_size=128, travel=0, context=0.35).side == 170


def test_extract_shows_the_window_and_mirrors_outside_the_photo() -> None:
    photo = _texture(100, 60, 0, 2.0, 128).astype(np.uint8)
    inside = CropPlan(x0=5, y0=20, side=48, model_size=48)
    assert np.array_equal(inside.extract(photo), photo[20:68, 5:53])
    wide = CropPlan(x0=-20, y0=0, side=100, model_size=100)
    view = wide.extract(photo)
    assert np.array_equal(view[:, 20:80], photo)
    assert np.array_equal(view[:, 19], photo[:, 1])
    mask = np.zeros((100, 60), np.bool_)
    mask[:, 0] = True
    shown = wide.extract_mask(mask)
    assert shown[:, 20].min() == 1 and not shown[:, :20].any(), "nothing selected beyond the photo"
    assert CropPlan(x0=0, y0=0, side=50, model_size=20).extract(photo).shape == (20, 20, 3)


def test_a_plan_that_cannot_be_made_says_why() -> None:
    empty = np.zeros((50, 50), np.bool_)
    with pytest.raises(RegionError, match="select"):
        plan_crop(empty, model_size=64, travel=0)
    with pytest.raises(SettingsError, match="travel"):
        plan_crop(~empty, model_size=64, travel=-1)
    with pytest.raises(SettingsError, match="context"):
        plan_crop(~empty, model_size=64, travel=0, context=float("nan"))
    with pytest.raises(SettingsError, match="side"):
        CropPlan(x0=0, y0=0, side=0, model_size=64)
    with pytest.raises(ImageError, match="outside"):
        CropPlan(x0=100, y0=0, side=48, model_size=64).extract(np.zeros((50, 50, 3), np.uint8))


# Rendering.


def test_moved_object_is_sharper_than_the_generated_frames() -> None:
    truth, masks = _clip(256, 256, (110, 130), 34, (6.0, -2.0))
    plan = CropPlan(x0=0, y0=0, side=256, model_size=MODEL_SIZE)
    generated = _as_model(truth, plan)
    rendered = render(truth[0], masks[0], plan, generated)
    _check_promises(truth[0], rendered)
    frames = _whole(truth[0], rendered)
    for index in range(1, FRAMES):
        enlarged = cv2.resize(generated[index], (256, 256), interpolation=cv2.INTER_CUBIC)
        inner = masks[index] > 0.99
        ours = _psnr(frames[index], truth[index], inner)
        assert ours > _psnr(np.asarray(enlarged, np.uint8), truth[index], inner) + 6


def test_known_shift_is_recovered_within_half_a_pixel() -> None:
    truth, masks = _clip(256, 256, (110, 130), 34, (5.0, 3.0))
    plan = CropPlan(x0=0, y0=0, side=256, model_size=MODEL_SIZE)
    frames = _whole(truth[0], render(truth[0], masks[0], plan, _as_model(truth, plan)))
    before = cv2.cvtColor(truth[0], cv2.COLOR_RGB2GRAY).astype(np.float32)[110:150, 90:130]
    after = cv2.cvtColor(frames[-1], cv2.COLOR_RGB2GRAY).astype(np.float32)
    matrix = np.array([[1, 0, 90 + 25.0], [0, 1, 110 + 15.0]], np.float32)
    flags = cv2.MOTION_TRANSLATION
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-4)
    _, found = cv2.findTransformECC(before, after, matrix, flags, stop)
    assert abs(found[0, 2] - 90 - 25) < 0.5
    assert abs(found[1, 2] - 110 - 15) < 0.5


def test_background_is_uncovered_and_no_old_outline_stays() -> None:
    truth, masks = _clip(256, 256, (90, 128), 28, (11.0, 0.0))
    plan = CropPlan(x0=0, y0=0, side=256, model_size=MODEL_SIZE)
    frames = _whole(truth[0], render(truth[0], masks[0], plan, _as_model(truth, plan)))
    freed = (cv2.dilate(masks[0], np.ones((5, 5))) > 0.02) & (masks[-1] < 0.01)
    stale = np.abs(truth[0].astype(float) - truth[-1])[freed].mean()
    assert np.abs(frames[-1].astype(float) - truth[-1])[freed].mean() < 0.35 * stale


# Rendering a motion that the model states.


def _stated(step: tuple[float, float], side: int) -> Float32Array:
    """The displacement of everything by `step` px per frame in a window of `side` px: (L, 8, 8, 2)."""
    index = np.arange(FRAMES, dtype=np.float32)[:, None, None, None]
    field = -index * np.array(step, np.float32) / side
    return np.asarray(np.broadcast_to(field, (FRAMES, 8, 8, 2)), np.float32)


def test_a_stated_motion_is_carried_out_whatever_the_frames_show() -> None:
    step = (6.0, -2.0)
    truth, masks = _clip(256, 256, (110, 130), 34, step)
    plan = CropPlan(x0=0, y0=0, side=256, model_size=MODEL_SIZE)
    blank = np.full((FRAMES, MODEL_SIZE, MODEL_SIZE, 3), 128, np.uint8)
    rendered = render(truth[0], masks[0], plan, blank, _stated(step, 256))
    _check_promises(truth[0], rendered)
    frames = _whole(truth[0], rendered)
    for index in range(1, FRAMES):
        assert _psnr(frames[index], truth[index], masks[index] > 0.99) > 34
    # Frames that show nothing of the background are not believed: what lies around fills the hole.
    freed = (masks[0] > 0.5) & (masks[-1] < 0.01)
    colour = frames[-1][freed].mean(axis=0) - truth[-1][freed].mean(axis=0)
    assert np.abs(colour).max() < 20


@pytest.mark.parametrize("turns", range(4))
def test_what_the_border_cuts_off_comes_in_with_a_round_end(turns: int) -> None:
    """Half a disc at a border moves in: the other half follows, and behind it is the ground, no band of the object."""
    # The disc's middle lies on the border that a number of quarter turns brings to the left.
    photo = np.rot90(_clip(256, 256, (-0.5, 128), 24, (0.0, 0.0))[0][0], turns)
    mask = np.rot90(_disc(256, 256, (-0.5, 128), 24), turns)
    ways = ((8.0, 0.0), (0.0, -8.0), (-8.0, 0.0), (0.0, 8.0))
    plan = CropPlan(x0=0, y0=0, side=256, model_size=MODEL_SIZE)
    blank = np.full((FRAMES, MODEL_SIZE, MODEL_SIZE, 3), 128, np.uint8)
    photo, mask = np.ascontiguousarray(photo), np.ascontiguousarray(mask)
    rendered = render(photo, mask, plan, blank, _stated(ways[turns], 256))
    alpha = np.zeros((FRAMES, 256, 256), np.uint8)
    height, width = rendered.changed.shape
    rows, columns = slice(rendered.y, rendered.y + height), slice(rendered.x, rendered.x + width)
    alpha[:, rows, columns] = rendered.alpha
    for index in range(1, FRAMES):
        whole = np.rot90(_disc(256, 256, (8 * index - 0.5, 128), 24), turns)
        found = alpha[index] > 127
        assert (found & (whole > 0.5)).sum() > 0.95 * (found | (whole > 0.5)).sum()


def test_frames_that_show_the_background_fill_what_is_uncovered() -> None:
    step = (11.0, 0.0)
    truth, masks = _clip(256, 256, (90, 128), 28, step)
    plan = CropPlan(x0=0, y0=0, side=256, model_size=MODEL_SIZE)
    freed = (masks[0] > 0.5) & (masks[-1] < 0.01)
    errors = []
    for generated in (_as_model(truth, plan), np.full_like(_as_model(truth, plan), 128)):
        rendered = render(truth[0], masks[0], plan, generated, _stated(step, 256))
        frames = _whole(truth[0], rendered)
        errors.append(np.abs(frames[-1].astype(float) - truth[-1])[freed].mean())
    assert errors[0] < 0.8 * errors[1]


def test_a_pattern_goes_on_where_the_object_was() -> None:
    """Fences and bricks: neither a blur nor the object's colour is left behind."""
    columns = np.mgrid[0:256, 0:256][1]
    stripes = np.where((columns // 8 % 2 == 0)[..., None], (200.0, 120.0, 60.0), (40.0, 70.0, 90.0))
    mask = _disc(256, 256, (90, 128), 28)
    photo = np.rint(stripes + mask[..., None] * (255 - stripes)).astype(np.uint8)
    plan = CropPlan(x0=0, y0=0, side=256, model_size=MODEL_SIZE)
    blank = np.full((FRAMES, MODEL_SIZE, MODEL_SIZE, 3), 128, np.uint8)
    frames = _whole(photo, render(photo, mask, plan, blank, _stated((14.0, 0.0), 256)))
    freed = (mask > 0.5) & (_disc(256, 256, (90 + 70, 128), 32) == 0)
    blurred = stripes.mean(axis=(0, 1))
    error = np.abs(frames[-1] - stripes)[freed].mean()
    assert error < 0.3 * np.abs(blurred - stripes)[freed].mean()


def test_what_is_uncovered_has_the_grain_of_what_is_around() -> None:
    grain = np.random.default_rng(1).normal(0, 12, (256, 256, 1))
    photo = np.clip(120 + grain, 0, 255).astype(np.uint8).repeat(3, axis=2)
    mask = _disc(256, 256, (100, 128), 40)
    photo[mask > 0.5] = (200, 40, 40)
    plan = CropPlan(0, 0, 256, 64)
    frames = np.repeat(plan.extract(photo)[None], 6, axis=0)
    rendered = render(photo, mask, plan, frames, _stated((18.0, 0.0), 256)[:6])
    uncovered = (_disc(256, 256, (100, 128), 36) > 0.5) & (np.arange(256) < 110)
    shown = _whole(photo, rendered)[-1][..., 1].astype(np.float32)
    assert shown[uncovered].std() > 0.8 * grain.std()


@pytest.mark.parametrize(("beside", "left"), [(2, 0.05), (3, 0.05), (4, 0.25)])
def test_what_rings_beside_the_object_goes_with_it(beside: int, left: float) -> None:
    """The line that sharpening and compression draw a few pixels outside of a mask, which may also be a little small."""
    ground = np.full((256, 256, 3), 90.0)
    mask = _disc(256, 256, (90, 128), 28)
    line = _disc(256, 256, (90, 128), 28.5 + beside) * (
        1 - _disc(256, 256, (90, 128), 27.5 + beside)
    )
    photo = np.clip(ground + 130 * mask[..., None] + 60 * line[..., None], 0, 255)
    plan = CropPlan(x0=0, y0=0, side=256, model_size=MODEL_SIZE)
    blank = np.full((FRAMES, MODEL_SIZE, MODEL_SIZE, 3), 128, np.uint8)
    photo = np.rint(photo).astype(np.uint8)
    frames = _whole(photo, render(photo, mask, plan, blank, _stated((16.0, 0.0), 256)))
    freed = (line > 0.5) & (_disc(256, 256, (90 + 80, 128), 36) == 0)
    before, after = (np.abs(frame - ground)[freed].mean() for frame in (frames[0], frames[-1]))
    assert after < left * before


def test_what_large_frames_show_behind_the_object_is_kept() -> None:
    """A model that knows what is behind the object is believed, though the photo has nothing like it."""
    step = (14.0, 0.0)
    ground, masks = _clip(256, 256, (90, 128), 28, step)
    spot = _disc(256, 256, (80, 128), 9)[..., None] * (1 - masks[..., None])
    truth = np.rint(ground + spot * (np.array([20.0, 220.0, 20.0]) - ground)).astype(np.uint8)
    found = []
    for size in (256, MODEL_SIZE):
        plan = CropPlan(x0=0, y0=0, side=256, model_size=size)
        generated = _as_model(truth, plan) if size == 256 else np.full((FRAMES, size, size, 3), 128)
        rendered = render(truth[0], masks[0], plan, generated.astype(np.uint8), _stated(step, 256))
        inner = _disc(256, 256, (80, 128), 7) > 0.5
        found.append(_whole(truth[0], rendered)[-1][inner].mean(axis=0))
    assert np.abs(found[0] - (20, 220, 20)).max() < 30
    assert np.abs(found[1] - (20, 220, 20)).max() > 60, "nothing in the photo says so"


def test_a_stated_motion_of_nothing_is_the_photo() -> None:
    truth, masks = _clip(160, 160, (80, 80), 30, (0.0, 0.0))
    plan = CropPlan(x0=0, y0=0, side=160, model_size=MODEL_SIZE)
    moving = _as_model(_clip(160, 160, (80, 80), 30, (5.0, 0.0))[0], plan)
    rendered = render(truth[0], masks[0], plan, moving, _stated((0.0, 0.0), 160))
    assert not rendered.changed.any()


# Rendering a motion that is measured in the frames.


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_still_frames_give_a_still_patch(noise: float) -> None:
    truth, masks = _clip(160, 160, (80, 80), 30, (0.0, 0.0))
    plan = CropPlan(x0=0, y0=0, side=160, model_size=MODEL_SIZE)
    rendered = render(truth[0], masks[0], plan, _as_model(truth, plan, noise))
    _check_promises(truth[0], rendered)
    assert not rendered.changed.any()


def test_only_the_surroundings_of_the_object_change() -> None:
    truth, masks = _clip(256, 256, (128, 128), 20, (3.0, 0.0))
    plan = plan_crop(masks[0], model_size=MODEL_SIZE, travel=25)
    rendered = render(truth[0], masks[0], plan, _as_model(truth, plan))
    _check_promises(truth[0], rendered)
    height, width = rendered.changed.shape
    assert rendered.changed.any()
    assert rendered.x >= 100 and rendered.x + width <= 180
    assert rendered.y >= 100 and rendered.y + height <= 156


@pytest.mark.parametrize(
    ("size", "centre", "radius", "step"),
    [
        ((128, 128), (0, 64), 30, (3.0, 0.0)),
        ((128, 128), (127, 127), 40, (2.0, 1.0)),
        ((80, 200), (100, 40), 60, (4.0, 0.0)),
        ((128, 128), (64, 64), 1, (2.0, 0.0)),
        ((30, 20), (10, 12), 5, (1.0, 0.0)),
    ],
    ids=["border", "corner", "window larger than photo", "tiny mask", "tiny photo"],
)
def test_unusual_regions_keep_the_promises(
    size: tuple[int, int], centre: tuple[int, int], radius: float, step: tuple[float, float]
) -> None:
    truth, masks = _clip(*size, centre, radius, step)
    plan = plan_crop(masks[0] > 0.5, model_size=MODEL_SIZE, travel=10)
    rendered = render(truth[0], masks[0], plan, _as_model(truth, plan))
    _check_promises(truth[0], rendered)
    height, width = rendered.changed.shape
    assert rendered.x >= 0 and rendered.x + width <= size[1]
    assert rendered.y >= 0 and rendered.y + height <= size[0]


def test_frames_of_pure_noise_do_no_harm() -> None:
    truth, masks = _clip(128, 128, (64, 64), 25, (0.0, 0.0))
    plan = CropPlan(x0=0, y0=0, side=128, model_size=MODEL_SIZE)
    shape = (FRAMES, MODEL_SIZE, MODEL_SIZE, 3)
    generated = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    with np.errstate(invalid="raise", divide="raise"):
        _check_promises(truth[0], render(truth[0], masks[0], plan, generated))


def test_same_input_gives_the_same_frames_and_leaves_the_photo_alone() -> None:
    truth, masks = _clip(128, 128, (64, 64), 25, (2.0, 0.0))
    photo = truth[0].copy()
    plan = CropPlan(x0=0, y0=0, side=128, model_size=MODEL_SIZE)
    generated = _as_model(truth, plan)
    first = render(photo, masks[0], plan, generated)
    second = render(photo, masks[0], plan, generated)
    assert np.array_equal(photo, truth[0])
    assert np.array_equal(first.frames, second.frames)


def test_one_frame_is_the_photo() -> None:
    truth, masks = _clip(96, 96, (48, 48), 20, (2.0, 0.0))
    plan = CropPlan(x0=0, y0=0, side=96, model_size=MODEL_SIZE)
    rendered = render(truth[0], masks[0] > 0.5, plan, _as_model(truth[:1], plan))
    _check_promises(truth[0], rendered)
    assert len(rendered.frames) == 1


def test_what_does_not_fit_is_refused() -> None:
    photo = np.zeros((64, 64, 3), np.uint8)
    mask = np.ones((64, 64), np.float32)
    plan = CropPlan(x0=0, y0=0, side=64, model_size=32)
    frames = np.zeros((2, 32, 32, 3), np.uint8)
    with pytest.raises(ImageError, match="photo"):
        render(photo.astype(np.float32), mask, plan, frames)
    with pytest.raises(ImageError, match="mask"):
        render(photo, mask[:-1], plan, frames)
    with pytest.raises(ImageError, match="generated"):
        render(photo, mask, plan, frames[:, :-1])
    with pytest.raises(
        ImageError, match=r"displacements of \(3, 4, 4, 2\), expected \(2, h, w, 2\)"
    ):
        render(photo, mask, plan, frames, np.zeros((3, 4, 4, 2), np.float32))


def _going_right(pixels: float, plan: CropPlan) -> Float32Array:
    """Of a thing that goes so far by the last frame: (L, h, w, 2)."""
    field = np.zeros((FRAMES, 32, 32, 2), np.float32)
    field[..., 0] = -pixels / plan.side * np.linspace(0, 1, FRAMES)[:, None, None]
    return field


def _parts_of_a_disc(*ways: float) -> tuple[UInt8Array, UInt8Array]:
    """A photo (H, W, 3) with a disc whose upper and lower half go so far, or which does as a whole; and its last frame."""
    frames, masks = _clip(160, 220, (90, 80), 30, (ways[0] / (FRAMES - 1), 0))
    photo = frames[0]
    plan = plan_crop(masks[0], model_size=MODEL_SIZE, travel=40)
    rows = plan.y0 + (np.arange(128) + 0.5) / 128 * plan.side
    upper = np.repeat((rows < 80).astype(np.float32)[:, None], 128, axis=1)
    halves = [
        MovingPart(share, _going_right(way, plan))
        for share, way in zip((upper, 1 - upper), ways, strict=False)
    ]
    made = render(
        photo,
        masks[0],
        plan,
        _as_model(frames, plan),
        _going_right(ways[0], plan),
        parts=halves if len(ways) > 1 else (),
    )
    _check_promises(photo, made)
    return photo, _whole(photo, made)[-1]


def test_parts_that_go_alike_are_one_thing() -> None:
    _, whole = _parts_of_a_disc(25)
    _, parts = _parts_of_a_disc(25, 25)
    differ = np.abs(whole.astype(int) - parts).max(axis=2)
    assert differ[:78].mean() < 1 and differ[83:].mean() < 1, "but for the seam"


def test_each_part_goes_its_own_way_over_one_background() -> None:
    photo, last = _parts_of_a_disc(25, -25)
    for rows, way in ((slice(60, 74), 25), (slice(87, 100), -25)):
        expected = photo[rows, 75:105].astype(int)
        found = last[rows, 75 + way : 105 + way].astype(int)
        assert np.abs(found - expected).mean() < 6
    for freed in (np.s_[62:74, 66:80], np.s_[87:98, 100:112]):
        assert last[freed].mean() < 105 < photo[freed].mean(), "the ground shows again"


def test_the_later_part_lies_on_top() -> None:
    frames, masks = _clip(160, 220, (90, 80), 30, (0, 0))
    photo = frames[0]
    plan = plan_crop(masks[0], model_size=MODEL_SIZE, travel=40)
    columns = plan.x0 + (np.arange(128) + 0.5) / 128 * plan.side
    left = np.repeat((columns < 90).astype(np.float32)[None], 128, axis=0)
    pieces = MovingPart(left, _going_right(30, plan)), MovingPart(1 - left, _going_right(0.9, plan))
    generated = np.repeat(plan.extract(photo)[None], FRAMES, axis=0)
    shown = [
        _whole(
            photo, render(photo, masks[0], plan, generated, _going_right(30, plan), parts=order)
        )[-1]
        for order in (pieces, pieces[::-1])
    ]
    area = np.s_[75:85, 95:108]
    on_top = photo[75:85, 94:107].astype(int)
    assert np.abs(shown[0][area] - on_top).mean() < 6, "the right half stays before the left"
    passing = photo[75:85, 65:78].astype(int)
    assert np.abs(shown[1][area] - passing).mean() < 6
