"""Devices and runtimes: what may be chosen, and that every runtime does what Torch does."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from placeprint.errors import OptionError, PackageError
from placeprint.features.aliked import ALIKED
from placeprint.features.grid import Grid
from placeprint.features.xfeat import XFeat
from placeprint.networks import devices, graphs, runtimes
from placeprint.networks.graphs import Graphs, difference, exported
from placeprint.networks.published import build, find_network
from placeprint.networks.published.running import FromColors
from placeprint.networks.weights import find_weights, weights_path
from placeprint.types import LocalFeatures
from tests.conftest import make_scene
from tests.networks.published_goldens import filled_state

OTHERS = [name for name in ("onnx", "openvino") if runtimes.is_installed(name)]


@pytest.fixture(autouse=True)
def free_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test choose, and take the choice back."""
    monkeypatch.setattr(runtimes, "_chosen", None)
    monkeypatch.setattr(runtimes, "_expected", 0)
    monkeypatch.setattr(devices, "_chosen", None)
    monkeypatch.delenv(runtimes.VARIABLE, raising=False)
    monkeypatch.delenv(devices.VARIABLE, raising=False)


def test_auto_takes_the_cpu_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.device() == "cpu"
    devices.choose_device("auto")
    assert devices.device() == "cpu"


def test_auto_takes_a_gpu_and_cpu_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.device() == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.device() == "cuda"
    devices.choose_device("mps")
    assert devices.device() == "mps"
    devices.choose_device("cpu")
    assert devices.device() == "cpu"


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_missing_device_is_refused_with_the_reason(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(OptionError, match=f"the device '{name}' is not available: .*was found; use auto or cpu"):
        devices.choose_device(name)
    monkeypatch.setenv(devices.VARIABLE, name)
    with pytest.raises(OptionError, match="is not available"):
        devices.device()
    with pytest.raises(OptionError, match="no device called 'cudo'; did you mean 'cuda'"):
        devices.choose_device("cudo")


def test_an_runtime_is_chosen_by_name_by_the_environment_or_by_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "is_installed", lambda name: name != "openvino")
    assert runtimes.runtime_of("xfeat") == "torch"
    runtimes.expect(runtimes.MANY)
    assert runtimes.runtime_of("xfeat") == "onnx"  # the quickest one that is there
    monkeypatch.setenv(runtimes.VARIABLE, "torch")
    assert runtimes.runtime_of("xfeat") == "torch"
    runtimes.choose_runtime("fast")
    assert runtimes.runtime_of("published") == "onnx"
    with pytest.raises(
        PackageError, match=r"needs openvino, which is not installed; run: pip install 'placeprint\[open"
    ):
        runtimes.choose_runtime("openvino")
    with pytest.raises(OptionError, match="no runtime called 'onxx'; did you mean 'onnx'"):
        runtimes.choose_runtime("onxx")


@pytest.mark.parametrize("runtime", OTHERS)
@pytest.mark.parametrize("extractor", [XFeat(size=320), Grid(stride=16, size=320)])
def test_features_by_another_runtime_are_those_of_torch(runtime: str, extractor: XFeat | Grid) -> None:
    images = [make_scene(1, 320, 256), make_scene(2, 200, 320)]  # one graph takes both shapes
    expected = extractor.extract_batch(images)
    runtimes.choose_runtime(runtime)
    for one, other in zip(expected, extractor.extract_batch(images), strict=True):
        _check_same(one, other)


@pytest.mark.parametrize("runtime", OTHERS)
def test_aliked_by_another_runtime_is_that_of_torch(runtime: str) -> None:
    if weights_path(find_weights("aliked-n16")) is None:
        pytest.skip(find_weights("aliked-n16").install)
    extractor = ALIKED(size=128, max_keypoints=50)
    image = make_scene(1, 128, 96)
    expected = extractor.extract(image)
    runtimes.choose_runtime(runtime)
    _check_same(expected, extractor.extract(image))


@pytest.mark.parametrize("runtime", OTHERS)
@pytest.mark.parametrize("name", ["cosplace_resnet18_512", "salad_dinov2_vits14_8448"])
def test_published_networks_by_another_runtime_are_those_of_torch(runtime: str, name: str) -> None:
    made = build(name, filled_state(name)).requires_grad_(False)
    network = FromColors(made, find_network(name).sight).eval()
    pictures = [make_scene(number, 140, 126) for number in range(2)]
    expected = network.describe(pictures)
    runtimes.choose_runtime(runtime)
    found = network.describe(pictures)
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-5
    assert not np.array_equal(found, expected)  # it was another runtime
    short = network.describe(pictures, bfloat16=True)
    assert 0.98 < float((short * expected).sum(1).min()) < 1 - 1e-7


def test_a_graph_that_differs_is_not_used(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    module = nn.Conv2d(3, 4, 3).eval().requires_grad_(False)
    run = Graphs("efficientnet", module, lambda height, width: module, any_size=True)
    monkeypatch.setitem(
        graphs.MAKERS, "onnx", lambda file, *, threads, bfloat16: lambda picture: [np.ones((1, 4, 6, 7), np.float32)]
    )
    picture = torch.rand(1, 3, 8, 9)
    monkeypatch.setattr(runtimes, "_chosen", "onnx")
    with caplog.at_level(logging.WARNING):
        assert torch.equal(run(picture)[0], module(picture))
    assert "Torch runs efficientnet, since" in caplog.text


@pytest.mark.parametrize("delayed", ["graph", "module"])
def test_the_quicker_of_graph_and_torch_runs_unless_one_was_chosen(
    delayed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Layer(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if delayed == "module" and not torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
                time.sleep(0.02)
            return super().forward(x)

    module = Layer(3, 4, 3).eval().requires_grad_(False)
    ran: list[str] = []

    def make(file: bytes, *, threads: int, bfloat16: bool) -> graphs.Run:
        def run(picture: NDArray[np.float32]) -> graphs.Arrays:
            ran.append("graph")
            time.sleep(0.02 if delayed == "graph" else 0)
            return [nn.Conv2d.forward(module, torch.from_numpy(picture)).numpy()]

        return run

    monkeypatch.setitem(graphs.MAKERS, "onnx", make)
    monkeypatch.setattr(runtimes, "is_installed", lambda name: name != "openvino")
    run = Graphs("efficientnet", module, lambda height, width: module, any_size=True)
    used = {}
    for choice in ("fast", "onnx"):
        monkeypatch.setattr(runtimes, "_chosen", choice)
        run(torch.rand(1, 3, 8, 9))  # decides
        ran.clear()
        run(torch.rand(1, 3, 8, 9))
        used[choice] = bool(ran)
    assert used == {"fast": delayed == "module", "onnx": True}


def test_a_network_that_cannot_be_traced_stays_with_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(height: int, width: int) -> nn.Module:
        raise RuntimeError("no operator for this")

    module = nn.Conv2d(3, 4, 3).eval().requires_grad_(False)
    run = Graphs("efficientnet", module, fails, any_size=False)
    monkeypatch.setattr(runtimes, "_chosen", "onnx")
    with caplog.at_level(logging.WARNING):
        assert run(torch.rand(2, 3, 8, 9))[0].shape == (2, 4, 6, 7)
    assert "no operator for this" in caplog.text


def test_the_difference_is_a_share_of_the_largest_value() -> None:
    one = [np.array([10.0, 1.0], np.float32)]
    assert difference(one, [np.array([10.0, 2.0], np.float32)]) == pytest.approx(0.1)
    assert difference([np.array([np.nan], np.float32)], one[:1]) == np.inf


def _check_same(one: LocalFeatures, other: LocalFeatures) -> None:
    """Check that features agree but for the last digits; a tie may order two of them differently."""
    assert len(one) == len(other) >= 10
    places = {tuple(point): row for point, row in zip(one.keypoints.round(1).tolist(), one.descriptors, strict=True)}
    found = [tuple(point) for point in other.keypoints.round(1).tolist()]
    known = [number for number, point in enumerate(found) if point in places]
    assert len(known) >= 0.99 * len(other)
    apart = [np.abs(places[found[number]] - other.descriptors[number]).max() for number in known]
    assert max(apart) < 1e-3


def test_modules_are_exported_by_several_threads() -> None:
    picture = torch.zeros(1, 3, 16, 16)
    with ThreadPoolExecutor(4) as threads:
        made = threads.map(lambda _: exported(nn.Conv2d(3, 8, 3).eval(), picture, any_size=True), range(8))
        assert all(made)
