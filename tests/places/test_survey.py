"""The survey of an atlas: kept, and continued where photos were added."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.places.survey import Seen, pair_table, survey_atlas
from tests.conftest import make_scene, write_photo, write_scenes
from tests.searching.test_weighing import seen_again


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("survey")
    made = Atlas.create(folder / "atlas", "fast")
    made.add([write_scenes(folder / "photos", 6)], learn=False)
    return made


def searched(atlas: Atlas, most: int | None = None) -> int:
    told: list[int] = []
    survey_atlas(atlas, most=most, progress=lambda done, _: told.append(done))
    return max(told, default=0)


def kept(atlas: Atlas) -> Path:
    return Path(atlas.info().path) / "cache" / "survey.npz"


def test_a_survey_is_kept_continued_and_made_again_when_damaged(atlas: Atlas, tmp_path: Path) -> None:
    assert searched(atlas, most=2) == 2
    assert searched(atlas) == 4
    assert searched(atlas) == 0
    first = survey_atlas(atlas)
    atlas.add([write_photo(tmp_path / "again.png", seen_again(make_scene(3)))], learn=False)
    assert searched(atlas) == 1
    added = survey_atlas(atlas)
    for photo, seen in first.items():
        np.testing.assert_array_equal(seen.others, added[photo].others)
        np.testing.assert_allclose(seen.pairs, added[photo].pairs)
    best = max(pair_table(added), key=lambda pair: pair_table(added)[pair])
    names = {Path(atlas.snapshot().photos()[photo].path).stem for photo in best}
    assert names == {"03", "again"}
    atlas.remove([tmp_path / "again.png"])
    assert searched(atlas) == 0
    assert all(set(seen.others.tolist()) <= set(atlas.snapshot().usable()) for seen in survey_atlas(atlas).values())
    kept(atlas).write_bytes(b"damaged")
    assert searched(atlas) == 6


def test_an_atlas_that_cannot_be_written_is_surveyed_each_time(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    from placeprint.errors import WriteError

    def refuse(*_: object) -> None:
        raise WriteError("read-only")

    kept(atlas).unlink(missing_ok=True)
    monkeypatch.setattr("placeprint.places.kept.write_arrays", refuse)
    assert searched(atlas) == searched(atlas) == 6


def seen(confidence: float, *rows: tuple[int, float, int]) -> Seen:
    others, pairs, inliers = (np.array(column) for column in zip(*rows, strict=True))
    return Seen(confidence, others.astype(np.int64), pairs.astype(float), pairs.astype(float), inliers.astype(np.int64))


def test_both_directions_of_a_pair_are_joined_by_their_log_odds() -> None:
    table = pair_table({1: seen(0.9, (2, 0.9, 50), (3, 0.9, 0)), 2: seen(0.5, (1, 0.5, 0))})
    assert table == {(1, 2): pytest.approx(0.75)}
    assert pair_table({1: seen(0.9, (2, 0.05, 50))}) == {}
