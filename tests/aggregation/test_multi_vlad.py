"""VLADs of regions by hand, against VLADs of the features that lie in them, and by their properties."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.aggregation.multi_vlad import RegionalVLAD, multi_similarity, region_vlads, tile_regions
from placeprint.aggregation.vlad import VLAD
from placeprint.errors import NotFittedError, OptionError, ShapeError
from placeprint.types import LocalFeatures
from tests.conftest import random_features

WORDS = np.array([[0.0, 0.0], [10.0, 0.0]], np.float32)


def _photo() -> LocalFeatures:
    """Return three features of a photo of 20 x 10 px: two in the left upper tile of 2 x 2, one in the right lower."""
    return LocalFeatures(
        np.array([[0, 0], [9.4, 4.4], [9.6, 4.6]], np.float32),
        np.array([[1, 0], [0, 2], [10, 3]], np.float32),
        np.ones(3, np.float32),
        (20, 10),
    )


def test_four_tiles_by_hand() -> None:
    vlad = VLAD(num_words=2, residual_normalization=False, power=1.0)
    vlad.codebook_ = WORDS
    found = region_vlads(vlad, _photo(), tiles=2)
    left_upper, right_lower = np.array([1, 2, 0, 0]) / np.sqrt(5), np.array([0, 0, 0, 1])
    whole = np.array([1, 2, 0, 3]) / np.sqrt(14)
    np.testing.assert_allclose(found, [left_upper, 0 * whole, 0 * whole, right_lower, whole], atol=1e-6)
    # the query is the thing in the left upper corner alone
    assert multi_similarity(left_upper.astype(np.float32), found) == pytest.approx(1)
    assert multi_similarity(left_upper.astype(np.float32), found[4:]) == pytest.approx(5 / np.sqrt(70))


def test_the_sum_of_regions_by_hand() -> None:
    regional = RegionalVLAD(num_words=2, tiles=2, residual_normalization=False, power=1.0)
    regional.codebook_ = WORDS
    expected = np.array([1, 2, 0, 0]) / np.sqrt(5) + np.array([0, 0, 0, 1]) + np.array([1, 2, 0, 3]) / np.sqrt(14)
    np.testing.assert_allclose(regional.aggregate(_photo()), expected / np.linalg.norm(expected), atol=1e-6)


@pytest.mark.parametrize("tiles", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "options",
    [{}, {"assignments": 2, "intra_normalization": True}, {"vocabularies": 2, "sum_normalization": True}],
)
def test_every_region_is_the_vlad_of_the_features_in_it(tiles: int, options: dict[str, int]) -> None:
    vlad = VLAD(num_words=5, **options).fit([random_features(200, 6, seed) for seed in range(2)])  # type: ignore[arg-type]  # options differ by test
    photo = random_features(30, 6, 9)
    regions = tile_regions(tiles)
    found = region_vlads(vlad, photo, tiles)
    assert len(found) == len(regions) == sum(side * side for side in range(1, tiles + 1))
    width, height = photo.image_size
    for (x, y, side), row in zip(regions, found, strict=True):
        inside = np.array(
            [
                x <= (px + 0.5) * tiles / width < x + side and y <= (py + 0.5) * tiles / height < y + side
                for px, py in photo.keypoints
            ]
        )
        np.testing.assert_allclose(row, vlad.aggregate(photo[inside]), atol=2e-5)


def test_three_tiles_are_the_fourteen_regions_of_the_paper() -> None:
    regions = tile_regions(3)
    assert [sum(side == each for *_, side in regions) for each in (1, 2, 3)] == [9, 4, 1]
    covered = np.zeros((3, 3), int)
    for x, y, side in regions:
        covered[y : y + side, x : x + side] += 1
    np.testing.assert_array_equal(covered, [[3, 4, 3], [4, 6, 4], [3, 4, 3]])


def test_one_tile_is_the_plain_vlad() -> None:
    photos = [random_features(200, 6, seed) for seed in range(2)]
    plain, regional = VLAD(num_words=5).fit(photos), RegionalVLAD(num_words=5, tiles=1).fit(photos)
    np.testing.assert_allclose(regional.aggregate(photos[0]), plain.aggregate(photos[0]), atol=1e-6)


def test_a_point_outside_the_photo_counts_to_the_nearest_tile() -> None:
    vlad = VLAD(num_words=2, residual_normalization=False, power=1.0)
    vlad.codebook_ = WORDS
    photo = _photo()
    moved = LocalFeatures(
        photo.keypoints + np.array([[-5, -5], [0, 0], [30, 0]]), photo.descriptors, photo.scores, photo.image_size
    )
    found = region_vlads(vlad, moved, tiles=2)
    assert found.any(axis=1).tolist() == [True, False, False, True, True]
    assert region_vlads(vlad, photo[:0], 3).shape == (14, 4) and not region_vlads(vlad, photo[:0], 3).any()


def test_photos_are_compared_by_their_best_region() -> None:
    generator = np.random.default_rng(0)
    query, rows = generator.normal(size=8).astype(np.float32), generator.normal(size=(3, 5, 8)).astype(np.float32)
    expected = [max(float(row @ query) for row in photo) for photo in rows]
    np.testing.assert_allclose(multi_similarity(query, rows), expected, rtol=1e-5)


def test_misuse_is_refused() -> None:
    with pytest.raises(OptionError, match="tiles must be a whole number from 1 to 64, got 0"):
        region_vlads(VLAD(), _photo(), 0)
    with pytest.raises(NotFittedError):
        region_vlads(VLAD(), _photo())
    with pytest.raises(ShapeError, match=r"got \(3,\), \(2, 4\)"):
        multi_similarity(np.zeros(3, np.float32), np.zeros((2, 4), np.float32))
    with pytest.raises(ShapeError, match=r"r > 0"):
        multi_similarity(np.zeros(4, np.float32), np.zeros((0, 4), np.float32))
