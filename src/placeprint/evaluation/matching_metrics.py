"""Measure how well keypoints and matches agree with the ground truth, as the papers do.

- *Repeatability* (Mikolajczyk et al., IJCV 2005): the share of the keypoints in the common part that were found again.
  The paper compares elliptic regions by their overlap; here, for keypoints without regions, two correspond if one maps
  to within 3 pixels of the other and they are each other's nearest. The denominator is the smaller number of keypoints
  in the common part, as in the paper.
- *Matching score* (same paper): right matches divided by the same number.
- *Mean matching accuracy* (Dusmanu et al., D2-Net, CVPR 2019): the share of a pair's matches that are within a
  threshold of the truth, averaged over pairs; a pair without matches counts 0.
- *Corner error* (DeTone et al., SuperPoint, 2018): mean distance between the first picture's four corners, mapped by
  the estimated homography and by the true one.
- *Area under the error curve* (Sarlin et al., SuperGlue, CVPR 2020): the area under the share of pairs whose error is
  below e, for e from 0 to a threshold, divided by the threshold; exact, by trapezoids.
- *Right among the best 100*: against hand-made correspondences, a match is right if the nearest correspondence, by
  its point in the first picture, is within 5 % of that picture's diagonal and the shifts from picture to picture
  differ by less than 1 % of it. A match without a near correspondence is not judged and counts as wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import nearest_points
from placeprint.core.options import Count, Range, checked
from placeprint.datasets.photos.image_pairs import ImagePair, project, residuals
from placeprint.errors import ShapeError
from placeprint.types import Floats, Matches

Values = NDArray[np.float64]

RIGHT = 3.0
"""Distance in pixels within which a keypoint is found again and a match is right."""
THRESHOLDS = (1.0, 3.0, 5.0, 10.0)
RIGHT_SHIFT = 0.01
"""Largest difference between the shifts of a match and of a hand-made correspondence, as a share of the query's
diagonal."""


def in_common(
    query: Floats, database: Floats, pair: ImagePair, sizes: tuple[tuple[int, int], tuple[int, int]]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which keypoints are in the part of the scene that both pictures show.

    Args:
        query: ``(n, 2)`` keypoints in pixels.
        database: ``(m, 2)`` keypoints in pixels.
        pair: a pair with a homography.
        sizes: ``(width, height)`` of the query and of the database picture.

    Returns:
        ``(n,)`` and ``(m,)`` bool.
    """
    forward = _homography(pair)
    backward = np.asarray(np.linalg.inv(forward), np.float64)
    return _inside(project(query, forward), sizes[1]), _inside(project(database, backward), sizes[0])


@checked
def repeatability(
    query: Floats,
    database: Floats,
    pair: ImagePair,
    sizes: tuple[tuple[int, int], tuple[int, int]],
    pixels: Annotated[float, Range(0, 1000, above=True)] = RIGHT,
) -> float:
    """Return the share of keypoints found again, NaN if a picture has no keypoint in the common part.

    Args:
        query: ``(n, 2)`` keypoints in pixels.
        database: ``(m, 2)`` keypoints in pixels.
        pair: a pair with a homography.
        sizes: ``(width, height)`` of the query and of the database picture.
        pixels: the distance in pixels of the database picture within which a keypoint is found again.
    """
    shared, also = in_common(query, database, pair, sizes)
    moved, kept = project(query[shared], _homography(pair)), np.asarray(database[also], np.float64)
    if not len(moved) or not len(kept):
        return float("nan")
    distances, nearest = nearest_points(moved, kept)
    mutual = nearest_points(kept, moved)[1][nearest] == np.arange(len(moved))
    found = mutual & (distances <= pixels)
    return float(found.sum() / min(len(moved), len(kept)))


def matching_score(
    num_right: int,
    query: Floats,
    database: Floats,
    pair: ImagePair,
    sizes: tuple[tuple[int, int], tuple[int, int]],
) -> float:
    """Return right matches divided by the smaller number of keypoints in the common part, NaN if that is 0.

    Arguments as for `repeatability`; ``num_right`` is the number of matches within 3 pixels of the truth.
    """
    smaller = min(int(part.sum()) for part in in_common(query, database, pair, sizes))
    return num_right / smaller if smaller else float("nan")


def matching_accuracy(errors: Values, thresholds: Sequence[float] = THRESHOLDS) -> Values:
    """Return the share of one pair's matches within each threshold; zeros without matches.

    Args:
        errors: ``(m,)`` residuals in pixels; unknown ones (NaN) are excluded.
        thresholds: the thresholds in pixels.

    Example:
        >>> matching_accuracy(np.array([0.5, 2.0, 20.0, np.nan]), (1, 3)).round(3).tolist()
        [0.333, 0.667]
    """
    known = errors[~np.isnan(errors)]
    if not len(known):
        return np.zeros(len(thresholds))
    return np.array([np.mean(known <= threshold) for threshold in thresholds], np.float64)


def corner_error(estimated: Values | None, truth: Values, size: tuple[int, int]) -> float:
    """Return the mean distance in pixels of the four corners, infinite if there is no estimate.

    Args:
        estimated: ``(3, 3)`` homography, or None.
        truth: ``(3, 3)`` homography.
        size: ``(width, height)`` of the first picture; its corners are the centers of the four outermost pixels.

    Example:
        >>> corner_error(np.array([[1, 0, 3], [0, 1, 4], [0, 0, 1.0]]), np.eye(3), (640, 480))
        5.0
    """
    if estimated is None:
        return float("inf")
    right, bottom = size[0] - 1, size[1] - 1
    corners = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float64)
    return float(np.linalg.norm(project(corners, estimated) - project(corners, truth), axis=1).mean())


def error_auc(errors: Sequence[float] | Values, thresholds: Sequence[float] = (3, 5, 10)) -> Values:
    """Return the area under the curve of pairs below an error, up to each threshold, as a share; NaN without pairs.

    The curve starts at (0, 0), is linear between errors, and stays level after the last one below the threshold.

    Args:
        errors: the error of each pair in pixels; infinite or NaN for a pair without an estimate.
        thresholds: the thresholds in pixels, above 0.

    Example:
        >>> error_auc([1.0, 100.0], (2,)).tolist()  # a triangle of 1 x 0.5 / 2, and 1 x 0.5: 0.75 of 2
        [0.375]
    """
    if not len(errors):
        return np.full(len(thresholds), np.nan)
    ordered = np.sort(np.nan_to_num(np.asarray(errors, np.float64), nan=np.inf))
    share = np.arange(1, len(ordered) + 1) / len(ordered)
    areas = []
    for threshold in thresholds:
        below = ordered < threshold
        last = share[below][-1] if below.any() else 0.0
        x = np.concatenate([[0.0], ordered[below], [threshold]])
        y = np.concatenate([[0.0], share[below], [last]])
        areas.append(np.trapezoid(y, x) / threshold)
    return np.array(areas, np.float64)


@checked
def best_matches_right(matches: Matches, points: Floats, pair: ImagePair, count: Count = 100) -> tuple[float, float]:
    """Return the shares of the best matches that are right, and not judged, by hand-made correspondences.

    Args:
        matches: the matches with their scores.
        points: ``(m, 2, 2)``, for each match the point in the query and the point in the database picture.
        pair: a pair with hand-made correspondences.
        count: the number of best matches; missing ones count as wrong.

    Raises:
        ShapeError: the pair has no hand-made correspondences.
    """
    if pair.correspondences is None:
        raise ShapeError(f"{pair.name!r} has no hand-made correspondences")
    best = np.argsort(-matches.scores, kind="stable")[:count]
    errors = residuals(pair, points[best])
    return float((errors < RIGHT_SHIFT * pair.diagonal).sum() / count), float(np.isnan(errors).sum() / count)


def _homography(pair: ImagePair) -> Values:
    if pair.homography is None:
        raise ShapeError(f"{pair.name!r} has no homography")
    return pair.homography


def _inside(points: Values, size: tuple[int, int]) -> NDArray[np.bool_]:
    return np.asarray(((points >= -0.5) & (points <= np.array(size) - 0.5)).all(axis=1), bool)
