"""Words that never verify lose weight: by hand, and from the links of an atlas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.describing.contributions import contributions
from placeprint.describing.word_weights import spread, weighted, weights_of
from placeprint.errors import OptionError, ShapeError
from placeprint.places.verified_words import rates_of
from tests.conftest import make_scene, write_photo, write_scenes


def test_rates_are_drawn_toward_the_mean() -> None:
    words = [np.array([0, 0, 0, 1]), np.array([1, 2])]
    rates = rates_of(words, [np.array([0, 1]), np.array([0])], 4)
    mean = 3 / 6
    assert rates == pytest.approx([(2 + 20 * mean) / 23, (1 + 20 * mean) / 22, (20 * mean) / 21, mean])


def test_words_that_never_verify_have_less_weight() -> None:
    weights = weights_of(np.array([0.02, 0.5, 0.98], np.float32))
    assert weights == pytest.approx([0.2, 1.0, 1.4])
    vector = weighted(np.full(6, 6**-0.5, np.float32), weights)
    assert np.linalg.norm(vector) == pytest.approx(1)
    assert vector[::2] / vector[2] == pytest.approx(weights)
    assert not weighted(np.zeros(6, np.float32), weights).any()
    with pytest.raises(ShapeError, match="positive"):
        weights_of(np.array([0.0, 1.0], np.float32))
    with pytest.raises(ShapeError, match="3 weights"):
        spread(weights, 7)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_scenes(tmp_path_factory.mktemp("words") / "photos", 4)
    for number in range(4):
        for view in range(2):
            seen = rephotograph(make_scene(number), corners=0.04 + 0.02 * view)[0]
            write_photo(folder / f"{number:02d}-{view}.png", seen)
    return folder


def test_an_atlas_learns_weights_keeps_them_and_forgets_them(photos: Path, tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "fast")
    atlas.add([photos], learn=False)
    plain = atlas.search(photos / "00.png").best
    assert atlas.weigh_words() >= 10
    again = Atlas.open(tmp_path / "atlas")
    (weights,) = again.describer.word_weights.values()
    assert weights.min() < 1 < weights.max()
    found = again.search(photos / "00.png")
    assert plain is not None and found.best is not None
    assert found.evidence[0].path == plain.path
    describer, now = again.describer, again.snapshot()
    features = describer.query_features(make_scene(1), 0)
    toward = describer.descriptor(describer.query_features(make_scene(2), 0))
    assert contributions(describer, features, toward).total == pytest.approx(
        float(describer.descriptor(features) @ toward), abs=1e-5
    )
    assert len(now.usable()) == 12
    again.refit()
    assert not again.describer.word_weights


def test_too_few_links_and_other_presets_are_refused(tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "few", "fast")
    atlas.add([write_scenes(tmp_path / "photos", 3)], learn=False)
    with pytest.raises(OptionError, match="the atlas has 0 links"):
        atlas.weigh_words()
    with pytest.raises(OptionError, match="has no VLAD"):
        Atlas.create(tmp_path / "bow", "sift-bow").weigh_words()
