"""What retrieval is measured on: photos that are searched in, photos that search, and which of them should find which.

Every benchmark becomes one of these, whatever form it has on disk: see `placeprint.datasets.protocols`.
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
"""Left, top, right and bottom in pixels, right and bottom outside."""

METRICS = ("recall@1", "recall@5", "recall@10", "recall@20", "mAP")
"""What is measured where a protocol says nothing else."""


class PathSets(Sequence[frozenset[str]]):
    """A set of paths for each query, kept as numbers: each set is made when it is asked for.

    A set of 75,000 photos where 300 queries have hundreds of positives each takes megabytes so, not gigabytes.

    Args:
        paths: what the numbers count, as the photos of a database.
        rows: of each query, the numbers of its paths.

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
        """Return hexadecimal digits that are others when a query's numbers are; the paths are not looked at."""
        held = hashlib.sha256()
        for row in self._rows:
            held.update(len(row).to_bytes(8, "little") + row.astype("<i4").tobytes())
        return held.hexdigest()


@dataclass(frozen=True, eq=False)
class Judgment:
    """Which photos are right for each query, and which do not count.

    Args:
        name: of the level, as ``"hard"``; empty where there is one only.
        positives: for each query, the database photos that are right.
        junk: for each query, the database photos that are taken out of its ranking; empty for none at all.
    """

    name: str
    positives: Sequence[frozenset[str]]
    junk: Sequence[frozenset[str]] = ()


@dataclass(frozen=True, eq=False)
class RetrievalSet:
    """Photos and what is right, paths relative to the root with forward slashes.

    A query that is in the database, too, is taken out of its own ranking, unless `finds_itself`.

    Args:
        root: folder of the photos.
        protocol: name and version of the rules that made `positives` and `junk`.
        database: photos that are searched in, in order.
        queries: photos to find, in order; some may be in the database, too.
        positives: for each query, the database photos that are right.
        junk: for each query, the database photos that are taken out of its ranking; empty for none at all.
        answerable: for each query, whether an answer is expected of it; empty where it is of those with a positive.
        not_in_database: queries that must be answered "not in the atlas".
        metrics: names of what is measured, see `placeprint.evaluation.measures`.
        depth: ranks that the metrics look at; None for the whole database.
        crops: for each query, the part of the photo that is searched, or None for all of it; empty for all of each.
        groups: for each database photo, what it is a part of, as a panorama; only the best of a group stays in a
            ranking. Empty for no groups.
        finds_itself: whether a query in the database may find itself, and is to.
        database_positions: ``(n, 2)`` meters (east, north), or None.
        query_positions: ``(q, 2)`` meters in the same plane, or None.
        others: further levels that the same queries are judged by.

    Raises:
        ShapeError: what belongs to queries, or to photos of the database, is not as many as they are.
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
        """Name of the folder."""
        return self.root.resolve().name

    @property
    def judgments(self) -> tuple[Judgment, ...]:
        """The set's own judgment, without a name, and the others."""
        return (Judgment("", self.positives, self.junk), *self.others)

    @property
    def expected(self) -> tuple[bool, ...]:
        """Whether an answer is expected, of each query; one without a positive is then never answered rightly."""
        return self.answerable or tuple(map(bool, self.positives))
