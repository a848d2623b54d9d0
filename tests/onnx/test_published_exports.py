"""Published networks as ONNX files, with filled weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placeprint.describing.describer import Describer
from placeprint.errors import OptionError, ShapeError
from placeprint.networks.published import build, checkpoints, find_network, running
from placeprint.networks.published.dinov2 import DINOv2
from placeprint.networks.published.running import FromColors
from placeprint.onnx import exporting
from placeprint.onnx.exporting import check_picture, export_onnx, largest_difference, least_cosine
from placeprint.presets import load_preset, preset_from
from tests.networks.published_goldens import filled_state

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


@pytest.fixture(autouse=True)
def filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every network have filled weights, those without published ones, too."""

    def load(name: str) -> FromColors:
        network = find_network(name)
        made = build(name, filled_state(network.full_name)).requires_grad_(False)
        return FromColors(made, network.sight).eval()

    monkeypatch.setattr(running, "load_published", load)
    monkeypatch.setattr(checkpoints, "sha256", lambda _: "0" * 64)
    monkeypatch.setattr(exporting, "CHECKED", ((90, 120), (96, 96)))
    monkeypatch.setattr(exporting, "TRACED", (64, 96))


def _describer(network: str, **options: object) -> Describer:
    tables: dict[str, Any] = dict(load_preset("cosplace").components)
    extractor = {"name": "published", "network": network, **options}
    tables["fusion"] = [{"extractor": extractor, "aggregator": {"name": "spoc"}}]
    describer = Describer(preset_from(tables, name=network))
    describer.know_lengths()
    return describer


def test_a_convolutional_network_is_exported_for_pictures_of_any_size(tmp_path: Path) -> None:
    describer = _describer("cosplace-r18", size=96)
    path = export_onnx(describer, tmp_path / "model.onnx")
    pictures = [check_picture(70, 110, seed=1), np.full((40, 50, 3), 9, np.uint8)]
    assert largest_difference(describer, path, pictures) < 1e-5


@pytest.mark.slow
def test_a_transformer_is_exported_for_one_size_and_in_8_bits(tmp_path: Path) -> None:
    describer = _describer("salad-vits", stretch=(140, 126))
    path = export_onnx(describer, tmp_path / "model.onnx", int8=True)  # compares the whole file first
    assert 0.97 < least_cosine(describer, path, [check_picture(70, 110, seed=1)]) < 0.99999
    assert path.stat().st_size < 0.4 * find_network("salad-vits").bytes


def test_a_transformer_without_a_size_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "load_published", lambda _: pytest.fail("work was done"))
    with pytest.raises(OptionError, match=r"salad-vits can be exported for one size .* set stretch"):
        export_onnx(_describer("salad-vits", size=140), tmp_path / "model.onnx")
    with pytest.raises(OptionError, match=r"anyloc has 4,546 MB of weights, and an ONNX file holds 2,000 MB"):
        export_onnx(_describer("anyloc", stretch=(140, 140)), tmp_path / "model.onnx")


def test_a_trunk_fixed_to_a_size_takes_no_other() -> None:
    trunk = DINOv2(64, 1)
    expected = trunk.positions(2, 3)
    trunk.fix_size(28, 42)
    assert trunk.positions(2, 3).equal(expected)
    with pytest.raises(ShapeError, match="fixed to 3 x 2 patches, got 2 x 3"):
        trunk.positions(3, 2)
