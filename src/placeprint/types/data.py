"""The data that flows between stages, and the interface of every stage.

Conventions, for the whole package:

- An image is ``(H, W, 3)`` uint8, RGB, after the EXIF rotation. A mask is ``(H, W)`` bool, True where features may be.
- A point is ``(x, y)`` in pixels of the photo as read; ``(0, 0)`` is the *center* of the top-left pixel.
- Sizes are ``(width, height)``; only array shapes are ``(H, W)``.
- Stages exchange NumPy arrays. Torch stays inside a stage.
- A local descriptor is a float32 row of unit length. A binary descriptor of b bits is a row of ``±1 / sqrt(b)``: the
  cosine of two is ``1 - 2 h / b`` for their Hamming distance h, and later stages need not distinguish the two kinds.
- A global descriptor is a float32 row of unit length; a photo without features has the zero vector.
- A score is a similarity: higher is better, everywhere.
- Rotations of a photo are in degrees counter-clockwise; the angle of a keypoint is in degrees from the x to the y axis,
  which is clockwise on the screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import LARGEST, floats_of
from placeprint.errors import ShapeError
from placeprint.renamed import renamed_attribute

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


@dataclass(frozen=True, eq=False)
class Evidence:
    """One candidate of an answer.

    Args:
        id: the photo's id in the atlas.
        path: the path of the photo when it was added.
        similarity: the cosine of the global descriptors, in [-1, 1]; in search by votes, the score of the votes, in [0,
            1].
        score: the value that ranks the candidates.
        verification: the verification, or None if this candidate was not verified.
        verdict: ``"same place"``, ``"possible"``, ``"not confirmed"`` or ``"not verified"``.
        location: ``(latitude, longitude)`` in degrees, or None.
        probability: that it shows the query's place, in [0, 1]; None where evidence is not weighed.
        known: what the probability is made of, by the names of `placeprint.evidence.FIELDS`.
    """

    id: int
    path: str
    similarity: float
    score: float
    verification: Verification | None
    verdict: str
    location: tuple[float, float] | None = None
    probability: float | None = None
    known: Mapping[str, float] = field(default_factory=dict)

    @property
    def num_inliers(self) -> int | None:
        """The number of verified matches, or None if not verified."""
        return None if self.verification is None else self.verification.num_inliers


NO_KEYPOINTS = "no keypoints: the picture is blank or blurred"
"""The note for a photo without keypoints."""


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer of an atlas to one query, best candidate first.

    Args:
        evidence: the ranked candidates.
        features: the query's local features, in pixels of the query as read.
        rotation: degrees counter-clockwise the query was rotated by to be found.
        seconds: the time of each part: ``describe``, ``search``, ``verify``.
        note: why there are no results: ``"the atlas is empty"`` or `NO_KEYPOINTS`; else None.
        confidence: probability that the first candidate is right and the place in the atlas; None where evidence is not
            weighed.
    """

    evidence: tuple[Evidence, ...]
    features: LocalFeatures
    rotation: float
    seconds: dict[str, float]
    note: str | None = None
    confidence: float | None = None

    turn = renamed_attribute("turn", "rotation")

    @property
    def best(self) -> Evidence | None:
        """The first candidate if geometry confirms it, otherwise None."""
        first = self.evidence[0] if self.evidence else None
        return first if first is not None and first.verdict == "same place" else None


@dataclass(frozen=True)
class KnownPlace:
    """A place of an atlas.

    Args:
        id: stays the same while the place keeps its first photo.
        label: a name for people: that of its folder, or of its best photo.
    """

    id: str
    label: str


@dataclass(frozen=True)
class Location:
    """Where a photo was taken.

    Args:
        latitude: degrees north, WGS 84.
        longitude: degrees east, from -180 to 180.
        radius: meters within which the true position is, nine times in ten.
    """

    latitude: float
    longitude: float
    radius: float


@dataclass(frozen=True, eq=False)
class Located:
    """Which place a photo shows, and where that is.

    Args:
        place: the place, or None: not in the atlas.
        confidence: probability that the photo shows the place, or the likeliest one where `place` is None; in [0, 1].
        location: where the photo was taken; None where the place is unknown, or no photo that shows it has a position.
        distances: meters from the location to each candidate of the answer; None where one of them is unknown.
        answer: the proof: the candidates with their verified matches.
        note: why there is no location though the place is known, or why there are no results; else None.
    """

    place: KnownPlace | None
    confidence: float
    location: Location | None
    distances: tuple[float | None, ...]
    answer: Answer
    note: str | None = None

    @property
    def candidates(self) -> tuple[Evidence, ...]:
        """The photos that may show the place, the most probable first."""
        return self.answer.evidence

    @property
    def seconds(self) -> Mapping[str, float]:
        """The time of each part: those of a search, and ``locate``."""
        return self.answer.seconds


PhotoFeatures = tuple[LocalFeatures, ...]
"""The local features of one photo by each extractor of a preset; geometry verifies the first."""


class Extractor(Protocol):
    """Find and describe the local features of a photo."""

    @property
    def dim(self) -> int:
        """The length of one descriptor."""

    def extract(self, image: Image, mask: Mask | None = None) -> LocalFeatures:
        """Return the features of one ``(H, W, 3)`` uint8 RGB image, or none if it has no features.

        With a mask, ``(H, W)`` bool, keypoints are only where it is True.
        """


class Aggregator(Protocol):
    """Aggregate the local features of a photo to one global descriptor."""

    @property
    def dim(self) -> int:
        """The length of the global descriptor."""

    def fit(self, features: Sequence[LocalFeatures]) -> Self:
        """Learn from the photos of a collection; return self."""

    def refit(self, features: Sequence[LocalFeatures]) -> Self:
        """Learn again from another collection, keeping what does not depend on it; return self."""

    def adapt(self, features: Sequence[LocalFeatures]) -> Self:
        """Adapt what was learned elsewhere to a small collection; return self."""

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(dim,)`` unit vector of one photo, or zeros if it has no features."""


class Whitener(Protocol):
    """Decorrelate and shorten global descriptors."""

    dim: int

    def fit(self, descriptors: Floats) -> Self:
        """Learn from ``(n, d)`` global descriptors; return self."""

    def transform(self, descriptors: Floats) -> Floats:
        """Return ``(n, dim)`` unit rows; zero rows stay zero."""


class Index(Protocol):
    """Find the most similar rows."""

    def __len__(self) -> int:
        """The number of rows in the index."""

    def add(self, ids: Ids, descriptors: Floats) -> None:
        """Add ``(n, d)`` rows under their ids."""

    def remove(self, ids: Ids) -> None:
        """Remove the rows with these ids; unknown ids are ignored."""

    def search(self, descriptors: Floats, top: int) -> list[Ranking]:
        """Return the ``top`` best ids for each of ``(q, d)`` queries, fewer when there are fewer."""


class Voter(Protocol):
    """Find the photos with the most similar local features."""

    def __len__(self) -> int:
        """The number of photos in the index."""

    def fit(self, features: Sequence[LocalFeatures]) -> Self:
        """Learn from the photos of a collection and empty the index; return self."""

    def add(self, ids: Ids, features: Sequence[LocalFeatures]) -> None:
        """Add the features of photos under the photos' ids, ``(n,)`` int64; no id may be in the index yet."""

    def remove(self, ids: Ids) -> None:
        """Remove photos; unknown ids are ignored."""

    def search(self, features: LocalFeatures, top: int) -> Ranking:
        """Return the ``top`` photos, with scores in [0, 1], without photos that have no votes."""

    def write(self, folder: Path) -> None:
        """Write files into an existing folder."""

    def read(self, folder: Path) -> Self:
        """Load what an equal voter has written; return self."""


class Matcher(Protocol):
    """Match keypoints of two photos that show the same point of the scene."""

    def match(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Matches]:
        """Return the matches with each candidate, in order; no keypoint of either side is matched twice."""


class Verifier(Protocol):
    """Check by geometry whether two photos show the same place."""

    def verify(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Verification]:
        """Return one verification per candidate, in order; poor input never raises."""

    def verdict(self, check: Verification | None) -> str:
        """Return the verdict of a verification; see `Evidence.verdict`."""
