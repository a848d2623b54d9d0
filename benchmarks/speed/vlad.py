"""Time of a VLAD relative to its one necessary matrix product, and to common implementations.

    python benchmarks/speed/vlad.py

The product is that of the descriptors with the words, ``(n, D) @ (D, K)``. The other ways give the same numbers, which
is checked first:

- ``words``: all squared distances by differences of squares, then the residuals to one word after the other;
- ``sklearn``: scikit-learn's pairwise distances, then the residuals added by index;
- ``descriptors``: one descriptor after the other, its distances, its words, its residuals.

Rounds alternate between the ways; given are medians of the rounds, and medians over the rounds of each way's time over
that of the product and over ours in the same round. The three steps of ours are timed alike: finding the nearest words
(the product is part of it), taking and adding up the residuals, normalizing. NumPy has one thread. Writes
benchmarks/results/vlad.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.vlad import VLAD
from placeprint.aggregation.vocabulary import nearest_words
from placeprint.core.numerics import normalize, power_law
from placeprint.core.threads import one_core_for_products
from placeprint.evaluation.provenance import made_by
from placeprint.types import Floats, LocalFeatures

RESULTS = Path(__file__).parents[1] / "results"
CASES = ((1000, 64, 256, 1), (1000, 64, 1024, 2))
"""Descriptors, their length, words, words a descriptor goes to."""
ROUNDS, FEW_ROUNDS = 301, 15
PRODUCT, OURS = "product", "placeprint"

Call = Callable[[], object]


def case(count: int, dim: int, num_words: int, assignments: int) -> tuple[VLAD, LocalFeatures]:
    """Return a VLAD and the features of a photo, both random."""
    generator = np.random.default_rng(0)
    rows, words = (normalize(generator.normal(size=(size, dim))) for size in (count, num_words))
    vlad = VLAD(num_words=num_words, assignments=assignments)
    vlad.codebook_ = 0.8 * words
    return vlad, LocalFeatures(np.zeros((count, 2), np.float32), rows, np.ones(count, np.float32), (640, 480))


def other_ways(vlad: VLAD, features: LocalFeatures) -> dict[str, Callable[[], Floats]]:
    """Return the other ways by name."""
    from sklearn.metrics.pairwise import euclidean_distances

    rows, codebook, m = features.descriptors, vlad.codebook_, vlad.assignments
    assert codebook is not None

    def finished(total: Floats) -> Floats:
        return normalize(power_law(total, vlad.power).ravel())

    def weighted(distances: Floats) -> tuple[NDArray[np.intp], Floats]:
        if m == 1:
            return distances.argmin(axis=1)[:, None], np.ones((len(distances), 1), np.float32)
        nearest = np.argpartition(distances, m, axis=1)[:, :m]
        squared = np.take_along_axis(distances, nearest, axis=1)
        weights = np.exp((squared.min(axis=1, keepdims=True) - squared) / vlad.softness)
        return nearest, np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)

    def words() -> Floats:
        distances = (rows**2).sum(axis=1)[:, None] - 2 * rows @ codebook.T + (codebook**2).sum(axis=1)
        nearest, weights = weighted(distances)
        total = np.zeros_like(codebook)
        for number, word in enumerate(codebook):
            chosen, column = np.nonzero(nearest == number)
            total[number] = (normalize(rows[chosen] - word) * weights[chosen, column, None]).sum(axis=0)
        return finished(total)

    def sklearn() -> Floats:
        nearest, weights = weighted(euclidean_distances(rows, codebook, squared=True))
        total = np.zeros_like(codebook)
        for column in range(m):
            found = nearest[:, column]
            np.add.at(total, found, normalize(rows - codebook[found]) * weights[:, column, None])
        return finished(total)

    def descriptors() -> Floats:
        total = np.zeros_like(codebook)
        for row in rows:
            nearest, weights = weighted(((row - codebook) ** 2).sum(axis=1)[None])
            for number, weight in zip(nearest[0], weights[0], strict=True):
                total[number] += weight * normalize(row - codebook[number])
        return finished(total)

    return {"words": words, "sklearn": sklearn, "descriptors": descriptors}


def milliseconds(work: Call) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def compared(shape: tuple[int, int, int, int]) -> dict[str, object]:
    """Return what one case takes in all the ways."""
    vlad, features = case(*shape)
    rows, codebook = features.descriptors, vlad.codebook_
    assert codebook is not None
    sums = vlad.residual_sums(features)
    others = other_ways(vlad, features)
    for name, way in others.items():
        np.testing.assert_allclose(way(), vlad.aggregate(features), atol=1e-4, err_msg=name)
    calls: dict[str, Call] = {
        PRODUCT: lambda: rows @ codebook.T,
        OURS: lambda: vlad.aggregate(features),
        "nearest words": lambda: nearest_words(rows, codebook, vlad.assignments),
        "nearest words and residual sums": lambda: vlad.residual_sums(features),
        "normalizing": lambda: vlad.normalized(*sums),
    } | dict(others)
    rounds = [
        {name: milliseconds(call) for name, call in calls.items() if name not in others or number < FEW_ROUNDS}
        for number in range(ROUNDS)
    ]
    result: dict[str, object] = {"shape": shape}
    for name in calls:
        mine = [each for each in rounds if name in each]
        result[name] = {
            "ms": median(each[name] for each in mine),
            "least_ms": min(each[name] for each in mine),
            "times_product": median(each[name] / each[PRODUCT] for each in mine),
            "times_ours": median(each[name] / each[OURS] for each in mine),
        }
    return result


def main() -> None:
    rows = []
    with one_core_for_products():
        for shape in CASES:
            rows.append(compared(shape))
            print(f"{shape[0]} x {shape[1]}, {shape[2]} words, {shape[3]} a descriptor")
            for name, found in rows[-1].items():
                if isinstance(found, dict):
                    print(f"  {name:>32}: " + ", ".join(f"{key} {value:.2f}" for key, value in found.items()))
    result = {
        "format": 1,
        "made_by": made_by(numpy=np.__version__),
        "threads": 1,
        "rounds": ROUNDS,
        "rounds_of_other_ways": FEW_ROUNDS,
        "rows": rows,
    }
    (RESULTS / "vlad.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
