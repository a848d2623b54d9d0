"""From photos of a walk to a model on the map, and photos located in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.core.plane import distances
from placeprint.errors import ReconstructionError, WriteError
from placeprint.photos import read_photo
from placeprint.places.graph import match_graph
from placeprint.reconstruction.localizing import Localizer
from placeprint.reconstruction.mapping import reconstruct
from placeprint.reconstruction.results import poses_text
from tests.conftest import data_folder, write_scenes

pycolmap = pytest.importorskip("pycolmap")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Atlas, Path, Path]:
    """Give an atlas and a model of eight photos of a walk, and a photo between them that is in neither."""
    folder, photos = tmp_path_factory.mktemp("walk"), sorted((data_folder() / "gps" / "lund").glob("*.jpg"))
    if len(photos) < 12:
        pytest.skip("needs the photos of gps/lund")
    (folder / "photos").mkdir()
    for path in (*photos[:2], *photos[3:9]):
        shutil.copy(path, folder / "photos")
    atlas = Atlas.create(folder / "atlas", "fast")
    atlas.add(folder / "photos")
    made = reconstruct(atlas, match_graph(atlas), folder / "model")
    assert made.registered >= 5 and made.origin is not None and made.reprojection_error < 1.5
    return atlas, folder / "model", photos[2]


def test_a_photo_is_located_in_the_model_and_the_model_stays(walk: tuple[Atlas, Path, Path]) -> None:
    atlas, model, query = walk
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    pose = Localizer(atlas, model).localize(query)
    assert pose is not None and pose.inliers >= 12 and pose.location is not None
    truth = read_photo(query).location
    assert truth is not None
    assert distances(np.array([pose.location]), np.array(truth))[0] < 40
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    for form in ("json", "colmap", "tum", "geojson"):
        assert query.name in poses_text({query.name: pose}, form)
    assert json.loads(poses_text({"q": None}, "json")) == [{"query": "q", "pose": None}]


def test_a_photo_of_the_model_is_where_the_model_has_it(walk: tuple[Atlas, Path, Path]) -> None:
    atlas, model, _ = walk
    known = pycolmap.Reconstruction(model)
    image = next(image for image in known.images.values() if image.has_pose and image.num_points3D > 30)
    path = next(r.path for r in atlas.snapshot().usable().values() if r.path.endswith(image.name))
    pose = Localizer(atlas, model).localize(path)
    assert pose is not None
    size = np.ptp([each.projection_center() for each in known.images.values() if each.has_pose], axis=0).max()
    assert np.linalg.norm(pose.center - image.projection_center()) < 0.05 * size


def test_the_atlas_localizes_and_reads_a_model_once(walk: tuple[Atlas, Path, Path], tmp_path: Path) -> None:
    atlas, model, query = walk
    pose, again = atlas.localize(query, model), Localizer(atlas, model).localize(query)
    assert pose is not None and again is not None
    np.testing.assert_array_equal(pose.center, again.center)
    assert pose.location is not None and pose.heading is not None and 0 < pose.position_spread < 40
    known = atlas._localizer
    atlas.localize(query, str(model))
    assert atlas._localizer is known
    with pytest.raises(ReconstructionError, match="not a model"):
        atlas.localize(query, tmp_path)


def test_a_model_that_pycolmap_made_alone_serves(walk: tuple[Atlas, Path, Path], tmp_path: Path) -> None:
    atlas, _, query = walk
    photos = Path(next(iter(atlas.snapshot().usable().values())).path).parent
    options = pycolmap.FeatureExtractionOptions()
    options.max_image_size, options.num_threads = 1200, 2
    pycolmap.set_random_seed(0)
    pycolmap.extract_features(tmp_path / "all.db", photos, extraction_options=options)
    pycolmap.match_exhaustive(tmp_path / "all.db")
    models = pycolmap.global_mapping(tmp_path / "all.db", photos, tmp_path)
    assert models
    number, made = max(models.items(), key=lambda each: each[1].num_reg_images())
    pose = atlas.localize(query, tmp_path / str(number))
    assert pose is not None and pose.location is None and pose.inliers >= 12
    # between the photos before and after it: nearer to one of them than they are apart
    centers = [each.projection_center() for each in made.images.values() if each.has_pose]
    apart = max(float(np.linalg.norm(one - other)) for one in centers for other in centers)
    assert min(float(np.linalg.norm(pose.center - center)) for center in centers) < 0.5 * apart


def test_what_is_no_model_is_refused(walk: tuple[Atlas, Path, Path], tmp_path: Path) -> None:
    atlas, model, _ = walk
    with pytest.raises(ReconstructionError, match="not a model in COLMAP's format"):
        Localizer(atlas, tmp_path)
    other = Atlas.create(tmp_path / "other", "fast")
    other.add(write_scenes(tmp_path / "photos", 2))
    with pytest.raises(ReconstructionError, match="no photo of the atlas"):
        Localizer(other, model)
    with pytest.raises(ReconstructionError, match="do not overlap"):
        reconstruct(other, match_graph(other), tmp_path / "model")
    with pytest.raises(WriteError, match="not an empty folder"):
        reconstruct(other, match_graph(other), model)
