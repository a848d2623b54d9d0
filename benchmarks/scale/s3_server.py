"""A server on this machine that speaks S3 (moto), counts what it sends, and refuses what it is told to."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from placeprint.store.away import COPIES

FORBIDDEN = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'


@dataclass
class S3Server:
    """A server.

    Args:
        endpoint: its address.
        refuses: says of the method and the path of a request whether it is not permitted.
        sent: the bytes that it has sent.
        requests: the number of requests that it has answered.
    """

    endpoint: str = ""
    refuses: Callable[[str, str], bool] = field(default=lambda method, path: False)
    sent: int = 0
    requests: int = 0

    def answering(self, app: Any) -> Any:
        """Return a WSGI application that asks another one, and counts."""

        def answer(environ: dict[str, Any], start: Any) -> list[bytes]:
            method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
            self.requests += 1
            if self.refuses(method, path):
                start("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(FORBIDDEN)))])
                return [FORBIDDEN]
            body = b"".join(app(environ, start))
            self.sent += 0 if method == "HEAD" else len(body)
            return [body]

        return answer


@contextlib.contextmanager
def serving() -> Iterator[S3Server]:
    """Run a server in a thread.

    Raises:
        ImportError: moto is not installed.
    """
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):  # type: ignore[misc]  # it has no types here
        protocol_version = "HTTP/1.1"

        def log_request(self, *_: Any) -> None:
            """Do nothing."""

    found = S3Server()
    app = found.answering(DomainDispatcherApplication(create_backend_app))
    running = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    found.endpoint = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


@contextlib.contextmanager
def bucket(name: str = "walks") -> Iterator[tuple[S3Server, str]]:
    """Run a server for this process and the ones that it starts; yield it, and the address of an empty bucket.

    Working copies are in a temporary folder.
    """
    import fsspec

    with serving() as server, tempfile.TemporaryDirectory(prefix="placeprint-copies-") as copies:
        os.environ |= {"AWS_ENDPOINT_URL": server.endpoint, "AWS_ACCESS_KEY_ID": "test", COPIES: copies}
        os.environ["AWS_SECRET_ACCESS_KEY"] = "test"
        fsspec.filesystem("s3").mkdir(name)
        yield server, f"s3://{name}"
