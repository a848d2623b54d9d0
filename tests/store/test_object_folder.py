"""The objects below an address: in memory, and where the client of a store fails."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placeprint.errors import AtlasWriteError, PackageError, PlaceprintError, ServiceError
from placeprint.store.object_folder import ObjectFolder

fsspec: Any = pytest.importorskip("fsspec")
NUMBERS = itertools.count()
Use = Callable[[ObjectFolder], object]


@pytest.fixture
def objects() -> ObjectFolder:
    return ObjectFolder(f"memory://objects-{next(NUMBERS)}/atlas")


def test_objects_are_written_listed_read_and_removed(objects: ObjectFolder) -> None:
    assert objects.listing() == {} and objects.sizes() == []
    objects.write("atlas.toml", b"one")
    objects.write("state/a.npz", b"numbers")
    before = objects.listing()
    assert sorted(before) == ["atlas.toml", "state"] and before["atlas.toml"] and not before["state"]
    assert list(objects.listing("state")) == ["a.npz"] and objects.listing("files") == {}
    assert objects.read("state/a.npz") == b"numbers" and sorted(objects.sizes()) == [3, 7]
    objects.write("atlas.toml", b"another")
    assert objects.listing()["atlas.toml"] != before["atlas.toml"]
    objects.remove("atlas.toml")
    objects.remove("atlas.toml")
    with pytest.raises(FileNotFoundError):
        objects.read("atlas.toml")
    objects.remove_below("state")
    objects.remove_below("state")
    assert objects.sizes() == []


def test_an_object_is_created_once(objects: ObjectFolder) -> None:
    assert objects.create("locks/1", b"mine") and not objects.create("locks/1", b"yours")
    assert objects.read("locks/1") == b"mine"


def test_what_another_thread_has_listed_before_is_not_used(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = ObjectFolder(f"{bucket}/atlas")
    store, root = objects._store()

    def late(path: str | None = None) -> None:
        store.dircache[root] = []

    monkeypatch.setattr(store, "invalidate_cache", late)
    objects.write("a", b"1")
    assert objects.listing().keys() == {"a"}


def test_files_are_uploaded(objects: ObjectFolder, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    objects.upload({"files/a": tmp_path / "a"})
    assert objects.read("files/a") == b"content"


class NoCredentialsError(Exception):
    """As a client raises it, which knows no errors of ours."""


class Failing:
    """A store whose every request fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*_: Any, **__: Any) -> Any:
            raise self._error

        return fail


READS: tuple[Use, ...] = (ObjectFolder.listing, ObjectFolder.sizes, lambda objects: objects.read("a"))
WRITES: tuple[Use, ...] = (
    lambda objects: objects.write("a", b""),
    lambda objects: objects.create("a", b""),
    lambda objects: objects.remove("a"),
    lambda objects: objects.remove_below("a"),
    lambda objects: objects.upload({"a": Path("a")}),
)


@pytest.mark.parametrize("use", [*READS, *WRITES])
def test_a_store_that_does_not_answer_is_told(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail(monkeypatch, NoCredentialsError("Unable to locate\ncredentials"))
    told = _told(use, ServiceError)
    assert told.startswith("the store of 's3://walks/atlas' does not answer (Unable to locate credentials); check")


REFUSALS = (PermissionError("Access Denied"), OSError("Forbidden: walks/atlas"))


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("use", READS)
def test_who_may_not_read_is_told(use: Use, refusal: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail(monkeypatch, refusal)
    assert _told(use, ServiceError).endswith("check the credentials, such as AWS_ACCESS_KEY_ID")


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("use", WRITES)
def test_who_may_not_write_is_told(use: Use, refusal: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail(monkeypatch, refusal)
    assert _told(use, AtlasWriteError).endswith("use credentials that may write there")


def test_a_package_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **_options: object) -> object:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    told = _told(ObjectFolder.listing, PackageError)
    assert "(Install s3fs to access S3); those for s3:// and gs:// come with: pip install 'placeprint[cloud]'" in told


def _fail(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda url, **_: (Failing(error), "walks/atlas"))


def _told(use: Use, kind: type[PlaceprintError]) -> str:
    with pytest.raises(kind) as told:
        use(ObjectFolder("s3://walks/atlas"))
    assert len(str(told.value).splitlines()) == 1
    return str(told.value)
