"""What flows between stages: images, local features, matches, rankings, verifications."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import LARGEST, floats_of
from placeprint.errors import ShapeError

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

LARGEST_SCORE = 1e30
"""Largest magnitude of a score; scores of corner detectors are fourth powers of gray levels, or more."""


def _require(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ShapeError(f"{name} must have shape {expected}, got {got}")


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """The local features of one photo, strongest first if the extractor ranks them.

    Args:
        keypoints: ``(n, 2)`` float32, ``(x, y)`` in pixels of the photo as read.
        descriptors: ``(n, d)`` float32, one row of unit length per keypoint.
        scores: ``(n,)`` float32, higher is stronger.
        image_size: ``(width, height)`` of the photo in pixels.
        scales: ``(n,)`` float32 diameters in pixels, or None.
        angles: ``(n,)`` float32 degrees in [0, 360), from the x to the y axis, or None.

    Raises:
        ShapeError: the arrays do not fit together, or hold NaN or what `arrays.floats_of` refuses.

    Example:
        >>> f = LocalFeatures(np.zeros((2, 2)), np.eye(2), np.array([1.0, 2.0]), (64, 48))
        >>> len(f), f.strongest(1).scores.tolist()
        (2, [2.0])
    """

    keypoints: Floats
    descriptors: Floats
    scores: Floats
    image_size: tuple[int, int]
    scales: Floats | None = None
    angles: Floats | None = None

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        for name in ("keypoints", "descriptors", "scores", "scales", "angles"):
            value = getattr(self, name)
            if value is not None:
                set_(self, name, floats_of(value, name, most=LARGEST_SCORE if name == "scores" else LARGEST))
        self._require_shapes()

    def _require_shapes(self) -> None:
        n = len(self.keypoints) if self.keypoints.ndim else 0
        _require(self.keypoints.shape == (n, 2), "keypoints", "(n, 2)", self.keypoints.shape)
        _require(
            self.descriptors.ndim == 2 and len(self.descriptors) == n,
            "descriptors",
            f"({n}, d)",
            self.descriptors.shape,
        )
        for name in ("scores", "scales", "angles"):
            value = getattr(self, name)
            _require(value is None or value.shape == (n,), name, f"({n},)", getattr(value, "shape", None))

    def __len__(self) -> int:
        return len(self.keypoints)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> LocalFeatures:
        """Return the chosen features: a boolean mask, indices in the wanted order, or a slice."""
        part = object.__new__(LocalFeatures)  # the values were checked already
        for name in ("keypoints", "descriptors", "scores", "scales", "angles"):
            value = getattr(self, name)
            object.__setattr__(part, name, None if value is None else value[chosen])
        object.__setattr__(part, "image_size", self.image_size)
        part._require_shapes()
        return part

    def strongest(self, count: int) -> LocalFeatures:
        """Return the ``count`` features of highest score, strongest first; equal scores keep their order."""
        return self[np.argsort(-self.scores, kind="stable")[:count]]


@dataclass(frozen=True, eq=False)
class Matches:
    """The matches of one pair of photos, sorted by query row.

    Args:
        pairs: ``(m, 2)`` int64, row in the query and row in the candidate.
        scores: ``(m,)`` float32, higher is better: the cosine, one minus the ratio, or a network's confidence.
        refined: ``(m, 2, 2)`` float32, the point in the query and the point in the candidate as refined by the matcher,
            or None if they are the keypoints.
    """

    pairs: Ids
    scores: Floats
    refined: Floats | None = None

    def __post_init__(self) -> None:
        m = len(self.pairs)
        _require(self.pairs.shape == (m, 2), "pairs", "(m, 2)", self.pairs.shape)
        _require(self.scores.shape == (m,), "scores", f"({m},)", self.scores.shape)
        refined = self.refined
        _require(
            refined is None or refined.shape == (m, 2, 2), "refined", f"({m}, 2, 2)", getattr(refined, "shape", None)
        )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Matches:
        """Return the chosen matches: a boolean mask, indices in the wanted order, or a slice."""
        return Matches(self.pairs[chosen], self.scores[chosen], None if self.refined is None else self.refined[chosen])

    def best(self, count: int) -> Matches:
        """Return the ``count`` matches of highest score, best first; equal scores keep their order."""
        return self[np.argsort(-self.scores, kind="stable")[:count]]

    def points(self, query: LocalFeatures, candidate: LocalFeatures) -> Floats:
        """Return ``(m, 2, 2)``: for each match the point in the query and the point in the candidate."""
        if self.refined is not None:
            return self.refined
        return np.stack([query.keypoints[self.pairs[:, 0]], candidate.keypoints[self.pairs[:, 1]]], axis=1)


@dataclass(frozen=True, eq=False)
class PictureMatches:
    """Points of two pictures that show the same point of the scene, found without keypoints of each alone.

    Args:
        query: ``(m, 2)`` float32, points in pixels of the query.
        candidate: ``(m, 2)`` float32, the same points in pixels of the candidate.
        scores: ``(m,)`` float32 in [0, 1], how certain each match is.
    """

    query: Floats
    candidate: Floats
    scores: Floats

    def __post_init__(self) -> None:
        m = len(self.scores)
        _require(self.query.shape == (m, 2), "query", f"({m}, 2)", self.query.shape)
        _require(self.candidate.shape == (m, 2), "candidate", f"({m}, 2)", self.candidate.shape)

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> PictureMatches:
        """Return the chosen matches: a boolean mask, indices in the wanted order, or a slice."""
        return PictureMatches(self.query[chosen], self.candidate[chosen], self.scores[chosen])

    def as_features(
        self, query_size: tuple[int, int], candidate_size: tuple[int, int]
    ) -> tuple[LocalFeatures, LocalFeatures, Matches]:
        """Return the points as keypoints of both pictures, each matched with that of its row; sizes are ``(w, h)``.

        Descriptors have one value, 1: there is nothing to describe.
        """
        one = np.ones((len(self), 1), np.float32)
        rows = np.arange(len(self), dtype=np.int64)
        first = LocalFeatures(self.query, one, self.scores, query_size)
        second = LocalFeatures(self.candidate, one, self.scores, candidate_size)
        return first, second, Matches(np.stack([rows, rows], axis=1), self.scores)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Database ids ranked by similarity to one query.

    Args:
        ids: ``(k,)`` int64.
        scores: ``(k,)`` float32, non-increasing.
    """

    ids: Ids
    scores: Floats

    def __post_init__(self) -> None:
        _require(self.ids.shape == self.scores.shape and self.ids.ndim == 1, "ids", "(k,)", self.ids.shape)
        if np.any(np.diff(self.scores) > 0):
            raise ShapeError("scores of a ranking must not increase")

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Verification:
    """The verification of one pair of photos by geometry.

    Args:
        matches: ``(m, 2)`` int64, index of a query keypoint and of a database keypoint.
        points: ``(m, 2, 2)`` float32, where they are: point in the query, point in the database photo.
        inliers: ``(m,)`` bool, matches that follow the transform.
        strength: evidence that both show the same place, independent of the other candidates; 0 if nothing agrees or
            the check was not careful.
        score: evidence relative to the other candidates, which ranks them.
        support: evidence of a quick pass, before geometry.
        transform: ``(3, 3)`` float64 from query to database pixels, or None if none was found.
        model: ``"homography"``, ``"fundamental"``, ... the kind of `transform`; ``"none"`` if nothing was found,
            ``"unchecked"`` if a quick pass dropped this pair.
        seconds: the time spent, in seconds.
    """

    matches: Ids
    points: Floats
    inliers: NDArray[np.bool_]
    strength: float = 0.0
    score: float = 0.0
    support: float = 0.0
    transform: NDArray[np.float64] | None = None
    model: str = "unchecked"
    seconds: float = 0.0

    def __post_init__(self) -> None:
        m = len(self.matches)
        _require(self.matches.shape == (m, 2), "matches", "(m, 2)", self.matches.shape)
        _require(self.points.shape == (m, 2, 2), "points", f"({m}, 2, 2)", self.points.shape)
        _require(self.inliers.shape == (m,), "inliers", f"({m},)", self.inliers.shape)

    @property
    def checked(self) -> bool:
        """Whether the pair was verified."""
        return self.model != "unchecked"

    @property
    def num_inliers(self) -> int:
        """The number of matches that follow the transform."""
        return int(self.inliers.sum())
