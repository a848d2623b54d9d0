"""Compare two results on the same queries: the difference, and whether it could be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from placeprint.core.files import read_json
from placeprint.errors import DatasetError, OptionError
from placeprint.evaluation.paired import mcnemar, paired_bootstrap, permutation_test


class Difference(NamedTuple):
    """The difference of a result from an earlier one in a metric.

    Args:
        queries: the number of queries with both values.
        difference: the mean of this result minus the earlier one.
        low: the lower end of its 95 % paired bootstrap interval.
        high: the upper end.
        p: the two-sided p-value under the hypothesis that the two are equal.
        test: ``"McNemar, exact"`` for hit-or-miss metrics, else ``"permutation"``.
    """

    queries: int
    difference: float
    low: float
    high: float
    p: float
    test: str


def read_result(path: Path | str) -> dict[str, Any]:
    """Read the JSON that an evaluation wrote.

    Raises:
        OptionError: the file does not exist, or is something else.
    """
    held = read_json(Path(path), "a result")
    if not isinstance(held, dict) or held.get("format") != 1 or "queries" not in held:
        raise OptionError(f"{str(path)!r} is not a result of placeprint evaluate")
    if "per_query" not in held:
        raise OptionError(
            f"{str(path)!r} has no values per query, because an older placeprint wrote it; measure it again"
        )
    if not _is_whole(held):
        raise OptionError(f"{str(path)!r} is damaged: it lacks parts of a result; measure it again")
    return held


def _is_whole(held: dict[str, Any]) -> bool:
    """Return whether a result has everything needed for comparison."""
    try:
        names = [held["protocol"], *(query["query"] for query in held["queries"])]
        columns = list(held["per_query"].values())
        return all(isinstance(name, str) for name in names) and all(
            len(values) == len(held["queries"]) and all(isinstance(each, int | float | None) for each in values)
            for values in columns
        )
    except (KeyError, TypeError, AttributeError):
        return False


def check_comparable(
    protocol: str, queries: Sequence[str], earlier: Mapping[str, Any], database: int | None = None
) -> None:
    """Check that an earlier result has the same protocol and queries, before measuring again.

    Args:
        protocol: the name and version of the protocol.
        queries: the paths of the queries.
        earlier: the earlier result.
        database: the number of database photos, or None if unknown.

    Raises:
        DatasetError: the result cannot be compared.
    """
    if protocol != earlier["protocol"]:
        raise DatasetError(
            f"only only results of the same protocol can be compared, got {protocol} and {earlier['protocol']}"
        )
    before = earlier.get("database_photos")
    if None not in (database, before) and database != before:
        raise DatasetError(f"only results with the same database can be compared, got {database} and {before} photos")
    different = set(queries) ^ {query["query"] for query in earlier["queries"]}
    if different:
        raise DatasetError(
            f"only only results on the same queries can be compared; {len(different)} are in one of them only"
        )


def compare(result: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Difference]:
    """Return how a result differs from an earlier one, in each metric that both have per query.

    Args:
        result: a result of `retrieval.evaluate_retrieval`.
        earlier: another result, with the same protocol and queries.

    Raises:
        DatasetError: the protocols or the queries differ, or no metric is common.
    """
    ours = [query["query"] for query in result["queries"]]
    check_comparable(result["protocol"], ours, earlier, result.get("database_photos"))
    differences = {name: difference_in(name, result, earlier) for name in result["per_query"]}
    found = {name: each for name, each in differences.items() if each is not None}
    if not found:
        raise DatasetError("the two results have no per-query metric in common")
    return found


def difference_in(metric: str, result: Mapping[str, Any], earlier: Mapping[str, Any]) -> Difference | None:
    """Return how a result differs from an earlier one in a metric, or None if no query has both values."""
    ours, theirs = (_by_query(metric, each) for each in (result, earlier))
    known = [(ours[query], theirs[query]) for query in ours if query in theirs]
    if not known:
        return None
    pairs = np.array(known, np.float64)
    difference, low, high = paired_bootstrap(pairs[:, 0], pairs[:, 1])
    if np.isin(pairs, (0.0, 1.0)).all():
        p, test = mcnemar(pairs[:, 0] > 0, pairs[:, 1] > 0), "McNemar, exact"
    else:
        p, test = permutation_test(pairs[:, 0], pairs[:, 1]), "permutation"
    return Difference(len(pairs), difference, low, high, p, test)


def _by_query(metric: str, result: Mapping[str, Any]) -> dict[str, float]:
    """Return the values of a metric by query, for queries that have one."""
    values = result["per_query"].get(metric, [None] * len(result["queries"]))
    pairs = zip((query["query"] for query in result["queries"]), values, strict=True)
    return {query: value for query, value in pairs if value is not None}
