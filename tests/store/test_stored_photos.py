"""The photos of an atlas as columns."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from placeprint.presets import load_preset
from placeprint.store import Manifest, PhotoRecord, Store, StoredPhotos, stored_photos

TAKEN = datetime.datetime(2024, 5, 1, 12, 0, 3)  # the camera's local time
STRANGE = "/photos/caf\udce9.jpg"


def _photo(number: int) -> PhotoRecord:
    path = STRANGE if number == 3 else f"/photos/{number % 4}/{number:04d}.jpg"
    known = number % 2 == 0
    location = (number / 100, -number / 100) if known else None
    error = "broken" if number % 7 == 6 else None
    return PhotoRecord(path, f"{number:x}", 10 + number, 5, 320, 240, location, TAKEN if known else None, number, error)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "atlas", Manifest(load_preset("sift-vlad"), {}, 1, "0"))
    with store.exclusive():
        for start in range(0, 40, 10):
            store.append([(_photo(number), None, b"d") for number in range(start, start + 10)], "s")
        store.remove([1, 20])
    return store


@pytest.mark.parametrize("few", [5000, 3])
def test_every_way_to_read_gives_the_same_records(store: Store, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(stored_photos, "FEW", few)
    monkeypatch.setattr(stored_photos, "PART", 4)
    photos = store.snapshot().photos()
    expected = {number: _photo(number) for number in range(40) if number not in (1, 20)}
    found = {number: (record.id, record.path, record.location) for number, record in photos.items()}
    assert found == {number: (number, photo.path, photo.location) for number, photo in expected.items()}
    assert photos.paths() == [photo.path for photo in expected.values()]
    assert list(photos.values()) == [photos[number] for number in photos]
    assert photos.some([30, 1, 3, 99]) == {30: photos[30], 3: photos[3]}
    assert photos[2].taken == TAKEN and photos[3].taken is None
    by_path = photos.of_paths([STRANGE, expected[8].path, "/nowhere", expected[8].path])
    assert {path: record.id for path, record in by_path.items()} == {STRANGE: 3, expected[8].path: 8}
    assert [record.id for record in photos.of_sizes({15, 12, 11, 7})] == [2, 5]


def test_columns_are_in_the_order_of_ids(store: Store) -> None:
    photos = store.snapshot().usable()
    records = list(photos.values())
    assert all(record.error is None for record in records) and len(records) == len(photos) == 34
    assert photos.numbers("num_keypoints").tolist() == [record.num_keypoints for record in records]
    times = photos.numbers("time")
    seconds = int(TAKEN.replace(tzinfo=datetime.UTC).timestamp())
    assert set(times[photos.ids % 2 == 0]) == {seconds}
    assert set(times[photos.ids % 2 == 1]) == {np.iinfo(np.int64).min}
    known = [record.location or (np.nan, np.nan) for record in records]
    np.testing.assert_array_equal(photos.locations(), known)


def test_ids_that_are_not_there_are_no_photos(store: Store) -> None:
    photos = store.snapshot().photos()
    name: object = "2"
    assert 2 in photos and 1 not in photos and name not in list(photos) and -5 not in photos
    assert isinstance(photos, StoredPhotos) and photos.get(20) is None and photos.some([]) == {}
    with pytest.raises(KeyError):
        photos[10_000]


def test_rows_stay_where_they_belong_after_an_update(store: Store) -> None:
    before = dict(store.snapshot().photos().items())
    moved = PhotoRecord(**{**vars(before[5]), "path": "/elsewhere.jpg"})
    with store.exclusive():
        store.update([moved])
    after = dict(store.snapshot().photos().items())
    assert after == before | {5: moved} and list(after) == sorted(before)
