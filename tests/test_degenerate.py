"""Matches from which no transform follows: an answer without one, never an exception."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from placeprint import match
from placeprint.core.memory import enough_memory
from placeprint.errors import NotEnoughMemoryError, OptionError
from placeprint.types import LocalFeatures
from placeprint.verification import opencv_ransac, poselib_ransac
from placeprint.verification.estimation import estimate
from placeprint.verification.geometry import MutualGeometry
from placeprint.verification.opencv_ransac import relative_pose
from placeprint.verification.transforms import MODELS
from placeprint.verification.two_view import TwoView
from tests.conftest import make_scene, random_features

CAMERA = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
RANDOM = np.random.default_rng(0)


def points(kind: str) -> NDArray[np.float32]:
    spread = RANDOM.uniform(0, 480, (40, 2))
    made = {
        "none": spread[:0],
        "one": spread[:1],
        "three": spread[:3],
        "seven": spread[:7],
        "equal": np.full((40, 2), 7.0),
        "two places": np.repeat(spread[:2], 20, axis=0),
        "a line": np.stack([np.arange(40), 3 * np.arange(40)], axis=1),
        "nearly a line": np.stack([np.arange(40), 3 * np.arange(40) + 1e-5 * spread[:, 0]], axis=1),
        "NaN": np.full((40, 2), np.nan),
        "some NaN": np.where(np.arange(40)[:, None] % 3 == 0, np.nan, spread),
        "infinite": np.full((40, 2), np.inf),
        "huge": spread * 1e12,
        "random": spread,
    }
    return np.asarray(made[kind], np.float32)


KINDS = (
    "none", "one", "three", "seven", "equal", "two places", "a line", "nearly a line", "NaN", "some NaN", "infinite",
    "huge", "random",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", sorted(MODELS))
def test_no_estimator_raises(model: str, kind: str) -> None:
    for method in ("auto", "opencv"):
        for other in (points(kind), RANDOM.uniform(0, 480, points(kind).shape).astype(np.float32)):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = estimate(model, points(kind), other, 2.0, method=method, cameras=(CAMERA, CAMERA))
            assert found is None or np.isfinite(found[0]).all()


def test_points_that_are_not_finite_are_no_inliers_and_spoil_nothing() -> None:
    query = points("random")
    database = query + np.float32(10)
    query[3] = np.nan
    database[5] = np.inf
    for model in ("similarity", "affine", "homography"):
        found = estimate(model, query, database, 2.0)
        assert found is not None
        assert found[1].sum() == 38 and not found[1][[3, 5]].any()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"huge", "NaN", "some NaN", "infinite"}])
@pytest.mark.parametrize("verifier", [MutualGeometry(), TwoView()], ids=["mutual-geometry", "two-view"])
def test_no_verifier_raises(verifier: Any, kind: str) -> None:
    keypoints = points(kind)
    features = random_features(40, 64)[: len(keypoints)]
    query = LocalFeatures(keypoints, features.descriptors, features.scores, (640, 480))
    other = LocalFeatures(points("random")[: len(keypoints)], features.descriptors, features.scores, (640, 480))
    for pair in ((query, other), (other, query), (query, query)):
        check = verifier.verify(pair[0], [pair[1]])[0]
        assert np.isfinite(check.strength)
        if kind != "random":
            assert verifier.verdict(check) != "same place"


def test_an_estimator_that_fails_is_no_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2
    import poselib

    def fail(*_: object, **__: object) -> None:
        raise cv2.error("an assertion of OpenCV")

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("an assertion of PoseLib")

    monkeypatch.setattr(cv2, "findHomography", fail)
    monkeypatch.setattr(cv2, "recoverPose", fail)
    monkeypatch.setattr(poselib, "estimate_homography", refuse)
    query = points("random")
    assert opencv_ransac.fit("homography", query, query, 2.0, None) is None
    assert poselib_ransac.fit("homography", query, query, 2.0, None) is None
    assert relative_pose(np.eye(3), np.stack([query, query], axis=1), (CAMERA, CAMERA)) is None


@pytest.mark.parametrize("shape", [(16, 16), (16, 2000), (2000, 16), (64, 64)])
@pytest.mark.parametrize("features", ["sift", "orb", "xfeat"])
def test_tiny_and_long_pictures_are_matched_or_not_confirmed(features: str, shape: tuple[int, int]) -> None:
    for value in (np.full((*shape, 3), 9, np.uint8), RANDOM.integers(0, 255, (*shape, 3)).astype(np.uint8)):
        answer = match(value, make_scene(1), features=features, rotations=False)
        assert answer.verdict == "not confirmed"


def test_a_size_that_makes_a_huge_copy_is_refused() -> None:
    with pytest.raises(OptionError, match=r"size must be .* 4096, got 100000"):
        match(make_scene(1), make_scene(1), features="sift", feature_options={"size": 100_000})


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA out of memory. Tried to allocate"),
    ],
    ids=["NumPy", "Torch", "CUDA"],
)
def test_too_little_memory_is_one_error(error: Exception) -> None:
    with pytest.raises(NotEnoughMemoryError, match="lower size or max_keypoints"), enough_memory():
        raise error
    with pytest.raises(KeyError), enough_memory():
        raise KeyError("other errors pass")
