"""Imports go one way, and importing the package costs nothing: both are read off the source, or off a fresh process."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "follow_your_click"
SOURCE = Path(__file__).parent.parent / "src" / PACKAGE
# Bottom first. A part may import from its own layer and from the layers above it in this list, never from those below.
LAYERS = (
    {
        "errors",
        "about",
        "atomic",
        "pace",
        "legs",
        "ways",
        "named_parts",
        "region",
        "run_settings",
        "photo",
        "steady_opening",
        "flow",
    },
    {"frame_source", "pictures", "video", "clip_reading", "clip"},
    {"models", "segmentation", "data"},
    {"control", "image_prompts", "latent_codec", "pipeline_inputs", "rendering"},
    {"denoising"},
    {"pipeline"},
    {"regional", "layering", "turning", "presets", "preview", "prompt_reading"},
    {"recipes", "clicked_parts", "heads", "limbs", "gait", "run_progress"},
    {"loading"},
    {"planning", "stated", "animator", "project", "restore", "client", "training", "evaluation"},
    {"interfaces", "__main__"},
)
LAYER_OF = {part: number for number, layer in enumerate(LAYERS) for part in layer}
HEAVY = ("torch", "diffusers", "transformers", "torchvision", "gradio", "ray", "openai")


def _modules() -> list[Path]:
    """Every source file but the package's own __init__, which only names what is public."""
    return sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def _part(module: str) -> str:
    """`follow_your_click.models.unet` -> `models`; the package itself -> an empty string."""
    return (module.split(".") + [""])[1]


def _imported_parts(tree: ast.Module, package: list[str]) -> set[str]:
    """The parts of our package that a file imports, anywhere in it.

    Args:
        package: names of the package that the file lies in, what a relative import starts from.
    """
    modules: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            # `from follow_your_click import region` names a part, or something that the package makes public.
            modules += [f"{origin}.{alias.name}" for alias in node.names]
    ours = {_part(module) for module in modules if module.split(".")[0] == PACKAGE}
    return ours - {""}


def _parts_imported_by(path: Path) -> set[str]:
    package = [PACKAGE, *path.relative_to(SOURCE).parent.parts]
    return _imported_parts(ast.parse(path.read_text(encoding="utf-8")), package)


@pytest.mark.parametrize("path", _modules(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_module_imports_only_from_its_own_layer_and_below(path: Path) -> None:
    part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    assert part in LAYER_OF, f"{part} has no layer yet: add it to LAYERS"
    imported = _parts_imported_by(path)
    unknown = imported - set(LAYER_OF)
    assert not unknown, f"{path.name} imports {unknown}: no such part of the package"
    upwards = {other for other in imported if LAYER_OF[other] > LAYER_OF[part]}
    assert not upwards, f"{path.name} ({part}) imports upwards: {upwards}"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import follow_your_click.models.unet", {"models"}),
        ("from follow_your_click.region import Region", {"region"}),
        ("from follow_your_click import clip", {"clip"}),
        ("from .. import flow", {"flow"}),
        ("from ..data.video import read", {"data"}),
        ("from . import unet", {"models"}),
        ("def f():\n    from follow_your_click import animator", {"animator"}),
        ("import torch\nfrom pathlib import Path", set()),
    ],
)
def test_every_way_to_write_an_import_is_seen(source: str, expected: set[str]) -> None:
    assert _imported_parts(ast.parse(source), [PACKAGE, "models"]) == expected


@pytest.mark.parametrize("module", [PACKAGE, f"{PACKAGE}.interfaces.cli"])
def test_import_loads_no_heavy_library(module: str) -> None:
    program = f"import sys, {module}; print(*({set(HEAVY)!r} & sys.modules.keys()))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE.parent)},
    )
    assert result.stdout.split() == []
