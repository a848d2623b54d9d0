"""What earlier versions wrote to disk still opens: an atlas, a preset, a training run and a result.

`scripts/make_golden.py` made the files; its photos are sample photos of installed packages.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from placeprint import Atlas
from placeprint.datasets.photos.sample_photos import PLACES, read_samples, rephotograph
from placeprint.describing.describer import Describer
from placeprint.evaluation.comparison import compare
from placeprint.evaluation.result_files import read_result
from placeprint.presets import load_preset
from placeprint.types import Image

FORMATS = sorted((Path(__file__).parent / "golden").glob("format-*"))


@pytest.fixture(params=FORMATS, ids=[folder.name for folder in FORMATS])
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of the files of one format, so that no test can change them."""
    return Path(shutil.copytree(request.param, tmp_path / "golden"))


def query() -> Image:
    """Return the photo that the golden answer is about."""
    again, _ = rephotograph(read_samples(PLACES)["temple"], seed=0)
    return np.asarray(Pictures.fromarray(again).resize((256, 192)))


def test_an_atlas_opens_and_gives_the_same_answer(golden: Path) -> None:
    expected = json.loads((golden / "answer.json").read_text())
    atlas = Atlas.open(golden / "atlas")
    answer = atlas.search(query(), rotations=False)
    assert len(atlas) == 6
    assert answer.best is not None
    assert answer.best.path == expected[0][0]
    similarities = {each.path: each.similarity for each in answer.evidence}
    for path, similarity, _ in expected:
        assert similarities[path] == pytest.approx(similarity, abs=0.02)


def test_an_atlas_can_be_added_to(golden: Path, tmp_path: Path) -> None:
    photo = tmp_path / "coins.png"
    Pictures.fromarray(read_samples(PLACES)["coins"]).resize((256, 192)).save(photo)
    atlas = Atlas.open(golden / "atlas")
    assert atlas.add([photo], learn=False).added == 1
    assert len(Atlas.open(golden / "atlas")) == 7
    best = Atlas.open(golden / "atlas").search(photo, rotations=False).best
    assert best is not None
    assert best.path == str(photo)


@pytest.mark.parametrize("name", ["preset.toml", "run/preset.toml"])
def test_a_preset_describes_a_photo(golden: Path, name: str, tmp_path: Path) -> None:
    assert Describer(load_preset(str(golden / name))).features(query())
    photo = tmp_path / "photo.png"
    Pictures.fromarray(query()).save(photo)
    atlas = Atlas.create(tmp_path / "atlas", preset=str(golden / name))
    assert atlas.add([photo], learn=False).added == 1


def test_a_result_can_be_compared_with(golden: Path) -> None:
    result = read_result(golden / "result.json")
    differences = compare(result, result)
    assert result.metrics["recall@1"] == 1
    assert differences["recall@1"].difference == 0
