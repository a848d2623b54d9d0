"""Two photos, end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import match
from placeprint.datasets.photos.sample_photos import PLACES, SECOND_VIEWS, read_samples, rephotograph
from placeprint.errors import OptionError, PhotoError
from placeprint.pairs import matcher_params
from placeprint.photos import rotate_image
from tests.conftest import make_scene, write_photo


def test_the_homography_between_two_photos_is_found() -> None:
    scene = make_scene(4)
    seen, true = rephotograph(scene, corners=0.08)
    answer = match(scene, seen, features="sift")
    found = answer.verification.transform
    assert answer.verdict == "same place" and answer.verification.model == "homography" and found is not None
    corners = np.array([[0, 0, 1], [319, 0, 1], [319, 239, 1], [0, 239, 1]], float)
    moved, expected = corners @ found.T, corners @ true.T
    errors = np.linalg.norm(moved[:, :2] / moved[:, 2:] - expected[:, :2] / expected[:, 2:], axis=1)
    assert errors.mean() < 3
    inliers = answer.verification.inliers
    assert (answer.errors[inliers] < answer.tolerance * 1.01).all() and (answer.errors[~inliers] > 0).all()


def test_a_scene_with_depth_is_told_from_a_plane() -> None:
    answer = match(read_samples(PLACES)["motorcycle"], read_samples(SECOND_VIEWS)["motorcycle"], features="sift")
    assert answer.verdict == "same place" and answer.verification.model == "fundamental"


@pytest.mark.parametrize("features", ["sift", "xfeat"])
def test_different_photos_are_not_confirmed(features: str) -> None:
    answer = match(make_scene(1), make_scene(2), features=features, rotations=False)
    assert answer.verdict == "not confirmed"


def test_a_turned_photo_is_found_by_features_without_directions() -> None:
    scene = read_samples(PLACES)["temple"]
    answer = match(rotate_image(scene, 90), scene, features="xfeat")
    assert answer.verdict == "same place" and answer.rotation == 270
    upright = match(rotate_image(scene, 90), scene, features="xfeat", rotations=False, opinions=False)
    assert upright.verdict != "same place"


def test_keypoints_stay_out_of_masked_parts() -> None:
    scene = make_scene(4)
    left = np.zeros((240, 320), bool)
    left[:, :160] = True
    answer = match(scene, scene, features="sift", masks=(left, None))
    assert answer.query.keypoints[:, 0].max() < 160.5 < answer.database.keypoints[:, 0].max()


def test_the_essential_matrix_gives_the_pose_of_a_stereo_rig() -> None:
    left, right = read_samples(PLACES)["motorcycle"], read_samples(SECOND_VIEWS)["motorcycle"]
    # the rig of the Middlebury motorcycle: calibrated, shifted along x only; 994.98 px at this size
    answer = match(left, right, features="sift", model="essential", focal=994.98)
    assert answer.verdict == "same place" and answer.pose is not None
    rotation, translation = answer.pose
    assert np.degrees(np.arccos((np.trace(rotation) - 1) / 2)) < 1.5
    assert abs(translation[0]) > 0.99


def test_the_essential_matrix_reads_the_focal_length_from_exif(tmp_path: Path) -> None:
    import PIL.Image

    exif = PIL.Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 36  # FocalLengthIn35mmFilm
    scene = make_scene(4)
    first, second = (tmp_path / name for name in ("a.jpg", "b.jpg"))
    write_photo(first, scene, exif=exif)
    write_photo(second, rephotograph(scene, corners=0.05)[0])
    with pytest.raises(OptionError, match="the second photo's EXIF has no focal length"):
        match(first, second, features="sift", model="essential")
    write_photo(second, rephotograph(scene, corners=0.05)[0], exif=exif)
    cameras = match(first, second, features="sift", model="essential").cameras
    assert cameras is not None
    assert cameras[0][0, 0] == pytest.approx(36 / np.hypot(36, 24) * 400, rel=1e-6)
    assert cameras[0][0, 2] == 159.5


def test_a_blank_photo_gives_an_answer() -> None:
    answer = match(np.full((64, 64, 3), 99, np.uint8), make_scene(1), features="sift")
    assert answer.verdict == "not confirmed" and len(answer.query) == 0
    assert answer.verification.transform is None


def test_what_suits_the_features_is_chosen() -> None:
    assert matcher_params("sift", None) == {"name": "nearest", "ratio": 0.8}
    assert matcher_params("orb", "mutual-ratio") == {"name": "nearest", "ratio": 0.8, "distance": "hamming"}
    assert matcher_params("aliked", "lightglue") == {"name": "lightglue", "features": "aliked", "min_confidence": 0.3}
    assert matcher_params("xfeat", "lighterglue") == {"name": "lightglue", "features": "xfeat", "min_confidence": 0.3}
    assert matcher_params("sift", {"name": "nearest", "far": 5}) == {"name": "nearest", "far": 5}


def test_mistakes_are_named() -> None:
    scene = make_scene(0)
    with pytest.raises(OptionError, match="no extractor called 'sfit'; did you mean 'sift'"):
        match(scene, scene, features="sfit")
    with pytest.raises(OptionError, match="'sift' has no parameter 'sise'"):
        match(scene, scene, features="sift", feature_options={"sise": 3})
    with pytest.raises(PhotoError, match="cannot read"):
        match("missing.jpg", scene, features="sift")
