"""Coverage: photos that others show are recognized, lone ones are gaps."""

from __future__ import annotations

from pathlib import Path

import pytest

from placeprint import Atlas
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.places.coverage import Covered, cells_of, coverage_of
from tests.conftest import make_scene, write_photo, write_scenes

HERE = (-33.85, 179.9999)


def test_photos_of_places_seen_twice_are_recognized(tmp_path: Path) -> None:
    photos = write_scenes(tmp_path / "photos", 5)
    for number in (1, 2):
        write_photo(photos / f"{number:02d}-again.png", rephotograph(make_scene(number), corners=0.06)[0])
    atlas = Atlas.create(tmp_path / "atlas", "fast")
    atlas.add([photos], learn=False)
    atlas.set_positions({str(path): HERE for path in photos.iterdir()})
    covered = coverage_of(atlas)
    assert {Path(each.photo).stem for each in covered if each.recognized} == {"01", "01-again", "02", "02-again"}
    assert all(each.error == pytest.approx(0, abs=0.01) and each.others == 1 for each in covered if each.recognized)
    assert all(each.error is None and not each.others for each in covered if not each.recognized)
    assert [each.confidence for each in covered] == sorted(each.confidence for each in covered)


def test_cells_count_photos_across_the_date_line() -> None:
    places = [(0.0, 179.9999), (0.0, -179.9999), (0.01, 179.9999), None]
    covered = [Covered(str(row), place, 0.9 * (row < 1), 0, None) for row, place in enumerate(places)]
    cells = cells_of(covered)
    assert sorted((cell.photos, cell.recognized) for cell in cells) == [(1, 0), (2, 1)]
    assert all(abs(abs(cell.longitude) - 180) < 0.001 for cell in cells)
    assert cells_of(covered[3:]) == []
