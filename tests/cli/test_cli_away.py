"""Every command takes the address of an atlas, or refuses it in one line."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placeprint import Atlas
from placeprint.cli import app
from placeprint.cli.leaving import run, show_log
from tests.conftest import write_scenes

fsspec: Any = pytest.importorskip("fsspec")
Call = Callable[..., str]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with photos, some of which have positions, and an atlas of them with probabilities."""
    folder = tmp_path_factory.mktemp("built")
    photos = write_scenes(folder / "photos", 5)
    atlas = Atlas.create(folder / "atlas", "fast")
    atlas.add(photos)
    atlas.set_positions({str(photos / "00.png"): (55.7, 13.2), str(photos / "01.png"): (55.71, 13.2)})
    return folder


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Return a function that runs a command in this process, and returns what it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")

    def call(*arguments: object, status: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["placeprint", *map(str, arguments)])
        ended = run(app)
        printed = capsys.readouterr()
        assert ended == status, printed.err
        return printed.err if status else printed.out

    return call


@pytest.fixture
def url(bucket: str, built: Path) -> str:
    """Return the address of a copy of the atlas, which another program made."""
    store = fsspec.filesystem("s3")
    for path in (built / "atlas").rglob("*"):
        if path.is_file():
            store.put_file(str(path), f"{bucket}/atlas/{path.relative_to(built / 'atlas').as_posix()}")
    return f"{bucket}/atlas"


def test_an_atlas_is_made_filled_searched_and_cared_for(call: Call, bucket: str, tmp_path: Path, copies: Path) -> None:
    photos = write_scenes(tmp_path / "photos", 3)
    url = f"{bucket}/made/atlas"
    fsspec.filesystem("s3").put(f"{photos}/", f"{bucket}/photos/", recursive=True)
    made = call("index", f"{bucket}/photos", photos / "00.png", "--into", url, "--preset", "sift-vlad")
    assert "4 added" in made and f"the atlas {url} has 4 photos" in made
    assert "4 unchanged" in call("index", f"{bucket}/photos", photos / "00.png", "--into", url)
    told = call("info", url)
    assert url in told and f"working copy  {copies}" in told
    assert json.loads(call("info", url, "--json"))["working_copy"].startswith(str(copies))
    found = call("search", photos / "01.png", "--in", url, "--json", "--save-matches", tmp_path / "matches")
    assert json.loads(found)["atlas"] == url
    assert json.loads(found)["answers"][0]["evidence"][0]["photo"] == f"{bucket}/photos/01.png"
    assert len(list((tmp_path / "matches").iterdir())) == 1
    assert f"the atlas {url} has 3" in call("remove", url, f"{bucket}/photos/02.png")
    assert url in call("compact", url, "--now") and "everything is intact" in call("verify", url)
    assert "learning needs at least 8" in call("refit", url, status=1)
    assert not Path("s3:").exists()


def test_commands_that_read_take_an_address(call: Call, url: str, built: Path, tmp_path: Path) -> None:
    query = built / "photos" / "02.png"
    assert json.loads(call("locate", query, "--in", url, "--json"))
    assert "photos without a certain match" in call("places", url)
    assert "5 photos" in call("doctor", url)
    assert json.loads(call("coverage", url, "--json"))
    assert json.loads(call("explain", query, "--in", url, "--json", "--no-deconvolution"))
    call("geotag", query, "--in", url, "--csv", tmp_path / "found.csv")
    assert (tmp_path / "found.csv").is_file()
    assert call("pairs", url, "--format", "csv").startswith("first,second")
    assert "wrote" in call("export-data", url, "--output", tmp_path / "map.geojson")
    assert "calibration needs at least 20" in call("calibrate", url, status=1)
    call("calibrate", url, "--reset")


def test_packs_and_exports_come_and_go(call: Call, url: str, bucket: str, built: Path, tmp_path: Path) -> None:
    assert "5 photos" in call("pack", url, "--output", tmp_path / "atlas.pack")
    assert "has 5 photos" in call("unpack", tmp_path / "atlas.pack", "--into", f"{bucket}/unpacked", "--root", built)
    assert "5 photos" in call("export-atlas", f"{bucket}/unpacked", "--output", tmp_path / "export")
    assert "has 5 photos" in call("import-atlas", tmp_path / "export", "--into", f"{bucket}/imported")
    assert len(Atlas.open(f"{bucket}/imported")) == 5
    shutil.rmtree(tmp_path / "export")
    for arguments in (
        ("pack", url, "--output", f"{bucket}/atlas.pack"),
        ("export-atlas", url, "--output", f"{bucket}/export"),
        ("export-data", url, "--output", f"{bucket}/map.geojson"),
    ):
        refused = call(*arguments, status=1)
        assert f"cannot write to '{arguments[-1]}': outputs are written on this machine" in refused
        assert len(refused.splitlines()) == 1


def test_a_client_that_logs_what_it_raises_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    show_log()
    logging.getLogger("gcsfs").error("no network")
    assert capsys.readouterr().err == ""


def test_mistakes_are_told_in_one_line(call: Call, bucket: str, built: Path) -> None:
    photo = built / "photos" / "00.png"
    for arguments, words in (
        (("search", photo, "--in", f"{bucket}/none"), f"there is no atlas at '{bucket}/none'; make one with"),
        (("info", "memory://walks/atlas"), "an atlas cannot be in memory, got 'memory://walks/atlas'"),
        (("index", photo, "--into", "memory://walks/atlas"), "an atlas cannot be in memory"),
        (("verify", f"{bucket}/none"), "there is no atlas at"),
        (("serve", f"{bucket}/none", "--writable"), "give --uploads FOLDER"),
    ):
        told = call(*arguments, status=1)
        assert words in told and len(told.splitlines()) == 1, told
