"""Presets: which components make an atlas, by name or from a TOML file.

A preset has one table a stage, with the component's ``name`` and the parameters that differ from its
defaults::

    [extractor]    name, parameters
    [aggregator]   name, parameters
    [whitener]     name, parameters, min_photos (optional: fitted from so many photos on)
    [index]        name, parameters
    [verifier]     name, parameters
    [codebook]     shipped (name; without one the atlas learns its first from the first photos added), min_photos
                   (from so many photos on the atlas learns its own)
    [store]        local_bits, descriptor_bits (4, 6 or 8)
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from placeprint.errors import OptionError

Tables = Mapping[str, Mapping[str, Any]]

REQUIRED = ("extractor", "aggregator", "index", "verifier", "codebook", "store")
OPTIONAL = ("whitener",)


@dataclass(frozen=True)
class Preset:
    """A named choice of components.

    Args:
        name: of the preset.
        summary: one line on what it is good for.
        components: the tables of the file.
    """

    name: str
    summary: str
    components: Tables


def preset_names() -> list[str]:
    """List the presets that ship with the package.

    Example:
        >>> preset_names()
        ['sift-vlad', 'xfeat-vlad']
    """
    files = resources.files(__package__).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_preset(name: str) -> Preset:
    """Read a preset by its name, or from the path of a TOML file.

    Raises:
        OptionError: there is none, or the file has unknown or missing tables.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise OptionError(f"there is no preset file {name!r}")
        text, name = path.read_text(encoding="utf-8"), path.stem
    else:
        if name not in preset_names():
            raise OptionError(
                f"no preset called {name!r}; known: {', '.join(preset_names())}, or the path of a .toml file"
            )
        text = (resources.files(__package__) / f"{name}.toml").read_text(encoding="utf-8")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"the preset {name!r} is not TOML: {error}") from error
    summary = str(tables.pop("summary", ""))
    check_tables(tables, f"the preset {name!r}")
    return Preset(name, summary, tables)


def check_tables(tables: Tables, what: str) -> None:
    """Check that the tables of a preset or manifest are the known ones.

    Raises:
        OptionError: one is unknown or missing.
    """
    unknown = sorted(tables.keys() - {*REQUIRED, *OPTIONAL})
    missing = sorted(set(REQUIRED) - tables.keys())
    if unknown or missing:
        raise OptionError(
            f"{what} has unknown tables {unknown or 'none'} and lacks {missing or 'none'}; "
            f"known: {', '.join((*REQUIRED, *OPTIONAL))}"
        )
