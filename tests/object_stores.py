"""Object stores for tests: a server that speaks S3, and a folder that plays a store."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scale.s3_server import S3Server, serving
from placeprint.store import home
from placeprint.store.away import COPIES

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """Run a server that speaks S3 while the tests run."""
    for name in ("moto.server", "s3fs"):
        pytest.importorskip(name)
    with serving() as server:
        yield server


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep the working copies of a test in a folder of its own; return it."""
    folder = tmp_path / "copies"
    monkeypatch.setenv(COPIES, str(folder))
    return folder


@pytest.fixture
def bucket(s3_server: S3Server, copies: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of an empty bucket of the server."""
    s3fs: Any = pytest.importorskip("s3fs")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    s3fs.S3FileSystem.clear_instance_cache()  # it knows the endpoint of an earlier test
    name = f"walks-{os.getpid()}-{next(NUMBERS)}"
    s3fs.S3FileSystem().mkdir(name)
    yield f"s3://{name}"
    s3_server.refuses = lambda method, path: False
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def folder_store(copies: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Return the address of a folder that is used as an object store, which users cannot do."""
    fsspec: Any = pytest.importorskip("fsspec")
    monkeypatch.setattr(home, "FOLDER", "nothing://")
    monkeypatch.setitem(fsspec.config.conf, "file", {"auto_mkdir": True})
    (tmp_path / "store").mkdir()
    return (tmp_path / "store").as_uri()


@pytest.fixture(params=["folder_store", "bucket"])
def store_url(request: pytest.FixtureRequest) -> str:
    """Return the address of an empty store: a folder, and a server that speaks S3."""
    return str(request.getfixturevalue(request.param))
