"""What holds of all modules: none imports itself by way of others, and no function is long."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1] / "src" / "placeprint"
LONGEST = 60
"""Lines of a function."""


def imported(graph: grimp.ImportGraph, module: str) -> set[str]:
    """Return what a module imports anywhere in its file, the packages of these modules included."""
    found = set(graph.find_modules_directly_imported_by(module))
    parts = [each.split(".") for each in found]
    packages = {".".join(names[:end]) for names in parts for end in range(2, len(names))}
    return found | {package for package in packages if not f"{module}.".startswith(f"{package}.")}


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph("placeprint", cache_dir=None)
    sorter = graphlib.TopologicalSorter({module: imported(graph, module) for module in graph.modules})
    sorter.prepare()  # raises a CycleError that names the modules
    assert len(graph.modules) > 200


def test_no_function_is_long() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name}, {node.end_lineno - node.lineno + 1} lines"
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
        if node.end_lineno - node.lineno + 1 > LONGEST
    ]
    assert long == []
