import numpy as np
import pytest

from placeprint.errors import NotFittedError, ShapeError
from placeprint.whitening import PCAWhitening


def _rows(count: int, dim: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    generator = np.random.default_rng(0)
    return (generator.normal(size=(count, dim)) * np.geomspace(1, 0.05, dim) + 0.2).astype(np.float32)


@pytest.mark.parametrize(("count", "dim"), [(400, 20), (40, 100)])
def test_whitened_training_rows_have_unit_covariance(count: int, dim: int) -> None:
    rows = _rows(count, dim)
    whitening = PCAWhitening(dim=10, shrinkage=0).fit(rows)
    assert whitening.mean_ is not None and whitening.projection_ is not None
    before_norm = (rows - whitening.mean_) @ whitening.projection_
    np.testing.assert_allclose(np.cov(before_norm.T, bias=True), np.eye(10), atol=2e-2)


def test_both_ways_to_the_eigenvectors_agree() -> None:
    rows = _rows(60, 60)
    wide = PCAWhitening(dim=5, shrinkage=0).fit(rows[:59])
    tall = PCAWhitening(dim=5, shrinkage=0).fit(np.concatenate([rows[:59], rows[:59]]))
    a, b = wide.transform(rows), tall.transform(rows)
    np.testing.assert_allclose(np.abs(a * b).sum(axis=1) >= np.abs((a * b).sum(axis=1)), True)
    np.testing.assert_allclose(np.abs(a), np.abs(b), atol=2e-3)


def test_results_are_unit_rows_and_zero_stays_zero() -> None:
    whitening = PCAWhitening(dim=8).fit(_rows(100, 30))
    result = whitening.transform(np.concatenate([_rows(5, 30), np.zeros((1, 30), np.float32)]))
    np.testing.assert_allclose(np.linalg.norm(result[:5], axis=1), 1, atol=1e-5)
    assert not result[5].any()


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ShapeError, match="n > 50"):
        PCAWhitening(dim=50).fit(_rows(50, 60))


def test_it_must_be_fitted_first() -> None:
    with pytest.raises(NotFittedError):
        PCAWhitening().transform(_rows(2, 3))
