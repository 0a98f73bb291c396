"""The command line as a person or a script sees it: exit code, stdout, stderr, and the files that are there afterwards."""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from follow_your_click.clip import Clip
from follow_your_click.errors import FollowYourClickError, RegionError
from follow_your_click.interfaces.cli import main
from follow_your_click.region import (
    Box,
    Brush,
    Click,
    Feather,
    FillHoles,
    Grow,
    HoldStill,
    Intersect,
    Polygon,
    Region,
    Subtract,
)
from follow_your_click.segmentation import Segmentation

HEIGHT, WIDTH = 64, 96
MOVE = ["--click", "40,30", "--prompt", "drift left"]


class FakeAnimator:
    """Stands in for the model: records what it is asked, answers at once."""

    calls: list[dict[str, Any]] = []
    trouble: Callable[[], None] | None = None
    reading: dict[str, Any] = {}

    @classmethod
    def from_pretrained(
        cls, model: str = "mini", *, device: str | None = None, segmenter: Any = None
    ) -> FakeAnimator:
        print("noise of some library")
        cls.calls.append({"model": model, "device": device, "segmenter": segmenter})
        return cls()

    def _record(self, image: Any, regions: list[Region], **settings: Any) -> None:
        type(self).calls.append({"image": image, "regions": regions, **settings})
        if type(self).trouble is not None:
            type(self).trouble()

    def plan(self, image: Any, regions: list[Region], **settings: Any) -> dict[str, Any]:
        self._record(image, regions, **settings)
        return {"regions": [region.to_json() for region in regions], **settings}

    def animate(
        self,
        image: Any,
        regions: list[Region],
        *,
        num_frames: int,
        progress: Callable[[str, int, int], None],
        **settings: Any,
    ) -> Clip:
        for done in range(3):
            progress("denoise", done, 2)
        self._record(image, regions, num_frames=num_frames, **settings)
        frames = np.zeros((num_frames, HEIGHT, WIDTH, 3), np.uint8)
        asked = [{**each.to_json(), "strength": 1.5, **self.reading} for each in regions]
        used = {"seed": settings["seed"], "regions": asked}
        clip = Clip.from_frames(frames, fps=settings["fps"], settings=used)
        return dataclasses.replace(clip, region_mask=_mask(), seconds={"denoise": 0.5})


class FakeSegmenter:
    """Selects the same rectangle whatever it is asked, as the first of two candidates."""

    def __init__(self, name: str, device: str | None) -> None:
        self.name, self.device = name, device

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FakeSegmenter) and (self.name, self.device) == (
            other.name,
            other.device,
        )

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        assert image.shape == (HEIGHT, WIDTH, 3)

    def predict(self, *, point_coords: npt.NDArray[np.float32], **_: Any) -> Segmentation:
        FakeAnimator.calls.append({"asked": point_coords.tolist()})
        return Segmentation(np.stack([_mask(), ~_mask()]), np.array([0.9, 0.4], np.float32))


def _mask() -> npt.NDArray[np.bool_]:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[16:48, 24:72] = True
    return mask


@pytest.fixture(autouse=True)
def _fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("follow_your_click.animator")
    monkeypatch.setattr(module, "Animator", FakeAnimator, raising=False)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(FakeAnimator, "calls", [])
    monkeypatch.setattr(FakeAnimator, "trouble", None)
    monkeypatch.setattr(
        "follow_your_click.segmentation.registry.load_segmenter",
        lambda name, *, device=None: FakeSegmenter(name, device),
    )


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`boat.png` in an otherwise empty working folder."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (WIDTH, HEIGHT), (90, 120, 200)).save("boat.png")
    return Path("boat.png")


def _files() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def _refusal(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must be refused; its one line on stderr."""
    before = _files()
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = [line for line in printed.err.splitlines() if line.startswith("fyc: ")]
    rest = set(printed.err.splitlines()) - set(lines) - {"noise of some library"}
    assert not rest, "nothing but our own line, no traceback"
    assert _files() == before
    return lines[-1]


def test_animate_writes_the_clip_and_prints_its_path(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["animate", str(photo), *MOVE, "--out", "out.mp4", "--frames", "4"]) == 0
    assert capsys.readouterr().out == "out.mp4\n"
    assert len(Clip.load("out.mp4")) == 4


def test_animate_hands_every_option_to_the_animator(photo: Path) -> None:
    words = ["--exclude", "1,2", "--click", "41.5,31", "--strength", "3", "--model", "sd15"]
    words += ["--frames", "5", "--fps", "12.5", "--steps", "7", "--guidance-scale", "2.5"]
    assert main(["animate", str(photo), *MOVE, *words, "--seed", "9", "--device", "cpu"]) == 0
    loaded, asked = FakeAnimator.calls
    assert loaded == {
        "model": "sd15",
        "device": "cpu",
        "segmenter": FakeSegmenter("embedded", "cpu"),
    }
    areas = [Click(40, 30), Click(41.5, 31), Click(1, 2, positive=False)]
    assert asked == {
        "image": photo,
        "regions": [Region(areas, prompt="drift left", strength=3.0)],
        "hold_still": [],
        "num_frames": 5,
        "fps": 12.5,
        "num_inference_steps": 7,
        "guidance_scale": 2.5,
        "seed": 9,
    }


def test_every_way_to_select_reaches_the_animator(photo: Path) -> None:
    words = ["--intersect", "brush=20:40,30", "--subtract", "click=1,1", "--brush", "3:5,5 9,9"]
    words += ["--polygon", "0,0 9,0 0,9", "--box", "0,0,20,20", "--box", "30,0,50,20"]
    words += ["--mask", "m.png", "--subtract", "mask=n.png", "--granularity", "whole"]
    words += ["--edit", "grow=4; feather=2", "--edit", "fill-holes", "--segmenter", "sam2"]
    words += ["--hold", "click=90,2; grow=1", "--hold", "box=0,0,5,5"]
    assert main(["animate", str(photo), *MOVE, *words]) == 0
    loaded, asked = FakeAnimator.calls
    assert loaded["segmenter"] == FakeSegmenter("sam2", None)
    (region,) = asked["regions"]
    assert region.areas == (
        Click(40, 30),
        Box(0, 0, 20, 20),
        Box(30, 0, 50, 20),
        Polygon(((0, 0), (9, 0), (0, 9))),
        Brush(((5, 5), (9, 9)), 3),
        Path("m.png"),
        Subtract(Click(1, 1)),
        Subtract("n.png"),
        Intersect(Brush(((40, 30),), 20)),
    )
    assert region.edits == (Grow(4), Feather(2), FillHoles())
    assert region.granularity == "whole"
    assert asked["hold_still"] == [
        HoldStill(Click(90, 2), edits=Grow(1)),
        HoldStill(Box(0, 0, 5, 5)),
    ]


def test_a_segmenter_is_loaded_only_if_it_is_asked(photo: Path) -> None:
    words = ["--brush", "9:40,30", "--prompt", "rise", "--segmenter", "sam3"]
    assert main(["animate", str(photo), *words]) == 0
    assert FakeAnimator.calls[0]["segmenter"] is None


def test_the_clip_is_named_after_the_photo_and_lands_in_the_working_folder(photo: Path) -> None:
    Path("photos").mkdir()
    photo.rename("photos/boat.png")
    assert main(["animate", "photos/boat.png", *MOVE]) == 0
    assert _files() == ["boat.mp4", "photos"]


def test_a_trailing_slash_asks_for_a_folder_of_frames(photo: Path) -> None:
    words = ["animate", str(photo), *MOVE, "--frames", "2", "--out", "boat.frames/"]
    assert main(words) == 0
    assert sorted(path.suffix for path in Path("boat.frames").iterdir()) == [".png", ".png"]


def test_several_regions_each_with_its_own_motion(photo: Path) -> None:
    words = ["--region", "click=40,30; prompt=drift left; strength=3"]
    words += ["--region", "box=0,0,20,20; prompt=rise"]
    assert main(["animate", str(photo), *words]) == 0
    first, second = FakeAnimator.calls[-1]["regions"]
    assert (first.prompt, first.strength, second.prompt) == ("drift left", 3.0, "rise")


def test_json_is_one_line_and_alone_on_stdout(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ["--save-mask", "mask.png", "--contact-sheet", "sheet.png", "--json"]
    assert main(["animate", str(photo), *MOVE, *extra]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    result = json.loads(line)
    assert result["files"] == {
        "clip": "boat.mp4",
        "mask": "mask.png",
        "contact_sheet": "sheet.png",
    }
    assert result["seconds"].keys() == {"denoise", "write"}
    assert result["settings"]["seed"] == 0
    assert _files() == ["boat.mp4", "boat.png", "mask.png", "sheet.png"]
    np.testing.assert_array_equal(np.asarray(Image.open("mask.png").convert("L")) > 127, _mask())


def test_dry_run_shows_the_plan_and_writes_nothing(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["animate", str(photo), *MOVE, "--dry-run", "--seed", "4"]
    assert main(words) == 0
    pretty = capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(pretty) == json.loads(line)
    assert json.loads(line)["seed"] == 4
    assert _files() == ["boat.png"]


def test_an_existing_file_is_replaced_only_with_overwrite(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("boat.mp4").write_text("precious")
    assert "--overwrite" in _refusal(["animate", str(photo), *MOVE], capsys)
    assert Path("boat.mp4").read_text() == "precious"
    assert FakeAnimator.calls == []
    assert main(["animate", str(photo), *MOVE, "--overwrite"]) == 0
    assert Path("boat.mp4").stat().st_size > len("precious")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["boat.png"], "--click"),
        (["boat.png", "--click", "40,30"], "--prompt"),
        (["boat.png", *MOVE, "--region", "click=1,1; prompt=rise"], "--region"),
        (["boat.png", "--strength", "2", "--region", "click=1,1; prompt=rise"], "--region"),
        (["boat.png", "--region", "clik=1,1; prompt=rise"], "clik"),
        (["boat.png", "--click", "here", "--prompt", "rise"], "'here'"),
        (["boat.png", "--box", "9,9,3,3", "--prompt", "rise"], "9,9,3,3"),
        (["boat.png", "--exclude", "40,30", "--prompt", "rise"], "negative"),
        (["boat.png", *MOVE, "--strength", "-1"], "strength"),
        (["boat.png", "--brush", "9", "--prompt", "rise"], "RADIUS:X,Y"),
        (["boat.png", "--polygon", "1,1 2,2", "--prompt", "rise"], "at least 3"),
        (["boat.png", *MOVE, "--subtract", "9,9"], "click, box, polygon, brush, mask"),
        (["boat.png", "--subtract", "box=1,1,9,9", "--prompt", "rise"], "Subtract"),
        (["boat.png", *MOVE, "--edit", "grow"], "grow"),
        (["boat.png", *MOVE, "--granularity", "half"], "granularity"),
        (["boat.png", *MOVE, "--hold", "click=1,1; prompt=rise"], "prompt=rise"),
        (["boat.png", "--hold", "click=1,1"], "--click"),
        (["boat.png", "--edit", "grow=2", "--region", "click=1,1; prompt=rise"], "--edit"),
        (["boat.png", *MOVE, "--resegment"], "--project"),
        (["boat.png", *MOVE, "--save-project", "project.txt"], ".json"),
        (["boat.png", *MOVE, "--save-project", "nowhere/p.json"], "nowhere"),
        (["--project", "no.json"], "no.json"),
        (["boat.png", "--project", "boat.png"], "boat.png is not a project"),
        (["--project", "boat.png", *MOVE], "--click"),
        (["--project", "boat.png", "--strength", "2"], "--strength"),
        (["no.png", *MOVE], "no.png"),
        ([".", *MOVE], "folder"),
        (["boat.png", *MOVE, "--out", "clip.avi"], ".avi"),
        (["boat.png", *MOVE, "--out", "nowhere/clip.mp4"], "nowhere"),
        (["boat.png", *MOVE, "--save-mask", "boat.png", "--overwrite"], "the photo"),
        (["boat.png", *MOVE, "--save-mask", "a.png", "--contact-sheet", "a.png"], "the mask"),
        (["boat.png", *MOVE, "--save-mask", "mask.jpg"], ".png"),
        (["boat.png", *MOVE, "--contact-sheet", "nowhere/a.png"], "nowhere"),
        # The parser's own complaints.
        ([], "IMAGE"),
        (["boat.png", *MOVE, "--frames", "many"], "--frames"),
        (["boat.png", *MOVE, "--speed", "3"], "--speed"),
        (["boat.png", "--click"], "--click"),
    ],
)
def test_a_wrong_request_ends_in_one_line_before_the_work_starts(
    words: list[str], says: str, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in _refusal(["animate", *words], capsys)
    assert FakeAnimator.calls == []


def test_an_unknown_verb_is_refused(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "animte" in _refusal(["animte", str(photo)], capsys)


def test_a_click_with_a_negative_number_is_not_taken_for_an_option(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def outside() -> None:
        raise RegionError("click -5,3 lies outside\nthe photo")

    monkeypatch.setattr(FakeAnimator, "trouble", staticmethod(outside))
    refused = _refusal(["animate", str(photo), "--click", "-5,3", "--prompt", "rise"], capsys)
    assert refused == "fyc: click -5,3 lies outside the photo"
    assert FakeAnimator.calls[-1]["regions"] == [Region(Click(-5, 3), prompt="rise")]


def test_any_error_of_the_package_is_one_line(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise FollowYourClickError("no more patience")

    monkeypatch.setattr(FakeAnimator, "trouble", staticmethod(fail))
    assert _refusal(["animate", str(photo), *MOVE], capsys) == "fyc: no more patience"


def test_an_interrupt_exits_130_and_leaves_nothing(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeAnimator, "trouble", staticmethod(interrupt))
    assert main(["animate", str(photo), *MOVE]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert _files() == ["boat.png"]
    monkeypatch.setattr(FakeAnimator, "trouble", None)
    monkeypatch.setattr(Image.Image, "save", interrupt)
    assert main(["animate", str(photo), *MOVE, "--contact-sheet", "sheet.png"]) == 130
    assert _files() == ["boat.mp4", "boat.png"], "the whole clip, no part of a sheet"


def test_a_full_disk_is_one_line(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Image.Image, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    assert main(["animate", str(photo), *MOVE, "--contact-sheet", "sheet.png"]) == 2
    assert "sheet.png cannot be written: No space" in capsys.readouterr().err
    assert _files() == ["boat.mp4", "boat.png"]


def test_progress_is_one_line_per_stage_away_from_a_terminal(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["animate", str(photo), *MOVE]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("fyc: ")]
    assert [line.split(",")[0] for line in lines] == ["fyc: denoise 2/2", "fyc: write 1/1"]


def test_progress_on_a_terminal_is_a_bar_per_stage(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["animate", str(photo), *MOVE]) == 0
    printed = capsys.readouterr()
    assert printed.out == "boat.mp4\n"
    assert "denoise" in printed.err
    assert "2/2" in printed.err


def test_a_warning_is_one_line_without_its_source(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        FakeAnimator, "trouble", staticmethod(lambda: warnings.warn("eta ignored", stacklevel=1))
    )
    assert main(["animate", str(photo), *MOVE]) == 0
    assert "fyc: warning: eta ignored\n" in capsys.readouterr().err


def test_how_a_prompt_was_read_is_said_beside_the_path(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = {"read_as": ["drift left", "rock"], "understood": True}
    monkeypatch.setattr(FakeAnimator, "reading", reading)
    assert main(["animate", str(photo), *MOVE]) == 0
    printed = capsys.readouterr()
    assert printed.out == "boat.mp4\n"
    assert 'fyc: "drift left" is read as drift left and rock, strength 1.5\n' in printed.err
    monkeypatch.setattr(FakeAnimator, "reading", {**reading, "moves": "head"})
    assert main(["animate", str(photo), *MOVE, "--overwrite"]) == 0
    assert (
        "strength 1.5; the head alone moves (all of it with --granularity"
        in capsys.readouterr().err
    )
    monkeypatch.setattr(FakeAnimator, "reading", {**reading, "granularity": "part"})
    assert main(["animate", str(photo), *MOVE, "--overwrite"]) == 0
    assert "; the part that was clicked alone moves (all of it" in capsys.readouterr().err
    assert main(["animate", str(photo), *MOVE, "--granularity", "part", "--overwrite"]) == 0
    assert "alone moves" not in capsys.readouterr().err
    monkeypatch.setattr(FakeAnimator, "reading", {**reading, "understood": False})
    assert main(["animate", str(photo), *MOVE, "--overwrite"]) == 0
    assert "is read as" not in capsys.readouterr().err


def test_a_clip_that_jumps_says_how_it_would_not(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["animate", str(photo), *MOVE]) == 0
    assert "ping-pong" not in capsys.readouterr().err
    monkeypatch.setattr(Clip, "jumps", True)
    assert main(["animate", str(photo), *MOVE, "--overwrite"]) == 0
    assert "--playback ping-pong" in capsys.readouterr().err
    assert main(["animate", str(photo), *MOVE, "--overwrite", "--playback", "ping-pong"]) == 0
    assert "--playback" not in capsys.readouterr().err


def test_segment_writes_the_mask(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["segment", str(photo), "--click", "40,30", "--exclude", "2,2", "-o", "mask.png"]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert printed.out == "mask.png\n"
    assert "25.0%" in printed.err
    np.testing.assert_array_equal(np.asarray(Image.open("mask.png").convert("L")) > 127, _mask())
    assert FakeAnimator.calls == [{"asked": [[40, 30], [2, 2]]}], "no model is loaded"


def test_segment_reports_json_and_keeps_existing_files(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["segment", str(photo), "--click", "40,30", "-o", "mask.png", "--json"]
    assert main(words) == 0
    (line,) = capsys.readouterr().out.splitlines()
    result = json.loads(line)
    assert result["files"] == {"mask": "mask.png"}
    assert result["settings"]["covered"] == pytest.approx(_mask().mean())
    assert result["settings"]["segmenter"] == "embedded"
    assert "--overwrite" in _refusal(words, capsys)
    unasked = _refusal(["segment", str(photo), "-o", "other.png"], capsys)
    assert "--click" in unasked
    assert "--prompt" not in unasked


def test_segment_takes_strokes_edits_and_masks_without_a_segmenter(photo: Path) -> None:
    words = [
        "--polygon",
        "10,10 40,10 40,40 10,40",
        "--subtract",
        "polygon=20,20 30,20 30,30 20,30",
    ]
    assert main(["segment", str(photo), *words, "--edit", "fill-holes", "-o", "mask.png"]) == 0
    assert (np.asarray(Image.open("mask.png").convert("L")) > 127).sum() == 900
    words = ["--mask", "mask.png", "--edit", "shrink=5", "-o", "less.png"]
    assert main(["segment", str(photo), *words]) == 0
    assert (np.asarray(Image.open("less.png").convert("L")) > 127).sum() == 400
    assert FakeAnimator.calls == []


def test_segment_writes_all_candidates_with_their_scores(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["segment", str(photo), "--click", "40,30", "-o", "mask.png", "--candidates", "all"]
    assert main([*words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["files"] == {"mask": "mask.png", "candidates": "all"}
    assert [row["score"] for row in result["settings"]["candidates"]] == [0.9, 0.4]
    assert sorted(path.name for path in Path("all").iterdir()) == ["1.png", "2.png"]
    first = np.asarray(Image.open("all/1.png").convert("L")) > 127
    np.testing.assert_array_equal(first, _mask())
    assert "not empty" in _refusal([*words, "--overwrite"], capsys)
    words = ["segment", str(photo), "--brush", "5:9,9", "-o", "stroke.png", "--candidates", "more"]
    assert "got 0 questions" in _refusal(words, capsys)


def test_train_turns_its_options_into_overrides(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def train(config: str, *, overrides: list[str]) -> Path:
        asked.append((config, overrides))
        return Path("2024/model")

    module = types.ModuleType("follow_your_click.training.run")
    monkeypatch.setattr(module, "train", train, raising=False)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    words = ["--set", "optimizer.learning_rate=1e-4", "--output", "2024", "--data", "a: b"]
    assert main(["train", "mini-vae", *words, "--steps", "10", "--device", "cuda"]) == 0
    assert capsys.readouterr().out == f"{Path('2024/model')}\n"
    ((config, overrides),) = asked
    assert config == "mini-vae"
    assert overrides == [
        "optimizer.learning_rate=1e-4",
        'output="2024"',
        'data="a: b"',
        'device="cuda"',
        "steps=10",
    ]


@pytest.mark.parametrize("verb", ["animate", "segment", "train"])
def test_every_verb_has_a_help_page(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert "--device" in capsys.readouterr().out


def test_without_a_verb_the_help_page_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    page = capsys.readouterr().out
    assert all(verb in page for verb in ("animate", "segment", "train"))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip()
