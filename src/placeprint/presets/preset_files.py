"""Presets on disk: read them by name or path, write them, and read the files that they name."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path

from placeprint.core.files import write_atomically
from placeprint.core.named_toml import read_named, shipped_names, toml_tables
from placeprint.errors import OptionError
from placeprint.presets.preset import Preset, preset_from

PACKAGE = "placeprint.presets"


def preset_names() -> list[str]:
    """List the presets that ship with the package.

    Example:
        >>> "xfeat-vlad" in preset_names()
        True
    """
    return shipped_names(PACKAGE)


def load_preset(name: str) -> Preset:
    """Read a preset by its name, or from the path of a TOML file; ``preset.toml`` is called by its folder.

    Raises:
        OptionError: the preset does not exist, or its file has unknown or missing tables.
    """
    place = name
    name, folder, text = read_named(place, PACKAGE, "preset")
    if name == "preset":
        name = folder.resolve().name
    preset = preset_from(toml_tables(text, f"the preset {str(place)!r}"), str(place))
    return dataclasses.replace(preset, name=name).with_files(lambda path: str((folder / path).resolve()))


def write_preset(preset: Preset, path: Path, comment: str = "") -> None:
    """Write a preset, whole or not at all. Its name is that of the file.

    Args:
        preset: the preset; paths of files may be relative to the file's folder.
        path: the path of the TOML file.
        comment: its first line; none if empty.

    Raises:
        WriteError: the disk is full, or the file cannot be written.
    """
    import tomli_w

    summary = {"summary": preset.summary} if preset.summary else {}
    first = f"# {comment}\n" if comment else ""
    write_atomically(path, (first + tomli_w.dumps(summary | preset.components)).encode())


@dataclass(frozen=True)
class KeptFiles:
    """A preset with its files in a separate folder.

    Args:
        preset: the preset with the new paths.
        contents: the contents of the files, by name.
        names: the new path of each old one.
    """

    preset: Preset
    contents: dict[str, bytes]
    names: dict[str, str]


def kept_files(preset: Preset, folder: str = "") -> KeptFiles:
    """Read the files that a preset names, to store them in a separate folder.

    Args:
        preset: the preset; paths of files are absolute.
        folder: the start of the new paths.

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

    return KeptFiles(preset.with_files(keep), contents, names)
