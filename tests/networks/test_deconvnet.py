"""Tracing units back to pixels: against transposed convolutions and pictures worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from placeprint.errors import OptionError, ShapeError
from placeprint.networks import deconvnet
from placeprint.networks.backbones import load_backbone
from placeprint.networks.deconvnet import activations, layers_of, load_network, map_shapes, peaks, reconstruct
from placeprint.networks.efficientnet import EfficientNetLite, SamePadded
from placeprint.networks.weights import find_weights, weights_path
from placeprint.types import Image
from placeprint.visualization.inspection import area_of, common_side, cut_out, draw_signal, draw_units, pieces
from tests.conftest import make_scene

needs_weights = pytest.mark.skipif(
    weights_path(find_weights("efficientnet-lite2")) is None, reason=find_weights("efficientnet-lite2").install
)


def noise(width: int = 53, height: int = 37, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def pointwise(*rows: list[float]) -> nn.Conv2d:
    """Return a convolution of 1 x 1 with these weights and no bias."""
    layer = nn.Conv2d(len(rows[0]), len(rows), 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rows)[:, :, None, None])
    return layer


def one_kept(network: nn.Module, picture: Image, layer: str, unit: int, position: tuple[int, int]) -> torch.Tensor:
    """Return the layer's map with all but one activation set to zero."""
    map_ = torch.from_numpy(activations(network, picture[None], layer))
    kept = torch.zeros_like(map_)
    kept[0, unit, position[1], position[0]] = map_[0, unit, position[1], position[0]]
    return kept


@pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 0, 1), (2, 1, 1), (3, 2, 3)])
def test_one_convolution_is_traced_by_its_transpose(stride: int, padding: int, groups: int) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 6, 5, stride, padding, groups=groups)
    network, picture = nn.Sequential(layer), noise()
    signal, position = reconstruct(network, picture, "0", 4)
    kept = one_kept(network, picture, "0", 4, position)
    assert kept.max() == activations(network, picture[None], "0")[0, 4].max() > 0
    beyond = [(side + 2 * padding - 5) % stride for side in (37, 53)]
    expected = nn.functional.conv_transpose2d(
        kept, layer.weight, stride=stride, padding=padding, output_padding=beyond, groups=groups
    )[0]
    assert signal.shape == (3, 37, 53) and signal.dtype == np.float32
    np.testing.assert_allclose(signal, expected.detach(), rtol=1e-4, atol=1e-3)


def test_tensorflow_padding_is_cut_off_where_it_was_added() -> None:
    torch.manual_seed(0)
    layer = SamePadded(3, 2, 3, 2, bias=False)
    network, picture = nn.Sequential(layer), noise(54, 37)
    signal, position = reconstruct(network, picture, "0", 1)
    whole = nn.functional.conv_transpose2d(one_kept(network, picture, "0", 1, position), layer.weight, stride=2)[0]
    # 54 wide: 27 outputs see 1 pixel beyond the right; 37 high: 19 outputs see 1 above and 1 below
    np.testing.assert_allclose(signal, whole[:, 1:38, :54].detach(), rtol=1e-4, atol=1e-3)


def test_a_maximum_goes_back_to_where_it_was_found() -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[2, 5] = [10, 99, 20]
    picture[0, 1] = [8, 0, 0]
    network = nn.Sequential(pointwise([1.0, 0.0, 2.0]), nn.ReLU(), nn.MaxPool2d(2))
    signal, position = reconstruct(network, picture, "2", 0)
    expected = np.zeros((3, 4, 6), np.float32)
    expected[:, 2, 5] = [50, 0, 100]  # 10 + 2 * 20, times the weights
    assert position == (2, 1)
    np.testing.assert_array_equal(signal, expected)
    expected = np.zeros((3, 4, 6), np.float32)
    expected[:, 0, 1] = [8, 0, 16]
    np.testing.assert_array_equal(reconstruct(network, picture, "2", 0, (0, 0))[0], expected)


def test_a_whole_map_goes_back_at_once() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[1, 0, 0], picture[3, 2, 0] = 5, 7
    signal, position = reconstruct(nn.Sequential(pointwise([2.0, 0, 0]), nn.MaxPool2d(2)), picture, "1", 0, whole=True)
    assert position == (1, 1)
    assert signal[0, 1, 0] == 20 and signal[0, 3, 2] == 28 and np.count_nonzero(signal) == 2


def test_average_pooling_spreads_the_signal() -> None:
    picture = np.full((4, 4, 3), 8, np.uint8)
    signal, _ = reconstruct(nn.Sequential(pointwise([1.0, 0, 0]), nn.AvgPool2d(2)), picture, "1", 0)
    np.testing.assert_array_equal(signal[0], np.pad([[2.0, 2.0], [2.0, 2.0]], ((0, 2), (0, 2))))


class Functional(nn.Module):
    """Rectifies by a function and not by a module."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.relu_(x)  # what it returns is not looked at
        return x


@pytest.mark.parametrize(
    ("relu", "top"),
    [
        (nn.ReLU(), 10.0),
        (nn.ReLU(inplace=True), 10.0),
        (nn.ReLU6(), 12.0),
        (nn.ReLU6(inplace=True), 12.0),
        (Functional(), 10.0),
    ],
)
def test_what_is_negative_on_the_way_down_is_removed(relu: nn.Module, top: float) -> None:
    # on the way up 10, 20 and -30 become 10, 20 and 0, or 6, 6 and 0; then 3 a - b + 2 c is 10, or 12
    network = nn.Sequential(pointwise([1.0, 0, 0], [0, 1.0, 0], [0, 0, -1.0]), relu, pointwise([3.0, -1.0, 2.0]))
    picture = np.array([[[10, 20, 30]]], np.uint8)
    assert activations(network, picture[None], "2").item() == top
    signal, _ = reconstruct(network, picture, "2", 0)
    np.testing.assert_array_equal(signal[:, 0, 0], [3 * top, 0, -2 * top])  # also what was not active
    signal, _ = reconstruct(network, picture, "2", 0, rule="guided")
    np.testing.assert_array_equal(signal[:, 0, 0], [3 * top, 0, 0])


def test_without_max_pooling_a_deconvnet_forgets_the_picture_and_guided_does_not() -> None:
    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 32, 3))
    pictures = [noise(5, 5, seed) for seed in (0, 1)]
    values = activations(network, np.stack(pictures), "2")[:, :, 0, 0]
    unit = int(values.min(axis=0).argmax())
    assert (values[:, unit] > 0).all()

    def difference(rule: str) -> float:
        one, other = (
            reconstruct(network, picture, "2", unit, rule=rule)[0] / value
            for picture, value in zip(pictures, values[:, unit], strict=True)
        )
        return float(np.abs(one - other).max())

    assert difference("deconvnet") < 1e-5
    assert difference("guided") > 1e-2


class Residual(nn.Module):
    """Add a branch of one convolution and a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(pointwise([0.0, 1.0, 0], [0, 0, -1.0], [0, 0, 1.0]), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branch: torch.Tensor = self.branch(x)
        return x + branch


def test_a_sum_sends_the_signal_to_both_branches() -> None:
    network = nn.Sequential(Residual(), pointwise([1.0, -2.0, 3.0]))
    picture = np.array([[[10, 20, 30]]], np.uint8)
    signal, _ = reconstruct(network, picture, "1", 0)
    top = (10 + 20) - 2 * (20 + 0) + 3 * (30 + 30)
    # around the branch 1, -2, 3; through it max(., 0) = 1, 0, 3 and then the transpose: 0, 1, 3
    np.testing.assert_array_equal(signal[:, 0, 0], np.array([1, -1, 6]) * top)


def test_batch_normalization_passes_the_signal_on_by_its_scale() -> None:
    norm = nn.BatchNorm2d(1, eps=1.0)
    norm.load_state_dict(
        {
            "weight": torch.tensor([6.0]),
            "bias": torch.tensor([100.0]),
            "running_mean": torch.tensor([4.0]),
            "running_var": torch.tensor([8.0]),
            "num_batches_tracked": torch.tensor(1),
        }
    )
    network = nn.Sequential(pointwise([1.0, 0, 0]), norm)
    signal, _ = reconstruct(network, np.full((1, 1, 3), 7, np.uint8), "1", 0)
    np.testing.assert_allclose(signal[:, 0, 0], [(2 * (7 - 4) + 100) * 2, 0, 0], rtol=1e-6)


def test_an_activation_that_is_not_above_zero_has_no_signal() -> None:
    signal, position = reconstruct(nn.Sequential(pointwise([-1.0, 0, 0])), noise(), "0", 0, (3, 2))
    assert position == (3, 2) and not signal.any()


def test_the_network_is_left_as_it_was() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU6(inplace=True), nn.Dropout(), nn.MaxPool2d(2)
    )
    network[1].eval()
    pixels = torch.from_numpy(noise()).permute(2, 0, 1)[None].float()
    modules, state = list(network.modules()), {name: value.clone() for name, value in network.state_dict().items()}
    modes = [module.training for module in modules]

    def answer() -> torch.Tensor:
        torch.manual_seed(1)
        found: torch.Tensor = network(pixels)
        return found.detach()

    before = answer()
    layers_of(network)
    reconstruct(network, noise(), "4", 1)
    with pytest.raises(OptionError):
        reconstruct(network, noise(), "4", 99)
    with pytest.raises(OptionError):
        reconstruct(network, noise(), "nothing", 0)
    assert torch.equal(answer(), before)
    assert [module.training for module in network.modules()] == modes
    assert all(one is other for one, other in zip(network.modules(), modules, strict=True))
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_it_works_where_gradients_are_off() -> None:
    network = nn.Sequential(pointwise([1.0, 0, 0]))
    with torch.inference_mode():
        assert reconstruct(network, np.full((1, 1, 3), 3, np.uint8), "0", 0)[0][0, 0, 0] == 3


def test_layers_are_those_that_make_maps() -> None:
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 2, 2), nn.Identity()), nn.Flatten(2))
    network[0].get_submodule("1").add_module("unused", nn.Conv2d(1, 1, 1))
    assert map_shapes(network, (20, 10)) == {"0": (4, 5, 10), "0.0": (4, 5, 10)}
    assert list(layers_of(network)) == ["0", "0.0"]


def test_peaks_are_the_highest_values_and_where_they_are() -> None:
    values, places = peaks(np.array([[[[1.0, 5.0, 2.0], [0.0, 5.0, 3.0]], [[-4, -4, -4], [-4, -4, -1]]]], np.float32))
    assert values.tolist() == [[5.0, -1.0]] and places.tolist() == [[[1, 0], [2, 1]]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "conv"}, "no layer called 'conv' makes a map; known: 0, 1$"),
        ({"layer": ""}, "no layer called '' makes a map; known: 0, 1$"),
        ({"unit": 2}, "the units of '1' are 0 to 1, got 2"),
        ({"unit": -1}, "the units of '1' are 0 to 1, got -1"),
        ({"position": (26, 18)}, r"the map of '1' is 26 x 18, got the position \(26, 18\)"),
        ({"rule": "gradient"}, "no rule called 'gradient'; known: deconvnet, guided"),
    ],
)
def test_what_is_not_there_is_told(options: dict[str, Any], message: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.MaxPool2d(2))
    given: dict[str, Any] = {"layer": "1", "unit": 0} | options
    with pytest.raises(OptionError, match=message):
        reconstruct(network, noise(), **given)


def test_pictures_of_another_form_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(B, H, W, 3\) and be uint8, got \(1, 37, 53\) uint8"):
        activations(nn.Sequential(nn.Conv2d(3, 2, 1)), noise()[None, :, :, 0], "0")


@pytest.mark.parametrize("variant", ["lite0", "lite4"])
def test_every_variant_of_efficientnet_can_be_traced(variant: str) -> None:
    torch.manual_seed(0)
    network = EfficientNetLite(variant).eval()
    signal, _ = reconstruct(network, noise(), "blocks.4.depthwise", 3)
    assert signal.shape == (3, 37, 53) and np.isfinite(signal).all()


@needs_weights
@pytest.mark.parametrize("rule", deconvnet.RULES)
def test_efficientnet_is_traced_from_early_to_late(rule: str) -> None:
    network, scene = load_network("efficientnet-lite2"), make_scene(0, 96, 64)
    names = list(layers_of(network))
    assert {"stem", "stem.0", "blocks.0", "blocks.20"} < set(names) and "head" not in names
    np.testing.assert_allclose(
        activations(network, scene[None], "blocks.20"),
        load_backbone("efficientnet-lite2", 32).maps(scene[None]).transpose(0, 3, 1, 2),
        atol=1e-3,
    )
    for layer in ("stem", "blocks.4", "blocks.20"):
        answers, places = peaks(activations(network, scene[None], layer))
        unit = int(answers[0].argmax())
        signal, position = reconstruct(network, scene, layer, unit, rule=rule)
        assert signal.shape == (3, 64, 96) and np.isfinite(signal).all() and signal.any()
        assert position == tuple(places[0, unit])


def test_a_network_of_transformers_is_traced(tmp_path: Path) -> None:
    transformers: Any = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 8, 16, 24], depths=[1, 1, 1, 1])
    transformers.ResNetBackbone(config).save_pretrained(tmp_path)
    network, scene = load_network(str(tmp_path)), make_scene(0, 96, 64)
    last = list(layers_of(network))[-1].partition(".layers")[0]
    np.testing.assert_allclose(
        activations(network, scene[None], last),
        load_backbone(str(tmp_path)).maps(scene[None]).transpose(0, 3, 1, 2),
        atol=1e-4,
    )
    answers = peaks(activations(network, scene[None], last))[0][0]
    signal, _ = reconstruct(network, scene, last, int(answers.argmax()))
    assert signal.shape == (3, 64, 96) and signal.any()


def test_unknown_backbones_are_refused() -> None:
    with pytest.raises(OptionError, match="no backbone called 'resnet'; known: efficientnet-lite0"):
        load_network("resnet")


def test_gray_is_zero_and_the_contrast_is_the_same_both_ways() -> None:
    signal = np.zeros((3, 4, 5), np.float32)
    assert (draw_signal(signal) == 128).all()
    signal[0, 1, 2], signal[1, 3, 0] = 4, -2
    drawn = draw_signal(signal)
    assert drawn.shape == (4, 5, 3) and drawn.dtype == np.uint8
    assert drawn[1, 2].tolist() == [255, 128, 128] and drawn[3, 0].tolist() == [128, 64, 128]
    with pytest.raises(ShapeError, match=r"must have shape \(3, H, W\)"):
        draw_signal(signal[0])


def test_pieces_are_cut_where_the_signal_is_and_stay_inside() -> None:
    signal = np.zeros((3, 37, 53), np.float32)
    signal[:, 30:36, 45:53] = 1
    area = area_of(signal)
    assert area == (45, 30, 53, 36) and common_side([area]) == 8
    picture = noise()
    np.testing.assert_array_equal(cut_out(picture, area, 8), picture[29:37, 45:53])
    np.testing.assert_array_equal(cut_out(picture, area, 20), picture[17:37, 33:53])
    assert cut_out(picture, area, 99).shape == (37, 37, 3)
    photo, drawn = pieces(picture, signal, area, 8)
    assert photo.shape == drawn.shape == (112, 112, 3)
    with pytest.raises(ShapeError, match=r"must have shape \(3, 37, 53\), got \(3, 36, 53\)"):
        pieces(picture, signal[:, 1:], area, 8)


def test_units_are_drawn_below_each_other() -> None:
    tile = np.zeros((112, 112, 3), np.uint8)
    drawn = draw_units([("one", [(tile, tile)] * 3), ("other", [(tile, tile)])])
    assert drawn.shape == (2 * (34 + 2 * 112 + 4), 3 * 112 + 2 * 4, 3)
    assert (drawn[-112:, 116:] == 255).all() and (drawn[-112:, :112] == 0).all()
    with pytest.raises(ShapeError, match="at least one unit"):
        draw_units([])
