"""Search by votes in an atlas: made when asked for, brought up to date, kept in the cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.errors import OptionError
from tests.conftest import make_scene, write_photo, write_scenes

PLACES = 8


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("photos"), PLACES)


@pytest.fixture(scope="module")
def built(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("built") / "atlas"
    atlas = Atlas.create(path, "sift-vlad")
    atlas.add([photos])
    for way in ("votes", "asmk"):
        atlas.prepare(way)
    return path


@pytest.fixture
def atlas(built: Path, tmp_path: Path) -> Atlas:
    return Atlas.open(shutil.copytree(built, tmp_path / "atlas"))


def first(atlas: Atlas, number: int, way: str, verify: int = 5) -> str:
    seen = rephotograph(make_scene(number), corners=0.08, exposure=0.8, seed=number)[0]
    answer = atlas.search(seen, mode=way, verify=verify, rotations=False)
    return Path(answer.evidence[0].path).stem


@pytest.mark.parametrize("way", ["votes", "asmk"])
@pytest.mark.slow
def test_an_atlas_of_any_preset_is_searched_by_votes(atlas: Atlas, way: str) -> None:
    assert [first(atlas, number, way, verify=0) for number in range(PLACES)] == [f"{n:02d}" for n in range(PLACES)]
    answer = atlas.search(make_scene(3), mode=way)
    assert answer.best is not None and answer.evidence[0].similarity <= 1.001


@pytest.mark.parametrize("way", ["votes", "asmk"])
def test_photos_that_come_and_go_are_seen(atlas: Atlas, tmp_path: Path, way: str) -> None:
    new = write_photo(tmp_path / "new" / "77.png", make_scene(77))
    atlas.add([new])
    assert first(atlas, 77, way) == "77" and first(atlas, 2, way) == "02"
    atlas.remove([new])
    write_photo(tmp_path / "new" / "78.png", make_scene(78))
    atlas.add([tmp_path / "new" / "78.png"])  # may get the id that the removed one had
    assert first(atlas, 78, way) == "78"
    answer = atlas.search(make_scene(77), mode=way, verify=0, top=20)
    assert "77" not in {Path(item.path).stem for item in answer.evidence}


def test_the_cache_is_read_again_and_may_be_deleted(atlas: Atlas, tmp_path: Path) -> None:
    cache = tmp_path / "atlas" / "cache"
    folders = sorted(path.name for path in cache.iterdir())
    assert [name.partition("-")[0] for name in folders] == ["asmk", "votes"]
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    assert first(atlas, 1, "votes") == "01"
    assert before == {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    shutil.rmtree(cache)
    again = Atlas.open(tmp_path / "atlas")
    assert first(again, 1, "votes") == "01" and len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("name", ["stamp.npz", "votes.faiss", "photos.npy"])
def test_a_damaged_cache_is_made_anew(atlas: Atlas, tmp_path: Path, name: str) -> None:
    (path,) = (tmp_path / "atlas" / "cache").glob(f"votes-*/{name}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert first(atlas, 4, "votes") == "04"
    (path,) = (tmp_path / "atlas" / "cache").glob(f"votes-*/{name}")
    assert path.stat().st_size > len(whole) // 2 + 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_atlas_that_cannot_be_written_is_searched_all_the_same(atlas: Atlas, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "atlas" / "cache")
    (tmp_path / "atlas").chmod(0o500)
    try:
        assert first(atlas, 4, "votes") == "04"
    finally:
        (tmp_path / "atlas").chmod(0o700)


def test_a_full_disk_keeps_the_index_in_memory(atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(tmp_path / "atlas" / "cache")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", fail)
    assert first(atlas, 4, "votes") == "04"
    assert not list((tmp_path / "atlas" / "cache").iterdir())


def test_an_empty_atlas_and_photos_without_features_answer_nothing(tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    assert atlas.search(make_scene(1), mode="votes").evidence == ()
    write_photo(tmp_path / "plain.png", np.full((200, 200, 3), 128, np.uint8))
    atlas.add([tmp_path / "plain.png"])
    assert atlas.search(make_scene(1), mode="votes", rotations=False).evidence == ()


def test_the_preset_says_what_is_searched_by(atlas: Atlas, tmp_path: Path, photos: Path) -> None:
    source = Path(__file__).parents[2] / "src" / "placeprint" / "presets" / "sift-vlad.toml"
    text = source.read_text().replace("[codebook]", '[voter]\nname = "votes"\nneighbors = 20\n\n[codebook]')
    (tmp_path / "sift-votes.toml").write_text(text)
    voting = Atlas.create(tmp_path / "voting", str(tmp_path / "sift-votes.toml"))
    voting.add([photos])
    assert first(voting, 3, "votes") == "03"
    by_default = voting.search(make_scene(3), verify=0, top=3)
    assert by_default.evidence[0].similarity == pytest.approx(
        voting.search(make_scene(3), verify=0, top=3, mode="votes").evidence[0].similarity
    )
    with pytest.raises(OptionError, match="no search mode called 'vote'; did you mean 'votes'"):
        atlas.search(make_scene(3), mode="vote")
    (tmp_path / "wrong.toml").write_text(text.replace("neighbors", "neighbours"))
    with pytest.raises(OptionError, match="did you mean 'neighbors'"):
        Atlas.create(tmp_path / "wrong", str(tmp_path / "wrong.toml"))
