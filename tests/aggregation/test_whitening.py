import numpy as np
import pytest
from numpy.typing import NDArray

from placeprint.aggregation import whitening
from placeprint.aggregation.whitening import PCAWhitening, SupervisedWhitening
from placeprint.errors import NotFittedError, OptionError, ShapeError

Rows = NDArray[np.float32]


def _rows(count: int, dim: int) -> Rows:
    generator = np.random.default_rng(0)
    return (generator.normal(size=(count, dim)) * np.geomspace(1, 0.05, dim) + 0.2).astype(np.float32)


@pytest.mark.parametrize(("count", "dim"), [(400, 20), (40, 100)])
def test_whitened_training_rows_have_unit_covariance(count: int, dim: int) -> None:
    rows = _rows(count, dim)
    learned = PCAWhitening(dim=10, shrinkage=0).fit(rows)
    assert learned.mean_ is not None and learned.projection_ is not None
    before_norm = (rows - learned.mean_) @ learned.projection_
    np.testing.assert_allclose(np.cov(before_norm.T, bias=True), np.eye(10), atol=2e-2)


def test_both_ways_to_the_eigenvectors_agree() -> None:
    rows = _rows(60, 60)
    wide = PCAWhitening(dim=5, shrinkage=0).fit(rows[:59])
    tall = PCAWhitening(dim=5, shrinkage=0).fit(np.concatenate([rows[:59], rows[:59]]))
    a, b = wide.transform(rows), tall.transform(rows)
    np.testing.assert_allclose(np.abs(a * b).sum(axis=1) >= np.abs((a * b).sum(axis=1)), True)
    np.testing.assert_allclose(np.abs(a), np.abs(b), atol=2e-3)


def test_results_are_unit_rows_and_zero_stays_zero() -> None:
    learned = PCAWhitening(dim=8).fit(_rows(100, 30))
    result = learned.transform(np.concatenate([_rows(5, 30), np.zeros((1, 30), np.float32)]))
    np.testing.assert_allclose(np.linalg.norm(result[:5], axis=1), 1, atol=1e-5)
    assert not result[5].any()


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ShapeError, match="n > 50"):
        PCAWhitening(dim=50).fit(_rows(50, 60))


def test_it_must_be_fitted_first() -> None:
    with pytest.raises(NotFittedError):
        PCAWhitening().transform(_rows(2, 3))


def test_the_randomized_way_finds_the_leading_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    rows = (generator.normal(size=(400, 300)) * 0.8 ** np.arange(300)).astype(np.float32)
    exact = PCAWhitening(dim=10, shrinkage=0).fit(rows)
    monkeypatch.setattr(whitening, "EXACT", 50)
    quick = PCAWhitening(dim=10, shrinkage=0).fit(rows)
    assert exact.projection_ is not None and quick.projection_ is not None
    assert not np.array_equal(exact.projection_, quick.projection_)
    cosines = np.abs((exact.projection_ * quick.projection_).sum(axis=0))
    cosines /= np.linalg.norm(exact.projection_, axis=0) * np.linalg.norm(quick.projection_, axis=0)
    assert cosines.min() > 0.99
    np.testing.assert_array_equal(quick.projection_, PCAWhitening(dim=10, shrinkage=0).fit(rows).projection_)


def test_supervised_whitening_evens_out_what_changes_within_pairs() -> None:
    generator = np.random.default_rng(0)
    places = generator.normal(size=(3000, 6))
    noise = np.array([2.0, 1.0, 0.5, 0.2, 0.1, 0.1])
    first, second = (places + generator.normal(size=places.shape) * noise for _ in range(2))
    learned = SupervisedWhitening(dim=6, shrinkage=0).fit_pairs(first, second)
    assert learned.mean_ is not None and learned.projection_ is not None
    differences = (first - second) @ learned.projection_
    np.testing.assert_allclose(differences.T @ differences / len(first), np.eye(6), atol=1e-3)
    everything = (np.concatenate([first, second]) - learned.mean_) @ learned.projection_
    covariance = np.cov(everything.T, bias=True)
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=covariance.max() * 1e-3)
    assert (np.diff(np.diag(covariance)) < 0).all()


def test_supervised_whitening_ranks_better_where_noise_is_known() -> None:
    generator = np.random.default_rng(1)
    noise = np.concatenate([np.full(20, 3.0), np.full(20, 0.3)])

    def pairs(count: int) -> tuple[Rows, Rows]:
        places = generator.normal(size=(count, 40))
        first, second = (places + generator.normal(size=places.shape) * noise for _ in range(2))
        return first.astype(np.float32), second.astype(np.float32)

    def recall(first: Rows, second: Rows) -> float:
        return float(np.mean((first @ second.T).argmax(axis=1) == np.arange(len(first))))

    learned = SupervisedWhitening(dim=40).fit_pairs(*pairs(2000))
    first, second = pairs(200)
    plain = recall(*(rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second)))
    assert recall(learned.transform(first), learned.transform(second)) > plain + 0.3


def test_directions_of_noise_alone_count_nothing_with_signal() -> None:
    generator = np.random.default_rng(2)
    places = generator.normal(size=(4000, 6)) * np.array([3, 2, 1, 0, 0, 0])
    first, second = ((places + generator.normal(size=places.shape)).astype(np.float32) for _ in range(2))
    plain, weighted = (SupervisedWhitening(dim=6, shrinkage=0, signal=each).fit_pairs(first, second) for each in (0, 1))
    assert plain.projection_ is not None and weighted.projection_ is not None
    lengths = np.linalg.norm(weighted.projection_, axis=0) / np.linalg.norm(plain.projection_, axis=0)
    # the share of a place's variance s^2 in all of it, s^2 + 1
    np.testing.assert_allclose(lengths, [9 / 10, 4 / 5, 1 / 2, 0, 0, 0], atol=0.05)
    with pytest.raises(OptionError, match="signal must be a number from 0 to 100, got -1"):
        SupervisedWhitening(dim=6, signal=-1).fit_pairs(first, second)


def test_pairs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"both, got \(9, 8\) and \(8, 8\)"):
        SupervisedWhitening(dim=8).fit_pairs(_rows(9, 8), _rows(8, 8))
    with pytest.raises(NotFittedError):
        SupervisedWhitening().transform(_rows(2, 3))
