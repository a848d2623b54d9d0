"""An atlas learns from a bounded number of photos, then keeps what it has learned until it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from placeprint import Atlas
from placeprint.searching import learning
from tests.conftest import make_scene, write_photo, write_scenes


def test_photos_above_the_bound_do_not_change_the_codebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "FROZEN", 10)
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    report = atlas.add([write_scenes(tmp_path / "photos", 13)])
    now = atlas.snapshot()
    assert report.added == 13 and report.learned
    assert learning.learned_from(now) == 10  # the first ones, before the others were described
    atlas.add([write_photo(tmp_path / "more.png", make_scene(99))])
    assert atlas.snapshot().stored.state_name == now.stored.state_name
    atlas.refit()
    assert learning.learned_from(atlas.snapshot()) == 14


@pytest.mark.parametrize(("count", "expected"), [(0, [10, 3]), (8, [2, 11]), (10, [0, 13]), (50, [0, 13])])
def test_photos_are_divided_at_the_bound(monkeypatch: pytest.MonkeyPatch, count: int, expected: list[int]) -> None:
    monkeypatch.setattr(learning, "FROZEN", 10)
    parts = learning.before_and_after(count, [Path(str(number)) for number in range(13)])
    assert [len(part) for part in parts] == expected
