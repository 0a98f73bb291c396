"""The language model's captioner against a server that misbehaves: every caption ends with a record or a reason."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from follow_your_click.data.captions.cache import CaptionCache
from follow_your_click.data.captions.llm import LLMCaptioner, LLMSettings, cost
from follow_your_click.data.captions.prompt import prompt_version
from follow_your_click.data.captions.retries import retry_after
from follow_your_click.data.captions.rules import RuleCaptioner
from follow_your_click.data.captions.schema import MotionAnswer, MotionCaption
from follow_your_click.errors import ModelError, OutputError, SettingsError

if TYPE_CHECKING:
    ChatServer = Any

FAULTS = (
    "429",
    "500",
    "503",
    "hang",
    "drop",
    "web page",
    "no json",
    "no choices",
    "gap",
    "twice",
) + (*("wrong types", "contradiction", "prose", "cut off", "other form", "null", "fenced", "well"),)


def captions(count: int) -> list[str]:
    return [f"caption number {number}" for number in range(count)]


def captioner(chat: ChatServer, settings: LLMSettings, **more: Any) -> LLMCaptioner:
    return LLMCaptioner(model="tiny", base_url=chat.url, settings=settings, **more)


def check(records: list[MotionCaption], texts: list[str]) -> None:
    """Right records, in order, for captions that end in their number."""
    assert [record.original for record in records] == texts
    for record in records:
        number = int(record.original.rsplit(" ", 1)[-1])
        assert not record.failed, record.reason
        assert record.still == (number % 3 == 0)
        assert record.motion_prompts == ([] if record.still else [f"move {number}"])
        assert record.objects == ([] if record.still else [f"thing {number}"])
        assert record.source == "llm:tiny"


def test_every_caption_gets_its_record_from_a_server_that_fails_in_every_way(
    chat: ChatServer, quick: LLMSettings
) -> None:
    def behave(asked: list[str], seen: int) -> str:
        if seen >= 2:
            return "well"
        draw = hashlib.sha256(f"{asked[0]} {seen}".encode()).digest()[0]
        return FAULTS[draw % len(FAULTS)]

    chat.behave, texts = behave, captions(120)
    settings = quick.model_copy(update={"max_attempts": 10, "timeout": 1})
    subject = captioner(chat, settings)
    check(subject.describe(texts), texts)
    assert {"429", "500", "hang", "cut off", "gap"} <= set(chat.faults)
    assert {text for asked in chat.asked for text in asked} == set(texts)
    assert subject.spending.requests >= len(chat.asked)
    assert subject.spending.retries == subject.spending.requests - len(texts) // 4
    assert 1 < chat.most_at_once <= 8


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"hang", "fenced", "well", "gap", "twice"}))
def test_a_caption_that_never_works_ends_with_the_reason_after_a_bounded_number_of_requests(
    chat: ChatServer, fault: str
) -> None:
    chat.behave = lambda asked, seen: fault
    settings = LLMSettings(max_attempts=3, first_delay=0.01, captions_per_request=1)
    [record] = captioner(chat, settings).describe(["caption number 1"])
    assert record.failed and record.motion_prompts == []
    assert record.reason is not None and "\n" not in record.reason
    assert (fault in record.reason) == fault.isdigit()
    assert len(chat.asked) == 3


def test_a_server_that_hangs_is_left_after_the_timeout(chat: ChatServer) -> None:
    chat.behave = lambda asked, seen: "hang"
    settings = LLMSettings(max_attempts=2, first_delay=0.01, timeout=0.2)
    started = time.monotonic()
    records = captioner(chat, settings).describe(captions(3))
    assert time.monotonic() - started < 2
    assert all("no answer in time" in str(record.reason) for record in records)


def test_only_what_an_answer_leaves_out_is_asked_again(
    chat: ChatServer, quick: LLMSettings
) -> None:
    chat.behave = lambda asked, seen: "gap" if len(asked) > 1 else "well"
    texts = captions(4)
    check(captioner(chat, quick).describe(texts), texts)
    assert [len(asked) for asked in chat.asked] == [4, 1]
    assert chat.asked[1] == texts[3:]


def test_an_unreadable_answer_is_asked_for_again_in_halves(
    chat: ChatServer, quick: LLMSettings
) -> None:
    chat.behave = lambda asked, seen: "prose" if len(asked) > 1 else "well"
    texts = captions(4)
    check(captioner(chat, quick).describe(texts), texts)
    assert sorted(len(asked) for asked in chat.asked) == [1, 1, 1, 1, 2, 2, 4]


def test_one_caption_that_the_server_refuses_does_not_spoil_the_others(
    chat: ChatServer, quick: LLMSettings
) -> None:
    chat.behave = lambda asked, seen: "400" if "caption number 2" in asked else "well"
    records = captioner(chat, quick).describe(captions(4))
    assert [record.failed for record in records] == [False, False, True, False]
    assert records[2].reason == "the server answered 400: sorry, 400"
    assert len(chat.asked) == 5


def test_nobody_asks_before_retry_after_is_over(chat: ChatServer) -> None:
    chat.retry_after = "0.4"
    chat.behave = lambda asked, seen: "429" if asked[0].endswith("0") and not seen else "well"
    chat.delay = 0.02
    settings = LLMSettings(captions_per_request=1, concurrency=2, first_delay=0.01)
    texts = captions(8)
    check(captioner(chat, settings).describe(texts), texts)
    # The second worker's requests may be under way when the first is told to wait; all others come later.
    waited = [later - chat.arrived[0] for later in chat.arrived[3:]]
    assert min(waited) >= 0.4
    assert chat.faults == {"429": 1, "well": 8}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, pytest.approx(2.5e11, rel=0.1)),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "nan"}, 0),
        ({}, 0),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float) -> None:
    error = ValueError()
    error.response = SimpleNamespace(headers=headers)  # type: ignore[attr-defined]
    assert retry_after(error) == seconds


def test_a_server_that_is_down_is_not_asked_about_every_caption(chat: ChatServer) -> None:
    chat.behave = lambda asked, seen: "500"
    settings = LLMSettings(
        captions_per_request=1, concurrency=1, max_attempts=2, first_delay=0.01, give_up_after=3
    )
    records = captioner(chat, settings).describe(captions(50))
    assert len(chat.asked) == 6
    assert all(record.failed for record in records)
    assert records[0].reason == "the server answered 500: sorry, 500"
    assert records[-1].reason == "not asked: the server failed 3 times in a row"


def test_no_server_at_all_is_a_reason_too() -> None:
    settings = LLMSettings(max_attempts=2, first_delay=0.01)
    subject = LLMCaptioner(model="tiny", base_url="http://127.0.0.1:9/v1", settings=settings)
    [record] = subject.describe(["a dog runs"])
    assert record.reason == "no connection (APIConnectionError)"


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_a_wrong_key_or_model_ends_the_run_with_one_line(
    chat: ChatServer, quick: LLMSettings, status: str
) -> None:
    chat.behave = lambda asked, seen: status
    with pytest.raises(ModelError, match=f"^the server answered {status}: sorry, {status}$"):
        captioner(chat, quick).describe(captions(400))
    assert len(chat.asked) <= 2 * quick.concurrency


def test_a_second_run_sends_nothing(chat: ChatServer, quick: LLMSettings, tmp_path: Path) -> None:
    texts, file = captions(30), tmp_path / "cache"
    first = captioner(chat, quick, cache=file)
    check(first.describe(texts), texts)
    chat.forget()
    second = captioner(chat, quick, cache=file)
    check(second.describe(texts[::-1]), texts[::-1])
    assert chat.asked == [] and second.spending.cached == 30
    with CaptionCache(file, model="tiny", prompt_version=prompt_version()) as cache:
        assert cache.spent() == (8, first.spending.prompt_tokens, first.spending.completion_tokens)


def test_failures_are_not_kept(chat: ChatServer, quick: LLMSettings, tmp_path: Path) -> None:
    chat.behave = lambda asked, seen: "400" if "caption number 1" in asked else "well"
    texts = captions(3)
    captioner(chat, quick, cache=tmp_path / "cache").describe(texts)
    chat.behave = lambda asked, seen: "well"
    chat.forget()
    check(captioner(chat, quick, cache=tmp_path / "cache").describe(texts), texts)
    assert chat.asked == [["caption number 1"]]


def test_answers_of_another_model_or_prompt_are_not_used(tmp_path: Path) -> None:
    file, still = tmp_path / "cache", MotionAnswer(objects=[], motion_prompts=[], still=True)
    with CaptionCache(file, model="tiny", prompt_version="1") as cache:
        cache.put({"a dog": still}, prompt_tokens=1, completion_tokens=1)
        assert cache.get("a dog") == still and cache.get("a cat") is None
    for model, version in (("large", "1"), ("tiny", "2")):
        with CaptionCache(file, model=model, prompt_version=version) as cache:
            assert cache.get("a dog") is None


def test_a_file_that_is_no_cache_is_named(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but long enough to be looked at " * 50)
    with pytest.raises(OutputError, match="notes.txt: cannot be used as a caption cache"):
        CaptionCache(file, model="tiny", prompt_version="1")


RUN = """
import signal
import sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
from follow_your_click.data.captions.llm import LLMCaptioner, LLMSettings
settings = LLMSettings(captions_per_request=4, concurrency=3)
LLMCaptioner(
    model="tiny", base_url=sys.argv[1], settings=settings, cache=Path(sys.argv[2])
).describe([f"caption number {number}" for number in range(200)])
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "ctrl-C"])
def test_a_killed_run_pays_only_for_what_was_missing(
    chat: ChatServer, quick: LLMSettings, tmp_path: Path, how: signal.Signals
) -> None:
    file, texts = tmp_path / "cache", captions(200)
    chat.delay = 0.03
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, chat.url, str(file)],
        env={**os.environ, "OPENAI_API_KEY": "unused"},
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: len(chat.answered) >= 10)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode == -how
    with CaptionCache(file, model="tiny", prompt_version=prompt_version()) as cache:
        paid = {text for text in texts if cache.get(text) is not None}
    answered = set(itertools.chain(*chat.answered))
    assert paid <= answered
    # Nothing is lost but the answers that were on their way: one for each of the three workers at most.
    assert 40 - 12 <= len(answered) - 12 <= len(paid) < 200

    chat.forget()
    chat.delay = 0
    subject = captioner(chat, quick, cache=file)
    check(subject.describe(texts), texts)
    assert sorted(itertools.chain(*chat.asked)) == sorted(set(texts) - paid)
    assert subject.spending.cached == len(paid)


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "waited for a minute"
        time.sleep(0.005)


def test_tokens_and_cost_are_counted_also_of_answers_that_could_not_be_used(
    chat: ChatServer,
) -> None:
    chat.behave = lambda asked, seen: "prose" if seen < 2 else "well"
    settings = LLMSettings(
        first_delay=0.01, price_per_million_prompt_tokens=2, price_per_million_completion_tokens=10
    )
    subject = captioner(chat, settings)
    subject.describe(["caption number 1"])
    assert (subject.spending.prompt_tokens, subject.spending.completion_tokens) == (3000, 150)
    assert cost(subject.spending, settings) == pytest.approx((3000 * 2 + 150 * 10) / 1e6)


def test_equal_and_empty_captions_are_not_asked_about_twice_or_at_all(
    chat: ChatServer, quick: LLMSettings
) -> None:
    texts = [
        "caption number 1",
        "  ",
        "caption  number\n1",
        "",
        "caption number 2",
        "caption number 1",
    ]
    records = captioner(chat, quick).describe(texts)
    assert chat.asked == [["caption number 1", "caption number 2"]]
    assert [record.original for record in records] == texts
    assert [record.reason for record in records] == [
        *(None, "the caption is empty", None, "the caption is empty", None, None)
    ]
    assert records[0].motion_prompts == records[2].motion_prompts == ["move 1"]


def test_text_that_is_no_unicode_is_sent_all_the_same(chat: ChatServer, quick: LLMSettings) -> None:
    [record] = captioner(chat, quick).describe(["broken \udcff text 4"])
    assert record.motion_prompts == ["move 4"]


def test_the_rules_read_what_the_server_fails_on(chat: ChatServer, quick: LLMSettings) -> None:
    chat.behave = lambda asked, seen: "400" if any("boat" in text for text in asked) else "well"
    subject = captioner(chat, quick, fallback=RuleCaptioner())
    records = subject.describe(["caption number 1", "the boat drifts left"])
    assert [record.source for record in records] == ["llm:tiny", "rules"]
    assert records[1].objects == ["boat"] and records[1].motion_prompts == ["drift left"]


def test_the_request_holds_task_samples_and_schema(chat: ChatServer, quick: LLMSettings) -> None:
    captioner(chat, quick).describe(captions(2))
    [body] = chat.bodies
    system, user = body["messages"]
    assert body["model"] == "tiny" and body["temperature"] == 0
    assert system["role"] == "system" and system["content"].count('{"caption": "') == 50
    assert user["content"] == (
        '{"captions": [{"index": 0, "caption": "caption number 0"},'
        ' {"index": 1, "caption": "caption number 1"}]}'
    )
    schema = body["response_format"]["json_schema"]
    assert schema["strict"] and schema["schema"]["required"] == ["captions"]


@pytest.mark.parametrize("form", ["json_object", "text"])
def test_servers_without_schemas_are_asked_without_one(chat: ChatServer, form: Any) -> None:
    captioner(chat, LLMSettings(response_format=form)).describe(captions(1))
    [body] = chat.bodies
    assert body.get("response_format") == ({"type": form} if form == "json_object" else None)


def test_a_running_event_loop_can_wait_for_it(chat: ChatServer, quick: LLMSettings) -> None:
    texts = captions(2)
    check(asyncio.run(captioner(chat, quick).describe_async(texts)), texts)


def test_model_server_and_key_may_come_from_the_environment(
    chat: ChatServer, quick: LLMSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_MODEL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match="got no model"):
        LLMCaptioner()
    monkeypatch.setenv("OPENAI_MODEL", "tiny")
    with pytest.raises(SettingsError, match="neither a key nor a base URL"):
        LLMCaptioner()
    monkeypatch.setenv("OPENAI_BASE_URL", chat.url)
    texts = captions(1)
    check(LLMCaptioner(settings=quick).describe(texts), texts)
