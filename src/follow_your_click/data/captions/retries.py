"""When to ask a server again, and after how long."""

from __future__ import annotations

import asyncio
import random
import time
from email.utils import parsedate_to_datetime

BUSY = 429
AGAIN = frozenset((408, 409, 425, BUSY))
HOPELESS = frozenset((401, 403, 404))
"""Wrong key, no access, no such model or address: no caption will fare better."""


class Backoff:
    """Doubling delays with jitter; while a server says that it is busy, nobody asks it.

    Args:
        first: seconds before the second attempt.
        longest: upper bound of the doubling.
        longest_retry_after: upper bound of what a server may ask for.
    """

    def __init__(self, *, first: float, longest: float, longest_retry_after: float) -> None:
        self._first = first
        self._longest = longest
        self._longest_retry_after = longest_retry_after
        self._not_before = 0.0
        self._random = random.Random()

    async def ready(self) -> None:
        """Return once no Retry-After stands in the way; another may have come meanwhile."""
        while (left := self._not_before - time.monotonic()) > 0:
            await asyncio.sleep(left)

    async def wait(self, attempt: int, error: Exception) -> None:
        """Sleep before the attempt after number `attempt` (0 the first), which failed with `error`."""
        whole = min(self._longest, self._first * 2.0**attempt)
        delay = whole * self._random.uniform(0.5, 1)
        asked = min(retry_after(error), self._longest_retry_after)
        if asked > 0:
            self._not_before = max(self._not_before, time.monotonic() + asked)
        await asyncio.sleep(max(delay, asked))


def retry_after(error: Exception) -> float:
    """Seconds that the server asks to wait, from Retry-After (a number or a date) or retry-after-ms; 0 if it does not."""
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None) or {}
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        return seconds if seconds > 0 else 0.0
    try:
        return max(
            0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time()
        )
    except (ValueError, TypeError, OverflowError):
        return 0.0


def status(error: Exception) -> int | None:
    """HTTP status of a failed request; None where there was no answer."""
    code = getattr(error, "status_code", None)
    return code if isinstance(code, int) else None


def hopeless(error: Exception) -> bool:
    """No request of this run can succeed."""
    return status(error) in HOPELESS


def refused(error: Exception) -> bool:
    """The server understood, and will not answer this request however often it comes."""
    code = status(error)
    return code is not None and 400 <= code < 500 and code not in AGAIN


def describe_failure(error: Exception) -> str:
    """One line."""
    code = status(error)
    if code is None:
        kind = "no answer in time" if _timed_out(error) else "no connection"
        return f"{kind} ({type(error).__name__})"
    text = " ".join(str(getattr(error, "message", error)).split())
    text = text.removeprefix(f"Error code: {code} - ")
    return f"the server answered {code}: {text[:200]}"


def _timed_out(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or "Timeout" in type(error).__name__
