"""Draw all pictures of one matched pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Image, LocalFeatures, Verification
from placeprint.visualization.canvas import HEIGHT, side_by_side, with_title
from placeprint.visualization.descriptors import draw_descriptors
from placeprint.visualization.keypoints import draw_keypoints, draw_selection
from placeprint.visualization.matches import draw_matches
from placeprint.visualization.overlay import draw_overlay

FLAT = frozenset({"homography", "affine", "similarity"})


def draw_pair(
    query: Image,
    database: Image,
    features: tuple[LocalFeatures, LocalFeatures],
    check: Verification,
    verdict: str,
    *,
    errors: NDArray[np.float64],
    tolerance: float,
) -> dict[str, Image]:
    """Draw the result of matching two photos.

    Args:
        query: ``(H, W, 3)`` uint8 RGB.
        database: the same.
        features: the features of both photos, in their pixels.
        check: the verification of the pair.
        verdict: the verdict as text.
        errors: ``(m,)`` residuals of all matches in any unit.
        tolerance: the largest residual of an inlier, in the same unit.

    Returns:
        Pictures by name: ``matches``, ``outliers`` (the same with the other matches), ``keypoints``, ``selected``,
        ``descriptors``, and ``overlay`` if the transform maps points to points.
    """
    photos = query, database
    proof = check.points[check.inliers]
    title = f"{verdict}: {check.num_inliers} of {len(check.matches)} matches, {check.model}"
    legend = f"{title}   (green: exact, red: at the tolerance)"
    close = errors[check.inliers]
    drawn = {
        "matches": draw_matches(query, database, proof, legend, errors=close, tolerance=tolerance),
        "outliers": draw_matches(
            query,
            database,
            proof,
            legend,
            errors=close,
            tolerance=tolerance,
            outliers=check.points[~check.inliers],
        ),
        "keypoints": side_by_side([draw_keypoints(*both) for both in zip(photos, features, strict=True)]),
        "selected": side_by_side(
            [
                draw_selection(photo, found, _used(check, side, len(found)))
                for side, (photo, found) in enumerate(zip(photos, features, strict=True))
            ]
        ),
        "descriptors": with_title(
            side_by_side([_strip(check, side, found) for side, found in enumerate(features)]),
            "descriptors of verified matches",
        ),
    }
    if check.transform is not None and check.model in FLAT:
        drawn["overlay"] = draw_overlay(
            query, database, check.transform, f"first photo (red) over second (cyan) by the {check.model}"
        )
    return drawn


def _used(check: Verification, side: int, count: int) -> NDArray[np.bool_]:
    used = np.zeros(count, bool)
    used[check.matches[check.inliers, side]] = True
    return used


def _strip(check: Verification, side: int, features: LocalFeatures) -> Image:
    """Return the descriptors of the inliers, or of the first keypoints if there are none, at a fixed height."""
    rows = check.matches[check.inliers, side] if check.num_inliers else np.arange(len(features))
    strip = draw_descriptors(features.descriptors[rows])
    padded = np.full((HEIGHT, strip.shape[1], 3), 255, np.uint8)
    padded[: len(strip)] = strip[:HEIGHT]
    return padded
