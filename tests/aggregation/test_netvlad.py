"""NetVLAD by hand, against plain loops, against hard VLAD, and each bug of public code."""

from __future__ import annotations

import copy
import math
import os
import shutil
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from placeprint.aggregation.netvlad import NetVLAD as Aggregator
from placeprint.aggregation.vlad import VLAD
from placeprint.errors import NotFittedError, OptionError, ShapeError, WeightsError
from placeprint.kernels.netvlad import VERSIONS, sharpness, soft_weights
from placeprint.networks import netvlad
from placeprint.networks.netvlad import NetVLAD
from placeprint.networks.netvlad_checkpoint import load_netvlad
from placeprint.types import LocalFeatures
from tests.conftest import random_features

Rows = NDArray[np.float64]


def _units(count: int, dim: int, seed: int = 0) -> Rows:
    return np.asarray(random_features(count, dim, seed).descriptors, np.float64)


def _layer(centers: Rows, descriptors: Rows, version: str = "v2", num_ghosts: int = 0) -> NetVLAD:
    layer = NetVLAD(len(centers) - num_ghosts, centers.shape[1], version, num_ghosts=num_ghosts).double()
    layer.init_params(torch.from_numpy(centers), torch.from_numpy(descriptors))
    return layer


def _features(rows: Rows) -> LocalFeatures:
    count = len(rows)
    return LocalFeatures(np.zeros((count, 2), np.float32), rows.astype(np.float32), np.ones(count, np.float32), (9, 9))


def _plain_loop(rows: Rows, centers: Rows, alpha: float, version: str, ghosts: int = 0) -> Rows:
    """Return V of one photo, written as in the paper, one number after the other."""
    clusters = len(centers) - ghosts
    sums = np.zeros((clusters, centers.shape[1]))
    for row in rows:
        x = row / (math.sqrt(sum(float(value) ** 2 for value in row)) or 1)
        if version == "v2":
            logits = [-alpha * sum((x[j] - c[j]) ** 2 for j in range(len(x))) for c in centers]
        else:
            logits = [alpha * sum(x * c) / math.sqrt(sum(c * c)) for c in centers]
        powers = [math.exp(logit - max(logits)) for logit in logits]
        for k in range(clusters):
            for j in range(len(x)):
                sums[k, j] += powers[k] / sum(powers) * (x[j] - centers[k, j])
    for k in range(clusters):
        sums[k] /= max(math.sqrt(sum(sums[k] ** 2)), 1e-12)
    return np.asarray(sums.ravel() / max(math.sqrt(float((sums**2).sum())), 1e-12))


def test_two_clusters_by_hand() -> None:
    layer = NetVLAD(2, 2, normalize_input=False).double()
    # logits of x = (1, 0): w . x + b = ln 3 and 0, so soft weights 3/4 and 1/4; of (0, 0): 0 and 0, so 1/2 and 1/2
    layer.load_state_dict(
        {
            "conv.weight": torch.tensor([[math.log(3), 0.0], [0.0, 0.0]])[:, :, None, None],
            "conv.bias": torch.zeros(2),
            "centroids": torch.tensor([[0.0, 1.0], [-1.0, 0.0]]),
        }
    )
    x = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]], dtype=torch.double)
    torch.testing.assert_close(
        layer.soft_weights(x), torch.tensor([[[0.75, 0.5], [0.25, 0.5]]]).double(), atol=1e-7, rtol=0
    )
    # V_1 = 3/4 (1, -1) + 1/2 (0, -1) = (3, -5) / 4; V_2 = 1/4 (2, 0) + 1/2 (1, 0) = (1, 0)
    expected = torch.tensor([[3 / math.sqrt(34), -5 / math.sqrt(34), 1, 0]]).double() / math.sqrt(2)
    torch.testing.assert_close(layer(x), expected, atol=1e-7, rtol=0)


@pytest.mark.parametrize("ghosts", [0, 2])
@pytest.mark.parametrize("version", VERSIONS)
def test_it_agrees_with_a_plain_loop(version: str, ghosts: int) -> None:
    centers, rows = 0.8 * _units(5 + ghosts, 6, 1), 3 * _units(30, 6, 2)
    layer = _layer(centers, rows, version, ghosts)
    x = torch.from_numpy(rows.reshape(2, 3, 5, 6).transpose(0, 3, 1, 2).copy())
    expected = [_plain_loop(each, centers, layer.alpha, version, ghosts) for each in (rows[:15], rows[15:])]
    # the parameters are float32
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_aggregator_the_layer_and_the_plain_loop_agree(version: str) -> None:
    photos = [random_features(200, 16, seed) for seed in range(4)]
    aggregator = Aggregator(num_clusters=8, version=version).fit(photos)
    assert aggregator.centers_ is not None and aggregator.alpha_ is not None
    layer = NetVLAD(8, 16, version)
    rows = np.concatenate([photo.descriptors for photo in photos])
    layer.init_params(torch.from_numpy(aggregator.centers_), torch.from_numpy(rows))
    assert layer.alpha == pytest.approx(float(aggregator.alpha_), rel=1e-5)
    photo = random_features(90, 16, 9)
    found = aggregator.aggregate(photo)
    with torch.no_grad():
        np.testing.assert_allclose(found, layer(torch.from_numpy(photo.descriptors.T[None]))[0].numpy(), atol=1e-5)
    loop = _plain_loop(photo.descriptors.astype(float), aggregator.centers_.astype(float), layer.alpha, version)
    np.testing.assert_allclose(found, loop, atol=1e-5)
    weights, biases, _ = aggregator.layer()
    np.testing.assert_allclose(soft_weights(photo.descriptors, weights, biases).sum(axis=1), 1, atol=1e-5)


def test_with_a_large_alpha_it_is_hard_vlad() -> None:
    centers, rows = _units(6, 8, 1), _units(40, 8, 2)
    vlad = VLAD(num_words=6, residual_normalization=False, power=1.0, intra_normalization=True)
    vlad.codebook_ = centers.astype(np.float32)
    layer = NetVLAD(6, 8).double()
    layer._begin(torch.from_numpy(centers), 1e5)
    found = layer(torch.from_numpy(rows.T[None].copy()))[0].detach().numpy()
    np.testing.assert_allclose(found, vlad.aggregate(_features(rows)), atol=1e-5)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_two_largest_soft_weights_have_the_ratio_100_in_the_mean_of_their_logarithms(version: str) -> None:
    centers, rows = 0.7 * _units(16, 32, 1), 5 * _units(400, 32, 2)
    layer = _layer(centers, rows, version)
    soft = layer.soft_weights(torch.from_numpy(rows.T[None].copy()))[0]
    torch.testing.assert_close(soft.sum(0), torch.ones(400, dtype=torch.double))
    first, second = soft.topk(2, dim=0).values.log()
    assert (first - second).mean().item() == pytest.approx(math.log(100), rel=0.01)


def test_known_bugs_of_public_code_are_not_here() -> None:
    # centers of unequal lengths and few descriptors, where each bug gives another number
    centers, rows = _units(8, 4, 1) * np.linspace(0.4, 1, 8)[:, None], _units(60, 4, 2)
    layer = _layer(centers, rows)
    squared = ((rows[:, None] - centers[None]) ** 2).sum(2)
    order = np.sort(squared, axis=1)
    alpha = math.log(100) / (order[:, 1] - order[:, 0]).mean()
    assert layer.alpha == pytest.approx(alpha, rel=1e-6)
    by_center = np.sort(squared.T, axis=1)[:, :2]
    indices = np.argsort(squared.T, axis=1)[:, :2].astype(float)
    wrong = {
        "each center's nearest descriptors": -math.log(0.01) / (by_center[:, 1] - by_center[:, 0]).mean(),
        "the squared indices of neighbors": -math.log(0.01) / (indices[:, 1] ** 2 - indices[:, 0] ** 2).mean(),
        "distances squared twice": -math.log(0.01) / (order[:, 1] ** 2 - order[:, 0] ** 2).mean(),
        "distances that are not squared": -math.log(0.01) / (np.sqrt(order[:, 1]) - np.sqrt(order[:, 0])).mean(),
    }
    for bug, value in wrong.items():
        assert abs(value / layer.alpha - 1) > 0.1, bug
    assert layer.conv.bias is not None
    np.testing.assert_allclose(layer.conv.bias.detach().numpy(), -alpha * (centers**2).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(layer.conv.weight.detach().numpy()[:, :, 0, 0], 2 * alpha * centers, rtol=1e-5)
    # so the largest soft weight is the nearest center's, which it is not with -alpha |c| as a bias
    nearest = layer.soft_weights(torch.from_numpy(rows.T[None].copy()))[0].argmax(0).numpy()
    np.testing.assert_array_equal(nearest, squared.argmin(axis=1))
    unsquared = rows @ (2 * alpha * centers).T - alpha * np.linalg.norm(centers, axis=1)
    assert (unsquared.argmax(axis=1) != squared.argmin(axis=1)).any()


def test_version_1_has_cosines_and_no_bias() -> None:
    centers, rows = 0.3 * _units(8, 4, 1), _units(60, 4, 2)
    layer = _layer(centers, rows, "v1")
    cosines = np.sort(rows @ (centers / np.linalg.norm(centers, axis=1, keepdims=True)).T, axis=1)
    assert layer.alpha == pytest.approx(math.log(100) / (cosines[:, -1] - cosines[:, -2]).mean(), rel=1e-6)
    assert layer.conv.bias is None
    lengths = layer.conv.weight.detach().flatten(1).norm(dim=1).numpy()
    np.testing.assert_allclose(lengths, layer.alpha, rtol=1e-5)
    np.testing.assert_allclose(layer.centroids.detach().numpy(), centers, rtol=1e-6)


@pytest.mark.parametrize("shape", [(48, 16, 32, 32), (2, 512, 20, 20)])
def test_the_shapes_of_the_papers(shape: tuple[int, int, int, int]) -> None:
    with torch.no_grad():
        found = NetVLAD(64, shape[1])(torch.rand(shape))
    assert found.shape == (shape[0], 64 * shape[1])
    torch.testing.assert_close(found.norm(dim=1), torch.ones(shape[0]))


def test_each_map_is_done_as_if_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer, x = NetVLAD(4, 6).double(), torch.randn(5, 6, 3, 4, dtype=torch.double)
    alone = torch.cat([layer(each[None]) for each in x])
    torch.testing.assert_close(layer(x), alone)

    def gradients() -> tuple[torch.Tensor, ...]:
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad(layer(leaf).square().mul(torch.arange(24)).sum(), [leaf, *layer.parameters()])

    whole = gradients()
    monkeypatch.setattr(netvlad._parts, "__defaults__", (2 * 4 * 12,))
    assert len(list(netvlad._parts(x.flatten(2), 4))) == 3
    torch.testing.assert_close(layer(x), alone)
    torch.testing.assert_close(gradients(), whole)


@pytest.mark.parametrize("ghosts", [0, 2])
@pytest.mark.parametrize("normalize_input", [True, False])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_gradient_is_that_of_the_value(version: str, normalize_input: bool, ghosts: int) -> None:
    torch.manual_seed(0)
    layer = NetVLAD(3, 4, version, normalize_input, ghosts).double()
    with torch.no_grad():
        layer.conv.weight.add_(torch.randn_like(layer.conv.weight))
    x = torch.randn(2, 4, 2, 3, dtype=torch.double, requires_grad=True)
    mask = torch.tensor([[[True, True, False], [True, True, True]], [[True, False, True], [False, True, True]]])
    # the parameters are perturbed in place
    for valid in (None, mask):
        assert torch.autograd.gradcheck(lambda x, *_, valid=valid: layer(x, valid), (x, *layer.parameters()))


def test_the_gradient_is_only_worked_out_where_it_is_wanted() -> None:
    layer, x = NetVLAD(3, 4), torch.randn(2, 4, 5)
    layer(x).sum().backward()
    assert layer.conv.weight.grad is not None and x.grad is None
    layer.requires_grad_(False)
    leaf = x.clone().requires_grad_()
    layer(leaf)[:, 0].sum().backward()
    assert leaf.grad is not None and leaf.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("normalize_input", [True, False])
def test_zero_vectors_give_no_nan_in_value_or_gradient(dtype: torch.dtype, normalize_input: bool) -> None:
    layer = NetVLAD(3, 4, normalize_input=normalize_input)
    x = torch.randn(2, 4, 5).to(dtype)
    x[0, :, 2] = 0
    x[1] = 0
    x.requires_grad_()
    found = layer(x)
    found.square().mul(torch.arange(12)).sum().backward()
    assert found.dtype == dtype and found.isfinite().all()
    assert x.grad is not None and x.grad.isfinite().all()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in layer.parameters())


def test_a_zero_vector_is_the_zero_vector() -> None:
    centers, rows = 0.8 * _units(4, 6, 1), _units(10, 6, 2)
    rows[3] = 0
    layer = _layer(centers, _units(50, 6, 3))
    found = layer(torch.from_numpy(rows.T[None].copy()))[0].detach().numpy()
    np.testing.assert_allclose(found, _plain_loop(rows, centers, layer.alpha, "v2"), atol=1e-6)


def test_nothing_gives_zeros() -> None:
    layer = NetVLAD(3, 4)
    x = torch.zeros(2, 4, 0, 5, requires_grad=True)
    found = layer(x)
    found.sum().backward()
    assert found.shape == (2, 12) and not found.any()
    assert layer(torch.zeros(0, 4, 3)).shape == (0, 12)
    assert not layer(torch.randn(1, 4, 3), torch.zeros(1, 3, dtype=torch.bool)).any()
    aggregator = Aggregator(num_clusters=3).fit([random_features(20, 4)])
    assert not aggregator.aggregate(random_features(0, 4)).any()


def test_masked_positions_do_not_count() -> None:
    torch.manual_seed(0)
    layer, x = NetVLAD(3, 4).double(), torch.randn(2, 4, 3, 5, dtype=torch.double)
    mask = torch.ones(2, 3, 5, dtype=torch.bool)
    mask[:, :, 3:] = False
    torch.testing.assert_close(layer(x, mask), layer(x[..., :3]))
    torch.testing.assert_close(layer(x.flatten(2), mask.flatten(1)), layer(x[..., :3]))
    assert not layer.soft_weights(x, mask).reshape(2, 3, 3, 5)[..., 3:].any()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 100), places=st.integers(1, 40), version=st.sampled_from(VERSIONS))
def test_order_and_lengths_do_not_matter(seed: int, places: int, version: str) -> None:
    generator = torch.Generator().manual_seed(seed)
    layer = NetVLAD(4, 6, version).double()
    x = torch.randn(1, 6, places, dtype=torch.double, generator=generator)
    order = torch.randperm(places, generator=generator)
    lengths = 0.1 + 50 * torch.rand(1, 1, places, dtype=torch.double, generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), layer((x * lengths)[:, :, order]), atol=1e-9, rtol=0)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
def test_sixteen_bits_are_enough(dtype: torch.dtype, atol: float) -> None:
    torch.manual_seed(0)
    layer = NetVLAD(8, 32)
    # as long as those of VGG-16: the products with w exceed the range of float16
    x = 500 * torch.randn(2, 32, 6, 7)
    with torch.no_grad():
        torch.testing.assert_close(layer(x.to(dtype)).float(), layer(x), atol=atol, rtol=0)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(layer(x), layer(x))


def test_gradients_can_be_had_inside_autocast() -> None:
    layer, x = NetVLAD(3, 4), torch.randn(2, 4, 5, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(x)[:, 0].sum().backward()
    assert x.grad is not None and x.grad.dtype == torch.float32


def test_memory_formats_do_not_matter() -> None:
    layer, x = NetVLAD(3, 4), torch.randn(2, 4, 5, 6)
    with torch.no_grad():
        torch.testing.assert_close(layer(x.contiguous(memory_format=torch.channels_last)), layer(x))
        torch.testing.assert_close(layer(x[..., ::2]), layer(x[..., ::2].contiguous()))


def test_ghosts_take_descriptors_away() -> None:
    centers, rows = _units(3, 4, 1), _units(30, 4, 2)
    with_ghost, without = _layer(centers, rows, num_ghosts=1), _layer(centers[:2], rows)
    x = torch.from_numpy(rows.T[None].copy())
    assert with_ghost(x).shape == without(x).shape == (1, 8)
    soft = with_ghost.soft_weights(x)[0]
    torch.testing.assert_close(soft.sum(0), torch.ones(30, dtype=torch.double))
    assert (soft[:2].sum(0) < 0.5).any()


def _can_compile() -> bool:
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    return compiler is not None and (Path(sysconfig.get_path("include")) / "Python.h").is_file()


@pytest.mark.skipif(not _can_compile(), reason="needs a C++ compiler and the headers of Python")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore:.*should not be instantiated")
@pytest.mark.slow
def test_it_can_be_compiled() -> None:
    torch.manual_seed(0)
    layer, x = NetVLAD(3, 4, num_ghosts=1), torch.randn(2, 4, 5)
    found = []
    for way in (layer, torch.compile(layer, fullgraph=True)):
        leaf = x.clone().requires_grad_()
        value = way(leaf)
        found.append((value, *torch.autograd.grad(value.square().mul(torch.arange(12)).sum(), leaf)))
    torch.testing.assert_close(found[0], found[1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("ghosts", [0, 2])
def test_a_checkpoint_says_what_it_is(version: str, ghosts: int) -> None:
    layer = NetVLAD(5, 6, version, num_ghosts=ghosts)
    state = {f"pool.{name}": value for name, value in layer.state_dict().items()}
    state |= {"encoder.0.weight": torch.zeros(3), "encoder.module.2.bias": torch.zeros(3)}
    state |= {"pool.total_ops": torch.zeros(1), "pool.conv.total_params": torch.zeros(1), "total_ops": torch.zeros(1)}
    loaded = load_netvlad(state)
    assert (loaded.num_clusters, loaded.dim, loaded.version, loaded.num_ghosts) == (5, 6, version, ghosts)
    assert not loaded.training
    x = torch.randn(2, 6, 4)
    with torch.no_grad():
        torch.testing.assert_close(loaded(x), layer(x), rtol=0, atol=0)
        parallel = {name.replace("pool.", "pool.module."): value for name, value in state.items()}
        torch.testing.assert_close(load_netvlad(parallel)(x), layer(x), rtol=0, atol=0)
        torch.testing.assert_close(load_netvlad(layer.state_dict())(x), layer(x), rtol=0, atol=0)


def test_a_checkpoint_that_does_not_fit_is_refused() -> None:
    state = {f"pool.{name}": value for name, value in NetVLAD(5, 6).state_dict().items()}
    with pytest.raises(WeightsError, match="missing centroids, unexpected none"):
        load_netvlad({name: value for name, value in state.items() if name != "pool.centroids"})
    with pytest.raises(WeightsError, match=r"missing none, unexpected WPCA\.0\.weight"):
        load_netvlad(state | {"WPCA.0.weight": torch.zeros(3)})
    with pytest.raises(WeightsError, match=r"missing conv\.weight, unexpected classifier\.weight"):
        load_netvlad({"centroids": torch.zeros(5, 6), "classifier.weight": torch.zeros(3)})
    with pytest.raises(WeightsError, match=r"conv\.weight must have shape \(5, 6, 1, 1\), got \(5, 7, 1, 1\)"):
        load_netvlad(state | {"pool.conv.weight": torch.zeros(5, 7, 1, 1)})
    with pytest.raises(WeightsError, match=r"centroids must have shape \(K, D\)"):
        load_netvlad(state | {"pool.centroids": torch.zeros(5)})
    with pytest.raises(WeightsError, match="at least as many rows"):
        load_netvlad(state | {"pool.centroids": torch.zeros(7, 6)})


def test_learning_is_repeatable_and_adapting_to_nothing_changes_nothing() -> None:
    photos = [random_features(200, 8, seed) for seed in range(3)]
    first, second = (Aggregator(num_clusters=8).fit(photos) for _ in range(2))
    assert first.centers_ is not None and first.alpha_ is not None
    np.testing.assert_array_equal(first.centers_, second.centers_)
    kept = second.adapt([random_features(0, 8)]).centers_
    assert kept is not None
    np.testing.assert_allclose(kept, first.centers_, atol=1e-6)
    moved = second.adapt([random_features(300, 8, 9)])
    assert moved.centers_ is not None and not np.array_equal(moved.centers_, first.centers_)
    np.testing.assert_array_equal(moved.alpha_, first.alpha_)
    assert moved.refit(photos).centers_ is not None
    np.testing.assert_array_equal(moved.centers_, first.centers_)
    assert first.dim == 64


def test_misuse_is_refused() -> None:
    with pytest.raises(OptionError, match="version must be one of v1, v2, got 'v3'"):
        NetVLAD(version="v3")
    with pytest.raises(OptionError, match="num_clusters and dim must be at least 1"):
        NetVLAD(0)
    layer = NetVLAD(3, 4)
    for wrong in (torch.zeros(2, 5, 3), torch.zeros(4, 3), torch.zeros(2, 4, 3, dtype=torch.int64)):
        with pytest.raises(ShapeError, match=r"x must have shape \(B, 4, H, W\)"):
            layer(wrong)
    with pytest.raises(ShapeError, match=r"mask must have shape \(2, 3\), got \(2, 1\)"):
        layer(torch.zeros(2, 4, 3), torch.ones(2, 1, dtype=torch.bool))
    with pytest.raises(ShapeError, match=r"centers must have shape \(3, 4\), got \(2, 4\)"):
        layer.init_params(torch.zeros(2, 4), torch.zeros(5, 4))
    with pytest.raises(ShapeError, match=r"descriptors must have shape \(n >= 1, 4\), got \(0, 4\)"):
        layer.init_params(torch.zeros(3, 4), torch.zeros(0, 4))
    with pytest.raises(OptionError, match="alpha cannot be set"):
        layer.init_params(torch.ones(3, 4), torch.ones(5, 4))
    assert sharpness(np.ones((1, 4)), np.ones((5, 4))) == 1
    with pytest.raises(OptionError, match="version must be one of"):
        Aggregator(version="v3").fit([random_features(100, 4)])
    with pytest.raises(NotFittedError):
        Aggregator().aggregate(random_features(3, 8))
    with pytest.raises(ShapeError, match=r"descriptors must have shape \(any, 8\), got \(3, 9\)"):
        Aggregator(num_clusters=2).fit([random_features(20, 8)]).aggregate(random_features(3, 9))
    with pytest.raises(ShapeError, match="codebook of 64 words needs"):
        Aggregator().fit([random_features(20, 8)])


def _plain(layer: NetVLAD, x: torch.Tensor) -> torch.Tensor:
    """Return the answer by the plain formula."""
    units = nn.functional.normalize(x, dim=1).flatten(2)
    bias = 0 if layer.conv.bias is None else layer.conv.bias[:, None]
    soft = (layer.conv.weight.flatten(1) @ units + bias).softmax(1)[:, : layer.num_clusters]
    sums = soft @ units.mT - soft.sum(2, keepdim=True) * layer.centroids
    return nn.functional.normalize(nn.functional.normalize(sums, dim=2).flatten(1), dim=1)


@pytest.mark.parametrize("alpha", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("version", VERSIONS)
def test_centers_far_apart_give_what_the_plain_formula_gives_in_float64(version: str, alpha: float) -> None:
    torch.manual_seed(0)
    layer = NetVLAD(8, 6, version)
    layer._begin(torch.rand(8, 6), alpha)
    exact = copy.deepcopy(layer).double()
    x = (torch.randn(2, 6, 3, 4) * 50).requires_grad_()
    wide = x.detach().double().requires_grad_()
    found, truth = layer(x), _plain(exact, wide)
    torch.testing.assert_close(found.double(), truth, atol=2e-5, rtol=0)
    torch.testing.assert_close(layer.soft_weights(x).sum(1), torch.ones(2, 12))
    turn = torch.randn_like(truth)
    (found * turn.float()).sum().backward()
    (truth * turn).sum().backward()  # type: ignore[no-untyped-call]  # Torch has no type for it
    pairs = [(x, wide), *zip(layer.parameters(), exact.parameters(), strict=True)]
    for mine, right in pairs:
        assert mine.grad is not None and right.grad is not None
        error = (mine.grad.double() - right.grad).abs().max()
        assert error <= 2e-3 * right.grad.abs().max() + 1e-9  # logits of hundreds have an error of 1e-5 in float32


@pytest.mark.parametrize("length", [1.0, 1e4])
def test_no_soft_weight_is_a_denormal_number(length: float) -> None:
    # processors take ten times as long for exp and for products of numbers below the smallest normal one
    torch.manual_seed(0)
    layer = NetVLAD(64, 16)
    layer._begin(torch.rand(64, 16), 100.0)
    x = nn.functional.normalize(torch.randn(4, 16, 100), dim=1) * length
    cells = x.new_empty(4, 64, 100)
    with torch.no_grad():
        netvlad._weigh(x, layer.conv.weight.flatten(1), layer.conv.bias, None, True, out=cells)
    assert float(cells.detach().min()) >= torch.finfo(torch.float32).tiny
    torch.testing.assert_close((cells.detach() * length).sum(1), torch.ones(4, 100), atol=1e-4, rtol=0)


def test_init_params_takes_numpy_arrays() -> None:
    centers, rows = _units(5, 6, 1), 3 * _units(30, 6, 2)
    one, other = NetVLAD(5, 6), NetVLAD(5, 6)
    one.init_params(centers, rows.astype(np.float32))
    other.init_params(torch.from_numpy(centers), torch.from_numpy(rows))
    assert one.alpha == pytest.approx(other.alpha, rel=1e-5)
    torch.testing.assert_close(one.conv.weight, other.conv.weight)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e25])
def test_init_params_refuses_values_that_are_not_finite_or_too_large(value: float) -> None:
    good, bad = _units(5, 6), _units(5, 6)
    bad[2, 3] = value
    for centers, rows, name in ((bad, good, "centers"), (good, bad, "descriptors")):
        layer = NetVLAD(5, 6)
        before = layer.conv.weight.clone()
        with pytest.raises(ShapeError, match=f"{name} must be finite numbers"):
            layer.init_params(centers, torch.from_numpy(rows))
        torch.testing.assert_close(layer.conv.weight, before)


def test_descriptors_that_are_all_the_same_say_nothing_of_alpha() -> None:
    same = np.tile(_units(1, 6), (20, 1)) * np.linspace(1, 9, 20)[:, None]
    with pytest.raises(OptionError, match="all descriptors are the same"):
        NetVLAD(5, 6).init_params(_units(5, 6, 1), same)
    with pytest.raises(OptionError, match="alpha cannot be set"):
        Aggregator(num_clusters=4).fit([_features(same)])
    with pytest.raises(OptionError, match="nearer to one center"):
        NetVLAD(2, 6).init_params(np.ones((2, 6)), _units(9, 6))


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e25])
@pytest.mark.parametrize("normalizes", [True, False])
def test_a_map_that_is_not_finite_gives_an_error_and_not_nan(value: float, normalizes: bool) -> None:
    layer = NetVLAD(4, 6, normalize_input=normalizes)
    x = torch.rand(2, 6, 3, 4)
    x[1, 2, 1, 1] = value
    if normalizes or not math.isfinite(value):
        with pytest.raises(ShapeError, match="x must be finite"):
            layer(x)
    else:
        assert bool(torch.isfinite(layer(x)).all())
