"""The page's controls and their handlers, with gradio but without a browser."""

from __future__ import annotations

import json
import re
import socket
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import numpy.typing as npt
import pytest

from follow_your_click.errors import SettingsError
from follow_your_click.interfaces.app import server
from follow_your_click.interfaces.app.fields import settings_from, settings_shown
from follow_your_click.interfaces.app.handlers import VARIATIONS, Handlers
from follow_your_click.interfaces.app.page import IDEAS, build_page
from follow_your_click.interfaces.app.state import Editor
from follow_your_click.interfaces.app.studio import MAX_CLIPS, Studio
from follow_your_click.interfaces.app.theme import CSS, theme
from follow_your_click.interfaces.cli import main
from follow_your_click.project import ProjectSettings
from follow_your_click.region import Click

from .conftest import StubWorker

ME = types.SimpleNamespace(session_hash="me")
FIELDS = (1, "boat", "drift left", True, 2.0)
NUMBERS = (7, 3, 8.0, 0, 0, "mini", "grabcut")
STATIC = Path(server.__file__).parent / "static"


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the page would have told the visitor."""
    told: list[str] = []
    for kind in ("Warning", "Info"):
        monkeypatch.setattr(gr, kind, lambda message, duration=None: told.append(message))
    return told


@pytest.fixture
def handlers(studio: Studio, notes: list[str]) -> Handlers:
    return Handlers(studio, max_bytes=1000)


def test_what_is_typed_is_read_by_a_model_that_is_loaded(handlers: Handlers) -> None:
    shelf = handlers.studio.service.shelf
    assert handlers.read("drift left", "mini") == '<span role="status"></span>'
    shelf.animator("mini", device="cpu")
    assert handlers.read("drift left", "mini") == '<span role="status">Read as: drift left</span>'
    assert handlers.read("drift left", "min") == '<span role="status"></span>'
    assert handlers.read(None, "mini") == '<span role="status"></span>'


def test_how_a_prompt_is_read_is_never_html(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers.studio.service.shelf, "reading", lambda *_: "<b>")
    assert handlers.read("x", "mini") == '<span role="status">&lt;b&gt;</span>'


def _event(**data: Any) -> Any:
    return types.SimpleNamespace(_data=data)


def _click(handlers: Handlers, editor: Editor, x: float = 40, y: float = 30) -> Editor:
    gesture = _event(kind="click", x=x, y=y, positive=True)
    return handlers.select_area(gesture, editor, "grabcut", *FIELDS)[0]


def _animate(handlers: Handlers, editor: Editor, clips: Any = (), **change: Any) -> list[Any]:
    fields = (*FIELDS[:2], change.get("prompt", FIELDS[2]), *FIELDS[3:])
    numbers = (NUMBERS[0], change.get("num_frames", NUMBERS[1]), *NUMBERS[2:])
    return handlers.start(ME, editor, clips, *fields, *numbers)


def test_the_page_builds(handlers: Handlers) -> None:
    page = build_page(handlers.studio, max_bytes=1000)
    config = json.dumps(page.get_config_file(), default=str)
    for control in ("photo", "result", "regions", "prompt", "animate", "cancel", "model"):
        assert f'"elem_id": "{control}"' in config
    assert all(idea in config for idea in IDEAS)
    assert page.analytics_enabled is False
    public = {
        function.api_name: function
        for function in page.fns.values()
        if function.fn and function.api_visibility != "private"
    }
    assert set(public) == {"animate", "segment"}


def test_nothing_of_the_page_comes_from_elsewhere() -> None:
    looks = theme()
    sheets = [CSS, looks._get_theme_css(), *(file.read_text() for file in STATIC.glob("*.*"))]
    for sheet in sheets:
        assert not re.search(r"@import|url\(.?(https?:)?//|src=.https?:|fetch\(.https?:", sheet)
    assert not looks._stylesheets


def test_words_of_visitors_never_become_html() -> None:
    for file in STATIC.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", file.read_text()
        )


def test_a_click_shows_the_mask_and_undo_takes_it_back(handlers: Handlers, editor: Editor) -> None:
    clicked, value, listed = handlers.select_area(
        _event(kind="click", x=40.5, y=30, positive=True), editor, "grabcut", *FIELDS
    )
    assert listed.choices == [("boat: drift left", 1)], "what was typed travels along"
    assert clicked.draft.place.areas == (Click(40, 30),)
    assert value["overlay"].startswith("data:image/png")
    assert value["areas"] == [{"x": 40.0, "y": 30.0, "positive": True}]
    assert (value["photo"]["width"], value["photo"]["height"]) == (160, 90)
    undone, again, _ = handlers.undo(clicked, "grabcut", *FIELDS)
    assert undone.draft.place.areas == () and again["overlay"] is None
    assert again["answer"] != value["answer"]
    cleared, *_ = handlers.clear(clicked, "grabcut", *FIELDS)
    assert cleared.draft.place.areas == ()
    assert handlers.undo(cleared, "grabcut", *FIELDS)[0].draft.place.areas == (Click(40, 30),)


def test_a_wrong_click_is_a_note_and_changes_nothing(
    handlers: Handlers, editor: Editor, notes: list[str]
) -> None:
    exclude = _event(kind="click", x=40, y=30, positive=False)
    kept, value, _ = handlers.select_area(exclude, editor, "grabcut", *FIELDS)
    assert kept.draft.place.areas == () and value["overlay"] is None
    assert len(notes) == 1 and "only negative clicks" in notes[0]
    nothing = types.SimpleNamespace(_data=None)
    assert handlers.select_area(nothing, editor, "grabcut", *FIELDS)[0].draft.place.areas == ()
    assert handlers.change_segmenter(_click(handlers, editor), "sam", *FIELDS)[0].draft.place.areas
    assert "not offered" in notes[-1]


def test_a_file_that_is_no_photo_leaves_the_one_that_was_there(
    handlers: Handlers, editor: Editor, notes: list[str], upload: Callable[..., str]
) -> None:
    broken = upload(b"\xff\xd8 broken", "broken.jpg")
    shown = handlers.open_upload(_event(path=broken), editor, (), *FIELDS, *NUMBERS)
    assert shown[0].photo is editor.photo and len(shown) == 17
    assert len(notes) == 1 and str(handlers.studio.service.folder) not in notes[0]
    assert shown[-7:] == [gr.skip()] * 7


def test_a_new_photo_takes_the_place_of_the_old_one(
    handlers: Handlers,
    editor: Editor,
    upload: Callable[..., str],
    photo: npt.NDArray[np.uint8],
) -> None:
    other = upload(photo[::-1].copy())
    shown = handlers.open_upload(_event(path=other), editor, (), *FIELDS, *NUMBERS)
    now, before = shown[0].photo, editor.photo
    assert now is not None and before is not None and now.key != before.key
    assert shown[0].draft.prompt == "drift left", "what was typed stays"
    assert handlers.studio.photos.picture(before.key) is None
    assert handlers.studio.photos.picture(now.key) is not None


def test_what_is_typed_survives_every_way_on(handlers: Handlers, editor: Editor) -> None:
    second = handlers.new_region(editor, *FIELDS)[0]
    assert second.drafts[0].prompt == "drift left" and second.draft.prompt == ""
    back = handlers.select_region(second, 1, 2, "sail", "sway", False, 3.0)
    assert back[0].drafts[1].prompt == "sway" and back[0].drafts[1].strength == 3.0
    assert back[4:6] == [1, "boat"], "the fields show the first again"
    still = handlers.new_still(back[0], *FIELDS)
    listed = handlers.keep_fields(still[0], *FIELDS)[1]
    assert [label for label, _ in listed.choices] == [
        "boat: drift left",
        "sail: sway",
        "still 3: held still",
    ]
    assert still[6].visible is False, "what is held still has no motion"
    left = handlers.delete_region(select_first(handlers, still[0]))[0]
    assert [draft.name for draft in left.drafts] == ["sail", "still 3"]


def select_first(handlers: Handlers, editor: Editor) -> Editor:
    return handlers.select_region(editor, 1, editor.selected, "", "", True, None)[0]


def test_animate_asks_for_a_clip_and_shows_it(
    handlers: Handlers, editor: Editor, worker: StubWorker
) -> None:
    clicked = _click(handlers, editor)
    _, _, clips, value, seed, *_ = _animate(handlers, clicked)
    (clip,) = clips
    assert value["batch"] == [clip.job.id] and seed == 7
    (shown,) = value["clips"]
    assert shown["title"] == "drift left · seed 7"
    assert ["boat", "drift left, strength as the prompt says"] in shown["settings"]
    assert shown["photo"] == f"page/photos/{clip.photo.key}"
    assert clip.job.finished().state == "done"
    assert worker.requests[0].settings.seed == 7


def test_another_seed_and_variations(handlers: Handlers, editor: Editor) -> None:
    clicked = _click(handlers, editor)
    clips = _animate(handlers, clicked)[2]
    arguments = (ME, clicked, clips, *FIELDS, *NUMBERS)
    _, _, one, value, seed, *_ = handlers.retry(_event(count=1), *arguments)
    assert len(one) == 2 and len(value["batch"]) == 1 and seed == one[0].settings.seed
    clips[0].job.finished(), one[0].job.finished()
    _, _, several, value, seed, *_ = handlers.retry(_event(count=VARIATIONS), *arguments)
    assert len(several) == 1 + VARIATIONS == 1 + len(value["batch"])
    assert len({clip.settings.seed for clip in several}) == 1 + VARIATIONS
    assert seed == gr.skip()
    for clip in several:
        clip.job.finished()
    assert len(handlers.retry(_event(count=10**9), *arguments)[3]["batch"]) <= VARIATIONS


def test_settings_of_an_earlier_clip_come_back(handlers: Handlers, editor: Editor) -> None:
    clicked = _click(handlers, editor)
    clips = _animate(handlers, clicked)[2]
    changed = handlers.clear(clicked, "grabcut", *FIELDS)[0]
    back = handlers.go_on(_event(id=clips[0].job.id), changed, clips)
    assert back[0].draft.place.areas == (Click(40, 30),) and back[-7:] == list(NUMBERS)
    assert handlers.go_on(_event(id="another"), changed, clips) == [gr.skip()] * 17


def test_the_oldest_clips_go(handlers: Handlers, editor: Editor) -> None:
    clicked, clips = _click(handlers, editor), ()
    for _ in range(MAX_CLIPS + 2):
        clips = _animate(handlers, clicked, clips)[2]
        clips[0].job.finished()
    assert len(clips) == MAX_CLIPS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prompt": " "}, "boat has no motion"),
        ({"num_frames": None}, "frames: got nothing"),
        ({"prompt": "<b>" * 200}, "at most 300"),
    ],
)
def test_mistakes_are_notes_and_the_clip_stays(
    handlers: Handlers, editor: Editor, notes: list[str], change: dict[str, Any], says: str
) -> None:
    results = _animate(handlers, _click(handlers, editor), **change)
    assert all(result == gr.skip() for result in results[2:])
    assert len(notes) == 1 and says in notes[0]


def test_notes_are_text_not_html(handlers: Handlers, editor: Editor, notes: list[str]) -> None:
    clicked = _click(handlers, editor)
    handlers.start(ME, clicked, (), 1, "<img src=x>", "", True, None, *NUMBERS)
    assert notes[0].startswith("&lt;img src=x&gt; has no motion")


def test_cancel_and_leaving_stop_the_visitors_own_work(
    handlers: Handlers, editor: Editor, worker: StubWorker
) -> None:
    gate = threading.Event()

    def wait(listener: Any) -> None:
        while not gate.wait(0.01):
            listener.check()

    worker.during = wait
    clicked = _click(handlers, editor)
    clips = _animate(handlers, clicked)[2]
    theirs = handlers.start(
        types.SimpleNamespace(session_hash="you"), clicked, (), *FIELDS, *NUMBERS
    )[2]
    handlers.cancel(clips)
    assert clips[0].job.finished().state == "cancelled"
    clips = _animate(handlers, clicked)[2]
    handlers.leave(ME)
    assert clips[0].job.finished().state == "cancelled"
    gate.set()
    assert theirs[0].job.finished().state == "done"


def test_a_session_that_ends_leaves_no_photos(handlers: Handlers, editor: Editor) -> None:
    clips = _animate(handlers, _click(handlers, editor))[2]
    clips[0].job.finished()
    handlers.forget_editor(editor)
    handlers.forget_clips(clips)
    assert not list(handlers.studio.photos.folder.iterdir())


def test_number_fields() -> None:
    settings = settings_from(9, 4.0, 12.5, 3, 2.5, "mini", "grabcut")
    assert settings == ProjectSettings(
        segmenter="grabcut",
        seed=9,
        num_frames=4,
        fps=12.5,
        num_inference_steps=3,
        guidance_scale=2.5,
    )
    assert settings_shown(settings) == [9, 4, 12.5, 3, 2.5, "mini", "grabcut"]
    own = settings_from(0, 16, 8, 0, 0.0, "mini", "grabcut")
    assert own.num_inference_steps is None and own.guidance_scale is None
    assert settings_shown(own) == [0, 16, 8, 0, 0, "mini", "grabcut"]
    with pytest.raises(SettingsError, match="frames: got nothing, expected a number"):
        settings_from(0, None, 8, 0, 0, "mini", "grabcut")
    with pytest.raises(SettingsError, match=r"seed: got 1\.5, expected a whole number"):
        settings_from(1.5, 16, 8, 0, 0, "mini", "grabcut")


# The commands


@pytest.mark.parametrize(
    ("verb", "module", "extra"), [("app", "gradio", "app"), ("serve", "uvicorn", "serve")]
)
def test_the_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verb: str,
    module: str,
    extra: str,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    assert main([verb]) == 2
    line = capsys.readouterr().err
    assert f'pip install "follow-your-click[{extra}]"' in line and line.startswith("fyc: ")


@pytest.mark.parametrize("verb", ["app", "serve"])
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--port", "0"], "got port 0; expected 1 to 65535"),
        (["--max-megapixels", "0"], "got max-megapixels 0; expected 0.01 to 100"),
        (["--queue", "0"], "got queue 0"),
        (["--auth-file", "nowhere"], "nowhere cannot be read"),
        (["--share"], "No such option"),
    ],
)
def test_options_that_are_refused(
    words: list[str], says: str, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, *words]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["app", "serve"])
def test_a_port_that_is_taken_is_said_before_the_model_is_loaded(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from follow_your_click.interfaces.api.server import listening

    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert main([verb, "--port", str(port), "--model", "no such model"]) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_short_messages_to_a_browser_do_not_wait_for_each_other() -> None:
    from follow_your_click.interfaces.api.server import listening

    with (
        listening("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_unknown_model_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "7999", "--model", "no such model"]) == 2
    assert "unknown model 'no such model'" in capsys.readouterr().err
