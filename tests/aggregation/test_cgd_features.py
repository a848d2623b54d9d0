"""CGD over features by hand, against its network, and by its properties."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

from placeprint.aggregation.cgd import CGD, from_network
from placeprint.core import registry
from placeprint.errors import NotFittedError, OptionError, ShapeError
from placeprint.networks import cgd as networks
from placeprint.networks.pooling import GeM
from placeprint.types import Floats, LocalFeatures
from tests.aggregation.cgd_parts import CHANNELS, CONFIGS, Backbone
from tests.conftest import random_features


def _network(config: str, dim: int = 12, p: float = 2.3) -> networks.CGD:
    torch.manual_seed(0)
    network = networks.CGD(Backbone(), config, dim).eval()
    for pool in network.poolings:
        if isinstance(pool, GeM):
            nn.init.constant_(pool.log_p, float(np.log(p)))
    return network


def _cells(maps: torch.Tensor) -> LocalFeatures:
    """Return the cells of the map ``(1, C, H, W)`` of one photo as the features of a grid."""
    rows = maps[0].flatten(1).T.detach().numpy()
    lengths = np.linalg.norm(rows, axis=1)
    height, width = maps.shape[2:]
    row, column = np.divmod(np.arange(height * width), width)
    points = np.stack([column, row], axis=1) * 2 + 0.5
    return LocalFeatures(points.astype(np.float32), rows / lengths[:, None], lengths, (2 * width, 2 * height))


def _one_cell(*values: float) -> LocalFeatures:
    """Return one feature that stands for a cell of a map."""
    length = float(np.linalg.norm(values))
    return LocalFeatures(
        np.zeros((1, 2), np.float32), np.array([values], np.float32) / length, np.array([length]), (16, 16)
    )


@pytest.mark.parametrize("config", CONFIGS)
def test_it_gives_the_numbers_of_its_network(config: str) -> None:
    network = _network(config)
    pictures = torch.rand(3, 3, 17, 21, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network(pictures).numpy()
        maps = network.backbone(pictures)
    aggregator = from_network(network)
    found = np.stack([aggregator.aggregate(_cells(maps[number : number + 1])) for number in range(3)])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert aggregator.dim == 12


def test_trained_state_survives_saving_and_new_photos() -> None:
    trained = from_network(_network("MG"))
    assert trained.p_ is not None and trained.p_[0] == pytest.approx(2.3)
    restored = registry.restore(CGD(**registry.params_of(trained)), registry.state_of(trained))
    photos = [random_features(20, CHANNELS, seed) for seed in range(20)]
    before = trained.aggregate(photos[0])
    for learn in (restored.adapt, restored.refit):
        np.testing.assert_array_equal(learn(photos).aggregate(photos[0]), before)
    assert np.abs(restored.fit(photos).aggregate(photos[0])[:3] - before[:3]).max() > 0.01


def test_two_branches_by_hand() -> None:
    # the cells (1, 0) and (3, 4): sum (4, 4), maximum (3, 4)
    first, second = _one_cell(1, 0), _one_cell(3, 4)
    photo = LocalFeatures(
        np.array([[0, 0], [16, 0]]),
        np.concatenate([first.descriptors, second.descriptors]),
        np.concatenate([first.scores, second.scores]),
        (32, 16),
    )
    aggregator = CGD(config="SM", projected_dim=4).fit([photo])  # one photo: identity
    half = np.sqrt(0.5)
    np.testing.assert_allclose(
        aggregator.aggregate(photo), [half * half, half * half, 0.6 * half, 0.8 * half], rtol=1e-5
    )
    # S through (1, 2) and M through (1, 0): each of unit length in one value
    aggregator.projections_ = np.array([[[1], [-2]], [[1], [0]]], np.float32)
    np.testing.assert_allclose(aggregator.aggregate(photo), [-half, half], rtol=1e-5)


def _photos(count: int, channels: int = 6) -> list[LocalFeatures]:
    return [random_features(30, channels, seed, signed=False) for seed in range(count)]


def _branch_vectors(aggregator: CGD, photos: list[LocalFeatures]) -> list[Floats]:
    """Return of each branch ``(n, k)`` what is projected of the unit pooled vectors."""
    means, projections = aggregator.means_, aggregator.projections_
    assert means is not None and projections is not None
    pooled = [np.stack([photo.descriptors.T @ photo.scores for photo in photos])]
    pooled.append(np.stack([(photo.descriptors * photo.scores[:, None]).max(axis=0) for photo in photos]))
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in pooled]
    return [(rows - mean) @ turn for rows, mean, turn in zip(units, means, projections, strict=True)]


def test_a_learned_projection_keeps_the_directions_of_most_variance() -> None:
    photos = _photos(60)
    aggregator = CGD(config="SM", projected_dim=6).fit(photos)
    assert aggregator.dim == 6
    everything = CGD(config="SM", projected_dim=12).fit(photos)
    for short, full in zip(_branch_vectors(aggregator, photos), _branch_vectors(everything, photos), strict=True):
        variances = full.var(axis=0)
        assert (np.diff(variances) <= 1e-7).all()  # falling
        np.testing.assert_allclose(short.var(axis=0), variances[:3], rtol=1e-3)
        correlations = np.corrcoef(full.T) - np.eye(6)
        assert np.abs(correlations).max() < 0.01
        np.testing.assert_allclose(short.mean(axis=0), 0, atol=1e-5)


def test_whitening_makes_all_variances_one() -> None:
    photos = _photos(60)
    aggregator = CGD(config="SM", projected_dim=6, power=0.5, shrinkage=0.0).fit(photos)
    for vectors in _branch_vectors(aggregator, photos):
        np.testing.assert_allclose(np.cov(vectors.T, bias=True), np.eye(3), atol=1e-2)


def test_a_projection_is_as_long_as_channels_and_photos_allow() -> None:
    assert CGD(projected_dim=1536).fit(_photos(7)).dim == 12  # six channels, two branches
    learned, kept = CGD(projected_dim=8).fit(_photos(5)), CGD(projected_dim=8).fit(_photos(4))
    assert learned.dim == 8 and kept.dim == 12  # four photos are too few for four values: nothing is projected
    assert kept.means_ is not None and not kept.means_.any()


def test_new_photos_learn_anew_and_few_do_not() -> None:
    aggregator = CGD(projected_dim=4).adapt(_photos(20))
    before = np.asarray(aggregator.projections_)
    assert aggregator.adapt(_photos(10)).projections_ is before
    others = [random_features(30, 6, seed) for seed in range(50, 70)]
    assert np.abs(np.asarray(aggregator.refit(others).projections_) - before).max() > 0.01


def test_learning_needs_no_torch() -> None:
    import subprocess

    code = (
        "import sys, placeprint.core.registry as registry\n"
        "registry.create('aggregators', 'cgd')\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_misuse_is_refused() -> None:
    photos = _photos(3)
    with pytest.raises(NotFittedError, match="from_network"):
        CGD().aggregate(photos[0])
    with pytest.raises(ShapeError, match="got none"):
        CGD().fit([])
    with pytest.raises(ShapeError, match=r"descriptors must have shape \(any, 6\), got \(30, 7\)"):
        CGD().fit(photos).aggregate(random_features(30, 7))
    with pytest.raises(OptionError, match="letters S, M and G, each once, got 'SS'"):
        CGD(config="SS").fit(photos)
    with pytest.raises(OptionError, match="projected_dim must be a multiple of 3, the branches of 'SMG', got 1535"):
        CGD(config="SMG", projected_dim=1535).fit(photos)
    with pytest.raises(OptionError, match="p must be a number above 0"):
        CGD(p=0).fit(photos)
