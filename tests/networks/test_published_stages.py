"""Trunks of published networks in stages, which training begins with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from placeprint.errors import OptionError, WeightsError
from placeprint.networks.published import build, checkpoints, find_network
from placeprint.networks.published.building import PlaceNetwork
from placeprint.networks.published.dinov2 import Tokens
from placeprint.networks.published.rows import Network
from placeprint.networks.stages import load_stages, read_stages, stages_as_bytes
from tests.networks.published_goldens import filled_state


@pytest.fixture(autouse=True)
def filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every network have filled weights."""

    def load(network: Network) -> PlaceNetwork:
        return build(network.name, filled_state(network.full_name))

    monkeypatch.setattr(checkpoints, "load", load)


@pytest.mark.parametrize(
    ("name", "count"),
    [("cosplace-r18", 5), ("mixvpr-128", 4), ("netvlad-nanne", 1), ("netvlad-vgg16-32768", 1), ("salad-vits", 14)],
)
def test_stages_make_the_map_of_the_trunk(name: str, count: int, tmp_path: Path) -> None:
    network = find_network(name)
    pictures = 255 * torch.rand(1, 3, 56, 84, generator=torch.Generator().manual_seed(0))
    mean, deviation = (torch.tensor(each)[:, None, None] for each in (network.sight.mean, network.sight.deviation))
    backbone = load_stages(f"published:{name}")
    with torch.inference_mode():
        expected = checkpoints.load(network).trunk((pictures / 255 - mean) / deviation)
        expected = expected.map if isinstance(expected, Tokens) else expected
        found = backbone(backbone(pictures, 0, 2), 2)
    assert len(backbone.stages) == count
    assert found.shape == expected.shape and found.shape[1] == backbone.channels
    torch.testing.assert_close(found, expected, atol=1e-4 * float(expected.abs().max()), rtol=1e-4)
    (tmp_path / "kept.safetensors").write_bytes(stages_as_bytes(backbone))
    read = read_stages(tmp_path / "kept.safetensors")
    assert (read.stride, read.multiple, read.center) == (backbone.stride, backbone.multiple, backbone.center)
    with torch.inference_mode():
        torch.testing.assert_close(read(pictures), found, atol=1e-3, rtol=1e-3)


def test_networks_whose_trunk_cannot_be_trained_say_so() -> None:
    with pytest.raises(OptionError, match="'cricavpr' has adapters in its trunk"):
        load_stages("published:cricavpr")
    with pytest.raises(OptionError, match="'gem-vgg16' ends with a ReLU"):
        load_stages("published:gem-vgg16")
    with pytest.raises(OptionError, match="no published network called 'megalok'"):
        load_stages("published:megalok")


def test_a_header_that_describes_no_transformer_is_refused() -> None:
    from placeprint.networks.published_stages import dinov2_from

    for spec in ("", "[]", '{"width": 65}', '{"depth": 1000000}', '{"wide": 64}'):
        with pytest.raises(WeightsError, match="the header describes a DINOv2"):
            dinov2_from({"spec": spec})
