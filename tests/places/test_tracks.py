"""GPX tracks: positions between points, gaps, clocks, and files that are none."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from placeprint.errors import DatasetError
from placeprint.places.tracks import camera_moment, read_track

NOON = datetime.datetime(2024, 6, 1, 12, 0, 0)
HOURS = datetime.timedelta(hours=1)


def gpx(path: Path, points: list[tuple[float, float, str | None]]) -> Path:
    rows = "".join(
        f'<trkpt lat="{lat}" lon="{lon}"><ele>3</ele>{f"<time>{time}</time>" if time else ""}</trkpt>'
        for lat, lon, time in points
    )
    path.write_text(
        '<?xml version="1.0"?><gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1">'
        f"<trk><trkseg>{rows}</trkseg></trk></gpx>"
    )
    return path


@pytest.fixture
def track(tmp_path: Path) -> Path:
    return gpx(
        tmp_path / "walk.gpx",
        [
            (55.0, 13.0, "2024-06-01T10:00:00Z"),
            (55.001, 13.002, "2024-06-01T10:01:00Z"),
            (56.0, 13.0, "2024-06-01T11:00:00Z"),
        ],
    )


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def test_between_two_points_the_position_is_in_proportion(track: Path) -> None:
    found = read_track(track).at(utc("2024-06-01T10:00:30+00:00"))
    assert found == pytest.approx((55.0005, 13.001), abs=1e-6)


@pytest.mark.parametrize(
    "moment", ["2024-06-01T09:59:59+00:00", "2024-06-01T10:30:00+00:00", "2024-06-01T11:00:01+00:00"]
)
def test_before_after_and_in_gaps_there_is_no_position(track: Path, moment: str) -> None:
    assert read_track(track).at(utc(moment)) is None


def test_the_points_themselves_have_their_positions(track: Path) -> None:
    assert read_track(track).at(utc("2024-06-01T11:00:00+00:00")) == (56.0, 13.0)
    assert read_track(track).at(utc("2024-06-01T12:00:00+02:00")) == (55.0, 13.0)


def test_a_time_without_zone_is_refused(track: Path) -> None:
    with pytest.raises(DatasetError, match="time zone"):
        read_track(track).at(NOON)


def test_the_clock_offset_goes_before_the_zone_of_the_camera() -> None:
    assert camera_moment(NOON, 2 * HOURS, None).hour == 10
    assert camera_moment(NOON, 2 * HOURS, 5 * HOURS).hour == 7
    with pytest.raises(DatasetError, match="--clock-offset"):
        camera_moment(NOON, None, None)


def test_a_track_without_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="2 points, none with a time"):
        read_track(gpx(tmp_path / "a.gpx", [(1, 1, None), (2, 2, None)]))
    with pytest.raises(DatasetError, match="no points"):
        read_track(gpx(tmp_path / "b.gpx", []))


def test_swapped_latitude_and_longitude_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="swapped"):
        read_track(gpx(tmp_path / "a.gpx", [(151.2, -33.8, "2024-06-01T10:00:00Z")]))


@pytest.mark.parametrize("content", [b"", b"not xml", b"<gpx>", b"\x00\x01", b"\xff\xfe<\x00"])
def test_what_is_no_gpx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.gpx"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"a\.gpx"):
        read_track(path)
    with pytest.raises(DatasetError, match="missing"):
        read_track(tmp_path / "missing.gpx")
