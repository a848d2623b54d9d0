"""An atlas: photos of known places on disk. Create, open, add, search, remove, refit."""

from placeprint.atlas.atlas import Atlas
from placeprint.atlas.reports import AddReport

__all__ = ["AddReport", "Atlas"]
