"""Files of published weights: fetched or taken, remembered, refused."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from placeprint.cli import models
from placeprint.errors import DownloadError, OptionError, WeightsError
from placeprint.networks.published import TABLE, checkpoints, find_network, published_networks
from placeprint.networks.published.hloc_files import read_hloc
from placeprint.networks.weights import weights_sha256
from tests.cli.test_cli import run
from tests.networks.published_files import write_matlab
from tests.networks.published_goldens import batch, filled_state, goldens

SMALL = "cosplace-r18"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of weights, which is not there yet."""
    monkeypatch.setenv(checkpoints.FOLDER, str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of filled weights, with what training leaves around them."""
    path = tmp_path_factory.mktemp("weights") / "fetched.pth"
    state = {key: torch.from_numpy(value) for key, value in filled_state(SMALL).items()}
    torch.save({"epoch": 3, "model_state_dict": state}, path)
    return path


def test_a_file_that_one_has_is_taken_and_loaded(folder: Path, checkpoint: Path) -> None:
    network = find_network(SMALL)
    assert not checkpoints.is_here(network)
    (path,) = checkpoints.take(network, [checkpoint])
    assert path == folder / "ResNet18_512_cosplace.pth" and checkpoints.is_here(network)
    golden = next(iter(goldens(network.full_name)))
    with torch.inference_mode():
        found = checkpoints.load(network)(torch.from_numpy(batch(network.full_name, golden))).numpy()
    assert np.abs(found[:, golden.places] - golden.values).max() <= golden.tolerance
    assert weights_sha256(SMALL) == weights_sha256(str(path)) == weights_sha256(network.full_name)
    assert checkpoints.get(network) == (path,), "it is here, so nothing is fetched"
    assert checkpoints.take(network, [path]) == (path,), "from itself"


def test_weights_that_are_not_here_are_told_with_the_command(folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"weights of 'cosplace-r18' are missing \(.*run: placeprint models get"):
        checkpoints.load(find_network(SMALL))
    assert not folder.exists()


def test_a_file_that_changed_is_refused(folder: Path, checkpoint: Path) -> None:
    network = find_network(SMALL)
    (path,) = checkpoints.take(network, [checkpoint])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"has sha256 .*, and had .* when it was first fetched: it is damaged"):
        checkpoints.load(network)
    path.write_bytes(checkpoint.read_bytes())
    checkpoints.load(network)


def test_what_is_fetched_is_checked_and_remembered(
    folder: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, network = [checkpoint], find_network(SMALL)

    def fetch(url: str, target: Path, **_: object) -> None:
        assert url == "https://github.com/gmberton/CosPlace/releases/download/v1.0/ResNet18_512_cosplace.pth"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(served[0].read_bytes())

    monkeypatch.setattr(checkpoints, "download", fetch)
    (path,) = checkpoints.get(network)
    path.unlink()
    other = folder / "other.pth"
    torch.save({"weight": torch.zeros(2)}, other)
    served[0] = other
    with pytest.raises(WeightsError, match=r"another file was published.*delete 'ResNet18_512_cosplace.pth.sha256"):
        checkpoints.get(network)
    (folder / "ResNet18_512_cosplace.pth.sha256.json").unlink()
    with pytest.raises(
        WeightsError, match=r"cosplace\.pth': the weights do not fit 'cosplace-r18': missing aggregation"
    ):
        checkpoints.get(network)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("half.pth", None, "its end is missing, as that of a download that was cut off"),
        ("page.pth", b"<!DOCTYPE html><p>Sign in", "is a web page, not weights"),
        ("empty.pth", b"", "is empty"),
        ("text.pth", b"hello", "is no file of weights, expected one of torch.save or safetensors"),
    ],
)
def test_files_that_are_no_weights_are_refused_before_they_are_copied(
    folder: Path, checkpoint: Path, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    given = tmp_path / name
    given.write_bytes(checkpoint.read_bytes()[:100_000] if content is None else content)
    with pytest.raises(WeightsError, match=message):
        checkpoints.take(find_network(SMALL), [given])
    assert not folder.exists()


def test_weights_of_another_network_are_refused_by_name(folder: Path, checkpoint: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"aggregation\.3\.weight has \(512, 512\), expected \(256, 512\); they are of another"
    ):
        checkpoints.take(find_network("cosplace-r18-256"), [checkpoint])
    with pytest.raises(OptionError, match=r"'anyloc' has 2 files \(dinov2_vitg14_pretrain.pth, .*, got 1"):
        checkpoints.take(find_network("anyloc"), [checkpoint])
    with pytest.raises(OptionError, match="no weights of 'salad-vits' were published"):
        checkpoints.get(find_network("salad-vits"))
    with pytest.raises(
        OptionError, match=r"can only be downloaded in a browser: fetch it from https://drive\.google\.com/file"
    ):
        checkpoints.get(find_network("mixvpr"))


def test_a_vocabulary_comes_in_a_file_of_its_own(tmp_path: Path) -> None:
    network = find_network("anyloc-vits")
    two = dataclasses.replace(network, files=find_network("anyloc").files)
    state = {key: torch.from_numpy(value) for key, value in filled_state(network.full_name).items()}
    torch.save(state.pop("c_centers"), tmp_path / "centers.pt")
    torch.save(state, tmp_path / "trunk.pth")
    golden = next(iter(goldens(network.full_name)))
    module = checkpoints.load_files(two, [tmp_path / "trunk.pth", tmp_path / "centers.pt"])
    with torch.inference_mode():
        found = module(torch.from_numpy(batch(network.full_name, golden))).numpy()
    assert np.abs(found[:, golden.places] - golden.values).max() <= golden.tolerance
    with pytest.raises(WeightsError, match="holds dict, expected one tensor"):
        checkpoints.load_files(two, [tmp_path / "trunk.pth", tmp_path / "trunk.pth"])


def test_the_authors_netvlad_is_read_from_its_matlab_file(tmp_path: Path) -> None:
    pytest.importorskip("scipy.io")
    network = find_network("netvlad-vgg16-32768")
    state = filled_state(network.full_name)
    write_matlab(tmp_path / "net.mat", state)
    read = read_hloc(tmp_path / "net.mat", whitened=False)
    assert set(read) == {*state, "mean"}
    for key, value in state.items():
        assert np.array_equal(read[key], value), key
    assert checkpoints.load_files(network, [tmp_path / "net.mat"]).trunk.get_buffer("mean")[0] == np.float32(123.68)
    (tmp_path / "bad.mat").write_bytes((tmp_path / "net.mat").read_bytes()[:1000])
    with pytest.raises(WeightsError, match="is not a NetVLAD network of its authors, or is damaged"):
        checkpoints.load_files(network, [tmp_path / "bad.mat"])


def test_the_folder_is_the_users_cache_unless_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(checkpoints.FOLDER, str(tmp_path))
    assert checkpoints.models_folder() == tmp_path
    monkeypatch.delenv(checkpoints.FOLDER)
    for system, expected in (
        ("linux", tmp_path / "cache"),
        ("darwin", tmp_path / "Library" / "Caches"),
        ("win32", tmp_path / "local"),
    ):
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
        monkeypatch.setattr(Path, "home", lambda: tmp_path)
        assert checkpoints.models_folder() == expected / "placeprint" / "models"


def test_a_name_of_a_file_stands_for_one_address() -> None:
    addresses: dict[str, set[str]] = {}
    for row in TABLE:
        for file in row.files:
            assert bool(file.url) != bool(file.page)
            assert (file.url or file.page).startswith("https://")
            addresses.setdefault(file.name, set()).add(file.url or file.page)
    assert all(len(each) == 1 for each in addresses.values())


@pytest.mark.slow
def test_licenses_that_are_open_questions_are_told(folder: Path, checkpoint: Path) -> None:
    for row in published_networks():
        assert row.license.code and row.license.weights
    done = run("models", "get", SMALL, "--from", checkpoint)
    assert done.returncode == 0, done.stderr
    assert "cosplace-r18 is ready: 512 values per photo" in done.stdout
    assert "license of the weights: not stated; published with a repository under MIT" in done.stderr
    assert "ask the authors before commercial use" in done.stderr
    listed = json.loads(run("models", "--json").stdout)["published"]
    assert [row["name"] for row in listed if row["here"]] == [SMALL]


def test_the_license_is_told_before_anything_is_fetched(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    for name, told in (("salad", "GPL-3.0"), ("mixvpr", "none: the repository has no license")):
        with pytest.raises((DownloadError, OptionError)):
            models.get(name, [])
        assert told in capsys.readouterr().err


def test_the_command_says_in_one_line_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    done = run("models", "get", SMALL, "--from", tmp_path / "nothing.pth")
    assert done.returncode == 1 and "there is no file" in done.stderr.splitlines()[-1]


def test_errors_of_the_network_are_errors_of_the_system() -> None:
    assert issubclass(DownloadError, OSError)
