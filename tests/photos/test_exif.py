from __future__ import annotations

import datetime
import math
import struct

import numpy as np
import pytest

from placeprint.photos import read_photo
from placeprint.photos.exif import location_of, time_of
from tests.photos.pictures import Tag, tiff_exif, with_exif

HALF_PAST_FIVE = datetime.timedelta(hours=5, minutes=30)
TWO_HOURS = datetime.timedelta(hours=2)
NOON = datetime.datetime(2024, 5, 1, 12, 0, 0)
SYDNEY = (-(33 + 51 / 60 + 30 / 3600), 151 + 12 / 60 + 40 / 3600)


def rationals(*pairs: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("<II", *each) for each in pairs)


def signed(*pairs: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("<ii", *each) for each in pairs)


NORTH, SOUTH, EAST = (1, 2, 2, b"N\0"), (1, 2, 2, b"S\0"), (3, 2, 2, b"E\0")
LATITUDE = (2, 5, 3, rationals((33, 1), (51, 1), (30, 1)))
LONGITUDE = (4, 5, 3, rationals((151, 1), (12, 1), (40, 1)))
ZERO = rationals((0, 1), (0, 1), (0, 1))


@pytest.mark.parametrize(
    ("gps", "expected"),
    [
        ([SOUTH, LATITUDE, EAST, LONGITUDE], SYDNEY),
        ([(1, 1, 2, b"S\0"), LATITUDE, (3, 1, 2, b"E\0"), LONGITUDE], SYDNEY),
        ([(1, 7, 1, b"s"), LATITUDE, (3, 7, 1, b"e"), LONGITUDE], SYDNEY),
        ([(1, 2, 6, b"South\0"), LATITUDE, (3, 2, 5, b"East\0"), LONGITUDE], SYDNEY),
        ([NORTH, (2, 10, 3, signed((-33, 1), (51, 1), (30, 1))), EAST, LONGITUDE], SYDNEY),
        ([SOUTH, (2, 10, 3, signed((-33, 1), (-51, 1), (-30, 1))), EAST, LONGITUDE], SYDNEY),
        ([LATITUDE, LONGITUDE], None),
        ([SOUTH, LATITUDE, LONGITUDE], None),
        ([(1, 2, 2, b"E\0"), LATITUDE, (3, 2, 2, b"S\0"), LONGITUDE], None),
        ([(1, 2, 1, b"\0"), LATITUDE, (3, 2, 1, b"\0"), LONGITUDE], None),
        ([(1, 3, 1, b"S\0"), LATITUDE, (3, 3, 1, b"E\0"), LONGITUDE], None),
        ([NORTH, (2, 5, 3, ZERO), EAST, (4, 5, 3, ZERO)], None),
        ([SOUTH, (2, 5, 3, rationals((33, 1), (51, 1), (0, 0))), EAST, LONGITUDE], None),
        ([SOUTH, (2, 5, 3, rationals((33, 0), (51, 1), (0, 1))), EAST, LONGITUDE], None),
        ([SOUTH, (2, 5, 1, rationals((33, 1))), EAST, (4, 5, 1, rationals((151, 1)))], None),
        ([SOUTH, (2, 5, 2, rationals((33, 1), (51, 1))), EAST, LONGITUDE], None),
        ([SOUTH, (2, 5, 3, rationals((33, 1), (60, 1), (0, 1))), EAST, LONGITUDE], None),
        ([SOUTH, (2, 5, 3, rationals((33, 1), (0, 1), (75, 1))), EAST, LONGITUDE], None),
        ([SOUTH, (2, 5, 3, rationals((90, 1), (0, 1), (1, 1))), EAST, LONGITUDE], None),
        ([SOUTH, LATITUDE, EAST, (4, 5, 3, rationals((181, 1), (0, 1), (0, 1)))], None),
        ([SOUTH, (2, 10, 3, signed((33, 1), (-51, 1), (30, 1))), EAST, LONGITUDE], None),
        ([SOUTH, (2, 2, 9, b"33 51 30\0"), EAST, LONGITUDE], None),
        ([(5, 1, 1, b"\0"), (6, 5, 1, rationals((58, 1)))], None),
        ([SOUTH], None),
    ],
)  # fmt: skip
def test_a_place_in_doubt_is_no_place(gps: list[Tag], expected: tuple[float, float] | None) -> None:
    found = read_photo(with_exif("JPEG", tiff_exif([], gps=gps))).location
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("letters", ["NE", "NW", "SE", "SW"])
def test_every_quarter_of_the_earth_is_found(letters: str) -> None:
    found = location_of({1: letters[0], 2: (33, 30, 36), 3: letters[1], 4: (151, 0, 0)})
    assert found == (33.51 * (1 if letters[0] == "N" else -1), 151.0 * (1 if letters[1] == "E" else -1))


@pytest.mark.parametrize("bad", [math.nan, math.inf, None, "x", b"x", 10**400, ()])
@pytest.mark.parametrize("place", range(3))
def test_odd_numbers_are_no_place(bad: object, place: int) -> None:
    parts: list[object] = [33, 30, 36]
    parts[place] = bad
    assert location_of({1: "N", 2: parts, 3: "E", 4: (151, 0, 0)}) is None
    assert location_of({1: "N", 2: bad, 3: "E", 4: (151, 0, 0)}) is None


@pytest.mark.parametrize(
    ("text", "fraction", "zone", "expected"),
    [
        ("2024:05:01 12:00:00", None, None, (NOON, None)),
        ("2024:05:01 12:00:00", "25", "+02:00", (NOON.replace(microsecond=250_000), TWO_HOURS)),
        ("2024:05:01 12:00:00\0\0", b"5\0", b"-05:30\0", (NOON.replace(microsecond=500_000), -HALF_PAST_FIVE)),
        ("2024-05-01T12:00:00+02:00", None, None, (NOON, TWO_HOURS)),
        ("2024-05-01T12:00:00.125Z", "99", "+09:00", (NOON.replace(microsecond=125_000), datetime.timedelta())),
        ("2024-05-01 12:00:00", None, None, (NOON, None)),
        ("2024-05-01T12:00:00+0200", None, None, (NOON, TWO_HOURS)),
        ("2024/05/01 12:00:00", None, "   :  ", (NOON, None)),
        (b"2024:05:01 12:00:00", "1234567890", "+15:00", (NOON.replace(microsecond=123_456), None)),
        ("2024:05:01 12:00:00", "²", "+02:99", (NOON, None)),
        ("0000:00:00 00:00:00", None, None, (None, None)),
        ("2024:13:01 12:00:00", None, None, (None, None)),
        ("2024:05:01 12:00:60", None, None, (None, None)),
        ("2024:05:01", None, None, (None, None)),
        ("    :  :     :  :  ", None, None, (None, None)),
        ("٢٠٢٤:05:01 12:00:00", None, None, (None, None)),
        (None, None, None, (None, None)),
        (20240501, None, None, (None, None)),
    ],
)  # fmt: skip
def test_times_are_read_with_their_fraction_and_zone(
    text: object, fraction: object, zone: object, expected: object
) -> None:
    assert time_of(text, fraction, zone) == expected


def test_the_first_time_that_can_be_read_counts_with_its_own_zone() -> None:
    camera = [
        (0x9003, 2, 20, b"0000:00:00 00:00:00\0"),
        (0x9004, 2, 20, b"2024:05:01 12:00:00\0"),
        (0x9011, 2, 7, b"+09:00\0"),
        (0x9012, 2, 7, b"+02:00\0"),
        (0x9292, 2, 3, b"25\0"),
    ]
    photo = read_photo(with_exif("JPEG", tiff_exif([(0x0132, 2, 20, b"2030:01:01 00:00:00\0")], camera)))
    assert photo.taken == NOON.replace(microsecond=250_000) and photo.utc_offset == TWO_HOURS


def test_one_damaged_part_costs_that_part_only() -> None:
    exif = tiff_exif(
        [(0x0112, 3, 1, b"\x06\0"), (0x0132, 2, 20, b"2024:05:01 12:00:00\0"), (0x8769, 4, 1, b"\xff\xff\xff\x7f")],
        gps=[SOUTH, LATITUDE, EAST, LONGITUDE],
    )
    photo = read_photo(with_exif("PNG", exif))
    assert photo.image.shape == (64, 48, 3) and photo.location == pytest.approx(SYDNEY) and photo.taken == NOON


@pytest.mark.parametrize("value", [rationals((0, 0)), rationals((0, 1)), rationals((28, 0))])
def test_a_focal_length_that_is_no_number_is_not_known(value: bytes) -> None:
    assert read_photo(with_exif("JPEG", tiff_exif([], [(0xA405, 5, 1, value)]))).focal is None
    assert read_photo(with_exif("JPEG", tiff_exif([], [(0xA405, 3, 1, b"\x1c\0")]))).focal == pytest.approx(
        28 / math.hypot(36, 24) * np.hypot(64, 48)
    )
