from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from placeprint.errors import (
    AtlasBusyError,
    AtlasExistsError,
    AtlasFormatError,
    AtlasMissingError,
    AtlasWriteError,
)
from placeprint.presets import load_preset
from placeprint.store import Manifest, PhotoRecord, Store, encode_features
from placeprint.store.encoding import Columns
from tests.conftest import random_features

MANIFEST = Manifest(load_preset("sift-vlad"), {}, 1, "0")


def _record(name: str, error: str | None = None) -> PhotoRecord:
    return PhotoRecord(f"/photos/{name}", "ab", 3, 5, 320, 240, (1.5, -2.5), None, 7, error)


def _entry(name: str, seed: int = 0) -> tuple[PhotoRecord, Columns, bytes]:
    return _record(name), encode_features(random_features(7, 8, seed), 8), bytes([seed] * 4)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "atlas", MANIFEST)


def test_what_is_appended_is_read_back_by_another_reader(store: Store) -> None:
    with store.exclusive():
        store.append([_entry("a", 1), (_record("b", "broken"), None, None)], "s1")
        store.append([_entry("c", 2)], "s1")
    other = Store(store.folder)
    records = other.snapshot().photos()
    assert [(r.path, r.error, r.location) for r in records.values()] == [
        ("/photos/a", None, (1.5, -2.5)),
        ("/photos/b", "broken", (1.5, -2.5)),
        ("/photos/c", None, (1.5, -2.5)),
    ]
    assert other.snapshot().state_name == "s1"
    ids = [i for batch, _ in other.snapshot().descriptors() for i in batch.tolist()]
    assert ids == [0, 2]
    assert other.snapshot().local_columns([2, 99, 0]).keys() == {0, 2}


def test_a_broken_link_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(AtlasExistsError, match=r"'.*/link' is a broken link; choose another folder"):
        Store.create(tmp_path / "link", MANIFEST)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_a_changed_photo_replaces_its_row(store: Store) -> None:
    with store.exclusive():
        store.append([_entry("a", 1), _entry("b", 1)], "s")
        store.append([_entry("a", 2)], "s", replaces=[0])
    assert {r.path: r.id for r in store.snapshot().photos().values()} == {"/photos/a": 2, "/photos/b": 1}
    assert store.snapshot().local_columns([0, 1, 2]).keys() == {1, 2}


def test_a_crash_between_the_tables_leaves_nothing_behind(store: Store) -> None:
    check_crash_between_the_tables(store)


def check_crash_between_the_tables(store: Store) -> None:
    """Check that features without a photo are removed by the next writer, and that it goes on."""
    with store.exclusive():
        store.append([_entry("a")], "s")
        store._local.append([{"id": 1, **encode_features(random_features(7, 8), 8)}])  # the crash
    assert len(store.snapshot().photos()) == 1
    with store.exclusive():
        assert store.snapshot().local.ids().tolist() == [0]
        store.append([_entry("b")], "s")
    assert sorted(store.snapshot().photos()) == [0, 1]


def test_a_crash_before_the_old_row_is_deleted_shows_the_new_one_only(store: Store) -> None:
    with store.exclusive():
        store.append([_entry("a", 1)], "s")
        store.append([_entry("a", 2)], "s")  # the crash: replaces was not carried out
    assert sorted(store.snapshot().photos()) == [1]
    assert [rows for _, rows in store.snapshot().descriptors()] == [[bytes([2] * 4)]]
    with store.exclusive():
        assert store.snapshot().images.ids().tolist() == [1]


def test_descriptors_are_replaced_in_one_commit(store: Store) -> None:
    with store.exclusive():
        store.append([_entry("a", 1), (_record("b", "broken"), None, None), _entry("c", 2)], "s1")
        name = store.save_state({"codebook": np.ones(3)})
        store.replace_descriptors(name, lambda ids: dict.fromkeys(ids, b"new!"))
    assert store.snapshot().state_name == name
    assert [rows for _, rows in store.snapshot().descriptors()] == [[b"new!", b"new!"]]
    np.testing.assert_array_equal(store.snapshot().load_state(name)["codebook"], np.ones(3))


def test_a_failure_while_replacing_leaves_the_old_descriptors(store: Store) -> None:
    with store.exclusive():
        store.append([_entry("a", 1)], "s1")

        def fail(ids: object) -> dict[int, bytes]:
            raise ValueError("no")

        with pytest.raises(Exception, match="no"):
            store.replace_descriptors("s2", fail)
    assert store.snapshot().state_name == "s1"
    assert [rows for _, rows in store.snapshot().descriptors()] == [[bytes([1] * 4)]]


def test_a_reader_survives_compaction_and_cleaning(store: Store) -> None:
    with store.exclusive():
        for name in "abcdef":
            store.append([_entry(name)], "s")
    reader = Store(store.folder)
    held = reader.snapshot()
    assert len(held.photos()) == 6
    with store.exclusive():
        store.remove([0, 1])
        store.maintain()
    assert held.local_columns([0, 3]).keys() == {0, 3} and sum(len(ids) for ids, _ in held.descriptors()) == 6
    assert len(reader.snapshot().photos()) == 4


def test_two_writers_at_once_are_refused(store: Store) -> None:
    code = (
        "import sys; from placeprint.store import Store; from pathlib import Path\n"
        "with Store(Path(sys.argv[1])).exclusive(): print('in', flush=True); sys.stdin.read()"
    )
    import sys

    with subprocess.Popen(
        [sys.executable, "-c", code, str(store.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"in\n"
        with pytest.raises(AtlasBusyError, match="another process is writing"), store.exclusive():
            pass
        other.kill()
    with store.exclusive():
        pass


def test_no_atlas_and_a_full_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(AtlasMissingError, match="no atlas at"):
        Store(tmp_path)
    (tmp_path / "something").touch()
    with pytest.raises(AtlasExistsError, match="not an atlas"):
        Store.create(tmp_path, MANIFEST)


def test_a_creation_that_was_interrupted_can_be_repeated(store: Store) -> None:
    (store.folder / "atlas.toml").unlink()
    assert len(Store.create(store.folder, MANIFEST).snapshot().photos()) == 0


def test_a_newer_format_is_refused(store: Store) -> None:
    path = store.folder / "atlas.toml"
    path.write_text(path.read_text().replace("format = 2", "format = 99"))
    with pytest.raises(AtlasFormatError, match="format 99, this placeprint reads up to 2; upgrade"):
        Store(store.folder)


@pytest.mark.parametrize("content", ["format = ", "preset = 'x'", "\udcff"])
def test_a_damaged_manifest_is_refused(store: Store, content: str) -> None:
    (store.folder / "atlas.toml").write_text(content, errors="surrogateescape")
    with pytest.raises(AtlasFormatError, match="damaged"):
        Store(store.folder)


def test_a_damaged_state_is_refused(store: Store) -> None:
    name = store.save_state({"codebook": np.ones(3)})
    (store.folder / "state" / f"{name}.npz").write_bytes(b"short")
    with pytest.raises(AtlasFormatError, match="learned state"):
        store.snapshot().load_state(name)


@contextlib.contextmanager
def _small_disk(folder: Path, options: str) -> Iterator[None]:
    """Mount a file system of its own on a folder, or skip the test."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    with _small_disk(folder, "size=600k"):
        store = Store.create(folder / "atlas", MANIFEST)
        stored = 0
        big = encode_features(random_features(500, 8), 8)
        with (
            pytest.raises(AtlasWriteError, match="the disk is full; earlier data is kept"),
            store.exclusive(),
        ):
            for number in range(1000):
                store.append([(_record(str(number)), big, b"1234")], "s")
                stored += 1
        assert stored > 3
        assert len(Store(store.folder).snapshot().photos()) == stored


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_read_only_folder_can_be_searched_but_not_written(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    with _small_disk(folder, "size=5m"):
        store = Store.create(folder / "atlas", MANIFEST)
        with store.exclusive():
            store.append([_entry("a")], "s")
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        reader = Store(store.folder)
        assert len(reader.snapshot().photos()) == 1 and reader.snapshot().local_columns([0]).keys() == {0}
        with pytest.raises(AtlasWriteError, match="the folder is read-only"), reader.exclusive():
            pass
        with pytest.raises(AtlasWriteError, match="the folder is read-only"):
            Store.create(folder / "other", MANIFEST)
