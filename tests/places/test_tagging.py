"""Guesses in sidecars and copies: pixels stay, originals stay, and undo removes the guess and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from placeprint.errors import PhotoError, WriteError
from placeprint.photos import read_camera_data
from placeprint.places.tagging import KEYWORD, is_guess, undo, write_copy, write_sidecar
from placeprint.types import Location
from tests.conftest import make_scene, write_photo

pyexiv2 = pytest.importorskip("pyexiv2")

PLACES = [
    Location(-33.8568, 151.2153, 12.5),
    Location(55.7, -13.0, 20.0),
    Location(-89.99999, -179.99999, 5.0),
    Location(0.0, 0.00002, 5.0),
]


def scan_of(path: Path) -> bytes:
    """Return the compressed picture of a JPEG: everything from its start of scan."""
    data, place = path.read_bytes(), 2
    while data[place + 1] != 0xDA:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return data[place:]


def keywords(path: Path) -> list[str]:
    with pyexiv2.Image(str(path)) as file:
        return list(file.read_xmp().get("Xmp.dc.subject", []))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return write_photo(tmp_path / "photos" / "ä b.jpg", make_scene(1), quality=80)


@pytest.mark.parametrize("where", PLACES)
def test_a_copy_has_the_position_and_the_same_picture(photo: Path, tmp_path: Path, where: Location) -> None:
    before = hashlib.sha256(photo.read_bytes()).hexdigest()
    target = tmp_path / "out" / photo.name
    write_copy(photo, target, where)
    found = read_camera_data(target).location
    assert found == pytest.approx((where.latitude, where.longitude), abs=1e-8)
    assert scan_of(target) == scan_of(photo)
    assert hashlib.sha256(photo.read_bytes()).hexdigest() == before
    assert is_guess(target) and keywords(target) == [KEYWORD]
    assert undo(target.parent) == ([target], [])
    assert read_camera_data(target).location is None and not is_guess(target) and keywords(target) == []
    assert scan_of(target) == scan_of(photo)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_other_formats_are_tagged(tmp_path: Path, suffix: str) -> None:
    photo = write_photo(tmp_path / f"a{suffix}", make_scene(2))
    write_copy(photo, tmp_path / "out" / photo.name, PLACES[0])
    assert read_camera_data(tmp_path / "out" / photo.name).location == pytest.approx((-33.8568, 151.2153), abs=1e-8)


def test_undo_keeps_what_others_wrote(photo: Path, tmp_path: Path) -> None:
    with pyexiv2.Image(str(photo)) as file:
        file.modify_exif({"Exif.GPSInfo.GPSAltitude": "31/1", "Exif.Image.Artist": "me"})
        file.modify_xmp({"Xmp.dc.subject": ["holiday"]})
    target = tmp_path / "out" / photo.name
    write_copy(photo, target, PLACES[0])
    assert keywords(target) == ["holiday", KEYWORD]
    undo(target.parent)
    with pyexiv2.Image(str(target)) as file:
        exif = file.read_exif()
    assert keywords(target) == ["holiday"] and exif["Exif.Image.Artist"] == "me"
    assert {name for name in exif if "GPSInfo" in name} == {"Exif.GPSInfo.GPSAltitude"}


def test_photos_with_a_position_and_foreign_files_are_left_alone(photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / photo.name
    write_copy(photo, target, PLACES[0])
    write_copy(photo, target, PLACES[1])  # our own copy may be replaced
    with pytest.raises(PhotoError, match="has a position already"):
        write_copy(target, tmp_path / "again" / photo.name, PLACES[0])
    foreign = write_photo(tmp_path / "out" / "foreign.jpg", make_scene(3))
    with pytest.raises(WriteError, match="not a copy written by placeprint"):
        write_copy(photo, foreign, PLACES[0])
    with pytest.raises(WriteError, match="write sidecars"):
        write_copy(photo.rename(photo.with_suffix(".bmp")), tmp_path / "out" / "a.bmp", PLACES[0])
    assert undo(tmp_path / "out") == ([target], [])
    assert foreign.exists()


def test_a_sidecar_comes_and_goes(photo: Path) -> None:
    before = photo.read_bytes()
    path = write_sidecar(photo, PLACES[0])
    assert path.name == "ä b.jpg.xmp" and photo.read_bytes() == before
    assert "33,51.4080000S" in path.read_text("utf-8") and keywords(path) == [KEYWORD]
    assert write_sidecar(photo, PLACES[1]) == path
    assert undo(photo.parent) == ([path], [path]) and not path.exists()
    assert undo(photo.parent) == ([], [])


def test_a_sidecar_of_another_program_is_kept(photo: Path) -> None:
    path = write_sidecar(photo, PLACES[0])
    with pyexiv2.Image(str(path)) as file:
        file.modify_xmp({"Xmp.xmp.Rating": "4"})
    with pytest.raises(WriteError, match="another program"):
        write_sidecar(photo, PLACES[1])
    assert undo(photo.parent) == ([path], [])
    with pyexiv2.Image(str(path)) as file:
        assert set(file.read_xmp()) == {"Xmp.xmp.Rating"}
