"""Several descriptors of a photo as one, and presets that bring what was learned elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.describing.describer import Describer
from placeprint.errors import OptionError
from placeprint.presets import load_preset
from tests.conftest import PRESET, make_scene, presets_at_hand, write_photo

VLAD_AND_GEM = """
[aggregator]
name = "vlad"
num_words = 8
[[fusion]]
weight = 0.25
aggregator = { name = "gem", use_scores = false }
[[fusion]]
weight = 0.5
extractor = { name = "dense-sift", size = 160, max_keypoints = 100 }
aggregator = { name = "vlad", num_words = 4 }
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(10):
        write_photo(folder / f"{number:02d}.png", make_scene(number))
    return folder


def _preset(path: Path, searched: str, codebook: str = "min_photos = 50") -> str:
    path.write_text(PRESET.format(searched=searched, codebook=codebook))
    return str(path)


def test_the_cosine_is_the_weighted_mean_of_the_cosines(tmp_path: Path) -> None:
    describer = Describer(load_preset(_preset(tmp_path / "p.toml", VLAD_AND_GEM)))
    scenes = [describer.features(make_scene(number)) for number in range(6)]
    describer.learn(lambda: scenes, len(scenes), None, adapt=False)
    one, other = (describer.descriptor(scene) for scene in scenes[:2])
    expected = sum(
        branch.weight * float(np.dot(*(branch.aggregator.aggregate(scene[branch.source]) for scene in scenes[:2])))
        for branch in describer.branches
    )
    assert np.isclose(one @ other, expected / 1.75, atol=1e-5)
    assert np.isclose(np.linalg.norm(one), 1, atol=1e-5)
    assert len(one) == describer.dim == 8 * 128 + 128 + 4 * 128


def test_a_photo_goes_through_each_extractor_once(tmp_path: Path) -> None:
    describer = Describer(load_preset(_preset(tmp_path / "p.toml", VLAD_AND_GEM)))
    assert len(describer.extractors) == 2
    assert [branch.source for branch in describer.branches] == [0, 0, 1]


def test_an_atlas_of_several_descriptors_keeps_the_features_of_each(photos: Path, tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", _preset(tmp_path / "p.toml", VLAD_AND_GEM))
    atlas.add([photos])
    before = atlas.info()
    assert before.dim == 8 * 128 + 128 + 4 * 128 and before.codebook == "own, learned from 10 photos"
    again = Atlas.open(tmp_path / "atlas")
    assert again.refit() == 10
    answer = again.search(rephotograph(make_scene(7), corners=0.05)[0])
    assert answer.best is not None and Path(answer.best.path).name == "07.png"


def test_one_may_search_by_other_features_than_those_verified(photos: Path, tmp_path: Path) -> None:
    searched = '[[fusion]]\nextractor = { name = "hog", size = 160 }\naggregator = { name = "vlad", num_words = 4 }'
    atlas = Atlas.create(tmp_path / "atlas", _preset(tmp_path / "p.toml", searched))
    atlas.add([photos])
    answer = atlas.search(photos / "03.png")
    assert answer.best is not None and Path(answer.best.path).name == "03.png"
    assert answer.features.descriptors.shape[1] == 128, "what is verified is SIFT"


def test_a_whitener_sees_the_joined_descriptor(photos: Path, tmp_path: Path) -> None:
    searched = VLAD_AND_GEM + '[whitener]\nname = "pca-whitening"\ndim = 5\nmin_photos = 10\n'
    atlas = Atlas.create(tmp_path / "atlas", _preset(tmp_path / "p.toml", searched))
    atlas.add([photos])
    assert atlas.info().dim == 5
    assert Path(atlas.search(photos / "02.png", verify=0).evidence[0].path).name == "02.png"


def test_a_codebook_file_is_used_unchanged(photos: Path, tmp_path: Path) -> None:
    describer = Describer(load_preset(_preset(tmp_path / "p.toml", VLAD_AND_GEM)))
    scenes = [describer.features(make_scene(number)) for number in range(20, 26)]
    state = describer.learn(lambda: scenes, len(scenes), None, adapt=False)
    (tmp_path / "run").mkdir()
    np.savez(tmp_path / "run" / "state.npz", **state)  # type: ignore[arg-type]  # the stub takes it for an option
    preset = _preset(tmp_path / "run" / "mine.toml", VLAD_AND_GEM, 'file = "state.npz"')
    atlas = Atlas.create(tmp_path / "atlas", preset)
    report = atlas.add([photos])
    assert report.added == 10 and not report.learned and atlas.info().codebook == "shipped"
    with pytest.raises(OptionError, match="keeps what it came with"):
        atlas.refit()
    learned = atlas.describer.branches[0].aggregator
    assert np.array_equal(learned.codebook_, np.asarray(state["aggregator.codebook_"], np.float32))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("searched", "codebook", "message"),
    [
        ("", "min_photos = 9", r"neither \[aggregator\] nor \[\[fusion\]\]"),
        ('[fusion]\naggregator = { name = "gem" }', "min_photos = 9", r"under \[\[fusion\]\], got"),
        ("[[fusion]]\nweight = 1.0", "min_photos = 9", r"\[\[fusion\]\] lacks aggregator"),
        ('[[fusion]]\naggregator = { name = "gem" }\nwait = 1', "min_photos = 9", "'wait'"),
        ('[aggregator]\nname = "vlad"', "", "needs min_photos"),
        ('[aggregator]\nname = "gem"', 'shipped = "a"\nfile = "b"', "shipped or file"),
    ],
)
def test_a_preset_that_makes_no_sense_is_refused(searched: str, codebook: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        load_preset(_preset(tmp_path / "p.toml", searched, codebook))


def test_a_weight_must_be_above_zero(tmp_path: Path) -> None:
    searched = '[[fusion]]\nweight = 0.0\naggregator = { name = "gem" }'
    with pytest.raises(OptionError, match="weight must be a number above 0"):
        Describer(load_preset(_preset(tmp_path / "p.toml", searched)))


def test_a_missing_codebook_file_is_named(photos: Path, tmp_path: Path) -> None:
    preset = _preset(tmp_path / "p.toml", '[aggregator]\nname = "gem"', 'file = "gone.npz"')
    with pytest.raises(OptionError, match=r"needs the file .*gone\.npz"):
        Atlas.create(tmp_path / "atlas", preset).add([photos])


@pytest.mark.parametrize("preset", [name for name in presets_at_hand() if name not in {"xfeat-vlad", "sift-vlad"}])
@pytest.mark.slow
def test_every_preset_finds_a_photo_among_three(preset: str, tmp_path: Path) -> None:
    for number in range(3):
        write_photo(tmp_path / "photos" / f"{number}.png", make_scene(number, 480, 360))
    atlas = Atlas.create(tmp_path / "atlas", preset)
    report = atlas.add([tmp_path / "photos"])
    shipped = load_preset(preset).codebook.is_included
    assert report.added == 3 and atlas.info().codebook == ("shipped" if shipped else "own, learned from 3 photos")
    answer = atlas.search(rephotograph(make_scene(1, 480, 360), corners=0.04)[0], rotations=False)
    assert answer.best is not None and Path(answer.best.path).name == "1.png"
