"""Read and write ``calibration.json`` of an atlas: what it has learned about its confidences, readable by people.

It is not tied to a version of the photos: adding photos or learning a new codebook keeps it. Atlases without it use the
confidences of the shipped model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from placeprint.errors import AtlasFormatError
from placeprint.store.home import Home

FILE = "calibration.json"
FORMAT = 1


def write_calibration(home: Home, data: Mapping[str, Any] | None) -> None:
    """Write the calibration of an atlas whole or not at all; None removes it.

    Raises:
        AtlasWriteError: the disk is full, or the atlas cannot be written.
    """
    if data is None:
        home.remove(FILE)
    else:
        home.write(FILE, json.dumps({"format": FORMAT, **data}).encode() + b"\n")


def read_calibration(home: Home) -> dict[str, Any] | None:
    """Return the calibration of an atlas, None where it has none.

    Raises:
        AtlasFormatError: it is damaged or of a newer format.
    """
    try:
        data = json.loads(home.read(FILE))
        version = int(data["format"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise AtlasFormatError(damaged_calibration(home)) from error
    if version > FORMAT:
        raise AtlasFormatError(
            f"the calibration of the atlas {home.name!r} has format {version}, this placeprint reads up to {FORMAT}; "
            "upgrade placeprint"
        )
    found: dict[str, Any] = data
    return found


def damaged_calibration(home: Home) -> str:
    """Return the message about a damaged calibration."""
    return (
        f"the atlas {home.name!r} has a damaged {FILE}; remove it with: placeprint calibrate --reset, "
        "or calibrate again"
    )
