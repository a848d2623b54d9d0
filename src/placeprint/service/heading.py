"""HEAD for every address that answers GET: the same status and headers, without the body (RFC 9110, 9.3.2)."""

from __future__ import annotations

from placeprint.service.guard import AsgiApp, Message, Receive, Send


class Heading:
    """An ASGI layer that answers HEAD as GET.

    Args:
        app: the service.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, sending)
