"""Ray Data gives what one process gives."""

import pytest

from follow_your_click.data.engine.runner import build
from follow_your_click.errors import MissingExtraError

from .conftest import contents


def test_without_ray_the_extra_is_named(videos, small_config, tmp_path):
    try:
        import ray  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match=r"follow-your-click\[ray\]"):
            build(str(videos), tmp_path / "out", small_config, engine="ray")
    else:
        pytest.skip("Ray is installed")


def test_ray_and_local_builds_are_the_same_bytes(built, videos, small_config, tmp_path):
    pytest.importorskip("ray")
    build(str(videos), tmp_path / "out", small_config, engine="ray", workers=1)
    assert contents(tmp_path / "out") == contents(built)
