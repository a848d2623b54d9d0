"""Damaged, moved, replaced and half-made atlases: errors of ours, or right answers."""

from __future__ import annotations

import datetime
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.errors import AtlasBusyError, AtlasError, AtlasFormatError, AtlasMissingError, AtlasWriteError
from placeprint.store import Store, StoredPhotos, tables
from placeprint.types import Answer
from tests.conftest import make_scene, write_scenes

PLACES = 8


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    atlas = Atlas.create(folder / "atlas", "sift-vlad")
    atlas.add([write_scenes(folder / "photos", PLACES)])
    atlas.prepare("votes")
    return folder


@pytest.fixture
def path(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built / "atlas", tmp_path / "atlas")


def look(path: Path, by: str = "descriptor") -> Answer:
    atlas = Atlas.open(path)
    atlas.info()
    return atlas.search(make_scene(3), mode=by, verify=3, rotations=False)


def found(path: Path, by: str = "descriptor") -> bool:
    answer = look(path, by)
    return answer.best is not None and Path(answer.best.path).name == "03.png"


def damaged(data: bytes, generator: random.Random) -> bytes:
    """Return data cut short, with bytes changed, with a part missing, or something else."""
    kind = generator.randrange(5)
    where = generator.randrange(max(len(data), 1))
    if kind == 0:
        return data[:where]
    if kind == 1:
        return data[:where] + data[where + generator.randrange(1, 40) :]
    if kind == 2:
        return generator.randbytes(where % 300)
    changed = bytearray(data)
    for _ in range(1 if kind == 3 else 20):
        changed[generator.randrange(len(data))] = generator.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize(
    ("pattern", "times", "by"),
    [
        ("atlas.toml", 20, "descriptor"),
        ("state/*.npz", 5, "descriptor"),
        ("*.lance/_versions/*.manifest", 8, "descriptor"),
        ("*.lance/data/*", 10, "descriptor"),
        ("cache/*/*", 5, "votes"),
    ],
)
def test_a_damaged_file_gives_an_error_of_an_atlas_or_right_answers(
    path: Path, pattern: str, times: int, by: str
) -> None:
    generator = random.Random(pattern)
    whole = {file: file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
    files = sorted(path.glob(pattern))
    assert files
    refused = 0
    for turn in range(times):
        file = files[turn % len(files)]
        file.write_bytes(damaged(whole[file], generator))
        try:
            answer = look(path, by)
            assert by == "descriptor" or answer.best is not None
        except AtlasError as error:
            refused += 1
            assert "\n" not in str(error)
        for each, data in whole.items():
            each.parent.mkdir(parents=True, exist_ok=True)
            each.write_bytes(data)
    assert (refused == 0) == (by == "votes")
    assert found(path, by)


@pytest.mark.parametrize("part", ["images.lance", "local.lance", "images.lance/data", "local.lance/data", "state"])
def test_missing_folders_are_named(path: Path, part: str) -> None:
    shutil.rmtree(path / part)
    with pytest.raises(AtlasFormatError, match=part.partition("/")[0]):
        look(path)


def test_a_panic_of_lance_is_a_damaged_table(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    now = Store(path).snapshot()

    class Broken:
        def to_table(self, columns: object) -> None:
            raise panic("index out of range")

    monkeypatch.setattr(now.images, "_dataset", Broken())
    with pytest.raises(AtlasFormatError, match="index out of range"):
        now.photos()


def test_an_atlas_that_goes_or_is_replaced_while_it_is_open_says_so(path: Path) -> None:
    atlas = Atlas.open(path)
    shutil.rmtree(path)
    for use in (atlas.info, lambda: len(atlas), lambda: atlas.search(make_scene(1)), lambda: atlas.remove("a.jpg")):
        with pytest.raises(AtlasMissingError, match="no longer exists"):
            use()
    Atlas.create(path, "sift-vlad")
    with pytest.raises(AtlasFormatError, match="open it again"):
        atlas.info()


def test_a_file_is_no_atlas(tmp_path: Path) -> None:
    (tmp_path / "atlas").touch()
    with pytest.raises(AtlasMissingError):
        Atlas.open(tmp_path / "atlas")
    with pytest.raises(AtlasError, match="is a file"):
        Atlas.create(tmp_path / "atlas")
    with pytest.raises(AtlasMissingError):
        Atlas.open("x\0y")


NAMES = ["trip:paris", "file:x", "s3:x", "C:\\x", "100%20 %", "a#b?c", "ünï ☃", "[bold]", "*"]


def test_any_name_is_a_folder_and_the_current_folder_may_change(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.chdir(tmp_path)
        shutil.copytree(built / "atlas", name)
        atlas = Atlas.open(f"{name}/")
        monkeypatch.chdir("/")
        assert len(atlas) == PLACES and (tmp_path / name / "atlas.toml").is_file()
        assert atlas.remove(str(built / "photos" / "00.png")) == 1
    monkeypatch.chdir(tmp_path)
    Atlas.create("new:one", "sift-vlad")
    assert len(Atlas.open(tmp_path / "new:one")) == 0
    (tmp_path / "link").symlink_to(tmp_path / "trip:paris")
    assert found(tmp_path / "link")


def test_one_path_is_a_list_of_one(path: Path, built: Path) -> None:
    atlas = Atlas.open(path)
    assert atlas.add(str(built / "photos")).unchanged == PLACES
    one = built / "photos" / "00.png"
    assert str(one) not in {
        each.path for each in atlas.search(make_scene(0), exclude=str(one), rotations=False).evidence
    }
    assert atlas.remove(one) == 1 and atlas.remove(str(built)) == PLACES - 1


def test_removal_looks_at_each_photo_once(path: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    original = StoredPhotos.paths

    def counted(photos: StoredPhotos) -> list[str]:
        looked.append(1)
        return original(photos)

    monkeypatch.setattr(StoredPhotos, "paths", counted)
    atlas = Atlas.open(path)
    with pytest.raises(AtlasMissingError, match="nothing was removed"):
        atlas.remove([*(built / "photos").iterdir(), built / "photos", built, "gone.jpg"])
    assert len(looked) == 1 and len(atlas) == PLACES
    assert atlas.remove([built / "photos", built / "photos" / "01.png"]) == PLACES


def test_what_is_open_outlives_clean_up_and_what_is_gone_is_read_anew(
    path: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = Atlas.open(path), Atlas.open(path)
    held = reader._store.snapshot()
    monkeypatch.setattr("placeprint.searching.learning.ADAPT_PHOTOS", 2)
    writer.remove(built / "photos" / "00.png")
    assert len(list(held.descriptors())[0][0]) == PLACES  # noqa: RUF015  # all are read
    monkeypatch.setattr("placeprint.store.store.KEEP", datetime.timedelta(0))
    monkeypatch.setattr(tables, "MANY", 0)
    old = reader._store.snapshot()
    writer.refit()
    with pytest.raises(AtlasFormatError):
        list(old.descriptors())
    snapshots = iter([old])
    current = reader._store.snapshot
    monkeypatch.setattr(reader._store, "snapshot", lambda: next(snapshots, None) or current())
    assert reader.search(make_scene(3), verify=2, rotations=False).best is not None


def test_threads_share_an_atlas(path: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placeprint.searching.memory.CACHE_PHOTOS", 2)
    atlas = Atlas.open(path)
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for by in ("descriptor", "votes"):
                answer = atlas.search(make_scene(number), verify=4, rotations=False, mode=by)
                assert answer.best is not None and Path(answer.best.path).name == f"{number:02d}.png"
        except BaseException as error:
            failed.append(error)

    def change() -> None:
        try:
            atlas.add(write_scenes(path.parent / "more", 2))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(PLACES)]
    threads.append(threading.Thread(target=change))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and len(atlas) == PLACES + 2


FORK = """
import os, sys, signal, warnings
warnings.simplefilter("ignore")
import placeprint
from placeprint import Atlas
from placeprint.errors import AtlasError
path, photo, first = sys.argv[1:]
def use():
    atlas = Atlas.open(path)
    assert atlas.search(photo, rotations=False).best is not None and len(atlas) == 8
    return atlas
def match():
    assert placeprint.match(photo, photo, features="sift", rotations=False).verdict == "same place"
match()
atlas = use() if first == "used" else None
child = os.fork()
if child == 0:
    signal.alarm(60)
    match()
    for act in (use, lambda: atlas.search(photo), lambda: atlas.add(photo)) if first == "used" else ():
        try:
            act()
        except AtlasError as error:
            assert "forked after an atlas was used" in str(error)
        else:
            os._exit(3)
    if first != "used":
        use()
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("first", ["used", "not used"])
@pytest.mark.slow
def test_a_forked_child_works_or_says_why_not(first: str, path: Path, built: Path) -> None:
    photo = str(built / "photos" / "03.png")
    assert subprocess.run([sys.executable, "-c", FORK, str(path), photo, first], check=False).returncode == 0


def test_an_atlas_needs_nothing_but_its_folder(tmp_path: Path, built: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "state.npz").write_bytes((resources.files("placeprint") / "codebooks" / "sift-vlad.npz").read_bytes())
    text = (resources.files("placeprint") / "presets" / "sift-vlad.toml").read_text()
    (run / "preset.toml").write_text(text.replace('shipped = "sift-vlad"', 'file = "state.npz"'))
    Atlas.create(tmp_path / "atlas", str(run / "preset.toml"))
    run.rename(tmp_path / "elsewhere")
    (tmp_path / "atlas").rename(tmp_path / "moved")
    atlas = Atlas.open(tmp_path / "moved")
    assert atlas.add(built / "photos").added == PLACES and found(tmp_path / "moved")
    shutil.rmtree(tmp_path / "moved" / "files")
    with pytest.raises(AtlasFormatError, match="lacks its file 'files/state-"):
        Atlas.open(tmp_path / "moved")


@pytest.mark.parametrize("step", ["placeprint.store.manifest.Manifest.write", "placeprint.store.tables.Table.create"])
def test_nothing_is_left_of_an_atlas_that_cannot_be_made(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AtlasWriteError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(step, fail)
        (tmp_path / "there").mkdir()
        for name in ("new", "there"):
            with pytest.raises(AtlasWriteError, match="full"):
                Atlas.create(tmp_path / name, "sift-vlad")
    assert [each.name for each in tmp_path.iterdir()] == ["there"] and not list((tmp_path / "there").iterdir())


def test_two_that_make_one_atlas_do_not_disturb_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable[..., None] = tables.Table.create
    seen: list[str] = []

    def create(table: tables.Table) -> None:
        if not seen:
            seen.append("first")
            with pytest.raises(AtlasBusyError):
                Atlas.create(tmp_path / "a", "sift-vlad")
        original(table)

    monkeypatch.setattr(tables.Table, "create", create)
    assert len(Atlas.create(tmp_path / "a", "sift-vlad")) == 0 and seen


def test_photos_without_their_manifest_are_not_overwritten(path: Path) -> None:
    (path / "atlas.toml").unlink()
    for name in ("state", "cache", "jobs"):
        shutil.rmtree(path / name)
    with pytest.raises(AtlasError, match=r"has the photos of an atlas, but its atlas\.toml is gone"):
        Atlas.create(path, "sift-vlad")
    assert (path / "images.lance").is_dir()


def test_an_empty_atlas_says_so(tmp_path: Path) -> None:
    assert Atlas.create(tmp_path / "a", "sift-vlad").search(make_scene(0)).note == "the atlas is empty"


def test_a_disk_that_fills_while_an_atlas_grows_keeps_the_old_content(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atlas = Atlas.open(path)
    before = np.sort(list(atlas._store.snapshot().photos()))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lance.write_dataset", full)
        with pytest.raises(AtlasWriteError, match="the disk is full; earlier data is kept"):
            atlas.refit()
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(AtlasWriteError, match="the disk is full"):
            atlas._store.save_state({"a": np.ones(2)})
    assert not list((path / "state").glob(".*")) and found(path)
    np.testing.assert_array_equal(np.sort(list(Atlas.open(path)._store.snapshot().photos())), before)
