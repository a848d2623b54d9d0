"""Photos of one place over each other: in order of time, by a known homography, or not at all with a reason."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.errors import PhotoError
from placeprint.explaining.aligning import Plane, overlay_of, plane_of
from placeprint.explaining.compare_page import write_comparison
from placeprint.explaining.comparing import View, compare, compare_all, ordered
from placeprint.photos import read_photo
from placeprint.types import Verification
from tests.conftest import make_scene, write_photo


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a scene, and a second view of it."""
    folder = tmp_path_factory.mktemp("comparing")
    scene = make_scene(5)
    return write_photo(folder / "a.png", scene), write_photo(folder / "b.png", rephotograph(scene, corners=0.08)[0])


def test_a_shift_is_undone() -> None:
    image = make_scene(1, 300, 200)
    shifted = np.ascontiguousarray(image[:, 40:])
    plane = Plane(np.array([[1, 0, -40], [0, 1, 0], [0, 0, 1]], np.float64), 50, 50)
    overlay = overlay_of(image, shifted, plane)
    assert overlay is not None
    assert overlay.before.shape == overlay.after.shape == (200, 260, 3)
    assert np.abs(overlay.before.astype(int) - overlay.after).mean() < 1
    assert overlay.overlap == pytest.approx(260 / 300, abs=0.01)


def test_two_views_lie_over_each_other(pair: tuple[Path, Path]) -> None:
    compared = compare(*pair, features="sift")
    assert compared.overlay is not None and compared.why_not == ""
    before, after = compared.overlay.before.astype(float), compared.overlay.after.astype(float)
    seen = after.max(axis=2) > 0
    assert np.corrcoef(before[seen].ravel(), after[seen].ravel())[0, 1] > 0.9


def test_other_places_are_not_laid_over_each_other(pair: tuple[Path, Path], tmp_path: Path) -> None:
    compared = compare(pair[0], write_photo(tmp_path / "c.png", make_scene(77)), features="sift")
    assert compared.overlay is None
    assert "does not confirm" in compared.why_not


def test_planes_that_fold_or_flip_a_photo_are_not_used() -> None:
    image = make_scene(1, 300, 200)
    for bad in (np.diag([-1.0, 1, 1]), np.diag([1e-6, 1e-6, 1]), np.array([[1, 0, 0], [0, 1, 0], [0.01, 0, -1]])):
        assert overlay_of(image, image, Plane(bad, 50, 50)) is None
    apart = np.array([[1, 0, 5000], [0, 1, 0], [0, 0, 1]], np.float64)
    assert overlay_of(image, image, Plane(apart, 50, 50)) is None


def test_a_plane_is_fitted_to_matches_of_a_fundamental_matrix() -> None:
    generator = np.random.default_rng(0)
    points = generator.uniform(0, 600, (60, 2))
    moved = np.where(np.arange(60)[:, None] < 40, points * 1.1 + 5, generator.uniform(0, 600, (60, 2)))
    pairs = np.stack([np.arange(60)] * 2, axis=1)
    check = Verification(
        pairs,
        np.stack([points, moved], axis=1).astype(np.float32),
        np.ones(60, bool),
        transform=np.eye(3),
        model="fundamental",
    )
    plane = plane_of(check)
    assert plane is not None and 38 <= plane.followed <= 44 and plane.verified == 60
    assert plane_of(replace(check, inliers=np.arange(60) < 8)) is None
    assert plane_of(None) is None


def test_photos_are_ordered_by_time_where_all_have_one(pair: tuple[Path, Path]) -> None:
    views = [View(path, read_photo(path)) for path in pair]
    late, early = (
        replace(view, photo=replace(view.photo, taken=datetime.datetime(year, 5, 1)))
        for view, year in zip(views, (2020, 1990), strict=True)
    )
    assert ordered([late, early]) == [early, late]
    assert ordered([late, views[1]]) == [late, views[1]]


def test_the_page_of_several(pair: tuple[Path, Path], tmp_path: Path) -> None:
    other = write_photo(tmp_path / "<b>.png", make_scene(78))
    broken = tmp_path / "broken.jpg"
    broken.write_text("not a picture")
    compared = compare_all([other, pair[0], broken, pair[1]], features="sift")
    assert [each.earlier.path.name for each in compared] == ["<b>.png", "a.png"]
    write_comparison(tmp_path / "page.html", compared, title="A & B")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count('class="slider"') == 1 and "Not aligned" in page
    assert "<b>.png" not in page and "A &amp; B" in page


def test_one_photo_that_can_be_read_is_not_enough(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"two photos that can be read; .*gone\.jpg"):
        compare_all([pair[0], tmp_path / "gone.jpg"], features="sift")
