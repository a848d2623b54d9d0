"""An atlas at one moment: what a query needs, whatever is written meanwhile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.errors import AtlasFormatError
from tests.conftest import make_scene, write_photo, write_scenes


@pytest.fixture
def atlas(tmp_path: Path) -> Atlas:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([write_scenes(tmp_path / "photos", 8)], learn=False)
    return atlas


def test_a_snapshot_stays_as_it_was(atlas: Atlas, tmp_path: Path) -> None:
    now, ids = atlas.snapshot(), list(atlas.snapshot().usable())
    atlas.add([write_photo(tmp_path / "another.png", make_scene(99))], learn=False)
    later = atlas.snapshot()
    assert list(now.usable()) == ids and len(later.usable()) == len(ids) + 1
    assert later.version > now.version and now.preset.name == "sift-vlad"


def test_its_descriptors_are_those_of_its_features(atlas: Atlas) -> None:
    now = atlas.snapshot()
    described = {i: now.describer.descriptor(features) for i, features in now.features(list(now.usable()))}
    for ids, rows in now.descriptors():
        expected = np.stack([described[i] for i in ids.tolist()])
        assert np.einsum("nd,nd->n", rows, expected).min() > 0.98  # stored in 4 bits a value
    (first,) = now.verified_features([0])
    np.testing.assert_array_equal(first.descriptors, now.features([0])[0][1][0].descriptors)
    assert [len(gone) for gone in now.verified_features([12345])] == [0]


def test_the_describer_is_kept_until_the_atlas_learns(atlas: Atlas) -> None:
    before = atlas.snapshot()
    assert atlas.snapshot().describer is before.describer is atlas.describer
    atlas.refit()
    after = atlas.snapshot()
    assert after.describer is not before.describer and after.stored.state_name != before.stored.state_name


def test_a_missing_state_is_told_when_it_is_needed(atlas: Atlas, tmp_path: Path) -> None:
    (state,) = (tmp_path / "atlas" / "state").iterdir()
    state.unlink()
    again = Atlas.open(tmp_path / "atlas")
    assert len(again) == 8
    with pytest.raises(AtlasFormatError, match="lacks its learned state"):
        again.snapshot().describer  # noqa: B018  # the point
