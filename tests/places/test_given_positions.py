"""Positions from tables and tracks: how people write them, and what is refused in one line."""

from __future__ import annotations

import datetime
import struct
from pathlib import Path

import numpy as np
import pytest

from placeprint.atlas import Atlas
from placeprint.core.geography import check_position
from placeprint.errors import DatasetError, OptionError
from placeprint.places.given_positions import clock_offset_of, read_positions
from tests.conftest import write_scenes
from tests.photos.pictures import tiff_exif, with_exif
from tests.places.test_tracks import gpx

HOURS = datetime.timedelta(hours=1)
PHOTOS = [Path("/a/x/1.jpg"), Path("/a/y/1.jpg"), Path("/a/y/2.jpg")]


def table(path: Path, *rows: str, header: str = "path,latitude,longitude") -> Path:
    path.write_text("\n".join([header, *rows]))
    return path


def camera_photo(
    path: Path, time: str, zone: str | None = None, satellites: tuple[int, int, int] | None = None
) -> Path:
    camera = [(0x9003, 2, 20, f"{time}\0".encode())]
    camera += [(0x9011, 2, 7, f"{zone}\0".encode())] if zone else []
    clock = b"".join(struct.pack("<II", part, 1) for part in satellites or ())
    gps = [(7, 5, 3, clock), (29, 2, 11, b"2024:06:01\0")] if satellites else []
    path.write_bytes(with_exif("JPEG", tiff_exif([], camera, gps)))
    return path


@pytest.mark.parametrize(
    "header", ["path,latitude,longitude", "File,Lat,Lon", "SourceFile,GPSLatitude,GPSLongitude", "Photo , LAT,lng"]
)
def test_the_usual_spellings_of_a_header_are_read(tmp_path: Path, header: str) -> None:
    found = read_positions(table(tmp_path / "p.csv", "x/1.jpg,-33.85,-70.5", header=header), PHOTOS)
    assert found.positions == {"/a/x/1.jpg": (-33.85, -70.5)}


def test_photos_are_found_by_any_end_of_their_paths(tmp_path: Path) -> None:
    photos = [*PHOTOS, tmp_path / "3.jpg"]
    rows = ["/a/x/1.jpg,1,1", "y/1.jpg,2,2", "2.jpg,3,3", "./3.jpg,4,4", "other.jpg,5,5"]
    found = read_positions(table(tmp_path / "p.csv", *rows), photos)
    assert [position[0] for position in found.positions.values()] == [1, 2, 3, 4]


@pytest.mark.parametrize("row", ["2.jpg,90,0", "2.jpg,-90,180", "2.jpg,-17.5,-179.9999", "2.jpg,0,0.0001"])
def test_poles_the_date_line_and_the_equator_are_places(tmp_path: Path, row: str) -> None:
    expected = tuple(float(part) for part in row.split(",")[1:])
    assert read_positions(table(tmp_path / "p.csv", row), PHOTOS).positions == {"/a/y/2.jpg": expected}


@pytest.mark.parametrize("row", ["2.jpg,0,0", "2.jpg,,", "2.jpg,0.0,-0.0"])
def test_a_row_without_a_fix_has_no_position(tmp_path: Path, row: str) -> None:
    found = read_positions(table(tmp_path / "p.csv", "x/1.jpg,1,2", row), PHOTOS)
    assert list(found.positions) == ["/a/x/1.jpg"] and list(found.missing) == ["/a/y/2.jpg"]
    with pytest.raises(DatasetError, match="no position for any of the 3 photos"):
        read_positions(table(tmp_path / "p.csv", row), PHOTOS)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["2.jpg,151.2,-33.8"], "line 2 has the latitude 151.2.*probably swapped"),
        (["2.jpg,95,170"], "line 2 has the latitude 95, which must be between -90 and 90$"),
        (["2.jpg,33.8,181"], "line 2 has the longitude 181"),
        (["2.jpg,nan,3"], "line 2 must be two numbers"),
        (["2.jpg,55 42 N,13 11 E"], "decimal degrees"),
        (["2.jpg,55.7,"], "decimal degrees"),
        (["1.jpg,1,1"], "write more of its path"),
        (["2.jpg,1,1", "y/2.jpg,1,2"], "line 3 gives 'y/2.jpg' a second position"),
        (["no.jpg,1,1"], "no position for any of the 3 photos; its first row names 'no.jpg'"),
        ([",1,1"], "names no photo"),
    ],
)  # fmt: skip
def test_wrong_rows_are_refused_with_their_line(tmp_path: Path, rows: list[str], words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        read_positions(table(tmp_path / "p.csv", *rows), PHOTOS)


def test_altitude_alone_is_no_position(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="it has path, altitude, and none of latitude"):
        read_positions(table(tmp_path / "p.csv", "2.jpg,31", header="path,altitude"), PHOTOS)


def test_a_table_needs_no_clock(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="needs a GPX track"):
        read_positions(table(tmp_path / "p.csv", "2.jpg,1,1"), PHOTOS, HOURS)


@pytest.fixture
def track(tmp_path: Path) -> Path:
    return gpx(
        tmp_path / "walk.gpx",
        [(55.0, 13.0, "2024-06-01T10:00:00Z"), (55.001, 13.0, "2024-06-01T10:01:00Z")],
    )


def test_times_with_a_zone_without_one_and_from_satellites(tmp_path: Path, track: Path) -> None:
    zoned = camera_photo(tmp_path / "zoned.jpg", "2024:06:01 12:00:30", "+02:00")
    plain = camera_photo(tmp_path / "plain.jpg", "2024:06:01 12:00:30")
    fixed = camera_photo(tmp_path / "fixed.jpg", "2031:01:01 00:00:00", satellites=(10, 0, 30))
    found = read_positions(track, [zoned, plain, fixed])
    assert found.positions == {str(path): pytest.approx((55.0005, 13.0), abs=1e-6) for path in (zoned, fixed)}
    assert "give --clock-offset" in found.missing[str(plain)]
    assert set(read_positions(track, [zoned, plain], 2 * HOURS).positions) == {str(zoned), str(plain)}


def test_a_clock_that_does_not_fit_the_track_is_told_with_both_times(tmp_path: Path, track: Path) -> None:
    photo = camera_photo(tmp_path / "late.jpg", "2024:06:01 12:00:30")
    words = "the photos are from 2024-06-01 12:00:30.*the track is from 2024-06-01 10:00:00 to 2024-06-01 10:01:00"
    with pytest.raises(DatasetError, match=words):
        read_positions(track, [photo], 0 * HOURS)
    with pytest.raises(DatasetError, match="none of the 1 photos has a time"):
        read_positions(track, [photo])


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("-90", -90), ("+02:00", 7200), ("-00:01:30", -90), ("12.5", 12.5), ("5:30", 19800)]
)
def test_clock_offsets(text: str, seconds: float) -> None:
    assert clock_offset_of(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "two hours", "02:60", "1:2:3", "+", "1e3", "nan"])
def test_what_is_no_clock_offset_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="in seconds or as"):
        clock_offset_of(text)


def test_an_atlas_takes_positions_and_keeps_everything_else(tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add(write_scenes(tmp_path / "photos", 3))
    before = {photo.path: photo for photo in atlas.snapshot().usable().values()}
    first = next(iter(before))
    assert atlas.set_positions({first: (-33.9, 151.2), "elsewhere": (1, 1)}) == 1
    assert atlas.set_positions({first: (-33.9, 151.2)}) == 0
    after = {photo.path: photo for photo in Atlas.open(tmp_path / "atlas").snapshot().usable().values()}
    assert after[first].location == (-33.9, 151.2)
    assert all(after[path].location is None and after[path].id == before[path].id for path in before if path != first)
    best = atlas.search(first, top=1).best
    assert best is not None and best.location == (-33.9, 151.2)
    with pytest.raises(OptionError, match="swapped"):
        atlas.set_positions({first: (151.2, -33.9)})


@pytest.mark.parametrize("bad", [(91.0, 0.0), (0.0, 181.0), (np.nan, 0.0), (0.0, np.inf)])
def test_what_is_no_place_on_earth_is_refused(bad: tuple[float, float]) -> None:
    with pytest.raises(OptionError, match="here"):
        check_position(*bad, "here")
