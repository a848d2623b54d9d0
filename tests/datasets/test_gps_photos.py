"""Folders of photos with GPS, each searched among the others."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from placeprint.datasets.protocols import read_retrieval_set
from placeprint.errors import DatasetError
from tests.conftest import make_scene, write_photo
from tests.datasets.test_placed_photos import write_gps


def test_photos_within_25_m_are_right_also_across_the_date_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, longitude in (("a", 179.99995), ("b", -179.99995), ("far", -179.99)):
        write_gps(tmp_path / "trip" / name / f"{name}.jpg", -17.5, longitude)
    write_photo(tmp_path / "none.jpg", make_scene(1, 64, 48))
    with caplog.at_level(logging.WARNING):
        dataset = read_retrieval_set("gps-leave-one-out", tmp_path)
    assert dataset.queries == dataset.database == ("trip/a/a.jpg", "trip/b/b.jpg", "trip/far/far.jpg")
    assert [set(each) for each in dataset.positives] == [{"trip/b/b.jpg"}, {"trip/a/a.jpg"}, set()]
    assert "none.jpg: no GPS" in caplog.text


@pytest.mark.parametrize("latitude", [89.99999, -90.0])
def test_the_poles_are_places(tmp_path: Path, latitude: float) -> None:
    write_gps(tmp_path / "1.jpg", latitude, 10.0)
    write_gps(tmp_path / "2.jpg", latitude, -170.0)
    assert all(len(each) == 1 for each in read_retrieval_set("gps-leave-one-out", tmp_path).positives)


def test_a_folder_without_positions_is_refused_in_one_line(tmp_path: Path) -> None:
    write_photo(tmp_path / "none.jpg", make_scene(1, 64, 48))
    with pytest.raises(DatasetError, match=r"at least two photos with GPS, it has 0; .*none.jpg: no GPS"):
        read_retrieval_set("gps-leave-one-out", tmp_path)
