"""The transformers do what the aggregators do, in pipelines and under scikit-learn's own checks."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("sklearn")

from sklearn import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from placeprint.aggregation import bow, fisher, netvlad, pooling, vlad, whitening
from placeprint.errors import OptionError, ShapeError
from placeprint.sklearn import VLAD, BoW, Extract, FisherVector, GeM, NetVLAD, PCAWhitening
from placeprint.types import LocalFeatures
from tests.conftest import make_scene, random_features, write_photo

SMALL: list[tuple[Any, Any]] = [
    (VLAD(num_words=4), vlad.VLAD(num_words=4)),
    (FisherVector(num_gaussians=3, local_dim=4), fisher.Fisher(num_gaussians=3, local_dim=4)),
    (NetVLAD(num_clusters=4), netvlad.NetVLAD(num_clusters=4)),
    (BoW(num_words=6), bow.BoW(num_words=6)),
    (GeM(p=2.0), pooling.GeM(p=2.0)),
]
CHECKS = [
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
]
"""The checks of scikit-learn for which the input need not be a matrix."""
named = pytest.mark.parametrize(("transformer", "aggregator"), SMALL, ids=[type(each).__name__ for each, _ in SMALL])


def arrays(count: int = 10) -> list[NDArray[np.float32]]:
    return [random_features(12 + number, 8, number).descriptors for number in range(count)]


@named
def test_rows_are_those_of_the_aggregator(transformer: Any, aggregator: Any) -> None:
    photos = [random_features(12 + number, 8, number) for number in range(10)]
    rows = clone(transformer).fit_transform(photos)
    aggregator.fit(photos)
    np.testing.assert_allclose(rows, [aggregator.aggregate(photo) for photo in photos], atol=1e-6)


@named
def test_arrays_are_photos_and_empty_ones_are_zeros(transformer: Any, aggregator: Any) -> None:
    fitted = clone(transformer).fit(arrays())
    rows = fitted.transform([*arrays(2), np.zeros((0, 8))])
    assert rows.shape == (3, fitted.aggregator_.dim)
    assert not rows[2].any() and rows[:2].any()
    assert len(fitted.get_feature_names_out()) == rows.shape[1]
    np.testing.assert_array_equal(fitted.transform(np.stack([arrays(1)[0]] * 2))[0], rows[0])


@named
def test_constructors_have_the_parameters_of_the_aggregators(transformer: Any, aggregator: Any) -> None:
    own = {name: each.default for name, each in inspect.signature(type(transformer).__init__).parameters.items()}
    fields = {each.name: each.default for each in dataclasses.fields(aggregator) if each.init}
    assert {name: value for name, value in own.items() if name != "self"} == fields


@named
@pytest.mark.parametrize("check", CHECKS)
def test_checks_that_need_no_matrix_pass(transformer: Any, aggregator: Any, check: str) -> None:
    run = getattr(estimator_checks, check)
    run(type(transformer).__name__, clone(transformer))


def test_whitening_passes_all_checks() -> None:
    results = estimator_checks.check_estimator(PCAWhitening(), on_fail=None, on_skip=None)
    failed = {each["check_name"]: each["exception"] for each in results if each["status"] == "failed"}
    assert len(results) > 30 and not failed


def test_whitening_is_that_of_placeprint() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 12)).astype(np.float32)
    found = PCAWhitening(5, power=0.25).fit_transform(rows)
    np.testing.assert_allclose(found, whitening.PCAWhitening(dim=5, power=0.25).fit(rows).transform(rows), atol=1e-6)


@pytest.mark.slow
def test_a_pipeline_from_photos_to_places_is_searched_and_cloned(tmp_path: Path) -> None:
    paths, places = [], []
    for scene in range(4):
        for shift in range(4):
            image = np.roll(make_scene(scene), 5 * shift, axis=1)
            paths.append(write_photo(tmp_path / f"{scene}-{shift}.png", image))
            places.append(scene)
    pipeline = make_pipeline(
        Extract("sift", options={"max_keypoints": 100}),
        VLAD(num_words=4),
        PCAWhitening(6),
        KNeighborsClassifier(1),
    )
    search = GridSearchCV(pipeline, {"vlad__num_words": [2, 8]}, cv=2, error_score="raise").fit(paths, places)
    assert search.best_score_ > 0.9
    assert clone(pipeline).fit(paths, places).predict(paths).tolist() == places


@pytest.mark.parametrize(
    ("photos", "match"),
    [
        (np.zeros((5, 8)), "sequence"),
        ([], "at least one"),
        ("abc", "sequence"),
        (3, "sequence"),
        ([np.zeros((3, 8)), np.zeros((3, 7))], "one length"),
        ([np.full((30, 8), np.nan)], "photo 0"),
    ],
)
def test_what_are_no_local_descriptors_is_refused(photos: Any, match: str) -> None:
    with pytest.raises(ShapeError, match=match):
        VLAD(num_words=2).fit(photos)


def test_bad_parameters_and_other_lengths_are_refused_when_used() -> None:
    with pytest.raises(OptionError, match="num_words"):
        VLAD(num_words=0).fit(arrays())
    with pytest.raises(NotFittedError):
        VLAD().transform(arrays())
    with pytest.raises(ShapeError, match="8"):
        VLAD(num_words=2).fit(arrays()).transform([np.zeros((3, 7))])
    with pytest.raises(OptionError, match="extractor"):
        Extract("none").fit()


def test_scores_of_local_features_count_for_pooling() -> None:
    photo = random_features(20, 8)
    louder = LocalFeatures(photo.keypoints, photo.descriptors, photo.scores**2, photo.image_size)
    pooled = GeM().fit([photo])
    assert not np.allclose(pooled.transform([photo]), pooled.transform([louder]))
