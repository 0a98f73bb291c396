"""The page's actions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from follow_your_click.errors import BusyError, ImageError, RegionError, SettingsError
from follow_your_click.interfaces.app.state import Editor, add_draft, undo, with_fields
from follow_your_click.interfaces.app.studio import Studio
from follow_your_click.interfaces.jobs.shelf import PhotoMemory
from follow_your_click.region import Box, Click, HoldStill, Region

from .conftest import HEIGHT, SETTINGS, WIDTH, DiscSegmenter, StubWorker

Upload = Callable[..., str]


def _click(studio: Studio, editor: Editor, x: float, y: float, positive: bool = True) -> Editor:
    gesture = {"kind": "click", "x": x, "y": y, "positive": positive}
    return studio.select(editor, gesture, segmenter="grabcut")


@pytest.fixture
def clicked(studio: Studio, editor: Editor) -> Editor:
    """A photo with one region at 40, 30 that is to drift left."""
    clicked = _click(studio, editor, 40.7, 30.2)
    return with_fields(clicked, 1, name="boat", prompt="drift left", strength=None)


def test_a_photo_lies_on_disk_and_can_be_shown(
    studio: Studio, editor: Editor, photo: npt.NDArray[np.uint8]
) -> None:
    assert editor.photo is not None and editor.photo.exact
    np.testing.assert_array_equal(editor.photo.pixels, photo)
    assert isinstance(editor.photo.pixels, np.memmap)
    picture = studio.photos.picture(editor.photo.key)
    assert picture is not None and Image.open(picture).size == (WIDTH, HEIGHT)
    for key in ("..", "../photos", "", "x"):
        assert studio.photos.picture(key) is None
    studio.discard([editor.photo], kept=[editor.photo])
    assert studio.photos.picture(editor.photo.key) is not None
    studio.discard([editor.photo, None], kept=[])
    assert studio.photos.picture(editor.photo.key) is None
    assert not list(studio.service.uploads.iterdir()), "the upload itself is gone"


def test_clicks_refine_and_undo_goes_back(studio: Studio, clicked: Editor) -> None:
    more = _click(studio, clicked, 70, 30)
    less = _click(studio, more, 44, 30, positive=False)
    assert less.draft.place.areas == (
        Click(40, 30),
        Click(70, 30),
        Click(44, 30, positive=False),
    )
    assert more.draft.place.mask is not None and less.draft.place.mask is not None
    assert more.draft.place.mask[30, 44] == 255 and less.draft.place.mask[30, 44] == 0
    assert undo(less).draft.place is more.draft.place


def test_boxes_and_strokes(studio: Studio, editor: Editor) -> None:
    box = {"kind": "box", "x0": 20, "y0": 10, "x1": 60, "y1": 50}
    boxed = studio.select(editor, box, segmenter="grabcut")
    assert boxed.draft.place.areas == (Box(20, 10, 61, 51),)
    erase = {"kind": "stroke", "points": [[40, 30]], "radius": 5, "erase": True}
    erased = studio.select(boxed, erase, segmenter="grabcut")
    paint = {"kind": "stroke", "points": [[130, 30]], "radius": 5, "erase": False}
    painted = studio.select(erased, paint, segmenter="grabcut")
    mask = painted.draft.place.mask
    assert mask is not None
    assert (mask[30, 25], mask[30, 40], mask[30, 130]) == (255, 0, 255)


def test_the_mask_is_mended(studio: Studio, clicked: Editor) -> None:
    grown = studio.mend(clicked, {"edit": "grow"}, segmenter="grabcut")
    before, after = clicked.draft.place.mask, grown.draft.place.mask
    assert before is not None and after is not None and after.sum() > before.sum()
    part = studio.mend(grown, {"granularity": "part"}, segmenter="grabcut")
    assert part.draft.place.granularity == "part"
    auto = studio.mend(part, {"granularity": "auto"}, segmenter="grabcut")
    assert auto.draft.place.granularity is None
    with pytest.raises(RegionError, match="no mask to mend"):
        studio.mend(add_draft(clicked), {"edit": "grow"}, segmenter="grabcut")
    chosen = studio.mend(add_draft(clicked), {"granularity": "whole"}, segmenter="grabcut")
    assert chosen.draft.place.granularity == "whole", "may be chosen before the first click"


def test_a_photo_is_prepared_once(studio: Studio, clicked: Editor) -> None:
    for x in (50, 60, 70):
        clicked = _click(studio, clicked, x, 40)
    (made,) = studio.ask(clicked, SETTINGS, seeds=[5], owner="me")
    made.job.finished()
    assert DiscSegmenter.prepared == 1


def test_another_segmenter_looks_at_the_same_clicks(studio: Studio, clicked: Editor) -> None:
    again = studio.masked_anew(clicked, segmenter="embedded")
    assert DiscSegmenter.prepared == 2
    assert again.draft.place.areas == clicked.draft.place.areas
    empty = Editor()
    assert studio.masked_anew(empty, segmenter="embedded") is empty
    with pytest.raises(SettingsError, match="not offered"):
        studio.masked_anew(clicked, segmenter="sam")


def test_visitors_do_not_get_each_others_photo() -> None:
    memory = PhotoMemory(DiscSegmenter())
    small, large = np.zeros((64, 64, 3), np.uint8), np.ones((80, 100, 3), np.uint8)
    ready, seen = threading.Barrier(2, timeout=10), {}

    def visit(image: npt.NDArray[np.uint8]) -> None:
        memory.set_image(image)
        ready.wait()
        point = np.array([[30, 30]], np.float32)
        found = memory.predict(point_coords=point, point_labels=np.ones(1, np.int64))
        seen[image.shape] = found.masks.shape[1:]

    threads = [threading.Thread(target=visit, args=(image,)) for image in (small, large)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == {small.shape: (64, 64), large.shape: (80, 100)}
    with pytest.raises(RegionError, match="set_image"):
        PhotoMemory(DiscSegmenter()).predict()


def test_a_click_that_cannot_be_leaves_everything(studio: Studio, editor: Editor) -> None:
    with pytest.raises(RegionError, match="no photo"):
        _click(studio, Editor(), 1, 1)
    with pytest.raises(RegionError, match="only negative"):
        _click(studio, editor, 40, 30, positive=False)


def test_photos_that_are_refused(studio: Studio, upload: Upload, tmp_path: Path) -> None:
    large = upload(np.zeros((1000, 1100, 3), np.uint8))
    with pytest.raises(ImageError, match=r"the photo has 1\.1 megapixels"):
        studio.open_upload(Editor(), large, SETTINGS)
    with pytest.raises(ImageError, match="^the photo is not an image") as caught:
        studio.open_upload(Editor(), upload(b"no photo", "text.jpg"), SETTINGS)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "", "nowhere.png", "../../secret.png"])
def test_only_uploads_are_opened(studio: Studio, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"x")
    for asked in (path, str(tmp_path / "secret.png"), f"{studio.service.uploads}/../../secret.png"):
        with pytest.raises(ImageError, match="did not arrive"):
            studio.open_upload(Editor(), asked, SETTINGS)
    assert (tmp_path / "secret.png").exists()


def test_a_clip_is_asked_for_with_settled_masks(
    studio: Studio, worker: StubWorker, clicked: Editor
) -> None:
    still = _click(studio, add_draft(clicked, "still"), 120, 60)
    (asked,) = studio.ask(still, SETTINGS, seeds=[5], owner="me")
    assert asked.title == "drift left · seed 5" and asked.job.finished().state == "done"
    (request,) = worker.requests
    (region,), (held,) = request.regions, request.hold_still
    assert region.without_mask() == Region(Click(40, 30), prompt="drift left")
    assert held.without_mask() == HoldStill(Click(120, 60))
    assert region.mask is not None and region.mask[30, 40] == 255 and region.mask[60, 120] == 0
    assert request.settings.seed == 5 and request.settings.num_frames == 3


def test_several_seeds_or_none_at_all(studio: Studio, worker: StubWorker, clicked: Editor) -> None:
    gate = threading.Event()
    worker.during = lambda listener: gate.wait(10)
    asked = studio.ask(clicked, SETTINGS, seeds=[1, 2, 3, 4], owner="me")
    assert [each.settings.seed for each in asked] == [1, 2, 3, 4]
    with pytest.raises(BusyError, match="of your clips"):
        studio.ask(clicked, SETTINGS, seeds=[5, 6, 7, 8], owner="me")
    gate.set()
    for each in asked:
        each.job.finished()
    assert {request.settings.seed for request in worker.requests} <= {1, 2, 3, 4}


def test_what_cannot_move_is_said_before_the_line(studio: Studio, clicked: Editor) -> None:
    covered = _click(studio, add_draft(clicked, "still"), 40, 30)
    with pytest.raises(RegionError, match="wholly inside what is held still"):
        studio.ask(covered, SETTINGS, seeds=[0], owner="me")


@pytest.mark.parametrize("kind", ["mp4", "gif", "webp", "zip"])
def test_a_clip_restores_what_it_was_made_from(
    studio: Studio, upload: Upload, clicked: Editor, kind: Any
) -> None:
    named = with_fields(clicked, 1, name="boat", prompt="drift left", strength=2.5)
    both = _click(studio, add_draft(named, "still"), 120, 60)
    (asked,) = studio.ask(both, SETTINGS, seeds=[77], owner="me")
    key = asked.job.finished().clip
    assert key is not None
    file = studio.service.queue.store.file(key, kind=kind)
    # Onto the photo that is open: exactly what it was.
    editor, settings = studio.open_upload(both, upload(file, f"clip.{kind}"), SETTINGS)
    assert editor.photo is both.photo
    moves, still = editor.drafts
    assert (moves.kind, moves.prompt, moves.strength) == ("moves", "drift left", 2.5)
    assert (still.kind, still.place.areas) == ("still", (Click(120, 60),))
    np.testing.assert_array_equal(moves.place.mask, both.drafts[0].place.mask)
    assert (settings.seed, settings.num_frames) == (77, 3)
    # Onto nothing: the photo is that of the file, exact only where the file holds it so.
    editor, _ = studio.open_upload(Editor(), upload(file, f"clip.{kind}"), SETTINGS)
    assert editor.photo is not None
    assert editor.photo.exact == (kind == "zip")
    (again,) = studio.ask(editor, settings, seeds=[77], owner="me")
    assert again.job.finished().state == "done"


def test_a_restored_mask_holds_until_something_is_changed(
    studio: Studio, upload: Upload, clicked: Editor
) -> None:
    (asked,) = studio.ask(clicked, SETTINGS, seeds=[1], owner="me")
    key = asked.job.finished().clip
    assert key is not None
    file = studio.service.queue.store.file(key, kind="zip")
    editor, _ = studio.open_upload(Editor(), upload(file, "clip.zip"), SETTINGS)
    assert editor.draft.place.settled is not None
    changed = _click(studio, editor, 80, 30)
    assert changed.draft.place.settled is None
    assert undo(changed).draft.place.settled is not None


def test_files_that_only_look_like_clips(studio: Studio, upload: Upload) -> None:
    for content, name in ((b"no video", "a.mp4"), (b"PK\3\4", "a.zip"), (b"", "a.webm")):
        with pytest.raises(ImageError) as caught:
            studio.open_upload(Editor(), upload(content, name), SETTINGS)
        assert str(studio.service.folder) not in str(caught.value)


def test_an_animation_of_another_program_is_a_photo(
    studio: Studio, upload: Upload, photo: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    Image.fromarray(photo).save(tmp_path / "a.gif")
    editor, settings = studio.open_upload(Editor(), upload(tmp_path / "a.gif", "a.gif"), SETTINGS)
    assert editor.photo is not None and settings is SETTINGS
    assert editor.draft.place.areas == ()
