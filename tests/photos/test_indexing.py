"""Photos on their way into an atlas."""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest

from placeprint import Atlas
from placeprint.describing.describer import Describer
from placeprint.errors import PhotoError
from placeprint.photos import read_photo
from placeprint.photos.opening import MeteredFile
from placeprint.presets import load_preset
from placeprint.store import Store
from tests.conftest import make_scene, write_photo, write_scenes
from tests.photos.pictures import insert_png_chunk, png_chunk, tiff_exif, with_exif


def test_one_bad_thing_in_a_folder_is_one_skip_and_the_rest_is_stored(tmp_path: Path) -> None:
    photos = write_scenes(tmp_path / "photos", 2)
    name = os.fsdecode(b"caf\xe9\n.png")
    shutil.copy(photos / "00.png", photos / name)
    (photos / "bad-exif.png").write_bytes(insert_png_chunk((photos / "01.png").read_bytes(), png_chunk(b"eXIf", b"x")))
    (photos / "cut.png").write_bytes((photos / "00.png").read_bytes()[:900])
    (photos / "zeros.jpg").touch()
    os.truncate(photos / "zeros.jpg", 3 << 30)
    (photos / "empty.jpg").touch()
    (photos / "broken.jpg").symlink_to("gone.jpg")
    os.mkfifo(photos / "pipe.jpg")
    (photos / "to-itself").symlink_to(".")
    (photos / "video.mp4").touch()
    atlas = Atlas.create(tmp_path / "atlas", preset="sift-vlad")
    reports = [atlas.add(photos), Atlas.open(tmp_path / "atlas").add([photos])]
    assert [(report.added, report.unchanged) for report in reports] == [(4, 0), (0, 4)]
    for report in reports:
        assert [(Path(path).name, reason.partition(" (")[0]) for path, reason in report.skipped] == [
            ("broken.jpg", "a broken link"),
            ("cut.png", "the picture is damaged"),
            ("empty.jpg", "the file is empty"),
            ("pipe.jpg", "a pipe, not a file"),
            ("to-itself", "a link to a folder that is listed already"),
            ("zeros.jpg", "not a picture, or in an unsupported format"),
        ]
        assert report.unread == {".mp4": 1}
    best = {evidence.path for evidence in Atlas.open(tmp_path / "atlas").search(photos / name).evidence}
    assert str(photos / name) in best and all(Path(path).exists() for path in best)


def test_a_file_is_hashed_in_pieces_and_only_after_its_header_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from placeprint.describing.bulk import _read_file

    photo = write_photo(tmp_path / "a.png", np.zeros((64, 64, 3), np.uint8))
    record, read = _read_file(photo, None)
    assert read is not None and record.file_size == photo.stat().st_size
    assert _read_file(photo, record) == (record, None)
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("the file was read"))
    (tmp_path / "b.jpg").write_bytes(b"\0" * 100)
    record, read = _read_file(tmp_path / "b.jpg", None)
    assert read is None and record.error is not None and record.sha256 == "" and record.file_size == 100
    with (tmp_path / "b.jpg").open("rb") as file, pytest.raises(PhotoError, match="far larger"):
        MeteredFile(file, max_bytes=99).read()


def test_paths_and_times_come_back_as_they_went_into_the_store(tmp_path: Path) -> None:
    path = write_photo(
        tmp_path / os.fsdecode(b"caf\xe9.jpg"),
        np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8),
        exif=b"Exif\0\0" + tiff_exif([], [(0x9003, 2, 26, b"2024-05-01T12:00:00+02:00\0"), (0x9291, 2, 3, b"75\0")]),
    )
    atlas = Atlas.create(tmp_path / "atlas", preset="sift-vlad")
    assert atlas.add([path]).added == 1
    (record,) = Store(tmp_path / "atlas").snapshot().photos().values()
    assert record.path == str(path)
    assert record.taken == datetime.datetime(2024, 5, 1, 12, 0)
    assert Atlas.open(tmp_path / "atlas").add([path]).unchanged == 1
    assert atlas.remove([path]) == 1


def test_an_empty_place_is_refused_by_all_that_take_places(tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", preset="sift-vlad")
    for places in ("", [""], None, [None]):
        with pytest.raises(PhotoError, match="path"):
            atlas.add(places)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("time", [2**64, 2**63, -(2**63) - 1, 0])
def test_times_of_files_that_no_clock_has_fit_the_table(tmp_path: Path, time: int) -> None:
    from placeprint.photos.opening import stamp_of

    path = tmp_path / "a.jpg"
    path.touch()
    status = path.stat()
    odd = SimpleNamespace(st_size=status.st_size, st_mtime_ns=time)
    size, stored = stamp_of(odd)  # type: ignore[arg-type]  # what stat returns cannot be made
    assert size == 0 and -(2**63) <= stored <= 2**63 - 1 and (stored == time or abs(time) >= 2**63)


def test_the_command_line_does_not_pass_on_what_pillow_says_of_damaged_exif(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(
        with_exif("JPEG", b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\xff\xff\xff\x7f")
    )
    command = ["index", str(tmp_path / "photos"), "--into", str(tmp_path / "atlas"), "--preset", "sift-vlad"]
    done = subprocess.run([sys.executable, "-m", "placeprint", *command], capture_output=True, text=True, check=True)
    assert "1 added" in done.stdout and done.stderr == ""


def test_features_of_a_large_photo_are_in_its_pixels_though_a_smaller_copy_was_read(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    PIL.Image.fromarray(make_scene(3, 640, 480)).resize((2560, 1920)).save(path, quality=95)
    described, describer = {}, Describer(load_preset("sift-vlad"))
    for enough in (0, describer.enough_pixels):
        photo = read_photo(path, enough)
        described[enough] = describer.features_of(photo)[0]
        assert described[enough].image_size == (2560, 1920) and (photo.whole is None) == (not enough)
    whole, smaller = described.values()
    gaps = np.linalg.norm(whole.keypoints[:, None] - smaller.keypoints[None], axis=2).min(axis=1)
    assert np.mean(gaps < 2) > 0.8  # half a pixel of the working copy
    assert whole.scales is not None and smaller.scales is not None
    assert abs(np.median(whole.scales) / np.median(smaller.scales) - 1) < 0.1
    atlas = Atlas.create(tmp_path / "atlas", preset="sift-vlad")
    atlas.add(path)
    (record,) = atlas.snapshot().usable().values()
    assert (record.width, record.height) == (2560, 1920)
