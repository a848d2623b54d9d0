"""An atlas at an address: in a folder that plays a store, and on a server that speaks S3."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.scale.s3_server import S3Server
from placeprint.errors import (
    AtlasBusyError,
    AtlasExistsError,
    AtlasFormatError,
    AtlasMissingError,
    AtlasWriteError,
    OptionError,
    ServiceError,
)
from placeprint.store import Store
from placeprint.store.away import Away, copy_id, lance_options, working_copy
from placeprint.store.calibration_file import read_calibration, write_calibration
from placeprint.store.here import Here
from placeprint.store.home import home_of
from tests.store.test_store import MANIFEST, _entry, _record, check_crash_between_the_tables

fsspec: Any = pytest.importorskip("fsspec")
WRITE = """
import sys
from placeprint.store import Store, home
home.FOLDER = "nothing://"
store = Store(sys.argv[1])
with store.exclusive():
    print("in", flush=True)
    sys.stdin.read()
"""

DIE = """
import os, sys
from placeprint.store import Manifest, Store
from tests.store.test_store import MANIFEST
Manifest.write = lambda *_: os._exit(9)
Store.create(sys.argv[1], MANIFEST)
"""


@pytest.fixture
def store(store_url: str) -> Store:
    return Store.create(f"{store_url}/walks/lund", MANIFEST, {"codebook.npz": b"numbers"})


def test_what_is_appended_is_read_back_by_another_reader(store: Store) -> None:
    other = Store(store.name)
    assert not len(other.snapshot().photos())
    with store.exclusive():
        store.append([_entry("a", 1), (_record("b", "broken"), None, None)], "s1")
        store.append([_entry("c", 2)], "s1", replaces=[])
    records = other.snapshot().photos()
    assert [(r.path, r.error) for r in records.values()] == [
        ("/photos/a", None),
        ("/photos/b", "broken"),
        ("/photos/c", None),
    ]
    assert other.snapshot() is other.snapshot() and other.snapshot().local_columns([2, 99, 0]).keys() == {0, 2}
    with store.exclusive():
        store.remove([0, 1])
        store.compact()
    assert sorted(other.snapshot().photos()) == [2]
    with store.exclusive():
        store.append([_entry("d", 3)], "s1")
    assert sorted(Store(store.name).snapshot().photos()) == [2, 3]
    assert store.num_files() > 5 and store.num_bytes() > 1000


def test_small_files_are_written_at_the_address_and_fetched_once(store: Store, copies: Path) -> None:
    with store.exclusive():
        name = store.save_state({"codebook": np.ones(3)})
        assert store.save_state({"codebook": np.ones(3)}) == name
    shutil.rmtree(copies)
    other = Store(store.name)
    assert Path(other.path_of("files/codebook.npz")).read_bytes() == b"numbers"
    np.testing.assert_array_equal(other.snapshot().load_state(name)["codebook"], np.ones(3))
    kept = other.folder / "state" / f"{name}.npz"
    assert other.folder.is_relative_to(copies) and kept.is_file()
    kept.write_bytes(b"short")  # a damaged copy is fetched again
    np.testing.assert_array_equal(other.snapshot().load_state(name)["codebook"], np.ones(3))
    with pytest.raises(AtlasFormatError, match="lacks its learned state"):
        other.snapshot().load_state("none")
    with pytest.raises(AtlasFormatError, match="lacks its file 'files/other'"):
        other.path_of("files/other")


def test_a_damaged_copy_of_the_manifest_is_fetched_again(store: Store) -> None:
    (store.folder / "atlas.toml").write_bytes(b"x")
    assert Store(store.name).manifest.preset.name == "sift-vlad"
    fsspec.filesystem(store.name.partition(":")[0]).pipe(f"{store.name}/atlas.toml", b"x")
    with pytest.raises(AtlasFormatError, match="is damaged"):
        Store(store.name)


def test_a_new_state_replaces_the_old_one(store: Store) -> None:
    with store.exclusive():
        old = store.save_state({"codebook": np.ones(3)})
        store.append([_entry("a", 1)], old)
        new = store.save_state({"codebook": np.zeros(3)})
        store.replace_descriptors(new, lambda ids: dict.fromkeys(ids, b"new!"))
    other = Store(store.name)
    assert other.snapshot().state_name == new and [rows for _, rows in other.snapshot().descriptors()] == [[b"new!"]]
    assert other.home.names("state") == [f"{new}.npz"]


def test_a_calibration_reaches_a_reader_that_is_open(store: Store) -> None:
    other = Store(store.name)
    assert read_calibration(other.snapshot().home) is None
    for slope in (1, 2):
        with store.exclusive():
            write_calibration(store.home, {"slope": slope})
        assert read_calibration(other.snapshot().home) == {"format": 1, "slope": slope}
    with store.exclusive():
        write_calibration(store.home, None)
    assert read_calibration(other.snapshot().home) is None


def test_a_crash_between_the_tables_leaves_nothing_behind(store: Store) -> None:
    check_crash_between_the_tables(store)


def test_two_writers_are_refused_and_one_that_was_killed_is_followed_at_once(store: Store) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, store.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"in\n"
        with (
            pytest.raises(AtlasBusyError, match=f"another process is writing to the atlas '{store.name}'"),
            store.exclusive(),
        ):
            pass
        other.kill()
    with store.exclusive():  # the lock of the working copy says that it is dead
        store.append([_entry("a")], "s")
    assert len(Store(store.name).snapshot().photos()) == 1


def test_a_creation_that_was_killed_is_followed_at_once(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{bucket}/walks"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    assert subprocess.run([sys.executable, "-c", DIE, url], check=False).returncode == 9
    assert not len(Store.create(url, MANIFEST).snapshot().photos())


def test_a_writer_that_was_killed_on_another_machine_is_followed(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = os.environ | {"PLACEPRINT_COPIES": str(tmp_path / "other machine")}
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, store.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=elsewhere
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"in\n"
        other.kill()
    with pytest.raises(AtlasBusyError, match=f"process {other.pid}"), store.exclusive():
        pass  # it beat a moment ago, so it may live
    for name, seconds in (("RECENT", 0.0), ("SILENT", 0.2), ("BEAT", 0.1)):
        monkeypatch.setattr(f"placeprint.store.away_lock.{name}", seconds)
    with store.exclusive():
        store.append([_entry("a")], "s")
    assert len(Store(store.name).snapshot().photos()) == 1


def test_a_writer_on_another_machine_is_named(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with store.exclusive():
        monkeypatch.setenv("PLACEPRINT_COPIES", str(tmp_path / "other machine"))
        other = Store(store.name)
        assert other.folder != store.folder
        with pytest.raises(AtlasBusyError, match=rf"{re.escape(repr(store.name))} \(.*, process {os.getpid()}\)"):
            other.exclusive().__enter__()
    with other.exclusive():
        other.append([_entry("a")], "s")
    assert len(store.snapshot().photos()) == 1


def test_nothing_is_written_once_the_lock_is_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AtlasBusyError, match="was lost"), store.exclusive():
        monkeypatch.setattr("placeprint.store.away_lock.FENCE", -1)
        store.append([_entry("a")], "s")
    monkeypatch.undo()


def test_an_atlas_that_is_gone_or_replaced_is_told(store: Store, copies: Path) -> None:
    other = Store(store.name)
    files = fsspec.core.url_to_fs(store.name)[0]
    files.rm(store.name, recursive=True)
    with pytest.raises(AtlasMissingError, match=f"the atlas '{store.name}' no longer exists"):
        store.snapshot()
    with pytest.raises(AtlasMissingError, match=f"there is no atlas at '{store.name}'"):
        Store(store.name)
    manifest = MANIFEST.__class__(MANIFEST.preset, {}, 1, "1")
    made = Store.create(store.name, manifest)
    with pytest.raises(AtlasFormatError, match="was replaced after it was opened; open it again"):
        other.snapshot()
    assert [path.name for path in copies.iterdir()] == [made.folder.name]  # the older copy is removed


def test_what_is_there_is_not_overwritten(store: Store) -> None:
    with pytest.raises(AtlasExistsError, match="an atlas is at"):
        Store.create(store.name, MANIFEST)
    above = store.name.rpartition("/")[0]
    with pytest.raises(AtlasExistsError, match="exists and is not an atlas"):
        Store.create(above, MANIFEST)
    files = fsspec.core.url_to_fs(store.name)[0]
    files.rm(f"{store.name}/atlas.toml")
    assert len(Store.create(store.name, MANIFEST).snapshot().photos()) == 0  # the remains of an interrupted creation
    files.rm(f"{store.name}/images.lance", recursive=True)
    with pytest.raises(AtlasFormatError, match=r"lacks images\.lance"):
        Store(store.name)


def test_a_damaged_table_is_told(store: Store) -> None:
    with store.exclusive():
        store.append([_entry("a")], "s")
    files = fsspec.core.url_to_fs(store.name)[0]
    for name in files.find(f"{store.name}/images.lance/data"):
        files.rm(name)
    with pytest.raises(AtlasFormatError, match=f"the table '{store.name}/images.lance' is damaged or cannot be read"):
        len(Store(store.name).snapshot().photos())


def test_where_nobody_may_write_the_atlas_can_be_read(bucket: str, s3_server: S3Server) -> None:
    store = Store.create(f"{bucket}/atlas", MANIFEST)
    with store.exclusive():
        store.append([_entry("a")], "s")
    s3_server.refuses = lambda method, _: method in {"PUT", "POST", "DELETE"}
    reader = Store(store.name)
    assert len(reader.snapshot().photos()) == 1
    with pytest.raises(AtlasWriteError, match=r"does not permit it .*; use credentials that may write"):
        reader.exclusive().__enter__()
    with pytest.raises(AtlasWriteError, match=f"cannot write to '{bucket}/other'"):
        Store.create(f"{bucket}/other", MANIFEST)
    s3_server.refuses = lambda method, path: method == "PUT" and ".lance/" in path
    with pytest.raises(AtlasWriteError, match="earlier data is kept"), reader.exclusive():
        reader.append([_entry("b")], "s")
    s3_server.refuses = lambda method, path: False
    assert len(reader.snapshot().photos()) == 1


def test_credentials_that_may_not_read_are_told(bucket: str, s3_server: S3Server) -> None:
    store = Store.create(f"{bucket}/atlas", MANIFEST)
    s3_server.refuses = lambda method, path: True
    with pytest.raises(ServiceError, match=f"the store refuses to read '{bucket}/atlas' .*; check the credentials"):
        Store(store.name)
    s3_server.refuses = lambda method, path: ".lance" in path and method == "GET"
    with pytest.raises(ServiceError, match="check the credentials"):
        len(Store(store.name).snapshot().photos())


def test_a_bucket_that_is_missing_is_told(bucket: str) -> None:
    nowhere = f"{bucket}-nowhere/atlas"
    with pytest.raises(AtlasMissingError, match=f"there is no atlas at '{nowhere}'"):
        Store(nowhere)
    with pytest.raises(AtlasWriteError, match=f"cannot write to '{nowhere}': .*; make the bucket first"):
        Store.create(nowhere, MANIFEST)


def test_a_store_that_does_not_answer_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s3fs: Any = pytest.importorskip("s3fs")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(ServiceError, match=r"does not answer .*; check the network, the credentials, and the endpoint"):
        Store(f"{bucket}/atlas")


@pytest.mark.parametrize("name", ["walk#1", "who?", "50%25", "Malmö C", "a+b"])
def test_the_tables_are_where_the_files_are(store_url: str, name: str) -> None:
    store = Store.create(f"{store_url}/{name}", MANIFEST)
    assert store.home.content() == {"atlas.toml", "images.lance", "local.lance"}
    assert not len(Store(store.name).snapshot().photos())


@pytest.mark.parametrize("address", ["https://walks.example/atlas", "S3://walks/atlas", "abfss://c@walks/a", "s3://"])
def test_an_address_of_another_kind_makes_no_folder(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in (address, Path(address)):
        with pytest.raises(OptionError, match=f"an atlas cannot be at {address!r}; give a folder, or an address"):
            Store.create(place, MANIFEST)
    assert not list(tmp_path.iterdir())


def test_a_colon_in_a_path_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trip:").mkdir()
    for place in ("trip:paris", "trip:/paris", "C:/walks", "C:\\walks", "./https:/walks", "walks:"):
        assert isinstance(home_of(place), Here)


@pytest.mark.parametrize("name", ["a//b", "a/../b", "./a", ".."])
def test_an_address_with_a_part_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match=r"may not have empty parts, '\.' or '\.\.', got 's3://walks/"):
        home_of(f"s3://walks/{name}")


def test_lance_is_told_of_a_server_without_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    assert lance_options("s3://walks/atlas") is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9000")
    assert lance_options("s3://walks/atlas") == {"aws_endpoint": "http://localhost:9000", "allow_http": "true"}
    assert lance_options("gs://walks/atlas") is None
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://minio.example")
    assert lance_options("s3://walks/atlas") == {"aws_endpoint": "https://minio.example", "allow_http": "false"}


def test_places_are_folders_or_addresses(copies: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert isinstance(home_of("walks"), Here) and isinstance(home_of("s3://walks/atlas"), Away)
    assert home_of(Path("s3://walks/atlas")).name == home_of("s3://walks/atlas/").name == "s3://walks/atlas"
    assert home_of(f"file://{tmp_path}/atlas").folder == home_of(tmp_path / "atlas").folder == tmp_path / "atlas"
    assert home_of("gcs://walks/atlas").table("images.lance") == "gs://walks/atlas/images.lance"
    with pytest.raises(OptionError, match="cannot be in memory, got 'memory://walks/atlas'"):
        home_of("memory://walks/atlas")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
    one = working_copy("s3://walks/atlas", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:2")
    assert one != working_copy("s3://walks/atlas", "x") and one.parent == copies


def test_a_copied_working_copy_has_another_name(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    name = copy_id(first)
    shutil.copytree(first, tmp_path / "second")
    assert copy_id(first) == name != copy_id(tmp_path / "second")
