"""Files for other programs, read by the libraries that those programs read them with."""

from __future__ import annotations

import csv
import datetime
import json
from pathlib import Path
from xml.etree import ElementTree

import faiss
import numpy as np
import pyarrow.parquet as pq
import pytest

from placeprint import Atlas
from placeprint.errors import OptionError
from placeprint.exports.descriptors import write_faiss, write_parquet
from placeprint.exports.photo_maps import geojson_text, kml_text
from placeprint.photos import read_image
from placeprint.places.grouping import PlaceGroup
from placeprint.store import PhotoRecord
from tests.conftest import write_scenes

KML = "{http://www.opengis.net/kml/2.3}"
PHOTOS = {
    1: PhotoRecord("/a/one & <two>.jpg", "", 1, 1, 64, 48, (55.7, 13.19), datetime.datetime(2020, 5, 1, 12, 30), id=1),
    2: PhotoRecord("/a/two\udce9.jpg", "", 1, 1, 32, 16, id=2),
}
PLACES = [PlaceGroup("p1", "square", (1,), (55.7, 13.19)), PlaceGroup("p2", "nowhere", (2,), None)]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("exports")
    atlas = Atlas.create(folder / "atlas", "sift-vlad")
    atlas.add(write_scenes(folder / "photos", 5))
    atlas.set_positions({record.path: (10.5, -20.25) for record in list(atlas.snapshot().usable().values())[:1]})
    return atlas


def test_parquet_has_the_photos_and_their_descriptors(atlas: Atlas, tmp_path: Path) -> None:
    assert write_parquet(atlas.snapshot(), tmp_path / "a.parquet") == 5
    table = pq.read_table(tmp_path / "a.parquet")
    now = atlas.snapshot()
    rows = np.stack(table["descriptor"].to_numpy())
    known = {int(i): row for ids, part in now.descriptors() for i, row in zip(ids, part, strict=True)}
    for number, path, row in zip(table["id"].to_pylist(), table["path"].to_pylist(), rows, strict=True):
        assert now.usable()[number].path == path
        np.testing.assert_array_equal(row, known[number])
    assert sorted(table["latitude"].to_pylist(), key=str) == [10.5, None, None, None, None]
    assert table.schema.metadata[b"preset"] == b"sift-vlad"


def test_faiss_finds_what_the_atlas_finds(atlas: Atlas, tmp_path: Path) -> None:
    assert write_faiss(atlas.snapshot(), tmp_path / "a.faiss") == 5
    index = faiss.read_index(str(tmp_path / "a.faiss"))
    table = csv.DictReader((tmp_path / "a.faiss.csv").read_text().splitlines())
    rows = {int(row["id"]): row for row in table}
    query = next(iter(atlas.snapshot().usable().values()))
    answer = atlas.search(query.path, verify=0, rotations=False)
    describer = atlas.snapshot().describer
    descriptor = describer.descriptor(describer.features(read_image(query.path)))
    scores, ids = index.search(descriptor[None], 5)
    assert [rows[int(number)]["path"] for number in ids[0]] == [each.path for each in answer.evidence]
    np.testing.assert_allclose(scores[0], [each.similarity for each in answer.evidence], atol=1e-4)
    assert {(row["latitude"], row["longitude"]) for row in rows.values()} == {("10.5", "-20.25"), ("", "")}


def test_an_empty_atlas_has_no_descriptors(tmp_path: Path) -> None:
    empty = Atlas.create(tmp_path / "atlas", "sift-vlad").snapshot()
    for write, name in ((write_parquet, "a.parquet"), (write_faiss, "a.faiss")):
        with pytest.raises(OptionError, match="no photos"):
            write(empty, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_geojson_is_what_fiftyone_reads() -> None:
    data = json.loads(geojson_text(PHOTOS, PLACES))
    first, second = data["features"]
    assert data["type"] == "FeatureCollection"
    assert first["geometry"] == {"type": "Point", "coordinates": [13.19, 55.7]}  # longitude first
    assert first["properties"] == {
        "filename": "/a/one & <two>.jpg",
        "photo_id": 1,
        "width": 64,
        "height": 48,
        "taken": "2020-05-01T12:30:00",
        "place": "square",
        "place_id": "p1",
    }
    assert second["geometry"] is None
    assert "place" not in json.loads(geojson_text(PHOTOS))["features"][0]["properties"]


def test_kml_has_photos_and_places_with_a_position() -> None:
    text = kml_text(PHOTOS, PLACES)
    marks = ElementTree.fromstring(text.encode()).findall(f".//{KML}Placemark")
    names = [mark.findtext(f"{KML}name") for mark in marks]
    assert names == ["one & <two>.jpg", "square"]
    assert marks[0].findtext(f"{KML}Point/{KML}coordinates") == "13.19000000,55.70000000"
    assert marks[0].findtext(f"{KML}TimeStamp/{KML}when") == "2020-05-01T12:30:00"
    assert marks[1].findtext(f"{KML}description") == "1 photos"
    everywhere = {2: PhotoRecord("/a/\udce9\x01.jpg", "", 1, 1, 1, 1, (0.0, 0.0), id=2)}
    assert "??.jpg" in kml_text(everywhere)
