"""What is learned once, from photos of one's own, and used by atlases of others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.describing.preset_learning import learn_preset, read_sample
from placeprint.errors import OptionError
from placeprint.presets import load_preset
from tests.conftest import make_scene, write_photo


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learn")
    for number in range(12):
        write_photo(folder / f"{number:02d}.png", make_scene(number))
    return folder


def test_a_learned_preset_makes_an_atlas_of_a_few_photos(photos: Path, tmp_path: Path) -> None:
    write_photo(photos / "blank.png", np.full((40, 40, 3), 7, np.uint8))
    seen: list[tuple[int, int]] = []
    sample = read_sample([photos], "sift-vlad", progress=lambda done, of: seen.append((done, of)))
    assert len(sample.skipped) == 1 and "no keypoints" in sample.skipped[0] and seen[-1] == (13, 13)
    path = learn_preset(sample, "sift-vlad", tmp_path / "mine", whiten=8)
    atlas = Atlas.create(tmp_path / "atlas", str(path))
    atlas.add([photos / f"{number:02d}.png" for number in range(10)])
    told = atlas.info()
    assert told.dim == 8 and told.codebook == "shipped" and told.preset == "mine"
    assert Path(Atlas.open(tmp_path / "atlas").search(photos / "04.png").evidence[0].path).name == "04.png"


def test_power_zero_only_turns_and_shortens(photos: Path, tmp_path: Path) -> None:
    sample = read_sample([photos], "sift-vlad")
    path = learn_preset(sample, "sift-vlad", tmp_path / "mine", whiten=11, power=0.0)
    with np.load(tmp_path / "mine" / "codebook.npz") as state:
        projection = state["whitener.projection_"].astype(np.float32)
    assert np.allclose(projection.T @ projection, np.eye(11), atol=2e-3)
    assert load_preset(str(path)).components["whitener"]["power"] == 0.0


def test_whitening_needs_more_photos_than_values(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="takes more than 64"):
        learn_preset(read_sample([photos], "sift-vlad"), "sift-vlad", tmp_path / "mine", whiten=64)
    assert not (tmp_path / "mine").exists()


def test_only_a_sample_is_read(photos: Path, tmp_path: Path) -> None:
    counts: list[int] = []
    found = read_sample([photos], "sift-vlad", sample=3, progress=lambda _, of: counts.append(of))
    assert counts == [3, 3, 3] and len(found.features) + len(found.skipped) == 3
