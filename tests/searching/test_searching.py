"""Which turn of a query answers."""

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.searching.search import Searcher
from placeprint.types import Answer, Evidence, Verification
from tests.conftest import random_features, write_scenes


def answer(turn: float, strength: float, confirmed: bool = False) -> Answer:
    check = Verification(
        np.zeros((0, 2), np.int64), np.zeros((0, 2, 2), np.float32), np.zeros(0, bool), strength, model="none"
    )
    evidence = Evidence(1, "a.jpg", 0.5, 1.0, check, "same place" if confirmed else "not confirmed", None)
    return Answer((evidence,), random_features(1, 64), turn, {"describe": 0.0, "search": 0.0, "verify": 0.0})


@pytest.mark.parametrize(
    ("upright", "turned", "confirmed", "wins"),
    [(5.0, 5.4, False, 0), (5.0, 5.6, False, 90), (6.9, 7.1, True, 90), (6.9, 2.0, False, 0)],
    ids=["about-equal", "clearly-better", "confirmed", "worse"],
)
def test_another_turn_answers_when_it_is_confirmed_or_clearly_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upright: float, turned: float, confirmed: bool, wins: float
) -> None:
    def look(self: Searcher, image: object, degrees: float, *rest: object) -> Answer:
        return answer(0, upright) if degrees == 0 else answer(90, turned, confirmed and degrees == 90)

    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([write_scenes(tmp_path / "photos", 1)])
    monkeypatch.setattr(Searcher, "_look", look)
    monkeypatch.setattr("placeprint.searching.search.Rotations.promising", lambda *_: [(90,)])
    assert atlas.search(np.zeros((64, 64, 3), np.uint8)).rotation == wins
