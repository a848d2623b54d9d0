"""CGD: its parts against what the paper says of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from placeprint.errors import OptionError, ShapeError
from placeprint.networks.cgd import CGD
from placeprint.networks.pooling import SPoC
from tests.aggregation.cgd_parts import CONFIGS, Backbone


def pictures(count: int) -> torch.Tensor:
    """Return ``(B, 3, 17, 21)``."""
    return torch.rand(count, 3, 17, 21, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("config", CONFIGS)
def test_descriptors_are_unit_vectors_of_unit_blocks(config: str) -> None:
    network = CGD(Backbone(), config, 12).eval()
    descriptors = network(pictures(3))
    assert tuple(descriptors.shape) == (3, 12)
    pooled = network.pooled(pictures(3))
    for layer, vectors, part in zip(network.projections, pooled, descriptors.chunk(len(config), dim=1), strict=True):
        assert tuple(part.shape) == (3, 12 // len(config))
        block = nn.functional.normalize(layer(vectors), dim=1)
        np.testing.assert_allclose((block / len(config) ** 0.5).detach(), part.detach(), atol=1e-5)


def test_the_branches_are_sum_maximum_and_generalized_mean() -> None:
    network = CGD(Backbone(), "MSG", 6).eval()
    maps = network.backbone(pictures(2))
    maximum, total, mean = network.pooled(pictures(2))
    torch.testing.assert_close(maximum, maps.amax((2, 3)))
    torch.testing.assert_close(total, maps.sum((2, 3)))
    torch.testing.assert_close(mean, (maps.clamp(min=1e-6) ** 3).mean((2, 3)) ** (1 / 3), rtol=1e-4, atol=1e-5)


def test_training_gives_logits_and_eval_does_not() -> None:
    network = CGD(Backbone(), "SG", 8, num_classes=7)
    descriptors, logits = network(pictures(4))
    assert tuple(descriptors.shape) == (4, 8) and tuple(logits.shape) == (4, 7)
    assert tuple(network.eval()(pictures(4)).shape) == (4, 8)
    assert tuple(CGD(Backbone(), "SG", 8).train()(pictures(1)).shape) == (1, 8)


@pytest.mark.parametrize("config", ["SG", "GM", "MSG"])
def test_the_classifier_sees_the_first_pooling_only(config: str) -> None:
    network = CGD(Backbone(), config, 12, num_classes=7)
    pooled: list[torch.Tensor] = []

    def keep(_module: nn.Module, _given: object, found: torch.Tensor) -> None:
        found.retain_grad()
        pooled.append(found)

    for pool in network.poolings:
        pool.register_forward_hook(keep)
    _, logits = network(pictures(4))
    logits.square().sum().backward()
    first, *others = pooled
    assert first.grad is not None and first.grad.any()
    assert all(other.grad is None or not other.grad.any() for other in others)
    for projection in network.projections:  # the classifier is in front of the projections, even of the first
        assert all(each.grad is None or not each.grad.any() for each in projection.parameters())


def test_a_convolution_of_1_by_1_does_the_same_as_the_linear_layer() -> None:
    network = CGD(Backbone(), "S", 4).eval()
    maps = network.backbone(pictures(3))
    kernel = next(network.projections[0].parameters())[:, :, None, None]
    # a sum goes through a linear layer: the projection can come before the pooling too
    torch.testing.assert_close(network(pictures(3)), SPoC()(nn.functional.conv2d(maps, kernel)), rtol=1e-4, atol=1e-5)
    pooled = network.pooled(pictures(3))[0]
    before = nn.functional.conv2d(pooled[:, :, None, None], kernel)[:, :, 0, 0]
    torch.testing.assert_close(network.projections[0](pooled), before, rtol=1e-4, atol=1e-4)


def test_a_single_photo_works_in_eval_and_is_refused_in_training() -> None:
    network = CGD(Backbone(), "SG", 8, num_classes=3)
    with pytest.raises(ShapeError, match=r"at least 2 photos in training, got 1; call eval\(\)"):
        network(pictures(1))
    both = network.eval()(pictures(2))
    torch.testing.assert_close(network(pictures(2)[1:]), both[1:], rtol=1e-4, atol=1e-5)


def test_every_parameter_is_trained() -> None:
    network = CGD(Backbone(), "SMG", 12, num_classes=7)
    descriptors, logits = network(pictures(4))
    (descriptors[:, 0].sum() + descriptors[:, 5].sum() + descriptors[:, 11].sum() + logits.square().sum()).backward()
    assert all(each.grad is not None and torch.isfinite(each.grad).all() for each in network.parameters())


@pytest.mark.parametrize("config", ["", "SS", "SX", "sg", "SGMS"])
def test_a_wrong_configuration_is_refused(config: str) -> None:
    with pytest.raises(OptionError, match="letters S, M and G, each once"):
        CGD(Backbone(), config, 12)


def test_other_wrong_options_are_refused() -> None:
    with pytest.raises(OptionError, match="dim must be a multiple of 3, the branches of 'SMG', got 1535"):
        CGD(Backbone(), "SMG", 1535)
    with pytest.raises(OptionError, match="Conv2d has no attribute channels"):
        CGD(nn.Conv2d(3, 4, 3), "SG", 8)
    assert CGD(nn.Conv2d(3, 4, 3), "SG", 8, channels=4).eval()(pictures(1)).shape == (1, 8)


def test_the_mean_in_place_of_the_sum_gives_the_same_descriptor_only_without_a_bias() -> None:
    torch.manual_seed(0)
    network = CGD(nn.Identity(), "SM", dim=8, channels=6).double().eval()
    maps = torch.rand(3, 6, 4, 5, dtype=torch.double)
    found = network(maps)
    summed, largest = network.pooled(maps)
    torch.testing.assert_close(summed, maps.sum((2, 3)))
    mean = maps.mean((2, 3))
    torch.testing.assert_close(found, network.described([mean, largest]))
    # a layer with a bias would tell them apart
    biased = nn.Linear(6, 4).double()
    one, other = (nn.functional.normalize(biased(each), dim=1) for each in (summed, mean))
    assert (one - other).detach().abs().max().item() > 1e-3
    # batch normalization of the classifier, in training, takes the scale out up to its epsilon
    norm = nn.BatchNorm1d(6, eps=1e-12).double().train()
    torch.testing.assert_close(norm(summed), norm(mean))
