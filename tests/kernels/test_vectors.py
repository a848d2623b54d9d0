"""The kernels give NumPy and Torch the same, in their own dtype, and do not hide what is not a number."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from placeprint.kernels.netvlad import assignment
from placeprint.kernels.pooling import crow, gem, mac, score_weights, spoc
from placeprint.kernels.vectors import at_least, unit

CELLS = np.random.default_rng(0).normal(size=(2, 30, 5)).astype(np.float32)
WEIGHTS = np.random.default_rng(1).uniform(size=(2, 30)).round().astype(np.float32)


@pytest.mark.parametrize("scale", [1e-40, 1e-25, 1.0, 1e25, 1e38])
def test_vectors_of_any_length_become_unit_vectors(scale: float) -> None:
    vectors = (np.array([[3.0, -2.0], [0.0, 0.0]]) * scale).astype(np.float32)
    found = unit(vectors)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 0], atol=1e-6)
    np.testing.assert_array_equal(unit(torch.from_numpy(vectors)).numpy(), found)


def test_the_gradient_of_unit_is_that_of_finite_differences_and_finite_at_zero() -> None:
    vectors = torch.tensor([[1.0, -2.0, 0.5], [0.1, 0.1, 3.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(unit, vectors)
    zeros = torch.zeros(2, 3, requires_grad=True)
    unit(zeros).sum().backward()  # type: ignore[no-untyped-call]  # Torch's
    assert zeros.grad is not None and torch.isfinite(zeros.grad).all()


def test_what_is_not_a_number_stays_so() -> None:
    values = at_least(np.array([np.nan, -1.0, 2.0], np.float32), 0.5)
    np.testing.assert_array_equal(values, np.array([np.nan, 0.5, 2.0], np.float32))


@pytest.mark.parametrize("weights", [None, WEIGHTS, 0 * WEIGHTS])
def test_numpy_and_torch_give_the_same_for_batches(weights: np.ndarray | None) -> None:
    rows, given = torch.from_numpy(CELLS), None if weights is None else torch.from_numpy(weights)
    pairs = (
        (spoc(CELLS, weights), spoc(rows, given)),
        (mac(CELLS, weights), mac(rows, given)),
        (gem(CELLS, 2.5, weights), gem(rows, 2.5, given)),
        (crow(CELLS, 2.0, 2.0, weights), crow(rows, 2.0, 2.0, given)),
    )
    for found, expected in pairs:
        assert found.dtype == np.float32 and found.shape == (2, 5)
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-5)
        assert found.any() or (weights is not None and not weights.any())


def test_cells_without_weight_are_as_if_they_were_not_there() -> None:
    kept = WEIGHTS[0] > 0
    some = np.ascontiguousarray(CELLS[0][kept])
    for pool in (spoc, mac, crow):
        np.testing.assert_allclose(pool(CELLS[0] * kept[:, None], weights=WEIGHTS[0]), pool(some), atol=1e-5)
    np.testing.assert_allclose(gem(CELLS[0], 3.0, WEIGHTS[0]), gem(some, 3.0), atol=1e-5)


def test_weights_of_scores_are_shares_of_the_largest() -> None:
    scores = np.array([-1, 0, 2e20, 4e20], np.float32)
    np.testing.assert_allclose(score_weights(scores, 2.0), [0, 0, 0.25, 1])
    np.testing.assert_allclose(score_weights(scores, 0.0), [1, 1, 1, 1])


def test_the_two_versions_of_the_assignment_by_hand() -> None:
    centers = np.array([[3.0, 4.0]])
    weights, biases = assignment(centers, 2.0, "v2")
    assert weights.tolist() == [[12, 16]] and biases.tolist() == [-50]
    weights, biases = assignment(centers, 2.0, "v1")
    np.testing.assert_allclose(weights, [[1.2, 1.6]])
    assert biases.tolist() == [0]


def test_arrays_are_pooled_and_netvlad_is_fitted_without_torch() -> None:
    code = (
        "import sys, numpy as np;"
        "from placeprint.aggregation import cgd, netvlad, netvlad_layer, pooling;"
        "from placeprint.types import LocalFeatures;"
        "rows = np.random.default_rng(0).normal(size=(40, 4)).astype('f');"
        "photo = LocalFeatures(np.abs(rows[:, :2]) * 20, rows, np.ones(40, 'f'), (64, 64));"
        "kinds = [pooling.SPoC(), pooling.MAC(), pooling.GeM(), pooling.WeightedGeM(), pooling.CroW(), pooling.RMAC(),"
        "netvlad.NetVLAD(num_clusters=3), netvlad_layer.NetVLADLayer(num_clusters=3), cgd.CGD(projected_dim=4)];"
        "[kind.fit([photo] * 9).aggregate(photo) for kind in kinds];"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
