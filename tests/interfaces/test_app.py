"""The web page without a browser: the editor's changes, the shown picture, the actions, and the controls' handlers."""

from __future__ import annotations

import threading
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from follow_your_click.clip import Clip, read_settings
from follow_your_click.errors import (
    ImageError,
    OutputError,
    PromptError,
    RegionError,
    SettingsError,
)
from follow_your_click.interfaces.app import overlay, server
from follow_your_click.interfaces.app.jobs import (
    Job,
    JobCancelled,
    Jobs,
    Overall,
    listen_to_warnings,
    warnings_heard,
)
from follow_your_click.interfaces.app.state import (
    MAX_REGIONS,
    Editor,
    add_draft,
    box_between,
    delete_draft,
    regions_of,
    select_draft,
    undo,
    with_fields,
    with_photo,
)
from follow_your_click.interfaces.app.studio import (
    FORMATS,
    MAX_CLIPS,
    ClipSettings,
    MadeClip,
    PhotoMemory,
    Studio,
    file_stem,
    kept,
    settings_from,
)
from follow_your_click.interfaces.cli import main
from follow_your_click.region import Box, Click, Region
from follow_your_click.segmentation import Segmentation
from follow_your_click.segmentation.resolve import region_mask

HEIGHT, WIDTH = 90, 160
SETTINGS = ClipSettings(3, 8.0, None, None, 5)
DISC = 20  # px, radius of what a click selects


class DiscSegmenter:
    """Selects a disc around each positive click, or the box; counts how often a photo was prepared."""

    prepared = 0

    def __init__(self) -> None:
        self.shape = (0, 0)

    def set_image(self, image: npt.NDArray[np.uint8]) -> None:
        DiscSegmenter.prepared += 1
        self.shape = (image.shape[0], image.shape[1])

    def predict(
        self,
        *,
        point_coords: npt.NDArray[np.float32] | None = None,
        point_labels: npt.NDArray[np.int64] | None = None,
        box: npt.NDArray[np.float32] | None = None,
        mask: npt.NDArray[np.float32] | None = None,
    ) -> Segmentation:
        rows, columns = np.mgrid[: self.shape[0], : self.shape[1]]
        found = np.zeros(self.shape, np.bool_)
        if box is not None:
            x0, y0, x1, y1 = box
            found |= (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)
        if point_coords is not None and point_labels is not None:
            for (x, y), positive in zip(point_coords, point_labels, strict=True):
                disc = (columns - x) ** 2 + (rows - y) ** 2 <= DISC**2
                found = found | disc if positive else found & ~disc
        return Segmentation(found[None], np.ones(1, np.float32))


class StubAnimator:
    """Real regions and masks, no model: the clip is the photo, a little brighter in each frame."""

    def __init__(self) -> None:
        self.segmenter: Any = DiscSegmenter()
        self.calls: list[dict[str, Any]] = []
        self.during: Callable[[str], None] = lambda stage: None

    def masks(
        self, image: npt.NDArray[np.uint8], regions: Sequence[Region]
    ) -> list[npt.NDArray[np.float32]]:
        self.segmenter.set_image(image.copy())  # as Animator does: always its own copy
        return [region_mask(image, region, self.segmenter) for region in regions]

    def animate(
        self,
        image: npt.NDArray[np.uint8],
        regions: Sequence[Region],
        *,
        progress: Callable[[str, int, int], None] | None,
        **settings: Any,
    ) -> Clip:
        self.calls.append({"image": image, "regions": list(regions), **settings})
        assert progress is not None
        for stage in ("segment", *("encode", "denoise", "decode", "render") * len(regions)):
            progress(stage, 0, 1)
            self.during(stage)
            progress(stage, 1, 1)
        if settings["num_frames"] > 16:
            raise SettingsError("got num_frames 17; expected 2 to 16")
        frames = np.stack([image // 2 + index for index in range(settings["num_frames"])])
        clip = Clip.from_frames(frames.astype(np.uint8), settings["fps"], {"segmenter": "X"})
        return replace(clip, background=image.copy(), seconds={"denoise": 0.5})


@pytest.fixture
def small_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shown picture has the photo's own pixels, so that tests can name them."""
    monkeypatch.setattr(overlay, "SHOWN_SIDE", WIDTH)


@pytest.fixture
def animator() -> StubAnimator:
    DiscSegmenter.prepared = 0
    return StubAnimator()


@pytest.fixture
def studio(small_screen: None, animator: StubAnimator, tmp_path: Path) -> Studio:
    return Studio(animator, folder=tmp_path / "clips", max_megapixels=1.0)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def clicked(studio: Studio, photo: Path) -> Editor:
    """A photo with one region at 40, 30 that is to drift left."""
    editor = studio.click(studio.open_photo(Editor(), photo), 40, 30, "add")
    return with_fields(editor, 1, name="boat", prompt="drift left", strength=None)


def _make(studio: Studio, editor: Editor, job: Job | None = None) -> MadeClip:
    return studio.animate(editor, SETTINGS, job=job or Job(), report=lambda share, words: None)


# Coordinates


@given(
    height=st.integers(64, 9000),
    width=st.integers(64, 9000),
    across=st.floats(0, 0.9999),
    down=st.floats(0, 0.9999),
)
def test_a_click_on_the_shown_picture_lands_on_that_pixel_of_the_photo(
    height: int, width: int, across: float, down: float
) -> None:
    shown = overlay.shown_size(height, width)
    assert max(shown) == overlay.SHOWN_SIDE
    x, y = int(across * shown[1]), int(down * shown[0])
    click = overlay.to_photo(x, y, photo=(height, width), shown=shown)
    assert 0 <= click.x < width and 0 <= click.y < height
    back = overlay.to_shown(click.x + 0.5, click.y + 0.5, photo=(height, width), shown=shown)
    coarser = max(1, shown[1] / width, shown[0] / height)
    assert abs(back[0] - x) <= coarser and abs(back[1] - y) <= coarser


def test_a_small_photo_is_shown_large_and_its_pixels_are_still_reached() -> None:
    photo = np.random.default_rng(1).integers(0, 255, (300, 450, 3), np.uint8)
    shown = overlay.to_screen(photo).shape[:2]
    assert max(shown) == overlay.SHOWN_SIDE
    for x, y in ((0, 0), (449, 299), (17, 203)):
        middle = overlay.to_shown(x + 0.5, y + 0.5, photo=(300, 450), shown=(shown[0], shown[1]))
        reached = overlay.to_photo(
            round(middle[0]), round(middle[1]), photo=(300, 450), shown=(shown[0], shown[1])
        )
        assert reached == Click(x, y)


def test_a_click_beside_the_picture_lands_on_its_edge() -> None:
    place = {"photo": (300, 450), "shown": (300, 450)}
    assert overlay.to_photo(-3, 301, **place) == Click(0, 299)


@pytest.mark.parametrize("size", [(300, 450), (4000, 6000)])
def test_one_masked_pixel_stays_visible(size: tuple[int, int]) -> None:
    mask = np.zeros(size, np.float32)
    mask[100, 200] = 1
    small = overlay.mask_to_screen(mask)
    assert small.shape == overlay.shown_size(*size)
    x, y = overlay.to_shown(200.5, 100.5, photo=size, shown=(small.shape[0], small.shape[1]))
    assert small[int(y), int(x)] >= 128


# The shown picture


def test_the_mask_lights_up_and_the_rest_is_dimmed(studio: Studio, clicked: Editor) -> None:
    before, after = clicked.shown, overlay.draw(clicked)
    assert before is not None and after is not None
    assert after[HEIGHT - 3 :].mean() < 0.8 * before[HEIGHT - 3 :].mean()
    colour = (after[30, 52] - (1 - overlay.TINT) * before[30, 52]) / overlay.TINT
    np.testing.assert_allclose(colour, overlay.COLOURS[0], atol=4)
    np.testing.assert_array_equal(clicked.photo, before)  # the photo itself is not drawn on
    assert overlay.draw(Editor()) is None


def test_every_region_has_a_colour_of_its_own(studio: Studio, clicked: Editor) -> None:
    two = studio.click(add_draft(clicked), 120, 60, "add")
    drawn, shown = overlay.draw(two), two.shown
    assert drawn is not None and shown is not None
    places = ((30, 52), overlay.TINT_OTHERS), ((60, 132), overlay.TINT)
    for (place, share), colour in zip(places, overlay.COLOURS, strict=False):
        added = (drawn[place] - (1 - share) * shown[place]) / share
        np.testing.assert_allclose(added, colour, atol=6)


# The editor


def test_regions_are_added_selected_and_deleted() -> None:
    editor = with_fields(Editor(), 1, name="boat", prompt="drift left", strength=2.0)
    editor = add_draft(editor)
    assert [draft.number for draft in editor.drafts] == [1, 2]
    assert editor.selected == 2 and editor.draft.prompt == ""
    editor = select_draft(editor, 1)
    assert (editor.draft.name, editor.draft.prompt) == ("boat", "drift left")
    editor = delete_draft(editor)
    assert [draft.number for draft in editor.drafts] == [2] and editor.selected == 2
    assert select_draft(editor, 1) is editor, "gone"
    again = add_draft(editor)
    assert again.draft.number == 3, "a number is never used twice"
    assert again.draft.colour == 0, "a colour is"
    last = delete_draft(editor)
    assert len(last.drafts) == 1 and last.draft.prompt == ""


def test_there_are_as_many_regions_as_colours() -> None:
    editor = Editor()
    for _ in range(MAX_REGIONS - 1):
        editor = add_draft(editor)
    assert len({draft.colour for draft in editor.drafts}) == MAX_REGIONS == len(overlay.COLOURS)
    with pytest.raises(RegionError, match="most"):
        add_draft(editor)


def test_fields_go_to_the_region_that_they_belong_to() -> None:
    editor = add_draft(Editor())
    late = with_fields(editor, 1, name=" the   boat ", prompt="sway", strength=1.0)
    assert late.selected == 2 and late.draft.prompt == ""
    assert (late.drafts[0].name, late.drafts[0].prompt) == ("the boat", "sway")
    assert with_fields(late, 1, name=" ", prompt="x", strength=None).drafts[0].name == "the boat"
    assert with_fields(editor, 9, name="gone", prompt="x", strength=None) is editor


def test_a_new_photo_keeps_prompts_and_drops_places(studio: Studio, clicked: Editor) -> None:
    other = np.zeros((100, 100, 3), np.uint8)
    editor = with_photo(clicked, other, other)
    assert editor.draft.prompt == "drift left" and editor.draft.selection.areas == ()


def test_a_box_holds_both_clicked_pixels() -> None:
    assert box_between(Click(50, 20), Click(10, 40)) == Box(10, 20, 51, 41)
    assert box_between(Click(5, 5), Click(5, 5)) == Box(5, 5, 6, 6)


def test_what_is_missing_is_said_by_the_regions_name(studio: Studio, clicked: Editor) -> None:
    with pytest.raises(RegionError, match="nothing is selected"):
        regions_of(Editor())
    (region,) = regions_of(add_draft(clicked))
    assert region == Region(Click(40, 30), prompt="drift left"), "an empty region is left out"
    with pytest.raises(PromptError, match="boat has no motion"):
        regions_of(with_fields(clicked, 1, name="", prompt=" ", strength=None))
    placeless = with_fields(add_draft(clicked), 2, name="sail", prompt="sway", strength=None)
    with pytest.raises(RegionError, match="sail has no place"):
        regions_of(placeless)


# The actions


def test_clicks_refine_and_undo_goes_back(studio: Studio, clicked: Editor) -> None:
    more = studio.click(clicked, 70, 30, "add")
    less = studio.click(more, 44, 30, "exclude")
    assert less.draft.selection.areas == (
        Click(40, 30),
        Click(70, 30),
        Click(44, 30, positive=False),
    )
    assert more.draft.selection.mask is not None and less.draft.selection.mask is not None
    assert more.draft.selection.mask[30, 44] == 255 and less.draft.selection.mask[30, 44] == 0
    assert undo(less).draft.selection is more.draft.selection
    assert undo(undo(undo(less))).draft.selection.areas == ()
    assert undo(undo(undo(undo(less)))).draft.selection.areas == (), "no further back"


def test_two_clicks_make_a_box(studio: Studio, photo: Path) -> None:
    editor = studio.open_photo(Editor(), photo)
    half = studio.click(editor, 60, 50, "box")
    assert half.corner == Click(60, 50) and half.draft.selection.areas == ()
    assert undo(half).corner is None
    whole = studio.click(half, 20, 10, "box")
    assert whole.corner is None and whole.draft.selection.areas == (Box(20, 10, 61, 51),)
    assert whole.draft.selection.mask is not None
    assert whole.draft.selection.mask.sum() == 255 * 41 * 41
    assert overlay.draw(half) is not None and overlay.draw(whole) is not None


def test_a_click_in_a_shrunk_photo_reaches_its_own_pixels(
    animator: StubAnimator, tmp_path: Path
) -> None:
    Image.new("RGB", (2560, 1280), (90, 120, 200)).save(tmp_path / "large.png")
    studio = Studio(animator, folder=tmp_path, max_megapixels=10)
    editor = studio.click(studio.open_photo(Editor(), tmp_path / "large.png"), 100, 200, "add")
    assert editor.shown is not None and editor.shown.shape == (640, 1280, 3)
    assert editor.draft.selection.areas == (Click(200, 400),)
    assert editor.draft.selection.mask is not None
    assert editor.draft.selection.mask[200, 100] == 255


def test_a_photo_is_prepared_once(studio: Studio, clicked: Editor) -> None:
    for x in (50, 60, 70):
        clicked = studio.click(clicked, x, 40, "add")
    _make(studio, clicked)
    assert DiscSegmenter.prepared == 1


def test_visitors_do_not_get_each_others_photo(tmp_path: Path) -> None:
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


def test_a_click_that_cannot_be_leaves_everything(studio: Studio, photo: Path) -> None:
    with pytest.raises(RegionError, match="no photo"):
        studio.click(Editor(), 1, 1, "add")
    editor = studio.open_photo(Editor(), photo)
    with pytest.raises(RegionError, match="only negative"):
        studio.click(editor, 40, 30, "exclude")


def test_photos_that_are_refused(studio: Studio, tmp_path: Path) -> None:
    Image.new("RGB", (1100, 1000)).save(tmp_path / "large.png")
    with pytest.raises(ImageError, match=r"the photo has 1\.1 megapixels; this page takes up to 1"):
        studio.open_photo(Editor(), tmp_path / "large.png")
    (tmp_path / "text.jpg").write_text("no photo")
    with pytest.raises(ImageError, match="^the photo is not an image") as caught:
        studio.open_photo(Editor(), tmp_path / "text.jpg")
    assert str(tmp_path) not in str(caught.value)


def test_animate_asks_the_animator_and_writes_a_video(
    studio: Studio, animator: StubAnimator, clicked: Editor
) -> None:
    heard: list[tuple[float, str]] = []
    made = studio.animate(
        clicked, SETTINGS, job=Job(), report=lambda share, words: heard.append((share, words))
    )
    (call,) = animator.calls
    assert call["image"] is clicked.photo
    assert call["regions"] == [Region(Click(40, 30), prompt="drift left")]
    assert (call["num_frames"], call["fps"], call["seed"]) == (3, 8.0, 5)
    assert call["num_inference_steps"] is None and call["guidance_scale"] is None
    assert len(Clip.load(made.video)) == 3
    assert read_settings(made.video)["segmenter"] == "DiscSegmenter", "not the page's wrapper"
    assert made.video.name == "drift-left-seed5.mp4" and made.caption == "drift left · seed 5"
    assert made.clip.background is clicked.photo, "not one copy per clip"
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] < 1


@pytest.mark.parametrize("stage", ["segment", "encode", "denoise", "decode", "render"])
def test_cancel_stops_the_work_at_once(
    studio: Studio, animator: StubAnimator, clicked: Editor, stage: str
) -> None:
    job, begun = Job(), []

    def during(now: str) -> None:
        begun.append(now)
        if now == stage:
            job.cancel()

    animator.during = during
    with pytest.raises(JobCancelled):
        _make(studio, clicked, job)
    assert begun[-1] == stage
    assert not studio.folder.exists()
    with pytest.raises(JobCancelled):
        _make(studio, clicked, job)
    assert len(animator.calls) == 1, "a job cancelled while it waits does not begin"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_clip_is_exported_once_per_format(studio: Studio, clicked: Editor, kind: str) -> None:
    made = _make(studio, clicked)
    path = studio.export(made, kind)
    assert path.suffix == FORMATS[kind] and path.stem == "drift-left-seed5"
    written = path.stat().st_mtime_ns
    assert studio.export(made, kind).stat().st_mtime_ns == written
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == [f"frame_{index:04d}.png" for index in range(3)]
    else:
        assert len(Clip.load(path)) == 3
    assert {file.name for file in path.parent.iterdir()} == {path.name, made.video.name}
    with pytest.raises(OutputError, match="'EXE'"):
        studio.export(made, "EXE")
    studio.forget([made])
    assert not path.exists()


def test_names_of_files_hold_nothing_dangerous() -> None:
    odd = [Region(Click(1, 1), prompt='../../<script>"x"; rm -rf')]
    assert file_stem(odd, 3) == "script-x-rm-rf-seed3"
    assert file_stem([Region(Click(1, 1), prompt="上へ")], 0) == "clip-seed0"


def test_a_session_keeps_its_latest_clips(studio: Studio, clicked: Editor) -> None:
    made = _make(studio, clicked)
    clips: tuple[MadeClip, ...] = ()
    for _ in range(MAX_CLIPS + 3):
        clips = kept(clips, replace(made))
    assert len(clips) == MAX_CLIPS


def test_number_fields() -> None:
    assert settings_from(16, 8, 0, 0.0, 0) == settings_from(16, 8, None, None, 0)
    assert settings_from(16, 8, None, None, 0) == ClipSettings(16, 8.0, None, None, 0)
    assert settings_from(4.0, 12.5, 3, 2.5, 9) == ClipSettings(4, 12.5, 3, 2.5, 9)
    with pytest.raises(SettingsError, match="frames: got nothing, expected a number"):
        settings_from(None, 8, None, None, 0)
    with pytest.raises(SettingsError, match="seed: got 1.5, expected a whole number"):
        settings_from(16, 8, None, None, 1.5)


# Jobs


def test_a_cancel_reaches_only_its_own_session() -> None:
    jobs = Jobs()
    jobs.begin("mine")
    jobs.begin("other")
    jobs.cancel("mine")
    jobs.cancel("unknown")
    with pytest.raises(JobCancelled):
        jobs.current("mine").check()
    jobs.current("other").check()
    jobs.begin("mine")
    jobs.current("mine").check()  # a new job is not the one that was stopped
    jobs.end("mine")
    jobs.end("mine")


def test_progress_grows_over_all_regions() -> None:
    heard: list[tuple[float, str]] = []
    overall = Overall(2, lambda share, words: heard.append((share, words)), lambda: None)
    for stage, total in [
        ("segment", 1),
        *[("encode", 1), ("denoise", 4), ("decode", 1), ("render", 1)] * 2,
        ("write", 1),
    ]:
        for done in range(total + 1):
            overall(stage, done, total)
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == pytest.approx(1)
    assert "Making the motion, step 2 of 4 (region 1 of 2)" in dict.fromkeys(
        words for _, words in heard
    )


def test_warnings_are_heard_by_the_thread_that_caused_them() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *_: None  # what the other thread's warning goes to
        listen_to_warnings()
        other = threading.Thread(target=lambda: warnings.warn("theirs", stacklevel=1))
        with warnings_heard() as mine:
            warnings.warn("strength 20 is too much", stacklevel=1)
            other.start()
            other.join()
        assert mine == ["strength 20 is too much"]


# The command


def test_the_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gradio", None)
    assert main(["app"]) == 2
    line = capsys.readouterr().err
    assert 'pip install "follow-your-click[app]"' in line and line.startswith("fyc: ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--port", "0"], "got port 0; expected 1 to 65535"),
        (["--max-megapixels", "0"], "got max-megapixels 0"),
        (["--share"], "No such option"),
    ],
)
def test_options_that_are_refused(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["app", *words]) == 2
    assert says in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_before_the_model_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "check_extra", lambda: None)
    with server._listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert main(["app", "--port", str(port), "--model", "no such model"]) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err
