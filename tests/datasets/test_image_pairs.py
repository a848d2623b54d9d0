"""Pairs with a known truth: read, refused, and what they say of a match."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint.datasets.photos.image_pairs import (
    ImagePair,
    expected_points,
    project,
    read_hand_made,
    read_opencv_doc,
    read_oxford_affine,
    residuals,
    stereo_motorcycle,
)
from placeprint.errors import DatasetError, ShapeError
from placeprint.photos import read_image
from tests.conftest import make_scene, write_photo

HERE = Path("unused.png")


def _pair(**truth: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> ImagePair:
    return ImagePair("test", HERE, HERE, (53, 37), **truth)


def test_a_pair_has_one_truth_of_the_right_shape() -> None:
    with pytest.raises(ShapeError, match="needs one of homography, disparity and correspondences"):
        _pair()
    with pytest.raises(ShapeError, match="needs one of"):
        _pair(homography=np.eye(3), disparity=np.zeros((37, 53)))
    with pytest.raises(ShapeError, match=r"homography must have shape \(3, 3\), got \(2, 3\)"):
        _pair(homography=np.eye(3)[:2])
    with pytest.raises(ShapeError, match=r"disparity must have shape \(37, 53\), got \(53, 37\)"):
        _pair(disparity=np.zeros((53, 37)))
    with pytest.raises(ShapeError, match=r"correspondences must have shape \(n, 2, 2\)"):
        _pair(correspondences=np.zeros((5, 4)))


def test_residuals_of_a_homography_by_hand() -> None:
    pair = _pair(homography=np.array([[1, 0, 10], [0, 1, 0], [0, 0, 1.0]]))
    points = np.array([[[0, 0], [10, 0]], [[0, 0], [13, 4]], [[50, 0], [50, 0]]], np.float32)
    # the last point leaves the other picture: it is known to have no match there
    assert residuals(pair, points).tolist() == [0, 5, 10]
    assert residuals(pair, points).dtype == np.float64
    assert residuals(pair, points[:0]).shape == (0,)


def test_points_that_go_to_infinity_are_far_away() -> None:
    assert project(np.array([[1.0, 0.0]]), np.array([[1, 0, 0], [0, 1, 0], [1, 0, -1.0]])).min() > 1e8


def test_residuals_of_a_disparity_map_by_hand() -> None:
    disparity = np.full((37, 53), np.inf)
    disparity[10, 20] = 7.5
    disparity[0, 0] = np.nan
    points = np.array([[[20.4, 9.6], [12.9, 12.6]], [[21, 10], [13.5, 10]], [[0, 0], [0, 0]], [[99, 99], [0, 0]]])
    found = residuals(_pair(disparity=disparity), points)
    assert found[0] == pytest.approx(3)  # at (12.9, 9.6): the disparity of the nearest pixel
    assert np.isnan(found[1:]).all()


def test_residuals_of_hand_made_correspondences_by_hand() -> None:
    correspondences = np.array([[[10, 10], [15, 10]], [[40, 30], [40, 33]]], np.float64)
    pair = _pair(correspondences=correspondences)
    near = 0.05 * np.hypot(53, 37)  # 3.2 pixels
    points = np.array([[[12, 10], [17, 10]], [[38, 30], [39, 33]], [[10 + near + 0.1, 10], [20, 10]]])
    found = residuals(pair, points)
    assert found[:2].tolist() == [0, 1]
    assert np.isnan(found[2])
    with pytest.raises(DatasetError, match="'test' has no correspondences"):
        residuals(_pair(correspondences=np.zeros((0, 2, 2))), points)


def _scene_folder(folder: Path) -> Path:
    for number in (1, 3):
        write_photo(folder / "wall" / f"img{number}.png", make_scene(number, 53, 37))
    (folder / "wall" / "H1to3p").write_text("1 0 2\n0 1 3\n0 0 1\n")
    (folder / "notes").mkdir()
    return folder


def test_scenes_are_read(tmp_path: Path) -> None:
    pair = read_oxford_affine(_scene_folder(tmp_path), (3,))[0]
    assert (pair.name, pair.query_size) == ("wall 1-3", (53, 37))
    assert expected_points(pair, np.array([[1.0, 1.0]])).tolist() == [[3.0, 4.0]]
    assert pair.diagonal == pytest.approx(np.hypot(53, 37))


def test_scenes_of_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no scenes"):
        read_oxford_affine(tmp_path)
    with pytest.raises(DatasetError, match="has no scenes"):
        read_oxford_affine(tmp_path / "absent")
    folder = _scene_folder(tmp_path)
    with pytest.raises(DatasetError, match="has no homography H1to5p"):
        read_oxford_affine(folder)
    (folder / "wall" / "H1to5p").write_text("1 0 2\n0 1 3\n")
    with pytest.raises(DatasetError, match="must have a 3 x 3 matrix"):
        read_oxford_affine(folder, (5,))
    (folder / "wall" / "H1to5p").write_text("one 0 2\n")
    with pytest.raises(DatasetError, match="must have a 3 x 3 matrix"):
        read_oxford_affine(folder, (5,))
    (folder / "wall" / "H1to5p").write_text("1 0 2\n0 1 3\n0 0 1\n")
    with pytest.raises(DatasetError, match="has no picture img5"):
        read_oxford_affine(folder, (5,))


def test_hand_made_pairs_count_from_zero(tmp_path: Path) -> None:
    from scipy.io import savemat

    for number in (1, 2):
        write_photo(tmp_path / "gate" / f"gate{number}.png", make_scene(number, 53, 37))
    file = tmp_path / "gate" / "gateEval.mat"
    columns = {name: np.array([[1.0], [53.0 if name[0] == "x" else 37.0]]) for name in ("x1", "y1", "x2", "y2")}
    savemat(file, columns)
    pair = read_hand_made(tmp_path)[0]
    assert pair.name == "gate"
    assert pair.correspondences is not None
    assert pair.correspondences.tolist() == [[[0, 0], [0, 0]], [[52, 36], [52, 36]]]
    savemat(file, columns | {"x1": np.array([[1.0], [99.0]])})
    with pytest.raises(DatasetError, match="points outside its pictures"):
        read_hand_made(tmp_path)
    savemat(file, {"x1": columns["x1"]})
    with pytest.raises(DatasetError, match="must have x1, y1, x2 and y2"):
        read_hand_made(tmp_path)
    write_photo(tmp_path / "gate" / "third.png", make_scene(0, 53, 37))
    with pytest.raises(DatasetError, match="must have two pictures, it has 3"):
        read_hand_made(tmp_path)
    with pytest.raises(DatasetError, match="has no pairs"):
        read_hand_made(tmp_path / "gate")


def test_the_disparity_of_the_motorcycle_fits_its_pictures() -> None:
    pair = stereo_motorcycle()
    left, right = (read_image(path).mean(axis=2) for path in (pair.query_path, pair.database_path))
    assert pair.disparity is not None
    rows, columns = np.nonzero(np.isfinite(pair.disparity))
    points = np.stack([columns, rows], axis=1)[::17].astype(np.float64)
    moved = expected_points(pair, points)
    inside = moved[:, 0] > 0
    x, y = np.rint(moved[inside]).astype(int).T
    truth = left[rows[::17][inside], columns[::17][inside]]
    errors = {shift: np.abs(right[y, np.clip(x + shift, 0, 740)] - truth).mean() for shift in (-2, 0, 2)}
    assert errors[0] < 0.7 * min(errors[-2], errors[2])


def test_the_scene_of_opencv_is_read_where_it_is_installed(tmp_path: Path) -> None:
    import cv2

    assert read_opencv_doc(tmp_path) == []
    for number in (1, 3):
        write_photo(tmp_path / "data" / f"graf{number}.png", make_scene(number, 53, 37))
    storage = cv2.FileStorage(str(tmp_path / "data" / "H1to3p.xml"), cv2.FILE_STORAGE_WRITE)
    storage.write("H13", np.diag([2.0, 2.0, 1.0]))
    storage.release()
    pair = read_opencv_doc(tmp_path)[0]
    assert pair.homography is not None
    assert pair.homography.tolist() == [[2, 0, 0], [0, 2, 0], [0, 0, 1]]


@pytest.mark.photos
def test_the_benchmark_pairs_are_read(data: Path) -> None:
    names = [pair.name for pair in read_oxford_affine(data / "oxford_affine")]
    assert names == [f"{scene} 1-{number}" for scene in ("bikes", "boat", "graf", "leuven") for number in (3, 5)]
    hand_made = read_hand_made(data / "pairs")
    assert [pair.name for pair in hand_made] == ["MountRushmore", "NotreDame"]
    assert [pair.query_size for pair in hand_made] == [(2592, 1944), (1536, 2048)]
