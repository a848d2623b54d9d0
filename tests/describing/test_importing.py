"""Checkpoints of other code: read safely, compared with plain Torch, and made into presets that can be indexed with."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from typer.testing import CliRunner

from placeprint.atlas import Atlas
from placeprint.cli import app
from placeprint.codebooks import load_codebook_file
from placeprint.describing.importing import import_checkpoint
from placeprint.errors import OptionError, WeightsError
from placeprint.networks.checkpoints import CheckpointOptions, load_checkpoint, netvlad_from
from placeprint.networks.weight_files import read_safetensors, read_state_dict, read_torch
from placeprint.networks.weights import find_weights, weights_path
from placeprint.onnx.exporting import check_picture, load_describer
from tests.conftest import make_scene, write_photo

GOLDEN = Path(__file__).parents[3] / "shared" / "golden_models"
MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
needs_xfeat = pytest.mark.skipif(weights_path(find_weights("xfeat")) is None, reason=find_weights("xfeat").install)


def pictures(height: int = 64, width: int = 64) -> torch.Tensor:
    return torch.from_numpy(check_picture(height, width)).permute(2, 0, 1)[None].float()


def normalized(images: torch.Tensor) -> torch.Tensor:
    return (images / 255 - MEAN[:, None, None]) / DEVIATION[:, None, None]


def tiny_cgd(config: str = "SG", bottleneck: bool = True, names: bool = False) -> dict[str, torch.Tensor]:
    """Return the weights of a small CGD in the layout of public code."""
    generator = torch.Generator().manual_seed(1)
    state: dict[str, torch.Tensor] = OrderedDict()

    def conv(name: str, before: int, after: int, kernel: int) -> None:
        scale = (2 / (before * kernel * kernel)) ** 0.5
        state[f"{name}.weight"] = torch.randn(after, before, kernel, kernel, generator=generator) * scale

    def norm(name: str, channels: int) -> None:
        state[f"{name}.weight"] = torch.rand(channels, generator=generator) + 0.5
        state[f"{name}.bias"] = torch.randn(channels, generator=generator) / 10
        state[f"{name}.running_mean"] = torch.randn(channels, generator=generator) / 10
        state[f"{name}.running_var"] = torch.rand(channels, generator=generator) + 0.5

    stem, first, layers = ("conv1", "bn1", "layer{}") if names else ("0", "1", "{}")
    conv(f"features.{stem}", 3, 8, 7)
    norm(f"features.{first}", 8)
    before = 8
    for stage, width in enumerate((4, 4, 8, 8)):
        after = width * 4 if bottleneck else width * 2
        name = "features." + layers.format(stage + 1 if names else stage + 4) + ".0"
        inner = width if bottleneck else after
        sizes = (
            [(before, inner, 1), (inner, inner, 3), (inner, after, 1)]
            if bottleneck
            else [(before, inner, 3), (inner, after, 3)]
        )
        for number, (one, two, kernel) in enumerate(sizes, 1):
            conv(f"{name}.conv{number}", one, two, kernel)
            norm(f"{name}.bn{number}", two)
        if stage or before != after:
            conv(f"{name}.downsample.0", before, after, 1)
            norm(f"{name}.downsample.1", after)
        before = after
    for number in range(len(config)):
        state[f"main_modules.{number}.0.weight"] = torch.randn(6, before, generator=generator)
    norm("auxiliary_module.0", before)
    state["auxiliary_module.1.weight"] = torch.randn(5, before, generator=generator)
    state["auxiliary_module.1.bias"] = torch.zeros(5)
    state["features.total_ops"] = state["total_params"] = torch.zeros(1, dtype=torch.float64)
    return state


def plain_cgd(state: Mapping[str, torch.Tensor], images: torch.Tensor, config: str, strides: tuple[int, ...]) -> Any:
    """Return what the network gives, written down step by step."""

    def conv(name: str, x: torch.Tensor, stride: int = 1, padding: int = 0) -> torch.Tensor:
        return functional.conv2d(x, state[f"features.{name}.weight"], stride=stride, padding=padding)

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        mean, var, weight, bias = (
            state[f"features.{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, var, weight, bias)

    x = functional.max_pool2d(norm("1", conv("0", normalized(images), 2, 3)).relu(), 3, 2, 1)
    for stage, stride in zip((4, 5, 6, 7), strides, strict=True):
        block = f"{stage}.0."
        y = norm(block + "bn1", conv(block + "conv1", x)).relu()
        y = norm(block + "bn2", conv(block + "conv2", y, stride, 1)).relu()
        y = norm(block + "bn3", conv(block + "conv3", y))
        if f"features.{block}downsample.0.weight" in state:
            x = norm(block + "downsample.1", conv(block + "downsample.0", x, stride))
        x = (x + y).relu()
    pooled = {"S": x.mean((2, 3)), "M": x.amax((2, 3)), "G": x.pow(3).mean((2, 3)) ** (1 / 3)}
    parts = [
        functional.normalize(pooled[letter] @ state[f"main_modules.{number}.0.weight"].T)
        for number, letter in enumerate(config)
    ]
    return functional.normalize(torch.cat(parts, 1))


@pytest.mark.parametrize(
    ("config", "full_stage", "strides"), [("SG", 3, (1, 2, 1, 2)), ("GMS", 4, (1, 2, 2, 1)), ("M", 0, (1, 2, 2, 2))]
)
def test_a_cgd_checkpoint_gives_what_plain_torch_gives(
    tmp_path: Path, config: str, full_stage: int, strides: tuple[int, ...]
) -> None:
    state = tiny_cgd(config)
    torch.save(state, tmp_path / "cgd.pth")
    network = load_checkpoint(tmp_path / "cgd.pth", "cgd", CheckpointOptions(config=config, full_stage=full_stage))
    with torch.inference_mode():
        found, expected = network(pictures(64, 96)), plain_cgd(state, pictures(64, 96), config, strides)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def wrapped(state: Any) -> Any:
    return {
        "epoch": 3,
        "state_dict": state,
        "best_score": np.float64(0.5),
        "recalls": {1: np.float32(0.4)},
        "seen": np.arange(3),
        "opt": argparse.Namespace(lr=1),
        "optimizer": {"state": {}},
    }


WAYS: dict[str, Callable[[dict[str, torch.Tensor], Path], object]] = {
    "zip": lambda state, path: torch.save(wrapped(state), path),
    "old": lambda state, path: torch.save(wrapped(state), path, _use_new_zipfile_serialization=False),
    "parallel": lambda state, path: torch.save({f"module.{key}": value for key, value in state.items()}, path),
    "prefixed": lambda state, path: torch.save({"model": {f"net.{key}": v for key, v in state.items()}}, path),
    "parameters": lambda state, path: torch.save({key: nn.Parameter(v) for key, v in state.items()}, path),
    "counted": lambda state, path: torch.save(state | {"features.1.num_batches_tracked": torch.tensor(3)}, path),
}


@pytest.mark.parametrize("way", WAYS)
def test_however_a_checkpoint_is_wrapped_the_network_is_the_same(tmp_path: Path, way: str) -> None:
    state = tiny_cgd()
    WAYS[way](state, tmp_path / "file.pth.tar")
    with torch.inference_mode():
        found = load_checkpoint(tmp_path / "file.pth.tar", "cgd")(pictures())
        torch.testing.assert_close(found, plain_cgd(state, pictures(), "SG", (1, 2, 1, 2)), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_and_safetensors_are_read(tmp_path: Path, kind: torch.dtype) -> None:
    from safetensors.torch import save_file

    state = {key: value.to(kind) for key, value in tiny_cgd(names=True).items()}
    save_file(state, tmp_path / "file.safetensors")
    with torch.inference_mode():
        found = load_checkpoint(tmp_path / "file.safetensors", "cgd")(pictures())
    assert found.dtype == torch.float32 and torch.isfinite(found).all()
    basic = tiny_cgd(bottleneck=False)
    torch.save(basic, tmp_path / "basic.pth")
    assert load_checkpoint(tmp_path / "basic.pth", "cgd")(pictures()).shape == (1, 12)


def without(name: str) -> dict[str, torch.Tensor]:
    return {key: value for key, value in tiny_cgd().items() if key != name}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (without("features.5.0.bn2.bias"), r"missing features\.5\.0\.bn2\.bias"),
        (without("main_modules.0.0.weight"), "missing main_modules"),
        (
            tiny_cgd() | {"features.5.0.bn2.bias": torch.zeros(9)},
            r"features\.5\.0\.bn2\.bias has \(9,\), expected \(4,\)",
        ),
        (tiny_cgd() | {"other.weight": torch.zeros(9)}, r"unexpected other\.weight"),
        (
            tiny_cgd() | {"main_modules.1.0.weight": torch.zeros(6, 5)},
            r"main_modules\.1\.0\.weight has \(6, 5\), expected \(6, 32\)",
        ),
        ({"a.weight": torch.zeros(2)}, "names in the file begin with a"),
        (tiny_cgd() | {"features.1.bias": torch.full((8,), torch.nan)}, "not finite"),
    ],
)
def test_a_checkpoint_that_does_not_fit_says_which_weights(
    tmp_path: Path, state: dict[str, torch.Tensor], message: str
) -> None:
    torch.save(state, tmp_path / "file.pth")
    with pytest.raises(WeightsError, match=message) as caught:
        load_checkpoint(tmp_path / "file.pth", "cgd")
    assert "\n" not in str(caught.value)


class Model(nn.Linear):
    """A module that a checkpoint may hold whole."""


class Trap:
    """Would run a command if it were unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch trapped",)


def bad_files(folder: Path) -> dict[str, str]:
    """Write files that hold no weights; return what is said of each."""
    torch.save(Model(2, 2), folder / "whole.pth")
    torch.save({"state_dict": Trap()}, folder / "trap.pth")
    torch.save([1, 2], folder / "list.pth")
    torch.save({"epoch": 3}, folder / "epoch.pth")
    for name, data in {
        "empty.pth": b"",
        "page.pth": b"<!DOCTYPE html><html></html>",
        "text.safetensors": b"hello there",
        "lfs.pth": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "pickle.pth": b"\x80\x02",
    }.items():
        (folder / name).write_bytes(data)
    (folder / "folder.pth").mkdir()
    os.mkfifo(folder / "pipe.pth")
    return {
        "whole.pth": "save only the weights",
        "trap.pth": "save only the weights",
        "list.pth": "expected tensors",
        "epoch.pth": "has no tensors",
        "empty.pth": "is empty",
        "page.pth": "is a web page",
        "text.safetensors": "cannot read",
        "lfs.pth": "git lfs pull",
        "pickle.pth": "cannot read",
        "folder.pth": "is a folder",
        "pipe.pth": "not a regular file",
        "none.pth": "there is no file",
    }


def test_what_is_no_file_of_weights_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, message in bad_files(tmp_path).items():
        with pytest.raises(WeightsError, match=message) as caught:
            load_checkpoint(tmp_path / name, "netvlad")
        assert "\n" not in str(caught.value), name
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("way", ["zip", "old", "safetensors"])
def test_damaged_files_give_one_kind_of_error(tmp_path: Path, way: str) -> None:
    from safetensors.torch import save_file

    state, path = {"a": torch.arange(50.0), "b": torch.ones(3, 2)}, tmp_path / f"file.{way}"
    if way == "safetensors":
        save_file(state, path, metadata={"format": "x"})
    else:
        WAYS[way](state, path)
    whole, generator = path.read_bytes(), np.random.default_rng(0)
    for trial in range(150):
        data = bytearray(whole[: int(generator.integers(1, len(whole)))] if trial % 3 == 0 else whole)
        for place in generator.integers(0, min(len(data), 1500), 4 if trial % 3 else 0):
            data[place] = int(generator.integers(0, 256))
        path.write_bytes(data)
        for read in (read_state_dict, read_safetensors if way == "safetensors" else read_torch):
            try:
                read(path)
            except WeightsError as error:
                assert "\n" not in str(error)


def test_a_damaged_codebook_of_a_preset_gives_one_kind_of_error(tmp_path: Path) -> None:
    path, generator = tmp_path / "state.npz", np.random.default_rng(0)
    np.savez_compressed(path, codebook_=np.arange(60.0), idf_=np.ones(3))
    whole = path.read_bytes()
    for trial in range(150):
        data = bytearray(whole[: int(generator.integers(0, len(whole)))] if trial % 3 == 0 else whole)
        for place in generator.integers(0, max(1, len(data)), 4 if trial % 3 else 0):
            data[place] = int(generator.integers(0, 256))
        path.write_bytes(data)
        try:
            load_codebook_file(str(path))
        except WeightsError as error:
            assert "\n" not in str(error)


def tiny_netvlad(monkeypatch: pytest.MonkeyPatch, ghosts: int = 0, bias: bool = False) -> dict[str, torch.Tensor]:
    """Make the trunk narrow, and return weights for it in the layout of public code."""
    narrow = tuple(min(channels, 8) for channels in checkpoints_vgg().LAYERS)
    monkeypatch.setattr(checkpoints_vgg(), "LAYERS", narrow)
    monkeypatch.setattr(sys.modules["placeprint.networks.staged_backbone"], "CHANNELS", 8)
    generator, before, number = torch.Generator().manual_seed(2), 3, 0
    state: dict[str, torch.Tensor] = {}
    for channels in narrow:
        if channels:
            state[f"encoder.{number}.weight"] = torch.randn(channels, before, 3, 3, generator=generator) / 4
            state[f"encoder.{number}.bias"] = torch.randn(channels, generator=generator) / 10
            before, number = channels, number + 2
        else:
            number += 1
    state["pool.centroids"] = torch.randn(4, 8, generator=generator)
    state["pool.conv.weight"] = torch.randn(4 + ghosts, 8, 1, 1, generator=generator) * 5
    if bias:
        state["pool.conv.bias"] = torch.randn(4 + ghosts, generator=generator)
    return state


def checkpoints_vgg() -> Any:
    from placeprint.networks import vgg

    return vgg


def plain_netvlad(state: Mapping[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """Return what the network gives, written down step by step."""
    x, layers = normalized(images), sorted({int(name.split(".")[1]) for name in state if name[:8] == "encoder."})
    for number in layers:
        x = functional.conv2d(x, state[f"encoder.{number}.weight"], state[f"encoder.{number}.bias"], padding=1)
        if number != layers[-1]:
            x = x.relu()
        if number in {2, 7, 14, 21}:
            x = functional.max_pool2d(x, 2, 2)
    x = functional.normalize(x).flatten(2)[0]
    scores = state["pool.conv.weight"].flatten(1) @ x
    if "pool.conv.bias" in state:
        scores = scores + state["pool.conv.bias"][:, None]
    shares = scores.softmax(0)
    rows = [
        functional.normalize((shares[k] * (x - center[:, None])).sum(1), dim=0)
        for k, center in enumerate(state["pool.centroids"])
    ]
    whole = functional.normalize(torch.cat(rows), dim=0)
    if "WPCA.0.weight" in state:
        whole = functional.normalize(state["WPCA.0.weight"].flatten(1) @ whole + state["WPCA.0.bias"], dim=0)
    return whole[None]


PCA = {
    "WPCA.0.weight": torch.randn(5, 32, 1, 1, generator=torch.Generator().manual_seed(3)),
    "WPCA.0.bias": torch.randn(5, generator=torch.Generator().manual_seed(4)),
}


@needs_xfeat
@pytest.mark.parametrize("kind", ["v1", "v2", "pca"])
def test_a_netvlad_checkpoint_becomes_a_preset_with_its_own_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    state = tiny_netvlad(monkeypatch, bias=kind == "v2") | (PCA if kind == "pca" else {})
    torch.save(wrapped(state), tmp_path / "model_best.pth.tar")
    with torch.inference_mode():
        expected = plain_netvlad(state, pictures(96, 128))
        found = load_checkpoint(tmp_path / "model_best.pth.tar", "netvlad")(pictures(96, 128))
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-3)
    preset = import_checkpoint(tmp_path / "model_best.pth.tar", "netvlad", tmp_path / "preset", size=128)
    _, describer = load_describer(str(preset))
    vector = describer.descriptor(describer.features(check_picture(96, 128)))
    np.testing.assert_allclose(vector, expected[0].numpy(), atol=1e-4)


def test_clusters_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    state = tiny_netvlad(monkeypatch)
    with pytest.raises(WeightsError, match="centroids of 9 values"):
        netvlad_from(
            state | {"pool.centroids": torch.zeros(4, 9), "pool.conv.weight": torch.zeros(4, 9, 1, 1)},
            CheckpointOptions(),
        )
    with pytest.raises(WeightsError, match="at least as many rows as centroids, 9"):
        netvlad_from(state | {"pool.centroids": torch.zeros(9, 8)}, CheckpointOptions())
    with pytest.raises(WeightsError, match=r"WPCA's weight has \(5, 32\), expected \(5, 16\)"):
        halved = {"pool.centroids": torch.zeros(2, 8), "pool.conv.weight": torch.zeros(2, 8, 1, 1)}
        netvlad_from(state | halved | PCA | {"WPCA.0.weight": torch.zeros(5, 32)}, CheckpointOptions())


@needs_xfeat
def test_an_imported_cgd_indexes_searches_and_moves(tmp_path: Path) -> None:
    state = tiny_cgd()
    torch.save(state, tmp_path / "cgd.pth")
    arguments = ["import", str(tmp_path / "cgd.pth"), "--as", "cgd", "--output", str(tmp_path / "made"), "--size", "64"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    with pytest.raises(OptionError, match="already has files"):
        import_checkpoint(tmp_path / "cgd.pth", "cgd", tmp_path / "made")
    (tmp_path / "made").rename(tmp_path / "moved")
    preset = tmp_path / "moved" / "preset.toml"
    assert sorted(path.name for path in preset.parent.iterdir()) == ["backbone.safetensors", "preset.toml", "state.npz"]
    _, describer = load_describer(str(preset))
    square = check_picture(64, 64)
    vector = describer.descriptor(describer.features(square))
    with torch.inference_mode():
        expected = plain_cgd(state, pictures(), "SG", (1, 2, 1, 2))[0].numpy()
    np.testing.assert_allclose(vector, expected, atol=1e-4)
    photos = [write_photo(tmp_path / f"{number}.png", make_scene(number, 96, 64)) for number in range(3)]
    atlas = Atlas.create(tmp_path / "atlas", str(preset))
    atlas.add(photos)
    assert Path(atlas.search(photos[1]).evidence[0].path).name == "1.png"


def test_options_out_of_range_are_refused_before_the_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="Known: cgd, netvlad"):
        load_checkpoint(tmp_path / "none.pth", "vlad")
    with pytest.raises(OptionError, match="three numbers"):
        CheckpointOptions(mean=(0.5,))
    with pytest.raises(OptionError, match="size must be from"):
        import_checkpoint(tmp_path / "none.pth", "cgd", tmp_path / "made", size=5)
    torch.save(tiny_cgd("SMG"), tmp_path / "cgd.pth")
    with pytest.raises(OptionError, match="3 branches"):
        load_checkpoint(tmp_path / "cgd.pth", "cgd", CheckpointOptions(config="SG"))


@pytest.mark.skipif(not (GOLDEN / "check.py").is_file(), reason="the golden numbers are not here")
@pytest.mark.parametrize("name", ["netvlad_nanne_vgg16_32768", "netvlad_hloc_vgg16_32768"])
def test_published_netvlad_gives_the_numbers_of_its_own_code(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(GOLDEN))
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    golden["outputs"] = golden["outputs"][:1]
    monkeypatch.setattr(Path, "read_text", lambda *_: json.dumps(golden))
    check = importlib.import_module("check")

    mean, deviation = (torch.tensor(golden["preprocess"][key])[:, None, None] for key in ("mean", "std"))

    def run(state: Mapping[str, Any], images: Any) -> Any:
        network = netvlad_from({key: torch.from_numpy(value) for key, value in state.items()}, CheckpointOptions())
        with torch.inference_mode():
            found = network((torch.from_numpy(np.asarray(images)) * deviation + mean) * 255)
        whole = found.numpy()
        if "hloc" in name:  # channel by channel
            whole = whole.reshape(len(whole), 64, 512).transpose(0, 2, 1).reshape(len(whole), -1)
        return whole

    assert check.check(GOLDEN / f"{name}.json", run) <= 1.0
