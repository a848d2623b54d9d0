"""How many looks a query that is not confirmed costs, by what the picture says about its rotation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.features.upright import Upright
from placeprint.photos import rotate_image
from placeprint.searching.search import Searcher
from placeprint.types import Answer, Image
from tests.conftest import make_scene, write_scenes


class Looks:
    """The rotations of whole looks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.degrees: list[float] = []
        real = Searcher._look

        def look(this: Searcher, image: Image, degrees: float, *rest: object) -> Answer:
            self.degrees.append(degrees)
            return real(this, image, degrees, *rest)  # type: ignore[arg-type]  # passed on as they come

        monkeypatch.setattr(Searcher, "_look", look)


def estimate(monkeypatch: pytest.MonkeyPatch, *likelihoods: float) -> None:
    given = Upright.given(np.array(likelihoods, np.float32))
    monkeypatch.setattr("placeprint.describing.describer.Describer.has_networks", True)
    monkeypatch.setattr(Upright, "of_image", lambda *_: given)


@pytest.fixture
def atlas(tmp_path: Path) -> Atlas:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([write_scenes(tmp_path / "photos", 3)])
    return atlas


def test_a_photo_that_is_surely_upright_gets_one_whole_look(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    estimate(monkeypatch, 0.97, 0.01, 0.01, 0.01)
    assert atlas.search(make_scene(77)).best is None
    assert looks.degrees == [0]
    del looks.degrees[:]
    assert atlas.search(rotate_image(make_scene(1), 90)).best is None  # only tilts are tried
    assert set(looks.degrees) <= {0, 30, 330}


def test_a_photo_that_is_surely_rotated_is_looked_at_so_at_once(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    estimate(monkeypatch, 0.05, 0.05, 0.05, 0.85)
    monkeypatch.setattr("placeprint.searching.rotations.Rotations._quarters", lambda *_: pytest.fail("looked cheaply"))
    answer = atlas.search(rotate_image(make_scene(1), 90))
    assert answer.rotation == 270 and answer.best is not None
    assert looks.degrees == [0, 270]


def test_a_wrong_estimate_is_made_good_by_cheap_looks(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    estimate(monkeypatch, 0.15, 0.45, 0.2, 0.2)
    assert atlas.search(rotate_image(make_scene(1), 90)).rotation == 270
    assert looks.degrees == [0, 90, 270]


def test_a_flat_estimate_leaves_it_to_the_cheap_looks(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    estimate(monkeypatch, 0.25, 0.25, 0.25, 0.25)
    for degrees in (90, 180, 270):
        assert atlas.search(rotate_image(make_scene(1), degrees)).rotation == 360 - degrees
    assert looks.degrees == [0, 270, 0, 180, 0, 90]


def test_known_photos_and_presets_without_networks_need_no_estimate(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Upright, "of_image", lambda *_: pytest.fail("estimated"))
    assert atlas.search(make_scene(77)).best is None
    monkeypatch.setattr("placeprint.describing.describer.Describer.has_networks", True)
    assert atlas.search(make_scene(1)).best is not None
