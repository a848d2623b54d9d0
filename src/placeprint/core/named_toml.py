"""Read TOML files that ship under a name or that a user has at a path: presets, recipes and protocols.

A file is UTF-8, with or without a byte order mark, and small. Any mistake in one is an `OptionError` that names the
file.
"""

from __future__ import annotations

import os
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from placeprint.core.options import shown
from placeprint.errors import OptionError

SUFFIX = ".toml"
MOST_BYTES = 1_000_000
"""Most bytes of a file; a larger one is something else."""


def shipped_names(package: str) -> list[str]:
    """List the files of a package by name, sorted.

    Args:
        package: the import name of the package with the files.
    """
    files = resources.files(package).iterdir()
    return sorted(file.name.removesuffix(SUFFIX) for file in files if file.name.endswith(SUFFIX))


def read_named(place: str | os.PathLike[str], package: str, kind: str) -> tuple[str, Path, str]:
    """Return the name of a file, the folder to which its paths are relative, and its text.

    Args:
        place: a name, or a path that ends in ``.toml``.
        package: the import name of the package with the named files.
        kind: the kind of file, for messages.

    Raises:
        OptionError: the file does not exist, or cannot be read.
    """
    if not isinstance(place, str | os.PathLike):
        raise OptionError(f"a {kind} is given by its name or by the path of a .toml file, got {shown(place)}")
    place = os.fspath(place)
    if place.endswith(SUFFIX):
        path = Path(place)
        return path.stem, path.parent, _text(path, kind)
    known = shipped_names(package)
    if place not in known:
        inside = Path(place) / f"{kind}{SUFFIX}"
        hint = f"did you mean {str(inside)!r}?" if _is_file(inside) else f"known: {', '.join(known)}"
        raise OptionError(f"no {kind} called {shown(place)}; {hint}, or the path of a .toml file")
    return place, Path(), (resources.files(package) / f"{place}{SUFFIX}").read_text(encoding="utf-8")


def toml_tables(text: str, what: str) -> dict[str, Any]:
    """Parse a TOML text.

    Args:
        text: the text of the file.
        what: its name in messages, such as ``"the preset 'own'"``.

    Raises:
        OptionError: the text is not TOML.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise OptionError(f"{what} cannot be read: its values are nested too deeply") from error
    except ValueError as error:  # TOML's own, and Python's about whole numbers of thousands of digits
        raise OptionError(f"{what} is not TOML: {error}") from error


def parse_setting(text: str, form: str) -> tuple[str, Any]:
    """Return the key and the value of ``key=value``, the value as in TOML; words need no quotes.

    Args:
        text: the setting as typed.
        form: the expected form, for the message.

    Raises:
        OptionError: the key or the equals sign is missing.

    Example:
        >>> parse_setting("size = 640", "KEY=VALUE"), parse_setting("model=best", "KEY=VALUE")
        (('size', 640), ('model', 'best'))
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    if not key or not equals:
        raise OptionError(f"a setting must have the form {form}, got {shown(text)}")
    try:
        found = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):
        return key, value
    return key, found["value"] if len(found) == 1 else value


def _text(path: Path, kind: str) -> str:
    if not _is_file(path):
        raise OptionError(f"there is no {kind} file {shown(str(path))}")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise OptionError(f"the {kind} file {str(path)!r} has {path.stat().st_size:,} bytes, too many for a {kind}")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OptionError(f"the {kind} file {str(path)!r} is not UTF-8 text ({error}); save it as UTF-8") from error
    except OSError as error:
        raise OptionError(f"the {kind} file {str(path)!r} cannot be read: {error.strerror or error}") from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or has a null byte
        return False
