"""Global pooling by hand, against plain loops of the papers' equations, and torch against NumPy."""

from __future__ import annotations

import copy
import math
import shutil
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from placeprint.aggregation import pooling
from placeprint.core import registry
from placeprint.errors import NotFittedError, OptionError, ShapeError
from placeprint.kernels.pooling import gem
from placeprint.kernels.rmac import rmac_regions
from placeprint.networks import pooling as networks
from placeprint.types import Floats, LocalFeatures
from tests.conftest import random_features

STRIDE = 16
PAIRS: dict[str, tuple[Any, Any]] = {
    "spoc": (networks.SPoC(), pooling.SPoC()),
    "spoc-center": (networks.SPoC(center_prior=True), pooling.SPoC(center_prior=True)),
    "mac": (networks.MAC(), pooling.MAC()),
    "gem": (networks.GeM(), pooling.GeM()),
    "gem-5": (networks.GeM(5.0), pooling.GeM(p=5.0)),
    "gem-channels": (networks.GeM(2.0, channels=6), pooling.GeM(p=(2.0,) * 6)),
    "weighted-gem": (networks.WeightedGeM(), pooling.WeightedGeM()),
    "crow": (networks.CroW(), pooling.CroW()),
    "rmac": (networks.RMAC(), pooling.RMAC()),
    "rmac-whole": (networks.RMAC(2, whole=True), pooling.RMAC(levels=2, whole=True)),
}
MODULES: dict[str, Any] = {name: each for name, (each, _) in PAIRS.items() if name != "weighted-gem"} | {
    "attention": networks.WeightedGeM(attention_channels=6)
}
AGGREGATORS: dict[str, Any] = {name: each for name, (_, each) in PAIRS.items()}


def random_map(height: int, width: int, seed: int = 0, channels: int = 6, *, signed: bool = False) -> Floats:
    """Return a map ``(C, H, W)``, about half of it zeros like behind a ReLU, or signed."""
    values = np.random.default_rng(seed).normal(size=(channels, height, width)).astype(np.float32)
    return values if signed else np.maximum(values, 0)


def as_features(map_: Floats) -> LocalFeatures:
    """Return the cells of a map ``(C, H, W)`` as the features of a grid."""
    _, height, width = map_.shape
    rows = map_.reshape(len(map_), -1).T
    lengths = np.linalg.norm(rows, axis=1)
    row, column = np.divmod(np.arange(height * width), width)
    keypoints = np.stack([column, row], axis=1) * STRIDE + (STRIDE - 1) / 2
    descriptors = rows / np.maximum(lengths, 1e-12)[:, None]
    return LocalFeatures(keypoints.astype(np.float32), descriptors, lengths, (width * STRIDE, height * STRIDE))


def plain(vector: Floats) -> Floats:
    """Return a vector of unit length."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


def run(module: Any, map_: Floats, *more: torch.Tensor) -> Floats:
    """Return what a module makes of one map ``(C, H, W)``."""
    with torch.inference_mode():
        return np.asarray(module(torch.from_numpy(map_)[None], *more)[0].numpy(), np.float32)


def test_poolings_by_hand() -> None:
    # two channels on two cells: (1, 0) and (3, 4)
    map_ = np.array([[[1, 3]], [[0, 4]]], np.float32)
    assert run(networks.SPoC(normalize=False), map_).tolist() == [4, 4]
    assert run(networks.MAC(normalize=False), map_).tolist() == [3, 4]
    np.testing.assert_allclose(run(networks.GeM(3.0, normalize=False), map_), [14 ** (1 / 3), 32 ** (1 / 3)], rtol=1e-5)
    weights = torch.tensor([[[[3.0, 1.0]]]])
    found = run(networks.WeightedGeM(2.0, normalize=False), map_, weights)
    np.testing.assert_allclose(found, np.sqrt([3, 4]), rtol=1e-5)
    # R-MAC: two squares overlap by 0, three by 50 %, so m = 3: from 0, 0.5 and 1, rounded down, with the unit vectors
    # (1, 0), (1, 0) and (0.6, 0.8); levels 2 and 3 have no squares
    np.testing.assert_allclose(run(networks.RMAC(normalize=False), map_), [2.6, 0.8], rtol=1e-5)


def test_the_center_prior_by_hand() -> None:
    # on 6 x 6 cells the deviation is 1 cell; the middle is at 2.5, so cell (2, 2) is at distance^2 0.5, (0, 0) at 12.5
    map_ = np.zeros((2, 6, 6), np.float32)
    map_[0, 2, 2], map_[1, 0, 0] = 1, 1
    found = run(networks.SPoC(center_prior=True, normalize=False), map_)
    np.testing.assert_allclose(found, np.exp([-0.25, -6.25]), rtol=1e-5)


@given(seed=st.integers(0, 50), height=st.integers(1, 9), width=st.integers(1, 9), signed=st.booleans())
def test_gem_of_1_is_the_mean_and_of_much_is_the_maximum(seed: int, height: int, width: int, signed: bool) -> None:
    map_ = random_map(height, width, seed, signed=signed)
    positive = np.maximum(map_, 1e-6)
    np.testing.assert_allclose(run(networks.GeM(1.0), map_), run(networks.SPoC(), positive), atol=1e-5)
    np.testing.assert_allclose(run(networks.GeM(5000.0), map_), run(networks.MAC(), positive), atol=2e-3)


@pytest.mark.parametrize("p", [1.0, 3.0, 10.0, 100.0])
@pytest.mark.parametrize("kind", [networks.GeM, networks.WeightedGeM])
def test_a_dead_channel_has_a_finite_gradient(kind: Any, p: float) -> None:
    maps = torch.from_numpy(random_map(4, 5))[None]
    maps[0, 2] = 0
    maps.requires_grad_()
    module = kind(p)
    more = (torch.ones(1, 1, 4, 5, requires_grad=True),) if kind is networks.WeightedGeM else ()
    module(maps, *more)[0, :3].sum().backward()
    for each in (maps, module.log_p, *more):
        assert each.grad is not None and torch.isfinite(each.grad).all() and each.grad.any()


def test_the_gradient_of_a_zero_map_is_finite() -> None:
    for module in MODULES.values():
        maps = torch.zeros(2, 6, 4, 5, requires_grad=True)
        module(maps).sum().backward()
        assert maps.grad is not None and torch.isfinite(maps.grad).all()


def test_p_stays_positive_whatever_the_step() -> None:
    module = networks.GeM(0.5, normalize=False)
    step = torch.optim.SGD(module.parameters(), lr=1.0)
    for _ in range(5):
        step.zero_grad()
        module(torch.from_numpy(random_map(4, 4))[None]).sum().backward()
        step.step()
    assert 0 < module.p.item() < 0.5


def test_values_too_large_for_their_power_are_no_problem() -> None:
    map_ = random_map(3, 3) + 0.5
    np.testing.assert_allclose(run(networks.GeM(10.0), map_ * 1e10), run(networks.GeM(10.0), map_), atol=1e-5)


def test_learned_weights_are_softplus_of_a_convolution() -> None:
    module = networks.WeightedGeM(attention_channels=6)
    map_ = random_map(4, 5)
    assert module.attention is not None
    kernel, bias = (each.detach().numpy() for each in module.attention.parameters())
    weights = np.log1p(np.exp(np.tensordot(kernel[0, :, 0, 0], map_, 1) + bias[0])).astype(np.float32)
    found = run(networks.WeightedGeM(), map_, torch.from_numpy(weights)[None, None])
    np.testing.assert_allclose(run(module, map_), found, atol=1e-5)


def test_a_mask_leaves_cells_out() -> None:
    map_ = random_map(4, 5)
    mask = torch.zeros(1, 1, 4, 5)
    mask[..., :2] = 1
    np.testing.assert_allclose(
        run(networks.WeightedGeM(), map_, mask), run(networks.GeM(), np.ascontiguousarray(map_[..., :2])), atol=1e-5
    )
    assert not run(networks.WeightedGeM(), map_, 0 * mask).any()


def test_the_squares_of_7_by_7_by_hand() -> None:
    # level 1: the map; level 2: side 4 from 0 and 3; level 3: side 3 from 0, 2 and 4
    expected = (
        [(0, 0, 7)] + [(x, y, 4) for y in (0, 3) for x in (0, 3)] + [(x, y, 3) for y in (0, 2, 4) for x in (0, 2, 4)]
    )
    assert rmac_regions(7, 7) == expected


def test_the_squares_of_20_by_15_by_hand() -> None:
    # two squares of 15 overlap by 10 / 15 = 67 %, three by 83 %: m = 2; sides 15, 10, 7
    expected = [(0, 0, 15), (5, 0, 15)]
    expected += [(x, y, 10) for y in (0, 5) for x in (0, 5, 10)]
    expected += [(x, y, 7) for y in (0, 4, 8) for x in (0, 4, 8, 13)]
    assert rmac_regions(20, 15) == expected
    assert sorted(rmac_regions(15, 20)) == sorted((y, x, side) for x, y, side in expected)


def test_the_squares_of_narrow_maps() -> None:
    # 16 x 10: two overlap by 40 % exactly; 22 x 10: three by 40 %; 100 x 10: seven are the most
    assert [len(rmac_regions(width, 10, 1)) for width in (16, 22, 100)] == [2, 3, 7]
    assert rmac_regions(1, 1) == [(0, 0, 1)]
    assert rmac_regions(0, 5) == []
    with pytest.raises(OptionError, match="levels must be at least 1, got 0"):
        rmac_regions(7, 7, 0)


@given(width=st.integers(1, 60), height=st.integers(1, 60), levels=st.integers(1, 4))
def test_squares_are_inside_and_reach_both_ends(width: int, height: int, levels: int) -> None:
    regions = rmac_regions(width, height, levels)
    assert all(0 <= x <= width - side and 0 <= y <= height - side for x, y, side in regions)
    assert max(x + side for x, _, side in regions) == width and max(y + side for _, y, side in regions) == height


def _plain_starts(length: int, side: int, level: int, more: int) -> list[int]:
    count = level + more
    step = 0.0 if count == 1 else (length - side) / (count - 1)
    return [math.floor(number * step + 1e-9) for number in range(count)]


def _plain_rmac(map_: Floats) -> Floats:
    """Do as the authors' code does: `more` squares beside the l of level l, along the longer side."""
    channels, height, width = map_.shape
    shorter, longer, more = min(height, width), max(height, width), 0
    if width != height:
        steps = [(longer - shorter) / (count - 1) for count in range(2, 8)]
        more = 1 + int(np.argmin([abs((shorter**2 - shorter * step) / shorter**2 - 0.4) for step in steps]))
    total = np.zeros(channels)
    for level in (1, 2, 3):
        side = math.floor(2 * shorter / (level + 1))
        if side == 0:
            continue
        for y in _plain_starts(height, side, level, more if height > width else 0):
            for x in _plain_starts(width, side, level, more if width > height else 0):
                square = [
                    max(float(map_[k, y + j, x + i]) for j in range(side) for i in range(side)) for k in range(channels)
                ]
                total += np.array(square) / max(float(np.linalg.norm(square)), 1e-12)
    return plain(np.asarray(total, np.float32))


@pytest.mark.parametrize("size", [(7, 7), (15, 20), (9, 4), (1, 1), (1, 6), (2, 3)])
def test_rmac_agrees_with_a_plain_loop(size: tuple[int, int]) -> None:
    map_ = random_map(*size)
    np.testing.assert_allclose(run(networks.RMAC(), map_), _plain_rmac(map_), atol=1e-5)


def _plain_crow(map_: Floats) -> Floats:
    channels, height, width = map_.shape
    cells = [(j, i) for j in range(height) for i in range(width)]
    sums = {cell: sum(max(float(value), 0) for value in map_[:, cell[0], cell[1]]) for cell in cells}
    norm = sum(value**2 for value in sums.values()) ** 0.5 or 1
    shares = [sum(map_[k, j, i] > 0 for j, i in cells) / len(cells) for k in range(channels)]
    weights = [math.log((channels * 1e-6 + sum(shares)) / (1e-6 + share)) for share in shares]
    return np.array(
        [
            weight * sum(float(map_[k, j, i]) * (sums[j, i] / norm) ** 0.5 for j, i in cells)
            for k, weight in enumerate(weights)
        ],
        np.float32,
    )


@given(seed=st.integers(0, 50), height=st.integers(1, 6), width=st.integers(1, 6), signed=st.booleans())
def test_crow_agrees_with_a_plain_loop(seed: int, height: int, width: int, signed: bool) -> None:
    map_ = random_map(height, width, seed, signed=signed)
    np.testing.assert_allclose(run(networks.CroW(normalize=False), map_), _plain_crow(map_), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (6, 1), (4, 4), (15, 20), (9, 7)])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_torch_and_numpy_give_the_same(name: str, size: tuple[int, int], signed: bool) -> None:
    module, aggregator = PAIRS[name]
    map_ = random_map(*size, signed=signed)
    more = (torch.from_numpy(np.linalg.norm(map_, axis=0))[None, None],) if name == "weighted-gem" else ()
    found = aggregator.aggregate(as_features(map_))
    np.testing.assert_allclose(found, run(module, map_, *more), atol=1e-5)
    assert found.dtype == np.float32


def test_regional_whitening_is_the_same_in_torch_and_numpy_and_whitens() -> None:
    photos = [as_features(random_map(6, 8, seed, signed=True)) for seed in range(40)]
    aggregator = pooling.RMAC(whitened_dim=4, shrinkage=0).fit(photos)
    assert aggregator.dim == 4 and aggregator.mean_ is not None and aggregator.projection_ is not None
    regions = np.concatenate([aggregator.regions(photo) for photo in photos])
    whitened = (regions - aggregator.mean_) @ aggregator.projection_
    np.testing.assert_allclose(np.cov(whitened.T, bias=True), np.eye(4), atol=1e-3)
    module = networks.RMAC(mean=torch.from_numpy(aggregator.mean_), projection=torch.from_numpy(aggregator.projection_))
    map_ = random_map(6, 8, 99, signed=True)
    np.testing.assert_allclose(aggregator.aggregate(as_features(map_)), run(module, map_), atol=1e-5)
    assert run(module, np.zeros((6, 0, 3), np.float32)).tolist() == [0] * 4
    assert not run(module, np.zeros((6, 4, 3), np.float32)).any()
    learned = aggregator.projection_
    assert aggregator.adapt(photos[:2]).projection_ is learned
    restored = registry.restore(pooling.RMAC(**registry.params_of(aggregator)), registry.state_of(aggregator))
    np.testing.assert_array_equal(aggregator.aggregate(photos[0]), restored.aggregate(photos[0]))


@pytest.mark.parametrize("scale", [(1.0, 1.0), (1.7, 1.63)])
def test_rmac_finds_the_map_again_when_cells_are_missing_or_the_photo_is_scaled(scale: tuple[float, float]) -> None:
    map_ = random_map(15, 20)
    map_[:, :2] = 0  # rows of sky
    map_[:, :, 5] = 0
    whole = as_features(map_)
    photo = LocalFeatures(
        (whole.keypoints + 0.5) * np.array(scale) - 0.5,
        whole.descriptors,
        whole.scores,
        (round(320 * scale[0]), round(240 * scale[1])),
    )[whole.scores > 0]
    np.testing.assert_allclose(pooling.RMAC().aggregate(photo), run(networks.RMAC(), map_), atol=1e-5)


@pytest.mark.parametrize("name", ["spoc", "mac", "gem", "gem-channels", "attention", "crow"])
def test_where_cells_are_does_not_matter(name: str) -> None:
    map_ = random_map(5, 6)
    order = np.random.default_rng(1).permutation(30)
    turned = np.ascontiguousarray(map_.reshape(6, 30)[:, order].reshape(6, 5, 6))
    np.testing.assert_allclose(run(MODULES[name], map_), run(MODULES[name], turned), atol=1e-5)


@pytest.mark.parametrize("name", AGGREGATORS)
def test_the_order_of_features_does_not_matter(name: str) -> None:
    features = as_features(random_map(9, 7))
    turned = features[np.random.default_rng(0).permutation(63)]
    aggregate = AGGREGATORS[name].aggregate
    np.testing.assert_allclose(aggregate(features), aggregate(turned), atol=1e-5)


@pytest.mark.parametrize("name", MODULES)
def test_maps_of_any_form(name: str) -> None:
    module = MODULES[name]
    for size in [(1, 1), (3, 8), (8, 3)]:
        found = run(module, random_map(*size) + 0.1)
        assert found.shape == (6,) and np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
    assert run(module, np.zeros((6, 0, 5), np.float32)).tolist() == [0] * 6
    assert tuple(module(torch.zeros(0, 6, 4, 4)).shape) == (0, 6)
    both = torch.from_numpy(np.stack([random_map(4, 5, seed) for seed in range(2)]))
    np.testing.assert_allclose(run(module, random_map(4, 5, 1)), module(both)[1].detach().numpy(), atol=1e-5)
    with pytest.raises(ShapeError, match=r"maps must have shape \(B, C, H, W\), got \(6, 4, 4\)"):
        module(torch.zeros(6, 4, 4))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", MODULES)
def test_half_precision_is_near_enough(name: str, dtype: torch.dtype) -> None:
    maps = torch.from_numpy(random_map(7, 9))[None]
    maps[:, 0] = 0
    module = MODULES[name]
    found = copy.deepcopy(module).to(dtype)(maps.to(dtype))
    assert found.dtype == dtype and torch.isfinite(found).all()
    np.testing.assert_allclose(found.float().detach().numpy(), module(maps).detach().numpy(), atol=0.01)


@pytest.mark.parametrize("name", MODULES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    module = copy.deepcopy(MODULES[name]).double()
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 6, 3, 4, generator=generator, dtype=torch.float64) + 0.1
    assert torch.autograd.gradcheck(module, maps.requires_grad_())


def test_gradients_of_weights_and_p_are_those_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    maps, weights = (torch.rand(2, count, 3, 4, generator=generator, dtype=torch.float64) + 0.1 for count in (6, 1))

    def pool(weights: torch.Tensor, log_p: torch.Tensor) -> torch.Tensor:
        return gem(maps.flatten(2).mT, log_p.exp(), weights.flatten(1))

    log_p = torch.tensor([1.1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pool, (weights.requires_grad_(), log_p))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.slow
def test_compiled_poolings_give_the_same() -> None:
    maps = torch.from_numpy(random_map(7, 9))[None]
    for name, module in MODULES.items():
        # the graph in one piece; only GeM goes all the way to machine code, which takes long
        compiled: Any = torch.compile(module, fullgraph=True, backend="inductor" if name == "gem" else "eager")
        np.testing.assert_allclose(compiled(maps).detach().numpy(), module(maps).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("name", AGGREGATORS)
def test_aggregators_learn_the_length_of_descriptors(name: str) -> None:
    aggregator = type(AGGREGATORS[name])()
    with pytest.raises(NotFittedError, match="has seen no features"):
        _ = aggregator.dim
    with pytest.raises(ShapeError, match="at least one photo"):
        aggregator.fit([])
    photo = random_features(20, 8)
    assert aggregator.fit([photo]) is aggregator.refit([photo]) is aggregator.adapt([photo])
    assert aggregator.dim == 8 and int(registry.state_of(aggregator)["dim_"]) == 8
    assert aggregator.aggregate(photo[:0]).tolist() == [0] * 8
    with pytest.raises(ShapeError, match=r"shape \(any, 8\), got \(5, 7\)"):
        aggregator.aggregate(random_features(5, 7))


def test_scores_can_be_left_out() -> None:
    features = random_features(30, 8, signed=False)
    np.testing.assert_allclose(
        pooling.SPoC(use_scores=False).aggregate(features), plain(features.descriptors.sum(axis=0)), atol=1e-6
    )
    same = pooling.WeightedGeM(weight_power=0).aggregate(features)
    np.testing.assert_allclose(same, pooling.GeM().aggregate(features), atol=1e-6)
    only = np.zeros(30, np.float32)
    only[4] = 2
    np.testing.assert_allclose(
        pooling.WeightedGeM().aggregate(features, only), plain(features.descriptors[4]), atol=1e-4
    )


def test_wrong_options_are_refused() -> None:
    features = random_features(5, 8)
    with pytest.raises(OptionError, match="p must be above 0, got 0"):
        networks.GeM(0)
    with pytest.raises(OptionError, match=r"p must be a number above 0 .* got -1"):
        pooling.GeM(p=-1).aggregate(features)
    with pytest.raises(ShapeError, match=r"p must be a number or have shape \(8,\), got \(2,\)"):
        pooling.GeM(p=(1.0, 2.0)).aggregate(features)
    with pytest.raises(ShapeError, match=r"weights must have shape \(5,\), got \(4,\)"):
        pooling.WeightedGeM().aggregate(features, np.ones(4, np.float32))
    with pytest.raises(OptionError, match="needs weights"):
        networks.WeightedGeM()(torch.zeros(1, 8, 2, 2))
    with pytest.raises(ShapeError, match=r"weights must have shape \(1, 1, 2, 2\)"):
        networks.WeightedGeM()(torch.zeros(1, 8, 2, 2), torch.zeros(1, 1, 2, 3))
    with pytest.raises(ShapeError, match=r"\(C,\) and \(C, D\), got \(3,\) and None"):
        networks.RMAC(mean=torch.zeros(3))
    with pytest.raises(ShapeError, match="as many rows"):
        networks.RMAC(mean=torch.zeros(3), projection=torch.zeros(4, 2))
    with pytest.raises(NotFittedError, match="has not learned its whitening"):
        pooling.RMAC(whitened_dim=4).aggregate(features)
    with pytest.raises(ShapeError, match=r"whitening to 8 needs regions of shape \(n > 8"):
        pooling.RMAC(whitened_dim=8).fit([features[:1]])
