"""Published networks as extractors, and in an atlas, with filled weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from placeprint.aggregation.pooling import SPoC
from placeprint.atlas import Atlas
from placeprint.errors import AtlasMismatchError, OptionError, ShapeError, WeightsError
from placeprint.features.published import Published
from placeprint.features.resizing import InputRule
from placeprint.networks.published import checkpoints, find_network, published_networks
from placeprint.presets import load_preset, preset_names
from tests.cli.test_cli import run
from tests.conftest import make_scene, write_photo
from tests.networks.published_files import write_file, write_files
from tests.networks.published_goldens import filled_state

SMALL = "cosplace-r18"


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the filled weights of some networks."""
    folder = tmp_path_factory.mktemp("models")
    for name in (SMALL, "mixvpr-512"):
        write_files(folder, find_network(name))
    return folder


@pytest.fixture
def here(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the weights be found; return their folder."""
    monkeypatch.setenv(checkpoints.FOLDER, str(weights))
    return weights


def test_the_one_feature_is_the_networks_descriptor(here: Path) -> None:
    image = make_scene(0, 320, 240)
    found = Published(size=160).extract(image)
    network = checkpoints.load(find_network(SMALL))
    sight = find_network(SMALL).sight
    picture = (InputRule(160).picture(image) / 255 - sight.mean) / sight.deviation
    with torch.inference_mode():
        expected = network(torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32)))[0].numpy()
    assert found.descriptors.shape == (1, Published().dim) == (1, 512)
    np.testing.assert_allclose(found.descriptors[0], expected, atol=1e-5)
    assert found.keypoints.tolist() == [[159.5, 119.5]] and found.image_size == (320, 240)
    np.testing.assert_allclose(SPoC().fit([found]).aggregate(found), expected, atol=1e-5)


def test_products_in_16_bits_give_nearly_the_same(here: Path) -> None:
    image = make_scene(0, 320, 240)
    whole, short = (Published(size=160, bfloat16=value).extract(image).descriptors[0] for value in (False, True))
    assert 0.99 < whole @ short < 1 - 1e-6
    assert short.dtype == np.float32


def test_photos_together_are_as_each_alone(here: Path) -> None:
    images = [make_scene(0), make_scene(1, 200, 300), np.full((50, 60, 3), 90, np.uint8), make_scene(2)]
    extractor = Published(size=128)
    for image, found in zip(images, extractor.extract_batch(images), strict=True):
        alone = extractor.extract(image)
        np.testing.assert_array_equal(found.descriptors, alone.descriptors)
        np.testing.assert_array_equal(found.keypoints, alone.keypoints)
    assert [len(found) for found in extractor.extract_batch(images)] == [1, 1, 0, 1]


def test_what_a_mask_forbids_does_not_count(here: Path) -> None:
    extractor, mask = Published(size=128), np.zeros((240, 320), bool)
    mask[:, 200:] = True
    image, other = make_scene(0, 320, 240), make_scene(0, 320, 240)
    other[:, :180] = make_scene(7, 180, 240)
    found, same = extractor.extract(image, mask), extractor.extract(other, mask)
    np.testing.assert_allclose(found.descriptors, same.descriptors, atol=1e-6)
    assert not np.allclose(found.descriptors, extractor.extract(image).descriptors, atol=1e-3)
    column, row = np.rint(found.keypoints[0]).astype(int)
    assert mask[row, column] and abs(row - 119.5) < 3
    assert len(extractor.extract(image, np.zeros((240, 320), bool))) == 0
    with pytest.raises(ShapeError, match="shape of its image"):
        extractor.extract(image, np.zeros((3, 3), bool))


def test_networks_see_photos_as_they_were_published() -> None:
    assert Published(network="mixvpr").input_rule() == InputRule(0, 1, (320, 320))
    assert Published(network="megaloc").input_rule().picture(make_scene(0)).shape == (322, 322, 3)
    assert Published(network="megaloc", size=150).input_rule().picture(make_scene(0)).shape == (112, 140, 3)
    assert Published(network="netvlad-vgg16").input_rule() == InputRule(1024)
    assert Published(network="boq", stretch=(280, 140)).input_rule() == InputRule(stretch=(280, 140))
    with pytest.raises(OptionError, match="no published network called 'megalok'"):
        _ = Published(network="megalok").dim


def test_a_network_of_one_size_says_so(here: Path) -> None:
    with pytest.raises(ShapeError, match="MixVPR takes pictures of 320 x 320 pixels"):
        Published(network="mixvpr-512", size=160).extract(make_scene(0))


def test_without_weights_the_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(checkpoints.FOLDER, str(tmp_path))
    with pytest.raises(WeightsError, match="run: placeprint models get megaloc"):
        Published(network="megaloc").extract(make_scene(0))


def test_every_method_has_a_preset_of_its_network() -> None:
    used = {}
    for name in preset_names():
        for item in load_preset(name).components.get("fusion", ()):
            if item.get("extractor", {}).get("name") == "published":
                used[name] = find_network(item["extractor"]["network"])
    assert {row.method for row in used.values()} == {row.method for row in published_networks()}
    assert all(row.files for row in used.values())


def test_an_atlas_is_searched_by_the_network_and_verified_by_xfeat(here: Path, tmp_path: Path) -> None:
    for number in range(3):
        write_photo(tmp_path / "photos" / f"{number}.png", make_scene(number, 480, 360))
    atlas = Atlas.create(tmp_path / "atlas", _small_preset(tmp_path))
    assert atlas.add([tmp_path / "photos"]).added == 3
    assert atlas.info().codebook == "shipped" and atlas.describer.dim == 512
    answer = Atlas.open(tmp_path / "atlas").search(make_scene(1, 480, 360), rotations=False)
    assert answer.best is not None and Path(answer.best.path).name == "1.png"
    assert answer.evidence[0].similarity > 0.99


def test_an_atlas_made_with_other_weights_is_refused(here: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "photos" / "0.png", make_scene(0))
    Atlas.create(tmp_path / "atlas", _small_preset(tmp_path)).add([tmp_path / "photos"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(checkpoints.FOLDER, str(tmp_path / "models"))
        state = filled_state(find_network(SMALL).full_name)
        file = find_network(SMALL).files[0]
        (tmp_path / "models").mkdir()
        write_file(
            tmp_path / "models" / file.name, file, state | {"aggregation.3.bias": state["aggregation.3.bias"] + 1}
        )
        with pytest.raises(AtlasMismatchError, match="made with different network weights"):
            Atlas.open(tmp_path / "atlas")


@pytest.mark.slow
def test_index_search_and_evaluate_run_on_real_photos(here: Path, tmp_path: Path, data: Path) -> None:
    places = data / "corridor"
    preset = _small_preset(tmp_path)
    (tmp_path / "few").mkdir()
    for path in sorted((places / "database").glob("*.jpg"))[:6]:
        (tmp_path / "few" / path.name).symlink_to(path)
    done = run("index", tmp_path / "few", "--into", tmp_path / "atlas", "--preset", preset)
    assert "6 added" in done.stdout, done.stderr
    done = run("search", tmp_path / "few" / path.name, "--in", tmp_path / "atlas", "--json")
    evidence = json.loads(done.stdout)["answers"][0]["evidence"]
    assert Path(evidence[0]["photo"]).name == path.name and evidence[0]["inliers"] > 100


def _small_preset(folder: Path) -> str:
    """Write a preset of the small network, quicker than the shipped one; return its path."""
    text = 'summary = ""\n'
    tables = load_preset("cosplace").components
    text += "[extractor]\nname = 'xfeat'\nmax_keypoints = 500\n[[fusion]]\n"
    text += f"extractor = {{ name = 'published', network = '{SMALL}', size = 160 }}\naggregator = {{ name = 'spoc' }}\n"
    text += "".join(f"[{name}]\nname = '{tables[name]['name']}'\n" for name in ("index", "verifier"))
    path = folder / "small.toml"
    path.write_text(f"{text}[codebook]\n[store]\nlocal_bits = 6\ndescriptor_bits = 8\n")
    return str(path)
