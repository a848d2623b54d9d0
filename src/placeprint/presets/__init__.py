"""Presets: which components make an atlas, by name or from a TOML file.

A preset has one table a stage, with the component's ``name`` and the parameters that differ from its
defaults::

    [extractor]    name, parameters: of the local features that are verified; a grid's backbone and DELF's network
                   may be the path of a trained network's .safetensors, from the preset's folder
    [aggregator]   name, parameters: of their global descriptor (optional where there is a [[fusion]])
    [[fusion]]     weight, extractor (a table; the one above when left out), aggregator (a table): one more descriptor,
                   joined to the others; as many as you like
    [whitener]     name, parameters, min_photos (optional: fitted from so many photos on)
    [index]        name, parameters
    [verifier]     name, parameters
    [voter]        name, parameters (optional): photos are searched by the votes of the features that are verified; the
                   descriptor above is there to be asked for
    [codebook]     shipped (name) or file (path of an .npz, from the preset's folder); without either the atlas learns
                   its first from the first photos added. min_photos: from so many photos on the atlas learns its own;
                   without it, never
    [store]        local_bits, descriptor_bits (4, 6 or 8)
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from placeprint.errors import OptionError
from placeprint.named_toml import read_named, shipped_names
from placeprint.networks.backbones import TRAINED

Tables = Mapping[str, Any]

REQUIRED = ("extractor", "index", "verifier", "codebook", "store")
OPTIONAL = ("aggregator", "fusion", "whitener", "voter")
FUSION = {"weight", "extractor", "aggregator"}
CODEBOOK = {"shipped", "file", "min_photos"}


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
        >>> "xfeat-vlad" in preset_names()
        True
    """
    return shipped_names(__name__)


def load_preset(name: str) -> Preset:
    """Read a preset by its name, or from the path of a TOML file; ``preset.toml`` is called by its folder.

    Raises:
        OptionError: there is none, or the file has unknown or missing tables.
    """
    name, folder, text = read_named(name, __name__, "preset")
    if name == "preset":
        name = folder.resolve().name
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"the preset {name!r} is not TOML: {error}") from error
    summary = str(tables.pop("summary", ""))
    check_tables(tables, f"the preset {name!r}")
    if "file" in tables["codebook"]:
        tables["codebook"]["file"] = str((folder / tables["codebook"]["file"]).resolve())
    for extractor in (tables["extractor"], *(item.get("extractor", {}) for item in tables.get("fusion", ()))):
        for key in ("backbone", "network"):
            if str(extractor.get(key, "")).endswith(TRAINED):
                extractor[key] = str((folder / extractor[key]).resolve())
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
    fusion = tables.get("fusion", [])
    if not isinstance(fusion, list):
        raise OptionError(f"{what} has a table [fusion]; each descriptor is a [[fusion]], in double brackets")
    if "aggregator" not in tables and not fusion:
        raise OptionError(f"{what} has neither [aggregator] nor [[fusion]]; it needs one to search by")
    for item in fusion:
        if set(item) - FUSION or "aggregator" not in item:
            raise OptionError(
                f"each [[fusion]] of {what} has an aggregator, and weight and extractor, got {sorted(item)}"
            )
    codebook = tables["codebook"]
    if set(codebook) - CODEBOOK or {"shipped", "file"} <= set(codebook):
        raise OptionError(
            f"[codebook] of {what} has shipped or file, and min_photos, got {sorted(codebook) or 'nothing'}"
        )
    if "min_photos" not in codebook and not {"shipped", "file"} & set(codebook):
        raise OptionError(f"[codebook] of {what} needs min_photos: nothing is shipped, so the atlas learns its own")
