"""Extractors and aggregators as torch modules: the numbers of the NumPy components, on pictures of several sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from placeprint.aggregation.bow import BoW
from placeprint.aggregation.cgd import CGD
from placeprint.aggregation.fisher import Fisher
from placeprint.aggregation.netvlad import NetVLAD
from placeprint.aggregation.pooling import MAC, RMAC, CroW, GeM, SPoC, WeightedGeM
from placeprint.aggregation.vlad import VLAD
from placeprint.features.grid import Grid
from placeprint.features.resizing import InputRule
from placeprint.features.xfeat import XFeat
from placeprint.kernels.rmac import rmac_regions
from placeprint.networks.weights import find_weights, weights_path
from placeprint.networks.xfeat import load_xfeat
from placeprint.onnx.aggregators import inside
from placeprint.onnx.describer_graph import AGGREGATORS, EXTRACTORS
from placeprint.onnx.exporting import check_picture
from placeprint.onnx.picture_graph import DescriptorGraph, GridPlaces, Places, XFeatPlaces
from placeprint.types import Aggregator, LocalFeatures
from tests.conftest import make_scene, random_features

ROWS, COLUMNS, STRIDE = 5, 7, 16
SIZES = ((96, 128), (160, 64), (32, 32))

pytestmark = pytest.mark.skipif(weights_path(find_weights("xfeat")) is None, reason=find_weights("xfeat").install)


def map_and_features(seed: int = 0, dim: int = 8) -> tuple[Places, LocalFeatures]:
    """Return the cells of a map, some of which are no features, and the others as features of a grid."""
    generator = np.random.default_rng(seed)
    features = random_features(ROWS * COLUMNS, dim, seed)
    row, column = np.divmod(np.arange(ROWS * COLUMNS), COLUMNS)
    points = (np.stack([column, row], axis=1) * STRIDE + 9.5).astype(np.float32)
    size = (COLUMNS * STRIDE, ROWS * STRIDE)
    cells = LocalFeatures(points, features.descriptors, features.scores + 0.5, size)
    kept = generator.uniform(size=len(points)) < 0.8
    rows, scores = torch.from_numpy(cells.descriptors), torch.from_numpy(cells.scores)
    return Places(rows, scores, torch.from_numpy(kept), (ROWS, COLUMNS)), cells[kept]


FITTED = (
    VLAD(num_words=4),
    VLAD(num_words=4, assignments=3, local_dim=6, intra_normalization=True),
    VLAD(num_words=4, residual_normalization=False, power=1.0, vocabularies=2, sum_normalization=True),
    NetVLAD(num_clusters=4),
    NetVLAD(num_clusters=4, version="v1"),
    Fisher(num_gaussians=3, local_dim=5, power=0.7),
    BoW(num_words=6),
    SPoC(use_scores=False),
    MAC(),
    GeM(),
    GeM(p=tuple(np.linspace(1, 4, 8))),
    WeightedGeM(weight_power=0.5),
    CroW(),
    RMAC(),
    RMAC(whole=True, whitened_dim=4),
    CGD(config="SMG", projected_dim=9),
)


@pytest.mark.parametrize("aggregator", FITTED, ids=lambda each: type(each).__name__)
def test_an_aggregator_gives_the_numbers_of_its_component(aggregator: Aggregator) -> None:
    aggregator.fit([map_and_features(seed)[1] for seed in range(1, 8)])
    graph = AGGREGATORS[type(aggregator)](aggregator)
    for seed in (0, 20):
        places, features = map_and_features(seed)
        np.testing.assert_allclose(graph(places).numpy(), aggregator.aggregate(features), atol=1e-5)


@pytest.mark.parametrize("aggregator", FITTED, ids=lambda each: type(each).__name__)
def test_without_features_an_aggregator_gives_zeros(aggregator: Aggregator) -> None:
    aggregator.fit([map_and_features(seed)[1] for seed in range(1, 8)])
    places = map_and_features()[0]
    nothing = places._replace(kept=torch.zeros_like(places.kept))
    found = AGGREGATORS[type(aggregator)](aggregator)(nothing)
    assert found.shape == (aggregator.dim,) and not found.any()


@pytest.mark.parametrize(("height", "width"), [(5, 5), (5, 7), (30, 10), (1, 4), (12, 40)])
def test_the_squares_of_rmac_are_those_of_the_list(height: int, width: int) -> None:
    line, column = torch.arange(height), torch.arange(width)
    own, other = torch.tensor(width), torch.tensor(height)
    found = set()
    for level in (1, 2, 3):
        side = 2 * torch.minimum(own, other) // (level + 1)
        for down in inside(line, other, own, side, level):
            for across in inside(column, own, other, side, level):
                if down.any() and across.any():
                    found.add((int(across.int().argmax()), int(down.int().argmax()), int(side)))
    assert found == set(rmac_regions(width, height, 3))


@pytest.mark.parametrize("max_keypoints", [5, 1000])
def test_a_grid_keeps_the_cells_that_its_component_keeps(max_keypoints: int) -> None:
    picture = make_scene(3, 128, 96)
    picture[:40] = 77  # nothing to see there
    weights = torch.randn(6, 3, STRIDE, STRIDE, generator=torch.Generator().manual_seed(0))
    graph = GridPlaces(
        lambda x: torch.nn.functional.conv2d(x, weights, stride=STRIDE),
        stride=STRIDE,
        center=9.5,
        min_contrast=20.0,
        max_keypoints=max_keypoints,
    )
    places = graph(torch.from_numpy(InputRule(0, 32).tensor(picture)))
    # by a plain loop: means of gray levels over 16 x 16 pixels that end 7 behind pixel 10 of each cell, mirrored
    import cv2

    gray = np.pad(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float), 16, mode="reflect")
    contrasts = np.array(
        [gray[y * 16 + 18 : y * 16 + 34, x * 16 + 18 : x * 16 + 34].std() for y in range(6) for x in range(8)]
    )
    able = contrasts >= 20
    assert 5 < able.sum() < 48
    lengths = np.where(able, places.scores.numpy(), -1)
    strongest = set(np.argsort(-lengths)[: min(max_keypoints, able.sum())])
    assert set(np.flatnonzero(places.kept.numpy())) == strongest
    assert places.map_size == (6, 8)


@pytest.mark.parametrize("size", SIZES)
def test_xfeat_gives_the_keypoints_of_its_component(size: tuple[int, int]) -> None:
    picture = make_scene(4, size[1], size[0])
    found = XFeat(size=0, max_keypoints=60).extract(picture)
    with torch.inference_mode():
        places = XFeatPlaces(load_xfeat(), max_keypoints=60, threshold=0.05)(
            torch.from_numpy(InputRule(0, 32).tensor(picture))
        )
    kept = places.kept.numpy()
    assert kept.sum() == len(found)
    np.testing.assert_allclose(places.scores.numpy()[kept], found.scores, atol=1e-5)
    np.testing.assert_allclose(places.rows.numpy()[kept], found.descriptors, atol=1e-4)


def test_an_even_picture_has_no_features() -> None:
    graph = DescriptorGraph([(0, XFeatPlaces(load_xfeat(), max_keypoints=5, threshold=0.05))], [(0, Constant(), 1.0)])
    assert not graph(torch.full((1, 3, 64, 64), 90.0)).any()


def test_branches_are_joined_by_the_roots_of_their_weights() -> None:
    first, second = Constant(torch.tensor([1.0, 0.0])), Constant(torch.tensor([0.0, 1.0]))
    graph = DescriptorGraph([(0, Every())], [(0, first, 1.0), (0, second, 3.0)])
    assert graph(torch.zeros(1)).tolist() == [[0.5, 0.0, 0.0, pytest.approx(3**0.5 / 2)]]


def test_whitening_comes_after_the_branches_are_joined() -> None:
    whitening = torch.tensor([0.0, -1.0]), torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    graph = DescriptorGraph([(0, Every())], [(0, Constant(torch.tensor([1.0, 0.0])), 1.0)], whitening)
    assert graph(torch.zeros(1)).tolist() == [[pytest.approx(5**-0.5), pytest.approx(2 * 5**-0.5)]]


def test_a_grid_over_a_network_has_the_numbers_of_its_component() -> None:
    if weights_path(find_weights("efficientnet-lite2")) is None:
        pytest.skip(find_weights("efficientnet-lite2").install)
    extractor = Grid(size=0, max_keypoints=15)
    graph = EXTRACTORS[Grid](extractor)
    for height, width in SIZES:
        picture = check_picture(height, width)
        found = extractor.extract(picture)
        with torch.inference_mode():
            places = graph(torch.from_numpy(InputRule(0, 32).tensor(picture)))
        order = np.argsort(-places.scores[places.kept].numpy(), kind="stable")
        np.testing.assert_allclose(places.rows[places.kept].numpy()[order], found.descriptors, atol=1e-5)


class Every(torch.nn.Module):
    """One place, a feature."""

    def forward(self, picture: torch.Tensor) -> Places:
        return Places(torch.ones(1, 1), torch.ones(1), torch.ones(1) > 0, None)


class Constant(torch.nn.Module):
    """The same vector where there are features, else zeros."""

    def __init__(self, vector: torch.Tensor | None = None) -> None:
        super().__init__()
        self.vector = torch.ones(1) if vector is None else vector

    def forward(self, places: Places) -> torch.Tensor:
        return self.vector * places.kept.any()
