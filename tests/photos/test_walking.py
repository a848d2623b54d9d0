from __future__ import annotations

import inspect
import os
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from placeprint.errors import PhotoError
from placeprint.photos import find_photos, list_photos, normalized, read_photo, scan_photos


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def names(folder: Path, **options: bool) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in scan_photos([folder], **options).paths]


def skips(folder: Path, **options: bool) -> dict[str, str]:
    return {Path(path).relative_to(folder).as_posix(): why for path, why in scan_photos([folder], **options).skipped}


def test_what_is_no_regular_file_is_skipped_with_one_reason_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "broken.jpg").symlink_to("gone.jpg")
    (tmp_path / "broken-folder").symlink_to("gone")
    (tmp_path / "itself.jpg").symlink_to("itself.jpg")
    (tmp_path / "ping.jpg").symlink_to("pong.jpg")
    (tmp_path / "pong.jpg").symlink_to("ping.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "to-pipe.jpg").symlink_to("pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket.jpg")
    (tmp_path / "folder.jpg").mkdir()
    touch(tmp_path / "folder.jpg" / "b.png")
    assert names(tmp_path) == ["a.jpg", "folder.jpg/b.png"]
    assert skips(tmp_path) == {
        "broken-folder": "a broken link",
        "broken.jpg": "a broken link",
        "itself.jpg": "a link that leads back to itself",
        "ping.jpg": "a link that leads back to itself",
        "pong.jpg": "a link that leads back to itself",
        "pipe.jpg": "a pipe, not a file",
        "to-pipe.jpg": "a pipe, not a file",
        "zero.jpg": "a device, not a file",
        "socket.jpg": "a socket, not a file",
    }
    paths = [path for path, _ in scan_photos([tmp_path]).skipped]
    assert paths == sorted(paths)


def test_folders_that_link_to_each_other_are_walked_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count, read = 12, []
    for one in range(count):
        touch(tmp_path / f"{one:02d}" / "a.jpg")
        for other in set(range(count)) - {one}:
            (tmp_path / f"{one:02d}" / f"to-{other:02d}").symlink_to(f"../{other:02d}")
    scandir = os.scandir

    def count_reads(path: str) -> object:
        read.append(path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", count_reads)
    assert names(tmp_path) == [f"{one:02d}/a.jpg" for one in range(count)]  # by the real paths, not by a link's
    assert len(read) == count + 1
    assert set(skips(tmp_path).values()) == {"a link to a folder that is listed already"}


def test_a_photo_is_listed_once_whatever_links_lead_to_it(tmp_path: Path) -> None:
    outside = touch(tmp_path / "outside" / "x.jpg")
    photos = tmp_path / "photos"
    touch(photos / "z" / "a.jpg")
    (photos / "a-link.jpg").symlink_to("z/a.jpg")
    os.link(photos / "z" / "a.jpg", photos / "z" / "hard.jpg")
    for name in ("b.jpg", "c.jpg"):
        (photos / name).symlink_to(outside)
    assert names(photos) == ["z/a.jpg", "b.jpg"]
    assert skips(photos) == {
        "a-link.jpg": "a link to a photo that is listed already",
        "c.jpg": "a link to a photo that is listed already",
        "z/hard.jpg": "a second name (hard link) to a photo that is listed already",
    }
    assert names(photos, every_name=True) == ["z/a.jpg", "z/hard.jpg", "a-link.jpg", "b.jpg", "c.jpg"]
    assert len(list_photos([photos / "b.jpg", photos / "c.jpg", photos / "b.jpg"])) == 2  # what is named is named


def test_places_that_overlap_give_each_photo_once_and_no_skip(tmp_path: Path) -> None:
    touch(tmp_path / "sub" / "a.jpg")
    found = scan_photos([tmp_path / "sub", tmp_path, tmp_path / "sub" / "a.jpg", tmp_path / "sub" / ".." / "sub"])
    assert found.paths == [tmp_path / "sub" / "a.jpg"]
    assert found.skipped == []


def test_folders_that_cannot_be_read_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "secret" / "b.jpg")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    assert names(tmp_path) == ["a.jpg"]
    assert skips(tmp_path) == {"secret": "a folder that cannot be read: Permission denied"}
    with pytest.raises(PhotoError, match="Permission denied"):
        list_photos([tmp_path / "secret"])


@pytest.fixture
def nested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], Path]]:
    """Make folders of one name in each other, with a photo in each, and remove them: others cannot at such depths."""
    made: list[str] = []

    def make(name: str, count: int) -> Path:
        for _ in range(count):
            monkeypatch.chdir(tmp_path) if not made else None
            os.mkdir(name)
            os.chdir(name)
            made.append(name)
            if count < 100:
                touch(Path("a.jpg"))
        touch(Path("a.jpg"))
        return tmp_path

    yield make
    for name in made:
        Path("a.jpg").unlink(missing_ok=True)
        os.chdir("..")
        os.rmdir(name)


def test_folders_deeper_than_a_path_may_be_long_are_skipped(nested: Callable[[str, int], Path]) -> None:
    folder = nested("d" * 200, 25)  # 25 x 201 characters, more than the 4096 that a path may have
    found = scan_photos([folder])
    assert 10 < len(found.paths) < 25
    assert 1 <= len(found.skipped) <= 2  # the folder below the deepest one that has a path, and perhaps a photo
    assert all("File name too long" in why for _, why in found.skipped)


def test_more_folders_in_each_other_than_python_may_recurse_are_walked(nested: Callable[[str, int], Path]) -> None:
    folder, limit = nested("d", 300), sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    try:
        assert len(list_photos([folder])) == 1
    finally:
        sys.setrecursionlimit(limit)


def test_every_suffix_of_a_photo_counts_and_what_looks_like_one_is_counted(tmp_path: Path) -> None:
    photos = ["a.jfif", "b.jpe", "c.HIF", "d.avif", "e.bmp", "f.jp2", "g.gif", "h.MPO"]
    for name in [*photos, "raw.CR2", "raw2.cr2", "v.mp4", "notes.txt", ".hidden.cr2"]:
        touch(tmp_path / name)
    found = scan_photos([tmp_path])
    assert [path.name for path in found.paths] == photos
    assert found.unread == Counter({".cr2": 2, ".mp4": 1})
    with pytest.raises(PhotoError, match=r"no photos .*not read as photos: 1 \.nef"):
        list_photos([touch(tmp_path / "raw" / "x.nef").parent])


def test_names_of_any_bytes_are_listed(tmp_path: Path) -> None:
    wanted = [b"caf\xe9.jpg", b"new\nline.jpg", b"  .jpg", b"\xf0\x9f\x98\x80.jpg", b"-rf.jpg", b"a" * 251 + b".jpg"]
    for name in wanted:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).touch()
    assert sorted(os.fsencode(path.name) for path in list_photos([tmp_path])) == sorted(wanted)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nope", "no such file or folder '"),
        ("a.jpg/b.jpg", "no such file or folder '"),
        ("nul\0", "no such file or folder '"),
        ("broken", "broken link"),
        ("itself", "leads back to itself"),
        ("pipe", "a pipe, not a file"),
        ("n" * 300, "File name too long"),
    ],
)
def test_what_is_named_but_not_there_is_refused_and_can_be_listed(tmp_path: Path, name: str, reason: str) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "broken").symlink_to("gone")
    (tmp_path / "itself").symlink_to("itself")
    os.mkfifo(tmp_path / "pipe")
    places = [str(tmp_path / name), str(tmp_path / "a.jpg")]
    with pytest.raises(PhotoError, match=reason):
        list_photos(places)
    found = scan_photos(places)
    assert found.paths == [tmp_path / "a.jpg"] and [path for path, _ in found.missing] == places[:1]
    assert found.required(every=False) is found


@pytest.mark.parametrize("places", ["", [""], None, [None], 3, [3], [object()]])
def test_places_that_are_no_paths_are_refused(places: object) -> None:
    with pytest.raises(PhotoError, match="path"):
        list(find_photos(places))  # type: ignore[arg-type]  # on purpose


def test_one_place_is_taken_for_a_list_of_one(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    assert list_photos(tmp_path) == list_photos(str(tmp_path)) == list_photos([tmp_path]) == [tmp_path / "a.jpg"]


def test_a_step_up_after_a_link_leads_to_where_the_system_goes(tmp_path: Path) -> None:
    there = touch(tmp_path / "elsewhere" / "a.jpg")
    (there.parent / "sub").mkdir()
    (tmp_path / "link").symlink_to("elsewhere/sub")
    touch(tmp_path / "sub" / "b.jpg")
    assert list_photos([tmp_path / "link" / ".." / "a.jpg"]) == [there]
    assert normalized(tmp_path / "link" / ".." / "a.jpg") == there
    assert normalized(tmp_path / "sub" / ".." / "sub" / "b.jpg") == tmp_path / "sub" / "b.jpg"


def test_a_file_that_may_not_be_read_is_refused_with_the_systems_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, *_: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    photo = touch(tmp_path / "a.jpg")
    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(PhotoError, match=r"a\.jpg': Permission denied"):
        read_photo(photo)
