"""The index in memory follows the atlas without being made anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.searching.memory import Indexed, Memory
from placeprint.searching.snapshot import Snapshot
from tests.conftest import write_scenes


def ranked(memory: Memory, now: Snapshot) -> tuple[list[int], list[float]]:
    (found,) = memory.nearest(now, now.rows(now.usable().ids[:1]), 50)
    return found.ids.tolist(), found.scores.tolist()


def test_photos_that_come_and_go_change_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = sorted(write_scenes(tmp_path / "photos", 12).iterdir())
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add(photos[:6])
    before, memory = atlas.snapshot(), Memory(tmp_path / "atlas", atlas.snapshot().preset)
    first = ranked(memory, before)
    made = []
    monkeypatch.setattr(Indexed, "of", classmethod(lambda cls, now: made.append(now.version)))
    atlas.add(photos[6:8], learn=False)
    atlas.remove(photos[5])
    now = atlas.snapshot()
    after = ranked(memory, now)
    assert ranked(memory, before) == first and not made
    monkeypatch.undo()
    assert after == ranked(Memory(tmp_path / "atlas", now.preset), now)
    assert len(after[0]) == 7 and set(first[0]) - set(after[0]) == {int(np.max(before.usable().ids))}


def test_a_new_codebook_makes_the_index_anew(tmp_path: Path) -> None:
    photos = sorted(write_scenes(tmp_path / "photos", 9).iterdir())
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add(photos)
    memory = Memory(tmp_path / "atlas", atlas.snapshot().preset)
    before = ranked(memory, atlas.snapshot())
    atlas.refit(adapt=False)
    now = atlas.snapshot()
    assert ranked(memory, now) == ranked(Memory(tmp_path / "atlas", now.preset), now)
    assert ranked(memory, now)[1] != before[1]
