"""Confidences fitted to an atlas's own photos."""

import json
from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.errors import AtlasFormatError, OptionError
from placeprint.evidence.calibration import Calibration
from placeprint.store.calibration_file import FILE
from tests.conftest import make_scene, write_photo, write_scenes

pytestmark = pytest.mark.slow
PHOTOS = 24


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of unlike places, and a second view of one of them."""
    folder = write_scenes(tmp_path_factory.mktemp("calibrating") / "photos", PHOTOS)
    write_photo(folder / "05-again.png", np.roll(make_scene(5), 12, axis=1))
    return folder


@pytest.fixture(scope="module")
def atlas(photos: Path) -> Atlas:
    made = Atlas.create(photos.parent / "atlas", "fast")
    made.add([photos], learn=False)
    return made


@pytest.fixture(scope="module")
def calibration(atlas: Atlas) -> Calibration:
    return atlas.calibrate(sample=PHOTOS + 1)


def test_every_photo_is_asked_once_known_and_once_unknown(calibration: Calibration) -> None:
    trials = calibration.trials
    assert (calibration.photos, calibration.atlas_photos, len(trials)) == (PHOTOS + 1, PHOTOS + 1, 2 * PHOTOS + 2)
    assert trials.right[0::2].mean() > 0.8
    assert not trials.right[1::2].any()
    assert (trials.drawn[0::2] != trials.drawn[1::2]).all()
    assert trials.odds[trials.right].mean() > trials.odds[~trials.right].mean() + 3


def test_it_is_kept_and_changes_the_confidence(atlas: Atlas, calibration: Calibration, photos: Path) -> None:
    query = np.roll(make_scene(3), 20, axis=0)
    opened = Atlas.open(photos.parent / "atlas")
    with_it = opened.search(query).confidence
    kept = (photos.parent / "atlas" / FILE).read_bytes()
    opened.forget_calibration()
    without = opened.search(query).confidence
    (photos.parent / "atlas" / FILE).write_bytes(kept)
    assert with_it is not None
    assert without is not None
    assert with_it == pytest.approx(calibration.confidence(without))
    assert with_it != without
    assert f"with {PHOTOS + 1} of then {PHOTOS + 1} photos" in str(opened.info().calibration)


def test_new_photos_and_a_new_codebook_keep_it(atlas: Atlas, calibration: Calibration, tmp_path: Path) -> None:
    write_photo(tmp_path / "new.png", make_scene(99))
    atlas.add(tmp_path / "new.png", learn=False)
    atlas.refit()
    kept = atlas.snapshot().calibration
    atlas.remove(tmp_path / "new.png")
    assert kept is not None
    assert kept.slope == calibration.slope


def test_a_promised_precision_moves_the_verdict(atlas: Atlas, calibration: Calibration) -> None:
    least = calibration.least_confidence(0.6)
    for seed in (3, 77):
        answer = atlas.search(np.roll(make_scene(seed), 20, axis=0), precision=0.6, rotations=False)
        assert answer.confidence is not None
        assert (answer.best is not None) == (answer.confidence >= least) == (seed == 3)


def test_the_largest_precision_is_promised_where_more_is_requested(atlas: Atlas, calibration: Calibration) -> None:
    most = calibration.most_precise()
    assert most is not None and most < 0.99
    strict, usual = (atlas.search(make_scene(3), precision=each, rotations=False) for each in (0.99, most))
    assert strict.precision == usual.precision == most
    assert calibration.promise(0.99).score >= calibration.promise(most).score
    assert atlas.search(make_scene(3)).precision is None
    with pytest.raises(OptionError, match=r"at least 0\.5"):
        atlas.search(make_scene(3), precision=1.5)


def test_without_calibration_no_precision_is_promised(tmp_path: Path) -> None:
    write_scenes(tmp_path / "photos", 3)
    made = Atlas.create(tmp_path / "atlas", "fast")
    made.add([tmp_path / "photos"])
    with pytest.raises(OptionError, match="placeprint calibrate"):
        made.search(make_scene(1), precision=0.9)
    with pytest.raises(OptionError, match="3 photos; calibration needs at least 20"):
        made.calibrate()


def test_a_preset_without_evidence_has_nothing_to_calibrate(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="gives no probabilities"):
        Atlas.create(tmp_path / "atlas", "sift-vlad").calibrate()


def test_photos_that_are_gone_cannot_be_asked(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "photos", 20)
    made = Atlas.create(tmp_path / "atlas", "fast")
    made.add([folder], learn=False)
    for path in list(folder.iterdir())[:5]:
        path.unlink()
    with pytest.raises(OptionError, match="only 15 of 20 photos"):
        made.calibrate()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": 1}', b'{"format": 1, "odds": "x", "slope": 1}', b"\xff"])
def test_a_damaged_calibration_says_so_and_can_be_removed(
    atlas: Atlas, calibration: Calibration, photos: Path, content: bytes
) -> None:
    path = photos.parent / "atlas" / FILE
    kept = path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(AtlasFormatError, match=r"calibrate --reset"):
        atlas.search(make_scene(3))
    atlas.forget_calibration()
    assert atlas.search(make_scene(3)).confidence is not None
    path.write_bytes(kept)


def test_a_newer_format_is_refused(atlas: Atlas, calibration: Calibration, photos: Path) -> None:
    path = photos.parent / "atlas" / FILE
    kept = path.read_bytes()
    path.write_bytes(json.dumps(json.loads(kept) | {"format": 2}).encode())
    with pytest.raises(AtlasFormatError, match="upgrade"):
        atlas.search(make_scene(3))
    path.write_bytes(kept)
