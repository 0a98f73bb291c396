"""SAM, SAM 2 and SAM 3 with small random weights: what every mask must satisfy, and the same answers as transformers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from follow_your_click.errors import ModelError, RegionError
from follow_your_click.segmentation.sam import SamSegmenter

FAMILIES = ("sam", "sam2", "sam3_tracker")
Checkpoint = Callable[[str], Path]
Load = Callable[[str], SamSegmenter]


def _noise(height: int = 90, width: int = 120, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def _points(*points: tuple[float, float]) -> npt.NDArray[np.float32]:
    return np.array(points, np.float32)


@pytest.fixture(scope="module")
def load(tiny_checkpoint: Checkpoint) -> Load:
    """A function: kind -> a segmenter, the same object each time; tests set their own photo."""
    made: dict[str, SamSegmenter] = {}

    def get(kind: str) -> SamSegmenter:
        if kind not in made:
            made[kind] = SamSegmenter.from_pretrained(tiny_checkpoint(kind), device="cpu")
        return made[kind]

    return get


@pytest.mark.parametrize("family", FAMILIES)
def test_one_click_is_ambiguous_and_anything_else_is_not(load: Load, family: str) -> None:
    segmenter = load(family)
    segmenter.set_image(_noise())
    click = segmenter.predict(point_coords=_points((40, 30)))
    assert click.masks.shape == (3, 90, 120)
    assert click.masks.dtype == np.bool_
    assert click.scores.shape == (3,)
    assert (np.diff(click.scores) <= 0).all()
    assert (click.scores >= 0).all() and (click.scores <= 1).all()
    box = np.array([10, 5, 100, 80], np.float32)
    rough = np.zeros((90, 120), np.float32)
    rough[20:60, 30:90] = 1
    prompts: list[dict[str, Any]] = [
        {"point_coords": _points((40, 30), (60, 50))},
        {"point_coords": _points((40, 30), (60, 50)), "point_labels": np.array([1, 0])},
        {"box": box},
        {"box": box, "point_coords": _points((40, 30)), "point_labels": np.array([0])},
        {"mask": rough},
        {"mask": rough, "point_coords": _points((40, 30))},
        {"mask": rough, "box": box},
    ]
    for prompt in prompts:
        assert segmenter.predict(**prompt).masks.shape == (1, 90, 120)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_photo_is_embedded_once_for_any_number_of_clicks(load: Load, family: str) -> None:
    segmenter = load(family)
    calls: list[None] = []
    hook = segmenter.model.vision_encoder.register_forward_hook(lambda *_: calls.append(None))
    try:
        segmenter.set_image(_noise())
        for x in (1, 50, 100):
            segmenter.predict(point_coords=_points((x, 30)))
    finally:
        hook.remove()
    assert len(calls) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_repeatable_and_of_the_photo_and_click_at_hand(load: Load, family: str) -> None:
    segmenter = load(family)
    answers = []
    for seed, x in ((0, 10), (1, 10), (0, 110), (0, 10)):
        segmenter.set_image(_noise(seed=seed))
        answers.append(segmenter.predict(point_coords=_points((x, 30))))
    first, other_photo, other_click, again = answers
    np.testing.assert_array_equal(first.masks, again.masks)
    np.testing.assert_array_equal(first.scores, again.scores)
    assert (first.scores != other_photo.scores).any()
    assert (first.scores != other_click.scores).any()


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=15, deadline=None)
@given(
    height=st.integers(1, 130),
    width=st.integers(1, 130),
    # Short of 1 by more than float32 rounds: a click at 1 lies outside the photo.
    at=st.tuples(*[st.floats(0, 0.999)] * 4),
)
def test_a_clicked_pixel_keeps_its_side_at_any_size(
    load: Load, family: str, height: int, width: int, at: tuple[float, float, float, float]
) -> None:
    segmenter = load(family)
    segmenter.set_image(_noise(height, width))
    points = _points((at[0] * width, at[1] * height), (at[2] * width, at[3] * height))
    (x, y), (other_x, other_y) = points.astype(int)
    alone = segmenter.predict(point_coords=points[:1])
    assert alone.masks.shape == (3, height, width)
    assert alone.masks[:, y, x].all()
    if (x, y) != (other_x, other_y):
        both = segmenter.predict(point_coords=points, point_labels=np.array([1, 0]))
        assert both.masks[:, y, x].all()
        assert not both.masks[:, other_y, other_x].any()


@pytest.mark.parametrize("shape", [(83, 120), (121, 64), (64, 64)])
@pytest.mark.parametrize("prompt", ["click", "clicks", "box", "both"])
def test_sam_answers_as_transformers_own_example(
    load: Load, tiny_checkpoint: Checkpoint, prompt: str, shape: tuple[int, int]
) -> None:
    from transformers import SamModel, SamProcessor
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    sizes = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
    processor = SamProcessor(SamImageProcessorPil(**sizes))
    model = SamModel.from_pretrained(tiny_checkpoint("sam"))
    _assert_same_answer(load("sam"), model, processor, prompt, _noise(*shape))


@pytest.mark.parametrize("family", ["sam2", "sam3_tracker"])
@pytest.mark.parametrize("prompt", ["click", "clicks", "box", "both"])
def test_sam_2_and_3_answer_as_transformers_own_example(
    load: Load, tiny_checkpoint: Checkpoint, prompt: str, family: str
) -> None:
    pytest.importorskip("torchvision")
    import transformers

    two = family == "sam2"
    image_type = transformers.Sam2ImageProcessor if two else transformers.Sam3ImageProcessor
    side = 64 if two else 56
    images = image_type(size={"height": side, "width": side})
    names = ("Sam2Processor", "Sam2Model") if two else ("Sam3TrackerProcessor", "Sam3TrackerModel")
    processor = getattr(transformers, names[0])(images)
    model = getattr(transformers, names[1]).from_pretrained(tiny_checkpoint(family))
    # Photos that come out alike although torchvision and Pillow round differently in resizing.
    _assert_same_answer(load(family), model, processor, prompt, _noise(side, side))
    flat = np.full((40, 51, 3), (200, 30, 90), np.uint8)
    _assert_same_answer(load(family), model, processor, prompt, flat)


def _assert_same_answer(
    segmenter: SamSegmenter, model: Any, processor: Any, prompt: str, image: npt.NDArray[np.uint8]
) -> None:
    """Ours against processor, model and post_process_masks as in the documentation of transformers."""
    shape = image.shape
    coords, labels = [[7, 9], [shape[1] - 1, 20]], [1, 0]
    if prompt == "click":
        coords, labels = coords[:1], labels[:1]
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    if prompt != "box":
        ours |= {"point_coords": _points(*coords), "point_labels": np.array(labels)}
        theirs |= {"input_points": [[coords]], "input_labels": [[labels]]}
    if prompt in ("box", "both"):
        corners = [3, 4, shape[1] - 6, shape[0] - 2]
        ours["box"] = np.array(corners, np.float32)
        theirs["input_boxes"] = [[corners]]
    segmenter.set_image(image)
    found = segmenter.predict(**ours)

    inputs = processor(image, **theirs, return_tensors="pt")
    for name in ("input_points", "input_boxes", "pixel_values"):  # SAM's comes with float64
        if name in inputs:
            inputs[name] = inputs[name].float()
    with torch.no_grad():
        kept = ("pixel_values", "input_points", "input_labels", "input_boxes")
        answer = model.eval()(
            **{name: inputs[name] for name in kept if name in inputs},
            multimask_output=prompt == "click",
        )
    sizes = [inputs[name] for name in ("original_sizes", "reshaped_input_sizes") if name in inputs]
    (logits,) = processor.post_process_masks(answer.pred_masks, *sizes, binarize=False)
    scores = answer.iou_scores[0, 0].numpy()
    order = np.argsort(-scores)
    np.testing.assert_allclose(found.scores, np.clip(scores[order], 0, 1), atol=1e-4)
    expected = logits[0].numpy()[order]
    clear = np.abs(expected) > 1e-3 * np.abs(expected).max()
    for (x, y), _ in zip(coords, labels, strict=True):
        clear[:, y, x] = False  # a click keeps its side with us
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found.masks[clear], (expected > 0)[clear])


@pytest.mark.parametrize("kind", ["sam2_video", "sam3_tracker_video", "sam3_video"])
def test_a_video_checkpoint_gives_its_image_models_weights(
    load: Load, tiny_model: Callable[[str], Any], kind: str
) -> None:
    """As the public SAM 2 and SAM 3 are saved."""
    source = tiny_model(kind).state_dict()
    loaded = load(kind).model.state_dict()
    for name, weight in loaded.items():
        origin = name
        if kind == "sam3_video":
            origin = f"tracker_model.{name}"
            if name.startswith("vision_encoder.neck."):
                origin = name.replace("vision_encoder.neck.", "tracker_neck.")
            elif name.startswith("vision_encoder."):
                origin = f"detector_model.{name}"
        torch.testing.assert_close(weight, source[origin], atol=0, rtol=0, msg=name)
    segmenter = load(kind)
    segmenter.set_image(_noise())
    assert segmenter.predict(point_coords=_points((3, 4))).masks.shape == (3, 90, 120)


def test_what_was_taken_out_of_a_video_checkpoint_can_be_saved(load: Load, tmp_path: Path) -> None:
    load("sam3_video").model.save_pretrained(tmp_path)
    again = SamSegmenter.from_pretrained(tmp_path, device="cpu")
    segmenters = (load("sam3_video"), again)
    for segmenter in segmenters:
        segmenter.set_image(_noise())
    first, second = (each.predict(point_coords=_points((3, 4))) for each in segmenters)
    np.testing.assert_array_equal(first.masks, second.masks)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_mask_alone_goes_with_its_bounding_box(load: Load, family: str) -> None:
    segmenter = load(family)
    segmenter.set_image(_noise())
    rough = np.zeros((90, 120), np.float32)
    rough[20:61, 30:91] = 0.9
    box = np.array([30, 20, 91, 61], np.float32)
    alone, with_box = segmenter.predict(mask=rough), segmenter.predict(mask=rough, box=box)
    np.testing.assert_array_equal(alone.masks, with_box.masks)
    assert segmenter.predict(box=box).scores != alone.scores  # the mask itself counts as well


def test_a_box_is_cut_at_the_photos_rim(load: Load) -> None:
    segmenter = load("sam")
    segmenter.set_image(_noise())
    beyond = segmenter.predict(box=np.array([-50, 10, 1000, 95], np.float32))
    cut = segmenter.predict(box=np.array([0, 10, 120, 90], np.float32))
    np.testing.assert_array_equal(beyond.masks, cut.masks)


def test_prompts_that_cannot_be_answered_are_refused(load: Load) -> None:
    segmenter = load("sam")
    with pytest.raises(RegionError, match="set_image"):
        SamSegmenter(segmenter.model, segmenter.frame).predict(point_coords=_points((1, 1)))
    with pytest.raises(RegionError, match="uint8"):
        segmenter.set_image(np.zeros((4, 4), np.uint8))
    segmenter.set_image(_noise())
    with pytest.raises(RegionError, match="positive"):
        segmenter.predict()
    with pytest.raises(RegionError, match="positive"):
        segmenter.predict(point_coords=_points((1, 1)), point_labels=np.array([0]))
    with pytest.raises(RegionError, match="120x90"):
        segmenter.predict(point_coords=_points((120, 5)))
    with pytest.raises(RegionError, match="labels"):
        segmenter.predict(point_coords=_points((1, 1)), point_labels=np.array([1, 1]))
    with pytest.raises(RegionError, match=r"mask: got \(3, 3\), expected \(90, 120\)"):
        segmenter.predict(mask=np.ones((3, 3), np.float32))
    with pytest.raises(RegionError, match="no pixel above 0.5"):
        segmenter.predict(mask=np.full((90, 120), 0.4, np.float32))
    for box in ([50, 10, 50, 20], [200, 10, 300, 20], [np.nan, 0, 9, 9]):
        with pytest.raises(RegionError, match="area on the photo of 120x90"):
            segmenter.predict(box=np.array(box, np.float32))


def test_a_photo_that_is_refused_leaves_the_last_one(load: Load) -> None:
    segmenter = load("sam")
    segmenter.set_image(_noise())
    with pytest.raises(RegionError):
        segmenter.set_image(np.zeros((4, 4), np.uint8))
    assert segmenter.predict(point_coords=_points((1, 1))).masks.shape == (3, 90, 120)


def test_half_precision_files_are_run_in_full(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    shutil.copy(tiny_checkpoint("sam") / "config.json", tmp_path)
    weights = load_file(tiny_checkpoint("sam") / "model.safetensors")
    half = {name: weight.half() for name, weight in weights.items()}
    save_file(half, tmp_path / "model.safetensors", metadata={"format": "pt"})
    segmenter = SamSegmenter.from_pretrained(tmp_path, device="cpu")
    assert segmenter.model.dtype == torch.float32
    segmenter.set_image(_noise())
    assert segmenter.predict(point_coords=_points((1, 1))).masks.any()


def test_what_is_no_sam_checkpoint_is_refused(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    good = tiny_checkpoint("sam")
    with pytest.raises(ModelError, match="'owlv2', expected one of sam, sam2"):
        SamSegmenter.from_pretrained(tiny_checkpoint("owlv2"))
    with pytest.raises(ModelError, match="no config.json; give a folder with config.json and mod"):
        SamSegmenter.from_pretrained(tmp_path)
    shutil.copy(good / "config.json", tmp_path)
    with pytest.raises(ModelError, match="no model.safetensors"):
        SamSegmenter.from_pretrained(tmp_path)
    weights = load_file(good / "model.safetensors")
    name = "mask_decoder.iou_token.weight"
    rest = {key: weight for key, weight in weights.items() if key != name}
    save_file(rest, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=f"lacks 1 weights of SamModel, {name} among them"):
        SamSegmenter.from_pretrained(tmp_path)
    save_file(weights | {name: torch.zeros(1, 5)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        SamSegmenter.from_pretrained(tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="cannot be loaded"):
        SamSegmenter.from_pretrained(tmp_path)
    for text in ("{", "[]", json.dumps({"architectures": ["SamModel"]})):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(ModelError, match="config.json"):
            SamSegmenter.from_pretrained(tmp_path)
    with pytest.raises(ModelError, match="device 'toaster' cannot be used"):
        SamSegmenter.from_pretrained(good, device="toaster")


def test_a_split_checkpoint_needs_all_its_parts(tiny_model: Any, tmp_path: Path) -> None:
    model = tiny_model("sam")
    model.save_pretrained(tmp_path, max_shard_size="100KB")
    parts = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(parts) > 1
    segmenter = SamSegmenter.from_pretrained(tmp_path, device="cpu")
    name = "mask_decoder.iou_token.weight"
    torch.testing.assert_close(segmenter.model.state_dict()[name], model.state_dict()[name])
    parts[-1].unlink()
    with pytest.raises(ModelError, match=f"no {parts[-1].name}"):
        SamSegmenter.from_pretrained(tmp_path)
