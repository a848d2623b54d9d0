"""Download a file over https: the one place where placeprint opens a connection.

Data goes into a file beside the target (``NAME.part``). An interrupted download continues if the server reports that
the file is unchanged (its ``ETag``, kept in ``NAME.part.etag``); otherwise it starts over. A file whose length is known
is taken only when it is whole. Proxies are those of the environment (``https_proxy``, ``no_proxy``), as Python's
`urllib` reads them. Whatever goes wrong becomes one `DownloadError`.
"""

from __future__ import annotations

import contextlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

from placeprint.core.files import flush, flush_folder, reason_of, writing
from placeprint.errors import DownloadError
from placeprint.types import Progress

CHUNK = 1 << 18
"""Bytes read at once."""
TIMEOUT = 30.0
"""Seconds that a server may be silent."""
PART, ETAG = ".part", ".part.etag"
AGENT = "placeprint"
RANGE_REFUSED = 416
PARTIAL = 206


def download(url: str, target: Path, *, progress: Progress | None = None, timeout: float = TIMEOUT) -> None:
    """Download a file whole, beginning where an earlier try of the same target ended.

    Args:
        url: the url of the file, https or http.
        target: path it gets once it is whole; folders above it are made.
        progress: called with the bytes that are there and those of the whole, 0 where the server does not say.
        timeout: seconds that the server may be silent.

    Raises:
        DownloadError: there is no network, no such file, or the connection ended; what came is kept for the next try.
        WriteError: the disk is full, or the folder cannot be written.
    """
    part, mark = target.with_name(target.name + PART), target.with_name(target.name + ETAG)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        begun = part.stat().st_size if part.exists() else 0
        etag = mark.read_text(encoding="utf-8") if begun and mark.exists() else ""
    begun = begun if etag else 0
    with _connecting(url):
        answer = _open(url, begun, etag, timeout)
    with contextlib.closing(answer):
        begun = begun if answer.status == PARTIAL else 0
        total = begun + int(answer.headers.get("Content-Length") or -begun)
        with writing(target):
            mark.write_text(answer.headers.get("ETag") or "", encoding="utf-8")
        _receive(answer, part, begun, total, url, progress)
    with writing(target):
        flush(part)
        part.replace(target)
        mark.unlink(missing_ok=True)
        flush_folder(target.parent)


def _open(url: str, begun: int, etag: str, timeout: float) -> Any:
    """Return the server's answer; of the whole file where it refuses to continue with a part."""
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    if begun:
        headers |= {"Range": f"bytes={begun}-", "If-Range": etag}
    try:
        opener = urllib.request.build_opener()  # of its own, so that proxies are those of the environment now
        return opener.open(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if begun and error.code == RANGE_REFUSED:
            return _open(url, 0, "", timeout)
        raise


def _receive(answer: Any, part: Path, begun: int, total: int, url: str, progress: Progress | None) -> None:
    """Append what a server sends to a file.

    Raises:
        DownloadError: it ended before the whole was there.
        WriteError: the disk is full.
    """
    with writing(part), part.open("ab" if begun else "wb") as file:
        done = begun
        while chunk := _chunk(answer, url):
            _write(file, chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, total)
    if done < total:
        raise DownloadError(
            f"the connection to {_host(url)} ended after {done:,} of {total:,} bytes; run the command again, it goes "
            "on from there"
        )


def _chunk(answer: Any, url: str) -> bytes:
    with _connecting(url):
        found: bytes = answer.read(CHUNK)
        return found


def _write(file: IO[bytes], chunk: bytes) -> None:
    """Write a chunk; a place of its own, so that tests can let the disk be full."""
    file.write(chunk)


@contextlib.contextmanager
def _connecting(url: str) -> Any:
    """Turn what urllib raises into a `DownloadError`."""
    try:
        yield
    except urllib.error.HTTPError as error:
        raise DownloadError(
            f"{_host(url)} answers {error.code} ({error.reason}) for {url}; download the file in a browser, and "
            "give it with --from FILE"
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        words = reason_of(reason) if isinstance(reason, OSError) else str(reason) or type(reason).__name__
        raise DownloadError(
            f"cannot reach {_host(url)} ({words}); is this machine online, and is a proxy needed (https_proxy)? "
            "Use --from FILE for a file fetched elsewhere"
        ) from error


def _host(url: str) -> str:
    return urllib.request.Request(url).host if "://" in url else url
