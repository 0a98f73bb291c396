"""Files of a model on the hub: from its cache, or else downloaded, with one clear line when that fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from huggingface_hub import errors as hub_errors
from huggingface_hub import get_hf_file_metadata, hf_hub_url, snapshot_download

from follow_your_click.errors import ModelError

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_ANSWER_SECONDS = 5.0  # how long the hub may take to say whether it has a model

# The hub's client raises the errors of the HTTP library that this version of it stands on.
HTTP_ERROR: type[Exception] = hub_errors.HTTPError  # type: ignore[attr-defined]

Missing = Callable[[Path], str | None]
"""The first file that a model folder needs and lacks; None for a whole one."""


def is_hub_id(name: str | Path) -> bool:
    """Whether a name has the form owner/model."""
    return isinstance(name, str) and _HUB_ID.fullmatch(name) is not None


def fetch(
    name: str,
    *,
    files: Sequence[str],
    probe: str,
    missing: Missing,
    refusal: Callable[[str], ModelError],
) -> Path:
    """The folder of a model with an id like owner/model.

    A model that is in the cache, whole, is taken from there without asking the hub. Without a network the error comes
    as soon as the network says so, after 5 s at most.

    Args:
        files: patterns of the files to download; no copies of the weights in formats that can run code.
        probe: a file that the model must have, asked for first.
        missing: what a folder still lacks.
        refusal: makes the error from a reason.

    Raises:
        ModelError: not to be had, or not whole.
    """
    try:
        folder = _cached(name, files, missing) or _downloaded(name, files, probe)
    except hub_errors.GatedRepoError as error:
        reason = (
            "its owner asks for consent first: accept the terms on the model's page and log in"
            " with 'hf auth login'"
        )
        raise refusal(reason) from error
    except hub_errors.RepositoryNotFoundError as error:
        reason = "the hub has no such model, or only for those who are logged in ('hf auth login')"
        raise refusal(reason) from error
    except hub_errors.RemoteEntryNotFoundError as error:
        raise refusal(f"this model on the hub has no {probe}") from error
    except hub_errors.OfflineModeIsEnabled as error:
        reason = "not in the cache, and the hub may not be asked (HF_HUB_OFFLINE is set)"
        raise refusal(reason) from error
    except (HTTP_ERROR, OSError, ValueError) as error:
        reason = f"not in the cache, and cannot be had from the hub ({first_line(error)})"
        raise refusal(reason) from error
    lacking = missing(folder)
    if lacking is not None:
        raise refusal(f"this model on the hub has no {lacking}")
    return folder


def _cached(name: str, files: Sequence[str], missing: Missing) -> Path | None:
    """The folder of a model that was downloaded before, if it is whole."""
    try:
        folder = Path(snapshot_download(name, local_files_only=True, allow_patterns=list(files)))
    except hub_errors.LocalEntryNotFoundError:
        return None
    return folder if missing(folder) is None else None


def _downloaded(name: str, files: Sequence[str], probe: str) -> Path:
    # One question without retries first: the download itself would retry for half a minute.
    get_hf_file_metadata(hf_hub_url(name, probe), timeout=_ANSWER_SECONDS)
    return Path(snapshot_download(name, allow_patterns=list(files)))


def first_line(error: Exception) -> str:
    """What an error says, as a part of one line."""
    return " ".join(str(error).splitlines()[:1]) or type(error).__name__
