"""``placeprint benchmark`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from placeprint.datasets.photos.sample_photos import rephotograph
from tests.cli.test_cli import run
from tests.conftest import make_scene, write_photo


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like that of the benchmark pictures, with one scene."""
    folder = tmp_path_factory.mktemp("data")
    scene = folder / "oxford_affine" / "graf"
    write_photo(scene / "img1.jpg", make_scene(4), quality=95)
    for number in (3, 5):
        seen, homography = rephotograph(make_scene(4), corners=0.02 * number, noise=1, seed=number)
        write_photo(scene / f"img{number}.jpg", seen, quality=95)
        np.savetxt(scene / f"H1to{number}p", homography)
    return folder


def test_every_matcher_of_an_extractor_is_measured(data: Path, tmp_path: Path) -> None:
    options = ("--features", "sift", "--size", "0", "--keypoints", "400", "--json", tmp_path / "rows.json")
    done = run("benchmark", "matching", "--data", data, *options)
    assert done.returncode == 0, done.stderr
    assert "sift, mutual " in done.stdout and "sift, mutual-ratio" in done.stdout
    found = json.loads((tmp_path / "rows.json").read_text())
    assert found["protocol"] == "matching-1" and found["pairs"] == ["graf 1-3", "graf 1-5", "motorcycle"]
    mutual, ratio = found["rows"]
    assert ratio["mma@3"] > 0.8 and ratio["mma@3"] > mutual["mma@3"] > 0.3
    assert ratio["corner_errors"]["graf 1-3"] < 3
    assert ratio["best_100_right"] is None


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    done = run("benchmark", "matching", "--data", tmp_path)
    assert done.returncode == 1 and "has neither oxford_affine/ nor pairs/" in done.stderr


def test_an_unknown_estimator_is_refused(data: Path) -> None:
    done = run("benchmark", "matching", "--data", data, "--method", "magic")
    assert done.returncode == 1 and "no method called 'magic'; known: auto, poselib, opencv" in done.stderr
