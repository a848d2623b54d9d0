"""The code of tutorials and concepts runs, and prints what the pages show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.executing import ROOT, Block, agrees, blocks_of, run_page

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
        pytest.param(page, marks=[pytest.mark.large] if page.stem in LONG else [], id=page.relative_to(DOCS).as_posix())
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


def test_blocks_are_found_with_their_output(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '# A\n\n```sh title="Install"\nno\n```\n\n```python\nprint(1)\n```\n\n```text title="Output"\n1\n```\n'
    )
    assert blocks_of(page) == [Block("python", "print(1)\n", 8, "1\n")]
