"""The code of tutorials and concepts runs, and prints what the pages show."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest

from placeprint import Atlas
from tests.docs.executing import ROOT, Block, agrees, agrees_roughly, blocks_of, prepare, run_page, run_shell

DOCS = ROOT / "docs"
LONG = {"colmap", "train", "benchmark", "serve", "archive", "order"}
"""Pages that take too long for every run of the tests."""
PAGES = sorted(
    page
    for page in [DOCS / "start.md", *(DOCS / "tutorials").glob("*.md"), *(DOCS / "concepts").glob("*.md")]
    if page.name != "README.md"
)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            marks=[pytest.mark.large] if page.stem in LONG else [pytest.mark.slow] if page.stem == "start" else [],
            id=page.relative_to(DOCS).as_posix(),
        )
        for page in PAGES
    ],
)
def test_the_code_of_a_page_runs_and_prints_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("skimage", reason="the sample photos are in the extra demo")
    assert blocks_of(page)
    run_page(page, tmp_path, monkeypatch)


def test_a_wrong_output_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert agrees("a ... c\n", "a b\nb c  \n") and not agrees("a\n", "b\n") and not agrees("a\n", "a\nb\n")
    assert not agrees("1.5", "1x5")
    assert agrees_roughly("188 of 801, 0.21", "190 of 790, 0.23") and not agrees_roughly("188 of 801", "188 of 600")
    assert not agrees_roughly("188 are right", "188 are wrong")


def test_blocks_are_found_with_their_output(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '# A\n\n```sh title="Install"\nno\n```\n\n```python\nprint(1)\n```\n\n```text title="Output"\n1\n```\n'
    )
    assert blocks_of(page) == [Block("python", "print(1)\n", 8, "1\n")]


@pytest.mark.photos
@pytest.mark.large
@pytest.mark.parametrize("name", ["archive", "order"])
def test_the_commands_of_a_tutorial_work_on_a_real_walk(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The photos that a script makes are replaced by those of a street; what is printed differs."""
    walk = sorted((data / "gps" / "lund").glob("*.jpg"))
    (tmp_path / "archive").mkdir()
    (tmp_path / "scans").mkdir()
    for photo in walk[:-2]:
        shutil.copy(photo, tmp_path / "archive" / photo.name)
    for photo, names in zip(walk[-2:], (("question", "scan-0"), ("tilted", "scan-1")), strict=True):
        shutil.copy(photo, tmp_path / f"{names[0]}.jpg")
        PIL.Image.open(photo).convert("RGB").save(tmp_path / "scans" / f"{names[1]}.jpg")  # without its position
    shutil.copy(data / "sf_landmarks" / "queries" / "0000.jpg", tmp_path / "elsewhere.jpg")
    page = DOCS / "tutorials" / f"{name}.md"
    prepare(tmp_path, monkeypatch)
    for block in blocks_of(page):
        if block.language == "sh":
            commands = "".join(
                line for line in block.code.splitlines(keepends=True) if "make_tutorial_photos" not in line
            )
            run_shell(replace(block, code=commands), f"{name}:{block.line}", monkeypatch)
    if name == "archive":
        found = Atlas.open("atlas").locate("question.jpg")
        assert found.location is not None and found.place is not None
