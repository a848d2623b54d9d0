"""Neighbors by counted bits are those by products."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.features.orb import signed_bits
from placeprint.verification.binary import find_binary_neighbors, packed_bits
from placeprint.verification.matching import find_neighbors


@pytest.mark.parametrize(("n", "m", "bytes_"), [(300, 200, 32), (1, 1, 32), (50, 1, 32), (400, 400, 2)])
def test_neighbors_are_those_of_products(n: int, m: int, bytes_: int) -> None:
    rng = np.random.default_rng(0)
    query, candidate = (rng.integers(0, 256, (count, bytes_)).astype(np.uint8) for count in (n, m))
    candidate[: min(n, m) // 2] = query[: min(n, m) // 2]
    counted = find_binary_neighbors(query, candidate)
    product = find_neighbors(signed_bits(query), signed_bits(candidate), far=0.0)
    assert counted.nearest.tolist() == product.nearest.tolist()  # with 16 bits there are many equal ones
    assert counted.mutual.tolist() == product.mutual.tolist()
    np.testing.assert_allclose(counted.best, product.best, atol=1e-6)
    assert counted.second is not None and product.second is not None
    np.testing.assert_allclose(counted.second, product.second, atol=1e-6)


def test_rows_are_bits_or_they_are_not() -> None:
    packed = np.random.default_rng(1).integers(0, 256, (9, 32)).astype(np.uint8)
    bits = packed_bits(signed_bits(packed))
    assert bits is not None and np.array_equal(bits, packed)
    assert packed_bits(np.ones((2, 7), np.float32) / np.sqrt(np.float32(7))) is None
    assert packed_bits(np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)) is None
