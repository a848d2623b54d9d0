"""Photos whose time is wrong: the camera's clock contradicts satellites, the file, or the order of the photos.

1. A GPS receiver writes satellite time beside the camera's time. The two may differ by a time zone, which is a multiple
   of 15 minutes between -12 and +14 hours and close to solar time where the photo was taken. If the camera wrote its
   zone, they may differ only by that.
2. A file cannot be older than its photo.
3. Photos of one folder whose names differ only in a number are usually numbered in the order they were taken. The
   longest part in order shows where the others should be (longest non-decreasing subsequence: Fredman, Discrete
   Mathematics, 1975). It counts only if it has most of the photos.
"""

from __future__ import annotations

import bisect
import datetime
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from placeprint.photos.exif import Metadata
from placeprint.places.findings import Finding
from placeprint.store import PhotoRecord

DRIFT = datetime.timedelta(minutes=5)
"""Clocks may differ by so much: a receiver repeats its last fix for a while."""
ZONES = datetime.timedelta(hours=-12), datetime.timedelta(hours=14)
FROM_SUN = datetime.timedelta(hours=-2), datetime.timedelta(hours=4)
"""Least and most that clocks are set ahead of the sun, in any country and season."""
STEP = datetime.timedelta(minutes=15)
A_DAY = datetime.timedelta(hours=26)
"""A file may seem older than its photo by so much, as its time is in UTC and that of the photo in any zone."""
SLACK = datetime.timedelta(minutes=10)
"""Photos may be out of order by so much."""
ORDERED = 0.8
"""Share of the photos of a series that must be in order."""
SERIES = 5
"""Photos of a series, at least."""
SURE, LIKELY, PERHAPS = 0.95, 0.9, 0.75
"""Certainty of the three kinds of contradiction."""
_NUMBER = re.compile(r"(.*?)(\d+)(\D*)", re.DOTALL)


def against_satellites(path: str, camera: Metadata) -> Finding | None:
    """Return what a photo's own satellites say against its time, or None."""
    if camera.taken is None or camera.satellite_time is None:
        return None
    ahead = camera.taken - camera.satellite_time.replace(tzinfo=None)
    zone = camera.utc_offset
    if zone is None:
        zone = min(max(round(ahead / STEP) * STEP, ZONES[0]), ZONES[1])
    off = ahead - zone
    if abs(off) <= DRIFT:
        return _against_sun(path, camera, zone) if camera.utc_offset is None else None
    words = f"the camera's clock says {camera.taken}, its satellites {camera.satellite_time:%Y-%m-%d %H:%M:%S} UTC"
    return Finding(path, "wrong-time", f"{words}: it is off by {in_words(off)}, apart from the time zone", SURE)


def _against_sun(path: str, camera: Metadata, zone: datetime.timedelta) -> Finding | None:
    """Return a photo whose clock is right in no time zone of where it was taken, or None."""
    if camera.location is None:
        return None
    from_sun = zone - datetime.timedelta(hours=camera.location[1] / 15)
    if FROM_SUN[0] <= from_sun <= FROM_SUN[1]:
        return None
    words = f"the camera's clock says {camera.taken}, its satellites {camera.satellite_time:%Y-%m-%d %H:%M:%S} UTC"
    detail = f"{words}: no time zone at longitude {camera.location[1]:.1f} is {in_words(zone)} "
    return Finding(path, "wrong-time", detail + ("ahead" if zone > datetime.timedelta() else "behind"), PERHAPS)


def against_file(photo: PhotoRecord) -> Finding | None:
    """Return a photo that was taken after its file was written, or None."""
    if photo.taken is None:
        return None
    written = datetime.datetime.fromtimestamp(photo.file_time / 1e9, datetime.UTC).replace(tzinfo=None)
    if photo.taken - written <= A_DAY:
        return None
    earlier = f"{in_words(photo.taken - written)} earlier"
    detail = f"it says {photo.taken}, but its file was written on {written:%Y-%m-%d}, {earlier}"
    return Finding(photo.path, "wrong-time", detail, LIKELY)


def against_order(photos: Sequence[PhotoRecord]) -> Iterator[Finding]:
    """Yield the photos whose times do not fit the numbers of their names."""
    series: defaultdict[tuple[str, str, str], list[tuple[int, PhotoRecord]]] = defaultdict(list)
    for photo in photos:
        path = PurePath(photo.path)
        found = _NUMBER.fullmatch(path.stem)
        if found is not None and photo.taken is not None:
            series[str(path.parent), found[1], found[3]].append((int(found[2]), photo))
    for numbered in series.values():
        yield from _out_of_order([photo for _, photo in sorted(numbered, key=lambda each: (each[0], each[1].path))])


def in_words(span: datetime.timedelta) -> str:
    """Return a length of time in the unit that fits it.

    Example:
        >>> in_words(datetime.timedelta(hours=-49)), in_words(datetime.timedelta(minutes=7))
        ('2 days', '7 minutes')
    """
    seconds = abs(span.total_seconds())
    for unit, length in (("years", 365.25 * 86_400), ("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _out_of_order(photos: Sequence[PhotoRecord]) -> Iterator[Finding]:
    times = [photo.taken for photo in photos if photo.taken is not None]
    kept = _longest_in_order(times)
    if len(photos) < SERIES or len(kept) < ORDERED * len(photos):
        return
    for place in sorted(set(range(len(photos))) - set(kept)):
        right = bisect.bisect(kept, place)
        before = times[kept[right - 1]] if right else None
        after = times[kept[right]] if right < len(kept) else None
        off = (before - times[place]) if before is not None and times[place] < before else None
        off = (times[place] - after) if off is None and after is not None and times[place] > after else off
        if off is None or off <= SLACK:
            continue
        between = " and ".join(str(each) for each in (before, after) if each is not None)
        detail = f"it says {times[place]}; by the numbers of the file names it was taken near {between}"
        yield Finding(photos[place].path, "wrong-time", detail, PERHAPS)


def _longest_in_order(times: Sequence[datetime.datetime]) -> list[int]:
    """Return the places of the longest part whose times do not decrease."""
    ends: list[datetime.datetime] = []
    last: list[int] = []
    before: list[int] = []
    for place, time in enumerate(times):
        length = bisect.bisect_right(ends, time)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [time]
        last[length : length + 1] = [place]
    chain = [last[-1]] if last else []
    while chain and before[chain[-1]] >= 0:
        chain.append(before[chain[-1]])
    return chain[::-1]
