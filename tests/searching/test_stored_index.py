"""The compact index of an atlas, kept in its cache."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.presets import load_preset, write_preset
from placeprint.searching import index_files
from placeprint.searching.index_files import STAMP, IndexFiles
from placeprint.searching.stored_index import StoredIndex
from placeprint.store import Store
from placeprint.store.photo_filter import PhotoFilter
from tests.conftest import make_scene, write_photo, write_scenes

PLACES = 12


@pytest.fixture
def preset(tmp_path: Path) -> str:
    """The preset sift-vlad, but exact search ends at 4 photos."""
    path = tmp_path / "compact.toml"
    write_preset(load_preset("sift-vlad"), path)
    path.write_text(path.read_text().replace('[index]\nname = "flat"', '[index]\nname = "flat"\nmost = 4'))
    return str(path)


@pytest.fixture
def atlas(tmp_path: Path, preset: str) -> Atlas:
    made = Atlas.create(tmp_path / "atlas", preset)
    made.add([write_scenes(tmp_path / "photos", PLACES)], learn=False)
    return made


def _folder(atlas: Atlas) -> Path:
    return IndexFiles(atlas.snapshot().stored.folder).folder


def _first(atlas: Atlas, place: int) -> str:
    return Path(atlas.search(make_scene(place), rotations=False, verify=0, top=3).evidence[0].path).name


def test_a_writer_makes_the_index_and_searches_agree_with_exact_search(atlas: Atlas, tmp_path: Path) -> None:
    assert (_folder(atlas) / STAMP).is_file()
    exact = Atlas.create(tmp_path / "exact", "sift-vlad")
    exact.add([tmp_path / "photos"], learn=False)
    for place in range(PLACES):
        found, expected = (a.search(make_scene(place), rotations=False, top=PLACES) for a in (atlas, exact))
        assert [e.path for e in found.evidence] == [e.path for e in expected.evidence]
        np.testing.assert_allclose(
            [e.similarity for e in found.evidence], [e.similarity for e in expected.evidence], atol=1e-3
        )


def test_new_photos_are_appended_and_removed_ones_not_found(atlas: Atlas, tmp_path: Path) -> None:
    before = (_folder(atlas) / STAMP).read_text()
    new = write_photo(tmp_path / "new.png", make_scene(77))
    atlas.add([new], learn=False)
    assert (_folder(atlas) / STAMP).read_text() != before
    assert _first(atlas, 77) == "new.png" == _first(Atlas.open(tmp_path / "atlas"), 77)
    atlas.remove([new])
    assert _first(atlas, 77) != "new.png" != _first(Atlas.open(tmp_path / "atlas"), 77)
    other = write_photo(tmp_path / "other.png", make_scene(78))
    atlas.add([other], learn=False)  # must not get the id of the photo that was removed
    assert _first(atlas, 78) == "other.png" == _first(Atlas.open(tmp_path / "atlas"), 78)
    names = {path.name for path in _folder(atlas).iterdir()}
    assert names == {STAMP, "lock", "ids-1.bin", "head-1.bin", "signs-1.bin"}


def test_the_files_are_made_anew_when_many_photos_are_gone(atlas: Atlas, tmp_path: Path) -> None:
    atlas.remove([tmp_path / "photos" / f"{place:02d}.png" for place in range(4)])
    atlas.add([write_photo(tmp_path / "new.png", make_scene(77))], learn=False)
    assert (_folder(atlas) / "ids-2.bin").stat().st_size == 8 * (PLACES - 3)
    assert not (_folder(atlas) / "ids-1.bin").exists()
    assert _first(atlas, 7) == "07.png" and _first(atlas, 77) == "new.png"


def test_another_codebook_makes_another_index(atlas: Atlas) -> None:
    before = (_folder(atlas) / STAMP).read_text()
    atlas.refit()
    assert (_folder(atlas) / STAMP).read_text() != before
    assert [_first(atlas, place) for place in range(3)] == ["00.png", "01.png", "02.png"]


@pytest.mark.parametrize("name", [STAMP, "ids-1.bin", "head-1.bin", "signs-1.bin", None])
def test_damaged_and_missing_files_are_made_again(
    atlas: Atlas, tmp_path: Path, name: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    folder = _folder(atlas)
    for path in [folder / name] if name else list(folder.iterdir()):
        path.unlink() if name is None else path.write_bytes(b"{" * (path.stat().st_size // 2))
    with caplog.at_level(logging.WARNING):
        assert _first(Atlas.open(tmp_path / "atlas"), 5) == "05.png"
    assert ("rebuilt" in caplog.text) is (name is not None)
    assert (folder / STAMP).is_file() and len(list(folder.glob("*.bin"))) == 3


def test_an_index_of_an_older_moment_is_extended_by_the_first_search(atlas: Atlas, tmp_path: Path) -> None:
    folder = _folder(atlas)
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    atlas.add([write_photo(tmp_path / "new.png", make_scene(77))], learn=False)
    for path, data in kept.items():
        path.write_bytes(data)
    assert _first(Atlas.open(tmp_path / "atlas"), 77) == "new.png"


def test_where_another_process_writes_the_index_is_in_memory(
    atlas: Atlas, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (_folder(atlas) / STAMP).unlink()
    with IndexFiles(tmp_path / "atlas").writing() as may_write, caplog.at_level(logging.WARNING):
        assert may_write
        assert _first(Atlas.open(tmp_path / "atlas"), 5) == "05.png"
    assert "in memory only" in caplog.text and not (_folder(atlas) / STAMP).exists()


def test_ids_are_not_given_again(tmp_path: Path, preset: str) -> None:
    atlas = Atlas.create(tmp_path / "atlas", preset)
    photos = write_scenes(tmp_path / "photos", 3)
    atlas.add([photos], learn=False)
    atlas.remove([photos / "02.png"])
    Store(tmp_path / "atlas")
    atlas = Atlas.open(tmp_path / "atlas")
    atlas.add([photos], learn=False)
    assert list(atlas.snapshot().usable()) == [0, 1, 3]


def test_filters_are_exact_with_a_compact_index(atlas: Atlas, tmp_path: Path) -> None:
    exact = Atlas.create(tmp_path / "exact", "sift-vlad")
    exact.add([tmp_path / "photos"], learn=False)
    for name, count in (("07", 1), ("0", 11), (".png", PLACES)):
        within = PhotoFilter(name=name)
        found, expected = (
            [e.path for e in each.search(make_scene(3), rotations=False, top=PLACES, within=within).evidence]
            for each in (atlas, exact)
        )
        assert found == expected and len(found) == count


@pytest.mark.slow
def test_rows_of_short_descriptors_are_merged_into_lists_after_the_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_files, "LISTS_FROM", 8)
    path = tmp_path / "short.toml"
    write_preset(load_preset("sift-vlad"), path)
    text = (
        path.read_text().replace('name = "flat"', 'name = "flat"\nmost = 4').replace("num_words = 256", "num_words = 4")
    )
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("local_dim", "local_white", "shipped")))
    path.write_text(text)
    atlas = Atlas.create(tmp_path / "atlas", str(path))
    atlas.add([write_scenes(tmp_path / "photos", PLACES)], learn=False)
    index = atlas._memory._compact
    assert isinstance(index, StoredIndex)
    index.merged()
    assert [each.name for each in _folder(atlas).glob("lists-*")] == [f"lists-1-{PLACES}-{PLACES}.faiss"]
    assert index.of(atlas.snapshot()).lists.ntotal == PLACES and _first(atlas, 7) == "07.png"
    atlas.add([write_photo(tmp_path / "new.png", make_scene(77))], learn=False)  # too few to merge again
    index.merged()
    assert index.of(atlas.snapshot()).lists.ntotal == PLACES and _first(atlas, 77) == "new.png"
    atlas.add([write_photo(tmp_path / "other.png", make_scene(78))], learn=False)
    index.merged()
    assert index.of(atlas.snapshot()).lists.ntotal == PLACES + 2 and _first(atlas, 78) == "other.png"
    assert len(list(_folder(atlas).glob("lists-*"))) == 1
