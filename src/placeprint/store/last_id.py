"""The largest id that an atlas has ever given, if its photo was removed, so that no id is reused.

Indexes outside the atlas identify photos by id, and would mistake the new photo for the old one.
"""

from __future__ import annotations

from placeprint.errors import AtlasFormatError
from placeprint.store.home import Home

FILE = "last-id"


def read_last_id(home: Home) -> int:
    """Return the id, -1 where none was written.

    Raises:
        AtlasFormatError: the file is damaged.
    """
    try:
        return int(home.read(FILE))
    except FileNotFoundError:
        return -1
    except (OSError, ValueError) as error:
        raise AtlasFormatError(
            f"the atlas {home.name!r} has a damaged {FILE}; remove the file and the folder cache"
        ) from error


def write_last_id(home: Home, photo: int) -> None:
    """Write the id, unless a larger one is there.

    Raises:
        AtlasWriteError: the disk is full, or the atlas cannot be written.
    """
    if photo > read_last_id(home):
        home.write(FILE, b"%d\n" % photo)
