import importlib.util
import json
from types import ModuleType

import numpy as np
import pytest
import torch

from placeprint.errors import OptionError, ShapeError, WeightsError
from placeprint.networks.published import TABLE, build, find_network
from placeprint.networks.published.building import (
    PlaceNetwork,
    empty_network,
    outlined_network,
    published_name,
    renamed,
)
from placeprint.networks.published.dinov2 import DINOv2
from placeprint.networks.published.salad import transport
from placeprint.networks.published.selavpr import SelaVPR
from tests.networks.published_goldens import (
    GOLDENS,
    batch,
    filled,
    filled_state,
    golden_folder,
    goldens,
    picture,
    shapes,
)

QUICK = (
    "anyloc_vits14_l9_value_c32",
    "boq_resnet50_16384",
    "cirtorch_gem_vgg16_512",
    "convap_resnet50_512",
    "cosplace_resnet18_512",
    "megaloc_small_head_512",
    "mixvpr_resnet50_128",
    "netvlad_hloc_vgg16_32768",
    "netvlad_nanne_vgg16_32768",
    "salad_dinov2_vits14_8448",
)
"""One network for each idea at least; the others are `large`: together they take minutes and up to 12 GB."""
SMALL = "cosplace_resnet18_512"
CROSSING = "cricavpr_vitb14_10752"


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.large) for name in GOLDENS]
)
def test_a_network_answers_as_the_original_program_does(name: str) -> None:
    module = build(name, filled_state(name))
    for golden in goldens(name):
        with torch.inference_mode():
            found = module(torch.from_numpy(batch(name, golden))).numpy()
        assert found.shape == (len(golden.seeds), find_network(name).dim)
        assert np.abs(found[:, golden.places] - golden.values).max() <= golden.tolerance
        assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-4


def test_every_golden_file_has_a_network_in_the_table() -> None:
    folder = golden_folder()
    if folder is None:
        pytest.skip("the golden files are not here; set PLACEPRINT_GOLDEN")
    names = {path.stem for path in folder.glob("*.json")} - {"dinov2_names"}
    assert names == set(GOLDENS)
    assert names <= {row.full_name for row in TABLE}


@pytest.mark.parametrize("name", GOLDENS)
def test_names_and_shapes_are_those_of_the_published_checkpoint(name: str) -> None:
    folder = golden_folder()
    if folder is None:
        pytest.skip("the golden files are not here; set PLACEPRINT_GOLDEN")
    state = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["state_dict"]
    assert shapes(name) == {key: tuple(shape) for key, shape in state["shapes"].items()}
    assert find_network(name).bytes == state["float32_bytes"]


def test_the_rule_that_fills_weights_is_that_of_the_golden_files() -> None:
    rule = _rule()
    for name in (SMALL, "salad_dinov2_vits14_8448", "netvlad_hloc_vgg16_32768", "cirtorch_gem_vgg16_512"):
        for key, shape in list(shapes(name).items())[-40:]:
            assert np.array_equal(filled(key, shape), rule.fill(key, shape)), key
    assert np.array_equal(picture(2, 30, 40), rule.image(2, 30, 40))


def test_names_and_sizes_of_the_table_are_each_their_own() -> None:
    names = [name for row in TABLE for name in (row.name, row.full_name)]
    assert len(names) == len(set(names))
    for row in TABLE:
        assert find_network(row.name) is row
        numbers = sum(value.numel() for value in outlined(row.name).values() if value.is_floating_point())
        assert row.bytes == 4 * numbers, row.name


def test_renaming_tensors_and_back_changes_nothing() -> None:
    for name in GOLDENS:
        network = find_network(name)
        for key in outlined(name):
            assert renamed(network, published_name(network, key)) == key


def test_an_unknown_network_is_refused_with_those_of_a_similar_name() -> None:
    with pytest.raises(OptionError, match="no published network called 'megalok'; did you mean 'megaloc'"):
        build("megalok", {})


def test_a_checkpoint_that_does_not_fit_is_refused_by_its_own_names() -> None:
    state = filled_state(SMALL)
    with pytest.raises(WeightsError, match=r"missing aggregation\.1\.p, unexpected aggregation\.1\.q$"):
        build(SMALL, {key.replace("1.p", "1.q"): value for key, value in state.items()})
    with pytest.raises(WeightsError, match=r"aggregation\.3\.bias has \(7,\), expected \(512,\)$"):
        build(SMALL, state | {"aggregation.3.bias": np.zeros(7, np.float32)})
    with pytest.raises(WeightsError, match=r"unexpected .*module\.backbone"):
        build("cosplace-r18", {f"module.{key}": value for key, value in state.items()})


def test_tensors_and_arrays_are_taken_alike_and_not_copied() -> None:
    state = filled_state(SMALL)
    tensors = {key: torch.from_numpy(value.copy()) for key, value in state.items()}
    module = build(SMALL, tensors)
    assert module.head.get_parameter("1.p").data_ptr() == tensors["aggregation.1.p"].data_ptr()
    pictures = torch.from_numpy(batch(SMALL, next(iter(goldens(SMALL)))))[:, :, :64, :96]
    with torch.inference_mode():
        assert torch.equal(module(pictures), build(SMALL, state)(pictures))
    state["aggregation.1.p"].flags.writeable = False
    build(SMALL, state)


def test_every_weight_takes_part_and_can_be_trained() -> None:
    name = "salad_dinov2_vits14_8448"
    module = build(name, filled_state(name))
    module(torch.rand(1, 3, 126, 140)).square()[:, :100].sum().backward()
    without = {key for key, value in module.named_parameters() if value.grad is None}
    assert without == {"trunk.mask_token"}


def test_pictures_of_wrong_sides_are_refused() -> None:
    trunk = DINOv2(64, 1)
    with pytest.raises(ShapeError, match="multiples of 14, got 30 x 28; resize them to 28 x 28"):
        trunk(torch.zeros(1, 3, 28, 30))
    with pytest.raises(ShapeError, match="pictures of 224 x 224 pixels, got 28 x 28"):
        DINOv2(64, 1, side=224)(torch.zeros(1, 3, 28, 28))
    with pytest.raises(ShapeError, match="more than 64 patches of 14 x 14 pixels, got 2 x 2"):
        _small("salad-vits")(torch.zeros(1, 3, 28, 28))
    with pytest.raises(ShapeError, match="MixVPR takes pictures of 320 x 320 pixels"):
        _small("mixvpr-128")(torch.zeros(1, 3, 64, 64))


def test_positions_are_the_table_itself_at_the_size_it_was_made_for() -> None:
    trunk = DINOv2(64, 1)
    torch.nn.init.normal_(trunk.pos_embed)
    assert torch.equal(trunk.positions(37, 37), trunk.pos_embed)
    assert trunk.positions(3, 5).shape == (1, 16, 64)
    assert torch.equal(trunk.positions(3, 5)[:, 0], trunk.pos_embed[:, 0])


def test_a_transport_gives_every_patch_away_and_fills_every_cluster() -> None:
    scores = torch.randn(2, 6, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plan = transport(scores, torch.tensor(1.0, dtype=torch.float64))
    assert plan.shape == (2, 6, 40)
    assert (plan.sum(1) <= 1 + 1e-12).all()
    assert (plan.sum(2) - 1).abs().max() < 0.2  # three rounds come near
    assert torch.allclose(plan, transport(scores, torch.tensor(-7.0, dtype=torch.float64)))


@pytest.mark.large
def test_cricavpr_depends_on_the_batch_as_the_original_does() -> None:
    folder = golden_folder()
    if folder is None:
        pytest.skip("the golden files are not here; set PLACEPRINT_GOLDEN")
    alone = json.loads((folder / f"{CROSSING}.json").read_text(encoding="utf-8"))["outputs"][0]["one_by_one"]
    golden = next(iter(goldens(CROSSING)))
    module = build(CROSSING, filled_state(CROSSING))
    for row, pictures in zip(alone, torch.from_numpy(batch(CROSSING, golden)), strict=True):
        with torch.inference_mode():
            found = module(pictures[None])[0].numpy()
        assert np.abs(found[:64] - row["first64"]).max() <= golden.tolerance


@pytest.mark.large
def test_selavpr_has_the_local_features_of_the_original() -> None:
    name = "selavpr_vitl14_1024"
    folder = golden_folder()
    if folder is None:
        pytest.skip("the golden files are not here; set PLACEPRINT_GOLDEN")
    output = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["outputs"][0]
    expected = output["intermediates_of_the_batch"]["output:local_features"]
    module = build(name, filled_state(name))
    assert isinstance(module.head, SelaVPR)
    with torch.inference_mode():
        tokens = module.trunk(torch.from_numpy(batch(name, next(iter(goldens(name))))))
        found = module.head.local_features(tokens)
    assert list(found.shape) == expected["shape"]
    assert np.abs(found.flatten()[:8].numpy() - expected["first8"]).max() < 1e-5
    assert abs(float(found.std()) - expected["std"]) < 1e-5


def outlined(name: str) -> dict[str, torch.Tensor]:
    """Return the tensors of a network, those that a checkpoint need not bring left out."""
    own = outlined_network(find_network(name)).state_dict()
    return {key: value for key, value in own.items() if key != "trunk.mean"}


def _small(name: str) -> PlaceNetwork:
    """Return a network with weights that are zeros."""
    module = empty_network(find_network(name))
    with torch.no_grad():
        for value in module.state_dict().values():
            value.zero_()
    return module.eval()


def _rule() -> ModuleType:
    """Return the golden folder's own program of the rule, or skip the test."""
    folder = golden_folder()
    if folder is None:
        pytest.skip("the golden files are not here; set PLACEPRINT_GOLDEN")
    spec = importlib.util.spec_from_file_location("golden_fill", folder / "fill.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
