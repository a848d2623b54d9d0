"""Old module names: each gives the module under its new name, and a warning that says it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

import placeprint
from placeprint.moved_modules import MOVED

SOURCE = Path(placeprint.__file__).parent


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_name_gives_the_same_module_and_a_warning(old: str) -> None:
    new = importlib.import_module(MOVED[old])
    spec = new.__spec__
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} has moved to {MOVED[old]}"):
        assert importlib.import_module(old) is new
    assert new.__spec__ is spec


def test_the_package_itself_uses_the_new_names() -> None:
    for path in SOURCE.rglob("*.py"):
        if path.name != "moved_modules.py":
            text = path.read_text()
            used = [old for old in MOVED if f"from {old} import" in text or f"import {old}\n" in text]
            assert not used, f"{path} imports {used}"


def test_no_old_name_is_a_module_that_is_there() -> None:
    for old in MOVED:
        path = SOURCE.parent / Path(*old.split("."))
        assert not path.with_suffix(".py").exists() and not (path / "__init__.py").exists(), old
