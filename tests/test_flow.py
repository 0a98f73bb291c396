"""Optical flow and what is measured with it."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from follow_your_click.errors import ImageError, RegionError, SettingsError
from follow_your_click.flow import dense_flow, flow_magnitude, motion_mask, motion_strength


def _texture(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.asarray(np.clip(128 + 50 * smooth / smooth.std(), 0, 255), np.uint8)


def _shifted(image: npt.NDArray[np.uint8], dx: float, dy: float) -> npt.NDArray[np.uint8]:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    size = (image.shape[1], image.shape[0])
    return np.asarray(
        cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT),
        np.uint8,
    )


@pytest.mark.parametrize(
    ("size", "shift", "grey"),
    [
        ((256, 300), (3.0, -2.0), False),
        ((256, 256), (0.5, 1.25), True),
        ((96, 128), (2.0, 1.0), False),
        ((400, 256), (-9.0, 6.0), False),
    ],
)
def test_endpoint_error_of_a_known_shift(
    size: tuple[int, int], shift: tuple[float, float], grey: bool
) -> None:
    source = _texture(*size)
    target = _shifted(source, *shift)
    if grey:
        source, target = source[..., 0], target[..., 0]
    flow = dense_flow(source, target)
    assert flow.dtype == np.float32
    assert flow.shape == (*size, 2)
    error = np.linalg.norm(flow - np.array(shift, np.float32), axis=-1)[16:-16, 16:-16]
    assert np.median(error) < 0.1
    assert error.mean() < 0.2


def test_equal_images_do_not_move() -> None:
    image = _texture(64, 80)
    assert np.abs(dense_flow(image, image)).max() < 1e-3


def test_initial_flow_helps_and_is_left_as_it_was() -> None:
    source = _texture(256, 256)
    target = _shifted(source, 60.0, 0.0)
    initial = np.full((256, 256, 2), (58.0, 0.0), np.float32)
    kept = initial.copy()
    flow = dense_flow(source, target, initial=initial)
    assert np.array_equal(initial, kept)
    error = np.linalg.norm(flow - np.array([60.0, 0.0], np.float32), axis=-1)[40:-40, 40:150]
    assert np.median(error) < 0.2


@pytest.mark.parametrize(
    ("source", "target", "initial"),
    [
        (np.zeros((8, 8), np.float32), np.zeros((8, 8), np.uint8), None),
        (np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8), None),
        (np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 4), np.uint8), None),
        (np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8), np.zeros((8, 9, 2), np.float32)),
    ],
)
def test_wrong_images_are_refused(
    source: npt.NDArray[np.uint8],
    target: npt.NDArray[np.uint8],
    initial: npt.NDArray[np.float32] | None,
) -> None:
    with pytest.raises(ImageError, match="expected"):
        dense_flow(source, target, initial=initial)


def test_magnitude_is_the_length() -> None:
    flow = np.array([[[3.0, 4.0], [0.0, -2.0]]], np.float32)
    assert flow_magnitude(flow).tolist() == [[5.0, 2.0]]


def test_motion_mask_is_the_union_of_what_moves_more_than_the_mean() -> None:
    flows = np.zeros((2, 4, 4, 2), np.float32)
    flows[0, 0, 0] = (2.0, 0.0)
    flows[1, 3, 3] = (0.0, -1.0)
    expected = np.zeros((4, 4), np.bool_)
    expected[0, 0] = expected[3, 3] = True
    assert np.array_equal(motion_mask(flows), expected)
    assert not motion_mask(np.zeros((3, 4, 4, 2), np.float32)).any()
    with pytest.raises(ImageError, match="expected"):
        motion_mask(np.zeros((4, 4, 2), np.float32))


@settings(max_examples=20, deadline=None)
@given(speed=st.floats(0, 20), short_side=st.integers(32, 2048))
def test_strength_does_not_depend_on_the_size_of_the_frames(speed: float, short_side: int) -> None:
    flows = np.zeros((2, 6, 8, 2), np.float32)
    flows[:, 1:3, 1:3, 0] = speed * short_side / 256
    mask = np.zeros((6, 8), np.bool_)
    mask[1:3, 1:3] = True
    assert motion_strength(flows, mask, short_side) == pytest.approx(speed, rel=1e-4, abs=1e-6)


def test_strength_refuses_what_it_cannot_measure() -> None:
    flows = np.zeros((1, 4, 4, 2), np.float32)
    with pytest.raises(RegionError, match="empty"):
        motion_strength(flows, np.zeros((4, 4), np.bool_), 256)
    with pytest.raises(ImageError, match="expected"):
        motion_strength(flows, np.ones((4, 5), np.bool_), 256)
    with pytest.raises(SettingsError, match="short_side"):
        motion_strength(flows, np.ones((4, 4), np.bool_), 0)
