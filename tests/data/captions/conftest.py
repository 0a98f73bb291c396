"""A real HTTP server on this machine that speaks the OpenAI chat protocol, well or badly, as a test asks."""

from __future__ import annotations

import functools
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from follow_your_click.data.captions.llm import LLMSettings

PROMPT_TOKENS, COMPLETION_TOKENS = 1000, 50
Behave = Callable[[list[str], int], str]


def answer_to(caption: str) -> dict[str, Any]:
    """What the server says about a caption when it behaves: every third number is still."""
    number = int(caption.rsplit(" ", 1)[-1])
    if number % 3 == 0:
        return {"objects": [], "motion_prompts": [], "still": True}
    return {"objects": [f"thing {number}"], "motion_prompts": [f"move {number}"], "still": False}


@dataclass
class ChatServer:
    """Counts what it is asked; `behave(captions, times seen)` names how it answers: see `Handler`."""

    url: str = ""
    behave: Behave = lambda captions, seen: "well"
    retry_after: str | None = None
    delay: float = 0
    asked: list[list[str]] = field(default_factory=list)
    """Captions of each request, in the order in which they came."""
    arrived: list[float] = field(default_factory=list)
    answered: list[list[str]] = field(default_factory=list)
    """Captions of each request that got a good answer."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

    def enter(self, body: dict[str, Any]) -> tuple[list[str], str]:
        captions = [
            entry["caption"] for entry in json.loads(body["messages"][-1]["content"])["captions"]
        ]
        with self._lock:
            seen = sum(captions[0] in asked for asked in self.asked)
            self.arrived.append(time.monotonic())
            self.bodies.append(body)
            self.asked.append(captions)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            fault = self.behave(captions, seen)
            self.faults[fault] += 1
        return captions, fault

    def leave(self, captions: list[str], fault: str) -> None:
        with self._lock:
            self._at_once -= 1
            if fault == "well":
                self.answered.append(captions)

    def forget(self) -> None:
        self.asked, self.answered, self.arrived, self.bodies = [], [], [], []
        self.faults = Counter()


def _entries(captions: list[str], fault: str) -> list[dict[str, Any]]:
    entries = [{"index": index, **answer_to(text)} for index, text in enumerate(captions)]
    if fault == "gap":
        return entries[:-1]
    if fault == "twice":
        return [*entries, entries[0]]
    if fault == "wrong types":
        return [{**entry, "still": "no", "objects": "thing"} for entry in entries]
    if fault == "contradiction":
        return [{**entry, "still": True, "motion_prompts": ["move"]} for entry in entries]
    return entries


def _content(captions: list[str], fault: str) -> str | None:
    text = json.dumps({"captions": _entries(captions, fault)})
    other = {
        "prose": "Certainly! The boat drifts to the left.",
        "cut off": text[: len(text) // 2],
        "other form": json.dumps({"result": []}),
        "null": None,
        "fenced": f"```json\n{text}\n```",
    }
    return other.get(fault, text)


class Handler(BaseHTTPRequestHandler):
    chat: ChatServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        captions, fault = self.chat.enter(body)
        try:
            self.chat.closing.wait(self.chat.delay)
            self._answer(captions, fault)
        except OSError:
            pass  # the client has gone
        finally:
            self.chat.leave(captions, fault)

    def _answer(self, captions: list[str], fault: str) -> None:
        if fault == "hang":
            self.chat.closing.wait(5)
            self.close_connection = True
        elif fault == "drop":
            self.close_connection = True
        elif fault.isdigit():
            self._send(int(fault), json.dumps({"error": {"message": f"sorry, {fault}"}}))
        elif fault == "web page":
            self._send(200, "<html>Bad gateway</html>", kind="text/html")
        elif fault == "no json":
            self._send(200, '{"id": "x", "choices": [{"mess')
        elif fault == "no choices":
            self._send(200, json.dumps({"id": "x", "object": "chat.completion"}))
        else:
            self._send(200, json.dumps(self._completion(_content(captions, fault))))

    def _completion(self, content: str | None) -> dict[str, Any]:
        message = {"role": "assistant", "content": content}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": "tiny",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {
                "prompt_tokens": PROMPT_TOKENS,
                "completion_tokens": COMPLETION_TOKENS,
                "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
            },
        }

    def _send(self, status: int, text: str, *, kind: str = "application/json") -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if status == 429 and self.chat.retry_after is not None:
            self.send_header("Retry-After", self.chat.retry_after)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed resets its connections."""


@pytest.fixture(autouse=True, scope="session")
def certificates_read_once() -> Iterator[None]:
    """Each client reads the machine's certificates anew, which takes longer than most tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    chat = ChatServer()
    handler = type("ThisHandler", (Handler,), {"chat": chat})
    server = Quiet(("127.0.0.1", 0), handler)
    chat.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield chat
    chat.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def quick() -> LLMSettings:
    """Settings that do not wait long."""
    return LLMSettings(
        captions_per_request=4, concurrency=8, timeout=5, first_delay=0.01, longest_delay=0.05
    )
