"""Searches among the photos that fit a filter: candidates are the best of those, however few they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas, PhotoFilter
from placeprint.core.regions import Circle
from placeprint.searching.reader import NONE_FITS
from tests.conftest import make_scene, write_photo

COUNT = 24


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """Give an atlas of scenes 111 m apart along a meridian, in folders of six."""
    folder = tmp_path_factory.mktemp("filtered")
    paths = [write_photo(folder / f"row{n // 6}" / f"{n:02d}.png", make_scene(n)) for n in range(COUNT)]
    made = Atlas.create(folder / "atlas", "fast")
    made.add(paths, learn=False)
    made.set_positions({str(path): (n * 1e-3, 180.0) for n, path in enumerate(paths)})
    return made


def number_of(path: str) -> int:
    return int(Path(path).stem)


@pytest.mark.parametrize("count", [1, 2, 5, 12, 23, 24])
@pytest.mark.parametrize("mode", ["descriptor", "asmk"])
@pytest.mark.slow
def test_candidates_are_those_of_an_exact_search_among_the_photos_that_fit(atlas: Atlas, count: int, mode: str) -> None:
    within = PhotoFilter(near=Circle(0, -180, 111.2 * (count - 0.5)))
    query = make_scene(17)
    whole = atlas.search(query, top=COUNT, verify=0, rotations=False, mode=mode).evidence
    found = atlas.search(query, top=5, verify=0, rotations=False, mode=mode, within=within).evidence
    expected = [each for each in whole if number_of(each.path) < count]
    assert [each.path for each in found] == [each.path for each in expected[:5]]
    assert np.allclose([each.similarity for each in found], [each.similarity for each in expected[:5]], atol=1e-6)


def test_the_place_is_found_where_it_fits_and_not_elsewhere(atlas: Atlas) -> None:
    query = make_scene(17)[4:-9, 5:]
    right = atlas.search(query, within=PhotoFilter(labels=("row2",)))
    assert right.best is not None and number_of(right.best.path) == 17
    other = atlas.search(query, within=PhotoFilter(labels=("row1", "row3")))
    assert other.best is None and {number_of(each.path) // 6 for each in other.evidence} <= {1, 3}


def test_excluded_photos_do_not_answer_within_a_filter(atlas: Atlas) -> None:
    first = atlas.search(make_scene(17), within=PhotoFilter(labels=("row2",))).evidence[0]
    left = atlas.search(make_scene(17), top=6, exclude=[first.path], within=PhotoFilter(labels=("row2",)))
    assert sorted(number_of(each.path) for each in left.evidence) == [12, 13, 14, 15, 16]


def test_rotated_photos_are_found_within_a_filter(atlas: Atlas) -> None:
    query = np.rot90(make_scene(17))
    right, other = (atlas.search(query, within=PhotoFilter(labels=(label,))) for label in ("row2", "row1"))
    assert right.best is not None and number_of(right.best.path) == 17 and right.rotation in {90.0, 270.0}
    assert {number_of(each.path) // 6 for each in other.evidence} == {1}


def test_no_photo_that_fits_is_said(atlas: Atlas) -> None:
    nowhere = PhotoFilter(near=Circle(45, 0, 1000))
    assert atlas.search(make_scene(17), within=nowhere).note == NONE_FITS
    located = atlas.locate(make_scene(17), within=nowhere)
    assert located.place is None and located.note == NONE_FITS


def test_photos_are_located_among_those_that_fit(atlas: Atlas) -> None:
    located = atlas.locate(make_scene(17), within=PhotoFilter(labels=("row2",)))
    assert located.location is not None and located.location.latitude == pytest.approx(0.017, abs=1e-6)
    assert atlas.locate(make_scene(17), within=PhotoFilter(labels=("row0",))).place is None


def test_a_new_photo_is_known_to_filters(atlas: Atlas, tmp_path: Path) -> None:
    made = Atlas.create(tmp_path / "atlas", "sift-vlad")
    made.add([write_photo(tmp_path / "one" / "1.png", make_scene(1))])
    assert made.search(make_scene(2), within=PhotoFilter(labels=("two",))).note == NONE_FITS
    made.add([write_photo(tmp_path / "two" / "2.png", make_scene(2))])
    found = made.search(make_scene(2), within=PhotoFilter(labels=("two",)))
    assert [number_of(each.path) for each in found.evidence] == [2]
