"""Which photos fit a filter, part by part and together."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from placeprint import PhotoFilter
from placeprint.core.regions import Box, Circle
from placeprint.errors import OptionError
from placeprint.store.photo_columns import SplitPaths, split_paths
from placeprint.store.records import PhotoRecord

NOON = datetime.datetime(2026, 5, 31, 12)


class Columns:
    """The columns of some records."""

    def __init__(self, records: Sequence[PhotoRecord]) -> None:
        self._records = sorted(records, key=lambda record: record.id)
        self.ids = np.array([record.id for record in self._records], np.int64)

    def split(self) -> SplitPaths:
        return split_paths(record.path for record in self._records)

    def locations(self) -> NDArray[np.float64]:
        return np.array([record.location or (np.nan, np.nan) for record in self._records]).reshape(-1, 2)

    def times(self) -> NDArray[np.datetime64]:
        return np.array([record.taken for record in self._records], "datetime64[s]")


@pytest.fixture
def photos() -> Columns:
    def record(number: int, path: str, where: tuple[float, float] | None, hours: int | None) -> PhotoRecord:
        taken = None if hours is None else NOON + datetime.timedelta(hours=hours)
        return PhotoRecord(path, "", 0, 0, location=where, taken=taken, id=number)

    rows = [
        record(7, "/a/church/1.jpg", (55.70, 13.19), 0),
        record(3, "/a/church/old/2.JPG", (55.71, 13.19), 1),
        record(5, "/a/churchyard/3.jpg", None, None),
        record(9, "/b/church/Tower.jpg", (0.0, -179.9999), -1),
    ]
    return Columns(rows)


@pytest.mark.parametrize(
    ("fits", "ids"),
    [
        (PhotoFilter(), [3, 5, 7, 9]),
        (PhotoFilter(near=Circle(55.7, 13.19, 10)), [7]),
        (PhotoFilter(near=Circle(0, 180, 50)), [9]),
        (PhotoFilter(box=Box(13, 55, 14, 56)), [3, 7]),
        (PhotoFilter(after=NOON), [3, 7]),
        (PhotoFilter(before=NOON), [7, 9]),
        (PhotoFilter(after=NOON.replace(tzinfo=datetime.UTC), before=NOON), [7]),
        (PhotoFilter(labels=("church",)), [7, 9]),
        (PhotoFilter(labels=("old", "churchyard")), [3, 5]),
        (PhotoFilter(folders=("/a/church",)), [3, 7]),
        (PhotoFilter(folders=("/a/church/", "/b")), [3, 7, 9]),
        (PhotoFilter(folders=("/",)), [3, 5, 7, 9]),
        (PhotoFilter(name="tOWER"), [9]),
        (PhotoFilter(name="church"), []),
        (PhotoFilter(box=Box(), labels=("church",), after=NOON), [7]),
    ],
)
def test_photos_fit_where_each_part_does(photos: Columns, fits: PhotoFilter, ids: list[int]) -> None:
    assert fits.ids(photos).tolist() == ids
    assert fits.is_open == (fits == PhotoFilter())


def test_relative_folders_are_below_the_current_one(
    photos: Columns, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    here = Columns([PhotoRecord(str(tmp_path / "x" / "1.jpg"), "", 0, 0, id=1)])
    fits = PhotoFilter(folders=("x",))
    monkeypatch.chdir("/")
    assert fits.ids(here).tolist() == [1] and fits.ids(photos).tolist() == []


def test_a_text_is_no_list_of_labels() -> None:
    with pytest.raises(OptionError, match="labels must be a list"):
        PhotoFilter(labels="church")  # type: ignore[arg-type]  # this is the mistake


def test_no_photos_give_no_rows() -> None:
    nothing = Columns([])
    every = PhotoFilter(near=Circle(0, 0, 1), box=Box(), after=NOON, labels=("a",), folders=("/",), name="b")
    assert every.mask(nothing).shape == (0,) and every.ids(nothing).dtype == np.int64
