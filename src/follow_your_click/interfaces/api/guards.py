"""Who may ask: credentials, the host that is asked for, the site that asks. Plain ASGI, around page and API alike."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from follow_your_click.errors import SettingsError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
USER_KEY = "follow_your_click.user"
"""In the scope of a request that came with credentials: whose they are."""


@dataclass(frozen=True)
class Credentials:
    """A user and a password, both not empty; the user without a colon. Raises SettingsError otherwise."""

    user: str
    password: str

    def __post_init__(self) -> None:
        if not self.user or not self.password or ":" in self.user:
            raise SettingsError("credentials: expected USER:PASSWORD, neither of them empty")

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """From "USER:PASSWORD"; raises SettingsError, without the text, for anything else."""
        user, _, password = text.strip("\r\n").partition(":")
        return cls(user, password)

    def match(self, header: bytes) -> bool:
        """Whether an Authorization header holds them; takes the same time whatever is wrong."""
        scheme, _, packed = header.partition(b" ")
        try:
            given = base64.b64decode(packed.strip(), validate=True)
        except (binascii.Error, ValueError):
            given = b""
        right = f"{self.user}:{self.password}".encode()
        return hmac.compare_digest(given, right) and scheme.lower() == b"basic"


class Guard:
    """Lets a request through to `app`, or answers it.

    Args:
        app: page and API.
        credentials: asked of everybody by HTTP basic authentication; None: of nobody.
        hosts: names that the server may be asked by; None: any. A site that lets its name point to this machine
            would otherwise be let in by the visitor's own browser.
    """

    def __init__(
        self,
        app: App,
        *,
        credentials: Credentials | None = None,
        hosts: Iterable[str] | None = None,
    ) -> None:
        self._app = app
        self._credentials = credentials
        self._hosts = None if hosts is None else frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = dict(scope.get("headers", []))
        refused = self._refused(scope, headers)
        if refused is None:
            return await self._app(scope, receive, send)
        await _answer(send, *refused)

    def _refused(
        self, scope: Scope, headers: dict[bytes, bytes]
    ) -> tuple[int, str, list[tuple[bytes, bytes]]] | None:
        """Status, one line and headers of a refusal; None: let it through."""
        host = headers.get(b"host", b"").decode("latin-1")
        if self._hosts is not None and _name(host) not in self._hosts:
            return 403, "this server does not answer by that host name", []
        origin = headers.get(b"origin", b"").decode("latin-1")
        method = scope.get("method", "GET")
        if origin and method not in SAFE_METHODS and urlsplit(origin).netloc != host:
            return 403, "this server takes nothing from other sites", []
        if self._credentials is None:
            return None
        if not self._credentials.match(headers.get(b"authorization", b"")):
            asked = (b"www-authenticate", b'Basic realm="Follow Your Click", charset="UTF-8"')
            return 401, "credentials are missing or wrong", [asked]
        scope[USER_KEY] = self._credentials.user
        return None


def _name(host: str) -> str:
    """The name in a Host header, without port or brackets; empty for one that is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


async def _answer(send: Send, status: int, line: str, headers: list[tuple[bytes, bytes]]) -> None:
    body = json.dumps({"error": line}).encode()
    length = (b"content-length", str(len(body)).encode())
    kind = (b"content-type", b"application/json")
    await send(
        {"type": "http.response.start", "status": status, "headers": [kind, length, *headers]}
    )
    await send({"type": "http.response.body", "body": body})
