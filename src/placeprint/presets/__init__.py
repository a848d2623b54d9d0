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

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from placeprint.core import registry
from placeprint.core.named_toml import read_named, shipped_names, toml_tables
from placeprint.core.options import Count, OneOf, Range, check_value, shown, suggest
from placeprint.errors import OptionError
from placeprint.networks.pretrained import TRAINED

Tables = Mapping[str, Any]

REQUIRED = ("extractor", "index", "verifier", "codebook", "store")
OPTIONAL = ("aggregator", "fusion", "whitener", "voter")
FUSION = {"weight", "extractor", "aggregator"}
CODEBOOK = {"shipped": str, "file": str, "min_photos": Count}
BITS = Annotated[int, OneOf(4, 6, 8)]
STORE = {"local_bits": BITS, "descriptor_bits": BITS}


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
    what = f"the preset {str(name)!r}"
    name, folder, text = read_named(name, __name__, "preset")
    if name == "preset":
        name = folder.resolve().name
    tables = toml_tables(text, what)
    summary = check_value(f"summary of {what}", str, tables.pop("summary", ""))
    check_tables(tables, what)
    return Preset(name, summary, with_files(tables, lambda path: str((folder / path).resolve())))


def with_files(tables: Tables, change: Callable[[str], str]) -> dict[str, Any]:
    """Return a copy of tables in which the path of every file they name is changed.

    Files are the codebook's, and trained networks: every value that ends in ``.safetensors``.
    """

    def changed(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: changed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [changed(each) for each in value]
        return change(value) if isinstance(value, str) and value.endswith(TRAINED) else value

    copied: dict[str, Any] = changed(tables)
    if isinstance(copied["codebook"].get("file"), str):
        copied["codebook"]["file"] = change(copied["codebook"]["file"])
    return copied


@dataclass(frozen=True)
class KeptFiles:
    """Tables that name files of a folder of their own.

    Args:
        tables: of a preset, with the new paths.
        contents: of the files, by name.
        names: the new path of each old one.
    """

    tables: dict[str, Any]
    contents: dict[str, bytes]
    names: dict[str, str]


def kept_files(tables: Tables, folder: str = "") -> KeptFiles:
    """Read the files that tables name, to be kept in a folder of their own.

    Args:
        tables: of a preset; paths of files are absolute.
        folder: what the new paths begin with.

    Raises:
        OptionError: a file cannot be read.
    """
    contents: dict[str, bytes] = {}
    names: dict[str, str] = {}

    def keep(path: str) -> str:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise OptionError(f"the preset needs the file {path!r}, which cannot be read: {error.strerror}") from error
        name = f"{Path(path).stem}-{hashlib.sha256(data).hexdigest()[:12]}{Path(path).suffix}"
        contents[name] = data
        names[path] = f"{folder}{name}"
        return names[path]

    return KeptFiles(with_files(tables, keep), contents, names)


def check_tables(tables: Tables, what: str) -> None:
    """Check the tables of a preset or manifest: their names, and every value in them. Nothing is made.

    Raises:
        OptionError: a table, component or key is unknown or missing, or a value has the wrong type or is out of its
            range.
    """
    try:
        _check(tables)
    except OptionError as error:
        raise OptionError(f"{what}: {error}") from error


def _check(tables: Tables) -> None:
    known = (*REQUIRED, *OPTIONAL)
    for name in tables:
        if name not in known:
            raise OptionError(f"unknown table [{name}]; {suggest(name, known)}")
    missing = [name for name in REQUIRED if name not in tables]
    if missing:
        raise OptionError(f"it lacks the table [{missing[0]}]; it needs {', '.join(REQUIRED)}")
    fusion = tables.get("fusion", [])
    if not isinstance(fusion, list):
        raise OptionError("it has a table [fusion]; each descriptor is a [[fusion]], in double brackets")
    if "aggregator" not in tables and not fusion:
        raise OptionError("it has neither [aggregator] nor [[fusion]]; it needs one to search by")
    for stage in ("extractor", "aggregator", "whitener", "index", "verifier", "voter"):
        if stage in tables:
            _check_component(stage, tables[stage], f"[{stage}]")
    for item in fusion:
        _check_fusion(item)
    _check_keys(tables["store"], STORE, "[store]")
    codebook = tables["codebook"]
    _check_keys(codebook, CODEBOOK, "[codebook]")
    if {"shipped", "file"} <= set(codebook):
        raise OptionError("[codebook] has shipped or file, not both")
    if not codebook:
        raise OptionError("[codebook] needs min_photos: nothing is shipped, so the atlas learns its own")


def _check_fusion(item: object) -> None:
    if not isinstance(item, Mapping) or set(item) - FUSION or "aggregator" not in item:
        got = sorted(item) if isinstance(item, Mapping) else shown(item)
        raise OptionError(f"each [[fusion]] has an aggregator, and weight and extractor, got {got}")
    check_value("[[fusion]] weight", Annotated[float, Range(0, 1e6, above=True)], item.get("weight", 1.0))
    for stage in ("extractor", "aggregator"):
        if stage in item:
            _check_component(stage, item[stage], f"[[fusion]] {stage}")


def _check_component(stage: str, table: object, where: str) -> None:
    """Check the table of a component: its name and its parameters."""
    if not isinstance(table, Mapping):
        raise OptionError(f"{where} must be a table, got {shown(table)}")
    params = dict(table)
    if "name" not in params:
        raise OptionError(f"{where} needs a name")
    name = check_value(f"{where} name", str, params.pop("name"))
    if stage == "whitener":
        check_value(f"{where} min_photos", Count, params.pop("min_photos", 1))
    try:
        registry.checked_params("indexes" if stage == "index" else f"{stage}s", name, params)
    except OptionError as error:
        raise OptionError(f"{where}: {error}") from error


def _check_keys(table: object, known: Mapping[str, Any], where: str) -> None:
    """Check a table that is no component's."""
    if not isinstance(table, Mapping):
        raise OptionError(f"{where} must be a table, got {shown(table)}")
    for key, value in table.items():
        if key not in known:
            raise OptionError(f"{where} has no key {shown(key)}; {suggest(key, known)}")
        check_value(f"{where} {key}", known[key], value)
