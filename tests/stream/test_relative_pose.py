"""Relative poses of two cameras, from points of a made-up scene whose poses are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from placeprint.stream.relative_pose import pose_of
from placeprint.types import Verification

CAMERA = np.array([[500.0, 0, 320], [0, 510.0, 240], [0, 0, 1]])


def matches_of(
    rotation: NDArray[np.float64], translation: NDArray[np.float64], count: int = 80, wrong: int = 20
) -> Verification:
    """Return matches between a camera at the origin and one that sees ``p`` at ``rotation @ p + translation``."""
    generator = np.random.default_rng(0)
    scene = np.column_stack(
        [generator.uniform(-3, 3, count), generator.uniform(-2, 2, count), generator.uniform(4, 9, count)]
    )
    points = []
    for seen in (scene, scene @ rotation.T + translation):
        pixels = seen @ CAMERA.T
        points.append(pixels[:, :2] / pixels[:, 2:] + generator.normal(0, 0.2, (count, 2)))
    pairs = np.stack(points, axis=1)
    pairs[:wrong, 1] = generator.uniform(0, 480, (wrong, 2))
    rows = np.repeat(np.arange(count)[:, None], 2, axis=1).astype(np.int64)
    transform = np.eye(3)
    return Verification(rows, pairs.astype(np.float32), np.ones(count, bool), 9.0, 9.0, 0.0, transform, "similarity")


def about_y(degrees: float) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


@pytest.mark.parametrize("degrees", [-15.0, 0.0, 8.0])
@pytest.mark.parametrize("translation", [(1.0, 0.0, 0.0), (0.0, -0.3, 0.9)])
def test_rotation_and_direction_are_those_of_the_cameras(degrees: float, translation: tuple[float, ...]) -> None:
    moved = np.array(translation)
    pose = pose_of(matches_of(about_y(degrees), moved), (640, 480), CAMERA)
    assert pose is not None and pose.rotation is not None and pose.direction is not None
    np.testing.assert_allclose(pose.rotation, about_y(degrees), atol=0.01)
    assert pose.direction @ moved / np.linalg.norm(moved) > 0.99
    assert 50 <= pose.inliers <= 65


def test_the_size_of_the_frames_does_not_matter() -> None:
    small = matches_of(about_y(5), np.array([1.0, 0, 0]))
    large = Verification(small.matches, 3 * small.points + 1, small.inliers, 9.0, 9.0, 0.0, np.eye(3), "similarity")
    zoom = np.array([[3.0, 0, 1], [0, 3.0, 1], [0, 0, 1]])  # pixels count from the center of the first
    poses = [pose_of(small, (640, 480), CAMERA), pose_of(large, (1920, 1440), zoom @ CAMERA)]
    rotations = [pose.rotation for pose in poses if pose is not None and pose.rotation is not None]
    np.testing.assert_allclose(rotations[0], rotations[1], atol=1e-3)


def test_a_camera_that_only_turned_has_no_direction() -> None:
    pose = pose_of(matches_of(about_y(10), np.zeros(3)), (640, 480), CAMERA)
    assert pose is not None and pose.rotation is not None
    np.testing.assert_allclose(pose.rotation, about_y(10), atol=0.005)
    assert pose.direction is None


def test_wrong_matches_have_no_pose() -> None:
    assert pose_of(matches_of(np.eye(3), np.ones(3), count=30, wrong=30), (640, 480), CAMERA) is None
