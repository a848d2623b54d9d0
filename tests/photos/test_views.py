"""Seeded views of a photo."""

import numpy as np

from placeprint.photos.views import view_of
from tests.conftest import make_scene


def test_a_seed_gives_the_same_view_again() -> None:
    scene = make_scene(1)
    first, again, other = (view_of(scene, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(float) - other).mean() > 1


def test_a_view_is_another_picture_of_the_same_size() -> None:
    scene = make_scene(2)
    view = view_of(scene, np.random.default_rng(5))
    assert view.shape == scene.shape
    assert view.dtype == np.uint8
    assert np.abs(view.astype(float) - scene).mean() > 5
