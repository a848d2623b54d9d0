"""What retrieval is measured on: photos that are searched in, photos that search, and which of them should find which.

Every benchmark becomes one of these, whatever form it has on disk: see `read_retrieval_set`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from placeprint.errors import ShapeError


@dataclass(frozen=True)
class RetrievalSet:
    """Photos and what is right, paths relative to the root with forward slashes.

    Args:
        root: folder of the photos.
        protocol: name and version of the rules that made `positives` and `junk`.
        database: photos that are searched in, in order.
        queries: photos to find, in order; some may be in the database, too.
        positives: for each query, the database photos that are right.
        junk: for each query, the database photos that are taken out of its ranking; empty for none at all.
        not_in_database: queries that must be answered "not in the atlas".

    Raises:
        ShapeError: there are not as many positives, or junk, as queries.
    """

    root: Path
    protocol: str
    database: tuple[str, ...]
    queries: tuple[str, ...]
    positives: tuple[frozenset[str], ...]
    junk: tuple[frozenset[str], ...] = ()
    not_in_database: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, values in (("positives", self.positives), ("junk", self.junk or self.queries)):
            if len(values) != len(self.queries):
                raise ShapeError(f"{name} must be as many as the {len(self.queries)} queries, got {len(values)}")

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.root.resolve().name
