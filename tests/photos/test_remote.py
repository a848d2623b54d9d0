"""Photos in object stores: fsspec's memory and a local server that speaks S3."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from placeprint import Atlas
from placeprint.core.addresses import UrlPath, as_path, url_of
from placeprint.errors import PhotoError
from placeprint.photos import list_photos, normalized, read_image, scan_photos
from placeprint.photos.opening import is_there
from tests.conftest import write_scenes

fsspec = pytest.importorskip("fsspec")
BUCKET = "walks"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[str]:
    """Return the address of three photos, and a text, in memory."""
    store = fsspec.filesystem("memory")
    for path in sorted(write_scenes(tmp_path / "here", 3).iterdir()):
        store.pipe_file(f"/{BUCKET}/lund/{path.name}", path.read_bytes())
    store.pipe_file(f"/{BUCKET}/lund/read me.txt", b"words")
    store.pipe_file(f"/{BUCKET}/lund/.hidden/4.png", b"words")
    yield f"memory://{BUCKET}/lund"
    store.rm(f"/{BUCKET}", recursive=True)


def test_an_address_stays_one_whatever_is_done_with_its_path() -> None:
    photo = as_path("s3://walks/a b/1.jpg")
    assert isinstance(photo, UrlPath) and url_of(Path("s3://walks/a b/1.jpg")) == str(photo) == "s3://walks/a b/1.jpg"
    assert (
        pickle.loads(pickle.dumps(photo)) == photo == normalized(str(photo)) and str(photo.parent) == "s3://walks/a b"
    )
    assert str(as_path("file:/walks/1.jpg")) == "file:///walks/1.jpg"
    assert url_of("/s3:/walks") is None and url_of("C:/photos") is None and url_of("https://a.org/1.jpg") is None


def test_photos_at_an_address_are_indexed_known_again_searched_and_removed(memory: str, tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", preset="sift-vlad")
    report = atlas.add(memory)
    assert (report.added, report.skipped) == (3, [])
    assert atlas.add(Path(memory)).unchanged == 3  # a Path has one slash less
    paths = [record.path for record in atlas.snapshot().usable().values()]
    assert paths == [f"{memory}/{number:02d}.png" for number in range(3)] and atlas.info().num_gone == 0
    assert atlas.search(paths[1], rotations=False).evidence[0].path == paths[1]
    here = tmp_path / "here"
    assert (read_image(paths[0]) == read_image(here / "00.png")).all()
    local = Atlas.create(tmp_path / "local", preset="sift-vlad")
    local.add(here.as_uri(), learn=False)
    assert next(record.path for record in local.snapshot().usable().values()) == f"{here.as_uri()}/00.png"
    rows = [a.snapshot().stored.descriptors_of(a.snapshot().usable().ids) for a in (atlas, local)]
    assert rows[0] == rows[1]
    fsspec.filesystem("memory").pipe_file(f"/{BUCKET}/lund/01.png", (here / "02.png").read_bytes())
    assert (atlas.add(memory).unchanged, len(atlas)) == (2, 3)
    assert atlas.remove(memory) == 3


def test_what_an_address_lacks_is_told(memory: str, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"no such file or folder 'memory://walks/nowhere'"):
        list_photos("memory://walks/nowhere")
    with pytest.raises(PhotoError, match="no such file"):
        read_image(f"{memory}/9.jpg")
    assert is_there(f"{memory}/00.png") and not is_there(f"{memory}/9.jpg")
    found = scan_photos([memory, f"{memory}/read me.txt"])
    assert [path.name for path in found.paths] == ["00.png", "01.png", "02.png", "read me.txt"]


def test_photos_come_from_a_server_that_speaks_s3(bucket: str, tmp_path: Path) -> None:
    store = fsspec.filesystem("s3")
    store.put(str(write_scenes(tmp_path / "here", 2)) + "/", f"{bucket}/lund/", recursive=True)
    atlas = Atlas.create(tmp_path / "atlas", preset="sift-vlad")
    assert atlas.add(f"{bucket}/lund").added == 2 and atlas.add(f"{bucket}/lund").unchanged == 2
    answer = atlas.search(f"{bucket}/lund/01.png", rotations=False)
    assert answer.evidence[0].path == f"{bucket}/lund/01.png"
    with pytest.raises(PhotoError, match="no such file or folder 's3://no-bucket/lund'"):
        list_photos("s3://no-bucket/lund")
