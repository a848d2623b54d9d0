"""The covariance of a pose is that of many poses from points with errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from placeprint.reconstruction.uncertainty import pose_covariance
from placeprint.types import Pose

pycolmap = pytest.importorskip("pycolmap")
ANGLE, SHIFT = 0.3, np.array([0.5, -0.2, 12.0])
ROTATION = np.array([[np.cos(ANGLE), 0, np.sin(ANGLE)], [0, 1, 0], [-np.sin(ANGLE), 0, np.cos(ANGLE)]])


def camera(*, known: bool) -> Any:
    made = pycolmap.Camera.create_from_model_name(0, "SIMPLE_RADIAL", 500.0, 640, 480)
    made.has_prior_focal_length = known
    return made


def estimated(points: NDArray[np.float64], landmarks: NDArray[np.float64], *, known: bool) -> Pose:
    own, refinement = camera(known=known), pycolmap.AbsolutePoseRefinementOptions()
    refinement.refine_focal_length = not known
    found = pycolmap.estimate_and_refine_absolute_pose(
        points, landmarks, own, pycolmap.AbsolutePoseEstimationOptions(), refinement
    )
    pose, fits = found["cam_from_world"], np.asarray(found["inlier_mask"], bool)
    rotation, shift = np.array(pose.rotation.matrix()), np.array(pose.translation)
    covariance = pose_covariance(own, rotation, shift, points[fits], landmarks[fits], with_focal=not known)
    return Pose(rotation, shift, covariance, int(fits.sum()), len(points), own.mean_focal_length(), None, None, ())


@pytest.mark.parametrize(("noise", "known"), [(0.5, True), (2.0, True), (0.5, False)])
def test_positions_and_rotations_spread_as_their_covariance_says(noise: float, known: bool) -> None:
    generator = np.random.default_rng(0)
    landmarks = np.column_stack([generator.uniform(-low, low, 100) for low in (3, 2, 3)])
    exact = camera(known=True).img_from_cam(landmarks @ ROTATION.T + SHIFT)
    poses = [estimated(exact + generator.normal(0, noise, exact.shape), landmarks, known=known) for _ in range(120)]
    around = [each.rotation @ ROTATION.T for each in poses]
    turns = np.array([[r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]] for r in around]) / 2
    said = np.mean([np.diag(each.covariance)[:3] for each in poses], axis=0)
    np.testing.assert_allclose(np.sqrt(said), turns.std(axis=0), rtol=0.3)
    said = np.mean([np.diag(each.position_covariance) for each in poses], axis=0)
    centers = np.array([each.center for each in poses])
    np.testing.assert_allclose(np.sqrt(said), centers.std(axis=0), rtol=0.3)
    assert poses[0].position_spread == pytest.approx(np.sqrt(np.trace(poses[0].position_covariance)))
