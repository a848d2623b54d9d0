"""``placeprint match`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.networks.weights import find_weights, weights_path
from placeprint.photos import read_image
from tests.cli.test_cli import run
from tests.conftest import make_scene, write_photo


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return a photo, another of the same scene, and one of another scene."""
    folder = tmp_path_factory.mktemp("match")
    return (
        write_photo(folder / "a.png", make_scene(4)),
        write_photo(folder / "b.png", rephotograph(make_scene(4), corners=0.06)[0]),
        write_photo(folder / "c.png", make_scene(5)),
    )


@pytest.mark.slow
def test_the_verdict_is_printed_and_all_pictures_are_written(photos: tuple[Path, Path, Path], tmp_path: Path) -> None:
    done = run(
        "match",
        photos[0],
        photos[1],
        "--features",
        "sift",
        "--output",
        tmp_path / "matches.jpg",
        "--pictures",
        tmp_path / "all",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("same place: ") and "follow a homography" in done.stdout
    assert "keypoints, describe" in done.stdout
    names = {path.stem for path in (tmp_path / "all").iterdir()}
    assert names == {"matches", "outliers", "keypoints", "selected", "descriptors", "overlay"}
    for path in [tmp_path / "matches.jpg", *(tmp_path / "all").iterdir()]:
        assert read_image(path).shape[0] >= 480


@pytest.mark.skipif(
    weights_path(find_weights("efficientnet-lite2")) is None, reason=find_weights("efficientnet-lite2").install
)
@pytest.mark.slow
def test_features_with_attention_add_its_pictures(photos: tuple[Path, Path, Path], tmp_path: Path) -> None:
    options = ("--features", "delf", "--keypoints", "200", "--no-turns", "--pictures", tmp_path)
    assert run("match", photos[0], photos[1], *options).returncode == 0
    assert {"attention", "attended"} <= {path.stem for path in tmp_path.iterdir()}
    assert read_image(tmp_path / "attention.png").shape == read_image(tmp_path / "attended.png").shape


def test_json_holds_the_transform_and_the_proof(photos: tuple[Path, Path, Path]) -> None:
    done = run("match", photos[0], photos[1], "--features", "sift", "--model", "affine", "--seed", "7", "--json")
    found = json.loads(done.stdout)
    assert found["verdict"] == "same place" and found["model"] == "affine"
    assert np.array(found["transform"])[2].tolist() == [0, 0, 1]
    assert len(found["inliers"]) == found["num_inliers"] > 10
    again = run("match", photos[0], photos[1], "--features", "sift", "--model", "affine", "--seed", "7", "--json")
    assert json.loads(again.stdout)["inliers"] == found["inliers"]


def test_photos_of_different_scenes_are_not_confirmed(photos: tuple[Path, Path, Path], tmp_path: Path) -> None:
    done = run("match", photos[0], photos[2], "--features", "sift", "--output", tmp_path / "m.png", "--json")
    found = json.loads(done.stdout)
    assert found["verdict"] == "not confirmed" and found["num_inliers"] == 0 and found["transform"] is None
    assert (tmp_path / "m.png").is_file()


def test_masks_sizes_and_parameters_are_taken(photos: tuple[Path, Path, Path], tmp_path: Path) -> None:
    white = np.zeros((240, 320, 3), np.uint8)
    white[:, :200] = 255
    mask = write_photo(tmp_path / "mask.png", white)
    options = ("--keypoints", "120", "--size", "0", "--set", "edge_threshold=20", "--set", "scales=[1.0, 0.5]")
    done = run("match", photos[0], photos[1], "--features", "sift", *options, "--masks", mask, mask, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["keypoints"] == [120, 120]
    assert max(row[0] for row in found["inliers"]) < 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--features", "sfit"), "no extractor called 'sfit'; did you mean 'sift'"),
        (
            ("--features", "sift", "--model", "plane"),
            "model must be one of auto, similarity, affine, homography, fundamental, essential, got 'plane'",
        ),
        (("--features", "sift", "--matcher", "neerest"), "no matcher called 'neerest'"),
        (("--features", "sift", "--set", "upright"), "a setting must have the form --set NAME=VALUE, got 'upright'"),
        (("--features", "sift", "--model", "essential"), "EXIF has no focal length"),
        (("--features", "sift", "--output", "a.gif"), "must end in .png, .jpg or .webp, got 'a.gif'"),
    ],
)
def test_mistakes_are_one_line(photos: tuple[Path, Path, Path], options: tuple[str, ...], message: str) -> None:
    done = run("match", photos[0], photos[1], *options)
    assert done.returncode == 1
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
