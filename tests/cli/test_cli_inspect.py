"""``placeprint inspect`` as a user meets it, mostly on a network of two layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from placeprint.cli.inspect import inspect
from placeprint.errors import OptionError, PhotoError, PlaceprintError
from placeprint.networks import deconvnet
from placeprint.networks.weights import find_weights, weights_path
from placeprint.photos import read_image
from tests.cli.test_cli import run
from tests.conftest import make_scene, write_photo


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of three photos and one that is none; the backbone is a toy."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)).eval()
    monkeypatch.setattr(deconvnet, "load_network", lambda _: network)
    for number in range(3):
        write_photo(tmp_path / "photos" / f"{number}.png", make_scene(number, 128, 96))
    (tmp_path / "photos" / "bad.jpg").write_text("not a picture")
    return tmp_path / "photos"


@pytest.mark.parametrize("rule", deconvnet.RULES)
def test_pieces_and_reconstructions_are_written(
    photos: Path, tmp_path: Path, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "picture.png"
    inspect([photos], layer="2", strongest=2, per_unit=4, rule=rule, size=64, output=output)
    assert read_image(output).shape == (2 * (34 + 2 * 112 + 4), 3 * 112 + 2 * 4, 3)
    shown = capsys.readouterr()
    assert "2, unit " in shown.out and "3 photos, 1 skipped" in shown.out
    assert "skipped" in shown.err and "bad.jpg" in shown.err


def test_units_are_shown_as_asked_for(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inspect([photos], layer="0", unit=[3, 1, 3], size=64, output=tmp_path / "p.png")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == ["0, unit 3", "0, unit 1"]


@pytest.mark.usefixtures("photos")
def test_layers_are_listed_without_photos(capsys: pytest.CaptureFixture[str]) -> None:
    inspect(layers=True)
    shown = capsys.readouterr().out
    assert "units" in shown and all(f" {name} " in shown for name in ("0", "1", "2"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layer": "conv"}, OptionError, "no layer called 'conv' makes a map; known: 0, 1, 2"),
        ({"unit": [5]}, OptionError, "the units of '2' are 0 to 4, got 5"),
        ({"unit": [1], "strongest": 2}, OptionError, "give --unit or --strongest, not both"),
        ({"layer": None}, OptionError, "give --layer NAME and --output FILE"),
        ({"rule": "gradient"}, OptionError, "no rule called 'gradient'; known: deconvnet, guided"),
        ({"photos": None}, OptionError, "name the photos to inspect"),
        ({"photos": ["empty"]}, PhotoError, "there are no photos in"),
        ({"photos": ["photos/bad.jpg"]}, PhotoError, "none of the 1 photos can be used"),
    ],
)
def test_mistakes_are_told(
    photos: Path, tmp_path: Path, options: dict[str, Any], error: type[PlaceprintError], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    given: dict[str, Any] = {"photos": ["photos"], "layer": "2", "size": 64, "output": tmp_path / "p.png"} | options
    given["photos"] = given["photos"] and [photos.parent / name for name in given["photos"]]
    with pytest.raises(error, match=message):
        inspect(**given)
    assert not (tmp_path / "p.png").exists()


@pytest.mark.skipif(
    weights_path(find_weights("efficientnet-lite2")) is None, reason=find_weights("efficientnet-lite2").install
)
@pytest.mark.slow
def test_an_unknown_layer_is_one_line_that_names_the_known_ones(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.png", make_scene(0))
    done = run("inspect", photo, "--layer", "blocks.99", "--output", tmp_path / "p.png")
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1
    assert "no layer called 'blocks.99' makes a map; known: stem, blocks.0, " in done.stderr
