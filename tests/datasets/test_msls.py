"""Mapillary's validation cities: by city or merged, without panoramas."""

from __future__ import annotations

from pathlib import Path

import pytest

from placeprint.datasets.protocols import read_retrieval_set
from placeprint.errors import DatasetError
from tests.datasets.tiny import put, write

Photo = tuple[str, float, bool, bool]
"""Key, meters to the east, whether it is a panorama, whether it is of the subtask."""
CITIES: dict[str, dict[str, list[Photo]]] = {
    "cph": {
        "database": [("ca", 0, False, True), ("cb", 20, False, True), ("cp", 1, True, True), ("cc", 500, False, True)],
        "query": [("q1", 5, False, True), ("q2", 5, True, True), ("q3", 5, False, False), ("q4", 900, False, True)],
    },
    "sf": {"database": [("sa", 0, False, True)], "query": [("q5", 3, False, True)]},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for city, kinds in CITIES.items():
        for kind, photos in kinds.items():
            part = f"train_val/{city}/{kind}"
            put(tmp_path / part / "images", *(f"{key}.jpg" for key, *_ in photos))
            rows = [(n, *photo) for n, photo in enumerate(photos)]
            placed = [f"{n},{key},{east},7.5,False,Forward" for n, key, east, _, _ in rows]
            raw = [f"{n},{key},12.5,55.6,90.0,2018-01-01,{pano}" for n, key, _, pano, _ in rows]
            index = [f"{n},{key},{chosen},False" for n, key, _, _, chosen in rows]
            write(tmp_path, f"{part}/postprocessed.csv", ",key,easting,northing,night,view_direction", *placed)
            write(tmp_path, f"{part}/raw.csv", ",key,lon,lat,ca,captured_at,pano", *raw)
            write(tmp_path, f"{part}/subtask_index.csv", ",key,all,s2w", *index)
    return tmp_path


def path(city: str, kind: str, key: str) -> str:
    return f"train_val/{city}/{kind}/images/{key}.jpg"


def test_each_city_is_searched_on_its_own(folder: Path) -> None:
    dataset = read_retrieval_set("msls-val", folder)
    cph = [path("cph", "database", key) for key in ("ca", "cb", "cc")]
    sf = path("sf", "database", "sa")
    assert dataset.database == (*cph, sf)
    # q2 is a panorama, q3 of no subtask, q4 has nothing near
    assert dataset.queries == (path("cph", "query", "q1"), path("sf", "query", "q5"))
    assert list(dataset.positives) == [set(cph[:2]), {sf}]
    assert list(dataset.junk) == [{sf}, set(cph)]


def test_merged_takes_all_queries(folder: Path) -> None:
    dataset = read_retrieval_set("msls-val-merged", folder)
    assert [each.rpartition("/")[2] for each in dataset.queries] == ["q1.jpg", "q3.jpg", "q4.jpg", "q5.jpg"]
    assert not dataset.junk and dataset.positives[2] == set()
    assert dataset.positives[3] == {path("sf", "database", "sa")}


def test_files_that_do_not_fit_are_told(folder: Path) -> None:
    write(folder, "train_val/cph/query/raw.csv", ",key,pano", "0,q1,False")
    with pytest.raises(DatasetError, match="must have one row per photo in its CSV files, got 4, 1 and 4"):
        read_retrieval_set("msls-val", folder)
    (folder / path("sf", "database", "sa")).unlink()
    with pytest.raises(DatasetError, match="1 of 1 photos are not in"):
        read_retrieval_set("msls-val", folder)
    with pytest.raises(DatasetError, match="has no folder cph/"):
        read_retrieval_set("msls-val", folder / "train_val" / "sf")
