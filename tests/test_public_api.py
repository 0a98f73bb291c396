"""What `import follow_your_click` offers, and that it costs nothing until used."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import follow_your_click

SOURCE = Path(follow_your_click.__file__).parent.parent


def test_every_public_name_resolves_to_the_thing_of_that_name() -> None:
    for name in follow_your_click.__all__:
        assert getattr(follow_your_click, name).__name__ == name
    assert sorted(follow_your_click.__all__) == dir(follow_your_click)


def test_a_public_name_is_the_one_of_its_module() -> None:
    region = import_module("follow_your_click.region")
    assert follow_your_click.Region is region.Region


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Animater'"):
        _ = follow_your_click.Animater
    with pytest.raises(ImportError):
        exec("from follow_your_click import Animater")


def test_a_bare_import_and_the_light_names_load_no_torch() -> None:
    program = (
        "import sys, follow_your_click; assert 'numpy' not in sys.modules;"
        "from follow_your_click import Region, Click, Box, Brush, Clip; print('torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    assert result.stdout.strip() == "False"
