"""Asking a server about many captions: retries, splitting, and an end for every caption."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from follow_your_click.data.captions.cache import CaptionCache
from follow_your_click.data.captions.prompt import MalformedAnswerError, read_answers
from follow_your_click.data.captions.retries import (
    Backoff,
    describe_failure,
    hopeless,
    refused,
)
from follow_your_click.data.captions.schema import MotionAnswer
from follow_your_click.errors import ModelError

Send = Callable[[Sequence[str]], Awaitable[Any]]


@dataclass
class Spending:
    """What was asked for so far, as the server counts it; malformed answers are paid for, too.

    Attributes:
        requests: sent, answered or not.
        retries: those of them that repeat something.
        cached: captions that no request was needed for.
    """

    requests: int = 0
    retries: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class _Job:
    captions: Sequence[str]
    attempt: int = 0
    reason: str = ""


class Asking:
    """Jobs, workers, and what has been found: an answer or the reason why there is none, by caption.

    A job that fails goes back to the front of the queue: as it is after an error on the way; what is left of it after
    an answer with gaps; in halves after an answer that cannot be read; caption by caption after a refusal, since one
    caption can spoil a request for the others.
    """

    def __init__(
        self,
        *,
        send: Send,
        spending: Spending,
        cache: CaptionCache | None,
        backoff: Backoff,
        timeout: float,
        max_attempts: int,
        give_up_after: int,
    ) -> None:
        self._send = send
        self._spending = spending
        self._cache = cache
        self._backoff = backoff
        self._timeout = timeout
        self._max_attempts = max_attempts
        self._give_up_after = give_up_after
        self._jobs: deque[_Job] = deque()
        self._found: dict[str, MotionAnswer | str] = {}
        self._failed_in_a_row = 0

    async def run(
        self, batches: Sequence[Sequence[str]], *, concurrency: int
    ) -> dict[str, MotionAnswer | str]:
        """Every caption of the batches with its answer or reason.

        Raises:
            ModelError: the server knows neither the key nor the model nor the address.
            OutputError: the cache cannot be written.
        """
        self._jobs.extend(_Job(batch) for batch in batches)
        await _all([self._work() for _ in range(min(concurrency, len(batches)))])
        return self._found

    async def _work(self) -> None:
        while self._jobs:
            job = self._jobs.popleft()
            again = await self._attempt(job)
            self._jobs.extendleft(reversed(again))

    async def _attempt(self, job: _Job) -> list[_Job]:
        """Ask once; gives back what is still to be asked."""
        from openai import OpenAIError

        if self._failed_in_a_row >= self._give_up_after:
            reason = f"not asked: the server failed {self._failed_in_a_row} times in a row"
            self._found.update(dict.fromkeys(job.captions, reason))
            return []
        await self._backoff.ready()
        self._spending.retries += job.attempt > 0
        try:
            left = await self._ask(job.captions)
        except MalformedAnswerError as error:
            again = _halves(job, str(error))
        except (OpenAIError, TimeoutError) as error:
            reason = describe_failure(error)
            if hopeless(error):
                raise ModelError(reason) from error
            if refused(error):
                alone = [replace(job, captions=[caption]) for caption in job.captions]
                return alone if len(alone) > 1 else self._give_up(job, reason)
            again = [replace(job, attempt=job.attempt + 1, reason=reason)]
            if again[0].attempt < self._max_attempts:
                await self._backoff.wait(job.attempt, error)
        else:
            self._failed_in_a_row = 0
            reason = "the server's answers leave this caption out"
            again = [_Job(left, job.attempt + 1, reason)] if left else []
        if again and again[0].attempt >= self._max_attempts:
            return self._give_up(job, again[0].reason, [c for part in again for c in part.captions])
        return again

    def _give_up(self, job: _Job, reason: str, captions: Sequence[str] | None = None) -> list[_Job]:
        self._failed_in_a_row += 1
        self._found.update(dict.fromkeys(captions or job.captions, reason))
        return []

    async def _ask(self, captions: Sequence[str]) -> list[str]:
        """One request; gives back the captions that its answer leaves out.

        Nothing is awaited between the answer and the cache: an interrupted run keeps all that it has read.
        """
        self._spending.requests += 1
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._send(captions)
        except json.JSONDecodeError as error:
            raise MalformedAnswerError(f"the server's answer is not JSON: {error}") from error
        prompt_tokens, completion_tokens = _tokens(response)
        self._spending.prompt_tokens += prompt_tokens
        self._spending.completion_tokens += completion_tokens
        answers: dict[str, MotionAnswer] = {}
        try:
            read = read_answers(_content(response), len(captions))
            answers = {captions[index]: answer for index, answer in read.items()}
        finally:
            if self._cache:
                self._cache.put(
                    answers, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens
                )
        self._found.update(answers)
        return [caption for caption in captions if caption not in answers]


def _halves(job: _Job, reason: str) -> list[_Job]:
    """Models that lose the thread of many captions may keep that of fewer."""
    middle = (len(job.captions) + 1) // 2
    halves = (job.captions[:middle], job.captions[middle:])
    return [_Job(half, job.attempt + 1, reason) for half in halves if half]


def _content(response: Any) -> str:
    """The text of a chat answer; the client does not check what a server puts there."""
    try:
        content = response.choices[0].message.content
    except (AttributeError, IndexError, TypeError) as error:
        raise MalformedAnswerError("the server's answer is not a chat completion") from error
    if not isinstance(content, str) or not content.strip():
        raise MalformedAnswerError("the answer is empty")
    return content


def _tokens(response: Any) -> tuple[int, int]:
    """Prompt and completion tokens as the server counts them; 0 where it does not."""
    usage = getattr(response, "usage", None)
    counts = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    prompt, completion = (c if isinstance(c, int) and c > 0 else 0 for c in counts)
    return prompt, completion


async def _all(workers: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run to the end; the first error ends the others and is raised by itself, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
