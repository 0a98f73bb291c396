"""The ComfyUI nodes without ComfyUI: each by itself, and the example graph from end to end."""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from follow_your_click.animator import Animator
from follow_your_click.clip import Clip, read_settings
from follow_your_click.errors import ImageError, PromptError, RegionError
from follow_your_click.interfaces import comfyui
from follow_your_click.interfaces.comfyui import nodes
from follow_your_click.interfaces.comfyui.points import points_to_areas
from follow_your_click.photo import read_photo
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.presets import Preset
from follow_your_click.region import Box, Click, HoldStill, Region
from follow_your_click.segmentation import GrabCutSegmenter

FOLDER = Path(comfyui.__file__).parent
PHOTO = Path(__file__).parents[2] / "examples" / "rocket.jpg"
HEIGHT, WIDTH = 96, 128


class Interrupted(Exception):
    """As ComfyUI's own."""


@pytest.fixture
def animator(
    tiny_pipeline: Callable[[int], RegionalAnimationPipeline], tiny_preset: Preset
) -> Animator:
    return Animator(tiny_pipeline(16), tiny_preset, GrabCutSegmenter())


@pytest.fixture
def image() -> torch.Tensor:
    photo = torch.full((1, HEIGHT, WIDTH, 3), 0.2)
    noise = torch.rand(30, 40, 3, generator=torch.Generator().manual_seed(0))
    photo[:, 30:60, 40:80] = 0.5 + noise / 2
    return photo


@pytest.fixture
def mask() -> torch.Tensor:
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[:, 30:60, 40:80] = 1
    return mask


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """ComfyUI's own modules, as far as the nodes know them."""
    heard = types.SimpleNamespace(shares=[], previews=[], stop=False)
    output = tmp_path / "output"

    def save_image_path(prefix: str, folder: str, width: int, height: int) -> tuple[Any, ...]:
        target = Path(folder) / Path(prefix).parent
        target.mkdir(parents=True, exist_ok=True)
        count = len(list(target.glob("*"))) + 1
        return str(target), Path(prefix).name, count, str(Path(prefix).parent), prefix

    class Bar:
        def __init__(self, total: int) -> None:
            assert total == 100

        def update_absolute(self, value: int, total: int, preview: Any) -> None:
            heard.shares.append(value)
            if preview is not None:
                heard.previews.append(preview)

    def throw() -> None:
        if heard.stop:
            raise Interrupted

    modules = {
        "folder_paths": types.SimpleNamespace(
            get_save_image_path=save_image_path,
            get_output_directory=lambda: str(output),
            get_temp_directory=lambda: str(tmp_path / "temp"),
        ),
        "comfy": types.ModuleType("comfy"),
        "comfy.utils": types.SimpleNamespace(ProgressBar=Bar),
        "comfy.model_management": types.SimpleNamespace(
            throw_exception_if_processing_interrupted=throw
        ),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    heard.output, heard.temp = output, tmp_path / "temp"
    return heard


def _region(mask: torch.Tensor, **changes: Any) -> Any:
    given = {"prompt": "drift left", "strength": 3.0, "kind": "moves", **changes}
    return nodes.RegionFromMask().select(mask, **given)[0]


def _animate(animator: Animator, image: torch.Tensor, regions: Any, **changes: Any) -> Any:
    given = {"num_frames": 4, "fps": 8.0, "steps": 0, "guidance_scale": 0.0, "seed": 3, **changes}
    return nodes.AnimateRegions().animate(animator, image, regions=regions, **given)


def _click(animator: Animator, image: torch.Tensor, points: str, **changes: Any) -> Any:
    given = {
        "prompt": "sway",
        "strength": -1.0,
        "kind": "moves",
        "a_click_means": "best guess",
        "grow": 0,
        "feather": 0,
        **changes,
    }
    return nodes.ClickToRegion().select(animator, image, points, **given)


def _points(**changes: Any) -> str:
    picked = {"width": WIDTH, "height": HEIGHT, "clicks": [[60, 45, True]], "boxes": [], **changes}
    return json.dumps(picked)


def test_the_folder_is_what_comfyui_loads() -> None:
    """By its path, under a name of ComfyUI's own making."""
    spec = importlib.util.spec_from_file_location("custom_nodes_fyc", FOLDER / "__init__.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    assert set(loaded.NODE_CLASS_MAPPINGS) == set(loaded.NODE_DISPLAY_NAME_MAPPINGS)
    assert (FOLDER / loaded.WEB_DIRECTORY / "point_picker.js").is_file()


@pytest.mark.parametrize("node", nodes.NODE_CLASS_MAPPINGS.values())
def test_a_node_says_what_it_is(node: Any) -> None:
    inputs = node.INPUT_TYPES()
    asked = {**inputs["required"], **inputs.get("optional", {}), **inputs.get("hidden", {})}
    method = getattr(node, node.FUNCTION)
    names = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    assert set(names) == set(asked), "ComfyUI calls it with these names"
    assert node.DESCRIPTION and node.CATEGORY
    assert len(node.RETURN_TYPES) == len(getattr(node, "RETURN_NAMES", node.RETURN_TYPES))


def test_clicks_become_a_region_and_a_mask(
    animator: Animator, image: torch.Tensor, host: Any
) -> None:
    made = _click(animator, image, _points())
    (region,), mask = made["result"]
    assert isinstance(region, Region) and region.areas == (Click(60, 45),)
    assert (region.prompt, region.strength) == ("sway", None)
    assert mask.shape == (1, HEIGHT, WIDTH) and mask[0, 45, 60] == 1 and mask[0, 5, 5] == 0
    shown = made["ui"]["fyc_image"][0]
    assert shown["type"] == "temp"
    with Image.open(host.temp / shown["filename"]) as picture:
        assert picture.size == (WIDTH, HEIGHT)
    (_, second), _ = _click(
        animator, image, _points(), kind="held still", grow=-2, feather=3, regions=(region,)
    )["result"]
    assert isinstance(second, HoldStill) and len(second.edits) == 2


def test_boxes_and_exclusions() -> None:
    text = _points(clicks=[[60, 45, True], [5, 6, False]], boxes=[[10, 20, 90, 80]])
    assert points_to_areas(text, height=HEIGHT, width=WIDTH) == [
        Box(10, 20, 90, 80),
        Click(60, 45),
        Click(5, 6, positive=False),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing is picked yet"),
        (_points(clicks=[]), "nothing is picked yet"),
        (_points(width=99), "picked on an image of 99x96 pixels, but this one has 128x96"),
        ("[]", "pick the object anew"),
        ("{", "pick the object anew"),
        (_points(file="/etc/passwd"), "pick the object anew"),
        (_points(clicks=[[float("nan"), 1, True]]), "pick the object anew"),
    ],
)
def test_points_that_cannot_be(text: str, said: str) -> None:
    with pytest.raises(RegionError, match=said):
        points_to_areas(text, height=HEIGHT, width=WIDTH)


def test_the_clip_is_the_animators(
    animator: Animator, image: torch.Tensor, mask: torch.Tensor, host: Any
) -> None:
    frames, shown, clip, settings = _animate(animator, image, _region(mask))
    assert frames.shape == (4, HEIGHT, WIDTH, 3) and frames.dtype == torch.float32
    torch.testing.assert_close(frames[0], image[0], atol=1 / 255, rtol=0)
    assert not torch.equal(frames[0], frames[3])
    own = animator.animate(
        (image[0] * 255).round().byte().numpy(), _region(mask), num_frames=4, seed=3
    )
    np.testing.assert_array_equal(clip.frames, own.frames)
    torch.testing.assert_close(shown, mask)
    told = json.loads(settings)
    assert told["seed"] == 3 and "masks" not in told
    assert host.shares == sorted(host.shares) and host.shares[-1] > 80
    assert host.previews and host.previews[0][0] == "JPEG"


def test_a_mask_and_a_prompt_are_enough(
    animator: Animator, image: torch.Tensor, mask: torch.Tensor
) -> None:
    direct = _animate(animator, image, (), mask=mask, prompt="drift left", strength=3.0)
    chained = _animate(animator, image, _region(mask))
    assert torch.equal(direct[0], chained[0])
    with pytest.raises(RegionError, match="expected a mask, or a region"):
        _animate(animator, image, ())


def test_what_is_held_still_does_not_move(
    animator: Animator, image: torch.Tensor, mask: torch.Tensor
) -> None:
    held = torch.zeros_like(mask)
    held[:, :, :60] = 1
    regions = _region(held, kind="held still", regions=_region(mask))
    frames = _animate(animator, image, regions)[0]
    assert torch.equal(frames[-1, :, :60], frames[0, :, :60])
    with pytest.raises(RegionError, match="nothing that moves"):
        _animate(animator, image, _region(mask, kind="held still"))


def test_cancel_raises_comfyuis_own_exception(
    animator: Animator, image: torch.Tensor, mask: torch.Tensor, host: Any
) -> None:
    host.stop = True
    with pytest.raises(Interrupted):
        _animate(animator, image, _region(mask))


def test_mistakes_are_one_line(animator: Animator, image: torch.Tensor, mask: torch.Tensor) -> None:
    with pytest.raises(ImageError, match="got a batch of 2 images; expected one"):
        _animate(animator, image.repeat(2, 1, 1, 1), _region(mask))
    with pytest.raises(RegionError, match="got an empty mask"):
        _region(torch.zeros_like(mask))
    with pytest.raises(RegionError, match="got 2 masks"):
        _region(mask.repeat(2, 1, 1))
    with pytest.raises(RegionError, match="mask is 50x40 pixels but the photo is 128x96"):
        _animate(animator, image, _region(torch.ones(40, 50)))
    with pytest.raises(PromptError, match="empty"):
        _region(mask, prompt=" ")


@pytest.mark.parametrize("format", list(nodes.SAVED_AS))
def test_a_clip_is_saved_with_its_settings_and_the_graph(
    animator: Animator, image: torch.Tensor, mask: torch.Tensor, host: Any, format: str
) -> None:
    clip = _animate(animator, image, _region(mask))[2]
    graph, workflow = {"1": {"class_type": "LoadImage"}}, {"workflow": {"nodes": ["é"]}}
    shown = nodes.SaveClip().save(clip, "sub/clip", format, "loop", graph, workflow)["ui"]
    (result,) = shown["images"]
    file = host.output / result["subfolder"] / result["filename"]
    assert result["type"] == "output" and file.is_file()
    assert read_settings(file)["seed"] == 3
    if format in ("mp4", "webm, transparent"):
        with av.open(str(file)) as container:
            tags = {key.lower(): value for key, value in container.metadata.items()}
        assert json.loads(tags["prompt"]) == graph
        assert json.loads(tags["workflow"]) == workflow["workflow"]
    elif format == "webp":
        with Image.open(file) as picture:
            notes = [str(value) for value in picture.getexif().values()]
        assert f"prompt:{json.dumps(graph)}" in notes
        assert any(note.startswith("workflow:") for note in notes)
    if format != "webm, transparent":
        assert len(Clip.load(file)) == 4
        again = nodes.SaveClip().save(clip, "sub/clip", format, "ping-pong")["ui"]["images"][0]
        assert again["filename"] != result["filename"]


class _LoadImage:
    """As ComfyUI's."""

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("STRING",)}}

    def load(self, image: str) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = read_photo(PHOTO.with_name(image))
        return torch.from_numpy(pixels.astype(np.float32) / 255)[None], torch.zeros(1, 64, 64)


def _execute(graph: dict[str, Any], hidden: dict[str, Any]) -> dict[str, Any]:
    """Runs a graph in ComfyUI's API format the way ComfyUI does: links resolved, types checked."""
    classes = {**nodes.NODE_CLASS_MAPPINGS, "LoadImage": _LoadImage}
    done: dict[str, Any] = {}

    def run(number: str) -> Any:
        if number in done:
            return done[number]
        node = classes[graph[number]["class_type"]]
        inputs = node.INPUT_TYPES()
        known = {**inputs["required"], **inputs.get("optional", {})}
        given = {}
        assert set(inputs["required"]) <= set(graph[number]["inputs"]) <= set(known)
        for name, value in graph[number]["inputs"].items():
            kind = known[name][0]
            if isinstance(value, list):
                origin = classes[graph[value[0]]["class_type"]]
                assert origin.RETURN_TYPES[value[1]] == kind
                result = run(value[0])
                value = (result["result"] if isinstance(result, dict) else result)[value[1]]
            elif isinstance(kind, list):
                assert value in kind
            given[name] = value
        given |= {name: hidden[kind] for name, kind in inputs.get("hidden", {}).items()}
        done[number] = getattr(node(), node.FUNCTION)(**given)
        return done[number]

    for number in graph:
        run(number)
    return done


def test_the_example_runs_from_end_to_end(host: Any) -> None:
    graph = json.loads((FOLDER / "example_workflows" / "animate_photo_api.json").read_text())
    results = _execute(graph, {"PROMPT": graph, "EXTRA_PNGINFO": {}})
    frames, mask, clip, _ = results["4"]
    photo = read_photo(PHOTO)
    assert frames.shape == (16, *photo.shape)
    np.testing.assert_array_equal(clip.frame(0), photo)
    (patch,) = clip.patches
    still = np.ones(photo.shape[:2], np.bool_)
    still[patch.y : patch.y + patch.frames.shape[1], patch.x : patch.x + patch.frames.shape[2]] = 0
    assert (clip.frame(15)[still] == photo[still]).all()
    assert mask[0, 250, 322] == 1
    saved = results["5"]["ui"]["images"][0]
    settings = read_settings(host.output / saved["subfolder"] / saved["filename"])
    assert settings["regions"][0]["prompt"] == "rise slowly"


def test_both_example_files_say_the_same() -> None:
    graph = json.loads((FOLDER / "example_workflows" / "animate_photo_api.json").read_text())
    shown = json.loads((FOLDER / "example_workflows" / "animate_photo.json").read_text())
    links = {link[0]: link for link in shown["links"]}
    assert {str(node["id"]): node["type"] for node in shown["nodes"]} == {
        number: node["class_type"] for number, node in graph.items()
    }
    for node in shown["nodes"]:
        inputs = graph[str(node["id"])]["inputs"]
        linked = {
            slot["name"]: [str(links[slot["link"]][1]), links[slot["link"]][2]]
            for slot in node["inputs"]
            if slot["link"] is not None
        }
        assert linked == {name: value for name, value in inputs.items() if isinstance(value, list)}
        plain = [value for value in inputs.values() if not isinstance(value, list)]
        # Behind every seed the page keeps what becomes of it after a run.
        widgets = [value for value in node["widgets_values"] if value != "fixed"]
        assert widgets[: len(plain)] == plain
