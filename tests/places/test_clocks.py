"""Clocks: right ones are left alone, wrong ones are found by what contradicts them."""

from __future__ import annotations

import datetime

import pytest

from placeprint.photos.exif import Metadata
from placeprint.places.clocks import against_file, against_order, against_satellites
from placeprint.store import PhotoRecord

NOON = datetime.datetime(2024, 6, 1, 12, 0, 0)
UTC = datetime.UTC
HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)
LUND = (55.7, 13.2)


def camera(
    ahead: datetime.timedelta, zone: datetime.timedelta | None = None, location: tuple[float, float] | None = LUND
) -> Metadata:
    satellites = (NOON - ahead).replace(tzinfo=UTC)
    return Metadata(location=location, taken=NOON, utc_offset=zone, satellite_time=satellites)


@pytest.mark.parametrize(
    ("ahead", "zone", "location"),
    [
        (2 * HOUR, None, LUND),
        (2 * HOUR + 3 * MINUTE, 2 * HOUR, LUND),
        (5 * HOUR + 45 * MINUTE, None, (27.7, 85.3)),
        (8 * HOUR, None, (39.5, 76.0)),
        (-10 * HOUR, None, (21.3, -157.9)),
        (-12 * HOUR, None, None),
    ],
)
def test_a_clock_in_its_time_zone_is_right(
    ahead: datetime.timedelta, zone: datetime.timedelta | None, location: tuple[float, float] | None
) -> None:
    assert against_satellites("a.jpg", camera(ahead, zone, location)) is None


@pytest.mark.parametrize(
    ("ahead", "zone", "words"),
    [
        (2 * HOUR + 7 * MINUTE, None, "off by 7 minutes"),
        (300 * HOUR, None, "off by 12 days"),
        (3 * HOUR, 2 * HOUR, "off by 60 minutes"),
        (9 * HOUR, None, "no time zone at longitude 13.2 is 9 hours ahead"),
        (-8 * HOUR, None, "8 hours behind"),
    ],
)
def test_a_wrong_clock_is_found_by_its_satellites(
    ahead: datetime.timedelta, zone: datetime.timedelta | None, words: str
) -> None:
    found = against_satellites("a.jpg", camera(ahead, zone))
    assert found is not None and found.finding == "wrong-time" and words in found.detail


def test_without_satellites_or_time_nothing_is_said() -> None:
    assert against_satellites("a.jpg", Metadata(taken=NOON)) is None
    assert against_satellites("a.jpg", Metadata(satellite_time=NOON.replace(tzinfo=UTC))) is None


def record(name: str, taken: datetime.datetime | None, written: datetime.datetime = NOON) -> PhotoRecord:
    return PhotoRecord(f"/walk/{name}", "", 0, int(written.replace(tzinfo=UTC).timestamp() * 1e9), taken=taken)


def test_a_photo_is_not_taken_after_its_file_was_written() -> None:
    assert against_file(record("a.jpg", NOON + 12 * HOUR)) is None
    assert against_file(record("a.jpg", None)) is None
    found = against_file(record("a.jpg", NOON + 24 * 400 * HOUR))
    assert found is not None and "400 days earlier" in found.detail


@pytest.mark.parametrize("off", [-20 * HOUR, 9000 * HOUR, HOUR])
def test_a_photo_out_of_the_order_of_its_series_is_found(off: datetime.timedelta) -> None:
    photos = [record(f"IMG_{9 + k}.jpg", NOON + k * MINUTE) for k in range(10)]
    assert list(against_order(photos)) == []
    photos[4] = record("IMG_13.jpg", NOON + off)
    found = list(against_order(photos))
    assert [each.photo for each in found] == ["/walk/IMG_13.jpg"]
    assert "2024-06-01 12:03:00 and 2024-06-01 12:05:00" in found[0].detail


def test_names_that_are_not_in_the_order_of_time_say_nothing() -> None:
    shuffled = [record(f"{k}.jpg", NOON + (7 * k % 11) * HOUR) for k in range(11)]
    two_cameras = [record(f"{'AB'[k % 2]}_{k}.jpg", NOON + (k % 2) * 50 * HOUR + k * MINUTE) for k in range(12)]
    few = [record("1.jpg", NOON), record("2.jpg", NOON - HOUR), record("3.jpg", NOON)]
    for photos in (shuffled, two_cameras, few, []):
        assert list(against_order(photos)) == []
