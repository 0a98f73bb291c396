"""What this package is, as installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def package_version() -> str | None:
    """Such as "0.1.0"; None where the package is run from its source folder."""
    try:
        return version("follow-your-click")
    except PackageNotFoundError:
        return None
