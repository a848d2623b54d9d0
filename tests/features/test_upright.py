"""Which way is up, as the picture itself says."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.datasets.photos.sample_photos import PLACES, read_samples
from placeprint.features.upright import (
    QUARTERS,
    Upright,
    four_rotations,
    joined,
    nearest_quarter,
    upright_probabilities,
)
from placeprint.photos import rotate_image


@pytest.mark.parametrize("name", ["temple", "motorcycle"])
def test_the_estimate_rotates_with_the_picture(name: str) -> None:
    scene = read_samples(PLACES)[name]
    upright = upright_probabilities(scene)
    assert upright.shape == (4,) and upright.sum() == pytest.approx(1, abs=1e-5)
    for turns, degrees in enumerate(QUARTERS):
        rotated = upright_probabilities(rotate_image(scene, degrees))
        np.testing.assert_allclose(np.roll(rotated, turns), upright, atol=0.05)
        assert Upright.of_image(rotate_image(scene, degrees)).best == -degrees % 360


def test_degrees_rotate_the_picture_before() -> None:
    scene = read_samples(PLACES)["temple"]
    rotated, expected = four_rotations(scene, 90), np.roll(four_rotations(scene), -1, axis=0)
    np.testing.assert_allclose(rotated.astype(float), expected, atol=1)
    tilted = rotate_image(scene, 30)
    assert Upright.of_image(tilted, -30).best == 0


def test_four_predictions_are_joined_as_by_hand() -> None:
    # Rotated by j quarters, the photo seems to have been rotated by 1 + j: three more quarters make it upright.
    predictions = np.full((4, 4), 0.1, np.float32)
    predictions[np.arange(4), [1, 2, 3, 0]] = 0.7
    found = joined(predictions)
    assert found.argmax() == 3
    assert found[3] / found[0] == pytest.approx(7**2, rel=1e-4)  # four predictions count as two


def test_a_flat_estimate_leaves_the_prior() -> None:
    upright = Upright.unknown()
    assert upright.best == 0
    assert upright.of(0) == pytest.approx(3 * upright.of(90)) == pytest.approx(3 * upright.of(30))
    assert upright.of(-90) == upright.of(270) == upright.of(270.2)


def test_the_nearest_quarter() -> None:
    assert [nearest_quarter(degrees) for degrees in (0, 30, 60, 120, 150, 330, -30, 359)] == [
        0,
        0,
        90,
        90,
        180,
        0,
        0,
        0,
    ]
