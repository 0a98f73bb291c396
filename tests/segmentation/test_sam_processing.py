"""Into a Segment Anything model and back: the same numbers as transformers' own processors."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from follow_your_click.segmentation.sam_processing import (
    HALF,
    IMAGENET_MEAN,
    IMAGENET_STD,
    SamFrame,
)

PADDED = SamFrame(64, 16, "pad", IMAGENET_MEAN, IMAGENET_STD)
STRETCHED = SamFrame(64, 16, "stretch", IMAGENET_MEAN, IMAGENET_STD)
SIDES = st.integers(5, 150)  # where theirs cannot take rows or columns for colours


def _noise(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(height * 997 + width).integers(
        0, 256, (height, width, 3), np.uint8
    )


def _smooth_logits(seed: int, side: int = 16, count: int = 3) -> npt.NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(size=(count, side, side)).astype(np.float32)
    return np.stack([cv2.GaussianBlur(each, (0, 0), 1.5) for each in noise]) * 5


def _assert_same_but_for_rounding(
    found: npt.NDArray[np.bool_], logits: npt.NDArray[np.float32]
) -> None:
    clear = np.abs(logits) > 1e-3
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found[clear], (logits > 0)[clear])


def _sam_processor() -> Any:
    from transformers import SamProcessor
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    sizes = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
    return SamProcessor(SamImageProcessorPil(**sizes))


@settings(max_examples=20, deadline=None)
@given(height=SIDES, width=SIDES)
def test_sam_sees_the_photo_as_with_its_own_processor(height: int, width: int) -> None:
    assume(64 * min(height, width) / max(height, width) >= 0.5)  # its own gives up on thinner ones
    image = _noise(height, width)
    points, boxes = [[[[width - 1, 0], [3, height - 1]]]], [[[0, 0, width, height]]]
    theirs = _sam_processor()(image, input_points=points, input_boxes=boxes, return_tensors="pt")
    torch.testing.assert_close(
        PADDED.pixel_values(image), theirs["pixel_values"].float(), atol=1e-5, rtol=0
    )
    shape = (height, width)
    assert PADDED.size_in(64, shape) == tuple(theirs["reshaped_input_sizes"][0].tolist())
    ours = PADDED.points(np.array(points[0][0]), shape)
    torch.testing.assert_close(ours, theirs["input_points"][0, 0].float())
    ends = PADDED.points(np.array(boxes[0][0]).reshape(2, 2), shape).reshape(4)
    torch.testing.assert_close(ends, theirs["input_boxes"][0, 0].float())


@settings(max_examples=20, deadline=None)
@given(height=SIDES, width=SIDES)
def test_sam_masks_come_back_as_with_its_own_processor(height: int, width: int) -> None:
    assume(64 * min(height, width) / max(height, width) >= 0.5)
    logits = _smooth_logits(height)
    shape = (height, width)
    (theirs,) = _sam_processor().post_process_masks(
        [torch.from_numpy(logits)[None]], [shape], [PADDED.size_in(64, shape)], binarize=False
    )
    _assert_same_but_for_rounding(PADDED.full_size(logits, shape), theirs[0].numpy())


@settings(max_examples=20, deadline=None)
@given(height=SIDES, width=SIDES)
def test_stretched_masks_are_plain_bilinear(height: int, width: int) -> None:
    logits = _smooth_logits(width)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(logits)[None], (height, width), mode="bilinear", align_corners=False
    )
    found = STRETCHED.full_size(logits, (height, width))
    _assert_same_but_for_rounding(found, expected[0].numpy())


def test_a_stretched_photo_fills_the_square_in_the_models_colours() -> None:
    image = np.full((30, 90, 3), (255, 0, 51), np.uint8)
    pixels = STRETCHED.pixel_values(image)
    assert pixels.shape == (1, 3, 64, 64)
    colours = (np.array([1.0, 0.0, 0.2]) - IMAGENET_MEAN) / IMAGENET_STD
    expected = torch.from_numpy(colours).float()[None, :, None, None].expand(1, 3, 64, 64)
    torch.testing.assert_close(pixels, expected)
    corner = STRETCHED.points(np.array([90, 30]), (30, 90))
    torch.testing.assert_close(corner, torch.tensor([64.0, 64.0]))


@pytest.mark.parametrize("family", ["sam2", "sam3"])
@pytest.mark.parametrize("shape", [(40, 40), (301, 477), (477, 301), (64, 65), (5, 90)])
def test_sam_2_and_3_agree_with_their_own_processors(family: str, shape: tuple[int, int]) -> None:
    pytest.importorskip("torchvision")
    import transformers

    if family == "sam2":
        processor_type, image_type = "Sam2Processor", "Sam2ImageProcessor"
        frame = STRETCHED
    else:
        processor_type, image_type = "Sam3TrackerProcessor", "Sam3ImageProcessor"
        frame = SamFrame(56, 16, "stretch", HALF, HALF)
    size = {"height": frame.side, "width": frame.side}
    processor = getattr(transformers, processor_type)(getattr(transformers, image_type)(size=size))
    assert getattr(transformers, image_type)().image_mean == frame.mean
    height, width = shape
    points, boxes = [[[[width - 1, 0], [0, height - 1]]]], [[[0, 0, width, height]]]
    image = _noise(*shape)
    theirs = processor(image, input_points=points, input_boxes=boxes, return_tensors="pt")
    one_level = 1.01 / 255 / min(frame.std)
    torch.testing.assert_close(
        frame.pixel_values(image), theirs["pixel_values"], atol=one_level, rtol=0
    )
    torch.testing.assert_close(
        frame.points(np.array(points[0][0]), shape), theirs["input_points"][0, 0]
    )
    ends = frame.points(np.array(boxes[0][0]).reshape(2, 2), shape).reshape(4)
    torch.testing.assert_close(ends, theirs["input_boxes"][0, 0])
    logits = _smooth_logits(7)
    (expected,) = processor.post_process_masks(
        [torch.from_numpy(logits)[None]], [shape], binarize=False
    )
    _assert_same_but_for_rounding(frame.full_size(logits, shape), expected[0].numpy())


@pytest.mark.parametrize("frame", [PADDED, STRETCHED], ids=["pad", "stretch"])
@pytest.mark.parametrize("shape", [(90, 150), (151, 89), (9, 12), (64, 64)])
def test_a_mask_prompt_lies_where_the_object_is(frame: SamFrame, shape: tuple[int, int]) -> None:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    centre = (0.6 * shape[0], 0.4 * shape[1])
    disc = np.hypot((rows - centre[0]) / shape[0], (columns - centre[1]) / shape[1]) < 0.3
    logits = frame.mask_logits(disc.astype(np.float32))
    assert logits.shape == (1, 1, 16, 16)
    assert logits.min() == -10 and logits.max() == pytest.approx(10)
    back = frame.full_size(logits[0].numpy(), shape)[0]
    assert (back & disc).sum() / (back | disc).sum() > 0.8


def test_what_is_padding_belongs_to_no_object() -> None:
    logits = PADDED.mask_logits(np.ones((30, 60), np.float32))[0, 0]
    assert (logits[:8] > 9.99).all()
    assert (logits[8:] == -10).all()


@pytest.mark.parametrize("shape", [(1, 4000), (4000, 1)])
def test_a_photo_thinner_than_a_pixel_of_the_model_still_has_one(shape: tuple[int, int]) -> None:
    assert min(PADDED.size_in(64, shape)) == 1
    assert PADDED.pixel_values(_noise(*shape)).shape == (1, 3, 64, 64)
    assert PADDED.full_size(np.ones((1, 16, 16), np.float32), shape).all()
