"""What the documents say is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from placeprint.cli.reference import command_reference, protocol_reference
from placeprint.core import registry
from placeprint.presets import preset_names
from tests.conftest import presets_at_hand

ROOT = Path(__file__).parents[1]
METHODS = ROOT / "docs" / "methods"
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    ROOT / "benchmarks" / "README.md",
]
COMPONENTS = [name for kind in registry.COMPONENTS.values() for name in kind]
WITH_PYTHON = sorted(
    [
        *METHODS.glob("*.md"),
        *(
            ROOT / "docs" / f"{name}.md"
            for name in (
                "datasets",
                "evaluation",
                "explaining",
                "care",
                "filters",
                "matching",
                "inspecting",
                "exporting",
                "reconstruction",
                "robots",
                "scikit-learn",
                "training",
                "training-losses",
            )
        ),
    ]
)


def named(path: Path) -> str:
    """Return a document's path in the repository, which is what a failing test shows."""
    return path.relative_to(ROOT).as_posix()


def python_blocks(document: Path) -> list[str]:
    """Return the Python code of a document, block by block."""
    return re.findall(r"```python\n(.*?)```", document.read_text(), re.S)


def test_the_command_line_reference_is_current() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == command_reference(), "run: make docs-sources"


def test_the_tables_of_protocols_are_current() -> None:
    assert protocol_reference() in (ROOT / "docs" / "datasets.md").read_text(), "run: make docs-sources"


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_component_has_a_page(name: str) -> None:
    page = METHODS / f"{name}.md"
    assert page.is_file(), f"docs/methods/{name}.md is missing"
    headings = [line for line in page.read_text().splitlines() if line.startswith("# ")]
    assert headings and f"`{name}`" in headings[0], f"the first heading of docs/methods/{name}.md must say `{name}`"
    assert f"]({name}.md)" in (METHODS / "README.md").read_text(), f"docs/methods/README.md has no link to {name}.md"


def test_every_page_describes_a_component() -> None:
    pages = {path.stem for path in METHODS.glob("*.md")} - {"README"}
    assert pages == {*COMPONENTS}


@pytest.mark.parametrize("document", WITH_PYTHON, ids=named)
def test_the_python_of_the_methods_compiles(document: Path) -> None:
    blocks = python_blocks(document)
    assert blocks or document.name == "README.md", f"{named(document)} has no example"
    for block in blocks:
        compile(block, named(document), "exec")


def test_every_preset_has_a_row_in_its_page() -> None:
    pages = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("presets", "networks")}
    at_hand = presets_at_hand()
    assert [name for name in at_hand if f"| `{name}` |" not in pages["presets"]] == []
    assert [name for name in preset_names() if name not in at_hand and f"`{name}`" not in pages["networks"]] == []


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 90


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{named(document)} links to {target}"


def test_the_benchmark_tables_are_those_of_the_results() -> None:
    subprocess.run([sys.executable, "-m", "benchmarks.table", "--check"], check=True, cwd=ROOT)


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.conftest import make_scene, write_photo

    monkeypatch.chdir(tmp_path)
    for number in range(3):
        write_photo(tmp_path / "photos" / f"{number}.png", make_scene(number))
    write_photo(tmp_path / "query.jpg", make_scene(1))
    blocks = python_blocks(ROOT / "README.md")
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
