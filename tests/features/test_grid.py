"""A network's map as features: EfficientNet-Lite against what is known of it, other networks by their form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placeprint.errors import OptionError, PackageError, WeightsError
from placeprint.features import batching
from placeprint.features.grid import Grid
from placeprint.features.resizing import resize_longest
from placeprint.features.selection import contrast_around
from placeprint.networks.backbones import load_backbone
from placeprint.networks.weights import find_weights, weights_path
from tests.conftest import make_scene

needs_weights = pytest.mark.skipif(
    weights_path(find_weights("efficientnet-lite2")) is None, reason=find_weights("efficientnet-lite2").install
)
VARIANTS = [
    pytest.param(
        variant, marks=pytest.mark.skipif(weights_path(find_weights(name)) is None, reason=find_weights(name).install)
    )
    for variant, name in (("lite0", "efficientnet-lite0"), ("lite2", "efficientnet-lite2"))
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_network_knows_a_cat_and_a_cup(variant: str) -> None:
    import torch

    from placeprint.datasets.photos.sample_photos import ELSEWHERE, PLACES, read_samples
    from placeprint.networks.pretrained import read_efficientnet

    network = read_efficientnet(f"efficientnet-{variant}")
    photos = read_samples({"cat": ELSEWHERE["cat"], "coffee": PLACES["coffee"]})
    # tabby, tiger cat, Egyptian cat; espresso, cup
    for name, classes in (("cat", [281, 282, 285]), ("coffee", [967, 968])):
        photo = torch.from_numpy(resize_longest(photos[name], 288, 32)).permute(2, 0, 1)[None].float()
        with torch.inference_mode():
            chances = network.classify(photo).softmax(1)[0]
        assert chances[classes].sum() > 0.9, name


@pytest.mark.parametrize(("variant", "channels"), [("lite0", (112, 320)), ("lite2", (120, 352)), ("lite4", (160, 448))])
def test_the_variants_have_the_published_widths(variant: str, channels: tuple[int, int]) -> None:
    import torch

    from placeprint.networks.efficientnet import EfficientNetLite

    network = EfficientNetLite(variant).eval()
    with torch.inference_mode():
        maps = [network(torch.zeros(1, 3, 64, 96), stride) for stride in (16, 32)]
    assert [tuple(each.shape) for each in maps] == [(1, channels[0], 4, 6), (1, channels[1], 2, 3)]


@pytest.mark.parametrize(("kernel", "stride", "side"), [(3, 2, 8), (3, 2, 9), (5, 2, 8), (5, 1, 7), (3, 4, 9)])
def test_same_padding_is_that_of_a_plain_loop(kernel: int, stride: int, side: int) -> None:
    import torch

    from placeprint.networks.efficientnet import SamePadded

    layer = SamePadded(1, 1, kernel, stride, bias=False)
    values = np.random.default_rng(0).normal(size=side).astype(np.float32)
    with torch.inference_mode():
        found = layer(torch.from_numpy(np.tile(values, (side, 1)))[None, None])[0, 0]
    # TensorFlow: ceil(n / s) outputs; pads (outputs - 1) s + k - n in all, the smaller half first
    outputs = -(-side // stride)
    total = max((outputs - 1) * stride + kernel - side, 0)
    padded = np.pad(values, (total // 2, total - total // 2))
    weights = layer.weight.detach().numpy()[0, 0]
    middle = outputs // 2
    pad = total // 2
    rows = [row for row in range(kernel) if 0 <= middle * stride - pad + row < side]
    expected = [weights[rows].sum(axis=0) @ padded[i * stride : i * stride + kernel] for i in range(outputs)]
    assert found.shape == (outputs, outputs)
    np.testing.assert_allclose(found[middle].numpy(), expected, atol=1e-5)


def test_what_a_cell_can_see_is_centered_where_the_padding_says() -> None:
    import torch

    from placeprint.networks.efficientnet import EfficientNetLite

    network = EfficientNetLite("lite0").eval()
    for name, parameter in network.named_parameters():
        torch.nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 0.01)
    picture = torch.full((1, 3, 32, 640), 130.0, requires_grad=True)
    network(picture, 16)[0, 0, 1, 20].backward()
    assert picture.grad is not None
    seen = np.flatnonzero(picture.grad[0].abs().sum(dim=(0, 1)).numpy())
    assert (seen[0] + seen[-1]) / 2 == 16 * 20 + 15


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("stride", "within"), [(16, 1.5), (32, 6.0)])
@pytest.mark.slow
def test_keypoints_are_where_the_cells_look(variant: str, stride: int, within: float) -> None:
    """Half of a gradient's energy is left of its cell's keypoint, half right of it; above and below too."""
    import torch

    from placeprint.datasets.photos.sample_photos import PLACES, read_samples
    from placeprint.networks.efficientnet import CENTERS
    from placeprint.networks.pretrained import read_efficientnet
    from placeprint.photos import resize

    network = read_efficientnet(f"efficientnet-{variant}")
    generator = torch.Generator().manual_seed(0)
    chosen = {name: PLACES[name] for name in ("temple", "motorcycle", "coffee", "astronaut", "camera", "coins")}
    middles = []
    for photo in read_samples(chosen).values():
        pixels = torch.from_numpy(resize(photo, (320, 320)).copy()).permute(2, 0, 1)[None].float().requires_grad_(True)
        found = network(pixels, stride)
        for column, row in torch.randint(128 // stride, 192 // stride + 1, (3, 2), generator=generator).tolist():
            answer = (found[0, :, row, column] * torch.randn(found.shape[1], generator=generator)).sum()
            (gradient,) = torch.autograd.grad(answer, pixels, retain_graph=True)
            energy = (gradient[0] ** 2).sum(0).numpy()
            for axis, cell in ((0, column), (1, row)):
                share = np.cumsum(energy.sum(axis)) / energy.sum()
                middles.append(np.interp(0.5, share, np.arange(320) + 0.5) - stride * cell)
    assert np.median(middles) == pytest.approx(CENTERS[stride], abs=within)


@needs_weights
def test_a_photo_has_a_feature_in_every_cell() -> None:
    features = Grid(size=320, min_contrast=0).extract(make_scene(0, 640, 512))
    assert Grid().dim == 120 and Grid(stride=32).dim == 352
    assert len(features) == 20 * 16
    # cell (0, 0) looks at (9.5, 9.5) of the copy, which is half the size
    np.testing.assert_allclose(features.keypoints.min(axis=0), 19.5, atol=1e-4)
    np.testing.assert_allclose(features.keypoints.max(axis=0), [19.5 + 19 * 32, 19.5 + 15 * 32], atol=1e-3)
    assert features.scales is not None and (features.scales == 32).all()
    assert (np.diff(features.scores) <= 0).all() and features.scores.min() > 0


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("stride", [16, 32])
def test_the_length_is_known_before_the_network_is_loaded(variant: str, stride: int) -> None:
    extractor = Grid(backbone=f"efficientnet-{variant}", size=128, stride=stride)
    assert extractor.weights == f"efficientnet-{variant}"
    features = extractor.extract(make_scene(0, 128, 128))
    assert features.descriptors.shape == (len(features), extractor.dim)
    if stride == 16:
        assert find_weights(extractor.weights).dim == extractor.dim


@needs_weights
def test_even_parts_of_a_photo_have_no_features() -> None:
    scene = make_scene(0, 320, 320)
    scene[:160] = 200
    features = Grid(size=320).extract(scene)
    assert len(features) > 150
    assert features.keypoints[:, 1].min() > 150


@needs_weights
def test_a_batch_gives_what_single_photos_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "at_once", lambda on_gpu: on_gpu)  # together, as on a GPU
    scenes = [make_scene(0, 320, 240), make_scene(1, 200, 240), make_scene(2, 320, 240)]
    extractor = Grid(size=320)
    for scene, other in zip(scenes, extractor.extract_batch(scenes), strict=True):
        one = extractor.extract(scene)
        order, other_order = (np.lexsort(each.keypoints.T) for each in (one, other))
        np.testing.assert_array_equal(one.keypoints[order], other.keypoints[other_order])
        np.testing.assert_allclose(one.descriptors[order], other.descriptors[other_order], atol=1e-4)


def test_contrast_is_the_standard_deviation_around_a_point() -> None:
    gray = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    image = np.repeat(gray[:, :, None], 3, axis=2)
    found = contrast_around(image, np.array([[20.0, 10.0], [31.0, 30.0]]), 9)
    np.testing.assert_allclose(found, [gray[6:15, 16:25].std(), gray[26:35, 27:36].std()], rtol=1e-3)
    assert contrast_around(np.full((8, 8, 3), 127, np.uint8), np.array([[0.0, 7.0]]), 16).tolist() == [0.0]


def test_unknown_backbones_and_strides_are_refused() -> None:
    with pytest.raises(OptionError, match="no backbone called 'resnet'; known: efficientnet-lite0, efficientnet-lite2"):
        Grid(backbone="resnet").extract(make_scene(0))
    with pytest.raises(OptionError, match=r"has maps of stride \[16, 32\], got 8"):
        Grid(stride=8).extract(make_scene(0))


def test_without_transformers_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(PackageError, match="needs transformers, which is not installed; run: pip install transformers"):
        load_backbone(str(tmp_path))


def _saved(folder: Path, kind: str) -> Path:
    """Save a small network with random weights, as the hub has it."""
    transformers: Any = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(0)
    if kind == "resnet":
        config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 8, 16, 24], depths=[1, 1, 1, 1])
        network = transformers.ResNetBackbone(config)
    else:
        sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 56}
        network = transformers.Dinov2Backbone(transformers.Dinov2Config(patch_size=14, **sizes))
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}))
    return folder


@pytest.mark.parametrize(("kind", "stride", "center"), [("resnet", 32, 0.0), ("dinov2", 14, 6.5)])
@pytest.mark.slow
def test_networks_of_transformers_give_maps(kind: str, stride: int, center: float, tmp_path: Path) -> None:
    backbone = load_backbone(f"transformers:{_saved(tmp_path / kind, kind)}")
    assert (backbone.stride, backbone.dim, backbone.center) == (stride, 24, center)
    pictures = np.stack([make_scene(seed, 2 * 224, 224) for seed in (0, 1)])
    maps = backbone.maps(pictures)
    assert maps.shape == (2, 224 // stride, 448 // stride, 24) and maps.dtype == np.float32
    np.testing.assert_allclose(maps[1:], backbone.maps(pictures[1:]), atol=1e-4)
    extractor = Grid(backbone=str(tmp_path / kind), size=448)
    features = extractor.extract(make_scene(0, 448, 224))
    assert features.descriptors.shape == (len(features), 24) and extractor.dim == 24 and extractor.weights is None
    np.testing.assert_allclose(features.keypoints.min(axis=0), center, atol=1e-4)


def test_a_map_of_another_stride_may_be_chosen(tmp_path: Path) -> None:
    folder = str(_saved(tmp_path / "resnet", "resnet"))
    backbone = load_backbone(folder, 16)
    assert (backbone.stride, backbone.dim, backbone.multiple) == (16, 16, 32)
    with pytest.raises(OptionError, match=r"has maps of stride \[4, 8, 16, 32\], got 14"):
        load_backbone(folder, 14)


def test_pictures_are_normalized_as_the_folder_says(tmp_path: Path) -> None:
    import torch

    folder = _saved(tmp_path / "resnet", "resnet")
    transformers: Any = pytest.importorskip("transformers")
    picture = make_scene(0, 64, 64)
    with torch.inference_mode():
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        expected = transformers.ResNetBackbone.from_pretrained(folder)((pixels - 0.5) / 0.25).feature_maps[-1]
    found = load_backbone(str(folder)).maps(picture[None])
    np.testing.assert_allclose(found, expected.permute(0, 2, 3, 1).numpy(), atol=1e-4)


def test_a_folder_without_a_network_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(WeightsError, match="transformers cannot load a backbone from"):
        load_backbone(str(tmp_path))


def test_the_extractor_does_not_load_torch_before_it_is_used() -> None:
    code = "import sys; from placeprint.features.grid import Grid; Grid().dim; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
