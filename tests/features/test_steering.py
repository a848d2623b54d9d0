"""Which rotations a query is looked at in, and at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from placeprint import Atlas, match
from placeprint.datasets.photos.sample_photos import PLACES, read_samples
from placeprint.features import rotating
from placeprint.features.rotating import ROTATIONS, all_rotations, promising_rotations, rotated_features
from placeprint.features.sift import SIFT
from placeprint.features.steering import STEP, steered, steerer_name
from placeprint.features.xfeat import XFeat
from placeprint.photos import rotate_image
from placeprint.types import Image, LocalFeatures, Mask, Verification
from tests.conftest import make_scene, random_features, write_scenes


def same_points(a: LocalFeatures, b: LocalFeatures) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    near = np.linalg.norm(a.keypoints[:, None] - b.keypoints[None], axis=2) < 2
    first, second = np.nonzero(near)
    return first, second


@pytest.mark.parametrize(
    ("extractor", "least"), [(SIFT(upright=True, contrast_threshold=0.01), 0.99), (XFeat(), 0.8)], ids=["sift", "xfeat"]
)
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_steered_descriptors_are_those_of_the_rotated_photo(extractor: Any, least: float, degrees: int) -> None:
    scene = read_samples(PLACES)["temple"]
    name = steerer_name(extractor)
    assert name is not None
    upright, rotated = extractor.extract(scene), rotated_features(extractor, scene, degrees)
    first, second = same_points(upright, rotated)
    about = steered(upright, name, degrees).descriptors[first]
    assert len(first) > 20
    cosines = (about * rotated.descriptors[second]).sum(axis=1)
    before = (upright.descriptors[first] * rotated.descriptors[second]).sum(axis=1)
    assert np.median(cosines) > least > 0.7 > np.median(before)


def test_no_rotation_and_no_features_are_left_alone() -> None:
    features = random_features(5, 64)
    assert steered(features, "xfeat", 0) is features and steered(features, "xfeat", 360) is features
    assert len(steered(features[:0], "xfeat", 90)) == 0


def test_steerers_are_only_for_what_they_were_learned_from() -> None:
    assert steerer_name(SIFT()) is None  # has directions of its own
    assert steerer_name(SIFT(upright=True, root=False)) is None
    assert steerer_name(object()) is None
    assert all(degrees % STEP == 0 for degrees in all_rotations())


def check(strength: float) -> Verification:
    none = np.zeros((0, 2), np.int64)
    return Verification(none, np.zeros((0, 2, 2), np.float32), np.zeros(0, bool), strength, model="none")


def test_the_most_promising_rotations_come_first_and_are_few() -> None:
    def verdict(given: Verification | None) -> str:
        return "same place" if given is not None and given.strength >= 10 else "not confirmed"

    checks = {90: check(12), 180: check(8), 270: check(18), 30: check(10)}
    assert promising_rotations(checks, verdict) == [(270,)]
    assert promising_rotations({90: check(9.9)}, verdict) == []


class Counting:
    """An extractor's `extract`, counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, extractor: type[Any]) -> None:
        self.sizes: list[tuple[int, ...]] = []
        real = extractor.extract

        def extract(this: Any, image: Image, mask: Mask | None = None) -> LocalFeatures:
            self.sizes.append(image.shape)
            found: LocalFeatures = real(this, image, mask)
            return found

        monkeypatch.setattr(extractor, "extract", extract)


def test_an_unknown_photo_is_not_described_in_every_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([write_scenes(tmp_path / "photos", 3)])
    counting = Counting(monkeypatch, SIFT)
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    answer = atlas.search(noise)
    assert answer.best is None and len(answer.features)
    assert len(counting.sizes) <= 5  # smaller copies in three rotations, and one whole look
    del counting.sizes[:]
    assert atlas.search(rotate_image(make_scene(1), 90)).rotation == 270
    assert len(counting.sizes) == 5


def test_without_steerers_every_rotation_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placeprint.describing.describer.steerer_name", lambda extractor: None)
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([write_scenes(tmp_path / "photos", 3)])
    counting = Counting(monkeypatch, SIFT)
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    atlas.search(noise)
    assert sum(map(len, ROTATIONS)) < len(counting.sizes) <= 2 + sum(map(len, ROTATIONS))


def test_a_photo_without_keypoints_is_looked_at_once_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([write_scenes(tmp_path / "photos", 2)])
    counting = Counting(monkeypatch, SIFT)
    blank = np.full((240, 320, 3), 255, np.uint8)
    answer = atlas.search(blank)
    assert len(counting.sizes) == 1 and answer.note == "no keypoints: the picture is blank or blurred"
    del counting.sizes[:]
    options: dict[str, Any] = {"features": "sift", "feature_options": {"upright": True}}
    pair = match(blank, make_scene(1), **options)
    assert len(counting.sizes) == 2 and pair.note == f"first photo: {answer.note}"
    assert match(make_scene(1), blank, **options).note == f"second photo: {answer.note}"
    assert len(counting.sizes) == 4


def test_a_photo_is_shrunk_before_it_is_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    rotated: list[Sequence[int]] = []
    real = rotate_image

    def turn(image: Image, degrees: float) -> Image:
        rotated.append(image.shape)
        return real(image, degrees)

    monkeypatch.setattr(rotating, "rotate_image", turn)
    strip = np.random.default_rng(0).integers(0, 255, (16, 20000, 3)).astype(np.uint8)
    found = rotated_features(SIFT(size=400, upright=True), strip, 30)
    assert max(rotated[0]) == 800 and found.image_size == (20000, 16)


@pytest.mark.parametrize("degrees", [30, 90, 200])
def test_keypoints_of_a_large_rotated_photo_are_in_its_own_pixels(degrees: float) -> None:
    import cv2

    large = np.asarray(cv2.resize(make_scene(4), (1280, 960), interpolation=cv2.INTER_CUBIC), np.uint8)
    mask = np.zeros((960, 1280), bool)
    mask[:, :640] = True
    extractor = SIFT(size=320)
    upright = extractor.extract(large)
    found = rotated_features(extractor, large, degrees, mask)
    assert found.image_size == (1280, 960) and found.keypoints[:, 0].max() < 641
    distances = np.linalg.norm(found.keypoints[:, None] - upright.keypoints[None], axis=2)
    assert np.median(distances.min(axis=1)) < 4  # one pixel of what the extractor saw
    assert found.scales is not None and upright.scales is not None
    ratios = found.scales / upright.scales[distances.argmin(axis=1)]
    assert 0.7 < np.median(ratios) < 1.4


def test_one_path_that_is_left_out_is_a_path(tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([write_scenes(tmp_path / "photos", 2)])
    first = atlas.search(make_scene(0)).evidence[0].path
    for without in (first, [first], (first,)):
        assert all(each.path != first for each in atlas.search(make_scene(0), exclude=without).evidence)


def test_a_photo_too_long_to_be_rotated_is_shrunk_or_refused() -> None:
    from placeprint.errors import PhotoError

    strip = np.random.default_rng(0).integers(0, 255, (16, 40_000, 3)).astype(np.uint8)
    with pytest.raises(PhotoError, match=r"rotated by 30 degrees the picture has .* shrink it first"):
        rotate_image(strip, 30)
    seen: list[Sequence[int]] = []

    class Whole:
        size, dim = 0, 64

        def extract(self, image: Image, mask: Mask | None = None) -> LocalFeatures:
            seen.append(image.shape)
            return random_features(0, 64)

    assert rotated_features(Whole(), strip, 30).image_size == (40_000, 16)
    assert max(seen[0]) <= 10_000


@pytest.mark.parametrize("degrees", [17, 137])
def test_a_photo_that_a_program_rotated_is_made_straight_first(
    degrees: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([write_scenes(tmp_path / "photos", 3)])
    counting = Counting(monkeypatch, SIFT)
    answer = atlas.search(rotate_image(make_scene(1), degrees))
    assert answer.best is not None and answer.best.path.endswith("1.png")
    assert answer.rotation == pytest.approx(360 - degrees, abs=0.5)
    assert len(counting.sizes) <= 5  # straight, smaller copies of three quarters, and the right one as a whole
