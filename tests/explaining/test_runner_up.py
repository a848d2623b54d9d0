"""The runner-up shows another place: not another photo of the place that was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from placeprint.atlas import Atlas
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.explaining import Explanation, explain
from placeprint.explaining.runner_up import runner_up
from placeprint.places.locating import Locator
from tests.conftest import make_scene, write_photo

TEMPLE = {"temple-1.png", "temple-2.png", "temple-3.png"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three photos of one place, one of another, and a query of the first."""
    folder = tmp_path_factory.mktemp("temple")
    temple = make_scene(1, 480, 360)
    for number, name in enumerate(sorted(TEMPLE)):
        write_photo(folder / "photos" / name, rephotograph(temple, corners=0.08, seed=number)[0])
    write_photo(folder / "photos" / "river.png", make_scene(2, 480, 360))
    write_photo(folder / "query.png", temple)
    return folder


def made(photos: Path, preset: str) -> Atlas:
    path = photos / preset
    if path.exists():
        return Atlas.open(path)
    atlas = Atlas.create(path, preset)
    atlas.add([photos / "photos"], learn=preset != "fast")
    return atlas


def names(found: Explanation) -> tuple[str, str]:
    assert found.first is not None and found.rival is not None
    return Path(found.first.path).name, Path(found.rival.path).name


@pytest.mark.parametrize("preset", ["sift-vlad", "fast"])
def test_other_photos_of_the_place_are_no_runner_up(photos: Path, preset: str) -> None:
    found = explain(made(photos, preset), photos / "query.png")
    first, rival = names(found)
    assert first in TEMPLE and rival == "river.png"
    assert not [each.words for each in found.reasons if each.speaks_for is False]


def test_photos_that_the_answer_does_not_confirm_are_compared_with_the_first_one(photos: Path) -> None:
    atlas = made(photos, "sift-vlad")
    now = atlas.snapshot()
    first, *others = atlas.search(photos / "query.png", top=4).evidence
    kept = dict(now.features([each.id for each in (first, *others)]))
    unsure = [replace(each, verdict="possible") for each in others]
    rival = runner_up(now, replace(first, similarity=0.999), unsure, kept, {})
    assert rival is not None and Path(rival.path).name == "river.png"


def test_the_places_of_the_atlas_decide_where_they_are_known(photos: Path) -> None:
    atlas = made(photos, "fast")
    first, rival = names(explain(atlas, photos / "query.png", locator=Locator(atlas)))
    assert first in TEMPLE and rival == "river.png"


def test_photos_far_apart_show_two_places_though_their_points_fit(photos: Path) -> None:
    atlas = made(photos, "fast")
    best = explain(atlas, photos / "query.png").first
    assert best is not None
    records = atlas.snapshot().usable().values()
    atlas.set_positions({each.path: (55.7 if each.path == best.path else 55.8, 13.2) for each in records})
    found = explain(atlas, photos / "query.png")
    assert found.first is not None and found.first.path == best.path
    assert names(found)[1] in TEMPLE - {names(found)[0]}


def test_a_place_that_has_no_rival_has_no_runner_up(photos: Path) -> None:
    atlas = made(photos, "sift-vlad")
    river = str(photos / "photos" / "river.png")
    found = explain(atlas, photos / "query.png", exclude=[river])
    assert found.first is not None and found.rival is None and found.why_rival_lost == ""
