"""Motion captions by a language model behind any server that speaks the OpenAI chat protocol."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from follow_your_click.data.captions.asking import Asking, Spending
from follow_your_click.data.captions.cache import CaptionCache
from follow_your_click.data.captions.prompt import (
    ANSWER_NAME,
    answer_schema,
    messages,
    prompt_version,
)
from follow_your_click.data.captions.retries import Backoff
from follow_your_click.data.captions.schema import Captioner, MotionAnswer, MotionCaption
from follow_your_click.errors import MissingExtraError, SettingsError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

EMPTY = "the caption is empty"


class LLMSettings(BaseModel):
    """How a server is asked.

    Attributes:
        captions_per_request: asked together, so that the samples are paid for once.
        concurrency: requests under way at a time.
        max_attempts: requests for a caption before it is given up.
        timeout: seconds for one request from sending to the last byte.
        first_delay, longest_delay: seconds before the second attempt, doubled for each further one, drawn evenly from
            half of it to all; a server's Retry-After is kept to where it is longer, up to `longest_retry_after`.
        give_up_after: requests that fail for good, one after the other, before the rest is not sent at all.
        response_format: "json_schema" where the server holds the model to a schema, "json_object" where it only
            promises JSON, "text" where it knows neither.
        max_completion_tokens: of one answer; None leaves it to the server.
        price_per_million_prompt_tokens, price_per_million_completion_tokens: for `cost`, in any currency.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    captions_per_request: int = Field(default=8, ge=1, le=64)
    concurrency: int = Field(default=8, ge=1, le=512)
    max_attempts: int = Field(default=5, ge=1)
    timeout: float = Field(default=60, gt=0)
    first_delay: float = Field(default=1, gt=0)
    longest_delay: float = Field(default=30, gt=0)
    longest_retry_after: float = Field(default=300, gt=0)
    give_up_after: int = Field(default=20, ge=1)
    response_format: Literal["json_schema", "json_object", "text"] = "json_schema"
    temperature: float | None = Field(default=0, ge=0)
    max_completion_tokens: int | None = Field(default=None, ge=16)
    price_per_million_prompt_tokens: float = Field(default=0, ge=0)
    price_per_million_completion_tokens: float = Field(default=0, ge=0)


def cost(spending: Spending, settings: LLMSettings) -> float:
    """In the currency of the settings' prices."""
    prompt = spending.prompt_tokens * settings.price_per_million_prompt_tokens
    completion = spending.completion_tokens * settings.price_per_million_completion_tokens
    return (prompt + completion) / 1e6


class LLMCaptioner:
    """Asks a server for motion captions; every caption ends with a record, or a record with the reason why not.

    Attributes:
        spending: requests and tokens since this captioner was made.

    Args:
        model: name of the model on the server; OPENAI_MODEL if left out.
        base_url: of the server, up to and including /v1; OPENAI_BASE_URL, or OpenAI's own, if left out.
        api_key: OPENAI_API_KEY if left out; a server of one's own with a `base_url` needs none.
        settings: how to ask.
        cache: an SQLite file of answers; None keeps nothing. Failures are never kept.
        fallback: who reads the captions that the server failed on, for instance `RuleCaptioner()`.

    Raises:
        MissingExtraError: openai is not installed.
        SettingsError: no model, or no key for OpenAI's own server.
    """

    def __init__(
        self,
        *,
        model: str | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        settings: LLMSettings | None = None,
        cache: Path | None = None,
        fallback: Captioner | None = None,
    ) -> None:
        _check_extra()
        self.settings = settings or LLMSettings()
        self.spending = Spending()
        self._model = model or os.environ.get("OPENAI_MODEL", "")
        if not self._model:
            raise SettingsError("got no model; expected its name on the server, or OPENAI_MODEL")
        self._base_url = base_url or os.environ.get("OPENAI_BASE_URL")
        self._api_key = api_key or os.environ.get("OPENAI_API_KEY") or "none"
        if self._api_key == "none" and self._base_url is None:
            raise SettingsError(
                "got neither a key nor a base URL; expected OPENAI_API_KEY, or a base URL"
            )
        self._cache_path = cache
        self._fallback = fallback

    @property
    def source(self) -> str:
        return f"llm:{self._model}"

    def describe(self, captions: Sequence[str]) -> list[MotionCaption]:
        """One record per caption, in their order. Equal captions are asked about once.

        Raises:
            ModelError: the server does not know the model, or does not accept the key.
            OutputError: the cache cannot be written.
        """
        return asyncio.run(self.describe_async(captions))

    async def describe_async(self, captions: Sequence[str]) -> list[MotionCaption]:
        """`describe`, for callers that run an event loop."""
        with ExitStack() as stack:
            cache = None
            if self._cache_path is not None:
                cache = CaptionCache(
                    self._cache_path, model=self._model, prompt_version=prompt_version()
                )
                stack.enter_context(cache)
            texts = [_clean(caption) for caption in captions]
            wanted = list(dict.fromkeys(text for text in texts if text))
            found = await self._answers(wanted, cache)
        records = [
            self._record(caption, found.get(text, EMPTY))
            for caption, text in zip(captions, texts, strict=True)
        ]
        return self._with_fallback(records)

    async def _answers(
        self, captions: Sequence[str], cache: CaptionCache | None
    ) -> dict[str, MotionAnswer | str]:
        known = {caption: cache.get(caption) if cache else None for caption in captions}
        found: dict[str, MotionAnswer | str] = {c: a for c, a in known.items() if a is not None}
        self.spending.cached += len(found)
        missing = [caption for caption in captions if caption not in found]
        if not missing:
            return found
        async with self.client() as client:
            asking = Asking(
                send=lambda batch: client.chat.completions.create(**self.request(batch)),
                spending=self.spending,
                cache=cache,
                backoff=Backoff(
                    first=self.settings.first_delay,
                    longest=self.settings.longest_delay,
                    longest_retry_after=self.settings.longest_retry_after,
                ),
                timeout=self.settings.timeout,
                max_attempts=self.settings.max_attempts,
                give_up_after=self.settings.give_up_after,
            )
            size = self.settings.captions_per_request
            batches = [missing[at : at + size] for at in range(0, len(missing), size)]
            return found | await asking.run(batches, concurrency=self.settings.concurrency)

    def _record(self, caption: str, found: MotionAnswer | str) -> MotionCaption:
        if isinstance(found, str):
            return MotionCaption.failure(caption, found, source=self.source)
        return MotionCaption.from_answer(caption, found, source=self.source)

    def _with_fallback(self, records: list[MotionCaption]) -> list[MotionCaption]:
        failed = [place for place, record in enumerate(records) if record.failed]
        if self._fallback is not None and failed:
            instead = self._fallback.describe([records[place].original for place in failed])
            for place, record in zip(failed, instead, strict=True):
                records[place] = record
        return records

    def client(self) -> AsyncOpenAI:
        """Its own retries are off: they would not see malformed answers, and would not be counted."""
        from openai import AsyncOpenAI

        return AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key,
            timeout=self.settings.timeout,
            max_retries=0,
        )

    def request(self, captions: Sequence[str]) -> dict[str, Any]:
        """Arguments of the chat request that asks about these captions."""
        asked: dict[str, Any] = {"model": self._model, "messages": messages(captions)}
        kind = self.settings.response_format
        if kind == "json_schema":
            schema = {"name": ANSWER_NAME, "strict": True, "schema": answer_schema()}
            asked["response_format"] = {"type": kind, "json_schema": schema}
        elif kind == "json_object":
            asked["response_format"] = {"type": kind}
        if self.settings.temperature is not None:
            asked["temperature"] = self.settings.temperature
        if self.settings.max_completion_tokens is not None:
            asked["max_completion_tokens"] = self.settings.max_completion_tokens
        return asked


def _clean(caption: str) -> str:
    """One line of valid Unicode: what is sent, and what the cache goes by."""
    return " ".join(caption.encode("utf-8", "replace").decode().split())


def _check_extra() -> None:
    try:
        import openai  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "asking a language model needs openai, which is not installed; "
            'pip install "follow-your-click[captions]"'
        ) from error
