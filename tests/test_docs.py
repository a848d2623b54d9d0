"""The documents say what is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from placeprint import registry
from placeprint.cli.reference import command_reference
from placeprint.presets import preset_names

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks" / "README.md"]


def test_the_command_line_reference_is_current() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == command_reference(), "run: make docs"


@pytest.mark.parametrize("kind", registry.COMPONENTS)
def test_every_component_is_described(kind: str) -> None:
    text = (ROOT / "docs" / "methods.md").read_text()
    for name in registry.COMPONENTS[kind]:
        assert f"`{name}`" in text, f"docs/methods.md does not describe {name}"


def test_every_preset_is_named_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert all(f"`{name}`" in text for name in preset_names())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_benchmark_tables_are_those_of_the_results() -> None:
    subprocess.run([sys.executable, ROOT / "benchmarks" / "table.py", "--check"], check=True)


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.conftest import make_scene, write_photo

    monkeypatch.chdir(tmp_path)
    for number in range(3):
        write_photo(tmp_path / "photos" / f"{number}.png", make_scene(number))
    write_photo(tmp_path / "query.jpg", make_scene(1))
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
