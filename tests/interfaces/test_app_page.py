"""The page's controls and their handlers, with gradio but without a browser."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

gr = pytest.importorskip("gradio", reason='needs the extra: pip install "follow-your-click[app]"')

from follow_your_click.interfaces.app import overlay  # noqa: E402
from follow_your_click.interfaces.app.handlers import Handlers  # noqa: E402
from follow_your_click.interfaces.app.jobs import JobCancelled  # noqa: E402
from follow_your_click.interfaces.app.page import IDEAS, build_page  # noqa: E402
from follow_your_click.interfaces.app.state import Editor  # noqa: E402
from follow_your_click.interfaces.app.studio import MAX_CLIPS, Studio  # noqa: E402
from follow_your_click.interfaces.app.theme import CSS, theme  # noqa: E402
from follow_your_click.region import Box, Click  # noqa: E402


def _neighbour(name: str) -> types.ModuleType:
    """A test file beside this one: tests are no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


StubAnimator = _neighbour("test_app").StubAnimator
ME = types.SimpleNamespace(session_hash="me")
FIELDS = (1, "boat", "drift left", True, 2.0)
NUMBERS = (7, 3, 8.0, None, None)


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the page would have told the visitor."""
    told: list[str] = []
    for kind in ("Warning", "Info"):
        monkeypatch.setattr(gr, kind, lambda message, duration=None: told.append(message))
    return told


@pytest.fixture
def handlers(tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch) -> Handlers:
    monkeypatch.setattr(overlay, "SHOWN_SIDE", 160)  # the test photo's own pixels
    return Handlers(Studio(StubAnimator(), folder=tmp_path / "clips", max_megapixels=1.0))


@pytest.fixture
def editor(handlers: Handlers, tmp_path: Path) -> Editor:
    Image.new("RGB", (160, 90), (90, 120, 200)).save(tmp_path / "photo.png")
    opened, picture = handlers.open_photo(Editor(), {"path": str(tmp_path / "photo.png")})
    assert picture.shape == (90, 160, 3)
    assert isinstance(opened, Editor)
    return opened


def _at(index: Any) -> Any:
    return types.SimpleNamespace(index=index)


def _skipped(results: list[Any]) -> bool:
    return all(result == gr.skip() for result in results)


def _run(handlers: Handlers, editor: Editor, clips: tuple[Any, ...] = (), **change: Any) -> Any:
    fields = (*FIELDS[:2], change.get("prompt", FIELDS[2]), *FIELDS[3:])
    numbers = (NUMBERS[0], change.get("num_frames", NUMBERS[1]), *NUMBERS[2:])
    heard: list[str] = []
    return handlers.run(
        editor, *fields, *numbers, clips, ME, lambda share, desc: heard.append(desc)
    )


def test_the_page_builds(handlers: Handlers) -> None:
    page = build_page(handlers.studio)
    config = json.dumps(page.get_config_file(), default=str)
    for control in ("photo", "tool", "undo", "regions", "prompt", "animate", "cancel", "result"):
        assert f'"elem_id": "{control}"' in config
    assert all(idea in config for idea in IDEAS)
    assert page.analytics_enabled is False
    assert all(
        function.api_visibility == "private" for function in page.fns.values() if function.fn
    )


def test_no_font_or_style_comes_from_elsewhere() -> None:
    looks = theme()
    for sheet in (CSS, looks._get_theme_css()):
        assert not re.search(r"@import|url\(.?(https?:)?//", sheet)
    assert not looks._stylesheets


def test_a_click_shows_the_mask(handlers: Handlers, editor: Editor) -> None:
    clicked, picture, _ = handlers.click(editor, "add", _at([40, 30]))
    assert clicked.draft.selection.areas == (Click(40, 30),)
    assert (picture != editor.shown).any()
    undone, picture = handlers.undo(clicked)
    assert undone.draft.selection.areas == ()
    np.testing.assert_array_equal(picture, editor.shown)


def test_a_box_hands_back_to_clicks(handlers: Handlers, editor: Editor) -> None:
    half, _, tool = handlers.click(editor, "box", _at([10, 10]))
    assert tool == gr.skip()
    whole, _, tool = handlers.click(half, "box", _at([50, 60]))
    assert tool == "add" and whole.draft.selection.areas == (Box(10, 10, 51, 61),)


def test_a_wrong_click_is_a_note_and_changes_nothing(
    handlers: Handlers, editor: Editor, notes: list[str]
) -> None:
    assert _skipped(handlers.click(editor, "exclude", _at([40, 30])))
    assert len(notes) == 1 and "only negative clicks" in notes[0]


def test_a_file_that_is_no_photo_leaves_the_one_that_was_there(
    handlers: Handlers, editor: Editor, notes: list[str], tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 broken")
    kept, picture = handlers.open_photo(editor, {"path": str(tmp_path / "broken.jpg")})
    assert kept is editor
    np.testing.assert_array_equal(picture, editor.shown)
    assert len(notes) == 1 and str(tmp_path) not in notes[0]


def test_what_is_typed_survives_every_way_on(handlers: Handlers, editor: Editor) -> None:
    second = handlers.new(editor, *FIELDS)[0]
    assert second.drafts[0].prompt == "drift left" and second.draft.prompt == ""
    back = handlers.select(second, 1, 2, "sail", "sway", False, 3.0)
    assert back[0].drafts[1].prompt == "sway" and back[0].drafts[1].strength == 3.0
    assert back[4:8] == [1, "boat", "drift left", True], "the fields show the first again"
    listed = handlers.keep_fields(back[0], *FIELDS)[1]
    assert [label for label, _ in listed.choices] == ["boat: drift left", "sail: sway"]
    left = handlers.delete(back[0])[0]
    assert [draft.name for draft in left.drafts] == ["sail"]
    cleared = handlers.clear_photo(back[0])
    assert cleared.photo is None and cleared.drafts[0].prompt == "drift left"


def test_run_makes_a_clip_and_fills_the_gallery(handlers: Handlers, editor: Editor) -> None:
    clicked = handlers.click(editor, "add", _at([40, 30]))[0]
    clips, made, gallery, video, settings, kind, _ = _run(handlers, clicked)
    assert clips == (made,) and video == str(made.video) and kind == "MP4"
    assert settings["segmenter"] == "DiscSegmenter" and settings["seconds"] == {"denoise": 0.5}
    clips, second, gallery, *_ = _run(handlers, clicked, clips)
    assert clips == (second, made)
    shown = handlers.show_clip(clips, _at(1))
    assert shown[:2] == [made, str(made.video)]
    assert _skipped(handlers.show_clip(clips, _at(2)))


def test_the_oldest_clips_go_with_their_files(handlers: Handlers, editor: Editor) -> None:
    clicked = handlers.click(editor, "add", _at([40, 30]))[0]
    clips: tuple[Any, ...] = ()
    for _ in range(MAX_CLIPS + 2):
        clips = _run(handlers, clicked, clips)[0]
    assert len(clips) == MAX_CLIPS
    assert all(made.video.exists() for made in clips)
    assert len(list(handlers.studio.folder.iterdir())) == MAX_CLIPS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prompt": " "}, "boat has no motion"),
        ({"num_frames": None}, "frames: got nothing"),
        ({"num_frames": 17}, "got num_frames 17; expected 2 to 16"),
        ({"prompt": "<b>" * 200}, "at most 300"),
    ],
)
def test_mistakes_are_notes_and_the_clip_stays(
    handlers: Handlers, editor: Editor, notes: list[str], change: dict[str, Any], says: str
) -> None:
    clicked = handlers.click(editor, "add", _at([40, 30]))[0]
    assert _skipped(_run(handlers, clicked, **change))
    assert len(notes) == 1 and says in notes[0]


def test_notes_are_text_not_html(handlers: Handlers, editor: Editor, notes: list[str]) -> None:
    clicked = handlers.click(editor, "add", _at([40, 30]))[0]
    handlers.run(
        clicked, 1, "<img src=x>", "", True, None, *NUMBERS, (), ME, lambda share, desc: None
    )
    assert notes[0].startswith("&lt;img src=x&gt; has no motion")


def test_cancel_before_and_during_the_work(
    handlers: Handlers, editor: Editor, notes: list[str]
) -> None:
    clicked = handlers.click(editor, "add", _at([40, 30]))[0]
    handlers.begin(ME)
    handlers.cancel(ME)
    assert _skipped(_run(handlers, clicked)) and notes == ["Stopped."]
    animator: Any = handlers.studio.animator
    assert not animator.calls
    handlers.begin(ME)
    animator.during = lambda stage: stage == "denoise" and handlers.leave(ME)
    assert _skipped(_run(handlers, clicked)) and notes[1:] == ["Stopped."]
    animator.during = lambda stage: None
    handlers.begin(ME)
    assert not _skipped(_run(handlers, clicked)), "the next one is not stopped"
    with pytest.raises(JobCancelled):
        handlers.begin(ME)
        handlers.cancel(ME)
        handlers.jobs.current("me").check()


def test_export_gives_the_file_or_says_why_not(
    handlers: Handlers, editor: Editor, notes: list[str]
) -> None:
    clicked = handlers.click(editor, "add", _at([40, 30]))[0]
    made = _run(handlers, clicked)[1]
    assert handlers.export(made, "GIF").value["path"].endswith(".gif")
    assert handlers.export(None, "GIF").value is None
    assert handlers.export(made, "EXE").value is None and "EXE" in notes[0]


def test_a_seed_is_drawn_anew(handlers: Handlers) -> None:
    assert len({handlers.draw_seed() for _ in range(4)}) > 1
