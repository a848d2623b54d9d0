"""An atlas at an address of an object store, with a working copy of its small files on this machine.

    s3://bucket/atlas/       what `store.store` describes; no cache and no jobs
      locks/*                who writes, see `store.away_lock`
    CACHE/placeprint/atlases/atlas-<hash of the address>-<hash of the manifest>/
      atlas.toml files/ state/ thumbnails/   copies, fetched when they are needed; they never change
      cache/ jobs/           as in the folder of a local atlas; they stay on this machine
      write.lock             locked by the process of this machine that writes

Lance reads and writes the tables at the address, row by row. What a listing of the address says is kept until the next
one, so a snapshot costs one request here and one for each table.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from placeprint.core.outputs import ATLAS_FILE
from placeprint.core.user_cache import user_cache
from placeprint.errors import AtlasBusyError, AtlasExistsError, PlaceprintError
from placeprint.store.away_lock import FOLDER as LOCKS
from placeprint.store.away_lock import AwayLock
from placeprint.store.here import BUSY, LOCK, locked
from placeprint.store.object_folder import ObjectFolder, refused, unreachable
from placeprint.store.writing import write_atomically, writing

COPIES = "PLACEPRINT_COPIES"
"""The variable of the environment that names the folder of working copies."""
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
LANCE = {"gcs": "gs", "abfs": "az"}
"""Protocols that Lance knows by another name."""
CHANGING = ("calibration.json", "last-id")
"""Small files that are written again under the same name."""
STAYING = ("cache", "jobs", LOCK)
"""What the folder of a local atlas has and an address does not."""
COPY_ID = "copy-id"
BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Where Linux says when it was started, by a name for that."""
CACHED = 1 << 27
"""Most bytes that Lance keeps in memory of what it read of tables, such as where their columns are; twice that."""
NOT_PERMITTED = ("403 Forbidden", "401 Unauthorized", "AccessDenied", "PermissionDenied", "Unauthenticated")
NOT_FOUND = ("Not found: ", "404 Not Found", "NoSuchKey")
NO_ANSWER = ("Generic S3 error", "Generic GCS error", "Generic MicrosoftAzure error", "HTTP error", "error sending")
"""Words of Lance that say what a store did."""


class Away:
    """An atlas at an address; see `store.home`. Threads may share it.

    Args:
        url: the address.
    """

    def __init__(self, url: str) -> None:
        self.name = self.given = url.rstrip("/")
        self._objects = ObjectFolder(self.name)
        self._lock = AwayLock(self._objects)
        self._seen: dict[str, str] | None = None
        self._changed: dict[str, tuple[str, bytes]] = {}
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder of the working copy.

        Raises:
            FileNotFoundError: there is no atlas at the address.
            AtlasWriteError: it cannot be made.
        """
        if self._folder is None:
            self._folder = working_copy(self.name, self.identity())
        return self._folder

    @functools.cached_property
    def lance(self) -> Mapping[str, Any]:
        """What Lance is given: its options, and a session, so that datasets share connections and what they read."""
        import lance

        session = lance.Session(index_cache_size_bytes=CACHED, metadata_cache_size_bytes=CACHED)
        return {"storage_options": lance_options(self.name), "session": session}

    def table(self, name: str) -> str:
        """Return the address of a table, as Lance takes it: a URL, in which some characters are escaped."""
        protocol, _, rest = self.name.partition("://")
        bucket, _, path = f"{rest}/{name}".partition("/")
        return f"{LANCE.get(protocol, protocol)}://{bucket}/{urllib.parse.quote(path)}"

    def identity(self) -> str:
        """Look at the address, and return what changes if its manifest is replaced.

        Raises:
            FileNotFoundError: there is no atlas at the address.
        """
        seen = self._look()
        if ATLAS_FILE not in seen:
            raise FileNotFoundError(ATLAS_FILE)
        return seen[ATLAS_FILE]

    def path(self, name: str) -> Path:
        """Return the path of a file in the working copy, which is fetched if it is not there."""
        path = self.folder / name
        if not path.is_file():
            write_atomically(path, self._objects.read(name))
        return path

    def read(self, name: str, *, again: bool = False) -> bytes:
        """Return the content of a small file; ``again`` to replace what the working copy has."""
        if name in CHANGING:
            return self._changing(name)
        if again:
            with contextlib.suppress(OSError):
                (self.folder / name).unlink()
        return self.path(name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Write a file at the address; the working copy fetches it when it is needed."""
        self._lock.check()
        self._objects.write(name, data)
        self._seen = None

    def remove(self, name: str) -> None:
        """Remove a file at the address and in the working copy."""
        if Path(name).parts[0] not in STAYING:
            self._lock.check()
            self._objects.remove(name)
            self._seen = None
        with writing(self.folder):
            (self.folder / name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder at the address, sorted."""
        return sorted(self._objects.listing(folder))

    def has(self, folder: str) -> bool:
        """Return whether there is something in a folder at the address."""
        return bool(self._objects.listing(folder))

    def has_atlas(self) -> bool:
        """Return whether there is an atlas."""
        return ATLAS_FILE in self._look()

    def content(self) -> set[str] | None:
        """Return the names at the address; None if there are none."""
        return self._look().keys() - {LOCKS} or None

    def make(self) -> None:
        """Do nothing: an address needs no folder."""

    def remove_below(self, folder: str) -> None:
        """Remove what is below a name at the address, as far as that is possible."""
        with contextlib.suppress(PlaceprintError):
            self._objects.remove_below(folder)
        self._seen = None

    def unmake(self, *, was_there: bool) -> None:
        """Do nothing: an address needs no folder, and its lock objects stay."""

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock of the address, and that of this machine."""
        folder = self.folder if self.has_atlas() else working_copy(self.name, "")
        with self._locked_here(folder), self._lock.held(copy_id(folder)):
            yield

    def check_locked(self) -> None:
        """Check, before a commit, that the lock was not lost."""
        self._lock.check()

    def failure(self, error: BaseException, *, writes: bool) -> PlaceprintError | None:
        """Return our error for a failure of Lance that is the store's; None if a table is damaged, or was removed."""
        words = str(error)
        if any(part in words for part in NOT_PERMITTED):
            return refused(self.name, error, writes=writes)
        if any(part in words for part in NOT_FOUND) or not any(part in words for part in NO_ANSWER):
            return None
        return unreachable(self.name, error)

    def sizes(self) -> list[int]:
        """Return the size of every object, in bytes."""
        return self._objects.sizes()

    def workshop(self) -> Path:
        """Return a new folder on this machine to make an atlas in, for `adopt`."""
        folder = copies_folder()
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix=".placeprint-", suffix=".tmp", dir=folder))

    def adopt(self, made: Path) -> None:
        """Upload an atlas that was made in a workshop; it is there when its manifest is, which comes last.

        Raises:
            AtlasExistsError: there is something at the address.
        """
        with self.locked():
            if self.content() is not None:
                raise AtlasExistsError(f"{self.name!r} is not empty; choose another address for the atlas")
            files = {path.relative_to(made).as_posix(): path for path in made.rglob("*") if path.is_file()}
            sent = {name: path for name, path in files.items() if name.partition("/")[0] not in STAYING}
            manifest = sent.pop(ATLAS_FILE)
            try:
                self._objects.upload(sent)
                self.write(ATLAS_FILE, manifest.read_bytes())
            except BaseException:
                for name in {name.partition("/")[0] for name in sent}:
                    self.remove_below(name)
                raise

    def _look(self) -> dict[str, str]:
        self._seen = seen = self._objects.listing()
        return seen

    def _last_seen(self) -> dict[str, str]:
        seen = self._seen
        return self._look() if seen is None else seen

    def _changing(self, name: str) -> bytes:
        """Return the content of a file that may be written again, fetched when the last look says that it was."""
        stamp = self._last_seen().get(name)
        if stamp is None:
            raise FileNotFoundError(name)
        known = self._changed.get(name)
        if known is None or known[0] != stamp:
            self._changed[name] = known = stamp, self._objects.read(name)
        return known[1]

    @contextlib.contextmanager
    def _locked_here(self, folder: Path) -> Iterator[None]:
        """Hold the lock of a working copy, so that processes of this machine need not ask the store."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(folder))
            except AtlasBusyError as error:
                raise AtlasBusyError(f"{BUSY} {self.name!r}; try again when it is done") from error
            yield


def lance_options(url: str) -> dict[str, str] | None:
    """Return what Lance must be given beside the environment, which it reads itself: the endpoint of a server for S3.

    Lance refuses ``http://`` unless an option allows it; fsspec accepts it.
    """
    endpoint = next((found for name in ENDPOINTS if (found := os.environ.get(name))), None)
    if endpoint is None or not url.startswith("s3://"):
        return None
    return {"aws_endpoint": endpoint, "allow_http": "true" if endpoint.startswith("http://") else "false"}


def copies_folder() -> Path:
    """Return the folder of working copies: ``PLACEPRINT_COPIES``, or one in the user's cache."""
    named = os.environ.get(COPIES)
    return Path(named).absolute() if named else user_cache() / "atlases"


def working_copy(url: str, identity: str) -> Path:
    """Return the folder of the working copy of an atlas; those of atlases that were at the address before are removed.

    Args:
        url: the address.
        identity: of the atlas there; empty while it is made.

    Raises:
        AtlasWriteError: it cannot be made.
    """
    title = re.sub("[^A-Za-z0-9]+", "-", url.rpartition("/")[2])[:40]
    address = f"{title}-{_digest(f'{url} {lance_options(url)}')}"
    folder = copies_folder() / f"{address}-{_digest(identity)}"
    if not folder.is_dir():
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            older = [each for each in folder.parent.iterdir() if each.name.startswith(f"{address}-") and each != folder]
        for each in older:
            shutil.rmtree(each, ignore_errors=True)
    return folder


def copy_id(folder: Path) -> str:
    """Return the name of a working copy, by which a process knows the locks of others that used it.

    It names this machine since it was started, and the file itself, too: the folder may be part of an image of several
    machines or containers.
    """
    path = folder / COPY_ID
    if not path.is_file():
        write_atomically(path, secrets.token_hex(8).encode())
    started = BOOT.read_text() if BOOT.is_file() else ""
    told = path.stat()
    return _digest(f"{path.read_text()} {platform.node()} {started} {told.st_dev} {told.st_ino}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
