"""Masks as image files: what is saved comes back, and a failure leaves nothing behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from PIL import Image

from follow_your_click.errors import OutputError, RegionError
from follow_your_click.segmentation import load_mask, save_mask


def test_unreadable_mask_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    save_mask(np.ones((50, 50), np.bool_), tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:60])
    for name in ("missing.png", "text.png", "cut.png"):
        with pytest.raises(RegionError, match="cannot be read"):
            load_mask(tmp_path / name)
    with pytest.raises(RegionError, match="cannot be read"):
        load_mask(tmp_path)


def test_of_a_transparent_picture_only_the_opacity_counts(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 10, 10))
    picture.save(tmp_path / "cutout.png")
    assert load_mask(tmp_path / "cutout.png").sum() == 100


@settings(max_examples=60, deadline=None)
@given(
    st_numpy.arrays(np.bool_, st_numpy.array_shapes(min_dims=2, max_dims=2, max_side=20))
    | st_numpy.arrays(np.uint8, st.just((5, 7))).filter(lambda mask: mask.max() > 1)
    | st_numpy.arrays(np.float32, st.just((4, 3)), elements=st.floats(0, 1, width=32))
    | st_numpy.arrays(np.float64, st.just((1, 3)), elements=st.floats(0, 0.01))
)
def test_saving_and_loading_a_mask_gives_the_same(mask: npt.NDArray[np.generic]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mask.png"
        save_mask(mask, file)
        loaded = load_mask(file)
        assert [path.name for path in Path(folder).iterdir()] == ["mask.png"]
        save_mask(loaded, file)
        np.testing.assert_array_equal(load_mask(file), loaded)
    assert loaded.shape == mask.shape and loaded.dtype == np.float32
    if np.issubdtype(mask.dtype, np.floating):
        assert np.abs(loaded - mask).max() <= 0.5 / 255 + 1e-6
        np.testing.assert_array_equal(loaded > 0.5, mask > 0.5)
    else:
        full = 255 if mask.dtype == np.uint8 else 1
        np.testing.assert_array_equal(loaded, (mask / np.float32(full)).astype(np.float32))


def test_an_interrupted_mask_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_mask(np.ones((3, 3), np.bool_), tmp_path / "mask.png")
    assert not list(tmp_path.iterdir())


def test_a_mask_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        save_mask(np.ones((3, 3), np.bool_), tmp_path / "no" / "mask.png")
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        save_mask(np.ones((3, 3), np.bool_), tmp_path / "taken.png")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]
