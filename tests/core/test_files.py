"""Files are written whole or not at all, and read with clear errors."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest

import placeprint
from placeprint.core import files
from placeprint.core.files import read_bytes, read_json, read_text, write_arrays, write_atomically, written_aside
from placeprint.errors import AtlasError, AtlasWriteError, DatasetError, OptionError, WriteError
from placeprint.store import writing as atlas_files
from placeprint.visualization.canvas import write_picture
from tests.conftest import make_scene

SOURCE = Path(placeprint.__file__).parent
DIRECT = re.compile(
    r"""\.write_text\(|\.write_bytes\(|open\([^)]*["'](?:[wax]b?\+?|r\+b)["']|np\.savez?\(|savefig\((?!data|stream)|torch\.save\(|save_file\("""
    r"""|imwrite\(|onnx\.save\(|\.save\((?!data|stream)"""
)
"""Ways to write a file that leave a half of it after a crash."""
KNOWN = {
    "core/files.py",  # the one place
    "cli/leaving.py",  # a closed stdout becomes /dev/null
    "searching/stored_voters.py",  # into a folder beside, which is renamed
    "index/asmk.py",
    "index/votes.py",
    "training/run/checkpoint.py",  # the same
    "onnx/exporting.py",  # into the file aside
    "onnx/eight_bits.py",  # the same
    "training/data/descriptor_cache.py",  # its rows are filled in later, by design
    "training/data/map_cache.py",  # grows beside, is renamed when whole
    "training/run/journal.py",  # rows of a log are appended; a torn last one is left out by its reader
    "evaluation/benchmark.py",  # the same
    "networks/published/download.py",  # goes on beside, is renamed when whole
    "store/writing.py",
    "networks/weight_files.py",  # bytes in memory
    "packs/layout.py",  # into a folder or archive aside, which is renamed when whole
    "packs/writing.py",  # the same
    "index/compact_rows.py",  # rows count only once the stamp, replaced last, says so
    "places/tagging.py",  # beside the file aside, which it replaces
}


def test_every_file_is_written_through_one_place() -> None:
    found = {
        path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if DIRECT.search(path.read_text("utf-8"))
    }
    assert found <= KNOWN, "write these through placeprint.core.files"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a file with old content."""
    path = tmp_path / "a.json"
    path.write_text("old")
    return path


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_leaves_the_old_content(old: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WriteError, match=r"cannot write to .*a.json"):
        write_atomically(old, b"new")
    with pytest.raises(AtlasWriteError) as raised:
        atlas_files.write_atomically(old, b"new")
    assert isinstance(raised.value, AtlasError)
    assert old.read_text() == "old" and [path.name for path in old.parent.iterdir()] == ["a.json"]


def test_an_interruption_leaves_the_old_content(old: Path) -> None:
    with pytest.raises(KeyboardInterrupt), written_aside(old) as aside:
        aside.write_text("half")
        raise KeyboardInterrupt
    assert old.read_text() == "old" and [path.name for path in old.parent.iterdir()] == ["a.json"]


def test_a_picture_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_picture(tmp_path / "a.png", make_scene(0))
    before = (tmp_path / "a.png").read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(WriteError, match="the disk is full"):
        write_picture(tmp_path / "a.png", make_scene(1))
    assert (tmp_path / "a.png").read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_what_a_link_leads_to_is_replaced_and_its_rights_stay(old: Path) -> None:
    link = old.with_name("link.json")
    link.symlink_to(old)
    old.chmod(0o600)
    write_atomically(link, b"new")
    assert link.is_symlink() and old.read_text() == "new" and old.stat().st_mode & 0o777 == 0o600


def test_names_as_long_as_the_system_takes_are_written(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 255)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    with pytest.raises(WriteError, match="the name is too long"):
        write_atomically(tmp_path / ("a" * 256), b"new")
    with pytest.raises(WriteError, match="null"):
        write_atomically(tmp_path / "a\0b", b"new")


def test_devices_are_written_directly(tmp_path: Path) -> None:
    write_atomically(Path("/dev/null"), b"new")
    assert not Path("/dev/null").is_file()
    with pytest.raises(WriteError, match="the disk is full"):
        write_atomically(Path("/dev/full"), b"new")
    with pytest.raises(WriteError, match="a part of the path is a file"):
        write_atomically(Path("/dev/null/a"), b"new")
    write_arrays(tmp_path / "a.npz", {"a": np.arange(3)})
    assert np.load(tmp_path / "a.npz")["a"].tolist() == [0, 1, 2]


def test_text_of_any_editor_is_read_and_the_rest_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfcaf\xc3\xa9\r\n")
    assert read_text(path, error=DatasetError) == "café\r\n"
    for data, message in (
        (b"one\ncaf\xe9", "line 2 is not UTF-8; save it as UTF-8"),
        ("café".encode("utf-16"), "it is UTF-16; save it as UTF-8"),
        (b"\x00\x01", "it is not text"),
    ):
        path.write_bytes(data)
        with pytest.raises(DatasetError, match=message):
            read_text(path, error=DatasetError)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, message in (("pipe", "not a regular file"), (".", "it is a folder"), ("none", "No such"), ("loop", "")):
        with pytest.raises(OptionError, match=f"cannot read .*{message}"):
            read_bytes(tmp_path / name, error=OptionError)


def test_json_is_read_or_told(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(path, "a result") == {"a": 1}
    for data in (b"", b"{", b"[" * 100_000, b'{"a": 1} x'):
        path.write_bytes(data)
        with pytest.raises(OptionError, match=r"cannot read .*a.json' as a result: it is not JSON"):
            read_json(path, "a result")


def test_no_file_beside_is_seen_by_a_walk() -> None:
    assert files.TEMPORARY.startswith(".")
