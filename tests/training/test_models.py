"""What is trained: frozen stages, heads, and the whitening they begin with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from placeprint.errors import OptionError, WeightsError
from placeprint.networks.efficientnet import EfficientNetLite, SamePadded, keep_last_resolution
from placeprint.networks.pretrained import read_efficientnet
from placeprint.networks.stages import efficientnet_stages, load_stages, read_stages, stages_as_bytes
from placeprint.networks.weights import find_weights, weights_path
from placeprint.training.model.heads import NetVLADHead, build_head, head_parameters
from placeprint.training.model.trained_network import DescriptorModel, build_model
from tests.training.tiny import CHANNELS, tiny_backbone

needs_weights = pytest.mark.skipif(
    weights_path(find_weights("efficientnet-lite2")) is None, reason=find_weights("efficientnet-lite2").install
)
NONE = np.zeros((0, 2), np.int64)
"""No pairs."""


def pictures(count: int = 4, side: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 255


def maps(count: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, CHANNELS, 5, 7, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("trainable_from", [0, 1, 2])
def test_only_the_stages_from_the_first_trained_one_get_a_gradient(trainable_from: int) -> None:
    model = build_model(backbone=tiny_backbone(), head="gem", trainable_from=trainable_from).train()
    torch.autograd.backward(model.describe(model.frozen_maps(pictures())).sum())
    moved = [any(each.grad is not None for each in stage.parameters()) for stage in model.backbone.stages]
    assert moved == [stage >= trainable_from for stage in range(2)]


def test_where_training_begins_does_not_change_the_descriptors() -> None:
    found = []
    for trainable_from in range(3):
        model = build_model(backbone=tiny_backbone(), head="gem", trainable_from=trainable_from).eval()
        found.append(model.describe(model.frozen_maps(pictures())))
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])


@pytest.mark.parametrize("trains", [False, True])
def test_batch_normalization_follows_the_batches_only_when_asked(trains: bool) -> None:
    model = build_model(backbone=tiny_backbone(), head="gem", trainable_from=1, train_batch_norm=trains).train()
    norm = next(layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d))
    before = torch.as_tensor(norm.running_mean).clone()
    model(model.frozen_maps(pictures()))
    assert torch.equal(torch.as_tensor(norm.running_mean), before) != trains
    assert norm.weight.requires_grad == trains
    assert not model.eval().backbone.stages[1].training


@pytest.mark.parametrize("name", ["cgd", "gem", "spoc", "mac", "netvlad"])
def test_heads_give_unit_vectors_of_the_length_they_say(name: str) -> None:
    options = {"netvlad": {"num_clusters": 3}}.get(name, {"dim": 6})
    head = build_head(name, CHANNELS, None, **options)
    head.begin(maps(40), 0, NONE)
    found, pooled = head(maps())
    assert found.shape == (6, head.dim) and pooled is None
    torch.testing.assert_close(found.norm(dim=1), torch.ones(6))


def test_whitening_makes_second_moments_alike_in_all_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placeprint.training.model.initialization.SHRINKAGE", 0.01)
    head = build_head("spoc", CHANNELS, None, dim=4)
    source = maps(4000)
    source[:, 0] += 2.0  # a direction that all share
    head.begin(source, 0, NONE)
    found = head(source)[0].detach()
    moments = torch.linalg.eigvalsh(found.T @ found / len(found))
    assert float(moments.max() / moments.min()) < 2
    plain = build_head("spoc", CHANNELS, None)(source)[0]
    spread = torch.linalg.eigvalsh(plain.T @ plain / len(plain))
    assert float(spread.max() / spread.min()) > 100


@pytest.mark.parametrize("name", ["spoc", "cgd", "netvlad"])
def test_layers_begun_from_pairs_find_classes_where_others_see_noise(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(600) % 10
    signal = torch.randn(10, CHANNELS, generator=generator)[labels]
    noise = 0.3 * torch.randn(600, CHANNELS, generator=generator)
    noise[:, : CHANNELS // 2] *= 5.0  # half of the channels are mostly noise
    source = (signal + noise)[:, :, None, None].expand(-1, -1, 4, 4).clone()
    half = len(source) // 2
    same = np.argwhere((labels[:half, None] == labels[None, :half]).numpy() & np.tri(half, k=-1, dtype=bool))

    def recall(begin: str) -> float:
        options = {"num_clusters": 2} if name == "netvlad" else {}
        head = build_head(name, CHANNELS, None, dim=4, begin=begin, **options)
        head.begin(source[:half], 0, same)
        rows = head(source)[0].detach()
        nearest = (rows[half:] @ rows[:half].T).argmax(dim=1)
        return float((labels[half:] == labels[:half][nearest]).float().mean())

    assert recall("pairs") > recall("photos") + 0.1


def test_a_beginning_is_one_of_the_known() -> None:
    with pytest.raises(OptionError, match="begin must be one of pairs, photos, random, got 'pair'"):
        build_head("gem", CHANNELS, None, dim=4, begin="pair")
    with pytest.raises(OptionError, match="after NetVLAD is initialized from 'pairs' or 'photos'"):
        build_head("netvlad", CHANNELS, None, dim=4, begin="random")


def test_a_tied_netvlad_is_the_layer_that_init_params_makes() -> None:
    source = maps(60)
    tied, free = (NetVLADHead(CHANNELS, num_clusters=3, tied=tied) for tied in (True, False))
    for head in (tied, free):
        head.begin(source, 1, NONE)
    torch.testing.assert_close(tied(maps())[0], free(maps())[0], rtol=1e-4, atol=1e-5)
    tied(maps())[0][:, 0].sum().backward()
    assert tied.centers.grad is not None and tied.log_alpha.grad is not None
    assert all(each.grad is None for each in tied.layer.parameters())


def test_the_classifier_sees_the_first_pooling_before_its_projection() -> None:
    head = build_head("cgd", CHANNELS, 5, config="MS", dim=4, begin="random")
    descriptors, pooled = head(maps())
    assert descriptors.shape == (6, 4)
    torch.testing.assert_close(pooled, maps().amax((2, 3)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build_head("gap", 8, None), "no head called 'gap'; known: cgd, gem"),
        (lambda: build_head("gem", 8, None, dims=4), "no parameter 'dims'; did you mean 'dim'"),
        (lambda: build_head("gem", 8, None, dim=9), "from 0 to 8"),
        (lambda: build_head("cgd", 8, None, dim=64), "at most 16"),
        (lambda: DescriptorModel(tiny_backbone(), build_head("gem", 8, None), trainable_from=3), "from 0.* to 2"),
        (lambda: load_stages("resnet50"), "known: efficientnet-lite0"),
    ],
)
def test_what_does_not_exist_is_refused(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(OptionError, match=message):
        call()
    assert "p" in head_parameters("gem")


def test_stages_together_are_the_network() -> None:
    torch.manual_seed(0)
    network = EfficientNetLite("lite0").eval()
    stages = efficientnet_stages(network, "lite0")
    with torch.inference_mode():
        torch.testing.assert_close(stages(pictures(1, 64)), network(pictures(1, 64)))
        shorter = efficientnet_stages(network, "lite0", last_stage=5)
        torch.testing.assert_close(shorter(pictures(1, 64)), network(pictures(1, 64), 16))
    assert (stages.stride, stages.channels, shorter.stride, shorter.channels) == (32, 320, 16, 112)


def test_a_written_network_gives_the_same_maps(tmp_path: Path) -> None:
    torch.manual_seed(0)
    stages = efficientnet_stages(EfficientNetLite("lite0").eval(), "lite0", last_downsampling=False)
    path = tmp_path / "backbone.safetensors"
    path.write_bytes(stages_as_bytes(stages))
    again = read_stages(path)
    assert (again.stride, again.channels, again.description) == (16, 320, stages.description)
    with torch.inference_mode():
        torch.testing.assert_close(again(pictures(1, 64)), stages(pictures(1, 64)), rtol=1e-3, atol=1e-3)
    path.write_bytes(b"no network")
    with pytest.raises(WeightsError, match="cannot read the weights"):
        read_stages(path)


@pytest.mark.parametrize(("last_downsampling", "cells"), [(False, (4, 3)), (True, (2, 2))])
def test_the_last_downsampling_is_left_out(last_downsampling: bool, cells: tuple[int, int]) -> None:
    stages = efficientnet_stages(EfficientNetLite("lite2"), "lite2", last_downsampling=last_downsampling).eval()
    with torch.inference_mode():
        assert tuple(stages(torch.zeros(1, 3, 64, 48)).shape) == (1, 352, *cells)
    strides = [layer.stride for layer in stages.modules() if isinstance(layer, SamePadded)]
    assert strides.count((2, 2)) == (5 if last_downsampling else 4)  # that of the stem, and of three or four stages


@needs_weights
def test_stages_of_the_pretrained_network_are_those_of_the_whole() -> None:
    reference = read_efficientnet("efficientnet-lite2")
    keep_last_resolution(reference)
    stages = load_stages("efficientnet-lite2", last_downsampling=False)
    with torch.inference_mode():
        expected, found = reference(pictures(1, 64)), stages(pictures(1, 64))
        halfway = stages(stages(pictures(1, 64), 0, 4), 4)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(halfway, found, rtol=1e-4, atol=1e-4)
