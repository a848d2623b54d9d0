"""What every stage refuses, and what it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from placeprint.arrays import LARGEST, floats_of, ids_of, pairs_of, rows_of
from placeprint.core.numerics import normalize, stacked
from placeprint.errors import ShapeError
from placeprint.types import LocalFeatures
from tests.conftest import random_features


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, float("nan")]], r"must be finite numbers of at most 1e\+12, got nan at \[0, 1\] \(1 such value\)"),
        (np.array([[1.0], [np.inf]], np.float16), r"got inf at \[1, 0\]"),
        ([[1e300]], r"got 1e\+300"),
        ([["a"]], "must be numbers, got an array of <U1"),
        ([[None]], "must be numbers, got an array of object"),
        ([[1j]], "must be numbers, got an array of complex128"),
        ([[1], [1, 2]], "all rows of one length"),
        ([1, 2], r"must have shape \(any, d\), got \(2,\)"),
        ([], r"must have shape \(any, d\), got \(0,\)"),
        (np.zeros((3, 0)), r"must have shape \(any, d\), got \(3, 0\)"),
    ],
)
def test_rows_that_no_stage_can_use_are_refused(rows: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        rows_of(rows)


def test_numbers_of_any_kind_are_taken_and_float32_is_not_copied() -> None:
    for kind in (np.bool_, np.uint8, np.int64, np.float16, np.float64):
        assert rows_of(np.ones((2, 3), kind)).dtype == np.float32
    given = np.ones((2, 3), np.float32)
    assert np.shares_memory(rows_of(given), given) and floats_of(np.array(LARGEST), "x") > 0
    assert rows_of(np.zeros((0, 4))).shape == (0, 4)


def test_ids_and_pairs_must_fit() -> None:
    for ids, message in (
        ([1], r"shape \(2,\)"),
        ([1.0, 2.0], "integers"),
        ([1, 9], "from 0 to 8"),
        ([-1, 2], "from 0"),
    ):
        with pytest.raises(ShapeError, match=message):
            ids_of(ids, 2, most=8)
    with pytest.raises(ShapeError, match="pairs must have shape"):
        pairs_of(np.ones((2, 3)), np.ones((3, 3)))


def test_features_are_checked_when_they_are_made() -> None:
    good: dict[str, Any] = {"keypoints": np.zeros((2, 2)), "descriptors": np.eye(2), "scores": np.ones(2)}
    for name, bad in (
        ("keypoints", np.full((2, 2), np.nan)),
        ("descriptors", [["a", "b"]] * 2),
        ("scores", [1, np.inf]),
    ):
        with pytest.raises(ShapeError, match=name):
            LocalFeatures(**good | {name: bad}, image_size=(4, 4))
    with pytest.raises(ShapeError, match="keypoints"):
        LocalFeatures(**good, image_size=(4, 4))[1]  # type: ignore[index]  # an index is no choice of rows


def test_photos_of_several_lengths_are_not_put_together() -> None:
    photos = [random_features(3, 4), random_features(2, 5)]
    with pytest.raises(ShapeError, match=r"descriptors must have one length, got \[4, 5\]"):
        stacked(photos)
    assert stacked([photos[0], random_features(0, 9)]).shape == (3, 4)


@pytest.mark.parametrize("scale", [1e-40, 1e-25, 1.0, 1e25, 1e37])
def test_vectors_of_any_length_get_unit_length(scale: float) -> None:
    np.testing.assert_allclose(
        normalize(np.float32(scale) * np.array([[3, 4], [0, 0]], np.float32)),
        np.array([[0.6, 0.8], [0.0, 0.0]]),
        rtol=1e-4,
    )
