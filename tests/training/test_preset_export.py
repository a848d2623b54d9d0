"""A run becomes a preset that gives the network's own descriptors."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from placeprint.core import registry
from placeprint.core.numerics import normalize
from placeprint.describing.describer import Describer
from placeprint.errors import OptionError, WeightsError
from placeprint.features.grid import Grid
from placeprint.features.resizing import resize_longest
from placeprint.networks.efficientnet import EfficientNetLite
from placeprint.networks.staged_backbone import StagedBackbone
from placeprint.networks.stages import efficientnet_stages, read_stages, stages_as_bytes
from placeprint.photos import read_image
from placeprint.presets import load_preset
from placeprint.searching.learning import first_state
from placeprint.training.data.loading import PhotoMaps, Photos, describe
from placeprint.training.data.prepare import read_data
from placeprint.training.model.preset_export import aggregator_of, export_preset, whitening_of
from placeprint.training.model.trained_network import build_model
from placeprint.training.run.run import load_run, train
from placeprint.types import LocalFeatures
from tests.conftest import make_scene, write_photo
from tests.training.tiny import CHANNELS, tiny_backbone, tiny_recipe, write_classes

HEADS: list[tuple[str, dict[str, Any]]] = [
    ("gem", {"p": 2.5}),
    ("gem", {"per_channel": True}),
    ("spoc", {}),
    ("mac", {}),
    ("netvlad", {"num_clusters": 3}),
    ("netvlad", {"num_clusters": 3, "version": "v1"}),
    ("gem", {"dim": 4}),
    ("spoc", {"dim": 4}),
    ("cgd", {"config": "SG", "dim": 6}),
    ("cgd", {"config": "GMS", "dim": 6, "begin": "random"}),
]
needs_cgd = "cgd" in registry.names("aggregators")


def features_of(map_: torch.Tensor, stride: int = 4) -> LocalFeatures:
    """Return the cells of a map ``(C, H, W)`` as a grid gives them."""
    height, width = map_.shape[1:]
    rows = map_.flatten(1).T.numpy()
    row, column = np.divmod(np.arange(height * width), width)
    points = np.stack([column, row], axis=1).astype(np.float32) * stride + (stride - 1) / 2
    lengths = np.linalg.norm(rows, axis=1)
    return LocalFeatures(points, normalize(rows), lengths, (width * stride, height * stride))


@pytest.mark.parametrize(("head", "options"), HEADS)
def test_the_aggregator_gives_the_descriptors_of_the_head(head: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = build_model(backbone=tiny_backbone(), head=head, head_options=options).eval()
    maps = torch.randn(40, CHANNELS, 5, 7)
    model.head.begin(maps, 0, np.zeros((0, 2), np.int64))
    with torch.inference_mode():
        expected = model.head(maps[:3])[0].numpy()
    spec, state = aggregator_of(model)
    if spec.name == "cgd" and not needs_cgd:
        pytest.skip("there is no such aggregator")
    aggregator = registry.restore(spec.make(), state)
    for map_, descriptor in zip(maps[:3], expected, strict=True):
        np.testing.assert_allclose(aggregator.aggregate(features_of(map_)), descriptor, atol=1e-5)


def small_efficientnet() -> StagedBackbone:
    """Return an untrained EfficientNet up to the map of stride 16."""
    torch.manual_seed(0)
    return efficientnet_stages(EfficientNetLite("lite0").eval(), "lite0", last_stage=5)


def test_a_trained_network_is_written_and_found_by_the_grid(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos", photos=3)
    model = {"size": [64, 64], "trainable_from": 5, "last_stage": 5, "backbone": "efficientnet-lite0"}
    recipe = tiny_recipe(model=model, schedule={"epochs": 1}, optimizer={"learning_rate": 0.01})
    train(recipe, photos, tmp_path / "run", backbone=small_efficientnet())
    path = export_preset(tmp_path / "run", backbone=small_efficientnet())
    tables = tomllib.loads(path.read_text())
    assert set(tables) == {"summary", "extractor", "fusion", "index", "verifier", "codebook", "store"}
    assert tables["summary"].startswith("gem on efficientnet-lite0, trained by the recipe")
    (part,) = tables["fusion"]
    assert tables["store"]["local_bits"] == 8  # with 6 whitened descriptors of stored cells are others
    with np.load(tmp_path / "run" / tables["codebook"]["file"]) as state:
        assert {name: state[name].tolist() for name in state} == {"fusion.0.aggregator.dim_": 112}
    assert part["extractor"]["backbone"] == "backbone.safetensors"
    table = dict(load_preset(str(path)).components["fusion"][0]["extractor"])  # the path from where one stands
    assert (table.pop("name"), table["stride"], table["stretch"], table["max_keypoints"]) == ("grid", 16, [64, 64], 16)
    scene = np.ascontiguousarray(make_scene(1, 64, 64))
    features = Grid(**table).extract(scene)
    assert len(features) == 16
    _, trained, _ = load_run(tmp_path / "run", backbone=small_efficientnet())
    aggregator = registry.create("aggregators", part["aggregator"]["name"], {"p": part["aggregator"]["p"]})
    pictures = torch.from_numpy(scene).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        expected = trained.describe(trained.frozen_maps(pictures))[0].numpy()
    np.testing.assert_allclose(aggregator.fit([features]).aggregate(features), expected, atol=1e-4)


def test_a_network_that_ends_with_its_fourth_stage_can_be_written_and_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = efficientnet_stages(EfficientNetLite("lite0").eval(), "lite0", last_stage=4)
    (tmp_path / "net.safetensors").write_bytes(stages_as_bytes(network))
    again, pictures = read_stages(tmp_path / "net.safetensors"), torch.rand(1, 3, 64, 64) * 255
    with torch.inference_mode():
        torch.testing.assert_close(again(pictures), network(pictures), atol=1e-4, rtol=1e-4)
    assert (again.stride, again(pictures).shape[2:]) == (16, (4, 4))


def test_the_layer_after_netvlad_is_the_whitener_of_the_preset() -> None:
    model = build_model(backbone=tiny_backbone(), head="netvlad", head_options={"num_clusters": 3, "dim": 5}).eval()
    maps = torch.randn(40, CHANNELS, 5, 7)
    model.head.begin(maps, 0, np.zeros((0, 2), np.int64))
    head: Any = model.head
    with torch.inference_mode():
        head.projection.bias.add_(torch.randn(5) / 10)  # as training leaves it
        expected = head(maps[:3])[0].numpy()
    spec, state = aggregator_of(model)
    aggregator = registry.restore(spec.make(), state)
    whitener = registry.restore(registry.create("whiteners", "pca-whitening", {"dim": 5}), whitening_of(model))
    rows = np.stack([aggregator.aggregate(features_of(map_)) for map_ in maps[:3]])
    np.testing.assert_allclose(whitener.transform(rows), expected, atol=1e-5)


def test_what_no_preset_can_hold_is_refused(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos", photos=3)
    train(tiny_recipe(schedule={"epochs": 1}), photos, tmp_path / "run", backbone=tiny_backbone())
    with pytest.raises(OptionError, match="a network of your own"):
        export_preset(tmp_path / "run", backbone=tiny_backbone())
    with pytest.raises(OptionError, match="has no run"):
        export_preset(tmp_path)


def test_a_run_without_a_validated_checkpoint_has_no_preset(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos", photos=3)
    train(tiny_recipe(schedule={"epochs": 1}), photos, tmp_path / "run", backbone=tiny_backbone())
    (tmp_path / "run" / "best.toml").unlink()
    with pytest.raises(WeightsError, match="no validated checkpoint"):
        load_run(tmp_path / "run", backbone=tiny_backbone())


@pytest.mark.parametrize("size", [(112, 112), (192, 192), (100, 70)])
@pytest.mark.slow
def test_the_preset_describes_photos_as_validation_did(size: tuple[int, int], tmp_path: Path) -> None:
    """Photos of several shapes: what training and validation see is what an atlas and an exported file see."""
    photos = write_classes(tmp_path / "photos", photos=3)
    shapes = {"wide": (240, 100), "tall": (90, 160), "four_to_three": (200, 150), "tiny": (20, 17), "same": size}
    for number, (name, (width, height)) in enumerate(shapes.items()):
        write_photo(photos / f"class{number % 3}" / f"{name}.png", make_scene(number, width, height))
    write_photo(photos / "class0" / "gray.png", make_scene(7, 120, 80)[..., 0])
    model = {"size": list(size), "trainable_from": 5, "last_stage": 5, "backbone": "efficientnet-lite0"}
    recipe = tiny_recipe(model=model, schedule={"epochs": 1}, optimizer={"learning_rate": 0.01})
    train(recipe, photos, tmp_path / "run", backbone=small_efficientnet())
    path = export_preset(tmp_path / "run", backbone=small_efficientnet())
    _, trained, _ = load_run(tmp_path / "run", backbone=small_efficientnet())
    data = read_data(recipe.data, photos)
    preset = load_preset(str(path))
    describer = Describer(preset, first_state(preset))
    for part in (data.train, data.validation):
        source = PhotoMaps(Photos(part.root, part.paths, recipe.model.input_rule), trained)
        validated = describe(trained, source, np.arange(len(part)), workers=0)
        for name, expected in zip(part.paths, validated, strict=True):
            features = describer.features(read_image(part.root / name))
            np.testing.assert_allclose(describer.descriptor(features), expected, atol=1e-5, err_msg=name)


def test_presets_without_the_key_keep_the_shape_of_photos() -> None:
    image = make_scene(0, 300, 200)
    rule = Grid(size=112).input_rule()
    assert (rule.picture(image).shape, rule.stretch) == ((64, 96, 3), (0, 0))
    np.testing.assert_array_equal(rule.picture(image), resize_longest(image, 112, 32))
