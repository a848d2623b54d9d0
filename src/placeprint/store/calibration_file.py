"""Read and write ``calibration.json`` of an atlas: what it has learned about its confidences, readable by people.

It is not tied to a version of the photos: adding photos or learning a new codebook keeps it. Atlases without it use the
confidences of the shipped model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from placeprint.errors import AtlasFormatError
from placeprint.store.writing import write_atomically, writing

FILE = "calibration.json"
FORMAT = 1


def write_calibration(folder: Path, data: Mapping[str, Any] | None) -> None:
    """Write the calibration of an atlas whole or not at all; None removes it.

    Raises:
        AtlasWriteError: the disk is full, or the folder cannot be written.
    """
    path = folder / FILE
    if data is not None:
        write_atomically(path, json.dumps({"format": FORMAT, **data}).encode() + b"\n")
        return
    with writing(folder):
        path.unlink(missing_ok=True)


def read_calibration(folder: Path) -> dict[str, Any] | None:
    """Return the calibration of an atlas, None where it has none.

    Raises:
        AtlasFormatError: it is damaged or of a newer format.
    """
    path = folder / FILE
    try:
        data = json.loads(path.read_bytes())
        version = int(data["format"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise AtlasFormatError(damaged_calibration(folder)) from error
    if version > FORMAT:
        raise AtlasFormatError(
            f"the calibration of the atlas {str(folder)!r} has format {version}, this placeprint reads up to {FORMAT}; "
            "upgrade placeprint"
        )
    found: dict[str, Any] = data
    return found


def damaged_calibration(folder: Path) -> str:
    """Return the message about a damaged calibration."""
    return (
        f"the atlas {str(folder)!r} has a damaged {FILE}; remove it with: placeprint calibrate --reset, "
        "or calibrate again"
    )
