"""A second look through an archive reads only what has changed."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from placeprint.photos import read_image, rotate_image
from placeprint.places import duplicates
from placeprint.places.duplicates import find_copies
from placeprint.places.kept_shots import FILE, Compared, KeptShots
from placeprint.store import PhotoRecord
from placeprint.types import Image
from tests.conftest import make_scene, write_photo


def record(path: Path) -> PhotoRecord:
    now = path.stat()
    return PhotoRecord(str(path), f"{hash(path.name) % 16**12:064x}", now.st_size, now.st_mtime_ns, 480, 360)


@pytest.fixture
def photos(tmp_path: Path) -> list[PhotoRecord]:
    scene = make_scene(3, 480, 360)
    pictures = {"a": scene, "b": rotate_image(scene, 90), "c": make_scene(4, 480, 360), "d": scene[10:350, 20:470]}
    return [record(write_photo(tmp_path / f"{name}.png", picture)) for name, picture in pictures.items()]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the paths that are read from now on."""
    paths: list[str] = []

    def noted(path: str) -> Image:
        paths.append(path)
        return read_image(path)

    monkeypatch.setattr(duplicates, "read_image", noted)
    return paths


def looked(photos: list[PhotoRecord], folder: Path) -> duplicates.Found:
    kept = KeptShots(folder)
    found = find_copies(photos, kept=kept, workers=1)
    kept.write(photos)
    return found


def test_a_second_look_reads_nothing_and_finds_the_same(
    photos: list[PhotoRecord], read: list[str], tmp_path: Path
) -> None:
    first = looked(photos, tmp_path / "cache")
    assert len(read) > 4 and first.groups and first.rotations
    read.clear()
    assert looked(photos, tmp_path / "cache") == first
    assert read == []
    assert looked(photos[::-1], tmp_path / "cache") == first


def test_what_has_changed_is_read_again(photos: list[PhotoRecord], read: list[str], tmp_path: Path) -> None:
    looked(photos, tmp_path / "cache")
    read.clear()
    path = Path(photos[0].path)
    write_photo(path, make_scene(7, 480, 360))
    os.utime(path, ns=(1, 1))
    found = looked(photos, tmp_path / "cache")
    assert str(path) in read
    assert all(str(path) not in group.paths for group in found.groups)
    read.clear()
    looked(photos, tmp_path / "cache")
    assert str(path) in read  # nothing is kept under the hash of what the file was


def test_a_damaged_file_and_other_constants_begin_anew(
    photos: list[PhotoRecord], read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = looked(photos, tmp_path / "cache")
    (tmp_path / "cache" / FILE).write_bytes(b"no archive")
    read.clear()
    assert looked(photos, tmp_path / "cache") == first
    assert read
    monkeypatch.setattr("placeprint.places.shots.FIFTH", 0.93)
    read.clear()
    looked(photos, tmp_path / "cache")
    assert read


def test_a_comparison_is_known_both_ways(photos: list[PhotoRecord], tmp_path: Path) -> None:
    kept = KeptShots(tmp_path)
    kept.add_compared(photos[0], photos[1], Compared(0.98, 90.0))
    assert kept.compared(photos[1], photos[0]) == Compared(0.98, 270.0)
    assert kept.compared(photos[0], photos[2]) is None


def test_a_folder_that_cannot_be_written_keeps_nothing(
    photos: list[PhotoRecord], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file")
    with caplog.at_level(logging.WARNING):
        assert looked(photos, tmp_path / "cache").groups
    assert "not cached" in caplog.text
