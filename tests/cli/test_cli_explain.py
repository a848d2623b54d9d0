"""``placeprint explain`` and ``placeprint compare``: pages, JSON, and bad input in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from placeprint.cli import main
from placeprint.datasets.photos.sample_photos import rephotograph
from tests.conftest import make_scene, write_photo


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an atlas of scenes, and a second view of one."""
    from placeprint.atlas import Atlas

    folder = tmp_path_factory.mktemp("cli-explain")
    for number in range(4):
        write_photo(folder / "photos" / f"{number}.png", make_scene(number))
    write_photo(folder / "query.png", rephotograph(make_scene(2), corners=0.06)[0])
    Atlas.create(folder / "atlas", preset="sift-vlad").add(folder / "photos")
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["placeprint", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_explain_writes_a_page_and_says_why(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "why.html"
    assert run(monkeypatch, "explain", folder / "query.png", "--in", folder / "atlas", "--output", page) == 0
    out = capsys.readouterr().out
    assert "Same place as 2.png" in out and "+ " in out and f"wrote {page}" in out
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert run(monkeypatch, "explain", folder / "query.png", "--in", folder / "atlas", "--output", page) == 0


def test_explain_prints_json(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "explain", folder / "query.png", "--in", folder / "atlas", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["answer"] == "found" and data["first"]["photo"].endswith("2.png")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["explain", "{f}/query.png", "--in", "{f}/atlas"], "--output FILE.html"),
        (["explain", "{f}/query.png", "--in", "{f}/atlas", "--output", "{f}/query.png"], "must end in .html"),
        (["explain", "{f}/gone.png", "--in", "{f}/atlas", "--json"], "gone.png"),
        (["compare", "{f}/query.png", "--output", "{t}/page.html"], "two or more photos"),
        (["compare", "--output", "{t}/page.html"], "--place ID"),
        (["compare", "--place", "x", "--output", "{t}/page.html"], "--place ID"),
        (["compare", "{f}/photos/0.png", "{f}/photos/1.png", "--output", "{t}/page.html"], "no page was written"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    expected: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [each.format(f=folder, t=tmp_path) for each in arguments]
    assert run(monkeypatch, *given) != 0
    error = capsys.readouterr().err.strip()
    assert expected.lower() in error.lower()
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "page.html").exists()


def test_compare_writes_a_page(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = [folder / "photos" / "2.png", folder / "query.png"]
    page = tmp_path / "then.html"
    assert run(monkeypatch, "compare", *photos, "--features", "sift", "--output", page) == 0
    assert "matches" in capsys.readouterr().out
    assert 'class="slider"' in page.read_text(encoding="utf-8")
