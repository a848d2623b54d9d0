"""Measure evidence: from similarities in an atlas, and from the geometry of a pair.

*Similarities* of one descriptor mean different things in different atlases: in a corridor, all photos look alike. They
are standardized by the query's similarities to the whole atlas, or to a sample of it: by their median, and by its
distance to the 16th percentile. That distance is a robust standard deviation that photos of the query's place do not
inflate. If the atlas has few photos, both are regularized toward typical values, as if by `PRIOR` more photos.

*Another place*, without labels, is a photo that is less similar to the candidate than the query is. So neighboring
frames of a walk do not count as another place, and the margin of the best frame is its margin over the next place.

*Geometry* is measured on the inliers: how many there are, how unlikely they are (`verification.significance`), and
where. Matches along one line, such as a horizon, fit almost any transform. Matches at the same pixel of both photos
come from camera overlays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from placeprint.evidence.record import OF_VERIFICATIONS, PLACES, VERIFICATIONS, Values
from placeprint.types import Floats, LocalFeatures, Verification
from placeprint.verification.significance import significance
from placeprint.verification.transforms import SIDE, residuals, to_pixels

PRIOR = 10
"""The typical spread counts as this many photos."""
ALIKE = 5.0
"""Standard deviations from which on two photos of an atlas may show the same place."""
STILL = 1.0
"""Points so close are at the same pixel, in pixels of a photo whose longest side has 640."""
CELLS = 8
"""Cells along each side of a photo in which coverage is counted."""


def standardized(similarities: Floats, background: Floats, usual: tuple[float, float]) -> Values:
    """Return ``(n,)`` similarities in standard deviations above the median of the atlas.

    Args:
        similarities: ``(n,)`` cosines of the candidates.
        background: ``(m,)`` cosines of photos spread over the atlas, the candidates among them or not.
        usual: mean and standard deviation in other atlases, for small ones.
    """
    if not len(background):
        return np.full(len(similarities), np.nan)
    low, middle = np.quantile(background.astype(np.float64), (0.16, 0.5))
    own = len(background) / (len(background) + PRIOR)
    mean = own * middle + (1 - own) * usual[0]
    deviation = np.sqrt(own * (middle - low) ** 2 + (1 - own) * usual[1] ** 2)
    return np.asarray((similarities - mean) / max(deviation, 1e-6), np.float64)


def margins(similarities: Floats, among: Floats, standard: Values) -> Values:
    """Return ``(n,)``: how far each candidate is above the most similar one of another place.

    Args:
        similarities: ``(n,)`` cosines of the candidates with the query.
        among: ``(n, n)`` cosines of the candidates with each other.
        standard: ``(n,)`` standardized similarities, in which the result is.

    Returns:
        Standard deviations, below 0 if another place is more similar. If all candidates show one place, the margin over
        the last of them.
    """
    other = among < similarities[:, None]
    np.fill_diagonal(other, False)
    rivals = np.where(other, standard[None, :], -np.inf).max(axis=1, initial=-np.inf)
    return np.asarray(standard - np.where(np.isfinite(rivals), rivals, standard.min(initial=0.0)), np.float64)


def geometry(query: LocalFeatures, candidate: LocalFeatures, check: Verification, pixels: float) -> Values:
    """Return ``(len(OF_VERIFICATIONS),)`` values of one verification, NaN where it was not checked.

    Args:
        query: features of the query.
        candidate: features of the candidate.
        check: what geometry found of them.
        pixels: residual of an inlier, in pixels of a photo whose longest side has 640.
    """
    known: dict[str, float] = {}
    if check.checked:
        count = check.num_inliers
        known = {
            "strength": check.strength,
            "inliers": count,
            "ratio": count / max(len(check.matches), 1),
            "significance": 0.0,
            "coverage": 0.0,
        }
        if check.transform is not None and count:
            known |= _of_inliers(query.image_size, candidate.image_size, check, pixels)
    return np.array([known.get(name, np.nan) for name, *_ in OF_VERIFICATIONS])


def compared(table: Values, other: NDArray[np.bool_]) -> Values:
    """Return a table in which geometry counts for places, not photos, and is relative to the best candidate.

    Geometry identifies the place far better than similarity. It does not identify the nearest view of the place: on a
    walk, neighboring frames share most of their points. So all photos of a place get the geometry of the best confirmed
    one, and similarity orders them.

    Args:
        table: ``(n, len(FIELDS))`` evidence, each candidate by itself.
        other: ``(n, n)`` bool, whether the second is of another place than the first.
    """
    result = table.copy()
    for source in VERIFICATIONS:
        own = [PLACES[f"{source}.{name}"] for name, *_ in OF_VERIFICATIONS]
        if np.isnan(table[:, own]).all():
            continue
        strengths = np.nan_to_num(table[:, PLACES[f"{source}.strength"]], nan=-1.0)
        inliers = np.nan_to_num(table[:, PLACES[f"{source}.inliers"]], nan=-1.0)
        ranks = np.lexsort((inliers, strengths)).argsort()
        best = np.where(other, -1, ranks[None, :]).argmax(axis=1)
        known = np.isfinite(table[best][:, own]).any(axis=1)
        result[np.ix_(known, own)] = table[np.ix_(best[known], own)]
        for name in ("strength", "inliers"):
            values = result[:, PLACES[f"{source}.{name}"]]
            if np.isfinite(values).any():
                result[:, PLACES[f"{source}.{name}_share"]] = (1 + values) / (1 + np.nanmax(values))
    return result


def other_places(standards: Sequence[Values], among: Sequence[Values]) -> NDArray[np.bool_]:
    """Return ``(n, n)`` bool, whether the second candidate is of another place than the first.

    It shows the same place if, by one descriptor, it is more similar to the first than the query is, and than unrelated
    photos of the atlas are.

    Args:
        standards: of each descriptor, ``(n,)`` standardized similarities of the candidates with the query.
        among: of each descriptor, ``(n, n)`` similarities of the candidates with each other, standardized alike.
    """
    other = np.logical_and.reduce(
        [each < np.maximum(own, ALIKE)[:, None] for own, each in zip(standards, among, strict=True)]
    )
    np.fill_diagonal(other, False)
    return np.asarray(other, bool)


def _of_inliers(
    query: tuple[int, int], candidate: tuple[int, int], check: Verification, pixels: float
) -> dict[str, float]:
    factors = np.array([SIDE / max(query), SIDE / max(candidate)])
    scaled = np.asarray(check.points * factors[:, None], np.float32)
    sizes = tuple((round(w * f), round(h * f)) for (w, h), f in zip((query, candidate), factors, strict=True))
    agreeing = scaled[check.inliers]
    assert check.transform is not None
    transform = to_pixels(check.transform, check.model, 1 / factors[0], 1 / factors[1])
    errors = residuals(check.model, transform, agreeing[:, 0], agreeing[:, 1])
    rotation, zoom = _similarity(agreeing)
    known = {
        "significance": significance(check.model, scaled, check.inliers, pixels, sizes),
        "coverage": min(_coverage(agreeing[:, side], size) for side, size in enumerate(sizes)),
        "spread": min(_spread(agreeing[:, side]) for side in (0, 1)),
        "static": float((np.abs(agreeing[:, 0] - agreeing[:, 1]).max(axis=1) < STILL).mean()),
        "residual": float(np.median(errors)),
        "rotation": abs(float(np.degrees(rotation))),
        "zoom": abs(zoom),
    }
    return {name: value for name, value in known.items() if np.isfinite(value)}


def _coverage(points: Floats, size: tuple[int, int]) -> float:
    """Return the share of `CELLS` x `CELLS` cells of a photo that have a point."""
    cells = (points * CELLS / np.maximum(size, 1)).astype(int).clip(0, CELLS - 1)
    return len(np.unique(cells[:, 0] * CELLS + cells[:, 1])) / CELLS**2


def _spread(points: Floats) -> float:
    """Return the smaller standard deviation of points as a share of the larger, 0 on one line."""
    if len(points) < 3:
        return 0.0
    across, along = np.linalg.eigvalsh(np.cov(points.T, dtype=np.float64))
    return float(np.sqrt(max(across, 0.0) / along)) if along > 0 else 0.0


def _similarity(points: Floats) -> tuple[float, float]:
    """Return angle in radians and octaves of scale of the similarity of matched points, by least squares."""
    first, second = (points[:, side, 0].astype(complex) + 1j * points[:, side, 1] for side in (0, 1))
    first, second = first - first.mean(), second - second.mean()
    below = float(np.square(np.abs(first)).sum())
    factor = (first.conj() * second).sum() / below if below > 0 else 0.0
    return (float(np.angle(factor)), float(np.log2(abs(factor)))) if abs(factor) > 0 else (np.nan, np.nan)
