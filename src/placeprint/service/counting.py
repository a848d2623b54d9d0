"""Count requests and their time, for Prometheus."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from placeprint.service.desk import Desk
from placeprint.service.guard import AsgiApp, Message, Receive, Send

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds."""


class Counts:
    """What is counted.

    Args:
        desk: the desk.
    """

    def __init__(self, desk: Desk) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "placeprint_requests", "Requests.", ["route", "method", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "placeprint_request_seconds", "Seconds of a request.", ["route"], buckets=BUCKETS, registry=self._registry
        )
        waiting = Gauge("placeprint_waiting_queries", "Queries that wait.", registry=self._registry)
        waiting.set_function(lambda: desk.batches.num_waiting)
        photos = Gauge("placeprint_photos", "Photos in the atlas.", registry=self._registry)
        photos.set_function(lambda: len(desk.atlas))

    def text(self) -> bytes:
        """Return all counts in Prometheus' format."""
        return generate_latest(self._registry)


class Counting:
    """An ASGI layer that counts.

    Args:
        app: the service.
        counts: where it counts.
    """

    def __init__(self, app: AsgiApp, counts: Counts) -> None:
        self._app, self._counts = app, counts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "other")  # paths that nobody serves are one route
            method = scope["method"] if len(scope["method"]) < 8 else "other"
            self._counts.seconds.labels(route).observe(time.perf_counter() - began)
            self._counts.requests.labels(route, method, str(status)).inc()
