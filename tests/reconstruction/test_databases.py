"""COLMAP databases and hloc files, read by the packages that others read them with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.errors import WriteError
from placeprint.places.graph import match_graph
from placeprint.reconstruction.database import export_database
from placeprint.reconstruction.hloc_files import write_hloc
from placeprint.reconstruction.pairing import ImagePair, image_pairs
from tests.conftest import make_scene, write_photo

pycolmap = pytest.importorskip("pycolmap")
h5py = pytest.importorskip("h5py")


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("pairs")
    for number in range(3):
        scene = make_scene(number, 480, 360)
        write_photo(folder / "photos" / "one" / f"{number}.png", scene)
        write_photo(folder / "photos" / "two" / f"{number}.png", rephotograph(scene, seed=number)[0])
    atlas = Atlas.create(folder / "atlas", "fast")
    atlas.add(folder / "photos")
    return atlas


@pytest.fixture(scope="module")
def pairs(atlas: Atlas) -> list[ImagePair]:
    return image_pairs(match_graph(atlas))


def test_pairs_are_the_photos_of_one_scene(atlas: Atlas, pairs: list[ImagePair]) -> None:
    names = {number: Path(record.path) for number, record in atlas.snapshot().usable().items()}
    assert {(names[pair.first].name, names[pair.second].name) for pair in pairs} == {
        (f"{n}.png",) * 2 for n in range(3)
    }


def test_colmap_reads_the_database(atlas: Atlas, pairs: list[ImagePair], tmp_path: Path) -> None:
    done = export_database(atlas.snapshot(), pairs, tmp_path / "db.db", shared_camera=True)
    assert (done.images, done.matched, done.verified) == (6, 3, 3)
    records = {record.path: number for number, record in atlas.snapshot().usable().items()}
    with pycolmap.Database.open(tmp_path / "db.db") as database:
        images = {image.name: image for image in database.read_all_images()}
        assert sorted(images) == [f"{folder}/{number}.png" for folder in ("one", "two") for number in range(3)]
        number = next(number for path, number in records.items() if path.endswith("one/1.png"))
        (features,) = atlas.snapshot().features_of([number], 0)
        stored = database.read_keypoints(images["one/1.png"].image_id)
        np.testing.assert_allclose(stored[:, :2], features.keypoints + 0.5, atol=1e-4)
        pair = images["one/1.png"].image_id, images["two/1.png"].image_id
        found = database.read_two_view_geometry(*pair)
        matches = database.read_matches(*pair)
        assert 20 < len(found.inlier_matches) <= len(matches)
        assert len(database.read_all_cameras()) == 1
    with pytest.raises(WriteError, match="exists"):
        export_database(atlas.snapshot(), pairs, tmp_path / "db.db")


def test_hloc_reads_the_files(atlas: Atlas, pairs: list[ImagePair], tmp_path: Path) -> None:
    features, matches = write_hloc(atlas.snapshot(), pairs, tmp_path / "hloc")
    with h5py.File(features) as file:
        group = file["one/1.png"]
        count = len(group["keypoints"])
        assert group["keypoints"].shape == (count, 2) and group["descriptors"].shape == (64, count)
        assert group["scores"].shape == (count,) and group["image_size"][:].tolist() == [480, 360]
        other = len(file["two/1.png"]["keypoints"])
    with h5py.File(matches) as file:
        rows = file["one-1.png/two-1.png"]["matches0"][:]
        scores = file["one-1.png/two-1.png"]["matching_scores0"][:]
    assert rows.shape == scores.shape == (count,) and rows.min() >= -1 and rows.max() < other
    assert (scores[rows >= 0] > 0).all() and (scores[rows < 0] == 0).all()
