"""Models on the map: the plane's similarity, which way is up, and where the model lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint.core.plane import from_plane
from placeprint.errors import ReconstructionError
from placeprint.reconstruction.georegistration import FILE, Origin, georegister, similarity
from placeprint.reconstruction.results import quaternion

pycolmap = pytest.importorskip("pycolmap")


def walk(count: int = 12) -> np.ndarray:
    """Return ``(n, 3)`` positions along a slightly bent street, in meters."""
    along = np.linspace(0, 60, count)
    return np.stack([along, 3 * np.sin(along / 20), np.full(count, 1.6)], axis=1)


def model_of(centers: np.ndarray, rotations: list[np.ndarray]) -> object:
    """Return a model of pycolmap with cameras at some places."""
    model = pycolmap.Reconstruction()
    camera = pycolmap.Camera.create_from_model_name(1, "SIMPLE_RADIAL", 500.0, 640, 480)
    model.add_camera_with_trivial_rig(camera)
    for number, (center, rotation) in enumerate(zip(centers, rotations, strict=True), start=1):
        image = pycolmap.Image(f"{number}.jpg", camera_id=1, image_id=number)
        pose = pycolmap.Rigid3d(pycolmap.Rotation3d(rotation), -rotation @ center)
        model.add_image_with_trivial_frame(image, pose)
    return model


def ahead() -> np.ndarray:
    """Return the rotation of a camera that looks east: x to the south, y down, z to the east."""
    return np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], float)


def random_rotation(seed: int) -> np.ndarray:
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return np.asarray(turn * np.sign(np.linalg.det(turn)))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_walk_is_put_on_the_map_upright_in_spite_of_a_wrong_tag(seed: int) -> None:
    truth, origin = walk(), np.array([55.70, 13.19])
    degrees = from_plane(truth[:, :2], origin)
    degrees[4] += 0.01  # a kilometer away
    turn, scale, shift = random_rotation(seed), 0.1, np.array([5.0, -3.0, 2.0])
    centers = scale * truth @ turn.T + shift
    model = model_of(centers, [ahead() @ turn.T for _ in truth])
    found = georegister(model, {f"{number}.jpg": tuple(row) for number, row in enumerate(degrees, start=1)})
    assert found is not None and found.error < 0.1
    for number, place in enumerate(truth, start=1):
        image = model.images[number]  # type: ignore[attr-defined]
        latitude, longitude = found.degrees(image.projection_center())
        expected = from_plane(place[None, :2], origin)[0]
        assert (latitude, longitude) == pytest.approx(tuple(expected), abs=2e-6)
        np.testing.assert_allclose(image.cam_from_world().rotation.matrix(), ahead(), atol=0.02)


def test_a_model_without_positions_stays_as_it_is() -> None:
    truth = walk(5)
    model = model_of(truth, [ahead()] * 5)
    assert georegister(model, {"1.jpg": (1.0, 2.0)}) is None
    np.testing.assert_allclose(model.images[3].projection_center(), truth[2])  # type: ignore[attr-defined]


def test_photos_from_above_are_set_upright_by_their_view() -> None:
    down = np.array([[1, 0, 0], [0, -1, 0], [0, 0, -1]], float)
    spin = [
        np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) for a in np.arange(8) * np.pi / 4
    ]
    truth = np.stack([np.cos(np.arange(8)) * 40, np.sin(np.arange(8)) * 40, np.full(8, 50.0)], axis=1)
    turn = random_rotation(5)
    model = model_of(truth @ turn.T, [each @ down @ turn.T for each in spin])
    degrees = from_plane(truth[:, :2], np.array([-33.0, -70.0]))
    found = georegister(model, {f"{number}.jpg": tuple(row) for number, row in enumerate(degrees, start=1)})
    assert found is not None and found.error < 0.1


@pytest.mark.parametrize("seed", range(6))
def test_level_photos_along_a_straight_line_do_not_roll(seed: int) -> None:
    truth = np.stack([np.linspace(0, 60, 10), np.zeros(10), np.full(10, 1.6)], axis=1)
    noise = np.random.default_rng(seed).normal(size=(10, 2)) * 0.2
    degrees = from_plane(truth[:, :2] + noise, np.array([55.70, 13.19]))
    aside, turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float), random_rotation(seed)  # looks north
    model = model_of(truth @ turn.T, [aside @ turn.T for _ in truth])
    found = georegister(model, {f"{number}.jpg": tuple(row) for number, row in enumerate(degrees, start=1)})
    assert found is not None
    for image in model.images.values():  # type: ignore[attr-defined]
        np.testing.assert_allclose(image.cam_from_world().rotation.matrix(), aside, atol=0.05)


def test_no_similarity_without_two_different_points() -> None:
    assert similarity(np.zeros((4, 2)), np.random.default_rng(0).normal(size=(4, 2))) is None
    assert similarity(np.random.default_rng(0).normal(size=(4, 2)), np.zeros((4, 2))) is None


def test_the_origin_is_written_and_read(tmp_path: Path) -> None:
    assert Origin.read(tmp_path) is None
    Origin(1.5, -2.5, 3.0).write(tmp_path)
    assert Origin.read(tmp_path) == Origin(1.5, -2.5, 3.0)
    for text in ("{}", "no json", '{"latitude": "x", "longitude": 1}'):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(ReconstructionError, match=r"must hold latitude|is not JSON"):
            Origin.read(tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_quaternions_are_those_of_pycolmap(seed: int) -> None:
    rotation = random_rotation(seed)
    x, y, z, w = pycolmap.Rotation3d(rotation).quat
    expected = np.array([w, x, y, z]) * (1 if w >= 0 else -1)
    np.testing.assert_allclose(quaternion(rotation), expected, atol=1e-9)
