"""Lone photos are searched once: a second look through an archive searches only what is new or has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from placeprint import Atlas
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.photos import rotate_image
from placeprint.places.doctor import examine
from placeprint.places.findings import Finding
from placeprint.places.kept_searches import FILE
from tests.conftest import make_scene, write_photo


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in (1, 2):
        write_photo(folder / f"{number}.png", make_scene(number))
    return folder


@pytest.fixture
def atlas(photos: Path, tmp_path: Path) -> Atlas:
    atlas = Atlas.create(tmp_path / "atlas", "fast")
    atlas.add(photos, learn=False)
    return atlas


@pytest.fixture
def searched(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the photos that are searched from now on."""
    names: list[str] = []
    search = atlas.search

    def noted(photo: str, **options: object) -> object:
        names.append(Path(photo).name)
        return search(photo, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(atlas, "search", noted)
    return names


def looked(atlas: Atlas) -> list[Finding]:
    return examine(atlas, kinds=["alone", "rotated"])


def test_a_second_look_searches_only_what_has_changed(atlas: Atlas, photos: Path, searched: list[str]) -> None:
    first = looked(atlas)
    assert sorted(searched) == ["1.png", "2.png"]
    assert {each.finding for each in first} == {"alone"}
    searched.clear()
    assert looked(atlas) == first
    assert searched == []
    os.utime(photos / "1.png", ns=(1, 1))
    assert looked(atlas) == first
    assert searched == ["1.png"]


def test_only_a_new_lone_photo_is_searched(atlas: Atlas, photos: Path, searched: list[str]) -> None:
    looked(atlas)
    write_photo(photos / "1-rotated.png", rotate_image(rephotograph(make_scene(1), corners=0.05, seed=3)[0], 90))
    atlas.add(photos, learn=False)
    searched.clear()
    found = looked(atlas)
    assert searched == ["1-rotated.png"]
    (atlas.folder / "cache" / FILE).unlink()
    assert {(each.photo, each.finding) for each in found} == {(each.photo, each.finding) for each in looked(atlas)}
    assert [Path(each.photo).name for each in found] == ["2.png"]  # of two photos, nothing says which is rotated


def test_new_photos_of_one_place_make_old_ones_searched_again(atlas: Atlas, photos: Path, searched: list[str]) -> None:
    looked(atlas)
    for seed in (3, 4):
        write_photo(
            photos / f"new-{seed}.png", rotate_image(rephotograph(make_scene(1), corners=0.05, seed=seed)[0], 90)
        )
    atlas.add(photos, learn=False)
    searched.clear()
    assert {(Path(each.photo).name, each.finding) for each in looked(atlas)} == {
        ("1.png", "rotated"),
        ("2.png", "alone"),
    }
    assert sorted(searched) == ["1.png", "2.png"]
