"""Read EXIF: which way is up, where and when the photo was taken, the focal length.

Damaged metadata costs the metadata, never the photo: every call into Pillow's parser goes through `_ifd` or `_value`,
which turn whatever it raises into "missing". A doubtful position is ignored:

- The hemispheres must be known: the references must begin with N or S, and E or W. Negative degrees, which some
  programs write, mean south and west whatever the reference is.
- Degrees, minutes and seconds must all be present and finite, minutes and seconds below 60, the position on Earth.
- Latitude 0 with longitude 0 is ignored, because cameras write it when they have no position.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Exif

Tags = Mapping[int, Any]

FILM_DIAGONAL = math.hypot(36, 24)
"""Diagonal of 35 mm film, in millimeters."""
_TIME = re.compile(
    r"(\d{4})[:/.-](\d\d?)[:/.-](\d\d?)[ T]+(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_DATE = re.compile(r"(\d{4})[:/.-](\d\d?)[:/.-](\d\d?)", re.ASCII)
_ZONE = re.compile(r"(Z)|([+-])(\d\d):?(\d\d)", re.ASCII)


@dataclass(frozen=True)
class Metadata:
    """The metadata of a photo.

    Args:
        orientation: EXIF orientation, 1 to 8; 1 is upright.
        location: ``(latitude, longitude)`` in degrees (WGS 84), or None.
        taken: the camera's local time, without a time zone, or None.
        utc_offset: local time minus UTC, or None if the camera did not write it.
        film_focal: focal length in millimeters on 35 mm film, or None.
        satellite_time: when the receiver of the position fixed it, in UTC, or None; satellites cannot be set wrong.
        whole: ``(width, height)`` of the picture where it was decoded as a smaller copy, or None.
    """

    orientation: int = 1
    location: tuple[float, float] | None = None
    taken: datetime.datetime | None = None
    utc_offset: datetime.timedelta | None = None
    film_focal: float | None = None
    satellite_time: datetime.datetime | None = None
    whole: tuple[int, int] | None = None

    def focal(self, width: int, height: int) -> float | None:
        """Return the focal length in pixels: 35 mm film has a diagonal of `FILM_DIAGONAL`."""
        return None if self.film_focal is None else self.film_focal / FILM_DIAGONAL * math.hypot(width, height)


def read_metadata(get_exif: Callable[[], Exif]) -> Metadata:
    """Read the metadata; damaged or odd values are ignored.

    Args:
        get_exif: the `getexif` method of a Pillow image.
    """
    from PIL.ExifTags import GPS, IFD, Base

    try:
        exif = get_exif()
        empty = not len(exif)
    except Exception:  # parsers of damaged metadata raise nearly anything
        return Metadata()
    if empty:
        return Metadata()
    camera, gps = _ifd(exif, IFD.Exif), _ifd(exif, IFD.GPSInfo)
    taken, offset = None, None
    for tags, time, fraction, zone in (
        (camera, Base.DateTimeOriginal, Base.SubsecTimeOriginal, Base.OffsetTimeOriginal),
        (camera, Base.DateTimeDigitized, Base.SubsecTimeDigitized, Base.OffsetTimeDigitized),
        (exif, Base.DateTime, Base.SubsecTime, Base.OffsetTime),
    ):
        taken, offset = time_of(_value(tags, time), _value(camera, fraction), _value(camera, zone))
        if taken is not None:
            break
    return Metadata(
        _orientation(_value(exif, Base.Orientation)),
        location_of({tag: _value(gps, tag) for tag in (*range(1, 5), GPS.GPSAltitude)}),
        taken,
        offset,
        _positive(_value(camera, Base.FocalLengthIn35mmFilm)),
        satellite_time_of(_value(gps, GPS.GPSDateStamp), _value(gps, GPS.GPSTimeStamp)),
    )


def location_of(gps: Tags) -> tuple[float, float] | None:
    """Return ``(latitude, longitude)`` in degrees from EXIF's GPS tags, or None if the position is doubtful.

    Example:
        >>> location_of({1: "S", 2: (33, 30, 36), 3: "E", 4: (151, 0, 0)})
        (-33.51, 151.0)
        >>> location_of({2: (33, 30, 36), 4: (151, 0, 0)}) is None
        True
    """
    latitude = _degrees(gps.get(2), gps.get(1), "NS", 90)
    longitude = _degrees(gps.get(4), gps.get(3), "EW", 180)
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None
    return latitude, longitude


def time_of(
    text: Any, fraction: Any = None, zone: Any = None
) -> tuple[datetime.datetime | None, datetime.timedelta | None]:
    """Return local time and its offset from UTC from EXIF; each is None if unknown.

    Args:
        text: ``2024:05:01 12:00:00``, or the same in ISO form, optionally with a fraction and a time zone.
        fraction: digits of the seconds after the decimal point.
        zone: time zone, ``+02:00`` or ``Z``.

    Example:
        >>> time_of("2024-05-01T12:00:00+02:00")
        (datetime.datetime(2024, 5, 1, 12, 0), datetime.timedelta(seconds=7200))
    """
    found = _TIME.fullmatch(_text(text))
    if found is None:
        return None, None
    *parts, own_fraction, own_zone = found.groups()
    digits = own_fraction or _text(fraction)
    microseconds = int(digits[:6].ljust(6, "0")) if digits.isascii() and digits.isdecimal() else 0
    try:
        taken = datetime.datetime(*map(int, parts), microsecond=microseconds)  # type: ignore[misc,arg-type]  # six numbers
    except ValueError:
        return None, None
    return taken, _offset(own_zone or _text(zone))


def satellite_time_of(date: Any, time: Any) -> datetime.datetime | None:
    """Return the moment in UTC of EXIF's GPS time stamp, or None if it is not whole.

    Args:
        date: ``2024:05:01``.
        time: hours, minutes and seconds.

    Example:
        >>> satellite_time_of("2024:05:01", (9.0, 59.0, 30.5)).isoformat()
        '2024-05-01T09:59:30.500000+00:00'
    """
    found = _DATE.fullmatch(_text(date))
    try:
        day = datetime.datetime(*map(int, found.groups()), tzinfo=datetime.UTC) if found else None  # type: ignore[misc,arg-type]  # three numbers
        hours, minutes, seconds = (float(part) for part in time)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    if day is None or not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61):
        return None
    return day + datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _offset(zone: str) -> datetime.timedelta | None:
    found = _ZONE.fullmatch(zone)
    if found is None:
        return None
    utc, sign, hours, minutes = found.groups()
    if utc:
        return datetime.timedelta()
    value = datetime.timedelta(hours=int(hours), minutes=int(minutes))
    if int(minutes) > 59 or value > datetime.timedelta(hours=14):
        return None
    return -value if sign == "-" else value


def _degrees(parts: Any, reference: Any, letters: str, limit: float) -> float | None:
    """Return signed degrees from (degrees, minutes, seconds) and ``letters`` for positive and negative."""
    letter = _text(reference)[:1].upper()
    if not letter or letter not in letters:
        return None
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    if not all(map(math.isfinite, (degrees, minutes, seconds))):
        return None
    below = degrees < 0 or (degrees == 0 and min(minutes, seconds) < 0)
    if not below and min(minutes, seconds) < 0:
        return None
    degrees, minutes, seconds = abs(degrees), abs(minutes), abs(seconds)
    value = degrees + minutes / 60 + seconds / 3600
    if minutes >= 60 or seconds >= 60 or value > limit:
        return None
    return -value if below or letter == letters[1] else value


def _orientation(value: Any) -> int:
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _text(value: Any) -> str:
    """Return the text of a tag, stored as text or as bytes, without padding."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value.strip("\0 \t\r\n") if isinstance(value, str) else ""


def _ifd(exif: Exif, number: int) -> Tags:
    try:
        return exif.get_ifd(number)
    except Exception:  # as above
        return {}


def _value(tags: Tags, tag: int) -> Any:
    try:
        return tags.get(tag)
    except Exception:  # as above: values are parsed on access
        return None
