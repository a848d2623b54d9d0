"""The objects below one address of an object store, by fsspec; whatever its clients raise becomes one of our errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from placeprint.core.files import reason_of
from placeprint.core.one_line import one_line
from placeprint.errors import AtlasWriteError, PackageError, PlaceprintError, ServiceError

FOLDER_TYPE = "directory"
FORBIDDEN = "Forbidden"
"""How gcsfs begins to say that something is not permitted."""
STAMPS = ("ETag", "etag", "generation", "LastModified", "mtime", "ino", "updated", "last_modified", "size")
"""What stores report of an object that changes when it is written; each reports some of them."""


class ObjectFolder:
    """The objects below an address; threads may share it.

    Args:
        url: the address.

    Raises:
        PackageError: (when it is first used) a package for that store is not installed.
        ServiceError: (when it is used) the store does not answer, or refuses a request.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: tuple[Any, str] | None = None

    def listing(self, folder: str = "") -> dict[str, str]:
        """Return the names directly in a folder, each with a text that changes with its content; {} if there is none.

        Folders have an empty text.
        """
        with self._asking():
            store, root = self._store()
            place = f"{root}/{folder}".rstrip("/")
            store.invalidate_cache()  # clients remember listings
            try:
                found = store.ls(place, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return {}
            named = {str(each["name"]).rstrip("/"): each for each in found}
            return {
                name.rpartition("/")[2]: "" if each["type"] == FOLDER_TYPE else _stamp(each)
                for name, each in named.items()
                if name != place
            }

    def sizes(self) -> list[int]:
        """Return the size of every object, in bytes."""
        with self._asking():
            store, root = self._store()
            store.invalidate_cache()
            return [int(each.get("size") or 0) for each in store.find(root, detail=True).values()]

    def read(self, name: str) -> bytes:
        """Return the content of an object.

        Raises:
            FileNotFoundError: there is none.
        """
        with self._asking():
            store, root = self._store()
            data: bytes = store.cat_file(f"{root}/{name}")
            return data

    def write(self, name: str, data: bytes) -> None:
        """Write an object, whole.

        Raises:
            AtlasWriteError: the store does not permit it, or has no such bucket.
        """
        with self._asking(writes=True):
            store, root = self._store()
            store.pipe_file(f"{root}/{name}", data)

    def create(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one; return whether it was written; raises as `write`.

        Stores with conditional writes decide this: Amazon S3, Google Cloud Storage, MinIO. In others, two writers that
        start at the same moment may both believe that they were first.
        """
        with self._asking(writes=True):
            store, root = self._store()
            try:
                store.pipe_file(f"{root}/{name}", data, mode="create")
            except FileExistsError:
                return False
            return True

    def remove(self, name: str) -> None:
        """Remove an object if there is one; raises as `write`."""
        with self._asking(writes=True), contextlib.suppress(FileNotFoundError):
            store, root = self._store()
            store.rm_file(f"{root}/{name}")

    def remove_below(self, folder: str) -> None:
        """Remove all objects below a folder; raises as `write`."""
        with self._asking(writes=True):
            store, root = self._store()
            store.invalidate_cache()
            for name in store.find(f"{root}/{folder}"):
                store.rm_file(name)

    def upload(self, files: dict[str, Path]) -> None:
        """Write files of this machine as objects, by their names; raises as `write`."""
        with self._asking(writes=True):
            store, root = self._store()
            for name, path in files.items():
                store.put_file(str(path), f"{root}/{name}")

    def _store(self) -> tuple[Any, str]:
        if self._opened is None:
            import fsspec

            store, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
            self._opened = store, str(root).rstrip("/")
        return self._opened

    @contextlib.contextmanager
    def _asking(self, *, writes: bool = False) -> Iterator[None]:
        """Turn whatever fsspec and the client of a store raise into one of our errors; a missing object passes."""
        try:
            yield
        except PlaceprintError:
            raise
        except ImportError as error:
            raise PackageError(
                f"an atlas at {self.url!r} needs more packages ({error}); those for s3:// and gs:// come with: "
                "pip install 'placeprint[cloud]'"
            ) from error
        except FileNotFoundError as error:
            if not writes:
                raise
            raise AtlasWriteError(f"cannot write to {self.url!r}: {_said(error)}; make the bucket first") from error
        except Exception as error:  # each client raises errors of its own
            if isinstance(error, PermissionError) or str(error).startswith(FORBIDDEN):
                raise refused(self.url, error, writes=writes) from error
            raise unreachable(self.url, error) from error


def refused(url: str, error: BaseException, *, writes: bool) -> PlaceprintError:
    """Return the error for a request that a store does not permit."""
    if writes:
        return AtlasWriteError(
            f"cannot write to {url!r}: the store does not permit it ({_said(error)}); earlier data is kept; "
            "use credentials that may write there"
        )
    return ServiceError(
        f"the store refuses to read {url!r} ({_said(error)}); check the credentials, such as AWS_ACCESS_KEY_ID"
    )


def unreachable(url: str, error: BaseException) -> ServiceError:
    """Return the error for a store that does not answer."""
    return ServiceError(
        f"the store of {url!r} does not answer ({_said(error)}); check the network, the credentials, and the "
        "endpoint, such as AWS_ENDPOINT_URL"
    )


def _said(error: BaseException) -> str:
    """Return what a client reports, in one line."""
    return reason_of(error)[:160] if isinstance(error, OSError) else one_line(error, 160)


def _stamp(told: dict[str, Any]) -> str:
    return " ".join(str(told[name]) for name in STAMPS if told.get(name) is not None)
