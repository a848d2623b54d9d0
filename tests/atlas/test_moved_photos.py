"""Photos that were touched or moved are known by their content, and nothing is described again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import placeprint.describing.bulk
from placeprint import Atlas
from placeprint.atlas.reports import AddReport
from tests.conftest import make_scene, write_photo, write_scenes

COUNT = 4


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    write_scenes(folder / "photos", COUNT)
    Atlas.create(folder / "atlas", "sift-vlad").add([folder / "photos"])
    return folder


@pytest.fixture
def photos(built: Path, tmp_path: Path) -> Path:
    """Photos that the atlas beside them knows at these paths."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    atlas = Atlas.open(tmp_path / "atlas")
    (built / "photos").rename(built / "away")  # so that they count as moved
    try:
        assert atlas.add([tmp_path / "photos"]).moved == COUNT
    finally:
        (built / "away").rename(built / "photos")
    return tmp_path / "photos"


def add(photos: Path, *places: Path, described: int = 0) -> AddReport:
    """Add places, and see how many photos were described."""
    count = 0
    original = placeprint.describing.bulk.describe_file

    def counted(*args: object) -> object:
        nonlocal count
        count += 1
        return original(*args)  # type: ignore[arg-type]  # whatever it takes

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placeprint.describing.bulk, "describe_file", counted)
        report = Atlas.open(photos.parent / "atlas").add(places or [photos])
    assert count == described
    return report


def stored(photos: Path) -> dict[str, int]:
    """Return the stored photos by path: the number of the scene whose features each has."""
    now = Atlas.open(photos.parent / "atlas")._store.snapshot()
    return {Path(record.path).name: int(record.id) for record in now.usable().values()}


def told(report: AddReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.moved, report.unchanged


def test_a_touched_photo_is_read_once_more_only(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(photos / "02.png", (1, 1))
    assert told(add(photos)) == (0, 0, 0, COUNT)
    monkeypatch.setattr("placeprint.atlas.moved_photos.open_file", None)
    assert told(add(photos)) == (0, 0, 0, COUNT)


def test_a_moved_folder_keeps_its_features(photos: Path) -> None:
    before = stored(photos)
    moved = photos.rename(photos.with_name("moved"))
    assert told(add(photos, moved)) == (0, 0, COUNT, 0)
    assert stored(photos) == before
    atlas = Atlas.open(photos.parent / "atlas")
    answer = atlas.search(make_scene(1), rotations=False)
    assert answer.best is not None and answer.best.path == str(moved / "01.png")
    assert atlas.info().num_gone == 0 and told(add(photos, moved)) == (0, 0, 0, COUNT)


def test_photos_that_are_gone_are_counted(photos: Path) -> None:
    (photos / "00.png").unlink()
    assert Atlas.open(photos.parent / "atlas").info().num_gone == 1


def test_a_copy_is_a_new_photo(photos: Path) -> None:
    shutil.copy(photos / "00.png", photos / "copy.png")
    assert told(add(photos, described=1)) == (1, 0, 0, COUNT)


def test_a_copy_of_a_touched_photo_is_a_new_photo(photos: Path) -> None:
    shutil.copy(photos / "00.png", photos / "copy.png")
    os.utime(photos / "00.png", (1, 1))
    assert told(add(photos, photos / "copy.png", described=1)) == (1, 0, 0, 0)


def test_names_that_all_shift_by_one_are_moves(photos: Path) -> None:
    before = stored(photos)
    for number in reversed(range(COUNT)):
        (photos / f"{number:02d}.png").rename(photos / f"{number + 1:02d}.png")
    assert told(add(photos)) == (0, 0, COUNT, 0)
    assert stored(photos) == {f"{number + 1:02d}.png": before[f"{number:02d}.png"] for number in range(COUNT)}


def test_two_photos_that_swap_names_are_moves(photos: Path) -> None:
    before = stored(photos)
    (photos / "00.png").rename(photos / "x")
    (photos / "01.png").rename(photos / "00.png")
    (photos / "x").rename(photos / "01.png")
    assert told(add(photos)) == (0, 0, 2, 2)
    assert stored(photos) == before | {"00.png": before["01.png"], "01.png": before["00.png"]}


def test_a_move_onto_another_photo_replaces_it(photos: Path) -> None:
    before = stored(photos)
    (photos / "00.png").replace(photos / "01.png")
    assert told(add(photos)) == (0, 0, 1, 2)
    after = stored(photos)
    assert after["01.png"] == before["00.png"] and len(after) == COUNT - 1


def test_a_path_used_again_is_a_move_and_a_new_photo(photos: Path) -> None:
    (photos / "00.png").rename(photos / "new.png")
    write_photo(photos / "00.png", make_scene(50))
    assert told(add(photos, described=1)) == (1, 0, 1, COUNT - 1)


def test_equal_photos_keep_their_names_when_they_move(photos: Path) -> None:
    shutil.copy(photos / "03.png", photos / "twin.png")
    add(photos, described=1)
    before = stored(photos)
    moved = photos.rename(photos.with_name("moved"))
    (moved / "03.png").rename(moved / "other.png")
    assert told(add(photos, moved)) == (0, 0, COUNT + 1, 0)
    assert stored(photos) == {{"03.png": "other.png"}.get(name, name): i for name, i in before.items()}


def test_a_move_that_was_interrupted_is_done_the_next_time(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stored(photos)
    (photos / "00.png").replace(photos / "01.png")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("placeprint.store.store.Store.update", stop)
        with pytest.raises(KeyboardInterrupt):
            add(photos)
    assert told(add(photos)) == (0, 0, 1, 2)
    assert stored(photos)["01.png"] == before["00.png"]


def test_a_skipped_photo_that_moves_stays_skipped(photos: Path) -> None:
    write_photo(photos / "blank.png", np.full((64, 64, 3), 200, np.uint8))
    assert len(add(photos, described=1).skipped) == 1
    (photos / "blank.png").rename(photos / "white.png")
    report = add(photos)
    assert [Path(path).name for path, _ in report.skipped] == ["white.png"] and report.moved == 0
