"""The data for measuring retrieval: database photos, query photos, and which of them should find which.

Every benchmark becomes a `RetrievalSet`, whatever its form on disk: see `placeprint.datasets.protocols`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import ShapeError

Values = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels; right and bottom are exclusive."""

METRICS = ("recall@1", "recall@5", "recall@10", "recall@20", "mAP")
"""The default metrics of a protocol."""


class PathSets(Sequence[frozenset[str]]):
    """A set of paths per query, stored as numbers; each set is made on access.

    This way 75,000 photos with hundreds of positives for 300 queries take megabytes, not gigabytes.

    Args:
        paths: the paths that the numbers index, such as those of a database.
        rows: for each query, the numbers of its paths.

    Example:
        >>> PathSets(("a.jpg", "b.jpg", "c.jpg"), [[0, 2], []])[0] == {"a.jpg", "c.jpg"}
        True
    """

    def __init__(self, paths: Sequence[str], rows: Iterable[Sequence[int] | NDArray[np.integer]]) -> None:
        self._paths = paths
        self._rows = [np.asarray(row, np.int32) for row in rows]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> frozenset[str]: ...

    @overload
    def __getitem__(self, index: slice) -> list[frozenset[str]]: ...

    def __getitem__(self, index: int | slice) -> frozenset[str] | list[frozenset[str]]:
        """Return the paths of one query, or of several."""
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return frozenset(self._paths[number] for number in self._rows[index].tolist())

    def of(self, queries: Sequence[int]) -> PathSets:
        """Return the sets of some of the queries."""
        return PathSets(self._paths, [self._rows[query] for query in queries])

    def fingerprint(self) -> str:
        """Return a hexadecimal fingerprint of the numbers of all queries; the paths are ignored."""
        held = hashlib.sha256()
        for row in self._rows:
            held.update(len(row).to_bytes(8, "little") + row.astype("<i4").tobytes())
        return held.hexdigest()


@dataclass(frozen=True, eq=False)
class Judgment:
    """One level of judgment: which photos are right for each query, and which do not count.

    Args:
        name: the name of the level, such as ``"hard"``; empty if there is only one.
        positives: for each query, the database photos that are right.
        junk: for each query, the database photos that are removed from its ranking; empty for none at all.
    """

    name: str
    positives: Sequence[frozenset[str]]
    junk: Sequence[frozenset[str]] = ()


@dataclass(frozen=True, eq=False)
class RetrievalSet:
    """Photos and ground truth; paths are relative to the root, with forward slashes.

    A query that is also in the database is removed from its own ranking, unless `finds_itself`.

    Args:
        root: the folder of the photos.
        protocol: the name and version of the rules that made `positives` and `junk`.
        database: the photos to search, in order.
        queries: the query photos, in order; some may also be in the database.
        positives: for each query, the database photos that are right.
        junk: for each query, the database photos that are removed from its ranking; empty for none at all.
        answerable: for each query, whether an answer is expected; if empty, those with a positive.
        not_in_database: queries that must be answered "not in the atlas".
        metrics: the names of the metrics, see `placeprint.evaluation.measures`.
        depth: the number of ranks that the metrics use; None for the whole database.
        crops: for each query, the part of the photo to use, or None for all of it; empty if no query is cropped.
        groups: for each database photo, its group, such as a panorama; only the best of a group stays in a ranking.
            Empty for no groups.
        finds_itself: whether a query in the database should find itself.
        database_positions: ``(n, 2)`` meters (east, north), or None.
        query_positions: ``(q, 2)`` meters in the same plane, or None.
        others: additional levels of judgment for the same queries.

    Raises:
        ShapeError: a field for queries or for database photos does not have as many entries as they.
    """

    root: Path
    protocol: str
    database: tuple[str, ...]
    queries: tuple[str, ...]
    positives: Sequence[frozenset[str]]
    junk: Sequence[frozenset[str]] = ()
    answerable: tuple[bool, ...] = ()
    not_in_database: tuple[str, ...] = ()
    metrics: tuple[str, ...] = METRICS
    depth: int | None = None
    crops: tuple[Box | None, ...] = ()
    groups: tuple[str, ...] = ()
    finds_itself: bool = False
    database_positions: Values | None = None
    query_positions: Values | None = None
    others: tuple[Judgment, ...] = ()

    def __post_init__(self) -> None:
        queries: list[tuple[str, Sequence[object] | Values]] = [("positives", self.positives)]
        queries += [(name, held) for name in ("junk", "answerable", "crops") if (held := getattr(self, name))]
        queries += [(f"positives of {level.name!r}", level.positives) for level in self.others]
        queries += [(f"junk of {level.name!r}", level.junk) for level in self.others if level.junk]
        database: list[tuple[str, Sequence[object] | Values]] = [("groups", self.groups)] if self.groups else []
        if self.query_positions is not None:
            queries.append(("query_positions", self.query_positions))
        if self.database_positions is not None:
            database.append(("database_positions", self.database_positions))
        for owners, kind, parts in ((self.queries, "queries", queries), (self.database, "database photos", database)):
            for name, values in parts:
                if len(values) != len(owners):
                    raise ShapeError(f"{name} must be as many as the {len(owners)} {kind}, got {len(values)}")

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.root.resolve().name

    @property
    def judgments(self) -> tuple[Judgment, ...]:
        """The set's default judgment, without a name, and the others."""
        return (Judgment("", self.positives, self.junk), *self.others)

    @property
    def expected(self) -> tuple[bool, ...]:
        """Whether an answer is expected, for each query; without a positive, no answer is then correct."""
        return self.answerable or tuple(map(bool, self.positives))
