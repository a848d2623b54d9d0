"""TOML files that ship with the package under a name, or that a user has at a path: presets and recipes."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from placeprint.errors import OptionError

SUFFIX = ".toml"


def shipped_names(package: str) -> list[str]:
    """List the files of a package by name, sorted.

    Args:
        package: import name of the package they lie in.
    """
    files = resources.files(package).iterdir()
    return sorted(file.name.removesuffix(SUFFIX) for file in files if file.name.endswith(SUFFIX))


def read_named(place: str, package: str, kind: str) -> tuple[str, Path, str]:
    """Return the name of a file, the folder its relative paths are from, and its text.

    Args:
        place: name, or path that ends in ``.toml``.
        package: where the named ones lie.
        kind: what it is called in messages.

    Raises:
        OptionError: there is none.
    """
    if place.endswith(SUFFIX):
        path = Path(place)
        if not path.is_file():
            raise OptionError(f"there is no {kind} file {place!r}")
        return path.stem, path.parent, path.read_text(encoding="utf-8")
    known = shipped_names(package)
    if place not in known:
        raise OptionError(f"no {kind} called {place!r}; known: {', '.join(known)}, or the path of a .toml file")
    return place, Path(), (resources.files(package) / f"{place}{SUFFIX}").read_text(encoding="utf-8")
