"""Each kind of damage is found; what follows from the rest is mended, and the rest is reported."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.care.verifying import verify
from placeprint.core.files import TEMPORARY
from placeprint.errors import AtlasMissingError
from placeprint.store import Store
from tests.conftest import make_scene, write_scenes

PHOTOS = 9


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verified")
    Atlas.create(folder / "atlas", "sift-vlad").add([write_scenes(folder / "photos", PHOTOS)])
    return folder / "atlas"


@pytest.fixture
def path(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "atlas"))


def is_found(path: Path, number: int = 3) -> bool:
    best = Atlas.open(path).search(make_scene(number)).best
    return best is not None and Path(best.path).stem == f"{number:02d}"


def contents(path: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in path.rglob("*") if each.is_file() and each.suffix != ".lock"}


def change(path: Path, **values: object) -> None:
    """Write other values into the row of photo 3."""
    store = Store(path)
    row = store.snapshot().images.take([3], store.snapshot().images.schema.names[1:])[0]
    store._images.update([row | values])


def test_a_whole_atlas_has_no_findings(path: Path) -> None:
    found = verify(path)
    assert found.whole and not found.findings and found.photos == PHOTOS


def test_nothing_is_changed_where_nothing_is_to_be_repaired(path: Path) -> None:
    change(path, descriptor=b"junk")
    before = contents(path)
    found = verify(path, repair=False)
    assert [each.check for each in found.left] == ["descriptors"] and not found.repaired
    assert contents(path) == before


@pytest.mark.parametrize("junk", [b"junk", b"", None])
def test_damaged_descriptors_are_made_again_from_local_features(path: Path, junk: bytes | None) -> None:
    before = Atlas.open(path)._store.snapshot().images.take([3], ["descriptor"])
    change(path, descriptor=junk)
    found = verify(path)
    assert found.whole and [each.photos for each in found.repaired] == [(3,)] and is_found(path)
    assert Atlas.open(path)._store.snapshot().images.take([3], ["descriptor"]) == before


@pytest.mark.parametrize(("lat", "lon"), [(91.0, 0.0), (0.0, float("nan")), (5.0, None)])
def test_positions_that_are_nowhere_are_forgotten(path: Path, lat: float, lon: float | None) -> None:
    change(path, lat=lat, lon=lon)
    found = verify(path)
    assert found.whole and [each.check for each in found.repaired] == ["positions"]
    assert Atlas.open(path).snapshot().usable()[3].location is None and is_found(path)


def test_features_without_a_photo_are_swept(path: Path) -> None:
    Store(path)._images.delete([3])
    found = verify(path)
    assert found.whole and [(each.check, each.photos) for each in found.repaired] == [("orphans", (3,))]
    assert found.photos == PHOTOS - 1 and 3 not in Store(path).snapshot().local.ids()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04junk", None])
def test_a_lost_state_is_learned_again(path: Path, content: bytes | None) -> None:
    (state,) = (path / "state").glob("*.npz")
    state.unlink() if content is None else state.write_bytes(content)
    found = verify(path)
    assert found.whole and [each.check for each in found.repaired] == ["states"] and is_found(path)


def test_a_lost_state_that_ships_is_restored(tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([write_scenes(tmp_path / "photos", 2)])
    (state,) = (tmp_path / "atlas" / "state").glob("*.npz")
    before = state.name
    state.unlink()
    assert verify(tmp_path / "atlas").whole
    assert [each.name for each in (tmp_path / "atlas" / "state").glob("*.npz")] == [before]


def test_what_a_crash_left_and_a_damaged_cache_are_removed(path: Path) -> None:
    (path / "cache").mkdir(exist_ok=True)
    (path / "cache" / "survey.npz").write_bytes(b"PK\x03\x04junk")
    np.savez(path / "state" / "unused.npz", a=np.ones(2))
    left = path / "state" / TEMPORARY.format("abc")
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    young = path / "state" / TEMPORARY.format("def")
    young.write_bytes(b"half")
    found = verify(path)
    assert found.whole and sorted(each.check for each in found.repaired) == ["cache", "cache", "states"]
    assert not (path / "cache" / "survey.npz").exists() and not left.exists() and young.exists()


def test_damaged_local_features_are_reported_with_advice(path: Path) -> None:
    store = Store(path)
    row = store.snapshot().local.take([3], store.snapshot().local.schema.names[1:])[0]
    store._local.update([row | {"descriptors": row["descriptors"][:-9]}])
    found = verify(path)
    assert not found.whole and [(each.check, each.photos) for each in found.left] == [("features", (3,))]
    assert "index them again" in found.left[0].advice


def test_missing_local_features_are_reported(path: Path) -> None:
    Store(path)._local.delete([3])
    found = verify(path)
    assert [(each.check, each.photos) for each in found.left] == [("features", (3,))]


def test_a_damaged_record_is_reported(path: Path) -> None:
    change(path, width=0)
    assert [each.check for each in verify(path).left] == ["records"]


def test_a_damaged_table_and_manifest_are_reported(path: Path) -> None:
    for file in (path / "local.lance" / "data").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    assert [each.check for each in verify(path).left] == ["tables"]
    (path / "atlas.toml").write_text("format = 'x'")
    assert [each.check for each in verify(path).left] == ["atlas"]
    with pytest.raises(AtlasMissingError):
        verify(path / "nothing")


def test_several_damages_are_mended_at_once(path: Path) -> None:
    change(path, descriptor=b"junk", lat=95.0, lon=0.0, sha256="short")
    found = verify(path)
    assert {each.check for each in found.findings} >= {"descriptors", "positions", "records"}
    assert {each.check for each in found.repaired} == {"descriptors", "positions"}
