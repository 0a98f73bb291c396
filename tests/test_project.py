"""A project file: it comes back as it was, belongs to one photo, and gives the same clip again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from follow_your_click.animator import Animator
from follow_your_click.errors import ImageError, OutputError, SettingsError
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.presets import Preset
from follow_your_click.project import Project, ProjectSettings
from follow_your_click.region import (
    Brush,
    Click,
    Feather,
    Grow,
    HoldStill,
    Intersect,
    Polygon,
    Region,
    Subtract,
)
from follow_your_click.segmentation import save_mask

HEIGHT, WIDTH = 90, 140
SETTINGS = ProjectSettings(
    num_frames=3, fps=12.0, num_inference_steps=2, guidance_scale=1.0, seed=5
)
PRESET = Preset(
    name="tiny",
    size=32,
    num_inference_steps=4,
    guidance_scale=1.0,
    window_strength=4.0,
    max_window_strength=8.0,
)


class NoSegmenter:
    """Stands in for one that is not at hand."""

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        raise AssertionError("a settled mask needs no segmenter")

    def predict(self, **_: Any) -> Any:
        raise AssertionError("a settled mask needs no segmenter")


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """photos/boat.png in an otherwise empty working folder."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    noise = np.random.default_rng(0).integers(0, 90, (HEIGHT, WIDTH, 3), np.uint8)
    noise[30:60, 50:90] += 150
    Image.fromarray(noise).save("photos/boat.png")
    return Path("photos/boat.png")


@pytest.fixture
def project(photo: Path) -> Project:
    save_mask(np.eye(HEIGHT, WIDTH, dtype=np.bool_), photo.parent / "m.png")
    soft = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    levels = np.rint(soft * 255) / np.float32(255)
    region = Region(
        [Click(60, 40), Subtract("photos/m.png"), Intersect(Polygon(((0, 0), (99, 0), (0, 80))))],
        prompt="drift left",
        strength=3.0,
        seed_offset=2,
        edits=[Grow(2), Feather(3)],
        granularity="part",
    )
    return Project.of(
        photo,
        [region.with_mask(levels.astype(np.float32)), Region(soft > 0.9, prompt="rise")],
        settings=SETTINGS,
        hold_still=[HoldStill(Brush(((5, 5),), 3)).with_mask(soft < 0.1)],
    )


def test_a_project_comes_back_as_it_was(project: Project, photo: Path) -> None:
    project.save("boat.json")
    loaded = Project.load("boat.json")
    assert loaded.photo == project.photo and loaded.settings == SETTINGS
    assert (loaded.photo.width, loaded.photo.height) == (WIDTH, HEIGHT)
    region, found = project.regions[0], loaded.regions[0]
    assert region.mask is not None and found.mask is not None
    np.testing.assert_array_equal(found.mask, region.mask)
    assert found.mask.dtype == np.float32
    assert found.areas[1] == Subtract(Path("photos/m.png").absolute())
    assert found.edits == region.edits and found.granularity == "part"
    assert (found.prompt, found.strength, found.seed_offset) == ("drift left", 3.0, 2)
    assert loaded.regions[1] == project.regions[1] and loaded.hold_still == project.hold_still
    loaded.save("again.json")
    assert Path("again.json").read_text() == Path("boat.json").read_text()


def test_file_names_are_relative_to_the_project(
    project: Project, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("out").mkdir()
    Path("models/tiny").mkdir(parents=True)
    settings = SETTINGS.model_copy(update={"model": "models/tiny", "segmenter": "owner/model"})
    project.model_copy(update={"settings": settings}).save("out/boat.json")
    data = json.loads(Path("out/boat.json").read_text())
    assert data["photo"]["file"] == "../photos/boat.png"
    assert data["regions"][0]["areas"][1]["area"] == {"type": "mask", "file": "../photos/m.png"}
    assert data["settings"]["model"] == "../models/tiny"
    assert data["settings"]["segmenter"] == "owner/model"
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for folder in ("out", "photos", "models"):
        shutil.move(folder, moved / folder)
    monkeypatch.chdir(moved)
    loaded = Project.load("out/boat.json")
    assert loaded.photo.file == str(moved / "photos/boat.png")
    assert loaded.regions[0].areas[1] == Subtract(moved / "photos/m.png")
    assert loaded.settings.model == str(moved / "models/tiny")
    assert loaded.read_photo().shape == (HEIGHT, WIDTH, 3)


def test_names_of_models_are_no_folders(project: Project) -> None:
    for name in ("mini", "sam2"):
        Path(name).mkdir()
    settings = SETTINGS.model_copy(update={"segmenter": "sam2"})
    project.model_copy(update={"settings": settings}).save("boat.json")
    loaded = Project.load("boat.json")
    assert (loaded.settings.model, loaded.settings.segmenter) == ("mini", "sam2")


def test_another_photo_is_refused_in_one_line(project: Project, photo: Path) -> None:
    other = np.asarray(Image.open(photo)).copy()
    other[0, 0] ^= 1
    Image.fromarray(other).save("other.png")
    with pytest.raises(ImageError, match="other.png is not the project's photo") as caught:
        project.read_photo("other.png")
    message = str(caught.value)
    assert "\n" not in message and project.photo.sha256[:12] in message
    assert project.photo.sha256 not in message, "shortened"
    shutil.copy(photo, "same.png")
    np.testing.assert_array_equal(project.read_photo("same.png"), project.read_photo())
    photo.unlink()
    with pytest.raises(ImageError, match="is not there; give its path"):
        project.read_photo()


def _change(path: str, **change: Any) -> None:
    data = json.loads(Path(path).read_text())
    Path(path).write_text(json.dumps({**data, **change}))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": 2}, "got project version 2, expected at most 1; update"),
        ({"version": "one"}, "version: "),
        ({"colour": "red"}, "colour: Extra inputs"),
        ({"regions": []}, "regions: "),
        ({"regions": [{"areas": []}]}, "regions.0: Region: got no 'prompt'"),
        ({"regions": [{"areas": [], "prompt": "a"}]}, "regions.0: region: got no area"),
        ({"hold_still": [{"areas": [{"type": "dot"}]}]}, "hold_still.0: area: got type 'dot'"),
        ({"settings": {"seed": "x"}}, "settings.seed: "),
        ({"settings": {"speed": 3}}, "settings.speed: Extra inputs"),
        ({"photo": {"file": "a", "width": 9, "height": 9, "sha256": "0"}}, "photo.sha256: "),
        ({"photo": {"file": "a", "width": 9, "height": 7, "sha256": "0" * 64}}, "photo is 9x7"),
    ],
)
def test_a_wrong_file_is_one_line(project: Project, change: dict[str, Any], says: str) -> None:
    project.save("boat.json")
    _change("boat.json", **change)
    with pytest.raises(SettingsError) as caught:
        Project.load("boat.json")
    message = str(caught.value)
    assert says in message and "boat.json" in message and "\n" not in message


def test_what_is_no_file_of_json_is_one_line(photo: Path) -> None:
    Path("text.json").write_text("{]")
    Path("list.json").write_text("[1]")
    Path("deep.json").write_text("[" * 100_000)
    for name in ("text.json", "list.json", "deep.json", "photos/boat.png"):
        with pytest.raises(SettingsError, match="is not a project"):
            Project.load(name)
    for name in ("none.json", "photos"):
        with pytest.raises(SettingsError, match="cannot be read"):
            Project.load(name)


def test_a_project_without_regions_or_with_a_mask_of_another_size_is_refused(photo: Path) -> None:
    with pytest.raises(SettingsError, match="regions"):
        Project.of(photo, [], settings=SETTINGS)
    region = Region(Click(1, 1), prompt="a").with_mask(np.ones((3, 4), np.bool_))
    with pytest.raises(SettingsError, match="a mask is 4x3 pixels but the photo is 140x90"):
        Project.of(photo, [region], settings=SETTINGS)
    with pytest.raises(ImageError):
        Project.of("none.png", [region], settings=SETTINGS)


def test_a_project_is_written_whole_or_not_at_all(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.save("boat.json")
    before = Path("boat.json").read_text()
    with pytest.raises(OutputError, match="cannot be written"):
        project.save("nowhere/boat.json")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("follow_your_click.atomic.os.fsync", full)
    with pytest.raises(OutputError, match="No space"):
        project.save("boat.json")
    assert Path("boat.json").read_text() == before
    assert sorted(path.name for path in Path().iterdir()) == ["boat.json", "photos"]


def test_a_project_gives_the_same_clip_without_its_segmenter(
    photo: Path, tiny_pipeline: Callable[[int], RegionalAnimationPipeline]
) -> None:
    pipeline = tiny_pipeline(16)
    pipeline.set_progress_bar_config(disable=True)
    animator = Animator(pipeline, PRESET)
    regions = [
        Region([Click(70, 45), Click(5, 5, positive=False)], prompt="drift left", edits=Feather(4)),
        Region(Brush(((20, 20), (30, 70)), 6.5), prompt="rise", strength=2.0, seed_offset=9),
    ]
    held = [HoldStill(Polygon(((80, 30), (95, 30), (95, 60))))]
    masks = animator.masks(project_photo := np.asarray(Image.open(photo)), [*regions, *held])
    run = SETTINGS.for_run()
    clip = animator.animate(project_photo, regions, hold_still=held, **run)
    settled = [region.with_mask(mask) for region, mask in zip(regions, masks, strict=False)]
    Project.of(
        photo,
        settled,
        settings=SETTINGS,
        hold_still=[held[0].with_mask(masks[-1])],
    ).save("boat.json")

    loaded = Project.load("boat.json")
    elsewhere = Animator(pipeline, PRESET, NoSegmenter())
    again = elsewhere.animate(
        loaded.read_photo(),
        loaded.regions,
        hold_still=loaded.hold_still,
        **loaded.settings.for_run(),
    )
    np.testing.assert_array_equal(again.frames, clip.frames)
    assert (again.frames[1:] != project_photo).any(), "something does move"
    assert again.settings["regions"][0]["areas"] == clip.settings["regions"][0]["areas"]

    anew = loaded.resegmented()
    assert all(selection.mask is None for selection in (*anew.regions, *anew.hold_still))
    assert anew.regions == tuple(regions) and anew.hold_still == tuple(held)
    np.testing.assert_array_equal(
        animator.masks(project_photo, [*anew.regions, *anew.hold_still]), masks
    )
