"""Read and write ``atlas.toml``: how an atlas was made, readable by people and checked on opening.

It is written once, when the atlas is made: the format's version, the preset's name, every component with
its parameters, and the sha256 of the weights. What is learned is beside it in ``state/``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from placeprint.errors import AtlasFormatError, AtlasMissingError, OptionError, PlaceprintError
from placeprint.presets import Preset, preset_from
from placeprint.store.home import Home

FORMAT = 2
"""Since 2, descriptors are compressed by Zstandard, local ones too; those of 1 are read too."""
FILE_NAME = "atlas.toml"
MOST_EXTRACTORS = 64


@dataclass(frozen=True)
class Manifest:
    """How an atlas was made.

    Args:
        preset: that it was made by; files in the atlas are named from its folder.
        weights: the sha256 of the weights, by name.
        num_extractors: the number of extractors whose features are stored.
        created_by: the version of placeprint.
        format: the version of the layout on disk.
    """

    preset: Preset
    weights: Mapping[str, str]
    num_extractors: int
    created_by: str
    format: int = FORMAT

    def write(self, home: Home) -> None:
        """Write ``atlas.toml`` whole or not at all."""
        import tomli_w

        content = {
            "format": self.format,
            "preset": self.preset.name,
            "created_by": self.created_by,
            "num_extractors": self.num_extractors,
            "weights": dict(self.weights),
            "components": self.preset.components,
        }
        home.write(FILE_NAME, tomli_w.dumps(content).encode())

    @classmethod
    def read(cls, home: Home) -> Manifest:
        """Read ``atlas.toml``.

        Raises:
            AtlasMissingError: there is no manifest.
            AtlasFormatError: it is damaged or of a newer format, or names what this placeprint does not know.
        """
        try:
            return cls.parse(_content(home), home.given)
        except AtlasFormatError:  # a copy on this machine may be damaged
            return cls.parse(_content(home, again=True), home.given)

    @classmethod
    def parse(cls, data: bytes, place: str) -> Manifest:
        """Return what the content of ``atlas.toml`` says.

        Args:
            data: the content.
            place: the path or the address of the atlas, for messages.

        Raises:
            AtlasFormatError: it is damaged or of a newer format, or names what this placeprint does not know.
        """
        try:
            content = tomllib.loads(data.decode())
            version = int(content["format"])
            if version > FORMAT:
                raise AtlasFormatError(
                    f"the atlas {place!r} has format {version}, this placeprint reads up to {FORMAT}; "
                    "upgrade placeprint"
                )
            count = int(content.get("num_extractors", 1))
            if version < 1 or not 1 <= count <= MOST_EXTRACTORS:
                raise ValueError(f"format {version}, {count} extractors")
            return cls(
                preset_from(dict(content["components"]), str(content["preset"])),
                dict(content["weights"]),
                count,
                str(content["created_by"]),
                version,
            )
        except OptionError as error:
            raise AtlasFormatError(damaged(place, error)) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise AtlasFormatError(
                f"{f'{place}/{FILE_NAME}'!r} is damaged ({error!r}); restore it, or make the atlas again"
            ) from error


def _content(home: Home, *, again: bool = False) -> bytes:
    """Return the content of ``atlas.toml``; raises what `Manifest.read` does."""
    try:
        return home.read(FILE_NAME, again=again)
    except PlaceprintError:
        raise
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError) as error:
        raise AtlasMissingError(f"there is no atlas at {home.given!r}; make one with: placeprint index") from error
    except OSError as error:
        raise AtlasFormatError(f"{f'{home.given}/{FILE_NAME}'!r} cannot be read: {error.strerror}") from error


def damaged(place: str, reason: object) -> str:
    """Return the message about a manifest that does not say what was written."""
    words = " ".join(str(reason).split())
    return f"the atlas {place!r} has a damaged {FILE_NAME} ({words}); restore it, or make the atlas again"
