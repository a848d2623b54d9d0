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
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.datasets.photos.image_pairs import ImagePair
from placeprint.errors import DatasetError
from placeprint.evaluation.matching_figures import MatchingFigures, Outcome, summarize
from placeprint.photos import read_image
from placeprint.types import Extractor, Floats, Image, LocalFeatures, Matcher, Progress

PROTOCOL = "matching-1"

Estimate = Callable[[Floats], NDArray[np.float64] | None]
"""A function from ``(m, 2, 2)`` matched points to a ``(3, 3)`` homography from query to database pixels, or None."""


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


@dataclass(frozen=True)
class MethodFigures:
    """The figures of one method.

    Args:
        method: its name.
        extractor: the class of its extractor.
        matcher: the class of its matcher.
        figures: what was measured on the pairs.
        ms_per_picture: the median time of describing one picture, in milliseconds.
    """

    method: str
    extractor: str
    matcher: str
    figures: MatchingFigures
    ms_per_picture: float

    def as_row(self) -> dict[str, Any]:
        """Return one row of a table or of a result file."""
        names = {"method": self.method, "extractor": self.extractor, "matcher": self.matcher}
        return names | self.figures.as_row() | {"ms_per_picture": self.ms_per_picture}


def run_matching(
    pairs: Sequence[ImagePair],
    methods: Sequence[Method],
    estimate: Estimate,
    progress: Progress | None = None,
) -> list[MethodFigures]:
    """Return the figures of each method.

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
        rows.append(
            MethodFigures(
                method.name,
                type(method.extractor).__name__,
                type(method.matcher).__name__,
                summarize(outcomes),
                round(1000 * median(seconds), 2),
            )
        )
        if progress is not None:
            progress(done, len(methods))
    return rows


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
