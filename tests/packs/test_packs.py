"""Packs and exports: what goes in comes out, on another machine too, and nothing else is taken for one."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from placeprint import Atlas
from placeprint.care.verifying import verify
from placeprint.core.regions import Box
from placeprint.errors import AtlasExistsError, AtlasFormatError, AtlasWriteError, OptionError, WriteError
from placeprint.packs.layout import INDEX, open_pack
from placeprint.packs.reading import import_atlas, unpack
from placeprint.packs.writing import export_atlas, pack
from placeprint.store.thumbnails import kept_thumbnail
from tests.conftest import make_scene, write_photo

COUNT = 9


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("packed")
    paths = [write_photo(folder / "photos" / f"row{n // 3}" / f"{n:02d}.png", make_scene(n)) for n in range(COUNT)]
    bad = folder / "photos" / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff junk")
    made = Atlas.create(folder / "atlas", "sift-vlad")
    made.add([*paths, bad])
    made.set_positions({str(path): (50 + n, 10.0) for n, path in enumerate(paths)})
    made.remove([paths[0]])
    return made


def answers(atlas: Atlas, root: Path) -> list[tuple[str, float]]:
    found = atlas.search(make_scene(5)[3:], top=COUNT, rotations=False).evidence
    return [(os.path.relpath(each.path, root), round(each.score, 6)) for each in found]


def photos_of(atlas: Atlas) -> Path:
    return atlas.folder.parent / "photos"


def test_a_pack_answers_as_its_atlas_does(atlas: Atlas, tmp_path: Path) -> None:
    written = pack(atlas, tmp_path / "all.pack")
    made = unpack(tmp_path / "all.pack", tmp_path / "atlas", root="/elsewhere")
    assert written.photos == len(made) == COUNT - 1
    assert answers(made, Path("/elsewhere")) == answers(atlas, photos_of(atlas))
    before, after = ({i: r.location for i, r in each.snapshot().usable().items()} for each in (atlas, made))
    assert before == after and verify(made.folder).whole


def test_a_pack_tells_nothing_of_its_machine(atlas: Atlas, tmp_path: Path) -> None:
    pack(atlas, tmp_path / "all.pack")
    with open_pack(tmp_path / "all.pack") as source:
        rows = pq.read_table(io.BytesIO(source.member("photos/00000.parquet"))).to_pylist()
        assert all(each["path"].startswith("row") for each in rows) and source.index.root is None
        others = [source.member(name) for name in source.index.members if not name.endswith(".parquet")]
    assert not any(str(photos_of(atlas)).encode() in content for content in others)
    made = unpack(tmp_path / "all.pack", tmp_path / "atlas")
    assert all(r.path.startswith(str(tmp_path / "atlas" / "photos" / "row")) for r in made.snapshot().usable().values())


def test_a_region_has_its_photos_only(atlas: Atlas, tmp_path: Path) -> None:
    pack(atlas, tmp_path / "some.pack", region=Box(9, 52.5, 11, 55.5))
    made = unpack(tmp_path / "some.pack", tmp_path / "atlas")
    assert sorted(Path(r.path).stem for r in made.snapshot().usable().values()) == ["03", "04", "05"]
    with pytest.raises(OptionError, match="no photo of the atlas is in the region"):
        pack(atlas, tmp_path / "none.pack", region=Box(0, 0, 1, 1))
    assert not (tmp_path / "none.pack").exists()


def test_thumbnails_come_along(atlas: Atlas, tmp_path: Path) -> None:
    pack(atlas, tmp_path / "all.pack", thumbnails=True)
    made = unpack(tmp_path / "all.pack", tmp_path / "atlas")
    thumbnails = [kept_thumbnail(made.home, r.sha256) for r in made.snapshot().usable().values()]
    assert all(each is not None and each.startswith(b"\xff\xd8") for each in thumbnails)
    assert kept_thumbnail(atlas.home, "0" * 64) is None


def test_photos_must_be_below_the_root(atlas: Atlas, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="is not below the root"):
        pack(atlas, tmp_path / "all.pack", root=photos_of(atlas) / "row1")
    pack(atlas, tmp_path / "all.pack", root=photos_of(atlas).parent)
    made = unpack(tmp_path / "all.pack", tmp_path / "atlas", root="/r")
    assert all(r.path.startswith("/r/photos/row") for r in made.snapshot().usable().values())


def test_equal_atlases_give_equal_packs(atlas: Atlas, tmp_path: Path) -> None:
    for name in ("a", "b"):
        pack(atlas, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_export_gives_the_atlas_back(atlas: Atlas, tmp_path: Path) -> None:
    written = export_atlas(atlas, tmp_path / "out")
    made = import_atlas(tmp_path / "out", tmp_path / "atlas")
    assert written.photos == len(made) + 1 and answers(made, photos_of(atlas)) == answers(atlas, photos_of(atlas))
    for name in ("images", "local"):
        old, new = (getattr(each.snapshot().stored, name) for each in (atlas, made))
        names = old.schema.names[1:]
        assert old.take(sorted(old.ids()), names) == new.take(sorted(old.ids()), names)
    assert made.info().errors == atlas.info().errors


def test_an_export_has_arrays_for_other_programs(atlas: Atlas, tmp_path: Path) -> None:
    export_atlas(atlas, tmp_path / "out")
    rows, ids = np.load(tmp_path / "out" / "descriptors.npy", mmap_mode="r"), np.load(tmp_path / "out" / "ids.npy")
    stored = {int(i): row for part in atlas.snapshot().descriptors() for i, row in zip(*part, strict=True)}
    assert rows.shape == (COUNT - 1, atlas.describer.dim) and set(ids.tolist()) == set(stored)
    for number, row in zip(ids.tolist(), rows, strict=True):
        np.testing.assert_allclose(row, stored[number], atol=1e-3)
    table = pq.read_table(tmp_path / "out" / "photos")
    assert {"path", "lat", "lon", "time"} <= set(table.column_names) and len(table) == COUNT


@pytest.mark.parametrize("place", [0.1, 0.3, 0.6, 0.9, 0.98])
def test_a_changed_byte_is_noticed(atlas: Atlas, tmp_path: Path, place: float) -> None:
    pack(atlas, tmp_path / "all.pack")
    data = bytearray((tmp_path / "all.pack").read_bytes())
    data[int(place * len(data))] ^= 0xFF
    (tmp_path / "all.pack").write_bytes(data)
    with pytest.raises(AtlasFormatError, match=r"all\.pack"):
        unpack(tmp_path / "all.pack", tmp_path / "atlas")
    assert [each.name for each in tmp_path.iterdir()] == ["all.pack"]


def test_a_cut_pack_is_noticed(atlas: Atlas, tmp_path: Path) -> None:
    pack(atlas, tmp_path / "all.pack")
    data = (tmp_path / "all.pack").read_bytes()
    for share in (0.0, 0.5, 0.999):
        (tmp_path / "cut.pack").write_bytes(data[: int(share * len(data))])
        with pytest.raises(AtlasFormatError):
            unpack(tmp_path / "cut.pack", tmp_path / "atlas")


@pytest.mark.parametrize("name", ["../evil", "files/../../evil", "/etc/evil", "files/a/b", "other.txt"])
def test_members_that_lead_elsewhere_are_refused(atlas: Atlas, tmp_path: Path, name: str) -> None:
    pack(atlas, tmp_path / "all.pack")
    with zipfile.ZipFile(tmp_path / "all.pack") as old, zipfile.ZipFile(tmp_path / "evil.pack", "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if member == INDEX:
                index = json.loads(data)
                index["members"][name] = "0" * 64
                data = json.dumps(index).encode()
            new.writestr(member, data)
        new.writestr(name, b"evil")
    with pytest.raises(AtlasFormatError, match="it has a member"):
        unpack(tmp_path / "evil.pack", tmp_path / "atlas")


def test_a_newer_format_is_refused(atlas: Atlas, tmp_path: Path) -> None:
    export_atlas(atlas, tmp_path / "out")
    index = json.loads((tmp_path / "out" / INDEX).read_text())
    (tmp_path / "out" / INDEX).write_text(json.dumps(index | {"format": 99}))
    with pytest.raises(AtlasFormatError, match="format 99"):
        import_atlas(tmp_path / "out", tmp_path / "atlas")


def test_folders_with_content_are_not_written_to(atlas: Atlas, tmp_path: Path) -> None:
    pack(atlas, tmp_path / "all.pack")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    with pytest.raises(AtlasExistsError, match=r"something is at .* already; choose a new or empty folder"):
        unpack(tmp_path / "all.pack", tmp_path / "taken")
    with pytest.raises(WriteError):
        export_atlas(atlas, tmp_path / "taken")
    (tmp_path / "empty").mkdir()
    assert len(unpack(tmp_path / "all.pack", tmp_path / "empty")) == COUNT - 1


def test_a_full_disk_leaves_nothing_and_the_old_pack(
    atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(atlas, tmp_path / "all.pack")
    before = (tmp_path / "all.pack").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "writestr", full)
        with pytest.raises(WriteError, match="the disk is full"):
            pack(atlas, tmp_path / "all.pack")
    with monkeypatch.context() as patch:
        patch.setattr("lance.write_dataset", full)
        with pytest.raises(AtlasWriteError, match="the disk is full"):
            unpack(tmp_path / "all.pack", tmp_path / "atlas")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(WriteError, match="the disk is full"):
            export_atlas(atlas, tmp_path / "out")
    assert (tmp_path / "all.pack").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_an_atlas_that_is_open_stays_valid_beside_its_copy(atlas: Atlas, tmp_path: Path) -> None:
    shutil.copytree(atlas.folder, tmp_path / "copy")
    assert answers(Atlas.open(tmp_path / "copy"), photos_of(atlas)) == answers(atlas, photos_of(atlas))
