"""Networks of transformers and free NetVLAD become presets with the same numbers, and are exported and looked into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from placeprint.cli import app
from placeprint.core import registry
from placeprint.errors import OptionError, WeightsError
from placeprint.networks.stages import load_stages, read_stages, stages_as_bytes
from placeprint.networks.weights import find_weights, weights_path
from placeprint.onnx.exporting import check_picture, export_onnx, largest_difference, load_describer
from placeprint.training.model.preset_export import aggregator_of, export_preset
from placeprint.training.model.trained_network import build_model
from placeprint.training.run.run import load_run, train
from tests.training.test_preset_export import features_of
from tests.training.tiny import CHANNELS, tiny_backbone, tiny_recipe, write_classes

transformers = pytest.importorskip("transformers")
needs_xfeat = pytest.mark.skipif(weights_path(find_weights("xfeat")) is None, reason=find_weights("xfeat").install)
SHAPES = ((60, 90), (100, 40), (72, 72))
"""Landscape, portrait and square."""


def tiny_resnet(folder: Path, kind: str = "bottleneck") -> str:
    """Write a small ResNet with random weights as transformers does; return the name of the backbone."""
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 16, 24], depths=[1, 2, 1, 1], layer_type=kind
    )
    network = transformers.ResNetBackbone(config)
    for name, value in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            value.add_(torch.rand_like(value) / 4)
    network.save_pretrained(folder)
    return f"transformers:{folder}"


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_a_resnet_in_stages_is_the_one_of_transformers(tmp_path: Path, kind: str) -> None:
    found = load_stages(tiny_resnet(tmp_path, kind))
    network = transformers.ResNetBackbone.from_pretrained(tmp_path, out_features=["stage4"]).eval()
    pictures = torch.rand(2, 3, 64, 96) * 255
    mean, deviation = (torch.tensor(each)[:, None, None] for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        expected = network((pictures / 255 - mean) / deviation).feature_maps[-1]
        torch.testing.assert_close(found(pictures), expected, atol=1e-4, rtol=1e-4)
    assert (found.stride, found.channels, len(found.stages)) == (32, 24, 5)


def test_a_resnet_leaves_out_its_last_down_sampling_and_others_say_that_they_cannot(tmp_path: Path) -> None:
    found = load_stages(tiny_resnet(tmp_path / "resnet"), last_downsampling=False)
    with torch.inference_mode():
        assert (found.stride, found(torch.rand(1, 3, 64, 64)).shape[2:]) == (16, (4, 4))
    config = transformers.ConvNextConfig(hidden_sizes=[4, 8, 12, 16], depths=[1, 1, 1, 1])
    transformers.ConvNextBackbone(config).save_pretrained(tmp_path / "other")
    with pytest.raises(OptionError, match="use a ResNet"):
        load_stages(f"transformers:{tmp_path / 'other'}", last_downsampling=False)
    with pytest.raises(OptionError, match="last_stage works with EfficientNet only"):
        load_stages(f"transformers:{tmp_path / 'other'}", last_stage=5)


def test_any_network_of_transformers_is_written_and_read_again(tmp_path: Path) -> None:
    config = transformers.ConvNextConfig(hidden_sizes=[4, 8, 12, 16], depths=[1, 1, 1, 1])
    transformers.ConvNextBackbone(config).save_pretrained(tmp_path / "other")
    network = load_stages(f"transformers:{tmp_path / 'other'}")
    (tmp_path / "net.safetensors").write_bytes(stages_as_bytes(network))
    again, pictures = read_stages(tmp_path / "net.safetensors"), torch.rand(1, 3, 64, 96) * 255
    with torch.inference_mode():
        torch.testing.assert_close(again(pictures), network(pictures), atol=1e-5, rtol=1e-5)
    assert (again.stride, again.center, again.multiple) == (network.stride, network.center, network.multiple)


def test_a_folder_without_weights_or_with_some_is_refused_in_one_line(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    name, file = tiny_resnet(tmp_path), tmp_path / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="cannot load a backbone"):
        load_stages(name)
    file.write_bytes(whole)
    state = load_file(file)
    state.pop("encoder.stages.1.layers.1.layer.1.convolution.weight")
    save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match="lacks 1 weights of its network") as caught:
        load_stages(name)
    assert "\n" not in str(caught.value)


@needs_xfeat
@pytest.mark.filterwarnings("ignore")
def test_cgd_on_a_resnet_trains_indexes_exports_and_is_looked_into(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos", photos=3)
    model = {"backbone": tiny_resnet(tmp_path / "net"), "last_downsampling": False, "size": [64, 64]}
    recipe = tiny_recipe(
        model=model | {"trainable_from": 0},
        head={"name": "cgd", "config": "SMG", "dim": 12},
        loss={"name": "cgd"},
        schedule={"epochs": 1},
    )
    train(recipe, photos, tmp_path / "run")
    preset = export_preset(tmp_path / "run")
    (tmp_path / "net").rename(tmp_path / "gone")  # the preset has its own copy
    _, describer = load_describer(str(preset))
    scene = check_picture(64, 64)
    _, trained, _ = load_run_of(tmp_path)
    with torch.inference_mode():
        pictures = torch.from_numpy(scene).permute(2, 0, 1)[None].float()
        expected = trained.describe(trained.frozen_maps(pictures))[0].numpy()
    np.testing.assert_allclose(describer.descriptor(describer.features(scene)), expected, atol=1e-4)
    path = export_onnx(describer, tmp_path / "model.onnx")
    assert largest_difference(describer, path, [check_picture(*shape) for shape in SHAPES]) < 1e-4
    for place in (tmp_path / "run", preset, tmp_path / "run" / "backbone.safetensors"):
        result = CliRunner().invoke(app, ["inspect", "--backbone", str(place), "--layers"])
        assert result.exit_code == 0 and "stages.4" in result.output, result.output


def load_run_of(folder: Path) -> Any:
    (folder / "gone").rename(folder / "net")
    try:
        return load_run(folder / "run")
    finally:
        (folder / "net").rename(folder / "gone")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_netvlad_whose_assignment_is_free_becomes_an_aggregator(version: str) -> None:
    options = {"num_clusters": 3, "tied": False, "version": version}
    model = build_model(backbone=tiny_backbone(), head="netvlad", head_options=options).eval()
    head: Any = model.head
    with torch.no_grad():
        for value in head.parameters():
            value.add_(torch.randn_like(value) / 5)
        maps = torch.randn(2, CHANNELS, 5, 7)
        expected = head(maps)[0].numpy()
    spec, state = aggregator_of(model)
    aggregator = registry.restore(spec.make(), state)
    for map_, descriptor in zip(maps, expected, strict=True):
        np.testing.assert_allclose(aggregator.aggregate(features_of(map_)), descriptor, atol=1e-5)
    assert aggregator.refit([]) is aggregator and aggregator.adapt([]) is aggregator


def test_what_no_preset_could_hold_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="center prior"):
        build_model(backbone=tiny_backbone(), head="spoc", head_options={"dim": 2, "center_prior": True})
    with pytest.raises(OptionError, match="as its backbone"):
        build_model(backbone=tiny_resnet(tmp_path), head="delf-attention")
