"""The list of photos: as many as 100,000 are listed, filtered and grouped quickly, in little memory."""

from __future__ import annotations

import datetime
import time
import tracemalloc
from collections.abc import Iterable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeprint import PhotoFilter
from placeprint.core.regions import Circle
from placeprint.service.catalog import Catalog
from placeprint.service.grouping import by_folder, by_month
from placeprint.store.photo_columns import SplitPaths, split_paths
from placeprint.store.records import PhotoRecord
from placeprint.types import Ids

MANY = 100_000


class Photos(dict[int, PhotoRecord]):
    """Photos in memory with the columns of those on disk."""

    def __init__(self, photos: Mapping[int, PhotoRecord]) -> None:
        super().__init__(sorted(photos.items()))
        self.ids: Ids = np.array(list(self), np.int64)

    def paths(self) -> list[str]:
        return [each.path for each in self.values()]

    def split(self) -> SplitPaths:
        return split_paths(self.paths())

    def locations(self) -> NDArray[np.float64]:
        return np.array([each.location or (np.nan, np.nan) for each in self.values()]).reshape(-1, 2)

    def times(self) -> NDArray[np.datetime64]:
        return np.array([each.taken or np.datetime64("NaT") for each in self.values()], "datetime64[s]")

    def some(self, photos: Iterable[int]) -> dict[int, PhotoRecord]:
        return {number: self[number] for number in photos}


def record(number: int) -> PhotoRecord:
    """Return a photo of a made-up archive: 100 folders, a photo every hour, every other with a position."""
    where = (55.0 + number % 1000 / 1000, 13.0) if number % 2 else None
    taken = datetime.datetime(2015, 1, 1) + datetime.timedelta(hours=number)
    path = f"/archive/{number % 10}/{number % 100:02d}/IMG_{number:06d}.jpg"
    return PhotoRecord(path, f"{number:064x}", 1, 1, 640, 480, where, taken if number % 3 else None, 1000, id=number)


@pytest.fixture(scope="module")
def photos() -> Photos:
    return Photos({number: record(number) for number in range(MANY)})


@pytest.fixture(scope="module")
def catalog(photos: Photos) -> Catalog:
    return Catalog(photos)


@pytest.mark.slow
def test_many_photos_take_little_memory(photos: Photos) -> None:
    tracemalloc.start()
    try:
        listed = Catalog(photos)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(listed) == MANY and kept / MANY < 150 and most / MANY < 300  # bytes per photo


def test_a_page_costs_less_than_the_catalog(photos: Photos, catalog: Catalog) -> None:
    def seconds(work: object) -> float:
        assert callable(work)
        times = []
        for _ in range(3):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
        return min(times)

    made = seconds(lambda: Catalog(photos))
    page = seconds(lambda: catalog.summaries(catalog.rows(PhotoFilter(folders=("/archive/3",)))[5000:5200]))
    assert page < made / 5


@given(
    folder=st.sampled_from(["", "3", "3/03", "33", "nowhere"]),
    name=st.sampled_from(["", "img_0001", "99", "x"]),
    days=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    meters=st.sampled_from([None, 10.0, 5000.0]),
)
def test_filters_are_those_of_each_photo(folder: str, name: str, days: tuple[int, int], meters: float | None) -> None:
    few = Photos({number: record(number) for number in range(0, 2000, 7)})
    since, until = (datetime.datetime(2015, 1, 1) + datetime.timedelta(days=day) for day in days)
    near = None if meters is None else Circle(55.5, 13.0, meters)
    catalog = Catalog(few)
    folders = (f"/archive/{folder}",) if folder else ()
    within = PhotoFilter(near, after=since, before=until, folders=folders, name=name)
    found = set(catalog.ids[catalog.rows(within)].tolist())

    def fits(each: PhotoRecord) -> bool:
        inside = each.path.removeprefix("/archive/").startswith(f"{folder}/") if folder else True
        timed = each.taken is not None and since <= each.taken <= until
        close = near is None or (each.location is not None and abs(each.location[0] - 55.5) * 111_195 <= near.meters)
        return inside and name in each.path.rpartition("/")[2].casefold() and timed and close

    assert found == {number for number, each in few.items() if fits(each)}


def test_months_and_folders_hold_every_photo(catalog: Catalog) -> None:
    months = by_month(catalog)
    assert months[0].title == "May 2026" and months[-1].key == "2015-01"
    assert sum(month.num_photos for month in months) == int((~np.isnat(catalog.taken)).sum())
    folders = by_folder(catalog)
    assert len(folders) == 100 and {folder.num_photos for folder in folders} == {MANY // 100}
    assert folders[0].key == "0/00" and folders[0].title == "00" and len(folders[0].photos) == 4
    for group in folders[:3]:
        rows = catalog.rows(PhotoFilter(folders=(f"/archive/{group.key}",)))
        assert len(rows) == group.num_photos and set(group.photos) <= set(catalog.ids[rows].tolist())


def test_a_folder_counts_what_is_below_it() -> None:
    paths = ["/a/b/1.jpg", "/a/b/c/2.jpg", "/a/3.jpg"]
    listed = Catalog(Photos({n: PhotoRecord(path, str(n), 1, 1, id=n) for n, path in enumerate(paths)}))
    assert [(group.key, group.num_photos) for group in by_folder(listed)] == [("b", 2), ("b/c", 1)]
    assert (
        len(Catalog(Photos({}))) == 0 and by_folder(Catalog(Photos({}))) == [] and by_month(Catalog(Photos({}))) == []
    )
