"""What every registered component promises; a new one is tested by being registered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from placeprint.core import registry
from placeprint.errors import OptionError, ShapeError
from placeprint.networks.weights import find_weights, weights_path
from placeprint.types import LocalFeatures
from tests.conftest import make_scene, random_features

SMALL: dict[str, dict[str, Any]] = {
    "bow": {"num_words": 8},
    "disk": {"size": 320},
    "cgd": {"projected_dim": 4},
    "fisher": {"num_gaussians": 4},
    "netvlad": {"num_clusters": 8},
    "netvlad-layer": {"num_clusters": 8},
    "regional-vlad": {"num_words": 8},
    "vlad": {"num_words": 8},
    "pca-whitening": {"dim": 8},
}


def _make(kind: str, name: str) -> Any:
    return registry.create(kind, name, SMALL.get(name))


@pytest.fixture(params=registry.names("aggregators"))
def aggregator(request: pytest.FixtureRequest) -> Any:
    return _make("aggregators", request.param).fit([random_features(100, 16, seed) for seed in range(4)])


def test_an_aggregate_is_a_unit_vector_of_the_declared_length(aggregator: Any) -> None:
    vector = aggregator.aggregate(random_features(50, 16, 9))
    assert vector.shape == (aggregator.dim,) and vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_the_order_of_features_does_not_matter(aggregator: Any) -> None:
    features = random_features(50, 16, 9)
    turned = features[np.random.default_rng(0).permutation(50)]
    np.testing.assert_allclose(aggregator.aggregate(features), aggregator.aggregate(turned), atol=1e-5)


def test_no_features_give_zeros(aggregator: Any) -> None:
    assert not aggregator.aggregate(random_features(0, 16)).any()


def test_what_is_learned_survives_saving(aggregator: Any) -> None:
    other = registry.restore(type(aggregator)(**registry.params_of(aggregator)), registry.state_of(aggregator))
    features = random_features(50, 16, 9)
    np.testing.assert_array_equal(aggregator.aggregate(features), other.aggregate(features))


@pytest.mark.parametrize("name", registry.names("whiteners"))
def test_a_whitener_gives_unit_rows(name: str) -> None:
    rows = random_features(60, 24).descriptors.astype(np.float32)
    result = _make("whiteners", name).fit(rows).transform(rows)
    np.testing.assert_allclose(np.linalg.norm(result, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", registry.names("indexes"))
def test_an_index_finds_itself_first_and_forgets(name: str) -> None:
    rows = random_features(40, 24).descriptors.astype(np.float32)
    index = _make("indexes", name)
    assert len(index.search(rows[:1], 5)[0]) == 0
    index.add(np.arange(100, 140), rows)
    found = index.search(rows[3:5], 5)
    assert [ranking.ids[0] for ranking in found] == [103, 104]
    exact = np.argsort(-(rows @ rows[3]), kind="stable")[:5] + 100
    np.testing.assert_array_equal(found[0].ids, exact)
    index.remove(np.array([103, 999]))
    assert len(index) == 39 and 103 not in index.search(rows[3:4], 40)[0].ids


@pytest.mark.parametrize("name", registry.names("indexes"))
@pytest.mark.parametrize("count", [24, 1200])
def test_an_index_searches_among_some_rows_exactly(name: str, count: int) -> None:
    rows = random_features(count, 24).descriptors.astype(np.float32)
    index, ids = _make("indexes", name), np.arange(count) * 3 + 5
    index.add(ids, rows)
    whole = index.search(rows[:2], count, ids)
    for among in (ids[:1], ids[1::7], ids[: count // 2], np.append(ids[3:], 1), ids[:0], np.array([-4, 2])):
        for ranking, every in zip(index.search(rows[:2], 6, among), whole, strict=True):
            kept = np.isin(every.ids, among)
            np.testing.assert_array_equal(ranking.ids, every.ids[kept][:6])
            np.testing.assert_allclose(ranking.scores, every.scores[kept][:6])
    index.remove(ids[:2])
    assert [len(found) for found in index.search(rows[:2], 6, ids[:2])] == [0, 0]


@pytest.fixture(params=[name for name in registry.names("extractors") if name not in registry.WHOLE_PHOTO])
def extractor(request: pytest.FixtureRequest) -> Any:
    made = _make("extractors", request.param)
    weights = getattr(made, "weights", None)
    if weights is not None and weights_path(find_weights(weights)) is None:
        pytest.skip(f"the weights {weights!r} are not installed; {find_weights(weights).install}")
    return made


def test_features_have_the_declared_form(extractor: Any) -> None:
    features = extractor.extract(make_scene(0, 320, 240))
    assert len(features) > 50
    assert features.descriptors.shape[1] == extractor.dim
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-3)
    assert features.image_size == (320, 240)
    inside = (features.keypoints >= -0.5) & (features.keypoints <= np.array([319.5, 239.5]))
    assert inside.all()


def test_max_keypoints_is_kept(extractor: Any) -> None:
    few = type(extractor)(**registry.params_of(extractor) | {"max_keypoints": 20})
    assert len(few.extract(make_scene(0))) == 20


def test_there_are_no_keypoints_where_the_mask_forbids_them(extractor: Any) -> None:
    scene = make_scene(0, 320, 240)
    mask = np.zeros((240, 320), bool)
    mask[:, 200:] = True
    features = extractor.extract(scene, mask)
    assert len(features) > 10
    column, row = np.rint(features.keypoints).astype(int).T
    assert mask[row, column].all()
    assert len(extractor.extract(scene, np.zeros((240, 320), bool))) == 0
    with pytest.raises(ShapeError, match=r"shape of its image, \(240, 320\), got \(10, 10\)"):
        extractor.extract(scene, np.zeros((10, 10), bool))


def test_a_pyramid_finds_more_than_one_size(extractor: Any) -> None:
    scene = make_scene(0, 320, 240)
    params = registry.params_of(extractor) | {"max_keypoints": 100_000}
    one = type(extractor)(**params | {"scales": (1.0,)}).extract(scene)
    two = type(extractor)(**params | {"scales": (1.0, 0.5)}).extract(scene)
    assert len(two) > len(one)
    assert two.image_size == (320, 240)
    assert ((two.keypoints >= -0.5) & (two.keypoints <= np.array([319.5, 239.5]))).all()


def test_extraction_is_repeatable(extractor: Any) -> None:
    first, second = (extractor.extract(make_scene(0)) for _ in range(2))
    np.testing.assert_array_equal(first.keypoints, second.keypoints)
    np.testing.assert_array_equal(first.descriptors, second.descriptors)


@pytest.mark.parametrize("size", [(37, 53), (16, 16), (700, 40)])
def test_a_blank_picture_of_any_size_has_no_features(extractor: Any, size: tuple[int, int]) -> None:
    assert len(extractor.extract(np.full((*size, 3), 127, np.uint8))) == 0


def test_keypoints_are_in_pixels_of_the_photo_whatever_its_size(extractor: Any) -> None:
    import cv2

    scene = make_scene(3, 320, 240)
    large = np.asarray(cv2.resize(scene, (960, 720), interpolation=cv2.INTER_CUBIC), np.uint8)
    small_points, large_points = extractor.extract(scene), extractor.extract(large)
    # the same corner at (x, y) of the small photo is at 3 (x + 0.5) - 0.5 of the large one
    expected = (small_points.keypoints + 0.5) * 3 - 0.5
    nearest = np.linalg.norm(expected[:, None] - large_points.keypoints[None], axis=2).min(axis=1)
    assert np.median(nearest) < 3


def test_features_follow_a_known_homography(extractor: Any) -> None:
    from placeprint.datasets.photos.sample_photos import rephotograph
    from placeprint.verification.matching import mutual_matches

    scene = make_scene(5, 320, 240)
    seen, homography = rephotograph(scene, corners=0.04, crop=0.95, noise=2)
    first, second = extractor.extract(scene), extractor.extract(seen)
    matches = mutual_matches(first.descriptors, second.descriptors, 0.8)
    points = np.column_stack([first.keypoints[matches.pairs[:, 0]], np.ones(len(matches))]) @ homography.T
    errors = np.linalg.norm(points[:, :2] / points[:, 2:] - second.keypoints[matches.pairs[:, 1]], axis=1)
    assert len(matches) > 40
    # a feature of a grid is only as exact as its cell
    sides = first.scales if first.scales is not None else np.zeros(len(first))
    dense = len(np.unique(sides)) <= len(getattr(extractor, "scales", (1.0,)))
    tolerance = np.maximum(3.0, sides[matches.pairs[:, 0]]) if dense else 3.0
    assert np.mean(errors < tolerance) > 0.6


def test_angles_and_scales_are_degrees_and_pixels(extractor: Any) -> None:
    features = extractor.extract(make_scene(0, 320, 240))
    if features.angles is not None:
        assert ((features.angles >= 0) & (features.angles < 360)).all()
    if features.scales is not None:
        assert ((features.scales > 0) & (features.scales < 320)).all()


def _warped(seed: int = 0) -> tuple[LocalFeatures, LocalFeatures]:
    """Return two photos' features: 60 points of one moved by a homography, 40 at random in both."""
    generator = np.random.default_rng(seed)
    query = random_features(100, 32, seed)
    homography = np.array([[0.9, 0.1, 12], [-0.05, 1.05, 7], [1e-4, 0, 1]])
    points = np.column_stack([query.keypoints, np.ones(100)]) @ homography.T
    points = points[:, :2] / points[:, 2:]
    points[60:] = generator.uniform(0, 200, (40, 2))
    descriptors = np.concatenate([query.descriptors[:60], random_features(40, 32, seed + 50).descriptors]).astype(
        np.float32
    )
    order = generator.permutation(100)
    return query, LocalFeatures(points[order].astype(np.float32), descriptors[order], query.scores, (320, 240))


@pytest.fixture(params=registry.names("verifiers"))
def verifier(request: pytest.FixtureRequest) -> Any:
    return _make("verifiers", request.param)


def test_the_true_candidate_is_confirmed_with_the_right_matches(verifier: Any) -> None:
    query, truth = _warped()
    others = [random_features(100, 32, seed) for seed in range(10, 40)]
    checks = verifier.verify(query, [*others, truth])
    best = int(np.argmax([check.score for check in checks]))
    assert best == 30
    assert checks[30].num_inliers >= 50
    assert (checks[30].matches[checks[30].inliers, 0] < 60).all()
    assert max(check.num_inliers for check in checks[:30]) < 10


def test_the_size_of_the_photos_does_not_matter(verifier: Any) -> None:
    query, truth = _warped()
    large = LocalFeatures(query.keypoints * 8 + 3.5, query.descriptors, query.scores, (2560, 1920))
    same, scaled = (verifier.verify(photo, [truth])[0] for photo in (query, large))
    assert scaled.num_inliers == pytest.approx(same.num_inliers, abs=3)
    assert scaled.strength == pytest.approx(same.strength, rel=0.1)
    inliers = scaled.points[scaled.inliers]
    mapped = np.column_stack([inliers[:, 0], np.ones(len(inliers))]) @ scaled.transform.T
    assert scaled.model in {"homography", "similarity"}
    assert np.median(np.linalg.norm(mapped[:, :2] / mapped[:, 2:] - inliers[:, 1], axis=1)) < 2


def test_verification_is_repeatable(verifier: Any) -> None:
    query, truth = _warped(3)
    first, second = (verifier.verify(query, [truth, random_features(100, 32, 7)]) for _ in range(2))
    assert [(c.score, c.num_inliers) for c in first] == [(c.score, c.num_inliers) for c in second]


def test_poor_input_gives_no_transform_and_no_exception(verifier: Any) -> None:
    query, _ = _warped()
    one_line = LocalFeatures(
        np.column_stack([np.arange(100), np.arange(100)]).astype(np.float32),
        query.descriptors,
        query.scores,
        (320, 240),
    )
    one_point = LocalFeatures(np.zeros((100, 2), np.float32), query.descriptors, query.scores, (320, 240))
    candidates = [random_features(0, 32), query[:3], one_point]
    for check in verifier.verify(query, candidates):
        assert check.num_inliers == 0 and check.transform is None
    assert len(verifier.verify(one_line, [one_line, one_point])) == 2
    assert verifier.verify(query[:0], [query])[0].num_inliers == 0
    assert verifier.verify(query, []) == []


def _with(photo: LocalFeatures, value: float) -> LocalFeatures:
    """Return features of which one value was changed after they were made."""
    descriptors = photo.descriptors.copy()
    made = LocalFeatures(photo.keypoints, descriptors, photo.scores, photo.image_size)
    descriptors[3, 2] = value
    return made


BAD_VALUES = (np.nan, np.inf, -np.inf, 1e25)


@pytest.mark.parametrize("name", registry.names("aggregators"))
def test_an_aggregator_refuses_what_it_cannot_use(name: str) -> None:
    photos = [random_features(40, 16, seed) for seed in range(4)]
    fitted = _make("aggregators", name).fit(photos)
    for bad in [_with(photos[1], value) for value in BAD_VALUES] + [random_features(40, 12, 1)]:
        collection = [photos[0], bad, photos[2], photos[3]]
        with pytest.raises(ShapeError):
            _make("aggregators", name).fit(collection)
        with pytest.raises(ShapeError):
            fitted.aggregate(bad)
        if name not in {"cgd", "rmac", "fisher", "netvlad-layer"}:  # these learn nothing in adapt
            with pytest.raises(ShapeError):
                fitted.adapt(collection)
    with pytest.raises(ShapeError):
        _make("aggregators", name).fit([])


@pytest.mark.parametrize("name", registry.names("aggregators"))
@pytest.mark.parametrize("rows", ["zero", "equal", "large"])
def test_no_aggregator_gives_nan(name: str, rows: str) -> None:
    first = random_features(40, 16)
    descriptors = {
        "zero": np.zeros((40, 16)),
        "equal": np.full((40, 16), 0.25),
        "large": first.descriptors * np.float32(1e12),
    }[rows]
    photos = [LocalFeatures(first.keypoints, descriptors, first.scores, first.image_size)] * 4
    try:
        fitted = _make("aggregators", name).fit(photos)
    except OptionError:
        assert name in {"netvlad", "netvlad-layer"} and rows != "large"
        fitted = _make("aggregators", name).fit([random_features(40, 16, seed) for seed in range(4)])
    vector = fitted.aggregate(photos[0])
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4) or not vector.any()


@pytest.mark.parametrize("name", registry.names("indexes"))
def test_an_index_refuses_what_it_cannot_use(name: str) -> None:
    rows = random_features(20, 24).descriptors.astype(np.float32)
    index = _make("indexes", name)
    index.add(np.arange(20), rows)
    for value in BAD_VALUES:
        bad = rows.copy()
        bad[3, 2] = value
        with pytest.raises(ShapeError):
            index.add(np.arange(20), bad)
        with pytest.raises(ShapeError):
            index.search(bad, 3)
    for wrong in (rows[:, :12], rows[0], [], [["a"] * 24], [[1.0], [1.0, 2.0]]):
        with pytest.raises(ShapeError):
            index.add(np.arange(len(wrong)), wrong)
        with pytest.raises(ShapeError):
            index.search(wrong, 3)
    for ids in (np.arange(19), np.arange(20) / 2, ["a"] * 20):
        with pytest.raises(ShapeError):
            index.add(ids, rows)
    assert len(index) == 20 and index.search(rows[:1], 1)[0].ids[0] == 0


@pytest.mark.parametrize("name", registry.names("whiteners"))
def test_a_whitener_refuses_what_it_cannot_use(name: str) -> None:
    rows = random_features(60, 24).descriptors.astype(np.float32)
    fitted = _make("whiteners", name).fit(rows)
    bad_rows = [np.where(np.arange(24) == 3, np.float32(value), rows) for value in BAD_VALUES]
    for bad in [*bad_rows, rows[0], [], [["a"] * 24] * 60, [[1.0], [1.0, 2.0]]]:
        with pytest.raises(ShapeError):
            _make("whiteners", name).fit(bad)
        with pytest.raises(ShapeError):
            fitted.transform(bad)
    for same in (np.zeros((60, 24)), np.ones((60, 24)), rows * np.float32(1e12)):
        assert np.isfinite(_make("whiteners", name).fit(same).transform(same)).all()


@pytest.mark.parametrize("name", registry.names("voters"))
def test_a_voter_refuses_what_it_cannot_use(name: str) -> None:
    photos = [random_features(40, 16, seed) for seed in range(4)]
    voter = _make("voters", name).fit(photos)
    voter.add(np.arange(4), photos)
    for bad in [_with(photos[1], value) for value in BAD_VALUES] + [random_features(40, 12, 1)]:
        with pytest.raises(ShapeError):
            _make("voters", name).fit([photos[0], bad])
        with pytest.raises(ShapeError):
            voter.add(np.array([7, 8]), [photos[0], bad])
        with pytest.raises(ShapeError):
            voter.search(bad, 2)
    for ids in ([7, 8], [7.5], ["a"]):
        with pytest.raises(ShapeError):
            voter.add(ids, photos[:1])
    assert len(voter) == 4 and voter.search(photos[2], 1).ids.tolist() == [2]
