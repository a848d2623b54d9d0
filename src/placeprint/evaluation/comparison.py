"""Compare two results on the same queries: the difference, and whether it could be chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from placeprint.errors import DatasetError
from placeprint.evaluation.paired import mcnemar, paired_bootstrap, permutation_test
from placeprint.evaluation.results import Difference, Result


def check_comparable(protocol: str, queries: Sequence[str], earlier: Result, database: int | None = None) -> None:
    """Check that an earlier result has the same protocol and queries, before measuring again.

    Args:
        protocol: the name and version of the protocol.
        queries: the paths of the queries.
        earlier: the earlier result.
        database: the number of database photos, or None if unknown.

    Raises:
        DatasetError: the result cannot be compared.
    """
    if protocol != earlier.protocol:
        raise DatasetError(f"only results of the same protocol can be compared, got {protocol} and {earlier.protocol}")
    before = earlier.database_photos
    if None not in (database, before) and database != before:
        raise DatasetError(f"only results in the same database can be compared, got {database} and {before} photos")
    different = set(queries) ^ {query.query for query in earlier.queries}
    if different:
        raise DatasetError(
            f"only results on the same queries can be compared; {len(different)} are in one of them only"
        )


def compare(result: Result, earlier: Result) -> dict[str, Difference]:
    """Return how a result differs from an earlier one, in each metric that both have per query.

    Args:
        result: a result of `retrieval.evaluate_retrieval`.
        earlier: another result, with the same protocol and queries.

    Raises:
        DatasetError: the protocols or the queries differ, or no metric is common.
    """
    ours = [query.query for query in result.queries]
    check_comparable(result.protocol, ours, earlier, result.database_photos)
    differences = {name: difference_in(name, result, earlier) for name in result.per_query}
    found = {name: each for name, each in differences.items() if each is not None}
    if not found:
        raise DatasetError("the two results have no per-query metric in common")
    return found


def difference_in(metric: str, result: Result, earlier: Result) -> Difference | None:
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
    return Difference(queries=len(pairs), difference=difference, low=low, high=high, p=p, test=test)


def _by_query(metric: str, result: Result) -> dict[str, float]:
    """Return the values of a metric by query, for queries that have one."""
    values = result.per_query.get(metric)
    if values is None:
        return {}
    pairs = zip(result.queries, values, strict=True)
    return {query.query: value for query, value in pairs if value is not None}
