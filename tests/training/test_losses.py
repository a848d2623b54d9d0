"""Losses beside plain loops, by hand, and at the edges where public code fails."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from placeprint.errors import OptionError, PackageError, ShapeError
from placeprint.training.losses import LOSSES, NEEDS_PAIRS, NEEDS_PROXIES, loss_params, make_loss
from placeprint.training.losses.cgd_loss import CGDLoss
from placeprint.training.losses.pair_losses import ContrastiveLoss, MultiSimilarityLoss, TripletLoss
from placeprint.training.losses.proxy_losses import ArcFace, ProxyNCA
from placeprint.training.losses.ranking_loss import WeakRankingLoss

LABELS = [0, 0, 0, 1, 1, 2, 2, 3]
"""The last photo is alone."""
BY_LABELS = sorted((NEEDS_PAIRS | NEEDS_PROXIES) - {"cgd"})

Rows = NDArray[np.float64]


def _batch(seed: int = 0, dim: int = 5) -> tuple[torch.Tensor, torch.Tensor, Rows]:
    """Return descriptors in clusters, so that all kinds of triplets occur, labels, and the unit rows."""
    generator = np.random.default_rng(seed)
    centers = generator.normal(size=(4, dim))
    rows = centers[LABELS] + 0.8 * generator.normal(size=(len(LABELS), dim))
    return torch.tensor(rows), torch.tensor(LABELS), rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _distance(first: Rows, second: Rows, squared: bool) -> float:
    return float(((first - second) ** 2).sum() ** (1.0 if squared else 0.5))


def _unit(row: torch.Tensor) -> Rows:
    return np.asarray(row.double() / row.double().norm())


def _others(i: int) -> tuple[list[int], list[int]]:
    """Return the positives and the negatives of a photo."""
    everyone = range(len(LABELS))
    return [j for j in everyone if LABELS[j] == LABELS[i] and j != i], [j for j in everyone if LABELS[j] != LABELS[i]]


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_batch_hard_triplets_are_those_of_a_plain_loop(seed: int, squared: bool) -> None:
    descriptors, labels, units = _batch(seed)
    losses = []
    for a in range(len(LABELS)):
        positives, negatives = _others(a)
        if positives:
            farthest = max(_distance(units[a], units[p], squared) for p in positives)
            nearest = min(_distance(units[a], units[n], squared) for n in negatives)
            losses.append(max(0.0, farthest - nearest + 0.1))
    assert len(losses) == 7  # not the photo that is alone
    assert float(TripletLoss(squared=squared)(descriptors, labels)) == pytest.approx(np.mean(losses), abs=1e-6)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_semi_hard_triplets_are_those_of_a_plain_loop(seed: int, squared: bool) -> None:
    descriptors, labels, units = _batch(seed)
    losses = []
    for a in range(len(LABELS)):
        for p, n in itertools.product(*_others(a)):
            near, far = _distance(units[a], units[p], squared), _distance(units[a], units[n], squared)
            if near < far <= near + 0.3:
                losses.append(near - far + 0.3)
    loss = TripletLoss(mining="semi-hard", margin=0.3, squared=squared)
    assert losses
    assert float(loss(descriptors, labels)) == pytest.approx(np.mean(losses), abs=1e-6)


def test_no_semi_hard_triplet_is_no_loss() -> None:
    descriptors = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]], requires_grad=True)
    loss = TripletLoss(mining="semi-hard")(descriptors, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert loss.item() == 0
    assert descriptors.grad is not None
    assert not descriptors.grad.any()


@pytest.mark.parametrize("seed", range(4))
def test_contrastive_loss_is_that_of_a_plain_loop(seed: int) -> None:
    descriptors, labels, units = _batch(seed)
    near, far = [], []
    for i in range(len(LABELS)):
        positives, negatives = _others(i)
        near += [_distance(units[i], units[j], squared=True) / 2 for j in positives]
        if positives:
            far += [max(0.0, 0.9 - _distance(units[i], units[j], squared=False)) ** 2 / 2 for j in negatives]
    expected = np.mean(near) + np.mean(far)
    assert float(ContrastiveLoss(margin=0.9)(descriptors, labels)) == pytest.approx(expected, abs=1e-6)


def test_contrastive_loss_by_hand() -> None:
    # two photos of one class at a right angle, d^2 = 2; one of them is the photo of the other class
    descriptors = torch.tensor([[1.0, 0], [0, 2], [3, 0], [3, 0]])
    loss = ContrastiveLoss(margin=1.0)(descriptors, torch.tensor([0, 0, 1, 1]))
    # pairs of one class: 2 / 2, 0 / 2; of two: d = 0, 0 (1 / 2 each) and sqrt(2), sqrt(2) (0)
    assert loss.item() == pytest.approx(0.5 + 0.25, abs=2e-4)


@pytest.mark.parametrize("seed", range(4))
def test_multi_similarity_loss_is_that_of_a_plain_loop(seed: int) -> None:
    descriptors, labels, units = _batch(seed)
    alpha, beta, base, epsilon = 2.0, 50.0, 0.5, 0.1
    similar = units @ units.T
    losses = []
    for i in range(len(LABELS)):
        positives, negatives = _others(i)
        total = 0.0
        if positives:
            hard_positives = [p for p in positives if similar[i, p] - epsilon < max(similar[i, n] for n in negatives)]
            hard_negatives = [n for n in negatives if similar[i, n] + epsilon > min(similar[i, p] for p in positives)]
            if hard_positives and hard_negatives:
                total += math.log(1 + sum(math.exp(-alpha * (similar[i, p] - base)) for p in hard_positives)) / alpha
                total += math.log(1 + sum(math.exp(beta * (similar[i, n] - base)) for n in hard_negatives)) / beta
        losses.append(total)
    assert any(losses)
    assert float(MultiSimilarityLoss()(descriptors, labels)) == pytest.approx(np.mean(losses), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_proxy_nca_is_that_of_a_plain_loop(seed: int) -> None:
    descriptors, labels, units = _batch(seed)
    loss = ProxyNCA(4, 5, temperature=0.2)
    proxies = normalize(loss.proxies.detach().double(), dim=1).numpy()
    expected = []
    for row, label in zip(units, LABELS, strict=True):
        weights = [math.exp(-_distance(row, proxy, squared=True) / 0.2) for proxy in proxies]
        expected.append(-math.log(weights[label] / sum(weights)))
    assert loss(descriptors, labels).item() == pytest.approx(np.mean(expected), abs=1e-6)


@pytest.mark.parametrize("margin", [0.5, 2.5])
@pytest.mark.parametrize("seed", range(3))
def test_arcface_is_that_of_a_plain_loop(seed: int, margin: float) -> None:
    descriptors, labels, units = _batch(seed)
    loss = ArcFace(4, 5, margin=margin, scale=8.0)
    proxies = normalize(loss.proxies.detach().double(), dim=1).numpy()
    expected = []
    for row, label in zip(units, LABELS, strict=True):
        angles = [math.acos(float(row @ proxy)) for proxy in proxies]
        cosines = [math.cos(angle) for angle in angles]
        angle = angles[label] + margin
        cosines[label] = math.cos(angle) if angle <= math.pi else cosines[label] - margin * math.sin(margin)
        expected.append(math.log(sum(math.exp(8 * each) for each in cosines)) - 8 * cosines[label])
    assert loss(descriptors, labels).item() == pytest.approx(np.mean(expected), abs=1e-5)


def test_arcface_has_a_gradient_where_descriptor_and_proxy_are_equal_or_opposite() -> None:
    loss = ArcFace(2, 3)
    loss.proxies.data = torch.eye(3)[:2]
    descriptors = torch.tensor([[1.0, 0, 0], [0, -1, 0]], requires_grad=True)
    loss(descriptors, torch.tensor([0, 1])).backward()
    for gradient in (descriptors.grad, loss.proxies.grad):
        assert gradient is not None
        assert gradient.isfinite().all()


def test_proxy_nca_is_finite_for_a_descriptor_far_from_its_proxy() -> None:
    loss = ProxyNCA(2, 3, temperature=0.01)
    loss.proxies.data = torch.eye(3)[:2]
    descriptors = torch.tensor([[-1.0, 0.5, 0.3]], requires_grad=True)
    found = loss(descriptors, torch.tensor([0]))
    found.backward()
    assert found.item() == pytest.approx(2 * 1.5 / math.sqrt(1.34) / 0.01, rel=1e-4)
    assert descriptors.grad is not None
    assert descriptors.grad.norm() > 1


def test_weak_ranking_loss_by_hand() -> None:
    angle = torch.tensor([0.0, 0.6, 1.2, 0.7, 0.8, 3.0])
    points = torch.stack([angle.cos(), angle.sin()], dim=1)
    squares = [2 - 2 * math.cos(each) for each in angle.tolist()]
    # the positive at 0.6 counts, the one at 1.2 does not; negatives at 0.7 and 0.8 violate the margin of 0.5
    violating = [squares[1] + 0.5 - squares[3], squares[1] + 0.5 - squares[4]]
    assert min(violating) > 0 > squares[1] + 0.5 - squares[5]
    given = points[:1] * 3, [points[1:3]], [points[3:] * 2]
    assert WeakRankingLoss(margin=0.5)(*given).item() == pytest.approx(sum(violating), abs=1e-5)
    averaged = WeakRankingLoss(margin=0.5, average_violating=True)(*given).item()
    assert averaged == pytest.approx(sum(violating) / 2, abs=1e-5)


def test_weak_ranking_loss_of_several_queries_is_their_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(3, 6, generator=generator)
    positives = [torch.randn(n, 6, generator=generator) for n in (1, 2, 4)]
    negatives = [torch.randn(n, 6, generator=generator) for n in (5, 0, 2)]
    loss = WeakRankingLoss()
    expected = []
    for query, near, far in zip(queries, positives, negatives, strict=True):
        close, apart = ([_distance(_unit(query), _unit(each), squared=True) for each in rows] for rows in (near, far))
        expected.append(sum([max(0.0, min(close) + 0.1 - each) for each in apart]))
    assert loss(queries, positives, negatives).item() == pytest.approx(np.mean(expected), abs=1e-5)
    padded = torch.randn(3, 4, 6, generator=generator)
    assert torch.equal(loss(queries, padded, padded), loss(queries, list(padded), list(padded)))


def test_weak_ranking_loss_uses_squared_distances_with_the_papers_margin() -> None:
    # d(q, p) = 0.6 and d(q, n) = 0.68: unsquared, 0.6 + 0.1 > 0.68 would violate; squared, 0.36 + 0.1 < 0.4624 does not
    angles = torch.tensor([2 * math.asin(0.3), 2 * math.asin(0.34)])
    points = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert WeakRankingLoss()(torch.tensor([[1.0, 0]]), [points[:1]], [points[1:]]).item() == 0


def test_weak_ranking_loss_refuses_what_does_not_fit() -> None:
    loss, queries = WeakRankingLoss(), torch.ones(2, 3)
    with pytest.raises(ShapeError, match=r"queries must have shape \(Q >= 1, D\)"):
        loss(queries, [torch.ones(1, 3)], [torch.ones(1, 3)] * 2)
    with pytest.raises(ShapeError, match=r"positives of a query must have shape \(n >= 1, 3\), got \(0, 3\)"):
        loss(queries, [torch.ones(0, 3)] * 2, [torch.ones(1, 3)] * 2)
    with pytest.raises(ShapeError, match=r"negatives of a query must have shape \(n >= 0, 3\), got \(1, 4\)"):
        loss(queries, [torch.ones(1, 3)] * 2, [torch.ones(1, 4)] * 2)


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_of_cgd_is_that_of_a_plain_loop(seed: int) -> None:
    descriptors, labels, _ = _batch(seed)
    logits = torch.tensor(np.random.default_rng(seed).normal(size=(len(LABELS), 4)))
    expected = []
    for row, label in zip(logits.tolist(), LABELS, strict=True):
        scaled = [each / 0.5 for each in row]
        log_sum = math.log(sum(math.exp(each) for each in scaled))
        wanted = [0.1 / 4 + (0.9 if place == label else 0) for place in range(4)]
        expected.append(sum(weight * (log_sum - each) for weight, each in zip(wanted, scaled, strict=True)))
    ranking = TripletLoss()(descriptors, labels).item()
    assert CGDLoss()(descriptors, labels, logits).item() == pytest.approx(ranking + np.mean(expected), abs=1e-6)


def test_the_loss_of_cgd_needs_logits() -> None:
    descriptors, labels, _ = _batch()
    with pytest.raises(ShapeError, match=r"needs logits of shape \(8, classes\), got None; make the network with"):
        CGDLoss()(descriptors, labels)
    with pytest.raises(ShapeError, match="labels must be from 0 to 1, got up to 3"):
        CGDLoss()(descriptors, labels, torch.zeros(8, 2))


@pytest.mark.parametrize("name", sorted(NEEDS_PAIRS - {"cgd"}))
def test_a_photo_alone_with_its_class_is_no_anchor(name: str) -> None:
    loss = make_loss(name, 4, 5)
    pairs = torch.tensor([[1.0, 0, 0, 0], [0.9, 0.4, 0, 0], [0, 0, 1, 0], [0, 0, 0.9, 0.4]])
    far = torch.tensor([[0.0, 0, 0, -1], [0, -1, 0, 0]])
    labels = torch.tensor([0, 0, 1, 1, 2, 3])
    # two that are alone and near each other, far from all others: they have nothing to do with the loss
    alone = torch.cat([pairs, torch.tensor([[-1.0, -0.1, -1, 0], [-1, 0, -1, -0.1]])])
    apart = torch.cat([pairs, far])
    found, expected = loss(alone, labels).item(), loss(apart, labels).item()
    if name == "contrastive":  # averages over pairs that are far enough as well
        assert found == pytest.approx(expected, abs=1e-6)
    else:
        assert found == expected


@pytest.mark.parametrize("name", BY_LABELS)
def test_the_length_of_descriptors_and_their_order_do_not_matter(name: str) -> None:
    descriptors, labels, _ = _batch()
    loss = make_loss(name, 4, 5)
    order = torch.tensor([5, 2, 7, 0, 3, 1, 6, 4])
    scales = torch.linspace(0.5, 3, len(order))[:, None]
    assert loss(descriptors[order] * scales, labels[order]).item() == pytest.approx(
        loss(descriptors, labels).item(), abs=1e-6
    )


@pytest.mark.parametrize("name", BY_LABELS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_step_against_the_gradient_makes_the_loss_smaller(name: str, dtype: torch.dtype) -> None:
    descriptors, labels, _ = _batch()
    loss = make_loss(name, 4, 5)
    descriptors = descriptors.to(dtype).requires_grad_()
    before = loss(descriptors, labels)
    before.backward()
    assert descriptors.grad is not None
    assert descriptors.grad.isfinite().all()
    assert all(each.dtype == torch.float32 and each.grad is not None for each in loss.parameters())
    after = loss(descriptors.detach().double() - 0.02 * normalize(descriptors.grad.double(), dim=1), labels)
    assert before.shape == ()
    assert after.item() < before.item()


@pytest.mark.parametrize("name", sorted(NEEDS_PAIRS - {"cgd"}))
def test_equal_descriptors_have_a_finite_gradient(name: str) -> None:
    descriptors = torch.ones(8, 5, requires_grad=True)
    make_loss(name, 4, 5)(descriptors, torch.tensor(LABELS)).backward()
    assert descriptors.grad is not None
    assert descriptors.grad.isfinite().all()


@pytest.mark.parametrize("name", BY_LABELS)
def test_batches_that_do_not_fit_are_refused(name: str) -> None:
    loss = make_loss(name, 4, 5)
    with pytest.raises(ShapeError, match=r"descriptors must have shape \(B >= 1, D\) and labels \(B,\)"):
        loss(torch.ones(3, 5), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"descriptors must have shape \(B >= 1, D\)"):
        loss(torch.ones(0, 5), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"labels must be whole numbers, got torch.float32"):
        loss(torch.ones(3, 5), torch.zeros(3))
    if name in NEEDS_PAIRS:
        for labels in ([0], [0, 1, 2], [1, 1, 1]):
            with pytest.raises(ShapeError, match="a batch must have two photos of one class and photos of two classes"):
                loss(torch.ones(len(labels), 5), torch.tensor(labels))
    else:
        with pytest.raises(ShapeError, match=r"descriptors must have shape \(B, 5\), got \(1, 6\)"):
            loss(torch.ones(1, 6), torch.tensor([0]))
        with pytest.raises(ShapeError, match="labels must be from 0 to 3, got 4 to 4"):
            loss(torch.ones(1, 5), torch.tensor([4]))


def test_every_loss_is_made_by_its_name() -> None:
    for name in LOSSES:
        loss = make_loss(name, 6, 5)
        assert bool(list(loss.parameters())) == (name in NEEDS_PROXIES)
        for parameter in loss.parameters():
            assert parameter.shape == (6, 5)
        assert "num_classes" not in loss_params(name)


def test_proxies_are_saved_and_come_from_their_seed() -> None:
    first, again, other = (make_loss("proxy-nca", 6, 5, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.state_dict()["proxies"], again.state_dict()["proxies"])
    assert not torch.equal(first.state_dict()["proxies"], other.state_dict()["proxies"])
    other.load_state_dict(first.state_dict())
    assert torch.equal(first.state_dict()["proxies"], other.state_dict()["proxies"])


def test_unknown_names_and_parameters_are_refused() -> None:
    with pytest.raises(
        OptionError, match=r"no loss called 'triplets'; did you mean 'triplet'\? Known: triplet, contrastive"
    ):
        make_loss("triplets", 4, 5)
    with pytest.raises(OptionError, match="'triplet' has no parameter 'margins'; did you mean 'margin'"):
        make_loss("triplet", 4, 5, margins=0.1)
    with pytest.raises(OptionError, match="'arcface' has no parameter 'power'; known: margin, scale, seed"):
        make_loss("arcface", 4, 5, power=2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TripletLoss(mining="hardest"), "mining must be one of batch-hard, semi-hard, got 'hardest'"),
        (lambda: TripletLoss(margin=0), "margin must be a number above 0 and at most 4, got 0"),
        (lambda: ContrastiveLoss(margin=-1), "margin must be a number above 0 and at most 4, got -1"),
        (lambda: MultiSimilarityLoss(beta=0), "beta must be a number above 0"),
        (lambda: WeakRankingLoss(margin=0), "margin must be a number above 0"),
        (lambda: CGDLoss(smoothing=1), "smoothing must be a number of at least 0 and below 1, got 1"),
        (lambda: CGDLoss(temperature=0), "temperature must be a number above 0"),
        (lambda: ArcFace(4, 5, margin=4), "margin must be a number above 0 and below 3.14159, got 4"),
        (lambda: ProxyNCA(1, 5), "proxies need at least 2 classes and 1 dimension, got 1 and 5"),
    ],
)
def test_parameters_out_of_their_range_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning", None)
    with pytest.raises(PackageError, match=r"pip install 'placeprint\[training\]'"):
        make_loss("triplet", 4, 5)
    make_loss("arcface", 4, 5)
