"""Photos in object stores: ``s3://bucket/folder``, ``gs://...``, by fsspec.

A photo is read by one request, and has the size and the time that the store reports, so unchanged photos are not read
again. Whatever a store raises becomes a PhotoError here. Credentials are found by the client of each store.
"""

from __future__ import annotations

import contextlib
import datetime
import io
from collections.abc import Iterator
from typing import Any

from placeprint.core.addresses import UrlPath
from placeprint.core.one_line import one_line
from placeprint.errors import PackageError, PhotoError, PlaceprintError

NANOSECONDS = 1_000_000_000
Stamp = tuple[int, int]
"""The size of a file in bytes, and its time in nanoseconds."""


class RemotePhoto(io.BytesIO):
    """The content of a photo in an object store.

    Args:
        content: the whole content.
        stamp: its size and time.
    """

    def __init__(self, content: bytes, stamp: Stamp) -> None:
        super().__init__(content)
        self.stamp = stamp


def open_url(url: str, most: int) -> RemotePhoto:
    """Read a photo up to a number of bytes.

    Raises:
        PhotoError: there is none, it is far larger than a photo, or the store does not give it.
        PackageError: a package for that store is not installed.
    """
    with _asking(url):
        store, name = _store_of(url)
        told = store.info(name)
        stamp = _stamp(told)
        if told.get("type") != "file":
            raise PhotoError("a folder, not a file")
        if stamp[0] > most:
            raise PhotoError(f"the file has more than {most >> 20} MB")
        return RemotePhoto(store.cat_file(name), stamp)


def stamp_of_url(url: str) -> Stamp:
    """Return the size and the time of a photo; raises what `open_url` does."""
    with _asking(url):
        store, name = _store_of(url)
        return _stamp(store.info(name))


def files_at(url: str) -> list[UrlPath]:
    """Return the files at or below an address, sorted, none of them hidden; raises what `open_url` does."""
    with _asking(url):
        store, name = _store_of(url)
        store.invalidate_cache()  # clients remember listings
        if store.isfile(name):
            return [UrlPath(url)]
        found = sorted(store.find(name))
        if not found:
            raise FileNotFoundError(name)
        own = str(store._strip_protocol(name)).rstrip("/")
        protocol = url.partition("://")[0]
        shown = [each for each in found if "/." not in each[len(own) :]]
        return [UrlPath(f"{protocol}://{each.lstrip('/')}") for each in shown]


def _store_of(url: str) -> tuple[Any, str]:
    import fsspec

    store, name = fsspec.core.url_to_fs(url)
    return store, name


def _stamp(told: dict[str, Any]) -> Stamp:
    """Return the size, and the time that the store reports in its own format; 0 if it reports none."""
    when = next(
        (told[name] for name in ("LastModified", "mtime", "updated", "last_modified", "created") if name in told), 0
    )
    if isinstance(when, str):
        when = datetime.datetime.fromisoformat(when)
    seconds = when.timestamp() if isinstance(when, datetime.datetime) else float(when)
    return int(told.get("size") or 0), round(seconds * NANOSECONDS)


@contextlib.contextmanager
def _asking(url: str) -> Iterator[None]:
    """Turn whatever fsspec and the client of a store raise into a PhotoError or a PackageError."""
    try:
        yield
    except PlaceprintError:
        raise
    except ImportError as error:
        raise PackageError(f"photos at {url!r} need more packages ({error}); install placeprint[cloud]") from error
    except FileNotFoundError as error:
        raise PhotoError("no such file or folder") from error
    except OSError as error:
        raise PhotoError(error.strerror or one_line(error, 200)) from error
    except Exception as error:  # each client raises errors of its own
        raise PhotoError(f"the store does not answer ({one_line(error, 200)})") from error
