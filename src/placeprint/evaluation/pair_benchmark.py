"""Measure extractors and matchers on pairs of pictures with known geometry.

Protocol ``matching-1``: each method describes each picture once, as read, with its own keypoints; each pair is matched
once, with the first picture as the query. Means are over the pairs for which a metric is defined:

- mean matching accuracy and right matches: pairs with a homography or a disparity map;
- repeatability, matching score, corner error and its area: pairs with a homography;
- right among the best 100: pairs with hand-made correspondences.

Metrics without such a pair are None. Times are medians, for describing one picture and matching one pair; the first
picture is described once untimed, so that loading a network does not count. The homography is not timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import numpy as np
from numpy.typing import NDArray

from placeprint.datasets.photos.image_pairs import ImagePair, residuals
from placeprint.errors import DatasetError
from placeprint.evaluation.matching_metrics import (
    RIGHT,
    THRESHOLDS,
    best_matches_right,
    corner_error,
    error_auc,
    matching_accuracy,
    matching_score,
    repeatability,
)
from placeprint.photos import read_image
from placeprint.types import Extractor, Floats, Image, LocalFeatures, Matcher, Matches

PROTOCOL = "matching-1"
CORNER_THRESHOLDS = (3, 5, 10)

Estimate = Callable[[Floats], NDArray[np.float64] | None]
"""A function from ``(m, 2, 2)`` matched points to a ``(3, 3)`` homography from query to database pixels, or None."""
Row = dict[str, str | int | float | dict[str, float | None] | None]


@dataclass(frozen=True, eq=False)
class Method:
    """A method to measure.

    Args:
        name: a unique name.
        extractor: the extractor; methods that share one share its features.
        matcher: the matcher.
    """

    name: str
    extractor: Extractor
    matcher: Matcher


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a method on one pair.

    Args:
        pair: the pair with its ground truth.
        keypoints: ``(n, 2)`` and ``(m, 2)`` keypoints of the query and of the database picture, in pixels.
        sizes: ``(width, height)`` of the two pictures.
        matches: the matches of keypoint rows.
        points: ``(k, 2, 2)``, the matched points in the two pictures.
        homography: the estimated ``(3, 3)`` homography, or None if none was found or requested.
        seconds: the matching time.
    """

    pair: ImagePair
    keypoints: tuple[Floats, Floats]
    sizes: tuple[tuple[int, int], tuple[int, int]]
    matches: Matches
    points: Floats
    homography: NDArray[np.float64] | None
    seconds: float


def run_matching(
    pairs: Sequence[ImagePair],
    methods: Sequence[Method],
    estimate: Estimate,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Return one row of metrics per method, ready for a table or JSON.

    Args:
        pairs: the pairs with their ground truth.
        methods: the methods, measured one after the other.
        estimate: the estimator of the homography, called for the pairs that have one.
        progress: called with the number of methods done and the total.

    Raises:
        DatasetError: there are no pairs.
        PhotoError: a picture cannot be read.
    """
    if not pairs:
        raise DatasetError("there are no pairs to match")
    paths = list(dict.fromkeys(path for pair in pairs for path in (pair.query_path, pair.database_path)))
    images = {path: read_image(path) for path in paths}
    described: dict[int, tuple[dict[Path, LocalFeatures], list[float]]] = {}
    rows = []
    for done, method in enumerate(methods, start=1):
        key = id(method.extractor)
        if key not in described:
            described[key] = _describe(method.extractor, images)
        features, seconds = described[key]
        outcomes = [_match(pair, method.matcher, features, estimate) for pair in pairs]
        names: Row = {
            "method": method.name,
            "extractor": type(method.extractor).__name__,
            "matcher": type(method.matcher).__name__,
        }
        rows.append(names | summarize(outcomes) | {"ms_per_picture": round(1000 * median(seconds), 2)})
        if progress is not None:
            progress(done, len(methods))
    return rows


def summarize(outcomes: Sequence[Outcome]) -> Row:
    """Return the means over pairs of one method's metrics, and the median matching time.

    Keys: ``pairs``, ``keypoints`` (mean of a picture), ``matches``, ``repeatability``, ``matching_score``,
    ``mma@1`` ... ``mma@10``, ``auc@3`` ... ``auc@10``, ``homographies_right`` (share of corner errors of at most 3
    pixels), ``corner_errors`` (by pair, None without a homography), ``right_matches`` (mean count within 3 pixels),
    ``best_100_right``, ``best_100_not_judged``, ``ms_per_pair``. Shares are in [0, 1].

    Raises:
        DatasetError: there are no outcomes.
    """
    if not outcomes:
        raise DatasetError("there is nothing to summarize")
    row: Row = {
        "pairs": len(outcomes),
        "keypoints": mean(len(points) for outcome in outcomes for points in outcome.keypoints),
        "matches": mean(len(outcome.matches) for outcome in outcomes),
    }
    exact = [outcome for outcome in outcomes if outcome.pair.correspondences is None]
    flat = [outcome for outcome in outcomes if outcome.pair.homography is not None]
    hand_made = [outcome for outcome in outcomes if outcome.pair.correspondences is not None]
    row |= _accuracy(exact) | _of_homographies(flat) | _of_hand_made(hand_made)
    return row | {"ms_per_pair": round(1000 * median(outcome.seconds for outcome in outcomes), 2)}


def _describe(extractor: Extractor, images: dict[Path, Image]) -> tuple[dict[Path, LocalFeatures], list[float]]:
    """Return the features of each picture, and the seconds each took."""
    extractor.extract(next(iter(images.values())))
    features, seconds = {}, []
    for path, image in images.items():
        began = time.perf_counter()
        features[path] = extractor.extract(image)
        seconds.append(time.perf_counter() - began)
    return features, seconds


def _match(pair: ImagePair, matcher: Matcher, features: dict[Path, LocalFeatures], estimate: Estimate) -> Outcome:
    query, database = features[pair.query_path], features[pair.database_path]
    began = time.perf_counter()
    matches = matcher.match(query, [database])[0]
    seconds = time.perf_counter() - began
    points = matches.points(query, database)
    return Outcome(
        pair,
        (query.keypoints, database.keypoints),
        (query.image_size, database.image_size),
        matches,
        points,
        None if pair.homography is None else estimate(points),
        seconds,
    )


def _accuracy(outcomes: Sequence[Outcome]) -> Row:
    errors = [residuals(outcome.pair, outcome.points) for outcome in outcomes]
    shares = [matching_accuracy(each) for each in errors]
    row: Row = {f"mma@{threshold:g}": _mean([share[i] for share in shares]) for i, threshold in enumerate(THRESHOLDS)}
    return row | {"right_matches": _mean([float((each <= RIGHT).sum()) for each in errors])}


def _of_homographies(outcomes: Sequence[Outcome]) -> Row:
    repeated, scores, corners = [], [], []
    for outcome in outcomes:
        assert outcome.pair.homography is not None
        query, database = outcome.keypoints
        right = int((residuals(outcome.pair, outcome.points) <= RIGHT).sum())
        repeated.append(repeatability(query, database, outcome.pair, outcome.sizes))
        scores.append(matching_score(right, query, database, outcome.pair, outcome.sizes))
        corners.append(corner_error(outcome.homography, outcome.pair.homography, outcome.sizes[0]))
    areas = error_auc(corners, CORNER_THRESHOLDS)
    row: Row = {"repeatability": _mean(repeated), "matching_score": _mean(scores)}
    row |= {
        f"auc@{threshold}": _mean([area] if corners else [])
        for threshold, area in zip(CORNER_THRESHOLDS, areas, strict=True)
    }
    by_pair: dict[str, float | None] = {
        outcome.pair.name: round(corner, 2) if np.isfinite(corner) else None
        for outcome, corner in zip(outcomes, corners, strict=True)
    }
    return row | {
        "homographies_right": _mean([float(corner <= RIGHT) for corner in corners]),
        "corner_errors": by_pair,
    }


def _of_hand_made(outcomes: Sequence[Outcome]) -> Row:
    shares = [best_matches_right(outcome.matches, outcome.points, outcome.pair) for outcome in outcomes]
    return {
        "best_100_right": _mean([right for right, _ in shares]),
        "best_100_not_judged": _mean([unjudged for _, unjudged in shares]),
    }


def _mean(values: Sequence[float]) -> float | None:
    """Return the mean of the values that are numbers, or None if there are none."""
    numbers = [float(value) for value in values if not np.isnan(value)]
    return mean(numbers) if numbers else None
