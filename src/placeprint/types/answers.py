"""What an atlas answers: candidates with their evidence, places, positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from placeprint.renamed import renamed_attribute
from placeprint.types.data import LocalFeatures, Verification


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
        probability: the probability that it shows the query's place, in [0, 1]; None for presets without evidence.
        known: the evidence behind the probability, by the names of `placeprint.evidence.FIELDS`.
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
        rotation: degrees counter-clockwise by which the query was rotated for this answer.
        seconds: the time of each part: ``describe``, ``search``, ``verify``.
        note: why there are no results: ``"the atlas is empty"`` or `NO_KEYPOINTS`; else None.
        confidence: the probability that the first candidate is right and the place is in the atlas; None for presets
            without evidence.
        precision: the guaranteed share of right answers among those called "same place"; None if none was requested. It
            is lower than requested if the calibration of the atlas cannot guarantee that much.
    """

    evidence: tuple[Evidence, ...]
    features: LocalFeatures
    rotation: float
    seconds: dict[str, float]
    note: str | None = None
    confidence: float | None = None
    precision: float | None = None

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
        radius: the radius in meters that contains the true position nine times out of ten.
    """

    latitude: float
    longitude: float
    radius: float


@dataclass(frozen=True, eq=False)
class Located:
    """Which place a photo shows, and where the photo was taken.

    Args:
        place: the place, or None: not in the atlas.
        confidence: the probability that the photo shows the place, or the most probable place if `place` is None; in
            [0, 1].
        location: where the photo was taken; None if the place is unknown, or no photo that shows it has a position.
        distances: meters from the location to each candidate of the answer; None where either is unknown.
        answer: the proof: the candidates with their verified matches.
        note: why there is no location although the place is known, or why there are no results; else None.
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
