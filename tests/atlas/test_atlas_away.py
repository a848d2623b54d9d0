"""An atlas at an address does what an atlas in a folder does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.scale.s3_server import S3Server
from placeprint import Atlas
from placeprint.care.verifying import verify
from placeprint.errors import AtlasBusyError, AtlasMissingError, OptionError
from placeprint.packs.reading import import_atlas, unpack
from placeprint.packs.writing import export_atlas, pack
from placeprint.presets import load_preset, write_preset
from placeprint.searching import learning, memory
from placeprint.store.encoding import row_bytes
from tests.conftest import write_scenes

fsspec: Any = pytest.importorskip("fsspec")
ADD = """
import sys
from placeprint import Atlas
from placeprint.store import home
home.FOLDER = "nothing://"
print(Atlas.open(sys.argv[1]).add(sys.argv[2], workers=1, learn=False).added)
"""
KILLED = """
import os, signal, sys
from placeprint import Atlas
from placeprint.atlas import adding
from placeprint.store import Store, home
home.FOLDER = "nothing://"
adding.COMMIT_PHOTOS = 2
append, commits = Store.append, []

def killed(self, *args):
    if len(commits) == 1:  # in the middle of the second commit: its features are written, its photos are not
        self._images.append = lambda rows: os.kill(os.getpid(), signal.SIGKILL)
    append(self, *args)
    commits.append(1)

Store.append = killed
Atlas.open(sys.argv[1]).add(sys.argv[2], workers=1)
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "photos", 5)


@pytest.fixture
def atlas(store_url: str, photos: Path) -> Atlas:
    made = Atlas.create(f"{store_url}/atlas", preset="sift-vlad")
    made.add(photos, workers=1)
    return made


def test_it_gives_the_answers_of_a_local_one(atlas: Atlas, photos: Path, tmp_path: Path) -> None:
    local = Atlas.create(tmp_path / "local", preset="sift-vlad")
    local.add(photos, workers=1)
    away = Atlas.open(atlas.home.name, preset="sift-vlad")
    for name in ("00.png", "04.png"):
        one, other = (each.search(photos / name, rotations=False) for each in (away, local))
        assert one.best is not None and [(e.path, e.similarity, e.score) for e in one.evidence] == [
            (e.path, e.similarity, e.score) for e in other.evidence
        ]
    assert away.add(photos).unchanged == 5
    told, here = away.info(), local.info()
    assert (told.num_photos, told.num_keypoints, told.dim) == (here.num_photos, here.num_keypoints, here.dim)
    assert told.path == atlas.home.name and told.working_copy == str(away.folder) and here.working_copy is None
    assert told.num_bytes > 10_000


def test_it_is_made_once_and_opened_then(store_url: str, photos: Path) -> None:
    with pytest.raises(AtlasMissingError, match="there is no atlas at"):
        Atlas.open(f"{store_url}/atlas")
    assert Atlas.open_or_create(f"{store_url}/atlas", "sift-vlad").add(photos / "00.png").added == 1
    assert len(Atlas.open_or_create(f"{store_url}/atlas")) == 1
    with pytest.raises(OptionError, match="cannot be in memory"):
        Atlas.create("memory://walks/atlas")


def test_photos_leave_it_and_a_new_codebook_is_learned(
    atlas: Atlas, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Atlas.open(atlas.home.name)
    before = reader.snapshot().stored.state_name
    assert atlas.remove(photos / "03.png") == 1
    monkeypatch.setattr(learning, "ADAPT_PHOTOS", 3)
    assert atlas.refit(adapt=True) == 4
    assert reader.search(photos / "01.png", rotations=False).evidence[0].path == str(photos / "01.png")
    assert len(reader) == 4 and reader.snapshot().stored.state_name != before
    report = atlas.compact(readers=False)
    assert report.files < report.files_before
    assert atlas.add(photos).added == 1
    assert sorted(reader.snapshot().usable()) == [0, 1, 2, 4, 5]  # no id is given again
    assert atlas.set_positions({str(photos / "00.png"): (55.7, 13.2)}) == 1 and reader.info().num_located == 1


def test_a_reader_sees_what_another_process_adds(atlas: Atlas, tmp_path: Path) -> None:
    more = write_scenes(tmp_path / "more", 7) / "06.png"
    assert not any(each.path == str(more) for each in atlas.search(more, rotations=False).evidence)
    run = subprocess.run([sys.executable, "-c", ADD, atlas.home.name, str(more)], check=True, capture_output=True)
    assert run.stdout == b"1\n"
    assert atlas.search(more, rotations=False).evidence[0].path == str(more)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.slow
def test_a_writer_that_is_killed_loses_nothing_that_was_stored(atlas: Atlas, tmp_path: Path) -> None:
    more = write_scenes(tmp_path / "more", 9)
    run = subprocess.run([sys.executable, "-c", KILLED, atlas.home.name, str(more)], check=False, capture_output=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    reader = Atlas.open(atlas.home.name)
    assert len(reader) == 7 and reader.search(more / "01.png", rotations=False).best is not None
    report = reader.add(more, workers=1, learn=False)
    assert (report.unchanged, report.added) == (2, 7) and len(reader) == 14
    assert verify(atlas.home.name, repair=False).findings == ()


@pytest.mark.slow
def test_a_search_downloads_little_of_a_large_atlas(
    bucket: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "MEASURED", 4)  # of 600 photos; in use, 100 of 2500 or more
    toml = tmp_path / "compact.toml"
    write_preset(load_preset("sift-vlad"), toml)
    toml.write_text(toml.read_text().replace('[index]\nname = "flat"', '[index]\nname = "flat"\nmost = 10'))
    photos = write_scenes(tmp_path / "photos", 12)
    atlas = Atlas.create(f"{bucket}/atlas", preset=str(toml))
    atlas.add(photos, learn=False)
    multiply(atlas, 50)
    size = atlas.info().num_bytes
    Atlas.open(atlas.home.name).search(photos / "07.png", verify=2, rotations=False)  # makes the index on this machine
    assert (atlas.folder / "cache" / "compact" / "stamp.json").is_file()
    s3_server.sent = 0
    opened = Atlas.open(atlas.home.name)
    for name in ("07.png", "10.png"):
        assert opened.search(photos / name, verify=2, rotations=False).evidence[0].path.endswith(name)
    assert s3_server.sent < size / 20, (s3_server.sent, size)


def multiply(atlas: Atlas, times: int) -> None:
    """Add made-up photos to an atlas, so that it has several times as many; each has features of its own."""
    now, store, random = atlas.snapshot(), atlas._store, np.random.default_rng(0)
    ids = now.photos().ids.tolist()
    images, local = (table.take(ids, table.schema.names[1:]) for table in (now.stored.images, now.stored.local))
    vectors = random.normal(size=(times * len(ids), now.describer.dim)).astype(np.float32)
    each = row_bytes(now.describer.extractors[0].dim, now.preset.store.local_bits)
    sizes = {photo: record.num_keypoints * each for photo, record in now.usable().items()}
    shifts = range(len(ids), len(vectors), len(ids))
    photos = [
        row
        | {"id": row["id"] + shift, "path": f"/{shift}{row['path']}"}
        | {"descriptor": now.describer.encode_descriptor(vectors[row["id"] + shift])}
        for shift in shifts
        for row in images
    ]
    features = [
        row | {"id": row["id"] + shift, "descriptors": random.bytes(sizes[row["id"]])}
        for shift in shifts
        for row in local
    ]
    with store.exclusive():
        store.restore(photos, features)
        store.compact(readers=False)


def test_it_is_verified_and_repaired(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    store = atlas._store
    assert verify(atlas.home.name).whole
    with store.exclusive():
        store.save_state({"codebook": np.ones(3)})  # that nothing uses
        row = store.snapshot().images.take([1])[0]
        store._images.update([row | {"lat": 99.0, "lon": 1.0}])
    cached = atlas.folder / "cache" / "broken.npz"
    cached.parent.mkdir(exist_ok=True)
    cached.write_bytes(b"no archive")
    found = verify(atlas.home.name, repair=False)
    assert [each.check for each in found.findings] == ["positions", "states", "cache"]
    assert verify(atlas.home.name).whole and len(store.home.names("state")) == 1 and not cached.exists()
    (name,) = store.home.names("state")
    with store.exclusive():
        store.home.remove(f"state/{name}")  # a lost state that ships with the preset is restored
    assert [each.check for each in verify(atlas.home.name).repaired] == ["states"]
    assert store.home.names("state") == [name]


@pytest.mark.slow
def test_packs_and_exports_lead_from_one_address_to_another(atlas: Atlas, store_url: str, tmp_path: Path) -> None:
    pack(atlas, tmp_path / "atlas.pack", thumbnails=True)
    export_atlas(atlas, tmp_path / "export")
    made = unpack(tmp_path / "atlas.pack", f"{store_url}/unpacked")
    assert made.home.name == f"{store_url}/unpacked" and len(made) == 5
    record = next(iter(made.snapshot().usable().values()))
    assert record.path == f"{store_url}/unpacked/photos/00.png"
    assert f"{record.sha256}.jpg" in made.home.names("thumbnails")
    again = import_atlas(tmp_path / "export", f"{store_url}/imported")
    rows = [each.snapshot().stored.descriptors_of(each.snapshot().usable().ids) for each in (atlas, made, again)]
    assert rows[0] == rows[1] == rows[2] and again.search(tmp_path / "photos" / "02.png").best is not None
    with pytest.raises(FileExistsError, match=r"something is at .*unpacked"):
        unpack(tmp_path / "atlas.pack", f"{store_url}/unpacked")
    assert made.add(tmp_path / "photos" / "00.png", learn=False).moved == 1


def test_an_upload_that_fails_leaves_no_atlas(bucket: str, s3_server: S3Server, atlas_pack: Path) -> None:
    s3_server.refuses = lambda method, path: method == "PUT" and path.endswith("atlas.toml")
    with pytest.raises(OSError, match="does not permit"):
        unpack(atlas_pack, f"{bucket}/unpacked")
    s3_server.refuses = lambda method, path: False
    assert unpack(atlas_pack, f"{bucket}/unpacked").info().num_photos == 5


@pytest.fixture
def atlas_pack(photos: Path, tmp_path: Path) -> Path:
    local = Atlas.create(tmp_path / "local", preset="sift-vlad")
    local.add(photos, workers=1)
    pack(local, tmp_path / "local.pack")
    return tmp_path / "local.pack"


def test_a_copy_in_a_folder_is_an_atlas_and_back(atlas: Atlas, store_url: str, photos: Path, tmp_path: Path) -> None:
    files = fsspec.core.url_to_fs(store_url)[0]
    (tmp_path / "copied").mkdir()
    files.get(f"{atlas.home.name}/", f"{tmp_path}/copied/", recursive=True)
    local = Atlas.open(tmp_path / "copied")
    assert local.remove(photos / "00.png") == 1 and len(atlas) == 5
    files.put(f"{tmp_path}/copied/", f"{store_url}/again/", recursive=True)
    again = Atlas.open(f"{store_url}/again")
    assert len(again) == 4 and again.search(photos / "01.png", rotations=False).best is not None
    assert again.add(photos / "00.png", learn=False).added == 1 and sorted(again.snapshot().usable()) == [1, 2, 3, 4, 5]


def test_two_machines_take_turns(atlas: Atlas, photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLACEPRINT_COPIES", str(tmp_path / "other machine"))
    other = Atlas.open(atlas.home.name)
    assert other.folder != atlas.folder
    with atlas._store.exclusive(), pytest.raises(AtlasBusyError, match=f"process {os.getpid()}"):
        other.remove(photos / "00.png")
    assert other.remove(photos / "00.png") == 1 and atlas.remove(photos / "01.png") == 1
    assert len(atlas) == len(other) == 3


def test_a_calibration_is_kept_at_the_address(atlas: Atlas) -> None:
    with atlas._store.exclusive():
        atlas._store.home.write("calibration.json", b'{"format": 99}')
    with pytest.raises(Exception, match="has format 99"):
        _ = Atlas.open(atlas.home.name).snapshot().calibration
    atlas.forget_calibration()
    assert Atlas.open(atlas.home.name).snapshot().calibration is None
