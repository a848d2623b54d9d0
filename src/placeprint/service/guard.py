"""Access control: who may send requests, and what browsers may do with the answers; one layer around the service.

- Requests for another host name are refused, so that a web page cannot reach the service under its own domain name (DNS
  rebinding).
- With a token, every request must carry it, as ``Authorization: Bearer TOKEN`` or as the cookie that ``/v1/session``
  gives. Tokens are compared in constant time.
- A request that changes something must not come from another site.
- Request bodies are cut off at the size limit while they arrive, or if they arrive too slowly.
- Headers keep pages of other sites from framing or sniffing the answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

from placeprint.service.problems import Refused, problem
from placeprint.service.settings import LOOPBACK, ServiceSettings, is_loopback

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]

COOKIE = "placeprint_session"
OPEN_PATHS = ("/healthz", "/readyz", "/v1/session")
"""Paths that need no token: whether the service lives, and where a token becomes a cookie."""
GUARDED = "/v1/", "/metrics", "/openapi.json"
"""Beginnings of the paths that need the token; the files of the page are public, and show nothing without it."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
"""The content security policy without tiles of another host."""
SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """An ASGI layer that refuses what it must, and adds the headers.

    Args:
        app: the service.
        settings: its settings.
    """

    def __init__(self, app: AsgiApp, settings: ServiceSettings) -> None:
        self._app, self._settings = app, settings
        self._headers = SECURITY | {"content-security-policy": _policy(settings)}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(scope["method"], scope["path"], headers)
        if refused is not None:
            await problem(*refused)(scope, receive, _with_headers(send, self._headers))
            return
        await self._app(scope, _Body(receive, self._settings).receive, _with_headers(send, self._headers))

    def _refused(self, method: str, path: str, headers: Headers) -> tuple[int, str, dict[str, str]] | None:
        if not self._host_is_ours(headers.get("host", "")):
            return 421, "the service does not answer for this host name; use the address it was started with", {}
        if method not in SAFE_METHODS and not _same_site(headers):
            return 403, "a page of another site may not change anything here", {}
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._settings.max_bytes:
            return 413, f"a request may have up to {self._settings.max_bytes} bytes", {}
        needs_token = path.startswith(GUARDED) and path not in OPEN_PATHS
        if self._settings.token is not None and needs_token and not self._knows_token(headers):
            return 401, "a token is needed: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
        return None

    def _host_is_ours(self, host: str) -> bool:
        if not is_loopback(self._settings.host):
            return True  # it has names that the service cannot know; a token guards it
        name = urlsplit(f"//{host}").hostname or ""
        return name in LOOPBACK or is_loopback(name)

    def _knows_token(self, headers: Headers) -> bool:
        assert self._settings.token is not None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same_text(given.strip(), self._settings.token):
            return True
        return same_text(_cookie(headers), session_of(self._settings.token))


class _Body:
    """Reads the body of a request, up to the limits.

    Args:
        receive: gives the next message.
        settings: the limits.
    """

    def __init__(self, receive: Receive, settings: ServiceSettings) -> None:
        self._receive, self._settings = receive, settings
        self._left = settings.max_bytes
        self._until: float | None = None
        self._done = False

    async def receive(self) -> Message:
        """Return the next message of the body.

        Raises:
            Refused: the body is larger or slower than the limits.
        """
        if self._done:  # what follows the body is the news that the client left
            return await self._receive()
        loop = asyncio.get_running_loop()
        self._until = self._until or loop.time() + self._settings.max_seconds
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise Refused(408, f"a request must arrive within {self._settings.max_seconds:g} seconds") from None
        self._left -= len(message.get("body", b""))
        self._done = not message.get("more_body", False)
        if self._left < 0:
            raise Refused(413, f"a request may have up to {self._settings.max_bytes} bytes")
        return message


def session_of(token: str) -> str:
    """Return the value of the cookie that stands for a token; it does not tell the token."""
    return hmac.new(token.encode(), b"placeprint session", hashlib.sha256).hexdigest()


def same_text(given: str, right: str) -> bool:
    """Return whether two texts are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode())


def _policy(settings: ServiceSettings) -> str:
    """Return the content security policy; a host of tiles is allowed where it is needed, and nowhere else."""
    hosts = {} if settings.tiles is None else settings.tiles.policy
    return "; ".join(f"{name} {sources} {hosts.get(name, '')}".rstrip() for name, sources in POLICY.items())


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _same_site(headers: Headers) -> bool:
    """Return whether a request comes from a page of this service, or from no page."""
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _with_headers(send: Send, more: Mapping[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in more.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sending
